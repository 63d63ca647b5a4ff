//! Sections 2.1, 3 and 4.5: query options, shapes, and business rules that are knobs.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{
    bodies::{inbound, invitation, partner_led, shared, with},
    desk::{Desk, REFERRALS, text},
};

#[test]
fn s2_1_select_reaches_into_objects_and_expand_changes_nothing() {
    let desk = Desk::new();
    let made = desk.post(&partner_led()).expect(200);
    let id = text(&made, "id");
    let selected = "$select=id,status,customerProfile/name,customerProfile/address/city";
    let expected = json!({
        "id": id, "status": "Active",
        "customerProfile": {"name": "Northwind Traders GmbH", "address": {"city": "Hamburg"}},
    });
    assert_eq!(desk.list(selected).expect(200)["value"], json!([expected]));
    let mut one = desk.get(&format!("{REFERRALS}/{id}?{selected}")).expect(200);
    assert!(one.as_object_mut().unwrap().remove("@odata.context").is_some());
    assert_eq!(one, expected);
    for harmless in ["$select=*", "$expand=team,details", "$expand=*", "$expand=customerProfile&$count=true"]
    {
        assert_eq!(desk.list(harmless).expect(200)["value"][0], without_context(&made), "{harmless}");
    }
    assert_eq!(desk.get(&format!("{REFERRALS}/{id}?$expand=team")).expect(200), made);
    for (query, target) in [
        ("$select=colour", "$select"),
        ("$select=team/email", "$select"),
        ("$select=", "$select"),
        ("$expand=name", "$expand"),
        ("$expand=colour", "$expand"),
    ] {
        desk.list(query).refused(400, "invalidRequest", target);
        desk.get(&format!("{REFERRALS}/{id}?{query}")).refused(400, "invalidRequest", target);
    }
    desk.get(&format!("{REFERRALS}/{id}?$top=1")).refused(400, "invalidRequest", "$top");
}

fn without_context(one: &Value) -> Value {
    let mut one = one.clone();
    one.as_object_mut().unwrap().remove("@odata.context");
    one
}

#[test]
fn s2_1_every_documented_filter_is_understood() {
    let desk = Desk::new();
    let made = desk.post(&partner_led()).expect(200);
    let engagement = text(&made, "engagementId");
    let stranger = with(inbound(), "/team", Some(json!([])));
    desk.act("microsoft/invite", &json!({"referral": stranger, "withMicrosoft": false}));
    let only_ours = [
        format!("engagementId eq '{engagement}'"),
        "status eq 'Active' and direction eq 'Outgoing'".to_owned(),
        "substatus eq 'Accepted' and type eq 'Independent'".to_owned(),
        "qualification eq 'SalesQualified' and customerProfile/address/country eq 'DE'".to_owned(),
        "team/any(t:t/email eq 'ada.berg@fabrikam.example')".to_owned(),
        "email eq 'ada.berg@fabrikam.example'".to_owned(),
        "(createdDateTime ge 2026-11-22T10:00:00Z) and type eq 'Independent'".to_owned(),
        "updatedDateTime le 2027-01-01T00:00:00Z and type eq 'Independent'".to_owned(),
    ];
    for filter in only_ours {
        let page = desk.list(&format!("$filter={filter}&$count=true")).expect(200);
        let found = page["value"].as_array().unwrap();
        assert_eq!(
            (found.len(), &found[0]["id"], &page["@odata.count"]),
            (1, &made["id"], &json!(1)),
            "{filter}"
        );
    }
    for filter in ["externalReferenceId eq 'x'", "email gt 5", "emails eq 'x'", "contains(name,'x')"] {
        desk.list(&format!("$filter={filter}")).refused(400, "invalidRequest", "$filter");
    }
}

#[test]
fn s2_1_a_count_that_nobody_asked_for_is_a_knob() {
    let desk = Desk::new();
    desk.post(&partner_led()).expect(200);
    assert_eq!(desk.list("$top=1").expect(200).get("@odata.count"), None);
    let desk = desk.knob(json!({"count_unasked": true}));
    assert_eq!(desk.list("$top=1").expect(200)["@odata.count"], json!(1));
}

