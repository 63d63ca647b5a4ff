//! What is overwritten in a record that many deals share: only while no other open deal hangs on it (sync rules, section 3).

use std::collections::{BTreeMap, BTreeSet};

use deal_model::{Content, GroupId, Held, Write};
use mapping::CrmPath;
use salesforce::{
    CallContext, FieldPath, Record, RecordId,
    soql::{Condition, Literal, Op, Select},
};
use sync_engine::{Change, SideError, What};

use super::{
    Salesforce, refusal,
    schema::{OPPORTUNITY, Schema, object_name},
    transform::Known,
};

/// Most other deals that a person is told.
const MAX_TOLD: usize = 5;
/// Most deals that one query for those of several records brings. If there are more, a record of which fewer than two were
/// among them is asked for again, alone.
const MAX_DEALS: u32 = 500;
/// Most that are asked for of one record, some of which the rules of the file may leave out.
const MAX_OF_ONE: u32 = 200;

/// The open deals that hang on records which the changes of one call write over, by relationship and record.
#[derive(Default)]
pub(super) struct Sharers(BTreeMap<(String, RecordId), BTreeSet<RecordId>>);

impl Sharers {
    /// Refuses what would overwrite a value of a record that another open deal hangs on: whether that deal's referral says
    /// the same is not known here, and is taken not to.
    pub(super) fn check(
        &self,
        side: &Salesforce,
        id: RecordId,
        known: &Known,
        writes: &[Write],
    ) -> Result<(), SideError> {
        for (group, relationship, shared) in side.overwritten(known, writes) {
            let others = self.0.get(&(relationship.clone(), shared)).into_iter().flatten();
            let others: Vec<&str> =
                others.filter(|other| **other != id).take(MAX_TOLD).map(RecordId::as_str).collect();
            if !others.is_empty() {
                let what = format!(
                    "{relationship} {shared} is shared with other open deals ({}), whose referrals may say something \
                     else: correct it by hand, or close those deals first",
                    others.join(", ")
                );
                return Err(refusal::person(what, vec![group]));
            }
        }
        Ok(())
    }

    fn add(&mut self, relationship: &str, found: &[Record]) {
        for deal in found {
            let shared = deal.text(&format!("{relationship}.Id")).and_then(|id| id.parse().ok());
            if let Some((shared, id)) = shared.zip(deal.id()) {
                self.0.entry((relationship.to_owned(), shared)).or_default().insert(id);
            }
        }
    }
}

impl Salesforce {
    /// Who hangs on what the changes of a call write over: one query for all records of a relationship. No call if nothing
    /// is written over.
    pub(super) async fn sharers(
        &self,
        schema: &Schema,
        changes: &[Change],
        known: &BTreeMap<RecordId, Result<Known, SideError>>,
        context: CallContext,
    ) -> Result<Sharers, SideError> {
        let mut wanted: BTreeMap<String, BTreeSet<RecordId>> = BTreeMap::new();
        for change in changes {
            let What::Fields { writes, .. } = &change.what else { continue };
            let known = change.record.as_str().parse().ok().and_then(|id: RecordId| known.get(&id));
            let Some(Ok(known)) = known else { continue };
            for (_, relationship, shared) in self.overwritten(known, writes) {
                wanted.entry(relationship).or_default().insert(shared);
            }
        }
        let mut sharers = Sharers::default();
        for (relationship, records) in wanted {
            let (select, shared) = self.deals_on(schema, &relationship)?;
            let all = select.clone().limit(MAX_DEALS).split(&shared, records.iter().copied());
            let found = self.ask_together(&all, context).await.map_err(|error| refusal::of_error(&error))?;
            let is_cut = found.iter().any(|deals| deals.len() >= MAX_DEALS as usize);
            for deals in found {
                sharers.add(&relationship, &self.opted_in_of(deals));
            }
            let found_of =
                |id: &RecordId| sharers.0.get(&(relationship.clone(), *id)).map_or(0, BTreeSet::len);
            let is_open = |id: &RecordId| found_of(id) < 2;
            let left: Vec<RecordId> = records.into_iter().filter(|id| is_cut && is_open(id)).collect();
            let alone = left.iter().flat_map(|id| select.clone().limit(MAX_OF_ONE).split(&shared, [*id]));
            let alone: Vec<_> = alone.collect();
            let found =
                self.ask_together(&alone, context).await.map_err(|error| refusal::of_error(&error))?;
            for deals in found {
                sharers.add(&relationship, &self.opted_in_of(deals));
            }
        }
        Ok(sharers)
    }

    /// The shared records that writes go over, with the groups that do it.
    pub(super) fn overwritten(&self, known: &Known, writes: &[Write]) -> Vec<(GroupId, String, RecordId)> {
        let writes = writes.iter().filter(|write| overwrites(write));
        let places = writes.flat_map(|write| self.shared_by(&write.group).map(move |place| (write, place)));
        let found = places.filter_map(|(write, relationship)| {
            let (shared, _) = known.parents.get(relationship)?;
            Some((write.group.clone(), relationship.to_owned(), *shared))
        });
        found.collect()
    }

    /// The relationships to the shared records that the group writes over; none for a group that only fills.
    fn shared_by(&self, group: &GroupId) -> impl Iterator<Item = &str> {
        let spec = self.mapping.specs().group(group).filter(|spec| !spec.to.crm.fill_only);
        let members = spec.into_iter().flat_map(|spec| &spec.members);
        let paths = members.filter_map(|field| self.mapping.binding(&field.id)?.crm.as_ref());
        paths.filter_map(|path: &CrmPath| path.parents().next()).collect::<BTreeSet<_>>().into_iter()
    }

    /// The open opportunities that are in step and point somewhere by this relationship, and the path to where.
    fn deals_on(&self, schema: &Schema, relationship: &str) -> Result<(Select, FieldPath), SideError> {
        let own = |name: &str| FieldPath::new(name).map_err(|_| refusal::bug("a checked name is no name"));
        let told = schema.opt_in(&self.mapping, "");
        let Some(asked) = told.whole.or(told.asked).filter(|_| told.is_told) else {
            return Err(refusal::person("nobody can tell which opportunities are opted in", Vec::new()));
        };
        let shared = own(&format!("{relationship}.Id"))?;
        let identifier = own(self.mapping.names().identifier.as_str())?;
        let condition = asked
            .and(Condition::compare(&own("IsClosed")?, Op::Eq, false))
            .and(Condition::compare(&identifier, Op::Ne, Literal::null()));
        let select = Select::from(&object_name(OPPORTUNITY)).fields(&told.columns).fields([&shared]);
        Ok((select.filter(condition), shared))
    }

    /// Those that are opted in: of the others, not even the identifier is kept.
    fn opted_in_of(&self, deals: Vec<Record>) -> Vec<Record> {
        deals.into_iter().filter(|deal| self.is_opted_in(deal)).collect()
    }
}

/// Whether the write replaces something that is there.
fn overwrites(write: &Write) -> bool {
    matches!(write.content, Content::Whole(_))
        && write.instead_of.values().any(|held| !matches!(held, Held::Empty))
}
