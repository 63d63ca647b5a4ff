//! Access tokens from one refresh token, for both audiences.
//!
//! Contract: at most one refresh is under way at a time; whoever asks meanwhile for the same audience shares its
//! outcome, and it goes on when they stop waiting. A rotated refresh token is stored **before** the access token that came with it is handed out. The
//! store's token wins over the configured one (the *seed*); the seed is used when the store is empty, and once more
//! when the platform refuses the stored token as dead: that is how an operator hands in a new one.
//!
//! A refresh rides on the place in the budget of the call that needs it: it goes to the identity platform, whose
//! allowance is another one.

mod error;
mod grant;

pub use error::AuthError;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use futures::FutureExt as _;
use jiff::Timestamp;
use ports::{Clock, HttpService, RetryClass, StoredToken, TokenStore};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;

use crate::{auth::grant::Granted, config::Audience, flight::Flights};

/// Times a lost race for the store is run again.
const MAX_STORE_ATTEMPTS: u32 = 4;
/// Wait before the store is asked again whether another process stored a successor of a refused token.
const SUCCESSOR_WAIT: Duration = Duration::from_secs(1);

/// How tokens are had.
#[derive(Clone)]
pub struct TokenConfig {
    /// The v2 token endpoint of the tenant, for example
    /// `https://login.microsoftonline.com/TENANT/oauth2/v2.0/token`.
    pub token_url: String,
    /// The Entra application's id.
    pub client_id: String,
    /// Its secret, if it is not a public client.
    pub client_secret: Option<SecretString>,
    /// The refresh token from the configuration: used while the store holds none, or only a dead one.
    pub seed: Option<SecretString>,
    /// The name under which the refresh token is stored.
    pub store_name: String,
    /// Scope for the Referrals API.
    pub referrals_scope: String,
    /// Scope for the webhook registration.
    pub webhooks_scope: String,
    /// How long before its end a token counts as ended.
    pub renew_before: Duration,
    /// How long a refusal that only a person can end is remembered instead of being fetched again.
    pub refusal_hold: Duration,
    /// From the start of a refresh to the last byte of its answer.
    pub deadline: Duration,
}

impl TokenConfig {
    /// The documented scopes (reference, section 1.1), with `offline_access` so that the answer rotates the
    /// refresh token.
    pub fn new(token_url: impl Into<String>, client_id: impl Into<String>) -> Self {
        Self {
            token_url: token_url.into(),
            client_id: client_id.into(),
            client_secret: None,
            seed: None,
            store_name: "partner-center".to_owned(),
            referrals_scope: "https://api.partner.microsoft.com/.default offline_access".to_owned(),
            webhooks_scope: "https://api.partnercenter.microsoft.com/.default offline_access".to_owned(),
            renew_before: Duration::from_mins(5),
            refusal_hold: Duration::from_mins(1),
            deadline: Duration::from_secs(20),
        }
    }

    fn scope(&self, audience: Audience) -> &str {
        match audience {
            Audience::Referrals => &self.referrals_scope,
            Audience::Webhooks => &self.webhooks_scope,
        }
    }
}

impl fmt::Debug for TokenConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenConfig").field("token_url", &self.token_url).finish_non_exhaustive()
    }
}

/// Hands out access tokens.
pub struct TokenSource {
    inner: Arc<Inner>,
    flights: Flights<Audience, Result<SecretString, AuthError>>,
}

struct Inner {
    http: HttpService,
    store: Arc<dyn TokenStore>,
    clock: Arc<dyn Clock>,
    config: TokenConfig,
    /// One refresh at a time over both audiences: each spends the refresh token that the one before it stored.
    turn: Semaphore,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    tokens: BTreeMap<Audience, Cached>,
    refusal: Option<(AuthError, Timestamp)>,
    /// The seed was used on top of a stored token and refused: it is not tried again.
    seed_is_dead: bool,
}

#[derive(Clone)]
struct Cached {
    token: SecretString,
    until: Timestamp,
}

impl TokenSource {
    /// Tokens from `config`, kept in `store`.
    pub fn new(
        http: HttpService,
        store: Arc<dyn TokenStore>,
        clock: Arc<dyn Clock>,
        config: TokenConfig,
    ) -> Self {
        let inner = Inner { http, store, clock, config, turn: Semaphore::new(1), memory: Mutex::default() };
        Self { inner: Arc::new(inner), flights: Flights::default() }
    }

    /// A token that is good now: the one at hand, or a new one.
    ///
    /// # Errors
    /// [`AuthError`]; one that only a person can end is remembered for a while and given to every caller.
    pub async fn token(&self, audience: Audience) -> Result<SecretString, AuthError> {
        if let Some(outcome) = self.inner.at_hand(audience) {
            return outcome;
        }
        let inner = Arc::clone(&self.inner);
        let outcome =
            self.flights.join(audience, move || async move { inner.renew(audience).await }.boxed()).await;
        outcome.unwrap_or(Err(AuthError::BrokenOff))
    }

    /// Tells that the platform refused `token` with a 401: it is not handed out again.
    pub fn refused(&self, audience: Audience, token: &SecretString) {
        let mut memory = self.inner.memory();
        let same = memory
            .tokens
            .get(&audience)
            .is_some_and(|cached| cached.token.expose_secret() == token.expose_secret());
        if same {
            memory.tokens.remove(&audience);
        }
    }
}

