//! What is overwritten in a record that many deals share: only while no other open deal hangs on it (sync rules, section 3).

use deal_model::{Content, GroupId, Held, Write};
use mapping::CrmPath;
use salesforce::{
    CallContext, FieldPath, RecordId,
    soql::{Condition, Literal, Op, Select},
};
use sync_engine::SideError;

use super::{
    Salesforce, refusal,
    rows::path,
    schema::{OPPORTUNITY, object_name},
    transform::Known,
};

/// Most other deals that a person is told.
const MAX_TOLD: usize = 5;

impl Salesforce {
    /// Refuses what would overwrite a value of a record that another open deal hangs on: whether that deal's referral says
    /// the same is not known here, and is taken not to.
    pub(super) async fn check_shared(
        &self,
        id: RecordId,
        known: &Known,
        writes: &[Write],
        context: CallContext,
    ) -> Result<(), SideError> {
        for write in writes.iter().filter(|write| overwrites(write)) {
            for relationship in self.shared_by(&write.group) {
                let Some((shared, _)) = known.parents.get(relationship) else { continue };
                let others = self.others_on(id, relationship, *shared, context).await?;
                if others.is_empty() {
                    continue;
                }
                let others: Vec<&str> = others.iter().map(RecordId::as_str).collect();
                let what = format!(
                    "{relationship} {shared} is shared with other open deals ({}), whose referrals may say something \
                     else: correct it by hand, or close those deals first",
                    others.join(", ")
                );
                return Err(refusal::person(what, vec![write.group.clone()]));
            }
        }
        Ok(())
    }

    /// The relationships to the shared records that the group writes over; none for a group that only fills.
    fn shared_by(&self, group: &GroupId) -> Vec<&str> {
        let Some(spec) = self.mapping.specs().group(group).filter(|spec| !spec.to.crm.fill_only) else {
            return Vec::new();
        };
        let paths = spec.members.iter().filter_map(|field| self.mapping.binding(&field.id)?.crm.as_ref());
        let mut relationships: Vec<&str> = paths.filter_map(|path: &CrmPath| path.parents().next()).collect();
        relationships.dedup();
        relationships
    }

    /// Other open opportunities that are in step and point to the same record.
    async fn others_on(
        &self,
        id: RecordId,
        relationship: &str,
        shared: RecordId,
        context: CallContext,
    ) -> Result<Vec<RecordId>, SideError> {
        let names = self.mapping.names();
        let own = |name: &str| FieldPath::new(name).map_err(|_| refusal::bug("a checked name is no name"));
        let condition = Condition::compare(&own(&format!("{relationship}.Id"))?, Op::Eq, shared)
            .and(Condition::compare(&path("Id"), Op::Ne, id))
            .and(Condition::compare(&path("IsClosed"), Op::Eq, false))
            .and(Condition::compare(&own(names.sync.as_str())?, Op::Eq, true))
            .and(Condition::compare(&own(names.identifier.as_str())?, Op::Ne, Literal::null()));
        let soql = Select::from(&object_name(OPPORTUNITY))
            .filter(condition)
            .limit(u32::try_from(MAX_TOLD).unwrap_or(u32::MAX))
            .build();
        let found = self.client.query_all(context, &soql, MAX_TOLD).await;
        let found = found.map_err(|error| refusal::of_error(&error))?.records;
        Ok(found.iter().filter_map(salesforce::Record::id).collect())
    }
}

/// Whether the write replaces something that is there.
fn overwrites(write: &Write) -> bool {
    matches!(write.content, Content::Whole(_))
        && write.instead_of.values().any(|held| !matches!(held, Held::Empty))
}
