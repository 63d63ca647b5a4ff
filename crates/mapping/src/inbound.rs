//! Which referrals become opportunities, and whose.

use deal_model::Inviter;
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde_json::Value as Json;

use crate::{Condition, PortalPath};

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReferralField {
    /// The identifiers of its solutions.
    Solution,
    /// Who invited: `us`, `microsoft`, `partner` or `nobody`.
    InvitedBy,
    /// A member.
    Member(PortalPath),
}

impl ReferralField {
    fn values(&self, referral: &Json, inviter: Inviter) -> Vec<Json> {
        match self {
            Self::Solution => {
                let solutions = referral.pointer("/details/requirements/solutions").and_then(Json::as_array);
                solutions.into_iter().flatten().map(|each| each["id"].clone()).collect()
            }
            Self::InvitedBy => vec![Json::from(match inviter {
                Inviter::Nobody => "nobody",
                Inviter::Us => "us",
                Inviter::Companion => "microsoft",
                Inviter::Third => "partner",
            })],
            Self::Member(path) => path.read(referral).cloned().into_iter().collect(),
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
    pub conditions: Vec<Condition<ReferralField>>,
    /// The route.
    pub route: Route,
}

/// How referrals become opportunities.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inbound {
    /// Whether any does. Off until told: connecting a tenant imports nothing.
    pub create: bool,
    /// All of these must hold.
    pub conditions: Vec<Condition<ReferralField>>,
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
    /// Whether `referral`, to which `inviter` invited, may become an opportunity, by this file. Without a readable
    /// creation time it may not, if there is a `since`.
    pub fn admits(&self, referral: &Json, inviter: Inviter) -> bool {
        self.create && self.recent(referral) && all_hold(&self.conditions, referral, inviter)
    }

    /// The route of `referral`, to which `inviter` invited; the owner is the default one unless the route has its own.
    pub fn route(&self, referral: &Json, inviter: Inviter) -> Route {
        let rule = self.routes.iter().find(|rule| all_hold(&rule.conditions, referral, inviter));
        let mut route = rule.map(|rule| rule.route.clone()).unwrap_or_default();
        if route.owner.is_none() {
            route.owner.clone_from(&self.default_owner);
        }
        route
    }

    /// The members that routes look at, each once.
    pub fn routed_by(&self) -> Vec<&PortalPath> {
        let mut paths: Vec<&PortalPath> = Vec::new();
        for condition in self.routes.iter().flat_map(|rule| &rule.conditions) {
            if let ReferralField::Member(path) = &condition.subject
                && !paths.contains(&path)
            {
                paths.push(path);
            }
        }
        paths
    }

    fn recent(&self, referral: &Json) -> bool {
        let Some(since) = self.since else { return true };
        let created = referral.pointer("/createdDateTime").and_then(Json::as_str);
        let created = created.and_then(|text| text.trim().parse::<Timestamp>().ok());
        created.is_some_and(|created| created.to_zoned(TimeZone::UTC).date() >= since)
    }
}

fn all_hold(conditions: &[Condition<ReferralField>], referral: &Json, inviter: Inviter) -> bool {
    conditions.iter().all(|condition| condition.holds(|field| field.values(referral, inviter)))
}
