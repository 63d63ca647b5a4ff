//! Keeps the three connections alive and known: renews the sign-in long before it ends, tries each connection now and
//! then, and says in the store what a person has to do (requirements M4 and P3).
//!
//! A connection's problem is cleared by the connection working, whoever saw it: this watch, a command beside it, or a
//! new sign-in, which is taken up within seconds.

mod probe;
#[cfg(test)]
mod tests;

use std::{convert::Infallible, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use partner_center::TokenSource;
use ports::{Clock, TokenFacts};
pub use probe::{
    Probe, ReferralsProbe, SalesforceProbe, Seen, WebhooksProbe, seen_of_portal, seen_of_salesforce,
};
use sync_engine::{ConnectionProblem, Store, StoreResult};

/// The key of the Referrals API, and of everything that is wrong with the sign-in as a whole.
pub const REFERRALS_CONNECTION: &str = "partner_center.sign_in";
/// The key of the webhook registration's API.
pub const WEBHOOKS_CONNECTION: &str = "partner_center.webhooks.sign_in";
/// The key of Salesforce.
pub const SALESFORCE_CONNECTION: &str = "salesforce.sign_in";
/// The key of a sign-in that nears its end.
pub const AGE_PROBLEM: &str = "partner_center.refresh_token";
/// The key of a client certificate that nears its end.
pub const CERTIFICATE_PROBLEM: &str = "partner_center.client_certificate";
/// The key of the certificate of Salesforce's app that nears its end.
pub const SALESFORCE_CERTIFICATE_PROBLEM: &str = "salesforce.certificate";

/// How often is looked whether a person signed in.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// While something is wrong, connections are tried no later than this.
const TRY_AGAIN_AFTER: Duration = Duration::from_mins(1);

/// The times of a sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignInTimes {
    /// How long a refresh token lives when it is not used: 90 days (reference, section 1.3).
    pub lifetime: Duration,
    /// The age at which it is renewed, although nobody needs it.
    pub renew_after: Duration,
    /// From this long before its end on, a renewal that fails is a problem.
    pub warn_before: Duration,
    /// The wait between two tries of the connections while all is well.
    pub check_every: Duration,
}

impl Default for SignInTimes {
    fn default() -> Self {
        let day = Duration::from_hours(24);
        Self {
            lifetime: 90 * day,
            renew_after: 7 * day,
            warn_before: 14 * day,
            check_every: Duration::from_mins(10),
        }
    }
}

impl SignInTimes {
    /// When the sign-in ends unless it is renewed.
    pub fn end(&self, facts: &TokenFacts) -> Timestamp {
        let life = SignedDuration::try_from(self.lifetime).unwrap_or(SignedDuration::MAX);
        facts.stored_at.saturating_add(life).unwrap_or(Timestamp::MAX)
    }

    /// Whole days left, never less than none.
    pub fn days_left(&self, facts: &TokenFacts, now: Timestamp) -> i64 {
        (self.end(facts).duration_since(now).as_hours() / 24).max(0)
    }

    fn is_due(&self, facts: &TokenFacts, now: Timestamp) -> bool {
        now.duration_since(facts.stored_at).unsigned_abs() >= self.renew_after
    }

    fn is_near(&self, end: Timestamp, now: Timestamp) -> bool {
        end.duration_since(now) < SignedDuration::try_from(self.warn_before).unwrap_or(SignedDuration::MAX)
    }
}

/// The watch over the connections of one service.
#[derive(Clone)]
pub struct ConnectionWatch {
    /// The sign-in of Partner Center.
    pub tokens: Arc<TokenSource>,
    /// Keeps the problems.
    pub store: Arc<dyn Store>,
    /// Waits between two looks.
    pub clock: Arc<dyn Clock>,
    /// What tries each connection that is used.
    pub probes: Vec<Arc<dyn Probe>>,
    /// The sign-in's times.
    pub times: SignInTimes,
    /// When the certificate of Salesforce's app ends, if the configuration names it.
    pub salesforce_certificate_ends: Option<Timestamp>,
}

