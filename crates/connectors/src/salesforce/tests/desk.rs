//! An org, a seller who works in it, and the side under test.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use deal_model::{
    Content, Element, ElementChange, ElementKey, Facts, FieldId, GroupHeld, GroupId, Held, Life, Observation,
    Observed, PortalFacts, Reading, RecordId, Sight, Value, Version, Why, Write,
};
use http::Request;
use jiff::{SignedDuration, Timestamp};
use mapping::Mapping;
use ports::{Clock, Lane, Rng, TransportError, Unlimited};
use salesforce::{
    Client, ClientConfig, LoginConfig,
    events::{Events, EventsLimits, Topic},
};
use sandbox::{exchange::Machine as _, salesforce::Salesforce as Org, world::World};
use serde_json::{Value as Json, json};
use sync_engine::{CallScope, Change, Side as _, SideError, Wanted, What};
use tower::util::BoxCloneSyncService;

use super::bus::Bus;
use crate::salesforce::{CrmSettings, EventSettings, Salesforce};

pub(super) const ON_HOLD: &str = "Co-sell: to answer";
const SELLER: &str = "noa.seller@trey-research.example";

#[derive(Clone)]
struct Time(Arc<Mutex<Timestamp>>);

#[async_trait]
impl Clock for Time {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    async fn sleep(&self, _: std::time::Duration) {
        tokio::task::yield_now().await;
    }
}

impl Rng for Time {
    fn next_u64(&self) -> u64 {
        7
    }
}

pub(super) struct Desk {
    pub(super) org: Arc<Org>,
    time: Time,
    client: Client,
    token: String,
    /// Method and path of each of the side's calls, logins left out.
    calls: Arc<Mutex<Vec<String>>>,
    /// All that was answered to the side.
    answers: Arc<Mutex<String>>,
    /// How many more calls are answered before the answer of one is lost on its way.
    lose_in: Arc<Mutex<Option<usize>>>,
    pub(super) side: Salesforce,
}

impl Desk {
    pub(super) fn new() -> Self {
        Self::with("")
    }

    /// A desk whose mapping file has `inbound` more under `[inbound]`.
    pub(super) fn with(inbound: &str) -> Self {
        let org = Arc::new(Org::new(&Arc::new(World::new(7))));
        let given = org.credentials("http://sf.test");
        let text = |pointer: &str| given.pointer(pointer).unwrap().as_str().unwrap().to_owned();
        let time = Time(Arc::new(Mutex::new("2026-11-22T06:00:00.4Z".parse().unwrap())));
        let calls = Arc::new(Mutex::new(Vec::new()));
        let lose_in = Arc::new(Mutex::new(None::<usize>));
        let (machine, clock) = (Arc::clone(&org), time.clone());
        let (log, lose) = (Arc::clone(&calls), Arc::clone(&lose_in));
        let answers = Arc::new(Mutex::new(String::new()));
        let heard = Arc::clone(&answers);
        let http = BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
            let path = request.uri().path().to_owned();
            let is_login = path.starts_with("/services/oauth2");
            if !is_login {
                log.lock().unwrap().push(format!("{} {path}", request.method()));
            }
            let response = machine.handle(request, clock.now());
            heard.lock().unwrap().push_str(&String::from_utf8_lossy(response.body()));
            let mut lose = lose.lock().unwrap();
            let lost = !is_login && *lose == Some(0);
            if !is_login {
                *lose = lose.and_then(|calls| calls.checked_sub(1));
            }
            async move {
                // Who calls at the same time has a turn between two calls.
                tokio::task::yield_now().await;
                if lost {
                    return Err(TransportError::Broken {
                        host: "sf.test".to_owned(),
                        reason: "cut".to_owned(),
                    });
                }
                Ok(response)
            }
        }));
        let login = LoginConfig::ClientCredentials {
            my_domain: "http://sf.test".parse().unwrap(),
            client_id: text("/consumer_key"),
            client_secret: text("/consumer_secret").into(),
        };
        let port = Arc::new(time.clone());
        let config = ClientConfig::new(login);
        let client = Client::new(http, port.clone(), port, Arc::new(Unlimited), config).unwrap();
        let owner = format!("default_owner = \"{SELLER}\"");
        let owner = if inbound.contains("default_owner") { "" } else { &owner };
        let company = format!(
            "version = 1\n\n[stages]\non_hold = \"{ON_HOLD}\"\n\n[inbound]\ncreate = true\n{owner}\n{inbound}\n"
        );
        let mapping = Mapping::with_company("company.toml", &company).unwrap();
        let side = Salesforce::new(client.clone(), Arc::new(mapping), CrmSettings::default());
        Self { org, time, client, token: text("/seller/access_token"), calls, answers, lose_in, side }
    }

    /// A desk whose side listens to change events, and the bus that brings them.
    pub(super) fn listening() -> (Self, Bus) {
        let mut desk = Self::new();
        let clock: Arc<dyn Clock> = Arc::new(desk.time.clone());
        let bus = Bus { org: Arc::clone(&desk.org), clock: Arc::clone(&clock), starts: Arc::default() };
        let events = Events::over(&desk.client, Arc::new(bus.clone()), EventsLimits::default()).unwrap();
        let poll_beside = Duration::from_mins(5);
        let settings = EventSettings { channel: Topic::all(), poll_beside, quiet_without: false };
        desk.side = desk.side.listening(events, clock, settings);
        (desk, bus)
    }

    /// Lets seconds pass.
    pub(super) fn pass(&self, seconds: i64) {
        let mut now = self.time.0.lock().unwrap();
        *now = now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
    }

    /// Lets `calls` more be answered, and loses the answer of the next: its effect is there.
    pub(super) fn lose_after(&self, calls: usize) {
        *self.lose_in.lock().unwrap() = Some(calls);
    }

    pub(super) fn calls(&self) -> Vec<String> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }

    /// All that was answered to the side since the last time.
    pub(super) fn heard(&self) -> String {
        std::mem::take(&mut *self.answers.lock().unwrap())
    }

    pub(super) fn knobs(&self, knobs: &Json) {
        self.org.set_knobs(knobs, self.time.now()).unwrap();
    }

    pub(super) fn act(&self, actor: &str, body: &Json) -> Json {
        self.org.act(actor, body, self.time.now()).unwrap()
    }

    /// A seller's call.
    pub(super) fn seller(&self, method: &str, path: &str, body: &Json) -> (u16, Json) {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://sf.test/services/data/v66.0{path}"))
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/json");
        let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let response = self.org.handle(request.body(body).unwrap(), self.time.now());
        (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap_or(Json::Null))
    }

    pub(super) fn make(&self, object: &str, fields: Json) -> String {
        let (status, body) = self.seller("POST", &format!("/sobjects/{object}"), &fields);
        assert_eq!(status, 201, "{body}");
        body["id"].as_str().unwrap().to_owned()
    }

    /// An opted-in opportunity with `more`, some seconds old.
    pub(super) fn opportunity(&self, more: &Json) -> String {
        let mut fields = json!({
            "Name": "Deal", "StageName": "Qualification", "CloseDate": "2027-01-31", "Amount": 100,
            "CurrencyIsoCode": "EUR", "Sync_with_Partner_Center__c": true,
        });
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let id = self.make("Opportunity", fields);
        self.pass(5);
        id
    }

    pub(super) fn edit(&self, object: &str, id: &str, fields: &Json) {
        let (status, body) = self.seller("PATCH", &format!("/sobjects/{object}/{id}"), fields);
        assert_eq!(status, 204, "{body}");
        self.pass(5);
    }

    pub(super) fn row(&self, object: &str, id: &str) -> Json {
        let (status, body) = self.seller("GET", &format!("/sobjects/{object}/{id}"), &Json::Null);
        assert_eq!(status, 200, "{body}");
        body
    }

    /// All records of a query without special characters.
    pub(super) fn query(&self, soql: &str) -> Vec<Json> {
        let encoded = soql.replace(' ', "%20").replace('\'', "%27");
        let (status, body) = self.seller("GET", &format!("/query?q={encoded}"), &Json::Null);
        assert_eq!(status, 200, "{body}");
        body["records"].as_array().unwrap().clone()
    }

    pub(super) async fn sight(&self, id: &str) -> Result<Sight, SideError> {
        let wanted = Wanted { record: id.into(), engagement: None, companion: None, read_companion: false };
        self.side.observe(&[wanted], scope()).await.pop().unwrap()
    }

    pub(super) async fn see(&self, id: &str) -> Observation {
        match self.sight(id).await.unwrap() {
            Sight::Seen(observation) => *observation,
            other => panic!("{other:?}"),
        }
    }

    /// A change planned on what is there now.
    pub(super) async fn change(&self, id: &str, writes: Vec<Write>, life: Option<Life>) -> Change {
        let expect = self.see(id).await.version;
        Change { record: id.into(), expect, what: What::Fields { writes, life, report: None } }
    }
}

