//! Where refresh tokens last longer than a process.

use std::{collections::BTreeMap, sync::Mutex};

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;

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

    /// Stores `secret` as the successor of `version` (0: none yet). False if somebody else was faster: load again.
    async fn replace(&self, name: &str, version: u64, secret: SecretString) -> Result<bool, TokenStoreError>;
}

/// Keeps tokens for as long as the process lives: for tests and one-off commands.
#[derive(Debug, Default)]
pub struct MemoryTokenStore {
    tokens: Mutex<BTreeMap<String, StoredToken>>,
}

#[async_trait]
impl TokenStore for MemoryTokenStore {
    async fn load(&self, name: &str) -> Result<Option<StoredToken>, TokenStoreError> {
        Ok(self.tokens.lock().expect("no code panics while holding this lock").get(name).cloned())
    }

    async fn replace(&self, name: &str, version: u64, secret: SecretString) -> Result<bool, TokenStoreError> {
        let mut tokens = self.tokens.lock().expect("no code panics while holding this lock");
        let present = tokens.get(name).map_or(0, |token| token.version);
        if present != version {
            return Ok(false);
        }
        let stored_at = Timestamp::now();
        tokens.insert(name.to_owned(), StoredToken { secret, stored_at, version: version + 1 });
        Ok(true)
    }
}
