//! The signature check judged by others: openssl, and the Python package `cryptography`.
//!
//! The same deliveries, genuine and forged, go to all three, and all three must give the same first reason. Some are
//! the sandbox's own; others are signed by openssl under a root of the test's own, so that nothing the verifier and
//! the sandbox have in common can make a wrong signature right.

mod openssl;
mod python;

use std::{path::Path, sync::Arc};

use axum::{Router, routing::get};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue};
use partner_center::webhook::{Verifier, VerifierConfig};
use ports::{Clock, SystemClock};
use reqwest::Method;
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use serde_json::json;

use crate::{
    harness::{Platform, World},
    postbox::{Letter, Postbox, serve},
    scenarios::invitation,
};
use openssl::Forge;

/// What a judge says when it finds nothing wrong.
const GENUINE: &str = "genuine";

/// One delivery, with everything that a judge may need.
struct Case {
    name: &'static str,
    expected: &'static str,
    letter: Letter,
    /// PEM: the signer's certificate, then what came in the same file.
    file: String,
}

impl Case {
    fn signature(&self) -> Vec<u8> {
        let value = self.letter.header("authorization").strip_prefix("Signature ").unwrap();
        STANDARD.decode(value).unwrap()
    }

    /// The hash that the sender claims: `sha256`.
    fn hash(&self) -> &str {
        self.letter.header("x-ms-signature-algorithm").strip_prefix("rsa-").unwrap()
    }
}

/// Whom all judges trust.
struct Trusted {
    roots: String,
    intermediates: String,
}

#[tokio::test]
async fn p17_openssl_and_a_second_implementation_agree_on_every_delivery() {
    let python = python::installed();
    let world = World::start();
    let folder = world.folder().to_owned();
    let forge = Forge::new(&folder.join("forge"));
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let trusted = Trusted {
        roots: read("sandbox-ca.pem") + &forge.root_pem(),
        intermediates: read("sandbox-intermediate.pem"),
    };
    let cases = cases(&world, &forge).await;

    let mut rows = Vec::new();
    let theirs = python::judge(&python, &cases, &trusted);
    for (case, theirs) in cases.iter().zip(theirs) {
        let ours = judge(case, &trusted).await;
        let others = openssl::judge(case, &trusted, &folder.join("openssl"));
        rows.push([case.name.to_owned(), case.expected.to_owned(), ours, others, theirs]);
    }
    let differ = rows.iter().any(|[_, expected, judges @ ..]| judges.iter().any(|said| said != expected));
    let line = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|cell| format!("{cell:<25}")).collect();
        cells.join(" ")
    };
    let head = ["delivery", "expected", "cosell", "openssl", "cryptography"].map(str::to_owned);
    let table: Vec<String> = std::iter::once(line(&head)).chain(rows.iter().map(|row| line(row))).collect();
    assert!(!differ, "the judges disagree:\n{}", table.join("\n"));
}

/// What our own verifier says, with nothing at hand but the delivery.
async fn judge(case: &Case, trusted: &Trusted) -> String {
    let pem = |text: &str| -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Result<_, _>>().unwrap()
    };
    let file = case.file.clone();
    let place = serve(Router::new().route("/cert/signer.cer", get(move || async move { file }))).await;
    let mut config = VerifierConfig::new(pem(&trusted.roots));
    config.intermediates = pem(&trusted.intermediates);
    config.certificate_url_prefixes = vec![format!("http://{place}/cert/")];
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let verifier = Verifier::new(config, service::outbound(Arc::clone(&clock)).unwrap(), clock).unwrap();
    let letter = case.letter.with("x-ms-certificate-url", &format!("http://{place}/cert/signer.cer"));
    let headers: HeaderMap = letter
        .headers
        .iter()
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap()))
        .collect();
    match verifier.verify(&headers, &letter.body).await {
        Ok(_) => GENUINE.to_owned(),
        Err(forged) => forged.code().to_owned(),
    }
}