#[test]
fn s3_8_a_tenant_may_refuse_what_the_connector_writes_and_take_what_it_does_not() {
    let desk =
        Desk::new().knob(json!({"patch_paths_refused": ["/name", "/team"], "patch_paths_extra": ["/mpnId"]}));
    let id = text(&desk.post(&partner_led()).expect(200), "id").to_owned();
    desk.replace(&id, &[("/name", json!("x"))]).refused(400, "invalidRequest", "name");
    let member = partner_led()["team"][0].clone();
    desk.patch(&id, &json!([{"op": "add", "path": "/team/-", "value": member}])).refused(
        400,
        "invalidRequest",
        "team.-",
    );
    desk.replace(&id, &[("/mpnId", json!("42"))]).expect(200);
}

#[test]
fn s2_2_a_call_without_its_request_id_is_refused_if_the_knob_says_so() {
    let desk = Desk::new().knob(json!({"require_client_request_id": true}));
    desk.get(REFERRALS).refused(400, "invalidRequest", "client-request-id");
    let id = [("client-request-id", "0f4c0a53-0000-4000-8000-00000000e001")];
    desk.ask("GET", REFERRALS, &id, None).expect(200);
}

#[test]
fn s3_2_a_customer_without_ids_and_a_deal_without_registrations_are_shown_in_both_ways() {
    let body = with(partner_led(), "/customerProfile/ids", Some(json!([])));
    let made = Desk::new().post(&body).expect(200);
    assert_eq!((&made["customerProfile"]["ids"], &made["registrations"]), (&json!([]), &json!([])));
    let desk = Desk::new().knob(json!({"empty_ids_as_object": true, "omit_empty_registrations": true}));
    let made = desk.post(&body).expect(200);
    assert_eq!((&made["customerProfile"]["ids"], made.get("registrations")), (&json!({}), None));
    let made = desk.post(&partner_led()).expect(200);
    assert!(made["customerProfile"]["ids"].is_array());
}

#[test]
fn s3_4_everything_in_the_details_is_kept() {
    let desk = Desk::new();
    let requirements = json!({
        "industries": [{"id": "Education"}], "products": [{"id": "Azure"}], "services": [{"id": "Licensing"}],
        "solutions": [{"id": "SOL-12345-ABC", "name": "Insight", "type": "Name", "price": 10.5, "quantity": 2,
            "currency": "EUR", "publisherName": "Fabrikam", "solutionType": "3P",
            "closingDateTime": "2027-03-31T00:00:00Z"}],
        "offers": [{"id": "O-1"}], "salesPlays": ["P-1"],
        "additionalRequirements": {
            "iot": {"customerLicenseAgreementNumber": "C-1", "deviceCategory": "Kiosk",
                "siliconType": "Intel - Atom", "azureCertifiedDevice": true, "attachServices": ["x"]},
            "attributes": [{"type": "CustomerMarketplaceIntent", "id": "Yes"}, {"type": "SolutionArea", "id": "?"}],
        },
    });
    let body = with(partner_led(), "/details/requirements", Some(requirements.clone()));
    for desk in [desk, Desk::new().knob(json!({"check_codes": true}))] {
        assert_eq!(desk.post(&body).expect(200)["details"]["requirements"], requirements);
    }
}

#[test]
fn s3_4_codes_outside_their_lists_are_refused_if_the_knob_says_so() {
    let at = "/details/requirements";
    let cases = [
        ("/industries", json!([{"id": "Magic"}]), "details.requirements.industries"),
        ("/products", json!([{"id": "Magic"}]), "details.requirements.products"),
        ("/services", json!([{"id": "Magic"}]), "details.requirements.services"),
        ("/solutions", json!([{"id": "Magic", "type": "Category"}]), "details.requirements.solutions"),
        (
            "/additionalRequirements/iot",
            json!({"deviceCategory": "Magic"}),
            "details.requirements.additionalRequirements.iot.deviceCategory",
        ),
        (
            "/additionalRequirements/iot",
            json!({"siliconType": "Magic"}),
            "details.requirements.additionalRequirements.iot.siliconType",
        ),
    ];
    for (pointer, value, target) in cases {
        let body = with(partner_led(), &format!("{at}{pointer}"), Some(value));
        Desk::new().post(&body).expect(200);
        let desk = Desk::new().knob(json!({"check_codes": true}));
        desk.post(&body).refused(400, "invalidRequest", target);
    }
}

