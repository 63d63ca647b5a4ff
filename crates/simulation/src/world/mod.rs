//! The world around the product: two platforms, a network between, and everything that can be seen of both.

pub(crate) mod bus;
pub(crate) mod courier;
pub(crate) mod flight;
pub(crate) mod lure;
pub(crate) mod transport;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard},
};

use axum::Router;
use bytes::Bytes;
use http::{Method, Request, Response, header};
use jiff::Timestamp;
use sandbox::{
    exchange::Machine,
    faults::Platform,
    partner_center::PartnerCenter,
    salesforce::Salesforce,
    serve::{Ready, Trust},
    world::World as Chance,
};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::{
    counters::Counters,
    crashes::Crashes,
    dice::Dice,
    faults::Weather,
    judge::Violation,
    log::Log,
    product::{Eyes, Profile},
    scene,
    time::{MachineClock, WorldClock},
    world::{flight::Afloat, lure::Lure},
};

/// Where the portal is. Nothing listens there: the host leads to the machine.
const PORTAL: &str = "http://127.0.0.1:7001";
/// Where the org is.
const ORG: &str = "http://127.0.0.1:7002";
/// Where the product is.
pub const PRODUCT: &str = "http://127.0.0.1:7003";

/// Where the product's endpoint for the portal's events is.
const DOOR: &str = "/webhooks/partner-center";

/// Why a lock of the world is never poisoned.
pub(crate) const LOCK: &str = "no code panics while holding this lock";

/// One write of the product that a platform took, or read that it answered.
#[derive(Debug, Clone)]
pub struct Seen {
    /// When it took effect.
    pub at: Timestamp,
    /// Whose it was.
    pub platform: Platform,
    /// What it did.
    pub kind: sandbox::exchange::Kind,
    /// Method and path.
    pub line: String,
    /// What was sent.
    pub body: Bytes,
    /// What the platform answered, whatever the network made of it.
    pub status: u16,
    /// The answer.
    pub answer: Bytes,
}

/// Everything that is not the product.
pub struct World {
    /// The seed.
    pub seed: u64,
    /// Time.
    pub clock: Arc<WorldClock>,
    /// The time of the product's machine.
    pub machine_clock: MachineClock,
    /// What happened.
    pub log: Log,
    /// What happened at least sometimes.
    pub counters: Counters,
    /// Partner Center.
    pub portal: Arc<PartnerCenter>,
    /// Salesforce.
    pub org: Arc<Salesforce>,
    /// Addresses and credentials.
    pub ready: Ready,
    /// What goes wrong on the way.
    pub weather: Weather,
    /// Where the product dies.
    pub crashes: Arc<Crashes>,
    /// The network's chance.
    network: Dice,
    /// Who waits for the product to read.
    pub(crate) lure: Lure,
    /// Wakes the courier: a platform may have something to say.
    stirred: Notify,
    /// Where the portal's events are sent in this life.
    door: Mutex<Option<Router>>,
    /// What the product did since somebody last looked.
    seen: Mutex<Vec<Seen>>,
    /// Requests whose sender is gone.
    afloat: Mutex<Vec<Afloat>>,
    /// There is one more of them.
    set_afloat: Notify,
    calls: Mutex<u64>,
    /// A look into the life that is under way.
    eyes: Mutex<Option<Arc<dyn Eyes>>>,
    /// Events that were answered with success.
    acknowledged: Mutex<BTreeSet<String>>,
    /// What must never be and was seen outside the steps.
    found: Mutex<Vec<Violation>>,
    /// The newest picture of both platforms.
    pub(crate) scene: Mutex<scene::Newest>,
}

impl World {
    /// An empty world of `seed` at `start`.
    pub fn new(seed: u64, start: Timestamp, log: Log) -> Arc<Self> {
        let chance = Arc::new(Chance::new(seed));
        let portal = Arc::new(PartnerCenter::new(Arc::clone(&chance), start));
        let org = Arc::new(Salesforce::new(&chance));
        let mut salesforce = org.credentials(ORG);
        if let Value::Object(all) = &mut salesforce {
            all.insert("pubsub_endpoint".to_owned(), Value::from("127.0.0.1:7004"));
        }
        let ready = Ready {
            partner_center: portal.credentials(PORTAL),
            salesforce,
            tls: Trust { authority_pem: String::new(), authority_file: None },
            seed,
        };
        let clock = Arc::new(WorldClock::new(start));
        let crashes: Arc<Crashes> = Arc::default();
        Arc::new(Self {
            seed,
            machine_clock: MachineClock::new(Arc::clone(&clock), Arc::clone(&crashes)),
            clock,
            log,
            counters: Counters::default(),
            portal,
            org,
            ready,
            weather: Weather::new(seed),
            crashes: Arc::clone(&crashes),
            network: Dice::new(seed, "network"),
            lure: Lure::default(),
            stirred: Notify::new(),
            door: Mutex::default(),
            seen: Mutex::default(),
            afloat: Mutex::default(),
            set_afloat: Notify::new(),
            calls: Mutex::default(),
            eyes: Mutex::default(),
            acknowledged: Mutex::default(),
            found: Mutex::default(),
            scene: Mutex::default(),
        })
    }

