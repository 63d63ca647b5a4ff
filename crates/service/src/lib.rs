//! What a running Cosell is besides its engine: the way out to the network, the webhook endpoint, health, and the
//! shared budget. A library, so that the program and a simulation use the same.

mod budget;
mod health;
mod outbound;
mod tally;
mod webhooks;

pub use budget::{SharedBudget, Shares};
pub use health::health;
pub use outbound::outbound;
pub use tally::{CallTally, counted};
pub use webhooks::{RECEIVER_PATH, Receiver, receiver};
