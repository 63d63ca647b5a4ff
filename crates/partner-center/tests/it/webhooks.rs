//! Events, genuine and forged: each forgery is refused for its own reason and costs at most one fetch.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures::future::join_all;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use partner_center::webhook::{Forged, InvalidConfig, Verifier, VerifierConfig};
use ports::TransportError;
use rcgen::{ExtendedKeyUsagePurpose, date_time_ymd};

use crate::{
    platform::{HandClock, ID, Script, answer},
    signer::{Authority, DISPATCHER, Leaf, MICROSOFT, self_signed, sign, sign_longer, sign_pss},
};

const URL: &str =
    "https://3psostorageacct.blob.core.windows.net/cert/pcnotifications-dispatch.microsoft.com.cer";

fn body() -> Vec<u8> {
    event("2026-11-02T09:14:07.1234567+00:00")
}

fn event(date: &str) -> Vec<u8> {
    format!(
        r#"{{"EventName":"referral-updated","ResourceUri":"https://api.partnercenter.microsoft.com/engagements/v1/referrals/{ID}","ResourceName":"referral","AuditUri":null,"ResourceChangeUtcDate":"{date}"}}"#
    )
    .into_bytes()
}

fn headers(signature: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    set(&mut headers, "authorization", &format!("Signature {}", BASE64_STANDARD.encode(signature)));
    set(&mut headers, "x-ms-certificate-url", URL);
    set(&mut headers, "x-ms-signature-algorithm", "rsa-sha256");
    headers
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
}

fn file(bytes: Vec<u8>) -> Response<Bytes> {
    Response::new(Bytes::from(bytes))
}

struct Receiver {
    store: Script,
    clock: Arc<HandClock>,
    verifier: Verifier,
}

impl Receiver {
    fn trusting(authority: &Authority) -> Self {
        let (store, clock) = (Script::default(), HandClock::at("2026-11-02T09:14:08Z"));
        let config = VerifierConfig::new(vec![authority.root()]);
        let verifier = Verifier::new(config, store.service(), clock.clone()).unwrap();
        Self { store, clock, verifier }
    }

