//! Sections 1.4 and 4.2 to 4.4: who sees what, and what may be created.

use serde_json::{Value, json};

use crate::{
    bodies::{inbound, invitation, partner_led, shared, with},
    desk::{Desk, REFERRALS, Reply, text},
};

impl Desk {
    /// Asks as one of the people: `admin`, `user`, `outsider`.
    pub(crate) fn ask_as(&self, person: &str, method: &str, path: &str, body: Option<&Value>) -> Reply {
        let bearer = format!("Bearer {}", text(&self.ready["people"][person], "access_token"));
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        self.send(method, path, &headers, &body.map(ToString::to_string).unwrap_or_default())
    }

    fn seen_by(&self, person: &str) -> Vec<String> {
        let page = self.ask_as(person, "GET", REFERRALS, None).expect(200);
        page["value"].as_array().unwrap().iter().map(|one| text(one, "id").to_owned()).collect()
    }

    fn on_the_team(&self, body: Value) -> Value {
        let mail = text(&self.ready["people"]["user"], "username").to_uppercase();
        let team = json!([{"firstName": "Uma", "lastName": "User", "email": mail, "phoneNumber": "1"}]);
        with(body, "/team", Some(team))
    }
}

#[test]
fn s1_4_a_referrals_user_sees_and_edits_only_deals_on_whose_team_it_is() {
    let desk = Desk::new();
    let hidden = desk.post(&partner_led()).expect(200);
    let own = desk.post(&desk.on_the_team(shared())).expect(200);
    let theirs = desk.post(&invitation(text(&own, "engagementId"))).expect(200);
    assert_eq!(desk.seen_by("admin").len(), 3);
    assert_eq!(desk.seen_by("user"), [text(&own, "id"), text(&theirs, "id")]);
    let rename = json!([{"op": "replace", "path": "/name", "value": "Renamed"}]);
    let path = |one: &Value| format!("{REFERRALS}/{}", text(one, "id"));
    for (method, body) in [("GET", None), ("PATCH", Some(&rename))] {
        desk.ask_as("user", method, &path(&hidden), body).refused(404, "itemNotFound", "referral");
    }
    assert_eq!(desk.ask_as("user", "PATCH", &path(&own), Some(&rename)).status, 204);
    // Taken off the team, it sees the deal no more.
    let team = json!([{"op": "replace", "path": "/team", "value": partner_led()["team"]}]);
    assert_eq!(desk.ask_as("user", "PATCH", &path(&own), Some(&team)).status, 204);
    assert_eq!(desk.ask_as("user", "GET", &path(&own), None).status, 404);
    assert!(desk.seen_by("user").is_empty());
}

#[test]
fn s1_4_a_referrals_user_creates_in_its_own_location_and_invites_within_its_own_deals() {
    let desk = Desk::new();
    let elsewhere = with(desk.on_the_team(partner_led()), "/mpnId", Some(json!("1")));
    desk.ask_as("user", "POST", REFERRALS, Some(&elsewhere)).refused(403, "accessDenied", "mpnId");
    desk.ask_as("admin", "POST", REFERRALS, Some(&elsewhere)).expect(200);
    let here = with(desk.on_the_team(partner_led()), "/mpnId", Some(desk.ready["mpn_id"].clone()));
    desk.ask_as("user", "POST", REFERRALS, Some(&here)).expect(200);
    let hidden = desk.post(&shared()).expect(200);
    let invite = invitation(text(&hidden, "engagementId"));
    desk.ask_as("user", "POST", REFERRALS, Some(&invite)).refused(400, "invalidRequest", "engagementId");
}

#[test]
fn s1_4_a_user_without_a_role_is_refused_everything() {
    let desk = Desk::new();
    let made = desk.post(&partner_led()).expect(200);
    let one = format!("{REFERRALS}/{}", text(&made, "id"));
    for (method, path) in
        [("GET", REFERRALS), ("POST", REFERRALS), ("GET", &one), ("PATCH", &one), ("PUT", &one)]
    {
        desk.ask_as("outsider", method, path, Some(&json!({}))).refused(403, "accessDenied", "");
    }
}

#[test]
fn s1_4_which_role_may_register_webhooks_is_a_knob() {
    let scope = "https://api.partnercenter.microsoft.com/.default";
    for (knob, expected) in
        [("any", [200, 200, 200]), ("referrals-admin", [200, 403, 403]), ("admin-agent", [403, 403, 200])]
    {
        let desk = Desk::new().knob(json!({"webhook_role": knob}));
        let found = ["admin", "user", "outsider"].map(|person| {
            let token = desk.refresh(text(&desk.ready["people"][person], "refresh_token"), scope).expect(200);
            desk.with_token("/webhooks/v1/registration/events", text(&token, "access_token"))
        });
        assert_eq!(found, expected, "{knob}");
    }
}

