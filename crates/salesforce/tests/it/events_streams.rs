//! Streams that keep the rules, and streams that break them, over real sockets.

use std::time::Duration;

use bytes::Bytes;
use salesforce::events::{
    Batch, EventsError, Interruption, ReplayId, Start, Subscription, Topic, Unreadable, Value,
};

use crate::{
    avro::{Datum, SCHEMA, renamed},
    events_server::{
        SOON, Scene, Server, Step, answer_of, framed, position,
        proto::{ConsumerEvent, FetchResponse},
    },
};

async fn open(server: &Server) -> Subscription {
    let topic = Topic::new("/data/OpportunityChangeEvent").unwrap();
    server.events().open(&topic, Start::Latest).await.unwrap()
}

async fn playing(steps: Vec<Step>) -> (Server, Subscription) {
    let server = Server::start([Scene::Play(steps)]).await;
    let subscription = open(&server).await;
    (server, subscription)
}

async fn batch(subscription: &mut Subscription) -> Batch {
    subscription.next(SOON).await.unwrap().expect("a batch comes soon")
}

fn names(batch: &Batch) -> Vec<String> {
    let name = |event: &salesforce::events::ChangeEvent| match event.value("Name") {
        Some(Value::Text(name)) => name.clone(),
        other => panic!("{other:?}"),
    };
    batch.events.iter().map(name).collect()
}

#[tokio::test]
async fn events_come_in_their_order_with_the_position_behind_them() {
    let (server, mut subscription) =
        playing(vec![Step::Say(answer_of([5, 6], 98)), Step::Say(answer_of([7], 97)), Step::Hang]).await;
    let first = batch(&mut subscription).await;
    assert_eq!(names(&first), ["5", "6"]);
    assert_eq!(first.position.as_bytes(), position(6));
    assert_eq!(names(&batch(&mut subscription).await), ["7"]);
    assert_eq!(subscription.next(Duration::from_millis(20)).await, Ok(None), "the stream stays open");
    let fetches = server.script.fetches.lock().unwrap().clone();
    assert_eq!(fetches.len(), 1, "credit is left");
    assert_eq!((fetches[0].1.replay_preset, fetches[0].1.num_requested), (0, 100));
}

#[tokio::test]
async fn a_burst_of_a_thousand_events_is_read_with_ten_requests_and_never_more_than_a_hundred_outstanding() {
    let mut steps = Vec::new();
    for request in 0..10_u64 {
        steps.push(Step::Await(usize::try_from(request).unwrap() + 1));
        for part in 0..4_u64 {
            let first = request * 100 + part * 25;
            let pending = 75 - 25 * i32::try_from(part).unwrap();
            steps.push(Step::Say(answer_of(first..first + 25, pending)));
        }
    }
    steps.push(Step::Hang);
    let (server, mut subscription) = playing(steps).await;
    let mut read = 0;
    while read < 1000 {
        let batch = batch(&mut subscription).await;
        let expected: Vec<_> = (read..read + batch.events.len()).map(|number| number.to_string()).collect();
        assert_eq!(names(&batch), expected);
        read += batch.events.len();
        let asked: i32 = server.script.fetches.lock().unwrap().iter().map(|(_, f)| f.num_requested).sum();
        assert!(usize::try_from(asked).unwrap() - read <= 100, "{asked} asked, {read} read");
    }
    let fetches = server.script.fetches.lock().unwrap().clone();
    assert_eq!(fetches.len(), 10);
    assert!(fetches[1..].iter().all(|(_, fetch)| fetch.replay_id.is_empty() && fetch.num_requested == 100));
}

#[tokio::test]
async fn a_consumer_that_does_not_come_back_is_asked_nothing_for() {
    let (server, mut subscription) = playing(vec![
        Step::Say(answer_of(0..100, 0)),
        Step::Await(2),
        Step::Say(answer_of([100], 99)),
        Step::Hang,
    ])
    .await;
    assert_eq!(batch(&mut subscription).await.events.len(), 100);
    // Whatever is on its way has arrived once a question on the same connection is answered.
    open(&server).await;
    assert_eq!(server.script.fetches.lock().unwrap().iter().filter(|(stream, _)| *stream == 0).count(), 1);
    assert_eq!(names(&batch(&mut subscription).await), ["100"]);
}

