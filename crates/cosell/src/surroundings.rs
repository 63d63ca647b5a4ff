//! What a running Cosell takes from outside: time, chance, the way out, events and hold-points. A simulation hands in its
//! own.

use std::sync::Arc;

use anyhow::Context as _;
use ports::{Clock, HoldPoints, HttpService, Rng, SystemClock, SystemRng};
use salesforce::events::EventWire;
use service::outbound;
use store::postgres::CommonClock;

use crate::holds::holds_from_environment;

/// The outside, as the parts take it.
pub(crate) struct Surroundings {
    /// Time.
    pub(crate) clock: Arc<dyn Clock>,
    /// The same clock, if it can follow the one of a server that many processes share.
    pub(crate) common: Option<Arc<CommonClock>>,
    /// Chance.
    pub(crate) rng: Arc<dyn Rng>,
    /// Where a test may stop the program.
    pub(crate) holds: Arc<dyn HoldPoints>,
    /// The way out.
    pub(crate) http: HttpService,
    /// Where change events come from; the configured endpoint if absent.
    pub(crate) events: Option<Arc<dyn EventWire>>,
}

impl Surroundings {
    /// The machine's clock and randomness, and real sockets.
    ///
    /// # Errors
    /// The TLS set-up of the machine is unusable.
    pub(crate) fn real() -> anyhow::Result<Self> {
        let common = CommonClock::new(Arc::new(SystemClock));
        let clock: Arc<dyn Clock> = Arc::clone(&common) as _;
        let http = outbound(Arc::clone(&clock)).context("cannot set up TLS")?;
        let holds = holds_from_environment();
        Ok(Self { clock, common: Some(common), rng: Arc::new(SystemRng), holds, http, events: None })
    }
}
