//! The admin listener: health for probes, and a description of everything the service answers to.

use std::sync::Arc;

use axum::{
    Router,
    http::header::CONTENT_TYPE,
    response::IntoResponse,
    routing::{MethodRouter, get},
};
use ports::Clock;
use sync_engine::{Engine, Store};

use crate::{SalesforceHealth, answer::with_refusals, event_tally::EventTally, health};

/// The surface of both listeners, in OpenAPI's words.
const OPENAPI: &str = include_str!("openapi.json");

/// What the admin listener tells of.
#[derive(Clone)]
pub struct Admin {
    /// Whose numbers and problems are told.
    pub store: Arc<dyn Store>,
    /// By which work counts as due.
    pub clock: Arc<dyn Clock>,
    /// What became of events, if the service listens for them.
    pub events: Option<EventTally>,
    /// How Salesforce is called, and what it said of its allowance.
    pub salesforce: Option<SalesforceHealth>,
    /// Whose live sources are told.
    pub engine: Arc<Engine>,
}

impl Admin {
    /// The listener's routes.
    pub fn routes(self) -> Router {
        let routes =
            table().into_iter().fold(Router::new(), |routes, (path, answers)| routes.route(path, answers));
        with_refusals(routes.with_state(self))
    }
}

/// Every path of the listener. A new one is described in `openapi.json`, or the test beside fails.
fn table() -> [(&'static str, MethodRouter<Admin>); 2] {
    [("/healthz", get(health::answer)), ("/openapi.json", get(description))]
}

async fn description() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], OPENAPI)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use partner_center::webhook::Forged;
    use serde_json::Value;

    use super::*;
    use crate::RECEIVER_PATH;

    fn description() -> Value {
        serde_json::from_str(OPENAPI).unwrap()
    }

    #[test]
    fn every_route_is_described_and_no_other() {
        let description = description();
        let described: BTreeSet<&str> =
            description["paths"].as_object().unwrap().keys().map(String::as_str).collect();
        let routes: BTreeSet<&str> = table().iter().map(|(path, _)| *path).chain([RECEIVER_PATH]).collect();
        assert_eq!(described, routes);
    }

    #[test]
    fn every_status_and_reason_of_a_refused_event_is_described() {
        let description = description();
        let responses = &description["paths"][RECEIVER_PATH]["post"]["responses"];
        let reasons = description.pointer("/components/schemas/Refusal/properties/reason/enum").unwrap();
        for reason in Forged::ALL.into_iter().filter(|reason| *reason != Forged::Replay) {
            let status = reason.status().as_str().to_owned();
            assert!(responses.get(&status).is_some(), "{status}");
            assert!(reasons.as_array().unwrap().contains(&reason.code().into()), "{}", reason.code());
        }
    }
}
