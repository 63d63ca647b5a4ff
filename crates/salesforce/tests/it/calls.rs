//! What every call has in common: session, replay, budget, limits, transport.

use std::{sync::atomic::Ordering, time::Duration};

use jiff::Timestamp;
use ports::{CallLimits, Lane, RetryClass, SendBefore, TransportError, Usage};
use salesforce::{CallContext, Error, Fields, ObjectName, soql::Soql};

use crate::stub::{NOW, Scripted, Stub, answer, answer_with, dead_session, now};

const EMPTY_PAGE: &str = r#"{"totalSize":0,"done":true,"records":[]}"#;

fn soql() -> Soql {
    Soql::trusted("SELECT Id FROM User")
}

fn account() -> ObjectName {
    ObjectName::new("Account").unwrap()
}

fn refused_connection() -> Scripted {
    Err(TransportError::Connect { host: "h".into(), reason: "refused".into() })
}

#[tokio::test]
async fn a_dead_session_is_replaced_and_the_call_replayed_once_at_the_new_instance() {
    let stub = Stub::new([dead_session(), answer(200, EMPTY_PAGE)]);
    stub.client().query(now(), &soql()).await.unwrap();
    let calls = stub.calls();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0].headers()["authorization"], "Bearer token-1");
    assert_eq!(calls[1].headers()["authorization"], "Bearer token-2");
    assert_eq!(calls[1].uri().host(), Some("instance-2.example"));
    assert!(calls[0].headers()["authorization"].is_sensitive());
}

