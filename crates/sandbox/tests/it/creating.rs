//! POST: the three documented bodies, what is normalised, what is refused.

use serde_json::{Value, json};

use crate::{
    bodies::{inbound, invitation, partner_led, shared, with},
    desk::{BASE, Desk, REFERRALS, text},
};

#[test]
fn the_documented_partner_led_deal_becomes_active_and_accepted_at_once() {
    let desk = Desk::new();
    let reply = desk.post(&partner_led());
    assert_eq!(reply.header("etag"), text(&reply.body, "eTag"));
    let made = reply.expect(200);
    let found =
        ["status", "substatus", "direction", "createdDateTime", "updatedDateTime", "acceptedDateTime"]
            .map(|member| text(&made, member));
    let at = "2026-11-22T10:00:00.0000000Z";
    assert_eq!(found, ["Active", "Accepted", "Outgoing", at, at, at]);
    assert_eq!(made["organizationId"], desk.ready["organization_id"]);
    assert_eq!(made["inviteContext"]["invitedBy"]["organizationId"], desk.ready["organization_id"]);
    assert_eq!(made["details"]["dealValue"], json!(48000));
    assert_eq!((&made["expirationDateTime"], &made["closedDateTime"]), (&Value::Null, &Value::Null));
    assert_eq!(made["links"]["self"]["uri"], format!("{BASE}{REFERRALS}/{}", text(&made, "id")));
    assert_eq!(desk.get(&format!("{REFERRALS}/{}", text(&made, "id"))).expect(200), made);
}

#[test]
fn the_documented_second_post_creates_microsofts_referral_in_the_same_engagement() {
    let desk = Desk::new();
    for first in [partner_led(), shared()] {
        let own = desk.post(&first).expect(200);
        let engagement = text(&own, "engagementId");
        let theirs = desk.post(&invitation(engagement)).expect(200);
        let found = ["organizationId", "status", "substatus", "engagementId", "expirationDateTime"]
            .map(|member| text(&theirs, member));
        assert_eq!(found, ["msft", "New", "Pending", engagement, "2026-12-06T00:00:00Z"]);
        let listed = desk.list(&format!("$filter=engagementId eq '{engagement}'")).expect(200);
        let owners: Vec<&str> =
            listed["value"].as_array().unwrap().iter().map(|one| text(one, "organizationId")).collect();
        assert_eq!(owners, [desk.text("organization_id").as_str(), "msft"]);
    }
}

#[test]
fn the_documented_inbound_referral_comes_back_as_it_was_given() {
    let desk = Desk::new();
    desk.now.set("2026-11-02T09:14:07.1234567Z".parse().unwrap());
    let given = inbound();
    desk.act("microsoft/invite", &given);
    let read = desk.get(&format!("{REFERRALS}/{}", text(&given, "id"))).expect(200);
    // What belongs to this sandbox and not to the example.
    let own = ["@odata.context", "eTag", "links", "organizationId", "organizationName"];
    for (member, value) in
        given.as_object().unwrap().iter().filter(|(member, _)| !own.contains(&member.as_str()))
    {
        assert!(covers(&read[member], value), "{member}: {} does not cover {value}", read[member]);
    }
}

/// Whether `found` has everything that `given` has; it may hold members that the example leaves out.
fn covers(found: &Value, given: &Value) -> bool {
    match (found, given) {
        (Value::Object(found), Value::Object(given)) => {
            given.iter().all(|(name, value)| found.get(name).is_some_and(|found| covers(found, value)))
        }
        (Value::Array(found), Value::Array(given)) => {
            found.len() == given.len() && found.iter().zip(given).all(|(found, given)| covers(found, given))
        }
        _ => found == given,
    }
}

#[test]
fn what_a_create_must_hold_is_refused_when_missing_or_wrong() {
    let desk = Desk::new();
    let cases: &[(&str, Option<Value>, &str)] = &[
        ("/name", None, "name"),
        ("/name", Some(json!("  ")), "name"),
        ("/name", Some(json!(5)), "name"),
        ("/type", None, "type"),
        ("/type", Some(json!("Private")), "type"),
        ("/type", Some(json!("Shared")), "target"),
        ("/target", Some(json!([{"type": "SolutionProfile", "id": "SOL-1"}])), "target"),
        ("/customerProfile", None, "customerProfile"),
        ("/customerProfile/name", None, "customerProfile.name"),
        ("/customerProfile/address/addressLine1", None, "customerProfile.address.addressLine1"),
        ("/customerProfile/address/city", None, "customerProfile.address.city"),
        ("/customerProfile/address/country", Some(json!("DEU")), "customerProfile.address.country"),
        ("/customerProfile/address/country", Some(json!("XX")), "customerProfile.address.country"),
        ("/customerProfile/size", Some(json!("huge")), "customerProfile.size"),
        ("/consent", None, "consent"),
        ("/consent/consentToContact", Some(json!(false)), "consent.consentToContact"),
        ("/consent/consentToToShareInfoWithOthers", None, "consent.consentToToShareInfoWithOthers"),
        ("/details", None, "details"),
        ("/details/dealValue", None, "details.dealValue"),
        ("/details/dealValue", Some(json!("a lot")), "details.dealValue"),
        ("/details/dealValue", Some(json!(-1)), "details.dealValue"),
        ("/details/currency", Some(json!("EURO")), "details.currency"),
        ("/details/closingDateTime", None, "details.closingDateTime"),
        ("/details/closingDateTime", Some(json!("31.3.2027")), "details.closingDateTime"),
        ("/details/requirements/solutions", Some(json!([])), "details.requirements.solutions"),
        (
            "/details/requirements/solutions",
            Some(json!([{"name": "x"}])),
            "details.requirements.solutions[0].id",
        ),
        (
            "/details/requirements/solutions",
            Some(vec![json!({"id": "S"}); 51].into()),
            "details.requirements.solutions",
        ),
        (
            "/details/requirements/additionalRequirements",
            None,
            "details.requirements.additionalRequirements.attributes",
        ),
        ("/team", Some(json!([])), "team"),
        ("/team", Some(json!([{"firstName": "A", "lastName": "B", "email": "a@b"}])), "team[0].phoneNumber"),
        ("/status", Some(json!("Closed")), "status"),
        ("/id", Some(json!("7a1c0000-0000-4000-8000-0000000000a1")), "id"),
        ("/eTag", Some(json!("x")), "eTag"),
        ("/engagementId", Some(json!("7a1c0000-0000-4000-8000-0000000000a1")), "engagementId"),
        ("/trackingInfo", Some(json!({"microsoftMsxId": "7-1"})), "trackingInfo"),
        ("/colour", Some(json!("red")), "colour"),
    ];
    for (pointer, value, target) in cases {
        desk.post(&with(partner_led(), pointer, value.clone())).refused(400, "invalidRequest", target);
    }
    assert_eq!(desk.list("").expect(200)["value"], json!([]));
}

