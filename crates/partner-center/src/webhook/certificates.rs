//! The certificates at hand, and when one may be fetched.
//!
//! A flood of forgeries must cost nothing: an address is fetched at most once an interval, all addresses together
//! at most a few times. What was proven good is neither pushed out nor kept waiting by what was not, and while
//! nothing is proven yet, neither is the address where the sender's own certificate is expected.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use bytes::Bytes;
use futures::FutureExt as _;
use http::{Request, StatusCode};
use jiff::Timestamp;
use oauth::Flights;
use ports::{CallLimits, Clock, HttpService};
use tower::ServiceExt as _;

use crate::webhook::{
    Forged,
    certificate::{SignerCertificate, Trust},
    claim::{Place, trusted_url},
};

/// Most addresses remembered.
const MAX_ADDRESSES: usize = 16;
/// Most certificates between a signer's and a root that are fetched.
const MAX_ISSUERS: usize = 3;
/// Most fetches in one interval of addresses that are not expected and never verified an event, all together.
const MAX_FETCHES_PER_INTERVAL: usize = 4;

type Fetched = Result<Arc<SignerCertificate>, Forged>;

/// Certificates by the address they were fetched from.
pub(super) struct Certificates {
    http: HttpService,
    clock: Arc<dyn Clock>,
    rules: Arc<Rules>,
    memory: Arc<Mutex<Memory>>,
    flights: Flights<String, Fetched>,
}

/// Within which bounds, and for whose trust, certificates are fetched.
pub(super) struct Rules {
    pub(super) limits: CallLimits,
    /// An address is fetched at most once in this time.
    pub(super) interval: Duration,
    pub(super) trust: Arc<Trust>,
    /// Where the sender's certificate is expected: these addresses wait for no others.
    pub(super) expected: Vec<String>,
    /// Where the certificates of issuers may be fetched that a file left out.
    pub(super) issuers: Vec<Place>,
}

#[derive(Default)]
struct Memory {
    entries: BTreeMap<String, Entry>,
    /// When the fetches of the present interval began, oldest first.
    fetches: VecDeque<Timestamp>,
}

struct Entry {
    certificate: Fetched,
    fetched_at: Timestamp,
    /// It has verified an event.
    proven: bool,
}

impl Certificates {
    pub(super) fn new(http: HttpService, clock: Arc<dyn Clock>, rules: Rules) -> Self {
        let rules = Arc::new(rules);
        Self { http, clock, rules, memory: Arc::default(), flights: Flights::default() }
    }

    /// The certificate of `url` that is at hand, good or bad.
    pub(super) fn at_hand(&self, url: &str) -> Option<Fetched> {
        lock(&self.memory).entries.get(url).map(|entry| entry.certificate.clone())
    }

    /// Notes that the certificate of `url` has verified an event.
    pub(super) fn proven(&self, url: &str) {
        if let Some(entry) = lock(&self.memory).entries.get_mut(url) {
            entry.proven = true;
        }
    }

    /// Fetches the certificate of `url` if it may be fetched now, else gives what is at hand; callers at the same
    /// time share one fetch.
    pub(super) async fn fetch(&self, url: &str) -> Fetched {
        let (http, clock, rules) = (self.http.clone(), Arc::clone(&self.clock), Arc::clone(&self.rules));
        let (memory, url) = (Arc::clone(&self.memory), url.to_owned());
        let key = url.clone();
        let work = async move {
            let now = clock.now();
            {
                let mut memory = lock(&memory);
                if !admit(&mut memory, &url, now, &rules) {
                    // Another caller may have fetched it a moment ago.
                    let at_hand = memory.entries.get(&url).map(|entry| entry.certificate.clone());
                    return at_hand.unwrap_or(Err(Forged::CertificateUnavailable));
                }
            }
            let fetched = fetch(&http, &url, &rules, now).await;
            keep(&mut lock(&memory), url, fetched.clone(), now);
            fetched
        };
        self.flights.join(key, || work.boxed()).await.unwrap_or(Err(Forged::CertificateUnavailable))
    }
}

