//! The webhook endpoint, on a listener of its own: 200 only after the mark is committed.
//!
//! An event is a hint. Its signature decides whether it is heard at all, its record id what is read; nothing else of
//! it is used. 4xx with the reason for what is forged; 503 when the store cannot keep the mark, the certificate
//! cannot be fetched now or the gate is shut, so that the portal tries again. Nothing that a stranger sends is
//! answered with a failure of ours.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header::CONTENT_LENGTH},
    response::{IntoResponse, Response},
    routing::post,
};
use bytes::Bytes;
use deal_model::RecordId;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use partner_center::webhook::{Forged, Notification, Verifier};
use planted::{Bug, planted};
use ports::Clock;
use sync_engine::{Engine, Hints, Seen, Target};

use crate::{
    answer::{Refusal, with_refusals},
    event_tally::EventTally,
    gate::Gate,
};

/// Where events arrive.
pub const RECEIVER_PATH: &str = "/webhooks/partner-center";

/// How long an event's body may take to arrive.
const BODY_WITHIN: Duration = Duration::from_secs(10);
/// When a sender comes back that was sent away for a reason of ours.
const COME_BACK_AFTER: Duration = Duration::from_secs(5);
/// When it comes back for a certificate: an address that failed is asked once a minute.
const CERTIFICATE_AGAIN_AFTER: Duration = Duration::from_mins(1);

/// What the endpoint needs. Cheap to clone.
#[derive(Clone)]
pub struct Receiver {
    verifier: Arc<Verifier>,
    engine: Arc<Engine>,
    clock: Arc<dyn Clock>,
    gate: Arc<Gate>,
    tally: EventTally,
}

impl Receiver {
    /// `verifier` tells a genuine event from a forged one, `engine` takes the mark.
    pub fn new(verifier: Arc<Verifier>, engine: Arc<Engine>, clock: Arc<dyn Clock>) -> Self {
        let (gate, tally) = (Arc::new(Gate::new(Arc::clone(&clock))), EventTally::new(Arc::clone(&clock)));
        Self { verifier, engine, clock, gate, tally }
    }

    /// What became of the events so far.
    pub fn tally(&self) -> &EventTally {
        &self.tally
    }

    /// The endpoint's routes.
    pub fn routes(self) -> Router {
        with_refusals(Router::new().route(RECEIVER_PATH, post(receive)).with_state(self))
    }

    /// Reads, proves and keeps one event.
    async fn hear(&self, headers: &HeaderMap, body: Body) -> Result<(), Refusal> {
        let limit = self.verifier.max_body_bytes();
        let body = read(self.clock.as_ref(), headers, body, limit).await?;
        let busy = "too much arrives at once";
        let place = self.gate.enter().await;
        let _place = place.ok_or_else(|| Refusal::come_back("busy", busy, COME_BACK_AFTER))?;
        let notification = match self.verifier.verify(headers, &body).await {
            Ok(notification) => notification,
            // A repeat of what is already marked costs nothing, and the sender need not try again.
            Err(Forged::Replay) => {
                self.tally.repeated();
                return Ok(());
            }
            Err(forged) => {
                if forged.needed_certificate() {
                    self.gate.failed();
                }
                return Err(forged.into());
            }
        };
        if planted(Bug::AcknowledgedBeforeCommit) {
            let engine = Arc::clone(&self.engine);
            tokio::spawn(async move {
                if let Some(seen) = seen(&notification) {
                    engine.hear(seen).await.ok();
                }
            });
        } else if let Some(seen) = seen(&notification) {
            self.engine.hear(seen).await.map_err(|error| {
                tracing::error!(%error, "an event could not be kept");
                Refusal::come_back("store-down", "the event cannot be kept now", COME_BACK_AFTER)
            })?;
            self.verifier.remember(&notification);
        }
        self.tally.taken();
        Ok(())
    }
}

/// The body, within its bounds of size and time.
async fn read(clock: &dyn Clock, headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Refusal> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > limit as u64) {
        return Err(Forged::BodyTooLong.into());
    }
    let collected = tokio::select! {
        biased;
        collected = Limited::new(body, limit).collect() => collected,
        () = clock.sleep(BODY_WITHIN) => {
            let message = "the body did not arrive in time";
            return Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "body-too-slow", message));
        }
    };
    match collected {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Forged::BodyTooLong.into()),
        Err(_) => Err(Refusal::new(StatusCode::BAD_REQUEST, "body-cut", "the body ended before its length")),
    }
}

async fn receive(State(receiver): State<Receiver>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    match receiver.hear(&parts.headers, body).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(refusal) => {
            receiver.tally.refused(refusal.reason);
            refusal.into_response()
        }
    }
}

impl From<Forged> for Refusal {
    fn from(forged: Forged) -> Self {
        let refusal = Self::new(forged.status(), forged.code(), forged.to_string());
        let again = forged == Forged::CertificateUnavailable;
        Self { retry_after: again.then_some(CERTIFICATE_AGAIN_AFTER), ..refusal }
    }
}

/// What an event asks to be looked at; a test event asks for nothing.
fn seen(notification: &Notification) -> Option<Seen> {
    let referral = notification.referral?;
    let related = notification.is_related();
    let hints = if related {
        Hints { companion: true, ..Hints::default() }
    } else {
        Hints { portal: true, ..Hints::default() }
    };
    Some(Seen {
        target: Target::Referral { id: RecordId::new(referral.to_string()), engagement: None, birth: true },
        // Whose state the date of a related event is about is not documented: it is never dropped.
        stamp: notification.changed_at.filter(|_| !related),
        hints,
        key: String::new(),
        echo: false,
    })
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;
    use crate::hand_clock::HandClock;

    #[tokio::test]
    async fn a_body_that_is_too_long_too_slow_or_cut_is_refused_for_that() {
        let clock = HandClock::new();
        let piece = || Ok::<_, std::io::Error>(Bytes::from_static(b"12345"));
        let cut = || Err::<Bytes, _>(std::io::Error::other("cut"));
        let slow = stream::once(std::future::pending::<Result<Bytes, std::io::Error>>());
        let table = [
            ("fits", Body::from("1234567890"), Ok(10)),
            ("in pieces", Body::from_stream(stream::iter([piece(), piece()])), Ok(10)),
            ("one byte more", Body::from("12345678901"), Err("body-too-long")),
            ("endless", Body::from_stream(stream::repeat_with(piece)), Err("body-too-long")),
            ("slow", Body::from_stream(slow), Err("body-too-slow")),
            ("cut", Body::from_stream(stream::iter([piece(), cut()])), Err("body-cut")),
        ];
        for (name, body, expected) in table {
            let read = read(clock.as_ref(), &HeaderMap::new(), body, 10).await;
            assert_eq!(read.map(|body| body.len()).map_err(|refusal| refusal.reason), expected, "{name}");
        }
        let announced = HeaderMap::from_iter([(CONTENT_LENGTH, "11".parse().unwrap())]);
        let unread = Body::from_stream(stream::once(std::future::pending::<Result<Bytes, std::io::Error>>()));
        let refused = read(clock.as_ref(), &announced, unread, 10).await.unwrap_err();
        assert_eq!(refused.reason, "body-too-long", "what says its length is not read at all");
    }
}