impl ConnectionWatch {
    /// Watches until it is dropped, at once for the first time.
    pub async fn run(self) -> Infallible {
        let mut next_try = self.clock.now();
        loop {
            if self.adopt().await {
                next_try = self.clock.now();
            }
            if self.clock.now() >= next_try {
                let calm = self.look().await.unwrap_or_else(|error| {
                    tracing::error!(%error, "the connections' state could not be kept");
                    false
                });
                let wait = self.times.check_every;
                let wait = if calm { wait } else { wait.min(TRY_AGAIN_AFTER) };
                next_try = self
                    .clock
                    .now()
                    .saturating_add(SignedDuration::try_from(wait).unwrap_or_default())
                    .unwrap_or(Timestamp::MAX);
            }
            tokio::select! {
                biased;
                () = self.clock.sleep(LOOK_EVERY) => {}
                // A refusal that somebody just met is in the memory of the tokens: the look costs no call.
                () = self.tokens.trouble() => next_try = self.clock.now(),
                () = self.trouble() => next_try = self.clock.now(),
            }
        }
    }

    /// What is left to a process while another one watches: it takes up new sign-ins, and tells what it was refused
    /// itself.
    pub async fn follow(self) -> Infallible {
        loop {
            self.adopt().await;
            tokio::select! {
                biased;
                () = self.clock.sleep(LOOK_EVERY) => continue,
                () = self.tokens.trouble() => {}
                () = self.trouble() => {}
            }
            if let Err(error) = self.look().await {
                tracing::error!(%error, "the connections' state could not be kept");
            }
        }
    }

    /// Takes up what somebody signed in meanwhile; whether anybody did.
    async fn adopt(&self) -> bool {
        let mut adopted = match self.tokens.adopt_new_sign_in().await {
            Ok(true) => {
                tracing::info!("somebody signed in to Partner Center; the new sign-in is used from now on");
                true
            }
            Ok(false) => false,
            Err(error) => {
                tracing::error!(%error, "the sign-in could not be looked at");
                false
            }
        };
        for probe in &self.probes {
            if probe.adopts_new_sign_in().await {
                tracing::info!(connection = probe.key(), "somebody signed in anew");
                adopted = true;
            }
        }
        adopted
    }

    /// Waits for the first trouble of any connection; never over if there is none to wait for.
    async fn trouble(&self) {
        let all: Vec<_> = self.probes.iter().map(|probe| probe.trouble()).collect();
        if all.is_empty() {
            std::future::pending::<()>().await;
        }
        futures::future::select_all(all).await;
    }

    /// Renews what is due, tries each connection, and keeps what was seen. Whether all is well.
    async fn look(&self) -> StoreResult<bool> {
        let mut calm = self.renew_if_due().await?;
        calm &= self.look_at_certificates().await?;
        let mut sign_in_failed = false;
        let is_portal = |key: &str| key == REFERRALS_CONNECTION || key == WEBHOOKS_CONNECTION;
        let mut portal_fails = false;
        let uses_webhooks = self.probes.iter().any(|probe| probe.key() == WEBHOOKS_CONNECTION);
        if !uses_webhooks {
            // It may have been used once.
            self.keep(WEBHOOKS_CONNECTION, None).await?;
        }
        for probe in &self.probes {
            let key = probe.key();
            let seen = probe.probe().await;
            portal_fails |= is_portal(key) && !matches!(seen, Seen::Works(_));
            match seen {
                Seen::Works(saw) => {
                    self.store.connection_worked(key, self.clock.now(), &saw).await?;
                }
                Seen::NeedsPerson(sentence, next_step) => {
                    calm = false;
                    // One trouble of the one sign-in is told once.
                    let told = key == WEBHOOKS_CONNECTION && sign_in_failed;
                    sign_in_failed |= key == REFERRALS_CONNECTION;
                    let problem = self.problem(key, sentence, next_step);
                    self.keep(key, Some(problem).filter(|_| !told)).await?;
                }
                Seen::NotNow(reason) => {
                    calm = false;
                    tracing::info!(connection = key, %reason, "the connection could not be tried this time");
                }
            }
        }
        if !portal_fails
            && self.probes.iter().any(|probe| is_portal(probe.key()))
            && let Ok(Some(facts)) = self.tokens.facts().await
            && facts.challenge.is_some()
            && let Err(error) = self.tokens.forget_challenge().await
        {
            tracing::warn!(%error, "a challenge that is over could not be forgotten");
        }
        Ok(calm)
    }

