//! A person's sign-in: the browser's way there and back, and the refresh token that it brings.

use std::sync::{Arc, atomic::Ordering};

use async_trait::async_trait;
use http::Response;
use jiff::Timestamp;
use oauth::Astray;
use ports::{
    MemoryTokenStore, RetryClass, StoredToken, TokenFacts, TokenLease, TokenStore, TokenStoreError,
    TransportError,
};
use salesforce::{Client, ClientConfig, Error, LoginConfig, SignIn, SignInError, soql::Soql};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use crate::stub::{ORG, Scripted, Stub, USER, answer, dead_session, now};

const EMPTY_PAGE: &str = r#"{"totalSize":0,"done":true,"records":[]}"#;
const DEAD: &str = r#"{"error":"invalid_grant","error_description":"expired access/refresh token"}"#;
const REDIRECT: &str = "http://localhost:8087/salesforce";

fn login(tokens: Arc<dyn TokenStore>) -> LoginConfig {
    LoginConfig::SignedIn {
        login_url: "https://login.example/".parse().unwrap(),
        client_id: "consumer".into(),
        client_secret: None,
        tokens,
    }
}

fn granted(access: &str, refresh: Option<&str>) -> Scripted {
    let mut body = json!({ "access_token": access, "instance_url": "https://i.example",
        "id": format!("https://login.salesforce.com/id/{ORG}/{USER}"), "token_type": "Bearer" });
    if let Some(refresh) = refresh {
        body["refresh_token"] = json!(refresh);
    }
    answer(200, body.to_string())
}

async fn signed_in(secret: &str) -> Arc<MemoryTokenStore> {
    let tokens = Arc::new(MemoryTokenStore::default());
    tokens.sign_in(LoginConfig::STORE_NAME, SecretString::from(secret), None).await.unwrap();
    tokens
}

async fn kept(tokens: &MemoryTokenStore) -> String {
    let stored = tokens.load(LoginConfig::STORE_NAME).await.unwrap().unwrap();
    stored.secret.expose_secret().to_owned()
}

fn client(stub: &Arc<Stub>, tokens: &Arc<MemoryTokenStore>) -> Client {
    let tokens: Arc<dyn TokenStore> = tokens.clone();
    stub.client_with(|config| config.login = login(tokens))
}

fn form(stub: &Stub, at: usize) -> Vec<(String, String)> {
    url::form_urlencoded::parse(stub.seen.lock().unwrap()[at].body()).into_owned().collect()
}