#[test]
fn s3_4_services_co_sell_needs_role_area_and_play_if_the_knob_says_so() {
    let desk = Desk::new().knob(json!({"require_services_attributes": true}));
    let path = "details.requirements.additionalRequirements.attributes";
    desk.post(&partner_led()).refused(400, "invalidRequest", path);
    let attributes = ["CustomerMarketplaceIntent", "PartnerRole", "SolutionArea", "SolutionPlay"]
        .map(|kind| json!({"type": kind, "id": if kind.starts_with('C') { "No" } else { "x" }}));
    let pointer = "/details/requirements/additionalRequirements/attributes";
    let body = with(partner_led(), pointer, Some(json!(attributes)));
    desk.post(&body).expect(200);
    let desk = desk.knob(json!({"attribute_types": ["CustomerMarketplaceIntent"]}));
    desk.post(&body).refused(400, "invalidRequest", path);
}

#[test]
fn s4_1_an_error_is_closed_with_one_of_nine_reasons_if_the_knob_says_so() {
    let desk = Desk::new().knob(json!({"check_reasons": true}));
    let close = |substatus: &str, reason: &str| {
        let id = text(&desk.post(&partner_led()).expect(200), "id").to_owned();
        let set = [
            ("/status", json!("Closed")),
            ("/substatus", json!(substatus)),
            ("/statusReason", json!(reason)),
        ];
        desk.replace(&id, &set)
    };
    for reason in [
        "Duplicate - created through bulk upload",
        "Duplicate - created in Partner Center",
        "Duplicate - sent by Microsoft",
        "Connector data sync issues",
        "Customer matching issues",
        "Solution issues - explain in notes",
        "Test referral",
        "Data error",
        "Others - explain in notes",
    ] {
        assert_eq!(text(&close("Error", reason).expect(200), "statusReason"), reason);
    }
    close("Error", "Others").refused(400, "invalidRequest", "statusReason");
    close("Lost", "Others").expect(200);
    close("Lost", "Test referral").refused(400, "invalidRequest", "statusReason");
    close("Won", "").expect(200);
}

#[test]
fn s4_1_the_service_normalises_what_a_deal_is_created_as() {
    let desk = Desk::new();
    for (status, substatus) in
        [("New", "Pending"), ("New", "Accepted"), ("Active", "Accepted"), ("None", "None")]
    {
        let body = with(partner_led(), "/status", Some(json!(status)));
        let made = desk.post(&with(body, "/substatus", Some(json!(substatus)))).expect(200);
        assert_eq!((text(&made, "status"), text(&made, "substatus")), ("Active", "Accepted"));
        assert_eq!(made["acceptedDateTime"], made["createdDateTime"]);
    }
}

#[test]
fn s4_1_an_invitation_expires_after_fourteen_days_at_midnight_or_to_the_second() {
    for (knobs, stamp, hours) in [
        (json!({}), "2026-12-06T00:00:00Z", 24 * 14 - 10),
        (json!({"expiry_at_midnight": false}), "2026-12-06T10:00:00Z", 24 * 14),
        (json!({"expiry_at_midnight": false, "expiry_days": 8}), "2026-11-30T10:00:00Z", 24 * 8),
    ] {
        let desk = Desk::new().knob(knobs);
        let own = desk.post(&shared()).expect(200);
        let theirs = desk.post(&invitation(text(&own, "engagementId"))).expect(200);
        assert_eq!(text(&theirs, "expirationDateTime"), stamp);
        let status = || {
            let read = desk.get(&format!("{REFERRALS}/{}", text(&theirs, "id"))).expect(200);
            text(&read, "substatus").to_owned()
        };
        desk.pass(SignedDuration::from_secs(hours * 3600 - 1));
        assert_eq!(status(), "Pending");
        desk.pass(SignedDuration::from_secs(1));
        assert_eq!(status(), "Expired");
        desk.post(&invitation(text(&own, "engagementId"))).expect(200);
    }
}