#[tokio::test]
async fn a_server_that_counts_wrongly_or_sends_unasked_starves_nobody() {
    for pending in [0, -5, 100, i32::MAX] {
        let (_server, mut subscription) = playing(vec![
            Step::Say(answer_of(0..150, pending)),
            Step::Await(2),
            Step::Say(answer_of([150], 0)),
            Step::Hang,
        ])
        .await;
        assert_eq!(batch(&mut subscription).await.events.len(), 150, "pending {pending}");
        assert_eq!(names(&batch(&mut subscription).await), ["150"], "pending {pending}");
    }
}

#[tokio::test]
async fn an_empty_answer_moves_the_position_and_one_without_any_does_not() {
    let empty = |number| FetchResponse {
        latest_replay_id: position(number),
        pending_num_requested: 100,
        ..FetchResponse::default()
    };
    let (_server, mut subscription) = playing(vec![
        Step::Say(FetchResponse { pending_num_requested: 100, ..FetchResponse::default() }),
        Step::Say(empty(40)),
        Step::Say(answer_of([41], 99)),
        Step::End(14, ""),
    ])
    .await;
    let moved = batch(&mut subscription).await;
    assert_eq!((moved.events.len(), moved.position.as_bytes()), (0, &*position(40)));
    assert_eq!(names(&batch(&mut subscription).await), ["41"]);
}

#[tokio::test]
async fn positions_of_any_length_are_kept_as_they_are_and_too_long_ones_are_no_positions() {
    for length in [1, 8, 10, 64] {
        let mut answer = answer_of([1], 99);
        answer.events[0].replay_id = vec![0xfe; length];
        let (_server, mut subscription) = playing(vec![Step::Say(answer), Step::Hang]).await;
        let batch = batch(&mut subscription).await;
        assert_eq!(batch.position, ReplayId::new(vec![0xfe; length]).unwrap());
        assert_eq!(batch.events[0].replay_id, batch.position);
    }
    for length in [0, 65, 100_000] {
        let mut answer = answer_of([1], 99);
        answer.events[0].replay_id = vec![0xfe; length];
        let (_server, mut subscription) = playing(vec![Step::Say(answer), Step::Hang]).await;
        assert!(matches!(subscription.next(SOON).await, Err(EventsError::Protocol(_))), "{length} bytes");
    }
    let latest = FetchResponse { latest_replay_id: vec![1; 65], ..FetchResponse::default() };
    let (_server, mut subscription) = playing(vec![Step::Say(latest), Step::Hang]).await;
    assert!(matches!(subscription.next(SOON).await, Err(EventsError::Protocol(_))));
}

#[tokio::test]
async fn an_event_that_comes_twice_is_told_twice() {
    let (_server, mut subscription) =
        playing(vec![Step::Say(answer_of([1, 1], 98)), Step::Say(answer_of([1], 97)), Step::Hang]).await;
    assert_eq!(names(&batch(&mut subscription).await), ["1", "1"]);
    assert_eq!(names(&batch(&mut subscription).await), ["1"]);
}

#[tokio::test]
async fn every_way_a_stream_can_end_is_an_interruption_after_what_came() {
    let ends: [(&str, Vec<Step>); 7] = [
        ("trailers say OK", vec![Step::End(0, "")]),
        ("no trailers", vec![Step::Cut]),
        ("reset", vec![Step::Reset]),
        ("connection broken", vec![Step::Break, Step::Hang]),
        ("unavailable", vec![Step::End(14, "sfdc.platform.eventbus.grpc.service.unavailable")]),
        ("going away", vec![Step::GoAway, Step::Await(1), Step::End(14, "")]),
        ("half a message", vec![Step::Raw(framed(&answer_of([9], 0)).slice(..20)), Step::Cut]),
    ];
    for (end, steps) in ends {
        let steps = [vec![Step::Say(answer_of([1], 0)), Step::Await(2)], steps].concat();
        let (_server, mut subscription) = playing(steps).await;
        assert_eq!(names(&batch(&mut subscription).await), ["1"], "{end}");
        let error = subscription.next(SOON).await.unwrap_err();
        assert!(matches!(error, EventsError::Unavailable { .. }), "{end}: {error:?}");
        assert_eq!(subscription.next(SOON).await, Err(error), "{end}: it stays over");
    }
}

