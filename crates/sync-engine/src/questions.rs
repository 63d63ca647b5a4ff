//! What a person may decide about a deal that was just previewed, with what would come of it.

use deal_model::{Choice, GroupHeld, PerSide, PlanInput, Question, Specs, pushing, questions, restoration};

use crate::{ArchivedRow, Engine, Preview};

impl Engine {
    /// Everything on which the two sides differ, be a person asked or not.
    pub fn questions(&self, preview: &Preview) -> Vec<Question> {
        questions(&self.previewed(preview, &self.specs()))
    }

    /// What would come of restoring this losing value, and what each side holds instead of it now. `None` if the mapping
    /// has no such group (any more), a side was not read, or the value was erased.
    pub fn restoration(&self, preview: &Preview, row: &ArchivedRow) -> Option<(PerSide<GroupHeld>, Choice)> {
        if row.erased.is_some() {
            return None;
        }
        restoration(&self.previewed(preview, &self.specs()), row.id, &row.archived)
    }

    /// What would come of a person's having the referral created.
    pub fn pushing(&self, preview: &Preview) -> Choice {
        pushing(&self.previewed(preview, &self.specs()))
    }

    fn previewed<'a>(&'a self, preview: &'a Preview, specs: &'a Specs) -> PlanInput<'a> {
        PlanInput {
            deal: &preview.deal,
            crm: &preview.crm,
            portal: &preview.portal,
            specs,
            mapping: &self.parts.mapping,
            now: self.now(),
            portal_ahead: self.portal_ahead(),
            claimed_elsewhere: false,
        }
    }
}
