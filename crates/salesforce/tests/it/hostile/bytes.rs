//! Each answer as bytes on a socket, right or wrong, and what it means for a read, a creation, a change and the calls of
//! several.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response};
use ports::{
    HttpService,
    RetryClass::{self, Changed, Doubtful, Person},
    SystemClock, SystemRng, TransportError, Unlimited,
};
use salesforce::{
    Client, ClientConfig, Error, Fields, Graph, LoginConfig, ObjectName, RecordId, ReferenceId, Result,
    Subrequest, soql::Soql,
};
use serde_json::json;
use service::outbound;
use tower::{ServiceExt as _, util::BoxCloneSyncService};

use super::server::{Server, Step, answer, head};
use crate::stub::{ORG, USER, now};

/// How long a call may take against a server that answers.
const PATIENT: Duration = Duration::from_secs(10);
/// How long it may take against one that never ends.
const HASTY: Duration = Duration::from_millis(500);
/// What a loaded machine may add.
const MARGIN: Duration = Duration::from_secs(5);
/// Longest answer the client takes.
const MAX_ANSWER: usize = 256 * 1024;
/// The secret that must reach no other host.
const TOKEN: &str = "00D-access-token-of-this-test";
const LATER: RetryClass = RetryClass::LATER;
const JSON: (&str, &str) = ("Content-Type", "application/json;charset=UTF-8");

/// The kinds of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Get,
    Query,
    Insert,
    Update,
    Composite,
    Collection,
    Graph,
}

const CALLS: [Call; 7] =
    [Call::Get, Call::Query, Call::Insert, Call::Update, Call::Composite, Call::Collection, Call::Graph];

impl Call {
    fn writes(self) -> bool {
        !matches!(self, Self::Get | Self::Query)
    }
}

/// What a call comes to.
#[derive(Debug, Clone, PartialEq)]
enum End {
    Done,
    Fails(RetryClass),
}

use End::{Done, Fails};

/// An answer, and what each kind of call comes to.
struct Row {
    name: String,
    steps: Vec<Step>,
    ends: Box<dyn Fn(Call) -> End + Send>,
}

fn row(name: &str, steps: Vec<Step>, ends: impl Fn(Call) -> End + Send + 'static) -> Row {
    Row { name: name.to_owned(), steps, ends: Box::new(ends) }
}

/// A read is tried again; of a write it is not known whether it happened.
fn lost(call: Call) -> End {
    Fails(if call.writes() { Doubtful } else { LATER })
}

/// Changes answer with nothing: only for them is an empty answer a good one.
fn done_without_a_body(call: Call) -> End {
    if call == Call::Update { Done } else { lost(call) }
}

fn all(class: RetryClass) -> impl Fn(Call) -> End + Send + 'static {
    move |_| Fails(class.clone())
}

fn id() -> RecordId {
    RecordId::parse("006000000000001").unwrap()
}

/// A client that believes `server` to be the platform: a session is granted at once, all else goes over the network.
fn client(network: &HttpService, server: &Server, deadline: Duration) -> Client {
    let (instance, network) = (format!("http://{}", server.address), network.clone());
    let grant = format!(
        r#"{{"access_token":"{TOKEN}","instance_url":"{instance}","id":"https://login.salesforce.com/id/{ORG}/{USER}",
            "token_type":"Bearer","issued_at":"1"}}"#
    );
    let http = BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
        let (network, grant) = (network.clone(), grant.clone());
        async move {
            if request.uri().path() == "/services/oauth2/token" {
                return Ok::<_, TransportError>(Response::new(Bytes::from(grant)));
            }
            network.oneshot(request).await
        }
    }));
    let mut config = ClientConfig::new(LoginConfig::ClientCredentials {
        my_domain: instance.parse().unwrap(),
        client_id: "app".to_owned(),
        client_secret: "secret".into(),
    });
    config.limits.deadline = deadline;
    config.limits.max_response_bytes = MAX_ANSWER;
    Client::new(http, Arc::new(SystemClock), Arc::new(SystemRng), Arc::new(Unlimited), config).unwrap()
}

