//! Reading and writing referrals.

use std::time::Duration;

use http::{Method, StatusCode};
use partner_center::{
    Error, Filter, ListQuery, NewReferral, Order, PatchOperation, ReferralId, Status, Substatus,
};
use ports::{Clock as _, Lane, Outcome, RetryClass, SendBefore, TransportError};
use serde_json::{Value, json};

use crate::platform::{ID, World, answer, now_lane};

fn id() -> ReferralId {
    ID.parse().unwrap()
}

fn entity() -> String {
    format!(
        r#"{{"id":"{ID}","ETag":"\"84\"","name":"Deal","details":{{"dealValue":48000.10}},"surprise":{{"a":1}}}}"#
    )
}

fn new_referral() -> NewReferral {
    NewReferral::from_json(json!({ "name": "Deal", "type": "Independent" })).unwrap()
}

#[tokio::test]
async fn a_referral_is_read_with_the_documented_headers_and_nothing_of_it_is_lost() {
    let world = World::new();
    world.api.answer(200, &entity());
    let fetched = world.client.get(now_lane(), id()).await.unwrap().unwrap();
    assert_eq!(fetched.referral.pointer("/surprise/a"), Some(&json!(1)));
    assert_eq!(fetched.referral.text("/details/dealValue").unwrap(), "48000.10");
    assert_eq!(fetched.server_date.unwrap().to_string(), "2026-11-02T09:14:08Z");
    let request = world.api.last();
    assert_eq!(
        request.uri().to_string(),
        format!("https://api.partner.microsoft.com/v1.0/engagements/referrals/{ID}")
    );
    assert_eq!(request.headers()["authorization"], "Bearer access-1");
    assert!(request.headers()["authorization"].is_sensitive());
    assert_eq!(request.headers()["client-request-id"].len(), 36);
    assert_eq!(request.headers()["x-caller-id"], "cosell");
}

