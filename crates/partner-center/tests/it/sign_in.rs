//! A person signs in: every answer to a device code, every way back of a browser, and the application's own proof.

use std::{process::Command, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use partner_center::{
    AssertionAlgorithm, AuthError, Claims, ClientCertificate, ClientProof, SignIn, SignInError, TokenConfig,
    UnfitCertificate,
};
use ports::{Clock as _, SystemRng, TransportError};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::platform::{HandClock, Script, TOKEN_URL};

const REDIRECT: &str = "http://127.0.0.1:50123/";

struct Stage {
    login: Script,
    clock: Arc<HandClock>,
    person: SignIn,
}

fn stage_with(client: ClientProof, claims: Option<&str>) -> Stage {
    let (login, clock) = (Script::default(), HandClock::at("2026-11-02T09:14:00Z"));
    let config = TokenConfig { client, ..TokenConfig::new(TOKEN_URL, "app") };
    let claims = claims.and_then(Claims::parse);
    let rng = Arc::new(SystemRng);
    let person = SignIn::new(login.service(), clock.clone(), rng, config, None, None, claims).unwrap();
    Stage { login, clock, person }
}

fn stage() -> Stage {
    stage_with(ClientProof::None, None)
}

impl Stage {
    fn form(&self, at: usize) -> Vec<(String, String)> {
        url::form_urlencoded::parse(self.login.asked()[at].body()).into_owned().collect()
    }

    fn field(&self, at: usize, name: &str) -> Option<String> {
        self.form(at).into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// A device code of ten minutes, asked for every five seconds.
    fn gives_a_code(&self) {
        self.login.answer(
            200,
            r#"{"device_code":"d1","user_code":"ABC123","verification_uri":"https://x.example/device",
                "expires_in":600,"interval":5}"#,
        );
    }

    fn says(&self, error: &str) {
        self.login.answer(400, &json!({ "error": error }).to_string());
    }
}

fn id_token(claims: &Value) -> String {
    format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

fn granted(id_token: &str) -> String {
    json!({ "access_token": "a1", "expires_in": 3600, "refresh_token": "r1", "id_token": id_token })
        .to_string()
}

#[tokio::test]
async fn a_device_code_is_polled_at_the_servers_pace_until_somebody_approves() {
    let stage = stage();
    stage.gives_a_code();
    stage.says("authorization_pending");
    stage.says("slow_down");
    let identity = id_token(&json!({ "tid": "t1", "preferred_username": "jo@x.example" }));
    stage.login.answer(200, &granted(&identity));
    let code = stage.person.device_code().await.unwrap();
    assert_eq!((code.user_code.as_str(), code.address.as_str()), ("ABC123", "https://x.example/device"));
    let began = stage.clock.now();
    let signed_in = stage.person.answered(&code).await.unwrap();
    assert_eq!(stage.clock.now().duration_since(began).as_secs(), 5 + 5 + 10, "slow_down adds five seconds");
    assert_eq!(signed_in.refresh_token.expose_secret(), "r1");
    assert_eq!(signed_in.account.as_deref(), Some("jo@x.example"));
    assert_eq!(signed_in.tenant.as_deref(), Some("t1"));
    assert!(stage.login.asked()[0].uri().path().ends_with("/oauth2/v2.0/devicecode"));
    assert_eq!(stage.field(1, "device_code").as_deref(), Some("d1"));
    let texts = format!("{signed_in:?} {code:?}");
    assert!(!texts.contains("r1") && !texts.contains("jo@") && !texts.contains("d1"), "{texts}");
}

#[tokio::test]
async fn a_device_code_that_is_declined_expires_or_is_refused_ends_at_once() {
    for (word, expected) in [
        ("authorization_declined", SignInError::Declined),
        ("access_denied", SignInError::Declined),
        ("expired_token", SignInError::Expired),
        (
            "bad_verification_code",
            SignInError::Auth(AuthError::Refused {
                status: 400,
                code: Some("bad_verification_code".to_owned()),
                codes: vec![],
            }),
        ),
    ] {
        let stage = stage();
        stage.gives_a_code();
        stage.says(word);
        let code = stage.person.device_code().await.unwrap();
        let error = stage.person.answered(&code).await.unwrap_err();
        assert_eq!(error, expected, "{word}");
        assert_eq!(stage.login.asked().len(), 2);
        assert!(!error.next_step().is_empty());
    }
}

#[tokio::test]
async fn a_device_code_that_nobody_enters_is_not_polled_past_its_end() {
    let stage = stage();
    stage.gives_a_code();
    for _ in 0..119 {
        stage.says("authorization_pending");
    }
    let code = stage.person.device_code().await.unwrap();
    assert_eq!(stage.person.answered(&code).await.unwrap_err(), SignInError::Expired);
    assert_eq!(stage.login.asked().len(), 120, "600 s at 5 s each, the last one not sent");
}

#[tokio::test]
async fn an_outage_while_polling_is_waited_out_at_a_slower_pace() {
    let stage = stage();
    stage.gives_a_code();
    let unreachable =
        TransportError::Connect { host: "login.example".to_owned(), reason: "refused".to_owned() };
    stage.login.tell(Err(unreachable)).answer(503, "").answer(200, &granted(""));
    let code = stage.person.device_code().await.unwrap();
    let began = stage.clock.now();
    stage.person.answered(&code).await.unwrap();
    assert_eq!(stage.clock.now().duration_since(began).as_secs(), 5 + 10 + 20);
}

fn query(address: &url::Url, name: &str) -> String {
    address.query_pairs().find(|(key, _)| key == name).unwrap_or_else(|| panic!("no {name}")).1.into_owned()
}

#[tokio::test]
async fn a_browsers_code_is_exchanged_with_the_verifier_of_its_challenge() {
    let stage = stage_with(ClientProof::Secret(SecretString::from("s3cret")), None);
    let authorization = stage.person.authorization(REDIRECT).unwrap();
    let address = authorization.address.clone();
    assert!(address.as_str().starts_with("https://login.example/tenant/oauth2/v2.0/authorize?"));
    assert_eq!(query(&address, "code_challenge_method"), "S256");
    let identity = id_token(&json!({ "nonce": query(&address, "nonce"), "tid": "t1" }));
    stage.login.answer(200, &granted(&identity));
    let shown = format!("{authorization:?}");
    assert!(!shown.contains(&query(&address, "state")), "{shown}");
    let answer = format!("code=c1&state={}", query(&address, "state"));
    stage.person.redeem(authorization, &answer).await.unwrap();
    let verifier = stage.field(0, "code_verifier").unwrap();
    assert!((43..=128).contains(&verifier.len()));
    let hash = <sha2::Sha256 as sha2::Digest>::digest(verifier.as_bytes());
    assert_eq!(URL_SAFE_NO_PAD.encode(hash), query(&address, "code_challenge"));
    assert_eq!(stage.field(0, "redirect_uri").as_deref(), Some(REDIRECT));
    assert_eq!(stage.field(0, "client_secret").as_deref(), Some("s3cret"));
    assert_eq!(stage.field(0, "code").as_deref(), Some("c1"));
    let other = stage.person.authorization(REDIRECT).unwrap();
    assert_ne!(query(&other.address, "state"), query(&address, "state"), "drawn anew for each sign-in");
}

#[tokio::test]
async fn a_browser_that_comes_back_wrongly_exchanges_nothing() {
    let table: [(&str, SignInError); 7] = [
        ("code=c1&state=guessed", SignInError::WrongState),
        ("code=c1", SignInError::WrongState),
        ("code=c1&state=STATE&state=STATE", SignInError::WrongState),
        ("state=STATE", SignInError::NoCode),
        ("error=access_denied&state=STATE", SignInError::Declined),
        (
            "error=access_denied&error_description=AADSTS90094%3A+jo%40x.example+asks&state=STATE",
            SignInError::Auth(AuthError::ConsentMissing { codes: vec![90_094] }),
        ),
        (
            "code=c1&error=invalid_request&error_description=AADSTS50011&state=STATE",
            SignInError::Auth(AuthError::Refused {
                status: 302,
                code: Some("invalid_request".to_owned()),
                codes: vec![50_011],
            }),
        ),
    ];
    for (back, expected) in table {
        let stage = stage();
        let authorization = stage.person.authorization(REDIRECT).unwrap();
        let back = back.replace("STATE", &query(&authorization.address, "state"));
        let error = stage.person.redeem(authorization, &back).await.unwrap_err();
        assert_eq!(error, expected, "{back}");
        assert!(stage.login.asked().is_empty(), "{back}");
        assert!(!error.to_string().contains("jo@"), "{error}");
    }
}

#[tokio::test]
async fn an_identity_with_another_nonce_and_a_grant_without_refresh_token_are_refused() {
    let stage = stage();
    for (answer, expected) in [
        (granted(&id_token(&json!({ "nonce": "another" }))), SignInError::WrongNonce),
        (granted(&id_token(&json!({ "tid": "t1" }))), SignInError::WrongNonce),
        (r#"{"access_token":"a1","expires_in":3600}"#.to_owned(), SignInError::NoRefreshToken),
    ] {
        let authorization = stage.person.authorization(REDIRECT).unwrap();
        let back = format!("code=c1&state={}", query(&authorization.address, "state"));
        stage.login.answer(200, &answer);
        assert_eq!(stage.person.redeem(authorization, &back).await.unwrap_err(), expected);
    }
}

#[tokio::test]
async fn what_a_platform_demanded_is_asked_for_in_the_next_sign_in() {
    let demand = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;
    let stage = stage_with(ClientProof::None, Some(demand));
    let authorization = stage.person.authorization(REDIRECT).unwrap();
    assert_eq!(query(&authorization.address, "claims"), demand);
    stage.gives_a_code();
    stage.login.answer(200, &granted(""));
    let code = stage.person.device_code().await.unwrap();
    stage.person.answered(&code).await.unwrap();
    assert_eq!(stage.field(1, "claims").as_deref(), Some(demand));
}

// ── The application's proof ─────────────────────────────────────────────────────────────────────────────────────────

/// A key and a certificate that openssl made, in a folder of their own.
struct Certificate(tempfile::TempDir);

impl Certificate {
    fn made() -> Self {
        let folder = tempfile::tempdir().unwrap();
        openssl(
            &folder,
            &[
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-keyout",
                "key.pem",
                "-out",
                "cert.pem",
                "-days",
                "36500",
                "-subj",
                "/CN=cosell",
            ],
        );
        openssl(&folder, &["x509", "-in", "cert.pem", "-pubkey", "-noout", "-out", "public.pem"]);
        Self(folder)
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.path().join(name)).unwrap()
    }

    fn proof(&self, algorithm: AssertionAlgorithm) -> ClientProof {
        let key = SecretString::from(self.text("key.pem"));
        let certificate = ClientCertificate::from_pem(&self.text("cert.pem"), &key, algorithm).unwrap();
        assert!(!format!("{certificate:?}").contains("PRIVATE"));
        ClientProof::Certificate(Arc::new(certificate))
    }
}

fn openssl(folder: &tempfile::TempDir, arguments: &[&str]) -> String {
    let output = Command::new("openssl").args(arguments).current_dir(folder.path()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "openssl {arguments:?}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

#[tokio::test]
async fn an_assertion_is_verified_by_openssl_names_its_certificate_and_is_used_once() {
    let certificate = Certificate::made();
    for (algorithm, name) in [(AssertionAlgorithm::Ps256, "PS256"), (AssertionAlgorithm::Rs256, "RS256")] {
        let stage = stage_with(certificate.proof(algorithm), None);
        stage.gives_a_code();
        stage.says("authorization_pending");
        stage.login.answer(200, &granted(""));
        let code = stage.person.device_code().await.unwrap();
        stage.person.answered(&code).await.unwrap();
        let kind = stage.field(1, "client_assertion_type").unwrap();
        assert_eq!(kind, "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
        assert_eq!(stage.field(1, "client_secret"), None);
        let assertion = stage.field(1, "client_assertion").unwrap();
        let parts: Vec<&str> = assertion.split('.').collect();
        let read =
            |part: &str| -> Value { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap() };
        let (header, claims) = (read(parts[0]), read(parts[1]));
        assert_eq!(header["alg"], name);

        // The thumbprints, as openssl sees the certificate.
        for (member, hash) in [("x5t", "-sha1"), ("x5t#S256", "-sha256")] {
            let told = openssl(&certificate.0, &["x509", "-in", "cert.pem", "-noout", "-fingerprint", hash]);
            let hex = told.trim().rsplit('=').next().unwrap().replace(':', "");
            let bytes: Vec<u8> = (0..hex.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
                .collect();
            assert_eq!(header[member], URL_SAFE_NO_PAD.encode(bytes), "{member}");
        }
        assert_eq!(
            (&claims["aud"], &claims["iss"], &claims["sub"]),
            (&json!(TOKEN_URL), &json!("app"), &json!("app"))
        );
        let life = claims["exp"].as_i64().unwrap() - claims["nbf"].as_i64().unwrap();
        assert!((60..=600).contains(&life), "{life}");
        let second = stage.field(2, "client_assertion").unwrap();
        assert_ne!(read(second.split('.').nth(1).unwrap())["jti"], claims["jti"], "each is used once");

        let folder = certificate.0.path();
        std::fs::write(folder.join("signed"), format!("{}.{}", parts[0], parts[1])).unwrap();
        std::fs::write(folder.join("signature"), URL_SAFE_NO_PAD.decode(parts[2]).unwrap()).unwrap();
        let mut verify = vec!["dgst", "-sha256", "-verify", "public.pem", "-signature", "signature"];
        if algorithm == AssertionAlgorithm::Ps256 {
            verify.extend(["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"]);
        }
        verify.push("signed");
        assert!(openssl(&certificate.0, &verify).contains("Verified OK"));
    }
}

#[tokio::test]
async fn an_expired_certificate_is_found_before_anything_is_sent() {
    let certificate = Certificate::made();
    let stage = stage_with(certificate.proof(AssertionAlgorithm::Ps256), None);
    stage.gives_a_code();
    let code = stage.person.device_code().await.unwrap();
    stage.clock.advance(Duration::from_hours(24 * 36_600));
    let code = without_end(code);
    let error = stage.person.answered(&code).await.unwrap_err();
    assert_eq!(error, SignInError::Auth(AuthError::CertificateExpired));
    assert_eq!(stage.login.asked().len(), 1);
}

fn without_end(mut code: partner_center::DeviceCode) -> partner_center::DeviceCode {
    code.expires = jiff::Timestamp::MAX;
    code
}

#[test]
fn a_key_of_another_certificate_or_no_key_at_all_is_refused_at_the_start() {
    let (ours, theirs) = (Certificate::made(), Certificate::made());
    let read = |certificate: &str, key: &str| {
        let key = SecretString::from(key);
        ClientCertificate::from_pem(certificate, &key, AssertionAlgorithm::Ps256).map(|_| ())
    };
    let (certificate, key) = (ours.text("cert.pem"), ours.text("key.pem"));
    assert_eq!(read(&certificate, &key), Ok(()));
    assert_eq!(read(&certificate, &theirs.text("key.pem")), Err(UnfitCertificate::Strangers));
    assert_eq!(read(&certificate, &certificate), Err(UnfitCertificate::Key));
    assert_eq!(read(&key, &key), Err(UnfitCertificate::Certificate));
}
