//! What waits in a deal, written over what was put off meanwhile.

use deal_model::WaitingEffect;

/// What is to be kept of `wanted`, which somebody had in memory while `stored` may have been put off (by the end of a
/// pause, or of the service's absence): the rest of a grace is never taken back by whoever did not see it.
pub(crate) fn put_off_as(stored: &[WaitingEffect], wanted: &[WaitingEffect]) -> Vec<WaitingEffect> {
    let is_same = |one: &WaitingEffect, other: &WaitingEffect| {
        (one.kind, &one.target, one.since) == (other.kind, &other.target, other.since)
    };
    let keep = |wanted: &WaitingEffect| {
        let known = stored.iter().find(|known| is_same(known, wanted));
        let not_before = known.map_or(wanted.not_before, |known| known.not_before.max(wanted.not_before));
        WaitingEffect { not_before, ..wanted.clone() }
    };
    wanted.iter().map(keep).collect()
}
