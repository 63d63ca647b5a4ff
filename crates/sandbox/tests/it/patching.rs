//! PATCH and PUT: paths, preconditions, lifecycle, limits.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{
    bodies::{inbound, invitation, partner_led, shared},
    desk::{Desk, REFERRALS, text},
};

fn person(number: usize) -> Value {
    json!({"firstName": "P", "lastName": number.to_string(), "email": "p@x.example", "phoneNumber": "1"})
}

#[test]
fn every_documented_path_can_be_written() {
    let desk = Desk::new();
    let id = text(&desk.post(&partner_led()).expect(200), "id").to_owned();
    let cases = [
        ("/campaignId", json!("C1")),
        ("/consent/consentToShareReferralWithMicrosoftSellers", json!(true)),
        ("/customerProfile/team", json!([person(1)])),
        ("/details/closingDateTime", json!("2027-04-30T00:00:00Z")),
        ("/details/currency", json!("USD")),
        ("/details/dealValue", json!(50000)),
        ("/details/notes", json!("More")),
        ("/details/notes", Value::Null),
        ("/details/requirements/solutions", json!([{"id": "SOL-2"}])),
        ("/externalReferenceId", json!("006")),
        ("/referralProgram", json!("Partner Program")),
        ("/salesStage", json!("40")),
        ("/statusReason", json!("because")),
        ("/team", json!([person(1), person(2)])),
        ("/name", json!("Another name")),
        ("/favorite", json!(true)),
    ];
    for (path, value) in cases {
        let after = desk.replace(&id, &[(path, value.clone())]).expect(200);
        assert_eq!(after.pointer(path), Some(&value), "{path}");
    }
    let appended = json!([
        {"op": "add", "path": "/team/-", "value": person(3)},
        {"op": "add", "path": "/details/requirements/solutions/-", "value": {"id": "SOL-3"}},
    ]);
    let after = desk.patch(&id, &appended).expect(200);
    assert_eq!(after["team"][2]["lastName"], "3");
    assert_eq!(after["details"]["requirements"]["solutions"][1]["id"], "SOL-3");
    let money = desk.replace(&id, &[("/details/dealValue", json!("10000"))]).expect(200);
    assert_eq!(money["details"]["dealValue"], json!(10000));
}

#[test]
fn what_a_patch_may_not_do_is_refused_and_changes_nothing() {
    let desk = Desk::new();
    let made = desk.post(&partner_led()).expect(200);
    let id = text(&made, "id");
    let replace = |path: &str, value: Value| json!([{"op": "replace", "path": path, "value": value}]);
    let many: Vec<Value> = (0..51).map(person).collect();
    let cases = [
        (json!({}), "patch"),
        (json!([]), "patch"),
        (json!([{"op": "replace", "value": 1}]), "path"),
        (json!([{"op": "remove", "path": "/details/notes"}]), "details.notes"),
        (json!([{"op": "test", "path": "/name", "value": "x"}]), "name"),
        (json!([{"op": "replace", "path": "/name"}]), "name"),
        (replace("/customerProfile/name", json!("x")), "customerProfile.name"),
        (
            replace("/inviteContext/assistanceRequestCode", json!("QuotesOrLicensing")),
            "inviteContext.assistanceRequestCode",
        ),
        (replace("/type", json!("Shared")), "type"),
        (replace("/eTag", json!("x")), "eTag"),
        (replace("/team/-", person(1)), "team.-"),
        (replace("/team/0", person(1)), "team.0"),
        (replace("/name", Value::Null), "name"),
        (replace("/favorite", json!("yes")), "favorite"),
        (replace("/details/dealValue", json!("much")), "details.dealValue"),
        (replace("/details/dealValue", Value::Null), "details.dealValue"),
        (replace("/details/currency", json!("XXY")), "details.currency"),
        (replace("/details/closingDateTime", json!("soon")), "details.closingDateTime"),
        (replace("/team", json!(many)), "team"),
        (replace("/team", json!("Ada")), "team"),
        (
            replace("/consent/consentToShareReferralWithMicrosoftSellers", json!(false)),
            "consent.consentToShareReferralWithMicrosoftSellers",
        ),
        (replace("/status", json!("Closed")), "substatus"),
        (replace("/substatus", json!("Won")), "substatus"),
        (replace("/status", json!("New")), "substatus"),
        (replace("/status", json!("Done")), "status"),
        (
            json!([{"op": "replace", "path": "/name", "value": "kept?"}, {"op": "replace", "path": "/status", "value": "Closed"}]),
            "substatus",
        ),
    ];
    for (patch, target) in cases {
        desk.patch(id, &patch).refused(400, "invalidRequest", target);
    }
    assert_eq!(desk.get(&format!("{REFERRALS}/{id}")).expect(200), made);
}

