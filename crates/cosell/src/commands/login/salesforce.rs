//! `cosell login salesforce`: a person signs in once, by the authorization code with PKCE.

use std::{process::ExitCode, sync::Arc};

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use ports::{Clock, Rng, SystemClock, SystemRng};
use salesforce::{Client, LoginConfig, SignIn, SignInError, SignedIn};
use serde_json::json;
use service::{SalesforceProbe, outbound};

use super::{
    browser::{PATIENCE, has_display, sent},
    loopback::{Asker, Loopback},
    require_seal_key, tried,
};
use crate::{
    config::{Loaded, SalesforceFlow},
    output::{self, Format},
    salesforce_login::salesforce_config,
    wiring::{Access, budget, open_store_beside},
};

/// Who waits for the browser.
const ASKER: Asker =
    Asker { section: "salesforce", example: "http://localhost:8087/salesforce", otherwise: "" };

#[derive(Debug, Args)]
pub(crate) struct SalesforceLogin {
    /// Print the browser's address instead of opening it.
    #[arg(long)]
    no_open: bool,
}

impl SalesforceLogin {
    pub(super) async fn run(self, loaded: Loaded, format: Format) -> anyhow::Result<ExitCode> {
        let config = &loaded.config.salesforce;
        if config.flow() != SalesforceFlow::Login {
            let given = if config.private_key.is_some() { "private_key" } else { "client_secret" };
            bail!(
                "nobody needs to sign in: [salesforce] has a {given}\n  fix: try it with `cosell connections --test`, or \
                 leave {given} out to sign in as a person (flow = \"login\" if the app requires its secret)"
            );
        }
        require_seal_key(&loaded)?;
        let store = open_store_beside(&loaded)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let rng: Arc<dyn Rng> = Arc::new(SystemRng);
        let http = outbound(Arc::clone(&clock)).context("cannot set up TLS")?;
        let client_config = salesforce_config(&loaded, &store)?;
        let person = SignIn::new(http.clone(), Arc::clone(&clock), client_config.clone())?;

        let loopback = Loopback::bind(ASKER, &config.login_redirect).await?;
        let authorization = person
            .authorization(loopback.redirect(), config.username.as_deref())
            .map_err(|error| failed(&error))?;
        sent(authorization.address.as_str(), !self.no_open && has_display(), format)?;
        let Some(query) = loopback.answer(authorization.state().clone(), PATIENCE).await? else {
            bail!(
                "nobody is signed in: the browser did not come back within {} minutes\n  fix: let {} be a callback \
                 URL of the app, letter by letter, and run it again",
                PATIENCE.as_secs() / 60,
                config.login_redirect
            );
        };
        let signed_in = person.redeem(authorization, &query).await.map_err(|error| failed(&error))?;
        same_org_and_user(&loaded, client_config.org_id, &signed_in)?;
        let SignedIn { refresh_token, org_id, username, .. } = signed_in;
        store.sign_in(LoginConfig::STORE_NAME, refresh_token, username.clone()).await?;
        match format {
            Format::Json => output::json(&json!({
                "step": "signed_in", "account": username, "org_id": org_id.to_string(),
            }))?,
            Format::Text => {
                output::line(format!(
                    "signed in   {}",
                    username.as_deref().unwrap_or("(the org named nobody)")
                ));
                output::line(format!("org         {org_id}"));
                output::line("kept        sealed in the store; a running service takes it up by itself");
                output::line("ends        as the app's refresh token policy says");
            }
        }
        // Only what was stored proves that the service will find it.
        let budget = Arc::new(budget(&loaded.config, Access::Look, &clock, &store));
        let client = Client::new(http, Arc::clone(&clock), rng, budget, client_config)?;
        let works = tried(&SalesforceProbe(client), &*store, &*clock, format).await?;
        Ok(if works { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// A sign-in of another org, or of another user than the configured one, must not come into this store.
fn same_org_and_user(
    loaded: &Loaded,
    bound: Option<salesforce::OrgId>,
    signed_in: &SignedIn,
) -> anyhow::Result<()> {
    if let Some(org) = bound.filter(|org| *org != signed_in.org_id) {
        bail!(
            "this is a sign-in to org {}, and the store belongs to org {org}; nothing was kept\n  fix: sign in to \
             that org, or let [store] path name a store of its own",
            signed_in.org_id
        );
    }
    match (&loaded.config.salesforce.username, &signed_in.username) {
        (Some(wanted), Some(found)) if !wanted.eq_ignore_ascii_case(found) => bail!(
            "this is a sign-in of {found}, and [salesforce] username is {wanted}; nothing was kept\n  fix: sign in as \
             {wanted}, or correct username, or leave it out"
        ),
        _ => Ok(()),
    }
}

fn failed(error: &SignInError) -> anyhow::Error {
    anyhow!("nobody is signed in: {error}\n  fix: {}", error.next_step())
}
