//! Who lends this process the calls of an allowance that it shares with others: the book of them all.

use std::{sync::Arc, time::Duration};

use ports::{Borrowing, BudgetBook, Lane, Loan, Platform};
use tokio::sync::Mutex;

use super::{
    gate::Gate,
    loans::{BORROWING, Cover, Spent},
};

/// The lender, as one process knows it.
pub(super) struct Lender {
    book: Arc<dyn BudgetBook>,
    /// How the book knows this process.
    borrower: String,
    /// One question at a time for each platform and lane: the others wait for its answer.
    asking: [[Mutex<()>; BORROWING.len()]; Platform::ALL.len()],
}

impl Lender {
    pub(super) fn new(book: Arc<dyn BudgetBook>, borrower: String) -> Self {
        Self { book, borrower, asking: Default::default() }
    }

    /// Sees to it that `lane` has a call to begin; false if there is none to be had now.
    pub(super) async fn cover(&self, gate: &Gate, lane: Lane) -> bool {
        match gate.state().loans.cover(lane, gate.clock.now()) {
            Cover::Covered => return true,
            Cover::Nothing => return false,
            Cover::Ask => {}
        }
        let platform = Platform::ALL.iter().position(|platform| *platform == gate.platform);
        let lane_place = BORROWING.iter().position(|borrowing| *borrowing == lane);
        let (Some(platform), Some(place)) = (platform, lane_place) else { return true };
        let _alone = self.asking[platform][place].lock().await;
        // Somebody may have asked meanwhile.
        let asked = gate.clock.now();
        let wish = {
            let mut state = gate.state();
            match state.loans.cover(lane, asked) {
                Cover::Covered => return true,
                Cover::Nothing => return false,
                Cover::Ask => {}
            }
            let Spent { unseen, heard } = state.loans.spent(lane);
            Borrowing {
                platform: gate.platform,
                borrower: self.borrower.clone(),
                lane,
                share: gate.shares.of(lane),
                unseen,
                heard,
                sound_every: gate.sound_every,
                now: asked,
            }
        };
        let loan = match self.book.borrow(&wish).await {
            Ok(loan) => loan,
            Err(error) => {
                tracing::warn!(%error, "no calls could be borrowed");
                Loan::Calls(0)
            }
        };
        gate.state().loans.lent(lane, loan, asked);
        loan != Loan::Calls(0)
    }

    /// The same, for no longer than `within`.
    pub(super) async fn cover_within(&self, gate: &Gate, lane: Lane, within: Duration) -> bool {
        tokio::select! {
            biased;
            covered = self.cover(gate, lane) => covered,
            () = gate.clock.sleep(within) => false,
        }
    }
}
