//! How a referral that is a lead becomes a record of Salesforce's own Lead object (partner-center reference, sections
//! 4.4 and 7.5).

use deal_model::{FieldId, Held, Observed, Value};
use serde_json::Value as Json;

use crate::{ApiName, Codec, PortalPath};

/// One field of a lead: it goes from the portal to Salesforce alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeadField {
    /// The field.
    pub field: FieldId,
    /// Its place in the referral.
    pub portal: PortalPath,
    /// Its column of the Lead.
    pub column: ApiName,
    /// How it is written.
    pub codec: Codec,
    /// Most characters that the column holds; longer text is cut.
    pub max_chars: Option<usize>,
    /// What a new Lead holds when the referral has nothing there, and Salesforce needs something.
    pub default: Option<String>,
}

impl LeadField {
    /// What the referral holds. What it does not show, like the contact of a lead that expired, is `Unknown`.
    pub fn observe_portal(&self, referral: &Json) -> Observed {
        let read =
            self.portal.read(referral).map_or(Observed::Unknown, |member| self.codec.read_portal(member));
        match (read, self.max_chars) {
            (Observed::Value(Value::Text(text)), Some(most)) if text.chars().count() > most => {
                let cut: String = text.chars().take(most).collect();
                Observed::Value(Value::Text(cut.trim_end().to_owned()))
            }
            (read, _) => read,
        }
    }

    /// What the Lead holds; `Unknown` if the column was not in the answer.
    pub fn observe_crm(&self, lead: &Json) -> Observed {
        lead.get(self.column.as_str()).map_or(Observed::Unknown, |column| self.codec.read_crm(column))
    }

    /// What to put into the column.
    pub fn write_crm(&self, value: &Value) -> Json {
        self.codec.write_crm(&Held::Value(value.clone()))
    }
}

/// The Lead's own table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leads {
    /// Whether leads become Leads at all. Off until told: they are ignored.
    pub create: bool,
    /// Who gets them: a user's name or identifier, or a queue's identifier. There is one whenever `create` is on.
    pub owner: Option<String>,
    /// The status of a new Lead.
    pub status: String,
    /// The UNIQUE column of the Lead with the referral's identifier: it makes a Lead come into being once.
    pub identifier: ApiName,
    /// The column of the Lead that tells a person what to do next.
    pub note: ApiName,
    /// The fields.
    pub fields: Vec<LeadField>,
}

impl Default for Leads {
    fn default() -> Self {
        Self {
            create: false,
            owner: None,
            status: "Open - Not Contacted".to_owned(),
            identifier: ApiName::fixed("Referral_Identifier__c"),
            note: ApiName::fixed("Co_sell_Note__c"),
            fields: Vec::new(),
        }
    }
}
