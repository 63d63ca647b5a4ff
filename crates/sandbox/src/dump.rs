//! Whole exchanges for a person or a test to read: one JSON document each, without secrets.
//!
//! `cosell sandbox --dump DIR` writes one file an exchange, `GET /_sandbox/dump` gives those that are remembered. What
//! opens a door is replaced by [`REDACTED`]: tokens, secrets, codes and proofs, in headers, targets, forms and JSON.

use std::{
    fs, io,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use http::{HeaderMap, Request};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::{
    exchange::Outcome,
    faults::Platform,
    traffic::{Exchange, Headers},
};

/// What stands where a secret stood.
pub const REDACTED: &str = "<redacted>";
/// Most files that one sandbox writes; then it stops, and says so.
pub const MAX_FILES: u64 = 100_000;
/// Longest body written, in bytes; of longer ones only the length is told.
pub const MAX_DUMPED_BODY: usize = 1 << 20;

/// Headers that carry secrets. Of an authorization the scheme stays.
const SECRET_HEADERS: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "set-cookie"];
/// Fields and members that are secrets.
const SECRETS: [&str; 11] = [
    "access_token",
    "refresh_token",
    "id_token",
    "client_secret",
    "client_assertion",
    "assertion",
    "device_code",
    "user_code",
    "code_verifier",
    "password",
    "subject_token",
];
/// A secret in a form or in a target only: in JSON it names errors.
const CODE: &str = "code";

/// A folder that exchanges are written to.
#[derive(Debug)]
pub struct Dump {
    folder: PathBuf,
    written: AtomicU64,
}

impl Dump {
    /// A folder, made if it is not there.
    ///
    /// # Errors
    /// The folder could not be made.
    pub fn new(folder: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        Ok(Self { folder, written: AtomicU64::new(0) })
    }

    /// Writes one exchange that somebody had with a platform.
    pub fn exchange(&self, platform: Platform, exchange: &Exchange) {
        let status = exchange.status.map_or_else(|| "cut".to_owned(), |status| status.to_string());
        self.write(
            &format!("{}-{}-{status}", name(platform), exchange.method),
            &document(platform, exchange),
        );
    }

    /// Writes one call that a platform made itself.
    pub fn call(&self, platform: Platform, at: Timestamp, request: &Request<Bytes>, outcome: &Outcome) {
        let (status, failure) = match outcome {
            Outcome::Answered(status) => (Some(status.as_u16()), None),
            Outcome::Failed(why) => (None, Some(why)),
        };
        let headers = headers_of(request.headers());
        let document = json!({
            "at": at,
            "from": platform,
            "request": {
                "method": request.method().as_str(),
                "target": target(&request.uri().to_string()),
                "headers": headers_without_secrets(&headers),
                "body": body(&headers, request.body(), false),
            },
            "status": status,
            "failure": failure,
        });
        self.write(&format!("{}-calls-{}", name(platform), request.method()), &document);
    }

    fn write(&self, name: &str, document: &Value) {
        let number = self.written.fetch_add(1, Ordering::Relaxed) + 1;
        if number > MAX_FILES {
            if number == MAX_FILES + 1 {
                tracing::warn!("the sandbox dumped {MAX_FILES} exchanges and writes no more");
            }
            return;
        }
        let path = self.folder.join(format!("{number:06}-{name}.json"));
        if let Err(error) = fs::write(&path, format!("{document:#}\n")) {
            tracing::warn!(%error, path = %path.display(), "an exchange could not be dumped");
        }
    }
}

/// An exchange without its secrets.
pub fn document(platform: Platform, exchange: &Exchange) -> Value {
    let pages = ["/oauth2/", "/services/Soap/"].iter().any(|part| exchange.path.contains(part))
        || exchange.path.starts_with("/devicelogin");
    let response = exchange.status.map(|status| {
        json!({
            "status": status,
            "headers": headers_without_secrets(&exchange.response_headers),
            "body": body(&exchange.response_headers, &exchange.response, pages),
        })
    });
    json!({
        "at": exchange.at,
        "to": platform,
        "kind": exchange.kind,
        "fault": exchange.fault,
        "request": {
            "method": exchange.method,
            "target": target(&exchange.path),
            "headers": headers_without_secrets(&exchange.request_headers),
            "body": body(&exchange.request_headers, &exchange.request, pages),
        },
        "response": response,
    })
}

/// Headers as text, in order.
pub(crate) fn headers_of(headers: &HeaderMap) -> Headers {
    headers
        .iter()
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect()
}

fn name(platform: Platform) -> &'static str {
    match platform {
        Platform::PartnerCenter => "partner-center",
        Platform::Salesforce => "salesforce",
    }
}

fn headers_without_secrets(headers: &Headers) -> Value {
    let without = |(name, value): &(String, String)| {
        let value = match value.split_once(' ') {
            // A notification's signature is no secret: it is what somebody wants to look at.
            Some(("Signature", _)) => value.clone(),
            Some((scheme, _)) if SECRET_HEADERS.contains(&name.as_str()) => format!("{scheme} {REDACTED}"),
            None if SECRET_HEADERS.contains(&name.as_str()) => REDACTED.to_owned(),
            _ if name == "location" => target(value),
            _ => value.clone(),
        };
        (name.clone(), Value::from(value))
    };
    Value::Object(headers.iter().map(without).collect())
}

