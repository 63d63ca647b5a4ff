//! What a test makes go wrong: rules that match requests and spoil their way in or their answer's way out.

use std::{sync::Mutex, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header::RETRY_AFTER};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{exchange::Kind, world::World};

/// Most rules that can stand at once.
pub const MAX_RULES: usize = 256;
/// How long a timed-out exchange is kept open before it is cut, unless the rule says otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_mins(2);
/// Longest latency or time-out a rule may ask for.
pub const MAX_WAIT: Duration = Duration::from_mins(10);

/// One of the two platforms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Platform {
    /// Partner Center.
    PartnerCenter,
    /// Salesforce.
    Salesforce,
}

/// On which side of the effect something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Point {
    /// The request arrived; the platform has not acted on it.
    BeforeEffect,
    /// The platform has acted; its answer has not left.
    AfterEffect,
}

/// Which requests are spoiled, how often, and how. A request meets at most one rule: the first that matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The rule's number; given by the sandbox.
    #[serde(default)]
    pub id: u64,
    /// Only this platform. The control surface fills in its own listener's platform when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Only this kind of request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// Only this method, in capitals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Only targets (path and query, as sent) containing this text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_contains: Option<String>,
    /// Lets this many matching requests pass first.
    #[serde(default)]
    pub skip: u32,
    /// Spoils this many requests, then is gone. Absent: until removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// Spoils this share of the matching requests, by the world's seed. 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// Waits this long before anything else. Milliseconds.
    #[serde(default)]
    pub latency_ms: u64,
    /// Answers with this status instead of acting; `after_effect` makes the platform act first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The body that goes with `status`: a JSON value, or a string sent as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// The `Retry-After` that goes with `status`, as sent (seconds or a date).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<String>,
    /// Whether `status` is answered after the platform has acted.
    #[serde(default)]
    pub after_effect: bool,
    /// Closes the connection without an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<Point>,
    /// Keeps the connection open without an answer for `timeout_ms`, then closes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Point>,
    /// How long `timeout` keeps the connection. Milliseconds, 120,000 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Cuts the answer's body in half, after the effect; its length header fits the half.
    #[serde(default)]
    pub malformed: bool,
}

/// What a rule does to one request.
#[derive(Debug, Clone)]
pub struct Fault {
    /// The rule it comes from.
    pub rule: u64,
    /// Waited first.
    pub latency: Duration,
    /// Done then.
    pub spoil: Spoil,
}

/// The damage.
#[derive(Debug, Clone)]
pub enum Spoil {
    /// None but the latency.
    Nothing,
    /// Another answer.
    Answer(Point, Box<Response<Bytes>>),
    /// No answer, connection closed, after this wait.
    Silence(Point, Duration),
    /// Half the body.
    Malformed,
}

impl Rule {
    fn check(&self) -> Result<(), String> {
        let damages = [self.status.is_some(), self.cut.is_some(), self.timeout.is_some(), self.malformed];
        if damages.iter().filter(|asked| **asked).count() > 1 {
            return Err("a rule has one of status, cut, timeout and malformed".to_owned());
        }
        if self.latency_ms == 0 && !damages.contains(&true) {
            return Err("a rule needs latency_ms, status, cut, timeout or malformed".to_owned());
        }
        if self.status.is_some_and(|status| StatusCode::from_u16(status).is_err()) {
            return Err("status is not an HTTP status".to_owned());
        }
        if self.retry_after.as_ref().is_some_and(|value| HeaderValue::from_str(value).is_err()) {
            return Err("retry_after is not a header value".to_owned());
        }
        let longest = self.latency_ms.max(self.timeout_ms.unwrap_or_default());
        if Duration::from_millis(longest) > MAX_WAIT {
            return Err("latency_ms and timeout_ms are at most 600000".to_owned());
        }
        if self.percent.is_some_and(|percent| percent > 100) {
            return Err("percent is at most 100".to_owned());
        }
        Ok(())
    }

    fn matches(&self, platform: Platform, kind: Kind, request: &Request<Bytes>) -> bool {
        self.platform.is_none_or(|wanted| wanted == platform)
            && self.kind.is_none_or(|wanted| wanted == kind)
            && self.method.as_deref().is_none_or(|wanted| wanted == request.method().as_str())
            && self.path_contains.as_deref().is_none_or(|wanted| request.uri().to_string().contains(wanted))
    }

