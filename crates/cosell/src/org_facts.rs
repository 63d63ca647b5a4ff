//! What outlasts the process: how the org takes conditional writes, its options, and the mapping by which the service runs.

use anyhow::bail;
use connectors::salesforce::OrgFeatures;
use jiff::Timestamp;
use store::{Database, OrgFact};
use sync_engine::StoreResult;

use crate::store_place::at_once;

/// The fact that tells how a composite call takes the conditional header.
const CONDITIONAL: &str = "conditional_in_composite";
const HONOURED: &str = "honoured";
const IGNORED: &str = "ignored";
/// How the names of facts about options begin.
const OPTION: &str = "option.";

/// The fact that tells the version of the service's mapping.
const MAPPING: &str = "mapping";

/// Keeps the version of the mapping by which the service begins to run.
pub(crate) fn keep_mapping(store: &dyn Database, version: &str, at: Timestamp) -> StoreResult<()> {
    at_once(store.keep_org_facts(&[OrgFact { name: MAPPING.to_owned(), value: version.to_owned(), at }]))
}

/// What is decided by one version of the mapping must not be carried out by another. A store in which no service ever
/// ran waits for one that reads the present file.
///
/// # Errors
/// If the service runs, or ran last, by another version than `version`.
pub(crate) fn require_the_services_mapping(store: &dyn Database, version: &str) -> anyhow::Result<()> {
    let facts = at_once(store.org_facts())?;
    match facts.into_iter().find(|fact| fact.name == MAPPING) {
        Some(OrgFact { value, .. }) if value != version => bail!(
            "nothing was decided: the service runs the mapping {value}, and this file is {version}\n  fix: restart the \
             service first (cosell run), so that what is decided by this file is carried out by it"
        ),
        _ => Ok(()),
    }
}

/// The outcome of the last trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Conditional {
    /// Whether a composite subrequest honours the conditional header.
    pub(crate) honoured: bool,
    /// When it was tried.
    pub(crate) at: Timestamp,
}

/// The outcome of the last trial, if there was one.
pub(crate) fn conditional(store: &dyn Database) -> StoreResult<Option<Conditional>> {
    let facts = at_once(store.org_facts())?;
    let fact = facts.into_iter().find(|fact| fact.name == CONDITIONAL);
    Ok(fact.map(|fact| Conditional { honoured: fact.value == HONOURED, at: fact.at }))
}

/// Keeps the outcome of a trial for the service.
pub(crate) fn keep_conditional(store: &dyn Database, outcome: Conditional) -> StoreResult<()> {
    let value = if outcome.honoured { HONOURED } else { IGNORED };
    at_once(store.keep_org_facts(&[OrgFact {
        name: CONDITIONAL.to_owned(),
        value: value.to_owned(),
        at: outcome.at,
    }]))
}

/// Keeps how the org's options stand now; tells those that stood otherwise when they were last looked at.
pub(crate) fn note_features(
    store: &dyn Database,
    features: &OrgFeatures,
    at: Timestamp,
) -> StoreResult<Vec<Changed>> {
    let before = at_once(store.org_facts())?;
    let mut changed = Vec::new();
    let mut facts = Vec::new();
    for (option, now) in features.told() {
        let name = format!("{OPTION}{option}");
        if let Some(fact) = before.iter().find(|fact| fact.name == name && fact.value != now) {
            changed.push(Changed { option, before: fact.value.clone(), now: now.clone() });
        }
        facts.push(OrgFact { name, value: now, at });
    }
    at_once(store.keep_org_facts(&facts))?;
    Ok(changed)
}

/// An option of the org that stands otherwise than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Changed {
    pub(crate) option: &'static str,
    pub(crate) before: String,
    pub(crate) now: String,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

    use store::{Options, SqliteStore};

    use super::*;

    #[test]
    fn only_the_services_own_mapping_decides_and_a_store_without_a_service_asks_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("store.db"), Options::default()).unwrap();
        require_the_services_mapping(&store, "1-a").unwrap();
        let at: Timestamp = "2026-11-22T06:00:00Z".parse().unwrap();
        keep_mapping(&store, "1-a", at).unwrap();
        require_the_services_mapping(&store, "1-a").unwrap();
        let told = require_the_services_mapping(&store, "1-b").unwrap_err().to_string();
        assert!(told.contains("1-a") && told.contains("1-b") && told.contains("fix: restart"), "{told}");
        keep_mapping(&store, "1-b", at).unwrap();
        require_the_services_mapping(&store, "1-b").unwrap();
    }
}
