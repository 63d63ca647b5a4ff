//! The webhook registration API: one registration a tenant, and test notifications (reference, section 6.1).

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::{
    State,
    delivery::Validation,
    knobs::WebhookRole,
    stamp,
    token::{Audience, Bearer, Role},
};
use crate::exchange;

/// Test notifications let through in any minute.
const VALIDATIONS_A_MINUTE: usize = 2;
/// After how long a test's results are gone.
const VALIDATIONS_KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Every event that can be subscribed to (reference, enumerations: `webhookEvents_2023`).
const EVENTS: [&str; 25] = [
    "azure-fraud-event-detected",
    "dap-admin-relationship-approved",
    "dap-admin-relationship-terminated",
    "dap-admin-relationship-terminated-by-microsoft",
    "granular-admin-access-assignment-activated",
    "granular-admin-access-assignment-created",
    "granular-admin-access-assignment-deleted",
    "granular-admin-access-assignment-updated",
    "granular-admin-relationship-activated",
    "granular-admin-relationship-approved",
    "granular-admin-relationship-expired",
    "granular-admin-relationship-terminated",
    "invoice-ready",
    "new-commerce-migration-completed",
    "new-commerce-migration-created",
    "new-commerce-migration-failed",
    "new-commerce-migration-schedule-failed",
    "referral-created",
    "referral-updated",
    "related-referral-created",
    "related-referral-updated",
    "reseller-relationship-accepted-by-customer",
    "subscription-updated",
    "test-created",
    "usagerecords-thresholdExceeded",
];

/// Where notifications go, and which.
#[derive(Debug, Clone)]
pub(super) struct Registration {
    pub(super) url: String,
    events: Vec<&'static str>,
    /// Whether the signature goes into `X-MS-Signature` instead of `Authorization`.
    pub(super) ms_header: bool,
}

impl Registration {
    /// Whether the event is subscribed to.
    pub(super) fn wants(&self, event: &str) -> bool {
        self.events.contains(&event)
    }

    /// As GET shows it.
    pub(super) fn body(&self) -> Value {
        json!({ "WebhookUrl": self.url, "WebhookEvents": self.events })
    }
}

