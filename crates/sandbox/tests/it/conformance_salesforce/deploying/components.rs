//! Section 6.2: what is deployed is there, for those who may see it.

use serde_json::json;

use super::package::{Package, TEXT, described, grant, read_write, succeeds};
use crate::conformance_salesforce::rule::Desk;

#[test]
fn s6_3_a_deployed_field_appears_once_a_permission_set_grants_it() {
    let desk = Desk::new();
    succeeds(
        &desk,
        &Package::new()
            .field("Region__c", &format!("{TEXT}<externalId>true</externalId><unique>true</unique>")),
    );
    assert!(described(&desk, "Opportunity", "Region__c").is_none(), "nobody has granted it");
    let path = format!("/sobjects/Opportunity/{}", desk.known["opportunity"]);
    let write = |desk: &Desk| desk.ask("PATCH", &path, &[], Some(r#"{"Region__c": "North"}"#), false).status;
    assert_eq!(write(&desk), 400);
    grant(&desk, &read_write("Opportunity.Region__c"));
    let field = described(&desk, "Opportunity", "Region__c").unwrap();
    assert_eq!(
        (&field["length"], &field["externalId"], &field["updateable"]),
        (&json!(40), &json!(true), &json!(true))
    );
    assert_eq!(write(&desk), 204);
    let soql = "/query?q=SELECT+Region__c+FROM+Opportunity+WHERE+Region__c='north'";
    let found = desk.ask("GET", soql, &[], None, false).body;
    assert_eq!(found["records"][0]["Region__c"], "North");
    let upsert =
        desk.ask("PATCH", "/sobjects/Opportunity/Region__c/NORTH", &[], Some(r#"{"Name": "Found"}"#), false);
    assert_eq!((upsert.status, &upsert.body["created"]), (200, &json!(false)));
    assert_eq!(
        desk.ask("GET", soql, &[], None, true).code(),
        "INVALID_FIELD",
        "sellers have no such permission"
    );
}

#[test]
fn s6_2_a_read_only_grant_shows_a_field_that_is_not_written() {
    let desk = Desk::new();
    succeeds(&desk, &Package::new().field("Region__c", TEXT));
    grant(
        &desk,
        "<fieldPermissions><editable>false</editable><field>Opportunity.Region__c</field><readable>true</readable></fieldPermissions>",
    );
    assert_eq!(described(&desk, "Opportunity", "Region__c").unwrap()["updateable"], false);
    let path = format!("/sobjects/Opportunity/{}", desk.known["opportunity"]);
    let reply = desk.ask("PATCH", &path, &[], Some(r#"{"Region__c": "North"}"#), false);
    assert_eq!(reply.code(), "INVALID_FIELD_FOR_INSERT_UPDATE");
}

#[test]
fn s6_2_each_type_of_field_is_described_as_deployed() {
    let values = "<valueSet><restricted>true</restricted><valueSetDefinition><sorted>false</sorted>\
                  <value><fullName>a</fullName><default>true</default><label>A</label></value>\
                  <value><fullName>b</fullName><default>false</default><label>B</label></value></valueSetDefinition></valueSet>";
    let cases = [
        (TEXT.to_owned(), "string", "/length", json!(40)),
        (
            "<type>LongTextArea</type><length>32000</length><visibleLines>4</visibleLines>".to_owned(),
            "textarea",
            "/filterable",
            json!(false),
        ),
        (
            "<type>Html</type><length>32000</length><visibleLines>10</visibleLines>".to_owned(),
            "textarea",
            "/extraTypeInfo",
            json!("richtextarea"),
        ),
        ("<type>TextArea</type>".to_owned(), "textarea", "/length", json!(255)),
        ("<type>Url</type>".to_owned(), "url", "/length", json!(255)),
        ("<type>Email</type>".to_owned(), "email", "/length", json!(80)),
        ("<type>Phone</type>".to_owned(), "phone", "/length", json!(40)),
        (
            "<type>Checkbox</type><defaultValue>true</defaultValue>".to_owned(),
            "boolean",
            "/defaultValue",
            json!(true),
        ),
        (
            "<type>Number</type><precision>10</precision><scale>2</scale>".to_owned(),
            "double",
            "/scale",
            json!(2),
        ),
        (
            "<type>Currency</type><precision>18</precision><scale>2</scale>".to_owned(),
            "currency",
            "/precision",
            json!(18),
        ),
        (
            "<type>Percent</type><precision>3</precision><scale>0</scale>".to_owned(),
            "percent",
            "/precision",
            json!(3),
        ),
        ("<type>Date</type>".to_owned(), "date", "/nillable", json!(true)),
        ("<type>DateTime</type>".to_owned(), "datetime", "/nillable", json!(true)),
        (format!("<type>Picklist</type>{values}"), "picklist", "/picklistValues/0/label", json!("A")),
        (format!("<type>Picklist</type>{values}"), "picklist", "/restrictedPicklist", json!(true)),
        (
            format!("<type>MultiselectPicklist</type><visibleLines>4</visibleLines>{values}"),
            "multipicklist",
            "/picklistValues/1/value",
            json!("b"),
        ),
        (
            "<type>Lookup</type><referenceTo>Account</referenceTo><relationshipName>Deals</relationshipName>"
                .to_owned(),
            "reference",
            "/relationshipName",
            json!("F__r"),
        ),
        (
            "<type>AutoNumber</type><displayFormat>N-{0000}</displayFormat>".to_owned(),
            "string",
            "/autoNumber",
            json!(true),
        ),
        ("<type>Text</type><formula>Name</formula>".to_owned(), "string", "/calculated", json!(true)),
    ];
    for (inner, kind, pointer, value) in cases {
        let desk = Desk::new();
        succeeds(&desk, &Package::new().field("F__c", &inner));
        grant(&desk, &read_write("Opportunity.F__c"));
        let field =
            described(&desk, "Opportunity", "F__c").unwrap_or_else(|| panic!("{inner}: not described"));
        assert_eq!((&field["type"], field.pointer(pointer)), (&json!(kind), Some(&value)), "{inner}");
    }
}

#[test]
fn s6_2_a_custom_object_with_its_details_is_deployed_with_its_rights() {
    let object = "<label>Part</label><pluralLabel>Parts</pluralLabel><nameField><label>No</label><type>AutoNumber</type>\
                  <displayFormat>P-{000}</displayFormat></nameField><deploymentStatus>Deployed</deploymentStatus>\
                  <sharingModel>ControlledByParent</sharingModel>\
                  <fields><fullName>Deal__c</fullName><label>Deal</label><type>MasterDetail</type><referenceTo>Opportunity</referenceTo>\
                  <relationshipName>Parts</relationshipName><relationshipOrder>0</relationshipOrder></fields>\
                  <fields><fullName>Size__c</fullName><label>Size</label><type>Text</type><length>9</length></fields>";
    let desk = Desk::new();
    succeeds(
        &desk,
        &Package::new()
            .file("objects/Part__c.object", "CustomObject", object)
            .member("CustomObject", "Part__c"),
    );
    assert_eq!(
        desk.ask("GET", "/sobjects/Part__c/describe", &[], None, false).status,
        404,
        "no right to it yet"
    );
    grant(
        &desk,
        &format!(
            "{}<objectPermissions><allowCreate>true</allowCreate><allowDelete>false</allowDelete><allowEdit>true</allowEdit>\
             <allowRead>true</allowRead><object>Part__c</object></objectPermissions>",
            read_write("Part__c.Size__c")
        ),
    );
    let body = json!({"Deal__c": desk.known["opportunity"], "Size__c": "big"}).to_string();
    let made = desk.ask("POST", "/sobjects/Part__c", &[], Some(&body), false);
    assert_eq!(made.status, 201, "{}", made.body);
    let soql = "/query?q=SELECT+Id,(SELECT+Name,Size__c+FROM+Parts__r)+FROM+Opportunity";
    let found = desk.ask("GET", soql, &[], None, false).body;
    let part = &found["records"][0]["Parts__r"]["records"][0];
    assert_eq!((&part["Name"], &part["Size__c"]), (&json!("P-001"), &json!("big")));
    let path = format!("/sobjects/Part__c/{}", made.body["id"].as_str().unwrap());
    assert_eq!(desk.ask("DELETE", &path, &[], None, false).code(), "INSUFFICIENT_ACCESS_OR_READONLY");
    let deal = format!("/sobjects/Opportunity/{}", desk.known["opportunity"]);
    assert_eq!(desk.ask("DELETE", &deal, &[], None, true).status, 204);
    assert_eq!(
        desk.ask("GET", &path, &[], None, false).code(),
        "ENTITY_IS_DELETED",
        "details go with their master"
    );
}

#[test]
fn s6_3_an_org_without_the_package_gets_it_by_deploying() {
    let desk = Desk::new();
    desk.knobs(&json!({"package_installed": false}));
    assert!(described(&desk, "Opportunity", "Referral_Identifier__c").is_none());
    assert_eq!(desk.ask("GET", "/sobjects/Microsoft_Solution__c", &[], None, true).status, 404);
    let key = "<type>Text</type><length>100</length><externalId>true</externalId><unique>true</unique>";
    succeeds(&desk, &Package::new().field("Referral_Identifier__c", key));
    grant(&desk, &read_write("Opportunity.Referral_Identifier__c"));
    let path = "/sobjects/Opportunity/Referral_Identifier__c/r1";
    let body = r#"{"Name": "New", "StageName": "Prospecting", "CloseDate": "2027-01-31"}"#;
    assert_eq!(desk.ask("PATCH", path, &[], Some(body), false).status, 201);
}
