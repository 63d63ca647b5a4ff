//! A server that asks for patience, in each of its ways, and what all callers do then.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use partner_center::Error;
use ports::RetryClass;

use super::{
    server::{Server, answer},
    stage::{CALLS, Call, PATIENT, Stage, class, network},
};

const GATEWAY: &str = r#"{"statusCode":429,"message":"Rate limit is exceeded. Try again in 57 seconds."}"#;

/// What the server says, the delay that is told to the caller, and the pause of everybody, in seconds.
struct Row {
    name: &'static str,
    status: &'static str,
    retry_after: Option<&'static str>,
    body: &'static str,
    told: Option<u64>,
    pause: i64,
}

const fn row(
    name: &'static str,
    status: &'static str,
    retry_after: Option<&'static str>,
    body: &'static str,
    told: Option<u64>,
    pause: i64,
) -> Row {
    Row { name, status, retry_after, body, told, pause }
}

#[rustfmt::skip]
const TABLE: [Row; 14] = [
    row("the gateway's words and header", "429 No", Some("57"), GATEWAY, Some(57), 57),
    row("the gateway's words alone", "429 No", None, GATEWAY, Some(57), 57),
    row("a header that differs from the words", "429 No", Some("20"), GATEWAY, Some(20), 20),
    row("a date, by the server's own clock", "429 No", Some("Mon, 02 Nov 2026 09:14:38 GMT"), "", Some(30), 30),
    row("a date that has passed", "429 No", Some("Mon, 02 Nov 2026 09:00:00 GMT"), "", Some(5), 5),
    row("no delay at all", "429 No", None, "<html></html>", None, 5),
    row("a delay that is none", "429 No", Some("soon"), "", None, 5),
    row("a negative delay", "429 No", Some("-7"), "", None, 5),
    row("no time", "429 No", Some("0"), "", Some(5), 5),
    row("for ever", "429 No", Some("99999999999999"), "", Some(3600), 3600),
    row("more than a number", "429 No", Some("999999999999999999999999"), GATEWAY, Some(57), 57),
    row("503 with a delay", "503 No", Some("7"), "<html></html>", Some(7), 7),
    row("509 with a delay", "509 No", Some("9"), "", Some(9), 9),
    row("509 without one", "509 No", None, "", None, 5),
];

#[tokio::test]
async fn a_delay_is_read_bounded_and_shared_by_all_callers() {
    let network = network();
    for Row { name, status, retry_after, body, told, pause } in TABLE {
        for call in CALLS {
            let headers: Vec<_> = retry_after.iter().map(|delay| ("Retry-After", *delay)).collect();
            let server = Server::always(answer(status, &headers, body)).await;
            let stage = Stage::over(&network, &server, PATIENT);
            let began = Timestamp::now();
            let outcome = stage.call(call).await;
            let after = told.map(Duration::from_secs);
            assert_eq!(class(&outcome), Some(RetryClass::Later { after }), "{name}: {call:?} {outcome:?}");
            let until = stage.paused_until().unwrap_or_else(|| panic!("{name}: nobody pauses"));
            let pause = SignedDuration::from_secs(pause);
            assert!((began + pause..=Timestamp::now() + pause).contains(&until), "{name}: {until}");
            // Nobody calls now, in no lane.
            for next in CALLS {
                let error = stage.call(next).await.unwrap_err();
                assert!(matches!(error, Error::NotAdmitted { .. }), "{name}: {next:?} {error}");
            }
            assert_eq!(server.asked().len(), 1, "{name}: {call:?}");
        }
    }
}

#[tokio::test]
async fn a_server_that_is_only_away_pauses_nobody_but_leaves_an_effect_in_doubt() {
    let server = Server::always(answer("503 No", &[], "")).await;
    let stage = Stage::of(&server);
    assert_eq!(class(&stage.call(Call::Create).await), Some(RetryClass::Doubtful));
    assert_eq!(class(&stage.call(Call::Get).await), Some(RetryClass::LATER));
    assert_eq!((stage.paused_until(), server.asked().len()), (None, 2));
}
