//! Sections 4.3 to 4.6: who may call, credit, silence, replay, and the refusals.

use sandbox::salesforce::pubsub::{Access, Step};
use serde_json::json;
use tonic::Code;

use super::desk::{CUSTOM, Desk, EARLIEST, EVERYTHING, LATEST, OPPORTUNITIES, code, fetch};

const AUTH: (Code, &str) = (Code::Unauthenticated, "service.auth.error");

#[test]
fn s4_3_every_call_shows_token_instance_and_tenant() {
    let desk = Desk::new();
    let right = desk.access();
    let short = right.tenant_id[..15].to_owned();
    let wrong = [
        Access { token: String::new(), ..right.clone() },
        Access { token: format!("{}x", right.token), ..right.clone() },
        Access { instance_url: String::new(), ..right.clone() },
        Access { instance_url: "https://elsewhere.test".to_owned(), ..right.clone() },
        Access { tenant_id: String::new(), ..right.clone() },
        Access { tenant_id: "00D000000000001AAA".to_owned(), ..right.clone() },
    ];
    for access in &wrong {
        let now = desk.now();
        let refused = [
            desk.machine.topic(access, OPPORTUNITIES, now).unwrap_err(),
            desk.machine.schema(access, "x", now).unwrap_err(),
            desk.machine.subscribe(access, &fetch(OPPORTUNITIES, LATEST, b"", 1), now).unwrap_err(),
        ];
        for status in refused {
            assert_eq!(code(&status), AUTH);
            assert!(status.metadata().contains_key("rpc-id"));
        }
    }
    for access in [
        Access { tenant_id: short, ..right.clone() },
        Access { instance_url: "https://sf.test/".to_owned(), ..right.clone() },
        right,
    ] {
        desk.machine.topic(&access, OPPORTUNITIES, desk.now()).unwrap();
    }
}

#[test]
fn s4_4_credit_is_what_was_asked_for_and_never_more_than_a_hundred() {
    let desk = Desk::new();
    for number in 0..130 {
        desk.opportunity(json!({"Name": format!("Deal {number}")}));
    }
    for (asked, got) in [(1, 1), (100, 100), (101, 100), (i32::MAX, 100)] {
        let mut stream = desk.open(OPPORTUNITIES, EARLIEST, asked);
        let responses = desk.responses(&mut stream);
        let events: usize = responses.iter().map(|response| response.events.len()).sum();
        assert_eq!((events, responses.last().unwrap().pending_num_requested), (got, 0), "{asked}");
    }
    let mut stream = desk.open(OPPORTUNITIES, LATEST, 90);
    desk.credit(&mut stream, OPPORTUNITIES, 90).unwrap();
    desk.opportunity(json!({}));
    assert_eq!(desk.responses(&mut stream)[0].pending_num_requested, 99);
    for number in [0, -1] {
        let refused = desk.try_open(&fetch(OPPORTUNITIES, LATEST, b"", number)).unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
    }
}

#[test]
fn s4_4_only_the_first_request_says_where_to_begin_and_none_changes_the_topic() {
    let desk = Desk::new();
    desk.opportunity(json!({}));
    let mut stream = desk.open(OPPORTUNITIES, EARLIEST, 1);
    assert_eq!(desk.told(&mut stream).len(), 1);
    let again = fetch(OPPORTUNITIES, EARLIEST, b"nonsense", 5);
    desk.machine.credit(&mut stream, &again, desk.now()).unwrap();
    assert!(desk.told(&mut stream).is_empty(), "the second request's preset was followed");
    let refused = desk.credit(&mut stream, EVERYTHING, 1).unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(matches!(desk.step(&mut stream), Step::End(None)), "a refused stream is over");
}

#[test]
fn s4_4_a_stream_without_credit_ends_after_a_minute() {
    let desk = Desk::new();
    desk.opportunity(json!({}));
    let mut stream = desk.open(OPPORTUNITIES, EARLIEST, 1);
    assert_eq!(desk.responses(&mut stream)[0].pending_num_requested, 0);
    desk.wait(59);
    assert!(matches!(desk.step(&mut stream), Step::Wait(Some(_))));
    desk.credit(&mut stream, OPPORTUNITIES, 1).unwrap();
    desk.wait(120);
    assert!(matches!(desk.step(&mut stream), Step::Wait(Some(_))), "credit is there: no end");
    desk.opportunity(json!({}));
    assert_eq!(desk.told(&mut stream).len(), 1);
    desk.wait(60);
    assert!(matches!(desk.step(&mut stream), Step::End(None)));
}

