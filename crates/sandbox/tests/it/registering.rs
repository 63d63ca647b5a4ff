//! Sections 3.7 and 4.5: deal registrations.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{
    bodies::{invitation, partner_led, shared, with},
    desk::{Desk, REFERRALS, Reply, text},
};

/// A registration as of the desk's clock three days in.
fn registration() -> Value {
    json!({
        "type": "AzureIPCoSell",
        "contract": {"value": 60000, "currency": "EUR", "term": "Finite",
            "signDateTime": "2026-11-24T00:00:00Z", "startDateTime": "2026-11-25T00:00:00Z",
            "endDateTime": "2027-11-25T00:00:00Z"},
        "solutionDetails": [{"id": "SOL-12345-ABC", "name": "Insight", "currency": "EUR", "value": 60000,
            "isDeployedOnAzure": true, "primaryDeploymentOn": "Customer", "pricingModel": "PayAsYouGo",
            "marketplaceTransactionDetails": {"isMarketplaceTransacted": false}}],
    })
}

impl Desk {
    /// A deal that was won `hours` after its creation; its id.
    pub(crate) fn won(&self, body: &Value, hours: i64) -> String {
        let id = text(&self.post(body).expect(200), "id").to_owned();
        self.win_after(&id, hours);
        id
    }

    fn win_after(&self, id: &str, hours: i64) {
        self.pass(SignedDuration::from_hours(hours));
        self.replace(id, &[("/status", json!("Closed")), ("/substatus", json!("Won"))]).expect(200);
    }

    pub(crate) fn register_deal(&self, id: &str, registration: Value) -> Reply {
        self.patch(id, &json!([{"op": "add", "path": "/registrations/-", "value": registration}]))
    }
}

#[test]
fn s3_7_a_won_deal_is_registered_reviewed_corrected_and_passed() {
    let desk = Desk::new();
    let id = desk.won(&partner_led(), 72);
    let after = desk.register_deal(&id, registration()).expect(200);
    let made = &after["registrations"][0];
    assert_eq!(
        (text(&after, "registrationStatus"), text(made, "status")),
        ("ReviewPending", "ReviewPending")
    );
    assert_eq!(made["statusHistory"]["reviewPendingDateTime"], made["registrationDateTime"]);
    assert!(made["id"].is_string());
    let review = |status: &str| json!({"id": id, "status": status, "reason": "Say more"});
    assert!(desk.machine_refuses("microsoft/registration", &review("ReviewPending")));
    let asked = desk.act("microsoft/registration", &review("ActionRequired"));
    assert_eq!(
        (text(&asked, "registrationStatus"), &asked["registrations"][0]["statusReason"]),
        ("ActionRequired", &json!("Say more"))
    );
    assert!(desk.machine_refuses("microsoft/registration", &review("Passed")));
    let change = |path: &str, value: Value| desk.replace(&id, &[(path, value)]);
    let after = change("/registrations/0/contract/value", json!(70_000)).expect(200);
    assert_eq!(text(&after, "registrationStatus"), "ReviewPending");
    desk.act("microsoft/registration", &review("Passed"));
    change("/registrations/0/contract/value", json!(80_000)).refused(400, "invalidRequest", "registrations");
    change("/registrations/0/id", json!("x")).refused(400, "invalidRequest", "registrations.0.id");
    change("/registrations/7/contract/value", json!(1)).refused(
        400,
        "invalidRequest",
        "registrations.7.contract.value",
    );
    // The deal itself stays final.
    change("/name", json!("late")).refused(400, "invalidRequest", "status");
}

#[test]
fn s3_8_every_documented_path_of_a_registration_can_be_written() {
    let desk = Desk::new();
    let id = desk.won(&partner_led(), 72);
    desk.register_deal(&id, registration()).expect(200);
    for (path, value) in [
        ("contract/startDateTime", json!("2026-11-24T00:00:00Z")),
        ("contract/endDateTime", json!("2027-11-24T00:00:00Z")),
        ("contract/signDateTime", json!("2026-11-23T00:00:00Z")),
        ("contract/term", json!("Finite")),
        ("contract/value", json!(70000)),
        ("solutionDetails/0/value", json!(65000)),
        ("solutionDetails/0/currency", json!("USD")),
        ("solutionDetails/0/isDeployedOnAzure", json!(false)),
        ("solutionDetails/0/primaryDeploymentOn", json!("Partner")),
        ("solutionDetails/0/pricingModel", json!("Other")),
        ("solutionDetails/0/marketplaceTransactionDetails/isMarketplaceTransacted", json!(true)),
        (
            "solutionDetails/0/marketplaceTransactionDetails/marketplaceTransactionDateTime",
            json!("2026-11-23T00:00:00Z"),
        ),
    ] {
        let path = format!("/registrations/0/{path}");
        let after = desk.replace(&id, &[(&path, value.clone())]).expect(200);
        assert_eq!(after.pointer(&path), Some(&value), "{path}");
    }
}

