//! The opportunity's people of our own: its owner and, where the org has team selling, its team (salesforce reference,
//! section 5.5).
//!
//! Members are only added, with Read access. The platform takes the insert of a pair that exists for an update, so every
//! pair is looked for first: nobody's access is raised or lowered. It knows no condition for that; between the look and
//! the insert a person would have to add the same user by hand.

use std::collections::{BTreeMap, BTreeSet};

use deal_model::{ElementChange, ElementKey, Observed};
use mapping::{SetBinding, SetSource};
use salesforce::{
    CallContext, Fields, Record, RecordId,
    soql::{Condition, Op, Select},
};
use serde_json::{Value as Json, json};
use sync_engine::SideError;

use super::{
    Salesforce,
    features::TEAM_MEMBER,
    org_fit, refusal,
    rows::{RowCase, path},
    schema::{Schema, TEAM_MEMBERS, USER, object_name},
    steps::{Parent, Step, point},
    transform::{Reader, Row, Whole},
};

/// Most users with the wanted e-mails that one look reads.
const MAX_USERS: usize = 500;
/// Most members of one opportunity that one look reads.
const MAX_MEMBERS: usize = 500;
/// The one access that is given.
const ACCESS: (&str, &str) = ("OpportunityAccessLevel", "Read");
const ROLE: &str = "TeamMemberRole";
/// The licence of people who sell: no portal, community or automated user is added.
const PEOPLE: &str = "Standard";
/// Why nobody can be added where there is no team.
const NO_TEAMS: &str =
    "this org has no opportunity teams (team selling is off, or the integration user may not see them)";

impl Reader<'_> {
    /// The owner and the team, and the team's rows.
    pub(super) fn team(&self, set: &SetBinding, whole: &Whole) -> (Observed, Vec<Row>) {
        let features = &self.schema.features;
        let members = match whole.children.get(TEAM_MEMBERS) {
            Some(members) if self.schema.reads_set(set) => members.as_slice(),
            _ if !features.team_selling => &[],
            _ => return (Observed::Unknown, Vec::new()),
        };
        let is_hidden = |column: &&str| !self.schema.selects(&format!("Owner.{column}"));
        if set.user_columns().iter().any(is_hidden) {
            return (Observed::Unknown, Vec::new());
        }
        let Some(owner) = whole.record.as_map().get("Owner").filter(|owner| owner.is_object()) else {
            return (Observed::Unknown, Vec::new());
        };
        let rows: Vec<Json> = members.iter().map(|member| Json::Object(member.as_map().clone())).collect();
        let known =
            members.iter().zip(&rows).filter_map(|(member, row)| self.row(set, member, row)).collect();
        let people: Vec<Json> = std::iter::once(json!({ "User": owner })).chain(rows).collect();
        (set.read_crm(&people), known)
    }

    /// The sets that take nobody at present, with the reason.
    pub(super) fn closed(&self) -> BTreeMap<deal_model::FieldId, String> {
        let teams = self.mapping.sets().iter().filter(|set| matches!(set.crm, SetSource::Team { .. }));
        let closed = teams.filter(|_| !self.schema.features.team_selling);
        closed.map(|set| (set.field.clone(), NO_TEAMS.to_owned())).collect()
    }
}

