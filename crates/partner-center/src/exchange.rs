//! One exchange with the platform: a place in the budget, a token, the headers, and the answer's first reading.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Method, Request, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use jiff::Timestamp;
use ports::{
    Admission, Budget, CallLimits, Clock, HttpService, Outcome, Permit, Platform, Rng, SendBefore,
    TransportError,
};
use secrecy::{ExposeSecret as _, SecretString};
use tower::ServiceExt as _;

use crate::{
    answer::Answer,
    auth::{AuthError, Challenge, TokenSource},
    config::{Audience, CallContext, ClientConfig},
    envelope::refusal,
    error::{Error, Operation},
    trace::Trace,
};

/// A request before it has a token.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) operation: Operation,
    pub(crate) audience: Audience,
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Bytes,
    pub(crate) max_answer_bytes: usize,
}

/// Carries calls out.
pub(crate) struct Exchange {
    http: HttpService,
    tokens: Arc<TokenSource>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    budget: Arc<dyn Budget>,
    pub(crate) config: ClientConfig,
}

impl Exchange {
    pub(crate) fn new(
        http: HttpService,
        tokens: Arc<TokenSource>,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
        budget: Arc<dyn Budget>,
        config: ClientConfig,
    ) -> Self {
        Self { http, tokens, clock, rng, budget, config }
    }

    /// Sends `call` and reads whether it succeeded. Repeats it only if no connection could be made, or once after
    /// a 401 or a claims challenge with a new token; in each case the server did nothing.
    pub(crate) async fn send(&self, context: CallContext, call: &Call) -> Result<Answer, Error> {
        if call.body.len() > self.config.limits.max_request_bytes {
            let reason = "the request is longer than the configured bound";
            return Err(Error::Request { operation: call.operation, reason });
        }
        let correlation_id = self.rng.guid();
        let mut connect_attempts = 1;
        let mut replayed = false;
        loop {
            let place = self.admit(context, call.operation).await?;
            let token = self
                .tokens
                .token(call.audience)
                .await
                .map_err(|source| Error::Auth { operation: call.operation, source })?;
            self.check_time(context, call.operation)?;
            // A new identifier for every request on the wire: it names the attempt, the other one the call.
            let trace = Box::new(Trace {
                client_request_id: self.rng.guid(),
                correlation_id: correlation_id.clone(),
                request_id: None,
            });
            let request = self.request(context, call, &token, &trace)?;
            let began = self.clock.now();
            let answer = match self.http.clone().oneshot(request).await {
                Ok(answer) => answer,
                Err(TransportError::Connect { .. })
                    if connect_attempts < self.config.limits.connect_attempts =>
                {
                    drop(place);
                    connect_attempts += 1;
                    self.clock.sleep(self.config.limits.connect_wait.mul_f64(self.rng.fraction())).await;
                    continue;
                }
                Err(source) => {
                    place.end(load_of_silence(&source));
                    tracing::info!(operation = ?call.operation, %source, ?trace, "partner center did not answer");
                    return Err(Error::Transport { operation: call.operation, source, trace });
                }
            };
            let took = Duration::try_from(self.clock.now().duration_since(began)).unwrap_or_default();
            let (parts, body) = answer.into_parts();
            let status = parts.status;
            let trace = Box::new(trace.answered(&parts.headers));
            tracing::debug!(operation = ?call.operation, status = status.as_u16(), ?trace, "partner center answered");
            if status.is_success() {
                place.end(Outcome::Answered { kind: call.operation.timed_as(), took });
                return Ok(Answer { operation: call.operation, status, headers: parts.headers, body, trace });
            }
            let limits = &self.config.limits;
            let delays = limits.min_retry_after..=limits.max_retry_after.max(limits.min_retry_after);
            let error = refusal(call.operation, status, &parts.headers, &body, delays, *trace);
            // Before the place is given back: whoever takes it next must know of the pause.
            self.pause(status, error.retry_after()).await;
            place.end(load_of(status, call.operation, took));
            if let Some(challenge) = Challenge::of(status, &parts.headers, &body) {
                let audience = call.audience;
                if self.tokens.challenged(audience, &token, &challenge, replayed).await {
                    replayed = true;
                    continue;
                }
                let source = AuthError::ClaimsChallenge { audience, claims: challenge.claims };
                return Err(Error::Auth { operation: call.operation, source });
            }
            if status == StatusCode::UNAUTHORIZED {
                if !replayed {
                    self.tokens.refused(call.audience, &token);
                    replayed = true;
                    continue;
                }
                self.tokens.refused_anew(call.audience, &token);
            }
            return Err(Error::Api(Box::new(error)));
        }
    }