    /// What becomes of an event when the store serves `served`.
    async fn judge(
        &self,
        served: Option<Vec<u8>>,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<partner_center::webhook::Notification, Forged> {
        if let Some(served) = served {
            self.store.tell(Ok(file(served)));
        }
        self.verifier.verify(headers, body).await
    }
}

#[tokio::test]
async fn a_genuine_event_is_believed_in_both_header_forms_and_both_file_forms() {
    let authority = Authority::new(MICROSOFT);
    let leaf = authority.leaf(DISPATCHER, 0);
    let mut other_header = headers(&sign(0, &body()));
    let value = other_header.remove("authorization").unwrap();
    other_header.insert("x-ms-signature", value);
    // Whatever stands in `Authorization` then belongs to somebody else.
    set(&mut other_header, "authorization", "Bearer x");
    for served in [leaf.der_file(), leaf.pem_file()] {
        for headers in [headers(&sign(0, &body())), other_header.clone()] {
            let receiver = Receiver::trusting(&authority);
            let notification = receiver.judge(Some(served.clone()), &headers, &body()).await.unwrap();
            assert_eq!(notification.referral.unwrap().to_string(), ID);
            assert_eq!(notification.event_name, "referral-updated");
        }
    }
}

#[tokio::test]
async fn longer_hashes_are_believed_in_any_letter_case_and_each_only_under_its_own_name() {
    let authority = Authority::new(MICROSOFT);
    let receiver = Receiver::trusting(&authority);
    receiver.store.tell(Ok(file(authority.leaf(DISPATCHER, 0).der_file())));
    let [sha384, sha512] = sign_longer(&body());
    let table = [
        ("RSA-SHA384", &sha384, Ok(())),
        ("rsa-sha384", &sha384, Ok(())),
        ("Rsa-Sha512", &sha512, Ok(())),
        ("rsa-sha512", &sha384, Err(Forged::SignatureWrong)),
        ("rsa-sha256", &sha512, Err(Forged::SignatureWrong)),
        ("rsa-md5", &sha384, Err(Forged::AlgorithmRefused)),
        ("RSA-SHA1", &sha384, Err(Forged::AlgorithmRefused)),
        ("rsa-sha224", &sha384, Err(Forged::AlgorithmRefused)),
        ("hmac-sha256", &sha384, Err(Forged::AlgorithmRefused)),
        ("rsa-pss-sha256", &sha384, Err(Forged::AlgorithmRefused)),
        ("rsa-", &sha384, Err(Forged::AlgorithmRefused)),
        ("sha256", &sha384, Err(Forged::AlgorithmRefused)),
    ];
    for (name, signature, expected) in table {
        let mut headers = headers(signature);
        set(&mut headers, "x-ms-signature-algorithm", name);
        assert_eq!(receiver.judge(None, &headers, &body()).await.map(|_| ()), expected, "{name}");
    }
    assert_eq!(receiver.store.asked().len(), 1);
}

#[tokio::test]
async fn an_intermediate_may_come_from_the_configuration() {
    let authority = Authority::new(MICROSOFT);
    let store = Script::default();
    store.tell(Ok(file(authority.leaf(DISPATCHER, 0).lone_file())));
    let mut config = VerifierConfig::new(vec![authority.root()]);
    config.intermediates = vec![authority.intermediate()];
    let verifier = Verifier::new(config, store.service(), HandClock::at("2026-11-02T09:14:08Z")).unwrap();
    assert!(verifier.verify(&headers(&sign(0, &body())), &body()).await.is_ok());
}

#[tokio::test]
async fn an_intermediate_that_is_missing_is_fetched_where_issuers_may_be_and_nowhere_else() {
    let authority = Authority::new(MICROSOFT);
    let genuine = headers(&sign(0, &body()));
    let at = "http://www.microsoft.com/pkiops/certs/Issuing%20CA%2004.crt";
    let alone = |url: &str| authority.leaf_naming_issuer_at(url).lone_file();
    let intermediate = || Ok(file(authority.intermediate().to_vec()));

    let receiver = Receiver::trusting(&authority);
    receiver.store.tell(Ok(file(alone(at))));
    receiver.store.tell(intermediate());
    assert!(receiver.judge(None, &genuine, &body()).await.is_ok());
    assert!(receiver.judge(None, &genuine, &body()).await.is_ok());
    assert_eq!(receiver.store.asked().len(), 2, "the signer's and the issuer's, once");
    assert_eq!(receiver.store.last().uri(), at);

    for elsewhere in ["http://evil.example/pkiops/certs/a.crt", "http://169.254.169.254/", "ldap:///CN=x"] {
        let receiver = Receiver::trusting(&authority);
        let judged = receiver.judge(Some(alone(elsewhere)), &genuine, &body()).await;
        assert_eq!(judged, Err(Forged::ChainUntrusted), "{elsewhere}");
        assert_eq!(receiver.store.asked().len(), 1, "{elsewhere}");
    }

    // The issuer's place is away: nobody's forgery, maybe.
    let receiver = Receiver::trusting(&authority);
    receiver.store.tell(Ok(file(alone(at))));
    receiver.store.answer(500, "");
    assert_eq!(receiver.judge(None, &genuine, &body()).await, Err(Forged::CertificateUnavailable));
    receiver.clock.advance(Duration::from_mins(1));
    receiver.store.tell(Ok(file(alone(at))));
    receiver.store.tell(intermediate());
    assert!(receiver.judge(None, &genuine, &body()).await.is_ok());

    // What is there is no issuer of it, or leads in a circle: the fetches end.
    for (wrong, asked) in [(b"<html>".to_vec(), 2), (alone(at), 4)] {
        let receiver = Receiver::trusting(&authority);
        receiver.store.tell(Ok(file(alone(at))));
        for _ in 1..asked {
            receiver.store.tell(Ok(file(wrong.clone())));
        }
        assert_eq!(receiver.judge(None, &genuine, &body()).await, Err(Forged::ChainUntrusted));
        assert_eq!(receiver.store.asked().len(), asked);
    }
}

#[tokio::test]
async fn each_forgery_that_needs_a_certificate_is_refused_for_its_own_reason_at_the_cost_of_one_fetch() {
    let authority = Authority::new(MICROSOFT);
    let good = || authority.leaf(DISPATCHER, 0);
    let genuine = || headers(&sign(0, &body()));
    let foreign_organization = Authority::new("Microsoft Corporation Ltd");
    let wrong_use = |params: &mut rcgen::CertificateParams| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
    };
    let ended = |params: &mut rcgen::CertificateParams| params.not_after = date_time_ymd(2026, 11, 1);
    let early = |params: &mut rcgen::CertificateParams| params.not_before = date_time_ymd(2026, 12, 1);
    let organization_of_its_own = |params: &mut rcgen::CertificateParams| {
        params.distinguished_name.push(rcgen::DnType::OrganizationName, "Somebody");
    };
    assert!(
        Receiver::trusting(&authority)
            .judge(Some(authority.shared_leaf_with(organization_of_its_own).der_file()), &genuine(), &body())
            .await
            .is_ok(),
        "positive control: the subject's own organisation is not asked"
    );
    let mut sha512 = genuine();
    set(&mut sha512, "x-ms-signature-algorithm", "rsa-sha512");
    let mut tampered = body();
    let at = tampered.iter().position(|b| *b == b'7').unwrap();
    tampered[at] = b'8';
    let reordered = {
        let mut body = body();
        body.push(b' ');
        body
    };
    let table = vec![
        ("tampered body", good().der_file(), genuine(), tampered, Forged::SignatureWrong),
        ("a space after the body", good().der_file(), genuine(), reordered, Forged::SignatureWrong),
        ("another key", good().der_file(), headers(&sign(1, &body())), body(), Forged::SignatureWrong),
        ("another padding", good().der_file(), headers(&sign_pss(&body())), body(), Forged::SignatureWrong),
        ("another hash than claimed", good().der_file(), sha512, body(), Forged::SignatureWrong),
        ("a short signature", good().der_file(), headers(b"x"), body(), Forged::SignatureWrong),
        (
            "not an RSA key",
            authority.ecdsa_leaf(DISPATCHER).der_file(),
            genuine(),
            body(),
            Forged::SignatureWrong,
        ),
        ("self-signed", self_signed().der_file(), genuine(), body(), Forged::ChainUntrusted),
        (
            "another root",
            Authority::new(MICROSOFT).leaf(DISPATCHER, 0).der_file(),
            genuine(),
            body(),
            Forged::ChainUntrusted,
        ),
        ("no intermediate", good().lone_file(), genuine(), body(), Forged::ChainUntrusted),
        (
            "an authority as signer",
            authority.intermediate().to_vec(),
            genuine(),
            body(),
            Forged::ChainUntrusted,
        ),
        (
            "another use",
            authority.shared_leaf_with(wrong_use).der_file(),
            genuine(),
            body(),
            Forged::ChainUntrusted,
        ),
        (
            "expired",
            authority.shared_leaf_with(ended).der_file(),
            genuine(),
            body(),
            Forged::CertificateExpired,
        ),
        (
            "not valid yet",
            authority.shared_leaf_with(early).der_file(),
            genuine(),
            body(),
            Forged::CertificateNotYetValid,
        ),
        (
            "another subject",
            authority.leaf("dispatch.evil.example", 0).der_file(),
            genuine(),
            body(),
            Forged::SubjectForeign,
        ),
        ("no certificate", b"<html></html>".to_vec(), genuine(), body(), Forged::CertificateMalformed),
        ("an empty file", Vec::new(), genuine(), body(), Forged::CertificateMalformed),
        ("a cut file", good().lone_file()[..200].to_vec(), genuine(), body(), Forged::CertificateMalformed),
        ("a long file", vec![0x30; 70_000], genuine(), body(), Forged::CertificateUnavailable),
    ];
    for (forgery, served, headers, body, reason) in table {
        let receiver = Receiver::trusting(&authority);
        assert_eq!(receiver.judge(Some(served), &headers, &body).await, Err(reason), "{forgery}");
        // Ten thousand more of its kind would cost nothing either.
        for _ in 0..3 {
            assert_eq!(receiver.judge(None, &headers, &body).await, Err(reason), "{forgery}, again");
        }
        assert_eq!(receiver.store.asked().len(), 1, "{forgery}");
    }
    let receiver = Receiver::trusting(&foreign_organization);
    let served = foreign_organization.leaf(DISPATCHER, 0).der_file();
    assert_eq!(receiver.judge(Some(served), &genuine(), &body()).await, Err(Forged::IssuerForeign));
}