async fn cases(world: &World, forge: &Forge) -> Vec<Case> {
    let postbox = Postbox::open(world).await;
    let invited = json!({ "referral": invitation("Contoso vault"), "withMicrosoft": false });
    let referral = world.acts("microsoft/invite", invited).await["id"].as_str().unwrap().to_owned();
    let first = postbox.next(0, |letter| letter.is_about(&referral)).await;
    let edited = async |signer: &str| {
        let knob = json!({ "webhook_signer": signer });
        world.control(Platform::PartnerCenter, Method::PATCH, "knobs", Some(&knob)).await;
        let before = postbox.count();
        let notes = json!({ "id": referral, "set": { "/details/notes": format!("signed by {signer}") } });
        world.acts("portal/edit", notes).await;
        postbox.next(before, |letter| letter.is_about(&referral)).await
    };
    let chain = async |letter: &Letter| {
        let url = format!("{}?chain=1", letter.header("x-ms-certificate-url"));
        reqwest::get(url).await.unwrap().text().await.unwrap()
    };
    let mut cases = Vec::new();
    let mut add = |name, expected, letter: Letter, file: &str| {
        cases.push(Case { name, expected, letter, file: file.to_owned() });
    };
    let (genuine, tampered) = (edited("genuine").await, edited("tampered").await);
    let file = chain(&genuine).await;
    add("the sandbox's", GENUINE, first.clone(), &file);
    add("the sandbox's, another", GENUINE, genuine.clone(), &file);
    add("tampered on the way", "signature-wrong", tampered, &file);
    let swapped = genuine.with("authorization", first.header("authorization"));
    add("another event's signature", "signature-wrong", swapped, &file);
    // A digit of the date, so that it is a sound event still.
    let mut flipped = genuine.clone();
    let year = genuine.event()["ResourceChangeUtcDate"].as_str().unwrap()[..4].to_owned();
    let at = flipped.body.windows(4).position(|window| window == year.as_bytes()).unwrap();
    flipped.body[at + 3] ^= 1;
    add("one bit of the body", "signature-wrong", flipped, &file);
    let blank = genuine.saying([&genuine.body[..], b"\n"].concat());
    add("a line end more", "signature-wrong", blank, &file);
    let other_hash = genuine.with("x-ms-signature-algorithm", "rsa-sha512");
    add("another hash claimed", "signature-wrong", other_hash, &file);
    for (signer, expected) in [
        ("expired", "certificate-expired"),
        ("foreign", "chain-untrusted"),
        ("other-organization", "issuer-foreign"),
    ] {
        let letter = edited(signer).await;
        let file = chain(&letter).await;
        add(signer, expected, letter, &file);
    }

    for hash in ["sha256", "sha384", "sha512"] {
        let name = match hash {
            "sha256" => "openssl's, sha256",
            "sha384" => "openssl's, sha384",
            _ => "openssl's, sha512",
        };
        let letter = forge.signed(&genuine, "dispatcher", hash, false);
        add(name, GENUINE, letter, &forge.chain_pem("dispatcher"));
    }
    let pss = forge.signed(&genuine, "dispatcher", "sha256", true);
    add("openssl's, other padding", "signature-wrong", pss, &forge.chain_pem("dispatcher"));
    let other_key = forge.signed(&genuine, "somebody", "sha256", false);
    add("openssl's, another key", "signature-wrong", other_key.clone(), &forge.chain_pem("dispatcher"));
    add("somebody of the same root", "subject-foreign", other_key, &forge.chain_pem("somebody"));
    let lone = forge.signed(&genuine, "self-signed", "sha256", false);
    add("self-signed, right names", "chain-untrusted", lone, &forge.chain_pem("self-signed"));
    let broken = forge.signed(&genuine, "dispatcher", "sha256", false);
    add("without its intermediate", "chain-untrusted", broken, &forge.leaf_pem("dispatcher"));
    cases
}

/// Writes a file that a judge's program reads.
fn write(path: &Path, bytes: impl AsRef<[u8]>) {
    std::fs::write(path, bytes).unwrap();
}
