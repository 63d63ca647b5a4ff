//! Each setting knows the file and the line that it comes from.

use mapping::{Mapping, Setting};

const COMPANY: &str = "version = 1\nextends = \"default\"\n\n[stages]\non_hold = \"Co-sell: to answer\"\n\"Gewonnen\" = \"won\"\n\n\
                       [fields.deal_value]\n  conflict = \"ask\"\n  owner = \"salesforce\"\n";

fn company() -> Mapping {
    Mapping::with_company("mapping.toml", COMPANY).unwrap()
}

fn setting<'m>(mapping: &'m Mapping, path: &[&str]) -> &'m Setting {
    mapping.provenance().get(path).unwrap_or_else(|| panic!("no {path:?}"))
}

#[test]
fn a_setting_of_the_company_names_its_line_and_what_the_default_says_instead() {
    let mapping = company();
    let conflict = setting(&mapping, &["fields", "deal_value", "conflict"]);
    let place = &conflict.effective().place;
    assert_eq!((place.file.as_str(), place.line, place.column), ("mapping.toml", 9, 3));
    assert_eq!(conflict.effective().value, "\"ask\"");
    let default = conflict.default().unwrap();
    assert_eq!((default.place.file.as_str(), default.value.as_str()), ("default.toml", "\"newest\""));
    assert!(conflict.is_yours() && !conflict.is_repeated());
    assert_eq!(conflict.name(), "fields.deal_value.conflict");
}

#[test]
fn the_default_s_lines_are_those_of_its_text() {
    let mapping = company();
    let text = include_str!("../../../../mappings/default.toml");
    let lines: Vec<&str> = text.lines().collect();
    let mut seen = 0;
    for setting in mapping.provenance().settings() {
        let Some(default) = setting.default() else { continue };
        let line = lines[default.place.line - 1];
        let rest: String = line.chars().skip(default.place.column - 1).collect();
        let key = setting.path().last().unwrap();
        assert!(
            rest.trim_start_matches(['"', '\'', '[']).starts_with(key.as_str()),
            "{}: {line}",
            setting.name()
        );
        seen += 1;
    }
    assert!(seen > 200, "only {seen}");
}

#[test]
fn what_repeats_the_default_is_told_apart_and_what_is_new_has_no_default() {
    let mapping = company();
    assert!(setting(&mapping, &["fields", "deal_value", "owner"]).is_repeated());
    let won = setting(&mapping, &["stages", "Gewonnen"]);
    assert!(won.is_yours() && !won.is_repeated() && won.default().is_none());
    assert_eq!(won.name(), "stages.Gewonnen");
    let kept = setting(&mapping, &["fields", "deal_name", "partner_center"]);
    assert!(!kept.is_yours());
}

#[test]
fn a_value_table_is_one_setting_and_attributes_are_several() {
    let mapping = Mapping::shipped();
    let values = setting(&mapping, &["fields", "customer_size", "ranges"]);
    assert!(values.effective().value.starts_with("{ 1to9employees = [1, 9]"), "{}", values.effective().value);
    let column = setting(&mapping, &["fields", "solutions", "attributes", "publisher", "salesforce"]);
    assert_eq!(column.effective().value, "\"Publisher__c\"");
    assert!(mapping.provenance().below(&["fields", "solutions"]).count() > 8);
    assert!(mapping.provenance().fields().contains(&"partner_role"), "a field that is off is a field too");
}
