//! A listener that nobody can exhaust: bounded connections, bounded heads, and an end to idleness.

use std::{
    collections::HashMap,
    convert::Infallible,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, sync::Semaphore, task::JoinSet};

/// Most connections open at once; more wait to be accepted.
const MAX_CONNECTIONS: usize = 512;
/// Most of them that one host has, so that none takes every place; what it opens besides is closed at once. A proxy is one
/// host, and what it lets through at once is its own affair: no more than this is ever worked on.
const MAX_OF_ONE_HOST: usize = 128;
/// Of an IPv6 address, the part that its network was given; the rest is anybody's there to choose.
const NETWORK_OF_IPV6: u128 = !0 << 64;
/// How long a request's head may take, and how long a connection may be idle.
const HEAD_WITHIN: Duration = Duration::from_secs(30);
/// Longest request head, in bytes, give or take a read; a longer one is answered with 431.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Pause after a connection could not be accepted: most likely no descriptor is left, and they come back.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// How many connections each host has open.
#[derive(Default)]
struct Hosts(Mutex<HashMap<IpAddr, usize>>);

/// A connection's place among those of its host.
struct HostPlace {
    hosts: Arc<Hosts>,
    host: IpAddr,
}

/// Why a lock is never poisoned.
const LOCK: &str = "no code panics while holding this lock";

impl Hosts {
    /// A place for one more connection from `address`, if its host has not all that it may have.
    fn enter(self: &Arc<Self>, address: IpAddr) -> Option<HostPlace> {
        let host = match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & NETWORK_OF_IPV6).into(),
            address @ IpAddr::V4(_) => address,
        };
        let mut hosts = self.0.lock().expect(LOCK);
        let open = hosts.entry(host).or_insert(0);
        if *open >= MAX_OF_ONE_HOST {
            return None;
        }
        *open += 1;
        Some(HostPlace { hosts: Arc::clone(self), host })
    }
}

impl Drop for HostPlace {
    fn drop(&mut self) {
        let mut hosts = self.hosts.0.lock().expect(LOCK);
        let left = hosts.get(&self.host).map_or(0, |open| open.saturating_sub(1));
        if left == 0 {
            hosts.remove(&self.host);
        } else {
            hosts.insert(self.host, left);
        }
    }
}

/// Serves `routes` over HTTP/1.1 until it is dropped; connections end with it.
pub async fn serve(listener: TcpListener, routes: Router) -> Infallible {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let hosts = Arc::new(Hosts::default());
    let mut connections = JoinSet::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).max_buf_size(MAX_HEAD_BYTES);
    loop {
        while connections.try_join_next().is_some() {}
        let place = Arc::clone(&places).acquire_owned().await.expect("nobody closes the semaphore");
        let (stream, of_host) = match listener.accept().await {
            Ok((stream, peer)) => match hosts.enter(peer.ip()) {
                Some(of_host) => (stream, of_host),
                None => continue,
            },
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
            drop((place, of_host));
        });
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpSocket, TcpStream},
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

    /// What the listener answers to a connection from `host`.
    async fn answer(address: std::net::SocketAddr, host: &str) -> String {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(format!("{host}:0").parse().unwrap()).unwrap();
        let mut stream = socket.connect(address).await.unwrap();
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
        let mut said = String::new();
        let _ = stream.read_to_string(&mut said).await;
        said
    }

    #[tokio::test]
    async fn one_host_has_its_share_of_the_places_and_leaves_the_others_theirs() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(serve(listener, Router::new().route("/", get(async || "here"))));
        let mut held = Vec::new();
        for _ in 0..MAX_OF_ONE_HOST {
            held.push(TcpStream::connect(address).await.unwrap());
        }
        assert_eq!(answer(address, "127.0.0.1").await, "", "it has all that it may have");
        assert!(answer(address, "127.0.0.2").await.ends_with("here"), "another host is served");
        drop(held);
        let again = async {
            while !answer(address, "127.0.0.1").await.ends_with("here") {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), again).await.expect("its places are given back");
        server.abort();
    }

    #[test]
    fn a_host_of_ipv6_is_its_network_and_one_of_ipv4_is_itself_in_either_way_of_writing() {
        let hosts = Arc::new(Hosts::default());
        let enter = |address: &str| hosts.enter(address.parse().unwrap());
        let mut held: Vec<_> = (0..MAX_OF_ONE_HOST).map(|at| enter(&format!("2001:db8::{at:x}"))).collect();
        assert!(held.iter().all(Option::is_some));
        assert!(enter("2001:db8::ffff:1").is_none() && enter("2001:db8:0:1::1").is_some());
        held.extend((0..MAX_OF_ONE_HOST).map(|_| enter("::ffff:192.0.2.1")));
        assert!(enter("192.0.2.1").is_none() && enter("192.0.2.2").is_some());
        drop(held);
        assert!(hosts.0.lock().unwrap().is_empty(), "whoever is gone is forgotten");
    }
}