    /// What a customer of this world configures.
    pub(crate) fn profile(&self) -> Profile {
        let dice = Dice::new(self.seed, "profile");
        Profile {
            events: !dice.percent(25),
            short_graces: dice.percent(60),
            brake_limit: if dice.percent(50) { 20 } else { 3 },
            poll_seconds: dice.between(5, 30),
            workers: if dice.percent(50) { 1 } else { 2 },
            overlap_minutes: if dice.percent(50) { 5 } else { 1 },
            reconcile_minutes: if dice.percent(50) { 5 } else { 12 * 60 },
            mapping: dice.below(4),
            page_size: if dice.percent(50) { 100 } else { dice.between(3, 8) },
        }
    }

    /// What of the portal differs from one to the next: the pages of its list, and whether it lets Microsoft be invited
    /// into an engagement a second time (partner-center reference, section 10).
    pub(crate) fn habits(&self, profile: Profile) -> Value {
        let twice = Dice::new(self.seed, "habits").percent(50);
        json!({ "page_size": profile.page_size, "allow_second_microsoft_referral": twice })
    }

    /// The world's time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A line of the log.
    pub fn say(&self, line: &str) {
        self.log.say(self.now(), line);
    }

    pub(crate) fn machine(&self, platform: Platform) -> &dyn Machine {
        match platform {
            Platform::PartnerCenter => self.portal.as_ref(),
            Platform::Salesforce => self.org.as_ref(),
        }
    }

    /// Lets a person or system act on a platform, past the product's sight.
    ///
    /// # Errors
    /// The platform's sentence.
    pub fn act(&self, platform: Platform, actor: &str, body: &Value) -> Result<Value, String> {
        let done = self.machine(platform).act(actor, body, self.now());
        self.stirred.notify_one();
        done
    }

    /// A person's call of the org's API, past the network's weather.
    ///
    /// # Errors
    /// The platform's refusal.
    pub fn seller_calls(
        &self,
        seller: &str,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, String> {
        let tokens = &self.ready.salesforce["access_tokens"];
        let token = tokens[seller].as_str().unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(format!("{ORG}/services/data/v66.0{path}"))
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string())))
            .map_err(|error| error.to_string())?;
        let answer: Response<Bytes> = self.org.handle(request, self.now());
        self.stirred.notify_one();
        let value = serde_json::from_slice(answer.body()).unwrap_or(Value::Null);
        if answer.status().is_success() { Ok(value) } else { Err(format!("{} {value}", answer.status())) }
    }

    /// The partner's administrator has the portal's events sent to the product.
    ///
    /// # Errors
    /// The portal's refusal.
    pub(crate) fn register_for_events(&self) -> Result<(), String> {
        let token = self.webhooks_token()?;
        let events =
            ["referral-created", "referral-updated", "related-referral-created", "related-referral-updated"];
        let body = serde_json::json!({ "WebhookUrl": format!("{PRODUCT}{DOOR}"), "WebhookEvents": events });
        let request = Request::post(format!("{PORTAL}/webhooks/v1/registration"))
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Bytes::from(body.to_string()))
            .map_err(|error| error.to_string())?;
        let answer = self.portal.handle(request, self.now());
        let refusal = || format!("{} {}", answer.status(), String::from_utf8_lossy(answer.body()));
        if answer.status().is_success() { Ok(()) } else { Err(refusal()) }
    }

    /// The administrator's token for the API of webhooks.
    fn webhooks_token(&self) -> Result<String, String> {
        let said = |name: &str| self.ready.partner_center[name].as_str().unwrap_or_default();
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "refresh_token")
            .append_pair("client_id", said("client_id"))
            .append_pair("client_secret", said("client_secret"))
            .append_pair("refresh_token", said("refresh_token"))
            .append_pair("scope", said("webhooks_scope"))
            .finish();
        let request = Request::post(said("token_url"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Bytes::from(form))
            .map_err(|error| error.to_string())?;
        let answer = self.portal.handle(request, self.now());
        let value: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        value["access_token"].as_str().map(str::to_owned).ok_or_else(|| format!("no token: {value}"))
    }

    /// Sets knobs of a platform.
    pub(crate) fn set_knobs(&self, platform: Platform, patch: &Value) {
        if let Err(why) = self.machine(platform).set_knobs(patch, self.now()) {
            // A knob that does not exist would silently test nothing.
            panic!("the sandbox does not take {patch}: {why}");
        }
        self.stirred.notify_one();
    }

    /// Takes what the product did since the last time.
    pub fn take_seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.seen.lock().expect(LOCK))
    }

    /// How many calls the product has made.
    pub fn calls(&self) -> u64 {
        *self.calls.lock().expect(LOCK)
    }

    /// Opens or closes the product's door for the portal's events.
    pub(crate) fn set_door(&self, door: Option<Router>) {
        *self.door.lock().expect(LOCK) = door;
        self.stirred.notify_one();
    }

    /// Who looks into this life.
    pub(crate) fn set_eyes(&self, eyes: Option<Arc<dyn Eyes>>) {
        *self.eyes.lock().expect(LOCK) = eyes;
    }

    fn eyes(&self) -> Option<Arc<dyn Eyes>> {
        self.eyes.lock().expect(LOCK).clone()
    }

    /// Takes what must never be and was seen since the last time.
    pub(crate) fn take_found(&self) -> Vec<Violation> {
        std::mem::take(&mut *self.found.lock().expect(LOCK))
    }

    fn door(&self) -> Option<Router> {
        self.door.lock().expect(LOCK).clone()
    }

    fn afloat(&self) -> MutexGuard<'_, Vec<Afloat>> {
        self.afloat.lock().expect(LOCK)
    }
}