    /// Renews a sign-in that nobody used for long; warns when that fails near its end.
    async fn renew_if_due(&self) -> StoreResult<bool> {
        let now = self.clock.now();
        let facts = match self.tokens.facts().await {
            Ok(Some(facts)) => facts,
            Ok(None) => return Ok(true),
            Err(error) => {
                tracing::error!(%error, "the sign-in could not be looked at");
                return Ok(false);
            }
        };
        if !self.times.is_due(&facts, now) {
            self.keep(AGE_PROBLEM, None).await?;
            return Ok(true);
        }
        let Err(error) = self.tokens.renew().await else {
            tracing::info!("the sign-in of Partner Center was renewed");
            // A platform that hands out no successor lets the present one age on.
            let renewed = self.tokens.facts().await.ok().flatten();
            if renewed.as_ref().is_some_and(|renewed| renewed.version != facts.version) {
                self.keep(AGE_PROBLEM, None).await?;
                return Ok(true);
            }
            return self.warn_of_age(&facts, now, "the identity platform hands out no successor", None).await;
        };
        tracing::warn!(%error, "the sign-in of Partner Center could not be renewed");
        self.warn_of_age(&facts, now, &error.to_string(), error.next_step()).await
    }

    async fn warn_of_age(
        &self,
        facts: &TokenFacts,
        now: Timestamp,
        reason: &str,
        next_step: Option<&str>,
    ) -> StoreResult<bool> {
        if !self.times.is_near(self.times.end(facts), now) {
            return Ok(true);
        }
        let days = self.times.days_left(facts, now);
        let sentence = if days == 0 {
            format!(
                "The sign-in of Partner Center ends today or has ended, and it cannot be renewed: {reason}."
            )
        } else {
            format!("The sign-in of Partner Center ends in {days} days, and it cannot be renewed: {reason}.")
        };
        let next = next_step.unwrap_or(
            "See that the identity platform can be reached from here, or run `cosell login partner-center`.",
        );
        let problem = self.problem(AGE_PROBLEM, sentence, next.to_owned());
        self.keep(AGE_PROBLEM, Some(problem)).await?;
        Ok(false)
    }

    async fn look_at_certificates(&self) -> StoreResult<bool> {
        let portal = "Upload a new certificate to the application in Entra (Certificates & secrets), name it in \
                      [partner_center] client_certificate and client_key, and start again.";
        let crm = "Upload a new certificate to the app in Setup, name its key and it in [salesforce] private_key and \
                   certificate, and start again.";
        let certificates = [
            (CERTIFICATE_PROBLEM, "application", self.tokens.certificate_ends(), portal),
            (SALESFORCE_CERTIFICATE_PROBLEM, "Salesforce app", self.salesforce_certificate_ends, crm),
        ];
        let (now, mut calm) = (self.clock.now(), true);
        for (key, whose, ends, next) in certificates {
            let near = ends.filter(|ends| self.times.is_near(*ends, now));
            let problem = near.map(|ends| {
                let verb = if ends <= now { "ended" } else { "ends" };
                let sentence = format!("The {whose}'s certificate {verb} on {}.", ends.strftime("%Y-%m-%d"));
                self.problem(key, sentence, next.to_owned())
            });
            calm &= problem.is_none();
            self.keep(key, problem).await?;
        }
        Ok(calm)
    }

    fn problem(&self, key: &str, sentence: String, next_step: String) -> ConnectionProblem {
        ConnectionProblem { key: key.to_owned(), sentence, next_step, since: self.clock.now() }
    }

    /// Keeps a problem, or its end; writes only what is new.
    async fn keep(&self, key: &str, problem: Option<ConnectionProblem>) -> StoreResult<()> {
        let known = self.store.connection_problems().await?.into_iter().find(|known| known.key == key);
        let said = |problem: &ConnectionProblem| (problem.sentence.clone(), problem.next_step.clone());
        if known.as_ref().map(said) == problem.as_ref().map(said) {
            return Ok(());
        }
        if let Some(problem) = &problem {
            let (problem, next) = (&problem.sentence, &problem.next_step);
            tracing::warn!(connection = key, %problem, %next, "a connection needs a person");
        } else {
            tracing::info!(connection = key, "what was wrong with a connection is over");
        }
        self.store.connection_problem(key, problem.as_ref()).await
    }
}
