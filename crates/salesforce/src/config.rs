//! What a client must be told: how to log in, which version to speak, and its bounds.

use std::time::Duration;

use secrecy::SecretString;
use url::Url;

/// How a session is obtained.
#[derive(Debug, Clone)]
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
}

impl LoginConfig {
    /// The host that grants sessions.
    pub fn url(&self) -> &Url {
        match self {
            Self::JwtBearer { login_url, .. } => login_url,
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
            max_response_bytes: 16 << 20,
            connect_attempts: 3,
            connect_pause: Duration::from_millis(200),
            budget_wait: Duration::from_secs(30),
            limit_pause: Duration::from_mins(1),
        }
    }
}
