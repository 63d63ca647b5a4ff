//! `cosell login`: a person signs in once, and every connection that rests on it is tried.

mod browser;
mod loopback;
mod salesforce;

use std::{path::Path, process::ExitCode, sync::Arc};

use anyhow::{Context as _, anyhow, bail};
use browser::{PATIENCE, has_display, sent};
use clap::{Args, Subcommand};
use loopback::{Asker, Loopback};
use partner_center::{SignIn, SignInError, SignedIn, TokenConfig};
use ports::{Clock, Rng, SystemClock, SystemRng, TokenStore};
use serde_json::{Value, json};
use service::{Probe, Seen, outbound};
use store::Database;

use crate::{
    config::{Config, Loaded},
    output::{self, Format},
    sign_in::{sign_in, token_config},
    wiring::{Access, budget, open_store_beside, portal_client_config, portal_probes},
};

/// Who waits for the browser.
const ASKER: Asker =
    Asker { section: "partner_center", example: "http://127.0.0.1", otherwise: ", or use --device-code" };

/// Signs in, once, for everything that needs it.
#[derive(Debug, Args)]
pub(crate) struct Login {
    #[command(subcommand)]
    platform: Platform,
}

#[derive(Debug, Subcommand)]
enum Platform {
    /// Signs in to Partner Center as the user that Cosell works as: a Referrals
    /// admin of the whole company.
    ///
    /// In a browser on this machine if there is a display, else by a code that
    /// is entered on any device. The sign-in is kept, sealed, in the store; a
    /// running service takes it up by itself. Exit status 0 only if referrals
    /// and, with `[webhook]`, webhooks answered.
    PartnerCenter(PartnerCenter),
    /// Signs in to Salesforce as the user that Cosell works as, for a
    /// configuration with neither a private key nor client credentials.
    ///
    /// In a browser on this machine, which comes back to login_redirect; the
    /// address is printed and can be opened by hand. The sign-in is kept, sealed,
    /// in the store; a running service takes it up by itself. Exit status 0 only
    /// if the org answered.
    Salesforce(salesforce::SalesforceLogin),
}

#[derive(Debug, Args)]
struct PartnerCenter {
    /// Show a code to be entered on any device.
    #[arg(long, conflicts_with_all = ["browser", "no_open"])]
    device_code: bool,
    /// Sign in in a browser that comes back to this machine.
    #[arg(long)]
    browser: bool,
    /// Print the browser's address instead of opening it.
    #[arg(long)]
    no_open: bool,
}

impl Login {
    pub(crate) async fn run(self, config: &Path, format: Format) -> anyhow::Result<ExitCode> {
        let loaded = Config::load(config)?;
        match self.platform {
            Platform::PartnerCenter(way) => way.run(loaded, format).await,
            Platform::Salesforce(way) => way.run(loaded, format).await,
        }
    }
}

