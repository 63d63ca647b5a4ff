//! Sections 4.12 and 6.3: one component at a time, by the Tooling API.

use serde_json::json;

use super::package::{Package, deploy, described, grant, read_write, succeeds};
use crate::conformance_salesforce::rule::Desk;

#[test]
fn s4_12_entities_are_selected_by_deploy_and_by_the_tooling_api() {
    let desk = Desk::new();
    let member = |entity: &str, more: &str| {
        Package::new()
            .file(
                &format!("platformEventChannelMembers/ChangeEvents_{entity}.platformEventChannelMember"),
                "PlatformEventChannelMember",
                &format!("<enrichedFields><name>Name</name></enrichedFields><eventChannel>ChangeEvents</eventChannel><selectedEntity>{entity}</selectedEntity>{more}"),
            )
            .member("PlatformEventChannelMember", &format!("ChangeEvents_{entity}"))
    };
    succeeds(&desk, &member("AccountChangeEvent", ""));
    let count = |desk: &Desk, soql: &str| {
        desk.ask("GET", &format!("/tooling/query?q={}", soql.replace(' ', "+")), &[], None, false).body["totalSize"].as_u64()
    };
    let members = "SELECT Id FROM PlatformEventChannelMember";
    let enriched =
        "SELECT Field FROM EnrichedField WHERE ChannelMember.SelectedEntity = 'AccountChangeEvent'";
    assert_eq!((count(&desk, members), count(&desk, enriched)), (Some(5), Some(1)));
    let sixth = deploy(&desk, &member("ContactChangeEvent", ""));
    assert_eq!(sixth["status"], "Failed", "five entities are all there are");
    let result =
        deploy(&desk, &member("AccountChangeEvent", "<filterExpression>Name != null</filterExpression>"));
    assert_eq!(result["status"], "Failed", "filters are for channels of one's own");
    // One by one.
    let found = desk.ask(
        "GET",
        &format!(
            "/tooling/query?q={}",
            "SELECT Id FROM PlatformEventChannelMember WHERE SelectedEntity = 'AccountChangeEvent'"
                .replace(' ', "+")
        ),
        &[],
        None,
        false,
    );
    let id = found.body["records"][0]["Id"].as_str().unwrap().to_owned();
    assert_eq!(
        desk.ask("DELETE", &format!("/tooling/sobjects/PlatformEventChannelMember/{id}"), &[], None, false)
            .status,
        204
    );
    assert_eq!(count(&desk, members), Some(4));
    let body = json!({"FullName": "ChangeEvents_ContactChangeEvent", "Metadata": {
        "eventChannel": "ChangeEvents", "selectedEntity": "ContactChangeEvent", "enrichedFields": [{"name": "Email"}]}});
    let made =
        desk.ask("POST", "/tooling/sobjects/PlatformEventChannelMember", &[], Some(&body.to_string()), false);
    assert_eq!((made.status, &made.body["success"]), (201, &json!(true)), "{}", made.body);
    assert_eq!(count(&desk, members), Some(5));
    let again =
        desk.ask("POST", "/tooling/sobjects/PlatformEventChannelMember", &[], Some(&body.to_string()), false);
    assert_eq!(again.code(), "DUPLICATE_DEVELOPER_NAME");
    let plain = desk.ask("GET", &format!("/query?q={}", members.replace(' ', "+")), &[], None, false);
    assert_eq!(plain.code(), "INVALID_TYPE", "set-up is asked of the Tooling API");
    desk.knobs(&json!({"permissions": ["ViewSetup", "ModifyMetadata"]}));
    let denied =
        desk.ask("POST", "/tooling/sobjects/PlatformEventChannelMember", &[], Some(&body.to_string()), false);
    assert_eq!(denied.code(), "INSUFFICIENT_ACCESS");
}

#[test]
fn s6_3_the_tooling_api_makes_one_field_at_once() {
    let desk = Desk::new();
    let field = json!({"FullName": "Opportunity.Tier__c", "Metadata": {"label": "Tier", "type": "Picklist", "valueSet": {
        "restricted": true, "valueSetDefinition": {"sorted": false, "value": [
            {"valueName": "Gold", "label": "Gold & more", "default": false}]}}}});
    let made = desk.ask("POST", "/tooling/sobjects/CustomField", &[], Some(&field.to_string()), false);
    assert_eq!(made.status, 201, "{}", made.body);
    grant(&desk, &read_write("Opportunity.Tier__c"));
    let shown = described(&desk, "Opportunity", "Tier__c").unwrap();
    let value = &shown["picklistValues"][0];
    assert_eq!((&value["value"], &value["label"]), (&json!("Gold"), &json!("Gold & more")));
    let bad = json!({"FullName": "Opportunity.Bad__c", "Metadata": {"label": "Bad", "type": "Text"}});
    let refused = desk.ask("POST", "/tooling/sobjects/CustomField", &[], Some(&bad.to_string()), false);
    assert_eq!((refused.status, refused.code()), (400, "FIELD_INTEGRITY_EXCEPTION"));
    let id = made.body["id"].as_str().unwrap();
    assert_eq!(
        desk.ask("DELETE", &format!("/tooling/sobjects/CustomField/{id}"), &[], None, false).status,
        204
    );
    assert!(described(&desk, "Opportunity", "Tier__c").is_none());
}
