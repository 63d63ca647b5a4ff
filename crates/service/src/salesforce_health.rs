//! What health tells of Salesforce: as whom it is called and where, and how its daily allowance stands.

use ports::Platform;
use serde_json::{Value, json};

use crate::{AllowanceStanding, Halted, SharedBudget};

/// What knows.
#[derive(Clone)]
pub struct SalesforceHealth {
    /// The connection.
    pub client: salesforce::Client,
    /// The allowance.
    pub budget: SharedBudget,
}

impl SalesforceHealth {
    /// For programs. Calls nobody; what is not known yet is null.
    pub(crate) fn as_json(&self) -> Value {
        let standing = self.client.standing();
        let standing = standing.as_ref();
        json!({
            "flow": self.client.flow().name(),
            "org_id": standing.map(|known| known.org_id.to_string()),
            "user_id": standing.map(|known| known.user_id.to_string()),
            "instance": standing.map(|known| &known.instance),
            "is_sandbox": standing.and_then(|known| known.is_sandbox),
            "allowance": self.budget.allowance(Platform::Salesforce).map(|known| known.as_json()),
            "paused_until": self.budget.learnt(Platform::Salesforce).paused_until,
        })
    }
}

impl AllowanceStanding {
    /// For programs.
    pub fn as_json(&self) -> Value {
        json!({
            "used": self.usage.used,
            "allowed": self.usage.allowed,
            "percent": self.percent(),
            "told_at": self.usage.at,
            "halted": self.halted.name(),
        })
    }
}

impl Halted {
    /// For programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Background => "background",
            Self::Reports => "background_and_reports",
            Self::AllButGuards => "all_but_guards",
            Self::Everything => "everything",
        }
    }
}
