//! Which referrals become opportunities, and whose.

use std::collections::BTreeSet;

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde_json::Value as Json;

/// What to do about the customer's account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AccountRule {
    /// Use one that matches; else the opportunity has none.
    Match,
    /// Use one that matches; else create one.
    Create,
    /// A person chooses if none matches.
    #[default]
    Ask,
}

/// What of a referral a condition looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConditionField {
    /// The customer's country, two letters.
    Country,
    /// A solution's identifier; one of the referral's suffices.
    Solution,
    /// The partner's location (`mpnId`).
    PartnerId,
}

/// One condition: the referral's value is one of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// What is looked at.
    pub field: ConditionField,
    /// What it may be. Countries are in capitals.
    pub values: BTreeSet<String>,
}

impl Condition {
    /// Whether `referral` meets it.
    pub fn admits(&self, referral: &Json) -> bool {
        let text =
            |path: &str| referral.pointer(path).and_then(Json::as_str).unwrap_or_default().trim().to_owned();
        match self.field {
            ConditionField::Country => {
                self.values.contains(&text("/customerProfile/address/country").to_ascii_uppercase())
            }
            ConditionField::PartnerId => self.values.contains(&text("/mpnId")),
            ConditionField::Solution => {
                let solutions = referral.pointer("/details/requirements/solutions").and_then(Json::as_array);
                solutions.is_some_and(|solutions| {
                    solutions
                        .iter()
                        .filter_map(|each| each["id"].as_str())
                        .any(|id| self.values.contains(id.trim()))
                })
            }
        }
    }
}

/// Where an opportunity of a referral goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Route {
    /// The owner: a user's identifier or user name.
    pub owner: Option<String>,
    /// The record type's developer name.
    pub record_type: Option<String>,
    /// The campaign's identifier.
    pub campaign: Option<String>,
}

/// A route and the conditions it is for; all of them must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteRule {
    /// The conditions.
    pub conditions: Vec<Condition>,
    /// The route.
    pub route: Route,
}

/// How referrals become opportunities.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inbound {
    /// Whether any does. Off until told: connecting a tenant imports nothing.
    pub create: bool,
    /// All of these must hold.
    pub conditions: Vec<Condition>,
    /// Only referrals created on this day (UTC) or later.
    pub since: Option<Date>,
    /// What to do about the account.
    pub account: AccountRule,
    /// The owner if no route names one. There is one whenever `create` is on.
    pub default_owner: Option<String>,
    /// The routes; the first whose conditions hold is taken.
    pub routes: Vec<RouteRule>,
}

impl Inbound {
    /// Whether `referral` may become an opportunity, by this file. Without a readable creation time it may not, if
    /// there is a `since`.
    pub fn admits(&self, referral: &Json) -> bool {
        self.create
            && self.recent(referral)
            && self.conditions.iter().all(|condition| condition.admits(referral))
    }

    /// The route of `referral`; the owner is the default one unless the route has its own.
    pub fn route(&self, referral: &Json) -> Route {
        let rule = self
            .routes
            .iter()
            .find(|rule| rule.conditions.iter().all(|condition| condition.admits(referral)));
        let mut route = rule.map(|rule| rule.route.clone()).unwrap_or_default();
        if route.owner.is_none() {
            route.owner.clone_from(&self.default_owner);
        }
        route
    }

    fn recent(&self, referral: &Json) -> bool {
        let Some(since) = self.since else { return true };
        let created = referral.pointer("/createdDateTime").and_then(Json::as_str);
        let created = created.and_then(|text| text.trim().parse::<Timestamp>().ok());
        created.is_some_and(|created| created.to_zoned(TimeZone::UTC).date() >= since)
    }
}

/// Which opportunities may be opted in at all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OptIn {
    /// Developer names of record types; none for all.
    pub record_types: Vec<String>,
    /// Whether private opportunities may be.
    pub private: bool,
}

impl OptIn {
    /// Whether an opportunity of this record type, private or not, may be opted in.
    pub fn admits(&self, record_type: Option<&str>, is_private: bool) -> bool {
        let type_fits = self.record_types.is_empty()
            || record_type.is_some_and(|name| self.record_types.iter().any(|known| known == name));
        type_fits && (self.private || !is_private)
    }
}