#[tokio::test]
async fn a_referral_that_is_not_there_is_none_and_one_that_is_forbidden_is_an_error() {
    let world = World::new();
    world.api.answer(404, r#"{"error":{"code":"itemNotFound","message":"m"}}"#);
    assert!(world.client.get(now_lane(), id()).await.unwrap().is_none());
    world.api.answer(403, r#"{"error":{"code":"accessDenied","message":"m"}}"#);
    assert_eq!(world.client.get(now_lane(), id()).await.unwrap_err().class(), RetryClass::Person);
    // A wrong base address must not make every referral look gone.
    for body in ["<html>no such page</html>", r#"{"statusCode":404,"message":"Resource not found"}"#, ""] {
        world.api.answer(404, body);
        assert_eq!(
            world.client.get(now_lane(), id()).await.unwrap_err().class(),
            RetryClass::Person,
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_create_accepts_every_documented_form_of_success() {
    let location = format!("https://api.partner.microsoft.com/v1.0/engagments/referrals/{ID}");
    let table = [
        ("200 with the entity", answer(200, &[], &entity()), true),
        ("201 with the entity", answer(201, &[], &entity()), true),
        ("only an id", answer(200, &[], &format!(r#"{{"ID":"{ID}"}}"#)), false),
        (
            "only an id and a context",
            answer(201, &[], &format!(r#"{{"@odata.context":"c","id":"{ID}"}}"#)),
            false,
        ),
        ("a location and no body", answer(201, &[("Location", &location)], ""), false),
    ];
    for (form, outcome, has_document) in table {
        let world = World::new();
        world.api.tell(Ok(outcome));
        let created = world.client.create(now_lane(), &new_referral()).await.unwrap();
        assert_eq!(created.id, id(), "{form}");
        assert_eq!(created.referral.is_some(), has_document, "{form}");
        assert!(created.server_date.is_some(), "{form}");
    }
}

#[tokio::test]
async fn a_create_whose_outcome_is_unknown_is_doubtful_and_is_sent_once() {
    let host = || "api.partner.microsoft.com".to_owned();
    let broken = || TransportError::Broken { host: host(), reason: "reset".to_owned() };
    let table = [
        ("cut body", Ok(answer(200, &[], r#"{"id":"7a1c"#))),
        ("empty body", Ok(answer(201, &[], ""))),
        ("no id", Ok(answer(200, &[], "{}"))),
        ("gateway time-out", Ok(answer(504, &[], "<html>Gateway Timeout</html>"))),
        ("time-out", Err(TransportError::Deadline { host: host(), after: Duration::from_secs(30) })),
        ("broken connection", Err(broken())),
    ];
    for (form, outcome) in table {
        let world = World::new();
        world.api.tell(outcome);
        let error = world.client.create(now_lane(), &new_referral()).await.unwrap_err();
        assert_eq!(error.class(), RetryClass::Doubtful, "{form}: {error}");
        assert_eq!(world.api.asked().len(), 1, "{form}");
    }
}

#[tokio::test]
async fn a_refused_connection_is_tried_again_once_even_for_a_create() {
    let world = World::new();
    let refused = || TransportError::Connect { host: "h".to_owned(), reason: "refused".to_owned() };
    world.api.tell(Err(refused())).answer(201, &entity());
    assert_eq!(world.client.create(now_lane(), &new_referral()).await.unwrap().id, id());
    world.api.tell(Err(refused())).tell(Err(refused()));
    let error = world.client.create(now_lane(), &new_referral()).await.unwrap_err();
    assert_eq!(error.class(), RetryClass::LATER);
    assert_eq!(world.budget.asked.lock().unwrap().len(), 4, "each attempt takes a place of its own");
}

#[tokio::test]
async fn nothing_is_sent_after_its_time() {
    let world = World::new();
    let end = world.clock.now();
    let error = world.client.create(now_lane().until(end), &new_referral()).await.unwrap_err();
    assert!(matches!(error, Error::TimePassed { .. }), "{error}");
    // Waiting for a place may use the time up.
    world.budget.waits.lock().unwrap().push_back(Duration::from_secs(5));
    let end = end.checked_add(Duration::from_secs(3)).unwrap();
    let error = world.client.create(now_lane().until(end), &new_referral()).await.unwrap_err();
    assert!(matches!(error, Error::TimePassed { .. }), "{error}");
    assert!(world.api.asked().is_empty());
}

#[tokio::test]
async fn the_transport_is_told_the_end_of_the_lease() {
    let world = World::new();
    let end = world.clock.now().checked_add(Duration::from_mins(1)).unwrap();
    world.api.answer(201, &entity());
    world.client.create(now_lane().until(end), &new_referral()).await.unwrap();
    assert_eq!(world.api.last().extensions().get::<SendBefore>().unwrap().0, end);
}

#[tokio::test]
async fn a_wait_for_a_place_is_bounded() {
    let world = World::new();
    let long = Duration::from_mins(10);
    world.budget.waits.lock().unwrap().push_back(long);
    let error = world.client.get(now_lane(), id()).await.unwrap_err();
    assert_eq!(error.class(), RetryClass::Later { after: Some(long) });
    let asked = world.budget.asked.lock().unwrap().clone();
    assert_eq!(asked, [(Lane::Now, Duration::from_secs(20))], "it is asked once, for a bounded time");
    assert!(world.api.asked().is_empty());
}

#[tokio::test]
async fn a_patch_sends_a_json_patch_under_the_etag_and_reads_the_new_state() {
    let world = World::new();
    world.api.answer(200, &entity());
    let operations = [
        PatchOperation::replace("/details/dealValue", serde_json::from_str("48000.10").unwrap()),
        PatchOperation::add("/team/-", json!({ "email": "a@b.example" })),
    ];
    let etag = "\"83\"".parse().unwrap();
    let patched = world.client.patch(now_lane(), id(), &operations, Some(&etag)).await.unwrap();
    assert_eq!(patched.etag.unwrap().as_str(), "\"84\"");
    assert!(patched.referral.is_some());
    let request = world.api.last();
    assert_eq!(request.method(), Method::PATCH);
    assert_eq!(request.headers()["if-match"], "\"83\"");
    assert_eq!(request.headers()["prefer"], "return=representation");
    assert_eq!(request.headers()["content-type"], "application/json");
    let expected = r#"[{"op":"replace","path":"/details/dealValue","value":48000.10},{"op":"add","path":"/team/-","value":{"email":"a@b.example"}}]"#;
    assert_eq!(std::str::from_utf8(request.body()).unwrap(), expected);
}

#[tokio::test]
async fn a_patch_answered_204_is_a_success_that_may_tell_the_version() {
    let world = World::new();
    world.api.tell(Ok(answer(204, &[("ETag", "\"85\"")], ""))).answer(204, "");
    let operations = [PatchOperation::replace("/status", json!("Active"))];
    let patched = world.client.patch(now_lane(), id(), &operations, None).await.unwrap();
    assert_eq!((patched.referral.is_some(), patched.etag.unwrap().as_str()), (false, "\"85\""));
    assert!(!world.api.last().headers().contains_key("if-match"));
    assert_eq!(world.client.patch(now_lane(), id(), &operations, None).await.unwrap().etag, None);
}

#[tokio::test]
async fn a_patch_that_cannot_be_meant_is_not_sent() {
    let world = World::new();
    for path in ["", "/", "status"] {
        let operations = [PatchOperation::replace(path, Value::Null)];
        let error = world.client.patch(now_lane(), id(), &operations, None).await.unwrap_err();
        assert_eq!(error.class(), RetryClass::Bug, "{path}");
    }
    assert!(world.client.patch(now_lane(), id(), &[], None).await.is_err());
    assert!(world.api.asked().is_empty());
}

#[tokio::test]
async fn a_stale_version_is_a_change() {
    let world = World::new();
    let operations = [PatchOperation::replace("/status", json!("Active"))];
    for (status, code) in [(412, "preconditionFailed"), (409, "resourceModified")] {
        world.api.answer(status, &format!(r#"{{"error":{{"code":"{code}","message":"m"}}}}"#));
        let error = world.client.patch(now_lane(), id(), &operations, None).await.unwrap_err();
        assert_eq!(error.class(), RetryClass::Changed, "{status} {code}");
    }
}

#[tokio::test]
async fn a_refused_value_names_its_field_and_keeps_the_servers_words_out_of_its_text() {
    let world = World::new();
    let body = r#"{"error":{"code":"invalidRequest","message":"x","target":"referral","innerError":
        {"code":"currencyInvalid","message":"Jo Kunde may not pay in XXX","target":"Details.Currency"}}}"#;
    world.api.tell(Ok(answer(400, &[("Request-ID", "r-1")], body)));
    let operations = [PatchOperation::replace("/details/currency", json!("XXX"))];
    let error = world.client.patch(now_lane(), id(), &operations, None).await.unwrap_err();
    let refusal = error.api().unwrap();
    assert_eq!(refusal.fields(), ["/details/currency"]);
    assert_eq!(refusal.server_text(), Some("Jo Kunde may not pay in XXX"));
    let text = error.to_string();
    let expected = "could not change the referral: Partner Center answered 400 invalidRequest/currencyInvalid \
                    about Details.Currency (request r-1)";
    assert_eq!(text, expected);
    assert!(!format!("{error:?}").contains("Kunde"));
}

#[tokio::test]
async fn the_gateways_429_pauses_everybody_and_is_not_repeated() {
    let world = World::new();
    let body = r#"{"statusCode":429,"message":"Rate limit is exceeded. Try again in 57 seconds."}"#;
    world.api.tell(Ok(answer(429, &[("Retry-After", "57")], body)));
    let error = world.client.get(now_lane(), id()).await.unwrap_err();
    let delay = Duration::from_secs(57);
    assert_eq!(error.class(), RetryClass::Later { after: Some(delay) });
    let until = world.clock.now().checked_add(delay).unwrap();
    assert_eq!(*world.budget.pauses.lock().unwrap(), [until]);
    assert_eq!(world.api.asked().len(), 1);
}

#[tokio::test]
async fn a_place_is_given_back_with_what_the_answer_says_of_the_servers_load() {
    let world = World::new();
    let broken = TransportError::Broken { host: "h".to_owned(), reason: "reset".to_owned() };
    let late = TransportError::Deadline { host: "h".to_owned(), after: Duration::from_secs(30) };
    let answered = Outcome::Answered { kind: Some("get"), took: Duration::ZERO };
    let table = [
        (Ok(answer(200, &[], &entity())), answered),
        (Ok(answer(404, &[], r#"{"error":{"code":"itemNotFound"}}"#)), answered),
        (Ok(answer(500, &[], "")), answered),
        (Ok(answer(429, &[], "")), Outcome::Throttled),
        (Ok(answer(509, &[], "")), Outcome::Throttled),
        (Ok(answer(503, &[], "")), Outcome::Overloaded),
        (Err(late), Outcome::Overloaded),
        (Err(broken), Outcome::Unknown),
    ];
    for (outcome, expected) in table {
        let shown = format!("{outcome:?}");
        world.api.tell(outcome);
        let _ = world.client.get(now_lane(), id()).await;
        let ended = std::mem::take(&mut *world.budget.ended.lock().unwrap());
        assert_eq!(ended, [expected], "{shown}");
    }
}

#[tokio::test]
async fn a_delay_without_end_is_not_believed() {
    let world = World::new();
    world.api.tell(Ok(answer(503, &[("Retry-After", "99999999999999")], "")));
    let error = world.client.get(now_lane(), id()).await.unwrap_err();
    assert_eq!(error.class(), RetryClass::Later { after: Some(Duration::from_hours(1)) });
}

#[tokio::test]
async fn a_401_is_replayed_once_with_a_new_token() {
    let world = World::with_tokens(&["access-1", "access-2", "access-3"]);
    world.api.answer(401, "").answer(200, &entity());
    assert!(world.client.get(now_lane(), id()).await.unwrap().is_some());
    assert_eq!(world.api.last().headers()["authorization"], "Bearer access-2");
    world.api.answer(401, "").answer(401, r#"{"error":{"code":"unAuthorized","message":"m"}}"#);
    let error = world.client.get(now_lane(), id()).await.unwrap_err();
    assert_eq!(error.class(), RetryClass::Authenticate);
    assert_eq!(world.api.asked().len(), 4);
}

#[tokio::test]
async fn a_list_follows_the_continuation_on_our_own_address_only() {
    let world = World::new();
    let first = format!(
        r#"{{"@odata.context":"c","@odata.count":2,"value":[{},{{"name":"no id"}}],
            "@odata.nextLink":"http://api.partner.microsoft.com/v1.0/referrals?$skiptoken=a%2Bb"}}"#,
        entity()
    );
    world.api.answer(200, &first).answer(200, r#"{"value":[]}"#);
    let query = ListQuery::new()
        .filter(Filter::updated_since("2026-11-02T09:00:00Z".parse().unwrap()))
        .order_by(Order::UpdatedAscending)
        .top(100);
    let mut pages = world.client.pages(now_lane(), query);
    let page = pages.next_page().await.unwrap().unwrap();
    assert_eq!((page.items.len(), page.unreadable, page.count), (1, 1, Some(2)));
    assert!(page.server_date.is_some());
    assert!(pages.next_page().await.unwrap().unwrap().items.is_empty());
    assert!(pages.next_page().await.unwrap().is_none());
    let asked: Vec<_> = world.api.asked().iter().map(|request| request.uri().to_string()).collect();
    let base = "https://api.partner.microsoft.com/v1.0/engagements/referrals";
    let filter = "$filter=updatedDateTime%20ge%202026-11-02T09%3A00%3A00.0000000Z";
    let expected = [
        format!("{base}?{filter}&$orderby=updatedDateTime%20asc&$top=100"),
        format!("{base}?$skiptoken=a%2Bb"),
    ];
    assert_eq!(asked, expected);
}

#[tokio::test]
async fn a_list_that_leads_in_a_circle_ends() {
    let world = World::new();
    let page = r#"{"value":[],"@odata.nextLink":"https://x/?$skiptoken=same"}"#;
    world.api.answer(200, page).answer(200, page);
    let mut pages = world.client.pages(now_lane(), ListQuery::new());
    pages.next_page().await.unwrap();
    assert!(matches!(pages.next_page().await, Err(Error::Endless { .. })));
}

#[tokio::test]
async fn a_page_that_is_cut_or_leads_nowhere_is_never_taken_for_the_whole() {
    let world = World::new();
    for body in [
        "",
        "[]",
        "{}",
        r#"{"value":[{"id""#,
        r#"{"value":[],"@odata.nextLink":"https://x/"}"#,
        "<html></html>",
    ] {
        world.api.answer(200, body);
        let error = world.client.list(now_lane(), &ListQuery::new()).await.unwrap_err();
        assert!(matches!(error, Error::Unreadable { .. }), "{body}");
        assert_eq!(error.class(), RetryClass::LATER, "{body}");
    }
}

#[tokio::test]
async fn another_referral_than_was_asked_for_is_not_believed() {
    let world = World::new();
    world.api.answer(200, r#"{"id":"00000000-0000-4000-8000-000000000001"}"#);
    assert!(matches!(world.client.get(now_lane(), id()).await, Err(Error::Unreadable { .. })));
}

#[tokio::test]
async fn a_call_is_charged_to_its_lane() {
    let world = World::new();
    world.api.answer(200, &entity());
    world.client.get(partner_center::CallContext::new(Lane::Background), id()).await.unwrap();
    let asked = world.budget.asked.lock().unwrap().clone();
    assert_eq!(asked.first().map(|(lane, _)| *lane), Some(Lane::Background));
}

#[tokio::test]
async fn a_redirect_is_a_refusal() {
    let world = World::new();
    world.api.tell(Ok(answer(302, &[("Location", "https://evil.example/")], "")));
    let error = world.client.get(now_lane(), id()).await.unwrap_err();
    assert_eq!(error.api().unwrap().status(), StatusCode::FOUND);
    assert_eq!(error.class(), RetryClass::Person);
}

/// The inbound co-sell referral of the reference, section 3.9 (c).
const INBOUND: &str = include_str!("inbound.json");

#[tokio::test]
async fn the_documented_inbound_referral_is_read_whole() {
    let world = World::new();
    world.api.answer(200, INBOUND);
    let referral = world.client.get(now_lane(), id()).await.unwrap().unwrap().referral;
    assert_eq!(
        referral.document(),
        &serde_json::from_str::<Value>(INBOUND).unwrap(),
        "no member is lost or renamed"
    );
    assert_eq!((referral.status(), referral.substatus()), (Some(Status::New), Some(Substatus::Pending)));
    assert_eq!(referral.engagement_id().unwrap().to_string(), "0f4c0a53-0000-4000-8000-00000000e002");
    assert_eq!(referral.etag().unwrap().as_str(), "\"84001c9d-0000-0100-0000-6225a63e0000\"");
    assert_eq!(referral.updated().unwrap().to_string(), "2026-11-02T09:14:07.1234567Z");
    assert_eq!(referral.expires().unwrap().to_string(), "2026-11-16T00:00:00Z");
    assert!(referral.invited_by().unwrap().is_microsoft());
    assert_eq!((referral.accepted(), referral.external_reference_id()), (None, None));
}
