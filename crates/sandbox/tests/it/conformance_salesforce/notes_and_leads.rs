//! Sections 2.5, 5.7 and 5.8: notes, files, tasks, histories and leads, and the headers about leads and duplicates.

use serde_json::json;

use super::rule::{hold, rule};

const DEAL: &str = "/sobjects/Opportunity/{opportunity}";
const ACCOUNT: &str = "/sobjects/Account/{account}";

#[test]
fn s5_7_notes_of_both_kinds_tasks_and_history() {
    let note = |text: &str| {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        json!({"Title": "Call", "Content": STANDARD.encode(text)})
    };
    let link = json!({"ContentDocumentId": "{1}", "LinkedEntityId": "{opportunity}", "ShareType": "V"});
    hold([
        rule("a classic note needs a title")
            .post("/sobjects/Note", json!({"ParentId": "{opportunity}"}))
            .refused(400, "REQUIRED_FIELD_MISSING"),
        rule("and is a child of what it is about")
            .first("POST", "/sobjects/Note", json!({"ParentId": "{opportunity}", "Title": "Call", "Body": "b"}))
            .query("SELECT Id, (SELECT Body FROM Notes) FROM Opportunity")
            .fact("/records/0/Notes/records/0/Body", json!("b")),
        rule("a content note is a document of type SNOTE")
            .first("POST", "/sobjects/ContentNote", note("one &amp; two"))
            .get("/sobjects/ContentDocument/{1}")
            .fact("/FileType", json!("SNOTE"))
            .fact("/Title", json!("Call"))
            .has("/LatestPublishedVersionId"),
        rule("and is read as a note too")
            .first("POST", "/sobjects/ContentNote", note("one &amp; two"))
            .get("/sobjects/ContentNote/{1}")
            .fact("/TextPreview", json!("one & two")),
        rule("its content is a place to fetch bytes from")
            .first("POST", "/sobjects/ContentNote", note("one &amp; two"))
            .query("SELECT Content FROM ContentNote")
            .fact("/records/0/Content", json!("/services/data/v66.0/sobjects/ContentNote/{1}/Content")),
        rule("which are what was written")
            .first("POST", "/sobjects/ContentNote", note("[1, 2]"))
            .get("/sobjects/ContentNote/{1}/Content")
            .fact("#content-type", json!("application/octet-stream"))
            .fact("", json!([1, 2])),
        rule("its text is escaped")
            .post("/sobjects/ContentNote", note("a < b & c"))
            .refused(400, "FIELD_INTEGRITY_EXCEPTION"),
        rule("its content is base64")
            .post("/sobjects/ContentNote", json!({"Title": "Call", "Content": "%%%"}))
            .refused(400, "JSON_PARSER_ERROR"),
        rule("notes off: the type is unknown")
            .knobs(json!({"notes": false}))
            .query("SELECT Id FROM ContentNote")
            .refused(400, "INVALID_TYPE"),
        rule("notes off: in collections as well")
            .knobs(json!({"notes": false}))
            .post("/composite/sobjects", json!({"records": [{"attributes": {"type": "ContentNote"}, "Title": "x"}]}))
            .refused(200, "INVALID_TYPE"),
        rule("a link attaches it")
            .first("POST", "/sobjects/ContentNote", note("x"))
            .first("POST", "/sobjects/ContentDocumentLink", link.clone())
            .query("SELECT ContentDocumentId, Visibility FROM ContentDocumentLink WHERE LinkedEntityId = '{opportunity}'")
            .fact("/records/0/ContentDocumentId", json!("{1}"))
            .fact("/records/0/Visibility", json!("AllUsers")),
        rule("a link says how it shares")
            .first("POST", "/sobjects/ContentNote", note("x"))
            .post("/sobjects/ContentDocumentLink", {
                let mut link = link;
                link["ShareType"] = json!("X");
                link
            })
            .refused(400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        rule("a deleted document takes note and links along")
            .first("POST", "/sobjects/ContentNote", note("x"))
            .first("DELETE", "/sobjects/ContentDocument/{1}", json!(null))
            .query("SELECT Id FROM ContentNote")
            .fact("/totalSize", json!(0)),
        rule("a version makes a document where none is named")
            .first("POST", "/sobjects/ContentVersion", json!({
                "PathOnClient": "plan.pdf", "VersionData": "YWJj", "FirstPublishLocationId": "{opportunity}"}))
            .query("SELECT ContentDocument.Title, ContentDocument.FileType FROM ContentDocumentLink WHERE LinkedEntityId = '{opportunity}'")
            .fact("/records/0/ContentDocument/FileType", json!("PDF")),
        rule("a task has a status and a priority of its own accord")
            .first("POST", "/sobjects/Task", json!({"Subject": "Call", "WhatId": "{opportunity}", "WhoId": "{contact}"}))
            .get("/sobjects/Task/{1}")
            .fact("/Status", json!("Not Started"))
            .fact("/Priority", json!("Normal"))
            .fact("/IsClosed", json!(false)),
        rule("tracked fields leave a history")
            .first("PATCH", DEAL, json!({"Name": "New"}))
            .query("SELECT Field, OldValue, NewValue FROM OpportunityFieldHistory")
            .fact("/records/0/OldValue", json!("Deal"))
            .fact("/records/0/NewValue", json!("New")),
        rule("histories are read only")
            .post("/sobjects/OpportunityFieldHistory", json!({"OpportunityId": "{opportunity}"}))
            .refused(400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"),
    ]);
}

#[test]
fn s5_8_a_lead_is_converted_only_by_conversion() {
    let lead = json!({"LastName": "Meier", "Company": "Contoso"});
    hold([
        rule("the company is required")
            .post("/sobjects/Lead", json!({"LastName": "x"}))
            .refused(400, "REQUIRED_FIELD_MISSING"),
        rule("the status is supplied")
            .first("POST", "/sobjects/Lead", lead.clone())
            .get("/sobjects/Lead/{1}")
            .fact("/Status", json!("Open - Not Contacted")),
        rule("IsConverted is not written")
            .first("POST", "/sobjects/Lead", lead.clone())
            .patch("/sobjects/Lead/{1}", json!({"IsConverted": true}))
            .refused(400, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        rule("nor does the status convert")
            .first("POST", "/sobjects/Lead", lead.clone())
            .patch("/sobjects/Lead/{1}", json!({"Status": "Closed - Converted"}))
            .refused(400, "INVALID_STATUS"),
        rule("a converted lead is not changed")
            .first("POST", "/sobjects/Lead", lead.clone())
            .once("convert", json!({"id": "{1}"}))
            .patch("/sobjects/Lead/{1}", json!({"Company": "x"}))
            .refused(400, "CANNOT_UPDATE_CONVERTED_LEAD"),
        rule("and tells what it became")
            .first("POST", "/sobjects/Lead", lead.clone())
            .once("convert", json!({"id": "{1}"}))
            .get("/sobjects/Lead/{1}")
            .fact("/IsConverted", json!(true))
            .has("/ConvertedAccountId")
            .has("/ConvertedContactId")
            .has("/ConvertedOpportunityId"),
        rule("its contact is the person")
            .first("POST", "/sobjects/Lead", lead.clone())
            .once("convert", json!({"id": "{1}", "accountId": "{account}", "doNotCreateOpportunity": true}))
            .query("SELECT LastName FROM Contact WHERE AccountId = '{account}' ORDER BY LastName")
            .fact("/totalSize", json!(2))
            .after("/sobjects/Lead/{1}", "/ConvertedOpportunityId", json!(null)),
    ]);
}

#[test]
fn s2_5_headers_steer_assignment_and_duplicates() {
    let lead = json!({"LastName": "Meier", "Company": "Contoso"});
    let kim = json!({"lead_assignee": "kim.seller@trey-research.example"});
    let duplicates = |action: &str| json!({"duplicate_rules": [{"name": "Same name", "object": "Account", "fields": ["Name"], "action": action}]});
    let twin = json!({"Name": "contoso"});
    let allow = ("sforce-duplicate-rule-header", "allowSave=true");
    hold([
        rule("assignment rules give leads away")
            .knobs(kim.clone())
            .post("/sobjects/Lead", lead.clone())
            .gives(201)
            .after("SELECT OwnerId FROM Lead", "/records/0/OwnerId", json!("{kim}")),
        rule("unless the header says no")
            .knobs(kim)
            .post("/sobjects/Lead", lead)
            .header("sforce-auto-assign", "FALSE")
            .gives(201)
            .after("SELECT OwnerId FROM Lead", "/records/0/OwnerId", json!("{me}")),
        rule("a duplicate alert tells what it found")
            .knobs(duplicates("alert"))
            .post("/sobjects/Account", twin.clone())
            .refused(400, "DUPLICATES_DETECTED")
            .fact("/0/duplicateResult/allowSave", json!(true))
            .fact("/0/duplicateResult/matchResults/0/matchRecords/0/record/Id", json!("{account}")),
        rule("and is passed by the header")
            .knobs(duplicates("alert"))
            .post("/sobjects/Account", twin.clone())
            .header(allow.0, allow.1)
            .gives(201),
        rule("a block is not")
            .knobs(duplicates("block"))
            .post("/sobjects/Account", twin.clone())
            .header(allow.0, allow.1)
            .refused(400, "DUPLICATES_DETECTED")
            .fact("/0/duplicateResult/allowSave", json!(false)),
        rule("a unique field stops whatever the header says")
            .first("PATCH", ACCOUNT, json!({"Co_sell_Key__c": "k"}))
            .post("/sobjects/Account", json!({"Name": "x", "Co_sell_Key__c": "K"}))
            .header(allow.0, allow.1)
            .refused(400, "DUPLICATE_VALUE")
            .holds("/0/message", "record with id: 001"),
    ]);
}