#[tokio::test]
async fn after_a_connection_broke_a_new_one_is_made() {
    let again = Scene::Play(vec![Step::Await(1), Step::Say(answer_of([2], 99)), Step::Hang]);
    let server = Server::start([Scene::Play(vec![Step::Break, Step::Hang]), again]).await;
    let events = server.events();
    let topic = Topic::all();
    let mut broken = events.open(&topic, Start::Latest).await.unwrap();
    let interrupted = broken.next(SOON).await.unwrap_err();
    assert!(matches!(interrupted, EventsError::Unavailable { .. }), "{interrupted:?}");
    // The connection may be found broken only by the first who uses it.
    let mut subscription = match events.open(&topic, Start::Latest).await {
        Ok(subscription) => subscription,
        Err(EventsError::Unavailable { .. }) => events.open(&topic, Start::Latest).await.unwrap(),
        Err(error) => panic!("{error}"),
    };
    assert_eq!(names(&batch(&mut subscription).await), ["2"]);
}

#[tokio::test]
async fn what_is_no_answer_of_the_protocol_is_told_as_such() {
    let no_event = FetchResponse {
        events: vec![ConsumerEvent { event: None, replay_id: position(1) }],
        ..FetchResponse::default()
    };
    let mut no_schema = answer_of([1], 99);
    no_schema.events[0].event.as_mut().unwrap().schema_id.clear();
    for answer in [no_event, no_schema] {
        let (_server, mut subscription) = playing(vec![Step::Say(answer), Step::Hang]).await;
        assert!(matches!(subscription.next(SOON).await, Err(EventsError::Protocol(_))));
    }
    // Not protobuf, not gRPC, compressed without having been asked for.
    for bytes in [&[0, 0, 0, 0, 2, 0xff, 0xff][..], b"HTTP/1.1 200 OK\r\n\r\n", &[1, 0, 0, 0, 1, 0]] {
        let (_server, mut subscription) =
            playing(vec![Step::Raw(Bytes::copy_from_slice(bytes)), Step::Cut]).await;
        let told = subscription.next(SOON).await;
        assert!(told.is_err(), "{bytes:?}: {told:?}");
    }
}

#[tokio::test]
async fn an_answer_of_three_megabytes_is_read_and_one_beyond_the_bound_is_not() {
    let text = "x".repeat(30_000);
    let mut large = answer_of(0..100, 0);
    for event in &mut large.events {
        event.event.as_mut().unwrap().payload = renamed(&text);
    }
    assert!(framed(&large).len() > 3_000_000);
    let (_server, mut subscription) = playing(vec![Step::Say(large.clone()), Step::Hang]).await;
    let batch = batch(&mut subscription).await;
    assert_eq!(batch.events.len(), 100);
    assert!(names(&batch).iter().all(|name| *name == text));
    large.events.extend(large.events.clone());
    let (_server, mut subscription) = playing(vec![Step::Say(large), Step::Hang]).await;
    assert!(matches!(subscription.next(SOON).await, Err(EventsError::Protocol(_))));
}

