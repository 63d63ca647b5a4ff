//! Another mapping, another code list, another switch: a worker that begins with other rules than were in force looks at
//! every deal once more, for what waits for a rule raises no event. Where other records are let in than before, the list
//! that they stand in is read anew: what was not let in has no deal.
//!
//! Of workers with different rules those that began last count. The others claim nothing and commit nothing of what they
//! read, and end: else they would take up, by their own rules, what is to be looked at by the new ones.

use std::sync::Arc;

use deal_model::digest;
use ports::Rng;

use crate::{Cursor, Engine, Entry, Fence, StoreError, StoreResult, sources::BEGINNING};

/// Under which name the store remembers the rules that deals were last looked at with.
const RULES: &str = "engine.rules";

/// ... the rules of who began last,
const IN_FORCE: &str = "engine.rules_in_force";

/// ... and the rules by which the portal's records were last let in.
const ADMISSION: &str = "portal.admission";

/// The lease of who looks at every deal while the service runs: one worker is enough.
const LOOKING: &str = "rules.look";

/// The rules of this worker, once it told the store of them.
#[derive(Debug)]
pub(crate) struct Entered {
    /// What deals are looked at with.
    looked: String,
    /// What has to be in force while it works.
    in_force: Cursor,
}

impl Engine {
    /// Begins to work by this worker's rules. The portal's lists begin anew if it lets in other records than before.
    pub(crate) async fn enter(&self) -> StoreResult<()> {
        let specs = serde_json::to_string(self.parts.specs.as_ref())
            .expect("the compiled mapping has string keys and no failing parts");
        let looked = digest(&format!("{} {specs}", self.parts.mapping)).0;
        let admission = digest(&self.parts.portal.admission()).0;
        let at = |source: &str, position: String| Cursor { source: source.to_owned(), position };
        let in_force = at(IN_FORCE, digest(&format!("{looked} {admission}")).0);
        let lists = self.parts.portal.sources().into_iter();
        let entry = Entry {
            rules: in_force.clone(),
            admission: at(ADMISSION, admission),
            lists: lists.map(|source| at(source.name, BEGINNING.to_owned())).collect(),
        };
        self.parts.store.enter(&entry).await?;
        *self.entered.lock().expect(LOCK) = Some(Arc::new(Entered { looked, in_force }));
        Ok(())
    }

    fn entered(&self) -> Option<Arc<Entered>> {
        self.entered.lock().expect(LOCK).clone()
    }

    /// What has to be in force for this worker to claim anything.
    pub(crate) fn own_rules(&self) -> Option<Cursor> {
        self.entered().map(|entered| entered.in_force.clone())
    }

    /// A reader's lease, if nobody else has it. Taken before the rules are asked for: whoever begins with others takes it
    /// away.
    pub(crate) async fn reader_lease(
        &self,
        name: &str,
        until: jiff::Timestamp,
    ) -> StoreResult<Option<Fence>> {
        let store = &self.parts.store;
        let fence = store.lease(name, &self.parts.settings.owner, self.now(), until).await?;
        if let Some(fence) = &fence
            && let Err(error) = self.require_own_rules().await
        {
            store.end_lease(fence).await?;
            return Err(error);
        }
        Ok(fence)
    }

    /// Refuses to go on by rules that are not in force any more.
    async fn require_own_rules(&self) -> StoreResult<()> {
        let Some(entered) = self.entered() else { return Ok(()) };
        let in_force = self.parts.store.cursor(IN_FORCE).await?;
        let is_own = in_force.as_deref() == Some(entered.in_force.position.as_str());
        if is_own { Ok(()) } else { Err(StoreError::OtherRules) }
    }

    /// Whether every deal is still to be looked at: by new rules, or because a person let go of something since the last
    /// time. Where that stands now.
    async fn unlooked(&self, entered: &Entered) -> StoreResult<Option<Option<String>>> {
        let found = self.parts.store.cursor(RULES).await?;
        Ok((found.as_deref() != Some(entered.looked.as_str())).then_some(found))
    }

    /// Marks every deal, if they were not looked at by these rules, or not since a person let go of something.
    pub(crate) async fn look_by_rules(&self) -> StoreResult<()> {
        let Some(entered) = self.entered() else { return Ok(()) };
        while let Some(found) = self.unlooked(&entered).await? {
            self.require_own_rules().await?;
            // Before it is remembered: a look that is stopped here is begun again.
            self.look_at_all().await?;
            // What was let go of while it lasted stands there by another name, and so every deal is looked at once more.
            let looked = Cursor { source: RULES.to_owned(), position: entered.looked.clone() };
            self.parts.store.replace_cursor(found.as_deref(), &looked).await?;
        }
        Ok(())
    }

    /// The same while the service runs: by one of the workers.
    pub(crate) async fn notice_wishes(&self) -> StoreResult<()> {
        let Some(entered) = self.entered() else { return Ok(()) };
        if self.unlooked(&entered).await?.is_none() {
            return Ok(());
        }
        let (store, owner) = (&self.parts.store, &self.parts.settings.owner);
        let until = self.in_(self.parts.settings.lease);
        let Some(fence) = store.lease(LOOKING, owner, self.now(), until).await? else { return Ok(()) };
        let looked = self.look_by_rules().await;
        store.end_lease(&fence).await?;
        looked
    }
}

/// Why a lock of the engine is never poisoned.
const LOCK: &str = "no code panics while holding this lock";

/// Lets the next look at the rules look at every deal once more, whatever they are. No two wishes are the same: one that
/// comes while another is carried out is not taken for it.
pub(crate) fn wish_to_look(ids: &dyn Rng) -> Cursor {
    Cursor { source: RULES.to_owned(), position: format!("forgotten:{}", ids.guid()) }
}
