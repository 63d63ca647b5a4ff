//! The entry: every call passes here, through session, budget, transport and the reading of its answer.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use jiff::Timestamp;
use ports::{
    Admission, Budget, CallLimits, Clock, HttpService, Lane, Outcome, Permit, Platform, Rng, SendBefore,
    TransportError, Usage,
};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::{
    ApiUsage, ClientConfig, Error, LoginConfig, LoginFlow, Misuse, OrgId, Refusal, Result, UserId,
    barred::Barred,
    describe,
    kept::Kept,
    limits::Exceeded,
    login::{Ask, Granted, Login, Session},
    session::Sessions,
    stamp,
    subrequest::ALLOW_DUPLICATE_ALERTS,
};

/// Longest pause taken over from a `Retry-After`.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);

/// What a call is for, and until when it may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallContext {
    /// Its lane in the budget.
    pub lane: Lane,
    /// The end of the lease under which it is sent: neither started nor continued later.
    pub send_before: Option<Timestamp>,
}

impl CallContext {
    /// A call without a lease, such as a read.
    pub fn new(lane: Lane) -> Self {
        Self { lane, send_before: None }
    }

    /// A call that may not be sent after `instant`.
    pub fn send_before(self, instant: Timestamp) -> Self {
        Self { send_before: Some(instant), ..self }
    }
}

/// A client of one org. Cheap to clone; clones share the session and the kept descriptions.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    http: HttpService,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    budget: Arc<dyn Budget>,
    login: Login,
    /// The sign-in that sessions come from, in the flow that has one.
    kept: Option<Kept>,
    config: ClientConfig,
    version_root: String,
    sessions: Arc<Sessions>,
    describes: Mutex<describe::Kept>,
}

/// Where the present session leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The org.
    pub org_id: OrgId,
    /// The user that calls are made as.
    pub user_id: UserId,
    /// Scheme and host of every call.
    pub instance: String,
    /// Whether the org is a sandbox, once it told.
    pub is_sandbox: Option<bool>,
}

impl Client {
    /// Checks the configuration; calls nobody yet.
    pub fn new(
        http: HttpService,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
        budget: Arc<dyn Budget>,
        config: ClientConfig,
    ) -> Result<Self> {
        let version = config.api_version.as_bytes();
        if !matches!(version, [a, b, b'.', b'0'] if a.is_ascii_digit() && b.is_ascii_digit()) {
            return Err(Misuse::Configuration("the API version has the form 66.0").into());
        }
        let tag = config.client_tag.as_bytes();
        if tag.is_empty() || tag.len() > 40 || !tag.iter().all(u8::is_ascii_alphanumeric) {
            return Err(Misuse::Configuration("the client tag has 1 to 40 letters and digits").into());
        }
        let login = Login::new(&config)?;
        let kept = match &config.login {
            LoginConfig::SignedIn { tokens, .. } => {
                let deadline = config.limits.login_deadline;
                Some(Kept::new(Arc::clone(tokens), Arc::clone(&clock), &*rng, deadline))
            }
            _ => None,
        };
        let version_root = format!("/services/data/v{}", config.api_version);
        let sessions = Arc::new(Sessions::new(Arc::clone(&clock), config.limits.login_hold, config.org_id));
        let describes = Mutex::default();
        let shared =
            Shared { http, clock, rng, budget, login, kept, config, version_root, sessions, describes };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The org that the login leads to. Asks only if there is no session yet.
    pub async fn org_id(&self) -> Result<OrgId> {
        Ok(self.session(None).await?.org_id)
    }

    /// The user that the login stands for. Asks only if there is no session yet.
    pub async fn user_id(&self) -> Result<UserId> {
        Ok(self.session(None).await?.user_id)
    }

    /// Which of the flows sessions are obtained by.
    pub fn flow(&self) -> LoginFlow {
        self.shared.login.flow()
    }

    /// Where the present session leads; nothing before the first login. Calls nobody.
    pub fn standing(&self) -> Option<Standing> {
        let session = self.shared.sessions.present()?;
        let Session { org_id, user_id, instance, .. } = &*session;
        let is_sandbox = self.shared.sessions.is_sandbox();
        Some(Standing { org_id: *org_id, user_id: *user_id, instance: instance.clone(), is_sandbox })
    }

    /// Takes note of what kind of org it is.
    pub(crate) fn learn_kind(&self, is_sandbox: Option<bool>) {
        self.shared.sessions.learn_kind(is_sandbox);
    }

    /// Begins anew if a person signed in since the last look, in whatever process; whether that was so. Nothing to do
    /// in the flows without a person.
    pub async fn adopt_new_sign_in(&self) -> Result<bool> {
        let Some(kept) = &self.shared.kept else { return Ok(false) };
        let is_new = kept.is_new().await?;
        if is_new {
            self.shared.sessions.begin_anew();
        }
        Ok(is_new)
    }

    /// Waits until a login, or a session that was just granted, is refused in a way that only a person can end, and
    /// that was not known already. One waiter is woken for each.
    pub async fn trouble(&self) {
        self.shared.sessions.trouble().await;
    }

    /// Waits between half of `most` and `most`, by the client's clock and chance: before something is tried again that
    /// others may be trying at the same time.
    pub async fn rest(&self, most: Duration) {
        let share = 0.5 + self.shared.rng.fraction() / 2.0;
        self.shared.clock.sleep(most.mul_f64(share)).await;
    }

    /// `/services/data/vXX.X`.
    pub(crate) fn version_root(&self) -> &str {
        &self.shared.version_root
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.clock
    }

    pub(crate) fn client_tag(&self) -> &str {
        &self.shared.config.client_tag
    }

    /// Whether the customer's duplicate rules that only warn are let pass.
    pub(crate) fn allows_duplicate_alerts(&self) -> bool {
        self.shared.config.allow_duplicate_alerts
    }

    pub(crate) fn kept_describes(&self) -> MutexGuard<'_, describe::Kept> {
        self.shared.describes.lock().expect("no code panics while holding this lock")
    }

