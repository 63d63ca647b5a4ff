//! What the tests play on: a side over a scripted platform, a side over the sandbox, and opportunities to create from.

use std::{
    collections::{BTreeMap, VecDeque},
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use deal_model::{
    Actor, Content, CrmFacts, Element, ElementKey, Facts, FieldId, GroupHeld, GroupId, Held, Life,
    Observation, RecordId, Value, Version, Why, Write,
};
use http::{Request, Response};
use jiff::Timestamp;
use mapping::Mapping;
use partner_center::{Client, ClientConfig, ClientProof, TokenConfig, TokenSource};
use ports::{Clock, HttpService, MemoryTokenStore, SystemRng, TransportError, Unlimited, http_service};
use sandbox::{exchange::Machine as _, world::World};
use secrecy::SecretString;
use serde_json::{Value as Json, json};
use sync_engine::{CallScope, NewRecord};
use tower::{service_fn, util::BoxCloneSyncService};

use crate::partner_center::{PartnerCenter, PortalSettings, TeamMember};

pub(super) const OURS: &str = "11110000-0000-4000-8000-0000000000ff";
pub(super) const OPPORTUNITY: &str = "006AA000001XyZ1";
pub(super) const OPPORTUNITY_LONG: &str = "006AA000001XyZ1YAK";
pub(super) const NOW: &str = "2026-11-02T09:15:00Z";
pub(super) const SCOPE: CallScope = CallScope { lane: ports::Lane::Now, send_before: None };

/// A clock that stands where it was put.
pub(super) struct HandClock(Mutex<Timestamp>);

impl HandClock {
    pub(super) fn advance(&self, by: Duration) {
        let mut now = self.0.lock().unwrap();
        *now = now.checked_add(by).unwrap();
    }
}

#[async_trait]
impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        self.advance(duration);
    }
}

pub(super) fn clock() -> Arc<HandClock> {
    Arc::new(HandClock(Mutex::new(NOW.parse().unwrap())))
}

pub(super) fn mapping() -> Arc<Mapping> {
    let company =
        "version = 1\nextends = \"default\"\n[inbound]\ncreate = true\ndefault_owner = \"a@b.example\"\n";
    Arc::new(Mapping::with_company("test.toml", company).unwrap())
}

pub(super) fn settings(organization: &str) -> PortalSettings {
    let member = TeamMember {
        first_name: "Ada".to_owned(),
        last_name: "Berg".to_owned(),
        email: "ada.berg@fabrikam.example".to_owned(),
        phone: "+49401234567".to_owned(),
    };
    PortalSettings { default_team_member: Some(member), ..PortalSettings::new(organization.parse().unwrap()) }
}

fn side(
    http: HttpService,
    mapping: Arc<Mapping>,
    token: TokenConfig,
    config: ClientConfig,
    clock: Arc<HandClock>,
    ours: &str,
) -> PartnerCenter {
    let tokens = TokenSource::new(
        http.clone(),
        Arc::new(MemoryTokenStore::default()),
        clock.clone(),
        Arc::new(SystemRng),
        token,
    );
    let client = Client::new(http, Arc::new(tokens), clock, Arc::new(SystemRng), Arc::new(Unlimited), config);
    PartnerCenter::new(client, mapping, settings(ours))
}

pub(super) type Outcome = Result<Response<Bytes>, TransportError>;

/// Method and address of a request, its body and its `If-Match`.
pub(super) type Asked = (String, Json, Option<String>);

