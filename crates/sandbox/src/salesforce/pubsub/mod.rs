//! Change events over the Pub/Sub API: the org's event bus, and subscriptions to it (salesforce reference, section 4).
//!
//! A committed transaction becomes events (`bus`) in a log (`log`); a [`Stream`] reads the log at its own pace and
//! writes each event for its caller (`event`, `shape`). None of it knows sockets or the time: [`server`] carries it
//! over gRPC, and a simulation can hold a [`Stream`] itself, by the methods of [`Salesforce`] below.

mod avro;
mod bitmap;
pub(crate) mod bus;
pub(crate) mod channels;
mod control;
mod diff;
pub(crate) mod event;
pub(crate) mod knobs;
mod log;
mod refusal;
mod replay;
pub mod server;
mod shape;
mod stream;

use std::{convert::Infallible, sync::Arc};

use jiff::Timestamp;
use tokio::sync::watch;
use tonic::Status;

pub use self::stream::{Step, Stream};
use self::{
    proto::{FetchRequest, SchemaInfo, TopicInfo},
    refusal::{Refusal, coded},
    shape::Shape,
};
use super::{
    Salesforce, State,
    call::Call,
    commits::Signature,
    id::Id,
    org::{Caller, Org, Role},
    schema::Schema,
};

/// The generated types of the wire.
pub mod proto {
    #![allow(clippy::all, clippy::pedantic, missing_docs, unreachable_pub)]
    tonic::include_proto!("eventbus.v1");
}

/// Who calls, as the metadata of every call says (salesforce reference, section 4.3).
#[derive(Clone, Default)]
pub struct Access {
    /// `accesstoken`.
    pub token: String,
    /// `instanceurl`.
    pub instance_url: String,
    /// `tenantid`: the org's id.
    pub tenant_id: String,
}

impl Org {
    /// Makes events of what was committed since the last time.
    pub(crate) fn publish(&mut self) {
        let transactions = self.tables.take_committed();
        if !transactions.is_empty() {
            self.events.publish(&self.schema, &mut self.knobs.events, transactions);
        }
    }

    /// Signs what a call writes, until the call that it is part of goes on; gives that one's signature back.
    pub(crate) fn sign(&mut self, caller: &Caller, call: &Call) -> Option<Arc<Signature>> {
        let knobs = &self.knobs.events;
        let own = call.header("sforce-call-options").and_then(|options| {
            options.split(',').find_map(|option| option.trim().strip_prefix("client=").map(str::to_owned))
        });
        let outer = self.tables.signed.clone();
        let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
        let client = match (&outer, path.as_slice()) {
            (Some(outer), _) => {
                let inherited = outer.client.clone().filter(|_| knobs.tag_of_composite);
                own.filter(|_| knobs.tag_of_subrequest).or(inherited)
            }
            (None, ["composite", "sobjects", ..]) => own.filter(|_| knobs.tag_of_collections),
            (None, _) => own,
        };
        let kind = if path.first() == Some(&"jobs") { "bulkapi" } else { "rest" };
        let door = format!("{kind}/{}.0", caller.version);
        self.tables.signed = Some(Arc::new(Signature { user: caller.user, door, client }));
        outer
    }

    /// Signs what a person does in the user interface.
    pub(crate) fn sign_as_person(&mut self, user: Id) {
        let (door, client) = ("rest/60.0".to_owned(), Some("SfdcInternalAPI/".to_owned()));
        self.tables.signed = Some(Arc::new(Signature { user, door, client }));
    }

    /// Signs what the platform does by itself.
    pub(crate) fn sign_as_platform(&mut self, user: Id) {
        self.tables.signed = Some(Arc::new(Signature { user, door: String::new(), client: None }));
    }

    /// What an object's events look like to a caller.
    fn shape(&mut self, schema: &Arc<Schema>, object: usize, role: Role) -> Arc<Shape> {
        // A field that is gone by now was in the events of its time.
        let now = self.schema.object(object).fields.iter().map(|field| field.enabled);
        let hidden: Vec<usize> = now
            .enumerate()
            .filter(|(at, enabled)| *enabled && !self.visible(role, object, *at))
            .map(|(at, _)| at)
            .collect();
        self.events.shape(schema, object, hidden)
    }
}

impl Salesforce {
    /// Answers `GetTopic`.
    ///
    /// # Errors
    /// The platform's refusal.
    pub fn topic(&self, access: &Access, name: &str, now: Timestamp) -> Result<TopicInfo, Status> {
        self.rpc(access, now, |org, role, rpc| {
            org.events.counters.topics_asked += 1;
            let topic = stream::open_topic(org, role, name, &rpc)?;
            let schema = Arc::clone(&org.schema);
            let schema_id = match topic {
                channels::Topic::Object(object) => org.shape(&schema, object, role).schema_id.clone(),
                // A channel of several objects has several schemas.
                channels::Topic::Channel(_) => String::new(),
            };
            Ok(TopicInfo {
                topic_name: name.to_owned(),
                tenant_guid: org.events.guid("tenant", 0),
                can_publish: false,
                can_subscribe: true,
                schema_id,
                rpc_id: rpc,
            })
        })
    }

