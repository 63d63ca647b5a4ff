//! Every row of the reference's table of errors (section 4.6), and what stands in no row.

use std::time::Duration;

use ports::RetryClass;
use salesforce::{
    Misuse,
    events::{Events, EventsConfig, EventsError, Interruption, ReplayId, Start, Topic},
};

use crate::{
    events_server::{SOON, Scene, Server, Step, answer_of, position},
    stub::Stub,
};

const CODES: &str = "sfdc.platform.eventbus.grpc.";

fn topic() -> Topic {
    Topic::new("/data/OpportunityChangeEvent").unwrap()
}

fn after(number: u64) -> Start {
    Start::After(ReplayId::new(position(number)).unwrap())
}

/// What a subscription says that is refused like this: with headers alone, and in trailers after headers.
async fn refused(status: i32, code: &'static str, start: Start) -> EventsError {
    let scenes = || {
        let ways = [Scene::Refuse(status, code), Scene::Play(vec![Step::Await(1), Step::End(status, code)])];
        ways.map(|way| vec![way; 2])
    };
    let mut told = Vec::new();
    for scenes in scenes() {
        let server = Server::start(scenes).await;
        let mut subscription = server.events().open(&topic(), start.clone()).await.unwrap();
        let error = subscription.next(SOON).await.unwrap_err();
        assert_eq!(subscription.next(SOON).await.unwrap_err(), error, "it is over");
        assert!(!error.goes_on());
        assert!(!error.to_string().contains("secret"), "{error}");
        told.push(error);
    }
    assert_eq!(told[0], told[1], "where the code stands makes no difference");
    told.remove(0)
}

async fn refused_with(status: i32, code: &str) -> EventsError {
    let code = if code.is_empty() { String::new() } else { format!("{CODES}{code}") };
    refused(status, code.leak(), after(7)).await
}

#[tokio::test]
async fn a_position_that_is_corrupted_or_out_of_its_window_is_lost() {
    for code in ["subscription.fetch.replayid.corrupted", "subscription.fetch.replayid.validation.failed"] {
        let error = refused_with(3, code).await;
        assert_eq!(error, EventsError::PositionLost { code: format!("{CODES}{code}") });
        assert_eq!(error.class(), RetryClass::Changed);
    }
    assert_eq!(refused_with(3, "").await, EventsError::PositionLost { code: String::new() });
    // Without a position there is none to lose.
    assert_eq!(refused(3, "", Start::Latest).await, EventsError::Refused { status: 3, code: String::new() });
}

#[tokio::test]
async fn a_spent_allowance_and_too_many_streams_are_told_apart() {
    assert_eq!(refused_with(8, "subscription.limit.exceeded").await, EventsError::AllowanceSpent);
    for code in ["concurrent.client.limit.exceeded", "subscription.concurrent.client.limit.exceeded"] {
        assert_eq!(refused_with(8, code).await, EventsError::TooManyStreams);
    }
    assert_eq!(refused_with(8, "").await, EventsError::AllowanceSpent);
}

#[tokio::test]
async fn an_unavailable_service_is_asked_again_later() {
    let interrupted = EventsError::Unavailable { reason: Interruption::Server };
    assert_eq!(refused_with(14, "service.unavailable").await, interrupted);
    for status in [1, 2, 4, 10, 13, 14, 15] {
        assert_eq!(refused_with(status, "").await, interrupted, "status {status}");
    }
    assert_eq!(interrupted.class(), RetryClass::LATER);
}

#[tokio::test]
async fn the_code_decides_before_the_status_does() {
    assert_eq!(refused_with(14, "subscription.limit.exceeded").await, EventsError::AllowanceSpent);
    assert!(matches!(
        refused_with(13, "subscription.fetch.replayid.corrupted").await,
        EventsError::PositionLost { .. }
    ));
    assert_eq!(
        refused_with(14, "something.new").await,
        EventsError::Unavailable { reason: Interruption::Server }
    );
    assert_eq!(
        refused_with(12, "something.new").await,
        EventsError::Refused { status: 12, code: format!("{CODES}something.new") }
    );
}

#[tokio::test]
async fn a_missing_and_a_closed_topic_are_named() {
    assert_eq!(refused_with(5, "").await, EventsError::TopicMissing { topic: topic() });
    assert_eq!(refused_with(7, "").await, EventsError::TopicDenied { topic: topic() });
    assert_eq!(refused_with(7, "").await.class(), RetryClass::Person);
    let server = Server::start([]).await;
    server.script.topic_refusals.lock().unwrap().extend([(5, ""), (7, "")]);
    let events = server.events();
    let opened = events.open(&topic(), Start::Latest).await;
    assert_eq!(opened.err(), Some(EventsError::TopicMissing { topic: topic() }));
    let opened = events.open(&topic(), Start::Latest).await;
    assert_eq!(opened.err(), Some(EventsError::TopicDenied { topic: topic() }));
    *server.script.denied.lock().unwrap() = true;
    let opened = events.open(&topic(), Start::Latest).await;
    assert_eq!(opened.err(), Some(EventsError::TopicDenied { topic: topic() }));
    assert_eq!(server.script.asked("/Subscribe"), 0);
}