    /// The session that everything goes out with: token, instance, org. Granted if there is none, and replaced if the
    /// present one is `dead`; however many ask at the same time, one grant is under way.
    pub(crate) async fn session(&self, dead: Option<&Arc<Session>>) -> Result<Arc<Session>> {
        let shared = Arc::clone(&self.shared);
        let grant = move || {
            let granting: futures::future::BoxFuture<'static, Result<Session>> =
                Box::pin(async move { shared.grant().await });
            granting
        };
        self.shared.sessions.get(dead, grant).await
    }

    /// Sends a call, with one new session and one replay if the session turns out dead.
    pub(crate) async fn call(&self, context: CallContext, mut call: Call) -> Result<Answer> {
        if call.write && self.allows_duplicate_alerts() {
            let (name, value) = ALLOW_DUPLICATE_ALERTS;
            call = call.header(name, value.to_owned());
        }
        let session = self.session(None).await?;
        let refused = match self.once(context, &call, &session).await {
            Err(Error::Refused(refusal)) if refusal.session_is_dead() => refusal,
            result => return self.unless_barred(&session, result),
        };
        tracing::debug!(status = refused.status(), "session is dead, logging in again");
        let session = self.session(Some(&session)).await?;
        let result = self.once(context, &call, &session).await;
        self.unless_barred(&session, result)
    }

    /// A session that is refused for good, or right after it was granted, is a person's business: it is told as what it
    /// is, and not replaced again at once.
    fn unless_barred(&self, session: &Arc<Session>, result: Result<Answer>) -> Result<Answer> {
        let Err(Error::Refused(refusal)) = &result else { return result };
        let even_new = || refusal.session_is_dead().then_some(Barred::EvenNew);
        let Some(barred) = Barred::of(refusal).or_else(even_new) else { return result };
        let error = Error::Barred(barred);
        self.shared.sessions.barred(session, &error);
        Err(error)
    }

