//! Section 2.8: SOQL.

use serde_json::{Value, json};

use super::Desk;

fn stocked() -> Desk {
    let desk = Desk::new();
    let account =
        desk.create("Account", &json!({"Name": "Contoso", "BillingCity": "Oslo", "BillingCountry": "NO"}));
    for (name, amount, close, sync) in [
        ("Alpha", json!(100), "2027-01-01", true),
        ("beta 50%", json!(50.25), "2027-02-01", false),
        ("Gamma_1", Value::Null, "2026-11-22", true),
    ] {
        desk.opportunity(json!({
            "Name": name, "Amount": amount, "CloseDate": close, "Sync_with_Partner_Center__c": sync,
            "AccountId": if sync { json!(account) } else { Value::Null },
            "Regions__c": if sync { json!("North;East") } else { Value::Null },
        }));
        desk.wait(1.0);
    }
    desk
}

#[test]
fn s2_8_conditions_choose_rows() {
    let desk = stocked();
    for (condition, names) in [
        ("Name = 'ALPHA'", "Alpha"),
        ("Name != 'alpha'", "beta 50%,Gamma_1"),
        ("Name LIKE '%a%'", "Alpha,beta 50%,Gamma_1"),
        ("Name LIKE 'b___ %'", "beta 50%"),
        ("Name LIKE '%50\\%'", "beta 50%"),
        ("Name LIKE 'gamma\\_%'", "Gamma_1"),
        ("Name IN ('alpha', 'gamma_1')", "Alpha,Gamma_1"),
        ("Name NOT IN ('alpha')", "beta 50%,Gamma_1"),
        ("NOT Name = 'Alpha'", "beta 50%,Gamma_1"),
        ("Amount > 50.25", "Alpha"),
        ("Amount >= 50.25", "Alpha,beta 50%"),
        ("Amount < 100", "beta 50%"),
        ("Amount = null", "Gamma_1"),
        ("Amount != null", "Alpha,beta 50%"),
        ("Amount <> 100", "beta 50%,Gamma_1"),
        ("CloseDate > 2027-01-01", "beta 50%"),
        ("CloseDate = TODAY", "Gamma_1"),
        ("CloseDate = NEXT_N_DAYS:60", "Alpha"),
        ("SystemModstamp >= 2026-11-22T06:00:01Z", "beta 50%,Gamma_1"),
        ("SystemModstamp >= 2026-11-22T07:00:01.000+01:00", "beta 50%,Gamma_1"),
        ("SystemModstamp <= 2026-11-22T06:00:00.000+0000", "Alpha"),
        ("Sync_with_Partner_Center__c = true", "Alpha,Gamma_1"),
        ("Sync_with_Partner_Center__c = null", "beta 50%"),
        ("Account.Name = 'contoso' AND Account.BillingCity = 'Oslo'", "Alpha,Gamma_1"),
        ("(Name = 'Alpha' OR Name = 'Gamma_1') AND Amount = null", "Gamma_1"),
        ("Regions__c INCLUDES ('South', 'North;East')", "Alpha,Gamma_1"),
        ("Regions__c EXCLUDES ('North')", "beta 50%"),
        ("AccountId IN (SELECT Id FROM Account WHERE Name = 'Contoso')", "Alpha,Gamma_1"),
        ("AccountId NOT IN (SELECT Id FROM Account)", "beta 50%"),
        ("Owner.IsActive = true AND Opportunity.Name = 'Alpha'", "Alpha"),
    ] {
        let found = desk
            .column(&format!("SELECT Name FROM Opportunity WHERE {condition} ORDER BY CreatedDate"), "Name");
        let found: Vec<&str> = found.iter().filter_map(Value::as_str).collect();
        assert_eq!(found.join(","), names, "{condition}");
    }
}

