//! Statuses and headers that do not depend on what is asked.

use jiff::SignedDuration;
use serde_json::json;

use crate::{
    bodies::partner_led,
    desk::{Desk, REFERRALS, text},
};

#[test]
fn every_answer_carries_the_services_headers() {
    let desk = Desk::new();
    let reply = desk.ask("GET", REFERRALS, &[("client-request-id", "abc")], None);
    assert_eq!((reply.header("client-request-id"), reply.header("request-id").len()), ("abc", 36));
    assert_eq!(reply.header("date"), "Sun, 22 Nov 2026 10:00:00 GMT");
    let made = desk.post(&partner_led()).expect(200);
    let tag = text(&made, "eTag");
    assert!(tag.starts_with('"') && tag.ends_with("0000\"") && tag.len() == 38, "{tag}");
}

#[test]
fn a_request_of_the_wrong_form_is_refused_by_its_status() {
    let desk = Desk::new();
    let id = text(&desk.post(&partner_led()).expect(200), "id").to_owned();
    let one = format!("{REFERRALS}/{id}");
    let bearer = format!("Bearer {}", desk.text("portal_user_token"));
    let auth = ("authorization", bearer.as_str());
    let json_body = ("content-type", "application/json; charset=utf-8");
    let long = format!("{{\"name\":\"{}\"}}", "x".repeat(1 << 20));
    let cases: &[(&str, &str, &[(&str, &str)], &str, u16, &str)] = &[
        ("GET", REFERRALS, &[], "", 401, "unauthenticated"),
        ("GET", REFERRALS, &[("authorization", "Bearer x")], "", 401, "unauthenticated"),
        ("DELETE", &one, &[auth], "", 405, "invalidRequest"),
        ("PATCH", REFERRALS, &[auth, json_body], "[]", 405, "invalidRequest"),
        ("GET", &one, &[auth, ("accept", "text/html")], "", 406, "invalidRequest"),
        ("POST", REFERRALS, &[auth, json_body], &long, 413, "invalidRequest"),
        ("POST", REFERRALS, &[auth], "{}", 415, "invalidRequest"),
        (
            "PATCH",
            &one,
            &[auth, ("content-type", "application/json-patch+json")],
            "[]",
            415,
            "invalidRequest",
        ),
        ("POST", REFERRALS, &[auth, json_body], "{", 400, "invalidRequest"),
        ("POST", REFERRALS, &[auth, json_body], "[]", 400, "invalidRequest"),
        ("GET", "/v1.0/engagements/leads", &[auth], "", 404, "itemNotFound"),
        ("GET", "/v1.0/engagements/referrals/x", &[auth], "", 404, "itemNotFound"),
    ];
    for (method, path, headers, body, status, code) in cases {
        let reply = desk.send(method, path, headers, body);
        let found = (reply.status.as_u16(), reply.body["error"]["code"].as_str().unwrap_or_default());
        assert_eq!(found, (*status, *code), "{method} {path}");
    }
}

#[test]
fn too_many_calls_meet_the_gateway_and_not_the_envelope() {
    let desk = Desk::new().knob(json!({"calls_a_minute": 2}));
    desk.get(REFERRALS).expect(200);
    desk.pass(SignedDuration::from_secs(10));
    desk.get(REFERRALS).expect(200);
    let reply = desk.get(REFERRALS);
    assert_eq!(reply.header("retry-after"), "51");
    let body = json!({"statusCode": 429, "message": "Rate limit is exceeded. Try again in 51 seconds."});
    assert_eq!(reply.expect(429), body);
    desk.pass(SignedDuration::from_secs(51));
    desk.get(REFERRALS).expect(200);
}

#[test]
fn s5_who_does_not_wait_starts_anew_if_the_knob_says_so() {
    let desk = Desk::new().knob(json!({"calls_a_minute": 1, "early_calls_count": true}));
    desk.get(REFERRALS).expect(200);
    desk.pass(SignedDuration::from_secs(50));
    assert_eq!(desk.get(REFERRALS).header("retry-after"), "11");
    desk.pass(SignedDuration::from_secs(5));
    assert_eq!(desk.get(REFERRALS).header("retry-after"), "61");
    desk.pass(SignedDuration::from_secs(59));
    desk.get(REFERRALS).expect(429);
    desk.pass(SignedDuration::from_secs(61));
    desk.get(REFERRALS).expect(200);
}

#[test]
fn s5_an_adaptive_limit_moves_from_minute_to_minute_within_its_bounds() {
    let desk = Desk::new().knob(json!({"calls_a_minute": 40, "adaptive_limit": true}));
    let mut limits = Vec::new();
    for _ in 0..8 {
        limits.push((0..50).take_while(|_| desk.get(REFERRALS).status == 200).count());
        desk.pass(SignedDuration::from_mins(2));
    }
    assert!(limits.iter().all(|limit| (20..=40).contains(limit)), "{limits:?}");
    limits.sort_unstable();
    limits.dedup();
    assert!(limits.len() > 2, "{limits:?}");
}

#[test]
fn s5_the_window_that_a_limit_counts_in_is_a_knob() {
    let desk = Desk::new().knob(json!({"calls_a_minute": 1, "calls_window_ms": 2000}));
    desk.get(REFERRALS).expect(200);
    assert_eq!(desk.get(REFERRALS).header("retry-after"), "3");
    desk.pass(SignedDuration::from_secs(2));
    desk.get(REFERRALS).expect(200);
}

#[test]
fn s5_the_gateway_can_be_unavailable_or_out_of_bandwidth() {
    for (knob, status, wait) in [("unavailable", 503, "30"), ("bandwidth-exceeded", 509, "")] {
        let desk = Desk::new().knob(json!({"gateway": knob}));
        let reply = desk.get(REFERRALS);
        assert_eq!((reply.header("retry-after"), &reply.body["statusCode"]), (wait, &json!(status)));
        reply.expect(status);
        desk.knob(json!({"gateway": "open"})).get(REFERRALS).expect(200);
    }
}

#[test]
fn an_unknown_knob_is_named_and_changes_nothing() {
    use sandbox::exchange::Machine as _;
    let desk = Desk::new();
    let before = desk.machine.knobs();
    for bad in [
        json!({"page_size": 5, "colour": 1}),
        json!({"create_status": 202}),
        json!({"page_size": 0}),
        json!(5),
    ] {
        assert!(desk.machine.set_knobs(&bad, desk.now.get()).is_err(), "{bad}");
    }
    assert_eq!(desk.machine.knobs(), before);
}
