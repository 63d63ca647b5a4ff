//! The shipped default, as data.

use deal_model::{Conflict, FieldId, GroupId, Irreversible, Kind, Route, Side};
use mapping::{Mapping, SetSource, StageError, When};
use serde_json::json;

fn routes(mapping: &Mapping) -> Vec<String> {
    let ways = |route: &Route| {
        let mut text = String::new();
        text.push(if route.create { 'C' } else { '-' });
        text.push(if route.update { 'U' } else { '-' });
        text.push(if route.fill_only { 'F' } else { '-' });
        text
    };
    mapping
        .specs()
        .groups
        .iter()
        .map(|group| {
            let members: Vec<&str> = group.members.iter().map(|field| field.id.as_str()).collect();
            format!(
                "{} portal {} crm {} = {}",
                group.id,
                ways(&group.to.portal),
                ways(&group.to.crm),
                members.join(" ")
            )
        })
        .collect()
}

#[test]
fn the_shipped_default_compiles_to_these_groups_in_this_order() {
    let expected = [
        "referral_identifier portal --- crm CU- = referral_identifier",
        "referral_link portal --- crm CU- = referral_link",
        "external_reference portal CU- crm --- = external_reference",
        "deal_name portal C-- crm CU- = deal_name",
        "money portal CU- crm CU- = deal_value deal_currency",
        "closing_date portal CU- crm CU- = closing_date",
        "notes portal CU- crm CU- = notes",
        "share portal CU- crm CU- = share",
        "help portal C-- crm --- = help help_notes",
        "consent portal C-- crm --- = consent_share consent_contact consent_microsoft",
        "solutions portal CU- crm CU- = solutions",
        "customer_name portal C-- crm C-F = customer_name",
        "customer_address portal C-- crm C-F = customer_street customer_city customer_state customer_postal_code \
         customer_country",
        "customer_duns portal C-- crm C-F = customer_duns",
        "customer_size portal C-- crm C-F = customer_size",
        "contacts portal C-- crm C-- = contacts",
        "microsoft_status portal --- crm CU- = microsoft_status",
        "microsoft_sellers portal --- crm CU- = microsoft_sellers",
        "microsoft_crm_id portal --- crm CU- = microsoft_crm_id",
        "referral_expires portal --- crm CU- = referral_expires",
        "referral_program portal --- crm CU- = referral_program",
    ];
    assert_eq!(routes(&Mapping::shipped()), expected);
}

#[test]
fn sharing_and_asking_for_help_are_latches_and_nothing_else_is() {
    let mapping = Mapping::shipped();
    let latched: Vec<_> = mapping
        .specs()
        .groups
        .iter()
        .filter_map(|group| group.latch.map(|latch| (group.id.as_str().to_owned(), latch)))
        .collect();
    assert_eq!(
        latched,
        [("share".to_owned(), Irreversible::Share), ("help".to_owned(), Irreversible::AskHelp)]
    );
}

#[test]
fn the_amount_leads_the_money_group_and_names_its_currency() {
    let mapping = Mapping::shipped();
    let money = mapping.specs().group(&GroupId::from("money")).unwrap();
    assert_eq!(money.lead().id, FieldId::from("deal_value"));
    assert_eq!(money.lead().kind, Kind::Number);
    assert_eq!(money.lead().fit.currency, Some(FieldId::from("deal_currency")));
    assert_eq!((money.conflict, money.owner), (Conflict::Newest, Side::Crm));
    let digits = |code: &str| mapping.specs().minor_units.get(code).copied();
    assert_eq!((digits("JPY"), digits("KWD"), digits("EUR")), (Some(0), Some(3), None));
}

#[test]
fn what_the_portal_demands_at_creation_is_told() {
    let demanded: Vec<String> =
        Mapping::shipped().required(Side::Portal).iter().map(|each| each.field.as_str().to_owned()).collect();
    let expected = [
        "deal_name",
        "deal_value",
        "deal_currency",
        "closing_date",
        "consent_share",
        "solutions",
        "customer_name",
        "customer_street",
        "customer_city",
        "customer_country",
    ];
    assert_eq!(demanded, expected);
}

#[test]
fn nobody_has_chosen_an_on_hold_stage_and_nothing_is_imported() {
    let mapping = Mapping::shipped();
    assert_eq!(mapping.stages().require_on_hold(), Err(StageError::NoOnHold));
    assert!(!mapping.inbound().create);
    assert!(!mapping.inbound().admits(&json!({})));
    assert!(mapping.opt_in().admits(Some("Any"), false));
    assert!(!mapping.opt_in().admits(None, true));
}

#[test]
fn contacts_wait_for_a_call_for_help() {
    let mapping = Mapping::shipped();
    let contacts = mapping.set(&FieldId::from("contacts")).unwrap();
    assert_eq!((contacts.when, &contacts.crm), (When::Help, &SetSource::ContactRoles));
    assert_eq!(mapping.specs().help_needs, [GroupId::from("contacts")]);
}

#[test]
fn the_select_list_names_every_path_once() {
    let paths = Mapping::shipped().crm_select();
    let mut once = paths.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), paths.len());
    assert!(paths.contains(&"Account.BillingCity".to_owned()));
    assert!(paths.contains(&"Amount".to_owned()));
}

#[test]
fn the_version_is_twelve_digits_and_stable() {
    let version = Mapping::shipped().version().to_owned();
    assert_eq!(version.len(), 12);
    assert_eq!(version, Mapping::shipped().version());
}