#[tokio::test]
async fn what_an_event_says_of_itself_is_judged_before_anything_is_fetched() {
    let authority = Authority::new(MICROSOFT);
    let genuine = || headers(&sign(0, &body()));
    let with = |name, value: &str| {
        let mut headers = genuine();
        set(&mut headers, name, value);
        headers
    };
    let without = |name| {
        let mut headers = genuine();
        headers.remove(name);
        headers
    };
    let twice = |name: &'static str| {
        let mut headers = genuine();
        headers.append(name, headers[name].clone());
        headers
    };
    let url = "x-ms-certificate-url";
    let algorithm = "x-ms-signature-algorithm";
    let long = vec![b' '; 70_000];
    let table = vec![
        ("too long", genuine(), long, Forged::BodyTooLong, 413),
        (
            "a form",
            with("content-type", "application/x-www-form-urlencoded"),
            body(),
            Forged::ContentForeign,
            415,
        ),
        ("compressed", with("content-encoding", "gzip"), body(), Forged::ContentForeign, 415),
        ("unsigned", without("authorization"), body(), Forged::SignatureMissing, 401),
        ("another scheme", with("authorization", "Bearer abc"), body(), Forged::SignatureMissing, 401),
        ("no base64", with("authorization", "Signature ***"), body(), Forged::SignatureMalformed, 400),
        ("empty signature", with("x-ms-signature", "Signature "), body(), Forged::SignatureMalformed, 400),
        ("two signatures", twice("authorization"), body(), Forged::SignatureMalformed, 400),
        ("no certificate address", without(url), body(), Forged::CertificateUrlMissing, 400),
        ("two certificate addresses", twice(url), body(), Forged::CertificateUrlMissing, 400),
        (
            "foreign host",
            with(url, "https://evil.example/cert/a.cer"),
            body(),
            Forged::CertificateUrlForeign,
            400,
        ),
        ("plain http", with(url, &URL.replace("https", "http")), body(), Forged::CertificateUrlForeign, 400),
        (
            "metadata service",
            with(url, "http://169.254.169.254/"),
            body(),
            Forged::CertificateUrlForeign,
            400,
        ),
        ("no algorithm", without(algorithm), body(), Forged::AlgorithmMissing, 400),
        ("SHA-1", with(algorithm, "rsa-sha1"), body(), Forged::AlgorithmRefused, 400),
        ("no signature at all", with(algorithm, "none"), body(), Forged::AlgorithmRefused, 400),
        ("no JSON", genuine(), b"hello".to_vec(), Forged::BodyMalformed, 400),
        (
            "no referral",
            genuine(),
            br#"{"EventName":"referral-updated"}"#.to_vec(),
            Forged::ResourceMalformed,
            400,
        ),
    ];
    let receiver = Receiver::trusting(&authority);
    for (forgery, headers, body, reason, status) in table {
        assert_eq!(receiver.judge(None, &headers, &body).await, Err(reason), "{forgery}");
        assert_eq!(reason.status().as_u16(), status, "{forgery}");
    }
    assert!(receiver.store.asked().is_empty(), "nothing was fetched");
}

