//! Notifications: raised by changes, signed, sent, tried ten times, then never (reference, sections 6.2 and 6.4).

use std::collections::{BTreeMap, HashMap, VecDeque};

use bytes::Bytes;
use http::{Request, header::CONTENT_TYPE};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    State,
    book::Owner,
    knobs::{RelatedEventId, Signer},
    registration::Registration,
    signing, stamp,
};
use crate::exchange::{Outcome, Outgoing};

/// Attempts, after which a notification is parked for good.
pub(super) const MAX_ATTEMPTS: usize = 10;
/// Longest wait between two attempts.
const MAX_RETRY_MS: u64 = 60_000;
/// Most notifications waiting; more are lost.
const MAX_WAITING: usize = 200_000;
/// Most notifications handed out at once.
const MAX_BATCH: usize = 256;
/// Most finished notifications remembered; the oldest go first.
const MAX_LOGGED: usize = 10_000;

/// What became of a notification so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Fate {
    Waiting,
    Delivered,
    /// All attempts failed.
    Parked,
    /// A knob, or the bound, lost it.
    Lost,
}

#[derive(Debug, Clone, Serialize)]
struct Attempt {
    at: Timestamp,
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
struct Notification {
    id: u64,
    event: &'static str,
    resource_uri: String,
    body: String,
    fate: Fate,
    attempts: Vec<Attempt>,
    #[serde(skip)]
    validation: Option<String>,
}

/// A test notification that was asked for.
#[derive(Debug, Clone)]
pub(super) struct Validation {
    /// When it was asked for.
    pub(super) asked: Timestamp,
    /// Where it was to go.
    pub(super) url: String,
    /// `(when, status, error)` of each attempt.
    pub(super) results: Vec<(Timestamp, Option<u16>, Option<String>)>,
    /// Whether no more attempts follow.
    pub(super) finished: bool,
}

/// The registration and everything on its way.
#[derive(Debug, Default)]
pub(super) struct Hooks {
    /// The one registration, if there is one.
    pub(super) registration: Option<Registration>,
    /// Test notifications by correlation id.
    pub(super) validations: BTreeMap<String, Validation>,
    waiting: BTreeMap<(Timestamp, u64), Notification>,
    flying: HashMap<u64, Notification>,
    finished: VecDeque<Notification>,
    numbered: u64,
}

impl State {
    /// A referral came into being.
    pub(super) fn raise_created(&mut self, at: usize, now: Timestamp) {
        self.raise(at, "referral-created", "related-referral-created", now);
    }

    /// A referral changed.
    pub(super) fn raise_updated(&mut self, at: usize, now: Timestamp) {
        self.raise(at, "referral-updated", "related-referral-updated", now);
    }

    fn raise(&mut self, at: usize, own: &'static str, related: &'static str, now: Timestamp) {
        let record = self.book.get(at);
        let ours = self.book.in_engagement(record.text("engagementId"), Owner::Ours);
        let (event, subject) = match (record.owner, ours) {
            (Owner::Ours, _) => (own, record),
            (_, Some(ours)) if self.knobs.related_event_id == RelatedEventId::Ours => {
                (related, self.book.get(ours))
            }
            (_, Some(_)) => (related, record),
            (_, None) => return,
        };
        // Host and path as documented: neither is the API's own (reference, section 6.2, trap).
        let uri = format!(
            "https://api.partnercenter.microsoft.com/engagements/v1/referrals/{}",
            subject.text("id")
        );
        let changed = stamp::event(record.updated);
        self.notify(event, uri, "referral", &changed, None, now);
    }

    /// Puts a notification on its way, if it is subscribed to.
    pub(super) fn notify(
        &mut self,
        event: &'static str,
        uri: String,
        resource: &str,
        changed: &str,
        validation: Option<String>,
        now: Timestamp,
    ) {
        if !self.hooks.registration.as_ref().is_some_and(|registration| registration.wants(event)) {
            return;
        }
        let body = json!({
            "EventName": event,
            "ResourceUri": uri,
            "ResourceName": resource,
            if self.knobs.webhook_audit_url { "AuditUrl" } else { "AuditUri" }: null,
            "ResourceChangeUtcDate": changed,
        });
        for _ in 0..=self.knobs.webhook_duplicates {
            self.hooks.numbered += 1;
            let mut notification = Notification {
                id: self.hooks.numbered,
                event,
                resource_uri: uri.clone(),
                body: body.to_string(),
                fate: Fate::Waiting,
                attempts: Vec::new(),
                validation: validation.clone(),
            };
            let lost = self.world.draw() % 100 < u64::from(self.knobs.webhook_lose_percent);
            if lost || self.hooks.waiting.len() >= MAX_WAITING {
                notification.fate = Fate::Lost;
                self.hooks.finish(notification);
                continue;
            }
            let jitter = self.world.draw().checked_rem(self.knobs.webhook_jitter_ms + 1).unwrap_or_default();
            let due = later(now, self.knobs.webhook_delay_ms + jitter);
            self.hooks.waiting.insert((due, notification.id), notification);
        }
    }

