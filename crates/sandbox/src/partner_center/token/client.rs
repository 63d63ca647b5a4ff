//! Which application asks for a token: by secret, by certificate, or, a public one, by name alone.

use std::{collections::HashMap, sync::OnceLock};

use aws_lc_rs::digest;
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use bytes::Bytes;
use http::{Request, header::AUTHORIZATION};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_RSA_SHA256, RsaKeySize, date_time_ymd};
use serde::Deserialize;

use super::{
    super::State,
    MAX_TOKENS,
    denied::{
        ASSERTION_AUDIENCE, ASSERTION_ISSUER, ASSERTION_SIGNATURE, ASSERTION_TIME, ASSERTION_UNREADABLE,
        ASSERTION_USED, BAD_SECRET, Denied, NO_CLIENT, NO_SECRET, PUBLIC_SECRET, SECRET_EXPIRED, UNREADABLE,
    },
    later, make_room,
};

/// How an assertion says what it is.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How far clocks may be apart, in seconds.
const SKEW_SECONDS: i64 = 300;

/// A registered application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum App {
    /// It has a secret and a certificate.
    Confidential,
    /// It can keep no secret.
    Public,
}

/// The certificate that is registered on the confidential application, with its key.
pub(in super::super) struct AppCertificate {
    /// PKCS#8, as PEM.
    pub(in super::super) key_pem: String,
    /// As PEM.
    pub(in super::super) certificate_pem: String,
    /// The header `x5t`: SHA-1, base64url.
    pub(in super::super) sha1: String,
    /// The header `x5t#S256`: SHA-256, base64url.
    pub(in super::super) sha256: String,
    public_pem: String,
}

/// Made once a process: an RSA key takes long, and no test tells one from another.
pub(in super::super) fn certificate() -> &'static AppCertificate {
    static MADE: OnceLock<AppCertificate> = OnceLock::new();
    MADE.get_or_init(|| made().expect("fixed parameters make a valid certificate"))
}

fn made() -> Result<AppCertificate, rcgen::Error> {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "Sandbox application");
    params.not_before = date_time_ymd(2025, 1, 1);
    params.not_after = date_time_ymd(2125, 1, 1);
    let certificate = params.self_signed(&key)?;
    let thumb = |algorithm| URL_SAFE_NO_PAD.encode(digest::digest(algorithm, certificate.der()));
    Ok(AppCertificate {
        key_pem: key.serialize_pem(),
        certificate_pem: certificate.pem(),
        sha1: thumb(&digest::SHA1_FOR_LEGACY_USE_ONLY),
        sha256: thumb(&digest::SHA256),
        public_pem: key.public_key_pem(),
    })
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: String,
    exp: i64,
    #[serde(default)]
    nbf: Option<i64>,
    #[serde(default)]
    jti: Option<String>,
}

impl State {
    /// The registered application with this id.
    pub(super) fn app(&self, id: &str) -> Option<App> {
        match id {
            id if id == self.identity.client_id => Some(App::Confidential),
            id if id == self.identity.public_client_id => Some(App::Public),
            _ => None,
        }
    }

    /// Which application sent this form, once it has proved it.
    pub(super) fn client(
        &mut self,
        request: &Request<Bytes>,
        form: &HashMap<String, String>,
        now: Timestamp,
    ) -> Result<App, Denied> {
        let (id, secret) = credentials(request, form);
        let app = self.app(&id.ok_or(UNREADABLE)?).ok_or(NO_CLIENT)?;
        let assertion = form.get("client_assertion");
        if app == App::Public {
            return if secret.is_none() && assertion.is_none() { Ok(app) } else { Err(PUBLIC_SECRET) };
        }
        match (secret, assertion) {
            (Some(_), Some(_)) => return Err(UNREADABLE),
            (None, None) => return Err(NO_SECRET),
            (Some(secret), None) if secret != self.identity.client_secret => return Err(BAD_SECRET),
            (Some(_), None) if self.knobs.secret_expired => return Err(SECRET_EXPIRED),
            (Some(_), None) => {}
            (None, Some(assertion)) => {
                if form.get("client_assertion_type").map(String::as_str) != Some(ASSERTION_TYPE) {
                    return Err(UNREADABLE);
                }
                self.assertion(assertion, request.uri().path(), now)?;
            }
        }
        Ok(app)
    }

    fn assertion(&mut self, token: &str, path: &str, now: Timestamp) -> Result<(), Denied> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| ASSERTION_UNREADABLE)?;
        if !matches!(header.alg, Algorithm::RS256 | Algorithm::PS256) {
            return Err(ASSERTION_UNREADABLE);
        }
        let registered = certificate();
        let named = header.x5t.as_deref() == Some(&registered.sha1)
            || header.x5t_s256.as_deref() == Some(&registered.sha256);
        if !named {
            return Err(ASSERTION_SIGNATURE);
        }
        let key = DecodingKey::from_rsa_pem(registered.public_pem.as_bytes())
            .expect("the certificate's own key is an RSA key");
        // The sandbox's clock judges the times, not the operating system's.
        let mut validation = Validation::new(header.alg);
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let claims = jsonwebtoken::decode::<Claims>(token, &key, &validation)
            .map_err(|error| match error.kind() {
                jsonwebtoken::errors::ErrorKind::InvalidSignature => ASSERTION_SIGNATURE,
                _ => ASSERTION_UNREADABLE,
            })?
            .claims;
        let id = &self.identity.client_id;
        if claims.iss != *id || claims.sub != *id {
            return Err(ASSERTION_ISSUER);
        }
        let tenant = &self.identity.tenant_id;
        let real = "https://login.microsoftonline.com";
        let audiences = [
            format!("{}{path}", self.base),
            format!("{real}{path}"),
            format!("{real}/{tenant}/oauth2/v2.0/token"),
            format!("{real}/{tenant}/v2.0"),
        ];
        if !audiences.contains(&claims.aud) {
            return Err(ASSERTION_AUDIENCE);
        }
        let second = now.as_second();
        if claims.exp.saturating_add(SKEW_SECONDS) <= second
            || claims.nbf.is_some_and(|from| from.saturating_sub(SKEW_SECONDS) > second)
        {
            return Err(ASSERTION_TIME);
        }
        self.tokens.assertions.retain(|_, until| *until > now);
        make_room(&mut self.tokens.assertions, MAX_TOKENS, |until| *until);
        let until = later(Timestamp::from_second(claims.exp).unwrap_or(Timestamp::MAX), SKEW_SECONDS);
        let jti = claims.jti.filter(|jti| !jti.is_empty()).ok_or(ASSERTION_USED)?;
        match self.tokens.assertions.insert(jti, until) {
            None => Ok(()),
            Some(_) => Err(ASSERTION_USED),
        }
    }
}

/// The client's id and secret, from the form or from basic authorization.
fn credentials(request: &Request<Bytes>, form: &HashMap<String, String>) -> (Option<String>, Option<String>) {
    let basic = request.headers().get(AUTHORIZATION).and_then(|header| header.to_str().ok());
    let basic = basic.and_then(|header| header.strip_prefix("Basic "));
    let basic = basic.and_then(|text| STANDARD.decode(text).ok());
    let basic = basic.and_then(|bytes| String::from_utf8(bytes).ok());
    let decoded = |text: &str| {
        url::form_urlencoded::parse(format!("x={text}").as_bytes()).next().map(|(_, v)| v.into_owned())
    };
    match basic.as_deref().and_then(|text| text.split_once(':')) {
        Some((id, secret)) => (decoded(id), decoded(secret)),
        None => (form.get("client_id").cloned(), form.get("client_secret").cloned()),
    }
}