    fn spoil(&self) -> Spoil {
        if let Some(status) = self.status {
            let point = if self.after_effect { Point::AfterEffect } else { Point::BeforeEffect };
            return Spoil::Answer(point, Box::new(self.answer(status)));
        }
        if let Some(point) = self.cut {
            return Spoil::Silence(point, Duration::ZERO);
        }
        if let Some(point) = self.timeout {
            return Spoil::Silence(point, self.timeout_ms.map_or(DEFAULT_TIMEOUT, Duration::from_millis));
        }
        if self.malformed { Spoil::Malformed } else { Spoil::Nothing }
    }

    fn answer(&self, status: u16) -> Response<Bytes> {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = match &self.body {
            None => crate::exchange::empty(status),
            Some(Value::String(text)) => {
                let mut response = crate::exchange::empty(status);
                *response.body_mut() = Bytes::from(text.clone());
                response
            }
            Some(body) => crate::exchange::json(status, body),
        };
        if let Some(value) = self.retry_after.as_ref().and_then(|value| HeaderValue::from_str(value).ok()) {
            response.headers_mut().insert(RETRY_AFTER, value);
        }
        response
    }
}

/// The standing rules, of both platforms.
#[derive(Debug, Default)]
pub struct Rules {
    standing: Mutex<(u64, Vec<Rule>)>,
}

impl Rules {
    /// Adds a rule and returns its number.
    ///
    /// # Errors
    /// A sentence, when the rule contradicts itself or [`MAX_RULES`] stand already.
    pub fn add(&self, mut rule: Rule) -> Result<u64, String> {
        rule.check()?;
        let mut standing = self.standing.lock().expect("no code panics while holding this lock");
        if standing.1.len() >= MAX_RULES {
            return Err(format!("{MAX_RULES} rules stand already"));
        }
        standing.0 += 1;
        rule.id = standing.0;
        standing.1.push(rule);
        Ok(standing.0)
    }

    /// The standing rules, oldest first.
    pub fn list(&self) -> Vec<Rule> {
        self.standing.lock().expect("no code panics while holding this lock").1.clone()
    }

    /// Removes one rule, or all.
    pub fn remove(&self, id: Option<u64>) {
        let mut standing = self.standing.lock().expect("no code panics while holding this lock");
        standing.1.retain(|rule| id.is_some_and(|id| rule.id != id));
    }

    /// What happens to `request`, if a rule matches it. Uses the rule up.
    pub fn meet(
        &self,
        platform: Platform,
        kind: Kind,
        request: &Request<Bytes>,
        world: &World,
    ) -> Option<Fault> {
        let mut standing = self.standing.lock().expect("no code panics while holding this lock");
        let at = standing.1.iter_mut().position(|rule| {
            if !rule.matches(platform, kind, request) {
                return false;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                return false;
            }
            rule.percent.is_none_or(|percent| world.draw() % 100 < u64::from(percent))
        })?;
        let rule = &mut standing.1[at];
        let fault =
            Fault { rule: rule.id, latency: Duration::from_millis(rule.latency_ms), spoil: rule.spoil() };
        if let Some(times) = &mut rule.times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                standing.1.remove(at);
            }
        }
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(value: Value) -> Rule {
        serde_json::from_value(value).expect("a rule")
    }

    #[test]
    fn a_rule_spoils_as_often_as_it_says_and_is_gone() {
        let (rules, world) = (Rules::default(), World::new(1));
        rules
            .add(rule(json!({"kind": "patch", "skip": 1, "times": 2, "status": 503, "retry_after": "7"})))
            .unwrap();
        let request = Request::patch("/x").body(Bytes::new()).unwrap();
        let met = |kind| rules.meet(Platform::PartnerCenter, kind, &request, &world).is_some();
        assert!(!met(Kind::Read));
        assert_eq!(
            [met(Kind::Patch), met(Kind::Patch), met(Kind::Patch), met(Kind::Patch)],
            [false, true, true, false]
        );
        assert!(rules.list().is_empty());
    }

    #[test]
    fn a_rule_that_does_nothing_or_two_things_is_refused() {
        let rules = Rules::default();
        for bad in [
            json!({}),
            json!({"status": 500, "malformed": true}),
            json!({"status": 9}),
            json!({"latency_ms": 9_000_000}),
        ] {
            assert!(rules.add(rule(bad.clone())).is_err(), "{bad}");
        }
    }
}
