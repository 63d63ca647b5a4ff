//! Typed attributes, the lists they come from, and the location rules.

use deal_model::{FieldId, Held, Observed, Value};
use mapping::{CodeLists, Mapping, Source};
use serde_json::json;

const ROLE: &str = "version = 1\nextends = \"default\"\n[fields.partner_role]\ndirection = \"both\"\n";

fn with_roles(file: &str, unverified: bool) -> Mapping {
    let list = "version = 1\ncodes = [{ code = \"R-7\", label = \"Solution design\" }, { code = \"R-9\", label = \"Managed services\", verified = false }]\n";
    let own = Source { name: "lists/partner_roles.toml", text: list };
    let lists = CodeLists::with(&[own], unverified).unwrap();
    Mapping::with_lists(Some(Source { name: "ours.toml", text: file }), &lists).unwrap()
}

fn usable(mapping: &Mapping) -> Vec<String> {
    let members = mapping.specs().groups.iter().flat_map(|group| &group.members);
    let field = members.clone().find(|field| field.id == FieldId::from("partner_role")).unwrap();
    let codes = field.demands.codes.as_ref().unwrap().codes.iter();
    codes.filter(|code| code.is_usable()).map(|code| code.name.clone()).collect()
}

#[test]
fn an_attribute_is_one_entry_of_the_list_and_reads_back_as_it_was_written() {
    let mapping = with_roles(ROLE, false);
    let binding = mapping.binding(&FieldId::from("partner_role")).unwrap();
    let referral = json!({ "details": { "requirements": { "additionalRequirements": { "attributes": [
        { "type": "CustomerMarketplaceIntent", "id": "HaveNotDecided" },
        { "type": "PartnerRole", "id": "R-7" },
    ] } } } });
    let role = Observed::Value(Value::Choice("R-7".to_owned()));
    assert_eq!(binding.observe_portal(&referral), role);
    assert_eq!(binding.codec.read_crm(&json!("Solution design")), role);
    let held = Held::Value(Value::Choice("R-7".to_owned()));
    assert_eq!(binding.codec.write_crm(&held), json!("Solution design"));
    assert_eq!(binding.codec.write_portal(&held), json!([{ "type": "PartnerRole", "id": "R-7" }]));
    assert_eq!(binding.codec.read_crm(&json!("Cheering")), Observed::Unknown);
}

#[test]
fn a_pair_that_nobody_verified_goes_only_if_the_configuration_allows_it() {
    assert_eq!(usable(&with_roles(ROLE, false)), ["Solution design"]);
    assert_eq!(usable(&with_roles(ROLE, true)), ["Solution design", "Managed services"]);
}

#[test]
fn services_attributes_are_off_and_their_lists_empty_until_a_company_fills_them() {
    for field in ["partner_role", "solution_area", "solution_play"] {
        assert_eq!(Mapping::shipped().binding(&FieldId::from(field)), None);
    }
}

#[test]
fn another_list_is_another_mapping() {
    assert_ne!(with_roles(ROLE, false).version(), with_roles(ROLE, true).version());
}
