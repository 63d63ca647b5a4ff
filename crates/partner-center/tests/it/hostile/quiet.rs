//! What a server says about people goes to nobody but the one who owns the record.

use std::process::Command;

use super::{
    server::{Server, answer},
    stage::{CALLS, PATIENT, Stage, TOKEN, change, id, network, new_referral},
};
use crate::platform::{ID, now_lane};

/// Set in the process whose log is read.
const LOGGED: &str = "PARTNER_CENTER_TEST_LOGGED";
/// What must not be seen anywhere.
const SECRETS: [&str; 3] = ["Kunde", "northwind", TOKEN];

// In a process of its own: whether a line is logged at all is decided once for the whole process, and other tests of
// this one log nothing.
#[test]
fn neither_a_persons_data_nor_a_token_reaches_a_log_or_an_error_text() {
    let name = "hostile::quiet::neither_a_persons_data_nor_a_token_reaches_a_log_or_an_error_text";
    if std::env::var_os(LOGGED).is_some() {
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::DEBUG)
            .with_ansi(false)
            .with_writer(std::io::stderr)
            .init();
        return tokio::runtime::Runtime::new().unwrap().block_on(provoke());
    }
    let program = std::env::current_exe().unwrap();
    let child =
        Command::new(program).args(["--exact", name, "--nocapture"]).env(LOGGED, "1").output().unwrap();
    let log = String::from_utf8(child.stderr).unwrap();
    assert!(child.status.success(), "{log}");
    assert!(log.contains("partner center answered"), "the client logs what it does: {log}");
    for secret in SECRETS {
        assert_eq!(log.lines().find(|line| line.contains(secret)), None, "{secret} was logged");
    }
}

/// Makes the server say everything it must not, in each place it can, and searches the errors' texts.
async fn provoke() {
    let network = network();
    let person = "Jo Kunde, jo.kunde@northwind.example";
    let long = person.repeat(200);
    let bodies = [
        format!(r#"{{"error":{{"code":"invalidRequest","message":"{long}","target":"{person}"}}}}"#),
        format!(
            r#"{{"error":{{"code":"{person}","innerError":{{"code":"{person}","message":"{person}"}}}}}}"#
        ),
        format!(r#"{{"statusCode":400,"message":"{person}"}}"#),
        format!("<html>{person}</html>"),
        format!(r#"{{"id":"{ID}","name":"{person}","team":[{{"email":"#),
        format!(r#"{{"name":"{person}"}}"#),
    ];
    for status in ["200 OK", "400 No", "403 No", "404 No", "409 No", "429 No", "500 No"] {
        for body in &bodies {
            let headers =
                [("Request-ID", person), ("Retry-After", person), ("Location", person), ("ETag", person)];
            let server = Server::always(answer(status, &headers, body)).await;
            for call in CALLS {
                // A new stage, so that no pause keeps the call from being made.
                let Err(error) = Stage::over(&network, &server, PATIENT).call(call).await else { continue };
                let shown = format!("{error} {error:?} {error:#?}");
                assert!(!SECRETS.iter().any(|secret| shown.contains(secret)), "{status} {call:?}: {shown}");
                if let Some(refusal) = error.api() {
                    assert!(refusal.server_text().is_none_or(|text| text.chars().count() <= 1024));
                }
            }
        }
    }
}

#[tokio::test]
async fn what_is_read_and_written_shows_nobody_when_it_is_printed_for_a_programmer() {
    let body = format!(r#"{{"id":"{ID}","name":"Jo Kunde"}}"#);
    let server = Server::always(answer("200 OK", &[], body)).await;
    let client = Stage::of(&server).client;
    let fetched = client.get(now_lane(), id()).await.unwrap();
    let created = client.create(now_lane(), &new_referral()).await.unwrap();
    let shown = format!("{fetched:?} {created:?} {:?} {:?}", new_referral(), change());
    assert!(!shown.contains("Kunde"), "{shown}");
}
