//! Where the sandbox delivers when a test wants the letters for itself, and who registers for them.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{World, until};

/// The events about referrals.
pub(crate) const REFERRAL_EVENTS: [&str; 4] =
    ["referral-created", "referral-updated", "related-referral-created", "related-referral-updated"];

/// Somebody registers, as an administrator's own client does: POST for the first one, PUT in another's place.
pub(crate) async fn registers(world: &World, method: Method, url: &str, events: &[&str]) {
    let body = json!({ "WebhookUrl": url, "WebhookEvents": events });
    let token = world.webhooks_token().await;
    world.call(method, &registration_url(world), Some(&token), Some(&body)).await;
}

/// The registration that stands.
pub(crate) async fn registration(world: &World) -> Value {
    let token = world.webhooks_token().await;
    world.call(Method::GET, &registration_url(world), Some(&token), None).await
}

fn registration_url(world: &World) -> String {
    format!("{}/registration", world.ready["partner_center"]["webhooks_url"].as_str().unwrap())
}

/// One delivery, as it came off the wire.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Letter {
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let mut letter = self.without(name);
        letter.headers.push((name.to_owned(), value.to_owned()));
        letter
    }

    pub(crate) fn without(&self, name: &str) -> Self {
        let mut letter = self.clone();
        letter.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        letter
    }

    pub(crate) fn saying(&self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self.clone() }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        &found.unwrap_or_else(|| panic!("the delivery has no {name}")).1
    }

    pub(crate) fn event(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Whether it is about this record.
    pub(crate) fn is_about(&self, referral: &str) -> bool {
        self.event()["ResourceUri"].as_str().is_some_and(|uri| uri.ends_with(referral))
    }
}

/// Where the sandbox delivers: every letter is kept, none is passed on.
#[derive(Clone, Default)]
pub(crate) struct Postbox {
    letters: Arc<Mutex<Vec<Letter>>>,
}

impl Postbox {
    /// Opens a postbox and has all events of referrals delivered there.
    pub(crate) async fn open(world: &World) -> Self {
        let postbox = Self::default();
        let routes = Router::new().route("/", post(keep)).with_state(postbox.clone());
        let address = serve(routes).await;
        registers(world, Method::POST, &format!("http://{address}/"), &REFERRAL_EVENTS).await;
        postbox
    }

    /// Waits for the next letter that is `wanted` and is not among the `after` first ones.
    pub(crate) async fn next(&self, after: usize, wanted: impl Fn(&Letter) -> bool) -> Letter {
        let wanted = &wanted;
        until("a delivery", || async move {
            let letters = self.letters.lock().unwrap();
            letters.iter().skip(after).find(|letter| wanted(letter)).cloned()
        })
        .await
    }

    pub(crate) fn count(&self) -> usize {
        self.letters.lock().unwrap().len()
    }
}

async fn keep(State(postbox): State<Postbox>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let signs = ["content-type", "authorization", "x-ms-signature", "x-ms-certificate-url"];
    let kept = headers
        .iter()
        .filter(|(name, _)| signs.contains(&name.as_str()) || name.as_str() == "x-ms-signature-algorithm");
    let headers = kept.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    postbox.letters.lock().unwrap().push(Letter { headers, body: body.to_vec() });
    StatusCode::OK
}

/// Serves routes of the test's own on a free port.
pub(crate) async fn serve(routes: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    address
}
