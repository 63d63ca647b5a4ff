//! Another mapping, another code list, another switch: a service that starts with other rules than before looks at every
//! deal once more, for what waits for a rule raises no event.

use deal_model::digest;

use crate::{Cursor, Engine, StoreResult};

/// Under which name the store remembers the rules that deals were last looked at with.
const RULES: &str = "engine.rules";

impl Engine {
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