#[test]
fn the_answer_is_empty_unless_the_representation_is_preferred() {
    let desk = Desk::new();
    let made = desk.post(&partner_led()).expect(200);
    let path = format!("{REFERRALS}/{}", text(&made, "id"));
    let patch = json!([{"op": "replace", "path": "/name", "value": "x"}]);
    let plain = desk.ask("PATCH", &path, &[], Some(&patch));
    assert_eq!((plain.status.as_u16(), &plain.body), (204, &Value::Null));
    let preferred = desk.ask("PATCH", &path, &[("prefer", "return=representation")], Some(&patch));
    assert_eq!(preferred.header("preference-applied"), "return=representation");
    let after = preferred.expect(200);
    assert_ne!(after["eTag"], made["eTag"]);
    assert!(text(&after, "updatedDateTime") > text(&made, "updatedDateTime"));
}

#[test]
fn if_match_is_optional_and_honoured() {
    let desk = Desk::new();
    let made = desk.post(&partner_led()).expect(200);
    let path = format!("{REFERRALS}/{}", text(&made, "id"));
    let patch = json!([{"op": "replace", "path": "/name", "value": "x"}]);
    let tag = text(&made, "eTag").to_owned();
    let ask = |tag: &str| desk.ask("PATCH", &path, &[("if-match", tag)], Some(&patch));
    ask(tag.trim_matches('"')).refused(412, "preconditionFailed", "");
    assert_eq!(ask(&tag).status.as_u16(), 204);
    ask(&tag).refused(412, "preconditionFailed", "");
    assert_eq!(ask("*").status.as_u16(), 204);
    let desk = desk.knob(json!({"stale_status": 409}));
    desk.ask("PATCH", &path, &[("if-match", &tag)], Some(&patch)).refused(409, "resourceModified", "");
}

#[test]
fn an_inbound_referral_is_accepted_and_won_and_is_final_then() {
    let desk = Desk::new();
    let id = text(&desk.act("microsoft/invite", &inbound()), "id").to_owned();
    desk.pass(SignedDuration::from_secs(9));
    let accepted =
        desk.replace(&id, &[("/status", json!("Active")), ("/substatus", json!("Accepted"))]).expect(200);
    assert_eq!(accepted["acceptedDateTime"], "2026-11-22T10:00:09.0000000Z");
    let declined = [("/status", json!("Closed")), ("/substatus", json!("Declined"))];
    desk.replace(&id, &declined).refused(400, "invalidRequest", "substatus");
    let won = desk.replace(&id, &[("/status", json!("Closed")), ("/substatus", json!("Won"))]).expect(200);
    assert!(won["closedDateTime"].is_string());
    desk.replace(&id, &[("/name", json!("late"))]).refused(400, "invalidRequest", "status");
    assert!(desk.machine_refuses("portal/edit", &json!({"id": id, "set": {"/name": "late"}})));
}

#[test]
fn closing_as_error_and_winning_before_acceptance_are_knobs() {
    let desk = Desk::new().knob(json!({"close_as_error": false, "won_from_new": false}));
    let id = text(&desk.act("microsoft/invite", &inbound()), "id").to_owned();
    for substatus in ["Error", "Won"] {
        let close = [("/status", json!("Closed")), ("/substatus", json!(substatus))];
        desk.replace(&id, &close).refused(400, "invalidRequest", "substatus");
    }
}

#[test]
fn a_referral_of_somebody_else_cannot_be_patched() {
    let desk = Desk::new();
    let own = desk.post(&shared()).expect(200);
    let theirs = desk.post(&invitation(text(&own, "engagementId"))).expect(200);
    let other = desk.act("other/create", &json!({"name": "Not ours"}));
    for one in [&theirs, &other] {
        desk.replace(text(one, "id"), &[("/name", json!("x"))]).refused(403, "accessDenied", "");
    }
    desk.replace("7a1c0000-0000-4000-8000-0000000000a1", &[("/name", json!("x"))]).refused(
        404,
        "itemNotFound",
        "referral",
    );
}

