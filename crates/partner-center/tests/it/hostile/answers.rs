//! Each answer, right or wrong, and what it means for a read, a creation and a change.

use std::{io::Write as _, time::Duration};

use ports::RetryClass::{self, Authenticate, Bug, Changed, Doubtful, Person};

use super::{
    server::{Server, Step, answer, head},
    stage::{Call, HASTY, MAX_ANSWER, PATIENT, Stage, TOKEN, class, network},
};
use crate::platform::ID;

/// What a call comes to.
#[derive(Debug, Clone, PartialEq)]
enum End {
    /// It did what was asked.
    Done,
    /// It did not, for this class of reason.
    Fails(RetryClass),
}

use End::{Done, Fails};

const LATER: RetryClass = RetryClass::LATER;

/// An answer, and what a get, a create and a patch come to.
struct Row {
    name: String,
    steps: Vec<Step>,
    get: End,
    create: End,
    patch: End,
}

fn row(name: impl Into<String>, steps: Vec<Step>, [get, create, patch]: [End; 3]) -> Row {
    Row { name: name.into(), steps, get, create, patch }
}

fn all(end: End) -> [End; 3] {
    [end.clone(), end.clone(), end]
}

/// A read is tried again; of an effect it is not known whether it happened.
fn lost() -> [End; 3] {
    [Fails(LATER), Fails(Doubtful), Fails(Doubtful)]
}

