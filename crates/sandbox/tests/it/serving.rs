//! The sandbox over sockets: control surface, faults, holds, deliveries.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use sandbox::serve::{Sandbox, SandboxConfig};
use serde_json::{Value, json};

use crate::{
    bodies::{inbound, partner_led},
    desk::text,
};

struct House {
    sandbox: Sandbox,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl House {
    async fn open() -> Arc<Self> {
        Self::open_with(SandboxConfig { seed: 3, ..SandboxConfig::default() }).await
    }

    async fn open_with(config: SandboxConfig) -> Arc<Self> {
        let sandbox = Sandbox::start(config).await.expect("ports are free");
        Arc::new(Self {
            sandbox,
            client: Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http(),
        })
    }

    fn portal(&self, member: &str) -> &str {
        text(&self.sandbox.ready().partner_center, member)
    }

    async fn send(&self, method: Method, url: &str, body: Option<&Value>) -> Result<(u16, Value), String> {
        let request = Request::builder()
            .method(method)
            .uri(url)
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", self.portal("portal_user_token")))
            .body(Full::new(Bytes::from(body.map(ToString::to_string).unwrap_or_default())))
            .expect("a request");
        let response = self.client.request(request).await.map_err(|error| error.to_string())?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
        Ok((status, serde_json::from_slice(&body).unwrap_or_else(|_| json!(String::from_utf8_lossy(&body)))))
    }

    async fn control(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        let (status, body) = self
            .send(method, &format!("{}{path}", self.portal("control_url")), body)
            .await
            .expect("an answer");
        assert!(status < 300, "{path}: {status} {body}");
        body
    }

    async fn create(&self) -> Result<(u16, Value), String> {
        self.send(Method::POST, &format!("{}/referrals", self.portal("api_url")), Some(&partner_led())).await
    }

    async fn referrals(&self) -> usize {
        self.control(Method::GET, "/state", None).await["referrals"].as_array().expect("a list").len()
    }
}

#[tokio::test]
async fn what_was_sent_is_counted_and_can_be_searched() {
    let house = House::open().await;
    assert_eq!(house.create().await.expect("an answer").0, 200);
    let report = house.control(Method::GET, "/requests", None).await;
    assert_eq!((&report["total"], &report["by_kind"]), (&json!(1), &json!({"create": 1})));
    assert!(text(&report["log"][0], "request").contains("Hafenstr. 9"));
    house.control(Method::DELETE, "/requests", None).await;
    assert_eq!(house.control(Method::GET, "/requests?log=false", None).await["total"], json!(0));
    Arc::into_inner(house).expect("one owner").sandbox.shutdown().await;
}

#[tokio::test]
async fn faults_happen_on_the_side_of_the_effect_they_name() {
    let house = House::open().await;
    let cases = [
        (
            json!({"kind": "create", "times": 1, "status": 503, "retry_after": "7", "body": {"a": 1}}),
            Ok(503),
            0,
        ),
        (json!({"kind": "create", "times": 1, "status": 500, "after_effect": true}), Ok(500), 1),
        (json!({"kind": "create", "times": 1, "cut": "before-effect"}), Err(()), 0),
        (json!({"kind": "create", "times": 1, "cut": "after-effect"}), Err(()), 1),
        (json!({"kind": "create", "times": 1, "timeout": "after-effect", "timeout_ms": 20}), Err(()), 1),
        (json!({"kind": "create", "times": 1, "malformed": true}), Ok(200), 1),
        (json!({"kind": "create", "times": 1, "latency_ms": 5}), Ok(200), 1),
        (json!({"kind": "create", "times": 1, "platform": "salesforce", "status": 500}), Ok(200), 1),
    ];
    for (rule, answer, effects) in cases {
        let before = house.referrals().await;
        house.control(Method::POST, "/faults", Some(&rule)).await;
        let found = house.create().await;
        assert_eq!(found.as_ref().map(|(status, _)| *status).map_err(|_| ()), answer, "{rule}: {found:?}");
        assert_eq!(house.referrals().await - before, effects, "{rule}");
        house.control(Method::DELETE, "/faults", None).await;
    }
}

#[tokio::test]
async fn a_held_effect_follows_the_release_even_after_the_clients_death() {
    let house = House::open().await;
    for (point, action, effects) in [
        ("before-effect", "proceed", 1),
        ("before-effect", "drop", 0),
        ("after-effect", "proceed", 1),
        ("after-effect", "drop", 1),
    ] {
        let before = house.referrals().await;
        let hold =
            house.control(Method::POST, "/holds", Some(&json!({"kind": "create", "point": point}))).await;
        let hold = format!("/holds/{}", hold["id"]);
        assert_eq!(
            house.control(Method::GET, &format!("{hold}?wait_ms=0"), None).await,
            json!({"held": false})
        );
        let caller = tokio::spawn({
            let house = Arc::clone(&house);
            async move { house.create().await }
        });
        assert_eq!(
            house.control(Method::GET, &format!("{hold}?wait_ms=10000"), None).await,
            json!({"held": true})
        );
        caller.abort();
        assert!(caller.await.is_err_and(|error| error.is_cancelled()));
        house.control(Method::DELETE, &format!("{hold}?action={action}"), None).await;
        house.settled(before + effects).await;
    }
}

#[tokio::test]
async fn notifications_reach_a_real_listener_and_their_results_are_kept() {
    let house = House::open().await;
    let (seen, mut arrived) = tokio::sync::mpsc::channel(8);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    let router = axum::Router::new().route(
        "/hook",
        axum::routing::post(move |body: Bytes| async move {
            seen.send(body).await.expect("somebody listens");
        }),
    );
    tokio::spawn(async move { axum::serve(listener, router).await });
    let token = house.webhook_token().await;
    let register = Request::post(format!("{}/registration", house.portal("webhooks_url")))
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {token}"))
        .body(Full::new(Bytes::from(
            json!({"WebhookUrl": url, "WebhookEvents": ["referral-created"]}).to_string(),
        )))
        .expect("a request");
    assert_eq!(house.client.request(register).await.expect("an answer").status(), 200);
    house.control(Method::POST, "/actor/microsoft/invite", Some(&inbound())).await;
    let body = tokio::time::timeout(Duration::from_secs(10), arrived.recv())
        .await
        .expect("in time")
        .expect("a body");
    assert!(String::from_utf8_lossy(&body).contains("7a1c0000-0000-4000-8000-0000000000a1"));
    house.control(Method::POST, "/clock", Some(&json!({"advance_ms": 86_400_000}))).await;
    assert!(house.control(Method::GET, "/webhooks", None).await["deliveries"].is_array());
}

#[tokio::test]
async fn what_the_control_surface_does_not_know_is_said() {
    let house = House::open().await;
    for (method, path, body) in [
        (Method::GET, "/nothing", json!(null)),
        (Method::POST, "/holds", json!({"kind": "create", "point": "sometime"})),
        (Method::POST, "/clock", json!({"advance_ms": -1})),
        (Method::POST, "/actor/nobody", json!({})),
        (Method::PATCH, "/knobs", json!({"colour": 1})),
        (Method::GET, "/holds/99", json!(null)),
    ] {
        let url = format!("{}{path}", house.portal("control_url"));
        let (status, body) = house.send(method, &url, Some(&body)).await.expect("an answer");
        assert!(status == 400 || status == 404, "{path}: {status}");
        assert!(body["error"].is_string(), "{path}: {body}");
    }
}

impl House {
    /// Waits until the machine holds `count` referrals and is quiet: the released effect runs in its own task.
    async fn settled(&self, count: usize) {
        let logged = || async { self.control(Method::GET, "/requests", None).await };
        for _ in 0..1000 {
            let report = logged().await;
            let finished = report["log"].as_array().map_or(0, Vec::len);
            if report["total"] == json!(finished) {
                break;
            }
            tokio::task::yield_now().await;
        }
        assert_eq!(self.referrals().await, count);
    }