#[test]
fn s2_8_order_limit_and_offset() {
    let desk = stocked();
    for (tail, names) in [
        ("ORDER BY Amount", "Gamma_1,beta 50%,Alpha"),
        ("ORDER BY Amount DESC", "Gamma_1,Alpha,beta 50%"),
        ("ORDER BY Amount ASC NULLS LAST", "beta 50%,Alpha,Gamma_1"),
        ("ORDER BY Account.Name NULLS LAST, Name DESC", "Gamma_1,Alpha,beta 50%"),
        ("ORDER BY Name LIMIT 2", "Alpha,beta 50%"),
        ("ORDER BY Name LIMIT 1 OFFSET 2 FOR VIEW", "Gamma_1"),
        ("ORDER BY SystemModstamp, Id LIMIT 0", ""),
    ] {
        let found = desk.column(&format!("SELECT Name FROM Opportunity {tail}"), "Name");
        let found: Vec<&str> = found.iter().filter_map(Value::as_str).collect();
        assert_eq!(found.join(","), names, "{tail}");
    }
}

#[test]
fn s2_8_parents_children_and_counts_have_their_shapes() {
    let desk = stocked();
    let id = desk.column("SELECT Id FROM Opportunity WHERE Name = 'Alpha'", "Id").remove(0);
    desk.create("Microsoft_Solution__c", &json!({"Opportunity__c": id, "Name": "S1", "Quantity__c": 2}));
    let reply = desk.query(
        "SELECT Id, Account.Name, Account.Owner.Name, (SELECT Name, Quantity__c FROM Microsoft_Solutions__r), \
         (SELECT Id FROM OpportunityTeamMembers) FROM Opportunity o WHERE o.Name = 'Alpha'",
    );
    let record = &reply.body["records"][0];
    assert_eq!(record["Account"]["Name"], "Contoso");
    assert_eq!(record["Account"]["Owner"]["Name"], "Noa Seller");
    assert_eq!(record["Account"]["attributes"]["type"], "Account");
    assert_eq!(record["Microsoft_Solutions__r"]["totalSize"], 1);
    assert_eq!(record["Microsoft_Solutions__r"]["records"][0]["Quantity__c"].to_string(), "2.0");
    assert_eq!(record["OpportunityTeamMembers"], Value::Null);
    let children = desk.query(
        "SELECT Id FROM Microsoft_Solution__c WHERE Opportunity__r.Sync_with_Partner_Center__c = true",
    );
    assert_eq!(children.body["totalSize"], 1);
    let count = desk.query("SELECT COUNT() FROM Opportunity WHERE Account.Name = 'Contoso'");
    assert_eq!(count.body, json!({"totalSize": 2, "done": true, "records": []}));
    let none = desk.query("SELECT Account.Name FROM Opportunity WHERE AccountId = null");
    assert_eq!(none.body["records"][0]["Account"], Value::Null);
}

#[test]
fn s2_8_fields_functions_need_a_limit() {
    let desk = stocked();
    for (soql, status) in [
        ("SELECT FIELDS(ALL) FROM Opportunity LIMIT 200", 200),
        ("SELECT FIELDS(CUSTOM), Id FROM Opportunity LIMIT 1", 200),
        ("SELECT FIELDS(STANDARD) FROM Opportunity", 200),
        ("SELECT FIELDS(ALL) FROM Opportunity", 400),
        ("SELECT FIELDS(CUSTOM) FROM Opportunity LIMIT 201", 400),
    ] {
        assert_eq!(desk.query(soql).status, status, "{soql}");
    }
    let all = desk.query("SELECT FIELDS(ALL) FROM Account LIMIT 1").body;
    assert_eq!(all["records"][0]["BillingAddress"]["city"], "Oslo");
}

