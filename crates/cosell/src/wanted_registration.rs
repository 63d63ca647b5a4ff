//! The webhook registration that the configuration asks for.

use std::net::IpAddr;

use anyhow::{anyhow, bail};
use partner_center::{REFERRAL_EVENTS, RegistrationRequest, TEST_EVENT};
use service::RECEIVER_PATH;
use url::{Host, Url};

use crate::config::{Config, is_this_machine};

/// How `[webhook] public_url` is written.
const EXAMPLE: &str = "public_url = \"https://cosell.example.com\", the address under which the internet \
                       reaches [webhook] listen";

/// The registration that the configuration asks for; nothing, if it names no public address.
pub(crate) fn wanted(config: &Config) -> anyhow::Result<Option<RegistrationRequest>> {
    let Some(webhook) = &config.webhook else { return Ok(None) };
    let Some(text) = &webhook.public_url else { return Ok(None) };
    let url = public_url(text, config.registers_at_real_portal())
        .map_err(|reason| anyhow!("[webhook] public_url cannot be registered: {reason}\n  fix: {EXAMPLE}"))?;
    let events = match &webhook.events {
        Some(events) if events.is_empty() => {
            bail!("[webhook] events is empty\n  fix: leave the key out to be told of all referrals")
        }
        Some(events) => events.clone(),
        None => REFERRAL_EVENTS.iter().chain([&TEST_EVENT]).map(ToString::to_string).collect(),
    };
    Ok(Some(RegistrationRequest { url, events, signature_in_ms_header: webhook.signature_in_ms_header }))
}

/// The same, for whom there is no going on without it.
pub(crate) fn demanded(config: &Config) -> anyhow::Result<RegistrationRequest> {
    if config.webhook.is_none() {
        bail!(
            "the service listens for no events: there is no section [webhook]\n  fix: add it with listen and {EXAMPLE}"
        );
    }
    wanted(config)?.ok_or_else(|| {
        anyhow!("[webhook] public_url is not set: Partner Center must be told where to send events\n  fix: {EXAMPLE}")
    })
}

fn public_url(text: &str, real_portal: bool) -> Result<Url, String> {
    let mut url = Url::parse(text).map_err(|error| format!("\"{text}\" is no address ({error})"))?;
    let plain = url.username().is_empty() && url.password().is_none();
    if !plain || url.query().is_some() || url.fragment().is_some() {
        return Err("it must not have a user, a password, a query or a fragment".to_owned());
    }
    if url.path() == "/" {
        url.set_path(RECEIVER_PATH);
    }
    match url.scheme() {
        "https" if real_portal && is_out_of_reach(&url) => {
            Err("the internet cannot reach this machine by it".to_owned())
        }
        "https" => Ok(url),
        "http" if !real_portal && is_this_machine(&url) => Ok(url),
        "http" => Err("events are sent over https only; plain http is for a local sandbox".to_owned()),
        other => Err(format!("its scheme is {other}, not https")),
    }
}

/// Whether nobody outside could be meant.
fn is_out_of_reach(url: &Url) -> bool {
    let inner = |address: IpAddr| match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_link_local() || v4.is_unspecified(),
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_unspecified(),
    };
    is_this_machine(url)
        || match url.host() {
            Some(Host::Domain(name)) => !name.contains('.') || name.rsplit('.').next() == Some("local"),
            Some(Host::Ipv4(address)) => inner(address.into()),
            Some(Host::Ipv6(address)) => inner(address.into()),
            None => true,
        }
}

#[cfg(test)]
mod tests {
    use partner_center::webhook::VerifierConfig;

    use super::*;

    #[test]
    fn a_public_address_is_https_and_reachable_unless_the_portal_is_local() {
        let table = [
            ("https://cosell.example.com", true, Some("https://cosell.example.com/webhooks/partner-center")),
            ("https://cosell.example.com/hooks/pc", true, Some("https://cosell.example.com/hooks/pc")),
            ("https://203.0.113.7:8443/x", true, Some("https://203.0.113.7:8443/x")),
            ("http://cosell.example.com", true, None),
            ("http://127.0.0.1:8085", true, None),
            ("https://localhost/x", true, None),
            ("https://10.1.2.3/x", true, None),
            ("https://[fd00::1]/x", true, None),
            ("https://cosell/x", true, None),
            ("https://me@cosell.example.com/x", true, None),
            ("https://cosell.example.com/x?key=1", true, None),
            ("ftp://cosell.example.com/x", true, None),
            ("cosell.example.com", true, None),
            ("http://127.0.0.1:8085", false, Some("http://127.0.0.1:8085/webhooks/partner-center")),
            ("http://localhost:8085/x", false, Some("http://localhost:8085/x")),
            ("http://cosell.example.com", false, None),
        ];
        for (text, real, expected) in table {
            let read = public_url(text, real);
            assert_eq!(read.as_ref().ok().map(Url::as_str), expected, "{text}: {read:?}");
        }
    }

    #[test]
    fn the_section_that_is_commented_out_in_the_template_says_the_defaults() {
        let template = include_str!("cosell.toml");
        let section = &template[template.find("#[webhook]").unwrap()..];
        let section = &section[..section.find("# Health").unwrap()];
        // A comment begins with one blank; a setting with none, and its further lines with four.
        let settings = section.lines().filter_map(|line| {
            let line = line.strip_prefix('#')?;
            (!line.starts_with(' ') || line.starts_with("    ")).then_some(line)
        });
        let uncommented = settings.collect::<Vec<_>>().join("\n");
        let config: Config = toml::from_str(&format!("{template}\n{uncommented}")).unwrap();
        let without: Config = toml::from_str(&format!(
            "{template}\n[webhook]\nlisten = \"127.0.0.1:8085\"\npublic_url = \"https://cosell.example.com\""
        ))
        .unwrap();
        assert_eq!(wanted(&config).unwrap(), wanted(&without).unwrap());
        let (said, silent) = (config.webhook.unwrap(), without.webhook.unwrap());
        assert_eq!(said.check_every, silent.check_every);
        assert_eq!(said.dangerous_register_from_sandbox_org, silent.dangerous_register_from_sandbox_org);
        let verifier = VerifierConfig::new(Vec::new());
        assert_eq!(said.certificate_url_prefixes, Some(verifier.certificate_url_prefixes));
        assert_eq!(said.issuer_url_prefixes, Some(verifier.issuer_url_prefixes));
        assert_eq!(said.issuer_organization, Some(verifier.issuer_organization));
        assert_eq!(said.signer_common_name, Some(verifier.subject_common_name));
    }
}
