//! `cosell webhook register`: reads what stands, shows it, and changes it only as far as it was told to.
//!
//! The platform has no conditional write here. What can be had is that nothing is displaced unseen: a registration
//! that appeared after the look ends the command (POST answers 409), and what stands afterwards is read again.

use std::{path::Path, process::ExitCode};

use anyhow::{anyhow, bail};
use clap::Args;
use http::StatusCode;
use partner_center::{Registration, RegistrationRequest, Standing, shown_url};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use url::Url;

use super::{available, document, list, now, plain, print, registered, written::Written};
use crate::{
    config::SecretRef,
    output::{self, Format},
    wanted_registration::demanded,
    wiring::Wired,
};

/// What is to be registered, and whether somebody may lose their place.
#[derive(Debug, Args)]
pub(crate) struct Register {
    /// Takes the place of another address; sends ours anew if it stands.
    #[arg(long)]
    replace: bool,
    /// Exactly these events, separated by commas, instead of `[webhook] events`.
    #[arg(long, value_delimiter = ',', value_name = "EVENTS")]
    events: Vec<String>,
    /// Another address than `[webhook] public_url`: to put back what was
    /// displaced. `file:PATH` or `env:NAME` says where it is kept: a key in
    /// it is seen by everybody who may see command lines.
    #[arg(long, value_name = "URL", requires = "events")]
    url: Option<String>,
}

/// What the command did.
enum Outcome {
    Unchanged(Registration),
    Registered(Registration),
    /// The same address, other events.
    Changed {
        added: Vec<String>,
        dropped: Vec<String>,
        after: Registration,
    },
    /// Another's address. Whatever became of it, how to give it back has to be said.
    Replaced {
        displaced: Registration,
        after: anyhow::Result<Registration>,
    },
    /// Nothing was changed.
    Refused {
        stands: Registration,
        why: &'static str,
    },
}

impl Register {
    pub(super) async fn run(self, wired: &Wired, format: Format) -> anyhow::Result<ExitCode> {
        let request = self.request(wired)?;
        refuse_rehearsal(wired).await?;
        let client = &wired.partner_center;
        let before = registered(client).await?;
        if format == Format::Text {
            print("before", before.as_ref());
        }
        let offered = available(wired).await?;
        if let Some(unknown) = request.events.iter().find(|event| !offered.contains(event)) {
            bail!(
                "Partner Center knows no event {unknown}\n  fix: choose from {}, with --events or [webhook] events",
                list(&offered)
            );
        }
        let outcome = match request.standing(before.as_ref()) {
            Standing::Absent => self.first(wired, &request).await?,
            Standing::Ours { .. } => self.complete(wired, &request, before.expect("it stands")).await?,
            Standing::Displaced { by } if self.replace => {
                let written = Written::read(client.replace_registration(now(), &request).await)?;
                let stands = registered(client).await;
                if let Some(lost) =
                    stands.as_ref().ok().and_then(|stands| written.lost(before.as_ref(), stands.as_ref()))
                {
                    return Err(lost);
                }
                let after = stands.and_then(|stands| written.confirmed(&request, before.as_ref(), stands));
                Outcome::Replaced { displaced: by, after }
            }
            Standing::Displaced { by } => {
                Outcome::Refused { stands: by, why: "the registration belongs to another address" }
            }
        };
        self.tell(&request, outcome, format)
    }

    /// What is to be registered.
    fn request(&self, wired: &Wired) -> anyhow::Result<RegistrationRequest> {
        let config = &wired.loaded.config;
        let mut request = match &self.url {
            // Somebody else's: the configuration has no say in it.
            Some(text) => {
                RegistrationRequest { url: address(text)?, events: Vec::new(), signature_in_ms_header: false }
            }
            None => demanded(config)?,
        };
        if !self.events.is_empty() {
            request.events = self.events.iter().map(|event| event.trim().to_owned()).collect();
        }
        Ok(request)
    }

    /// Nobody was registered when it was looked.
    async fn first(&self, wired: &Wired, request: &RegistrationRequest) -> anyhow::Result<Outcome> {
        match wired.partner_center.register(now(), request).await {
            Err(error) if error.api().is_some_and(|error| error.status() == StatusCode::CONFLICT) => {
                // Somebody was quicker. Whoever it is was not seen when this was asked for, --replace or not.
                let stands = registered(&wired.partner_center).await?;
                let stands =
                    stands.ok_or_else(|| anyhow!("{error}, and yet there is none\n  fix: try again"))?;
                if matches!(request.standing(Some(&stands)), Standing::Ours { .. }) {
                    return self.complete(wired, request, stands).await;
                }
                Ok(Outcome::Refused {
                    stands,
                    why: "somebody registered another address at this very moment",
                })
            }
            answer => {
                let written = Written::read(answer)?;
                let stands = registered(&wired.partner_center).await?;
                Ok(Outcome::Registered(written.confirmed(request, None, stands)?))
            }
        }
    }