#[test]
fn s4_4_silence_is_broken_by_an_empty_response_whose_id_keeps_the_place_alive() {
    let desk = Desk::new();
    let mut stream = desk.open(OPPORTUNITIES, LATEST, 10);
    // For five days nothing happens but the keepalives; the id of the last one is still good, the first one's is not.
    let mut ids = Vec::new();
    for _ in 0..1_600 {
        desk.wait(270);
        let responses = desk.responses(&mut stream);
        assert_eq!(responses.len(), 1);
        assert!(responses[0].events.is_empty());
        assert_eq!(responses[0].pending_num_requested, 10);
        ids.push(responses[0].latest_replay_id.clone());
    }
    desk.renew();
    let refused = desk.try_open(&fetch(OPPORTUNITIES, CUSTOM, &ids[0], 1)).unwrap_err();
    assert_eq!(code(&refused).1, "subscription.fetch.replayid.validation.failed");
    desk.opportunity(json!({"Name": "After all"}));
    let told = desk.told(&mut desk.resume(OPPORTUNITIES, ids.last().unwrap()));
    assert_eq!(told[0].body["Name"], "After all");
}

#[test]
fn s4_4_an_empty_response_moves_past_events_of_other_objects() {
    let desk = Desk::new();
    desk.knob(json!({"keepalive_ms": 1_000}));
    let mut stream = desk.open("/data/OpportunityContactRoleChangeEvent", LATEST, 10);
    let id = desk.opportunity(json!({}));
    desk.wait(1);
    let responses = desk.responses(&mut stream);
    assert!(responses[0].events.is_empty());
    assert!(desk.told(&mut desk.resume(OPPORTUNITIES, &responses[0].latest_replay_id)).is_empty());
    desk.change("Opportunity", &id, json!({"Name": "Later"}));
    assert_eq!(desk.told(&mut desk.resume(OPPORTUNITIES, &responses[0].latest_replay_id)).len(), 1);
}

#[test]
fn s4_4_events_come_in_the_order_of_their_commits_and_custom_begins_behind_its_id() {
    let desk = Desk::new();
    for number in 0..30 {
        desk.opportunity(json!({"Name": format!("Deal {number}")}));
    }
    let all = desk.all(EVERYTHING);
    let name = |number: usize| format!("Deal {number}");
    for (number, told) in all.iter().enumerate() {
        assert_eq!(told.body["Name"], name(number));
        assert_eq!(told.replay_id.len(), 10);
        let rest = desk.told(&mut desk.resume(EVERYTHING, &told.replay_id));
        assert_eq!(rest.len(), all.len() - number - 1);
        assert!(rest.first().is_none_or(|next| next.body["Name"] == name(number + 1)));
    }
    desk.knob(json!({"replay_id_bytes": 8}));
    assert!(desk.all(EVERYTHING).iter().all(|told| told.replay_id.len() == 8));
}

#[test]
fn s4_4_an_expired_token_ends_no_stream_but_every_new_call() {
    let desk = Desk::new();
    let mut stream = desk.open(OPPORTUNITIES, LATEST, 10);
    desk.act("revoke", json!({"user": "cosell@trey-research.example"})).unwrap();
    desk.opportunity(json!({}));
    let responses = desk.responses(&mut stream);
    assert_eq!(responses[0].events.len(), 1);
    let schema = &responses[0].events[0].event.as_ref().unwrap().schema_id;
    let refused = desk.machine.schema(&desk.access(), schema, desk.now()).unwrap_err();
    assert_eq!(code(&refused), AUTH);
    assert_eq!(code(&desk.try_open(&fetch(OPPORTUNITIES, LATEST, b"", 1)).unwrap_err()), AUTH);
    let mut refresh = fetch(OPPORTUNITIES, LATEST, b"", 1);
    refresh.auth_refresh = "dead".to_owned();
    let refused = desk.machine.credit(&mut stream, &refresh, desk.now()).unwrap_err();
    assert_eq!(code(&refused).1, "service.auth.refresh.invalid");
}

