//! A Partner Center without sockets, and a clock that stands still until it is moved.

use std::{cell::Cell, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use jiff::{SignedDuration, Timestamp};
use sandbox::{exchange::Machine as _, partner_center::PartnerCenter, world::World};
use serde_json::{Value, json};

/// Where the machine believes it is served.
pub(crate) const BASE: &str = "http://127.0.0.1:7001";
/// The list.
pub(crate) const REFERRALS: &str = "/v1.0/engagements/referrals";

/// An answer, read.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Reply {
    /// The body, if the status is the expected one.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self.body
    }

    /// Checks status, error code and target.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str, target: &str) {
        let found = (
            self.status.as_u16(),
            self.body["error"]["code"].as_str().unwrap_or_default(),
            self.body["error"]["target"].as_str().unwrap_or_default(),
        );
        assert_eq!(found, (status, code, target), "{}", self.body);
        assert!(self.body["error"]["message"].is_string(), "{}", self.body);
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// A client at the machine.
pub(crate) struct Desk {
    pub(crate) machine: PartnerCenter,
    pub(crate) ready: Value,
    pub(crate) now: Cell<Timestamp>,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let now: Timestamp = "2026-11-22T10:00:00Z".parse().expect("an instant");
        let machine = PartnerCenter::new(Arc::new(World::new(7)), now);
        let ready = machine.credentials(BASE);
        Self { machine, ready, now: Cell::new(now) }
    }

    pub(crate) fn knob(self, patch: Value) -> Self {
        self.machine.set_knobs(&patch, self.now.get()).expect("known knobs");
        self
    }

    pub(crate) fn pass(&self, time: SignedDuration) {
        self.now.set(self.now.get().checked_add(time).expect("in range"));
    }

    pub(crate) fn text(&self, member: &str) -> String {
        self.ready[member].as_str().expect("a text").to_owned()
    }

    /// Sends a request exactly as given.
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Bytes::from(body.to_owned())).expect("a request");
        let response = self.machine.handle(request, self.now.get());
        let (head, body) = response.into_parts();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        Reply { status: head.status, headers: head.headers, body }
    }

    /// A page for people, as text.
    pub(crate) fn page(&self, path: &str) -> String {
        let request = Request::get(path).body(Bytes::new()).expect("a request");
        let response = self.machine.handle(request, self.now.get());
        assert_eq!(response.status(), 200);
        String::from_utf8(response.into_body().to_vec()).expect("UTF-8")
    }

    /// Sends a request with the portal user's token and any more headers.
    pub(crate) fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Reply {
        let bearer = format!("Bearer {}", self.text("portal_user_token"));
        let mut all = vec![("authorization", bearer.as_str())];
        if body.is_some() {
            all.push(("content-type", "application/json"));
        }
        all.extend_from_slice(headers);
        self.send(method, path, &all, &body.map(ToString::to_string).unwrap_or_default())
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, &[], None)
    }

    pub(crate) fn post(&self, body: &Value) -> Reply {
        self.ask("POST", REFERRALS, &[], Some(body))
    }

    /// Patches with `Prefer: return=representation`.
    pub(crate) fn patch(&self, id: &str, operations: &Value) -> Reply {
        self.ask(
            "PATCH",
            &format!("{REFERRALS}/{id}"),
            &[("prefer", "return=representation")],
            Some(operations),
        )
    }

    /// One `replace` each.
    pub(crate) fn replace(&self, id: &str, members: &[(&str, Value)]) -> Reply {
        let operations: Vec<Value> = members
            .iter()
            .map(|(path, value)| json!({"op": "replace", "path": path, "value": value}))
            .collect();
        self.patch(id, &Value::Array(operations))
    }

    #[track_caller]
    pub(crate) fn act(&self, actor: &str, body: &Value) -> Value {
        self.machine.act(actor, body, self.now.get()).expect("the actor can do it")
    }

    /// Lists with this query, unencoded spaces and all.
    pub(crate) fn list(&self, query: &str) -> Reply {
        self.get(&format!("{REFERRALS}?{}", query.replace(' ', "%20").replace('\'', "%27")))
    }
}

/// A text member.
#[track_caller]
pub(crate) fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value[member].as_str().unwrap_or_else(|| panic!("{member} is no text in {value}"))
}
