//! Section 4.2: Microsoft's seller acting by itself, seeded and by the sandbox's clock.

use jiff::SignedDuration;
use sandbox::exchange::Machine as _;
use serde_json::{Value, json};

use crate::{
    bodies::{inbound, invitation, partner_led, shared},
    desk::{Desk, text},
};

/// Microsoft's referrals after a month with twenty co-sell deals, and how often Microsoft changed one.
fn month(deeds_a_day: u32) -> (Vec<Value>, usize) {
    let desk = Desk::new().knob(json!({"seller_deeds_a_day": deeds_a_day}));
    for _ in 0..20 {
        let own = desk.post(&shared()).expect(200);
        desk.post(&invitation(text(&own, "engagementId"))).expect(200);
    }
    let (mut last, mut changes) = (String::new(), 0);
    for _ in 0..30 {
        desk.pass(SignedDuration::from_hours(24));
        let state = desk.machine.state(desk.now.get()).to_string();
        changes += usize::from(state != last);
        last = state;
    }
    let state = desk.machine.state(desk.now.get());
    let theirs = |one: &&Value| one["organizationId"] == "msft";
    (state["referrals"].as_array().unwrap().iter().filter(theirs).cloned().collect(), changes)
}

#[test]
fn s4_2_a_self_acting_seller_answers_edits_wins_and_loses_and_repeats_itself_by_seed() {
    let (first, changes) = month(1);
    let count = |substatus: &str| first.iter().filter(|one| one["substatus"] == substatus).count();
    assert!(count("Accepted") + count("Won") + count("Lost") > 5 && count("Declined") > 0, "{first:?}");
    assert!(first.iter().any(|one| one["details"]["dealValue"] != json!(48000)), "nothing was edited");
    assert!(changes > 10, "{changes}");
    let accepted = |one: &&Value| matches!(text(one, "substatus"), "Accepted" | "Won" | "Lost");
    assert!(first.iter().filter(accepted).all(|one| one["trackingInfo"]["microsoftMsxId"].is_string()));
    assert_eq!(month(1).0, first);
}

#[test]
fn s4_2_the_seller_does_nothing_by_itself_unless_the_knob_says_so() {
    let (all, _) = month(0);
    assert!(all.iter().all(|one| one["substatus"] == "Expired"));
    let desk = Desk::new();
    assert_eq!(desk.machine.next_due(), None);
}

#[test]
fn s4_2_the_seller_wakes_the_sandbox_and_stops_when_told() {
    let desk = Desk::new();
    let own = desk.post(&shared()).expect(200);
    desk.post(&invitation(text(&own, "engagementId"))).expect(200);
    let desk = desk.knob(json!({"seller_deeds_a_day": 24}));
    let due = desk.machine.next_due().expect("a deed is planned");
    assert!(due.duration_since(desk.now.get()) <= SignedDuration::from_hours(2));
    let desk = desk.knob(json!({"seller_deeds_a_day": 0}));
    assert_eq!(desk.machine.next_due(), None);
    let before = desk.machine.state(desk.now.get());
    desk.act("microsoft/random", &json!({"engagementId": own["engagementId"]}));
    assert_ne!(desk.machine.state(desk.now.get()), before);
}

#[test]
fn s4_1_the_portals_user_and_the_calendar_move_a_referral_within_its_states() {
    let desk = Desk::new();
    let invited = desk.act("microsoft/invite", &inbound());
    let id = json!({"id": invited["id"]});
    let accepted = desk.act("portal/accept", &id);
    assert_eq!((text(&accepted, "status"), text(&accepted, "substatus")), ("Active", "Accepted"));
    assert!(desk.machine_refuses("expire", &id));
    let lost = json!({"id": invited["id"], "substatus": "Lost", "reason": "Others"});
    let closed = desk.act("portal/close", &lost);
    assert_eq!((text(&closed, "substatus"), text(&closed, "statusReason")), ("Lost", "Others"));
    assert!(desk.machine_refuses("portal/close", &lost));
    let own = desk.post(&shared()).expect(200);
    let theirs = desk.post(&invitation(text(&own, "engagementId"))).expect(200);
    let expired = desk.act("expire", &json!({"id": theirs["id"]}));
    assert_eq!(text(&expired, "substatus"), "Expired");
    assert!(desk.machine_refuses("portal/accept", &json!({"id": theirs["id"]})));
}

#[test]
fn s4_2_another_partner_changes_its_own_referral_alone() {
    let desk = Desk::new();
    let other = desk.act("other/create", &json!({"referral": {"name": "Theirs"}}));
    let edit = |one: &Value| json!({"id": one["id"], "set": {"/name": "Changed"}});
    assert_eq!(text(&desk.act("other/edit", &edit(&other)), "name"), "Changed");
    let own = desk.post(&partner_led()).expect(200);
    assert!(desk.machine_refuses("other/edit", &edit(&own)));
    assert!(desk.machine_refuses("portal/edit", &edit(&other)));
    let withdrawn =
        json!({"id": own["id"], "set": {"/consent/consentToShareReferralWithMicrosoftSellers": false}});
    assert!(desk.machine_refuses("portal/edit", &withdrawn));
}