#[test]
fn s1_4_a_co_sell_deal_needs_a_solution_that_is_co_sell_ready() {
    let desk = Desk::new().knob(json!({"co_sell_ready": false}));
    let private = desk.post(&partner_led()).expect(200);
    desk.post(&shared()).refused(403, "accessDenied", "");
    desk.post(&invitation(text(&private, "engagementId"))).refused(403, "accessDenied", "");
    let desk = Desk::new().knob(json!({"known_solutions": ["SOL-1"]}));
    desk.post(&partner_led()).refused(400, "invalidRequest", "details.requirements.solutions[0].id");
}

#[test]
fn s4_2_a_referral_between_partners_is_read_only_unless_the_knob_says_otherwise() {
    let desk = Desk::new();
    let made = desk.act("other/invite", &inbound());
    assert_eq!(made["inviteContext"]["invitedBy"]["organizationName"], "Another Partner");
    let id = text(&made, "id").to_owned();
    let accept = [("/status", json!("Active")), ("/substatus", json!("Accepted"))];
    desk.replace(&id, &accept).refused(403, "accessDenied", "");
    let listed = desk.list(&format!("$filter=engagementId eq '{}'", text(&made, "engagementId"))).expect(200);
    assert_eq!(listed["value"].as_array().unwrap().len(), 2);
    let desk = desk.knob(json!({"p2p_read_only": false}));
    desk.replace(&id, &accept).expect(200);
}

#[test]
fn s4_3_a_deal_is_upgraded_from_private_to_partner_led_to_co_sell_and_never_back() {
    let share = "/consent/consentToShareReferralWithMicrosoftSellers";
    let private = with(partner_led(), share, Some(json!(false)));
    for makes_shared in [false, true] {
        let desk = Desk::new().knob(json!({"upgrade_makes_shared": makes_shared}));
        let one = desk.post(&private).expect(200);
        let id = text(&one, "id").to_owned();
        desk.replace(&id, &[(share, json!(true))]).expect(200);
        desk.replace(&id, &[(share, json!(false))]).refused(
            400,
            "invalidRequest",
            &share[1..].replace('/', "."),
        );
        desk.post(&invitation(text(&one, "engagementId"))).expect(200);
        let after = desk.get(&format!("{REFERRALS}/{id}")).expect(200);
        assert_eq!(text(&after, "type"), if makes_shared { "Shared" } else { "Independent" });
        for path in ["/type", "/target", "/inviteContext/assistanceRequestCode"] {
            let target = path[1..].replace('/', ".");
            desk.replace(&id, &[(path, json!("x"))]).refused(400, "invalidRequest", &target);
        }
        // From private to co-sell at once: asking for help shares the deal.
        let other = desk.post(&private).expect(200);
        desk.post(&invitation(text(&other, "engagementId"))).expect(200);
        let after = desk.get(&format!("{REFERRALS}/{}", text(&other, "id"))).expect(200);
        assert_eq!(after.pointer(share), Some(&json!(true)));
    }
}

#[test]
fn s4_3_own_deals_labelled_incoming_are_a_knob() {
    let desk = Desk::new().knob(json!({"own_deals_are_incoming": true}));
    assert_eq!(text(&desk.post(&partner_led()).expect(200), "direction"), "Incoming");
}

#[test]
fn s4_4_leads_come_from_the_marketplace_or_from_microsoft_and_hide_their_contacts_when_expired() {
    let desk = Desk::new();
    let contacts = json!([{"firstName": "L", "lastName": "Ead", "email": "l@x.example", "phoneNumber": "1"}]);
    let referral = json!({"name": "A lead", "customerProfile": {"name": "X", "team": contacts}});
    let lead = |kind: &str| desk.act("microsoft/lead", &json!({"kind": kind, "referral": referral}));
    let row = |one: &Value| {
        let by = one["inviteContext"]["invitedBy"]["organizationId"].as_str().map(str::to_owned);
        (text(one, "type").to_owned(), text(one, "qualification").to_owned(), by)
    };
    let rows = ["marketplace", "marketing-qualified", "sales-qualified"].map(|kind| row(&lead(kind)));
    let expected = [("Direct", None), ("MarketingQualified", Some("msft")), ("SalesQualified", Some("msft"))]
        .map(|(what, by)| ("Independent".to_owned(), what.to_owned(), by.map(str::to_owned)));
    assert_eq!(rows, expected);
    let deal = text(&desk.act("microsoft/invite", &inbound()), "id").to_owned();
    let one = lead("marketplace");
    assert!(one["referralSource"].is_string() && one["callToAction"].is_string());
    desk.pass(jiff::SignedDuration::from_hours(24 * 14));
    let team = |id: &str| {
        let read = desk.get(&format!("{REFERRALS}/{id}")).expect(200);
        assert_eq!(text(&read, "substatus"), "Expired");
        read["customerProfile"]["team"].as_array().unwrap().len()
    };
    assert_eq!((team(text(&one, "id")), team(&deal)), (0, 1));
    let desk = desk.knob(json!({"marketplace_leads": false}));
    let listed = desk.list("").expect(200);
    let seen =
        listed["value"].as_array().unwrap().iter().filter(|one| one["qualification"] == "Direct").count();
    assert_eq!(seen, 0);
    desk.get(&format!("{REFERRALS}/{}", text(&one, "id"))).refused(404, "itemNotFound", "referral");
}

