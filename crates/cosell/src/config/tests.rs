//! The template is a configuration, and what is wrong in one is told.

use super::*;

const TEMPLATE: &str = include_str!("../cosell.toml");

#[test]
fn the_written_template_is_a_configuration() {
    let config: Config = toml::from_str(TEMPLATE).unwrap();
    assert_eq!(config.guard.close_grace, ten_minutes());
    assert_eq!(config.salesforce.poll_every, ten_seconds());
}

/// What a person is told of this text, by the way that every command takes.
fn refused(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cosell.toml");
    std::fs::write(&path, text).unwrap();
    Config::load(&path).unwrap_err().to_string()
}

#[test]
fn a_secret_in_the_file_is_refused_and_not_repeated() {
    let secret = "client_secret = \"env:COSELL_PC_CLIENT_SECRET\"";
    assert!(TEMPLATE.contains(secret));
    for (instead, told) in [
        ("client_secret = \"hunter2\"", "env:NAME"),
        ("client_secret = hunter2", "line "),
        ("client_secret = \"hunter2", "line "),
        ("client_secert = \"hunter2\"", "client_secert"),
        ("client_secret = { hunter2 = 1 }", "line "),
        (
            "client_secret = \"env:COSELL_PC_CLIENT_SECRET\"\ntenant_id = \"hunter2\"\ntenant_id = \"hunter2\"",
            "line ",
        ),
        ("client_secret = \"env:COSELL_PC_CLIENT_SECRET\"\npage_size = \"hunter2\"", "line "),
    ] {
        let error = refused(&TEMPLATE.replace(secret, instead));
        assert!(error.contains(told) && !error.contains("hunter2"), "{instead}: {error}");
    }
    let error = refused(&TEMPLATE.replace("brake_limit = 20", "brake_limit = \"hunter2\""));
    assert!(error.contains("a text, expected") && !error.contains("hunter2"), "{error}");
    let error =
        refused(&TEMPLATE.replace("[store]", "[store]\nurl = \"postgres://cosell:hunter2@db/cosell\""));
    assert!(error.contains("COSELL_STORE_URL") && !error.contains("hunter2"), "{error}");
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
    let error = refused(&text);
    let line = format!("line {}, column 2", TEMPLATE.lines().count() + 2);
    assert!(error.contains("gaurd") && error.contains(&line), "{error}");
}

#[test]
fn a_span_says_how_it_is_written() {
    let text = TEMPLATE.replace("close_grace = \"10min\"", "close_grace = \"soon\"");
    let error = toml::from_str::<Config>(&text).unwrap_err().to_string();
    assert!(error.contains("10s, 5min or 500ms"), "{error}");
}

#[test]
fn a_secret_never_travels_unencrypted_beyond_this_machine() {
    let with = |key: &str, address: &str| {
        let mut config: Config = toml::from_str(TEMPLATE).unwrap();
        let (portal, address) = (&mut config.partner_center, Some(address.to_owned()));
        match key {
            "token_url" => portal.token_url = address,
            "authorize_url" => portal.authorize_url = address,
            "device_code_url" => portal.device_code_url = address,
            "api_url" => portal.api_url = address,
            "webhooks_url" => portal.webhooks_url = address,
            _ => config.salesforce.login_url = address.unwrap_or_default(),
        }
        config.check()
    };
    for key in ["token_url", "authorize_url", "device_code_url", "api_url", "webhooks_url", "login_url"] {
        for fine in
            ["https://x.example/token", "http://127.0.0.1:1/token", "http://[::1]/t", "http://localhost"]
        {
            assert_eq!(with(key, fine), Ok(()), "{key} {fine}");
        }
        for wrong in ["http://x.example/token", "http://localhost.x.example", "ftp://127.0.0.1", "x.example"]
        {
            let error = with(key, wrong).unwrap_err();
            assert!(error.contains(key) && error.contains("fix: "), "{wrong}: {error}");
        }
    }
}

#[test]
fn health_is_told_beyond_this_machine_only_if_somebody_says_so() {
    let with = |listen: &str, more: &str| {
        let there = "[admin]\nlisten = \"127.0.0.1:8086\"";
        assert!(TEMPLATE.contains(there));
        let text = TEMPLATE.replace(there, &format!("[admin]\nlisten = \"{listen}\"\n{more}"));
        toml::from_str::<Config>(&text).unwrap().check()
    };
    for here in ["127.0.0.1:0", "127.8.0.1:80", "[::1]:80", "[::ffff:127.0.0.1]:80"] {
        assert_eq!(with(here, ""), Ok(()), "{here}");
    }
    for elsewhere in ["0.0.0.0:8086", "[::]:8086", "192.0.2.1:8086"] {
        let error = with(elsewhere, "").unwrap_err();
        assert!(error.contains("unencrypted\n  fix: listen = \"127.0.0.1:8086\""), "{elsewhere}: {error}");
        assert_eq!(with(elsewhere, "beyond_this_machine = true"), Ok(()), "{elsewhere}");
    }
}

