//! What the program asks of a store besides the engine's port, whichever kind it is.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use ports::{BudgetBook, Platform, TokenStore};
use serde::Serialize;
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

/// A place outside of deals where operators' words and names stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remark {
    /// `table.column`.
    pub place: &'static str,
    /// Different texts there that name what was searched for.
    pub texts: u64,
}

/// A data key's place, for going on behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPlace {
    pub(crate) subject: String,
    pub(crate) number: u64,
}

/// What a page of sealing anew came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resealed {
    /// How many were looked at.
    pub looked: u64,
    /// How many of them are sealed anew.
    pub sealed: u64,
    /// Tokens that no key opens.
    pub unreadable: u64,
    /// Where the next page begins; `None` at the end.
    pub last: Option<KeyPlace>,
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

    /// Seals data keys after `after` under the present seal key, at most `most`, if a former one or none sealed them. Also by
    /// a command beside the store's owner. What stands on another page opens as before: it can be broken off anywhere.
    ///
    /// # Errors
    /// [`sync_engine::StoreError::Failed`] if there is no seal key, or none opens one of them.
    async fn reseal_keys(&self, after: Option<&KeyPlace>, most: usize) -> StoreResult<Resealed>;

    /// How many data keys lie in the clear, because there was no seal key when they were drawn.
    async fn keys_in_clear(&self) -> StoreResult<u64>;

    /// Looks whether the seal key is that of the store: whether it opens the oldest or the newest of the data keys that one
    /// sealed. Writes nothing, and asks nothing of a store that has none.
    ///
    /// # Errors
    /// [`sync_engine::StoreError::Failed`] if it opens neither, or there is no seal key.
    async fn require_key(&self) -> StoreResult<()>;

    /// Seals all tokens under the present seal key.
    async fn reseal_tokens(&self) -> StoreResult<Resealed>;

    /// Where operators' own words and names (pauses, decisions, sign-ins, problems of connections) name an e-mail address;
    /// with `erase` they name it no more. Also by a command beside the store's owner.
    async fn remarks(&self, address: &str, erase: bool) -> StoreResult<Vec<Remark>>;

    /// How many bytes [`Store::scrub`] writes anew; whoever works waits meanwhile.
    async fn bytes_to_scrub(&self) -> StoreResult<u64>;
}

/// A platform that this program does not know has no calls that could be held back.
pub(crate) fn of_known_platforms<T>(rows: Vec<(String, T)>) -> Vec<(Platform, T)> {
    let named = |name: &str| Platform::ALL.into_iter().find(|platform| platform.name() == name);
    rows.into_iter().filter_map(|(name, said)| Some((named(&name)?, said))).collect()
}
