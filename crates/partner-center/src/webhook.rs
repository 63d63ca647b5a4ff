//! Events from Partner Center: who sent one is proven before it is believed.
//!
//! Contract (reference, section 6.3, and hardened beyond it): what can be refused for its size, headers or form is
//! refused before anything is fetched. A certificate is fetched only from a configured place, without redirects,
//! within bounds, and at most a few times a minute however many forgeries arrive; so is the issuer's that its file
//! leaves out. A [`Notification`] says only "look here": no value of it is used, and the address it names is never
//! called.
//!
//! Deliberately absent: revocation lists. A certificate is replaced by its owner at the address it was fetched
//! from, and an event that is signed by the new one makes this program fetch it.

mod certificate;
mod certificates;
mod claim;
mod forged;
mod notification;
mod seen;
mod verifier;

pub use claim::Algorithm;
pub use forged::Forged;
pub use notification::Notification;
pub use verifier::{InvalidConfig, Verifier, VerifierConfig};