async fn make(client: &Client, call: Call) -> Result<()> {
    let object = ObjectName::new("Opportunity").unwrap();
    let fields: Fields = [("Name".to_owned(), json!("Jo Kunde"))].into_iter().collect();
    let write = || Subrequest::update(ReferenceId::numbered(0), &object, id(), fields.clone());
    match call {
        Call::Get => client.get(now(), &object, id(), &[]).await.map(drop),
        Call::Query => client.query(now(), &Soql::trusted("SELECT Id FROM Opportunity")).await.map(drop),
        Call::Insert => client.insert(now(), &object, &fields).await.map(drop),
        Call::Update => client.update(now(), &object, id(), &fields, None).await,
        Call::Composite => client.composite(now(), vec![write()], true).await.map(drop),
        Call::Collection => client.update_many(now(), &[(object, id(), fields)], false).await.map(drop),
        Call::Graph => client.graphs(now(), vec![Graph::new("g", vec![write()])]).await.map(drop),
    }
}

/// Makes each row's calls, all rows at once, each against a server of its own.
async fn check(deadline: Duration, rows: Vec<Row>) {
    let network = outbound(Arc::new(SystemClock)).unwrap();
    let mut checks = tokio::task::JoinSet::new();
    for row in rows {
        let network = network.clone();
        checks.spawn(async move {
            for call in CALLS {
                let server = Server::always(row.steps.clone()).await;
                let client = client(&network, &server, deadline);
                let began = Instant::now();
                let outcome = make(&client, call).await;
                assert!(
                    began.elapsed() < deadline + MARGIN,
                    "{}: {call:?} took {:?}",
                    row.name,
                    began.elapsed()
                );
                let end = outcome.as_ref().err().map_or(Done, |error| Fails(error.class()));
                assert_eq!(end, (row.ends)(call), "{}: {call:?} came to {outcome:?}", row.name);
                assert_eq!(server.asked().len(), 1, "{}: {call:?} is sent once", row.name);
                let told = outcome.as_ref().err().map(ToString::to_string).unwrap_or_default();
                let shown = format!("{outcome:?} {told}");
                assert!(!shown.contains("Kunde") && !shown.contains(TOKEN), "{}: {shown}", row.name);
            }
        });
    }
    while let Some(checked) = checks.join_next().await {
        checked.unwrap();
    }
}

fn ok(body: impl AsRef<[u8]>) -> Vec<Step> {
    answer("200 OK", &[JSON], body)
}

