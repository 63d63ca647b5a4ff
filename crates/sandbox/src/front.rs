//! The way of one request through the sandbox: fault, hold, effect, hold, answer.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header::CONTENT_LENGTH};
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::watch;

use crate::{
    control,
    dump::{Dump, headers_of},
    exchange::{Kind, Machine, Outcome},
    faults::{Platform, Point, Rules, Spoil},
    holds::{Holds, Release},
    traffic::{Exchange, Traffic},
    world::World,
};

/// Tells the real time. Over sockets it is the operating system's; in a simulation, the simulation's.
pub type RealClock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What both platforms' fronts share: world, rules, holds, clock.
#[derive(Clone)]
pub struct Stage {
    /// Seed and clock.
    pub world: Arc<World>,
    /// The standing fault rules.
    pub rules: Arc<Rules>,
    /// The armed and holding holds.
    pub holds: Arc<Holds>,
    /// Where exchanges are written down, if they are.
    pub dump: Option<Arc<Dump>>,
    real: RealClock,
    moved: Arc<watch::Sender<u64>>,
}

impl Stage {
    /// A stage without faults and holds.
    pub fn new(world: Arc<World>, real: RealClock) -> Self {
        Self { world, rules: Arc::default(), holds: Arc::default(), dump: None, real, moved: Arc::default() }
    }

    /// The platforms' time.
    pub fn now(&self) -> Timestamp {
        self.world.time((self.real)())
    }

    /// Moves the platforms' clock forward.
    pub fn advance(&self, by: jiff::SignedDuration) {
        self.world.advance(by);
        self.stir();
    }

    /// Changes whenever something happened that may have made a call of a platform due.
    pub fn stirs(&self) -> watch::Receiver<u64> {
        self.moved.subscribe()
    }

    fn stir(&self) {
        self.moved.send_modify(|times| *times = times.wrapping_add(1));
    }
}

/// How an exchange ends.
#[derive(Debug)]
pub enum Answer {
    /// With a response.
    Response(Response<Bytes>),
    /// With the connection closed and nothing sent.
    Cut,
}

/// One platform behind everything that a test can put before it.
pub struct Front {
    /// Which platform.
    pub platform: Platform,
    /// Its state machine.
    pub machine: Arc<dyn Machine>,
    /// What was asked of it.
    pub traffic: Traffic,
    /// What it shares with the other.
    pub stage: Stage,
    /// Its URLs and ready-made credentials, once it is served.
    pub credentials: OnceLock<Value>,
}

impl Front {
    /// A platform on a stage.
    pub fn new(platform: Platform, machine: Arc<dyn Machine>, stage: Stage) -> Self {
        Self { platform, machine, traffic: Traffic::default(), stage, credentials: OnceLock::new() }
    }

    /// Carries one request to its end, whatever becomes of the client: the exchange is a task of its own, so a
    /// request held before its effect still has it when released after the client's death.
    pub async fn answer(self: Arc<Self>, request: Request<Bytes>) -> Answer {
        tokio::spawn(self.exchange(request)).await.unwrap_or(Answer::Cut)
    }

    /// Notes the outcome of a call that the platform made.
    pub fn delivered(&self, id: u64, request: &Request<Bytes>, outcome: &Outcome) {
        if let Some(dump) = &self.stage.dump {
            dump.call(self.platform, self.stage.now(), request, outcome);
        }
        self.machine.delivered(id, outcome, self.stage.now());
        self.stage.stir();
    }

    async fn exchange(self: Arc<Self>, request: Request<Bytes>) -> Answer {
        if control::is_control(&request) {
            let answer = control::handle(&self, &request).await;
            self.stage.stir();
            return Answer::Response(answer);
        }
        let kind = self.machine.kind(&request);
        self.traffic.count(kind);
        let mut record = Exchange {
            at: self.stage.now(),
            method: request.method().to_string(),
            path: request.uri().path_and_query().map_or_else(String::new, ToString::to_string),
            kind,
            status: None,
            fault: None,
            request: request.body().clone(),
            response: Bytes::new(),
            request_headers: headers_of(request.headers()),
            response_headers: Vec::new(),
        };
        let answer = self.pass(request, kind, &mut record.fault).await;
        if let Answer::Response(response) = &answer {
            record.status = Some(response.status().as_u16());
            record.response = response.body().clone();
            record.response_headers = headers_of(response.headers());
        }
        if let Some(dump) = &self.stage.dump {
            dump.exchange(self.platform, &record);
        }
        self.traffic.keep(record);
        answer
    }

    async fn pass(&self, request: Request<Bytes>, kind: Kind, met: &mut Option<u64>) -> Answer {
        let fault = self.stage.rules.meet(self.platform, kind, &request, &self.stage.world);
        *met = fault.as_ref().map(|fault| fault.rule);
        let (latency, spoil) =
            fault.map_or((Duration::ZERO, Spoil::Nothing), |fault| (fault.latency, fault.spoil));
        pause(latency).await;
        match spoil {
            Spoil::Answer(Point::BeforeEffect, response) => return Answer::Response(*response),
            Spoil::Silence(Point::BeforeEffect, wait) => {
                pause(wait).await;
                return Answer::Cut;
            }
            _ => {}
        }
        if self.stage.holds.reach(self.platform, kind, Point::BeforeEffect).await == Release::Drop {
            return Answer::Cut;
        }
        let response = self.machine.handle(request, self.stage.now());
        self.stage.stir();
        if self.stage.holds.reach(self.platform, kind, Point::AfterEffect).await == Release::Drop {
            return Answer::Cut;
        }
        match spoil {
            Spoil::Answer(_, other) => Answer::Response(*other),
            Spoil::Silence(_, wait) => {
                pause(wait).await;
                Answer::Cut
            }
            Spoil::Malformed => Answer::Response(halve(response)),
            Spoil::Nothing => Answer::Response(response),
        }
    }
}

impl std::fmt::Debug for Front {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Front").field("platform", &self.platform).finish_non_exhaustive()
    }
}

async fn pause(wait: Duration) {
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
}

fn halve(mut response: Response<Bytes>) -> Response<Bytes> {
    let half = response.body().len() / 2;
    let body = response.body().slice(..half);
    if response.headers().contains_key(CONTENT_LENGTH) {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(half));
    }
    *response.body_mut() = body;
    response
}
