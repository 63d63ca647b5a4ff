//! An org with a subscriber in process: rows over REST, events by Avro's own library, bitmaps by the reference.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    sync::Arc,
};

use apache_avro::{Schema, types::Value as Avro};
use bytes::Bytes;
use http::Request;
use jiff::{SignedDuration, Timestamp};
use sandbox::{
    exchange::Machine as _,
    salesforce::{
        Salesforce,
        pubsub::{
            Access, Step, Stream,
            proto::{ConsumerEvent, FetchRequest, FetchResponse},
        },
    },
    world::World,
};
use serde_json::{Map, Value, json};
use tonic::{Code, Status};

pub(crate) const OPPORTUNITIES: &str = "/data/OpportunityChangeEvent";
pub(crate) const EVERYTHING: &str = "/data/ChangeEvents";
pub(crate) const LATEST: i32 = 0;
pub(crate) const EARLIEST: i32 = 1;
pub(crate) const CUSTOM: i32 = 2;

/// An org, its clock, and tokens of a seller and of the product's user.
pub(crate) struct Desk {
    pub(crate) machine: Arc<Salesforce>,
    now: Cell<Timestamp>,
    pub(crate) credentials: Value,
    seller: String,
    product: RefCell<String>,
}

/// An event, taken apart.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) schema_id: String,
    pub(crate) replay_id: Vec<u8>,
    pub(crate) header: Value,
    pub(crate) body: Map<String, Value>,
    /// Names of changed, nulled and diffed fields; children as `Parent.Child`.
    pub(crate) changed: BTreeSet<String>,
    pub(crate) nulled: BTreeSet<String>,
    pub(crate) diffed: BTreeSet<String>,
}

impl Told {
    /// The body's members that are not null.
    pub(crate) fn said(&self) -> BTreeSet<&str> {
        self.body.iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| name.as_str()).collect()
    }

    pub(crate) fn kind(&self) -> &str {
        self.header["changeType"].as_str().unwrap()
    }

    pub(crate) fn entity(&self) -> &str {
        self.header["entityName"].as_str().unwrap()
    }

    pub(crate) fn ids(&self) -> Vec<&str> {
        self.header["recordIds"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect()
    }
}

pub(crate) fn names<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

/// The `error-code` trailer.
pub(crate) fn code(status: &Status) -> (Code, &str) {
    let text = status.metadata().get("error-code").map_or("", |code| code.to_str().unwrap());
    (status.code(), text.strip_prefix("sfdc.platform.eventbus.grpc.").unwrap_or(text))
}

