//! What a client must be told: how to log in, which version to speak, and its bounds.

use std::{fmt, sync::Arc, time::Duration};

use ports::TokenStore;
use secrecy::SecretString;
use url::Url;

use crate::OrgId;

/// How a session is obtained.
#[derive(Clone)]
pub enum LoginConfig {
    /// The OAuth 2.0 JWT bearer flow, the recommended one for servers (salesforce reference, section 1.3).
    JwtBearer {
        /// `https://login.salesforce.com`, `https://test.salesforce.com` or the My Domain host.
        login_url: Url,
        /// The app's consumer key.
        consumer_key: String,
        /// The integration user's name.
        username: String,
        /// The audience claim; production or sandbox login, whatever host is called.
        audience: String,
        /// The RSA key whose certificate the app knows, PEM.
        private_key: SecretString,
    },
    /// The client credentials flow; works on the My Domain host only (section 1.4).
    ClientCredentials {
        /// `https://<MyDomain>.my.salesforce.com`.
        my_domain: Url,
        /// The app's consumer key.
        client_id: String,
        /// The app's consumer secret.
        client_secret: SecretString,
    },
    /// A person's own sign-in: the refresh token that the authorization code brought (section 1.5).
    SignedIn {
        /// The host that grants sessions, and where the person signs in.
        login_url: Url,
        /// The app's consumer key.
        client_id: String,
        /// The app's consumer secret, if the app requires it.
        client_secret: Option<SecretString>,
        /// Where the refresh token is, under [`LoginConfig::STORE_NAME`].
        tokens: Arc<dyn TokenStore>,
    },
}

/// Which of the flows a session is obtained by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginFlow {
    /// An assertion that a key signs.
    JwtBearer,
    /// A consumer key and its secret.
    ClientCredentials,
    /// A person's own sign-in.
    SignedIn,
}

impl LoginFlow {
    /// What it is called, for people and programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::JwtBearer => "JWT bearer",
            Self::ClientCredentials => "client credentials",
            Self::SignedIn => "signed in by a person",
        }
    }
}

/// Where the consumer secret stands in a request for a session; the platform takes both (section 1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SecretPlace {
    /// Among the fields of the form.
    #[default]
    Body,
    /// In the header, as HTTP Basic.
    Header,
}

impl fmt::Debug for LoginConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginConfig")
            .field("flow", &self.flow())
            .field("url", &self.url().as_str())
            .finish_non_exhaustive()
    }
}

impl LoginConfig {
    /// The name under which a person's sign-in is stored.
    pub const STORE_NAME: &'static str = "salesforce";

    /// Which flow it is.
    pub fn flow(&self) -> LoginFlow {
        match self {
            Self::JwtBearer { .. } => LoginFlow::JwtBearer,
            Self::ClientCredentials { .. } => LoginFlow::ClientCredentials,
            Self::SignedIn { .. } => LoginFlow::SignedIn,
        }
    }

    /// The host that grants sessions.
    pub fn url(&self) -> &Url {
        match self {
            Self::JwtBearer { login_url, .. } | Self::SignedIn { login_url, .. } => login_url,
            Self::ClientCredentials { my_domain, .. } => my_domain,
        }
    }
}

/// The version spoken unless the configuration says otherwise.
pub const DEFAULT_API_VERSION: &str = "66.0";

/// Everything a client is told.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// How a session is obtained.
    pub login: LoginConfig,
    /// Where the consumer secret stands, in the flows that have one.
    pub secret_place: SecretPlace,
    /// The org that every login must lead to; the first login's if it is not said.
    pub org_id: Option<OrgId>,
    /// Such as `66.0`; 60.0 at least for all that is used here.
    pub api_version: String,
    /// The name under which our writes appear in change events (`Sforce-Call-Options: client=`).
    pub client_tag: String,
    /// Whether a save goes on although one of the customer's duplicate rules warns. A rule that blocks, and a unique
    /// field, are never passed over (salesforce reference, section 2.5).
    pub allow_duplicate_alerts: bool,
    /// Bounds.
    pub limits: ClientLimits,
}

impl ClientConfig {
    /// The defaults around a login.
    pub fn new(login: LoginConfig) -> Self {
        Self {
            login,
            secret_place: SecretPlace::default(),
            org_id: None,
            api_version: DEFAULT_API_VERSION.to_owned(),
            client_tag: "Cosell".to_owned(),
            allow_duplicate_alerts: false,
            limits: ClientLimits::default(),
        }
    }
}

/// The bounds of every call.
#[derive(Debug, Clone, Copy)]
pub struct ClientLimits {
    /// From the start of a call to the last byte of its answer.
    pub deadline: Duration,
    /// The same for a login.
    pub login_deadline: Duration,
    /// How long a refused login is remembered instead of being asked for again; the platform counts logins.
    pub login_hold: Duration,
    /// Longest answer accepted, in bytes.
    pub max_response_bytes: usize,
    /// How often a call is started when no connection comes about; at least 1.
    pub connect_attempts: u32,
    /// The first pause between such starts; doubled each time, drawn between zero and itself.
    pub connect_pause: Duration,
    /// Longest wait for a place in the budget, in all, for one call.
    pub budget_wait: Duration,
    /// How long everybody pauses when the org's allowance is spent and the server says no time.
    pub limit_pause: Duration,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(30),
            login_deadline: Duration::from_secs(15),
            login_hold: Duration::from_secs(10),
            max_response_bytes: 16 << 20,
            connect_attempts: 3,
            connect_pause: Duration::from_millis(200),
            budget_wait: Duration::from_secs(30),
            limit_pause: Duration::from_mins(1),
        }
    }
}
