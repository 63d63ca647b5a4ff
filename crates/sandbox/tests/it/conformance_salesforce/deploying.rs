//! Sections 6.2 and 6.3: packages that are deployed, and packages that are refused.

use std::io::Write as _;

use bytes::Bytes;
use jiff::SignedDuration;
use serde_json::{Value, json};
use zip::{ZipWriter, write::SimpleFileOptions};

use super::rule::{Desk, Reply};

const NAMESPACE: &str = "http://soap.sforce.com/2006/04/metadata";

/// A package: files, and what its manifest names.
struct Package {
    files: Vec<(String, String)>,
    members: Vec<(String, String)>,
}

impl Package {
    fn new() -> Self {
        Self { files: Vec::new(), members: Vec::new() }
    }

    fn file(mut self, path: &str, root: &str, inner: &str) -> Self {
        self.files.push((path.to_owned(), format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root} xmlns=\"{NAMESPACE}\">\n{inner}</{root}>\n")));
        self
    }

    fn raw(mut self, path: &str, text: &str) -> Self {
        self.files.push((path.to_owned(), text.to_owned()));
        self
    }

    fn member(mut self, kind: &str, name: &str) -> Self {
        self.members.push((kind.to_owned(), name.to_owned()));
        self
    }

    /// One field of the opportunity, in the manifest as well.
    fn field(self, name: &str, inner: &str) -> Self {
        let inner =
            format!("<fields>\n<fullName>{name}</fullName>\n<label>{name}</label>\n{inner}</fields>\n");
        self.file("objects/Opportunity.object", "CustomObject", &inner)
            .member("CustomField", &format!("Opportunity.{name}"))
    }

    fn manifest(&self) -> String {
        let mut types = String::new();
        for (kind, name) in &self.members {
            types.extend(["<types><members>", name, "</members><name>", kind, "</name></types>"]);
        }
        format!("<Package xmlns=\"{NAMESPACE}\">{types}<version>66.0</version></Package>")
    }

    fn zip(&self) -> Vec<u8> {
        let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let manifest = ("package.xml".to_owned(), self.manifest());
        for (path, text) in self.files.iter().chain([&manifest]) {
            zip.start_file(path.as_str(), SimpleFileOptions::default()).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }
}

fn options(more: &Value) -> Value {
    let mut options = json!({"singlePackage": true, "rollbackOnError": true});
    options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    options
}

fn order(desk: &Desk, part: &str, options: &Value, zip: &[u8]) -> Reply {
    let mut body = format!(
        "--edge\r\nContent-Disposition: form-data; name=\"{part}\"\r\nContent-Type: application/json\r\n\r\n{}\r\n\
         --edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"p.zip\"\r\nContent-Type: application/zip\r\n\r\n",
        json!({ "deployOptions": options })
    )
    .into_bytes();
    body.extend_from_slice(zip);
    body.extend_from_slice(b"\r\n--edge--\r\n");
    post(desk, "multipart/form-data; boundary=edge", body)
}

fn post(desk: &Desk, kind: &str, body: Vec<u8>) -> Reply {
    let bearer = format!("Bearer {}", desk.token());
    let headers = [("authorization", bearer.as_str()), ("content-type", kind)];
    desk.raw("POST", "/services/data/v66.0/metadata/deployRequest", &headers, Bytes::from(body))
}

fn result(desk: &Desk, id: &str) -> Value {
    let path = format!("/metadata/deployRequest/{id}?includeDetails=true");
    let mut reply = desk.ask("GET", &path, &[], None, false);
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body["deployResult"].take()
}

/// Deploys and gives the result.
fn deploy(desk: &Desk, package: &Package) -> Value {
    let reply = order(desk, "json", &options(&json!({})), &package.zip());
    assert_eq!(reply.status, 201, "{}", reply.body);
    assert_eq!(reply.body["deployResult"]["status"], "Pending");
    result(desk, reply.body["id"].as_str().unwrap())
}

#[track_caller]
fn succeeds(desk: &Desk, package: &Package) {
    let result = deploy(desk, package);
    assert_eq!(result["status"], "Succeeded", "{}", result["details"]["componentFailures"]);
}

/// The first problem of a package that is refused: its text, file and line.
#[track_caller]
fn problem(package: &Package) -> (String, String, u64) {
    let result = deploy(&Desk::new(), package);
    assert_eq!((&result["status"], &result["success"]), (&json!("Failed"), &json!(false)), "{result}");
    let problem = &result["details"]["componentFailures"][0];
    assert_eq!(problem["problemType"], "Error", "{problem}");
    (
        problem["problem"].as_str().unwrap().to_owned(),
        problem["fileName"].as_str().unwrap().to_owned(),
        problem["lineNumber"].as_u64().unwrap_or_default(),
    )
}

fn described(desk: &Desk, object: &str, field: &str) -> Option<Value> {
    let body = desk.ask("GET", &format!("/sobjects/{object}/describe"), &[], None, false).body;
    body["fields"].as_array().into_iter().flatten().find(|known| known["name"] == field).cloned()
}

/// A permission set that grants these fields, assigned to the product's user.
fn grant(desk: &Desk, inner: &str) {
    let package = Package::new()
        .file("permissionsets/Sync.permissionset", "PermissionSet", &format!("<label>Sync</label>{inner}"))
        .member("PermissionSet", "Sync");
    succeeds(desk, &package);
    let soql = "/query?q=SELECT+Id+FROM+PermissionSet+WHERE+Name='Sync'";
    let set = desk.ask("GET", soql, &[], None, true).body["records"][0]["Id"].clone();
    let body = json!({"PermissionSetId": set, "AssigneeId": desk.known["me"]}).to_string();
    let reply = desk.ask("POST", "/sobjects/PermissionSetAssignment", &[], Some(&body), true);
    assert_eq!(reply.status, 201, "{}", reply.body);
}

fn read_write(field: &str) -> String {
    format!(
        "<fieldPermissions><editable>true</editable><field>{field}</field><readable>true</readable></fieldPermissions>"
    )
}

const TEXT: &str = "<type>Text</type><length>40</length>\n";

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

/// Fields that deploys have brought.
fn fields_of(desk: &Desk) -> u64 {
    desk.ask("GET", "/tooling/query?q=SELECT+Id+FROM+CustomField", &[], None, false).body["totalSize"]
        .as_u64()
        .unwrap()
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