impl Salesforce {
    /// Adds the steps that add people to the team: each who is exactly one active user, and not yet in it.
    pub(super) async fn team_steps(
        &self,
        schema: &Schema,
        case: &RowCase<'_>,
        role: Option<&str>,
        context: CallContext,
        steps: &mut Vec<Step>,
    ) -> Result<(), SideError> {
        let puts = case.changes.iter().filter(|(_, change)| matches!(change, ElementChange::Put(_)));
        let is_new = |key: &&ElementKey| case.rows.iter().all(|row| row.key != **key);
        let wanted: Vec<&ElementKey> = puts.map(|(key, _)| key).filter(is_new).collect();
        if wanted.is_empty() || !schema.features.team_selling {
            return Ok(());
        }
        let group = refusal::group_of(&self.mapping, &case.set.field);
        let (access, read) = ACCESS;
        if !schema.field(TEAM_MEMBER, access).is_some_and(|field| field.createable) {
            let what = format!("{TEAM_MEMBER}.{access} may not be written, so nobody is added to the team");
            return Err(refusal::person(what, group.into_iter().collect()));
        }
        let users = match case.people {
            Some(people) => people.users.clone(),
            None => self.users(&wanted, context).await?,
        };
        let there = match case.opportunity {
            Parent::Is(opportunity) => self.members(opportunity, &users, context).await?,
            // One that is yet to be made has no team.
            Parent::MadeBy(_) => BTreeSet::new(),
        };
        for user in wanted.into_iter().filter_map(|key| users.get(key).copied().flatten()) {
            if there.contains(&user) {
                continue;
            }
            let (mut fields, mut refers) = (Fields::new(), Vec::new());
            point(&mut fields, &mut refers, "OpportunityId", case.opportunity);
            fields.insert("UserId".to_owned(), Json::String(user.to_string()));
            fields.insert(access.to_owned(), Json::String(read.to_owned()));
            if let (Some(role), Some(group)) = (role, &group) {
                org_fit::put(schema, TEAM_MEMBER, ROLE, Json::String(role.to_owned()), &mut fields)
                    .map_err(|told| refusal::unfit(TEAM_MEMBER, ROLE, told, group))?;
            }
            steps.push(Step::Insert { object: TEAM_MEMBER.to_owned(), fields, refers });
        }
        Ok(())
    }

    /// The one active user of each e-mail; none where there are several. The platform compares without case.
    async fn users(
        &self,
        wanted: &[&ElementKey],
        context: CallContext,
    ) -> Result<BTreeMap<ElementKey, Option<RecordId>>, SideError> {
        let mut found = Vec::new();
        for soql in active_people().split(&path("Email"), wanted.iter().map(|key| key.0.as_str())) {
            let page = self.client.query_all(context, &soql, MAX_USERS).await;
            found.extend(page.map_err(|error| refusal::of_error(&error))?.records);
        }
        Ok(one_of_each(found))
    }

    /// Of these users, those who are in the team now.
    async fn members(
        &self,
        opportunity: RecordId,
        users: &BTreeMap<ElementKey, Option<RecordId>>,
        context: CallContext,
    ) -> Result<BTreeSet<RecordId>, SideError> {
        let of_this = Condition::compare(&path("OpportunityId"), Op::Eq, opportunity);
        let select = Select::from(&object_name(TEAM_MEMBER)).fields([&path("UserId")]).filter(of_this);
        let mut there = BTreeSet::new();
        for soql in select.split(&path("UserId"), users.values().flatten().copied()) {
            let page = self.client.query_all(context, &soql, MAX_MEMBERS).await;
            let members = page.map_err(|error| refusal::of_error(&error))?.records;
            there.extend(members.iter().filter_map(|row| row.text("UserId")?.parse::<RecordId>().ok()));
        }
        Ok(there)
    }
}

/// The active users who are people.
pub(super) fn active_people() -> Select {
    let active = Condition::compare(&path("IsActive"), Op::Eq, true);
    let people = Condition::compare(&path("UserType"), Op::Eq, PEOPLE);
    Select::from(&object_name(USER)).fields([&path("Email")]).filter(active.and(people))
}

/// The one user of each e-mail; none where there are several.
pub(super) fn one_of_each(users: impl IntoIterator<Item = Record>) -> BTreeMap<ElementKey, Option<RecordId>> {
    let mut one: BTreeMap<ElementKey, Option<RecordId>> = BTreeMap::new();
    for user in users {
        let (Some(id), Some(email)) = (user.id(), user.text("Email")) else { continue };
        let same = one.entry(ElementKey(email.trim().to_lowercase()));
        same.and_modify(|several| *several = None).or_insert(Some(id));
    }
    one
}