/// A platform that answers one request after the other as it was told; tokens are always had.
#[derive(Clone, Default)]
pub(super) struct Script {
    outcomes: Arc<Mutex<VecDeque<Outcome>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Script {
    pub(super) fn side(&self) -> PartnerCenter {
        self.side_by(mapping())
    }

    /// A side that reads and writes what the company's file says.
    pub(super) fn side_with(&self, company: &str) -> PartnerCenter {
        self.side_by(Arc::new(Mapping::with_company("test.toml", company).unwrap()))
    }

    fn side_by(&self, mapping: Arc<Mapping>) -> PartnerCenter {
        let script = self.clone();
        let http = BoxCloneSyncService::new(service_fn(move |request: Request<Bytes>| {
            let outcome = script.meet(&request);
            async move { outcome }
        }));
        let token = TokenConfig {
            seed: Some(SecretString::from("seed")),
            ..TokenConfig::new("https://login.example/t/oauth2/v2.0/token", "app")
        };
        side(http, mapping, token, ClientConfig::default(), clock(), OURS)
    }

    fn meet(&self, request: &Request<Bytes>) -> Outcome {
        if request.uri().path().ends_with("/token") {
            return Ok(answer(200, &json!({ "access_token": "a", "expires_in": 3600 })));
        }
        let shown = format!("{} {}", request.method(), request.uri());
        let body = serde_json::from_slice(request.body()).unwrap_or_default();
        let matched = request.headers().get("if-match").map(|tag| tag.to_str().unwrap().to_owned());
        self.asked.lock().unwrap().push((shown.clone(), body, matched));
        let outcome = self.outcomes.lock().unwrap().pop_front();
        outcome.unwrap_or_else(|| panic!("nobody told what to answer to {shown}"))
    }

    pub(super) fn answer(&self, status: u16, body: &Json) -> &Self {
        self.tell(Ok(answer(status, body)))
    }

    pub(super) fn tell(&self, outcome: Outcome) -> &Self {
        self.outcomes.lock().unwrap().push_back(outcome);
        self
    }

    /// A page of referrals, with more behind it or not.
    pub(super) fn page(&self, referrals: &[Json], more: bool) -> &Self {
        let mut page = json!({ "value": referrals });
        if more {
            page["@odata.nextLink"] = json!("http://api.partner.microsoft.com/v1.0/referrals?$skiptoken=abc");
        }
        self.answer(200, &page)
    }

    /// Every request but those for tokens.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn answer(status: u16, body: &Json) -> Response<Bytes> {
    let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
    Response::builder().status(status).header("Date", "Mon, 02 Nov 2026 09:15:00 GMT").body(body).unwrap()
}

/// A refusal in the documented envelope.
pub(super) fn refusal(code: &str, target: &str) -> Json {
    json!({ "error": { "code": code, "message": "Jo Kunde said no", "target": target } })
}

/// The documented inbound referral (partner-center reference, section 3.9 c).
pub(super) fn inbound() -> Json {
    serde_json::from_str(include_str!("inbound.json")).unwrap()
}

/// The same, under another id, at another time.
pub(super) fn inbound_at(number: u32, updated: &str) -> Json {
    let mut document = inbound();
    document["id"] = json!(format!("7a1c0000-0000-4000-8000-{number:012}"));
    document["updatedDateTime"] = json!(updated);
    document
}

/// Microsoft's referral in the same engagement.
pub(super) fn microsofts() -> Json {
    let mut document = inbound();
    document["id"] = json!("7a1c0000-0000-4000-8000-0000000000b2");
    document["organizationId"] = json!("msft");
    document["substatus"] = json!("Accepted");
    document["status"] = json!("Active");
    document["team"] = json!([{ "firstName": "Sam", "lastName": "Seller", "email": "sam@ms.example" }]);
    document["inviteContext"]["assistanceRequestCode"] = json!("QuotesOrLicensing");
    document
}

/// The sandbox's Partner Center behind a side.
pub(super) struct Sandboxed {
    pub(super) side: PartnerCenter,
    pub(super) clock: Arc<HandClock>,
    machine: Arc<sandbox::partner_center::PartnerCenter>,
}

impl Sandboxed {
    pub(super) fn new() -> Self {
        let clock = clock();
        let world = Arc::new(World::new(7));
        let machine = Arc::new(sandbox::partner_center::PartnerCenter::new(world, clock.now()));
        let told = machine.credentials("http://portal.test");
        let text = |name: &str| told[name].as_str().unwrap().to_owned();
        let (served, time) = (machine.clone(), clock.clone());
        let http = http_service(service_fn(move |request: Request<Bytes>| {
            let response = served.handle(request, time.now());
            async move { Ok::<_, Infallible>(response) }
        }));
        let token = TokenConfig {
            client: ClientProof::Secret(SecretString::from(text("client_secret"))),
            seed: Some(SecretString::from(text("refresh_token"))),
            referrals_scope: text("referrals_scope"),
            ..TokenConfig::new(text("token_url"), text("client_id"))
        };
        let config = ClientConfig { api_url: text("api_url"), ..ClientConfig::default() };
        let side = side(http, mapping(), token, config, clock.clone(), &text("organization_id"));
        Self { side, clock, machine }
    }

