//! `cosell webhook`: where Partner Center sends its events.
//!
//! A tenant has one registration (reference, section 6.1). What stands is read and shown before anything is changed;
//! nobody is displaced by accident. An address that is not ours is shown without what follows its path, which may be a
//! key to somebody's door; only what really lost its place is told in full, or nobody could put it back.

mod register;
mod show;
mod test;
mod written;

use std::{path::Path, process::ExitCode};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use partner_center::{CallContext, Client, Registration};
use ports::Lane;
use serde_json::{Value, json};

use crate::{
    config::Config,
    output::{self, Format, plain},
    wiring::{Access, Wired, wire},
};

/// Shows, makes or tries the registration that brings events here.
#[derive(Debug, Args)]
pub(crate) struct Webhook {
    #[command(subcommand)]
    command: WebhookCommand,
}

#[derive(Debug, Subcommand)]
enum WebhookCommand {
    /// Shows where Partner Center sends its events, and what is missing.
    Show,
    /// Has events sent to this service: to `[webhook] public_url`.
    ///
    /// Reads and shows the present registration first. A tenant has only one:
    /// another address is displaced only with --replace.
    Register(register::Register),
    /// Has a test event sent, and shows each delivery of it.
    ///
    /// Exit status 0 only if one was answered with success. Partner Center
    /// allows two a minute and keeps results for 7 days.
    Test(test::Test),
}

impl Webhook {
    pub(crate) async fn run(self, config: &Path, format: Format) -> anyhow::Result<ExitCode> {
        let loaded = Config::load(config)?;
        // Beside a running service; before its first start there is no store yet, and signing in needs one.
        let is_first = crate::store_place::store_is_new(&loaded);
        let wired = wire(loaded, if is_first { Access::Own } else { Access::Look })?;
        match self.command {
            WebhookCommand::Show => show::run(&wired, format).await,
            WebhookCommand::Register(register) => register.run(&wired, format).await,
            WebhookCommand::Test(test) => test.run(&wired, format).await,
        }
    }
}

/// A person waits for the answer.
fn now() -> CallContext {
    CallContext::new(Lane::Now)
}

async fn registered(client: &Client) -> anyhow::Result<Option<Registration>> {
    let next = "\n  fix: the user that is signed in needs the role Referrals admin; some tenants ask for Admin agent too";
    client.registered(now()).await.map_err(|error| {
        let refused = error.api().is_some_and(|error| error.status() == http::StatusCode::FORBIDDEN);
        anyhow::anyhow!("{error}{}", if refused { next } else { "" })
    })
}

async fn available(wired: &Wired) -> anyhow::Result<Vec<String>> {
    let mut events =
        wired.partner_center.available_events(now()).await.context("the events cannot be listed")?;
    events.sort_unstable();
    Ok(events)
}

fn document(registration: Option<&Registration>) -> Value {
    registration.map_or(Value::Null, |registration| {
        json!({ "url": registration.shown_url(), "events": registration.events,
            "subscriber_id": registration.subscriber_id })
    })
}

/// Prints a registration, each line beginning with `label` or blanks.
fn print(label: &str, registration: Option<&Registration>) {
    match registration {
        None => output::labelled(label, "nobody is registered"),
        Some(registration) => {
            output::labelled(label, &plain(&registration.shown_url()));
            output::labelled("", &list(&registration.events));
        }
    }
}

/// Names in a row.
fn list(names: &[String]) -> String {
    if names.is_empty() { "no events".to_owned() } else { plain(&names.join(", ")) }
}