#[test]
fn s2_8_mistakes_are_refused_with_their_code() {
    let desk = stocked();
    for (soql, code) in [
        ("SELECT Id FROM Nothing", "INVALID_TYPE"),
        ("SELECT Nothing FROM Opportunity", "INVALID_FIELD"),
        ("SELECT Id FROM Opportunity WHERE Nothing__c = 1", "INVALID_FIELD"),
        ("SELECT Id, id FROM Opportunity", "INVALID_FIELD"),
        ("SELECT Nobody.Name FROM Opportunity", "INVALID_FIELD"),
        ("SELECT Id, (SELECT Id FROM Nothings) FROM Opportunity", "INVALID_TYPE"),
        ("SELECT Id FROM Opportunity WHERE Description = 'x'", "INVALID_FIELD"),
        ("SELECT Id FROM Opportunity ORDER BY Audit__c", "INVALID_FIELD"),
        ("SELECT Id FROM Opportunity WHERE Name = 1", "INVALID_FIELD"),
        ("SELECT Id FROM Opportunity WHERE Amount = '1'", "INVALID_FIELD"),
        ("SELECT Id FROM Opportunity WHERE CloseDate = 2026-11-22T06:00:00Z", "INVALID_FIELD"),
        ("SELECT Id FROM Opportunity WHERE SystemModstamp > 2026-11-22", "INVALID_FIELD"),
        ("SELECT Id FROM Opportunity WHERE SystemModstamp > '2026-11-22T06:00:00Z'", "INVALID_FIELD"),
        ("SELECT Id FROM Opportunity WHERE Sync_with_Partner_Center__c = 'true'", "INVALID_FIELD"),
        ("SELECT Id FROM Opportunity WHERE Id = 'x'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Opportunity WHERE IsWon > true", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Opportunity WHERE Name LIKE 5", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Opportunity WHERE Name = 'a' AND Name = 'b' OR Name = 'c'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Opportunity WHERE Name = 'a\\q'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Opportunity WHERE Name = 'a", "MALFORMED_QUERY"),
        ("SELECT Id FROM Opportunity WHERE", "MALFORMED_QUERY"),
        ("SELECT Id, FROM Opportunity", "MALFORMED_QUERY"),
        ("SELECT * FROM Opportunity", "MALFORMED_QUERY"),
        ("SELECT Id FROM Opportunity LIMIT x", "MALFORMED_QUERY"),
        ("SELECT Id FROM Opportunity LIMIT 1 WHERE Name = 'a'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Opportunity OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE"),
        ("DELETE FROM Opportunity", "MALFORMED_QUERY"),
        ("", "MALFORMED_QUERY"),
    ] {
        let reply = desk.query(soql);
        assert_eq!((reply.status, reply.code()), (400, code), "{soql}: {}", reply.body);
    }
    assert_eq!(desk.get("/query").code(), "MALFORMED_QUERY");
    assert_eq!(desk.call("POST", "/query", &json!({"q": "SELECT Id FROM Account"})).status, 405);
    let message = desk.query("SELECT Nothing FROM Opportunity");
    assert!(
        message
            .message()
            .contains("ERROR at Row:1:Column:8\nNo such column 'Nothing' on entity 'Opportunity'")
    );
}

#[test]
fn s2_8_escapes_mean_their_letter() {
    let desk = Desk::new();
    desk.opportunity(json!({"Name": "O'Neil \"q\" \\ \u{e9}"}));
    let soql = r#"SELECT Name FROM Opportunity WHERE Name = 'O\'Neil \"q\" \\ \u00e9'"#;
    assert_eq!(desk.column(soql, "Name").len(), 1);
}

#[test]
fn s2_8_pages_follow_their_locator() {
    let desk = Desk::new();
    for index in 0..5 {
        desk.opportunity(json!({"Name": format!("N{index}")}));
    }
    desk.knob(json!({"page_size": 2}));
    let first = desk.query("SELECT Name FROM Opportunity ORDER BY Name");
    assert_eq!((&first.body["totalSize"], &first.body["done"]), (&json!(5), &json!(false)));
    let mut names: Vec<Value> = Vec::new();
    let mut page = first.body;
    loop {
        names.extend(page["records"].as_array().unwrap().iter().map(|record| record["Name"].clone()));
        let Some(next) = page["nextRecordsUrl"].as_str() else { break };
        let path = next.strip_prefix("/services/data/v66.0").unwrap().to_owned();
        assert!(path.starts_with("/query/01g"), "{path}");
        assert_eq!(
            desk.product("GET", &path, &Value::Null).code(),
            "INVALID_QUERY_LOCATOR",
            "another user's"
        );
        page = desk.get(&path).body;
    }
    assert_eq!(names, ["N0", "N1", "N2", "N3", "N4"]);
    assert_eq!(page["done"], true);
    assert_eq!(desk.get("/query/01g000000000000AAA-2000").code(), "INVALID_QUERY_LOCATOR");
    let first = desk.query("SELECT Name FROM Opportunity ORDER BY Name").body;
    desk.wait(49.0 * 3_600.0);
    let path =
        first["nextRecordsUrl"].as_str().unwrap().strip_prefix("/services/data/v66.0").unwrap().to_owned();
    assert_eq!(desk.get(&path).code(), "INVALID_QUERY_LOCATOR", "two days have passed");
}