#[tokio::test]
async fn a_success_that_cannot_be_read_is_no_success() {
    let page = "<html><body>Sign in to continue, Jo Kunde</body></html>";
    let empty_list = |call| if call == Call::Update { Done } else { lost(call) };
    check(
        PATIENT,
        vec![
            row("a page with 200", answer("200 OK", &[("Content-Type", "text/html")], page), lost),
            row("a page that is called JSON", ok(page), lost),
            row("200 and nothing", ok(""), done_without_a_body),
            row("204", answer("204 No Content", &[], ""), done_without_a_body),
            row(
                "204 with a body all the same",
                vec![Step::Send([head("204 No Content", &[JSON]), b"\r\n{\"x\":1}".to_vec()].concat())],
                done_without_a_body,
            ),
            row("no UTF-8", ok(b"{\"id\":\"\xff\xfe\"}"), lost),
            row("nested too deep", ok([b"[".repeat(100_000), b"]".repeat(100_000)].concat()), lost),
            row("null", ok("null"), empty_list),
            row("a number", ok("7"), empty_list),
            row("an empty list", ok("[]"), empty_list),
            row("too many rows", ok("[null,null,null]"), empty_list),
            row("two documents", ok("{}{}"), lost),
            row("a cut document", ok("{\"id\":\"006000000000001AAA\",\"succ"), lost),
            row(
                "half of a composite answer",
                ok("{\"compositeResponse\":[{\"referenceId\":\"r0\"}]}"),
                |call| {
                    match call {
                        // A record is what the platform says it is.
                        Call::Update | Call::Get => Done,
                        call => lost(call),
                    }
                },
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_refusal_inside_a_success_is_a_refusal() {
    let refused = r#"[{"errorCode":"FIELD_CUSTOM_VALIDATION_EXCEPTION","message":"Jo Kunde is too young","fields":["Name"]}]"#;
    let unsaved = r#"{"id":null,"success":false,"errors":[{"statusCode":"STRING_TOO_LONG","message":"Jo Kunde","fields":[]}]}"#;
    check(
        PATIENT,
        vec![
            row("errors with 200", ok(refused), |call| match call {
                Call::Insert | Call::Update | Call::Collection => Fails(Person),
                call => lost(call),
            }),
            row("an unsaved record with 201", answer("201 Created", &[JSON], unsaved), |call| match call {
                Call::Insert | Call::Update | Call::Collection => Fails(Person),
                Call::Get => Done,
                call => lost(call),
            }),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_refusal_in_any_dress_is_read_or_classed_by_its_status() {
    const PAGE: &str = "<html><head><title>Error</title></head><body>Jo Kunde is sad.</body></html>";
    let html = ("Content-Type", "text/html");
    let said = |status: &str, code: &str| {
        answer(status, &[JSON], format!(r#"[{{"errorCode":"{code}","message":"Jo Kunde"}}]"#))
    };
    let page = |status: &str| answer(status, &[html], PAGE);
    check(
        PATIENT,
        vec![
            row("400 with a code", said("400 Bad Request", "REQUIRED_FIELD_MISSING"), all(Person)),
            row("400 with a page", page("400 Bad Request"), all(Person)),
            row("400 with a cut list", answer("400 Bad Request", &[JSON], "[{\"errorCode\":"), all(Person)),
            row("403 with a page", page("403 Forbidden"), all(Person)),
            row("404 with a page", page("404 Not Found"), all(Person)),
            row("410 of a retired version", said("410 Gone", "UNSUPPORTED_API_VERSION"), all(Person)),
            row("412 and nothing", answer("412 Precondition Failed", &[], ""), all(Changed)),
            row("412 with a page", page("412 Precondition Failed"), all(Changed)),
            row("420 of the edge", page("420 Enhance Your Calm"), all(LATER)),
            row("429", page("429 Too Many Requests"), all(LATER)),
            row("500 with a page", page("500 Internal Server Error"), lost),
            row("500 that says why", said("500 Internal Server Error", "UNABLE_TO_LOCK_ROW"), all(LATER)),
            row("502 of the edge", page("502 Bad Gateway"), lost),
            row("503 with a page", page("503 Service Unavailable"), all(LATER)),
            row("504 of the edge", page("504 Gateway Timeout"), lost),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_connection_that_fails_is_told_from_a_request_that_was_not_sent() {
    let cut = |length: usize| {
        let mut bytes = head("200 OK", &[JSON]);
        bytes.extend_from_slice(format!("Content-Length: {length}\r\n\r\n{{\"id\":").as_bytes());
        bytes
    };
    let chunk = |text: &str| {
        let mut bytes = head("200 OK", &[("Transfer-Encoding", "chunked")]);
        bytes.extend_from_slice(format!("\r\n{text}").as_bytes());
        bytes
    };
    let slow = Duration::from_millis(50);
    check(
        HASTY,
        vec![
            row("closed without a word, after the effect", Vec::new(), lost),
            row("reset without a word", vec![Step::Reset], lost),
            row("reset within the body", vec![Step::Send(cut(5000)), Step::Reset], lost),
            row("shorter than its length", vec![Step::Send(cut(5000))], lost),
            row("chunks without an end", vec![Step::Send(chunk("5\r\n{\"id\"\r\n"))], lost),
            row("never an answer", vec![Step::Hang], lost),
            row(
                "a body that drips",
                vec![Step::Send(cut(60_000)), Step::Drip(vec![b' '; 60_000], slow)],
                lost,
            ),
            row("longer than is taken", answer("200 OK", &[JSON], vec![b' '; MAX_ANSWER + 1]), |call| {
                // The same question would bring the same long answer.
                Fails(if call.writes() { Doubtful } else { RetryClass::Bug })
            }),
            row(
                "without an end",
                vec![
                    Step::Send(chunk("")),
                    Step::Flood(format!("1000\r\n{}\r\n", " ".repeat(4096)).into_bytes()),
                ],
                |call| Fails(if call.writes() { Doubtful } else { RetryClass::Bug }),
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_takes_no_token_elsewhere() {
    let network = outbound(Arc::new(SystemClock)).unwrap();
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let elsewhere = Server::always(ok("{}")).await;
        let place = format!("http://{}/services/data/v66.0/", elsewhere.address);
        for call in CALLS {
            let server = Server::always(answer(status, &[("Location", &place)], "")).await;
            let error: Error = make(&client(&network, &server, PATIENT), call).await.unwrap_err();
            assert_eq!(error.class(), Person, "{status}: {call:?}");
        }
        assert_eq!(elsewhere.connections(), 0, "{status}");
    }
}
