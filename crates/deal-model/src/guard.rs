//! What stands before irreversible effects (sync rules, section 5).

use serde::{Deserialize, Serialize};

/// The kinds of effects that nobody can take back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Irreversible {
    /// A referral is created.
    Create,
    /// A received referral is accepted.
    Accept,
    /// A received referral is declined.
    Decline,
    /// A referral is won or lost.
    Close,
    /// The deal is shown to Microsoft's sellers.
    Share,
    /// A Microsoft seller is asked for help.
    AskHelp,
}
