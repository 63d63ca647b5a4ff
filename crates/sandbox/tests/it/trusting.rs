//! The sandbox over TLS: who knows its certificate is served under both names, who does not is not.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::TokioIo;
use sandbox::{
    serve::{Sandbox, SandboxConfig},
    tls::NAMES,
};
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};

use crate::desk::text;

fn address(url: &str) -> SocketAddr {
    let bare = url.strip_prefix("https://").expect("TLS is on");
    bare.split('/').next().unwrap().parse().expect("an address")
}

async fn shake(
    at: SocketAddr,
    name: &'static str,
    trusted: Option<&str>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    if let Some(pem) = trusted {
        roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(at).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(name).unwrap(), stream).await
}

#[tokio::test]
async fn both_platforms_answer_over_tls_to_who_trusts_the_named_file_and_to_nobody_else() {
    let config = SandboxConfig { seed: 3, tls: true, ..SandboxConfig::default() };
    let sandbox = Sandbox::start(config).await.expect("ports are free");
    let ready = sandbox.ready().clone();
    let file = ready.tls.authority_file.clone().expect("a file is named");
    let trusted = std::fs::read_to_string(&file).expect("the file is there");
    assert_eq!(trusted, ready.tls.authority_pem);
    for (platform, path) in
        [(&ready.partner_center["api_url"], "/"), (&ready.salesforce["instance_url"], "/services/data")]
    {
        let at = address(platform.as_str().unwrap());
        for name in NAMES {
            let stream = shake(at, name, Some(&trusted)).await.expect("a known certificate");
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            let request = Request::get(path).header("host", name).body(Empty::<Bytes>::new()).unwrap();
            let response = sender.send_request(request).await.expect("an answer");
            assert!(response.status().as_u16() < 500);
            assert!(!response.into_body().collect().await.unwrap().to_bytes().is_empty());
        }
        assert!(shake(at, "localhost", None).await.is_err(), "a stranger is not to be trusted");
        assert!(shake(at, "example.com", Some(&trusted)).await.is_err(), "nor under another name");
    }
    assert!(text(&ready.salesforce, "token_url").starts_with("https://"), "{:?}", ready.salesforce);
    sandbox.shutdown().await;
    assert!(!file.exists(), "a temporary file goes with the sandbox");
}

#[tokio::test]
async fn a_folder_that_was_asked_for_holds_the_certificate_and_keeps_it() {
    let folder = std::env::temp_dir().join(format!("sandbox-tls-{}", std::process::id()));
    let config = SandboxConfig { seed: 3, tls_folder: Some(folder.clone()), ..SandboxConfig::default() };
    let sandbox = Sandbox::start(config).await.expect("ports are free");
    let file = sandbox.ready().tls.authority_file.clone().expect("a file is named");
    assert!(
        text(&sandbox.ready().salesforce, "instance_url").starts_with("http://"),
        "TLS was not asked for"
    );
    sandbox.shutdown().await;
    assert!(file.exists());
    std::fs::remove_dir_all(folder).unwrap();
}
