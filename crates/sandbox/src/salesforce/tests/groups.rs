//! Section 2.8: aggregates, scopes, literals and long lists of children; sections 2.1, 2.3 and 2.5: requests.

use bytes::Bytes;
use serde_json::{Value, json};

use super::Desk;

fn stocked() -> Desk {
    let desk = Desk::new();
    for (name, stage, amount, currency) in [
        ("a", "Prospecting", json!(10), "USD"),
        ("b", "Prospecting", json!(30), "EUR"),
        ("c", "Qualification", json!(5), "USD"),
        ("d", "Qualification", Value::Null, "USD"),
        ("e", "Closed Won", json!(100), "GBP"),
    ] {
        desk.opportunity(
            json!({"Name": name, "StageName": stage, "Amount": amount, "CurrencyIsoCode": currency}),
        );
    }
    desk
}

#[test]
fn s2_8_groups_have_their_totals_under_their_names() {
    let desk = stocked();
    let reply = desk.query(
        "SELECT StageName stage, COUNT(Id), COUNT(Amount) filled, SUM(Amount), MIN(Amount) least, MAX(Name), AVG(Amount) \
         FROM Opportunity GROUP BY StageName ORDER BY SUM(Amount) DESC NULLS LAST",
    );
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!((&reply.body["totalSize"], &reply.body["done"]), (&json!(3), &json!(true)));
    assert_eq!(
        reply.body["records"],
        json!([
            {"attributes": {"type": "AggregateResult"}, "stage": "Closed Won", "expr0": 1, "filled": 1, "expr1": 100.0,
             "least": 100.0, "expr2": "e", "expr3": 100.0},
            {"attributes": {"type": "AggregateResult"}, "stage": "Prospecting", "expr0": 2, "filled": 2, "expr1": 40.0,
             "least": 10.0, "expr2": "b", "expr3": 20.0},
            {"attributes": {"type": "AggregateResult"}, "stage": "Qualification", "expr0": 2, "filled": 1, "expr1": 5.0,
             "least": 5.0, "expr2": "d", "expr3": 5.0},
        ])
    );
}

#[test]
fn s2_8_having_keeps_groups_and_totals_need_no_group() {
    let desk = stocked();
    for (text, stages) in [
        ("HAVING COUNT(Id) > 1", vec!["Prospecting", "Qualification"]),
        ("HAVING SUM(Amount) >= 40 AND StageName LIKE 'P%'", vec!["Prospecting"]),
        ("HAVING NOT (MAX(Amount) > 10 OR StageName IN ('Closed Won'))", vec!["Qualification"]),
        ("ORDER BY StageName DESC LIMIT 1 OFFSET 1", vec!["Prospecting"]),
    ] {
        let query = format!("SELECT StageName FROM Opportunity GROUP BY StageName {text}");
        assert_eq!(desk.column(&query, "StageName"), stages, "{text}");
    }
    let whole =
        desk.query("SELECT COUNT_DISTINCT(StageName) stages, SUM(Amount) FROM Opportunity WHERE Amount > 5");
    assert_eq!(
        (&whole.body["records"][0]["stages"], &whole.body["records"][0]["expr0"]),
        (&json!(2), &json!(140.0))
    );
    let none = desk.query("SELECT MAX(Amount) FROM Opportunity WHERE Name = 'z'");
    assert_eq!(none.body["records"][0]["expr0"], Value::Null);
}

