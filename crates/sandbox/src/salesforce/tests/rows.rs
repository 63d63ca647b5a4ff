//! Sections 2.2 to 2.7, 2.13, 2.14 and 5: rows, values, side effects and describe.

use serde_json::{Value, json};

use super::Desk;

#[test]
fn s2_4_a_created_row_is_answered_201_with_its_place() {
    let desk = Desk::new();
    let body = json!({"attributes": {"type": "Opportunity"}, "Name": "A", "StageName": "Prospecting", "CloseDate": "2027-01-31"});
    let reply = desk.call("POST", "/sobjects/opportunity/", &body);
    let id = reply.body["id"].as_str().unwrap();
    assert_eq!((reply.status, id.len()), (201, 18));
    assert_eq!(reply.body, json!({"id": id, "success": true, "errors": []}));
    assert_eq!(reply.header("location"), format!("/services/data/v66.0/sobjects/Opportunity/{id}"));
    let row = desk.read("Opportunity", &id[..15]);
    assert_eq!(row["Id"], id);
    assert_eq!(row["CreatedDate"], "2026-11-22T06:00:00.000+0000");
    assert_eq!(row["SystemModstamp"], row["LastModifiedDate"]);
    assert_eq!(row["OwnerId"], row["CreatedById"]);
    assert_eq!(row["CurrencyIsoCode"], "USD");
    assert_eq!(
        row["attributes"],
        json!({"type": "Opportunity", "url": format!("/services/data/v66.0/sobjects/Opportunity/{id}")})
    );
}

#[test]
fn s2_4_only_sent_fields_change_and_null_clears() {
    let desk = Desk::new();
    let id = desk.opportunity(json!({"NextStep": "call", "Amount": 10.5}));
    let before = desk.read("Opportunity", &id);
    desk.wait(2.0);
    let reply = desk.call("PATCH", &format!("/sobjects/Opportunity/{id}"), &json!({"NextStep": null}));
    assert_eq!((reply.status, &reply.body), (204, &Value::Null));
    let after = desk.read("Opportunity", &id);
    assert_eq!(after["NextStep"], Value::Null);
    assert_eq!(after["Amount"].to_string(), "10.5");
    assert_eq!(after["LastModifiedDate"], "2026-11-22T06:00:02.000+0000");
    assert_eq!(after["CreatedDate"], before["CreatedDate"]);
    let reply = desk.call(
        "POST",
        &format!("/sobjects/Opportunity/{id}?_HttpMethod=PATCH"),
        &json!({"NextStep": "x"}),
    );
    assert_eq!(reply.status, 204);
    let reply = desk.call("PATCH", &format!("/sobjects/Opportunity/{id}"), &json!({"Id": id}));
    assert_eq!((reply.status, reply.code()), (400, "INVALID_FIELD"));
}

#[test]
fn s2_4_missing_and_deleted_rows_are_404() {
    let desk = Desk::new();
    let id = desk.opportunity(json!({}));
    let path = format!("/sobjects/Opportunity/{id}");
    assert_eq!(desk.call("DELETE", &path, &Value::Null).status, 204);
    for (method, path, code) in [
        ("DELETE", path.as_str(), "ENTITY_IS_DELETED"),
        ("GET", path.as_str(), "ENTITY_IS_DELETED"),
        ("PATCH", path.as_str(), "ENTITY_IS_DELETED"),
        ("GET", "/sobjects/Opportunity/006000000000000AAA", "NOT_FOUND"),
        ("GET", "/sobjects/Opportunity/nonsense", "NOT_FOUND"),
        ("GET", "/sobjects/Nothing/006000000000000AAA", "NOT_FOUND"),
        ("GET", "/sobjects/Nothing/describe", "NOT_FOUND"),
        ("GET", "/nowhere", "NOT_FOUND"),
    ] {
        let reply = desk.call(method, path, &if method == "PATCH" { json!({}) } else { Value::Null });
        assert_eq!((reply.status, reply.code()), (404, code), "{method} {path}");
    }
}

