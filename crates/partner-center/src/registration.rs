//! The webhook registration: read it, make it, replace it, and try it (reference, section 6.1).
//!
//! There is one registration per tenant. Making one displaces whoever else was told of changes, so it is read
//! first and replaced only on purpose.

use std::fmt;

use bytes::Bytes;
use http::Method;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use url::Url;

use crate::{
    answer::Answer,
    client::Client,
    config::{Audience, CallContext},
    error::{Error, Operation},
    exchange::Call,
    ids::CorrelationId,
    names::member,
};

/// Most event names or attempts that are read from one answer.
const MAX_ENTRIES: usize = 256;

/// What is to be told, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrationRequest {
    /// Where events are posted.
    pub url: Url,
    /// Names of the events, such as `referral-updated`; `test-created` is needed for test events.
    pub events: Vec<String>,
    /// Ask for the signature in `X-MS-Signature` instead of `Authorization`.
    pub signature_in_ms_header: bool,
}

/// The registration that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Where events are posted, as the server wrote it.
    pub url: String,
    /// Names of the events.
    pub events: Vec<String>,
    /// Who is registered, if the server says so.
    pub subscriber_id: Option<String>,
}

/// What became of a test event. Kept by the platform for 7 days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestResult {
    /// For example `completed`.
    pub status: String,
    /// Where it was posted.
    pub callback_url: Option<String>,
    /// One entry per delivery.
    pub attempts: Vec<Attempt>,
}

/// One delivery of a test event.
#[derive(Clone, PartialEq, Eq)]
pub struct Attempt {
    /// What the receiver answered, for example `OK`.
    pub response_code: Option<String>,
    /// The receiver's own text.
    pub response_message: Option<String>,
    /// Whether the platform's side failed.
    pub system_error: bool,
    /// When.
    pub at: Option<Timestamp>,
}

impl fmt::Debug for Attempt {
    /// Without the receiver's text, which nobody vouches for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attempt({:?}, system_error: {}, at: {:?})", self.response_code, self.system_error, self.at)
    }
}

