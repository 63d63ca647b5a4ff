//! Broken files: each mistake is told with its line, its column, what is wrong and what to do.

use mapping::{Mapping, MappingError, Source};
use proptest::prelude::*;

const HEAD: &str = "version = 1\n";

/// The mistakes of a company's file whose text begins on line 2, as `line:column what; todo`.
fn mistakes(text: &str) -> Vec<String> {
    let text = format!("{HEAD}{text}");
    let errors = Mapping::with_company("ours.toml", &text).expect_err("the file is broken");
    errors
        .iter()
        .map(|error| {
            let MappingError { file, line, column, what, advice, fix } = error;
            let file = if file == "ours.toml" { "" } else { file };
            format!("{file}{line}:{column} {what}; {advice}; fix: {fix}")
        })
        .collect()
}

#[track_caller]
fn told(text: &str, expected: &[&str]) {
    let told = mistakes(text);
    assert!(
        told.len() == expected.len()
            && told.iter().zip(expected).all(|(told, expected)| told.starts_with(expected)),
        "expected {expected:#?}\ntold {told:#?}",
    );
}

#[test]
fn text_that_is_no_toml_is_told_where_it_breaks_off() {
    let told = mistakes("[fields.notes\ntype = \"text\"\n");
    assert!(told.iter().any(|line| line.starts_with("2:14")), "{told:#?}");
}

#[test]
fn a_key_that_comes_twice_is_told() {
    let told = mistakes("[names]\nsync = \"A\"\nsync = \"B\"\n");
    assert!(told[0].starts_with("4:1 duplicate key"), "{told:#?}");
}

#[test]
fn a_section_with_a_slip_names_the_right_one() {
    told(
        "[stage]\non_hold = \"To answer\"\n",
        &["2:2 `stage` is not a key of a mapping file; did you mean `stages`?"],
    );
}

#[test]
fn a_field_key_with_a_slip_names_the_right_one() {
    told(
        "[fields.notes]\nsaleforce = \"Opportunity.Notes__c\"\n",
        &["3:1 `saleforce` is not a key of a field; did you mean `salesforce`?"],
    );
}

#[test]
fn a_field_of_no_type_is_most_likely_a_slip() {
    told(
        "[fields.deal_valeu]\nclear = \"propagate\"\n",
        &["2:9 the field `deal_valeu` has no type; did you mean `deal_value`? A new field needs a `type`"],
    );
}

#[test]
fn an_unknown_type_is_told_with_the_nearest() {
    told("[fields.extra]\ntype = \"mony\"\n", &["3:8 `mony` is not known here; did you mean `money`?"]);
}

#[test]
fn a_value_of_the_wrong_type_is_told() {
    told(
        "[fields.notes]\nactive_only = \"yes\"\nmax_length = \"long\"\n",
        &["3:15 this is a text; write true or false", "4:14 this is a text; write a whole number"],
    );
}

#[test]
fn an_unknown_direction_conflict_and_moment_are_told_at_once() {
    told(
        "[fields.notes]\ndirection = \"to_salesfroce\"\nconflict = \"oldest\"\non = [\"creation\"]\n",
        &[
            "3:13 `to_salesfroce` is not known here; did you mean `to_salesforce`?",
            "4:12 `oldest` is not known here; did you mean `newest`?",
            "5:7 `creation` is not known here; did you mean `create`?",
        ],
    );
}

#[test]
fn a_member_that_no_referral_has_is_told_with_the_nearest() {
    told(
        "[fields.deal_value]\npartner_center = \"/details/dealvalue\"\n",
        &[
            "3:18 no referral has the documented member `/details/dealvalue`; did you mean `/details/dealValue`?",
        ],
    );
}

