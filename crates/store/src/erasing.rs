//! What forgetting leaves: an emptied memory, and a line that names nobody.

use deal_model::{Deal, Memory, Phase};
use jiff::Timestamp;
use sync_engine::{AuditLine, StoreError, StoreResult};

/// In a word, what happened.
const FORGOTTEN: &str = "forgotten";

/// Whether the deal is kept in step: then what both sides hold stays known, or the next pass would read it again.
pub(crate) fn in_step(deal: &Deal) -> bool {
    deal.phase == Phase::Live
}

/// Takes from the deal all that it remembers of values. Resumed later, it is as if it had just been linked.
pub(crate) fn empty(deal: &mut Deal) {
    // Nothing under which definitions it was reconciled either: the base is gone that they were about.
    deal.memory = Memory::default();
    deal.waiting.clear();
    deal.decisions.clear();
    deal.problems.clear();
}

/// Every text that a deal's row and what waits for it hold unsealed.
pub(crate) fn texts(deal: &Deal) -> StoreResult<Vec<String>> {
    let unwritable = |error| StoreError::Failed(format!("a deal cannot be searched: {error}"));
    let memory = serde_json::to_string(&deal.memory).map_err(unwritable)?;
    let problems = serde_json::to_string(&deal.problems).map_err(unwritable)?;
    let waiting = deal.waiting.iter().map(|effect| effect.target.clone());
    Ok([memory, problems].into_iter().chain(waiting).collect())
}

/// The line of history.
pub(crate) fn line(in_step: bool, mapping: &str, now: Timestamp) -> AuditLine {
    let sentence = if in_step {
        "History and kept values were erased on demand. What both sides hold stays known while they are kept the same."
    } else {
        "All values that were kept of this deal were erased on demand."
    };
    AuditLine {
        at: now,
        what: FORGOTTEN.to_owned(),
        side: None,
        groups: Vec::new(),
        sentence: sentence.to_owned(),
        took_ms: None,
        mapping: mapping.to_owned(),
        erased: None,
    }
}
