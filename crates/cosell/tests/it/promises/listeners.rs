//! Two listeners: what the internet reaches takes events and nothing else, and what operators reach takes no events.

use std::net::{SocketAddr, TcpListener};

use reqwest::{Method, StatusCode};

use crate::harness::{World, until};

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

async fn status(method: Method, at: SocketAddr, path: &str) -> Option<StatusCode> {
    let request = reqwest::Client::new().request(method, format!("http://{at}{path}"));
    Some(request.send().await.ok()?.status())
}

/// Every path that either listener has, by the program's own description.
async fn described(admin: SocketAddr) -> Vec<(String, Vec<Method>)> {
    let answer = reqwest::get(format!("http://{admin}/openapi.json")).await.unwrap();
    let description: serde_json::Value = answer.json().await.unwrap();
    let paths = description["paths"].as_object().unwrap();
    let methods = |entry: &serde_json::Value| {
        let names = entry.as_object().unwrap().keys();
        names.filter_map(|name| Method::from_bytes(name.to_uppercase().as_bytes()).ok()).collect()
    };
    paths.iter().map(|(path, entry)| (path.clone(), methods(entry))).collect()
}

#[tokio::test]
async fn each_listener_serves_its_own_paths_and_none_of_the_others() {
    let world = World::start();
    let (public, admin) = (free(), free());
    world.configure("[webhook]\nlisten = \"127.0.0.1:0\"", &format!("[webhook]\nlisten = \"{public}\""));
    world.configure("[guard]\n", &format!("[admin]\nlisten = \"{admin}\"\n\n[guard]\n"));
    let _service = world.run();
    until("the service's health", || async { status(Method::GET, admin, "/healthz").await }).await;

    let paths = described(admin).await;
    assert!(paths.len() >= 3, "{paths:?}");
    for (path, methods) in paths {
        let is_event = path.starts_with("/webhooks/");
        for method in methods {
            for (at, serves) in [(public, is_event), (admin, !is_event)] {
                let answer = status(method.clone(), at, &path).await.unwrap();
                let found = answer != StatusCode::NOT_FOUND;
                assert_eq!(
                    found,
                    serves,
                    "{method} {path} on the {} listener: {answer}",
                    if at == public { "public" } else { "admin" }
                );
            }
        }
    }
    for path in ["/", "/metrics", "/admin", "/deals"] {
        assert_eq!(status(Method::GET, public, path).await, Some(StatusCode::NOT_FOUND), "{path}");
    }
}