    async fn once(&self, context: CallContext, call: &Call, session: &Session) -> Result<Answer> {
        let limits = &self.shared.config.limits;
        let mut request = call.request(session, self.client_tag())?;
        request
            .extensions_mut()
            .insert(CallLimits { deadline: limits.deadline, max_response_bytes: limits.max_response_bytes });
        if let Some(instant) = context.send_before {
            request.extensions_mut().insert(SendBefore(instant));
        }
        let answer = self.shared.send(context, request, call.write).await?;
        let (head, body) = answer.into_parts();
        let status = head.status.as_u16();
        if head.status.is_success() || (status == 304 && !call.write) {
            return Ok(Answer { status, headers: head.headers, body, write: call.write });
        }
        Err(refusal(status, &head.headers, &body, call.write).into())
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("api_version", &self.shared.config.api_version).finish_non_exhaustive()
    }
}

impl Shared {
    /// A new session.
    async fn grant(self: Arc<Self>) -> Result<Session> {
        let Some(kept) = &self.kept else { return Ok(self.ask(&Ask::Configured, None).await?.session) };
        kept.grant(|token, until| {
            let shared = Arc::clone(&self);
            Box::pin(async move { shared.ask(&Ask::Refresh(&token), Some(until)).await })
        })
        .await
    }

    /// Asks the login host for a session. In the first of the lanes, because calls of every lane may wait for it.
    async fn ask(&self, ask: &Ask<'_>, until: Option<Timestamp>) -> Result<Granted> {
        let limits = &self.config.limits;
        let mut request = self.login.request(self.clock.now(), ask)?;
        let context = CallContext { lane: Lane::Guard, send_before: until };
        if let Some(until) = until {
            request.extensions_mut().insert(SendBefore(until));
        }
        request.extensions_mut().insert(CallLimits {
            deadline: limits.login_deadline,
            max_response_bytes: limits.max_response_bytes,
        });
        let answer = self.send(context, request, false).await?;
        self.login.read(&answer)
    }

    /// Sends one request when the budget has a place; starts again only if no connection came about.
    async fn send(
        &self,
        context: CallContext,
        request: Request<Bytes>,
        write: bool,
    ) -> Result<Response<Bytes>> {
        let limits = &self.config.limits;
        let mut pause = limits.connect_pause;
        let mut attempt = 1;
        loop {
            let place = self.admit(context).await?;
            let began = self.clock.now();
            match self.http.clone().oneshot(request.clone()).await {
                Ok(answer) => {
                    let took = Duration::try_from(self.clock.now().duration_since(began)).unwrap_or_default();
                    self.observe(answer.headers()).await;
                    // Before the place is given back: whoever takes it next must know of the pause.
                    let exceeded = self.heed(&answer).await;
                    place.end(load_of(&answer, exceeded, took));
                    return Ok(answer);
                }
                Err(TransportError::Connect { .. }) if attempt < limits.connect_attempts => {
                    drop(place);
                    self.clock.sleep(pause.mul_f64(self.rng.fraction())).await;
                    attempt += 1;
                    pause = pause.saturating_mul(2);
                }
                Err(error) => {
                    let late = matches!(error, TransportError::Deadline { .. });
                    place.end(if late { Outcome::Overloaded } else { Outcome::Unknown });
                    return Err(Error::Transport { error, write });
                }
            }
        }
    }

    /// Waits for a place in the budget, for a bounded time, and never past the lease's end.
    async fn admit(&self, context: CallContext) -> Result<Permit> {
        let longest = self.config.limits.budget_wait;
        let left = context.send_before.map_or(longest, |end| {
            Duration::try_from(end.duration_since(self.clock.now())).unwrap_or(Duration::ZERO)
        });
        let within = longest.min(left);
        match self.budget.admit(Platform::Salesforce, context.lane, within).await {
            Admission::Granted(place) => Ok(place),
            Admission::Wait(again) => Err(Error::NoPlace { waited: within, again }),
        }
    }

    /// Tells the budget what an answer says of the org's allowance.
    async fn observe(&self, headers: &HeaderMap) {
        if let (Some(usage), Some(at)) = (ApiUsage::of(headers), stamp::server_date(headers)) {
            let usage = Usage { used: usage.used, allowed: usage.allowed, at };
            self.budget.observe(Platform::Salesforce, usage).await;
        }
    }