pub(super) fn scope() -> CallScope {
    CallScope { lane: Lane::Now, send_before: None }
}

pub(super) fn held(observation: &Observation, field: &str) -> Observed {
    observation.reading(&FieldId::from(field)).held
}

pub(super) fn number(number: i64) -> Value {
    Value::Number(number.into())
}

pub(super) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

pub(super) fn write(group: &str, fields: &[(&str, Value)]) -> Write {
    let held =
        fields.iter().map(|(field, value)| (FieldId::from(*field), Held::Value(value.clone()))).collect();
    of(group, Content::Whole(held))
}

pub(super) fn money(amount: i64, currency: &str) -> Write {
    write("money", &[("deal_value", number(amount)), ("deal_currency", Value::Choice(currency.to_owned()))])
}

/// An element's key and its attributes; none removes it.
pub(super) type Put<'a> = (&'a str, Option<&'a [(&'a str, Value)]>);

pub(super) fn elements(group: &str, changes: &[Put<'_>]) -> Write {
    let change = |put: Option<&[(&str, Value)]>| match put {
        Some(attributes) => ElementChange::Put(element(attributes)),
        None => ElementChange::Remove,
    };
    let changes = changes.iter().map(|(key, put)| (ElementKey((*key).to_owned()), change(*put))).collect();
    of(group, Content::Elements(changes))
}

pub(super) fn element(attributes: &[(&str, Value)]) -> Element {
    Element(attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
}

fn of(group: &str, content: Content) -> Write {
    Write {
        group: GroupId::from(group),
        content,
        instead_of: GroupHeld::new(),
        why: Why::Changed,
        latch: None,
    }
}

/// A referral as the plan of a birth read it.
pub(super) fn referral(id: &str, writes: &[Write]) -> Observation {
    let mut fields = std::collections::BTreeMap::new();
    for write in writes {
        if let Content::Whole(group) = &write.content {
            for (field, held) in group {
                let observed = held.value().map_or(Observed::Empty, |value| Observed::Value(value.clone()));
                fields.insert(field.clone(), Reading::plain(observed));
            }
        }
    }
    let at: Timestamp = "2026-11-22T05:00:00Z".parse().unwrap();
    Observation {
        record: RecordId::from(id),
        version: Version { stamp: at, tag: Some("\"1\"".to_owned()) },
        read_at: at,
        actor: deal_model::Actor::Unknown,
        life: Life::Received,
        fields,
        facts: Facts::Portal(PortalFacts::default()),
    }
}
