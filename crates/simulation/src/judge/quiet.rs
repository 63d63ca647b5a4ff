//! After convergence nothing is written for ever. What waits for a person is tried again, less and less often.

use sandbox::exchange::Kind;

use super::{Violation, landed::took_effect};
use crate::{product::DealSeen, world::Seen};

/// The product's writes among what was seen.
pub(crate) fn writes(seen: &[Seen]) -> Vec<&Seen> {
    let writes = [Kind::Create, Kind::CreateCompanion, Kind::Patch, Kind::CrmWrite];
    seen.iter().filter(|one| writes.contains(&one.kind)).collect()
}

/// The writes that nothing asked for: but for tries that were refused, while a deal says what it waits for.
pub(crate) fn after_the_end(seen: &[Seen], deals: &[DealSeen]) -> Vec<Violation> {
    let waits = deals.iter().any(|deal| !deal.problems.is_empty());
    let unasked = writes(seen).into_iter().filter(|one| !waits || took_effect(one));
    let told = |one: &Seen| format!("{} at {}, though nothing happened any more", one.line, one.at);
    unasked.map(|one| Violation::new("quiet", told(one))).collect()
}