    /// Takes what is due, as signed requests.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Vec<Outgoing> {
        let Some(registration) = self.hooks.registration.clone() else { return Vec::new() };
        let due: Vec<_> =
            self.hooks.waiting.range(..=(now, u64::MAX)).map(|(key, _)| *key).take(MAX_BATCH).collect();
        let mut taken: Vec<Notification> =
            due.iter().filter_map(|key| self.hooks.waiting.remove(key)).collect();
        if self.knobs.webhook_newest_first {
            taken.reverse();
        }
        let mut outgoing = Vec::with_capacity(taken.len());
        for notification in taken {
            if let Some(request) = self.signed(&registration, &notification) {
                outgoing.push(Outgoing { id: notification.id, request });
                self.hooks.flying.insert(notification.id, notification);
            } else {
                self.hooks.finish(Notification { fate: Fate::Lost, ..notification });
            }
        }
        outgoing
    }

    fn signed(&self, registration: &Registration, notification: &Notification) -> Option<Request<Bytes>> {
        let signer = self.knobs.webhook_signer;
        let body = Bytes::from(notification.body.clone());
        let signature = match signer {
            Signer::Tampered => signing::sign(signer, &[&body[..], b" "].concat()),
            _ => signing::sign(signer, &body),
        };
        let mut request = Request::post(&registration.url)
            .header(CONTENT_TYPE, "application/json")
            .header("X-MS-Certificate-Url", self.certificate_url(signer))
            .header("X-MS-Signature-Algorithm", signing::ALGORITHM);
        if signer != Signer::Unsigned {
            let name = if registration.ms_header { "X-MS-Signature" } else { "Authorization" };
            request = request.header(name, format!("Signature {signature}"));
        }
        request.body(body).ok()
    }

    /// Where the certificate of `signer` is served.
    pub(super) fn certificate_url(&self, signer: Signer) -> String {
        let folder = match signer {
            Signer::Genuine | Signer::Tampered | Signer::Unsigned => "",
            Signer::Expired => "expired/",
            Signer::Foreign => "foreign/",
            Signer::OtherOrganization => "other-organization/",
        };
        format!("{}/cert/{folder}{}", self.base, signing::CERTIFICATE_FILE)
    }

    /// Notes the outcome of an attempt and plans the next, if there is one.
    pub(super) fn delivered(&mut self, id: u64, outcome: &Outcome, now: Timestamp) {
        let Some(mut notification) = self.hooks.flying.remove(&id) else { return };
        let (status, error) = match outcome {
            Outcome::Answered(status) => (Some(status.as_u16()), None),
            Outcome::Failed(why) => (None, Some(why.clone())),
        };
        notification.attempts.push(Attempt { at: now, status, error: error.clone() });
        let attempts = notification.attempts.len();
        if status.is_some_and(|status| (200..300).contains(&status)) {
            notification.fate = Fate::Delivered;
        } else if attempts >= MAX_ATTEMPTS {
            notification.fate = Fate::Parked;
        }
        let correlation = notification.validation.clone();
        if let Some(validation) = correlation.and_then(|id| self.hooks.validations.get_mut(&id)) {
            validation.results.push((now, status, error));
            validation.finished = notification.fate != Fate::Waiting;
        }
        if notification.fate == Fate::Waiting {
            let doubled = self.knobs.webhook_retry_ms << (attempts - 1).min(10);
            let due = later(now, doubled.min(MAX_RETRY_MS));
            self.hooks.waiting.insert((due, notification.id), notification);
        } else {
            self.hooks.finish(notification);
        }
    }
}

impl Hooks {
    /// When the next notification is due.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.registration.as_ref()?;
        self.waiting.first_key_value().map(|((due, _), _)| *due)
    }

    /// Everything so far: finished ones, oldest first, then those under way.
    pub(super) fn report(&self) -> Value {
        let mut under_way: Vec<&Notification> = self.waiting.values().chain(self.flying.values()).collect();
        under_way.sort_unstable_by_key(|notification| notification.id);
        json!({
            "registration": self.registration.as_ref().map(Registration::body),
            "deliveries": self.finished.iter().chain(under_way).collect::<Vec<_>>(),
        })
    }

    fn finish(&mut self, notification: Notification) {
        self.finished.push_back(notification);
        while self.finished.len() > MAX_LOGGED {
            self.finished.pop_front();
        }
    }
}

fn later(now: Timestamp, ms: u64) -> Timestamp {
    now.checked_add(SignedDuration::from_millis(ms.try_into().unwrap_or(i64::MAX))).unwrap_or(now)
}