#[test]
fn s2_8_mistakes_in_groups_joins_and_scopes_are_refused_with_their_place() {
    let desk = stocked();
    for (text, code, says) in [
        (
            "SELECT Name, COUNT(Id) FROM Opportunity GROUP BY StageName",
            "MALFORMED_QUERY",
            "Field must be grouped or aggregated: Name",
        ),
        ("SELECT COUNT(Id) FROM Opportunity LIMIT 5", "MALFORMED_QUERY", "cannot also use LIMIT"),
        ("SELECT SUM(Name) FROM Opportunity", "MALFORMED_QUERY", "does not support aggregate"),
        ("SELECT COUNT(Description) FROM Opportunity", "INVALID_FIELD", "can not be filtered"),
        ("SELECT Id FROM Opportunity GROUP BY Amount", "MALFORMED_QUERY", "can not be grouped"),
        (
            "SELECT Name deal FROM Opportunity",
            "MALFORMED_QUERY",
            "only aggregate expressions use field aliasing",
        ),
        (
            "SELECT Id FROM Opportunity WHERE COUNT(Id) > 1",
            "MALFORMED_QUERY",
            "not allowed outside of HAVING",
        ),
        (
            "SELECT StageName a, COUNT(Id) a FROM Opportunity GROUP BY StageName",
            "MALFORMED_QUERY",
            "duplicate alias: a",
        ),
        ("SELECT Id FROM Opportunity ORDER BY COUNT(Id)", "MALFORMED_QUERY", "must be grouped"),
        (
            "SELECT TYPEOF Owner WHEN User THEN Id END FROM Opportunity",
            "MALFORMED_QUERY",
            "TYPEOF is not supported",
        ),
        (
            "SELECT CALENDAR_YEAR(CloseDate) FROM Opportunity",
            "MALFORMED_QUERY",
            "CALENDAR_YEAR is not supported",
        ),
        ("SELECT Id FROM Opportunity USING SCOPE theirs", "INVALID_QUERY_SCOPE", "theirs"),
        (
            "SELECT Id FROM Opportunity WHERE Name = 'a' OR AccountId IN (SELECT Id FROM Account)",
            "MALFORMED_QUERY",
            "top level",
        ),
        (
            "SELECT Id FROM Opportunity WHERE Id IN (SELECT Id FROM Opportunity)",
            "MALFORMED_QUERY",
            "same object type",
        ),
        (
            "SELECT Id FROM Opportunity WHERE AccountId IN (SELECT Id FROM Account LIMIT 1)",
            "MALFORMED_QUERY",
            "not allowed in a semi join",
        ),
        (
            "SELECT Id FROM Opportunity WHERE AccountId IN (SELECT Id FROM Account WHERE OwnerId IN (SELECT Id FROM User))",
            "MALFORMED_QUERY",
            "Nesting of semi join",
        ),
        ("SELECT Id FROM Opportunity WHERE Amount > XXX5", "INVALID_FIELD", "currency XXX is not active"),
        ("SELECT Id FROM Opportunity FOR UPDATE", "MALFORMED_QUERY", "unexpected token: 'UPDATE'"),
        ("SELECT FIELDS(ALL) FROM Opportunity", "MALFORMED_QUERY", "at most 200"),
        ("SELECT Id FROM Opportunity LIMIT 1 OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "2000"),
    ] {
        let reply = desk.query(text);
        assert_eq!((reply.status, reply.code()), (400, code), "{text}");
        assert!(reply.message().contains(says), "{text}: {}", reply.message());
    }
    let reply = desk.query("SELECT Id\nFROM Opportunity\nWHERE Nome = 'x'");
    assert!(reply.message().contains("ERROR at Row:3:Column:7"), "{}", reply.message());
}

#[test]
fn s2_8_a_path_has_five_parents_at_most() {
    let desk = Desk::new();
    let ask = |parents: usize| desk.query(&format!("SELECT {}Name FROM Account", "Parent.".repeat(parents)));
    assert_eq!(ask(5).status, 200);
    assert_eq!((ask(6).status, ask(6).code()), (400, "INVALID_FIELD"));
}

#[test]
fn s2_8_no_nesting_uses_up_the_stack() {
    let desk = Desk::new();
    for (opens, closes) in
        [("AccountId IN (SELECT Id FROM Account WHERE ", ")"), ("(", ")"), ("NOT ", ""), ("NOT (", ")")]
    {
        let many = 90_000 / (opens.len() + closes.len());
        let text = format!(
            "SELECT Id FROM Opportunity WHERE {}Name = 'a'{}",
            opens.repeat(many),
            closes.repeat(many)
        );
        let job = desk.call("POST", "/jobs/query", &json!({"operation": "query", "query": text}));
        assert_eq!((job.status, job.code()), (400, "MALFORMED_QUERY"), "{opens}");
    }
}

#[test]
fn s2_8_scopes_modes_currencies_and_views_are_understood() {
    let desk = stocked();
    let kim = desk.credentials["access_tokens"]["kim.seller@trey-research.example"].as_str().unwrap();
    let body = json!({"Name": "kim's", "StageName": "Prospecting", "CloseDate": "2027-01-31"});
    assert_eq!(desk.with(kim, "POST", "/sobjects/Opportunity", &[], &body).status, 201);
    for (text, count) in [
        ("FROM Opportunity USING SCOPE mine", 5),
        ("FROM Opportunity USING SCOPE everything", 6),
        ("FROM Opportunity WHERE Amount >= USD30 WITH USER_MODE", 2),
        ("FROM Opportunity WHERE Amount < EUR10.50 WITH SECURITY_ENFORCED", 2),
        ("FROM Opportunity WHERE CloseDate > N_MONTHS_AGO:2 ORDER BY Name LIMIT 3 FOR VIEW FOR REFERENCE", 3),
        ("FROM Opportunity WHERE CloseDate = NEXT_YEAR AND CreatedDate = THIS_FISCAL_QUARTER", 6),
    ] {
        let reply = desk.query(&format!("SELECT Id {text}"));
        assert_eq!((reply.status, &reply.body["totalSize"]), (200, &json!(count)), "{text}: {}", reply.body);
    }
}

#[test]
fn s2_8_all_fields_may_also_be_asked_of_two_hundred_ids() {
    let desk = stocked();
    let id = desk.query("SELECT Id FROM Opportunity").body["records"][0]["Id"].as_str().unwrap().to_owned();
    let reply =
        desk.query(&format!("SELECT FIELDS(ALL) FROM Opportunity WHERE Id IN ('{id}') AND Amount != null"));
    assert_eq!(reply.status, 200, "{}", reply.body);
}

#[test]
fn s2_8_a_long_list_of_children_has_pages_of_its_own() {
    let desk = Desk::new();
    desk.knob(json!({"child_page_size": 2}));
    let account = desk.create("Account", &json!({"Name": "Parent"}));
    for number in 0..5 {
        desk.opportunity(json!({"Name": format!("child {number}"), "AccountId": account}));
    }
    let reply = desk.query("SELECT Id, (SELECT Name FROM Opportunities ORDER BY Name) FROM Account");
    let mut page = reply.body["records"][0]["Opportunities"].clone();
    let mut names = Vec::new();
    loop {
        assert_eq!(page["totalSize"], 5);
        names.extend(page["records"].as_array().unwrap().iter().map(|row| row["Name"].clone()));
        let Some(next) = page["nextRecordsUrl"].as_str() else { break };
        assert_eq!(page["done"], false);
        page = desk.get(next.strip_prefix("/services/data/v66.0").unwrap()).body;
    }
    assert_eq!(names, ["child 0", "child 1", "child 2", "child 3", "child 4"]);
}

#[test]
fn s2_8_rows_of_children_make_a_page_of_fewer_records_than_asked_for() {
    let desk = Desk::new();
    for account in 0..3 {
        let account = desk.create("Account", &json!({"Name": format!("Parent {account}")}));
        for number in 0..90 {
            desk.create("Contact", &json!({"LastName": format!("c{number}"), "AccountId": account}));
        }
    }
    let text: String = url::form_urlencoded::byte_serialize(
        b"SELECT Id, (SELECT Id FROM Contacts) FROM Account ORDER BY Name",
    )
    .collect();
    let headers = [("sforce-query-options", "batchSize=200")];
    let reply = desk.with(&desk.seller, "GET", &format!("/query?q={text}"), &headers, &Value::Null);
    assert_eq!(reply.body["totalSize"], 3);
    assert_eq!(reply.body["records"].as_array().unwrap().len(), 2, "2 x 91 rows fit, 3 x 91 do not");
    let next = reply.body["nextRecordsUrl"].as_str().unwrap();
    let rest = desk.get(next.strip_prefix("/services/data/v66.0").unwrap());
    assert_eq!((&rest.body["done"], rest.body["records"].as_array().unwrap().len()), (&json!(true), 1));
}

#[test]
fn s2_8_a_cursor_lives_two_days() {
    let desk = stocked();
    desk.knob(json!({"page_size": 2}));
    let next = desk.query("SELECT Id FROM Opportunity").body["nextRecordsUrl"].as_str().unwrap().to_owned();
    let path = next.strip_prefix("/services/data/v66.0").unwrap();
    desk.wait(2.0 * 86_400.0 - 60.0);
    assert_eq!(desk.get(path).status, 200);
    desk.wait(120.0);
    let reply = desk.get(path);
    assert_eq!((reply.status, reply.code()), (400, "INVALID_QUERY_LOCATOR"));
}

#[test]
fn s2_5_the_page_size_is_a_hint_within_bounds() {
    let desk = Desk::new();
    for _ in 0..3 {
        let body = json!({"records": (0..100).map(|number| json!({
            "attributes": {"type": "Account"}, "Name": format!("A {number}"),
        })).collect::<Vec<_>>()});
        assert_eq!(desk.call("POST", "/composite/sobjects", &body).status, 200);
    }
    for (hint, size) in
        [("batchSize=250", 250), ("batchSize=10", 200), ("batchSize=9999", 300), ("nonsense", 300)]
    {
        let headers = [("sforce-query-options", hint)];
        let reply =
            desk.with(&desk.seller, "GET", "/query/?q=SELECT+Id+FROM+Account", &headers, &Value::Null);
        assert_eq!(reply.body["records"].as_array().unwrap().len(), size, "{hint}");
    }
}

#[test]
fn s2_1_only_reading_is_allowed_on_the_root_and_an_unknown_path_is_not_there() {
    let desk = Desk::new();
    assert_eq!(desk.raw("POST", "/services/data", &[], Bytes::new()).status, 405);
    let (unknown, wrong) = (desk.get("/nothing"), desk.call("POST", "/limits", &Value::Null));
    assert_eq!((unknown.status, unknown.code()), (404, "NOT_FOUND"));
    assert_eq!((wrong.status, wrong.code()), (405, "METHOD_NOT_ALLOWED"));
    let resources = desk.get("/").body;
    for name in ["sobjects", "query", "queryAll", "composite", "limits", "jobs"] {
        assert_eq!(resources[name], format!("/services/data/v66.0/{name}"));
    }
}

#[test]
fn s2_3_what_is_too_long_or_of_another_kind_is_not_looked_into() {
    let desk = Desk::new();
    let long = "x".repeat(16_400);
    assert_eq!(desk.get(&format!("/query?q={long}")).status, 414);
    assert_eq!(desk.with(&desk.seller, "GET", "/limits", &[("x-long", &long)], &Value::Null).status, 431);
    let body = json!({"Name": "A"});
    let headers = [("content-type", "text/plain")];
    let reply = desk.with(&desk.seller, "POST", "/sobjects/Account", &headers, &body);
    assert_eq!((reply.status, reply.code()), (415, "UNSUPPORTED_MEDIA_TYPE"));
    let headers = [("content-type", "application/json; charset=utf-8")];
    assert_eq!(desk.with(&desk.seller, "POST", "/sobjects/Account", &headers, &body).status, 201);
}
