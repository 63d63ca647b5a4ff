//! Fields that a connection cannot read: one problem of the connection, not one of each deal (sync rules, section 1).

use std::collections::BTreeMap;

use crate::{Awaited, ConnectionProblem, Engine, Hints, Mark, StoreResult, Target, WorkLane};

/// How the key of a connection's problem begins when it is about a field that cannot be read.
const HIDDEN: &str = "field.";

/// How many deals are marked in one transaction when all of them are to be looked at.
const LIST_PAGE: usize = 500;

impl Engine {
    /// Keeps the connections' problems as the connectors see them.
    pub(crate) async fn note_blind(&self) -> StoreResult<()> {
        let known = self.parts.store.connection_problems().await?;
        let mut now_blind = BTreeMap::new();
        for side in deal_model::Side::BOTH {
            let blind = self.side(side).blind().into_iter();
            now_blind.extend(blind.map(|(field, sentence)| (format!("{HIDDEN}{field}"), sentence)));
        }
        for (key, sentence) in &now_blind {
            if !known.iter().any(|problem| problem.key == *key) {
                let problem = ConnectionProblem {
                    key: key.clone(),
                    sentence: sentence.clone(),
                    next_step:
                        "Give the integration user access to the field again, or take it out of the mapping."
                            .to_owned(),
                    since: self.now(),
                };
                tracing::warn!(field = %key, "a mapped field cannot be read");
                self.parts.store.connection_problem(key, Some(&problem)).await?;
            }
        }
        let seen_again: Vec<&ConnectionProblem> = known
            .iter()
            .filter(|problem| problem.key.starts_with(HIDDEN) && !now_blind.contains_key(&problem.key))
            .collect();
        if !seen_again.is_empty() {
            // Before the problem goes: what was edited unseen raises no mark any more.
            self.look_at_all().await?;
        }
        for gone in seen_again {
            self.parts.store.connection_problem(&gone.key, None).await?;
        }
        Ok(())
    }

    /// Marks every deal, page by page, in the background.
    pub(crate) async fn look_at_all(&self) -> StoreResult<()> {
        let mut after = None;
        loop {
            let page = self.parts.store.list(after.as_ref(), LIST_PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.id.clone());
            let (now, lane) = (self.now(), WorkLane::Background);
            let hints = Hints { crm: true, portal: true, companion: false };
            let awaits = Awaited::default();
            let mark = |deal| Mark { target: Target::Deal(deal), hints, lane, due: now, heard: now, awaits };
            let marks: Vec<Mark> = page.into_iter().map(|deal| mark(deal.id)).collect();
            self.mark(&marks).await?;
        }
    }
}
