//! A person signs in, once, for both services: by device code, or in a browser (reference, section 1.3).

mod browser;
mod device;

use std::{fmt, sync::Arc};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
pub use browser::Authorization;
pub use device::DeviceCode;
use oauth::{Astray, NoRandomness};
use ports::{Clock, HttpService, Rng};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::{AuthError, Claims, TokenConfig, aadsts, grant::Granted};

/// Signs a person in.
pub struct SignIn {
    http: HttpService,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    config: TokenConfig,
    /// What the last token was refused for.
    claims: Option<Claims>,
    authorize_url: String,
    device_code_url: String,
}

/// What a sign-in brought.
pub struct SignedIn {
    /// Good for access tokens of both services.
    pub refresh_token: SecretString,
    /// Whose it is, if the platform said so. Personal data: for the person's eyes, never for a log.
    pub account: Option<String>,
    /// In which tenant, if the platform said so.
    pub tenant: Option<String>,
}

impl fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedIn").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

/// Why nobody signed in. Holds no token and nothing of the platform's prose.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignInError {
    /// The identity platform refused, or could not be asked.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The person did not answer before the code's end.
    #[error("the code expired before somebody entered it")]
    Expired,
    /// The person said no.
    #[error("the sign-in was declined")]
    Declined,
    /// The browser came back with another sign-in's answer, or somebody else did.
    #[error("the answer does not belong to this sign-in (its state is another one)")]
    WrongState,
    /// The identity in the answer was made for another sign-in.
    #[error("the answer does not belong to this sign-in (its nonce is another one)")]
    WrongNonce,
    /// The browser came back with neither a code nor an error.
    #[error("the browser came back without a code")]
    NoCode,
    /// The sign-in is good for an hour only.
    #[error("the identity platform granted no refresh token")]
    NoRefreshToken,
    /// The operating system gave no random numbers.
    #[error("the operating system gave no random numbers")]
    NoRandomness,
}

impl From<NoRandomness> for SignInError {
    fn from(_: NoRandomness) -> Self {
        Self::NoRandomness
    }
}

impl From<Astray> for SignInError {
    fn from(astray: Astray) -> Self {
        match astray {
            Astray::WrongState => Self::WrongState,
            Astray::NoCode => Self::NoCode,
        }
    }
}

impl SignInError {
    /// What a person does about it.
    pub fn next_step(&self) -> &'static str {
        match self {
            Self::Auth(error) => error.next_step().unwrap_or("Run it again in a while."),
            Self::Expired => "Run `cosell login partner-center` again and enter the code before it expires.",
            Self::Declined => "Run `cosell login partner-center` again and accept.",
            Self::WrongState | Self::WrongNonce | Self::NoCode => {
                "Close old sign-in pages and run `cosell login partner-center` again."
            }
            Self::NoRefreshToken => {
                "Keep offline_access in referrals_scope of [partner_center], and let the application have it."
            }
            Self::NoRandomness => aadsts::SIGN_IN,
        }
    }
}

impl SignIn {
    /// A sign-in for `config`, at the addresses beside its token endpoint unless others are given. `claims` is what
    /// the last token was refused for.
    ///
    /// Nothing if an address is neither given nor beside the token endpoint.
    pub fn new(
        http: HttpService,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
        config: TokenConfig,
        authorize_url: Option<String>,
        device_code_url: Option<String>,
        claims: Option<Claims>,
    ) -> Option<Self> {
        let authorize_url = authorize_url.or_else(|| config.beside("authorize"))?;
        let device_code_url = device_code_url.or_else(|| config.beside("devicecode"))?;
        Some(Self { http, clock, rng, config, claims, authorize_url, device_code_url })
    }

    /// Who signs in is asked for, too, so that the sign-in can be named.
    fn scope(&self) -> String {
        format!("openid profile {}", self.config.referrals_scope)
    }
}

/// Reads what was granted; the nonce must be `nonce` if an identity came that was asked for with one.
fn signed_in(granted: Granted, nonce: Option<&str>) -> Result<SignedIn, SignInError> {
    let claims = granted.id_token.as_ref().and_then(identity);
    let claim = |name: &str| claims.as_ref()?.get(name)?.as_str().map(ToOwned::to_owned);
    if nonce.is_some() && claims.is_some() && claim("nonce").as_deref() != nonce {
        return Err(SignInError::WrongNonce);
    }
    let refresh_token = granted.refresh_token.ok_or(SignInError::NoRefreshToken)?;
    let account = claim("preferred_username").or_else(|| claim("upn")).or_else(|| claim("unique_name"));
    Ok(SignedIn { refresh_token, account, tenant: claim("tid") })
}

/// The claims of an identity token. It came from the token endpoint itself, whose certificate vouches for it; nothing
/// is decided by it but what is shown, the tenant and the nonce.
fn identity(token: &SecretString) -> Option<Value> {
    let payload = token.expose_secret().split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?).ok()
}
