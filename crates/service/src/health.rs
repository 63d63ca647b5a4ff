//! Health: whether the store answers, its numbers, and what a person should know.

use axum::{Json, extract::State, http::StatusCode};
use serde_json::{Value, json};
use sync_engine::Pause;

use crate::admin::Admin;

/// `GET /healthz`: 200 with numbers and problems, or 503 with what is wrong.
pub(crate) async fn answer(State(admin): State<Admin>) -> (StatusCode, Json<Value>) {
    let counts = admin.store.counts(admin.clock.now()).await;
    let problems = admin.store.connection_problems().await;
    let brakes = admin.store.brakes().await;
    let pauses = admin.store.pauses().await;
    let proof = admin.store.proofs(1).await;
    match (counts, problems, brakes, pauses, proof) {
        (Ok(counts), Ok(problems), Ok(brakes), Ok(pauses), Ok(mut proof)) => {
            // Who paused, and in which words, is for those who may read the store.
            let paused = |pause: &Pause| json!({ "scope": pause.scope, "since": pause.since });
            let pauses: Vec<Value> = pauses.iter().map(paused).collect();
            let events = admin.events.as_ref().map(crate::EventTally::counts);
            let body = json!({ "status": "up", "counts": counts, "connection_problems": problems,
                "brakes": brakes, "pauses": pauses, "proof": proof.pop(), "events": events, "live_sources": admin.engine.live_sources(),
                "salesforce": admin.salesforce.as_ref().map(crate::SalesforceHealth::as_json) });
            (StatusCode::OK, Json(body))
        }
        (Err(error), ..)
        | (_, Err(error), ..)
        | (_, _, Err(error), ..)
        | (.., Err(error), _)
        | (.., Err(error)) => {
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "down", "reason": error.to_string() })))
        }
    }
}