#[test]
fn s4_4_a_response_has_at_most_three_megabytes() {
    let desk = Desk::new();
    desk.knob(json!({"response_bytes": 20_000}));
    for _ in 0..30 {
        desk.opportunity(json!({"Description": "x".repeat(5_000)}));
    }
    let responses = desk.responses(&mut desk.open(OPPORTUNITIES, EARLIEST, 100));
    assert_eq!(responses.iter().map(|response| response.events.len()).sum::<usize>(), 30);
    for response in responses {
        let bytes: usize =
            response.events.iter().map(|event| event.event.as_ref().unwrap().payload.len()).sum();
        assert!(bytes <= 20_000, "{bytes}");
    }
}

#[test]
fn s4_6_a_replay_id_that_cannot_be_followed_is_an_error_and_never_a_jump() {
    let (desk, other) = (Desk::new(), Desk::of_seed(8));
    other.opportunity(json!({}));
    desk.opportunity(json!({}));
    let foreign = other.last(OPPORTUNITIES).replay_id;
    let own = desk.last(OPPORTUNITIES).replay_id;
    let mut damaged = own.clone();
    damaged[2] ^= 0x10;
    let refused = |id: &[u8]| {
        let status = desk.try_open(&fetch(OPPORTUNITIES, CUSTOM, id, 1)).unwrap_err();
        let (status, code) = code(&status);
        assert_eq!(status, Code::InvalidArgument);
        code.strip_prefix("subscription.fetch.replayid.").unwrap().to_owned()
    };
    assert_eq!(refused(&damaged), "corrupted");
    assert_eq!(refused(b""), "corrupted");
    assert_eq!(refused(b"123"), "corrupted");
    assert_eq!(refused(&foreign), "validation.failed");
    desk.wait(72 * 3_600 - 1);
    desk.renew();
    desk.resume(OPPORTUNITIES, &own);
    desk.wait(2);
    assert_eq!(refused(&own), "validation.failed");
    assert!(desk.all(OPPORTUNITIES).is_empty(), "an event outlived its three days");
}

#[test]
fn s4_6_a_stream_whose_next_event_was_forgotten_ends_and_jumps_nowhere() {
    let desk = Desk::new();
    desk.knob(json!({"delay_ms": 300_000_000}));
    let mut stream = desk.open(OPPORTUNITIES, LATEST, 10);
    desk.opportunity(json!({}));
    assert!(desk.told(&mut stream).is_empty());
    desk.wait(73 * 3_600);
    let Step::End(Some(status)) = desk.step(&mut stream) else { panic!("the stream goes on") };
    assert_eq!(code(&status).1, "subscription.fetch.replayid.validation.failed");
}

#[test]
fn s4_6_each_refusal_has_its_status_and_its_error_code() {
    let desk = Desk::new();
    desk.opportunity(json!({}));
    let first = fetch(OPPORTUNITIES, EARLIEST, b"", 100);
    let refused = || {
        let status = desk.try_open(&first).unwrap_err();
        let (status, code) = code(&status);
        (status, code.to_owned())
    };
    let mut stream = desk.open(OPPORTUNITIES, LATEST, 1);
    desk.knob(json!({"unavailable": true}));
    let Step::End(Some(ended)) = desk.step(&mut stream) else { panic!("the stream goes on") };
    assert_eq!(code(&ended), (Code::Unavailable, "service.unavailable"));
    drop(stream);
    assert_eq!(refused(), (Code::Unavailable, "service.unavailable".to_owned()));
    desk.knob(json!({"unavailable": false, "denied_topics": [OPPORTUNITIES]}));
    assert_eq!(refused().0, Code::PermissionDenied);
    desk.knob(json!({"denied_topics": [], "edition": false}));
    assert_eq!(refused().0, Code::NotFound);
    desk.knob(json!({"edition": true, "concurrent_streams": 1}));
    let open = desk.open(OPPORTUNITIES, LATEST, 1);
    let (status, text) = refused();
    assert_eq!(status, Code::ResourceExhausted);
    assert!(text.ends_with("concurrent.client.limit.exceeded"), "{text}");
    drop(open);
    desk.try_open(&first).unwrap();
    desk.knob(json!({"concurrent_streams": 10, "delivery_limit": 3}));
    let mut stream = desk.open(OPPORTUNITIES, LATEST, 100);
    for _ in 0..5 {
        desk.opportunity(json!({}));
    }
    assert!(matches!(desk.step(&mut stream), Step::Response(response) if response.events.len() == 3));
    let Step::End(Some(status)) = desk.step(&mut stream) else { panic!("the allowance is used up") };
    assert_eq!(code(&status), (Code::ResourceExhausted, "subscription.limit.exceeded"));
    assert_eq!(refused(), (Code::ResourceExhausted, "subscription.limit.exceeded".to_owned()));
    desk.wait(24 * 3_600);
    desk.renew();
    desk.try_open(&first).unwrap();
}

