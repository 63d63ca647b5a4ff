//! The spending of a kept refresh token.
//!
//! Contract: over all processes that share a store, one spends at a time (a lease); a successor is stored **before** the
//! access token that came with it is used. What decides whose successor is kept is the token's version.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use ports::{Clock, TokenLease, TokenStore, TokenStoreError};
use secrecy::SecretString;

/// Times a lost race for the store is run again.
const MAX_STORE_ATTEMPTS: u32 = 4;
/// How often is looked whether another process's lease has ended.
const LEASE_LOOK: Duration = Duration::from_millis(200);

/// A refresh token that was granted.
#[derive(Clone)]
pub struct Successor {
    /// The version of the stored token that it follows.
    pub version: u64,
    /// The token.
    pub secret: SecretString,
    /// It came of a configured token, not of the stored one.
    pub is_sown: bool,
}

/// Why a token cannot be spent, or its successor not kept, this time.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SpendingError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] TokenStoreError),
    /// Others kept changing the row.
    #[error("the rotated refresh token could not be stored: others kept changing it")]
    Contended,
    /// Another process spends it, and did not end in time.
    #[error("another process is renewing the sign-in")]
    Leased,
}

/// The right to spend one stored token, again and again.
pub struct Spending {
    store: Arc<dyn TokenStore>,
    clock: Arc<dyn Clock>,
    name: String,
    /// Tells these leases from those of other processes.
    owner: String,
    /// Granted and not stored yet: stored before anything else is spent, for the platform may have killed the token
    /// that it follows.
    unstored: Mutex<Option<Successor>>,
}

impl Spending {
    /// Of the token `name` in `store`; `owner` is this process's own.
    pub fn new(
        store: Arc<dyn TokenStore>,
        clock: Arc<dyn Clock>,
        name: impl Into<String>,
        owner: String,
    ) -> Self {
        Self { store, clock, name: name.into(), owner, unstored: Mutex::default() }
    }

    /// The right to spend the token for `lasts`; waits for another process no longer than its right can last.
    ///
    /// # Errors
    /// [`SpendingError::Leased`], [`SpendingError::Store`].
    pub async fn lease(&self, lasts: Duration) -> Result<TokenLease, SpendingError> {
        let give_up = later(self.clock.now(), lasts + LEASE_LOOK);
        loop {
            let now = self.clock.now();
            if let Some(lease) = self.store.lease(&self.name, &self.owner, now, later(now, lasts)).await? {
                return Ok(lease);
            }
            if now >= give_up {
                return Err(SpendingError::Leased);
            }
            self.clock.sleep(LEASE_LOOK).await;
        }
    }

    /// Gives the right back. A store that fails costs nothing: it ends by itself.
    pub async fn end(&self, lease: &TokenLease) {
        let _ = self.store.end_lease(lease).await;
    }

    /// The successor that could not be stored when it came, if there is one.
    pub fn unstored(&self) -> Option<Successor> {
        self.unstored_now().clone()
    }

    /// Forgets it: a person signed in anew.
    pub fn forget_unstored(&self) {
        *self.unstored_now() = None;
    }

    /// Stores `successor`, even if the lease ended meanwhile: nobody else has it. While the store fails it is kept in
    /// memory, for the next try ([`Spending::unstored`]).
    ///
    /// # Errors
    /// [`SpendingError::Contended`], [`SpendingError::Store`].
    pub async fn keep(&self, successor: Successor) -> Result<(), SpendingError> {
        *self.unstored_now() = Some(successor.clone());
        self.store_successor(&successor).await?;
        *self.unstored_now() = None;
        Ok(())
    }

    /// If another process stored one, that one stays: it came from the same token, or from a person, and may have
    /// been spent already.
    async fn store_successor(&self, successor: &Successor) -> Result<(), SpendingError> {
        let mut version = successor.version;
        for _ in 0..MAX_STORE_ATTEMPTS {
            let secret = successor.secret.clone();
            let is_stored = if successor.is_sown {
                self.store.sow(&self.name, version, secret).await?
            } else {
                self.store.replace(&self.name, version, secret).await?
            };
            if is_stored {
                return Ok(());
            }
            match self.store.load(&self.name).await? {
                Some(present) if present.version > version => return Ok(()),
                // A store that was emptied or restored: the token in hand is the newest there is.
                present => version = present.map_or(0, |present| present.version),
            }
        }
        Err(SpendingError::Contended)
    }

    fn unstored_now(&self) -> MutexGuard<'_, Option<Successor>> {
        self.unstored.lock().expect("no code panics while holding this lock")
    }
}

fn later(now: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    now.saturating_add(by).unwrap_or(Timestamp::MAX)
}
