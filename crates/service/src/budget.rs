//! One budget for all calls: the server's pauses, its daily allowance by lane, and a number of calls at once and a pace
//! that are found without provoking the server.
//!
//! Contract: nothing begins during a pause, and a pause only grows, unless the clock was set back. A place that was given is held until its outcome is
//! told. Of those who wait, guards come first, and have one place more than the others and a pace of their own to borrow
//! from; the other lanes take turns (`queue`). How many calls there may be at once is `concurrency`'s, how many in a
//! time is `pace`'s; both learn from the outcomes. Processes that share a store are lent the calls of a daily allowance
//! in blocks (`lender`), so that all of them together spend no more than one would, and are slowed down together.

mod allowance;
mod concurrency;
mod gate;
mod lender;
mod loans;
mod pace;
mod queue;
mod shares;
#[cfg(test)]
mod sharing;
#[cfg(test)]
mod simulated;
mod state;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use ports::{Admission, Budget, BudgetBook, BudgetBookError, Clock, Lane, Platform, ServerPause, Usage};

pub use allowance::{AllowanceStanding, Halted};
pub use concurrency::ConcurrencySettings;
pub use pace::PaceSettings;
pub use shares::Shares;

use gate::Gate;
use lender::Lender;

/// All settings of a [`SharedBudget`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BudgetSettings {
    /// Shares of the daily allowance.
    pub shares: Shares,
    /// While a lane is halted, one call goes this often, to find out how much of the allowance is free again.
    pub sound_every: Duration,
    /// How the number of calls at once is found, for each platform.
    pub concurrency: ConcurrencySettings,
    /// How the pace is found, for each platform.
    pub pace: PaceSettings,
}

impl Default for BudgetSettings {
    fn default() -> Self {
        Self {
            shares: Shares::default(),
            sound_every: Duration::from_mins(10),
            concurrency: ConcurrencySettings::default(),
            pace: PaceSettings::default(),
        }
    }
}

/// What a budget has learnt of one platform.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Learnt {
    /// Calls at once.
    pub limit: u32,
    /// Calls under way.
    pub in_flight: u32,
    /// Callers that wait for a place.
    pub waiting: usize,
    /// Calls a second, once the server has shown that it counts them.
    pub pace: Option<f64>,
    /// The end of the present pause.
    pub paused_until: Option<Timestamp>,
}

/// The budget of one process. Cheap to clone; clones share it.
#[derive(Clone)]
pub struct SharedBudget {
    clock: Arc<dyn Clock>,
    shares: Shares,
    gates: [Arc<Gate>; 2],
    book: Option<Arc<dyn BudgetBook>>,
    lender: Option<Arc<Lender>>,
}

impl SharedBudget {
    /// An empty budget: nothing is known of the servers yet.
    pub fn new(clock: Arc<dyn Clock>, settings: BudgetSettings) -> Self {
        let gates = Platform::ALL.map(|platform| Gate::new(platform, Arc::clone(&clock), settings));
        Self { clock, shares: settings.shares, gates, book: None, lender: None }
    }

    /// The same budget, in the pauses and with the allowances that `book` knows.
    pub async fn informed_by(self, book: &dyn BudgetBook) -> Self {
        let now = self.clock.now();
        match book.usages().await {
            Ok(usages) => {
                for (platform, usage) in usages {
                    self.gate(platform).state().allowance.recall(usage, now);
                }
            }
            Err(error) => tracing::warn!(%error, "how much of an allowance is used is not known"),
        }
        match book.server_pauses().await {
            Ok(pauses) => {
                for (platform, pause) in pauses {
                    self.gate(platform).state().hear_of_pause(pause, now);
                }
            }
            Err(error) => tracing::warn!(%error, "whether a server asked for a pause is not known"),
        }
        self
    }

    /// Tells the other processes what this one was told, and takes in what they were: their pauses hold here too, a server
    /// that counts counts all calls together, and their samples of an allowance count if they are newer.
    ///
    /// # Errors
    /// If the book cannot be read or written; it is tried again the next time.
    pub async fn exchange_with(&self, book: &dyn BudgetBook) -> Result<(), BudgetBookError> {
        for gate in &self.gates {
            let untold = gate.state().untold();
            if let Some(pause) = untold {
                book.keep_pause(gate.platform, pause).await?;
                gate.state().told(pause);
            }
        }
        let (usages, pauses) = (book.usages().await?, book.server_pauses().await?);
        let now = self.clock.now();
        for (platform, usage) in usages {
            self.gate(platform).state().allowance.observe(usage, now);
        }
        for (platform, pause) in pauses {
            self.gate(platform).state().hear_of_pause(pause, now);
        }
        Ok(())
    }

    /// The same budget, which keeps what it is told in `book`.
    pub fn kept_in(self, book: Arc<dyn BudgetBook>) -> Self {
        Self { book: Some(book), ..self }
    }

    /// The same budget, which begins no call but a guard's that `book` has not lent it. `borrower` is this process, and
    /// no other one's name.
    pub fn lent_by(self, book: Arc<dyn BudgetBook>, borrower: String) -> Self {
        Self { lender: Some(Arc::new(Lender::new(book, borrower))), ..self }
    }

    /// What is known of a platform by now.
    pub fn learnt(&self, platform: Platform) -> Learnt {
        let now = self.clock.now();
        let mut state = self.gate(platform).state();
        Learnt {
            limit: state.concurrency.limit(),
            in_flight: state.concurrency.in_flight(),
            waiting: state.queue.len(),
            pace: state.pace.rate(now),
            paused_until: state.pause(now),
        }
    }

    /// What is known of a platform's daily allowance; nothing if it told nothing within its window.
    pub fn allowance(&self, platform: Platform) -> Option<AllowanceStanding> {
        self.gate(platform).state().allowance.standing(self.shares, self.clock.now())
    }

    /// How an allowance would stand by this budget's shares.
    pub fn standing_at(&self, usage: Usage) -> AllowanceStanding {
        AllowanceStanding::of(usage, self.shares)
    }

    fn gate(&self, platform: Platform) -> &Arc<Gate> {
        match platform {
            Platform::PartnerCenter => &self.gates[0],
            Platform::Salesforce => &self.gates[1],
        }
    }
}

#[async_trait]
impl Budget for SharedBudget {
    async fn admit(&self, platform: Platform, lane: Lane, within: Duration) -> Admission {
        self.gate(platform).admit(lane, within, self.lender.as_deref()).await
    }

    async fn observe(&self, platform: Platform, usage: Usage) {
        let now = self.clock.now();
        let is_news = {
            let mut state = self.gate(platform).state();
            state.loans.told(usage, now);
            state.allowance.observe(usage, now)
        };
        if let Some(book) = self.book.as_ref().filter(|_| is_news)
            && let Err(error) = book.keep_usage(platform, usage, now).await
        {
            tracing::warn!(%error, "how much of an allowance is used could not be kept");
        }
    }

    async fn pause_until(&self, platform: Platform, until: Timestamp) {
        let grows = self.gate(platform).state().pause_until(until, self.clock.now());
        if let Some(book) = self.book.as_ref().filter(|_| grows)
            && let Err(error) = book.keep_pause(platform, ServerPause { until, counted: None }).await
        {
            // It holds in this process all the same.
            tracing::warn!(%error, "a pause could not be kept");
        }
    }
}