    /// Lets everybody pause when the server asks for it, or when the org's allowance is spent. Which bound was met, if
    /// one was.
    async fn heed(&self, answer: &Response<Bytes>) -> Option<Exceeded> {
        if answer.status().is_success() {
            return None;
        }
        let refusal = refusal(answer.status().as_u16(), answer.headers(), answer.body(), false);
        let exceeded = Exceeded::of(&refusal, ApiUsage::of(answer.headers()));
        let spent = (exceeded == Some(Exceeded::Day)).then_some(self.config.limits.limit_pause);
        let asked = refusal.retry_after().filter(|_| matches!(refusal.status(), 429 | 503));
        if let Some(pause) = asked.or(spent) {
            // Counted from the answer's arrival by the clock that the wait is measured with.
            let now = self.clock.now();
            self.budget.pause_until(Platform::Salesforce, now.saturating_add(pause).unwrap_or(now)).await;
        }
        exceeded
    }
}

fn refusal(status: u16, headers: &HeaderMap, body: &[u8], write: bool) -> Refusal {
    Refusal::read(status, body, write).with_retry_after(retry_after(headers))
}

/// What an answer says of the org's load. A spent allowance is no load: it makes everybody pause.
fn load_of(answer: &Response<Bytes>, exceeded: Option<Exceeded>, took: Duration) -> Outcome {
    match answer.status().as_u16() {
        429 => Outcome::Throttled,
        // Long calls at once: fewer of them, not none.
        _ if exceeded == Some(Exceeded::AtOnce) => Outcome::Overloaded,
        502..=504 => Outcome::Overloaded,
        // A call carries one record or two hundred: how long it takes says little.
        _ => Outcome::Answered { kind: None, took },
    }
}

/// Reads `Retry-After`: seconds, or an HTTP date measured against the server's own.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let after = if let Ok(seconds) = text.parse() {
        Duration::from_secs(seconds)
    } else {
        let until = stamp::parse_http_date(text)?;
        Duration::try_from(until.duration_since(stamp::server_date(headers)?)).unwrap_or_default()
    };
    Some(after.min(MAX_RETRY_AFTER))
}

/// One call before it is sent.
pub(crate) struct Call {
    method: Method,
    path: String,
    body: Bytes,
    headers: Vec<(&'static str, String)>,
    write: bool,
}

impl Call {
    /// A reading call of `path`, relative to the instance.
    pub(crate) fn new(method: Method, path: String) -> Self {
        Self { method, path, body: Bytes::new(), headers: Vec::new(), write: false }
    }

    pub(crate) fn json(mut self, body: &impl Serialize) -> Self {
        self.body = serde_json::to_vec(body).expect("JSON values with text keys can be written").into();
        self
    }

    /// Says that the call changes something, so that a lost answer is doubtful.
    pub(crate) fn writing(self) -> Self {
        Self { write: true, ..self }
    }

    /// Says that the call changes nothing, whatever its method.
    pub(crate) fn reading(self) -> Self {
        Self { write: false, ..self }
    }

    pub(crate) fn header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(crate) fn request(&self, session: &Session, tag: &str) -> Result<Request<Bytes>> {
        let mut bearer =
            HeaderValue::try_from(format!("Bearer {}", session.token.expose_secret())).map_err(|_| {
                Error::Unreadable { status: 200, reason: "the token is no header text", write: false }
            })?;
        bearer.set_sensitive(true);
        let mut request = Request::builder()
            .method(&self.method)
            .uri(format!("{}{}", session.instance, self.path))
            .header(header::AUTHORIZATION, bearer)
            .header(header::ACCEPT, "application/json")
            .header("Sforce-Call-Options", format!("client={tag}"));
        if !self.body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        request
            .body(self.body.clone())
            .map_err(|_| Misuse::Configuration("the instance's address makes no request").into())
    }
}

/// A good answer, not yet understood.
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: HeaderMap,
    body: Bytes,
    write: bool,
}

impl Answer {
    pub(crate) fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).map_err(|_| self.unreadable("not JSON, or cut"))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.body.is_empty()
    }

    /// The server's own time. An answer without it cannot tell whether its records are settled.
    pub(crate) fn server_date(&self) -> Result<Timestamp> {
        stamp::server_date(&self.headers).ok_or_else(|| self.unreadable("no Date header"))
    }

    pub(crate) fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn unreadable(&self, reason: &'static str) -> Error {
        Error::Unreadable { status: self.status, reason, write: self.write }
    }
}
