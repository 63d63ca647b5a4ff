//! Who may own what is made of referrals: active users, never the integration user, never a queue.

use salesforce::{
    CallContext, Record, RecordId,
    soql::{Condition, Select, Soql},
};
use sync_engine::SideError;

use super::{
    Salesforce, refusal,
    rows::path,
    schema::{USER, object_name},
};
use crate::Finding;

const NEXT_STEP: &str =
    "Name an active user: inbound.default_owner, or the owner of the route, in the mapping file.";

/// The users among these identifiers and user names, active or not.
pub(super) fn users(owners: &[&str]) -> Soql {
    let ids = owners.iter().filter_map(|owner| owner.parse::<RecordId>().ok());
    let named = Condition::one_of(&path("Username"), owners.iter().copied());
    let by_id = Condition::one_of(&path("Id"), ids.clone());
    let user = if ids.count() > 0 { named.or(by_id) } else { named };
    Select::from(&object_name(USER)).fields([&path("Username"), &path("IsActive")]).filter(user).build()
}

/// The user whom `owner` names, if it may own what `us` makes; else a sentence that says why not.
pub(super) fn owner(users: &[Record], owner: &str, us: RecordId) -> Result<RecordId, String> {
    let is = |user: &&Record| {
        user.id() == owner.parse().ok()
            || user.text("Username").is_some_and(|name| name.eq_ignore_ascii_case(owner))
    };
    let user = users.iter().find(is);
    let active = user.and_then(|user| user.at("IsActive")) == Some(&serde_json::Value::Bool(true));
    match user.and_then(Record::id) {
        None => Err(format!("{owner} is no user of the org")),
        Some(id) if id == us => Err(format!("{owner} is the integration user")),
        Some(_) if !active => Err(format!("{owner} is not active")),
        Some(id) => Ok(id),
    }
}

/// What is told of a birth whose owners all may not own it.
pub(super) fn nobody(reasons: &[String]) -> SideError {
    let what = format!("The opportunity of this referral would have no owner: {}.", reasons.join("; "));
    refusal::waits(deal_model::ProblemClass::Data, what, NEXT_STEP)
}

impl Salesforce {
    /// A line on the owners that the mapping names; none where no opportunity is made of a referral.
    pub(super) async fn survey_owners(
        &self,
        us: RecordId,
        context: CallContext,
    ) -> Result<Option<Finding>, SideError> {
        let inbound = self.mapping.inbound();
        let routed = inbound.routes.iter().filter_map(|rule| rule.route.owner.as_deref());
        let mut owners: Vec<&str> = inbound.default_owner.as_deref().into_iter().chain(routed).collect();
        owners.sort_unstable();
        owners.dedup();
        if !inbound.create || owners.is_empty() {
            return Ok(None);
        }
        let found = self.ask_together(&[users(&owners)], context).await;
        let found = found.map_err(|error| refusal::of_error(&error))?;
        let found = found.into_iter().next().unwrap_or_default();
        let wrong: Vec<String> = owners.iter().filter_map(|name| owner(&found, name, us).err()).collect();
        let (id, title) = ("salesforce.owners", "Owners of new opportunities");
        Ok(Some(if wrong.is_empty() {
            Finding::pass(id, title, owners.join(", "))
        } else {
            Finding::fail(id, title, format!("{}.", wrong.join("; ")), NEXT_STEP)
        }))
    }
}
