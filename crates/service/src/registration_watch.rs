//! Looks at the webhook registration again and again, and raises a problem when events no longer come here.
//!
//! A tenant has one registration (reference, section 6.1): whoever registers next takes it, and nobody is told. The
//! watch only looks. It never registers by itself: two programs that both did would fight for ever.

use std::{convert::Infallible, sync::Arc, time::Duration};

use partner_center::{CallContext, Client, Error, Registration, RegistrationRequest, Standing, TEST_EVENT};
use ports::{Clock, Lane, RetryClass};
use sync_engine::{ConnectionProblem, Store, StoreResult};

/// The key of the problem in the store.
pub const WEBHOOK_PROBLEM: &str = "partner_center.webhook";

/// While something is wrong, and after a look that failed, the next look is no later than this.
const LOOK_AGAIN_AFTER: Duration = Duration::from_mins(1);

/// The watch of one service.
#[derive(Clone)]
pub struct RegistrationWatch {
    /// Reads the registration.
    pub client: Client,
    /// Keeps the problem.
    pub store: Arc<dyn Store>,
    /// Waits between two looks.
    pub clock: Arc<dyn Clock>,
    /// The registration that should stand.
    pub wanted: RegistrationRequest,
    /// The wait between two looks while all is well.
    pub check_every: Duration,
}

/// What is wrong, and what a person does next.
type Trouble = (String, String);

/// What a look found.
enum Look {
    Found(Option<Trouble>),
    /// It could not be seen this time; what was known stays.
    Unseen,
}

impl RegistrationWatch {
    /// Looks until it is dropped, at once for the first time.
    pub async fn run(self) -> Infallible {
        // What an earlier run of the service left in the store is settled by the first look that sees anything.
        let mut known = None;
        loop {
            let look = self.look().await;
            let calm = matches!(look, Look::Found(None));
            if let Look::Found(trouble) = look
                && known.as_ref() != Some(&trouble)
            {
                match self.keep(trouble.as_ref()).await {
                    Ok(()) => known = Some(trouble),
                    Err(error) => tracing::error!(%error, "the registration's state could not be kept"),
                }
            }
            let wait = if calm { self.check_every } else { self.check_every.min(LOOK_AGAIN_AFTER) };
            self.clock.sleep(wait).await;
        }
    }

    async fn look(&self) -> Look {
        match self.client.registered(CallContext::new(Lane::Background)).await {
            Ok(present) => Look::Found(trouble(&self.wanted, present.as_ref())),
            Err(error) => failed(&error),
        }
    }

    async fn keep(&self, trouble: Option<&Trouble>) -> StoreResult<()> {
        let problem = trouble.map(|(sentence, next_step)| ConnectionProblem {
            key: WEBHOOK_PROBLEM.to_owned(),
            sentence: sentence.clone(),
            next_step: next_step.clone(),
            since: self.clock.now(),
        });
        if let Some(problem) = &problem {
            tracing::warn!(problem = %problem.sentence, "events do not come as they should");
        } else {
            tracing::info!("events of Partner Center are registered to come here");
        }
        self.store.connection_problem(WEBHOOK_PROBLEM, problem.as_ref()).await
    }
}

/// What a look tells that failed.
fn failed(error: &Error) -> Look {
    // A sign-in that gives no token says nothing of the registration; its own watch tells the person what to do.
    let is_sign_in = matches!(error, Error::Auth { .. });
    match error.class() {
        RetryClass::Person | RetryClass::Authenticate if !is_sign_in => Look::Found(Some((
            format!("Cosell may not see where Partner Center sends its events: {error}"),
            "Give the user that is signed in the role Referrals admin (some tenants ask for Admin agent too), or \
             sign in again; then run: cosell webhook show"
                .to_owned(),
        ))),
        _ => {
            tracing::info!(%error, "the webhook registration could not be read this time");
            Look::Unseen
        }
    }
}

/// What is wrong with the registration that stands.
fn trouble(wanted: &RegistrationRequest, present: Option<&Registration>) -> Option<Trouble> {
    let meanwhile = "Until then, polling finds every change, only later.";
    match wanted.standing(present) {
        Standing::Absent => Some((
            format!("Partner Center sends its events to nobody: there is no webhook registration. {meanwhile}"),
            "Run: cosell webhook register".to_owned(),
        )),
        Standing::Displaced { by } => Some((
            format!(
                "Partner Center sends its events to {} instead of here: somebody replaced the webhook \
                 registration. {meanwhile}",
                by.shown_url()
            ),
            "Find out whose address it is. To take the registration back, run: cosell webhook register --replace"
                .to_owned(),
        )),
        Standing::Ours { mut lacking } => {
            // Only a person's test needs that one; `cosell webhook test` says so when it is missing.
            lacking.retain(|event| event != TEST_EVENT);
            (!lacking.is_empty()).then(|| {
                (
                    format!("The webhook registration lacks the events {}. {meanwhile}", lacking.join(", ")),
                    "Run: cosell webhook register".to_owned(),
                )
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use partner_center::{AuthError, Operation};

    use super::*;

    #[test]
    fn a_dead_sign_in_is_no_problem_of_the_registration() {
        for source in [AuthError::NoRefreshToken, AuthError::InvalidGrant { codes: vec![50173] }] {
            let error = Error::Auth { operation: Operation::ReadRegistration, source };
            assert!(matches!(failed(&error), Look::Unseen), "{error}");
        }
    }

    #[test]
    fn each_way_to_lose_events_has_a_sentence_and_a_next_step() {
        let url = "https://cosell.example/webhooks/partner-center";
        let events = ["referral-created", "referral-updated", TEST_EVENT].map(str::to_owned).to_vec();
        let wanted = RegistrationRequest {
            url: url.parse().unwrap(),
            events: events.clone(),
            signature_in_ms_header: false,
        };
        let told = |url: &str, events: &[String]| {
            let present = Registration { url: url.to_owned(), events: events.to_vec(), subscriber_id: None };
            trouble(&wanted, Some(&present))
        };
        assert_eq!(told(url, &events), None);
        assert_eq!(told(url, &events[..2]), None, "the test event is a person's affair");
        let (sentence, next) = told(url, &events[..1]).unwrap();
        assert!(sentence.contains("lacks the events referral-updated."), "{sentence}");
        assert_eq!(next, "Run: cosell webhook register");
        let (sentence, next) = told("https://other.example/flow?sig=s3cret", &events).unwrap();
        assert!(sentence.contains("https://other.example/flow?...") && !sentence.contains("s3cret"));
        assert!(next.contains("--replace"), "{next}");
        let (sentence, next) = trouble(&wanted, None).unwrap();
        assert!(sentence.contains("to nobody") && next == "Run: cosell webhook register", "{sentence}");
    }
}
