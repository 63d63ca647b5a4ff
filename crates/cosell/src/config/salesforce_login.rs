//! Which way of logging in to Salesforce a configuration means, and what contradicts it.

use std::{ops::RangeInclusive, time::Duration};

use url::Url;

use super::{SalesforceConfig, SalesforceFlow};

/// How often one call may find out how much of the day's calls is free again: they count against it themselves.
const LOOK_AGAIN: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(1);

/// Hosts that grant no client credentials (salesforce reference, section 1.4).
const LOGIN_HOSTS: [&str; 2] = ["login.salesforce.com", "test.salesforce.com"];

impl SalesforceConfig {
    /// The flow that is named, or the one that fits what is given.
    pub(crate) fn flow(&self) -> SalesforceFlow {
        self.flow.unwrap_or(match (&self.private_key, &self.client_secret) {
            (Some(_), _) => SalesforceFlow::Jwt,
            (None, Some(_)) => SalesforceFlow::ClientCredentials,
            (None, None) => SalesforceFlow::Login,
        })
    }

    /// What is wrong with the login, and how to mend it.
    pub(super) fn check_login(&self) -> Result<(), String> {
        let wrong = |what: &str, fix: &str| Err(format!("[salesforce] {what}\n  fix: {fix}"));
        if self.flow.is_none() && self.private_key.is_some() && self.client_secret.is_some() {
            return wrong(
                "has a private_key and a client_secret, which are two ways to log in",
                "keep private_key (JWT bearer), or client_secret (client credentials), not both",
            );
        }
        match self.flow() {
            SalesforceFlow::Jwt => {
                if self.private_key.is_none() {
                    return wrong(
                        "flow \"jwt\" has no private_key to sign with",
                        "private_key = \"file:salesforce.key\", whose certificate is uploaded in the app",
                    );
                }
                if self.username.is_none() {
                    return wrong(
                        "has a private_key and no username to log in as",
                        "username = \"cosell@example.com\", the integration user's name",
                    );
                }
            }
            SalesforceFlow::ClientCredentials => {
                if self.client_secret.is_none() {
                    return wrong(
                        "flow \"client_credentials\" has no client_secret",
                        "client_secret = \"env:COSELL_SF_CLIENT_SECRET\", the app's consumer secret",
                    );
                }
                let is_login_host =
                    |url: &Url| url.host_str().is_some_and(|host| LOGIN_HOSTS.contains(&host));
                if Url::parse(&self.login_url).is_ok_and(|url| is_login_host(&url)) {
                    return wrong(
                        "login_url is a login host, and client credentials are granted on the My Domain host alone",
                        "login_url = \"https://YOURDOMAIN.my.salesforce.com\" (Setup, My Domain)",
                    );
                }
                if self.username.is_some() {
                    return wrong(
                        "has a username, and with client credentials the app's policy names the user",
                        "leave username out, and choose the Run As user in the app's policies",
                    );
                }
            }
            SalesforceFlow::Login => {
                if self.private_key.is_some() {
                    return wrong(
                        "flow \"login\" has a private_key, which nobody needs",
                        "leave private_key out, or flow",
                    );
                }
            }
        }
        if self.certificate.is_some() && self.private_key.is_none() {
            return wrong("has a certificate without its key", "private_key = \"file:salesforce.key\"");
        }
        Ok(())
    }

    /// What is wrong with the allowance's bounds, and how to mend it.
    pub(super) fn check_allowance(&self) -> Result<(), String> {
        let bounds = &self.allowance;
        let rises = 1 <= bounds.background
            && bounds.background <= bounds.reports
            && bounds.reports <= bounds.others
            && bounds.others <= 99;
        if !rises {
            return Err(
                "[salesforce] allowance does not rise from 1 to 99: background, reports, others\n  fix: \
                        allowance = { background = 70, reports = 80, others = 95 }"
                    .to_owned(),
            );
        }
        if !LOOK_AGAIN.contains(&bounds.look_again.0) {
            return Err(
                "[salesforce] allowance: look_again is not from a second to an hour\n  fix: look_again = \
                        \"10min\""
                    .to_owned(),
            );
        }
        Ok(())
    }
}