    /// The address is ours already: only its events may differ.
    async fn complete(
        &self,
        wired: &Wired,
        request: &RegistrationRequest,
        before: Registration,
    ) -> anyhow::Result<Outcome> {
        // Events that nobody named are left alone: something else behind the same address may need them.
        let kept = |event: &&String| {
            self.events.is_empty() && !request.events.iter().any(|wanted| wanted.eq_ignore_ascii_case(event))
        };
        let events: Vec<String> =
            request.events.iter().chain(before.events.iter().filter(kept)).cloned().collect();
        let request = RegistrationRequest { events, ..request.clone() };
        let added: Vec<String> =
            request.events.iter().filter(|event| !before.includes(event)).cloned().collect();
        let named = |event: &&String| request.events.iter().any(|wanted| wanted.eq_ignore_ascii_case(event));
        let dropped: Vec<String> = before.events.iter().filter(|event| !named(event)).cloned().collect();
        if added.is_empty() && dropped.is_empty() && !self.replace {
            return Ok(Outcome::Unchanged(before));
        }
        let written = Written::read(wired.partner_center.replace_registration(now(), &request).await)?;
        let stands = registered(&wired.partner_center).await?;
        let after = written.confirmed(&request, Some(&before), stands)?;
        Ok(Outcome::Changed { added, dropped, after })
    }

    fn tell(
        &self,
        request: &RegistrationRequest,
        outcome: Outcome,
        format: Format,
    ) -> anyhow::Result<ExitCode> {
        if format == Format::Json {
            let done = match &outcome {
                Outcome::Refused { .. } => false,
                Outcome::Replaced { after, .. } => after.is_ok(),
                _ => true,
            };
            output::json(&told(request, &outcome))?;
            return Ok(if done { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        let is_news = !matches!(outcome, Outcome::Unchanged(_));
        match outcome {
            Outcome::Unchanged(_) => output::labelled("now", "the same: it stands already"),
            Outcome::Registered(after) => print("now", Some(&after)),
            Outcome::Changed { added, dropped, after } => {
                print("now", Some(&after));
                for (label, events) in [("added", added), ("dropped", dropped)] {
                    if !events.is_empty() {
                        output::labelled(label, &list(&events));
                    }
                }
            }
            Outcome::Replaced { displaced, after } => {
                let label = if after.is_ok() { "displaced" } else { "maybe lost" };
                output::labelled(label, &plain(&displaced.url));
                output::labelled(
                    "put back by",
                    "keeping that address in a file that only you can read, and:",
                );
                // In one line, however long: it is there to be copied.
                output::line(format!("             {}", put_back(&displaced)));
                print("now", Some(&after?));
            }
            Outcome::Refused { stands, why } => {
                output::labelled("now", "the same: nothing was changed");
                bail!(
                    "{why}: {}, which would be told of nothing any more\n  fix: {REPLACE}",
                    stands.shown_url()
                );
            }
        }
        if self.url.is_none() && is_news {
            output::labelled("next", "cosell webhook test");
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The outcome for programs.
fn told(request: &RegistrationRequest, outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Unchanged(after) => json!({ "outcome": "unchanged", "after": document(Some(after)) }),
        Outcome::Registered(after) => json!({ "outcome": "registered", "after": document(Some(after)) }),
        Outcome::Changed { added, dropped, after } => json!({ "outcome": "changed", "added": added,
            "dropped": dropped, "after": document(Some(after)) }),
        Outcome::Replaced { displaced, after } => json!({
            "outcome": if after.is_ok() { "replaced" } else { "unconfirmed" },
            "displaced": { "url": displaced.url, "events": displaced.events,
                "subscriber_id": displaced.subscriber_id },
            "put_back": put_back(displaced),
            "after": document(after.as_ref().ok()),
            "why": after.as_ref().err().map(ToString::to_string),
        }),
        Outcome::Refused { stands, why } => json!({ "outcome": "refused", "why": why,
            "would_displace": document(Some(stands)), "wanted": shown_url(request.url.as_str()),
            "next_step": REPLACE }),
    }
}

/// What a person does who means it.
const REPLACE: &str = "find out whose it is (Microsoft's own connector registers too); to take its place: \
                       cosell webhook register --replace";

/// The command that gives the registration back; PATH is the file in which a person keeps the address. In what header
/// the signature went is not told by the platform.
fn put_back(displaced: &Registration) -> String {
    let events = displaced.events.join(",").replace('\'', r"'\''");
    let command = format!("cosell webhook register --replace --url file:PATH --events '{events}'");
    command.chars().filter(|c| !c.is_control()).collect()
}

/// An address, or the one that a file or a variable keeps. It may hold a key: no complaint repeats it.
fn address(text: &str) -> anyhow::Result<Url> {
    let kept = SecretRef::named(text).map(|place| place.read(Path::new(""))).transpose()?;
    let text = kept.as_ref().map_or(text, |kept| kept.expose_secret());
    let url = Url::parse(text.trim()).ok();
    url.filter(|url| matches!(url.scheme(), "https" | "http") && url.has_host()).ok_or_else(|| {
        anyhow!(
            "--url is no address that events can be sent to\n  fix: an https address, or file:PATH of a file that \
             holds one"
        )
    })
}

/// A rehearsal must not take production's registration.
async fn refuse_rehearsal(wired: &Wired) -> anyhow::Result<()> {
    let config = &wired.loaded.config;
    let told_otherwise =
        config.webhook.as_ref().is_some_and(|webhook| webhook.dangerous_register_from_sandbox_org);
    if config.registers_at_real_portal() && !told_otherwise && wired.is_sandbox_org().await? {
        bail!(
            "this is a sandbox org, and the registration would be the real Partner Center's, which production \
             needs\n  fix: register with production's configuration, or point [partner_center] webhooks_url at \
             `cosell sandbox`"
        );
    }
    Ok(())
}
