//! Which addresses lead to the real Partner Center, where a rehearsal has no business.

use url::{Host, Url};

use super::Config;

impl Config {
    /// Whether the referrals are the real portal's.
    pub(crate) fn is_real_portal(&self) -> bool {
        is_real(self.partner_center.api_url.as_deref())
    }

    /// Whether the webhook registration is the real portal's.
    pub(crate) fn registers_at_real_portal(&self) -> bool {
        is_real(self.partner_center.webhooks_url.as_deref())
    }

    /// Whether the flows of this configuration would write to the real portal.
    pub(crate) fn writes_to_real_portal(&self) -> bool {
        let switches = &self.switches;
        self.is_real_portal()
            && (switches.create_referrals || switches.update_referrals || switches.solutions)
    }
}

/// Whether an address, Microsoft's if there is none, may lead to the real portal. Plain http, or this machine, is a
/// rehearsal's; behind anything else the real one may stand, whatever its name.
fn is_real(address: Option<&str>) -> bool {
    let Some(address) = address else { return true };
    Url::parse(address).map_or(true, |url| url.scheme() == "https" && !is_this_machine(&url))
}

/// Whether the address names the machine it is used on.
pub(crate) fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_not_plainly_a_rehearsal_is_the_real_portal() {
        let mut config: Config = toml::from_str(include_str!("../cosell.toml")).unwrap();
        for (address, real) in [
            (None, true),
            (Some("https://api.partner.microsoft.com/v1.0/engagements"), true),
            (Some("https://API.Partner.Microsoft.com/v1.0/engagements"), true),
            (Some("https://proxy.example.com/v1.0/engagements"), true),
            (Some("nonsense"), true),
            (Some("http://127.0.0.1:9/v1.0/engagements"), false),
            (Some("http://sandbox:9/v1.0/engagements"), false),
            (Some("https://localhost:9/v1.0/engagements"), false),
        ] {
            config.partner_center.api_url = address.map(str::to_owned);
            config.partner_center.webhooks_url = address.map(str::to_owned);
            assert_eq!(config.writes_to_real_portal(), real, "{address:?}");
            assert_eq!(config.registers_at_real_portal(), real, "{address:?}");
        }
    }
}
