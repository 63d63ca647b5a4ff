//! Which of the company's partner ids a created referral gets (partner-center reference, section 4.5).

use deal_model::FieldId;
use serde_json::Value as Json;

use crate::{Condition, Test};

/// What a rule looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DealField {
    /// The opportunity's record type, by its developer name.
    RecordType,
    /// A mapped field, as the portal spells its value; of a set, the keys of its elements.
    Mapped(FieldId),
}

/// The partner id of the deals for which all conditions hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartnerIdRule {
    /// The conditions.
    pub conditions: Vec<Condition<DealField>>,
    /// The location's partner id.
    pub partner_id: String,
}

/// The company's partner ids (`mpnId`). The portal fixes a referral's when it is created.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PartnerIds {
    /// What no rule decides. None leaves it to the portal.
    pub default: Option<String>,
    /// The first whose conditions hold decides.
    pub rules: Vec<PartnerIdRule>,
}

impl PartnerIds {
    /// The partner id of a deal of which `values` tells what a field holds.
    pub fn of(&self, values: impl Fn(&DealField) -> Vec<Json>) -> Option<&str> {
        let fits = |rule: &&PartnerIdRule| rule.conditions.iter().all(|condition| condition.holds(&values));
        let ruled = self.rules.iter().find(fits).map(|rule| rule.partner_id.as_str());
        ruled.or(self.default.as_deref())
    }

    /// Every partner id that may be sent.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.default.as_deref().into_iter().chain(self.rules.iter().map(|rule| rule.partner_id.as_str()))
    }

    /// The record types that rules name.
    pub fn record_types(&self) -> impl Iterator<Item = &str> {
        let conditions = self.rules.iter().flat_map(|rule| &rule.conditions);
        let of_types = conditions.filter(|condition| condition.subject == DealField::RecordType);
        of_types.flat_map(|condition| match &condition.test {
            Test::In(names) | Test::NotIn(names) => names.iter().map(String::as_str).collect(),
            Test::AtLeast(_) | Test::Is(_) => Vec::new(),
        })
    }
}
