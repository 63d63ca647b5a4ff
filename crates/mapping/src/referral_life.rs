//! A deal's life in the portal's own members: status, substatus, reason, sales stage (partner-center reference, section 4).

use deal_model::Life;
use serde_json::{Value as Json, json};

use crate::PortalPath;

/// The members that tell a referral's life. They are written together or not at all.
const STATUS: &str = "/status";
const SUBSTATUS: &str = "/substatus";
const REASON: &str = "/statusReason";
const SALES_STAGE: &str = "/salesStage";

/// Where a referral stands, by its own members. Codes that are not known are kept in `Life::Unknown`.
pub fn portal_life(referral: &Json) -> Life {
    let status = member(referral, STATUS);
    let substatus = member(referral, SUBSTATUS);
    let reason = member(referral, REASON);
    match (status.as_deref(), substatus.as_deref()) {
        (Some("New"), None | Some("None" | "Pending" | "Received")) => Life::Received,
        (Some("Active"), None | Some("None" | "Accepted")) => {
            Life::Active { sales_stage: member(referral, SALES_STAGE) }
        }
        (Some("Closed"), Some("Won")) => Life::Won,
        (Some("Closed"), Some("Lost")) => Life::Lost { reason },
        (Some("Closed"), Some("Declined")) => Life::Declined { reason },
        (Some("Closed"), Some("Expired")) => Life::Expired,
        (Some("Closed"), Some("Error")) => Life::Error { reason },
        (status, substatus) => {
            let code = format!("{}/{}", status.unwrap_or("none"), substatus.unwrap_or("none"));
            Life::Unknown { code }
        }
    }
}

/// The replacements that bring a referral into `life`, in the order to send them: always status and substatus in one
/// request, for one alone would pass through a pair that the portal refuses.
///
/// Empty for what no partner can write: `Received`, `Expired` and `Unknown`.
pub fn portal_life_ops(life: &Life) -> Vec<(PortalPath, Json)> {
    let (status, substatus, extra) = match life {
        Life::Received | Life::Expired | Life::Unknown { .. } => return Vec::new(),
        Life::Active { sales_stage } => {
            ("Active", "Accepted", sales_stage.as_ref().map(|stage| (SALES_STAGE, stage)))
        }
        Life::Won => ("Closed", "Won", None),
        Life::Lost { reason } => ("Closed", "Lost", reason.as_ref().map(|reason| (REASON, reason))),
        Life::Declined { reason } => ("Closed", "Declined", reason.as_ref().map(|reason| (REASON, reason))),
        Life::Error { reason } => ("Closed", "Error", reason.as_ref().map(|reason| (REASON, reason))),
    };
    let mut ops =
        vec![(PortalPath::fixed(STATUS), json!(status)), (PortalPath::fixed(SUBSTATUS), json!(substatus))];
    ops.extend(extra.map(|(path, text)| (PortalPath::fixed(path), json!(text))));
    ops
}

fn member(referral: &Json, path: &str) -> Option<String> {
    let text = referral.pointer(path)?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