fn lock(memory: &Mutex<Memory>) -> MutexGuard<'_, Memory> {
    memory.lock().expect("no code panics while holding this lock")
}

/// Whether `instant` lies within the interval that ends now.
fn within(instant: Timestamp, now: Timestamp, interval: Duration) -> bool {
    // A clock that was put back makes the age negative: then too the interval is not over.
    Duration::try_from(now.duration_since(instant)).map_or(true, |age| age < interval)
}

/// Takes a place for a fetch.
fn admit(memory: &mut Memory, url: &str, now: Timestamp, rules: &Rules) -> bool {
    let interval = rules.interval;
    if memory.entries.get(url).is_some_and(|entry| within(entry.fetched_at, now, interval)) {
        return false;
    }
    while memory.fetches.front().is_some_and(|fetch| !within(*fetch, now, interval)) {
        memory.fetches.pop_front();
    }
    // Neither the sender itself nor who was proven once is made to wait by strangers: during a flood of forgeries
    // under other addresses a certificate is still found, the first one after a start and one that is replaced.
    let expected = rules.expected.iter().any(|expected| expected == url);
    if expected || memory.entries.get(url).is_some_and(|entry| entry.proven) {
        return true;
    }
    if memory.fetches.len() >= MAX_FETCHES_PER_INTERVAL {
        return false;
    }
    memory.fetches.push_back(now);
    true
}

/// Fetches a signer's certificate, and what lies between it and a root if that is missing.
async fn fetch(http: &HttpService, url: &str, rules: &Rules, now: Timestamp) -> Fetched {
    let mut certificate = SignerCertificate::read(&file(http, url, rules.limits).await?)?;
    for _ in 0..MAX_ISSUERS {
        if certificate.check_chain(&rules.trust, now) != Err(Forged::ChainUntrusted) {
            break;
        }
        // A certificate says where its issuer's is; whether that is so, the chain will prove. The address is only as
        // good as who may be asked: one that is not listed is never called.
        let addresses = certificate.issuer_addresses();
        let Some(address) = addresses.iter().find_map(|text| trusted_url(text, &rules.issuers)) else {
            break;
        };
        let issuer = file(http, &address, rules.limits).await?;
        let Some(completed) = certificate.with_issuer(&issuer) else { break };
        certificate = completed;
    }
    Ok(Arc::new(certificate))
}

async fn file(http: &HttpService, url: &str, limits: CallLimits) -> Result<Bytes, Forged> {
    let mut request = Request::get(url).body(Bytes::new()).map_err(|_| Forged::CertificateUrlForeign)?;
    request.extensions_mut().insert(limits);
    let answer = http.clone().oneshot(request).await.map_err(|_| Forged::CertificateUnavailable)?;
    // The transport bounds the answer too; this holds whatever carries the request.
    if answer.status() != StatusCode::OK || answer.body().len() > limits.max_response_bytes {
        return Err(Forged::CertificateUnavailable);
    }
    Ok(answer.into_body())
}

/// Remembers an outcome. A certificate that was proven stays when its address fails to give another one.
fn keep(memory: &mut Memory, url: String, fetched: Fetched, now: Timestamp) {
    if let Some(entry) = memory.entries.get_mut(&url) {
        entry.fetched_at = now;
        let same = matches!((&entry.certificate, &fetched), (Ok(a), Ok(b)) if a.fingerprint == b.fingerprint);
        if !same && (fetched.is_ok() || !entry.proven) {
            entry.proven = false;
            entry.certificate = fetched;
        }
        return;
    }
    if memory.entries.len() >= MAX_ADDRESSES {
        let oldest = memory.entries.iter().min_by_key(|(_, entry)| (entry.proven, entry.fetched_at));
        if let Some(oldest) = oldest.map(|(url, _)| url.clone()) {
            memory.entries.remove(&oldest);
        }
    }
    memory.entries.insert(url, Entry { certificate: fetched, fetched_at: now, proven: false });
}
