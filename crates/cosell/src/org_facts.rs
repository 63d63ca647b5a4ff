//! What was found out about the org and outlasts the process: how it takes conditional writes, and its options.

use connectors::salesforce::OrgFeatures;
use jiff::Timestamp;
use store::{SqliteStore, sqlite::OrgFact};
use sync_engine::StoreResult;

/// The fact that tells how a composite call takes the conditional header.
const CONDITIONAL: &str = "conditional_in_composite";
const HONOURED: &str = "honoured";
const IGNORED: &str = "ignored";
/// How the names of facts about options begin.
const OPTION: &str = "option.";

/// The outcome of the last trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Conditional {
    /// Whether a composite subrequest honours the conditional header.
    pub(crate) honoured: bool,
    /// When it was tried.
    pub(crate) at: Timestamp,
}

/// The outcome of the last trial, if there was one.
pub(crate) fn conditional(store: &SqliteStore) -> StoreResult<Option<Conditional>> {
    let facts = store.org_facts()?;
    let fact = facts.into_iter().find(|fact| fact.name == CONDITIONAL);
    Ok(fact.map(|fact| Conditional { honoured: fact.value == HONOURED, at: fact.at }))
}

/// Keeps the outcome of a trial for the service.
pub(crate) fn keep_conditional(store: &SqliteStore, outcome: Conditional) -> StoreResult<()> {
    let value = if outcome.honoured { HONOURED } else { IGNORED };
    store.keep_org_facts(&[OrgFact { name: CONDITIONAL.to_owned(), value: value.to_owned(), at: outcome.at }])
}

/// Keeps how the org's options stand now; tells those that stood otherwise when they were last looked at.
pub(crate) fn note_features(
    store: &SqliteStore,
    features: &OrgFeatures,
    at: Timestamp,
) -> StoreResult<Vec<Changed>> {
    let before = store.org_facts()?;
    let mut changed = Vec::new();
    let mut facts = Vec::new();
    for (option, now) in features.told() {
        let name = format!("{OPTION}{option}");
        if let Some(fact) = before.iter().find(|fact| fact.name == name && fact.value != now) {
            changed.push(Changed { option, before: fact.value.clone(), now: now.clone() });
        }
        facts.push(OrgFact { name, value: now, at });
    }
    store.keep_org_facts(&facts)?;
    Ok(changed)
}

/// An option of the org that stands otherwise than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Changed {
    pub(crate) option: &'static str,
    pub(crate) before: String,
    pub(crate) now: String,
}
