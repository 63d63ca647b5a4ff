//! A changed mapping on a running system: it is told once for all deals that differ, and by deal in the history.

use deal_model::{Memory, Specs};

use crate::{AuditLine, ConnectionProblem, Engine, StoreResult};

/// The key of the one problem that tells of all deals.
pub const REMAPPED: &str = "mapping.changed";
/// What history calls a line about fields whose meaning the mapping changed.
const WHAT: &str = "remapped";
/// How the stage is called beside the fields.
const STAGE: &str = "stage";

impl Engine {
    /// Tells in one problem how many deals differ since the mapping changed, or that none does any more.
    pub(crate) async fn tell_of_remapped(&self) -> StoreResult<()> {
        let deals = self.parts.store.counts(self.now()).await?.remapped;
        let known = self.parts.store.connection_problems().await?;
        let known = known.iter().find(|problem| problem.key == REMAPPED);
        if deals == 0 {
            return match known {
                Some(_) => self.parts.store.connection_problem(REMAPPED, None).await,
                None => Ok(()),
            };
        }
        let (many, differ) = if deals == 1 { ("deal", "differs") } else { ("deals", "differ") };
        let problem = ConnectionProblem {
            key: REMAPPED.to_owned(),
            sentence: format!(
                "{deals} {many} {differ} since the mapping changed; nothing of them was rewritten."
            ),
            next_step: "Look at them: cosell mapping rewrite. With --apply they are made equal.".to_owned(),
            since: known.map_or_else(|| self.now(), |known| known.since),
        };
        if known.is_some_and(|known| known.sentence == problem.sentence) {
            return Ok(());
        }
        self.parts.store.connection_problem(REMAPPED, Some(&problem)).await
    }

    /// The line of history about what is newly found to differ since the mapping changed.
    pub(crate) fn remapping(&self, specs: &Specs, before: &Memory, after: &Memory) -> Option<AuditLine> {
        let (was, is) = (&before.mapped, &after.mapped);
        let fresh = is.differs.keys().filter(|group| !was.differs.contains_key(group));
        let groups: Vec<_> = fresh.cloned().collect();
        let mut named: Vec<String> =
            groups.iter().filter_map(|group| Some(specs.group(group)?.label().to_owned())).collect();
        if is.life_differs.is_some() && was.life_differs.is_none() {
            named.push(STAGE.to_owned());
        }
        if named.is_empty() {
            return None;
        }
        let sentence = format!(
            "The mapping changed: both sides now differ in {}; nothing is rewritten.",
            named.join(", ")
        );
        let groups = groups.iter().map(ToString::to_string).collect();
        Some(AuditLine { groups, ..self.line(WHAT, &sentence) })
    }
}