impl Inner {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().expect("no code panics while holding this lock")
    }

    /// What is known without asking anybody.
    fn at_hand(&self, audience: Audience) -> Option<Result<SecretString, AuthError>> {
        let now = self.clock.now();
        let memory = self.memory();
        if let Some(cached) = memory.tokens.get(&audience).filter(|cached| now < cached.until) {
            return Some(Ok(cached.token.clone()));
        }
        let (error, _) = memory.refusal.as_ref().filter(|(_, until)| now < *until)?;
        Some(Err(error.clone()))
    }

    async fn renew(&self, audience: Audience) -> Result<SecretString, AuthError> {
        let _turn = self.turn.acquire().await.expect("the semaphore is never closed");
        // Whoever had the turn before may have met a refusal that holds for this audience too.
        if let Some(outcome) = self.at_hand(audience) {
            return outcome;
        }
        let outcome = self.grant(audience).await;
        let now = self.clock.now();
        let mut memory = self.memory();
        match outcome {
            Ok(granted) => {
                let early = self.config.renew_before.min(granted.lifetime / 2);
                let until = now.checked_add(granted.lifetime.saturating_sub(early)).unwrap_or(now);
                memory.refusal = None;
                memory.tokens.insert(audience, Cached { token: granted.access_token.clone(), until });
                Ok(granted.access_token)
            }
            Err(error) => {
                if error.class() == RetryClass::Person {
                    let until = now.checked_add(self.config.refusal_hold).unwrap_or(now);
                    memory.refusal = Some((error.clone(), until));
                }
                Err(error)
            }
        }
    }

    /// Spends the stored refresh token; if it is dead, its successor or the seed.
    async fn grant(&self, audience: Audience) -> Result<Granted, AuthError> {
        let Some(stored) = self.stored().await? else {
            return Err(AuthError::NoRefreshToken);
        };
        let refused = match self.spend(audience, &stored, None).await {
            Err(error) if error.asks_for_a_new_token() => error,
            other => return other,
        };
        // Another process may have spent it, and be about to store its successor.
        let mut latest = self.store.load(&self.config.store_name).await?;
        if latest.as_ref().is_some_and(|latest| latest.version == stored.version) {
            self.clock.sleep(SUCCESSOR_WAIT).await;
            latest = self.store.load(&self.config.store_name).await?;
        }
        let latest = latest.unwrap_or_else(|| stored.clone());
        if latest.version != stored.version {
            match self.spend(audience, &latest, None).await {
                Err(error) if error.asks_for_a_new_token() => {}
                other => return other,
            }
        }
        let Some(seed) = self.untried_seed(&latest) else { return Err(refused) };
        let outcome = self.spend(audience, &latest, Some(seed)).await;
        if outcome.as_ref().is_err_and(AuthError::asks_for_a_new_token) {
            self.memory().seed_is_dead = true;
        }
        outcome
    }

    /// The stored token; an empty store is sown with the seed first.
    async fn stored(&self) -> Result<Option<StoredToken>, AuthError> {
        let name = &self.config.store_name;
        if let Some(stored) = self.store.load(name).await? {
            return Ok(Some(stored));
        }
        let Some(seed) = &self.config.seed else { return Ok(None) };
        // If somebody else was faster, what they stored is what counts.
        self.store.replace(name, 0, seed.clone()).await?;
        Ok(self.store.load(name).await?)
    }

    fn untried_seed(&self, stored: &StoredToken) -> Option<&SecretString> {
        let seed = self.config.seed.as_ref()?;
        let untried = !self.memory().seed_is_dead && seed.expose_secret() != stored.secret.expose_secret();
        untried.then_some(seed)
    }

    /// One refresh with `stored`, or with `instead` in its place; stores what came of it before it is used.
    async fn spend(
        &self,
        audience: Audience,
        stored: &StoredToken,
        instead: Option<&SecretString>,
    ) -> Result<Granted, AuthError> {
        let spent = instead.unwrap_or(&stored.secret);
        let granted = grant::refresh(&self.http, &self.config, self.config.scope(audience), spent).await?;
        let successor = granted.refresh_token.as_ref().or(instead);
        if let Some(successor) = successor.filter(|s| s.expose_secret() != stored.secret.expose_secret()) {
            self.keep(stored.version, successor).await?;
        }
        Ok(granted)
    }

    /// Stores the successor of `version`. If another process stored one meanwhile, that one stays: both came from
    /// the same token and are equally good, and theirs may have been spent already.
    async fn keep(&self, version: u64, successor: &SecretString) -> Result<(), AuthError> {
        let name = &self.config.store_name;
        let mut version = version;
        for _ in 0..MAX_STORE_ATTEMPTS {
            if self.store.replace(name, version, successor.clone()).await? {
                return Ok(());
            }
            match self.store.load(name).await? {
                Some(present) if present.version > version => return Ok(()),
                // A store that was emptied or restored: the token in hand is the newest there is.
                present => version = present.map_or(0, |present| present.version),
            }
        }
        Err(AuthError::StoreContended)
    }
}