#[test]
fn s4_5_a_deal_that_is_not_eligible_is_not_registered() {
    let private =
        with(partner_led(), "/consent/consentToShareReferralWithMicrosoftSellers", Some(json!(false)));
    let small = with(partner_led(), "/details/dealValue", Some(json!(24_999.99)));
    for (body, hours, inner) in
        [(&private, 72, "privateDeal"), (&small, 72, "valueTooLow"), (&partner_led(), 71, "wonTooSoon")]
    {
        let desk = Desk::new();
        let id = desk.won(body, hours);
        let reply = desk.register_deal(&id, registration());
        reply.refused(400, "invalidRequest", "registrations");
        assert_eq!(reply.body["error"]["innerError"]["code"], inner);
        let desk = desk.knob(json!({"check_registrations": false}));
        desk.register_deal(&id, registration()).expect(200);
    }
    let desk = Desk::new();
    let open = text(&desk.post(&partner_led()).expect(200), "id").to_owned();
    desk.register_deal(&open, registration()).refused(400, "invalidRequest", "registrations");
    let desk = Desk::new().knob(json!({"azure_ip_solutions": ["SOL-9"]}));
    let id = desk.won(&partner_led(), 72);
    desk.register_deal(&id, registration()).refused(400, "invalidRequest", "registrations");
}

#[test]
fn s4_5_a_co_sell_deal_is_registered_once_microsoft_has_accepted_it() {
    for (answer, status) in [(None, 400), (Some("microsoft/decline"), 400), (Some("microsoft/accept"), 200)] {
        let desk = Desk::new();
        let own = desk.post(&shared()).expect(200);
        let engagement = json!({"engagementId": own["engagementId"]});
        desk.post(&invitation(text(&own, "engagementId"))).expect(200);
        if let Some(actor) = answer {
            desk.act(actor, &engagement);
        }
        desk.win_after(text(&own, "id"), 72);
        desk.register_deal(text(&own, "id"), registration()).expect(status);
    }
}

#[test]
fn s4_5_a_contract_outside_its_rules_is_refused() {
    let desk = Desk::new();
    let id = desk.won(&partner_led(), 72);
    let contract = |member: &str| format!("registrations.contract.{member}");
    for (pointer, value, target) in [
        ("/contract/signDateTime", json!("2026-11-26T00:00:00Z"), contract("signDateTime")),
        ("/contract/signDateTime", json!("2026-11-21T00:00:00Z"), contract("signDateTime")),
        ("/contract/signDateTime", Value::Null, contract("signDateTime")),
        ("/contract/startDateTime", json!("2026-08-01T00:00:00Z"), contract("startDateTime")),
        ("/contract/endDateTime", json!("2026-11-25T00:00:00Z"), contract("endDateTime")),
        ("/contract/endDateTime", Value::Null, contract("endDateTime")),
        ("/contract/endDateTime", json!("2030-11-25T00:00:00Z"), contract("value")),
        ("/contract/value", json!(25_000), contract("value")),
        ("/contract/value", Value::Null, contract("value")),
        ("/contract/term", json!("Perpetual"), contract("value")),
        ("/contract/term", Value::Null, contract("term")),
        ("/solutionDetails", json!([]), "registrations.solutionDetails".to_owned()),
        ("/solutionDetails/0/value", json!(60_001), "registrations.solutionDetails.value".to_owned()),
    ] {
        let mut body = registration();
        *body.pointer_mut(pointer).unwrap() = value.clone();
        desk.register_deal(&id, body).refused(400, "invalidRequest", &target);
    }
    let perpetual = with(registration(), "/contract/term", Some(json!("Perpetual")));
    desk.register_deal(&id, with(perpetual, "/contract/value", Some(json!(150_001)))).expect(200);
    desk.pass(SignedDuration::from_hours(24 * 61));
    desk.register_deal(&id, registration()).refused(400, "invalidRequest", &contract("signDateTime"));
    let read = desk.get(&format!("{REFERRALS}/{id}")).expect(200);
    assert_eq!(read["registrations"].as_array().unwrap().len(), 1);
}
