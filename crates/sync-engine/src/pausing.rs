//! What operators paused, as the loop goes by it: a paused flow is a switch that is off, and what is resumed is looked at.

use deal_model::{DealId, Specs};
use ports::Rng;

use crate::{Engine, Pause, PauseScope, PauseWish, Store, StoreResult, rules::wish_to_look};

impl Engine {
    /// Takes what is paused now: flows into the switches, and the rest for the caller.
    pub(crate) async fn recall_pauses(&self) -> StoreResult<Vec<Pause>> {
        let pauses = self.parts.store.pauses().await?;
        let mut switches = self.parts.specs.switches.clone();
        for pause in &pauses {
            if let PauseScope::Flow(flow) = pause.scope {
                flow.switch_off(&mut switches);
            }
        }
        let mut specs = self.specs.lock().expect("no code panics while holding this lock");
        if specs.switches != switches {
            *specs = std::sync::Arc::new(Specs { switches, ..Specs::clone(&specs) });
        }
        Ok(pauses)
    }
}

/// The pause that stops this deal; its own before everything's.
pub(crate) fn pause_of<'a>(pauses: &'a [Pause], deal: &DealId) -> Option<&'a Pause> {
    let mut stopping = pauses.iter().filter(|pause| pause.scope.stops(deal));
    let first = stopping.next()?;
    Some(stopping.find(|pause| pause.scope != PauseScope::All).unwrap_or(first))
}

/// A person resumes what was paused; what it was, if it was. After a flow, or everything, a running service looks at every
/// deal, and the next start does. Also beside the store's owner.
pub async fn resume(store: &dyn Store, wish: &PauseWish, ids: &dyn Rng) -> StoreResult<Option<Pause>> {
    store.resume(wish, &wish_to_look(ids)).await
}
