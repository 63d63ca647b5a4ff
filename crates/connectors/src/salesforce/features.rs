//! What the org has switched on, as its own descriptions show it: the features that decide what may be asked for.
//!
//! The API never says "off". What a feature adds is there, or it is absent because the feature is off **or** because
//! this user may not see it (salesforce reference, section 2.7): the two look the same.

use std::collections::BTreeSet;

use salesforce::{Describe, GlobalDescribe, Record};

use super::schema::{ACCOUNT, CONTACT, CURRENCY, Currencies, OPPORTUNITY};

/// The object of the opportunity team.
pub const TEAM_MEMBER: &str = "OpportunityTeamMember";
/// The object of classic notes.
pub const CLASSIC_NOTE: &str = "Note";
/// The object of enhanced notes.
pub const CONTENT_NOTE: &str = "ContentNote";
/// What ties an enhanced note to a record.
pub const CONTENT_LINK: &str = "ContentDocumentLink";
/// The object of an opportunity's products.
pub const LINE_ITEM: &str = "OpportunityLineItem";

/// What of an org's options this user can see.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of the org, on its own")]
pub struct OrgFeatures {
    /// Team selling: [`TEAM_MEMBER`] exists (salesforce reference, section 5.5).
    pub team_selling: bool,
    /// Classic notes: [`CLASSIC_NOTE`] exists (section 5.7).
    pub classic_notes: bool,
    /// Enhanced notes: [`CONTENT_NOTE`] and [`CONTENT_LINK`] exist (section 5.7).
    pub enhanced_notes: bool,
    /// The active currencies of an org with several; none in an org with one (section 5.1).
    pub currencies: Option<BTreeSet<String>>,
    /// State and country picklists: addresses have code fields beside their texts (section 5.3).
    pub country_picklists: bool,
    /// Person accounts: an account can be a person, and its name is then read only (section 5.3).
    pub person_accounts: bool,
    /// Products on opportunities: with them, an amount is their sum and is not taken (section 5.1).
    pub line_items: bool,
    /// Record types of opportunities that this user may choose, beside the one that stands for none: their API names.
    pub record_types: BTreeSet<String>,
}

impl OrgFeatures {
    /// Reads them off what is described. An object that is not described shows nothing.
    pub(super) fn read<'d>(
        objects: &GlobalDescribe,
        described: impl Fn(&str) -> Option<&'d Describe>,
        currencies: &Currencies,
    ) -> Self {
        let has = |object: &str, field: &str| described(object).is_some_and(|it| it.field(field).is_some());
        let types = described(OPPORTUNITY).map(|it| it.record_type_infos.as_slice()).unwrap_or_default();
        let chosen = types.iter().filter(|each| each.available && !each.master);
        Self {
            team_selling: objects.has(TEAM_MEMBER),
            classic_notes: objects.has(CLASSIC_NOTE),
            enhanced_notes: objects.has(CONTENT_NOTE) && objects.has(CONTENT_LINK),
            currencies: match currencies {
                Currencies::Many(active) => Some(active.clone()),
                Currencies::One(_) => None,
            },
            country_picklists: has(ACCOUNT, "BillingCountryCode") || has(CONTACT, "MailingCountryCode"),
            person_accounts: has(ACCOUNT, "IsPersonAccount"),
            line_items: objects.has(LINE_ITEM) && has(OPPORTUNITY, "HasOpportunityLineItem"),
            record_types: chosen.filter_map(|each| each.developer_name.clone()).collect(),
        }
    }

    /// Each option by its name and how it stands, for people and logs.
    pub fn told(&self) -> [(&'static str, String); 8] {
        let on = |is: bool| if is { "on" } else { "off or hidden" }.to_owned();
        let joined =
            |names: &BTreeSet<String>| names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        [
            ("team selling", on(self.team_selling)),
            ("classic notes", on(self.classic_notes)),
            ("enhanced notes", on(self.enhanced_notes)),
            (CURRENCY, self.currencies.as_ref().map_or_else(|| "one currency".to_owned(), joined)),
            ("state and country picklists", on(self.country_picklists)),
            ("person accounts", on(self.person_accounts)),
            ("line items", on(self.line_items)),
            (
                "record types",
                if self.record_types.is_empty() { "none".to_owned() } else { joined(&self.record_types) },
            ),
        ]
    }

    /// What changed since `before`, each as a name and how it stands now.
    pub fn changed_since(&self, before: &Self) -> Vec<(&'static str, String)> {
        let pairs = self.told().into_iter().zip(before.told());
        pairs.filter(|(now, then)| now != then).map(|(now, _)| now).collect()
    }
}

/// The field that holds the code of the country or state whose text `field` holds, where picklists are on: the text
/// must then be a configured label, and the code is the right place to write (section 5.3).
pub(super) fn code_field<'d>(described: &'d Describe, field: &str) -> Option<&'d salesforce::FieldDescribe> {
    let is_place = field.ends_with("Country") || field.ends_with("State");
    described.field(&format!("{field}Code")).filter(|_| is_place)
}

/// One stage of the org (salesforce reference, section 5.2). No event tells of its changes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "the platform's own shape")]
pub struct OrgStage {
    /// What is stored in `StageName`.
    pub name: String,
    /// Whether it may still be chosen.
    pub active: bool,
    /// Whether a deal in it is over.
    pub closed: bool,
    /// Whether it is over well.
    pub won: bool,
}

impl OrgStage {
    /// The object whose rows they are.
    pub(super) const OBJECT: &'static str = "OpportunityStage";
    /// The columns that it is read from.
    pub(super) const COLUMNS: [&'static str; 5] = ["ApiName", "MasterLabel", "IsActive", "IsClosed", "IsWon"];

    /// Reads a row; one without a name is none.
    pub(super) fn read(row: &Record) -> Option<Self> {
        let flag = |name: &str| row.at(name).and_then(serde_json::Value::as_bool).unwrap_or_default();
        Some(Self {
            name: row.text("ApiName").or_else(|| row.text("MasterLabel"))?.to_owned(),
            active: flag("IsActive"),
            closed: flag("IsClosed"),
            won: flag("IsWon"),
        })
    }
}