#[test]
fn a_pointer_and_a_path_that_are_none_are_told() {
    told(
        "[fields.notes]\npartner_center = \"details/notes\"\nsalesforce = \"Account.Name\"\n",
        &[
            "3:18 `details/notes` is not a JSON pointer: it must begin with a slash; write a pointer like",
            "4:14 `Account.Name` must begin with `Opportunity.`; write a path like `Opportunity.Amount`",
        ],
    );
}

#[test]
fn notes_that_are_records_of_their_own_are_told_to_be_unsupported() {
    for place in ["ContentNote.Content", "Note.Body", "Opportunity.Notes.Body"] {
        let file = format!("[fields.notes]\nsalesforce = \"{place}\"\n");
        let said =
            format!("3:14 `{place}`: notes that are records of their own are not supported; notes go to");
        told(&file, &[said.as_str()]);
    }
}

#[test]
fn a_team_takes_a_role_and_removes_nobody() {
    told(
        "[fields.team]\nrole = \"Sales Rep\"\nremove = true\n",
        &["4:1 `remove` means nothing to the type `team`"],
    );
}

#[test]
fn an_injection_into_a_name_is_told() {
    told(
        "[names]\nsync = \"Sync__c FROM User\"\n",
        &["3:8 `Sync__c FROM User` is not an API name: letters, digits and underscores"],
    );
}

#[test]
fn an_amount_without_its_currency_is_told() {
    told(
        "[fields.deal_currency]\ngroup = \"lonely\"\n[fields.extra]\ntype = \"money\"\npartner_center = \"/details/x\"\n\
         undocumented = true\nsalesforce = \"Opportunity.Extra__c\"\n",
        &[
            "default.toml",
            "4:9 the amount `extra` needs one currency in its group, and has 0; give the amount and its currency",
        ],
    );
}

#[test]
fn a_policy_on_a_field_that_does_not_lead_its_group_is_told() {
    told(
        "[fields.deal_currency]\nconflict = \"ask\"\n",
        &["3:1 `conflict` is decided for the whole group `money`; say it on the field `deal_value`"],
    );
}

#[test]
fn two_fields_that_write_one_target_are_told() {
    told(
        "[fields.summary]\ntype = \"long_text\"\npartner_center = \"/details/customerAction\"\n\
         salesforce = \"Opportunity.Description\"\ndirection = \"to_salesforce\"\n",
        &[
            "5:14 `summary` and `notes` both write `Opportunity.Description`; let one of the two go the other way only",
        ],
    );
}

#[test]
fn a_member_that_the_portal_decides_cannot_be_written() {
    told(
        "[fields.referral_expires]\ndirection = \"both\"\n",
        &["3:1 the portal decides this member; it cannot be written; set `direction = \"to_salesforce\"`"],
    );
    told(
        "[fields.quality]\ntype = \"text\"\npartner_center = \"/quality\"\nsalesforce = \"Opportunity.Quality__c\"\n",
        &["4:18 the portal decides this member; it cannot be written; set `direction = \"to_salesforce\"`"],
    );
}

#[test]
fn microsofts_referral_is_written_at_its_creation_only() {
    told(
        "[fields.help]\non = [\"create\", \"update\"]\n",
        &[
            "3:1 Microsoft's referral is ours to fill only while it is created; set `on.to_partner_center = [\"create\"]`",
        ],
    );
}

#[test]
fn a_default_of_the_wrong_type_is_told() {
    told(
        "[fields.closing_date]\ndefault = \"soon\"\n[fields.deal_currency]\ndefault = \"EURO\"\n",
        &[
            "3:11 a text cannot be the default of this field",
            "5:11 a text cannot be the default of this field",
        ],
    );
}

