//! Hands out access tokens, and keeps the refresh token that they come from alive.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use futures::FutureExt as _;
use jiff::{SignedDuration, Timestamp};
use oauth::{Flights, Spending, Successor};
use ports::{Clock, HttpService, RetryClass, Rng, StoredToken, TokenFacts, TokenLease, TokenStore};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::{Notify, Semaphore};

use super::{
    AuthError, TokenConfig,
    claims::Challenge,
    grant::{self, Granted},
    memory::{Memory, Present},
};
use crate::config::Audience;

/// What a lease lasts beyond the deadline of the refresh: for storing what came of it.
const LEASE_MARGIN: Duration = Duration::from_secs(5);

/// Hands out access tokens.
pub struct TokenSource {
    inner: Arc<Inner>,
    flights: Flights<Flight, Result<SecretString, AuthError>>,
}

/// What is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Flight {
    /// A token that somebody needs.
    Token(Audience),
    /// A refresh for its own sake.
    Renewal,
}

struct Inner {
    http: HttpService,
    store: Arc<dyn TokenStore>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    config: TokenConfig,
    spending: Spending,
    /// One refresh at a time over both audiences: each spends the refresh token that the one before it stored.
    turn: Semaphore,
    memory: Mutex<Memory>,
    trouble: Notify,
}

impl TokenSource {
    /// Tokens from `config`, kept in `store`.
    pub fn new(
        http: HttpService,
        store: Arc<dyn TokenStore>,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
        config: TokenConfig,
    ) -> Self {
        let spending = Spending::new(Arc::clone(&store), Arc::clone(&clock), &config.store_name, rng.guid());
        let (turn, memory, trouble) = (Semaphore::new(1), Mutex::default(), Notify::new());
        let inner = Inner { http, store, clock, rng, config, spending, turn, memory, trouble };
        Self { inner: Arc::new(inner), flights: Flights::default() }
    }

    /// A token that is good now: the one at hand, or a new one.
    ///
    /// # Errors
    /// [`AuthError`]; one that only a person can end, or that says when to come back, is remembered for a while and
    /// given to every caller.
    pub async fn token(&self, audience: Audience) -> Result<SecretString, AuthError> {
        let at_hand = self.inner.at_hand(audience);
        if let Some(outcome) = at_hand {
            return outcome;
        }
        let inner = Arc::clone(&self.inner);
        let work = move || async move { inner.renew(audience, false).await }.boxed();
        self.flights.join(Flight::Token(audience), work).await.unwrap_or(Err(AuthError::BrokenOff))
    }

    /// Spends the refresh token although nobody needs a token, so that its successor's life begins.
    ///
    /// # Errors
    /// [`AuthError`], as [`TokenSource::token`]; a remembered one too.
    pub async fn renew(&self) -> Result<(), AuthError> {
        let inner = Arc::clone(&self.inner);
        let work = move || async move { inner.renew(Audience::Referrals, true).await }.boxed();
        self.flights.join(Flight::Renewal, work).await.unwrap_or(Err(AuthError::BrokenOff)).map(|_| ())
    }

    /// What is known of the refresh token; nothing if nobody has signed in.
    ///
    /// # Errors
    /// [`AuthError::Store`].
    pub async fn facts(&self) -> Result<Option<TokenFacts>, AuthError> {
        Ok(self.inner.store.facts(&self.inner.config.store_name).await?)
    }

    /// Begins anew if a person signed in since the last look, in whatever process: tokens and refusals of the former
    /// sign-in are forgotten. Whether that was so.
    ///
    /// # Errors
    /// [`AuthError::Store`].
    pub async fn adopt_new_sign_in(&self) -> Result<bool, AuthError> {
        let present = Present::of(self.facts().await?.as_ref());
        let mut memory = self.inner.memory();
        match memory.seen_sign_in.replace(present) {
            Some(before) if before != present => {
                memory.begin_anew(present);
                self.inner.spending.forget_unstored();
                Ok(present != Present::Nobody)
            }
            _ => Ok(false),
        }
    }

    /// Forgets what was demanded of the next sign-in: it turned out that nothing is.
    ///
    /// # Errors
    /// [`AuthError::Store`].
    pub async fn forget_challenge(&self) -> Result<(), AuthError> {
        self.inner.memory().demanded.clear();
        Ok(self.inner.store.challenge(&self.inner.config.store_name, None).await?)
    }

