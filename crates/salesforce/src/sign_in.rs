//! A person signs in, once: the authorization code with PKCE, in a browser that comes back to this machine (salesforce
//! reference, sections 1.2, 1.3 and 1.5; RFC 7636, 8252).

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{Method, Request, Response};
use oauth::{Astray, BrowserAnswer, Journey, NoRandomness};
use ports::{CallLimits, Clock, HttpService, TransportError};
use secrecy::{ExposeSecret as _, SecretString};
use tower::ServiceExt as _;
use url::Url;

use crate::{
    Client, ClientConfig, Error, LoginConfig, LoginFlow, Misuse, OrgId, Result, UserId,
    client::Call,
    denial,
    login::{Ask, Granted, Login, Session},
};

/// What the app must be granted: calls, and a refresh token (section 1.3).
const SCOPE: &str = "api refresh_token";
/// Times the code is exchanged while no connection can be made: a code is good once.
const MAX_CONNECTS: u32 = 3;

/// Signs a person in.
pub struct SignIn {
    http: HttpService,
    clock: Arc<dyn Clock>,
    config: ClientConfig,
    login: Login,
    authorize: Url,
    client_id: String,
}

/// A browser's way to the login host and back.
pub struct Authorization {
    /// Where the browser goes.
    pub address: Url,
    redirect: String,
    journey: Journey,
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization").field("redirect", &self.redirect).finish_non_exhaustive()
    }
}

impl Authorization {
    /// What the answer carries back: a request without it is somebody else's.
    pub fn state(&self) -> &SecretString {
        self.journey.state()
    }
}

/// What a sign-in brought.
pub struct SignedIn {
    /// To be kept under [`LoginConfig::STORE_NAME`].
    pub refresh_token: SecretString,
    /// The org.
    pub org_id: OrgId,
    /// The user who signed in.
    pub user_id: UserId,
    /// That user's name, if the org told it. Personal data: for the person's eyes, never for a log.
    pub username: Option<String>,
    /// Scheme and host of every call.
    pub instance: String,
}

impl fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedIn").field("org_id", &self.org_id).finish_non_exhaustive()
    }
}

/// Why nobody signed in. Holds no token and nothing of the platform's prose.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignInError {
    /// The login host refused, or could not be asked.
    #[error(transparent)]
    Login(#[from] Error),
    /// The person said no.
    #[error("the sign-in was declined")]
    Declined,
    /// The browser came back with another sign-in's answer, or with none.
    #[error(transparent)]
    Astray(#[from] Astray),
    /// The sign-in is good for one session only.
    #[error("the login host granted no refresh token")]
    NoRefreshToken,
    /// The operating system gave no random numbers.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

impl SignInError {
    /// What a person does about it.
    pub fn next_step(&self) -> String {
        let fixed = match self {
            Self::Login(error) => error.next_step().unwrap_or("run it again in a while"),
            Self::Declined => "run `cosell login salesforce` again and allow the access",
            Self::Astray(_) => "close old sign-in pages and run `cosell login salesforce` again",
            Self::NoRefreshToken => {
                "give the app the scope \"Perform requests at any time (refresh_token, offline_access)\", and a \
                 refresh token policy other than \"immediately expire\""
            }
            Self::NoRandomness(_) => "run `cosell login salesforce` again",
        };
        fixed.to_owned()
    }
}

impl SignIn {
    /// A sign-in for a client of `config`, whose login is [`LoginConfig::SignedIn`].
    ///
    /// # Errors
    /// [`Misuse::Configuration`].
    pub fn new(http: HttpService, clock: Arc<dyn Clock>, config: ClientConfig) -> Result<Self> {
        let LoginConfig::SignedIn { login_url, client_id, .. } = &config.login else {
            return Err(Misuse::Configuration(
                "this login needs no person: it has a private key or a secret",
            )
            .into());
        };
        let authorize = login_url
            .join("/services/oauth2/authorize")
            .map_err(|_| Misuse::Configuration("the login address is none"))?;
        let (login, client_id) = (Login::new(&config)?, client_id.clone());
        Ok(Self { http, clock, config, login, authorize, client_id })
    }

    /// The way to the login host and back to `redirect`; the page suggests the user `hint`.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn authorization(&self, redirect: &str, hint: Option<&str>) -> Result<Authorization, SignInError> {
        let journey = Journey::begin()?;
        let mut address = self.authorize.clone();
        let mut query = address.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.client_id)
            .append_pair("redirect_uri", redirect)
            .append_pair("scope", SCOPE)
            .append_pair("state", journey.state().expose_secret())
            .append_pair("code_challenge", &journey.challenge())
            .append_pair("code_challenge_method", "S256")
            // The integration user is rarely the one whose browser it is. A host that does not know the word ignores it.
            .append_pair("prompt", "login");
        if let Some(hint) = hint {
            query.append_pair("login_hint", hint);
        }
        drop(query);
        Ok(Authorization { address, redirect: redirect.to_owned(), journey })
    }

    /// Exchanges what the browser came back with: the query of the redirect.
    ///
    /// # Errors
    /// [`SignInError`]; nothing is sent if the state is another one or the person said no.
    pub async fn redeem(&self, authorization: Authorization, query: &str) -> Result<SignedIn, SignInError> {
        let Authorization { redirect, journey, .. } = authorization;
        let code = match journey.read(query)? {
            BrowserAnswer::Code(code) => code,
            BrowserAnswer::Refused { error, .. } if error == "access_denied" => {
                return Err(SignInError::Declined);
            }
            BrowserAnswer::Refused { error, description } => {
                return Err(denial::of(LoginFlow::SignedIn, 302, &error, &description).into());
            }
        };
        let ask = Ask::Code { code: &code, verifier: journey.verifier(), redirect: &redirect };
        let mut attempt = 1;
        let answer = loop {
            match self.send(self.login.request(self.clock.now(), &ask)?).await {
                Err(error) if error.certainly_not_sent() && attempt < MAX_CONNECTS => attempt += 1,
                answer => break answer.map_err(|error| Error::Transport { error, write: false })?,
            }
        };
        let Granted { session, refresh_token } = self.login.read(&answer)?;
        let refresh_token = refresh_token.ok_or(SignInError::NoRefreshToken)?;
        let username = self.username(&session).await;
        let Session { instance, org_id, user_id, .. } = session;
        Ok(SignedIn { refresh_token, org_id, user_id, username, instance })
    }

    /// The name of the session's user. A sign-in without one is none the worse.
    async fn username(&self, session: &Session) -> Option<String> {
        let soql = Client::username_query(session.user_id.as_str());
        let path = format!("/services/data/v{}/query?q={}", self.config.api_version, soql.encoded().ok()?);
        let request = Call::new(Method::GET, path).request(session, &self.config.client_tag).ok()?;
        let answer = self.send(request).await.ok()?;
        let body: serde_json::Value = serde_json::from_slice(answer.body()).ok()?;
        Some(body.pointer("/records/0/Username")?.as_str()?.to_owned())
    }

    async fn send(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let limits = &self.config.limits;
        request.extensions_mut().insert(CallLimits {
            deadline: limits.login_deadline,
            max_response_bytes: limits.max_response_bytes,
        });
        self.http.clone().oneshot(request).await
    }
}