#[tokio::test]
async fn a_replay_is_known_only_once_the_event_was_taken() {
    let authority = Authority::new(MICROSOFT);
    let receiver = Receiver::trusting(&authority);
    let genuine = headers(&sign(0, &body()));
    let served = authority.leaf(DISPATCHER, 0).der_file();
    let notification = receiver.judge(Some(served), &genuine, &body()).await.unwrap();
    // Its mark could not be made durable, so the sender's next attempt must count.
    assert_eq!(receiver.judge(None, &genuine, &body()).await.as_ref(), Ok(&notification));
    receiver.verifier.remember(&notification);
    assert_eq!(receiver.judge(None, &genuine, &body()).await, Err(Forged::Replay));
    assert_eq!(Forged::Replay.status().as_u16(), 200);
    let later = event("2026-11-02T09:15:00Z");
    assert!(receiver.judge(None, &headers(&sign(0, &later)), &later).await.is_ok());
    assert_eq!(receiver.store.asked().len(), 1);
}

#[tokio::test]
async fn events_that_only_look_the_same_are_all_heard() {
    let authority = Authority::new(MICROSOFT);
    let receiver = Receiver::trusting(&authority);
    receiver.store.tell(Ok(file(authority.leaf(DISPATCHER, 0).der_file())));
    let text = String::from_utf8(body()).unwrap();
    let undated = text.replace("ResourceChangeUtcDate", "Other");
    let related = text.replace("referral-updated", "related-referral-updated");
    for body in [undated, related].map(String::into_bytes) {
        let headers = headers(&sign(0, &body));
        for _ in 0..2 {
            let notification = receiver.judge(None, &headers, &body).await.unwrap();
            receiver.verifier.remember(&notification);
        }
    }
}

