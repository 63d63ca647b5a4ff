//! What pausing means for history and for what waits, in every dialect.

use deal_model::DealId;
use sync_engine::{AuditLine, Pause, PauseScope, PauseWish};

/// The line of a deal's history that says who `did` what, and why.
pub(crate) fn line(wish: &PauseWish, did: &str) -> AuditLine {
    AuditLine {
        at: wish.now,
        what: did.to_owned(),
        side: None,
        groups: Vec::new(),
        sentence: wish.sentence(did),
        took_ms: None,
        mapping: wish.mapping.clone(),
        erased: None,
    }
}

/// The deals whose waiting effects are put off one by one when `ended` ends, each with the open pauses that count their own
/// time: the deal of the pause; where everything was paused, those that are paused by themselves too.
pub(crate) fn counted_apart<'a>(ended: &'a Pause, open: &'a [Pause]) -> Vec<(&'a DealId, Vec<Pause>)> {
    let with_others = |deal: &'a DealId| {
        let others = open.iter().filter(|pause| pause.scope.stops(deal));
        (deal, others.cloned().collect())
    };
    match &ended.scope {
        PauseScope::Flow(_) => Vec::new(),
        PauseScope::Deal(deal) => vec![with_others(deal)],
        PauseScope::All => {
            let of_deals = open.iter().filter_map(|pause| match &pause.scope {
                PauseScope::Deal(deal) => Some(deal),
                PauseScope::All | PauseScope::Flow(_) => None,
            });
            of_deals.map(with_others).collect()
        }
    }
}
