//! Which test is about which section, and that every section has one.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// The sections of the reference that ask something of the service; 1.2 is about the application's own registration.
const SECTIONS: [(&str, &str); 29] = [
    ("1.1", "Two services, two audiences"),
    ("1.3", "Grants"),
    ("1.4", "Roles"),
    ("2", "Endpoints"),
    ("2.1", "Listing"),
    ("2.2", "Request headers"),
    ("2.3", "Response headers"),
    ("3", "Referral schema"),
    ("3.1", "Top level"),
    ("3.2", "customerProfile"),
    ("3.3", "consent"),
    ("3.4", "details"),
    ("3.5", "inviteContext"),
    ("3.6", "trackingInfo"),
    ("3.7", "registrations"),
    ("3.8", "Patchable paths"),
    ("3.9", "Illustrative documents"),
    ("4.1", "State machine"),
    ("4.2", "Engagement model"),
    ("4.3", "Deal kinds"),
    ("4.4", "Classification of what you read"),
    ("4.5", "Business rules"),
    ("5", "Concurrency, throttling, idempotency, errors"),
    ("6.1", "Registration API"),
    ("6.2", "Delivery"),
    ("6.3", "Signature verification"),
    ("6.4", "Semantics"),
    ("10", "Open questions, as knobs"),
    ("-", "The sandbox itself"),
];

/// Tests whose names are sentences without a section.
const SENTENCES: [(&str, &str); 46] = [
    ("1.1", "a_refresh_token_gives_a_token_for_each_audience_and_each_opens_only_its_own"),
    ("1.3", "a_used_refresh_token_stays_or_dies_by_knob"),
    ("1.3", "the_first_version_gives_its_numbers_as_text"),
    ("1.3", "wrong_credentials_are_refused_in_entras_shape"),
    ("2", "the_answer_is_empty_unless_the_representation_is_preferred"),
    ("2", "a_put_needs_its_etag_and_may_change_what_a_patch_may"),
    ("2.1", "a_filter_on_the_change_time_gives_what_changed_since_in_order"),
    ("2.1", "pages_hold_a_hundred_and_the_continuation_survives_changes"),
    ("2.1", "what_is_no_query_is_refused"),
    ("2.2", "a_request_of_the_wrong_form_is_refused_by_its_status"),
    ("2.3", "every_answer_carries_the_services_headers"),
    ("3", "what_the_service_tolerates_is_accepted"),
    ("3.8", "every_documented_path_can_be_written"),
    ("3.8", "what_a_patch_may_not_do_is_refused_and_changes_nothing"),
    ("3.9", "the_documented_partner_led_deal_becomes_active_and_accepted_at_once"),
    ("3.9", "the_documented_second_post_creates_microsofts_referral_in_the_same_engagement"),
    ("3.9", "the_documented_inbound_referral_comes_back_as_it_was_given"),
    ("4.1", "an_inbound_referral_is_accepted_and_won_and_is_final_then"),
    ("4.1", "closing_as_error_and_winning_before_acceptance_are_knobs"),
    ("4.1", "an_unanswered_invitation_expires_in_both_directions"),
    ("4.1", "an_invitation_given_from_the_past_can_still_be_answered"),
    ("4.2", "a_referral_of_somebody_else_cannot_be_patched"),
    ("4.2", "microsofts_seller_answers_on_microsofts_referral_alone"),
    ("4.3", "an_invitation_of_microsoft_must_fit_its_engagement"),
    ("4.5", "what_a_create_must_hold_is_refused_when_missing_or_wrong"),
    ("5", "if_match_is_optional_and_honoured"),
    ("5", "too_many_calls_meet_the_gateway_and_not_the_envelope"),
    ("6.1", "one_registration_exists_and_is_replaced_by_put"),
    ("6.1", "a_test_notification_can_be_asked_for_twice_a_minute_and_reports_its_attempts"),
    ("6.2", "each_change_raises_its_event_with_the_documented_body"),
    ("6.3", "a_delivery_is_signed_under_a_chain_that_leads_to_the_trust_anchor"),
    ("6.3", "a_signer_that_must_not_be_trusted_is_not"),
    ("6.4", "a_notification_is_tried_ten_times_and_never_again"),
    ("6.4", "deliveries_are_doubled_delayed_lost_and_turned_round_by_knobs"),
    ("10", "status_and_body_of_a_create_are_knobs"),
    ("10", "a_second_referral_of_microsofts_is_possible_unless_the_knob_forbids_it"),
    ("10", "a_post_is_seen_late_in_lists_and_at_once_by_get_if_the_knob_says_so"),
    ("10", "lists_and_reads_lag_behind_if_the_knobs_say_so"),
    ("10", "microsofts_referral_is_seen_where_the_knob_says"),
    ("10", "an_unknown_knob_is_named_and_changes_nothing"),
    ("-", "no_body_patch_or_query_breaks_the_machine"),
    ("-", "the_dump_shows_every_organisation_whatever_the_knobs"),
    ("-", "what_was_sent_is_counted_and_can_be_searched"),
    ("-", "faults_happen_on_the_side_of_the_effect_they_name"),
    ("-", "a_held_effect_follows_the_release_even_after_the_clients_death"),
    ("-", "notifications_reach_a_real_listener_and_their_results_are_kept"),
];

/// Every test function below `folder`, with its file.
fn tests(folder: &Path, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // The other platform's reference has sections of its own, and an index of its own.
        if path.ends_with("conformance_salesforce") {
            continue;
        }
        if path.is_dir() {
            tests(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let mut marked = false;
            for line in text.lines() {
                let name =
                    line.split_once("fn ").and_then(|(_, rest)| rest.split_once('(')).map(|(name, _)| name);
                if let (true, Some(name)) = (marked, name) {
                    let file = path.file_stem().unwrap().to_string_lossy().into_owned();
                    found.insert(name.to_owned(), file);
                    marked = false;
                }
                marked |= line.trim() == "#[test]" || line.trim().starts_with("#[tokio::test");
            }
        }
    }
}

/// `s2_1_every_filter` is about section 2.1.
fn section_in_name(name: &str) -> Option<String> {
    let numbers: Vec<&str> =
        name.strip_prefix('s')?.split('_').take_while(|part| part.parse::<u8>().is_ok()).collect();
    (!numbers.is_empty()).then(|| numbers.join("."))
}

#[test]
fn every_section_has_its_tests_and_every_named_test_is_there() {
    let mut all = BTreeMap::new();
    tests(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it"), &mut all);
    let gone: Vec<&str> =
        SENTENCES.iter().map(|(_, name)| *name).filter(|name| !all.contains_key(*name)).collect();
    assert_eq!(gone, [""; 0], "renamed or deleted: say so in the index");
    let known: BTreeSet<&str> = SECTIONS.iter().map(|(number, _)| *number).collect();
    for (name, number) in all.keys().filter_map(|name| Some((name, section_in_name(name)?))) {
        assert!(known.contains(number.as_str()), "{name} is about section {number}, which is not listed");
    }
    for (number, name) in SENTENCES {
        assert!(known.contains(number), "{name} is about section {number}, which is not listed");
    }
    for (number, title) in SECTIONS {
        let named = all.keys().filter(|name| section_in_name(name).as_deref() == Some(number));
        let listed = SENTENCES.iter().filter(|(section, _)| *section == number);
        let about: Vec<String> = named.cloned().chain(listed.map(|(_, name)| (*name).to_owned())).collect();
        println!("{number} {title}");
        for name in &about {
            println!("    {}::{name}", all[name]);
        }
        assert!(!about.is_empty(), "section {number} ({title}) has no test");
    }
}