#[tokio::test]
async fn events_at_the_same_time_share_one_fetch() {
    let authority = Authority::new(MICROSOFT);
    let receiver = Receiver::trusting(&authority);
    receiver.store.tell(Ok(file(authority.leaf(DISPATCHER, 0).der_file())));
    let (headers, body) = (headers(&sign(0, &body())), body());
    let outcomes = join_all((0..8).map(|_| receiver.verifier.verify(&headers, &body))).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(receiver.store.asked().len(), 1);
}

#[tokio::test]
async fn a_replaced_certificate_is_fetched_when_the_one_at_hand_no_longer_fits() {
    let authority = Authority::new(MICROSOFT);
    let receiver = Receiver::trusting(&authority);
    let (old, new) = (headers(&sign(0, &body())), headers(&sign(1, &body())));
    let leaf = |key| -> Leaf { authority.leaf(DISPATCHER, key) };
    assert!(receiver.judge(Some(leaf(0).der_file()), &old, &body()).await.is_ok());
    // Too soon after the last fetch: refused, at no cost.
    assert_eq!(receiver.judge(None, &new, &body()).await, Err(Forged::SignatureWrong));
    receiver.clock.advance(Duration::from_mins(1));
    assert!(receiver.judge(Some(leaf(1).der_file()), &new, &body()).await.is_ok());
    assert_eq!(receiver.store.asked().len(), 2);
}

#[tokio::test]
async fn an_address_that_fails_never_takes_away_the_certificate_that_was_proven() {
    let authority = Authority::new(MICROSOFT);
    let receiver = Receiver::trusting(&authority);
    let genuine = headers(&sign(0, &body()));
    assert!(receiver.judge(Some(authority.leaf(DISPATCHER, 0).der_file()), &genuine, &body()).await.is_ok());
    receiver.clock.advance(Duration::from_mins(1));
    receiver.store.answer(500, "");
    let forged = headers(&sign(2, &body()));
    assert_eq!(receiver.judge(None, &forged, &body()).await, Err(Forged::SignatureWrong));
    assert!(receiver.judge(None, &genuine, &body()).await.is_ok());
}

#[tokio::test]
async fn a_store_that_redirects_fails_or_is_away_asks_the_sender_to_try_again() {
    let authority = Authority::new(MICROSOFT);
    let away = || TransportError::Connect { host: "h".to_owned(), reason: "refused".to_owned() };
    for outcome in [
        Ok(answer(302, &[("Location", "https://evil.example/a.cer")], "")),
        Ok(answer(404, &[], "")),
        Ok(answer(500, &[], "")),
        Err(away()),
    ] {
        let receiver = Receiver::trusting(&authority);
        receiver.store.tell(outcome);
        let refused = receiver.judge(None, &headers(&sign(0, &body())), &body()).await.unwrap_err();
        assert_eq!((refused, refused.status().as_u16()), (Forged::CertificateUnavailable, 503));
        assert!(refused.needed_certificate(), "a fetch that fails is paid for like one that does not");
        assert_eq!(receiver.store.asked().len(), 1);
    }
}

