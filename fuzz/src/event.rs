//! Any headers and any body at the webhook's verifier.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use async_trait::async_trait;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use jiff::Timestamp;
use partner_center::webhook::{Verifier, VerifierConfig};
use ports::{Clock, HttpService};
use tower::{service_fn, util::BoxCloneSyncService};

use super::signer::{Authority, DISPATCHER, MICROSOFT, sign};

/// Where the sender's certificate is.
const CERTIFICATE: &str =
    "https://3psostorageacct.blob.core.windows.net/cert/pcnotifications-dispatch.microsoft.com.cer";

/// The one event that the sender ever signed.
const GENUINE: &str = r#"{"EventName":"referral-updated","ResourceUri":"https://api.partnercenter.microsoft.com/engagements/v1/referrals/7a1c0000-0000-4000-8000-0000000000a1","ResourceName":"referral","AuditUri":null,"ResourceChangeUtcDate":"2026-11-02T09:14:07.1234567+00:00"}"#;

struct Sender {
    authority: Authority,
    file: Bytes,
    signature: String,
}

static SENDER: LazyLock<Sender> = LazyLock::new(|| {
    let authority = Authority::new(MICROSOFT);
    let file = authority.leaf(DISPATCHER, 0).der_file().into();
    Sender { authority, file, signature: BASE64_STANDARD.encode(sign(0, GENUINE.as_bytes())) }
});

struct StandingClock;

#[async_trait]
impl Clock for StandingClock {
    fn now(&self) -> Timestamp {
        "2026-11-02T09:14:08Z".parse().expect("an instant")
    }

    async fn sleep(&self, _: Duration) {}
}

/// Lines of headers, an empty line, a body. `{signature}`, `{certificate}` and `{event}` stand for the sender's own.
/// Says whether the event was believed.
///
/// Only the event that the sender signed is ever believed, and only with its signature; asked again, the verifier
/// says the same; what is not believed is never answered as if it were.
///
/// # Panics
/// When that does not hold.
pub fn check(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data);
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    let filled = |text: &str| {
        text.replace("{signature}", &SENDER.signature)
            .replace("{certificate}", CERTIFICATE)
            .replace("{event}", GENUINE)
    };
    let mut headers = HeaderMap::new();
    for (name, value) in head.lines().filter_map(|line| line.split_once(':')) {
        let name = HeaderName::from_bytes(name.trim().as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(filled(value).trim_start())) {
            headers.append(name, value);
        }
    }
    let body = filled(body);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime of one thread");
    let (first, second) = runtime.block_on(async {
        let verifier = verifier();
        (verifier.verify(&headers, body.as_bytes()).await, verifier.verify(&headers, body.as_bytes()).await)
    });
    assert_eq!(first, second, "asked twice, it said two things");
    match first {
        Ok(_) => {
            assert_eq!(body, GENUINE, "an event was believed that nobody signed");
            let carried = headers
                .values()
                .any(|value| value.to_str().is_ok_and(|value| value.contains(&SENDER.signature)));
            assert!(carried, "an event was believed without its signature");
            true
        }
        Err(forged) => {
            let status = forged.status();
            let refused = status.is_client_error() || status == StatusCode::SERVICE_UNAVAILABLE;
            assert!(refused, "{forged} is answered with {status}");
            false
        }
    }
}

fn verifier() -> Verifier {
    let served: HttpService = BoxCloneSyncService::new(service_fn(|request: Request<Bytes>| async move {
        let mut answer = Response::new(Bytes::new());
        if request.uri() == CERTIFICATE {
            *answer.body_mut() = SENDER.file.clone();
        } else {
            *answer.status_mut() = StatusCode::NOT_FOUND;
        }
        Ok(answer)
    }));
    let config = VerifierConfig::new(vec![SENDER.authority.root()]);
    Verifier::new(config, served, Arc::new(StandingClock)).expect("a root is configured")
}