#[test]
fn times_that_would_renew_too_late_or_ask_without_rest_are_refused_with_the_cure() {
    let with = |change: fn(&mut Config)| {
        let mut config: Config = toml::from_str(TEMPLATE).unwrap();
        change(&mut config);
        config.check()
    };
    assert_eq!(with(|_| ()), Ok(()));
    for wrong in [
        with(|config| config.connections.renew_after = Span::days(76)),
        with(|config| config.connections.warn_before = Span::days(90)),
        with(|config| config.connections.check_every = Span(Duration::from_secs(9))),
        with(|config| config.connections.check_every = Span(Duration::ZERO)),
    ] {
        let error = wrong.unwrap_err();
        assert!(error.contains("[connections]") && error.contains("fix: "), "{error}");
    }
    let text = format!("{TEMPLATE}\n[webhook]\nlisten = \"127.0.0.1:0\"\ncheck_every = \"1s\"\n");
    let mut config: Config = toml::from_str(&text).unwrap();
    let error = config.check().unwrap_err();
    assert!(error.contains("[webhook] check_every") && error.contains("\"10s\" or more"), "{error}");
    config.partner_center.webhooks_url = Some("http://127.0.0.1:1/webhooks/v1".to_owned());
    config.check().unwrap_err();
    config.partner_center.api_url = Some("http://127.0.0.1:1/v1.0/engagements".to_owned());
    assert_eq!(config.check(), Ok(()), "the sandbox may be asked often");
}

#[test]
fn what_is_given_decides_how_salesforce_is_logged_in_to_and_contradictions_are_told_with_the_cure() {
    let key = "username = \"cosell@example.com\"\nprivate_key = \"file:salesforce.key\"\n";
    let with = |given: &str| toml::from_str::<Config>(&TEMPLATE.replace(key, given)).unwrap();
    let secret = "client_secret = \"env:S\"\n";
    let my_domain = |given: &str| {
        let text = TEMPLATE.replace(
            "login_url = \"https://login.salesforce.com\"",
            "login_url = \"https://acme.my.salesforce.com\"",
        );
        toml::from_str::<Config>(&text.replace(key, given)).unwrap()
    };
    for (config, flow) in [
        (with(key), SalesforceFlow::Jwt),
        (my_domain(secret), SalesforceFlow::ClientCredentials),
        (with(""), SalesforceFlow::Login),
        (with(&format!("{secret}flow = \"login\"\n")), SalesforceFlow::Login),
        (with(&format!("{key}certificate = \"file:c.pem\"\n")), SalesforceFlow::Jwt),
    ] {
        assert_eq!((config.salesforce.flow(), config.check()), (flow, Ok(())));
    }
    for (config, says) in [
        (with(&format!("{key}{secret}")), "not both"),
        (with(secret), "YOURDOMAIN.my.salesforce.com"),
        (my_domain(&format!("{secret}username = \"u\"\n")), "Run As"),
        (with("private_key = \"file:k\"\n"), "username = "),
        (with("flow = \"jwt\"\n"), "private_key = "),
        (with("flow = \"client_credentials\"\n"), "client_secret = "),
        (with(&format!("{key}flow = \"login\"\n")), "leave private_key out"),
        (with("certificate = \"file:c.pem\"\n"), "private_key = "),
    ] {
        let error = config.check().unwrap_err();
        assert!(error.contains("[salesforce]") && error.contains("fix: ") && error.contains(says), "{error}");
    }
}

#[test]
fn the_bounds_of_the_allowance_rise_and_leave_something_for_guards() {
    let with = |bounds: &str| {
        let text = TEMPLATE
            .replace("{ background = 70, reports = 80, others = 95, look_again = \"10min\" }", bounds);
        toml::from_str::<Config>(&text).unwrap().check()
    };
    assert_eq!(with("{ background = 50 }"), Ok(()));
    assert_eq!(with("{ background = 90, reports = 90, others = 99 }"), Ok(()));
    for wrong in [
        "{ others = 100 }",
        "{ background = 85 }",
        "{ background = 0 }",
        "{ reports = 96 }",
        "{ look_again = \"0s\" }",
    ] {
        let error = with(wrong).unwrap_err();
        assert!(error.contains("allowance") && error.contains("fix: "), "{wrong}: {error}");
    }
}

#[test]
fn an_empty_secret_is_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("empty"), " \n").unwrap();
    let text = TEMPLATE.replace("env:COSELL_PC_CLIENT_SECRET", "file:empty");
    let config: Config = toml::from_str(&text).unwrap();
    let error = config.partner_center.client_secret.unwrap().read(folder.path()).unwrap_err().to_string();
    assert!(error.contains("it is empty") && error.contains("fix: "), "{error}");
}

#[test]
fn the_caller_id_goes_with_every_call_and_fits_a_header() {
    let with = |id: &str| {
        let key = format!("caller_id = {id}");
        toml::from_str::<Config>(&TEMPLATE.replace("#caller_id = \"cosell\"", &key))
    };
    let client = crate::wiring::portal_client_config(&with("\"cosell\"").unwrap());
    assert_eq!(client.caller_id.as_deref(), Some("cosell"));
    for wrong in ["\"two\\nlines\"", "\"\""] {
        let error = with(wrong).unwrap_err().to_string();
        assert!(error.contains("line") && error.contains("sent as a header"), "{error}");
    }
}
