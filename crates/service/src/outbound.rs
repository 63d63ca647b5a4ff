//! The one guarded client for all outgoing calls: bounded in time and size, no redirects, no credentials of its own.

use std::{error::Error as _, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{Request, Response, uri::Scheme};
use ports::{CallLimits, Clock, HttpService, SendBefore, TransportError};
use tower::{service_fn, util::BoxCloneSyncService};

/// How long a connection may take to come about.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// How long an idle connection is kept for the next call: less than servers keep theirs, because a write on a
/// connection that is just being closed would be doubtful.
const IDLE_FOR: Duration = Duration::from_secs(20);

/// Most idle connections kept for one host.
const IDLE_CONNECTIONS: usize = 32;

/// HTTP over real sockets.
///
/// # Errors
/// The TLS set-up of the machine is unusable.
pub fn outbound(clock: Arc<dyn Clock>) -> Result<HttpService, reqwest::Error> {
    // What is not encrypted goes to this machine alone; a proxy of the environment would make it travel.
    let (anywhere, here) = (guarded().build()?, guarded().no_proxy().build()?);
    Ok(BoxCloneSyncService::new(service_fn(move |request: Request<Bytes>| {
        let encrypted = request.uri().scheme() == Some(&Scheme::HTTPS);
        let (client, clock) = (if encrypted { &anywhere } else { &here }.clone(), Arc::clone(&clock));
        async move { call(&client, clock.as_ref(), request).await }
    })))
}

fn guarded() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_WITHIN)
        .pool_idle_timeout(IDLE_FOR)
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .user_agent(concat!("cosell/", env!("CARGO_PKG_VERSION")))
}

async fn call(
    client: &reqwest::Client,
    clock: &dyn Clock,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, TransportError> {
    let limits = request.extensions().get::<CallLimits>().copied().unwrap_or_default();
    let send_before = request.extensions().get::<SendBefore>().copied();
    let host = request.uri().authority().map_or_else(String::new, ToString::to_string);
    let within = limits.within(send_before, clock.now());
    if within.is_zero() {
        return Err(TransportError::Late { host });
    }
    let exchange = exchange(client, &host, request, limits.max_response_bytes);
    tokio::select! {
        answer = exchange => answer,
        () = clock.sleep(within) => Err(TransportError::Deadline { host, after: within }),
    }
}

async fn exchange(
    client: &reqwest::Client,
    host: &str,
    request: Request<Bytes>,
    limit: usize,
) -> Result<Response<Bytes>, TransportError> {
    let (parts, body) = request.into_parts();
    let url = parts.uri.to_string();
    let sent = client.request(parts.method, url).headers(parts.headers).body(body).send().await;
    let mut answer = sent.map_err(|error| transport_error(host, &error))?;
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = answer.status();
    response.headers_mut().extend(std::mem::take(answer.headers_mut()));
    let mut bytes = BytesMut::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| transport_error(host, &error))? {
        if bytes.len() + chunk.len() > limit {
            return Err(TransportError::TooLong { host: host.to_owned(), limit });
        }
        bytes.extend_from_slice(&chunk);
    }
    *response.body_mut() = bytes.freeze();
    Ok(response)
}

/// The deepest cause, without the address: a query may hold what no log should.
fn transport_error(host: &str, error: &reqwest::Error) -> TransportError {
    let mut reason = "the connection failed".to_owned();
    let mut cause = error.source();
    while let Some(inner) = cause {
        reason = inner.to_string();
        cause = inner.source();
    }
    let host = host.to_owned();
    if error.is_connect() || error.is_builder() {
        TransportError::Connect { host, reason }
    } else {
        TransportError::Broken { host, reason }
    }
}
