//! What a running Cosell is besides its engine: the way out to the network, the webhook endpoint and the watch of its
//! registration, the watch of the connections, health, and the shared budget. A library, so that the program and a simulation use the same.

mod admin;
mod allowance_watch;
mod answer;
mod budget;
mod connections;
mod elected;
mod event_tally;
mod gate;
#[cfg(test)]
mod hand_clock;
mod health;
mod listen;
mod outbound;
mod registration_watch;
mod retention_watch;
mod salesforce_health;
mod tally;
mod webhooks;

pub use admin::Admin;
pub use allowance_watch::{ALLOWANCE_PROBLEM, AllowanceWatch};
pub use budget::{
    AllowanceStanding, BudgetSettings, ConcurrencySettings, Halted, Learnt, PaceSettings, SharedBudget,
    Shares,
};
pub use connections::{
    AGE_PROBLEM, CERTIFICATE_PROBLEM, ConnectionWatch, Probe, REFERRALS_CONNECTION, ReferralsProbe,
    SALESFORCE_CERTIFICATE_PROBLEM, SALESFORCE_CONNECTION, SalesforceProbe, Seen, SignInTimes,
    WEBHOOKS_CONNECTION, WebhooksProbe, seen_of_portal, seen_of_salesforce,
};
pub use elected::Seat;
pub use event_tally::{EventCounts, EventTally};
pub use listen::serve;
pub use outbound::outbound;
pub use registration_watch::{RegistrationWatch, WEBHOOK_PROBLEM};
pub use retention_watch::{RetentionWatch, let_go};
pub use salesforce_health::SalesforceHealth;
pub use tally::{CallTally, counted};
pub use webhooks::{RECEIVER_PATH, Receiver};
