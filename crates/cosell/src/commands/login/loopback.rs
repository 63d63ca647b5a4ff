//! Where a browser comes back to after a sign-in: one request on this machine, answered with a plain page.
//!
//! Every page and program on this machine can knock here. Only a request with the sign-in's own state is its answer.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::{Context as _, bail};
use axum::{
    Router,
    extract::{RawQuery, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::{net::TcpListener, sync::oneshot};
use url::{Host, Url};

/// Longest query that is read, in bytes; a code is about a thousand.
const MAX_QUERY: usize = 16 * 1024;
/// Most requests of strangers that are turned away before the sign-in is given up.
const MAX_STRANGERS: u32 = 100;

const PAGE: &str = "Go back to the terminal: it says whether it worked. You can close this page.\n";
const STRANGER: &str = "This is not the answer that the terminal waits for.\n";
const GONE: &str = "This sign-in was answered already.\n";

/// Whose sign-in is waited for: what complaints are about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker {
    /// The section of the configuration.
    pub(super) section: &'static str,
    /// What works on any free port.
    pub(super) example: &'static str,
    /// What else can be done, to stand at a sentence's end.
    pub(super) otherwise: &'static str,
}

/// A listener on this machine alone.
pub(super) struct Loopback {
    asker: Asker,
    listener: TcpListener,
    redirect: Url,
    /// As it was configured, a slash at its end included: the platform compares letter by letter.
    written: String,
}

/// What the one answer is known by, and who waits for it.
struct Expected {
    state: SecretString,
    waiting: Mutex<Waiting>,
}

struct Waiting {
    /// Gone once it was told.
    tell: Option<oneshot::Sender<Came>>,
    strangers: u32,
}

/// What came back to this machine.
enum Came {
    /// The query of the answer.
    Answer(String),
    TooManyStrangers,
}

impl Loopback {
    /// Listens where `redirect` says: a plain http address of this machine; without a port, on any free one.
    pub(super) async fn bind(asker: Asker, configured: &str) -> anyhow::Result<Self> {
        let Asker { section, example, otherwise } = asker;
        let fix = format!("\n  fix: login_redirect = \"{example}\"");
        let mut redirect = Url::parse(configured)
            .map_err(|_| anyhow::anyhow!("[{section}] login_redirect is no address{fix}"))?;
        let address = match redirect.host() {
            Some(Host::Domain("localhost")) => Some(Ipv4Addr::LOCALHOST),
            Some(Host::Ipv4(address)) => Some(address).filter(Ipv4Addr::is_loopback),
            _ => None,
        };
        let is_plain = redirect.scheme() == "http" && redirect.query().is_none();
        let Some(address) = address.filter(|_| is_plain) else {
            bail!("[{section}] login_redirect is not a plain http address of this machine{fix}");
        };
        let port = redirect.port().unwrap_or(0);
        let listener = TcpListener::bind(SocketAddr::from((address, port))).await.with_context(|| {
            format!(
                "cannot listen on {address}:{port} for the browser\n  fix: end what listens there, or name \
                 another place in [{section}] login_redirect{otherwise}"
            )
        })?;
        let port = listener.local_addr()?.port();
        redirect.set_port(Some(port)).map_err(|()| anyhow::anyhow!("login_redirect cannot have a port"))?;
        let written = redirect.as_str();
        let written = if configured.ends_with('/') { written } else { written.trim_end_matches('/') };
        let written = written.to_owned();
        Ok(Self { asker, listener, redirect, written })
    }

    /// The address that the platform sends the browser back to.
    pub(super) fn redirect(&self) -> &str {
        &self.written
    }

    /// The query of the one request that comes back with `state`; nothing if none came within `patience`.
    pub(super) async fn answer(
        self,
        state: SecretString,
        patience: Duration,
    ) -> anyhow::Result<Option<String>> {
        let (tell, told) = oneshot::channel();
        let waiting = Mutex::new(Waiting { tell: Some(tell), strangers: 0 });
        let expected = Arc::new(Expected { state, waiting });
        let routes = Router::new().route(self.redirect.path(), get(back)).with_state(expected);
        let (stop, stopped) = oneshot::channel::<()>();
        let server = axum::serve(self.listener, routes).with_graceful_shutdown(async move {
            let _ = stopped.await;
        });
        let server = tokio::spawn(server.into_future());
        let came = tokio::time::timeout(patience, told).await.ok().and_then(Result::ok);
        let _ = stop.send(());
        // The page is on its way; a browser that keeps its connection open is not waited for.
        let _ = tokio::time::timeout(Duration::from_secs(1), server).await;
        match came {
            Some(Came::Answer(query)) => Ok(Some(query)),
            None => Ok(None),
            Some(Came::TooManyStrangers) => bail!(
                "nobody is signed in: {MAX_STRANGERS} requests came that are not this sign-in's answer\n  fix: close \
                 old sign-in pages and run it again{}",
                self.asker.otherwise
            ),
        }
    }
}

async fn back(State(expected): State<Arc<Expected>>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let mut waiting = expected.waiting.lock().expect("no code panics while holding this lock");
    if !is_answer(&query, expected.state.expose_secret()) {
        waiting.strangers += 1;
        if waiting.strangers >= MAX_STRANGERS {
            let _ = waiting.tell.take().map(|tell| tell.send(Came::TooManyStrangers));
        }
        return plain(StatusCode::BAD_REQUEST, STRANGER);
    }
    match waiting.tell.take().map(|tell| tell.send(Came::Answer(query))) {
        Some(Ok(())) => plain(StatusCode::OK, PAGE),
        Some(Err(_)) | None => plain(StatusCode::GONE, GONE),
    }
}

/// Whether it is a yes or a no to the sign-in of this state.
fn is_answer(query: &str, state: &str) -> bool {
    let fields = || url::form_urlencoded::parse(query.as_bytes());
    let mut states = fields().filter(|(name, _)| name == "state");
    let is_ours = states.next().is_some_and(|(_, given)| given == state) && states.next().is_none();
    query.len() <= MAX_QUERY && is_ours && fields().any(|(name, _)| name == "code" || name == "error")
}

/// Closes the connection, and leaks nothing of the address it came with.
fn plain(status: StatusCode, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONNECTION, "close"),
    ];
    (status, headers, text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKER: Asker =
        Asker { section: "partner_center", example: "http://127.0.0.1", otherwise: ", or use --device-code" };

    async fn asked(url: String) -> (u16, String) {
        let answer = reqwest::get(url).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    #[tokio::test]
    async fn one_request_is_the_answer_and_a_second_finds_nobody() {
        let loopback = Loopback::bind(ASKER, "http://127.0.0.1/back").await.unwrap();
        let redirect = loopback.redirect().to_owned();
        assert!(redirect.starts_with("http://127.0.0.1:") && redirect.ends_with("/back"), "{redirect}");
        let waiting = tokio::spawn(loopback.answer(SecretString::from("s1"), Duration::from_secs(10)));
        let other = redirect.replace("/back", "/favicon.ico");
        assert_eq!(asked(other).await.0, 404, "a browser's other wishes are no answer");
        for stranger in
            ["", "?state=s1", "?error=x", "?code=c2", "?code=c2&state=s2", "?error=x&state=s2&state=s1"]
        {
            let (status, page) = asked(format!("{redirect}{stranger}")).await;
            assert!(status == 400 && page.contains("not the answer"), "{stranger}: {page}");
        }
        let (status, page) = asked(format!("{redirect}?code=c1&state=s1")).await;
        assert!(status == 200 && page.contains("close this page") && !page.contains("c1"), "{page}");
        assert!(page.contains("terminal") && !page.contains("igned in"), "nothing is exchanged yet: {page}");
        let second = reqwest::get(format!("{redirect}?code=c2&state=s1")).await;
        assert!(second.is_err() || second.is_ok_and(|second| second.status() == 410));
        assert_eq!(waiting.await.unwrap().unwrap().as_deref(), Some("code=c1&state=s1"));
    }

    #[tokio::test]
    async fn nobody_is_waited_for_for_ever() {
        let loopback = Loopback::bind(ASKER, "http://localhost").await.unwrap();
        assert!(!loopback.redirect().ends_with('/'), "nothing is added to what is registered");
        let state = SecretString::from("s1");
        assert_eq!(loopback.answer(state, Duration::from_millis(20)).await.unwrap(), None);
    }

    #[tokio::test]
    async fn strangers_are_turned_away_a_bounded_number_of_times() {
        let loopback = Loopback::bind(ASKER, "http://127.0.0.1").await.unwrap();
        let redirect = loopback.redirect().to_owned();
        let waiting = tokio::spawn(loopback.answer(SecretString::from("s1"), Duration::from_mins(1)));
        for _ in 0..MAX_STRANGERS {
            assert_eq!(asked(format!("{redirect}/?code=c&state=guess")).await.0, 400);
        }
        let error = waiting.await.unwrap().unwrap_err().to_string();
        assert!(error.contains("not this sign-in's answer") && error.contains("fix: "), "{error}");
    }

    #[tokio::test]
    async fn the_configured_address_is_listened_on_and_a_taken_port_says_what_to_do() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let taken = listener.local_addr().unwrap().port();
        let error = Loopback::bind(ASKER, &format!("http://127.0.0.1:{taken}")).await.err().unwrap();
        assert!(format!("{error:#}").contains("fix: end what listens there"), "{error:#}");
        if cfg!(target_os = "linux") {
            // Another address of this machine is another place.
            let elsewhere = Loopback::bind(ASKER, &format!("http://127.0.0.2:{taken}")).await.unwrap();
            assert_eq!(elsewhere.listener.local_addr().unwrap().ip().to_string(), "127.0.0.2");
        }
    }

    #[tokio::test]
    async fn only_this_machine_is_listened_on() {
        for wrong in [
            "https://127.0.0.1",
            "http://example.com",
            "http://0.0.0.0",
            "127.0.0.1",
            "http://127.0.0.1/?a=b",
        ] {
            let error =
                Loopback::bind(ASKER, wrong).await.err().unwrap_or_else(|| panic!("{wrong}")).to_string();
            assert!(error.contains("fix: login_redirect"), "{error}");
        }
    }
}
