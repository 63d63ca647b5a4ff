//! Grants on a hostile login host: each refusal and each broken answer, and what a person is told.

use std::process::Command;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use http::Response;
use ports::{RetryClass, TransportError};
use salesforce::{Barred, Client, ClientConfig, Error, LoginConfig, Misuse, OrgId, SecretPlace, soql::Soql};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::stub::{NOW, ORG, Stub, USER, answer, answer_with, dead_session, now};

const EMPTY_PAGE: &str = r#"{"totalSize":0,"done":true,"records":[]}"#;

fn soql() -> Soql {
    Soql::trusted("SELECT Id FROM User")
}

/// A client whose first login is answered so.
async fn refused(status: u16, body: &str) -> Error {
    let stub = Stub::new([]);
    stub.logins.lock().unwrap().push_back(answer(status, body.to_owned()));
    stub.client().org_id().await.unwrap_err()
}

#[tokio::test]
async fn each_refusal_has_its_class_and_its_advice() {
    for (code, text, class, says) in [
        ("invalid_grant", "user hasn't approved this consumer", RetryClass::Person, "pre-authorize"),
        ("invalid_grant", "audience is invalid", RetryClass::Person, "test.salesforce.com"),
        ("invalid_grant", "invalid assertion", RetryClass::Person, "certificate"),
        ("invalid_grant", "authentication failure", RetryClass::Person, "user's name"),
        ("invalid_grant", "request not supported on this domain", RetryClass::Person, "My Domain"),
        ("invalid_grant", "no client credentials user enabled", RetryClass::Person, "Run As"),
        ("invalid_grant", "ip restricted", RetryClass::Person, "address"),
        ("invalid_client", "invalid client credentials", RetryClass::Person, "consumer key"),
        ("invalid_client_id", "client identifier invalid", RetryClass::Person, "consumer key"),
        (
            "invalid_app_access",
            "user is not admin approved",
            RetryClass::Person,
            "not allowed to use the app",
        ),
        ("inactive_user", "user is inactive", RetryClass::Person, "not active"),
        ("inactive_org", "organization is inactive", RetryClass::Person, "org is not active"),
        ("unsupported_grant_type", "grant type not supported", RetryClass::Person, "enable the flow"),
        ("rate_limit_exceeded", "login rate exceeded", RetryClass::LATER, "later"),
        ("server_error", "", RetryClass::LATER, "later"),
        ("a_code_of_tomorrow", "jo@x.example did something", RetryClass::Person, "login history"),
    ] {
        for status in [400, 401] {
            let body = json!({ "error": code, "error_description": text }).to_string();
            let error = refused(status, &body).await;
            assert_eq!(error.class(), class, "{code} {text}");
            let told = error.to_string();
            assert!(told.contains(code) && told.contains(says), "{told}");
            assert!(!told.contains("jo@"), "no prose of the platform: {told}");
            assert_eq!(error.next_step().is_some(), class == RetryClass::Person, "{code}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_no_refusal_of_oauths_shape_is_told_by_its_status_alone() {
    for body in
        ["", "<html>secret</html>", "[]", r#"{"error":""}"#, r#"{"error":"<b>x</b>"}"#, r#"{"error":1}"#, "{"]
    {
        for (status, class) in [
            (400, RetryClass::Person),
            (403, RetryClass::Person),
            (302, RetryClass::Person),
            (420, RetryClass::LATER),
            (429, RetryClass::LATER),
            (500, RetryClass::LATER),
            (502, RetryClass::LATER),
            (503, RetryClass::LATER),
        ] {
            let error = refused(status, body).await;
            assert_eq!(error.class(), class, "{status} {body}");
            let told = error.to_string();
            assert!(told.contains(&format!("ERROR_HTTP_{status}")) && !told.contains("secret"), "{told}");
        }
    }
    // Both shapes: an API's own refusal at the login host is none of OAuth's, and harms nobody.
    let error = refused(401, r#"[{"message":"x","errorCode":"INVALID_SESSION_ID"}]"#).await;
    assert_eq!(error.class(), RetryClass::Person);
}

#[tokio::test]
async fn a_grant_that_lacks_something_is_no_grant() {
    let whole = json!({
        "access_token": "t", "instance_url": "https://i.example",
        "id": format!("https://login.salesforce.com/id/{ORG}/{USER}"),
    });
    let with = |name: &str, value: Value| {
        let mut body = whole.clone();
        body[name] = value;
        body.to_string()
    };
    let mut broken = vec![
        String::new(),
        "<html>".to_owned(),
        whole.to_string()[..40].to_owned(),
        "{}".to_owned(),
        with("access_token", json!("")),
        with("access_token", Value::Null),
        with("access_token", json!("x".repeat(64 * 1024))),
        with("id", json!("https://login.salesforce.com/id/")),
        with("id", json!("nonsense")),
        with("instance_url", json!("http://i.example")),
        with("instance_url", json!("https://user:pass@i.example")),
        with("instance_url", json!("ftp://i.example")),
        with("instance_url", json!("i.example")),
    ];
    for name in ["access_token", "instance_url", "id"] {
        let mut body = whole.clone();
        body.as_object_mut().unwrap().remove(name);
        broken.push(body.to_string());
    }
    for body in broken {
        let error = refused(200, &body).await;
        assert!(matches!(error, Error::Unreadable { .. }), "{body}: {error:?}");
        assert_eq!(error.class(), RetryClass::LATER);
    }
    let stub = Stub::new([]);
    stub.logins.lock().unwrap().push_back(answer(200, whole.to_string()));
    assert!(stub.client().org_id().await.is_ok(), "the whole one is a grant");
}

#[tokio::test]
async fn a_login_host_that_cannot_be_reached_is_tried_again_later_and_nothing_is_held_against_it() {
    let deadline = || {
        let after = std::time::Duration::from_secs(15);
        Err(TransportError::Deadline { host: "login".into(), after })
    };
    let broken = || Err(TransportError::Broken { host: "login".into(), reason: "reset".into() });
    for lost in [deadline(), broken()] {
        let stub = Stub::new([]);
        stub.logins.lock().unwrap().push_back(lost);
        let client = stub.client();
        assert_eq!(client.org_id().await.unwrap_err().class(), RetryClass::LATER);
        assert!(client.org_id().await.is_ok(), "the next call asks at once");
    }
}

#[tokio::test]
async fn too_many_logins_are_not_answered_with_more_logins() {
    let stub = Stub::new([]);
    let body = r#"{"error":"rate_limit_exceeded","error_description":"login rate exceeded"}"#;
    stub.logins.lock().unwrap().push_back(answer(400, body));
    let client = stub.client();
    for _ in 0..5 {
        assert_eq!(client.org_id().await.unwrap_err().class(), RetryClass::LATER);
    }
    assert_eq!(stub.seen.lock().unwrap().len(), 1);
    stub.pass(10);
    assert!(client.org_id().await.is_ok());
}

#[tokio::test]
async fn tokens_are_opaque_and_those_in_jwt_format_are_carried_whole() {
    let long = format!("eyJ0eXAi.{}.{}", "x".repeat(2500), "y".repeat(342));
    let stub = Stub::new([answer(200, EMPTY_PAGE)]);
    let body = json!({ "access_token": long, "instance_url": "https://i.example",
        "id": format!("https://login.salesforce.com/id/{ORG}/{USER}"), "token_type": "Bearer" });
    stub.logins.lock().unwrap().push_back(answer(200, body.to_string()));
    stub.client().query(now(), &soql()).await.unwrap();
    assert_eq!(stub.last().headers()["authorization"], format!("Bearer {long}"));
}

#[tokio::test]
async fn every_login_must_lead_to_the_org_that_the_store_belongs_to() {
    let stub = Stub::new([]);
    let other = OrgId::parse("00D000000000002").unwrap();
    let client = stub.client_with(|config| config.org_id = Some(other));
    let error = client.query(now(), &soql()).await.unwrap_err();
    assert_eq!(error, Error::OrgChanged { expected: other, found: OrgId::parse(ORG).unwrap() });
    assert!(error.next_step().unwrap().contains("[store] path"));
    assert!(stub.calls().is_empty(), "nothing is sent to the wrong org");
}

#[tokio::test]
async fn a_401_that_no_session_helps_ends_at_once_with_a_sentence_for_a_person() {
    for (text, barred, says) in [
        ("This session is not valid for use with the REST API", Barred::NotForRest, "scope"),
        ("Connected app is not attached to Agent", Barred::NoAgent, "External Client App"),
    ] {
        let body = format!(r#"[{{"message":"{text}","errorCode":"INVALID_SESSION_ID"}}]"#);
        let stub = Stub::new([answer(401, body)]);
        let client = stub.client();
        let error = client.query(now(), &soql()).await.unwrap_err();
        assert_eq!(error, Error::Barred(barred));
        assert!(error.next_step().unwrap().contains(says), "{error}");
        // Whoever comes next is told the same without a call.
        assert_eq!(client.query(now(), &soql()).await.unwrap_err(), error);
        assert_eq!(stub.seen.lock().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn a_session_that_dies_at_once_is_not_replaced_again_and_again() {
    let stub = Stub::new([dead_session(), dead_session(), answer(200, EMPTY_PAGE)]);
    let client = stub.client();
    for _ in 0..5 {
        let error = client.query(now(), &soql()).await.unwrap_err();
        assert_eq!(error, Error::Barred(Barred::EvenNew));
    }
    assert_eq!(stub.seen.lock().unwrap().len(), 4, "two logins, two calls, and then silence");
    stub.pass(10);
    assert!(client.query(now(), &soql()).await.is_ok());
}

#[tokio::test]
async fn trouble_wakes_who_waits_for_it_once_for_each_kind() {
    let stub = Stub::new([]);
    let client = stub.client();
    let denial = || answer(400, r#"{"error":"inactive_user"}"#);
    stub.logins.lock().unwrap().extend([denial(), denial()]);
    client.org_id().await.unwrap_err();
    client.trouble().await;
    stub.pass(10);
    client.org_id().await.unwrap_err();
    let mut again = Box::pin(client.trouble());
    assert!(futures::poll!(&mut again).is_pending(), "it is known already");
}

#[tokio::test]
async fn the_secret_stands_in_the_form_or_in_the_header() {
    let stub = Stub::new([]);
    let client = stub.client_with(|config| {
        config.secret_place = SecretPlace::Header;
        config.login = LoginConfig::ClientCredentials {
            my_domain: "https://acme.my.example".parse().unwrap(),
            client_id: "id".into(),
            client_secret: "s&cret".into(),
        };
    });
    client.org_id().await.unwrap();
    let seen = stub.seen.lock().unwrap();
    // `id:s%26cret`: both halves are encoded first (RFC 6749, section 2.3.1).
    assert_eq!(seen[0].headers()["authorization"], "Basic aWQ6cyUyNmNyZXQ=");
    assert!(seen[0].headers()["authorization"].is_sensitive());
    assert_eq!(seen[0].body().as_ref(), b"grant_type=client_credentials");
}

#[test]
fn client_credentials_are_not_asked_of_a_login_host() {
    for host in ["login", "test"] {
        let stub = Stub::new([]);
        let config = ClientConfig::new(LoginConfig::ClientCredentials {
            my_domain: format!("https://{host}.salesforce.com").parse().unwrap(),
            client_id: "id".into(),
            client_secret: "secret".into(),
        });
        let http = ports::http_service(tower::service_fn(|_| async { Ok(Response::default()) }));
        let error = Client::new(http, stub.clone(), stub.clone(), stub, config).unwrap_err();
        assert!(matches!(error, Error::Misuse(Misuse::Configuration(_))), "{error:?}");
        assert!(error.to_string().contains("My Domain"), "{error}");
    }
}

#[tokio::test]
async fn a_bound_on_calls_at_once_is_no_end_of_the_day() {
    let refusal =
        |text: &str| json!([{ "message": text, "errorCode": "REQUEST_LIMIT_EXCEEDED" }]).to_string();
    let free = [("Sforce-Limit-Info", "api-usage=10/100000")];
    let spent = [("Sforce-Limit-Info", "api-usage=100000/100000")];
    for (text, headers, pauses) in [
        ("TotalRequests Limit exceeded.", &free[..], 1),
        ("TotalRequests Limit exceeded.", &[], 1),
        ("ConcurrentRequests (Concurrent API Requests) Limit exceeded.", &spent, 0),
        ("ConcurrentPerOrgLongTxn Limit exceeded.", &[], 0),
        ("Das Limit wurde überschritten.", &free, 0),
        ("Das Limit wurde überschritten.", &spent, 1),
        ("Das Limit wurde überschritten.", &[], 1),
    ] {
        let stub = Stub::new([answer_with(403, refusal(text), headers)]);
        let error = stub.client().query(now(), &soql()).await.unwrap_err();
        assert_eq!(error.class(), RetryClass::LATER, "{text}");
        assert_eq!(stub.pauses.lock().unwrap().len(), pauses, "{text} {headers:?}");
    }
}

#[tokio::test]
async fn calls_in_flight_are_replayed_on_the_instance_of_the_new_session() {
    let stub = Stub::new([dead_session(), dead_session(), answer(200, EMPTY_PAGE), answer(200, EMPTY_PAGE)]);
    let client = stub.client();
    client.org_id().await.unwrap();
    let question = soql();
    let both = futures::future::join(client.query(now(), &question), client.query(now(), &question)).await;
    assert!(both.0.is_ok() && both.1.is_ok());
    let hosts: Vec<_> = stub.calls().iter().map(|call| call.uri().host().unwrap().to_owned()).collect();
    assert_eq!(
        hosts,
        ["instance-1.example", "instance-1.example", "instance-2.example", "instance-2.example"]
    );
    assert_eq!(client.standing().unwrap().instance, "https://instance-2.example");
}

#[tokio::test]
async fn openssl_verifies_the_assertion_as_the_platform_would() {
    let folder = tempfile::tempdir().unwrap();
    let openssl = |arguments: &[&str]| {
        let output = Command::new("openssl").args(arguments).current_dir(folder.path()).output().unwrap();
        let told =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.success(), told)
    };
    let made = openssl(&["genrsa", "-out", "key.pem", "2048"]);
    assert!(made.0, "{}", made.1);
    assert!(openssl(&["rsa", "-in", "key.pem", "-pubout", "-out", "public.pem"]).0);
    let key = std::fs::read_to_string(folder.path().join("key.pem")).unwrap();

    let stub = Stub::new([]);
    let client = stub.client_with(|config| {
        config.login = LoginConfig::JwtBearer {
            login_url: "https://login.example/".parse().unwrap(),
            consumer_key: "consumer".into(),
            username: "jürgen@example.com".into(),
            audience: "https://test.salesforce.com".into(),
            private_key: SecretString::from(key),
        };
    });
    client.org_id().await.unwrap();
    let form: Vec<(String, String)> =
        url::form_urlencoded::parse(stub.seen.lock().unwrap()[0].body()).into_owned().collect();
    assert_eq!(form.len(), 2, "no secret, nothing else");
    let (signed, signature) = form[1].1.rsplit_once('.').unwrap();
    std::fs::write(folder.path().join("signed"), signed).unwrap();
    std::fs::write(folder.path().join("signature"), BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap())
        .unwrap();
    let verify = ["dgst", "-sha256", "-verify", "public.pem", "-signature", "signature", "signed"];
    let verified = openssl(&verify);
    assert!(verified.0, "{}", verified.1);
    std::fs::write(folder.path().join("signed"), format!("{signed}x")).unwrap();
    assert!(!openssl(&verify).0, "a control: what was tampered with is refused");

    let (header, claims) = signed.split_once('.').unwrap();
    let read = |part: &str| -> Value {
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    assert_eq!((&read(header)["alg"], &read(header)["typ"]), (&json!("RS256"), &json!("JWT")));
    let claims = read(claims);
    let expected = json!({ "iss": "consumer", "sub": "jürgen@example.com", "aud": "https://test.salesforce.com",
        "exp": NOW.parse::<jiff::Timestamp>().unwrap().as_second() + 170 });
    assert_eq!(claims, expected);
}
