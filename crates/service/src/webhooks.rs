//! The webhook endpoint, on a listener of its own: 200 only after the mark is committed.
//!
//! An event is a hint. Its signature decides whether it is heard at all, its record id what is read; nothing else of
//! it is used. 4xx for what is forged, 503 when the store cannot keep the mark, so that the portal tries again.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::StatusCode,
    routing::post,
};
use deal_model::RecordId;
use partner_center::webhook::{Forged, Notification, Verifier};
use sync_engine::{Engine, Hints, Seen, Target};

/// Where events arrive.
pub const RECEIVER_PATH: &str = "/webhooks/partner-center";

/// What the endpoint needs.
#[derive(Clone)]
pub struct Receiver {
    /// Tells a genuine event from a forged one.
    pub verifier: Arc<Verifier>,
    /// Takes the mark.
    pub engine: Arc<Engine>,
}

/// The endpoint's routes.
pub fn receiver(receiver: Receiver) -> Router {
    Router::new().route(RECEIVER_PATH, post(receive)).with_state(receiver)
}

async fn receive(State(receiver): State<Receiver>, request: Request<Body>) -> StatusCode {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, receiver.verifier.max_body_bytes()).await else {
        return StatusCode::PAYLOAD_TOO_LARGE;
    };
    let notification = match receiver.verifier.verify(&parts.headers, &body).await {
        Ok(notification) => notification,
        // A repeat of what is already marked costs nothing, and the sender need not try again.
        Err(Forged::Replay) => return StatusCode::OK,
        Err(forged) => {
            tracing::warn!(reason = %forged, "an event was refused");
            return forged.status();
        }
    };
    let Some(seen) = seen(&notification) else { return StatusCode::OK };
    match receiver.engine.hear(seen).await {
        Ok(()) => {
            receiver.verifier.remember(&notification);
            StatusCode::OK
        }
        Err(error) => {
            tracing::error!(%error, "an event could not be kept");
            StatusCode::SERVICE_UNAVAILABLE
        }
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
    })
}
