//! The device code: shown here, entered on any device (RFC 8628).

use std::{fmt, time::Duration};

use jiff::{SignedDuration, Timestamp};
use ports::RetryClass;
use secrecy::SecretString;
use serde::Deserialize;

use super::{SignIn, SignInError, SignedIn, signed_in};
use crate::auth::{AuthError, grant, refusal};

/// The wait between two polls when the server names none (RFC 8628, section 3.2).
const INTERVAL: Duration = Duration::from_secs(5);
/// How much longer each `slow_down` makes it (RFC 8628, section 3.5).
const SLOWER: Duration = Duration::from_secs(5);
/// Longest wait between two polls.
const MAX_INTERVAL: Duration = Duration::from_mins(1);
/// Longest life of a code that is believed.
const MAX_LIFE: Duration = Duration::from_mins(30);
/// Most polls; more than fit into the longest life at a second each.
const MAX_POLLS: u32 = 2000;

/// A code that waits for a person.
pub struct DeviceCode {
    /// What the person types.
    pub user_code: String,
    /// Where.
    pub address: String,
    /// Until when.
    pub expires: Timestamp,
    secret: SecretString,
    interval: Duration,
}

impl fmt::Debug for DeviceCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceCode").field("expires", &self.expires).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct CodeAnswer {
    device_code: String,
    user_code: String,
    #[serde(alias = "verification_url")]
    verification_uri: String,
    expires_in: u64,
    interval: Option<u64>,
}

impl SignIn {
    /// Asks for a code.
    ///
    /// # Errors
    /// [`SignInError::Auth`].
    pub async fn device_code(&self) -> Result<DeviceCode, SignInError> {
        let config = &self.config;
        let mut fields = vec![
            ("client_id", SecretString::from(config.client_id.as_str())),
            ("scope", SecretString::from(self.scope())),
        ];
        if let Some(claims) = &self.claims {
            fields.push(("claims", SecretString::from(claims.as_str())));
        }
        let answer = grant::post(&self.http, &self.device_code_url, &fields, config.deadline, None).await?;
        if !answer.status().is_success() {
            return Err(refusal::read(answer.status(), answer.headers(), answer.body()).error.into());
        }
        let unreadable = |_| AuthError::Unreadable { reason: "it is no device code" };
        let answer: CodeAnswer = serde_json::from_slice(answer.body()).map_err(unreadable)?;
        let life = Duration::from_secs(answer.expires_in).min(MAX_LIFE);
        let expires = self.clock.now().checked_add(SignedDuration::try_from(life).unwrap_or_default());
        let interval = answer.interval.filter(|seconds| *seconds > 0).map_or(INTERVAL, Duration::from_secs);
        Ok(DeviceCode {
            user_code: answer.user_code,
            address: answer.verification_uri,
            expires: expires.unwrap_or(Timestamp::MAX),
            secret: SecretString::from(answer.device_code),
            interval: interval.min(MAX_INTERVAL),
        })
    }

    /// Waits until the person has answered, asking no more often than the server wants.
    ///
    /// # Errors
    /// [`SignInError::Expired`], [`SignInError::Declined`], or [`SignInError::Auth`].
    pub async fn answered(&self, code: &DeviceCode) -> Result<SignedIn, SignInError> {
        let mut interval = code.interval;
        for _ in 0..MAX_POLLS {
            self.clock.sleep(interval).await;
            let now = self.clock.now();
            if now >= code.expires {
                return Err(SignInError::Expired);
            }
            let mut fields = vec![
                ("grant_type", SecretString::from("urn:ietf:params:oauth:grant-type:device_code")),
                ("device_code", code.secret.clone()),
            ];
            if let Some(claims) = &self.claims {
                fields.push(("claims", SecretString::from(claims.as_str())));
            }
            let refused = match grant::ask(&self.http, &self.config, &*self.rng, now, fields, None).await {
                Ok(granted) => return signed_in(granted, None),
                Err(refused) => refused,
            };
            match refused.word.as_deref() {
                Some("authorization_pending") => {}
                Some("slow_down") => interval = (interval + SLOWER).min(MAX_INTERVAL),
                Some("expired_token") => return Err(SignInError::Expired),
                Some("authorization_declined" | "access_denied") => return Err(SignInError::Declined),
                _ => match refused.error.class() {
                    // A platform that is not to be reached for a moment is asked less often (RFC 8628, section 3.5).
                    RetryClass::Later { after } => {
                        interval = after.unwrap_or(interval * 2).clamp(interval, MAX_INTERVAL);
                    }
                    _ => return Err(refused.error.into()),
                },
            }
        }
        Err(SignInError::Expired)
    }
}
