//! Section 2.13: what was updated and deleted, by window.

use serde_json::json;

use super::{Desk, Reply};

impl Desk {
    /// `updated` or `deleted` of opportunities, `from` and `to` in seconds from now.
    fn within(&self, which: &str, from: i64, to: i64) -> Reply {
        let at = |seconds: i64| {
            let moment = jiff::SignedDuration::from_secs(seconds);
            self.now.get().checked_add(moment).unwrap().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
        };
        self.get(&format!("/sobjects/Opportunity/{which}/?start={}&end={}", at(from), at(to)))
    }
}

const DAY: i64 = 86_400;

#[test]
fn s2_13_the_windows_reach_back_thirty_and_fifteen_days() {
    let desk = Desk::new();
    for (which, days) in [("updated", 30), ("deleted", 15)] {
        assert_eq!(desk.within(which, -days * DAY + 120, 60).status, 200, "{which}");
        let reply = desk.within(which, -days * DAY - 120, 60);
        assert_eq!((reply.status, reply.code()), (400, "INVALID_REPLICATION_DATE"), "{which}");
        let reply = desk.within(which, 0, 20);
        assert_eq!(reply.code(), "INVALID_REPLICATION_DATE", "{which}: a minute at least");
    }
    let reply = desk.get("/sobjects/Opportunity/updated?end=2026-11-22T06:00:00Z");
    assert_eq!((reply.status, reply.code()), (400, "MISSING_ARGUMENT"));
}

#[test]
fn s2_13_what_came_back_from_the_bin_is_updated_and_no_longer_deleted() {
    let desk = Desk::new();
    let id = desk.opportunity(json!({}));
    desk.wait(180.0);
    desk.call("DELETE", &format!("/sobjects/Opportunity/{id}"), &serde_json::Value::Null);
    let ids = |which: &str| {
        let body = desk.within(which, -60, 120).body;
        let list = body.get("ids").or(body.get("deletedRecords")).unwrap().to_string();
        list.contains(&id)
    };
    assert_eq!((ids("updated"), ids("deleted")), (false, true));
    let covered = desk.within("deleted", -60, 3_600).body;
    assert_eq!(covered["latestDateCovered"], "2026-11-22T06:03:00.000+0000", "not past the present minute");
    assert_eq!(covered["earliestDateAvailable"], "2026-11-07T06:03:00.000+0000");
    desk.act("undelete", &json!({"id": id})).unwrap();
    assert_eq!((ids("updated"), ids("deleted")), (true, false));
}

#[test]
fn s2_13_what_was_emptied_from_the_bin_is_told_by_nothing() {
    let desk = Desk::new();
    let (gone, kept) = (desk.opportunity(json!({})), desk.opportunity(json!({})));
    desk.call("DELETE", &format!("/sobjects/Opportunity/{gone}"), &serde_json::Value::Null);
    let row = |id: &str| desk.get(&format!("/sobjects/Opportunity/{id}"));
    assert_eq!((row(&gone).status, row(&gone).code()), (404, "ENTITY_IS_DELETED"));
    // The opportunity, and its history with it.
    assert_eq!(desk.act("empty-bin", &json!({})).unwrap(), json!({"rows": 2}));
    assert_eq!((row(&gone).status, row(&gone).code()), (404, "NOT_FOUND"));
    assert_eq!(row(&kept).status, 200);
    assert_eq!(desk.within("deleted", -60, 120).body["deletedRecords"], json!([]));
    let deleted = "SELECT+Id+FROM+Opportunity+WHERE+IsDeleted+=+true";
    assert_eq!(desk.get(&format!("/queryAll?q={deleted}")).body["totalSize"], 0);
    desk.act("undelete", &json!({"id": gone})).unwrap_err();
}

#[test]
fn s2_13_too_many_ids_are_refused() {
    let desk = Desk::new();
    for _ in 0..3 {
        desk.opportunity(json!({}));
    }
    desk.knob(json!({"replication_max_ids": 2}));
    let reply = desk.within("updated", -60, 120);
    assert_eq!((reply.status, reply.code()), (400, "EXCEEDED_ID_LIMIT"));
    desk.knob(json!({"replication_max_ids": 3}));
    assert_eq!(desk.within("updated", -60, 120).body["ids"].as_array().unwrap().len(), 3);
}