    /// Answers `GetSchema`.
    ///
    /// # Errors
    /// The platform's refusal.
    pub fn schema(&self, access: &Access, id: &str, now: Timestamp) -> Result<SchemaInfo, Status> {
        self.rpc(access, now, |org, _, rpc| {
            org.events.counters.schemas_asked += 1;
            let shape = org.events.schema(id).ok_or_else(|| {
                coded(Status::not_found(format!("There is no schema with the ID {id}.")), None, &rpc)
            })?;
            let (schema_json, schema_id) = (shape.schema_json.clone(), shape.schema_id.clone());
            Ok(SchemaInfo { schema_json, schema_id, rpc_id: rpc })
        })
    }

    /// Opens a subscription with the first request of a stream.
    ///
    /// # Errors
    /// The platform's refusal.
    pub fn subscribe(&self, access: &Access, first: &FetchRequest, now: Timestamp) -> Result<Stream, Status> {
        self.rpc(access, now, |org, role, rpc| Stream::open(org, role, first, rpc, now))
    }

    /// Takes a further request of a stream.
    ///
    /// # Errors
    /// The platform's refusal; the stream is over then.
    pub fn credit(&self, stream: &mut Stream, request: &FetchRequest, now: Timestamp) -> Result<(), Status> {
        let mut state = self.open(now);
        let State { org, gate, .. } = &mut *state;
        if !request.auth_refresh.is_empty() && gate.user(&request.auth_refresh, now).is_none() {
            org.events.counters.refused += 1;
            return Err(Refusal::AuthenticationRefresh.end(stream.rpc()));
        }
        stream.credit(org, request)
    }

    /// What a stream does next. To be asked again after news, further requests, and the instant it names.
    pub fn step(&self, stream: &mut Stream, now: Timestamp) -> Step {
        let mut state = self.open(now);
        let org = &mut state.org;
        org.events.log.forget(now, org.knobs.events.retention_hours);
        let step = stream.step(org, now);
        match (step, org.pending.iter().map(|deed| deed.due).min()) {
            // A flow that is due by then may be what the stream waits for.
            (Step::Wait(until), Some(due)) => Step::Wait(Some(until.map_or(due, |until| until.min(due)))),
            (step, _) => step,
        }
    }

    /// Changes whenever a waiting stream should be asked again.
    pub fn news(&self) -> watch::Receiver<u64> {
        self.lock().org.events.news.subscribe()
    }

    /// Refuses a call that this org does not take.
    fn refuse(&self, access: &Access, status: Status, now: Timestamp) -> Status {
        match self.rpc(access, now, |_, _, rpc| Err::<Infallible, _>(coded(status, None, &rpc))) {
            Err(status) => status,
            Ok(never) => match never {},
        }
    }

    /// One call: checks who makes it, and counts it if it is refused.
    fn rpc<T>(
        &self,
        access: &Access,
        now: Timestamp,
        call: impl FnOnce(&mut Org, Role, String) -> Result<T, Status>,
    ) -> Result<T, Status> {
        let mut state = self.open(now);
        let State { org, gate, .. } = &mut *state;
        org.events.log.forget(now, org.knobs.events.retention_hours);
        let rpc = org.events.call();
        let role = if org.knobs.events.unavailable {
            Err(Refusal::Unavailable)
        } else {
            let user = gate.user(&access.token, now).filter(|_| is_this_org(org, access));
            let person = user.and_then(|user| org.people.iter().find(|person| person.id == user));
            let shut = |name: &str| {
                let mut lists = org.knobs.revoked_users.iter().chain(&org.knobs.deny_users);
                lists.any(|shut| shut.eq_ignore_ascii_case(name))
            };
            gate.used(&access.token, now);
            let person = person.filter(|person| !shut(person.username));
            person.map(|person| person.role).ok_or(Refusal::Authentication)
        };
        let done = match role {
            Ok(role) => call(org, role, rpc),
            Err(refusal) => Err(refusal.end(&rpc)),
        };
        if done.is_err() {
            org.events.counters.refused += 1;
        }
        done
    }
}

/// Whether the instance and the tenant are this org's. The scheme is not looked at: the org may be served in plain.
fn is_this_org(org: &Org, access: &Access) -> bool {
    let host = |url: &str| {
        let bare = url.split_once("://").map_or(url, |(_, rest)| rest);
        bare.trim_end_matches('/').to_ascii_lowercase()
    };
    Id::parse(&access.tenant_id) == Some(org.id)
        && !access.instance_url.is_empty()
        && (org.base_url.is_empty() || host(&access.instance_url) == host(&org.base_url))
}
