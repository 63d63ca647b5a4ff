//! What a platform demands of the next sign-in: a claims challenge (reference, section 1.3).

use std::fmt;

use base64::{Engine as _, engine::general_purpose};
use http::{HeaderMap, StatusCode, header::WWW_AUTHENTICATE};
use serde_json::Value;

/// Longest challenge believed, in bytes. One is a few hundred.
const MAX_BYTES: usize = 4096;

/// The `claims` parameter of an authorization request: a JSON object, passed on as it came.
#[derive(Clone, PartialEq, Eq)]
pub struct Claims(String);

impl Claims {
    /// Takes a challenge as a server wrote it; nothing if it is no JSON object or longer than 4096 bytes.
    pub fn parse(text: &str) -> Option<Self> {
        let sound = text.len() <= MAX_BYTES
            && serde_json::from_str::<Value>(text).is_ok_and(|claims| claims.is_object());
        sound.then(|| Self(text.to_owned()))
    }

    /// The parameter's value.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claims(..)")
    }
}

/// A refusal that a token with more claims would lift.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Challenge {
    /// What is demanded, if the server said so.
    pub(crate) claims: Option<Claims>,
}

impl Challenge {
    /// Reads one from an answer of status 401 or 403: `error="insufficient_claims"` in `WWW-Authenticate`, or the
    /// same word as the code of the body.
    pub(crate) fn of(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Option<Self> {
        if !matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return None;
        }
        for value in headers.get_all(WWW_AUTHENTICATE) {
            let Ok(text) = value.to_str() else { continue };
            let error = parameter(text, "error");
            let claims = parameter(text, "claims").and_then(decode);
            if claims.is_some() || error == Some("insufficient_claims") {
                return Some(Self { claims });
            }
        }
        let body = serde_json::from_slice::<Value>(body).ok()?;
        let code = body.pointer("/error/code").or_else(|| body.get("error")).or_else(|| body.get("code"));
        let insufficient = code
            .and_then(Value::as_str)
            .is_some_and(|code| matches!(code, "insufficient_claims" | "insufficientClaims"));
        insufficient.then_some(Self { claims: None })
    }
}

/// The value of `name="value"` in a challenge.
fn parameter<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = text;
    while let Some(at) = rest.find(name) {
        let before = rest[..at].chars().next_back();
        let after = &rest[at + name.len()..];
        rest = after;
        if before.is_some_and(|before| before.is_ascii_alphanumeric() || before == '_') {
            continue;
        }
        let Some(value) = after.trim_start().strip_prefix('=') else { continue };
        let value = value.trim_start();
        return Some(match value.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next().unwrap_or(quoted),
            None => value.split([',', ' ']).next().unwrap_or(value),
        });
    }
    None
}

/// Base64 of either alphabet, padded or not.
fn decode(text: &str) -> Option<Claims> {
    if text.len() > MAX_BYTES * 2 {
        return None;
    }
    let bare = text.trim_end_matches('=');
    let bytes = general_purpose::STANDARD_NO_PAD
        .decode(bare)
        .or_else(|_| general_purpose::URL_SAFE_NO_PAD.decode(bare))
        .ok()?;
    Claims::parse(std::str::from_utf8(&bytes).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEMAND: &str = r#"{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}"#;

    fn challenge(status: u16, header: &str, body: &str) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        if !header.is_empty() {
            headers.insert(WWW_AUTHENTICATE, header.parse().unwrap());
        }
        Challenge::of(StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes())
    }

    #[test]
    fn a_challenge_is_read_from_the_header_in_either_alphabet() {
        for encoded in
            [general_purpose::STANDARD.encode(DEMAND), general_purpose::URL_SAFE_NO_PAD.encode(DEMAND)]
        {
            for (status, header) in [
                (401, format!(r#"Bearer realm="", error="insufficient_claims", claims="{encoded}""#)),
                (403, format!(r#"Bearer claims="{encoded}", error_description="x""#)),
            ] {
                let found = challenge(status, &header, "").unwrap();
                assert_eq!(found.claims.unwrap().as_str(), DEMAND, "{header}");
            }
        }
    }

    #[test]
    fn a_challenge_without_its_claims_is_one_all_the_same() {
        let none = Some(Challenge { claims: None });
        assert_eq!(challenge(403, "", r#"{"error":{"code":"insufficient_claims"}}"#), none);
        assert_eq!(challenge(403, "", r#"{"error":"insufficient_claims"}"#), none);
        assert_eq!(challenge(401, r#"Bearer error="insufficient_claims", claims="%%%""#, ""), none);
    }

    #[test]
    fn an_ordinary_refusal_is_none() {
        assert_eq!(challenge(401, r#"Bearer error="invalid_token""#, ""), None);
        assert_eq!(challenge(403, "", r#"{"error":{"code":"accessDenied"}}"#), None);
        assert_eq!(challenge(500, "", r#"{"error":"insufficient_claims"}"#), None);
        assert_eq!(Claims::parse("[1]"), None);
        assert_eq!(Claims::parse(&format!("{{\"a\":\"{}\"}}", "x".repeat(5000))), None);
    }
}
