//! Where refresh tokens last longer than a process.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard},
};

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;

use crate::{Clock, SystemClock};

/// A token at rest, with the version that a replacement must name.
#[derive(Debug, Clone)]
pub struct StoredToken {
    /// The refresh token. Never logged, sealed by the store.
    pub secret: SecretString,
    /// When it was stored; its age decides how soon it is renewed.
    pub stored_at: Timestamp,
    /// Grows by one with each replacement.
    pub version: u64,
}

/// What is known of a token at rest without opening it.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenFacts {
    /// Grows by one with each replacement.
    pub version: u64,
    /// When it was stored.
    pub stored_at: Timestamp,
    /// When a person last signed in; its successors came of that sign-in.
    pub signed_in_at: Timestamp,
    /// Whose sign-in it is, if the identity platform said so. Personal data: for a person's eyes, never for a log.
    pub account: Option<String>,
    /// What the platform demands of the next sign-in: the `claims` parameter of an authorization request.
    pub challenge: Option<String>,
}

impl fmt::Debug for TokenFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenFacts")
            .field("version", &self.version)
            .field("stored_at", &self.stored_at)
            .field("signed_in_at", &self.signed_in_at)
            .field("challenged", &self.challenge.is_some())
            .finish_non_exhaustive()
    }
}

/// The right to spend a token for a while. It keeps two processes from spending one token at the same time; what
/// decides whose successor is kept is the token's version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenLease {
    /// The token's name.
    pub name: String,
    /// Who holds it.
    pub owner: String,
    /// Tells this lease from every other.
    pub number: u64,
    /// When it ends by itself.
    pub until: Timestamp,
}

/// Why a token could not be read or kept.
#[derive(Debug, Clone, thiserror::Error)]
#[error("token {name}: {reason}")]
pub struct TokenStoreError {
    /// The token's name, never its value.
    pub name: String,
    /// What failed and what to do.
    pub reason: String,
}

/// Keeps refresh tokens durably. A rotated token is stored **before** the access token it came with is used.
#[async_trait]
pub trait TokenStore: Send + Sync + 'static {
    /// The newest token of this name, if there is one.
    async fn load(&self, name: &str) -> Result<Option<StoredToken>, TokenStoreError>;

    /// What is known of the newest token of this name. Needs no key.
    async fn facts(&self, name: &str) -> Result<Option<TokenFacts>, TokenStoreError>;

    /// Stores `secret` as the successor of `version` (0: none yet). False if somebody else was faster: load again.
    async fn replace(&self, name: &str, version: u64, secret: SecretString) -> Result<bool, TokenStoreError>;

    /// As [`TokenStore::replace`], but with what came of a configured token: nobody known signed in, just now.
    async fn sow(&self, name: &str, version: u64, secret: SecretString) -> Result<bool, TokenStoreError>;

    /// Stores what a person's sign-in brought, whatever stood there; a challenge is thereby answered.
    async fn sign_in(
        &self,
        name: &str,
        secret: SecretString,
        account: Option<String>,
    ) -> Result<(), TokenStoreError>;

    /// Keeps what the next sign-in must satisfy, or forgets it. Does nothing while there is no token.
    async fn challenge(&self, name: &str, claims: Option<&str>) -> Result<(), TokenStoreError>;

    /// The right to spend the token until `until`; nothing while another owner has it. An owner that has it already
    /// prolongs it.
    async fn lease(
        &self,
        name: &str,
        owner: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<TokenLease>, TokenStoreError>;

    /// Gives the right back; does nothing if it is somebody else's by now.
    async fn end_lease(&self, lease: &TokenLease) -> Result<(), TokenStoreError>;
}

/// Keeps tokens for as long as the process lives: for tests and one-off commands.
pub struct MemoryTokenStore {
    clock: Arc<dyn Clock>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    tokens: BTreeMap<String, (SecretString, TokenFacts)>,
    leases: BTreeMap<String, TokenLease>,
    leases_given: u64,
}

