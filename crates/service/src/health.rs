//! Health, on the admin listener: whether the store answers, and its numbers.

use std::sync::Arc;

use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use ports::Clock;
use serde_json::{Value, json};
use sync_engine::Store;

#[derive(Clone)]
struct Health {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
}

/// `GET /healthz`: 200 with the store's numbers, or 503 with what is wrong.
pub fn health(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Router {
    Router::new().route("/healthz", get(answer)).with_state(Health { store, clock })
}

async fn answer(State(health): State<Health>) -> (StatusCode, Json<Value>) {
    let counts = health.store.counts(health.clock.now()).await;
    let problems = health.store.connection_problems().await;
    let brakes = health.store.brakes().await;
    match (counts, problems, brakes) {
        (Ok(counts), Ok(problems), Ok(brakes)) => (
            StatusCode::OK,
            Json(
                json!({ "status": "up", "counts": counts, "connection_problems": problems, "brakes": brakes }),
            ),
        ),
        (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) => {
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "down", "reason": error.to_string() })))
        }
    }
}
