//! Logins: what is signed, what is granted, what is refused, how often it is asked.

use std::sync::atomic::Ordering;

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use ports::RetryClass;
use salesforce::{Error, LoginConfig, Misuse, soql::Soql};
use serde_json::Value;

use crate::stub::{KEYS, NOW, ORG, Stub, USER, answer, dead_session, grant, now};

const EMPTY_PAGE: &str = r#"{"totalSize":0,"done":true,"records":[]}"#;

fn form(body: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(body).into_owned().collect()
}

#[tokio::test]
async fn the_assertion_is_signed_with_our_key_and_lives_at_most_three_minutes() {
    let stub = Stub::new([]);
    let org = stub.client().org_id().await.unwrap();
    assert_eq!(org.as_str(), ORG);

    let seen = stub.seen.lock().unwrap();
    assert_eq!(seen[0].uri(), "https://login.example/services/oauth2/token");
    let form = form(seen[0].body());
    assert_eq!(form[0].1, "urn:ietf:params:oauth:grant-type:jwt-bearer");

    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&["https://login.salesforce.com"]);
    validation.validate_exp = false;
    let key = DecodingKey::from_rsa_der(&KEYS.1);
    let claims = jsonwebtoken::decode::<Value>(&form[1].1, &key, &validation).unwrap().claims;
    assert_eq!(claims["iss"], "consumer");
    assert_eq!(claims["sub"], "user@example.com");
    let life = claims["exp"].as_i64().unwrap() - NOW.parse::<jiff::Timestamp>().unwrap().as_second();
    assert!((60..=180).contains(&life), "{life} s");
}

#[tokio::test]
async fn client_credentials_are_sent_to_the_my_domain_host() {
    let stub = Stub::new([]);
    let client = stub.client_with(|config| {
        config.login = LoginConfig::ClientCredentials {
            my_domain: "https://acme.my.example".parse().unwrap(),
            client_id: "id".into(),
            client_secret: "s&cret".into(),
        };
    });
    assert_eq!(client.user_id().await.unwrap().as_str(), USER);
    let seen = stub.seen.lock().unwrap();
    assert_eq!(seen[0].uri().host(), Some("acme.my.example"));
    let expected = [("grant_type", "client_credentials"), ("client_id", "id"), ("client_secret", "s&cret")];
    assert_eq!(form(seen[0].body()), expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
}

#[tokio::test]
async fn many_callers_share_one_login() {
    let stub = Stub::new((0..20).map(|_| answer(200, EMPTY_PAGE)));
    let client = stub.client();
    let soql = Soql::trusted("SELECT Id FROM User");
    let all = futures::future::join_all((0..20).map(|_| client.query(now(), &soql))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(stub.grants.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn many_callers_with_a_dead_session_share_one_new_login() {
    let script = (0..10).map(|_| dead_session()).chain((0..10).map(|_| answer(200, EMPTY_PAGE)));
    let stub = Stub::new(script);
    let client = stub.client();
    client.org_id().await.unwrap();
    let soql = Soql::trusted("SELECT Id FROM User");
    let all = futures::future::join_all((0..10).map(|_| client.query(now(), &soql))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(stub.grants.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_login_given_up_by_its_caller_does_not_block_the_next() {
    let stub = Stub::new([]);
    let client = stub.client();
    {
        let mut given_up = Box::pin(client.org_id());
        assert!(futures::poll!(&mut given_up).is_pending());
    }
    assert!(client.org_id().await.is_ok());
}

#[tokio::test]
async fn a_refused_login_is_for_a_person_and_says_what_to_look_at() {
    let stub = Stub::new([]);
    let denial = r#"{"error":"invalid_grant","error_description":"user hasn't approved this consumer"}"#;
    stub.logins.lock().unwrap().push_back(answer(400, denial));
    let client = stub.client();
    let error = client.org_id().await.unwrap_err();
    assert_eq!(error.class(), RetryClass::Person);
    assert_eq!(
        error.to_string(),
        "login refused with status 400, invalid_grant: pre-authorize the integration user for the app (Admin \
         approved users, permission set)"
    );
    // It is remembered for ten seconds, so that not every task asks again; then a mended app works by itself.
    assert_eq!(client.org_id().await.unwrap_err(), error);
    assert_eq!(stub.seen.lock().unwrap().len(), 1);
    stub.pass(10);
    assert!(client.org_id().await.is_ok());
}

#[tokio::test]
async fn a_login_host_in_trouble_is_tried_again_later() {
    for (status, body) in [(503, "<html>"), (400, r#"{"error":"rate_limit_exceeded"}"#)] {
        let stub = Stub::new([]);
        stub.logins.lock().unwrap().push_back(answer(status, body));
        assert_eq!(stub.client().org_id().await.unwrap_err().class(), RetryClass::LATER);
    }
}

#[tokio::test]
async fn a_login_that_leads_to_another_org_stops_everything() {
    let stub = Stub::new([dead_session()]);
    let client = stub.client();
    client.org_id().await.unwrap();
    stub.logins.lock().unwrap().push_back(grant(9, "00D000000000002"));
    let error = client.query(now(), &Soql::trusted("SELECT Id FROM User")).await.unwrap_err();
    assert!(matches!(error, Error::OrgChanged { .. }), "{error:?}");
    assert_eq!(error.class(), RetryClass::Person);
    assert_eq!(stub.calls().len(), 1);
}

#[tokio::test]
async fn a_token_is_never_carried_without_tls_after_a_login_with_it() {
    let stub = Stub::new([]);
    let body = format!(
        r#"{{"access_token":"t","instance_url":"http://plain.example","id":"https://x/id/{ORG}/{USER}"}}"#
    );
    stub.logins.lock().unwrap().push_back(answer(200, body));
    assert!(matches!(stub.client().org_id().await, Err(Error::Unreadable { .. })));
}

#[test]
fn a_key_that_is_none_is_found_before_any_call() {
    let stub = Stub::new([]);
    let config = salesforce::ClientConfig::new(LoginConfig::JwtBearer {
        login_url: "https://login.example".parse().unwrap(),
        consumer_key: "k".into(),
        username: "u".into(),
        audience: "a".into(),
        private_key: "no key".into(),
    });
    let http = ports::http_service(tower::service_fn(|_| async { Ok(http::Response::default()) }));
    let error = salesforce::Client::new(http, stub.clone(), stub.clone(), stub, config).unwrap_err();
    assert!(matches!(error, Error::Misuse(Misuse::Configuration(_))), "{error:?}");
}
