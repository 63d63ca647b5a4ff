//! A place for every remote call in a budget that all workers share.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

/// The two platforms whose allowances are spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Platform {
    /// The referrals' home.
    PartnerCenter,
    /// The opportunities' home.
    Salesforce,
}

impl Platform {
    /// The name used in stores, metrics and output.
    pub fn name(self) -> &'static str {
        match self {
            Self::PartnerCenter => "partner_center",
            Self::Salesforce => "salesforce",
        }
    }
}

/// What a call is for; the scarcer the budget, the fewer lanes are admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Guards: the last to be refused.
    Guard,
    /// Events, people, due work.
    Now,
    /// Sweeps, backlog, first load.
    Background,
    /// Audit lines: the first to be refused.
    Report,
}

/// What the server said about its own allowance, in one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Calls used in the server's window.
    pub used: u64,
    /// Calls allowed in the server's window.
    pub allowed: u64,
    /// The answer's own `Date`.
    pub at: Timestamp,
}

/// The answer to a request for a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Go.
    Granted,
    /// Not now: wait this long and ask again.
    Wait(Duration),
}

/// Lends places for remote calls. A pause grows, it never shrinks.
#[async_trait]
pub trait Budget: Send + Sync + 'static {
    /// Asks for a place for one call.
    async fn admit(&self, platform: Platform, lane: Lane) -> Admission;

    /// Tells what the server said of its allowance.
    async fn observe(&self, platform: Platform, usage: Usage);

    /// Tells that the server asked for a pause until `until`.
    async fn pause_until(&self, platform: Platform, until: Timestamp);
}

/// Grants everything: for tests of a client alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unlimited;

#[async_trait]
impl Budget for Unlimited {
    async fn admit(&self, _: Platform, _: Lane) -> Admission {
        Admission::Granted
    }

    async fn observe(&self, _: Platform, _: Usage) {}

    async fn pause_until(&self, _: Platform, _: Timestamp) {}
}