pub(crate) fn fetch(topic: &str, preset: i32, replay_id: &[u8], number: i32) -> FetchRequest {
    FetchRequest {
        topic_name: topic.to_owned(),
        replay_preset: preset,
        replay_id: replay_id.to_vec(),
        num_requested: number,
        auth_refresh: String::new(),
    }
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self::of_seed(7)
    }

    pub(crate) fn of_seed(seed: u64) -> Self {
        let machine = Arc::new(Salesforce::new(&Arc::new(World::new(seed))));
        let credentials = machine.credentials("http://sf.test");
        let seller = credentials["seller"]["access_token"].as_str().unwrap().to_owned();
        let now = Cell::new("2026-11-22T06:00:00.400Z".parse().unwrap());
        let desk = Self { machine, now, credentials, seller, product: RefCell::default() };
        desk.renew();
        desk
    }

    /// Signs the product's user in anew.
    pub(crate) fn renew(&self) {
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}",
            self.credentials["consumer_key"].as_str().unwrap(),
            self.credentials["consumer_secret"].as_str().unwrap(),
        );
        let request = Request::post("/services/oauth2/token")
            .header("host", "sf.test")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Bytes::from(form));
        let answer = self.machine.handle(request.unwrap(), self.now.get());
        let answer: Value = serde_json::from_slice(answer.body()).unwrap();
        answer["access_token"].as_str().unwrap().clone_into(&mut self.product.borrow_mut());
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now.get()
    }

    pub(crate) fn wait(&self, seconds: i64) {
        self.now.set(self.now.get().checked_add(SignedDuration::from_secs(seconds)).unwrap());
    }

    pub(crate) fn knob(&self, events: Value) {
        self.machine.set_knobs(&json!({ "events": events }), self.now()).unwrap();
    }

    pub(crate) fn org_knob(&self, knobs: Value) {
        self.machine.set_knobs(&knobs, self.now()).unwrap();
    }

    pub(crate) fn act(&self, actor: &str, body: Value) -> Result<Value, String> {
        self.machine.act(actor, &body, self.now())
    }

    /// A seller's call.
    pub(crate) fn call(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        self.call_with(method, path, body, &[])
    }

    pub(crate) fn call_with(
        &self,
        method: &str,
        path: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> (u16, Value) {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/services/data/v66.0{path}"))
            .header("host", "sf.test")
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", self.seller));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let answer = self.machine.handle(request.body(body).unwrap(), self.now());
        (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap_or_default())
    }

    pub(crate) fn create(&self, object: &str, body: &Value) -> String {
        let (status, answer) = self.call("POST", &format!("/sobjects/{object}"), body);
        assert_eq!(status, 201, "{answer}");
        answer["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn opportunity(&self, more: Value) -> String {
        let mut body = json!({"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2027-01-31"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.create("Opportunity", &body)
    }

    pub(crate) fn change(&self, object: &str, id: &str, body: Value) {
        let (status, answer) = self.call("PATCH", &format!("/sobjects/{object}/{id}"), &body);
        assert_eq!(status, 204, "{answer}");
    }

    pub(crate) fn delete(&self, object: &str, id: &str) {
        assert_eq!(self.call("DELETE", &format!("/sobjects/{object}/{id}"), &Value::Null).0, 204);
    }

    /// The product's user, as it calls the Pub/Sub API.
    pub(crate) fn access(&self) -> Access {
        Access {
            token: self.product.borrow().clone(),
            instance_url: "http://sf.test".to_owned(),
            tenant_id: self.credentials["org_id"].as_str().unwrap().to_owned(),
        }
    }

    /// A seller, from whom no field is hidden.
    pub(crate) fn as_seller(&self) -> Access {
        Access { token: self.seller.clone(), ..self.access() }
    }

    pub(crate) fn try_open(&self, first: &FetchRequest) -> Result<Stream, Status> {
        self.machine.subscribe(&self.access(), first, self.now())
    }

    pub(crate) fn open(&self, topic: &str, preset: i32, number: i32) -> Stream {
        self.try_open(&fetch(topic, preset, b"", number)).unwrap()
    }

    /// From after this place.
    pub(crate) fn resume(&self, topic: &str, replay_id: &[u8]) -> Stream {
        self.try_open(&fetch(topic, CUSTOM, replay_id, 100)).unwrap()
    }

    pub(crate) fn credit(&self, stream: &mut Stream, topic: &str, number: i32) -> Result<(), Status> {
        self.machine.credit(stream, &fetch(topic, LATEST, b"", number), self.now())
    }

    pub(crate) fn step(&self, stream: &mut Stream) -> Step {
        self.machine.step(stream, self.now())
    }

    /// Everything that comes at once; the stream goes on.
    pub(crate) fn responses(&self, stream: &mut Stream) -> Vec<FetchResponse> {
        let mut responses = Vec::new();
        loop {
            match self.step(stream) {
                Step::Response(response) => responses.push(response),
                Step::Wait(_) => return responses,
                other => panic!("the stream ended: {other:?}"),
            }
        }
    }

    pub(crate) fn told(&self, stream: &mut Stream) -> Vec<Told> {
        let responses = self.responses(stream);
        responses.iter().flat_map(|response| &response.events).map(|event| self.read(event)).collect()
    }

    /// All that a topic holds.
    pub(crate) fn all(&self, topic: &str) -> Vec<Told> {
        self.told(&mut self.open(topic, EARLIEST, 100))
    }

    /// The last event of a topic.
    pub(crate) fn last(&self, topic: &str) -> Told {
        self.all(topic).pop().unwrap()
    }

    pub(crate) fn schema(&self, id: &str) -> Value {
        let info = self.machine.schema(&self.as_seller(), id, self.now()).unwrap();
        serde_json::from_str(&info.schema_json).unwrap()
    }

    pub(crate) fn topic_schema(&self, topic: &str) -> Value {
        self.schema(&self.machine.topic(&self.access(), topic, self.now()).unwrap().schema_id)
    }

    pub(crate) fn read(&self, event: &ConsumerEvent) -> Told {
        let inner = event.event.as_ref().unwrap();
        let described = self.schema(&inner.schema_id);
        let schema = Schema::parse_str(&described.to_string()).unwrap();
        let mut payload = inner.payload.as_slice();
        let decoded = apache_avro::reader::datum::GenericDatumReader::builder(&schema).build().unwrap();
        let decoded = decoded.read_value(&mut payload).unwrap();
        assert!(payload.is_empty(), "bytes are left over");
        let Value::Object(mut body) = plain(decoded) else { panic!("not a record") };
        let header = body.remove("ChangeEventHeader").unwrap();
        let bitmap = |name: &str| fields_of(&described, &header[name]);
        let (changed, nulled, diffed) =
            (bitmap("changedFields"), bitmap("nulledFields"), bitmap("diffFields"));
        Told {
            schema_id: inner.schema_id.clone(),
            replay_id: event.replay_id.clone(),
            changed,
            nulled,
            diffed,
            header,
            body,
        }
    }
}

fn plain(value: Avro) -> Value {
    match value {
        Avro::Null => Value::Null,
        Avro::Boolean(value) => value.into(),
        Avro::Int(value) => value.into(),
        Avro::Long(value) => value.into(),
        Avro::Double(value) => value.into(),
        Avro::String(value) | Avro::Enum(_, value) => value.into(),
        Avro::Union(_, inner) => plain(*inner),
        Avro::Array(items) => items.into_iter().map(plain).collect(),
        Avro::Record(members) => {
            Value::Object(members.into_iter().map(|(name, value)| (name, plain(value))).collect())
        }
        other => panic!("no change event holds {other:?}"),
    }
}

/// The fields that a bitmap names: element by element, as section 4.8 describes it.
fn fields_of(schema: &Value, elements: &Value) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for element in elements.as_array().unwrap() {
        let element = element.as_str().unwrap();
        let (parent, hex) = element.split_once('-').map_or((None, element), |(at, hex)| (Some(at), hex));
        let digits = hex.strip_prefix("0x").unwrap();
        assert!(digits.len().is_multiple_of(2) && digits == digits.to_uppercase(), "{element}");
        let bits: Vec<bool> = digits
            .chars()
            .rev()
            .flat_map(|digit| (0..4).map(move |bit| digit.to_digit(16).unwrap() >> bit & 1 == 1))
            .collect();
        let (prefix, fields) = match parent {
            None => (String::new(), schema["fields"].clone()),
            Some(at) => {
                let field = &schema["fields"][at.parse::<usize>().unwrap()];
                let union = field["type"].as_array().unwrap();
                let mut record =
                    union.iter().find(|branch| branch.is_object() || *branch == "Address").unwrap();
                if record == "Address" {
                    // A second address refers to the first one's record by name.
                    let all = schema["fields"].as_array().unwrap();
                    record = all.iter().find(|field| field["type"][1]["name"] == "Address").unwrap();
                    record = &record["type"][1];
                }
                (format!("{}.", field["name"].as_str().unwrap()), record["fields"].clone())
            }
        };
        for (at, _) in bits.iter().enumerate().filter(|(_, set)| **set) {
            named.insert(format!("{prefix}{}", fields[at]["name"].as_str().unwrap()));
        }
    }
    named
}
