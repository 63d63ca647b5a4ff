//! The checklist 8.4, item 12: the answer is lost after the commit, which is how duplicates come about.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use sandbox::{
    exchange::Machine as _,
    faults::Platform,
    front::{Answer, Front, Stage},
    salesforce::Salesforce,
    world::World,
};
use serde_json::{Value, json};

/// The org behind everything that a test can put before it, in memory.
struct Line {
    front: Arc<Front>,
    token: String,
}

impl Line {
    fn new() -> Self {
        let world = Arc::new(World::new(7));
        let machine = Salesforce::new(&world);
        let credentials = machine.credentials("http://sf.test");
        let token = credentials["seller"]["access_token"].as_str().unwrap().to_owned();
        let clock = Arc::new(|| "2026-11-22T06:00:00Z".parse().unwrap());
        let front = Front::new(Platform::Salesforce, Arc::new(machine), Stage::new(world, clock));
        Self { front: Arc::new(front), token }
    }

    /// The answer, if one arrives.
    async fn send(&self, method: &str, path: &str, body: &Value) -> Option<Response<Bytes>> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/json");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        match Arc::clone(&self.front).answer(request.body(Bytes::from(body)).unwrap()).await {
            Answer::Response(response) => Some(response),
            Answer::Cut => None,
        }
    }

    async fn accounts(&self) -> Value {
        let reply =
            self.send("GET", "/services/data/v66.0/query?q=SELECT+COUNT()+FROM+Account", &Value::Null).await;
        let body: Value = serde_json::from_slice(reply.unwrap().body()).unwrap();
        body["totalSize"].clone()
    }
}

#[tokio::test]
async fn s8_4_an_answer_lost_after_the_commit_makes_a_duplicate_of_a_create_and_none_of_an_upsert() {
    let create = ("POST", "/services/data/v66.0/sobjects/Account", json!({"Name": "Contoso"}), 2);
    let upsert =
        ("PATCH", "/services/data/v66.0/sobjects/Account/Co_sell_Key__c/k1", json!({"Name": "Contoso"}), 1);
    for (method, path, body, rows) in [create, upsert] {
        let line = Line::new();
        let fault = json!({"kind": "crm-write", "times": 1, "cut": "after-effect"});
        assert!(line.send("POST", "/_sandbox/faults", &fault).await.unwrap().status().is_success());
        assert!(line.send(method, path, &body).await.is_none(), "{path}: the answer is lost");
        assert_eq!(line.accounts().await, json!(1), "{path}: though the row is there");
        assert!(line.send(method, path, &body).await.unwrap().status().is_success());
        assert_eq!(line.accounts().await, json!(rows), "{path}: tried again");
    }
}
