//! How tokens are had: addresses, the application, scopes, times.

use std::{fmt, time::Duration};

use secrecy::SecretString;

use super::client_proof::ClientProof;
use crate::config::Audience;

/// How tokens are had.
#[derive(Clone)]
pub struct TokenConfig {
    /// The v2 token endpoint of the tenant, for example
    /// `https://login.microsoftonline.com/TENANT/oauth2/v2.0/token`.
    pub token_url: String,
    /// The Entra application's id.
    pub client_id: String,
    /// How the application proves that it is the one.
    pub client: ClientProof,
    /// The refresh token from the configuration: used while the store holds none, or only a dead one.
    pub seed: Option<SecretString>,
    /// The name under which the refresh token is stored.
    pub store_name: String,
    /// Scope for the Referrals API.
    pub referrals_scope: String,
    /// Scope for the webhook registration.
    pub webhooks_scope: String,
    /// How long before its end a token counts as ended.
    pub renew_before: Duration,
    /// How long a refusal that only a person can end is remembered instead of being fetched again; also a 401 of
    /// Partner Center to a token that is brand-new.
    pub refusal_hold: Duration,
    /// How long the identity platform is left alone after it said that it is busy, unless it says how long.
    pub busy_hold: Duration,
    /// Longest time that it is left alone, whatever it says.
    pub longest_busy_hold: Duration,
    /// From the start of a refresh to the last byte of its answer.
    pub deadline: Duration,
}

impl TokenConfig {
    /// The name under which the refresh token is stored unless another is given.
    pub const STORE_NAME: &'static str = "partner-center";

    /// The documented scopes (reference, section 1.1), with `offline_access` so that the answer rotates the
    /// refresh token.
    pub fn new(token_url: impl Into<String>, client_id: impl Into<String>) -> Self {
        Self {
            token_url: token_url.into(),
            client_id: client_id.into(),
            client: ClientProof::None,
            seed: None,
            store_name: Self::STORE_NAME.to_owned(),
            referrals_scope: "https://api.partner.microsoft.com/.default offline_access".to_owned(),
            webhooks_scope: "https://api.partnercenter.microsoft.com/.default offline_access".to_owned(),
            renew_before: Duration::from_mins(5),
            refusal_hold: Duration::from_mins(1),
            busy_hold: Duration::from_secs(5),
            longest_busy_hold: Duration::from_mins(5),
            deadline: Duration::from_secs(20),
        }
    }

    pub(super) fn scope(&self, audience: Audience) -> &str {
        match audience {
            Audience::Referrals => &self.referrals_scope,
            Audience::Webhooks => &self.webhooks_scope,
        }
    }

    /// An address beside the token endpoint: where it ends in `token`, this ends in `name`.
    pub fn beside(&self, name: &str) -> Option<String> {
        Some(format!("{}/{name}", self.token_url.strip_suffix("/token")?))
    }
}

impl fmt::Debug for TokenConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenConfig").field("token_url", &self.token_url).finish_non_exhaustive()
    }
}