#[tokio::test]
async fn a_session_that_dies_twice_is_not_replaced_a_third_time() {
    let stub = Stub::new([dead_session(), dead_session()]);
    let error = stub.client().query(now(), &soql()).await.unwrap_err();
    assert_eq!(error.class(), RetryClass::Authenticate);
    assert_eq!(stub.grants.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_401_that_no_session_helps_is_not_replayed() {
    for text in
        ["This session is not valid for use with the REST API", "Connected app is not attached to Agent"]
    {
        let body = format!(r#"[{{"message":"{text}","errorCode":"INVALID_SESSION_ID"}}]"#);
        let stub = Stub::new([answer(401, body)]);
        let error = stub.client().query(now(), &soql()).await.unwrap_err();
        assert_eq!(error.class(), RetryClass::Person, "{text}");
        assert_eq!(stub.grants.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn the_orgs_usage_reaches_the_budget_with_the_servers_time() {
    let headers = [("Sforce-Limit-Info", "api-usage=10018/100000")];
    let stub = Stub::new([answer_with(200, EMPTY_PAGE, &headers)]);
    stub.client().query(now(), &soql()).await.unwrap();
    let at: Timestamp = "2026-11-22T06:00:00Z".parse().unwrap();
    assert_eq!(*stub.usages.lock().unwrap(), [Usage { used: 10_018, allowed: 100_000, at }]);
}

#[tokio::test]
async fn a_spent_allowance_makes_everybody_pause() {
    let body = r#"[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]"#;
    let stub = Stub::new([answer(403, body)]);
    let error = stub.client().query(now(), &soql()).await.unwrap_err();
    assert_eq!(error.class(), RetryClass::LATER);
    let pauses = stub.pauses.lock().unwrap();
    assert_eq!(*pauses, ["2026-11-22T07:01:00Z".parse::<Timestamp>().unwrap()]);
}

#[tokio::test]
async fn a_servers_own_delay_is_kept() {
    let stub = Stub::new([answer_with(503, "<html>down</html>", &[("Retry-After", "120")])]);
    let error = stub.client().query(now(), &soql()).await.unwrap_err();
    assert_eq!(error.class(), RetryClass::Later { after: Some(Duration::from_mins(2)) });
    assert_eq!(stub.pauses.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_call_carries_its_bounds_and_its_tag() {
    let stub = Stub::new([answer(200, EMPTY_PAGE)]);
    let end: Timestamp = "2026-11-22T07:00:30Z".parse().unwrap();
    stub.client().query(now().send_before(end), &soql()).await.unwrap();
    let call = stub.last();
    assert_eq!(call.extensions().get::<SendBefore>().unwrap().0, end);
    assert_eq!(call.extensions().get::<CallLimits>().unwrap().deadline, Duration::from_secs(30));
    assert_eq!(call.headers()["sforce-call-options"], "client=Cosell");
}

#[tokio::test]
async fn a_full_budget_is_waited_for_and_not_for_ever() {
    let stub = Stub::new([]);
    let client = stub.client();
    client.org_id().await.unwrap();
    let again = Duration::from_secs(25);
    stub.waits.lock().unwrap().push_back(again);
    let error = client.query(CallContext::new(Lane::Background), &soql()).await.unwrap_err();
    assert_eq!(stub.within.lock().unwrap().last(), Some(&Duration::from_secs(30)));
    assert_eq!(error, Error::NoPlace { waited: Duration::from_secs(30), again });
    assert_eq!(error.class(), RetryClass::Later { after: Some(again) });
    assert!(stub.calls().is_empty());
}

#[tokio::test]
async fn a_place_is_not_waited_for_past_the_end_of_the_lease() {
    let stub = Stub::new([]);
    let client = stub.client();
    client.org_id().await.unwrap();
    stub.waits.lock().unwrap().push_back(Duration::from_secs(5));
    let end: Timestamp = NOW.parse::<Timestamp>().unwrap() + Duration::from_secs(4);
    let error = client.query(now().send_before(end), &soql()).await.unwrap_err();
    assert_eq!(stub.within.lock().unwrap().last(), Some(&Duration::from_secs(4)));
    assert!(matches!(error, Error::NoPlace { .. }), "{error:?}");
    assert!(stub.calls().is_empty());
}

#[tokio::test]
async fn only_a_connection_that_never_came_about_is_tried_again() {
    let stub = Stub::new([refused_connection(), refused_connection(), answer(200, EMPTY_PAGE)]);
    stub.client().query(now(), &soql()).await.unwrap();
    assert_eq!(stub.slept.lock().unwrap().len(), 2);

    let stub = Stub::new((0..3).map(|_| refused_connection()));
    let error = stub.client().query(now(), &soql()).await.unwrap_err();
    assert_eq!(error.class(), RetryClass::LATER);
    assert_eq!(stub.calls().len(), 3);
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_doubtful_a_read_is_not() {
    let deadline = || Err(TransportError::Deadline { host: "h".into(), after: Duration::from_secs(30) });
    let broken = || Err(TransportError::Broken { host: "h".into(), reason: "reset".into() });
    let too_long = || Err(TransportError::TooLong { host: "h".into(), limit: 1 });

    let cut = answer(201, r#"{"id":"001D000000IRF"#);
    let gateway = answer(504, "<html>gateway</html>");
    for lost in [deadline(), broken(), too_long(), cut, gateway, answer(500, "")] {
        let stub = Stub::new([lost]);
        let error = stub.client().insert(now(), &account(), &Fields::new()).await.unwrap_err();
        assert_eq!(error.class(), RetryClass::Doubtful, "{error}");
        assert_eq!(stub.calls().len(), 1);
    }
    for lost in [deadline(), broken(), answer(200, r#"{"totalSize":1,"#), answer(504, "")] {
        let stub = Stub::new([lost]);
        let error = stub.client().query(now(), &soql()).await.unwrap_err();
        assert_eq!(error.class(), RetryClass::LATER, "{error}");
    }
}

#[tokio::test]
async fn a_write_whose_time_had_passed_was_certainly_not_sent() {
    let stub = Stub::new([Err(TransportError::Late { host: "h".into() })]);
    let error = stub.client().insert(now(), &account(), &Fields::new()).await.unwrap_err();
    assert_eq!(error.class(), RetryClass::LATER);
}

#[tokio::test]
async fn the_orgs_limits_are_a_table() {
    let body = r#"{"DailyApiRequests":{"Max":100000,"Remaining":99},"Odd":{"Other":1}}"#;
    let stub = Stub::new([answer(200, body)]);
    let limits = stub.client().limits(now()).await.unwrap();
    assert_eq!(limits["DailyApiRequests"].remaining, 99);
    assert_eq!(limits.len(), 1);
}