#[test]
fn s4_5_notes_contacts_and_lengths_are_knobs() {
    let desk = Desk::new().knob(json!({"require_notes": true}));
    desk.post(&with(partner_led(), "/details/notes", None)).refused(400, "invalidRequest", "details.notes");
    let desk = Desk::new().knob(json!({"max_name_chars": 10}));
    desk.post(&partner_led()).refused(400, "invalidRequest", "name");
    let desk = Desk::new().knob(json!({"max_notes_chars": 10}));
    desk.post(&partner_led()).refused(400, "invalidRequest", "details.notes");
    let desk = Desk::new().knob(json!({"max_text_chars": 36}));
    desk.post(&partner_led()).expect(200);
    let long = with(partner_led(), "/customerProfile/address/city", Some(json!("é".repeat(37))));
    desk.post(&long).refused(400, "invalidRequest", "customerProfile.address.city");
    let desk = Desk::new().knob(json!({"refuse_past_closing": true}));
    let past = with(partner_led(), "/details/closingDateTime", Some(json!("2026-11-21T00:00:00Z")));
    desk.post(&past).refused(400, "invalidRequest", "details.closingDateTime");
    let desk = Desk::new().knob(json!({"contacts_read_only": true}));
    let own = desk.post(&shared()).expect(200);
    let set = [("/customerProfile/team", partner_led()["team"].clone())];
    desk.replace(text(&own, "id"), &set).expect(200);
    desk.post(&invitation(text(&own, "engagementId"))).expect(200);
    desk.replace(text(&own, "id"), &set).refused(400, "invalidRequest", "customerProfile.team");
}

#[test]
fn s10_texts_may_be_cut_without_a_word() {
    let desk = Desk::new().knob(json!({"cut_texts_at": 4}));
    let created = desk.post(&with(partner_led(), "/details/notes", Some(json!("äöüß and more")))).expect(200);
    assert_eq!(created.pointer("/details/notes"), Some(&json!("äöüß")));
    assert_eq!(text(&created, "name").chars().count(), 4);
    let changed = desk.replace(text(&created, "id"), &[("/details/notes", json!("another"))]).expect(200);
    assert_eq!(changed.pointer("/details/notes"), Some(&json!("anot")));
}

#[test]
fn s5_errors_are_spelt_as_listed_or_as_sampled() {
    let bad = with(partner_led(), "/details/currency", Some(json!("XXY")));
    let listed = Desk::new().post(&bad).expect(400);
    assert_eq!(listed["error"]["innerError"]["code"], "currencyInvalid");
    let desk = Desk::new().knob(json!({"error_spelling": "sampled"}));
    let sampled = desk.post(&bad).expect(400);
    assert_eq!(sampled.pointer("/error/innererror/innererror/code"), Some(&json!("currencyInvalid")));
    assert_eq!(desk.send("GET", REFERRALS, &[], "").expect(401)["error"]["code"], "unAuthorized");
}

#[test]
fn s4_2_microsofts_organisation_id_is_a_knob() {
    let desk = Desk::new().knob(json!({"microsoft_organization_id": "72f988bf-0000-4000-8000-000000000000"}));
    let own = desk.post(&shared()).expect(200);
    let theirs = desk.post(&invitation(text(&own, "engagementId"))).expect(200);
    assert_eq!(text(&theirs, "organizationId"), "72f988bf-0000-4000-8000-000000000000");
    desk.act("microsoft/accept", &json!({"engagementId": own["engagementId"]}));
}
