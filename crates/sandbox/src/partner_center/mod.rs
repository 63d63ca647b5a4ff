//! Partner Center: referrals, engagements, webhooks.
//!
//! | path | file |
//! |---|---|
//! | `/{tenant}/oauth2/...`, `/devicelogin` | `token`; its pages: `page` |
//! | `/v1.0/engagements/referrals` | `list`, `filter`; `create`, `rules` |
//! | `/v1.0/engagements/referrals/{id}` | `patch`, `lifecycle` |
//! | `/webhooks/v1/registration` | `registration`; `delivery`, `signing` send |
//! | `/cert/pcnotifications-dispatch.microsoft.com.cer` | `signing` |
//!
//! What a referral is made of stands in `schema`, what the service remembers in `book`, what is undocumented in
//! [`knobs`], who acts past the API in `actors`.

mod actors;
mod book;
mod create;
mod delivery;
mod filter;
pub mod knobs;
mod lifecycle;
mod list;
mod page;
mod patch;
mod refusal;
mod registration;
mod rules;
mod schema;
mod signing;
mod stamp;
mod token;
mod wire;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard},
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{CONTENT_TYPE, DATE, IF_MATCH, LOCATION, RETRY_AFTER},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use self::{
    book::{Book, Document, Owner, text},
    delivery::Hooks,
    knobs::{Knobs, RelatedVisibility, SecondPostBody, SignIn, Signer},
    refusal::Refusal,
    rules::Step,
    token::{Audience, Person, Tokens, staff},
    wire::{accepts_json, body, prefers_representation, tag},
};
use crate::{
    exchange::{self, Kind, Machine, Outcome, Outgoing, query, segments},
    world::World,
};

/// Longest request body; longer ones are answered with 413.
pub const MAX_BODY_BYTES: usize = 1 << 20;
/// Where the service says it is until it is told ([`Machine::credentials`]).
const REAL_BASE: &str = "https://api.partner.microsoft.com";

/// Who the partner is.
#[derive(Debug)]
struct Identity {
    tenant_id: String,
    organization_id: String,
    organization_name: String,
    mpn_id: String,
    client_id: String,
    client_secret: String,
    public_client_id: String,
    people: Vec<Person>,
    subscriber_id: String,
}

/// Everything that changes.
#[derive(Debug)]
struct State {
    world: Arc<World>,
    born: Timestamp,
    identity: Identity,
    base: String,
    knobs: Knobs,
    book: Book,
    tokens: Tokens,
    hooks: Hooks,
    calls: VecDeque<Timestamp>,
}

/// A local Partner Center.
#[derive(Debug)]
pub struct PartnerCenter {
    state: Mutex<State>,
}

impl PartnerCenter {
    /// An empty Partner Center of one partner, whose identifiers and secrets follow from the world's seed. Its
    /// refresh token is alive for 90 days from `now`.
    pub fn new(world: Arc<World>, now: Timestamp) -> Self {
        let identity = Identity {
            tenant_id: world.guid(),
            organization_id: world.guid(),
            organization_name: "Fabrikam".to_owned(),
            mpn_id: (1_000_000 + world.draw() % 9_000_000).to_string(),
            client_id: world.guid(),
            client_secret: format!("sandbox~{}", world.guid()),
            people: {
                let admins_token = format!("0.{}", world.guid());
                staff(&world, admins_token)
            },
            public_client_id: world.guid(),
            subscriber_id: world.guid(),
        };
        let revision = u32::try_from(world.draw() & 0x00ff_ffff).unwrap_or_default();
        let mut tokens = Tokens::default();
        let knobs = Knobs::default();
        for (number, person) in identity.people.iter().enumerate() {
            tokens.admit_ready(person.refresh_token.clone(), number, now, knobs.refresh_token_days);
        }
        let state = State {
            world,
            born: now,
            identity,
            base: REAL_BASE.to_owned(),
            knobs,
            book: Book::new(revision),
            tokens,
            hooks: Hooks::default(),
            calls: VecDeque::new(),
        };
        Self { state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no code panics while holding this lock")
    }
}

impl Machine for PartnerCenter {
    fn kind(&self, request: &Request<Bytes>) -> Kind {
        let path = segments(request);
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match (request.method(), path.as_slice()) {
            (&Method::POST, [_, "oauth2", .., "token" | "devicecode"]) => Kind::Token,
            (&Method::POST, ["v1.0", "engagements", "referrals"]) => {
                let body = serde_json::from_slice(request.body()).unwrap_or_default();
                if create::step(&body) == Step::Microsoft { Kind::CreateCompanion } else { Kind::Create }
            }
            (&Method::PATCH | &Method::PUT, ["v1.0", "engagements", "referrals", _]) => Kind::Patch,
            (&Method::POST | &Method::PUT, ["webhooks", ..]) => Kind::Registration,
            _ => Kind::Read,
        }
    }

