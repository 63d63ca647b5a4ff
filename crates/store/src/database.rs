//! What the program asks of a store besides the engine's port, whichever kind it is.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use ports::{BudgetBook, Platform, TokenStore};
use sync_engine::{Store, StoreResult};

use crate::postgres::CommonClock;

/// One thing that was found out about the org.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrgFact {
    /// What it is about.
    pub name: String,
    /// How it stands.
    pub value: String,
    /// When it was last looked at.
    pub at: Timestamp,
}

/// A store with everything that the program keeps.
#[async_trait]
pub trait Database: Store + TokenStore + BudgetBook {
    /// Looks whether the store belongs to `tenant_id`, or to nobody yet. Writes nothing.
    ///
    /// # Errors
    /// [`sync_engine::StoreError::Foreign`] if it belongs to another tenant.
    async fn require_tenant(&self, tenant_id: &str) -> StoreResult<()>;

    /// Lets `clock` follow the store's own clock, if it has one that many processes share.
    ///
    /// # Errors
    /// If it does not tell the time.
    async fn tell_time(&self, _clock: &Arc<CommonClock>) -> StoreResult<()> {
        Ok(())
    }

    /// The Salesforce org that the store is bound to, if it is bound yet.
    async fn bound_org(&self) -> StoreResult<Option<String>>;

    /// What was found out about the org, by name.
    async fn org_facts(&self) -> StoreResult<Vec<OrgFact>>;

    /// Keeps what was found out; the newer look counts. Also by a command beside the store's owner.
    async fn keep_org_facts(&self, facts: &[OrgFact]) -> StoreResult<()>;
}

/// A platform that this program does not know has no calls that could be held back.
pub(crate) fn of_known_platforms<T>(rows: Vec<(String, T)>) -> Vec<(Platform, T)> {
    let named = |name: &str| Platform::ALL.into_iter().find(|platform| platform.name() == name);
    rows.into_iter().filter_map(|(name, said)| Some((named(&name)?, said))).collect()
}