impl PartnerCenter {
    async fn run(self, loaded: Loaded, format: Format) -> anyhow::Result<ExitCode> {
        require_seal_key(&loaded)?;
        let store = open_store_beside(&loaded)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let rng: Arc<dyn Rng> = Arc::new(SystemRng);
        let http = outbound(Arc::clone(&clock)).context("cannot set up TLS")?;
        let facts = store.facts(TokenConfig::STORE_NAME).await?;
        let challenge = facts.as_ref().and_then(|facts| facts.challenge.as_deref());
        let person = sign_in(&loaded, http.clone(), Arc::clone(&clock), Arc::clone(&rng), challenge)?;

        let by_browser = self.browser || self.no_open || (!self.device_code && has_display());
        let signed_in = if by_browser {
            by_browser_on_this_machine(&person, &loaded, !self.no_open, format).await?
        } else {
            by_device_code(&person, format).await?
        };
        same_tenant(&loaded, &signed_in)?;
        let SignedIn { refresh_token, account, .. } = signed_in;
        store.sign_in(TokenConfig::STORE_NAME, refresh_token, account.clone()).await?;
        let kept = store.facts(TokenConfig::STORE_NAME).await?.context("the sign-in was not kept")?;
        let times = loaded.config.connections.times();

        let ends = times.end(&kept).strftime("%Y-%m-%d").to_string();
        let tenant = &loaded.config.partner_center.tenant_id;
        match format {
            Format::Json => output::json(&json!({
                "step": "signed_in", "account": account, "tenant": tenant, "renew_before": ends,
            }))?,
            Format::Text => {
                output::line(format!(
                    "signed in   {}",
                    account.as_deref().unwrap_or("(the platform named nobody)")
                ));
                output::line(format!("tenant      {tenant}"));
                output::line("kept        sealed in the store; a running service takes it up by itself");
                output::line(format!(
                    "ends        {ends}, unless it is renewed: the service does so by itself"
                ));
            }
        }
        // Only what was stored proves that the service will find it.
        let mut token = token_config(&loaded)?;
        token.seed = None;
        let tokens = partner_center::TokenSource::new(
            http.clone(),
            Arc::clone(&store) as Arc<dyn TokenStore>,
            Arc::clone(&clock),
            Arc::clone(&rng),
            token,
        );
        let client = partner_center::Client::new(
            http,
            Arc::new(tokens),
            Arc::clone(&clock),
            rng,
            Arc::new(budget(&loaded.config, Access::Look, &clock, &store)),
            portal_client_config(&loaded.config),
        );
        let mut all_work = true;
        for probe in portal_probes(&loaded.config, &client) {
            all_work &= tried(&*probe, &*store, &*clock, format).await?;
        }
        if loaded.config.webhook.is_none() {
            tell_unused(format)?;
        }
        Ok(if all_work { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// A sign-in is never kept in the clear.
fn require_seal_key(loaded: &Loaded) -> anyhow::Result<()> {
    if loaded.config.store.seal_key.is_none() {
        bail!(
            "the sign-in is kept sealed, and [store] has no seal_key\n  fix: seal_key = \
             \"env:COSELL_SEAL_KEY\", with 32 random bytes in base64 in that variable (openssl rand -base64 32)"
        );
    }
    Ok(())
}

/// Says that nobody needs the webhooks' connection here.
fn tell_unused(format: Format) -> anyhow::Result<()> {
    let name = "Partner Center webhooks";
    match format {
        Format::Json => output::json(&json!({ "step": "not_used", "connection": name }))?,
        Format::Text => output::line(format!("{name:<24}  not used: there is no [webhook]")),
    }
    Ok(())
}

/// Tries one connection and says what it saw; whether it works.
async fn tried(
    probe: &dyn Probe,
    store: &dyn Database,
    clock: &dyn Clock,
    format: Format,
) -> anyhow::Result<bool> {
    let seen = probe.probe().await;
    let works = matches!(seen, Seen::Works(_));
    if let Seen::Works(saw) = &seen {
        store.connection_worked(probe.key(), clock.now(), saw).await?;
    }
    match format {
        Format::Json => {
            let mut told = seen_as_json(&seen);
            told["step"] = "tried".into();
            told["connection"] = probe.name().into();
            output::json(&told)?;
        }
        Format::Text => {
            let state = if works { "works" } else { "does not work" };
            output::line(format!("{:<24}  {state}", probe.name()));
            for line in seen_as_lines(&seen) {
                output::labelled("", &line);
            }
        }
    }
    Ok(works)
}

/// What a try saw, for a person.
pub(super) fn seen_as_lines(seen: &Seen) -> Vec<String> {
    match seen {
        Seen::Works(what) => vec![what.clone()],
        Seen::NeedsPerson(sentence, next) => vec![sentence.clone(), format!("next: {next}")],
        Seen::NotNow(reason) => vec![reason.clone(), "next: try again in a while".to_owned()],
    }
}

/// What a try saw, for a program.
pub(super) fn seen_as_json(seen: &Seen) -> Value {
    match seen {
        Seen::Works(what) => json!({ "works": true, "saw": what }),
        Seen::NeedsPerson(sentence, next) => {
            json!({ "works": false, "problem": sentence, "next_step": next })
        }
        Seen::NotNow(reason) => {
            json!({ "works": false, "problem": reason, "next_step": "Try again in a while." })
        }
    }
}

/// A sign-in of another company must not come into this store.
fn same_tenant(loaded: &Loaded, signed_in: &SignedIn) -> anyhow::Result<()> {
    let wanted = &loaded.config.partner_center.tenant_id;
    let is_guid = wanted.len() == 36 && wanted.matches('-').count() == 4;
    match &signed_in.tenant {
        Some(tenant) if is_guid && !tenant.eq_ignore_ascii_case(wanted) => bail!(
            "this is a sign-in of tenant {tenant}, and [partner_center] tenant_id is {wanted}; nothing was kept\n  \
             fix: sign in as a user of the configured tenant, or correct tenant_id"
        ),
        _ => Ok(()),
    }
}

fn failed(error: &SignInError) -> anyhow::Error {
    anyhow!("nobody is signed in: {error}\n  fix: {}", error.next_step())
}

async fn by_device_code(person: &SignIn, format: Format) -> anyhow::Result<SignedIn> {
    let code = person.device_code().await.map_err(|error| failed(&error))?;
    match format {
        Format::Json => output::json(&json!({
            "step": "device_code", "user_code": code.user_code, "address": code.address,
            "expires": code.expires,
        }))?,
        Format::Text => {
            output::line("On any device, open");
            output::line(format!("    {}", code.address));
            output::line("sign in as the user that Cosell is to work as, and enter the code");
            output::line(format!("    {}", code.user_code));
            output::line(format!("before {}.", code.expires.strftime("%H:%M UTC")));
        }
    }
    person.answered(&code).await.map_err(|error| failed(&error))
}

async fn by_browser_on_this_machine(
    person: &SignIn,
    loaded: &Loaded,
    open: bool,
    format: Format,
) -> anyhow::Result<SignedIn> {
    let loopback = Loopback::bind(ASKER, &loaded.config.partner_center.login_redirect).await?;
    let authorization = person.authorization(loopback.redirect()).map_err(|error| failed(&error))?;
    let address = authorization.address.to_string();
    sent(&address, open, format)?;
    let Some(query) = loopback.answer(authorization.state().clone(), PATIENCE).await? else {
        bail!(
            "nobody is signed in: the browser did not come back within {} minutes\n  fix: run it again, or use \
             --device-code",
            PATIENCE.as_secs() / 60
        );
    };
    person.redeem(authorization, &query).await.map_err(|error| failed(&error))
}
