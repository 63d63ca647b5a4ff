//! A company's file over the default.

use deal_model::{Clear, Conflict, FieldId, GroupId, Inviter, PerSide, Value};
use mapping::{Fallback, Mapping};

fn with(text: &str) -> Mapping {
    Mapping::with_company("ours.toml", &format!("version = 1\nextends = \"default\"\n{text}"))
        .unwrap_or_else(|errors| panic!("{errors:#?}"))
}

fn crm(mapping: &Mapping, field: &str) -> String {
    mapping.binding(&FieldId::from(field)).unwrap().crm.as_ref().unwrap().soql()
}

#[test]
fn one_key_of_a_field_changes_and_the_others_stay() {
    let mapping =
        with("[fields.deal_value]\nsalesforce = \"Opportunity.Deal_Value__c\"\nconflict = \"ask\"\n");
    assert_eq!(crm(&mapping, "deal_value"), "Deal_Value__c");
    let money = mapping.specs().group(&GroupId::from("money")).unwrap();
    assert_eq!(money.conflict, Conflict::Ask);
    assert_eq!(money.members.len(), 2);
    assert_eq!(crm(&mapping, "closing_date"), "CloseDate");
}

#[test]
fn an_empty_file_changes_nothing_but_is_its_own_version() {
    let mapping = with("");
    assert_eq!(mapping.specs(), Mapping::shipped().specs());
    assert_eq!(mapping.bindings(), Mapping::shipped().bindings());
}

#[test]
fn comments_and_blanks_do_not_change_the_version_and_values_do() {
    let plain = with("[fields.notes]\nclear = \"propagate\"\n");
    let spaced = with("# why\n\n[fields.notes]   # here\n  clear   =   'propagate'\n");
    assert_eq!(plain.version(), spaced.version());
    assert_ne!(plain.version(), with("[fields.notes]\nclear = \"refill\"\n").version());
}

#[test]
fn a_new_field_comes_last_and_an_off_field_is_gone() {
    let mapping = with(
        "[fields.customer_region]\ntype = \"text\"\npartner_center = \"/customerProfile/address/region\"\n\
         salesforce = \"Opportunity.Region__c\"\n[fields.notes]\ndirection = \"off\"\n",
    );
    assert_eq!(mapping.specs().groups.last().unwrap().id, GroupId::from("customer_region"));
    assert!(mapping.binding(&FieldId::from("notes")).is_none());
    assert!(mapping.specs().group(&GroupId::from("notes")).is_none());
}

#[test]
fn a_table_of_values_is_replaced_whole() {
    let mapping = with("[fields.help]\nvalues = { \"Angebot\" = \"QuotesOrLicensing\" }\n");
    let help = mapping.binding(&FieldId::from("help")).unwrap();
    assert_eq!(
        help.codec.read_crm(&"Angebot".into()).value(),
        Some(&Value::Choice("QuotesOrLicensing".into()))
    );
    assert_eq!(help.codec.read_crm(&"Quotes or licensing".into()).value(), None);
}

#[test]
fn an_attribute_of_a_set_is_added_beside_the_others() {
    let mapping = with(
        "[fields.solutions.attributes.plan]\npartner_center = \"plan\"\nsalesforce = \"Plan__c\"\n\
         [fields.solutions.attributes.name]\nmax_length = 40\n[fields.solutions.rows]\nobject = \"ns__Solution__c\"\n",
    );
    let solutions = mapping.set(&FieldId::from("solutions")).unwrap();
    let names: Vec<&str> = solutions.attributes.iter().map(|attribute| attribute.name.as_str()).collect();
    assert_eq!(names, ["name", "publisher", "solution_type", "quantity", "plan"]);
    assert_eq!(solutions.attributes[0].max_chars, Some(40));
    assert_eq!(solutions.attributes[0].crm_column.as_str(), "Name");
}