    fn handle(&self, request: Request<Bytes>, now: Timestamp) -> Response<Bytes> {
        let mut state = self.lock();
        state.expire_due(now);
        let mut response = state.route(&request, now);
        state.dress(&mut response, request.headers(), now);
        response
    }

    fn state(&self, now: Timestamp) -> Value {
        let mut state = self.lock();
        state.expire_due(now);
        let referrals: Vec<Value> =
            state.book.all().iter().map(|record| state.entity(&record.document, false)).collect();
        json!({ "organizationId": state.identity.organization_id, "referrals": referrals })
    }

    fn knobs(&self) -> Value {
        serde_json::to_value(&self.lock().knobs).unwrap_or_default()
    }

    fn set_knobs(&self, patch: &Value, _: Timestamp) -> Result<(), String> {
        let mut state = self.lock();
        state.knobs = state.knobs.patched(patch)?;
        let named = |knob| patch.get(knob).is_some();
        if (named("sign_in") && state.knobs.sign_in != SignIn::Works)
            || (named("claims_challenge") && state.knobs.claims_challenge)
        {
            state.tokens.trouble();
        }
        Ok(())
    }

    fn act(&self, actor: &str, body: &Value, now: Timestamp) -> Result<Value, String> {
        let mut state = self.lock();
        state.expire_due(now);
        state.act(actor, body, now)
    }

    fn credentials(&self, base_url: &str) -> Value {
        let mut state = self.lock();
        base_url.trim_end_matches('/').clone_into(&mut state.base);
        let born = state.born;
        let tokens: Vec<String> =
            (0..state.identity.people.len()).map(|person| state.ready_token(person, born)).collect();
        let State { identity, base, .. } = &*state;
        let certificate = token::certificate();
        let people: Map<String, Value> = identity
            .people
            .iter()
            .zip(&tokens)
            .map(|(person, token)| {
                let credentials = json!({
                    "username": person.username,
                    "password": person.password,
                    "refresh_token": person.refresh_token,
                    "access_token": token,
                });
                (person.key.to_owned(), credentials)
            })
            .collect();
        json!({
            "api_url": state.api(),
            "webhooks_url": format!("{base}/webhooks/v1"),
            "token_url": format!("{base}/{}/oauth2/v2.0/token", identity.tenant_id),
            "token_url_v1": format!("{base}/{}/oauth2/token", identity.tenant_id),
            "device_code_url": format!("{base}/{}/oauth2/v2.0/devicecode", identity.tenant_id),
            "device_login_url": format!("{base}/devicelogin"),
            "authorize_url": format!("{base}/{}/oauth2/v2.0/authorize", identity.tenant_id),
            "control_url": format!("{base}/_sandbox"),
            "certificate_url": state.certificate_url(Signer::Genuine),
            "tenant_id": identity.tenant_id,
            "organization_id": identity.organization_id,
            "organization_name": identity.organization_name,
            "mpn_id": identity.mpn_id,
            "client_id": identity.client_id,
            "client_secret": identity.client_secret,
            "client_certificate_pem": certificate.certificate_pem,
            "client_key_pem": certificate.key_pem,
            "client_certificate_x5t": certificate.sha1,
            "client_certificate_x5t_s256": certificate.sha256,
            "public_client_id": identity.public_client_id,
            "people": people,
            "refresh_token": identity.people[0].refresh_token,
            "referrals_scope": format!("{}/.default", Audience::Referrals.resource()),
            "webhooks_scope": format!("{}/.default", Audience::Webhooks.resource()),
            "portal_user_token": tokens[0],
            "webhook_trust_anchor_pem": signing::root_pem(),
            "webhook_intermediate_pem": signing::intermediate_pem(),
        })
    }

    fn take_due(&self, now: Timestamp) -> Vec<Outgoing> {
        let mut state = self.lock();
        state.expire_due(now);
        state.take_due(now)
    }

    fn next_due(&self) -> Option<Timestamp> {
        self.lock().hooks.next_due()
    }

    fn delivered(&self, id: u64, outcome: &Outcome, now: Timestamp) {
        self.lock().delivered(id, outcome, now);
    }

    fn webhooks(&self) -> Value {
        self.lock().hooks.report()
    }
}

impl State {
    /// The API's own address.
    fn api(&self) -> String {
        format!("{}/v1.0/engagements", self.base)
    }

