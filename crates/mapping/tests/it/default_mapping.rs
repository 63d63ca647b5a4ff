//! The shipped default, as data.

use deal_model::{Conflict, FieldId, GroupId, Irreversible, Kind, Observed, Route, Side, Value};
use mapping::{LeftOut, Mapping, SetSource, StageError, When};
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
        "help portal C-- crm -U- = help help_notes",
        "consent portal C-- crm --- = consent_share consent_contact consent_microsoft",
        "solutions portal CU- crm CU- = solutions",
        "marketplace_intent portal C-- crm C-- = marketplace_intent",
        "customer_name portal C-- crm C-F = customer_name",
        "customer_address portal C-- crm C-F = customer_street customer_city customer_state customer_postal_code \
         customer_country",
        "customer_duns portal C-- crm C-F = customer_duns",
        "customer_size portal C-- crm C-F = customer_size",
        "contacts portal C-- crm CU- = contacts",
        "team portal CU- crm -U- = team",
        "microsoft_status portal --- crm CU- = microsoft_status",
        "microsoft_sellers portal --- crm CU- = microsoft_sellers",
        "microsoft_crm_id portal --- crm CU- = microsoft_crm_id",
        "microsoft_reason portal --- crm CU- = microsoft_reason",
        "microsoft_expires portal --- crm CU- = microsoft_expires",
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
        "marketplace_intent",
        "customer_name",
        "customer_street",
        "customer_city",
        "customer_country",
        "team",
    ];
    assert_eq!(demanded, expected);
}

#[test]
fn nobody_has_chosen_an_on_hold_stage_and_nothing_is_imported() {
    let mapping = Mapping::shipped();
    assert_eq!(mapping.stages().require_on_hold(), Err(StageError::NoOnHold));
    assert!(!mapping.inbound().create);
    assert!(!mapping.inbound().admits(&json!({}), deal_model::Inviter::Nobody));
    let left_out = |private| mapping.opt_in().leaves_out(Some("Any"), private, |_| Vec::new());
    assert_eq!(left_out(false), None);
    assert_eq!(left_out(true), Some(LeftOut::Private));
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

/// An inbound referral before acceptance (partner-center reference, section 3.9 c), shortened to what is mapped.
const INBOUND: &str = r#"{
 "id":"7a1c0000-0000-4000-8000-0000000000a1","name":"Contoso ERP modernisation","externalReferenceId":null,
 "createdDateTime":"2026-11-02T09:14:07.1234567Z","expirationDateTime":"2026-11-16T00:00:00Z",
 "status":"New","substatus":"Pending","statusReason":null,"campaignId":null,"salesStage":null,"referralProgram":null,
 "customerProfile":{"name":"Contoso AG","size":"",
  "address":{"addressLine1":"Ring 1","addressLine2":null,"city":"Zurich","state":null,"postalCode":"8001","country":"CH"},
  "team":[{"firstName":"Mia","lastName":"Frei","email":"mia@contoso.example","phoneNumber":"+41440000","title":null}],
  "ids":[{"profileType":"External","id":"6-ABCDEFGHI"}]},
 "consent":{"consentToToShareInfoWithOthers":true,"consentToContact":true,
  "consentToShareReferralWithMicrosoftSellers":true},
 "details":{"notes":null,"dealValue":250000,"currency":"CHF","closingDateTime":"2027-06-30T00:00:00Z",
  "requirements":{"solutions":[{"id":"SOL-12345-ABC","name":"Fabrikam Insight","type":"Name"}]}}}"#;

fn shown(observed: &Observed) -> String {
    match observed {
        Observed::Value(Value::Text(text) | Value::Choice(text)) => text.clone(),
        Observed::Value(Value::Number(number)) => number.to_string(),
        Observed::Value(Value::Date(date)) => date.to_string(),
        Observed::Value(Value::Flag(flag)) => flag.to_string(),
        Observed::Value(Value::Set(elements)) => {
            elements.keys().map(|key| key.0.as_str()).collect::<Vec<_>>().join(" ")
        }
        Observed::Empty => "empty".to_owned(),
        Observed::Unknown => "unknown".to_owned(),
    }
}

#[test]
fn the_documented_inbound_referral_is_read_field_by_field() {
    let mapping = Mapping::shipped();
    let referral = serde_json::from_str(INBOUND).unwrap();
    let scalars = mapping.bindings().iter().filter(|binding| binding.portal.is_some());
    let mut read: Vec<String> = scalars
        .map(|binding| format!("{}: {}", binding.field, shown(&binding.observe_portal(&referral))))
        .collect();
    read.extend(
        mapping.sets().iter().map(|set| format!("{}: {}", set.field, shown(&set.observe_portal(&referral)))),
    );
    let expected = [
        "referral_identifier: 7a1c0000-0000-4000-8000-0000000000a1",
        "referral_link: https://partner.microsoft.com/referrals/v2/inbox?id=7a1c0000-0000-4000-8000-0000000000a1",
        "external_reference: empty",
        "deal_name: Contoso ERP modernisation",
        "deal_value: 250000",
        "deal_currency: CHF",
        "closing_date: 2027-06-30",
        "notes: empty",
        "share: true",
        "consent_share: true",
        "consent_contact: true",
        "consent_microsoft: empty",
        "marketplace_intent: empty",
        "customer_name: Contoso AG",
        "customer_street: Ring 1",
        "customer_city: Zurich",
        "customer_state: empty",
        "customer_postal_code: 8001",
        "customer_country: CH",
        "customer_duns: empty",
        "customer_size: empty",
        "referral_expires: 2026-11-16",
        "referral_program: empty",
        "solutions: SOL-12345-ABC",
        "contacts: mia@contoso.example",
        "team: ",
    ];
    assert_eq!(read, expected);
}

#[test]
fn leads_are_off_and_their_own_table_reads_a_referral_as_a_lead_has_it() {
    let leads = Mapping::shipped().leads().clone();
    assert!(!leads.create);
    let referral = serde_json::json!({
        "customerProfile": { "name": "x".repeat(300), "team": [{ "lastName": " Frei ", "phoneNumber": null }] },
    });
    let read = |name: &str| {
        let field = leads.fields.iter().find(|field| field.field.as_str() == name).unwrap();
        field.observe_portal(&referral)
    };
    assert_eq!(read("last_name"), deal_model::Observed::text("Frei"));
    assert_eq!(read("company"), deal_model::Observed::text(&"x".repeat(255)), "cut to the column");
    assert_eq!(read("phone"), deal_model::Observed::Empty);
    assert_eq!(read("email"), deal_model::Observed::Unknown, "what is not shown is not empty");
}