    /// Waits until something is refused that only a person can end, and that was not known already. One waiter is
    /// woken for each.
    pub async fn trouble(&self) {
        self.inner.trouble.notified().await;
    }

    /// When the application's certificate expires, if it has one.
    pub fn certificate_ends(&self) -> Option<Timestamp> {
        self.inner.config.client.ends()
    }

    /// Tells that the platform refused `token` with a 401: it is not handed out again.
    pub fn refused(&self, audience: Audience, token: &SecretString) {
        self.inner.memory().forget(audience, token);
    }

    /// Tells that the platform refused with a 401 even `token`, which replaced one that it had refused: no other is
    /// fetched for a while.
    pub(crate) fn refused_anew(&self, audience: Audience, token: &SecretString) {
        let was_handed_out = self.inner.memory().forget(audience, token);
        if was_handed_out {
            self.inner.remember(audience, &AuthError::TokenRefused { audience });
        }
    }

    /// Tells that the platform demands more than `token` claims (reference, section 1.3). The next refresh asks for
    /// it, and the next sign-in if that is not enough; whether a new token is worth a try.
    pub(crate) async fn challenged(
        &self,
        audience: Audience,
        token: &SecretString,
        challenge: &Challenge,
        again: bool,
    ) -> bool {
        let Some(claims) = challenge.claims.as_ref() else {
            self.inner.memory().forget(audience, token);
            self.inner.remember(audience, &AuthError::ClaimsChallenge { audience, claims: None });
            return false;
        };
        {
            let mut memory = self.inner.memory();
            memory.forget(audience, token);
            memory.demanded.insert(audience, claims.clone());
        }
        self.inner.note_demand(Some(claims.as_str())).await;
        if again {
            let error = AuthError::ClaimsChallenge { audience, claims: Some(claims.clone()) };
            self.inner.remember(audience, &error);
        }
        !again
    }
}