    fn route(&mut self, request: &Request<Bytes>, now: Timestamp) -> Response<Bytes> {
        let path = segments(request);
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match path.as_slice() {
            [tenant, "oauth2", rest @ ..] => self.sign_in(tenant, rest, request, now).unwrap_or_else(|| {
                Refusal::not_found("There is no such resource.").response(self.knobs.whole_error_target)
            }),
            ["devicelogin"] => self.device_login(request, now),
            ["webhooks", "v1", rest @ ..] => self.webhooks(rest, request, now),
            ["cert", rest @ ..] => certificate(rest, request),
            ["v1.0", "engagements", rest @ ..] => match self.throttled(now) {
                Some(response) => response,
                None => match self.referrals(rest, request, now) {
                    Ok(response) => response,
                    Err(refusal) => refusal.response(self.knobs.whole_error_target),
                },
            },
            _ => Refusal::not_found("There is no such resource.").response(self.knobs.whole_error_target),
        }
    }

    fn referrals(
        &mut self,
        path: &[&str],
        request: &Request<Bytes>,
        now: Timestamp,
    ) -> Result<Response<Bytes>, Refusal> {
        self.admit(request, now)?;
        if request.body().len() > MAX_BODY_BYTES {
            return Err(Refusal::form(StatusCode::PAYLOAD_TOO_LARGE, "The body is longer than 1 MiB."));
        }
        accepts_json(request.headers())?;
        let method = request.method();
        match path {
            ["referrals"] if method == Method::GET => {
                self.list(query(request), now).map(|page| exchange::json(StatusCode::OK, &page))
            }
            ["referrals"] if method == Method::POST => {
                let (at, step) = self.create(body(request)?, now)?;
                Ok(self.created(at, step))
            }
            ["referrals", id] if method == Method::GET => self.get(id, request, now),
            ["referrals", id] if method == Method::PATCH || method == Method::PUT => {
                let body = body(request)?;
                let at = self.visible(id)?;
                self.precondition(at, request.headers(), method == Method::PUT)?;
                if method == Method::PUT {
                    if self.book.get(at).owner != Owner::Ours {
                        return Err(Refusal::denied("The referral belongs to another organization."));
                    }
                    self.put(at, body, now)?;
                    return Ok(self.whole(at, StatusCode::OK));
                }
                self.patch(at, &body, now)?;
                if prefers_representation(request.headers()) {
                    let mut response = self.whole(at, StatusCode::OK);
                    let applied = HeaderValue::from_static("return=representation");
                    response.headers_mut().insert("preference-applied", applied);
                    return Ok(response);
                }
                let mut response = exchange::empty(StatusCode::NO_CONTENT);
                tag(&mut response, &self.book.get(at).document);
                Ok(response)
            }
            ["referrals"] => Err(Refusal::method("GET, POST")),
            ["referrals", _] => Err(Refusal::method("GET, PATCH, PUT")),
            _ => Err(Refusal::not_found("There is no such resource.")),
        }
    }

    fn get(&self, id: &str, request: &Request<Bytes>, now: Timestamp) -> Result<Response<Bytes>, Refusal> {
        let select = list::select_only(query(request))?;
        let record = self.book.get(self.visible(id)?);
        let lag = SignedDuration::from_millis(self.knobs.get_lag_ms.try_into().unwrap_or(i64::MAX));
        let document = if lag.is_zero() {
            &record.document
        } else {
            let seen_at = now.checked_sub(lag).unwrap_or(now);
            record.version_at(seen_at).map_or_else(|| record.oldest(), |(_, document)| document)
        };
        let mut whole = self.entity(document, true);
        if let (Some(select), Value::Object(members)) = (select, &mut whole) {
            members.retain(|name, _| name == "@odata.context" || select.contains(name));
        }
        let mut response = exchange::json(StatusCode::OK, &whole);
        tag(&mut response, document);
        Ok(response)
    }

    fn created(&self, at: usize, step: Step) -> Response<Bytes> {
        let status = StatusCode::from_u16(self.knobs.create_status).unwrap_or(StatusCode::OK);
        let mut response = if step == Step::Microsoft && self.knobs.second_post_body == SecondPostBody::Id {
            exchange::json(status, &json!({ "id": self.book.get(at).text("id") }))
        } else {
            self.whole(at, status)
        };
        if status == StatusCode::CREATED {
            let location = format!("{}/referrals/{}", self.api(), self.book.get(at).text("id"));
            if let Ok(location) = HeaderValue::from_str(&location) {
                response.headers_mut().insert(LOCATION, location);
            }
        }
        response
    }

