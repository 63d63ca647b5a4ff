//! Deals that wait for a solution are looked at once the catalogue was filled: nothing else would tell that it was.

use deal_model::{DealId, Verdict};
use sync_engine::{DealSummary, Decided, NewDecision};

use crate::{
    commands::{PAGE, person},
    output,
    wiring::Wired,
};

/// Most deals that one import wakes.
const MAX_WOKEN: usize = 10_000;

/// What an import woke.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Woken {
    /// Deals that are looked at now.
    pub(super) asked: usize,
    /// Deals that wait too and were left, for there are so many.
    pub(super) left: usize,
}

impl Woken {
    pub(super) fn print(self) {
        if self.asked > 0 {
            output::line(format!("{} deals that wait for solutions are looked at now", self.asked));
        }
        if self.left > 0 {
            output::indented(0, &format!("{} more wait: run cosell retry --problem data", self.left));
        }
    }
}

/// Has every deal looked at that has a problem with its solutions, as `cosell retry` would.
pub(super) async fn wake(wired: &Wired) -> anyhow::Result<Woken> {
    let Some(group) = wired.crm.catalogue_group() else { return Ok(Woken::default()) };
    let waits =
        |deal: &DealSummary| deal.problems.iter().any(|problem| problem.field.as_ref() == Some(&group));
    let mut woken = Woken::default();
    let mut after: Option<DealId> = None;
    loop {
        let page = wired.store.list(after.as_ref(), PAGE).await?;
        let is_full = page.len() == PAGE;
        after = page.last().map(|deal| deal.id.clone());
        for deal in page.into_iter().filter(waits) {
            if woken.asked == MAX_WOKEN {
                woken.left += 1;
                continue;
            }
            let by = person();
            let decision = NewDecision {
                deal: deal.id,
                verdict: Verdict::Retry,
                sentence: format!("{by} filled the catalogue of solutions: try again."),
                by,
                mapping: wired.mapping.version().to_owned(),
                instead_of: None,
                now: wired.clock.now(),
            };
            // If that was asked for already, the pass that is to come sees the catalogue as it is now.
            match wired.store.decide(&decision).await? {
                Decided::Taken(_) | Decided::Open(_) => woken.asked += 1,
            }
        }
        if !is_full {
            return Ok(woken);
        }
    }
}