#[test]
fn policies_by_direction_are_read_by_the_side_they_write() {
    let mapping = with(
        "[fields.notes]\nclear = { to_salesforce = \"propagate\", to_partner_center = \"refill\" }\n\
         on.to_partner_center = [\"create\"]\ndefault.to_partner_center = \"none given\"\n",
    );
    let notes = mapping.specs().group(&GroupId::from("notes")).unwrap();
    assert_eq!(notes.clear, PerSide::new(Clear::Refill, Clear::Propagate));
    assert!(notes.to.portal.create && !notes.to.portal.update);
    assert!(notes.to.crm.create && notes.to.crm.update);
    let binding = mapping.binding(&FieldId::from("notes")).unwrap();
    assert_eq!(
        binding.default,
        PerSide::new(Some(Fallback::Literal(Value::Text("none given".into()))), None)
    );
}

#[test]
fn names_are_replaced_one_by_one() {
    let mapping = with("[names]\nsync = \"ns__Sync__c\"\nunique_key = \"Co_sell_Key__c\"\n");
    assert_eq!(mapping.names().sync.as_str(), "ns__Sync__c");
    assert_eq!(mapping.names().unique_key.as_str(), "Co_sell_Key__c");
    assert_eq!(mapping.names().audit.as_str(), "Audit__c");
}

#[test]
fn routing_picks_the_first_route_whose_conditions_hold() {
    let mapping = with(
        "[inbound]\ncreate = true\ndefault_owner = \"desk@example.com\"\nsince = 2026-11-01\n\
         where = [{ field = \"country\", in = [\"de\", \"CH\"] }]\n\
         [[inbound.route]]\nwhere = [{ field = \"solution\", in = [\"SOL-1\"] }]\nowner = \"one@example.com\"\n\
         [[inbound.route]]\nwhere = [{ field = \"partner_id\", in = [\"77\"] }]\nrecord_type = \"Co_sell\"\n",
    );
    let referral = |country: &str, solution: &str, created: &str| {
        serde_json::json!({
            "mpnId": "77", "createdDateTime": created,
            "customerProfile": {"address": {"country": country}},
            "details": {"requirements": {"solutions": [{"id": solution}]}},
        })
    };
    let inbound = mapping.inbound();
    let first = inbound.route(&referral("DE", "SOL-1", "2026-11-02T09:14:07.1234567Z"), Inviter::Nobody);
    let second = inbound.route(&referral("DE", "SOL-2", "2026-11-02T09:14:07.1234567Z"), Inviter::Nobody);
    assert_eq!((first.owner.as_deref(), first.record_type.as_deref()), (Some("one@example.com"), None));
    assert_eq!(
        (second.owner.as_deref(), second.record_type.as_deref()),
        (Some("desk@example.com"), Some("Co_sell"))
    );
    assert!(inbound.admits(&referral("CH", "x", "2026-11-01T00:00:00Z"), Inviter::Nobody));
    assert!(!inbound.admits(&referral("CH", "x", "2026-10-31T23:59:59Z"), Inviter::Nobody));
    assert!(!inbound.admits(&referral("FR", "x", "2026-11-02T00:00:00Z"), Inviter::Nobody));
    assert!(!inbound.admits(&serde_json::json!({}), Inviter::Nobody));
}

#[test]
fn a_company_on_two_files_gets_the_last_word_from_the_last() {
    let default =
        mapping::Source { name: "default.toml", text: include_str!("../../../../mappings/default.toml") };
    let first = mapping::Source {
        name: "a.toml",
        text: "version = 1\n[names]\nsync = \"A__c\"\naudit = \"Log__c\"\n",
    };
    let second = mapping::Source { name: "b.toml", text: "version = 1\n[names]\nsync = \"B__c\"\n" };
    let mapping = Mapping::compile(&[default, first, second]).unwrap();
    assert_eq!((mapping.names().sync.as_str(), mapping.names().audit.as_str()), ("B__c", "Log__c"));
}