#[test]
fn s2_8_columns_are_told_instead_of_rows() {
    let desk = stocked();
    let reply = desk.get("/query?q=SELECT+Id,Account.Name,Amount+FROM+Opportunity&columns=true");
    let columns = reply.body["columnMetadata"].as_array().unwrap();
    let told: Vec<_> = columns.iter().map(|column| (&column["columnName"], &column["apexType"])).collect();
    let expected =
        [("Id", "Id"), ("Account.Name", "String"), ("Amount", "Double")].map(|(a, b)| (json!(a), json!(b)));
    assert_eq!(told, expected.iter().map(|(a, b)| (a, b)).collect::<Vec<_>>());
    assert_eq!(reply.body.get("records"), None);
}

#[test]
fn s2_8_query_all_shows_the_recycle_bin() {
    let desk = Desk::new();
    let id = desk.opportunity(json!({"Co_sell_Key__c": "k"}));
    desk.call("DELETE", &format!("/sobjects/Opportunity/{id}"), &Value::Null);
    assert_eq!(desk.query("SELECT Id FROM Opportunity").body["totalSize"], 0);
    for filter in ["IsDeleted+=+true", "Co_sell_Key__c+=+'k'"] {
        let reply = desk.get(&format!("/queryAll/?q=SELECT+Id,IsDeleted+FROM+Opportunity+WHERE+{filter}"));
        assert_eq!(reply.body["records"][0]["IsDeleted"], true, "{filter}");
    }
}

#[test]
fn s2_8_ten_thousand_rows_are_searched_by_index() {
    let desk = Desk::new();
    let mut last = String::new();
    for batch in 0..50 {
        let records: Vec<Value> = (0..200)
            .map(|index| json!({"attributes": {"type": "Opportunity"}, "Name": format!("{batch}-{index}"),
                "StageName": "Prospecting", "CloseDate": "2027-01-31", "Co_sell_Key__c": format!("k{batch}-{index}")}))
            .collect();
        let reply = desk.call("POST", "/composite/sobjects", &json!({"records": records}));
        reply.body[199]["id"].as_str().unwrap().clone_into(&mut last);
        desk.wait(1.0);
    }
    for (filter, found) in [
        (format!("Id IN ('{last}', '006000000000000AAA')"), 1),
        ("SystemModstamp >= 2026-11-22T06:00:49Z".to_owned(), 200),
        ("Co_sell_Key__c = 'K3-7' AND IsClosed = false".to_owned(), 1),
    ] {
        let reply = desk.query(&format!("SELECT Id FROM Opportunity WHERE {filter}"));
        assert_eq!(reply.body["totalSize"], found, "{filter}");
    }
}

#[test]
fn s2_8_every_beginning_and_every_mutilation_of_a_query_is_answered() {
    let desk = stocked();
    let soql = "SELECT Id, Account.Owner.Name, (SELECT Id FROM Microsoft_Solutions__r WHERE Name LIKE '\u{e9}\\u00e9%') \
                FROM Opportunity WHERE (NOT Amount >= -1.5) AND CloseDate < LAST_N_DAYS:3 OR Name IN ('a', null) \
                ORDER BY Name DESC NULLS LAST LIMIT 5 OFFSET 1 FOR REFERENCE";
    for (cut, letter) in soql.char_indices() {
        for text in [
            soql[..cut].to_owned(),
            soql[cut..].to_owned(),
            format!("{}{}", &soql[..cut], &soql[cut + letter.len_utf8()..]),
            format!("{}\u{1f600}{}", &soql[..cut], &soql[cut..]),
            format!("{}({}", &soql[..cut], &soql[cut..]),
        ] {
            let reply = desk.query(&text);
            assert!(matches!(reply.status, 200 | 400), "{text}: {}", reply.status);
        }
    }
    let deep =
        format!("SELECT Id FROM Opportunity WHERE {}Name = 'a'{}", "(".repeat(2_000), ")".repeat(2_000));
    assert_eq!(desk.query(&deep).code(), "MALFORMED_QUERY");
}
