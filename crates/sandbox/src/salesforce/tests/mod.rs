//! One test per rule of the salesforce reference; a name begins with the section it checks.

mod auth;
mod bulk;
mod composites;
mod grants;
mod groups;
mod knobs;
mod page;
mod processes;
mod queries;
mod replication;
mod rows;

use std::{cell::Cell, sync::Arc};

use bytes::Bytes;
use http::Request;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::Salesforce;
use crate::{exchange::Machine, world::World};

/// An answer, taken apart.
#[derive(Debug, Clone)]
struct Reply {
    status: u16,
    body: Value,
    headers: http::HeaderMap,
    text: String,
}

impl Reply {
    /// The error code of a row or resource refusal.
    fn code(&self) -> &str {
        self.body.pointer("/0/errorCode").and_then(Value::as_str).unwrap_or_default()
    }

    fn message(&self) -> &str {
        self.body.pointer("/0/message").and_then(Value::as_str).unwrap_or_default()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// An org with its clock and two callers: a seller and the product's own user.
struct Desk {
    machine: Salesforce,
    now: Cell<Timestamp>,
    seller: String,
    product: String,
    credentials: Value,
}

impl Desk {
    fn new() -> Self {
        let machine = Salesforce::new(&Arc::new(World::new(7)));
        let credentials = machine.credentials("http://sf.test");
        let now: Timestamp = "2026-11-22T06:00:00.400Z".parse().unwrap();
        let seller = credentials["seller"]["access_token"].as_str().unwrap().to_owned();
        let mut desk = Self { machine, now: Cell::new(now), seller, product: String::new(), credentials };
        desk.product = desk.grant();
        desk
    }

    /// Serves the machine at this address.
    fn machine_at(&self, base_url: &str) {
        self.machine.credentials(base_url);
    }

    /// A token for the product's user by client credentials.
    fn grant(&self) -> String {
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}",
            self.credentials["consumer_key"].as_str().unwrap(),
            self.credentials["consumer_secret"].as_str().unwrap(),
        );
        self.token(&form).body["access_token"].as_str().unwrap().to_owned()
    }

    fn token(&self, form: &str) -> Reply {
        self.raw(
            "POST",
            "/services/oauth2/token",
            &[("content-type", "application/x-www-form-urlencoded")],
            Bytes::from(form.to_owned()),
        )
    }

    fn raw(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Bytes) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.machine.handle(request.body(body).unwrap(), self.now.get());
        Reply {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: String::from_utf8_lossy(response.body()).into_owned(),
            body: serde_json::from_slice(response.body()).unwrap_or(Value::Null),
        }
    }

    fn with(&self, token: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
        let bearer = format!("Bearer {token}");
        let mut all = vec![("authorization", bearer.as_str())];
        all.extend_from_slice(headers);
        let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        self.raw(method, &format!("/services/data/v66.0{path}"), &all, body)
    }

    /// A seller's call.
    fn call(&self, method: &str, path: &str, body: &Value) -> Reply {
        self.with(&self.seller, method, path, &[], body)
    }

    /// The product's call.
    fn product(&self, method: &str, path: &str, body: &Value) -> Reply {
        self.with(&self.product, method, path, &[], body)
    }

    fn get(&self, path: &str) -> Reply {
        self.call("GET", path, &Value::Null)
    }

    fn query(&self, soql: &str) -> Reply {
        let encoded: String = url::form_urlencoded::byte_serialize(soql.as_bytes()).collect();
        self.get(&format!("/query?q={encoded}"))
    }

    /// Column `field` of a query's records.
    fn column(&self, soql: &str, field: &str) -> Vec<Value> {
        let reply = self.query(soql);
        assert_eq!(reply.status, 200, "{soql}: {}", reply.body);
        let records = reply.body["records"].as_array().unwrap();
        records
            .iter()
            .map(|record| record.pointer(&format!("/{}", field.replace('.', "/"))).cloned().unwrap())
            .collect()
    }

    fn create(&self, object: &str, body: &Value) -> String {
        let reply = self.call("POST", &format!("/sobjects/{object}"), body);
        assert_eq!(reply.status, 201, "{}", reply.body);
        reply.body["id"].as_str().unwrap().to_owned()
    }

    /// An opportunity with what is required and `more`.
    fn opportunity(&self, more: Value) -> String {
        let mut body = json!({"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2027-01-31"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.create("Opportunity", &body)
    }

    fn read(&self, object: &str, id: &str) -> Value {
        let reply = self.get(&format!("/sobjects/{object}/{id}"));
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.body
    }

    fn wait(&self, seconds: f64) {
        self.now.set(self.now.get().checked_add(SignedDuration::from_secs_f64(seconds)).unwrap());
    }

    fn act(&self, actor: &str, body: &Value) -> Result<Value, String> {
        self.machine.act(actor, body, self.now.get())
    }

    fn knob(&self, patch: Value) {
        self.machine.set_knobs(&patch, self.now.get()).unwrap();
    }
}
