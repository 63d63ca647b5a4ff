//! Section 6.3: how a deploy goes, and what is refused.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::package::{
    NAMESPACE, Package, TEXT, deploy, described, fields_of, grant, options, order, post, problem, read_write,
    result, succeeds,
};
use crate::conformance_salesforce::rule::Desk;

#[test]
fn s6_3_a_bad_package_is_refused_with_the_place() {
    let field = |inner: &str| Package::new().field("F__c", inner);
    let cases = [
        ("an unknown element", field(&format!("{TEXT}<size>4</size>")), "Element {http://soap.sforce.com/2006/04/metadata}size invalid at this location in type CustomField", 7),
        ("a bad enum", field("<type>Txt</type>"), "'Txt' is not a valid value for the enum 'FieldType'", 6),
        ("a missing length", field("<type>Text</type>"), "Must specify 'length' for a CustomField of type Text", 3),
        ("a length out of range", field("<type>Text</type><length>256</length>"), "'length' of a CustomField of type Text is 1 to 255, not 256", 6),
        ("too few lines", field("<type>LongTextArea</type><length>300</length><visibleLines>1</visibleLines>"), "'visibleLines'", 6),
        ("no default of a checkbox", field("<type>Checkbox</type>"), "Must specify 'defaultValue'", 3),
        ("no values", field("<type>Picklist</type>"), "Must specify 'valueSet'", 3),
        ("a number too long", field("<type>Number</type><precision>19</precision><scale>0</scale>"), "'precision'", 6),
        ("a key that cannot be one", field("<type>Date</type><externalId>true</externalId>"), "Can not specify 'externalId'", 3),
        ("a boolean that is none", field(&format!("{TEXT}<required>yes</required>")), "'yes' is not a valid value for the type xsd:boolean", 7),
        ("a bad reference", field("<type>Lookup</type><referenceTo>Nix__c</referenceTo><relationshipName>R</relationshipName>"), "referenceTo value of 'Nix__c' does not resolve to a valid sObject type", 0),
        ("a name that is not custom", Package::new().field("Region", TEXT), "ends in __c", 3),
        ("a name that is another's", Package::new().field("A__c", TEXT).member("CustomField", "Opportunity.B__c"), "Entity of type 'CustomField' named 'Opportunity.B__c' cannot be found", 0),
        ("another type than it was", Package::new().field("Referral_Link__c", TEXT), "Cannot update the type of Opportunity.Referral_Link__c from url to string", 0),
        ("malformed XML", Package::new().raw("objects/Opportunity.object", "<CustomObject>\n<fields></CustomObject>").member("CustomField", "Opportunity.F__c"), "Error parsing file", 2),
        ("another root", Package::new().file("objects/Opportunity.object", "Objects", "").member("CustomObject", "Opportunity"), "the root element is", 2),
        ("what the manifest leaves out", Package::new().file("tabs/T.tab", "CustomTab", ""), "Not in package.xml", 0),
        ("a file of no type", Package::new().raw("readme.txt", "x"), "The file is in no folder", 0),
        ("a permission on nothing", Package::new().file("permissionsets/P.permissionset", "PermissionSet", &format!("<label>P</label>{}", read_write("Opportunity.Nix__c"))).member("PermissionSet", "P"), "no CustomField named Opportunity.Nix__c found", 3),
        ("a permission on what is required", Package::new().file("permissionsets/P.permissionset", "PermissionSet", &format!("<label>P</label>{}", read_write("Microsoft_Solution__c.Opportunity__c"))).member("PermissionSet", "P"), "You cannot deploy to a required field", 3),
        ("an object that is not told whole", Package::new().file("objects/New__c.object", "CustomObject", "<label>New</label>").member("CustomObject", "New__c"), "Must specify deploymentStatus", 2),
        ("a member with another name", Package::new().file("platformEventChannelMembers/X.platformEventChannelMember", "PlatformEventChannelMember", "<eventChannel>ChangeEvents</eventChannel><selectedEntity>AccountChangeEvent</selectedEntity>").member("PlatformEventChannelMember", "X"), "The full name of this member is ChangeEvents_AccountChangeEvent, not X", 0),
    ];
    for (what, package, text, line) in cases {
        let (said, file, at) = problem(&package);
        assert!(said.contains(text), "{what}: {said}");
        assert_eq!(at, line, "{what}: {said} ({file})");
    }
}

