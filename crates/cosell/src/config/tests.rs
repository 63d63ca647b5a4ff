//! The template is a configuration, and what is wrong in one is told.

use super::*;

const TEMPLATE: &str = include_str!("../cosell.toml");

#[test]
fn the_written_template_is_a_configuration() {
    let config: Config = toml::from_str(TEMPLATE).unwrap();
    assert_eq!(config.guard.close_grace, ten_minutes());
    assert_eq!(config.salesforce.poll_every, ten_seconds());
}

#[test]
fn a_secret_in_the_file_is_refused_and_not_repeated() {
    let text = TEMPLATE.replace("env:COSELL_PC_CLIENT_SECRET", "hunter2");
    let error = toml::from_str::<Config>(&text).unwrap_err().message().to_owned();
    assert!(error.contains("env:NAME"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn a_configuration_without_an_address_writes_to_the_real_portal_until_its_flows_are_off() {
    let mut config: Config = toml::from_str(TEMPLATE).unwrap();
    assert!(config.writes_to_real_portal());
    config.partner_center.api_url = Some("http://127.0.0.1:1/v1.0/engagements".to_owned());
    assert!(!config.writes_to_real_portal());
    config.partner_center.api_url = None;
    config.switches.create_referrals = false;
    config.switches.update_referrals = false;
    config.switches.solutions = false;
    assert!(!config.writes_to_real_portal());
}

#[test]
fn the_warnings_of_an_expiry_are_written_in_days() {
    let config: Config = toml::from_str(TEMPLATE).unwrap();
    assert_eq!(config.guard.expiry_warnings, [Span::days(4), Span::days(1)]);
    let text = TEMPLATE.replace("[\"4d\", \"1d\"]", "[\"36h\", \"99999999999d\"]");
    let error = toml::from_str::<Config>(&text).unwrap_err().to_string();
    assert!(error.contains("not a length of time"), "{error}");
}

#[test]
fn an_unknown_key_names_its_line() {
    let text = format!("{TEMPLATE}\n[gaurd]\nclose_grace = \"1s\"\n");
    let error = toml::from_str::<Config>(&text).unwrap_err().to_string();
    assert!(error.contains("gaurd") && error.contains("line"), "{error}");
}

#[test]
fn a_span_says_how_it_is_written() {
    let text = TEMPLATE.replace("close_grace = \"10min\"", "close_grace = \"soon\"");
    let error = toml::from_str::<Config>(&text).unwrap_err().to_string();
    assert!(error.contains("10s, 5min or 500ms"), "{error}");
}