impl Default for MemoryTokenStore {
    fn default() -> Self {
        Self::dated_by(Arc::new(SystemClock))
    }
}

impl MemoryTokenStore {
    /// An empty store that dates tokens by `clock`.
    pub fn dated_by(clock: Arc<dyn Clock>) -> Self {
        Self { clock, kept: Mutex::default() }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().expect("no code panics while holding this lock")
    }

    /// Stores the successor of `version`. `inherits`: what of the facts before it is true of it too.
    fn succeed(
        &self,
        name: &str,
        version: u64,
        secret: SecretString,
        inherits: fn(Option<TokenFacts>) -> Option<TokenFacts>,
    ) -> bool {
        let now = self.clock.now();
        let mut kept = self.kept();
        let before = kept.tokens.get(name).map(|(_, facts)| facts.clone());
        if before.as_ref().map_or(0, |facts| facts.version) != version {
            return false;
        }
        let facts = inherits(before).unwrap_or(TokenFacts {
            version,
            stored_at: now,
            signed_in_at: now,
            account: None,
            challenge: None,
        });
        let facts = TokenFacts { version: version + 1, stored_at: now, ..facts };
        kept.tokens.insert(name.to_owned(), (secret, facts));
        true
    }
}

#[async_trait]
impl TokenStore for MemoryTokenStore {
    async fn load(&self, name: &str) -> Result<Option<StoredToken>, TokenStoreError> {
        Ok(self.kept().tokens.get(name).map(|(secret, facts)| StoredToken {
            secret: secret.clone(),
            stored_at: facts.stored_at,
            version: facts.version,
        }))
    }

    async fn facts(&self, name: &str) -> Result<Option<TokenFacts>, TokenStoreError> {
        Ok(self.kept().tokens.get(name).map(|(_, facts)| facts.clone()))
    }

    async fn replace(&self, name: &str, version: u64, secret: SecretString) -> Result<bool, TokenStoreError> {
        Ok(self.succeed(name, version, secret, |before| before))
    }

    async fn sow(&self, name: &str, version: u64, secret: SecretString) -> Result<bool, TokenStoreError> {
        Ok(self.succeed(name, version, secret, |_| None))
    }

    async fn sign_in(
        &self,
        name: &str,
        secret: SecretString,
        account: Option<String>,
    ) -> Result<(), TokenStoreError> {
        let now = self.clock.now();
        let mut kept = self.kept();
        let version = kept.tokens.get(name).map_or(0, |(_, facts)| facts.version) + 1;
        let facts = TokenFacts { version, stored_at: now, signed_in_at: now, account, challenge: None };
        kept.tokens.insert(name.to_owned(), (secret, facts));
        Ok(())
    }

    async fn challenge(&self, name: &str, claims: Option<&str>) -> Result<(), TokenStoreError> {
        if let Some((_, facts)) = self.kept().tokens.get_mut(name) {
            facts.challenge = claims.map(ToOwned::to_owned);
        }
        Ok(())
    }

    async fn lease(
        &self,
        name: &str,
        owner: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<TokenLease>, TokenStoreError> {
        let mut kept = self.kept();
        let held = kept.leases.get(name).filter(|lease| lease.until > now).cloned();
        let number = match held {
            Some(lease) if lease.owner == owner => lease.number,
            Some(_) => return Ok(None),
            None => {
                kept.leases_given += 1;
                kept.leases_given
            }
        };
        let lease = TokenLease { name: name.to_owned(), owner: owner.to_owned(), number, until };
        kept.leases.insert(name.to_owned(), lease.clone());
        Ok(Some(lease))
    }

    async fn end_lease(&self, lease: &TokenLease) -> Result<(), TokenStoreError> {
        let mut kept = self.kept();
        if kept.leases.get(&lease.name).is_some_and(|held| held.number == lease.number) {
            kept.leases.remove(&lease.name);
        }
        Ok(())
    }
}
