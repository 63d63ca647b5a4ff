//! Health: whether the store answers, its numbers, and what a person should know.

use std::time::Duration;

use axum::{Json, extract::State, http::StatusCode};
use serde_json::{Value, json};
use sync_engine::{Pause, StoreResult};

use crate::admin::Admin;

/// How long the store may take: whoever probes does not wait much longer, and a server that is away is waited for.
const WITHIN: Duration = Duration::from_secs(4);

/// `GET /healthz`: 200 with numbers and problems, or 503 with what is wrong.
pub(crate) async fn answer(State(admin): State<Admin>) -> (StatusCode, Json<Value>) {
    let told = tokio::select! {
        biased;
        told = told(&admin) => told.map_err(|error| error.to_string()),
        () = admin.clock.sleep(WITHIN) => Err(format!(
            "the store did not answer within {} s\n  fix: cosell store check says what is wrong with it",
            WITHIN.as_secs()
        )),
    };
    match told {
        Ok(body) => (StatusCode::OK, Json(body)),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "down", "reason": reason }))),
    }
}

async fn told(admin: &Admin) -> StoreResult<Value> {
    let counts = admin.store.counts(admin.clock.now()).await?;
    let problems = admin.store.connection_problems().await?;
    let brakes = admin.store.brakes().await?;
    let pauses = admin.store.pauses().await?;
    let proof = admin.store.proofs(1).await?.pop();
    // Who paused, and in which words, is for those who may read the store.
    let paused = |pause: &Pause| json!({ "scope": pause.scope, "since": pause.since });
    let pauses: Vec<Value> = pauses.iter().map(paused).collect();
    let events = admin.events.as_ref().map(crate::EventTally::counts);
    Ok(json!({ "status": "up", "counts": counts, "connection_problems": problems,
        "brakes": brakes, "pauses": pauses, "proof": proof, "events": events,
        "live_sources": admin.engine.live_sources(),
        "salesforce": admin.salesforce.as_ref().map(crate::SalesforceHealth::as_json) }))
}
