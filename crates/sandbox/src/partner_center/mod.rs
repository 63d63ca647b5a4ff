//! Partner Center: referrals, engagements, webhooks.
//!
//! | path | file |
//! |---|---|
//! | `/{tenant}/oauth2/...`, `/devicelogin` | `token`; its pages: `page` |
//! | `/v1.0/engagements/referrals` | `list`, `filter`, `select`; `create`, `rules`, `codes` |
//! | `/v1.0/engagements/referrals/{id}` | `patch`, `lifecycle`; deal registrations: `registering` |
//! | `/webhooks/v1/registration` | `registration`; `delivery`, `signing` send |
//! | `/cert/pcnotifications-dispatch.microsoft.com.cer` | `signing` |
//!
//! `routes` leads there, past the gateway of `throttle`. Who sees which referral stands in `visibility`, what a
//! referral is made of in `schema`, what the service remembers in `book`, what is undocumented in [`knobs`], who the
//! partner is in `identity`, who acts past the API in `actors`, by itself in `seller`.

mod actors;
mod book;
mod codes;
mod create;
mod delivery;
pub mod filter;
mod identity;
pub mod knobs;
mod lifecycle;
mod list;
mod page;
mod patch;
mod refusal;
mod registering;
mod registration;
mod routes;
mod rules;
mod schema;
mod select;
mod seller;
mod signing;
mod stamp;
mod throttle;
mod token;
mod visibility;
mod wire;

use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use http::{Method, Request, Response};
use jiff::Timestamp;
use serde_json::Value;

pub use self::routes::MAX_BODY_BYTES;
use self::{
    book::{Book, Expiry},
    delivery::Hooks,
    identity::Identity,
    knobs::{Knobs, SignIn},
    rules::Step,
    seller::Seller,
    token::Tokens,
};
use crate::{
    exchange::{Kind, Machine, Outcome, Outgoing, segments},
    picture::Drawn,
    world::World,
};

/// Where the service says it is until it is told ([`Machine::credentials`]).
const REAL_BASE: &str = "https://api.partner.microsoft.com";

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
    gateway: throttle::Window,
    seller: Seller,
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
        let identity = Identity::new(&world);
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
            gateway: throttle::Window::default(),
            seller: Seller::default(),
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
        state.tick(now);
        let mut response = state.route(&request, now);
        state.dress(&mut response, request.headers(), now);
        response
    }

    fn redraw(&self, whole: &mut Value, drawn: &mut Drawn, now: Timestamp) {
        let mut state = self.lock();
        state.tick(now);
        whole["organizationId"] = state.identity.organization_id.clone().into();
        let documents = state.book.all().iter().map(|record| &record.document);
        drawn.list(whole, "referrals", documents, |document| state.entity(document, false));
    }

    fn written(&self, now: Timestamp) -> u64 {
        let mut state = self.lock();
        state.tick(now);
        state.book.written()
    }

    fn knobs(&self) -> Value {
        serde_json::to_value(&self.lock().knobs).unwrap_or_default()
    }

    fn described_knobs(&self) -> Value {
        self.lock().knobs.described()
    }

    fn actors(&self) -> &'static [(&'static str, &'static str)] {
        actors::ACTORS
    }

    fn page(&self, request: &Request<Bytes>, now: Timestamp) -> Option<Response<Bytes>> {
        let mut state = self.lock();
        state.tick(now);
        Some(state.console(request, now))
    }

    fn set_knobs(&self, patch: &Value, now: Timestamp) -> Result<(), String> {
        let mut state = self.lock();
        state.knobs = state.knobs.patched(patch)?;
        state.book.expiry =
            Expiry { days: state.knobs.expiry_days, at_midnight: state.knobs.expiry_at_midnight };
        let named = |knob| patch.get(knob).is_some();
        if named("seller_deeds_a_day") {
            state.plan_deed(now);
        }
        if (named("sign_in") && state.knobs.sign_in != SignIn::Works)
            || (named("claims_challenge") && state.knobs.claims_challenge)
        {
            state.tokens.trouble();
        }
        Ok(())
    }

    fn act(&self, actor: &str, body: &Value, now: Timestamp) -> Result<Value, String> {
        let mut state = self.lock();
        state.tick(now);
        state.act(actor, body, now)
    }

    fn credentials(&self, base_url: &str) -> Value {
        let mut state = self.lock();
        base_url.trim_end_matches('/').clone_into(&mut state.base);
        state.credentials()
    }

    fn take_due(&self, now: Timestamp) -> Vec<Outgoing> {
        let mut state = self.lock();
        state.tick(now);
        state.take_due(now)
    }

    fn next_due(&self) -> Option<Timestamp> {
        let state = self.lock();
        state.hooks.next_due().into_iter().chain(state.seller.next).min()
    }

    fn delivered(&self, id: u64, outcome: &Outcome, now: Timestamp) {
        self.lock().delivered(id, outcome, now);
    }

    fn webhooks(&self) -> Value {
        self.lock().hooks.report()
    }
}
