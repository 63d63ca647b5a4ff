//! A listener that nobody can exhaust: bounded connections, bounded heads, and an end to idleness.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, sync::Semaphore, task::JoinSet};

/// Most connections open at once; more wait to be accepted.
const MAX_CONNECTIONS: usize = 512;
/// How long a request's head may take, and how long a connection may be idle.
const HEAD_WITHIN: Duration = Duration::from_secs(30);
/// Longest request head, in bytes, give or take a read; a longer one is answered with 431.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Pause after a connection could not be accepted: most likely no descriptor is left, and they come back.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// Serves `routes` over HTTP/1.1 until it is dropped; connections end with it.
pub async fn serve(listener: TcpListener, routes: Router) -> Infallible {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).max_buf_size(MAX_HEAD_BYTES);
    loop {
        while connections.try_join_next().is_some() {}
        let place = Arc::clone(&places).acquire_owned().await.expect("nobody closes the semaphore");
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_AGAIN_AFTER).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let connection =
            http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes.clone()));
        connections.spawn(async move {
            // A connection that breaks is the sender's affair.
            let _ = connection.await;
            drop(place);
        });
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
        time::Instant,
    };

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_is_slow_or_idle_loses_the_connection_and_nobody_else_does() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(serve(listener, Router::new().route("/", get(async || "here"))));
        let began = Instant::now();
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow").await.unwrap();
        let mut prompt = TcpStream::connect(address).await.unwrap();
        prompt.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        for (name, connection, served) in [("slow", &mut slow, false), ("prompt", &mut prompt, true)] {
            let mut said = String::new();
            let _ = connection.read_to_string(&mut said).await;
            assert_eq!(said.ends_with("here"), served, "{name}: {said}");
        }
        assert!(began.elapsed() >= HEAD_WITHIN && began.elapsed() < HEAD_WITHIN * 3, "{:?}", began.elapsed());
        server.abort();
    }
}
