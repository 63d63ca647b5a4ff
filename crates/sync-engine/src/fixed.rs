//! Places of the referral that this tenant refuses to change: learned once, remembered over a restart, never tried again
//! by itself (sync rules, section 3).

use std::sync::Arc;

use deal_model::{GroupId, GroupSpec, Specs};
use ports::Rng;

use crate::{ConnectionProblem, Engine, FixedPath, StoreResult, rules::wish_to_look};

/// How the key of a connection's problem begins when it is about such a place.
const FIXED: &str = "fixed.";

impl Engine {
    /// The compiled mapping, less what this portal does not take as [`Engine::recall_fixed`] last found it.
    pub(crate) fn specs(&self) -> Arc<Specs> {
        Arc::clone(&self.specs.lock().expect("no code panics while holding this lock"))
    }

    /// Takes what the store remembers now: another worker may have learned of a place, and a person may have let go of one.
    /// What was learned under another mapping does not count.
    pub(crate) async fn recall_fixed(&self) -> StoreResult<()> {
        let mut known = self.parts.store.fixed_paths().await?;
        known.retain(|fixed| fixed.mapping == self.parts.mapping);
        let is_fixed = |spec: &GroupSpec| known.iter().any(|fixed| fixed.group == spec.id);
        let mut specs = self.specs.lock().expect("no code panics while holding this lock");
        let own = &self.parts.specs.groups;
        if specs.groups.iter().zip(own).all(|(spec, own)| spec.fixed == (own.fixed || is_fixed(spec))) {
            return Ok(());
        }
        // What is paused stays so.
        let switches = specs.switches.clone();
        let mut changed = Specs { switches, ..Specs::clone(&self.parts.specs) };
        changed.groups.iter_mut().filter(|spec| is_fixed(spec)).for_each(fix);
        *specs = Arc::new(changed);
        Ok(())
    }

    /// Forgets, for good, what was learned under another mapping: the places are tried again. Only the store's owner
    /// may.
    pub(crate) async fn forget_fixed(&self) -> StoreResult<()> {
        for fixed in self.parts.store.fixed_paths().await? {
            if fixed.mapping != self.parts.mapping {
                free_path(self.parts.store.as_ref(), &fixed.path, &*self.parts.rng).await?;
            }
        }
        Ok(())
    }

    /// Remembers that the portal refuses changes at `path`, where `group` lives, and tells a person.
    pub(crate) async fn learn_fixed(&self, group: &GroupId, path: &str) -> StoreResult<()> {
        let fixed = FixedPath {
            path: path.to_owned(),
            group: group.clone(),
            mapping: self.parts.mapping.clone(),
            since: self.now(),
        };
        let label = self.label(group);
        tracing::warn!(%path, group = group.as_str(), "the portal refuses changes here; it is written at creation only");
        let problem = ConnectionProblem {
            key: format!("{FIXED}{path}"),
            sentence: format!(
                "{label}: the portal refuses changes of {path}; it is written at creation only."
            ),
            next_step: format!("Change it in Partner Center by hand. To try again: cosell release {path}"),
            since: fixed.since,
        };
        self.parts.store.fix_path(&fixed).await?;
        self.parts.store.connection_problem(&problem.key, Some(&problem)).await?;
        self.fix(group);
        // A deal that was refused there before says so of its value; and what waits there now waits for a person.
        self.look_at_all().await
    }

    fn fix(&self, group: &GroupId) {
        let mut specs = self.specs.lock().expect("no code panics while holding this lock");
        let mut changed = Specs::clone(&specs);
        changed.groups.iter_mut().filter(|spec| spec.id == *group).for_each(fix);
        *specs = Arc::new(changed);
    }
}

/// Nothing is written there any more but at creation.
fn fix(spec: &mut GroupSpec) {
    spec.to.portal.update = false;
    spec.fixed = true;
}

/// A person asks for another try of what the portal refused at `path`; whether anything was known of it. A running service
/// hears of it, and the next start does: every deal is looked at, for what waits there raises no event. Also beside the
/// store's owner.
pub async fn free_path(store: &dyn crate::Store, path: &str, ids: &dyn Rng) -> StoreResult<bool> {
    store.free_path(path, &format!("{FIXED}{path}"), &wish_to_look(ids)).await
}