#[test]
fn an_unanswered_invitation_expires_in_both_directions() {
    let desk = Desk::new();
    let inbound = desk.act("microsoft/invite", &inbound());
    let own = desk.post(&shared()).expect(200);
    let theirs = desk.post(&invitation(text(&own, "engagementId"))).expect(200);
    desk.pass(SignedDuration::from_hours(24 * 14));
    for one in [&inbound, &theirs] {
        let after = desk.get(&format!("{REFERRALS}/{}", text(one, "id"))).expect(200);
        assert_eq!((text(&after, "status"), text(&after, "substatus")), ("Closed", "Expired"));
    }
    let own = desk.get(&format!("{REFERRALS}/{}", text(&own, "id"))).expect(200);
    assert_eq!(text(&own, "status"), "Active");
}

#[test]
fn a_put_needs_its_etag_and_may_change_what_a_patch_may() {
    let desk = Desk::new();
    let made = desk.post(&partner_led()).expect(200);
    let path = format!("{REFERRALS}/{}", text(&made, "id"));
    let tag = text(&made, "eTag").to_owned();
    let mut body = made.clone();
    body["name"] = json!("Renamed");
    desk.ask("PUT", &path, &[], Some(&body)).refused(400, "invalidRequest", "If-Match");
    desk.ask("PUT", &path, &[("if-match", &tag)], Some(&body)).refused(400, "invalidRequest", "links");
    body.as_object_mut().unwrap().remove("links");
    let mut moved = body.clone();
    moved["customerProfile"]["name"] = json!("Somebody else");
    desk.ask("PUT", &path, &[("if-match", &tag)], Some(&moved)).refused(
        400,
        "invalidRequest",
        "customerProfile.name",
    );
    let after = desk.ask("PUT", &path, &[("if-match", &tag)], Some(&body)).expect(200);
    assert_eq!(text(&after, "name"), "Renamed");
}

#[test]
fn microsofts_seller_answers_on_microsofts_referral_alone() {
    let desk = Desk::new();
    let own = desk.post(&shared()).expect(200);
    let engagement = text(&own, "engagementId");
    let theirs = desk.post(&invitation(engagement)).expect(200);
    assert_eq!((&theirs["team"], &theirs["trackingInfo"]), (&json!([]), &Value::Null));
    let accepted = desk.act(
        "microsoft/accept",
        &json!({"engagementId": engagement, "sellers": [person(7)], "microsoftMsxId": "7-ABC"}),
    );
    assert_eq!((text(&accepted, "status"), text(&accepted, "substatus")), ("Active", "Accepted"));
    assert_eq!(accepted["trackingInfo"]["microsoftMsxId"], "7-ABC");
    assert_eq!(accepted["team"][0]["lastName"], "7");
    let edited =
        desk.act("microsoft/edit", &json!({"engagementId": engagement, "set": {"/details/dealValue": 9}}));
    assert_eq!(edited["details"]["dealValue"], json!(9));
    desk.act("microsoft/lose", &json!({"engagementId": engagement, "reason": "Gone"}));
    assert_eq!(desk.get(&format!("{REFERRALS}/{}", text(&own, "id"))).expect(200), own);
}

impl Desk {
    pub(crate) fn machine_refuses(&self, actor: &str, body: &Value) -> bool {
        use sandbox::exchange::Machine as _;
        self.machine.act(actor, body, self.now.get()).is_err()
    }
}

#[test]
fn an_invitation_given_from_the_past_can_still_be_answered() {
    let desk = Desk::new();
    for (number, given) in ["2026-11-02T09:14:07Z", "2026-01-02T09:14:07Z"].into_iter().enumerate() {
        let referral = json!({"name": "Old", "createdDateTime": given, "customerProfile": {"name": "X"}});
        let made = desk.act("microsoft/invite", &referral);
        let read = desk.get(&format!("{REFERRALS}/{}", text(&made, "id"))).expect(200);
        assert_eq!((number, text(&read, "status")), (number, "New"));
    }
}