#[tokio::test]
async fn a_refused_session_is_replaced_once_and_then_told() {
    for (status, code) in [
        (16, "sfdc.platform.eventbus.grpc.service.auth.error"),
        (16, ""),
        (13, "sfdc.platform.eventbus.grpc.service.auth.refresh.invalid"),
    ] {
        let lets_in = Scene::Play(vec![Step::Await(1), Step::Say(answer_of([8], 99)), Step::Hang]);
        let server = Server::start([Scene::Refuse(status, code), lets_in]).await;
        let mut subscription = server.events().open(&topic(), after(7)).await.unwrap();
        let batch = subscription.next(SOON).await.unwrap().unwrap();
        assert_eq!(batch.position.as_bytes(), position(8));
        let tokens: Vec<_> = server
            .script
            .seen
            .lock()
            .unwrap()
            .iter()
            .filter(|(path, _)| path.ends_with("/Subscribe"))
            .map(|(_, headers)| headers["accesstoken"].clone())
            .collect();
        assert_eq!(tokens, ["token-1", "token-2"], "{status} {code}");
        // The position goes along.
        let fetches = server.script.fetches.lock().unwrap().clone();
        assert_eq!(fetches.last().unwrap().1.replay_id, position(7));
    }
    assert_eq!(refused_with(16, "service.auth.error").await, EventsError::Unauthenticated);
}

#[tokio::test]
async fn a_session_that_dies_while_events_flow_is_replaced_behind_the_last_event() {
    let dies = Scene::Play(vec![Step::Say(answer_of([1, 2], 98)), Step::End(16, "")]);
    let lives = Scene::Play(vec![Step::Await(1), Step::Say(answer_of([3], 99)), Step::Hang]);
    let server = Server::start([dies, lives]).await;
    let mut subscription = server.events().open(&topic(), Start::Earliest).await.unwrap();
    assert_eq!(subscription.next(SOON).await.unwrap().unwrap().events.len(), 2);
    assert_eq!(subscription.next(SOON).await.unwrap().unwrap().position.as_bytes(), position(3));
    let fetches = server.script.fetches.lock().unwrap().clone();
    let again = &fetches.iter().find(|(stream, _)| *stream == 1).unwrap().1;
    assert_eq!((again.replay_preset, again.replay_id.clone(), again.num_requested), (2, position(2), 100));
}

#[tokio::test]
async fn questions_replace_a_refused_session_once_too() {
    let server = Server::start([]).await;
    server.script.topic_refusals.lock().unwrap().push_back((16, ""));
    server.script.schema_refusals.lock().unwrap().push_back((16, ""));
    server.events().open(&topic(), Start::Latest).await.unwrap();
    assert_eq!(server.script.grants.load(std::sync::atomic::Ordering::SeqCst), 3);
    server.script.topic_refusals.lock().unwrap().extend([(16, ""), (16, "")]);
    let opened = server.events().open(&topic(), Start::Latest).await;
    assert_eq!(opened.err(), Some(EventsError::Unauthenticated));
}

#[tokio::test]
async fn every_question_names_session_instance_and_org_and_no_text_shows_the_token() {
    let server = Server::start([]).await;
    let mut subscription = server.events().open(&topic(), Start::Latest).await.unwrap();
    assert_eq!(subscription.next(Duration::from_millis(50)).await, Ok(None));
    let seen = server.script.seen.lock().unwrap().clone();
    let paths: Vec<_> = seen.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(
        paths,
        ["/eventbus.v1.PubSub/GetTopic", "/eventbus.v1.PubSub/GetSchema", "/eventbus.v1.PubSub/Subscribe"]
    );
    for (path, headers) in &seen {
        assert_eq!(headers["accesstoken"], "token-1", "{path}");
        assert_eq!(headers["instanceurl"], "https://instance-1.example", "{path}");
        assert_eq!(headers["tenantid"], crate::stub::ORG, "{path}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_or_not_trusted_is_an_interruption() {
    let server = Server::start([]).await;
    let mut config = server.config.clone();
    config.extra_roots = None;
    let opened = server.events_with(&config).open(&topic(), Start::Latest).await;
    assert!(
        matches!(opened.err(), Some(EventsError::Unavailable { reason: Interruption::Connection })),
        "its certificate leads to no public root"
    );
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    config.endpoint = format!("https://{nobody}").parse().unwrap();
    let opened = server.events_with(&config).open(&topic(), Start::Latest).await;
    assert_eq!(opened.err(), Some(EventsError::Unavailable { reason: Interruption::Connection }));
}

#[tokio::test]
async fn a_question_that_is_never_answered_has_a_deadline() {
    let mut server = Server::start([]).await;
    *server.script.silent.lock().unwrap() = true;
    server.config.limits.deadline = Duration::from_millis(100);
    let opened = server.events().open(&topic(), Start::Latest).await;
    let reason = Interruption::Deadline(Duration::from_millis(100));
    assert_eq!(opened.err(), Some(EventsError::Unavailable { reason }));
}

#[test]
fn settings_that_cannot_work_are_refused_before_anything_is_sent() {
    let client = Stub::new([]).client();
    let refused = |change: fn(&mut EventsConfig)| {
        let mut config = EventsConfig::default();
        change(&mut config);
        matches!(Events::new(&client, &config), Err(Misuse::Configuration(_)))
    };
    assert!(!refused(|_| {}));
    assert!(refused(|config| config.endpoint = "http://api.pubsub.salesforce.com:7443".parse().unwrap()));
    assert!(refused(|config| config.endpoint = "https://user@api.pubsub.salesforce.com".parse().unwrap()));
    assert!(refused(|config| config.extra_roots = Some("no certificate".into())));
    assert!(refused(|config| {
        config.extra_roots = Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".into());
    }));
    assert!(refused(|config| config.limits.credit = 0));
    assert!(refused(|config| config.limits.credit = 101));
    assert!(refused(|config| config.limits.keepalive = Duration::ZERO));
}