#[test]
fn an_attribute_that_goes_to_the_portal_needs_the_list_of_its_codes() {
    let field = "[fields.segment]\ntype = \"attribute\"\nattribute = \"Segment\"\n\
        partner_center = \"/details/requirements/additionalRequirements/attributes\"\n\
        salesforce = \"Opportunity.Segment__c\"\n";
    told(
        field,
        &[
            "2:9 `segment` would send whatever is typed: an attribute needs the list of its codes; add `list = ",
        ],
    );
    // What is only read is sent nowhere.
    let read = format!("{HEAD}extends = \"default\"\n{field}direction = \"to_salesforce\"\n");
    Mapping::with_company("ours.toml", &read).unwrap();
    told(&format!("{field}list = \"segmnts\"\n"), &["7:8 "]);
}

#[test]
fn a_code_that_the_list_does_not_have_is_told() {
    told(
        "[fields.help]\nvalues = { \"A quote\" = \"QuoteOrLicensing\" }\n",
        &["3:24 `QuoteOrLicensing` is not a code of the list `help`; did you mean `QuotesOrLicensing`?"],
    );
}

#[test]
fn ranges_that_overlap_are_told() {
    told(
        "[fields.customer_size]\nranges = { 1to9employees = [1, 10], 10to50employees = [10, 50] }\n",
        &["3:10 two ranges overlap, or one ends before it begins; let each number belong to one code"],
    );
}

#[test]
fn a_key_of_another_type_is_told() {
    told(
        "[fields.notes]\nranges = {}\n",
        &["3:1 `ranges` means nothing to the type `long_text`; leave it out, or use the type `range`"],
    );
}

#[test]
fn a_stage_that_means_nothing_is_told() {
    told(
        "[stages]\nNegotiation = \"wonn\"\nactiv = \"Qualification\"\n",
        &[
            "3:15 `wonn` is not what a stage can mean; did you mean `won`?",
            "4:9 `Qualification` is not what a stage can mean; did you mean the key `active`?",
        ],
    );
}

#[test]
fn an_on_hold_stage_that_is_the_active_one_is_told() {
    told(
        "[stages]\non_hold = \"Qualification\"\n",
        &["3:11 on_hold and active are one stage: nothing could ever be accepted; choose a stage of its own"],
    );
}

#[test]
fn an_on_hold_stage_that_is_listed_is_told() {
    told(
        "[stages]\non_hold = \"Closed Lost\"\n",
        &["3:11 the stage `Closed Lost` has a meaning of its own already; choose another stage"],
    );
}

#[test]
fn stages_without_an_outcome_are_told() {
    told(
        "[stages]\n\"Closed Won\" = \"off\"\n",
        &[
            "2:1 no stage means `won`: the portal's outcome could not be shown; add a line like \"Closed\" = \"won\"",
        ],
    );
}

#[test]
fn imports_without_an_owner_are_told() {
    told(
        "[inbound]\ncreate = true\n",
        &["3:1 opportunities may be created, but nobody would own them; set `default_owner`"],
    );
}

#[test]
fn broken_conditions_are_told() {
    told(
        "[inbound]\nsince = \"soon\"\nwhere = [{ field = \"contry\", in = [\"DE\"] }, { field = \"country\", in = [\"Germany\"] }, \
         { field = \"solution\" }]\n",
        &[
            "3:9 this is not a day; write it like 2027-01-31",
            "4:20 `contry` is not known here; did you mean `country`?",
            "4:71 no value would pass this condition",
            "4:72 `Germany` is not a country; write the two letters of ISO 3166-1",
            "4:86 the condition is not whole",
        ],
    );
}

#[test]
fn a_required_field_that_is_never_written_is_told() {
    told(
        "[fields.closing_date]\ndirection = \"to_salesforce\"\nrequired = true\n",
        &[
            "4:1 `closing_date` is required by Partner Center, but not written there at creation; let it be written",
        ],
    );
}

#[test]
fn a_set_without_its_rows_is_told() {
    told(
        "[fields.offers]\ntype = \"solutions\"\npartner_center = \"/details/requirements/offers\"\nundocumented = true\n",
        &["2:9 the set does not say which rows hold it; add `rows` with the child object and its columns"],
    );
}