#[tokio::test]
async fn forgeries_under_many_addresses_cost_a_few_fetches_and_spare_the_proven_certificate() {
    let authority = Authority::new(MICROSOFT);
    let receiver = Receiver::trusting(&authority);
    let genuine = headers(&sign(0, &body()));
    assert!(receiver.judge(Some(authority.leaf(DISPATCHER, 0).der_file()), &genuine, &body()).await.is_ok());
    for _ in 0..4 {
        receiver.store.answer(404, "");
    }
    for number in 0..200 {
        let mut headers = genuine.clone();
        set(&mut headers, "x-ms-certificate-url", &format!("{URL}.{number}"));
        assert_eq!(receiver.judge(None, &headers, &body()).await, Err(Forged::CertificateUnavailable));
    }
    assert_eq!(receiver.store.asked().len(), 1 + 4, "strangers share four fetches a minute");
    assert!(receiver.judge(None, &genuine, &body()).await.is_ok());
}

#[tokio::test]
async fn a_certificate_that_is_replaced_during_a_flood_under_other_addresses_is_still_found() {
    let authority = Authority::new(MICROSOFT);
    let receiver = Receiver::trusting(&authority);
    let (old, new) = (headers(&sign(0, &body())), headers(&sign(1, &body())));
    assert!(receiver.judge(Some(authority.leaf(DISPATCHER, 0).der_file()), &old, &body()).await.is_ok());
    receiver.clock.advance(Duration::from_mins(1));
    for number in 0..8 {
        let mut forged = old.clone();
        set(&mut forged, "x-ms-certificate-url", &format!("{URL}.{number}"));
        let served = (number < 4).then(Vec::new);
        assert!(receiver.judge(served, &forged, &body()).await.is_err());
    }
    assert_eq!(receiver.store.asked().len(), 1 + 4, "strangers share four fetches a minute");
    assert!(receiver.judge(Some(authority.leaf(DISPATCHER, 1).der_file()), &new, &body()).await.is_ok());
}

#[tokio::test]
async fn a_flood_under_other_addresses_does_not_keep_the_first_genuine_event_waiting() {
    let authority = Authority::new(MICROSOFT);
    let receiver = Receiver::trusting(&authority);
    let genuine = headers(&sign(0, &body()));
    for number in 0..8 {
        let mut forged = genuine.clone();
        set(&mut forged, "x-ms-certificate-url", &format!("{URL}.{number}"));
        let served = (number < 4).then(Vec::new);
        assert!(receiver.judge(served, &forged, &body()).await.is_err());
    }
    assert_eq!(receiver.store.asked().len(), 4, "strangers have used up their fetches");
    let served = authority.leaf(DISPATCHER, 0).der_file();
    assert!(receiver.judge(Some(served), &genuine, &body()).await.is_ok());
    // Even this address is asked no more than once a minute.
    let forged = headers(&sign(2, &body()));
    assert_eq!(receiver.judge(None, &forged, &body()).await, Err(Forged::SignatureWrong));
    assert_eq!(receiver.store.asked().len(), 5);
}

#[test]
fn a_configuration_that_could_believe_nobody_is_refused() {
    let root = Authority::new(MICROSOFT).root();
    let make = |config| {
        Verifier::new(config, Script::default().service(), HandClock::at("2026-11-02T09:14:08Z")).map(|_| ())
    };
    assert_eq!(make(VerifierConfig::new(Vec::new())), Err(InvalidConfig::NoAnchor));
    assert_eq!(make(VerifierConfig::new(vec![b"x".to_vec().into()])), Err(InvalidConfig::BadAnchor));
    let mut config = VerifierConfig::new(vec![root]);
    config.certificate_url_prefixes = vec!["https://store.example/cert".to_owned()];
    assert_eq!(make(config), Err(InvalidConfig::BadPrefix));
}