#[test]
fn s4_2_microsofts_team_and_id_show_only_after_its_acceptance_and_its_decline_closes_nothing_of_ours() {
    let desk = Desk::new();
    let own = desk.post(&shared()).expect(200);
    let engagement = text(&own, "engagementId");
    let theirs = desk.post(&invitation(engagement)).expect(200);
    assert_eq!((&theirs["team"], &theirs["trackingInfo"]), (&json!([]), &Value::Null));
    let early = json!({"engagementId": engagement, "set": {"/team": own["team"]}});
    assert!(desk.machine_refuses("microsoft/edit", &early));
    desk.act("microsoft/decline", &json!({"engagementId": engagement, "reason": "Nobody manages it"}));
    let read = |one: &Value| desk.get(&format!("{REFERRALS}/{}", text(one, "id"))).expect(200);
    assert_eq!(text(&read(&theirs), "statusReason"), "Nobody manages it");
    assert_eq!((text(&read(&own), "status"), text(&read(&own), "eTag")), ("Active", text(&own, "eTag")));
}

#[test]
fn s4_2_microsoft_gives_no_reason_for_declining_a_small_deal() {
    for (silent, reason) in [(true, Value::Null), (false, json!("Too small"))] {
        let desk = Desk::new().knob(json!({"small_declines_are_silent": silent}));
        let own = desk.post(&with(shared(), "/details/dealValue", Some(json!(24_999)))).expect(200);
        let engagement = text(&own, "engagementId");
        desk.post(&with(invitation(engagement), "/details/dealValue", Some(json!(24_999)))).expect(200);
        let declined =
            desk.act("microsoft/decline", &json!({"engagementId": engagement, "reason": "Too small"}));
        assert_eq!(declined["statusReason"], reason);
    }
}

#[test]
fn s4_4_what_came_in_incomplete_can_be_answered_and_is_checked_where_it_is_changed() {
    let desk = Desk::new();
    let contacts = json!([{"firstName": "L", "lastName": "Ead", "email": "l@x.example"}]);
    let referral = json!({"name": "A lead", "customerProfile": {"name": "X", "team": contacts}});
    let lead = desk.act("microsoft/lead", &json!({"kind": "marketing-qualified", "referral": referral}));
    let invited = desk.act("microsoft/invite", &referral);
    for one in [&lead, &invited] {
        let id = text(one, "id");
        desk.replace(id, &[("/status", json!("Active")), ("/substatus", json!("Accepted"))]).expect(200);
        desk.replace(id, &[("/details/dealValue", json!(1)), ("/details/currency", json!("XXY"))]).refused(
            400,
            "invalidRequest",
            "details.currency",
        );
        desk.replace(id, &[("/customerProfile/team", json!([{"firstName": "L"}]))]).refused(
            400,
            "invalidRequest",
            "customerProfile.team[0].lastName",
        );
    }
}

#[test]
fn s4_2_microsoft_is_invited_anew_after_a_decline_and_answers_the_new_invitation() {
    let desk = Desk::new();
    let own = desk.post(&shared()).expect(200);
    let engagement = json!({"engagementId": own["engagementId"]});
    let invite = || desk.post(&invitation(text(&own, "engagementId"))).expect(200);
    let first = invite();
    desk.act("microsoft/decline", &engagement);
    let second = invite();
    let accepted = desk.act("microsoft/accept", &engagement);
    assert_eq!(accepted["id"], second["id"]);
    let read = desk.get(&format!("{REFERRALS}/{}", text(&first, "id"))).expect(200);
    assert_eq!(text(&read, "substatus"), "Declined");
}
