//! Section 3: Bulk API 2.0.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Desk, Reply};

impl Desk {
    fn job(&self, kind: &str, order: Value) -> String {
        let reply = self.call("POST", &format!("/jobs/{kind}"), &order);
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.body["id"].as_str().unwrap().to_owned()
    }

    fn upload(&self, id: &str, text: &str) -> Reply {
        let bearer = format!("Bearer {}", self.seller);
        let headers = [("authorization", bearer.as_str()), ("content-type", "text/csv")];
        let path = format!("/services/data/v66.0/jobs/ingest/{id}/batches");
        self.raw("PUT", &path, &headers, Bytes::from(text.to_owned()))
    }

    fn move_to(&self, path: &str, state: &str) -> Reply {
        self.call("PATCH", path, &json!({"state": state}))
    }

    /// Loads a table to its end; the job's last state.
    fn load(&self, order: Value, text: &str) -> (String, Value) {
        let id = self.job("ingest", order);
        assert_eq!(self.upload(&id, text).status, 201);
        assert_eq!(self.move_to(&format!("/jobs/ingest/{id}"), "UploadComplete").status, 200);
        self.wait(1.0);
        let body = self.get(&format!("/jobs/ingest/{id}")).body;
        (id, body)
    }

    fn part(&self, id: &str, part: &str) -> String {
        let reply = self.get(&format!("/jobs/ingest/{id}/{part}"));
        assert_eq!((reply.status, reply.header("content-type")), (200, "text/csv"));
        reply.text
    }
}

const HEADER: &str = "Name,StageName,CloseDate,Amount,Referral_Identifier__c";

