//! How the org's app and session policies are set: what an administrator chooses, and what sign-in can be made to do.

use serde::{Deserialize, Serialize};

use super::super::seed::INTEGRATION;

/// What a person does on the page that asks for approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Approval {
    /// The page is shown and waits for its form.
    Waits,
    /// The page is left at once with approval, as the user that `login_hint` names, else the first seller.
    Approves,
    /// The page is left at once with a refusal.
    Declines,
}

/// Why the token endpoint refuses whatever it is asked (salesforce reference, section 1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GrantError {
    InvalidAppAccess,
    InactiveUser,
    InactiveOrg,
    RateLimitExceeded,
}

impl GrantError {
    /// Code and description.
    pub(crate) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::InvalidAppAccess => ("invalid_app_access", "user is not admin approved to access this app"),
            Self::InactiveUser => ("inactive_user", "user is inactive"),
            Self::InactiveOrg => ("inactive_org", "organization is inactive"),
            Self::RateLimitExceeded => ("rate_limit_exceeded", "login rate exceeded"),
        }
    }
}

/// Refuses grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefusedGrants {
    pub(crate) error: GrantError,
    /// How many more; `null` for all.
    #[serde(default)]
    pub(crate) times: Option<u32>,
}

/// The two texts of a 401 that no new token cures (section 1.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Shut {
    AppNotAttached,
    SessionNotForRest,
}

impl Shut {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::AppNotAttached => "Connected app is not attached to Agent",
            Self::SessionNotForRest => "This session is not valid for use with the REST API",
        }
    }
}

/// The settings of sign-in. A patch names what it changes; the rest stays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SignIn {
    /// What the person at the approval page does.
    pub(crate) approval: Approval,
    /// Addresses that an authorization code may be sent to, exactly.
    pub(crate) callback_urls: Vec<String>,
    /// Whether a callback may have any port if it is `http` on a loopback name and equals a registered one otherwise.
    pub(crate) loopback_port_free: bool,
    /// Whether an authorization needs a code challenge (`isPkceRequired`).
    pub(crate) pkce_required: bool,
    /// Whether a code is exchanged only with the client's secret.
    pub(crate) secret_required_for_code: bool,
    /// Whether a refresh needs the client's secret (`isSecretRequiredForRefreshToken`).
    pub(crate) secret_required_for_refresh: bool,
    /// Whether a refresh token is replaced at each use, and the old one dies (`isRefreshTokenRotationEnabled`).
    pub(crate) refresh_rotation: bool,
    /// "Allow OAuth Username-Password Flows".
    pub(crate) password_grant: bool,
    /// Whether SOAP `login()` is answered, in the versions that have it.
    pub(crate) soap_login: bool,
    /// The run-as user of client credentials; `null`: none was chosen.
    pub(crate) run_as: Option<String>,
    /// Users whom no administrator approved for the app.
    pub(crate) unapproved_users: Vec<String>,
    /// Tokens in JWT format instead of opaque ones.
    pub(crate) jwt_tokens: bool,
    /// The `instance_url` of new tokens after a move of the org: the host served so far answers API calls with 401.
    pub(crate) instance_url: Option<String>,
    /// Whether the login host answers API calls as well; the reference sends them to the instance.
    pub(crate) login_host_answers_api: bool,
    /// Refuses grants.
    pub(crate) refuse: Option<RefusedGrants>,
    /// Every API call is answered 401 with a text that no new token cures.
    pub(crate) shut: Option<Shut>,
}

impl Default for SignIn {
    fn default() -> Self {
        Self {
            approval: Approval::Waits,
            callback_urls: ["localhost", "127.0.0.1"]
                .map(|host| format!("http://{host}:1717/OauthRedirect"))
                .to_vec(),
            loopback_port_free: false,
            pkce_required: true,
            secret_required_for_code: true,
            secret_required_for_refresh: true,
            refresh_rotation: true,
            password_grant: false,
            soap_login: true,
            run_as: Some(INTEGRATION.to_owned()),
            unapproved_users: Vec::new(),
            jwt_tokens: false,
            instance_url: None,
            login_host_answers_api: false,
            refuse: None,
            shut: None,
        }
    }
}
