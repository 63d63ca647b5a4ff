//! A person's sign-in, kept in the store: what sessions are granted from in that flow.
//!
//! Contract: over all processes that share the store, one spends the refresh token at a time; if the app rotates it, the
//! successor is stored **before** the session that came with it is used.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::future::BoxFuture;
use jiff::Timestamp;
use oauth::{Spending, SpendingError, Successor};
use ports::{Clock, Rng, StoredToken, TokenStore, TokenStoreError};
use secrecy::{ExposeSecret as _, SecretString};

use crate::{
    Error, LoginConfig, Result,
    login::{Granted, Session},
};

/// What a lease lasts beyond the deadline of the grant: for storing what came of it.
const LEASE_MARGIN: Duration = Duration::from_secs(5);

/// The kept sign-in of one client.
pub(crate) struct Kept {
    store: Arc<dyn TokenStore>,
    spending: Spending,
    lease_lasts: Duration,
    /// The sign-in that was seen last; nothing before the first look.
    seen: Mutex<Option<Present>>,
}

/// The sign-in that a look at the store found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Present {
    Nobody,
    Since(Timestamp),
}

impl Kept {
    /// The sign-in in `store`; a grant takes `deadline` at most.
    pub(crate) fn new(
        store: Arc<dyn TokenStore>,
        clock: Arc<dyn Clock>,
        rng: &dyn Rng,
        deadline: Duration,
    ) -> Self {
        let spending = Spending::new(Arc::clone(&store), clock, LoginConfig::STORE_NAME, rng.guid());
        Self { store, spending, lease_lasts: deadline + LEASE_MARGIN, seen: Mutex::default() }
    }

    /// A session from the stored refresh token. `ask` asks the login host with a token, until an instant.
    pub(crate) async fn grant<'a>(
        &self,
        ask: impl Fn(SecretString, Timestamp) -> BoxFuture<'a, Result<Granted>>,
    ) -> Result<Session> {
        let lease = self.spending.lease(self.lease_lasts).await?;
        let granted = self.grant_until(lease.until, ask).await;
        self.spending.end(&lease).await;
        granted
    }

    async fn grant_until<'a>(
        &self,
        until: Timestamp,
        ask: impl Fn(SecretString, Timestamp) -> BoxFuture<'a, Result<Granted>>,
    ) -> Result<Session> {
        if let Some(successor) = self.spending.unstored() {
            self.spending.keep(successor).await?;
        }
        // Read under the lease: whoever had it before has stored its successor by now.
        let stored = self.stored().await?.ok_or(Error::NotSignedIn)?;
        let refused = match self.spend(&stored, ask(stored.secret.clone(), until)).await {
            Err(error) if error.says_the_sign_in_is_dead() => error,
            other => return other,
        };
        // A person may have signed in meanwhile, or a process whose lease had ended stored what it got all the same.
        match self.stored().await? {
            Some(latest) if latest.version != stored.version => {
                self.spend(&latest, ask(latest.secret.clone(), until)).await
            }
            _ => Err(refused),
        }
    }

    async fn spend(&self, stored: &StoredToken, asked: BoxFuture<'_, Result<Granted>>) -> Result<Session> {
        let Granted { session, refresh_token } = asked.await?;
        let successor = refresh_token.filter(|new| new.expose_secret() != stored.secret.expose_secret());
        if let Some(secret) = successor {
            let successor = Successor { version: stored.version, secret, is_sown: false };
            self.spending.keep(successor).await?;
        }
        Ok(session)
    }

    async fn stored(&self) -> Result<Option<StoredToken>> {
        Ok(self.store.load(LoginConfig::STORE_NAME).await?)
    }

    /// Whether a person signed in since the last look, in whatever process.
    pub(crate) async fn is_new(&self) -> Result<bool> {
        let facts = self.store.facts(LoginConfig::STORE_NAME).await?;
        let present = facts.map_or(Present::Nobody, |facts| Present::Since(facts.signed_in_at));
        let before = self.seen.lock().expect("no code panics while holding this lock").replace(present);
        let is_new = before.is_some_and(|before| before != present);
        if is_new {
            self.spending.forget_unstored();
        }
        Ok(is_new && present != Present::Nobody)
    }
}

impl From<TokenStoreError> for Error {
    fn from(error: TokenStoreError) -> Self {
        Self::NotGranted { reason: error.to_string() }
    }
}

impl From<SpendingError> for Error {
    fn from(error: SpendingError) -> Self {
        Self::NotGranted { reason: error.to_string() }
    }
}