    /// Waits for a place in the budget, never longer than the configured bound or the call's own end.
    async fn admit(&self, context: CallContext, operation: Operation) -> Result<Permit, Error> {
        self.check_time(context, operation)?;
        let left = context
            .send_before
            .map(|end| Duration::try_from(end.duration_since(self.clock.now())).unwrap_or(Duration::ZERO));
        let longest = self.config.limits.max_admission_wait;
        let within = left.map_or(longest, |left| left.min(longest));
        match self.budget.admit(Platform::PartnerCenter, context.lane, within).await {
            Admission::Granted(place) => {
                self.check_time(context, operation)?;
                Ok(place)
            }
            Admission::Wait(wait) if left.is_some_and(|left| left < longest && wait >= left) => {
                Err(Error::TimePassed { operation })
            }
            Admission::Wait(wait) => Err(Error::NotAdmitted { operation, wait }),
        }
    }

    fn check_time(&self, context: CallContext, operation: Operation) -> Result<(), Error> {
        match context.send_before {
            Some(end) if self.clock.now() >= end => Err(Error::TimePassed { operation }),
            _ => Ok(()),
        }
    }

    /// Tells the budget that the server asked everybody to be quiet.
    async fn pause(&self, status: StatusCode, delay: Option<Duration>) {
        let delay = match (status.as_u16(), delay) {
            (429 | 509, delay) => delay.unwrap_or(self.config.limits.throttle_pause),
            (503, Some(delay)) => delay,
            _ => return,
        };
        let until = self.clock.now().checked_add(delay).unwrap_or(Timestamp::MAX);
        self.budget.pause_until(Platform::PartnerCenter, until).await;
    }

    fn request(
        &self,
        context: CallContext,
        call: &Call,
        token: &SecretString,
        trace: &Trace,
    ) -> Result<Request<Bytes>, Error> {
        let unfit = |reason| Error::Request { operation: call.operation, reason };
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()))
            .map_err(|_| unfit("the access token cannot stand in a header"))?;
        bearer.set_sensitive(true);
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(&call.url)
            .body(call.body.clone())
            .map_err(|_| unfit("its address is not a valid URL; check the configured base addresses"))?;
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, bearer);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if !call.body.is_empty() {
            // JSON Patch too is sent under the plain type in every sample (reference, section 2.2).
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        for (name, id) in [
            (HeaderName::from_static("client-request-id"), trace.client_request_id()),
            (HeaderName::from_static("ms-correlationid"), trace.correlation_id()),
        ] {
            let id = HeaderValue::from_str(id).map_err(|_| unfit("its request id is malformed"))?;
            headers.insert(name, id);
        }
        if let Some(caller) = &self.config.caller_id {
            let caller =
                HeaderValue::try_from(caller).map_err(|_| unfit("the configured caller id is malformed"))?;
            headers.insert(HeaderName::from_static("x-caller-id"), caller);
        }
        for (name, value) in &call.headers {
            headers.insert(name.clone(), value.clone());
        }
        let extensions = request.extensions_mut();
        extensions.insert(CallLimits {
            deadline: self.config.limits.deadline,
            max_response_bytes: call.max_answer_bytes,
        });
        if let Some(end) = context.send_before {
            extensions.insert(SendBefore(end));
        }
        Ok(request)
    }
}

/// What an answer other than success says of the server's load.
fn load_of(status: StatusCode, operation: Operation, took: Duration) -> Outcome {
    match status.as_u16() {
        429 | 509 => Outcome::Throttled,
        502..=504 => Outcome::Overloaded,
        _ => Outcome::Answered { kind: operation.timed_as(), took },
    }
}

/// What the lack of an answer says of it.
fn load_of_silence(error: &TransportError) -> Outcome {
    match error {
        TransportError::Deadline { .. } => Outcome::Overloaded,
        _ => Outcome::Unknown,
    }
}
