//! Another mapping, another code list, another switch: a service that starts with other rules than before looks at every
//! deal once more, for what waits for a rule raises no event. Where other records are let in than before, the list that
//! they stand in is read anew: what was not let in has no deal.

use deal_model::digest;

use crate::{Cursor, Engine, StoreResult, sources::BEGINNING};

/// Under which name the store remembers the rules that deals were last looked at with.
const RULES: &str = "engine.rules";

/// ... and the rules by which the portal's records were last let in.
const ADMISSION: &str = "portal.admission";

impl Engine {
    /// Begins the portal's lists anew if it lets in other records than at the last start.
    pub(crate) async fn notice_new_admission(&self) -> StoreResult<()> {
        let store = &self.parts.store;
        let admission = digest(&self.parts.portal.admission()).0;
        if store.cursor(ADMISSION).await?.as_deref() == Some(admission.as_str()) {
            return Ok(());
        }
        let mut cursors = vec![Cursor { source: ADMISSION.to_owned(), position: admission }];
        for source in self.parts.portal.sources() {
            if store.cursor(source.name).await?.is_some() {
                cursors.push(Cursor { source: source.name.to_owned(), position: BEGINNING.to_owned() });
            }
        }
        store.mark(&[], &[], &cursors, None).await.map(drop)
    }

    /// Takes back what was learned of places that a person let go of meanwhile, beside this service.
    pub(crate) async fn notice_released(&self) -> StoreResult<()> {
        if self.parts.store.cursor(RULES).await?.as_deref() != Some(FORGOTTEN) {
            return Ok(());
        }
        let mut known = self.fix_anew().await?;
        self.notice_new_rules().await?;
        // Looking at every deal takes its time, and then the rules are remembered over what was let go of meanwhile.
        loop {
            let now = self.parts.store.fixed_paths().await?;
            if known.iter().all(|fixed| now.contains(fixed)) {
                return Ok(());
            }
            known = self.fix_anew().await?;
            self.look_at_all().await?;
        }
    }

    /// Marks every deal if the rules are not those of the last start.
    pub(crate) async fn notice_new_rules(&self) -> StoreResult<()> {
        let specs = serde_json::to_string(self.parts.specs.as_ref())
            .expect("the compiled mapping has string keys and no failing parts");
        let rules = digest(&format!("{} {specs}", self.parts.mapping)).0;
        if self.parts.store.cursor(RULES).await?.as_deref() == Some(rules.as_str()) {
            return Ok(());
        }
        // Before they are remembered: a start that is stopped here does it again.
        self.look_at_all().await?;
        let remembered = Cursor { source: RULES.to_owned(), position: rules };
        self.parts.store.mark(&[], &[], &[remembered], None).await.map(drop)
    }
}

/// What stands in the place of the rules that deals were looked at with, once a person let go of something.
const FORGOTTEN: &str = "";

/// Lets the next look at the rules look at every deal once more, whatever they are.
pub(crate) fn forgotten_rules() -> Cursor {
    Cursor { source: RULES.to_owned(), position: FORGOTTEN.to_owned() }
}