    async fn webhook_token(&self) -> String {
        let form: String = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("grant_type", "refresh_token"),
                ("client_id", self.portal("client_id")),
                ("client_secret", self.portal("client_secret")),
                ("refresh_token", self.portal("refresh_token")),
                ("scope", self.portal("webhooks_scope")),
            ])
            .finish();
        let request = Request::post(self.portal("token_url"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::from(form)))
            .expect("a request");
        let response = self.client.request(request).await.expect("an answer");
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        let body: Value = serde_json::from_slice(&body).expect("JSON");
        text(&body, "access_token").to_owned()
    }
}

#[tokio::test]
async fn the_control_surface_lists_what_there_is_and_serves_the_page() {
    let house = House::open().await;
    let about = house.control(Method::GET, "", None).await;
    for (list, name) in [("paths", "request"), ("actors", "actor"), ("knobs", "name")] {
        let rows = about[list].as_array().unwrap();
        assert!(
            rows.len() > 5 && rows.iter().all(|row| row[name].is_string() && row["about"].is_string()),
            "{list}"
        );
    }
    assert_eq!(about["platform"], "partner-center");
    let knob = about["knobs"].as_array().unwrap().iter().find(|knob| knob["name"] == "page_size").unwrap();
    assert_eq!((&knob["value"], &knob["default"]), (&json!(100), &json!(100)));
    // Every actor that is listed is one that acts, or says why it cannot; none is unknown.
    for actor in about["actors"].as_array().unwrap() {
        let url = format!("{}/actor/{}", house.portal("control_url"), actor["actor"].as_str().unwrap());
        let (_, answer) = house.send(Method::POST, &url, Some(&json!({}))).await.unwrap();
        assert!(!answer.to_string().contains("There is no actor"), "{answer}");
    }
    let credentials = house.control(Method::GET, "/credentials", None).await;
    assert_eq!(&credentials, &house.sandbox.ready().partner_center);
    for secret in ["client_certificate_pem", "client_key_pem", "client_secret"] {
        assert!(credentials[secret].is_string(), "{secret}");
    }
    for person in ["admin", "user", "outsider"] {
        assert!(credentials["people"][person]["refresh_token"].is_string(), "{person}");
    }
    let (status, _) =
        house.send(Method::GET, &format!("{}/page", house.portal("control_url")), None).await.unwrap();
    assert_eq!(status, 200);
}

