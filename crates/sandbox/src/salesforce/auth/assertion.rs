//! The JWT bearer grant (salesforce reference, section 1.3).

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;

use super::{
    super::org::{Org, Person},
    Gate, Refusal, app_key,
    host::login_url,
    refuse,
};

/// Login hosts that an assertion may name as its audience.
const AUDIENCES: [&str; 2] = ["https://login.salesforce.com", "https://test.salesforce.com"];
/// How far ahead an assertion may expire when the knob says so.
const MAX_AHEAD_SECONDS: i64 = 300;

impl Gate {
    /// The user that a signed assertion speaks for.
    pub(super) fn by_assertion(&self, org: &Org, assertion: &str, now: Timestamp) -> Result<Person, Refusal> {
        let invalid = || refuse("invalid_grant", "invalid assertion");
        let mut validation = Validation::new(Algorithm::RS256);
        // Time and audience are looked at below: by this org's clock, and with its own texts.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let key = DecodingKey::from_rsa_pem(app_key().public_pem.as_bytes()).map_err(|_| invalid())?;
        let claims =
            jsonwebtoken::decode::<Value>(assertion, &key, &validation).map_err(|_| invalid())?.claims;
        let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
        if text("iss") != self.consumer_key {
            return Err(refuse("invalid_client_id", "client identifier invalid"));
        }
        let audience = text("aud").trim_end_matches('/');
        let own = [org.base_url.clone(), login_url(&org.base_url)];
        let known = AUDIENCES.contains(&audience) || own.iter().any(|own| !own.is_empty() && own == audience);
        if !known {
            return Err(refuse("invalid_grant", "audience is invalid"));
        }
        // Some clients send the number as a text (section 1.3).
        let expires = claims.get("exp").and_then(|exp| exp.as_i64().or_else(|| exp.as_str()?.parse().ok()));
        let ahead = expires.ok_or_else(invalid)?.saturating_sub(now.as_second());
        if ahead <= 0 || (!org.knobs.accept_far_expiry && ahead > MAX_AHEAD_SECONDS) {
            return Err(invalid());
        }
        let stranger = || refuse("invalid_grant", "user hasn't approved this consumer");
        let person = org.person(text("sub"))?.ok_or_else(stranger)?;
        if org.approved(&person) { Ok(person) } else { Err(stranger()) }
    }
}
