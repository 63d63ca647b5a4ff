//! Where a deal stands, and what a change of it means (sync rules, section 4).

use serde::{Deserialize, Serialize};

/// The canonical life of a deal. Both sides speak it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Life {
    /// Received and not answered; in the CRM, the on-hold stage.
    Received,
    /// Under way, with the mapped sales stage if there is one.
    Active {
        /// The portal's sales stage.
        sales_stage: Option<String>,
    },
    /// Won.
    Won,
    /// Lost.
    Lost {
        /// Why, in the portal's words.
        reason: Option<String>,
    },
    /// Declined by us.
    Declined {
        /// Why, in the portal's words.
        reason: Option<String>,
    },
    /// Nobody answered in time.
    Expired,
    /// Closed as an error.
    Error {
        /// Why, in the portal's words.
        reason: Option<String>,
    },
    /// The side says something the mapping does not know; it is shown and held.
    Unknown {
        /// What it said.
        code: String,
    },
}