#[tokio::test]
async fn every_exchange_and_every_notification_is_dumped_without_its_secrets() {
    let folder = std::env::temp_dir().join(format!("cosell-sandbox-dump-{}", uuid::Uuid::new_v4()));
    let config = SandboxConfig { seed: 3, dump: Some(folder.clone()), ..SandboxConfig::default() };
    let house = House::open_with(config).await;
    house.webhook_token().await;
    house.create().await.unwrap();
    house.control(Method::GET, "/state", None).await;
    let files: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    std::fs::remove_dir_all(&folder).unwrap();
    let shown = house.control(Method::GET, "/dump", None).await;
    assert_eq!((files.len(), shown.as_array().unwrap().len()), (2, 2));
    for secret in ["client_secret", "refresh_token", "portal_user_token"] {
        let secret = house.portal(secret);
        assert!(files.iter().all(|file| !file.contains(secret)) && !shown.to_string().contains(secret));
    }
    let created = shown.as_array().unwrap().iter().find(|one| one["kind"] == "create").unwrap();
    assert_eq!(created["request"]["headers"]["authorization"], "Bearer <redacted>");
    assert_eq!(created["response"]["body"]["status"], "Active");
    assert!(created["response"]["headers"]["etag"].is_string());
}

#[tokio::test]
async fn a_person_moves_the_clock_on_the_page() {
    let house = House::open().await;
    let page = format!("{}/page", house.portal("control_url"));
    let now = || async {
        let clock = house.control(Method::GET, "/clock", None).await;
        text(&clock, "now").parse::<jiff::Timestamp>().unwrap()
    };
    let before = now().await;
    for (form, status) in [("advance_days=14", 303), ("advance_days=99999999", 303), ("advance_days=x", 303)]
    {
        let request = Request::post(&page).body(Full::new(Bytes::from(form))).unwrap();
        assert_eq!(house.client.request(request).await.unwrap().status(), status);
    }
    let days = now().await.duration_since(before).as_hours() / 24;
    assert_eq!(days, 14);
}