fn field(stub: &Stub, at: usize, name: &str) -> Option<String> {
    form(stub, at).into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

#[tokio::test]
async fn sessions_come_from_the_kept_token_and_a_successor_is_stored_before_its_session_is_used() {
    let stub = Stub::new([answer(200, EMPTY_PAGE)]);
    stub.logins.lock().unwrap().push_back(granted("a1", Some("r1")));
    let tokens = signed_in("r0").await;
    client(&stub, &tokens).query(now(), &Soql::trusted("SELECT Id FROM User")).await.unwrap();
    let sent = form(&stub, 0);
    let expected = [("grant_type", "refresh_token"), ("refresh_token", "r0"), ("client_id", "consumer")];
    assert_eq!(sent, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(kept(&tokens).await, "r1");
    let facts = tokens.facts(LoginConfig::STORE_NAME).await.unwrap().unwrap();
    assert_eq!(facts.version, 2);

    // The process ends before the session is used; the next one goes on with the successor.
    let stub = Stub::new([]);
    stub.logins.lock().unwrap().push_back(granted("a2", Some("r2")));
    let first = client(&stub, &tokens);
    first.org_id().await.unwrap();
    drop(first);
    let stub = Stub::new([]);
    stub.logins.lock().unwrap().push_back(granted("a3", None));
    client(&stub, &tokens).org_id().await.unwrap();
    assert_eq!(field(&stub, 0, "refresh_token").as_deref(), Some("r2"));
    assert_eq!(kept(&tokens).await, "r2", "an app that does not rotate keeps its token");
}

#[tokio::test]
async fn a_caller_that_gives_up_does_not_lose_the_token_that_it_spent() {
    let stub = Stub::new([]);
    stub.logins.lock().unwrap().push_back(granted("a1", Some("r1")));
    let tokens = signed_in("r0").await;
    let client = client(&stub, &tokens);
    {
        let mut given_up = Box::pin(client.org_id());
        assert!(futures::poll!(&mut given_up).is_pending());
    }
    while kept(&tokens).await != "r1" {
        tokio::task::yield_now().await;
    }
    assert_eq!(client.org_id().await.unwrap().as_str(), ORG);
    assert_eq!(stub.seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn two_tasks_and_two_processes_spend_one_token_at_a_time() {
    // Each login rotates: a token that is spent twice would be a dead one.
    let stub = Stub::new([]);
    stub.logins.lock().unwrap().extend([granted("a1", Some("r1")), granted("a2", Some("r2"))]);
    let tokens = signed_in("r0").await;
    let (one, other) = (client(&stub, &tokens), client(&stub, &tokens));
    let asked = futures::future::join_all([one.org_id(), one.org_id(), other.org_id(), other.org_id()]).await;
    assert!(asked.iter().all(Result::is_ok), "{asked:?}");
    let spent: Vec<_> = (0..2).map(|at| field(&stub, at, "refresh_token").unwrap()).collect();
    assert_eq!(spent, ["r0", "r1"]);
    assert_eq!(stub.seen.lock().unwrap().len(), 2, "one grant for each process, whoever asked");
    assert_eq!(kept(&tokens).await, "r2");
}

#[tokio::test]
async fn a_dead_sign_in_is_a_persons_business_and_a_new_one_is_taken_up() {
    let stub = Stub::new([]);
    stub.logins.lock().unwrap().push_back(answer(400, DEAD));
    let tokens = signed_in("r0").await;
    let client = client(&stub, &tokens);
    assert!(!client.adopt_new_sign_in().await.unwrap(), "the first look finds nothing new");
    let error = client.org_id().await.unwrap_err();
    assert_eq!(error.class(), RetryClass::Person);
    assert!(error.next_step().unwrap().contains("cosell login salesforce"), "{error}");
    client.trouble().await;
    // Remembered: a dead token is not sent again and again.
    assert_eq!(client.org_id().await.unwrap_err(), error);
    assert_eq!(stub.seen.lock().unwrap().len(), 1);

    stub.pass(1);
    tokens.sign_in(LoginConfig::STORE_NAME, SecretString::from("new"), None).await.unwrap();
    assert!(client.adopt_new_sign_in().await.unwrap());
    client.org_id().await.unwrap();
    assert_eq!(field(&stub, 1, "refresh_token").as_deref(), Some("new"));
    assert!(!client.adopt_new_sign_in().await.unwrap());
}

#[tokio::test]
async fn a_grant_whose_answer_is_lost_after_the_rotation_is_told_as_a_sign_in_that_is_over() {
    let stub = Stub::new([]);
    let lost = TransportError::Broken { host: "h".into(), reason: "reset".into() };
    stub.logins.lock().unwrap().extend([Err(lost), answer(400, DEAD)]);
    let tokens = signed_in("r0").await;
    let client = client(&stub, &tokens);
    // Nobody can know yet: it is asked again with the only token there is, and by nobody else meanwhile.
    assert!(matches!(client.org_id().await.unwrap_err().class(), RetryClass::Later { .. }));
    assert_eq!(kept(&tokens).await, "r0");
    let error = client.org_id().await.unwrap_err();
    assert_eq!(error.class(), RetryClass::Person);
    assert!(error.next_step().unwrap().contains("cosell login salesforce"), "{error}");
    client.trouble().await;
    let spent: Vec<_> = (0..2).map(|at| field(&stub, at, "refresh_token").unwrap()).collect();
    assert_eq!(spent, ["r0", "r0"]);
}

#[tokio::test]
async fn a_token_that_somebody_else_rotated_meanwhile_is_no_dead_sign_in() {
    struct Overtaken(Arc<MemoryTokenStore>);

    /// Hands out what was stored before, once: another process rotates right after the load.
    #[async_trait]
    impl TokenStore for Overtaken {
        async fn load(&self, name: &str) -> Result<Option<StoredToken>, TokenStoreError> {
            let loaded = self.0.load(name).await?;
            if loaded.as_ref().is_some_and(|stored| stored.version == 1) {
                self.0.replace(name, 1, SecretString::from("r1")).await?;
            }
            Ok(loaded)
        }

        async fn facts(&self, name: &str) -> Result<Option<TokenFacts>, TokenStoreError> {
            self.0.facts(name).await
        }

        async fn replace(
            &self,
            name: &str,
            version: u64,
            secret: SecretString,
        ) -> Result<bool, TokenStoreError> {
            self.0.replace(name, version, secret).await
        }

        async fn sow(&self, name: &str, version: u64, secret: SecretString) -> Result<bool, TokenStoreError> {
            self.0.sow(name, version, secret).await
        }

        async fn sign_in(
            &self,
            name: &str,
            secret: SecretString,
            account: Option<String>,
        ) -> Result<(), TokenStoreError> {
            self.0.sign_in(name, secret, account).await
        }

        async fn challenge(&self, name: &str, claims: Option<&str>) -> Result<(), TokenStoreError> {
            self.0.challenge(name, claims).await
        }

        async fn lease(
            &self,
            name: &str,
            owner: &str,
            now: Timestamp,
            until: Timestamp,
        ) -> Result<Option<TokenLease>, TokenStoreError> {
            self.0.lease(name, owner, now, until).await
        }

        async fn end_lease(&self, lease: &TokenLease) -> Result<(), TokenStoreError> {
            self.0.end_lease(lease).await
        }
    }

    let stub = Stub::new([]);
    stub.logins.lock().unwrap().extend([answer(400, DEAD), granted("a", None)]);
    let tokens: Arc<dyn TokenStore> = Arc::new(Overtaken(signed_in("r0").await));
    let client = stub.client_with(|config| config.login = login(tokens));
    client.org_id().await.unwrap();
    assert_eq!(field(&stub, 1, "refresh_token").as_deref(), Some("r1"));
}

#[tokio::test]
async fn without_a_sign_in_nothing_is_sent_and_the_next_step_is_told() {
    let stub = Stub::new([]);
    let error = client(&stub, &Arc::default()).org_id().await.unwrap_err();
    assert_eq!(
        (error.class(), error.next_step()),
        (RetryClass::Person, Some("Run: cosell login salesforce"))
    );
    assert!(stub.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_dead_session_is_replaced_by_spending_the_token_once_for_all() {
    let script = (0..5).map(|_| dead_session()).chain((0..5).map(|_| answer(200, EMPTY_PAGE)));
    let stub = Stub::new(script);
    stub.logins.lock().unwrap().extend([granted("a1", Some("r1")), granted("a2", Some("r2"))]);
    let tokens = signed_in("r0").await;
    let client = client(&stub, &tokens);
    client.org_id().await.unwrap();
    let soql = Soql::trusted("SELECT Id FROM User");
    let all = futures::future::join_all((0..5).map(|_| client.query(now(), &soql))).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    assert_eq!(kept(&tokens).await, "r2");
    assert_eq!(stub.grants.load(Ordering::SeqCst), 0, "no login beyond the two that were scripted");
}

// ── The browser ─────────────────────────────────────────────────────────────────────────────────────────────────────

fn person(stub: &Arc<Stub>) -> SignIn {
    let config = ClientConfig::new(login(Arc::<MemoryTokenStore>::default()));
    SignIn::new(stub.http(), stub.clone(), config).unwrap()
}

#[tokio::test]
async fn a_code_is_exchanged_with_its_verifier_and_the_user_is_named() {
    let stub = Stub::new([answer(200, r#"{"records":[{"Username":"cosell@acme.example"}]}"#)]);
    stub.logins.lock().unwrap().push_back(granted("a1", Some("r1")));
    let person = person(&stub);
    let authorization = person.authorization(REDIRECT, Some("cosell@acme.example")).unwrap();
    let address = authorization.address.clone();
    assert_eq!(address.host_str(), Some("login.example"));
    assert_eq!(address.path(), "/services/oauth2/authorize");
    let asked: std::collections::BTreeMap<_, _> = address.query_pairs().into_owned().collect();
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "consumer"),
        ("redirect_uri", REDIRECT),
        ("scope", "api refresh_token"),
        ("code_challenge_method", "S256"),
        ("login_hint", "cosell@acme.example"),
    ] {
        assert_eq!(asked.get(name).map(String::as_str), Some(value), "{name}");
    }
    let state = authorization.state().expose_secret().to_owned();
    assert_eq!(asked["state"], state);

    let signed_in = person.redeem(authorization, &format!("code=c1&state={state}")).await.unwrap();
    assert_eq!(signed_in.refresh_token.expose_secret(), "r1");
    assert_eq!(signed_in.username.as_deref(), Some("cosell@acme.example"));
    assert_eq!((signed_in.org_id.as_str(), signed_in.user_id.as_str()), (ORG, USER));
    let debug = format!("{signed_in:?}");
    assert!(!debug.contains("r1") && !debug.contains("acme"), "{debug}");

    let sent = |name: &str| field(&stub, 0, name).unwrap();
    assert_eq!((sent("grant_type").as_str(), sent("code").as_str()), ("authorization_code", "c1"));
    assert_eq!(sent("redirect_uri"), REDIRECT);
    // PKCE: what was sent along is the hash of what is sent now.
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, sent("code_verifier").as_bytes());
    let challenge = base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, hash);
    assert_eq!(asked["code_challenge"], challenge);
}

#[tokio::test]
async fn each_answer_that_brings_no_sign_in_says_what_to_do() {
    let answers: [(&str, Option<Scripted>, &str); 9] = [
        ("code=c&state=other", None, "close old sign-in pages"),
        ("state=STATE", None, "close old sign-in pages"),
        ("error=access_denied&state=STATE", None, "allow the access"),
        ("error=OAUTH_APP_BLOCKED&error_description=x&state=STATE", None, "unblock"),
        ("error=redirect_uri_mismatch&state=STATE", None, "login_redirect"),
        ("error=invalid_scope&state=STATE", None, "api and refresh_token"),
        (
            "code=c&state=STATE",
            Some(answer(
                400,
                r#"{"error":"invalid_grant","error_description":"expired authorization code"}"#,
            )),
            "sign in once more",
        ),
        (
            "code=c&state=STATE",
            Some(answer(
                400,
                r#"{"error":"invalid_client","error_description":"invalid client credentials"}"#,
            )),
            "consumer key and secret",
        ),
        ("code=c&state=STATE", Some(granted("a", None)), "refresh_token, offline_access"),
    ];
    for (query, login, says) in answers {
        let stub = Stub::new([answer(200, EMPTY_PAGE)]);
        let asks = login.is_some();
        stub.logins.lock().unwrap().extend(login);
        let person = person(&stub);
        let authorization = person.authorization(REDIRECT, None).unwrap();
        let query = query.replace("STATE", authorization.state().expose_secret());
        let error = person.redeem(authorization, &query).await.unwrap_err();
        assert!(error.next_step().contains(says), "{query}: {error}: {}", error.next_step());
        assert_eq!(!stub.seen.lock().unwrap().is_empty(), asks, "{query}");
    }
    let stub = Stub::new([]);
    let person = person(&stub);
    let authorization = person.authorization(REDIRECT, None).unwrap();
    let error = person.redeem(authorization, "code=c").await.unwrap_err();
    assert_eq!(error, SignInError::Astray(Astray::WrongState));
}

#[test]
fn a_login_by_key_or_secret_needs_no_person() {
    let stub = Stub::new([]);
    let config = ClientConfig::new(LoginConfig::ClientCredentials {
        my_domain: "https://acme.my.example".parse().unwrap(),
        client_id: "id".into(),
        client_secret: "secret".into(),
    });
    let http = ports::http_service(tower::service_fn(|_| async { Ok(Response::default()) }));
    let error = SignIn::new(http, stub, config).err().unwrap();
    assert!(matches!(error, Error::Misuse(_)), "{error:?}");
}
