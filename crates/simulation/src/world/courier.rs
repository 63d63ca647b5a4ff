//! The courier: brings the portal's events to the product's door, and tells the portal what became of them.

use std::{sync::Arc, time::Duration};

use axum::body::Body;
use http::Request;
use sandbox::exchange::{Machine as _, Outcome, Outgoing};
use serde_json::Value;
use tower::ServiceExt as _;

use super::{LOCK, World};
use crate::{judge::Violation, log::fingerprint};

/// How long the portal waits for an answer.
const DEADLINE: Duration = Duration::from_secs(10);

/// Carries events for as long as the life lasts.
pub(crate) async fn carry(world: Arc<World>) {
    loop {
        for outgoing in world.portal.take_due(world.now()) {
            let world = Arc::clone(&world);
            tokio::spawn(async move { deliver(&world, outgoing).await });
        }
        let next = world.portal.next_due().map(|due| due.duration_since(world.now()));
        let wait = next.map_or(Duration::from_mins(10), |left| {
            left.max(jiff::SignedDuration::from_millis(1)).unsigned_abs()
        });
        tokio::select! {
            biased;
            () = world.stirred.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

async fn deliver(world: &World, Outgoing { id, request }: Outgoing) {
    let told = fingerprint(request.body());
    let body = request.body().clone();
    let outcome = match tokio::time::timeout(DEADLINE, knock(world, request)).await {
        Ok(outcome) => outcome,
        Err(_) => Outcome::Failed("no answer in time".to_owned()),
    };
    world.say(&format!("event {id} {told}: {outcome:?}"));
    if matches!(outcome, Outcome::Answered(status) if status.is_success()) {
        world.answered(&body).await;
    }
    world.portal.delivered(id, &outcome, world.now());
    world.stirred.notify_one();
}

impl World {
    /// An event was answered with success: then its mark is kept, now and not a little later.
    async fn answered(&self, event: &[u8]) {
        // What is repeated was kept before, and may be done with.
        if !self.acknowledged.lock().expect(LOCK).insert(fingerprint(event)) {
            return;
        }
        let event: Value = serde_json::from_slice(event).unwrap_or_default();
        let uri = event["ResourceUri"].as_str().unwrap_or_default();
        let referral = uri.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
        let changed = event["ResourceChangeUtcDate"].as_str().and_then(|date| date.parse().ok());
        let Some(eyes) = self.eyes() else { return };
        if !eyes.keeps(&referral, changed).await {
            let what = format!("an event of {referral} was answered with success, and is not kept");
            self.found.lock().expect(LOCK).push(Violation::new("acknowledged", what));
        }
    }
}

async fn knock(world: &World, request: Request<bytes::Bytes>) -> Outcome {
    let Some(door) = world.door() else { return Outcome::Failed("connection refused".to_owned()) };
    tokio::time::sleep(Duration::from_millis(world.network.between(5, 60))).await;
    match door.oneshot(request.map(Body::from)).await {
        Ok(answer) => {
            world.counters.note("events.delivered");
            Outcome::Answered(answer.status())
        }
        Err(never) => match never {},
    }
}