#[test]
fn s3_an_ingest_job_goes_through_its_states_by_the_clock() {
    let desk = Desk::new();
    desk.knob(json!({"bulk": {"queue_ms": 5_000, "run_ms": 5_000}}));
    let order =
        json!({"object": "opportunity", "operation": "insert", "contentType": "CSV", "lineEnding": "LF"});
    let reply = desk.call("POST", "/jobs/ingest", &order);
    let id = reply.body["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("750"));
    assert_eq!((&reply.body["state"], &reply.body["object"]), (&json!("Open"), &json!("Opportunity")));
    assert_eq!(reply.body["contentUrl"], format!("services/data/v66.0/jobs/ingest/{id}/batches"));
    let path = format!("/jobs/ingest/{id}");
    assert_eq!(desk.move_to(&path, "UploadComplete").status, 400, "nothing was uploaded");
    assert_eq!(desk.upload(&id, &format!("{HEADER}\nA,Prospecting,2027-01-01,5,\n")).status, 201);
    assert_eq!(desk.upload(&id, "Name\nB\n").status, 400, "one upload a job");
    assert_eq!(desk.move_to(&path, "UploadComplete").body["state"], "UploadComplete");
    for (wait, state, rows) in [(4.0, "UploadComplete", 0), (2.0, "InProgress", 0), (5.0, "JobComplete", 1)] {
        desk.wait(wait);
        let job = desk.get(&path).body;
        assert_eq!((&job["state"], &job["numberRecordsProcessed"]), (&json!(state), &json!(rows)), "{job}");
        let early = desk.get(&format!("{path}/successfulResults")).status;
        assert_eq!(early, if rows == 0 { 400 } else { 200 });
    }
    assert_eq!(desk.get(&path).body["jobType"], "V2Ingest");
    assert_eq!(desk.column("SELECT Amount FROM Opportunity", "Amount"), [json!(5.0)]);
    assert_eq!(desk.call("DELETE", &path, &Value::Null).status, 204);
    assert_eq!(desk.get(&path).status, 404);
}

#[test]
fn s3_rows_succeed_and_fail_one_by_one_with_code_message_and_fields() {
    let desk = Desk::new();
    let rows = "Good,Prospecting,2027-01-01,10.5,ref-1\nNo stage,,2027-01-01,,\nBad,Prospecting,2027-01-01,ten,\n\
                Twin,Prospecting,2027-01-01,,ref-1\n";
    let (id, job) =
        desk.load(json!({"object": "Opportunity", "operation": "insert"}), &format!("{HEADER}\n{rows}"));
    assert_eq!((&job["numberRecordsProcessed"], &job["numberRecordsFailed"]), (&json!(4), &json!(3)));
    let done = desk.part(&id, "successfulResults");
    assert!(done.starts_with("\"sf__Id\",\"sf__Created\",\"Name\",\"StageName\""), "{done}");
    assert!(done.contains("\"true\",\"Good\""), "{done}");
    let failed = desk.part(&id, "failedResults");
    for part in [
        "\"\",\"REQUIRED_FIELD_MISSING:Required fields are missing: [StageName]:StageName --\",\"No stage\"",
        "\"INVALID_TYPE_ON_FIELD_IN_RECORD:'ten' is not a valid value for the type xsd:double:Amount --\"",
        "\"DUPLICATE_VALUE:",
    ] {
        assert!(failed.contains(part), "{part}\n{failed}");
    }
    assert_eq!(desk.part(&id, "unprocessedrecords").lines().count(), 1, "only the header");
}

#[test]
fn s3_update_upsert_and_delete_name_their_rows_and_empty_cells_leave_alone() {
    let desk = Desk::new();
    let id = desk.opportunity(json!({"Amount": 7, "NextStep": "Call", "Referral_Identifier__c": "r1"}));
    let (job, _) = desk.load(
        json!({"object": "Opportunity", "operation": "update"}),
        &format!("Id,Amount,NextStep\n{id},,#N/A\n006000000000001,1,\n"),
    );
    let row = desk.read("Opportunity", &id);
    assert_eq!((&row["Amount"], &row["NextStep"]), (&json!(7.0), &Value::Null));
    assert!(desk.part(&job, "failedResults").contains("006000000000001"));
    let order = json!({"object": "Opportunity", "operation": "upsert", "externalIdFieldName": "Referral_Identifier__c"});
    let (job, _) = desk.load(
        order,
        &format!("{HEADER}\nOld,Prospecting,2027-01-01,8,r1\nNew,Prospecting,2027-01-01,9,r2\n"),
    );
    let done = desk.part(&job, "successfulResults");
    assert!(done.contains(&format!("\"{id}\",\"false\"")) && done.contains("\"true\",\"New\""), "{done}");
    let (_, gone) =
        desk.load(json!({"object": "Opportunity", "operation": "delete"}), &format!("Id\n{id}\n"));
    assert_eq!(gone["numberRecordsFailed"], 0);
    assert_eq!(desk.get(&format!("/sobjects/Opportunity/{id}")).code(), "ENTITY_IS_DELETED");
}

#[test]
fn s3_a_job_whose_table_does_not_fit_fails_as_a_whole() {
    let desk = Desk::new();
    for (order, text, says) in [
        (
            json!({"object": "Opportunity", "operation": "insert"}),
            "Nope__c\n1\n",
            "Field name not found : Nope__c",
        ),
        (json!({"object": "Opportunity", "operation": "update"}), "Name\nx\n", "Id is required"),
        (json!({"object": "Opportunity", "operation": "delete"}), "Id,Name\n1,x\n", "no other"),
        (
            json!({"object": "Opportunity", "operation": "insert", "lineEnding": "CRLF"}),
            "Name\nx\n",
            "LineEnding",
        ),
    ] {
        let (id, job) = desk.load(order, text);
        assert_eq!(job["state"], "Failed");
        assert!(job["errorMessage"].as_str().unwrap().contains(says), "{job}");
        assert_eq!(desk.part(&id, "successfulResults").lines().count(), 1);
    }
}

#[test]
fn s3_an_aborted_job_gives_its_rows_back_unprocessed() {
    let desk = Desk::new();
    let id = desk
        .job("ingest", json!({"object": "Account", "operation": "insert", "columnDelimiter": "SEMICOLON"}));
    desk.upload(&id, "Name;Phone\nOne;1\nTwo;2\n");
    let path = format!("/jobs/ingest/{id}");
    assert_eq!(desk.call("DELETE", &path, &Value::Null).status, 400, "an open job is aborted first");
    assert_eq!(desk.move_to(&path, "Aborted").body["state"], "Aborted");
    assert_eq!(desk.part(&id, "unprocessedrecords"), "\"Name\";\"Phone\"\n\"One\";\"1\"\n\"Two\";\"2\"\n");
    assert_eq!(desk.move_to(&path, "UploadComplete").status, 400);
    desk.wait(10.0);
    assert_eq!(desk.query("SELECT COUNT() FROM Account").body["totalSize"], 0);
}

#[test]
fn s3_query_results_come_by_locator_and_end_with_the_word_null() {
    let desk = Desk::new();
    for number in 0..5 {
        desk.opportunity(json!({"Name": format!("Deal {number}"), "Amount": number}));
    }
    let text = "SELECT Name, amount, Account.Name, CreatedDate FROM Opportunity ORDER BY Name";
    let id = desk.job("query", json!({"operation": "query", "query": text, "columnDelimiter": "TAB"}));
    assert_eq!(desk.get(&format!("/jobs/query/{id}/results")).status, 400, "not yet");
    desk.wait(1.0);
    let job = desk.get(&format!("/jobs/query/{id}")).body;
    let told = (&job["state"], &job["jobType"], &job["numberRecordsProcessed"]);
    assert_eq!(told, (&json!("JobComplete"), &json!("V2Query"), &json!(5)));
    let mut locator = String::new();
    let mut sizes = Vec::new();
    loop {
        let reply = desk.get(&format!("/jobs/query/{id}/results?maxRecords=2&locator={locator}"));
        assert!(
            reply.text.starts_with("\"Name\"\t\"Amount\"\t\"Account.Name\"\t\"CreatedDate\"\n"),
            "{}",
            reply.text
        );
        sizes.push(reply.header("sforce-numberofrecords").parse::<usize>().unwrap());
        reply.header("sforce-locator").clone_into(&mut locator);
        if locator == "null" {
            assert!(
                reply.text.contains("\"Deal 4\"\t\"4.0\"\t\"\"\t\"2026-11-22T06:00:00.000Z\""),
                "{}",
                reply.text
            );
            break;
        }
    }
    assert_eq!(sizes, [2, 2, 1]);
    let wrong = desk.get(&format!("/jobs/query/{id}/results?locator=nonsense"));
    assert_eq!((wrong.status, wrong.code()), (400, "INVALID_LOCATOR"));
    desk.wait(8.0 * 86_400.0);
    assert_eq!(desk.get(&format!("/jobs/query/{id}")).status, 404, "kept for seven days");
}

#[test]
fn s3_what_bulk_queries_cannot_ask_is_refused_at_once() {
    let desk = Desk::new();
    for (text, code) in [
        ("SELECT COUNT(Id) FROM Opportunity", "UNSUPPORTED_QUERY"),
        ("SELECT COUNT() FROM Opportunity", "UNSUPPORTED_QUERY"),
        ("SELECT Id, (SELECT Id FROM OpportunityContactRoles) FROM Opportunity", "UNSUPPORTED_QUERY"),
        ("SELECT Id FROM Opportunity LIMIT 5 OFFSET 5", "UNSUPPORTED_QUERY"),
        ("SELECT BillingAddress FROM Account", "UNSUPPORTED_QUERY"),
        ("SELECT Id FROM Opportunity WHERE", "MALFORMED_QUERY"),
        ("SELECT Nope FROM Opportunity", "INVALID_FIELD"),
        ("SELECT Id FROM Nope", "INVALID_TYPE"),
    ] {
        let reply = desk.call("POST", "/jobs/query", &json!({"operation": "query", "query": text}));
        assert_eq!((reply.status, reply.code()), (400, code), "{text}");
    }
    for (order, code) in [
        (json!({"object": "Nope", "operation": "insert"}), "INVALID_TYPE"),
        (json!({"object": "Account", "operation": "upsert"}), "INVALID_FIELD"),
        (json!({"object": "Account", "operation": "merge"}), "INVALID_INPUT"),
        (json!({"object": "Account", "operation": "hardDelete"}), "FUNCTIONALITY_NOT_ENABLED"),
        (json!({"object": "Account", "operation": "insert", "contentType": "JSON"}), "INVALID_INPUT"),
    ] {
        let reply = desk.call("POST", "/jobs/ingest", &order);
        assert_eq!((reply.status, reply.code()), (400, code), "{order}");
    }
}

#[test]
fn s3_jobs_fail_by_knob_and_their_allowance_ends() {
    let desk = Desk::new();
    desk.knob(json!({"bulk": {"fail": "InternalServerError : try later"}}));
    let (id, job) = desk.load(json!({"object": "Account", "operation": "insert"}), "Name\nOne\n");
    assert_eq!(
        (&job["state"], &job["errorMessage"]),
        (&json!("Failed"), &json!("InternalServerError : try later"))
    );
    assert!(desk.part(&id, "unprocessedrecords").contains("One"));
    desk.knob(json!({"bulk": {"fail": null, "daily_query_jobs": 1, "max_upload_bytes": 5}}));
    let ask = json!({"operation": "query", "query": "SELECT Id FROM Account"});
    let (first, second) = (desk.call("POST", "/jobs/query", &ask), desk.call("POST", "/jobs/query", &ask));
    assert_eq!((first.status, second.status, second.code()), (200, 403, "REQUEST_LIMIT_EXCEEDED"));
    let left = &desk.get("/limits").body["DailyBulkV2QueryJobs"];
    assert_eq!(*left, json!({"Max": 1, "Remaining": 0}));
    let insert = json!({"object": "Account", "operation": "insert"});
    let id = desk.job("ingest", insert.clone());
    assert_eq!(desk.upload(&id, "Name\nOne\n").status, 413);
    desk.knob(json!({"bulk": {"daily_batches": 1, "max_upload_bytes": 1_000}}));
    desk.load(insert.clone(), "Name\nOne\n");
    let over = desk.call("POST", "/jobs/ingest", &insert);
    assert_eq!((over.status, over.code()), (403, "REQUEST_LIMIT_EXCEEDED"));
}

#[test]
fn s3_jobs_and_results_are_kept_for_seven_days() {
    let desk = Desk::new();
    let id = desk.job("query", json!({"operation": "query", "query": "SELECT Id FROM Account"}));
    let path = format!("/jobs/query/{id}/results");
    desk.wait(7.0 * 86_400.0 - 60.0);
    assert_eq!(desk.get(&path).status, 200);
    desk.wait(120.0);
    assert_eq!((desk.get(&path).status, desk.get(&path).code()), (404, "NOT_FOUND"));
}
