//! After convergence nothing is written for ever.

use sandbox::exchange::Kind;

use crate::world::Seen;

/// The product's writes among what was seen.
pub(crate) fn writes(seen: &[Seen]) -> Vec<&Seen> {
    let writes = [Kind::Create, Kind::CreateCompanion, Kind::Patch, Kind::CrmWrite];
    seen.iter().filter(|one| writes.contains(&one.kind)).collect()
}