#[test]
fn an_attribute_on_one_side_only_is_told() {
    told(
        "[fields.solutions.attributes]\nmine = { salesforce = \"Mine__c\" }\n",
        &["3:1 the attribute `mine` is not on both sides; name its `partner_center` member"],
    );
}

#[test]
fn a_file_without_its_format_or_of_another_is_told() {
    let errors = Mapping::with_company("ours.toml", "").unwrap_err();
    assert_eq!(
        errors[0].to_string(),
        "ours.toml:1:1: the file does not say its format; add the line `version = 1` at its top"
    );
    let errors = Mapping::with_company("ours.toml", "extends = \"defualt\"\nversion = 2").unwrap_err();
    let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert!(
        told[0].starts_with("ours.toml:1:11: `defualt` is not known here; did you mean `default`?"),
        "{told:#?}"
    );
    assert!(told[1].starts_with("ours.toml:2:11: format 2 is not known"), "{told:#?}");
}

#[test]
fn columns_count_characters_and_not_bytes() {
    let told = mistakes("[stages]\n\"Verhandlung ✓ läuft\" = \"wonn\"\n");
    assert!(told[0].starts_with("3:25 "), "{told:#?}");
}

#[test]
fn no_file_at_all_is_told() {
    assert_eq!(Mapping::compile(&[]).unwrap_err()[0].what, "there is no mapping");
}

const SHIPPED: &str = include_str!("../../../../mappings/default.toml");

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_text_makes_the_compiler_panic(text in "\\PC{0,200}") {
        let _ = Mapping::compile(&[Source { name: "any.toml", text: &text }]);
    }

    #[test]
    fn no_toml_like_text_makes_the_compiler_panic(
        lines in prop::collection::vec(
            ("(\\[\\[?)?[a-z_.]{1,12}(\\]\\]?)?", "( = )?", "(\"[^\"\n]{0,12}\"|[0-9xob_.:TZ+-]{0,12}|\\[[\"a-z,0-9]{0,8}\\]?|\\{[a-z=\"]{0,8}\\}?|true)?"),
            0..20,
        )
    ) {
        let lines: Vec<String> = lines.iter().map(|(key, equals, value)| format!("{key}{equals}{value}")).collect();
        let text = lines.join("\n");
        let _ = Mapping::with_company("any.toml", &text);
    }

    #[test]
    fn no_damage_to_the_default_makes_the_compiler_panic(
        cuts in prop::collection::vec((0..SHIPPED.len(), 0..40_usize, "[\\[\\]\"={}a-z0-9~/.]{0,3}"), 1..4)
    ) {
        let mut bytes = SHIPPED.as_bytes().to_vec();
        for (start, length, patch) in cuts {
            let start = start.min(bytes.len());
            let end = (start + length).min(bytes.len());
            bytes.splice(start..end, patch.bytes());
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        match Mapping::compile(&[Source { name: "default.toml", text: &text }]) {
            Ok(_) => {}
            Err(errors) => {
                let lines = text.matches('\n').count() + 1;
                prop_assert!(!errors.is_empty());
                prop_assert!(errors.iter().all(|error| (1..=lines).contains(&error.line) && error.column >= 1));
            }
        }
    }
}

#[test]
fn leads_without_an_owner_or_without_what_salesforce_needs_are_told() {
    let told = mistakes(
        "[leads]\ncreate = true\nidentifier = \"No Name\"\nfields.last_name = { partner_center = \"/x\" }\n\
         fields.company = { partner_center = \"/x\", salesforce = \"Company\", type = \"money\" }\n",
    );
    for wanted in ["`money` is not known here", "nobody would own them", "No Name"] {
        assert!(told.iter().any(|line| line.contains(wanted)), "{wanted} in {told:#?}");
    }
    let told = mistakes("[leads]\ncretae = true\n");
    assert!(told[0].contains("`cretae` is not a key of [leads]"), "{told:?}");
}