#[test]
fn s6_3_options_and_states_are_what_the_guide_says() {
    let desk = Desk::new();
    let zip = Package::new().field("Region__c", TEXT).zip();
    desk.knobs(&json!({"deploy_ms": 4_000}));
    // The name of the JSON part is free.
    let reply = order(&desk, "entity_content", &options(&json!({"checkOnly": true})), &zip);
    let id = reply.body["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("0Af"));
    let mut desk = desk;
    let mut states = vec![result(&desk, &id)["status"].clone()];
    for _ in 0..2 {
        desk.pass(SignedDuration::from_secs(2));
        states.push(result(&desk, &id)["status"].clone());
    }
    assert_eq!(states, ["Pending", "InProgress", "Succeeded"]);
    let done = result(&desk, &id);
    let counts = ["numberComponentsTotal", "numberComponentsDeployed", "numberComponentErrors"]
        .map(|name| done[name].clone());
    assert_eq!(counts, [json!(1), json!(1), json!(0)]);
    assert_eq!(
        (&done["checkOnly"], &done["done"], &done["success"]),
        (&json!(true), &json!(true), &json!(true))
    );
    assert_eq!(done["details"]["componentSuccesses"][0]["fullName"], "Opportunity.Region__c");
    assert_eq!(fields_of(&desk), 0, "a check changes nothing");
    // Quick deploy of the validated package.
    desk.knobs(&json!({"deploy_ms": 0}));
    let quick = json!({ "validatedDeployRequestId": id }).to_string().into_bytes();
    let reply = post(&desk, "application/json", quick);
    assert_eq!(reply.status, 201, "{}", reply.body);
    assert_eq!(result(&desk, reply.body["id"].as_str().unwrap())["status"], "Succeeded");
    assert_eq!(fields_of(&desk), 1);
}

#[test]
fn s6_3_with_and_without_rollback() {
    let half = Package::new()
        .file("objects/Opportunity.object", "CustomObject", &format!(
            "<fields><fullName>A__c</fullName><label>A</label>{TEXT}</fields><fields><fullName>B__c</fullName><label>B</label><type>Text</type></fields>"))
        .member("CustomField", "Opportunity.A__c")
        .member("CustomField", "Opportunity.B__c");
    for (rollback, status, fields) in [(true, "Failed", 0), (false, "SucceededPartial", 1)] {
        let desk = Desk::new();
        let reply = order(&desk, "json", &options(&json!({"rollbackOnError": rollback})), &half.zip());
        let result = result(&desk, reply.body["id"].as_str().unwrap());
        assert_eq!((&result["status"], &result["numberComponentErrors"]), (&json!(status), &json!(1)));
        assert_eq!(fields_of(&desk), fields, "{status}");
    }
}

#[test]
fn s6_3_a_deploy_can_be_cancelled_while_it_waits() {
    let desk = Desk::new();
    desk.knobs(&json!({"deploy_ms": 4_000}));
    let reply = order(&desk, "json", &options(&json!({})), &Package::new().field("A__c", TEXT).zip());
    let id = reply.body["id"].as_str().unwrap();
    let path = format!("/metadata/deployRequest/{id}");
    let body = json!({"deployResult": {"status": "Canceling"}}).to_string();
    assert_eq!(desk.ask("PATCH", &path, &[], Some(&body), false).status, 202);
    assert_eq!(result(&desk, id)["status"], "Canceled");
    assert_eq!(desk.ask("PATCH", &path, &[], Some(&body), false).code(), "INVALID_OPERATION");
    assert_eq!(fields_of(&desk), 0);
}

#[test]
fn s6_3_what_is_no_deploy_is_refused_at_once() {
    let desk = Desk::new();
    let zip = Package::new().field("A__c", TEXT).zip();
    let unknown = options(&json!({"runEverything": true}));
    assert_eq!(order(&desk, "json", &unknown, &zip).code(), "JSON_PARSER_ERROR");
    assert_eq!(
        post(&desk, "multipart/form-data; boundary=edge", b"--edge--".to_vec()).code(),
        "INVALID_INPUT"
    );
    assert_eq!(post(&desk, "application/json", b"{}".to_vec()).code(), "INVALID_INPUT");
    let other = br#"{"validatedDeployRequestId": "0Af000000000000AAA"}"#;
    assert_eq!(post(&desk, "application/json", other.to_vec()).code(), "INVALID_ID_FIELD");
    assert_eq!(desk.ask("GET", "/metadata/deployRequest/0Af000000000000AAA", &[], None, false).status, 404);
    let huge = vec![0; 39 * 1024 * 1024 + 1];
    assert_eq!(order(&desk, "json", &options(&json!({})), &huge).code(), "LIMIT_EXCEEDED");
    let reply = order(&desk, "json", &options(&json!({})), b"no zip");
    let refused = result(&desk, reply.body["id"].as_str().unwrap());
    assert_eq!(refused["status"], "Failed");
    desk.knobs(&json!({"permissions": ["ViewSetup"]}));
    assert_eq!(order(&desk, "json", &options(&json!({})), &zip).code(), "INSUFFICIENT_ACCESS");
}

#[test]
fn s6_3_destructive_changes_take_away_and_components_are_kept_by_name() {
    let desk = Desk::new();
    succeeds(
        &desk,
        &Package::new()
            .field("A__c", TEXT)
            .file("tabs/T.tab", "CustomTab", "<customObject>true</customObject>")
            .member("CustomTab", "T")
            .file("lwc/card/card.js-meta.xml", "LightningComponentBundle", "<isExposed>true</isExposed>")
            .raw("lwc/card/card.js", "export default class {}")
            .member("LightningComponentBundle", "card"),
    );
    grant(&desk, &read_write("Opportunity.A__c"));
    assert!(described(&desk, "Opportunity", "A__c").is_some());
    let gone = format!(
        "<Package xmlns=\"{NAMESPACE}\"><types><members>Opportunity.A__c</members><members>Opportunity.Nix__c</members><name>CustomField</name></types>\
         <types><members>T</members><name>CustomTab</name></types></Package>"
    );
    let result = deploy(&desk, &Package::new().raw("destructiveChanges.xml", &gone));
    assert_eq!(result["status"], "Succeeded", "{result}");
    let done = result["details"]["componentSuccesses"].as_array().unwrap();
    let deleted: Vec<&Value> =
        done.iter().filter(|done| done["deleted"] == true).map(|done| &done["fullName"]).collect();
    assert_eq!(deleted, ["Opportunity.A__c", "T"]);
    assert!(
        done.iter().any(|done| done["problemType"] == "Warning" && done["fullName"] == "Opportunity.Nix__c")
    );
    assert!(described(&desk, "Opportunity", "A__c").is_none());
}

#[test]
fn s6_3_every_beginning_and_every_mutilation_of_a_package_is_answered() {
    let desk = Desk::new();
    let package = Package::new().field("A__c", TEXT);
    let (path, text) = package.files.first().cloned().unwrap();
    let answered = |zip: &[u8]| {
        let reply = order(&desk, "json", &options(&json!({"checkOnly": true})), zip);
        assert_eq!(reply.status, 201, "{}", reply.body);
        result(&desk, reply.body["id"].as_str().unwrap())["done"] == true
    };
    for end in (0..text.len()).step_by(3) {
        let cut =
            Package { files: vec![(path.clone(), text[..end].to_owned())], members: package.members.clone() };
        assert!(answered(&cut.zip()), "{end}");
        let mut bytes = text.clone().into_bytes();
        bytes[end] = b'<';
        let bent = Package {
            files: vec![(path.clone(), String::from_utf8(bytes).unwrap())],
            members: package.members.clone(),
        };
        assert!(answered(&bent.zip()), "{end}");
    }
    let zip = package.zip();
    for end in (0..zip.len()).step_by(3) {
        assert!(answered(&zip[..end]), "{end}");
        let mut bent = zip.clone();
        bent[end] ^= 0x55;
        assert!(answered(&bent), "{end}");
    }
}
