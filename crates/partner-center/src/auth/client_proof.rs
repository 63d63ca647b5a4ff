//! How the application proves that it is the one: by a secret, by a certificate, or not at all (a public client).

use std::{fmt, sync::Arc};

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use oauth::RegisteredCertificate;
pub use oauth::UnfitCertificate;
use ports::Rng;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use super::{AuthError, TokenConfig};

/// How long an assertion is valid. It is used at once; the rest is for clocks that differ.
const ASSERTION_LIFE: SignedDuration = SignedDuration::from_mins(5);

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How the application proves that it is the one.
#[derive(Clone)]
pub enum ClientProof {
    /// Not at all: a public client.
    None,
    /// By a shared secret.
    Secret(SecretString),
    /// By a signature that its certificate verifies.
    Certificate(Arc<ClientCertificate>),
}

/// How an assertion is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AssertionAlgorithm {
    /// RSASSA-PSS with SHA-256, which Microsoft recommends.
    #[default]
    Ps256,
    /// RSASSA-PKCS1-v1_5 with SHA-256, for platforms that know nothing else.
    Rs256,
}

/// A certificate that the application is registered with, and its key.
pub struct ClientCertificate {
    key: EncodingKey,
    algorithm: Algorithm,
    thumbprint_sha1: String,
    thumbprint_sha256: String,
    ends: Timestamp,
}

#[derive(Serialize)]
struct Assertion<'a> {
    aud: &'a str,
    iss: &'a str,
    sub: &'a str,
    jti: String,
    iat: i64,
    nbf: i64,
    exp: i64,
}

impl ClientCertificate {
    /// Takes the first certificate of a PEM text and its RSA key (PKCS #1 or #8).
    ///
    /// # Errors
    /// [`UnfitCertificate`], also if the two do not belong together.
    pub fn from_pem(
        certificate: &str,
        key: &SecretString,
        algorithm: AssertionAlgorithm,
    ) -> Result<Self, UnfitCertificate> {
        let RegisteredCertificate { der, ends } = RegisteredCertificate::from_pem(certificate, key)?;
        let pem = key.expose_secret().as_bytes();
        let thumbprint = |algorithm| URL_SAFE_NO_PAD.encode(digest::digest(algorithm, &der));
        Ok(Self {
            key: EncodingKey::from_rsa_pem(pem).map_err(|_| UnfitCertificate::Key)?,
            algorithm: match algorithm {
                AssertionAlgorithm::Ps256 => Algorithm::PS256,
                AssertionAlgorithm::Rs256 => Algorithm::RS256,
            },
            // Entra finds the certificate by it; nothing rests on its strength.
            thumbprint_sha1: thumbprint(&digest::SHA1_FOR_LEGACY_USE_ONLY),
            thumbprint_sha256: thumbprint(&digest::SHA256),
            ends,
        })
    }

    /// A new assertion: for the token endpoint alone, short-lived, used once.
    fn assertion(&self, config: &TokenConfig, now: Timestamp, rng: &dyn Rng) -> Result<String, AuthError> {
        if now >= self.ends {
            return Err(AuthError::CertificateExpired);
        }
        let header = Header {
            x5t: Some(self.thumbprint_sha1.clone()),
            x5t_s256: Some(self.thumbprint_sha256.clone()),
            ..Header::new(self.algorithm)
        };
        let exp = now.saturating_add(ASSERTION_LIFE).unwrap_or(Timestamp::MAX);
        let claims = Assertion {
            aud: &config.token_url,
            iss: &config.client_id,
            sub: &config.client_id,
            jti: rng.guid(),
            iat: now.as_second(),
            nbf: now.as_second(),
            exp: exp.as_second(),
        };
        jsonwebtoken::encode(&header, &claims, &self.key)
            .map_err(|_| AuthError::Unreadable { reason: "the client key could not sign" })
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate").field("ends", &self.ends).finish_non_exhaustive()
    }
}

impl fmt::Debug for ClientProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "ClientProof::None",
            Self::Secret(_) => "ClientProof::Secret(..)",
            Self::Certificate(_) => "ClientProof::Certificate(..)",
        })
    }
}

impl ClientProof {
    /// When the certificate expires, if there is one.
    pub(super) fn ends(&self) -> Option<Timestamp> {
        match self {
            Self::Certificate(certificate) => Some(certificate.ends),
            Self::None | Self::Secret(_) => None,
        }
    }

    /// The fields of a token request that prove it.
    pub(super) fn fields(
        &self,
        config: &TokenConfig,
        now: Timestamp,
        rng: &dyn Rng,
    ) -> Result<Vec<(&'static str, SecretString)>, AuthError> {
        Ok(match self {
            Self::None => Vec::new(),
            Self::Secret(secret) => vec![("client_secret", secret.clone())],
            Self::Certificate(certificate) => vec![
                ("client_assertion_type", SecretString::from(ASSERTION_TYPE)),
                ("client_assertion", SecretString::from(certificate.assertion(config, now, rng)?)),
            ],
        })
    }
}
