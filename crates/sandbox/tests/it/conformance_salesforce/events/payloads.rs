//! Section 4.7: schemas and bodies.

use serde_json::{Value, json};

use super::desk::{Desk, EARLIEST, EVERYTHING, OPPORTUNITIES, names};

const ACCOUNTS: &str = "/data/AccountChangeEvent";
const SOLUTIONS: &str = "/data/Microsoft_Solution__ChangeEvent";

/// An org that has accounts selected, too.
fn with_accounts() -> Desk {
    let desk = Desk::new();
    desk.act("select-events", json!({"entity": "AccountChangeEvent"})).unwrap();
    desk
}

fn field<'a>(schema: &'a Value, name: &str) -> &'a Value {
    let fields = schema["fields"].as_array().unwrap();
    fields.iter().find(|field| field["name"] == name).unwrap_or_else(|| panic!("no field {name}"))
}

#[test]
fn s4_7_a_schema_is_a_record_with_its_id_whose_first_field_is_the_header() {
    let desk = with_accounts();
    let info = desk.machine.topic(&desk.access(), OPPORTUNITIES, desk.now()).unwrap();
    assert!(info.can_subscribe && !info.can_publish);
    assert_eq!((info.topic_name.as_str(), info.schema_id.len()), (OPPORTUNITIES, 22));
    let schema = desk.schema(&info.schema_id);
    assert_eq!(schema["uuid"], info.schema_id);
    assert_eq!((&schema["name"], &schema["type"]), (&json!("OpportunityChangeEvent"), &json!("record")));
    assert_eq!(schema["namespace"], "com.sforce.eventbus");
    let header = &schema["fields"][0];
    assert_eq!(header["name"], "ChangeEventHeader");
    let members: Vec<&str> = header["type"]["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|member| member["name"].as_str().unwrap())
        .collect();
    let documented = [
        "entityName",
        "recordIds",
        "changeType",
        "changeOrigin",
        "transactionKey",
        "sequenceNumber",
        "commitTimestamp",
        "commitNumber",
        "commitUser",
        "nulledFields",
        "diffFields",
        "changedFields",
    ];
    assert_eq!(members, documented);
    let raw = desk.machine.schema(&desk.access(), &info.schema_id, desk.now()).unwrap().schema_json;
    assert!(raw.starts_with("{\"name\":\"OpportunityChangeEvent\",\"namespace\":\"com.sforce.eventbus\",\"type\":\"record\",\"fields\":["));
    assert!(raw.ends_with(&format!("],\"uuid\":\"{}\"}}", info.schema_id)));
}

#[test]
fn s4_7_field_types_and_docs_are_those_of_a_live_schema() {
    let desk = with_accounts();
    let schema = desk.topic_schema(OPPORTUNITIES);
    for (name, kind, doc) in [
        ("Name", "string", "Data:Text"),
        ("Amount", "double", "Data:Currency"),
        ("Probability", "double", "Data:Percent"),
        ("CloseDate", "long", "Data:DateOnly"),
        ("LastStageChangeDate", "long", "Data:DateTime"),
        ("CreatedDate", "long", "CreatedDate:DateTime"),
        ("LastModifiedDate", "long", "LastModifiedDate:DateTime"),
        ("IsClosed", "boolean", "Data:Boolean"),
        ("StageName", "string", "Data:DynamicEnum"),
        ("Description", "string", "Data:StringPlusClob"),
        ("AccountId", "string", "ForeignKey:EntityId"),
    ] {
        let field = field(&schema, name);
        assert_eq!((&field["type"], &field["doc"]), (&json!(["null", kind]), &json!(doc)), "{name}");
    }
    for (name, doc) in [
        ("Regions__c", "Data:MultiEnum:00N"),
        ("Referral_Link__c", "Data:Url:00N"),
        ("Co_sell_Synced_At__c", "Data:DateTime:00N"),
    ] {
        assert!(field(&schema, name)["doc"].as_str().unwrap().starts_with(doc), "{name}");
    }
    let own: Vec<&str> =
        schema["fields"].as_array().unwrap().iter().map(|field| field["name"].as_str().unwrap()).collect();
    for absent in ["Id", "IsDeleted", "SystemModstamp", "HasOpenActivity", "FiscalYear"] {
        assert!(!own.contains(&absent), "{absent}");
    }
    // The bits of a stage change that were seen live name these fields.
    let seen: Vec<&str> = [6, 8, 17, 18].map(|at| own[at]).into();
    assert_eq!(seen, ["StageName", "Probability", "ForecastCategory", "ForecastCategoryName"]);
    let account = desk.topic_schema(ACCOUNTS);
    let name = &field(&account, "Name")["type"];
    assert_eq!(
        (&name[0], &name[1], &name[2]["name"]),
        (&json!("null"), &json!("string"), &json!("Switchable_PersonName"))
    );
    assert_eq!(field(&account, "BillingAddress")["type"][1]["name"], "Address");
    assert_eq!(field(&account, "ShippingAddress")["type"], json!(["null", "Address"]));
    assert!(account["fields"].as_array().unwrap().iter().all(|field| field["name"] != "BillingCity"));
}

#[test]
fn s4_7_the_body_follows_describe_and_its_id_follows_the_body() {
    let desk = Desk::new();
    let before = desk.machine.topic(&desk.access(), OPPORTUNITIES, desk.now()).unwrap().schema_id;
    desk.opportunity(json!({}));
    let mut stream = desk.open(OPPORTUNITIES, EARLIEST, 100);
    assert_eq!(desk.told(&mut stream)[0].schema_id, before);
    // In the middle of a stream the admin takes a field away, and gives it back.
    desk.org_knob(json!({"multi_currency": false}));
    desk.opportunity(json!({}));
    let after = desk.told(&mut stream).remove(0);
    assert_ne!(after.schema_id, before);
    assert!(!after.body.contains_key("CurrencyIsoCode"));
    assert_eq!(desk.schema(&before)["uuid"], before.as_str(), "the former schema is still told");
    desk.org_knob(json!({"multi_currency": true}));
    assert_eq!(desk.machine.topic(&desk.access(), OPPORTUNITIES, desk.now()).unwrap().schema_id, before);
    desk.org_knob(json!({"hidden_fields": ["Opportunity.Amount"]}));
    assert_ne!(desk.machine.topic(&desk.access(), OPPORTUNITIES, desk.now()).unwrap().schema_id, before);
}

#[test]
fn s4_7_fields_stand_in_the_body_as_they_do_in_describe() {
    let desk = Desk::new();
    desk.act("select-events", json!({"entity": "AccountChangeEvent"})).unwrap();
    for (topic, object) in [(OPPORTUNITIES, "Opportunity"), (ACCOUNTS, "Account")] {
        let names = |list: &Value| -> Vec<String> {
            let fields = list["fields"].as_array().unwrap();
            fields.iter().map(|field| field["name"].as_str().unwrap().to_owned()).collect()
        };
        let body = names(&desk.topic_schema(topic));
        let mut described = names(&desk.call("GET", &format!("/sobjects/{object}/describe"), &Value::Null).1);
        described.retain(|name| body.contains(name));
        assert_eq!(described, body[1..], "{object}");
        let at = |name: &str| body.iter().position(|own| own == name).unwrap();
        // Who and when stand behind the owner, in the midst of what an admin named.
        assert_eq!(at("CreatedDate"), at("OwnerId") + 1, "{object}");
        assert!(at("LastModifiedById") < body.len() - 1, "{object}");
    }
}

#[test]
fn s4_7_a_creation_tells_everything_and_an_update_only_what_changed() {
    let desk = Desk::new();
    let id = desk.opportunity(json!({"Amount": 1200.5, "Description": "Long", "CloseDate": "2027-01-31"}));
    let created = desk.last(OPPORTUNITIES);
    assert_eq!((created.kind(), created.ids()), ("CREATE", vec![id.as_str()]));
    assert!(created.changed.is_empty() && created.nulled.is_empty() && created.diffed.is_empty());
    assert_eq!(created.body["Amount"], json!(1200.5));
    // 2027-01-31, at midnight in UTC.
    assert_eq!(created.body["CloseDate"], json!(1_801_353_600_000_i64));
    assert_eq!(created.body["CreatedDate"], json!(1_795_327_200_000_i64));
    assert_eq!(created.body["IsWon"], json!(false));
    desk.wait(5);
    desk.change("Opportunity", &id, json!({"Amount": null, "NextStep": "Call"}));
    let updated = desk.last(OPPORTUNITIES);
    assert_eq!(updated.kind(), "UPDATE");
    assert_eq!(updated.changed, names(["Amount", "ExpectedRevenue", "LastModifiedDate", "NextStep"]));
    assert_eq!(updated.nulled, names(["Amount", "ExpectedRevenue"]));
    // What changed, and what the channel is enriched with.
    assert_eq!(
        updated.said(),
        ["IsPrivate", "LastModifiedDate", "NextStep", "Sync_with_Partner_Center__c"].into()
    );
    assert_eq!(updated.body["LastModifiedDate"], json!(1_795_327_205_000_i64));
    desk.delete("Opportunity", &id);
    let deleted = desk.last(OPPORTUNITIES);
    assert_eq!(
        (deleted.kind(), deleted.said()),
        ("DELETE", ["IsPrivate", "Sync_with_Partner_Center__c"].into())
    );
    desk.act("undelete", json!({"id": id})).unwrap();
    let undeleted = desk.last(OPPORTUNITIES);
    assert_eq!((undeleted.kind(), &undeleted.body["Name"]), ("UNDELETE", &json!("Deal")));
}

#[test]
fn s4_7_the_time_of_change_is_always_told_and_the_modifier_when_it_changed() {
    let desk = Desk::new();
    let id = desk.opportunity(json!({}));
    desk.change("Opportunity", &id, json!({"NextStep": "a"}));
    let own = desk.last(OPPORTUNITIES);
    assert_eq!(own.changed, names(["LastModifiedDate", "NextStep"]), "within the second, by the same seller");
    desk.act("clone", json!({"id": id, "user": "kim.seller@trey-research.example"})).unwrap();
    let other = desk.call("GET", "/query?q=SELECT+Id+FROM+User+WHERE+FirstName='Kim'", &Value::Null).1;
    let other = other["records"][0]["Id"].as_str().unwrap();
    assert_eq!(desk.last(OPPORTUNITIES).body["LastModifiedById"], other);
    // A background job moves SystemModstamp alone: nobody is told.
    let before = desk.all(OPPORTUNITIES).len();
    desk.wait(3);
    desk.act("touch", json!({"id": id})).unwrap();
    assert_eq!(desk.all(OPPORTUNITIES).len(), before);
}

#[test]
fn s4_7_enriched_fields_come_with_updates_and_deletes_even_when_null() {
    let desk = Desk::new();
    let id =
        desk.opportunity(json!({"Referral_Identifier__c": "ref-1", "Sync_with_Partner_Center__c": true}));
    desk.change("Opportunity", &id, json!({"NextStep": "Call"}));
    let updated = desk.last(OPPORTUNITIES);
    assert_eq!(updated.body["Referral_Identifier__c"], "ref-1");
    assert_eq!(updated.body["Sync_with_Partner_Center__c"], json!(true));
    assert_eq!(updated.changed, names(["LastModifiedDate", "NextStep"]), "enriched is not changed");
    let solution =
        desk.create("Microsoft_Solution__c", &json!({"Opportunity__c": id, "Solution_Id__c": "s"}));
    desk.change("Opportunity", &id, json!({"Referral_Identifier__c": null}));
    let nulled = desk.last(OPPORTUNITIES);
    assert!(nulled.body["Referral_Identifier__c"].is_null());
    assert_eq!(nulled.nulled, names(["Referral_Identifier__c"]));
    desk.delete("Microsoft_Solution__c", &solution);
    let gone = desk.last(SOLUTIONS);
    assert_eq!((gone.kind(), gone.body["Opportunity__c"].as_str()), ("DELETE", Some(id.as_str())));
    desk.knob(json!({"enrich_single_topics": false}));
    assert!(desk.last(SOLUTIONS).said().is_empty());
    assert_eq!(desk.last(EVERYTHING).body["Opportunity__c"], id.as_str());
}

#[test]
fn s4_7_a_compound_is_told_part_by_part() {
    let desk = with_accounts();
    let id = desk.create(
        "Account",
        &json!({"Name": "Ada Ltd", "BillingCity": "Kiel", "BillingCountry": "Germany", "ShippingCity": "Bonn"}),
    );
    let created = desk.last(ACCOUNTS);
    assert_eq!(created.body["Name"], "Ada Ltd");
    assert_eq!(created.body["BillingAddress"]["City"], "Kiel");
    assert_eq!(created.body["ShippingAddress"]["City"], "Bonn");
    desk.change("Account", &id, json!({"BillingCity": "Ulm", "ShippingCity": null}));
    let moved = desk.last(ACCOUNTS);
    assert_eq!(moved.changed, names(["BillingAddress.City", "LastModifiedDate", "ShippingAddress.City"]));
    assert_eq!(moved.nulled, names(["ShippingAddress", "ShippingAddress.City"]));
    assert_eq!(moved.body["BillingAddress"]["City"], "Ulm");
    assert!(moved.body["BillingAddress"]["Country"].is_null(), "an unchanged part was told");
    assert!(moved.body["ShippingAddress"].is_null());
    desk.knob(json!({"compound_bit": true}));
    assert!(desk.last(ACCOUNTS).changed.contains("BillingAddress"));
}

#[test]
fn s4_7_a_long_text_changes_by_diff() {
    let desk = Desk::new();
    let lines: Vec<String> = (0..400).map(|line| format!("line {line}\n")).collect();
    let text = lines.concat();
    let id = desk.opportunity(json!({"Description": text}));
    assert_eq!(desk.last(OPPORTUNITIES).body["Description"], text.trim(), "a creation tells the whole text");
    desk.change("Opportunity", &id, json!({"Description": text.replace("line 200", "LINE 200")}));
    let told = desk.last(OPPORTUNITIES);
    assert_eq!(told.diffed, names(["Description"]));
    assert!(told.changed.contains("Description"));
    let diff = told.body["Description"].as_str().unwrap();
    assert!(diff.contains("@@") && diff.contains("-line 200\n+LINE 200\n") && diff.len() < 300, "{diff}");
    desk.change("Opportunity", &id, json!({"Description": "short"}));
    let told = desk.last(OPPORTUNITIES);
    assert_eq!((told.diffed.len(), told.body["Description"].as_str()), (0, Some("short")));
}

#[test]
fn s4_7_fields_hidden_from_the_subscriber_are_neither_in_schema_nor_payload() {
    let desk = Desk::new();
    desk.org_knob(json!({"hidden_fields": ["Opportunity.Amount", "Opportunity.Referral_Identifier__c"]}));
    desk.opportunity(json!({"Amount": 7, "Referral_Identifier__c": "secret-ref"}));
    let event = desk.responses(&mut desk.open(OPPORTUNITIES, EARLIEST, 100))[0].events[0].clone();
    assert!(!String::from_utf8_lossy(&event.event.as_ref().unwrap().payload).contains("secret-ref"));
    let told = desk.read(&event);
    assert!(!told.body.contains_key("Amount") && !told.body.contains_key("Referral_Identifier__c"));
    // A seller sees them: field access is the subscriber's own.
    let first = super::desk::fetch(OPPORTUNITIES, EARLIEST, b"", 1);
    let mut seller = desk.machine.subscribe(&desk.as_seller(), &first, desk.now()).unwrap();
    assert_eq!(desk.told(&mut seller)[0].body["Amount"], json!(7.0));
}
