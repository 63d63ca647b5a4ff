//! Rules of accounts, contacts and addresses, as the file says them.

use deal_model::{FieldId, Need, Side};
use mapping::{AccountOwner, CodeLists, Compare, ContactKey, ContactScope, Mapping, Persons, Source};

fn company(text: &str) -> Mapping {
    Mapping::with_company("company.toml", &format!("version = 1\n\n{text}\n")).unwrap()
}

fn mistakes(text: &str) -> String {
    let errors = Mapping::with_company("company.toml", &format!("version = 1\n\n{text}\n")).unwrap_err();
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn rules(mapping: &Mapping) -> Vec<Vec<(String, Compare)>> {
    let rules = mapping.accounts().rules.iter();
    rules.map(|keys| keys.iter().map(|key| (key.column.to_string(), key.how)).collect()).collect()
}

#[test]
fn an_account_is_found_by_number_then_by_our_key_then_by_name_and_place() {
    let expected = vec![
        vec![("DunsNumber".to_owned(), Compare::Text)],
        vec![("Co_sell_Key__c".to_owned(), Compare::OwnKey)],
        vec![
            ("Name".to_owned(), Compare::Name),
            ("BillingPostalCode".to_owned(), Compare::Text),
            ("BillingCountry".to_owned(), Compare::Country),
        ],
    ];
    let shipped = Mapping::shipped();
    assert_eq!(rules(&shipped), expected);
    assert_eq!(
        (shipped.accounts().persons, &shipped.accounts().owner),
        (Persons::Match, &AccountOwner::Opportunity)
    );
    let contacts = shipped.contacts();
    assert_eq!((&contacts.rules, contacts.scope), (&vec![ContactKey::Email], ContactScope::Account));
    assert!(contacts.create && contacts.primary && contacts.role.is_none());
}

#[test]
fn the_keys_of_a_rule_follow_the_columns_that_the_fields_are_mapped_to() {
    let mapping = company(
        "[accounts]\nmatch = [[\"name\", \"postal_code\"], [\"DunsNumber\"]]\n\
         [fields.customer_postal_code]\nsalesforce = \"Opportunity.Account.ShippingPostalCode\"",
    );
    assert_eq!(rules(&mapping)[0][1].0, "ShippingPostalCode");
    assert_eq!(rules(&mapping)[1], [("DunsNumber".to_owned(), Compare::Text)]);
    // What a company took out of the default, no default rule asks for.
    let without = company("[fields.customer_duns]\ndirection = \"off\"");
    assert_eq!(rules(&without).len(), 2);
}

#[test]
fn a_rule_that_cannot_be_followed_is_a_mistake_with_its_place() {
    let told = mistakes("[accounts]\nmatch = [[\"dunz\"]]");
    assert!(told.contains("company.toml:4:11") && told.contains("dunz"), "{told}");
    for (text, words) in [
        ("[accounts]\nmatch = []", "no rule would ever find an account"),
        ("[accounts]\nmatch = [[]]", "would match every account"),
        ("[accounts]\nmatch = [[\"duns\"]]\n[fields.customer_duns]\ndirection = \"off\"", "no field gives"),
        ("[contacts]\nmatch = [\"name\"]", "found by its e-mail address first"),
        ("[fields.notes]\nshared = \"overwrite\"", "shared by many deals"),
    ] {
        let told = mistakes(text);
        assert!(told.contains(words), "{text}: {told}");
    }
}

#[test]
fn a_shared_record_is_filled_unless_the_field_says_overwrite() {
    let fills = |mapping: &Mapping| {
        let group = mapping.specs().group(&"customer_name".into()).unwrap();
        group.to.at(Side::Crm).fill_only
    };
    assert!(fills(&Mapping::shipped()));
    assert!(!fills(&company("[fields.customer_name]\nshared = \"overwrite\"")));
}

#[test]
fn the_shipped_rules_demand_no_more_than_the_portal_and_a_companys_own_replace_them() {
    let need = |mapping: &Mapping, field: &str, country: &str| {
        let mut members = mapping.specs().groups.iter().flat_map(|group| &group.members);
        let spec = members.find(|spec| spec.id == FieldId::from(field)).unwrap();
        let local = spec.demands.local.as_ref().unwrap();
        assert_eq!(local.country, FieldId::from("customer_country"));
        local.countries.get(country).unwrap_or(&local.general).need
    };
    let shipped = Mapping::shipped();
    // State and postal code are optional (partner-center reference, section 4.5).
    for country in ["US", "CA", "AU", "DE"] {
        assert_eq!(need(&shipped, "customer_state", country), Need::Optional);
        assert_eq!(need(&shipped, "customer_postal_code", country), Need::Optional);
    }
    assert_eq!(need(&shipped, "customer_postal_code", "HK"), Need::Unused);
    // What the shipped file offers as comments is in order.
    let shipped = include_str!("../../../../mappings/code-lists/address_rules.toml");
    let offered = shipped.replace("# [countries", "[countries").replace("# needs =", "needs =");
    let offered = offered.replace("# state_as =", "state_as =").replace("# states =", "states =");
    let offered = Source { name: "address_rules.toml", text: &offered };
    let mapping = Mapping::with_lists(None, &CodeLists::with(&[offered], false).unwrap()).unwrap();
    for country in ["US", "CA", "AU"] {
        assert_eq!(need(&mapping, "customer_state", country), Need::Needed);
    }
    let own = Source {
        name: "address_rules.toml",
        text: "version = 1\n[countries.DE]\nneeds = [\"postal_code\"]\npostal_codes = [\"99999\"]\n",
    };
    let lists = CodeLists::with(&[own], false).unwrap();
    let mapping = Mapping::with_lists(None, &lists).unwrap();
    assert_eq!(need(&mapping, "customer_postal_code", "DE"), Need::Needed);
    assert_eq!(need(&mapping, "customer_postal_code", "HK"), Need::Optional);
    let broken =
        Source { name: "address_rules.toml", text: "version = 1\n[countries.XX]\nneeds = [\"moon\"]\n" };
    let told = CodeLists::with(&[broken], false).unwrap_err();
    assert_eq!(told.len(), 2, "{told:?}");
}