    fn whole(&self, at: usize, status: StatusCode) -> Response<Bytes> {
        let document = &self.book.get(at).document;
        let mut response = exchange::json(status, &self.entity(document, true));
        tag(&mut response, document);
        response
    }

    /// The referral with this id, if the partner may know of it.
    fn visible(&self, id: &str) -> Result<usize, Refusal> {
        let hidden = self.knobs.related_visibility == RelatedVisibility::Hidden;
        self.book
            .find(id)
            .filter(|at| !(hidden && self.book.get(*at).owner == Owner::Microsoft))
            .ok_or_else(|| Refusal::not_found("The referral was not found.").on("referral"))
    }

    fn precondition(&self, at: usize, headers: &HeaderMap, required: bool) -> Result<(), Refusal> {
        let given = headers.get(IF_MATCH).map(|value| value.to_str().unwrap_or_default().trim());
        match given {
            None if required => {
                Err(Refusal::invalid("If-Match is required.").on("If-Match").because("missing"))
            }
            None | Some("*") => Ok(()),
            Some(given) => {
                let present = self.book.get(at).text("eTag");
                let fresh = given.split(',').any(|tag| tag.trim() == present);
                if fresh { Ok(()) } else { Err(Refusal::stale(self.knobs.stale_status)) }
            }
        }
    }

    /// A referral as the API gives it.
    fn entity(&self, document: &Document, with_context: bool) -> Value {
        let mut whole = document.clone();
        let api = self.api();
        let links =
            if self.knobs.misspell_links { api.replace("engagements", "engagments") } else { api.clone() };
        let (id, engagement) = (text(document, "id"), text(document, "engagementId"));
        let links = json!({
            "relatedReferrals": {
                "uri": format!("{links}/referrals?$filter=engagementId eq '{engagement}'"),
                "method": "GET",
            },
            "self": { "uri": format!("{links}/referrals/{id}"), "method": "GET" },
        });
        whole.insert("links".to_owned(), links);
        if with_context {
            let context = format!("{api}/referrals/$metadata#Referrals/$entity");
            whole.insert("@odata.context".to_owned(), context.into());
        }
        Value::Object(whole)
    }

    /// The gateway's answer when too many calls came in the last minute: not the error envelope.
    fn throttled(&mut self, now: Timestamp) -> Option<Response<Bytes>> {
        let limit = usize::try_from(self.knobs.calls_a_minute?).ok()?;
        let minute = SignedDuration::from_mins(1);
        while self.calls.front().is_some_and(|at| now.duration_since(*at) >= minute) {
            self.calls.pop_front();
        }
        if self.calls.len() < limit {
            self.calls.push_back(now);
            return None;
        }
        let oldest = self.calls.front().copied().unwrap_or(now);
        let wait = (minute - now.duration_since(oldest)).as_secs().max(0) + 1;
        let body = json!({
            "statusCode": 429,
            "message": format!("Rate limit is exceeded. Try again in {wait} seconds."),
        });
        let mut response = exchange::json(StatusCode::TOO_MANY_REQUESTS, &body);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait));
        Some(response)
    }

    /// The headers that every answer has (reference, section 2.3).
    fn dress(&self, response: &mut Response<Bytes>, asked: &HeaderMap, now: Timestamp) {
        let date = now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let headers = response.headers_mut();
        for (name, value) in [
            ("request-id", self.world.guid()),
            ("timestamp", stamp::server(now)),
            ("x-ms-ags-diagnostic", r#"{"ServerInfo":{"DataCenter":"Sandbox"}}"#.to_owned()),
        ] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        if let Ok(date) = HeaderValue::from_str(&date) {
            headers.insert(DATE, date);
        }
        if let Some(id) = asked.get("client-request-id") {
            headers.insert("client-request-id", id.clone());
        }
    }
}

fn certificate(path: &[&str], request: &Request<Bytes>) -> Response<Bytes> {
    let signer = match path {
        [signing::CERTIFICATE_FILE] => Signer::Genuine,
        ["expired", signing::CERTIFICATE_FILE] => Signer::Expired,
        ["foreign", signing::CERTIFICATE_FILE] => Signer::Foreign,
        ["other-organization", signing::CERTIFICATE_FILE] => Signer::OtherOrganization,
        _ => return exchange::empty(StatusCode::NOT_FOUND),
    };
    let mut response = exchange::empty(StatusCode::OK);
    let chain = query(request).iter().any(|(name, value)| name == "chain" && value == "1");
    let kind = if chain { "application/x-pem-file" } else { "application/x-x509-ca-cert" };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    *response.body_mut() =
        if chain { signing::chain_pem(signer).into() } else { signing::leaf_der(signer).into() };
    response
}
