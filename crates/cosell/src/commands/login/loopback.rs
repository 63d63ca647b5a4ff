//! Where a browser comes back to after a sign-in: one request on this machine, answered with a plain page.

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
use tokio::{net::TcpListener, sync::oneshot};
use url::{Host, Url};

/// Longest query that is read, in bytes; a code is about a thousand.
const MAX_QUERY: usize = 16 * 1024;

const PAGE: &str = "Signed in. You can close this page and go back to the terminal.\n";
const NOT_SIGNED_IN: &str = "The sign-in did not succeed. The terminal says why; you can close this page.\n";
const GONE: &str = "This sign-in was answered already.\n";

/// A listener on this machine alone.
pub(super) struct Loopback {
    listener: TcpListener,
    redirect: Url,
    /// As it was configured, a slash at its end included: the platform compares letter by letter.
    written: String,
}

type Answer = Arc<Mutex<Option<oneshot::Sender<String>>>>;

impl Loopback {
    /// Listens where `redirect` says: a plain http address of this machine; without a port, on any free one.
    pub(super) async fn bind(configured: &str) -> anyhow::Result<Self> {
        let fix = "\n  fix: login_redirect = \"http://127.0.0.1\"";
        let mut redirect = Url::parse(configured)
            .map_err(|_| anyhow::anyhow!("[partner_center] login_redirect is no address{fix}"))?;
        let is_local = match redirect.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            _ => false,
        };
        if redirect.scheme() != "http" || !is_local || redirect.query().is_some() {
            bail!("[partner_center] login_redirect is not a plain http address of this machine{fix}");
        }
        let port = redirect.port().unwrap_or(0);
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
            .await
            .with_context(|| format!("cannot listen on 127.0.0.1:{port} for the browser"))?;
        let port = listener.local_addr()?.port();
        redirect.set_port(Some(port)).map_err(|()| anyhow::anyhow!("login_redirect cannot have a port"))?;
        let written = redirect.as_str();
        let written = if configured.ends_with('/') { written } else { written.trim_end_matches('/') };
        let written = written.to_owned();
        Ok(Self { listener, redirect, written })
    }

    /// The address that the platform sends the browser back to.
    pub(super) fn redirect(&self) -> &str {
        &self.written
    }

    /// The query of the one request that comes back; nothing if none came within `patience`.
    pub(super) async fn answer(self, patience: Duration) -> anyhow::Result<Option<String>> {
        let (tell, told) = oneshot::channel();
        let answer: Answer = Arc::new(Mutex::new(Some(tell)));
        let routes = Router::new().route(self.redirect.path(), get(back)).with_state(answer);
        let (stop, stopped) = oneshot::channel::<()>();
        let server = axum::serve(self.listener, routes).with_graceful_shutdown(async move {
            let _ = stopped.await;
        });
        let server = tokio::spawn(server.into_future());
        let query = tokio::time::timeout(patience, told).await.ok().and_then(Result::ok);
        let _ = stop.send(());
        // The page is on its way; a browser that keeps its connection open is not waited for.
        let _ = tokio::time::timeout(Duration::from_secs(1), server).await;
        Ok(query)
    }
}

async fn back(State(answer): State<Answer>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let fields = || url::form_urlencoded::parse(query.as_bytes());
    let is_answer = query.len() <= MAX_QUERY && fields().any(|(name, _)| name == "code" || name == "error");
    if !is_answer {
        return plain(StatusCode::BAD_REQUEST, NOT_SIGNED_IN);
    }
    let page = if fields().any(|(name, _)| name == "error") { NOT_SIGNED_IN } else { PAGE };
    let tell = answer.lock().expect("no code panics while holding this lock").take();
    match tell.map(|tell| tell.send(query)) {
        Some(Ok(())) => plain(StatusCode::OK, page),
        Some(Err(_)) | None => plain(StatusCode::GONE, GONE),
    }
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

    async fn asked(url: String) -> (u16, String) {
        let answer = reqwest::get(url).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    #[tokio::test]
    async fn one_request_is_the_answer_and_a_second_finds_nobody() {
        let loopback = Loopback::bind("http://127.0.0.1/back").await.unwrap();
        let redirect = loopback.redirect().to_owned();
        assert!(redirect.starts_with("http://127.0.0.1:") && redirect.ends_with("/back"), "{redirect}");
        let waiting = tokio::spawn(loopback.answer(Duration::from_secs(10)));
        let other = redirect.replace("/back", "/favicon.ico");
        assert_eq!(asked(other).await.0, 404, "a browser's other wishes are no answer");
        assert_eq!(asked(redirect.clone()).await.0, 400, "neither is a visit without code or error");
        let (status, page) = asked(format!("{redirect}?code=c1&state=s1")).await;
        assert!(status == 200 && page.contains("close this page") && !page.contains("c1"), "{page}");
        let second = reqwest::get(format!("{redirect}?code=c2&state=s1")).await;
        assert!(second.is_err() || second.is_ok_and(|second| second.status() == 410));
        assert_eq!(waiting.await.unwrap().unwrap().as_deref(), Some("code=c1&state=s1"));
    }

    #[tokio::test]
    async fn nobody_is_waited_for_for_ever() {
        let loopback = Loopback::bind("http://localhost").await.unwrap();
        assert!(!loopback.redirect().ends_with('/'), "nothing is added to what is registered");
        assert_eq!(loopback.answer(Duration::from_millis(20)).await.unwrap(), None);
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
            let error = Loopback::bind(wrong).await.err().unwrap_or_else(|| panic!("{wrong}")).to_string();
            assert!(error.contains("fix: login_redirect"), "{error}");
        }
    }
}
