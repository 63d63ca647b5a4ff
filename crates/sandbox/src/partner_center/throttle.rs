//! The gateway before the Referrals API: how many calls it lets through (reference, section 5).

use std::collections::VecDeque;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header::RETRY_AFTER};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{State, knobs::Gateway};
use crate::exchange;

/// `Retry-After` of a service that is unavailable, in seconds.
const UNAVAILABLE_SECONDS: u64 = 30;

/// The calls of the last window, and what was said about them.
#[derive(Debug, Default)]
pub(super) struct Window {
    calls: VecDeque<Timestamp>,
    /// Until when the last refused caller was told to wait.
    closed_until: Option<Timestamp>,
    /// The window for which the moving limit was drawn, by number, and the limit.
    drawn: Option<(i64, usize)>,
}

impl State {
    /// The gateway's answer, if it does not let the call through: never the error envelope.
    pub(super) fn throttled(&mut self, now: Timestamp) -> Option<Response<Bytes>> {
        match self.knobs.gateway {
            Gateway::Open => {}
            Gateway::Unavailable => {
                let status = StatusCode::SERVICE_UNAVAILABLE;
                return Some(refused(status, "Service is unavailable.", Some(UNAVAILABLE_SECONDS)));
            }
            Gateway::BandwidthExceeded => {
                let status = StatusCode::from_u16(509).expect("509 is a status");
                return Some(refused(status, "Bandwidth limit is exceeded.", None));
            }
        }
        let limit = self.limit(now)?;
        let span = SignedDuration::from_millis(self.knobs.calls_window_ms.into());
        let window = &mut self.gateway;
        while window.calls.front().is_some_and(|at| now.duration_since(*at) >= span) {
            window.calls.pop_front();
        }
        let early = window.closed_until.is_some_and(|until| now < until);
        if early && self.knobs.early_calls_count {
            // Who does not wait starts anew (section 5: immediate retries count against you).
            return Some(self.close(now, span));
        }
        if window.calls.len() < limit {
            window.calls.push_back(now);
            window.closed_until = None;
            return None;
        }
        let oldest = window.calls.front().copied().unwrap_or(now);
        Some(self.close(now, span - now.duration_since(oldest)))
    }

    /// The calls let through in a window, if there is a limit.
    fn limit(&mut self, now: Timestamp) -> Option<usize> {
        let most = usize::try_from(self.knobs.calls_a_minute?).ok()?;
        if !self.knobs.adaptive_limit {
            return Some(most);
        }
        let window = now.as_millisecond().div_euclid(self.knobs.calls_window_ms.into());
        if let Some((_, limit)) = self.gateway.drawn.filter(|(drawn, _)| *drawn == window) {
            return Some(limit);
        }
        let least = most.div_ceil(2);
        let span = u64::try_from(most - least + 1).unwrap_or(1);
        let limit = least + usize::try_from(self.world.draw() % span).unwrap_or_default();
        self.gateway.drawn = Some((window, limit));
        Some(limit)
    }

    fn close(&mut self, now: Timestamp, wait: SignedDuration) -> Response<Bytes> {
        let seconds = u64::try_from(wait.as_secs()).unwrap_or_default() + 1;
        self.gateway.closed_until = now.checked_add(wait).ok();
        let message = format!("Rate limit is exceeded. Try again in {seconds} seconds.");
        refused(StatusCode::TOO_MANY_REQUESTS, &message, Some(seconds))
    }
}

fn refused(status: StatusCode, message: &str, wait: Option<u64>) -> Response<Bytes> {
    let body = json!({ "statusCode": status.as_u16(), "message": message });
    let mut response = exchange::json(status, &body);
    if let Some(seconds) = wait {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
