//! The network: carries the product's requests to the platforms' machines, through the weather.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use ports::{CallLimits, HttpService, SendBefore, TransportError};
use sandbox::{exchange::Kind, faults::Platform};
use tower::{service_fn, util::BoxCloneSyncService};

use super::{LOCK, ORG, PORTAL, Seen, World, flight::Flight};
use crate::{crashes::Place, faults::network::Mishap, log::fingerprint};

/// The network as the product's clients take it.
pub(crate) fn network(world: &Arc<World>) -> HttpService {
    let world = Arc::clone(world);
    BoxCloneSyncService::new(service_fn(move |request: Request<Bytes>| {
        let world = Arc::clone(&world);
        async move { world.carry(request).await }
    }))
}

impl World {
    async fn carry(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let limits = request.extensions().get::<CallLimits>().copied().unwrap_or_default();
        let send_before = request.extensions().get::<SendBefore>().copied();
        let host = request.uri().authority().map_or_else(String::new, ToString::to_string);
        let within = limits.within(send_before, ports::Clock::now(&self.machine_clock));
        if within.is_zero() {
            return Err(TransportError::Late { host });
        }
        let number = {
            let mut calls = self.calls.lock().expect(LOCK);
            *calls += 1;
            *calls
        };
        let stalled = AtomicBool::new(false);
        let answer = match tokio::time::timeout(within, self.exchange(number, &host, request, &stalled)).await
        {
            Ok(answer) => answer,
            Err(_) => Err(TransportError::Deadline { host, after: within }),
        };
        match &answer {
            Ok(answer) => {
                self.say(&format!("#{number} = {} {} bytes", answer.status().as_u16(), answer.body().len()));
            }
            Err(error) => self.say(&format!("#{number} = {error}")),
        }
        if stalled.into_inner() {
            // No deadline helps: the answer is there, and whoever waits for it is not let on by its machine.
            tokio::time::sleep(Duration::from_secs(self.network.between(20, 60))).await;
        }
        answer
    }

    async fn exchange(
        &self,
        number: u64,
        host: &str,
        request: Request<Bytes>,
        stalled: &AtomicBool,
    ) -> Result<Response<Bytes>, TransportError> {
        let broken =
            |reason: &str| TransportError::Broken { host: host.to_owned(), reason: reason.to_owned() };
        let Some(platform) = platform(&request) else {
            let reason = "no such host".to_owned();
            return Err(TransportError::Connect { host: host.to_owned(), reason });
        };
        let kind = self.machine(platform).kind(&request);
        self.say(&format!("#{number} {}", line(kind, &request)));
        let mishap = self.weather.over(platform, kind);
        if let Some(mishap) = mishap {
            self.counters.note(format!("fault.{}", mishap.name()));
            self.say(&format!("#{number} meets {}", mishap.name()));
        }
        self.crashes.reach(Place::BeforeSending).await;
        let flight = Flight::new(self, number, platform, request);
        tokio::time::sleep(self.one_way(mishap)).await;
        match mishap {
            Some(Mishap::NoConnection) => {
                flight.lose();
                let reason = "connection refused".to_owned();
                return Err(TransportError::Connect { host: host.to_owned(), reason });
            }
            Some(Mishap::CutBefore) => {
                flight.lose();
                return Err(broken("connection reset"));
            }
            Some(Mishap::SilenceBefore) => {
                flight.lose();
                return std::future::pending().await;
            }
            Some(Mishap::Refused(status)) => {
                flight.lose();
                return Ok(crate::faults::network::refusal(platform, status));
            }
            _ => {}
        }
        self.crashes.reach(Place::BeforeEffect).await;
        let response = self.take_effect(platform, flight.arrive());
        if platform == Platform::Salesforce && kind == Kind::Read {
            self.lure.read(response.body());
        }
        self.crashes.reach(Place::AfterEffect).await;
        tokio::time::sleep(self.one_way(None)).await;
        match mishap {
            Some(Mishap::CutAfter) => return Err(broken("connection reset")),
            Some(Mishap::SilenceAfter) => return std::future::pending().await,
            Some(Mishap::RefusedAfter(status)) => {
                return Ok(crate::faults::network::refusal(platform, status));
            }
            Some(Mishap::Malformed) => return Ok(halved(response)),
            Some(Mishap::Stalled) => stalled.store(true, Ordering::Relaxed),
            _ => {}
        }
        self.crashes.reach(Place::AfterAnswer).await;
        Ok(response)
    }

    /// The platform acts, and what it did is kept for the judges.
    pub(crate) fn take_effect(&self, platform: Platform, request: Request<Bytes>) -> Response<Bytes> {
        let machine = self.machine(platform);
        let kind = machine.kind(&request);
        let (line, body) = (format!("{} {}", request.method(), request.uri().path()), request.body().clone());
        let at = self.now();
        let mut response = machine.handle(request, at);
        self.stirred.notify_one();
        if let Ok(length) = response.body().len().to_string().parse() {
            response.headers_mut().insert(header::CONTENT_LENGTH, length);
        }
        let (status, answer) = (response.status().as_u16(), response.body().clone());
        self.seen.lock().expect(LOCK).push(Seen { at, platform, kind, line, body, status, answer });
        response
    }

    fn one_way(&self, mishap: Option<Mishap>) -> Duration {
        let quick = Duration::from_millis(self.network.between(5, 60));
        if mishap == Some(Mishap::Latency) {
            quick + Duration::from_millis(self.network.between(1_000, 15_000))
        } else {
            quick
        }
    }
}

fn platform(request: &Request<Bytes>) -> Option<Platform> {
    let authority = request.uri().authority()?.as_str();
    let is = |base: &str| base.ends_with(authority);
    match () {
        () if is(PORTAL) => Some(Platform::PartnerCenter),
        () if is(ORG) => Some(Platform::Salesforce),
        () => None,
    }
}

/// What of a request follows from the seed alone: a sign-in carries a signature and an assertion.
fn line(kind: Kind, request: &Request<Bytes>) -> String {
    let path = request.uri().path_and_query().map_or("", |path| path.as_str());
    if kind == Kind::Token {
        return format!("{} {path}", request.method());
    }
    format!("{} {path} {}", request.method(), fingerprint(request.body()))
}

fn halved(mut response: Response<Bytes>) -> Response<Bytes> {
    let half = response.body().len() / 2;
    *response.body_mut() = response.body().slice(..half);
    response.headers_mut().insert(header::CONTENT_LENGTH, half.into());
    if response.status() == StatusCode::NO_CONTENT {
        *response.status_mut() = StatusCode::OK;
    }
    response
}
