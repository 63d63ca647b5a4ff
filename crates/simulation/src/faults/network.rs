//! Mishaps of a single call: on the way there, at the gateway, or on the way back.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use sandbox::{
    exchange::{self, Kind},
    faults::Platform,
};
use serde_json::json;

/// What a call meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mishap {
    /// It takes seconds.
    Latency,
    /// Nobody listens.
    NoConnection,
    /// The connection breaks before it arrived.
    CutBefore,
    /// The connection breaks after it took effect.
    CutAfter,
    /// It never arrives, and nobody says so.
    SilenceBefore,
    /// It takes effect, and the answer never comes.
    SilenceAfter,
    /// The gateway refuses it with this status.
    Refused(u16),
    /// It takes effect, and the gateway answers with this status.
    RefusedAfter(u16),
    /// Half of the answer comes.
    Malformed,
    /// The answer comes in time, and whoever waits for it goes on much later.
    Stalled,
}

/// All of them.
pub(crate) const MISHAPS: [Mishap; 20] = [
    Mishap::Latency,
    Mishap::NoConnection,
    Mishap::CutBefore,
    Mishap::CutAfter,
    Mishap::SilenceBefore,
    Mishap::SilenceAfter,
    Mishap::Malformed,
    Mishap::Stalled,
    Mishap::Refused(401),
    Mishap::Refused(403),
    Mishap::Refused(409),
    Mishap::Refused(412),
    Mishap::Refused(429),
    Mishap::Refused(500),
    Mishap::Refused(502),
    Mishap::Refused(503),
    Mishap::Refused(504),
    Mishap::RefusedAfter(500),
    Mishap::RefusedAfter(503),
    Mishap::RefusedAfter(504),
];

impl Mishap {
    /// Its name in counters and on the command line.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Latency => "latency".to_owned(),
            Self::NoConnection => "no_connection".to_owned(),
            Self::CutBefore => "cut_before".to_owned(),
            Self::CutAfter => "cut_after".to_owned(),
            Self::SilenceBefore => "silence_before".to_owned(),
            Self::SilenceAfter => "silence_after".to_owned(),
            Self::Refused(status) => format!("status_{status}"),
            Self::RefusedAfter(status) => format!("status_{status}_after"),
            Self::Malformed => "malformed".to_owned(),
            Self::Stalled => "stalled".to_owned(),
        }
    }

    /// Whether a call of this kind can meet it: a precondition fails of writes alone.
    pub(crate) fn fits(self, platform: Platform, kind: Kind) -> bool {
        let writes = matches!(kind, Kind::Create | Kind::CreateCompanion | Kind::Patch | Kind::CrmWrite);
        match self {
            Self::Refused(409 | 412) => writes && platform == Platform::PartnerCenter,
            // A sign-in that is refused so is a matter of credentials, and those are right.
            Self::Refused(401 | 403) => kind != Kind::Token,
            _ => true,
        }
    }
}

/// What a gateway of the platform answers with this status.
pub(crate) fn refusal(platform: Platform, status: u16) -> Response<Bytes> {
    let code = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = match (platform, status) {
        (Platform::Salesforce, 401) => {
            json!([{ "errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid" }])
        }
        (Platform::Salesforce, 403) => {
            json!([{ "errorCode": "FORBIDDEN", "message": "You do not have access to this resource." }])
        }
        (Platform::Salesforce, _) => {
            json!([{ "errorCode": "SERVER_UNAVAILABLE", "message": "Try again later." }])
        }
        (Platform::PartnerCenter, 429) => {
            json!({ "statusCode": 429, "message": "Rate limit is exceeded. Try again in 3 seconds." })
        }
        (Platform::PartnerCenter, _) => json!({
            "error": { "code": status.to_string(), "message": "The gateway says so.", "details": [] }
        }),
    };
    let mut response = exchange::json(code, &body);
    if matches!(status, 429 | 503) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("3"));
    }
    response
}