#[test]
fn s8_4_streams_are_killed_hung_doubled_delayed_and_spoiled_on_demand() {
    let desk = Desk::new();
    for number in 0..12 {
        desk.opportunity(json!({"Name": format!("Deal {number}")}));
    }
    desk.knob(json!({"kill_every": 5}));
    let (mut seen, mut place): (Vec<serde_json::Value>, Option<Vec<u8>>) = (Vec::new(), None);
    for kills in 0.. {
        let mut stream = match &place {
            None => desk.open(OPPORTUNITIES, EARLIEST, 100),
            Some(id) => desk.resume(OPPORTUNITIES, id),
        };
        let end = loop {
            match desk.step(&mut stream) {
                Step::Response(response) => {
                    place = Some(response.latest_replay_id.clone());
                    seen.extend(response.events.iter().map(|event| desk.read(event).body["Name"].clone()));
                }
                other => break other,
            }
        };
        match end {
            Step::End(Some(status)) => assert_eq!(code(&status), (Code::Unavailable, "service.unavailable")),
            Step::Wait(_) => {
                assert_eq!(kills, 2);
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    let names: Vec<_> = (0..12).map(|number| json!(format!("Deal {number}"))).collect();
    assert_eq!(seen, names, "a killed stream lost or doubled an event");

    desk.knob(json!({"kill_by": "reset"}));
    let mut stream = desk.open(OPPORTUNITIES, EARLIEST, 100);
    assert!(matches!(desk.step(&mut stream), Step::Response(_)));
    assert!(matches!(desk.step(&mut stream), Step::Reset));

    desk.knob(json!({"kill_every": 0, "hang_after": 3}));
    let mut stream = desk.open(OPPORTUNITIES, EARLIEST, 100);
    assert_eq!(desk.told(&mut stream).len(), 3);
    desk.wait(3_600);
    assert!(matches!(desk.step(&mut stream), Step::Wait(None)), "a hung stream says nothing more");

    desk.knob(json!({"hang_after": null, "double_every": 4}));
    let doubled = desk.all(OPPORTUNITIES);
    assert_eq!(doubled.len(), 15);
    assert_eq!(doubled[3].replay_id, doubled[4].replay_id);

    desk.knob(json!({"double_every": 0, "delay_ms": 90_000}));
    let mut stream = desk.open(OPPORTUNITIES, LATEST, 100);
    desk.opportunity(json!({}));
    assert!(desk.told(&mut stream).is_empty());
    desk.wait(90);
    assert_eq!(desk.told(&mut stream).len(), 1);

    desk.knob(json!({"delay_ms": 0, "corrupt_next": 1}));
    let responses = desk.responses(&mut desk.open(OPPORTUNITIES, EARLIEST, 2));
    let lengths: Vec<usize> =
        responses[0].events.iter().map(|event| event.event.as_ref().unwrap().payload.len()).collect();
    assert!(lengths[0] * 10 < lengths[1] * 8, "{lengths:?}");
}

#[test]
fn s8_4_the_control_surface_counts_what_streams_did() {
    use sandbox::exchange::Machine as _;
    let desk = Desk::new();
    let mut stream = desk.open(OPPORTUNITIES, LATEST, 2);
    for _ in 0..3 {
        desk.opportunity(json!({}));
    }
    desk.told(&mut stream);
    desk.credit(&mut stream, OPPORTUNITIES, 100).unwrap();
    desk.told(&mut stream);
    let shown = desk.machine.events(desk.now());
    let counted = |name: &str| shown["counters"][name].as_u64().unwrap();
    let all = ["streams_opened", "fetches", "responses", "events_delivered", "events_logged"].map(counted);
    assert_eq!((all, &shown["streams_open"]), ([1, 2, 2, 3, 3], &json!(1)));
    assert_eq!(shown["log"].as_array().unwrap().len(), 3);
    assert_eq!(shown["log"][0]["change_type"], "CREATE");
}