/// A path or address whose query has no secrets.
fn target(target: &str) -> String {
    match target.split_once('?') {
        Some((path, query)) if secret_pairs(query) => format!("{path}?{}", form(query)),
        _ => target.to_owned(),
    }
}

fn secret_pairs(encoded: &str) -> bool {
    url::form_urlencoded::parse(encoded.as_bytes()).any(|(name, _)| secret_field(&name))
}

fn secret_field(name: &str) -> bool {
    name.eq_ignore_ascii_case(CODE) || secret_member(name)
}

fn secret_member(name: &str) -> bool {
    SECRETS.iter().any(|secret| name.eq_ignore_ascii_case(secret))
}

/// A form without its secrets.
fn form(encoded: &str) -> String {
    let mut left = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in url::form_urlencoded::parse(encoded.as_bytes()) {
        left.append_pair(&name, if secret_field(&name) { REDACTED } else { &value });
    }
    left.finish()
}

/// A body as JSON if it is JSON, else as text. `page`: it is of sign-in, and markup may hold a secret anywhere.
fn body(headers: &Headers, bytes: &Bytes, page: bool) -> Value {
    if bytes.is_empty() {
        return Value::Null;
    }
    if bytes.len() > MAX_DUMPED_BODY {
        return format!("<{} bytes>", bytes.len()).into();
    }
    if let Ok(mut read) = serde_json::from_slice::<Value>(bytes) {
        strip(&mut read);
        return read;
    }
    let text = String::from_utf8_lossy(bytes);
    let kind = headers.iter().find(|(name, _)| name == "content-type").map_or("", |(_, kind)| kind.as_str());
    if kind.starts_with("application/x-www-form-urlencoded") {
        return form(&text).into();
    }
    if page { format!("<{} bytes of a page>", bytes.len()).into() } else { text.into_owned().into() }
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(members) => strip_members(members),
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

fn strip_members(members: &mut Map<String, Value>) {
    for (name, value) in members {
        if secret_member(name) && !value.is_null() {
            *value = REDACTED.into();
        } else {
            strip(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::exchange::Kind;

    fn exchange(path: &str, headers: &[(&str, &str)], request: &str, response: &str) -> Exchange {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Exchange {
            at: Timestamp::UNIX_EPOCH,
            method: "POST".to_owned(),
            path: path.to_owned(),
            kind: Kind::Token,
            status: Some(200),
            fault: None,
            request: Bytes::from(request.to_owned()),
            response: Bytes::from(response.to_owned()),
            request_headers: headers.iter().map(owned).collect(),
            response_headers: vec![(
                "location".to_owned(),
                "http://localhost:1/x?code=TELLTALE&state=s".to_owned(),
            )],
        }
    }

    #[test]
    fn no_secret_is_left_in_a_document() {
        let form_kind = ("content-type", "application/x-www-form-urlencoded");
        for one in [
            exchange(
                "/t/oauth2/v2.0/token",
                &[form_kind, ("authorization", "Basic TELLTALE")],
                "client_id=i&client_secret=TELLTALE&refresh_token=TELLTALE&code=TELLTALE&password=TELLTALE",
                r#"{"access_token":"TELLTALE","nested":[{"Refresh_Token":"TELLTALE"}],"scope":"s"}"#,
            ),
            exchange(
                "/t/oauth2/authorize?code=TELLTALE&a=b",
                &[("cookie", "TELLTALE")],
                "",
                "<p>TELLTALE</p>",
            ),
            exchange("/v1.0/x", &[("authorization", "Bearer TELLTALE")], "", "{}"),
        ] {
            let text = document(Platform::PartnerCenter, &one).to_string();
            assert!(!text.contains("TELLTALE") && text.contains(REDACTED), "{text}");
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        let one = exchange(
            "/v1.0/x?$top=1",
            &[("accept", "*/*")],
            r#"{"name":"Deal"}"#,
            r#"{"error":{"code":"x"}}"#,
        );
        let document = document(Platform::Salesforce, &one);
        assert_eq!(document["request"]["target"], "/v1.0/x?$top=1");
        assert_eq!(document["request"]["body"]["name"], "Deal");
        assert_eq!(document["response"]["body"]["error"]["code"], "x");
    }

    #[test]
    fn a_platforms_own_call_is_written_with_its_outcome() {
        let folder = std::env::temp_dir().join(format!("cosell-dump-{}", uuid::Uuid::new_v4()));
        let dump = Dump::new(folder.clone()).unwrap();
        let request = Request::post("http://127.0.0.1:1/hook")
            .header("authorization", "Signature abc=")
            .body(Bytes::from_static(b"{\"EventName\":\"referral-created\"}"))
            .unwrap();
        let answered = Outcome::Answered(StatusCode::OK);
        dump.call(Platform::PartnerCenter, Timestamp::UNIX_EPOCH, &request, &answered);
        let text = fs::read_to_string(folder.join("000001-partner-center-calls-POST.json")).unwrap();
        fs::remove_dir_all(folder).unwrap();
        let written: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&written["status"], &written["request"]["body"]["EventName"]),
            (&json!(200), &json!("referral-created"))
        );
        assert_eq!(written["request"]["headers"]["authorization"], "Signature abc=");
    }
}