#[test]
fn what_the_service_tolerates_is_accepted() {
    let desk = Desk::new();
    let sloppy = with(partner_led(), "/customerProfile/ids", Some(json!({})));
    let sloppy = with(sloppy, "/details/dealValue", Some(json!("48000.10")));
    let sloppy = with(sloppy, "/details/closingDateTime", Some(json!("2027-03-31T02:00:00+02:00")));
    let sloppy = with(sloppy, "/consent/consentToToShareInfoWithOthers", None);
    let sloppy = with(sloppy, "/consent/ConsentToToShareInfoWithOthers", Some(json!(true)));
    let made = desk.post(&sloppy).expect(200);
    assert_eq!(made["details"]["dealValue"].to_string(), "48000.10");
    assert_eq!(made["details"]["closingDateTime"], "2027-03-31T00:00:00Z");
    assert_eq!(made["customerProfile"]["ids"], json!([]));
}

#[test]
fn an_invitation_of_microsoft_must_fit_its_engagement() {
    let desk = Desk::new();
    let own = desk.post(&shared()).expect(200);
    let good = invitation(text(&own, "engagementId"));
    let cases: &[(&str, Option<Value>, &str)] = &[
        ("/engagementId", None, "engagementId"),
        ("/engagementId", Some(json!("0f4c0a53-0000-4000-8000-00000000e001")), "engagementId"),
        ("/type", Some(json!("Independent")), "type"),
        ("/status", Some(json!("Active")), "status"),
        ("/customerProfile/team", Some(json!([])), "customerProfile.team"),
        ("/inviteContext", None, "inviteContext.assistanceRequestCode"),
        (
            "/inviteContext/assistanceRequestCode",
            Some(json!("Unknown")),
            "inviteContext.assistanceRequestCode",
        ),
        (
            "/consent/consentToShareReferralWithMicrosoftSellers",
            Some(json!(false)),
            "consent.consentToShareReferralWithMicrosoftSellers",
        ),
    ];
    for (pointer, value, target) in cases {
        desk.post(&with(good.clone(), pointer, value.clone())).refused(400, "invalidRequest", target);
    }
    desk.replace(text(&own, "id"), &[("/status", json!("Closed")), ("/substatus", json!("Lost"))])
        .expect(200);
    desk.post(&good).refused(400, "invalidRequest", "engagementId");
}

#[test]
fn a_second_referral_of_microsofts_is_possible_unless_the_knob_forbids_it() {
    let desk = Desk::new();
    let own = desk.post(&shared()).expect(200);
    let body = invitation(text(&own, "engagementId"));
    desk.post(&body).expect(200);
    desk.post(&body).expect(200);
    let desk = desk.knob(json!({"allow_second_microsoft_referral": false}));
    desk.post(&body).refused(400, "invalidRequest", "engagementId");
}

#[test]
fn status_and_body_of_a_create_are_knobs() {
    let desk = Desk::new().knob(json!({"create_status": 201, "second_post_body": "id"}));
    let reply = desk.post(&shared());
    assert_eq!(reply.header("location"), format!("{BASE}{REFERRALS}/{}", text(&reply.body, "id")));
    let own = reply.expect(201);
    let theirs = desk.post(&invitation(text(&own, "engagementId"))).expect(201);
    assert_eq!(theirs.as_object().unwrap().keys().collect::<Vec<_>>(), ["id"]);
}

#[test]
fn a_post_is_seen_late_in_lists_and_at_once_by_get_if_the_knob_says_so() {
    let desk = Desk::new().knob(json!({"late_in_lists_ms": 5000}));
    let made = desk.post(&partner_led()).expect(200);
    let listed = || desk.list("").expect(200)["value"].as_array().unwrap().len();
    assert_eq!(listed(), 0);
    desk.get(&format!("{REFERRALS}/{}", text(&made, "id"))).expect(200);
    desk.pass(jiff::SignedDuration::from_secs(5));
    assert_eq!(listed(), 1);
}
