//! Tells in the store how much of Salesforce's daily allowance is used, from each bound on at which something is halted,
//! and takes it back by itself.

use std::{convert::Infallible, sync::Arc, time::Duration};

use ports::{Clock, Platform, Usage};
use sync_engine::{ConnectionProblem, Store, StoreResult};

use crate::{AllowanceStanding, Halted, SharedBudget};

/// The key of the problem.
pub const ALLOWANCE_PROBLEM: &str = "salesforce.allowance";

/// How often is looked; it costs no call.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Hundredths below a bound from which on it is over: a number that goes up and down is not told again and again.
const CLEAR_BELOW: u64 = 2;

/// The watch over the allowance of one service.
#[derive(Clone)]
pub struct AllowanceWatch {
    /// What knows.
    pub budget: SharedBudget,
    /// Keeps the problem.
    pub store: Arc<dyn Store>,
    /// Waits between two looks.
    pub clock: Arc<dyn Clock>,
}

impl AllowanceWatch {
    /// Watches until it is dropped, at once for the first time.
    pub async fn run(self) -> Infallible {
        // What an earlier process told stands until this one knows better.
        let mut told = None;
        loop {
            match self.look(told).await {
                Ok(now) => told = Some(now),
                Err(error) => tracing::error!(%error, "the allowance could not be told"),
            }
            self.clock.sleep(LOOK_EVERY).await;
        }
    }

    /// Tells what is halted now, if `told` was something else; what counts as told from now on.
    async fn look(&self, told: Option<Halted>) -> StoreResult<Halted> {
        let standing = self.budget.allowance(Platform::Salesforce);
        let halted = standing.map_or(Halted::Nothing, |standing| {
            let eased = Usage {
                used: standing
                    .usage
                    .used
                    .saturating_add(standing.usage.allowed.saturating_mul(CLEAR_BELOW) / 100),
                ..standing.usage
            };
            // Down only when it is well below.
            match told {
                Some(told) if told > standing.halted => self.budget.standing_at(eased).halted.min(told),
                _ => standing.halted,
            }
        });
        if told == Some(halted) {
            return Ok(halted);
        }
        let problem =
            standing.filter(|_| halted != Halted::Nothing).map(|standing| self.problem(standing, halted));
        match &problem {
            Some(problem) => {
                tracing::warn!(problem = %problem.sentence, next = %problem.next_step, "the allowance");
            }
            None if told.is_some() => tracing::info!("enough of the day's calls is free again"),
            None => {}
        }
        self.store.connection_problem(ALLOWANCE_PROBLEM, problem.as_ref()).await?;
        Ok(halted)
    }

    fn problem(&self, standing: AllowanceStanding, halted: Halted) -> ConnectionProblem {
        let AllowanceStanding { usage: Usage { used, allowed, at }, .. } = standing;
        let waits = match halted {
            Halted::Nothing => "nothing waits",
            Halted::Background => "background work waits",
            Halted::Reports => "background work and status lines wait",
            Halted::AllButGuards => "everything waits but what guards irreversible steps",
            Halted::Everything => "everything waits",
        };
        let percent = standing.percent();
        let at = at.strftime("%H:%M UTC");
        ConnectionProblem {
            key: ALLOWANCE_PROBLEM.to_owned(),
            sentence: format!(
                "Salesforce's daily calls are used to {percent} % ({used} of {allowed} at {at}, all apps of the org \
                 together): {waits}."
            ),
            next_step: "Wait: it goes on by itself as the 24 hours move on, and nothing is lost. If it comes again, see in \
                        Setup (Company Information, API usage) who spends the calls, raise poll_every of [salesforce], or \
                        buy more calls."
                .to_owned(),
            since: self.clock.now(),
        }
    }
}