    /// Lets somebody act past the API, a second later.
    pub(super) fn act(&self, actor: &str, body: &Json) -> Json {
        self.clock.advance(Duration::from_secs(1));
        self.machine.act(actor, body, self.clock.now()).unwrap()
    }

    pub(super) fn set(&self, knobs: &Json) {
        self.machine.set_knobs(knobs, self.clock.now()).unwrap();
    }
}

pub(super) fn text(text: &str) -> Held {
    Held::Value(Value::Text(text.to_owned()))
}

pub(super) fn choice(code: &str) -> Held {
    Held::Value(Value::Choice(code.to_owned()))
}

pub(super) fn elements(of: &[(&str, &[(&str, &str)])]) -> Held {
    let element = |attributes: &[(&str, &str)]| {
        let attributes = attributes.iter();
        Element(
            attributes.map(|(name, value)| ((*name).to_owned(), Value::Text((*value).to_owned()))).collect(),
        )
    };
    Held::Value(Value::Set(
        of.iter().map(|(key, attributes)| (ElementKey((*key).to_owned()), element(attributes))).collect(),
    ))
}

pub(super) fn write(group: &str, members: Vec<(&str, Held)>) -> Write {
    Write {
        group: GroupId::new(group),
        content: Content::Whole(
            members.into_iter().map(|(field, held)| (FieldId::new(field), held)).collect(),
        ),
        instead_of: GroupHeld::new(),
        why: Why::Created,
        latch: None,
    }
}

/// The documented partner-led deal (partner-center reference, section 3.9 a), as an opportunity would send it.
pub(super) fn deal(asks_help: bool) -> NewRecord {
    let yes = || Held::Value(Value::Flag(true));
    let facts = CrmFacts { opted_in: true, consent: true, asks_help, ..CrmFacts::default() };
    let stamp: Timestamp = NOW.parse().unwrap();
    NewRecord {
        writes: vec![
            write("external_reference", vec![("external_reference", text(OPPORTUNITY_LONG))]),
            write("deal_name", vec![("deal_name", text("Northwind analytics rollout"))]),
            write(
                "money",
                vec![
                    ("deal_value", Held::Value(Value::Number(48_000.into()))),
                    ("deal_currency", choice("EUR")),
                ],
            ),
            write(
                "closing_date",
                vec![("closing_date", Held::Value(Value::Date("2027-03-31".parse().unwrap())))],
            ),
            write("notes", vec![("notes", text("Wants a pilot in Q1"))]),
            write("share", vec![("share", yes())]),
            write(
                "consent",
                vec![("consent_share", yes()), ("consent_contact", yes()), ("consent_microsoft", yes())],
            ),
            write(
                "solutions",
                vec![("solutions", elements(&[("SOL-12345-ABC", &[("name", "Fabrikam Insight")])]))],
            ),
            write("marketplace_intent", vec![("marketplace_intent", choice("HaveNotDecided"))]),
            write("customer_name", vec![("customer_name", text("Northwind Traders GmbH"))]),
            write(
                "customer_address",
                vec![
                    ("customer_street", text("Hafenstr. 9")),
                    ("customer_city", text("Hamburg")),
                    ("customer_state", Held::Empty),
                    ("customer_postal_code", text("20457")),
                    ("customer_country", choice("DE")),
                ],
            ),
            write("customer_duns", vec![("customer_duns", text("123456789"))]),
            write(
                "help",
                vec![("help", choice("ProofOfConceptOrDemo")), ("help_notes", text("Azure estate"))],
            ),
            write(
                "contacts",
                vec![(
                    "contacts",
                    elements(&[(
                        "jo.kunde@northwind.example",
                        &[("first_name", "Jo"), ("last_name", "Kunde"), ("phone", "+494055500")],
                    )]),
                )],
            ),
        ],
        life: Life::Active { sales_stage: None },
        from: Observation {
            record: RecordId::new(OPPORTUNITY),
            version: Version { stamp, tag: None },
            read_at: stamp,
            actor: Actor::Person,
            life: Life::Active { sales_stage: None },
            fields: BTreeMap::new(),
            facts: Facts::Crm(facts),
        },
        engagement: None,
    }
}
