//! Section 4.1: the state machine.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::rule::{Rule, hold, rule};
use crate::bodies::{partner_led, with};

fn moved(says: &'static str, who: &str, status: &str, substatus: &str) -> Rule {
    rule(says).replace(who, &[("/status", json!(status)), ("/substatus", json!(substatus))])
}

#[test]
fn s4_1_every_move_of_the_table() {
    let states = [
        ("New", "Pending"),
        ("New", "Received"),
        ("Active", "Accepted"),
        ("Closed", "Won"),
        ("Closed", "Lost"),
        ("Closed", "Declined"),
        ("Closed", "Expired"),
        ("Closed", "Error"),
    ];
    // A cross is a move that the person may make; `t` is refused for its status, `s` for its substatus.
    let table = [("{inbound}", "xxxxxxsx"), ("{own}", "ttxxxssx"), ("{won}", "tttttttt")];
    for (who, row) in table {
        hold(states.into_iter().zip(row.chars()).map(|((status, substatus), outcome)| {
            let rule = moved(
                "New → New, Active, Closed; Active → Active, Closed; Closed → nothing",
                who,
                status,
                substatus,
            );
            match outcome {
                'x' => rule.gives(204).after(who_is(who), "/substatus", json!(substatus)),
                't' => rule.invalid("status"),
                _ => rule.invalid("substatus"),
            }
        }));
    }
}

fn who_is(placeholder: &str) -> &'static str {
    if placeholder == "{inbound}" { "inbound" } else { "own" }
}

#[test]
fn s4_1_each_state_has_its_substatuses() {
    let pairs = [
        ("New", "Accepted"),
        ("New", "Won"),
        ("New", "None"),
        ("Active", "Pending"),
        ("Active", "Received"),
        ("Active", "Won"),
        ("Active", "None"),
        ("Closed", "Pending"),
        ("Closed", "Received"),
        ("Closed", "Accepted"),
        ("Closed", "None"),
    ];
    hold(pairs.map(|(status, substatus)| {
        moved("permitted in the state", "{inbound}", status, substatus).invalid("substatus")
    }));
    hold([
        moved("None is no state to go to", "{inbound}", "None", "None").invalid("substatus"),
        moved("nor is what nobody knows", "{inbound}", "Asleep", "Pending").invalid("status"),
        rule("a status alone passes through an invalid pair")
            .replace("{inbound}", &[("/status", json!("Active"))])
            .invalid("substatus"),
        rule("so does a substatus alone")
            .replace("{inbound}", &[("/substatus", json!("Accepted"))])
            .invalid("substatus"),
    ]);
}

#[test]
fn s4_1_the_documented_operations() {
    let reason = ("/statusReason", json!("Customer didn't respond"));
    let close = |says, who: &str, substatus: &str| {
        rule(says)
            .replace(who, &[("/status", json!("Closed")), ("/substatus", json!(substatus)), reason.clone()])
    };
    hold([
        moved("accept", "{inbound}", "Active", "Accepted").whole().has("/acceptedDateTime"),
        close("decline, with its reason", "{inbound}", "Declined")
            .whole()
            .has("/closedDateTime")
            .fact("/statusReason", reason.1.clone()),
        moved("win", "{own}", "Closed", "Won").whole().has("/closedDateTime"),
        close("lose, with its reason", "{own}", "Lost").gives(204),
        close("close as error at any point", "{inbound}", "Error").gives(204),
        close("close as error at any point", "{own}", "Error").gives(204),
        moved("decline is for invitations", "{own}", "Closed", "Declined").invalid("substatus"),
        moved("expire is for the clock", "{inbound}", "Closed", "Expired").invalid("substatus"),
        moved("Error may not be accepted by PATCH", "{own}", "Closed", "Error")
            .knobs(json!({"close_as_error": false}))
            .invalid("substatus"),
        moved("Won straight from New may be excluded", "{inbound}", "Closed", "Won")
            .knobs(json!({"won_from_new": false}))
            .invalid("substatus"),
        moved("a reason may be demanded", "{own}", "Closed", "Lost")
            .knobs(json!({"require_status_reason": true}))
            .invalid("statusReason"),
    ]);
}

#[test]
fn s4_1_terminal_states_are_final() {
    let paths = [
        ("/name", json!("late")),
        ("/details/notes", json!("late")),
        ("/details/dealValue", json!(1)),
        ("/statusReason", json!("late")),
        ("/favorite", json!(true)),
        ("/team", json!([])),
    ];
    hold(paths.map(|(path, value)| {
        rule("any edit after Closed").replace("{won}", &[(path, value)]).invalid("status")
    }));
    hold([rule("after Expired too")
        .later(days(14))
        .replace("{inbound}", &[("/name", json!("late"))])
        .invalid("status")]);
}

#[test]
fn s4_1_what_the_partner_creates_is_active_at_once() {
    let opened = |says, status: &str, substatus: &str| {
        let body =
            with(with(partner_led(), "/status", Some(json!(status))), "/substatus", Some(json!(substatus)));
        rule(says).post(body)
    };
    let active = |rule: Rule| rule.fact("/status", json!("Active")).fact("/substatus", json!("Accepted"));
    hold([
        active(rule("nothing said").post(partner_led())),
        active(opened("the sample: New and Pending", "New", "Pending")),
        active(opened("bulk upload: New and Accepted", "New", "Accepted")),
        active(opened("Active and Accepted", "Active", "Accepted")),
        opened("nothing is created closed", "Closed", "Won").invalid("status"),
    ]);
}

#[test]
fn s4_1_an_unanswered_invitation_expires_on_the_fourteenth_day_at_midnight() {
    let expired = |rule: Rule| rule.fact("/status", json!("Closed")).fact("/substatus", json!("Expired"));
    let open = |rule: Rule| rule.fact("/status", json!("New"));
    let nearly = SignedDuration::from_hours(14 * 24 - 11);
    hold([
        rule("day 14, truncated").get("{theirs}").fact("/expirationDateTime", json!("2026-12-06T00:00:00Z")),
        rule("none for what is accepted").get("{own}").fact("/expirationDateTime", Value::Null),
        open(rule("an hour before").later(nearly).get("{theirs}")),
        expired(rule("Microsoft does not answer").later(days(14)).get("{theirs}")),
        expired(rule("the partner does not answer").later(days(14)).get("{inbound}")),
        rule("the partner's own half lives on")
            .later(days(14))
            .get("{shared}")
            .fact("/status", json!("Active")),
        moved("nothing is accepted too late", "{inbound}", "Active", "Accepted")
            .later(days(14))
            .invalid("status"),
    ]);
}

fn days(number: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * number)
}