impl Inner {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().expect("no code panics while holding this lock")
    }

    fn at_hand(&self, audience: Audience) -> Option<Result<SecretString, AuthError>> {
        let now = self.clock.now();
        self.memory().at_hand(audience, now)
    }

    /// Remembers what asking again at once would not change; tells who waits for trouble if a person has to act.
    /// Each refusal is told once: whoever looks because of it meets it again.
    fn remember(&self, audience: Audience, error: &AuthError) {
        let (hold, needs_person) = match error.class() {
            RetryClass::Person | RetryClass::Authenticate => (self.config.refusal_hold, true),
            RetryClass::Later { after } if matches!(error, AuthError::Unavailable { .. }) => {
                let hold = after.unwrap_or(self.config.busy_hold);
                (hold.min(self.config.longest_busy_hold), false)
            }
            _ => return,
        };
        let until = later(self.clock.now(), hold);
        let is_news = self.memory().refuse(audience, error, until);
        if is_news && needs_person {
            self.trouble.notify_one();
        }
    }

    /// Keeps a demand for the next sign-in. A store that fails costs that sign-in a second round, no more.
    async fn note_demand(&self, claims: Option<&str>) {
        if let Err(error) = self.store.challenge(&self.config.store_name, claims).await {
            tracing::warn!(%error, "what the next sign-in must satisfy could not be kept");
        }
    }

    async fn renew(&self, audience: Audience, unasked: bool) -> Result<SecretString, AuthError> {
        let _turn = self.turn.acquire().await.expect("the semaphore is never closed");
        // Whoever had the turn before may have met a refusal that holds for this audience too.
        let known = if unasked {
            let now = self.clock.now();
            self.memory().refused(audience, now).map(Err)
        } else {
            self.at_hand(audience)
        };
        if let Some(outcome) = known {
            return outcome;
        }
        let outcome = match self.spending.lease(self.config.deadline + LEASE_MARGIN).await {
            Ok(lease) => {
                let outcome = self.grant(audience, &lease).await;
                self.spending.end(&lease).await;
                outcome
            }
            Err(error) => Err(error.into()),
        };
        match outcome {
            Ok(granted) => {
                let early = self.config.renew_before.min(granted.lifetime / 2);
                let now = self.clock.now();
                let until = now.checked_add(granted.lifetime.saturating_sub(early)).unwrap_or(now);
                self.memory().keep(audience, granted.access_token.clone(), until);
                Ok(granted.access_token)
            }
            Err(error) => {
                if let Some(claims) = error.claims() {
                    self.note_demand(Some(claims.as_str())).await;
                }
                self.remember(audience, &error);
                Err(error)
            }
        }
    }

    /// Spends the stored refresh token; if it is dead, its successor or the seed.
    async fn grant(&self, audience: Audience, lease: &TokenLease) -> Result<Granted, AuthError> {
        if let Some(successor) = self.spending.unstored() {
            self.keep(successor).await?;
        }
        // Read under the lease: whoever had it before has stored its successor by now.
        let Some(stored) = self.stored().await? else {
            return Err(AuthError::NoRefreshToken);
        };
        let refused = match self.spend(audience, lease, &stored, None).await {
            Err(error) if error.asks_for_a_new_token() => error,
            other => return other,
        };
        // A person may have signed in meanwhile, or a process whose lease had ended stored what it got all the same.
        let latest = self.store.load(&self.config.store_name).await?.unwrap_or_else(|| stored.clone());
        let refused = if latest.version == stored.version {
            refused
        } else {
            match self.spend(audience, lease, &latest, None).await {
                Err(error) if error.asks_for_a_new_token() => error,
                other => return other,
            }
        };
        // A sign-in that lives and only lacks something, as a second factor, is not given up for an old configuration.
        if !refused.says_the_token_is_dead() {
            return Err(refused);
        }
        let Some(seed) = self.untried_seed(&latest) else { return Err(refused) };
        let outcome = self.spend(audience, lease, &latest, Some(&seed)).await;
        if outcome.as_ref().is_err_and(AuthError::asks_for_a_new_token) {
            self.memory().seed_is_dead = true;
            // What is wrong with the stored token says more than what is wrong with an old configuration.
            return Err(refused);
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
        self.store.sow(name, 0, seed.clone()).await?;
        self.note_sown().await?;
        Ok(self.store.load(name).await?)
    }

    /// Nobody signed in: the configuration did.
    async fn note_sown(&self) -> Result<(), AuthError> {
        let sown = Present::of(self.store.facts(&self.config.store_name).await?.as_ref());
        self.memory().seen_sign_in = Some(sown);
        Ok(())
    }

    fn untried_seed(&self, stored: &StoredToken) -> Option<SecretString> {
        let seed = self.config.seed.as_ref()?;
        let untried = !self.memory().seed_is_dead && seed.expose_secret() != stored.secret.expose_secret();
        untried.then(|| seed.clone())
    }

    /// One refresh with `stored`, or with `instead` in its place; stores what came of it before it is used.
    async fn spend(
        &self,
        audience: Audience,
        lease: &TokenLease,
        stored: &StoredToken,
        instead: Option<&SecretString>,
    ) -> Result<Granted, AuthError> {
        let spent = instead.unwrap_or(&stored.secret);
        let mut fields = vec![
            ("grant_type", SecretString::from("refresh_token")),
            ("scope", SecretString::from(self.config.scope(audience))),
            ("refresh_token", spent.clone()),
        ];
        let demanded = self.memory().demanded.get(&audience).cloned();
        if let Some(claims) = &demanded {
            fields.push(("claims", SecretString::from(claims.as_str())));
        }
        let now = self.clock.now();
        let asked = grant::ask(&self.http, &self.config, &*self.rng, now, fields, Some(lease.until)).await;
        let granted = asked.map_err(|refused| refused.error)?;
        let successor = granted.refresh_token.as_ref().or(instead);
        if let Some(secret) = successor.filter(|s| s.expose_secret() != stored.secret.expose_secret()) {
            let (version, secret, is_sown) = (stored.version, secret.clone(), instead.is_some());
            self.keep(Successor { version, secret, is_sown }).await?;
        }
        Ok(granted)
    }

    /// Stores a successor before it is used.
    async fn keep(&self, successor: Successor) -> Result<(), AuthError> {
        let is_sown = successor.is_sown;
        self.spending.keep(successor).await?;
        if is_sown { self.note_sown().await } else { Ok(()) }
    }
}

fn later(now: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    now.saturating_add(by).unwrap_or(Timestamp::MAX)
}