#[tokio::test]
async fn each_event_is_decoded_with_its_own_schema_and_each_schema_is_asked_for_once() {
    let mut answer = answer_of([1, 2, 3, 4], 96);
    // The second schema has a field more, before the others.
    let changed = SCHEMA.replacen(
        r#"{"name": "Name", "type""#,
        r#"{"name": "Extra__c", "type": ["null", "string"]}, {"name": "Name", "type""#,
        1,
    );
    for number in [1, 3] {
        let head = crate::avro::Head { changed: &["0x04"], ..crate::avro::Head::default() };
        let datum = head.datum().branch(0).branch(1).text(&format!("new {number}"));
        let event = answer.events[number].event.as_mut().unwrap();
        event.payload = (0..7).fold(datum, Datum::branch_none).0;
        event.schema_id = "schema-2".into();
    }
    let server = Server::start([Scene::Play(vec![Step::Say(answer), Step::Hang])]).await;
    server.script.schemas.lock().unwrap().insert("schema-2".into(), changed);
    let mut subscription = open(&server).await;
    assert_eq!(server.script.asked("/GetSchema"), 1, "asked for when the subscription was opened");
    assert_eq!(names(&batch(&mut subscription).await), ["1", "new 1", "3", "new 3"]);
    assert_eq!(server.script.asked("/GetSchema"), 2);
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_named_between_those_before_and_behind_it() {
    let mut answer = answer_of([1, 2, 3, 4, 5], 95);
    answer.events[1].event.as_mut().unwrap().schema_id = "unknown".into();
    answer.events[2].event.as_mut().unwrap().payload.pop();
    let (_server, mut subscription) = playing(vec![Step::Say(answer), Step::Hang]).await;
    let first = batch(&mut subscription).await;
    assert_eq!((names(&first), first.position.as_bytes()), (vec!["1".to_owned()], &*position(1)));
    let missing = subscription.next(SOON).await.unwrap_err();
    let EventsError::Undecodable { replay_id, schema_id, reason } = &missing else { panic!("{missing:?}") };
    assert_eq!((replay_id.as_bytes(), schema_id.as_str()), (&*position(2), "unknown"));
    assert_eq!(*reason, Unreadable::SchemaMissing);
    assert!(missing.goes_on());
    let cut = subscription.next(SOON).await.unwrap_err();
    assert!(
        matches!(&cut, EventsError::Undecodable { replay_id, reason: Unreadable::Payload(_), .. }
            if replay_id.as_bytes() == position(3)),
        "{cut:?}"
    );
    assert_eq!(names(&batch(&mut subscription).await), ["4", "5"]);
}

#[tokio::test]
async fn a_schema_that_cannot_be_fetched_now_interrupts_and_loses_nothing() {
    let mut answer = answer_of([1, 2], 98);
    answer.events[1].event.as_mut().unwrap().schema_id = "schema-2".into();
    let server = Server::start([Scene::Play(vec![Step::Say(answer), Step::Hang])]).await;
    let mut subscription = open(&server).await;
    server.script.schema_refusals.lock().unwrap().push_back((14, ""));
    assert_eq!(batch(&mut subscription).await.position.as_bytes(), position(1));
    let error = subscription.next(SOON).await.unwrap_err();
    assert_eq!(error, EventsError::Unavailable { reason: Interruption::Server });
}

#[tokio::test]
async fn a_stream_that_says_nothing_is_given_up_by_the_watchdog() {
    let mut server = Server::start([Scene::Play(vec![Step::Say(answer_of([1], 99)), Step::Hang])]).await;
    server.config.limits.watchdog = Duration::from_millis(300);
    let mut subscription = open(&server).await;
    assert_eq!(names(&batch(&mut subscription).await), ["1"]);
    assert_eq!(subscription.next(Duration::from_millis(10)).await, Ok(None));
    let reason = Interruption::Silence(Duration::from_millis(300));
    assert_eq!(subscription.next(SOON).await, Err(EventsError::Unavailable { reason }));
}

#[tokio::test]
async fn a_connection_that_died_without_a_word_is_noticed_by_its_missing_pings() {
    let steps = vec![Step::Say(answer_of([1], 99)), Step::Await(1), Step::Freeze, Step::Hang];
    let mut server = Server::start([Scene::Play(steps)]).await;
    server.config.limits.keepalive = Duration::from_millis(100);
    server.config.limits.keepalive_deadline = Duration::from_millis(100);
    let mut subscription = open(&server).await;
    let told = loop {
        match subscription.next(SOON).await {
            Ok(Some(_)) => {}
            told => break told,
        }
    };
    assert_eq!(told, Err(EventsError::Unavailable { reason: Interruption::Connection }));
}
