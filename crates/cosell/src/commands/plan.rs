//! `cosell plan`: what a pass would write, call by call, without writing it.

use std::{path::Path, process::ExitCode};

use clap::Args;
use deal_model::{Effect, Side};
use serde_json::{Value, json};
use sync_engine::Preview;

use super::{PAGE, all_deals, find_deal};
use crate::{
    config::Config,
    output::{self, Format},
    rehearsing::{Recorded, Recorder},
    wiring::wire_rehearsal,
};

/// Characters of a body's line that fit beside its margin.
const LINE: usize = 76;

/// Prints the writes that a pass would make, and makes none.
///
/// Each call is shown as it would be sent, with its exact body. Fields that
/// differ since the mapping changed are listed, and not written:
/// `cosell mapping rewrite` does that. Exit status 1 if a deal could not be
/// read: its plan is not all there is.
#[derive(Debug, Args)]
#[command(override_usage = "cosell plan [OPTIONS] <DEAL>\n       cosell plan [OPTIONS] --all")]
pub(crate) struct PlanCommand {
    /// A deal, an opportunity or a referral.
    #[arg(required_unless_present = "all")]
    deal: Option<String>,
    /// Every deal.
    #[arg(long, conflicts_with = "deal")]
    all: bool,
    /// Every call of a deal, beyond the first 200 too.
    #[arg(long)]
    whole: bool,
}

impl PlanCommand {
    pub(crate) async fn run(self, config: &Path, format: Format) -> anyhow::Result<ExitCode> {
        let recorder = if self.whole { Recorder::whole() } else { Recorder::default() };
        let wired = wire_rehearsal(Config::load(config)?, &recorder)?;
        let ids = match &self.deal {
            Some(deal) => vec![find_deal(wired.store.as_ref(), deal).await?],
            None => all_deals(wired.store.as_ref()).await?,
        };
        let mut all_read = true;
        for page in ids.chunks(PAGE) {
            for preview in wired.engine.preview(page).await? {
                all_read &= preview.unread.is_none();
                if preview.unread.is_none() {
                    wired.engine.rehearse(&preview, &recorder).await?;
                }
                let (requests, cut) = recorder.take();
                let calls = calls(&preview, requests);
                match format {
                    Format::Json => print_json(&preview, &calls, cut)?,
                    Format::Text => print(&preview, &calls, cut),
                }
            }
        }
        Ok(if all_read { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// One call of the plan.
struct Call {
    request: Recorded,
    /// The precondition is the version that an earlier call of this plan answers with, not the one that is shown.
    follows: bool,
}

/// The calls in the order in which they are sent.
fn calls(preview: &Preview, requests: Vec<Recorded>) -> Vec<Call> {
    let mut portal_written = false;
    let at_portal = |request: &Recorded| {
        let effect = request.effect.and_then(|at| preview.plan.effects.get(at));
        matches!(effect, Some(Effect::Move { .. } | Effect::Update { side: Side::Portal, .. }))
    };
    let call = |request: Recorded| {
        let here = at_portal(&request);
        let follows = here && portal_written;
        portal_written |= here;
        Call { request, follows }
    };
    requests.into_iter().map(call).collect()
}

fn remapped(preview: &Preview) -> Vec<&str> {
    preview.deal.memory.mapped.differs.keys().map(deal_model::GroupId::as_str).collect()
}

fn print_json(preview: &Preview, calls: &[Call], cut: usize) -> anyhow::Result<()> {
    let calls: Vec<Value> = calls
        .iter()
        .map(|Call { request, follows }| {
            json!({
                "effect": request.effect,
                "method": request.method,
                "url": request.url,
                "headers": request.headers,
                "precondition_follows": follows,
                "body": request.body,
                "text": request.text,
            })
        })
        .collect();
    output::json(&json!({
        "deal": preview.deal.id,
        "opportunity": preview.deal.links.crm,
        "referral": preview.deal.links.portal,
        "plan": preview.plan,
        "calls": calls,
        "calls_cut": cut,
        "remapped": remapped(preview),
        "stage_remapped": preview.deal.memory.mapped.life_differs.is_some(),
        "unread": preview.unread.as_ref().map(|error| &error.what),
    }))
}

fn print(preview: &Preview, calls: &[Call], cut: usize) {
    let plan = &preview.plan;
    // The headline says how the deal stands once this is done.
    let stands = match plan.headline.as_str() {
        _ if !plan.effects.is_empty() => "has something to write",
        // What it needs is told below, in full.
        _ if !plan.problems.is_empty() => "needs you",
        headline => headline,
    };
    output::indented(0, &format!("deal {}: {stands}", preview.deal.id));
    if let Some(error) = &preview.unread {
        output::indented(2, &format!("could not be read: {}", error.what));
    }
    for line in plan.describe() {
        output::indented(2, &line);
        let said = |problem: &&deal_model::Problem| line.ends_with(&problem.sentence);
        if let Some(problem) = plan.problems.iter().find(said) {
            output::indented(4, &problem.next_step);
        }
    }
    for group in remapped(preview) {
        output::indented(2, &format!("{group} differs since the mapping changed, and is not rewritten"));
    }
    for (number, call) in calls.iter().enumerate() {
        print_call(number + 1, call);
    }
    if cut > 0 {
        let calls = if cut == 1 { "1 more call".to_owned() } else { format!("{cut} more calls") };
        output::indented(2, &format!("{calls}, not shown; to see all of them:"));
        output::command(4, &format!("cosell plan {} --whole", preview.deal.id));
    }
}

fn print_call(number: usize, Call { request, follows }: &Call) {
    let what = if request.effect.is_none() { " (the report on the opportunity alone)" } else { "" };
    output::line(format!("  call {number}{what}"));
    // As HTTP writes it: the line, and the host below. A whole address does not fit.
    let (host, path) = match request.url.parse::<http::Uri>() {
        Ok(url) => (
            url.authority().map(ToString::to_string),
            url.path_and_query().map_or_else(String::new, ToString::to_string),
        ),
        Err(_) => (None, request.url.clone()),
    };
    output::line(format!("    {} {path}", request.method));
    if let Some(host) = host {
        output::line(format!("    host: {host}"));
    }
    for (name, value) in &request.headers {
        let value = value.as_str().unwrap_or_default();
        if *follows && name == "if-match" {
            output::line("    if-match: the eTag that the call before answers with");
        } else {
            output::line(format!("    {name}: {value}"));
        }
    }
    let pretty = serde_json::to_string_pretty(&request.body).unwrap_or_else(|_| request.text.clone());
    for line in pretty.lines() {
        // A value may be a long text: its line is folded, with nothing left out.
        let mut rest = line;
        while let Some((at, _)) = rest.char_indices().nth(LINE) {
            output::line(format!("    {}", &rest[..at]));
            rest = &rest[at..];
        }
        output::line(format!("    {rest}"));
    }
}
