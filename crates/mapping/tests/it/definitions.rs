//! What counts as a change of meaning: places, codecs, tables, members and directions; labels and policies do not.

use deal_model::{Definitions, Fingerprint, GroupId};
use mapping::{CodeLists, Mapping, Source};

fn definitions(text: &str) -> Definitions {
    let text = format!("version = 1\nextends = \"default\"\n{text}");
    let mapping = Mapping::with_company("ours.toml", &text).unwrap_or_else(|errors| panic!("{errors:#?}"));
    mapping.specs().definitions.clone()
}

/// The groups whose definition differs between the default and this file.
fn changed(text: &str) -> Vec<String> {
    let (before, after) = (definitions(""), definitions(text));
    let mut groups: Vec<&GroupId> = before.groups.keys().chain(after.groups.keys()).collect();
    groups.sort_unstable();
    groups.dedup();
    let differs = groups.into_iter().filter(|group| before.groups.get(*group) != after.groups.get(*group));
    differs.map(ToString::to_string).collect()
}

fn life(text: &str) -> Option<Fingerprint> {
    definitions(text).life
}

#[test]
fn places_tables_directions_and_clearing_are_meaning() {
    for (text, group) in [
        ("[fields.notes]\nsalesforce = \"Opportunity.Remarks__c\"\n", "notes"),
        ("[fields.notes]\nmax_length = 100\n", "notes"),
        ("[fields.notes]\nclear = \"propagate\"\n", "notes"),
        ("[fields.deal_currency]\nsalesforce = \"Opportunity.Currency__c\"\n", "money"),
        ("[fields.notes]\ndirection = \"to_salesforce\"\n", "notes"),
        ("[fields.closing_date]\nnearest_midnight = true\n", "closing_date"),
        ("[fields.closing_date]\non = [\"create\"]\n", "closing_date"),
        ("[fields.solutions]\nremove = false\n", "solutions"),
        ("[fields.help.values]\n\"Anything\" = \"GeneralOrOther\"\n", "help"),
    ] {
        assert_eq!(changed(text), [group], "{text}");
    }
}

#[test]
fn a_field_that_goes_or_comes_is_told() {
    assert_eq!(changed("[fields.notes]\ndirection = \"off\"\n"), ["notes"]);
    let fresh = "[fields.kind]\ntype = \"text\"\npartner_center = \"/qualification\"\n\
                 salesforce = \"Opportunity.NextStep\"\ndirection = \"to_salesforce\"\n";
    assert_eq!(changed(fresh), ["kind"]);
}

#[test]
fn labels_policies_and_comments_are_no_meaning() {
    for text in [
        "# a word\n",
        "[fields.notes]\nlabel = \"Remarks\"\n",
        "[fields.notes]\nconflict = \"ask\"\n",
        "[fields.notes]\nconflict = \"newest\"\nowner = \"partner_center\"\n",
        "[fields.notes]\nrequired = { to_partner_center = true }\n",
        "[fields.notes]\ndefault = { to_partner_center = \"none\" }\n",
    ] {
        assert_eq!(changed(text), [""; 0], "{text}");
        assert_eq!(life(text), life(""), "{text}");
    }
}

#[test]
fn the_catalogue_is_part_of_the_set_whose_rows_point_to_it() {
    let in_use = "[catalogue]\nuse = true\n";
    assert_eq!(changed(in_use), ["solutions"]);
    assert_ne!(definitions(in_use), definitions(&format!("{in_use}id = \"Other_Id__c\"\n")));
    // What lies over nothing means nothing.
    assert_eq!(changed("[catalogue]\nid = \"Other_Id__c\"\n"), [""; 0]);
}

#[test]
fn the_order_of_keys_is_no_meaning_and_that_of_values_is() {
    let field = |lines: &[&str]| {
        let text = format!("[fields.kind]\n{}\n", lines.join("\n"));
        let print = definitions(&text).groups.get(&GroupId::new("kind")).cloned();
        print.expect("the field is a group of its own")
    };
    let values = "values = { \"One\" = \"SolutionsPartner\", \"Two\" = \"Direct\" }";
    let turned = "values = { \"Two\" = \"Direct\", \"One\" = \"SolutionsPartner\" }";
    let (kind, path) = ("type = \"choice\"", "partner_center = \"/qualification\"");
    let (crm, way) = ("salesforce = \"Opportunity.Kind__c\"", "direction = \"to_salesforce\"");
    let one_way = "clear = { to_salesforce = \"ignore\", to_partner_center = \"ignore\" }";
    let other_way = "clear = { to_partner_center = \"ignore\", to_salesforce = \"ignore\" }";
    let written = field(&[kind, path, crm, way, values, one_way]);
    assert_eq!(written, field(&[other_way, values, crm, way, kind, path]));
    assert_ne!(written, field(&[kind, path, crm, way, turned, one_way]));
}

#[test]
fn stages_and_reasons_are_where_a_deal_stands_and_no_field() {
    for text in [
        "[stages]\n\"Negotiation/Review\" = \"won\"\n",
        "[stages]\non_hold = \"Waiting\"\n",
        "[names]\nresponse = \"Answer__c\"\n",
    ] {
        assert_eq!(changed(text), [""; 0], "{text}");
        assert_ne!(life(text), life(""), "{text}");
        let same_answer = definitions(text).answer == definitions("").answer;
        assert_eq!(same_answer, !text.contains("response"), "{text}");
    }
    assert_eq!(life("[names]\naudit = \"Trail__c\"\n"), life(""));
}

#[test]
fn what_a_code_list_calls_its_codes_is_part_of_the_fields_that_use_it() {
    let list = |label: &str| {
        let text = format!("version = 1\ncodes = [{{ code = \"GeneralOrOther\", label = \"{label}\" }}]\n");
        let own = [Source { name: "help.toml", text: &text }];
        let lists = CodeLists::with(&own, false).unwrap();
        let company = "version = 1\n[fields.help]\nvalues = {}\n";
        let mapping = Mapping::with_lists(Some(Source { name: "ours.toml", text: company }), &lists);
        mapping.unwrap_or_else(|errors| panic!("{errors:#?}")).specs().definitions.clone()
    };
    let (one, other) = (list("General"), list("Other"));
    let differs = one.groups.iter().filter(|(group, print)| other.groups.get(*group) != Some(*print));
    assert_eq!(differs.map(|(group, _)| group.as_str()).collect::<Vec<_>>(), ["help"]);
    assert_eq!(one, list("General"));
}