impl Client {
    /// The registration that stands; nothing if there is none.
    pub async fn registered(&self, context: CallContext) -> Result<Option<Registration>, Error> {
        let call =
            self.webhooks_call(Operation::ReadRegistration, Method::GET, "/registration", Bytes::new());
        match self.exchange.send(context, &call).await {
            Ok(answer) => read_registration(&answer).map(Some),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The names of all events that can be subscribed to, as the server spells them.
    pub async fn available_events(&self, context: CallContext) -> Result<Vec<String>, Error> {
        let call =
            self.webhooks_call(Operation::ListEvents, Method::GET, "/registration/events", Bytes::new());
        let answer = self.exchange.send(context, &call).await?;
        match answer.json()? {
            Value::Array(names) => Ok(texts(&names)),
            _ => Err(answer.unreadable("it is no list of names")),
        }
    }

    /// Makes the registration. Fails with 409 if there is one already: replace it then, knowingly.
    pub async fn register(
        &self,
        context: CallContext,
        request: &RegistrationRequest,
    ) -> Result<Registration, Error> {
        self.write_registration(context, Operation::Register, Method::POST, request).await
    }

    /// Puts this registration in place of the one that stands, whoever made it.
    pub async fn replace_registration(
        &self,
        context: CallContext,
        request: &RegistrationRequest,
    ) -> Result<Registration, Error> {
        self.write_registration(context, Operation::ReplaceRegistration, Method::PUT, request).await
    }

    /// Asks the platform to send a `test-created` event. It allows two a minute.
    pub async fn send_test_event(&self, context: CallContext) -> Result<CorrelationId, Error> {
        let path = "/registration/validationEvents";
        let call = self.webhooks_call(Operation::SendTestEvent, Method::POST, path, Bytes::new());
        let answer = self.exchange.send(context, &call).await?;
        let body = object(&answer)?;
        let id = text(&body, "correlationId").and_then(|id| id.parse().ok());
        id.ok_or_else(|| answer.unreadable("it holds no correlation id"))
    }

    /// What became of a test event; nothing if the platform does not know it (any more).
    pub async fn test_result(
        &self,
        context: CallContext,
        id: &CorrelationId,
    ) -> Result<Option<TestResult>, Error> {
        let path = format!("/registration/validationEvents/{id}");
        let call = self.webhooks_call(Operation::ReadTestResult, Method::GET, &path, Bytes::new());
        let answer = match self.exchange.send(context, &call).await {
            Ok(answer) => answer,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let body = object(&answer)?;
        let entries = member(&body, "results").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let attempts =
            entries.iter().take(MAX_ENTRIES).filter_map(Value::as_object).map(read_attempt).collect();
        let status = text(&body, "status").ok_or_else(|| answer.unreadable("it holds no status"))?;
        Ok(Some(TestResult { status, callback_url: text(&body, "callbackUrl"), attempts }))
    }

    async fn write_registration(
        &self,
        context: CallContext,
        operation: Operation,
        method: Method,
        request: &RegistrationRequest,
    ) -> Result<Registration, Error> {
        let body = json!({
            "WebhookUrl": request.url.as_str(),
            "WebhookEvents": request.events,
            "SignatureTokenToMsSignatureHeader": request.signature_in_ms_header,
        });
        let call = self.webhooks_call(operation, method, "/registration", Bytes::from(body.to_string()));
        let answer = self.exchange.send(context, &call).await?;
        if answer.is_empty() {
            let (url, events) = (request.url.to_string(), request.events.clone());
            return Ok(Registration { url, events, subscriber_id: None });
        }
        read_registration(&answer)
    }

    fn webhooks_call(&self, operation: Operation, method: Method, path: &str, body: Bytes) -> Call {
        let config = &self.exchange.config;
        Call {
            operation,
            audience: Audience::Webhooks,
            method,
            url: format!("{}{path}", config.webhooks_url.trim_end_matches('/')),
            headers: Vec::new(),
            body,
            max_answer_bytes: config.limits.max_answer_bytes,
        }
    }
}

/// This service's envelope is not documented: any 404 counts as "there is none".
fn is_absent(error: &Error) -> bool {
    error.api().is_some_and(|error| error.status() == http::StatusCode::NOT_FOUND)
}

fn object(answer: &Answer) -> Result<Map<String, Value>, Error> {
    match answer.json()? {
        Value::Object(members) => Ok(members),
        _ => Err(answer.unreadable("it is no JSON object")),
    }
}

/// A text member, in any letter case: documentation has PascalCase, the interface description camelCase.
fn text(object: &Map<String, Value>, name: &str) -> Option<String> {
    member(object, name)?.as_str().map(ToOwned::to_owned)
}

fn texts(entries: &[Value]) -> Vec<String> {
    entries.iter().take(MAX_ENTRIES).filter_map(Value::as_str).map(ToOwned::to_owned).collect()
}

fn read_registration(answer: &Answer) -> Result<Registration, Error> {
    let body = object(answer)?;
    let url = text(&body, "WebhookUrl").ok_or_else(|| answer.unreadable("it holds no webhook address"))?;
    let events = member(&body, "WebhookEvents").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    Ok(Registration { url, events: texts(events), subscriber_id: text(&body, "SubscriberId") })
}

fn read_attempt(entry: &Map<String, Value>) -> Attempt {
    Attempt {
        response_code: text(entry, "responseCode"),
        response_message: text(entry, "responseMessage"),
        system_error: match member(entry, "systemError") {
            Some(Value::Bool(failed)) => *failed,
            Some(Value::String(failed)) => failed.eq_ignore_ascii_case("true"),
            _ => false,
        },
        at: text(entry, "dateTimeUtc").and_then(|at| at.parse().ok()),
    }
}