#[test]
fn s2_3_unfit_values_are_refused_with_the_documented_code() {
    let desk = Desk::new();
    for (field, value, code) in [
        ("Nothing__c", json!("x"), "INVALID_FIELD"),
        ("Name", json!("x".repeat(121)), "STRING_TOO_LONG"),
        ("Name", json!("  "), "REQUIRED_FIELD_MISSING"),
        ("Name", json!(5), "JSON_PARSER_ERROR"),
        ("CloseDate", json!("31.01.2027"), "JSON_PARSER_ERROR"),
        ("CloseDate", json!("2027-02-30"), "JSON_PARSER_ERROR"),
        ("Amount", json!("ten"), "JSON_PARSER_ERROR"),
        ("Amount", json!(1e17), "NUMBER_OUTSIDE_VALID_RANGE"),
        ("IsPrivate", json!("yes"), "JSON_PARSER_ERROR"),
        ("Co_sell_Response__c", json!("Maybe"), "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ("IsClosed", json!(true), "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ("SystemModstamp", json!("2026-01-01T00:00:00Z"), "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ("AccountId", json!("001"), "MALFORMED_ID"),
        ("AccountId", json!("001000000000001AAA"), "INVALID_CROSS_REFERENCE_KEY"),
        ("AccountId", json!("006000000000001AAA"), "FIELD_INTEGRITY_EXCEPTION"),
        ("CurrencyIsoCode", json!("JPY"), "INVALID_CURRENCY_ISO"),
        ("Co_sell_Synced_At__c", json!("2026-01-01"), "JSON_PARSER_ERROR"),
    ] {
        let mut body = json!({"Name": "A", "StageName": "Prospecting", "CloseDate": "2027-01-31"});
        body[field] = value.clone();
        let reply = desk.call("POST", "/sobjects/Opportunity", &body);
        assert_eq!((reply.status, reply.code()), (400, code), "{field} = {value}: {}", reply.body);
    }
    let reply = desk.call("POST", "/sobjects/Opportunity", &json!({"Name": "A"}));
    assert_eq!(reply.message(), "Required fields are missing: [StageName, CloseDate]");
    assert_eq!(reply.body[0]["fields"], json!(["StageName", "CloseDate"]));
    let bearer = format!("Bearer {}", desk.seller);
    let reply = desk.raw(
        "POST",
        "/services/data/v66.0/sobjects/Opportunity",
        &[("authorization", &bearer)],
        "{".into(),
    );
    assert_eq!((reply.status, reply.code()), (400, "JSON_PARSER_ERROR"));
}

#[test]
fn s2_2_texts_are_trimmed_empty_is_null_and_numbers_are_rounded() {
    let desk = Desk::new();
    let id = desk.opportunity(json!({
        "Name": "  padded ", "NextStep": "", "Amount": 10.005, "Probability": 33.4,
        "Co_sell_Synced_At__c": "2026-11-22T07:00:00.900+01:00", "StageName": "Our own stage",
        "Co_sell_Response__c": "accept", "How_can_Microsoft_help__c": "anything, it is unrestricted",
    }));
    let row = desk.read("Opportunity", &id);
    assert_eq!(row["Name"], "padded");
    assert_eq!(row["NextStep"], Value::Null);
    assert_eq!(row["Amount"].to_string(), "10.01");
    assert_eq!(row["Probability"].to_string(), "33.0");
    assert_eq!(row["Co_sell_Synced_At__c"], "2026-11-22T06:00:00.000+0000");
    assert_eq!(row["Co_sell_Response__c"], "Accept");
    assert_eq!(row["StageName"], "Our own stage");
    assert_eq!(row["FiscalYear"].to_string(), "2027");
}

#[test]
fn s2_3_a_unique_value_names_its_holder_by_15_characters() {
    let desk = Desk::new();
    let id = desk.opportunity(json!({"Referral_Identifier__c": "REF-1"}));
    let body = json!({"Name": "B", "StageName": "Prospecting", "CloseDate": "2027-01-31", "Referral_Identifier__c": "ref-1"});
    let reply = desk.call("POST", "/sobjects/Opportunity", &body);
    assert_eq!((reply.status, reply.code()), (400, "DUPLICATE_VALUE"));
    assert!(reply.message().ends_with(&format!("record with id: {}", &id[..15])), "{}", reply.message());
    desk.call("DELETE", &format!("/sobjects/Opportunity/{id}"), &Value::Null);
    desk.opportunity(json!({"Referral_Identifier__c": "REF-1"}));
    assert_eq!(
        desk.act("undelete", &json!({"id": id})).unwrap_err().split(':').next(),
        Some("DUPLICATE_VALUE")
    );
}

#[test]
fn s2_6_upsert_answers_201_200_204_404_and_300() {
    let desk = Desk::new();
    let path = "/sobjects/Opportunity/Referral_Identifier__c/a%2Fb%20c";
    let body = json!({"Name": "A", "StageName": "Prospecting", "CloseDate": "2027-01-31"});
    assert_eq!(desk.call("PATCH", &format!("{path}?updateOnly=true"), &body).status, 404);
    let made = desk.call("PATCH", path, &body);
    let id = made.body["id"].as_str().unwrap().to_owned();
    assert_eq!((made.status, &made.body["created"]), (201, &json!(true)));
    assert_eq!(desk.read("Opportunity", &id)["Referral_Identifier__c"], "a/b c");
    let changed = desk.call("PATCH", path, &json!({"Name": "B"}));
    assert_eq!((changed.status, &changed.body["created"]), (200, &json!(false)));
    let bearer = format!("Bearer {}", desk.seller);
    let old =
        desk.raw("PATCH", &format!("/services/data/v45.0{path}"), &[("authorization", &bearer)], "{}".into());
    assert_eq!(old.status, 204);
    assert_eq!(desk.get(path).body["Id"], id.as_str());
    assert_eq!(desk.call("PATCH", "/sobjects/Opportunity/NextStep/x", &body).status, 404);
    assert_eq!(desk.call("PATCH", path, &json!({"Referral_Identifier__c": "x"})).code(), "INVALID_FIELD");
    desk.knob(json!({"identifier_unique": false}));
    desk.opportunity(json!({"Referral_Identifier__c": "A/B C"}));
    let several = desk.call("PATCH", path, &json!({"Name": "C"}));
    assert_eq!((several.status, several.body.as_array().map(Vec::len)), (300, Some(2)));
    assert_eq!(desk.read("Opportunity", &id)["Name"], "B", "nothing is written");
}

#[test]
fn s2_6_a_parent_is_named_by_its_external_id() {
    let desk = Desk::new();
    let account = desk.create("Account", &json!({"Name": "Contoso", "Co_sell_Key__c": "k1"}));
    let id = desk.opportunity(json!({"Account": {"Co_sell_Key__c": "K1"}}));
    assert_eq!(desk.read("Opportunity", &id)["AccountId"], account.as_str());
    let body = json!({"Name": "B", "StageName": "Prospecting", "CloseDate": "2027-01-31", "Account": {"Co_sell_Key__c": "no"}});
    assert_eq!(desk.call("POST", "/sobjects/Opportunity", &body).code(), "INVALID_FIELD");
    let reply = desk.get(&format!("/sobjects/Opportunity/{id}/Account?fields=Name"));
    assert_eq!(reply.body["Name"], "Contoso");
    let reply = desk.get(&format!("/sobjects/Account/{account}/Opportunities"));
    assert_eq!(reply.body["records"][0]["Id"], id.as_str());
}

#[test]
fn s2_14_conditions_are_compared_by_the_second() {
    let desk = Desk::new();
    let id = desk.opportunity(json!({}));
    let path = format!("/sobjects/Opportunity/{id}");
    let patch = |date: &str| {
        let headers = [("if-unmodified-since", date)];
        desk.with(&desk.seller, "PATCH", &path, &headers, &json!({"NextStep": "x"})).status
    };
    // Saved at 06:00:00.4 and stamped 06:00:00.
    for (date, status) in [
        ("Sun, 22 Nov 2026 05:59:59 GMT", 412),
        ("Sun, 22 Nov 2026 06:00:00 GMT", 204),
        ("Sun, 22 Nov 2026 06:00:01 GMT", 204),
        ("yesterday", 400),
        ("2026-11-22T06:00:00Z", 400),
    ] {
        assert_eq!(patch(date), status, "{date}");
    }
    desk.wait(0.5);
    assert_eq!(patch("Sun, 22 Nov 2026 06:00:00 GMT"), 204, "the same second passes");
    desk.wait(1.0);
    assert_eq!(patch("Sun, 22 Nov 2026 06:00:00 GMT"), 204);
    assert_eq!(patch("Sun, 22 Nov 2026 06:00:00 GMT"), 412, "the write before moved the stamp to 06:00:01");
    for (date, status) in
        [("Sun, 22 Nov 2026 06:00:00 GMT", 200), ("Sun, 22 Nov 2026 06:00:01 GMT", 304), ("soon", 400)]
    {
        let reply = desk.with(&desk.seller, "GET", &path, &[("if-modified-since", date)], &Value::Null);
        assert_eq!(reply.status, status, "{date}");
    }
    let past = [("if-unmodified-since", "Sun, 22 Nov 2026 05:59:59 GMT")];
    let deleted = desk.with(&desk.seller, "DELETE", &path, &past, &Value::Null);
    assert_eq!(deleted.status, 204, "a deletion knows no condition");
}

#[test]
fn s2_14_tags_are_for_accounts_only() {
    let desk = Desk::new();
    let id = desk.create("Account", &json!({"Name": "A"}));
    let path = format!("/sobjects/Account/{id}");
    let tag = desk.get(&path).header("etag").to_owned();
    for (tag, status) in [(tag.as_str(), 204), ("\"other\"", 412)] {
        let reply = desk.with(&desk.seller, "PATCH", &path, &[("if-match", tag)], &json!({"Phone": "1"}));
        assert_eq!(reply.status, status);
    }
    let id = desk.opportunity(json!({}));
    assert_eq!(desk.get(&format!("/sobjects/Opportunity/{id}")).header("etag"), "");
}

#[test]
fn s5_1_a_stage_sets_what_follows_from_it() {
    let desk = Desk::new();
    let id = desk.opportunity(json!({"Amount": 1000}));
    for (body, probability, category, closed, won) in [
        (json!({"StageName": "Closed Won"}), 100, "Closed", true, true),
        (json!({"StageName": "Closed Lost"}), 0, "Omitted", true, false),
        (json!({"StageName": "Co-sell: declined"}), 0, "Omitted", true, false),
        (json!({"StageName": "Co-sell: to answer"}), 5, "Pipeline", false, false),
        (
            json!({"StageName": "Negotiation/Review", "Probability": 42, "ForecastCategoryName": "Commit"}),
            42,
            "Forecast",
            false,
            false,
        ),
    ] {
        assert_eq!(desk.call("PATCH", &format!("/sobjects/Opportunity/{id}"), &body).status, 204);
        let row = desk.read("Opportunity", &id);
        assert_eq!(row["Probability"].to_string(), format!("{probability}.0"), "{body}");
        assert_eq!(row["ForecastCategory"], category, "{body}");
        assert_eq!((&row["IsClosed"], &row["IsWon"]), (&json!(closed), &json!(won)), "{body}");
        assert_eq!(row["ExpectedRevenue"].to_string(), format!("{}.0", probability * 10), "{body}");
    }
    let history = desk.column(
        &format!("SELECT StageName FROM OpportunityHistory WHERE OpportunityId = '{id}'"),
        "StageName",
    );
    assert_eq!(history.len(), 6);
    let tracked = format!(
        "SELECT OldValue FROM OpportunityFieldHistory WHERE OpportunityId = '{id}' AND Field = 'StageName'"
    );
    assert_eq!(desk.column(&tracked, "OldValue").len(), 5);
}

#[test]
fn s5_1_amount_is_ignored_while_line_items_exist() {
    let desk = Desk::new();
    let id = desk.opportunity(json!({"Amount": 10}));
    let entry = desk.column("SELECT Id FROM PricebookEntry ORDER BY UnitPrice DESC LIMIT 1", "Id").remove(0);
    let line = json!({"OpportunityId": id, "PricebookEntryId": entry, "Quantity": 2, "UnitPrice": 5000});
    let line = desk.create("OpportunityLineItem", &line);
    assert_eq!(desk.read("Opportunity", &id)["Amount"].to_string(), "10000.0");
    let path = format!("/sobjects/Opportunity/{id}");
    assert_eq!(desk.call("PATCH", &path, &json!({"Amount": 7})).status, 204);
    assert_eq!(desk.read("Opportunity", &id)["Amount"].to_string(), "10000.0", "silently ignored");
    desk.knob(json!({"amount_ignored_with_line_items": false}));
    assert_eq!(desk.call("PATCH", &path, &json!({"Amount": 7})).status, 204);
    assert_eq!(desk.read("Opportunity", &id)["Amount"].to_string(), "7.0");
    desk.call("DELETE", &format!("/sobjects/OpportunityLineItem/{line}"), &Value::Null);
    assert_eq!(desk.read("Opportunity", &id)["HasOpportunityLineItem"], false);
}

#[test]
fn s5_4_a_primary_role_clears_the_former() {
    let desk = Desk::new();
    let contacts: Vec<String> =
        ["A", "B"].map(|name| desk.create("Contact", &json!({"LastName": name}))).to_vec();
    let id = desk.opportunity(json!({"ContactId": contacts[0]}));
    let role = json!({"OpportunityId": id, "ContactId": contacts[1], "IsPrimary": true});
    desk.create("OpportunityContactRole", &role);
    let primary = format!(
        "SELECT ContactId FROM OpportunityContactRole WHERE IsPrimary = true AND OpportunityId = '{id}'"
    );
    assert_eq!(desk.column(&primary, "ContactId"), [json!(contacts[1])]);
    assert_eq!(desk.read("Opportunity", &id)["ContactId"], contacts[1].as_str());
    let reply =
        desk.call("PATCH", &format!("/sobjects/Opportunity/{id}"), &json!({"ContactId": contacts[0]}));
    assert_eq!(reply.code(), "INVALID_FIELD_FOR_INSERT_UPDATE", "create only");
}

#[test]
fn s5_5_a_second_team_row_for_a_user_changes_the_first() {
    let desk = Desk::new();
    let id = desk.opportunity(json!({}));
    let user = desk.credentials["users"][0]["id"].clone();
    let first = desk.create("OpportunityTeamMember", &json!({"OpportunityId": id, "UserId": user}));
    let body = json!({"OpportunityId": id, "UserId": user, "OpportunityAccessLevel": "Edit"});
    assert_eq!(desk.create("OpportunityTeamMember", &body), first);
    assert_eq!(desk.read("OpportunityTeamMember", &first)["OpportunityAccessLevel"], "Edit");
    desk.call("DELETE", &format!("/sobjects/OpportunityTeamMember/{first}"), &Value::Null);
    let all = desk.get("/queryAll?q=SELECT+Id+FROM+OpportunityTeamMember");
    assert_eq!(all.body["totalSize"], 0, "no recycle bin: {}", all.body);
}

#[test]
fn s5_1_details_go_and_come_back_with_their_opportunity() {
    let desk = Desk::new();
    let id = desk.opportunity(json!({}));
    let solution =
        desk.create("Microsoft_Solution__c", &json!({"Opportunity__c": id, "Solution_Id__c": "S"}));
    assert_eq!(desk.read("Microsoft_Solution__c", &solution)["Name"], solution.as_str());
    let other = desk.opportunity(json!({}));
    let reply = desk.call(
        "PATCH",
        &format!("/sobjects/Microsoft_Solution__c/{solution}"),
        &json!({"Opportunity__c": other}),
    );
    assert_eq!(reply.code(), "INVALID_FIELD_FOR_INSERT_UPDATE", "not reparentable");
    desk.act("delete", &json!({"id": id})).unwrap();
    assert_eq!(desk.get(&format!("/sobjects/Microsoft_Solution__c/{solution}")).code(), "ENTITY_IS_DELETED");
    desk.wait(5.0);
    desk.act("undelete", &json!({"id": id})).unwrap();
    assert_eq!(desk.get(&format!("/sobjects/Microsoft_Solution__c/{solution}")).status, 200);
}

#[test]
fn s5_1_an_opportunity_whose_detail_may_not_come_back_stays_in_the_bin_itself() {
    let desk = Desk::new();
    let (id, other) = (desk.opportunity(json!({})), desk.opportunity(json!({})));
    let detail = |of: &str| json!({"Opportunity__c": of, "Solution_Id__c": "S", "Co_sell_Key__c": "R/S"});
    desk.create("Microsoft_Solution__c", &detail(&id));
    desk.act("delete", &json!({"id": id})).unwrap();
    desk.create("Microsoft_Solution__c", &detail(&other));
    let why = desk.act("undelete", &json!({"id": id})).unwrap_err();
    assert_eq!(why.split(':').next(), Some("DUPLICATE_VALUE"));
    assert_eq!(desk.get(&format!("/sobjects/Opportunity/{id}")).code(), "ENTITY_IS_DELETED");
}

#[test]
fn s2_3_an_inactive_owner_is_refused() {
    let desk = Desk::new();
    let former = desk.column("SELECT Id FROM User WHERE IsActive = false", "Id").remove(0);
    let body = json!({"Name": "A", "StageName": "Prospecting", "CloseDate": "2027-01-31", "OwnerId": former});
    assert_eq!(desk.call("POST", "/sobjects/Opportunity", &body).code(), "INACTIVE_OWNER_OR_USER");
}

#[test]
fn s2_7_describe_shows_fields_with_their_limits() {
    let desk = Desk::new();
    let whole = desk.get("/sobjects/Opportunity/describe/").body;
    let field = |name: &str| {
        whole["fields"].as_array().unwrap().iter().find(|field| field["name"] == name).cloned().unwrap()
    };
    for (name, member, value) in [
        ("Name", "length", json!(120)),
        ("Name", "nillable", json!(false)),
        ("Referral_Identifier__c", "unique", json!(true)),
        ("Referral_Identifier__c", "externalId", json!(true)),
        ("Description", "filterable", json!(false)),
        ("Audit__c", "length", json!(100_000)),
        ("AccountId", "relationshipName", json!("Account")),
        ("OwnerId", "referenceTo", json!(["User"])),
        ("Co_sell_Response__c", "restrictedPicklist", json!(true)),
        ("IsClosed", "updateable", json!(false)),
        ("Amount", "precision", json!(18)),
        ("How_can_Microsoft_help__c", "label", json!("How can Microsoft help?")),
    ] {
        assert_eq!(field(name)[member], value, "{name}.{member}");
    }
    let children = whole["childRelationships"].as_array().unwrap();
    assert!(children.iter().any(|child| child["relationshipName"] == "Microsoft_Solutions__r"));
    let names = desk.get("/sobjects").body["sobjects"].as_array().unwrap().len();
    assert!(names >= 20, "{names}");
    desk.wait(1.0);
    let date = desk.get("/limits").header("date").to_owned();
    let again = desk.with(
        &desk.seller,
        "GET",
        "/sobjects/Opportunity/describe",
        &[("if-modified-since", &date)],
        &Value::Null,
    );
    assert_eq!(again.status, 304);
}

#[test]
fn s2_13_updated_and_deleted_ignore_seconds() {
    let desk = Desk::new();
    let kept = desk.opportunity(json!({}));
    let gone = desk.opportunity(json!({}));
    desk.call("DELETE", &format!("/sobjects/Opportunity/{gone}"), &Value::Null);
    desk.wait(120.0);
    let window = "start=2026-11-22T06:00:59%2B00:00&end=2026-11-22T06:01:30%2B00:00";
    let updated = desk.get(&format!("/sobjects/Opportunity/updated/?{window}"));
    assert_eq!(updated.body, json!({"ids": [kept], "latestDateCovered": "2026-11-22T06:01:00.000+0000"}));
    let deleted = desk.get(&format!("/sobjects/Opportunity/deleted/?{window}"));
    assert_eq!(deleted.body["deletedRecords"][0]["id"], gone.as_str());
    for bad in [
        "start=2026-11-22T06:00:01Z&end=2026-11-22T06:00:59Z",
        "start=2026-10-01T06:00:01Z&end=2026-11-22T06:00:59Z",
        "start=soon&end=later",
    ] {
        assert_eq!(
            desk.get(&format!("/sobjects/Opportunity/updated?{bad}")).code(),
            "INVALID_REPLICATION_DATE",
            "{bad}"
        );
    }
}