fn entity() -> String {
    format!(r#"{{"id":"{ID}","eTag":"\"84\"","name":"Deal"}}"#)
}

/// Makes each row's calls, all rows at once, each against a server of its own.
async fn check(deadline: Duration, rows: Vec<Row>) {
    let network = network();
    let mut checks = tokio::task::JoinSet::new();
    for row in rows {
        let network = network.clone();
        checks.spawn(async move {
            for (call, expected) in
                [(Call::Get, row.get), (Call::Create, row.create), (Call::Patch, row.patch)]
            {
                let server = Server::always(row.steps.clone()).await;
                let stage = Stage::over(&network, &server, deadline);
                let outcome = stage.call(call).await;
                let end = class(&outcome).map_or(Done, Fails);
                assert_eq!(end, expected, "{}: {call:?} came to {outcome:?}", row.name);
                // Only a 401, which says that nothing was done, is answered by sending once more.
                let sent = if expected == Fails(Authenticate) { 2 } else { 1 };
                assert_eq!(server.asked().len(), sent, "{}: {call:?} is sent", row.name);
                if let Err(error) = outcome {
                    let trace = error.trace().unwrap_or_else(|| panic!("{}: {error} was sent", row.name));
                    let last = server.asked().pop().unwrap();
                    assert_eq!(last.header("client-request-id"), Some(trace.client_request_id()));
                    assert_eq!(last.header("ms-correlationid"), Some(trace.correlation_id()));
                    assert!(!format!("{error} {error:?}").contains(TOKEN), "{}", row.name);
                }
            }
        });
    }
    while let Some(checked) = checks.join_next().await {
        checked.unwrap();
    }
}

#[tokio::test]
async fn every_form_of_success_is_understood() {
    let json = ("Content-Type", "application/json; charset=utf-8");
    let location = format!("https://elsewhere.example/v1.0/engagments/referrals/{ID}");
    let id_only = format!(r#"{{"@odata.context":"c","id":"{ID}"}}"#);
    let mut chunked = head("200 OK", &[json, ("Transfer-Encoding", "chunked")]);
    chunked.extend_from_slice(b"\r\n");
    for part in entity().as_bytes().chunks(7) {
        write!(chunked, "{:x}\r\n{}\r\n", part.len(), std::str::from_utf8(part).unwrap()).unwrap();
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    let odd = format!(
        r#"{{"id":"00000000-0000-4000-8000-000000000001","ID":"x","id":"{ID}","team":"nobody","details":[1e999999,
            -1e-999999,{}],"customerProfile":{{"ids":{{}},"size":7}},"updatedDateTime":"yesterday","eTag":5}}"#,
        "9".repeat(400)
    );
    let nothing = [Fails(LATER), Fails(Doubtful), Done];
    check(
        PATIENT,
        vec![
            row("200 with the entity", answer("200 OK", &[json], entity()), all(Done)),
            row("201 with the entity", answer("201 Created", &[json], entity()), all(Done)),
            row("only an id", answer("200 OK", &[json], id_only), all(Done)),
            row(
                "a location and no body",
                answer("201 Created", &[("Location", &location)], ""),
                [Fails(LATER), Done, Done],
            ),
            row("200 and nothing", answer("200 OK", &[], ""), nothing.clone()),
            row("204", answer("204 No Content", &[("ETag", "\"85\"")], ""), nothing),
            row("a byte order mark", answer("200 OK", &[json], format!("\u{feff}{}", entity())), all(Done)),
            row(
                "JSON that is called a page",
                answer("200 OK", &[("Content-Type", "text/html")], entity()),
                all(Done),
            ),
            row("JSON that is called nothing", answer("200 OK", &[], entity()), all(Done)),
            row("chunks", vec![Step::Send(chunked)], all(Done)),
            row("one byte at a time", drip(&answer("200 OK", &[json], entity())), all(Done)),
            row(
                "compressed",
                answer("200 OK", &[json, ("Content-Encoding", "gzip")], gzip(entity().as_bytes())),
                all(Done),
            ),
            row(
                "members of a wrong type, twice, and out of range",
                answer("200 OK", &[json], odd),
                all(Done),
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_success_that_cannot_be_read_is_no_success() {
    let json = ("Content-Type", "application/json");
    let ok = |body: &[u8]| answer("200 OK", &[json], body);
    let page = "<html><body>Sign in to continue, Jo Kunde</body></html>";
    let bomb = answer("200 OK", &[json, ("Content-Encoding", "gzip")], gzip(&vec![b' '; MAX_ANSWER * 4]));
    check(
        PATIENT,
        vec![
            row("a page with 200", answer("200 OK", &[("Content-Type", "text/html")], page), lost()),
            row("no UTF-8", ok(b"{\"id\":\"\xff\xfe\"}"), lost()),
            row(
                "half a character",
                ok(format!("{{\"id\":\"{ID}\",\"name\":\"\\ud83d\"}}").as_bytes()),
                lost(),
            ),
            row("nested too deep", ok(&[b"[".repeat(100_000), b"]".repeat(100_000)].concat()), lost()),
            row(
                "an object nested too deep",
                ok(format!("{{\"id\":\"{ID}\",\"a\":{}", "[".repeat(5000)).as_bytes()),
                lost(),
            ),
            row("an array", ok(b"[]"), lost()),
            row("null", ok(b"null"), lost()),
            row("an entity without an id", ok(b"{\"name\":\"Deal\"}"), lost()),
            row("an id that is none", ok(b"{\"id\":\"../me\"}"), lost()),
            row("two documents", ok(format!("{}{}", entity(), entity()).as_bytes()), lost()),
            row("a body that unpacks beyond all bounds", bomb, lost()),
            row(
                "compressed, as it says",
                answer("200 OK", &[json, ("Content-Encoding", "gzip")], entity()),
                lost(),
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_connection_that_fails_is_told_from_a_request_that_was_not_sent() {
    let cut = |length: usize| {
        let mut bytes = head("200 OK", &[("Content-Type", "application/json")]);
        bytes.extend_from_slice(format!("Content-Length: {length}\r\n\r\n").as_bytes());
        bytes.extend_from_slice(entity().as_bytes());
        bytes
    };
    let chunk = |text: &str| {
        let mut bytes = head("200 OK", &[("Transfer-Encoding", "chunked")]);
        bytes.extend_from_slice(format!("\r\n{text}").as_bytes());
        bytes
    };
    let reset = [Step::Send(cut(5000)), Step::Reset];
    let slow = Duration::from_millis(50);
    check(
        HASTY,
        vec![
            row("closed without a word", Vec::new(), lost()),
            row("reset without a word", vec![Step::Reset], lost()),
            row("reset within the body", reset.to_vec(), lost()),
            row("cut within the head", vec![Step::Send(b"HTTP/1.1 200 OK\r\nContent-Ty".to_vec())], lost()),
            row("shorter than its length", vec![Step::Send(cut(5000))], lost()),
            row("chunks without an end", vec![Step::Send(chunk("5\r\n{\"id\"\r\n"))], lost()),
            row("a chunk of no size", vec![Step::Send(chunk("zz\r\n{}\r\n0\r\n\r\n"))], lost()),
            row("no HTTP", vec![Step::Send(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec())], lost()),
            row("never an answer", vec![Step::Hang], lost()),
            row("a head that drips", vec![Step::Drip(head("200 OK", &[]), slow), Step::Hang], lost()),
            row(
                "a body that drips",
                vec![Step::Send(cut(60_000)), Step::Drip(vec![b' '; 60_000], slow)],
                lost(),
            ),
            row(
                "headers without end",
                vec![
                    Step::Send(head("200 OK", &[])),
                    Step::Flood(b"X-More: and more and more\r\n".repeat(100)),
                ],
                lost(),
            ),
            row(
                "continue without end",
                vec![Step::Flood(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()), Step::Hang],
                lost(),
            ),
            row(
                "longer than is taken, as it says",
                answer("200 OK", &[], vec![b' '; MAX_ANSWER + 1]),
                lost(),
            ),
            row(
                "longer than is taken, chunk by chunk",
                vec![
                    Step::Send(chunk("")),
                    Step::Flood(format!("1000\r\n{}\r\n", " ".repeat(4096)).into_bytes()),
                ],
                lost(),
            ),
            row(
                "a refusal whose page has no end",
                vec![
                    Step::Send([head("400 Bad Request", &[]), b"\r\n".to_vec()].concat()),
                    Step::Flood(vec![b'<'; 4096]),
                ],
                lost(),
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_later_even_for_an_effect() {
    let server = {
        let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut server = Server::always(Vec::new()).await;
        server.address = gone.local_addr().unwrap();
        server
    };
    let stage = Stage::of(&server);
    for call in [Call::Get, Call::Create, Call::Patch] {
        assert_eq!(class(&stage.call(call).await), Some(LATER), "{call:?}");
    }
}

#[tokio::test]
async fn a_connection_that_dies_when_it_is_used_again_repeats_no_effect() {
    let kept = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
        entity().len(),
        entity()
    );
    let server = Server::always(vec![Step::Send(kept.into_bytes()), Step::NextRequest, Step::Reset]).await;
    let stage = Stage::of(&server);
    assert_eq!(class(&stage.call(Call::Get).await), None);
    assert_eq!(class(&stage.call(Call::Create).await), Some(Doubtful));
    let methods: Vec<_> = server.asked().into_iter().map(|asked| asked.method).collect();
    assert_eq!((methods, server.connections()), (vec!["GET".to_owned(), "POST".to_owned()], 1));
}

/// An error envelope in the documented spelling.
fn envelope(code: &str) -> String {
    format!(r#"{{"error":{{"code":"{code}","message":"m"}}}}"#)
}

#[tokio::test]
async fn every_refusal_has_its_class_in_every_shape() {
    const PAGE: &str = "<html><head><title>Error</title></head><body>Our servers are sad.</body></html>";
    let json = ("Content-Type", "application/json");
    let html = ("Content-Type", "text/html");
    let said = |status: &str, code: &str| answer(status, &[json], envelope(code));
    let page = |status: &str| answer(status, &[html], PAGE);
    let mut rows = vec![
        row("401 for ever", said("401 Unauthorized", "unauthenticated"), all(Fails(Authenticate))),
        row("401, otherwise spelt", said("401 Unauthorized", "unAuthorized"), all(Fails(Authenticate))),
        row("401 with a page", page("401 Unauthorized"), all(Fails(Authenticate))),
        row("403", said("403 Forbidden", "accessDenied"), all(Fails(Person))),
        row("403 with a page", page("403 Forbidden"), all(Fails(Person))),
        row(
            "404 of the API's own",
            said("404 Not Found", "itemNotFound"),
            [Done, Fails(Person), Fails(Person)],
        ),
        row("404 of a gateway", page("404 Not Found"), all(Fails(Person))),
        row(
            "404 of a gateway in JSON",
            answer("404 Not Found", &[json], r#"{"statusCode":404,"message":"Resource not found"}"#),
            all(Fails(Person)),
        ),
        row("409", said("409 Conflict", "conflict"), all(Fails(Person))),
        row("409 of a stale version", said("409 Conflict", "resourceModified"), all(Fails(Changed))),
        row("412", said("412 Precondition Failed", "preconditionFailed"), all(Fails(Changed))),
        row("412 with a page", page("412 Precondition Failed"), all(Fails(Changed))),
        row("400 of a stale version", said("400 Bad Request", "PRECONDITIONFAILED"), all(Fails(Changed))),
        row("400 with an unknown code", said("400 Bad Request", "somethingNew"), all(Fails(Person))),
        row(
            "a byte order mark",
            answer("409 Conflict", &[json], format!("\u{feff}{}", envelope("resourceModified"))),
            all(Fails(Changed)),
        ),
    ];
    for (spelling, body) in [
        ("innerError", r#"{"error":{"code":"x","message":"m","innerError":{"code":"resourceModified"}}}"#),
        ("innererror", r#"{"error":{"code":"x","message":"m","innererror":{"code":"resourceModified"}}}"#),
        ("InnerError", r#"{"Error":{"Code":"x","Message":"m","InnerError":{"Code":"ResourceModified"}}}"#),
        (
            "deep",
            r#"{"error":{"code":"a","innerError":{"innerError":{"innererror":{"code":"resourceModified"}}}}}"#,
        ),
        ("bare", r#"{"error":"resourceModified"}"#),
    ] {
        rows.push(row(
            format!("409 by {spelling}"),
            answer("409 Conflict", &[json], body),
            all(Fails(Changed)),
        ));
    }
    for status in [400, 402, 410, 413, 418, 422, 499] {
        rows.push(row(format!("{status}"), page(&format!("{status} No")), all(Fails(Person))));
    }
    for status in [405, 406, 411, 415, 416, 501] {
        rows.push(row(format!("{status}"), page(&format!("{status} No")), all(Fails(Bug))));
    }
    for status in [408, 423, 429, 507, 509] {
        rows.push(row(format!("{status}"), page(&format!("{status} No")), all(Fails(LATER))));
    }
    for status in [500, 502, 503, 504, 520, 599] {
        rows.push(row(format!("{status} with a page"), page(&format!("{status} No")), lost()));
        let coded = said(&format!("{status} No"), "serviceNotAvailable");
        rows.push(row(format!("{status} with a code"), coded, lost()));
    }
    for status in [300, 301, 302, 303, 304, 307, 308] {
        rows.push(row(format!("{status}"), answer(&format!("{status} Away"), &[], ""), all(Fails(Person))));
    }
    check(PATIENT, rows).await;
}

#[tokio::test]
async fn a_token_that_was_refused_once_is_replaced_and_the_call_made_again() {
    for call in [Call::Get, Call::Create, Call::Patch] {
        let refused = answer("401 Unauthorized", &[], "");
        let server = Server::scripted([refused, answer("200 OK", &[], entity())]).await;
        assert_eq!(class(&Stage::of(&server).call(call).await), None, "{call:?}");
        let asked = server.asked();
        assert_eq!(asked.len(), 2, "{call:?}");
        assert_ne!(asked[0].header("client-request-id"), asked[1].header("client-request-id"));
        assert_eq!(asked[0].header("ms-correlationid"), asked[1].header("ms-correlationid"));
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_no_token_reaches_another_host() {
    let elsewhere = Server::always(answer("200 OK", &[], entity())).await;
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        let there = format!("http://{}/v1.0/engagements/referrals/{ID}", elsewhere.address);
        let server = Server::always(answer(status, &[("Location", &there)], "")).await;
        let stage = Stage::of(&server);
        for call in [Call::Get, Call::List, Call::Create, Call::Patch] {
            assert_eq!(class(&stage.call(call).await), Some(Person), "{status}: {call:?}");
        }
        assert_eq!(server.asked().len(), 4, "{status}");
    }
    assert_eq!(elsewhere.connections(), 0);
}

fn drip(steps: &[Step]) -> Vec<Step> {
    let dripped = steps.iter().map(|step| match step {
        Step::Send(bytes) => Step::Drip(bytes.clone(), Duration::ZERO),
        other => other.clone(),
    });
    dripped.collect()
}

/// A gzip member of stored blocks: compressed in name, and enough for every reader.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut blocks = bytes.chunks(0xffff).peekable();
    while let Some(block) = blocks.next() {
        packed.push(u8::from(blocks.peek().is_none()));
        let length = u16::try_from(block.len()).unwrap();
        packed.extend_from_slice(&length.to_le_bytes());
        packed.extend_from_slice(&(!length).to_le_bytes());
        packed.extend_from_slice(block);
    }
    packed.extend_from_slice(&crc32(bytes).to_le_bytes());
    packed.extend_from_slice(&u32::try_from(bytes.len()).unwrap().to_le_bytes());
    packed
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 },
        )
    })
}
