//! Section 4.10: what polling meets, and the read lag of the checklist 8.4.

use jiff::SignedDuration;
use serde_json::json;

use super::rule::Desk;

fn count(desk: &Desk, soql: &str) -> u64 {
    let soql: String = url::form_urlencoded::byte_serialize(soql.as_bytes()).collect();
    desk.ask("GET", &format!("/query?q={soql}"), &[], None, true).body["totalSize"].as_u64().unwrap()
}

fn make(desk: &Desk, name: &str) -> String {
    let body = json!({ "Name": name }).to_string();
    let reply = desk.ask("POST", "/sobjects/Account", &[], Some(&body), false);
    assert_eq!(reply.status, 201, "{}", reply.body);
    reply.body["id"].as_str().unwrap().to_owned()
}

#[test]
fn s4_10_a_row_appears_below_the_greatest_stamp_already_seen() {
    let mut desk = Desk::new();
    desk.knobs(&json!({"late_visible_ms": 5_000, "late_visible_rows": 1}));
    make(&desk, "late");
    desk.pass(SignedDuration::from_secs(2));
    make(&desk, "prompt");
    assert_eq!(count(&desk, "SELECT Id FROM Account WHERE Name = 'late'"), 0);
    assert_eq!(count(&desk, "SELECT Id FROM Account WHERE Name = 'prompt'"), 1);
    desk.pass(SignedDuration::from_secs(4));
    let old = "SELECT Id FROM Account WHERE Name = 'late' AND SystemModstamp < 2026-11-22T06:00:01Z";
    assert_eq!(count(&desk, old), 1, "its stamp is that of its save");
}

#[test]
fn s4_10_a_read_lags_behind_a_write_for_everybody_but_its_own_call() {
    let mut desk = Desk::new();
    desk.pass(SignedDuration::from_mins(1));
    desk.knobs(&json!({"read_lag_ms": 2_000}));
    make(&desk, "new");
    let soql = "SELECT Id FROM Account WHERE Name = 'new'";
    assert_eq!(count(&desk, soql), 0);
    desk.pass(SignedDuration::from_secs(3));
    assert_eq!(count(&desk, soql), 1);
}

#[test]
fn s4_10_a_background_job_moves_the_stamp_alone() {
    let mut desk = Desk::new();
    let account = desk.known["account"].clone();
    desk.pass(SignedDuration::from_mins(1));
    desk.act("touch", &json!({ "id": account }));
    let row = desk.ask("GET", &format!("/sobjects/Account/{account}"), &[], None, true).body;
    assert_eq!(row["LastModifiedDate"], "2026-11-22T06:00:00.000+0000");
    assert_eq!(row["SystemModstamp"], "2026-11-22T06:01:00.000+0000", "whole seconds, and the job's own");
}
