//! What single keys cannot say about themselves: which values are sane, and which only together.

use std::time::Duration;

use url::Url;

use super::{Config, is_this_machine};

/// The shortest wait between two looks at a platform that others use too.
const LEAST_CHECK_EVERY: Duration = Duration::from_secs(10);
/// The shortest wait where the platform is a rehearsal's.
const LEAST_CHECK_EVERY_HERE: Duration = Duration::from_millis(100);

impl Config {
    /// What is wrong with the values, and how to mend it.
    pub(super) fn check(&self) -> Result<(), String> {
        self.check_addresses()?;
        self.check_admin()?;
        self.store.check()?;
        self.retention.check()?;
        self.salesforce.check_login()?;
        self.salesforce.check_allowance()?;
        self.verify.check()?;
        self.check_times()
    }

    /// Secrets and tokens travel to these addresses: encrypted, unless they stay on this machine.
    fn check_addresses(&self) -> Result<(), String> {
        let portal = &self.partner_center;
        let portal_addresses = [
            ("token_url", &portal.token_url),
            ("authorize_url", &portal.authorize_url),
            ("device_code_url", &portal.device_code_url),
            ("api_url", &portal.api_url),
            ("webhooks_url", &portal.webhooks_url),
        ];
        let portal = portal_addresses
            .into_iter()
            .filter_map(|(key, address)| Some(("partner_center", key, address.as_deref()?)));
        let crm = [("salesforce", "login_url", self.salesforce.login_url.as_str())];
        for (section, key, address) in portal.chain(crm) {
            let fix = format!("  fix: {key} = \"https://...\"; http is for addresses of this machine alone");
            let url = Url::parse(address)
                .map_err(|error| format!("[{section}] {key} is not an address: {error}\n{fix}"))?;
            if url.scheme() != "https" && !(url.scheme() == "http" && is_this_machine(&url)) {
                return Err(format!("[{section}] {key} would send secrets unencrypted\n{fix}"));
            }
        }
        let events = &self.salesforce.events;
        let fix = "  fix: endpoint = \"https://api.pubsub.salesforce.com:7443\"";
        match Url::parse(&events.endpoint) {
            Ok(url) if url.scheme() == "https" => Ok(()),
            Ok(_) => Err(format!("[salesforce.events] endpoint takes https\n{fix}")),
            Err(error) => Err(format!("[salesforce.events] endpoint is not an address: {error}\n{fix}")),
        }
    }

    /// The admin listener asks nobody who it is.
    fn check_admin(&self) -> Result<(), String> {
        match &self.admin {
            Some(admin) if !admin.listen.ip().to_canonical().is_loopback() && !admin.beyond_this_machine => {
                Err(format!(
                    "[admin] listen = \"{}\" is reached from other machines, and tells whoever asks how the service \
                     stands, unencrypted\n  fix: listen = \"127.0.0.1:{}\"; or beyond_this_machine = true, where \
                     nobody but operators and probes gets there",
                    admin.listen,
                    admin.listen.port()
                ))
            }
            _ => Ok(()),
        }
    }

    fn check_times(&self) -> Result<(), String> {
        let times = &self.connections;
        let latest = times.refresh_token_lifetime.0.saturating_sub(times.warn_before.0);
        if times.renew_after.0 >= latest {
            let wrong = "[connections] renew_after is not before refresh_token_lifetime - warn_before: a sign-in \
                         would be renewed only when it is too late\n  fix: renew_after = \"7d\", \
                         refresh_token_lifetime = \"90d\", warn_before = \"14d\"";
            return Err(wrong.to_owned());
        }
        let is_real = self.is_real_portal() || self.registers_at_real_portal();
        let webhook = self.webhook.as_ref().map(|webhook| ("webhook", webhook.check_every));
        for (section, every) in [("connections", times.check_every)].into_iter().chain(webhook) {
            let least = if is_real { LEAST_CHECK_EVERY } else { LEAST_CHECK_EVERY_HERE };
            if every.0 < least {
                return Err(format!(
                    "[{section}] check_every is shorter than {least:?}\n  fix: check_every = \"{least:?}\" or more"
                ));
            }
        }
        Ok(())
    }
}