struct Problem(StatusCode, &'static str, Option<u64>);

type Answered = Result<Response<Bytes>, Problem>;

impl State {
    /// A request below `/webhooks/v1`.
    pub(super) fn webhooks(
        &mut self,
        path: &[&str],
        request: &Request<Bytes>,
        now: Timestamp,
    ) -> Response<Bytes> {
        let answered = self.respond(path, request, now);
        let mut response = answered.unwrap_or_else(|Problem(status, sentence, retry_after)| {
            let body = json!({ "code": status.as_u16(), "description": sentence });
            let mut response = exchange::json(status, &body);
            if let Some(seconds) = retry_after {
                response.headers_mut().insert(http::header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            response
        });
        for name in ["ms-correlationid", "ms-requestid"] {
            let given = request.headers().get(name).cloned();
            let value = given.or_else(|| HeaderValue::from_str(&self.world.guid()).ok());
            if let (Ok(name), Some(value)) = (HeaderName::from_bytes(name.as_bytes()), value) {
                response.headers_mut().insert(name, value);
            }
        }
        response.headers_mut().insert("x-locale", HeaderValue::from_static("en-US"));
        response
    }

    fn respond(&mut self, path: &[&str], request: &Request<Bytes>, now: Timestamp) -> Answered {
        let bearer = self.tokens.bearer(request, Audience::Webhooks, now);
        let bearer = bearer.map_err(|sentence| Problem(StatusCode::UNAUTHORIZED, sentence, None))?;
        if !self.may_register(bearer) {
            return Err(Problem(StatusCode::FORBIDDEN, "The caller lacks the role for webhooks.", None));
        }
        let camel = self.knobs.webhook_camel_case;
        let ok = |body: &Value| Ok(exchange::json(StatusCode::OK, &cased(body, camel)));
        let method = request.method();
        match path {
            ["registration", "events"] if method == Method::GET => ok(&json!(EVENTS)),
            ["registration"] if method == Method::GET => match &self.hooks.registration {
                Some(registration) => ok(&registration.body()),
                None => Err(Problem(StatusCode::NOT_FOUND, "There is no registration.", None)),
            },
            ["registration"] if method == Method::POST || method == Method::PUT => {
                if method == Method::POST && self.hooks.registration.is_some() {
                    return Err(Problem(
                        StatusCode::CONFLICT,
                        "A registration exists; use PUT to update it.",
                        None,
                    ));
                }
                if method == Method::PUT && self.hooks.registration.is_none() {
                    return Err(Problem(StatusCode::NOT_FOUND, "There is no registration; use POST.", None));
                }
                let registration = read(request)?;
                let mut body = registration.body();
                body["SubscriberId"] = self.identity.subscriber_id.clone().into();
                self.hooks.registration = Some(registration);
                ok(&body)
            }
            ["registration", "validationEvents"] if method == Method::POST => self.validate(now),
            ["registration", "validationEvents", id] if method == Method::GET => {
                match self.validation(id, now) {
                    Some(body) => ok(&body),
                    None => Err(Problem(StatusCode::NOT_FOUND, "There is no such validation event.", None)),
                }
            }
            ["registration"]
            | ["registration", "events" | "validationEvents"]
            | ["registration", "validationEvents", _] => {
                Err(Problem(StatusCode::METHOD_NOT_ALLOWED, "The method is not allowed here.", None))
            }
            _ => Err(Problem(StatusCode::NOT_FOUND, "There is no such resource.", None)),
        }
    }

    /// Whether the caller may use this API. Both kinds of token worked in 2021; of the role, two pages say two things
    /// (reference, sections 1.3 and 1.4).
    fn may_register(&self, bearer: Bearer) -> bool {
        let Bearer::User { person, .. } = bearer else { return self.knobs.webhook_app_only };
        let role = self.identity.people[person].role;
        match self.knobs.webhook_role {
            WebhookRole::Any => true,
            WebhookRole::ReferralsAdmin => role == Role::Admin,
            WebhookRole::AdminAgent => role == Role::None,
        }
    }

    fn validate(&mut self, now: Timestamp) -> Answered {
        self.forget(now);
        let Some(registration) = self.hooks.registration.clone() else {
            return Err(Problem(StatusCode::NOT_FOUND, "There is no registration.", None));
        };
        if !registration.wants("test-created") {
            return Err(Problem(
                StatusCode::BAD_REQUEST,
                "The registration does not include test-created.",
                None,
            ));
        }
        let recent: Vec<i64> = self
            .hooks
            .validations
            .values()
            .map(|validation| 60 - now.duration_since(validation.asked).as_secs())
            .filter(|left| *left > 0)
            .collect();
        if recent.len() >= VALIDATIONS_A_MINUTE {
            let wait = recent.into_iter().min().and_then(|left| u64::try_from(left).ok());
            return Err(Problem(
                StatusCode::TOO_MANY_REQUESTS,
                "Two validation events a minute are allowed.",
                wait,
            ));
        }
        let id = self.world.guid();
        let asked = Validation { asked: now, url: registration.url, results: Vec::new(), finished: false };
        self.hooks.validations.insert(id.clone(), asked);
        let uri =
            format!("https://api.partnercenter.microsoft.com/webhooks/v1/registration/validationEvents/{id}");
        self.notify("test-created", uri, "test", &stamp::event(now), Some(id.clone()), now);
        Ok(exchange::json(StatusCode::OK, &json!({ "correlationId": id })))
    }

    fn validation(&mut self, id: &str, now: Timestamp) -> Option<Value> {
        self.forget(now);
        let validation = self.hooks.validations.get(id)?;
        let results: Vec<Value> = validation
            .results
            .iter()
            .map(|(at, status, error)| {
                let code = status.and_then(|status| StatusCode::from_u16(status).ok());
                let name = code.and_then(|code| code.canonical_reason()).unwrap_or("None").replace(' ', "");
                json!({
                    "responseCode": name,
                    "responseMessage": "",
                    "systemError": error.is_some(),
                    "dateTimeUtc": stamp::event(*at),
                })
            })
            .collect();
        Some(json!({
            "correlationId": id,
            "partnerId": self.identity.organization_id,
            "status": if validation.finished { "completed" } else { "pending" },
            "callbackUrl": validation.url,
            "results": results,
        }))
    }

    fn forget(&mut self, now: Timestamp) {
        self.hooks
            .validations
            .retain(|_, validation| now.duration_since(validation.asked) < VALIDATIONS_KEPT);
    }
}

/// A body with its members' names as documents write them (`WebhookUrl`) or as the published schema does (`webhookUrl`).
fn cased(body: &Value, camel: bool) -> Value {
    let Value::Object(members) = body else { return body.clone() };
    let renamed = |name: &String| {
        let mut letters = name.chars();
        letters
            .next()
            .map_or_else(String::new, |first| first.to_ascii_lowercase().to_string() + letters.as_str())
    };
    if !camel {
        return body.clone();
    }
    members.iter().map(|(name, value)| (renamed(name), value.clone())).collect::<Map<String, Value>>().into()
}

fn read(request: &Request<Bytes>) -> Result<Registration, Problem> {
    let bad = |sentence| Problem(StatusCode::BAD_REQUEST, sentence, None);
    let kind = request.headers().get(http::header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if !kind.is_some_and(|kind| kind.starts_with("application/json")) {
        return Err(Problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body must be JSON.", None));
    }
    let body: Map<String, Value> =
        serde_json::from_slice(request.body()).map_err(|_| bad("The body cannot be read."))?;
    let member = |wanted: &str| {
        body.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value)
    };
    let url = member("WebhookUrl").and_then(Value::as_str).ok_or(bad("WebhookUrl is required."))?;
    let parsed = url::Url::parse(url).map_err(|_| bad("WebhookUrl is not an absolute URL."))?;
    if !matches!(parsed.scheme(), "https" | "http") || parsed.host().is_none() {
        return Err(bad("WebhookUrl is not an http or https URL."));
    }
    let events =
        member("WebhookEvents").and_then(Value::as_array).ok_or(bad("WebhookEvents is required."))?;
    let known = |event: &Value| EVENTS.into_iter().find(|known| event == known);
    let events: Option<Vec<&'static str>> = events.iter().map(known).collect();
    let events =
        events.filter(|events| !events.is_empty()).ok_or(bad("WebhookEvents names no known event."))?;
    let ms_header = match member("SignatureTokenToMsSignatureHeader") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(flag)) => *flag,
        Some(_) => return Err(bad("SignatureTokenToMsSignatureHeader must be true or false.")),
    };
    Ok(Registration { url: parsed.into(), events, ms_header })
}
