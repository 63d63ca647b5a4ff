//! `cosell deals`: what the store knows.

use std::{collections::BTreeMap, path::Path, process::ExitCode};

use clap::{Args, Subcommand};
use deal_model::{Deal, Inviter, Irreversible, Life, Observation, Observed, Phase, Value};
use jiff::{Timestamp, tz::TimeZone};
use mapping::Mapping;
use serde::Serialize;
use serde_json::json;
use sync_engine::{ArchivedRow, DealSummary, DecisionRow, FixedPath, Pause, PauseScope};

use super::{
    PAGE,
    decide::waiting::standing as standing_of,
    find_deal,
    pause::{pauses_of, say as say_pause},
};
use crate::{
    config::{Config, Loaded},
    mapping_files::load_mapping,
    output::{self, Format},
    wiring::{Access, open_store},
};

/// Most lines of history that are shown.
const HISTORY: usize = 200;

/// Lists deals, shows one, or its history.
#[derive(Debug, Args)]
pub(crate) struct Deals {
    #[command(subcommand)]
    command: Option<DealsCommand>,
}

#[derive(Debug, Clone, Subcommand)]
enum DealsCommand {
    /// Lists all deals.
    List,
    /// Shows one deal.
    Show {
        /// A deal, an opportunity or a referral.
        deal: String,
    },
    /// Shows what happened to one deal.
    History {
        /// A deal, an opportunity or a referral.
        deal: String,
    },
}

impl Deals {
    pub(crate) async fn run(self, config: &Path, format: Format) -> anyhow::Result<ExitCode> {
        let loaded = Config::load(config)?;
        let store = open_store(&loaded, Access::Read)?;
        match self.command.unwrap_or(DealsCommand::List) {
            DealsCommand::List => list(&*store, format).await?,
            DealsCommand::Show { deal } => show(&loaded, &*store, &deal, format).await?,
            DealsCommand::History { deal } => history(&*store, &deal, format).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn standing(deal: &DealSummary, pauses: &[Pause]) -> String {
    if let Some(pause) = pauses.iter().find(|pause| pause.scope.stops(&deal.id)) {
        return pause.sentence();
    }
    match deal.problems.first() {
        Some(problem) => {
            let more = match deal.problems.len() {
                0 | 1 => String::new(),
                many => format!(" (and {} more)", many - 1),
            };
            format!("needs you: {}{more}", problem.sentence)
        }
        None if deal.waiting > 0 => "waiting".to_owned(),
        None => format!("{:?}", deal.phase).to_lowercase(),
    }
}

/// A deal in a list for a program.
#[derive(Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    deal: &'a DealSummary,
    /// What an operator paused.
    pause: Option<&'a Pause>,
}

fn id(record: Option<&deal_model::RecordId>) -> String {
    record.map_or_else(|| "-".to_owned(), ToString::to_string)
}

/// Any of its names finds a deal: the one that people know comes first.
pub(super) fn known_as(deal: &DealSummary) -> String {
    let name = deal.opportunity.as_ref().or(deal.referral.as_ref());
    name.map_or_else(|| deal.id.to_string(), ToString::to_string)
}

async fn list(store: &dyn store::Database, format: Format) -> anyhow::Result<()> {
    let mut after = None;
    let mut rows = Vec::new();
    let pauses = store.pauses().await?;
    loop {
        let page = store.list(after.as_ref(), PAGE).await?;
        let full = page.len() == PAGE;
        after = page.last().map(|deal| deal.id.clone());
        for deal in page {
            if format == Format::Json {
                let pause = pauses.iter().find(|pause| pause.scope.stops(&deal.id));
                output::json(&Listed { deal: &deal, pause })?;
            } else {
                let expires = deal.expires.or(deal.companion_expires);
                let expires = expires.map_or_else(|| "-".to_owned(), date_and_days);
                rows.push(vec![known_as(&deal), expires, standing(&deal, &pauses)]);
            }
        }
        if !full {
            break;
        }
    }
    if format == Format::Text {
        if rows.is_empty() {
            output::line("no deals yet");
        } else {
            output::line(output::table(&["deal", "expires", "standing"], rows));
        }
        for pause in pauses.iter().filter(|pause| !matches!(pause.scope, PauseScope::Deal(_))) {
            say_pause(pause);
        }
    }
    Ok(())
}

async fn show(
    loaded: &Loaded,
    store: &dyn store::Database,
    text: &str,
    format: Format,
) -> anyhow::Result<()> {
    let mapping = load_mapping(loaded)?;
    let found = find_deal(store, text).await?;
    let archive = store.archive(&found, HISTORY).await?;
    let pauses = pauses_of(store, &found).await?;
    let decisions = store.decisions(&found, HISTORY).await?;
    let fixed = store.fixed_paths().await?;
    let forgotten = store.forgotten(&found).await?;
    for deal in store.deals(std::slice::from_ref(&found)).await? {
        let shown = Shown::of(&deal, &mapping);
        if format == Format::Json {
            output::json(&json!({
                "deal": deal, "archive": archive, "decisions": decisions, "shown": shown, "fixed_paths": fixed,
                "pauses": pauses, "forgotten": forgotten,
            }))?;
        } else {
            print(&deal, &shown, &decisions);
            print_archive(&deal, &mapping, &archive);
            print_forgotten(&deal, forgotten);
            print_pauses(&pauses);
            print_fixed(&fixed);
        }
    }
    Ok(())
}

/// What stops the deal.
fn print_pauses(pauses: &[Pause]) {
    for pause in pauses {
        output::labelled("paused", "nothing is written, and the time of what waits stands still");
        say_pause(pause);
    }
}

/// When what was kept of it was erased, and what that means now.
fn print_forgotten(deal: &Deal, on: Option<Timestamp>) {
    let Some(on) = on else { return };
    let rest = match deal.phase {
        Phase::Live => "what both sides hold now is known, because they are kept the same",
        Phase::Paused => "it is as if it had just been linked when sync is set to yes again",
        Phase::Finished => "it is never read again",
    };
    output::labelled(
        "erased",
        &format!("on {}, with all that was told and kept until then; {rest}", day(on)),
    );
}

fn day(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d").to_string()
}

/// What the portal was seen to let nobody change, on any deal.
fn print_fixed(fixed: &[FixedPath]) {
    for place in fixed {
        output::labelled(
            "create-only",
            &format!("{} ({}): the portal refuses changes", place.group, place.path),
        );
        output::labelled("", &format!("to try again: cosell release {}", place.path));
    }
}

/// What a person reads of a deal beside its records.
#[derive(Debug, Serialize)]
struct Shown {
    /// `private`, `partner-led`, `co-sell` or `partner-to-partner`; none while it is not known.
    kind: Option<&'static str>,
    /// When it expires, if we do not answer it.
    expires: Option<Timestamp>,
    /// When it expires, if Microsoft does not answer it.
    microsoft_expires: Option<Timestamp>,
    /// Microsoft's own fields as last read, by the names that people know.
    microsoft: BTreeMap<String, String>,
}

impl Shown {
    fn of(deal: &Deal, mapping: &Mapping) -> Self {
        let state = deal.memory.companion_state.as_ref();
        let open = state.filter(|state| state.life == Life::Received);
        let referral = deal.memory.stand_in.as_deref();
        let received = referral.filter(|referral| referral.life == Life::Received);
        let told = mapping.bindings().iter().filter(|binding| binding.companion.is_some());
        let told = told.filter_map(|binding| {
            let held = deal.memory.companion.get(&binding.field)?.held.held()?;
            held.value()?;
            let text = deal_model::display(&[(binding.field.clone(), held)].into());
            let groups = &mapping.specs().groups;
            let mut members = groups.iter().flat_map(|group| &group.members);
            let label = members.find(|member| member.id == binding.field)?.label.clone();
            Some((label, text))
        });
        Self {
            kind: referral.and_then(|referral| kind(deal, referral, mapping)),
            expires: received.and_then(|referral| referral.portal()?.expires),
            microsoft_expires: open.and_then(|state| state.expires),
            microsoft: told.collect(),
        }
    }
}

/// The deal's kind, as Partner Center's own pages name it (partner-center reference, section 4.3).
fn kind(deal: &Deal, referral: &Observation, mapping: &Mapping) -> Option<&'static str> {
    match referral.portal().map(|facts| facts.inviter) {
        Some(Inviter::Third) => return Some("partner-to-partner"),
        // Whoever invited takes part, be its own referral shown or hidden.
        Some(Inviter::Companion) => return Some("co-sell"),
        _ if deal.links.companion.is_some() => return Some("co-sell"),
        _ => {}
    }
    let mut groups = mapping.specs().groups.iter();
    let share = groups.find(|group| group.latch == Some(Irreversible::Share))?;
    match referral.reading(&share.lead().id).held {
        Observed::Value(Value::Flag(true)) => Some("partner-led"),
        Observed::Value(_) | Observed::Empty => Some("private"),
        Observed::Unknown => None,
    }
}

fn print(deal: &Deal, shown: &Shown, decisions: &[DecisionRow]) {
    let say = output::labelled;
    say("deal", deal.id.as_str());
    say("opportunity", &id(deal.links.crm.as_ref()));
    say("referral", &id(deal.links.portal.as_ref()));
    say("Microsoft's", &id(deal.links.companion.as_ref()));
    say("engagement", &id(deal.links.engagement.as_ref()));
    say("kind", shown.kind.unwrap_or("-"));
    say("phase", &format!("{:?}", deal.phase).to_lowercase());
    for (who, expires) in
        [("unless it is answered", shown.expires), ("unless Microsoft answers", shown.microsoft_expires)]
    {
        if let Some(expires) = expires {
            say("expires", &format!("{} {who}", date_and_days(expires)));
        }
    }
    for (number, (label, text)) in shown.microsoft.iter().enumerate() {
        let head = if number == 0 { "at Microsoft" } else { "" };
        say(head, &format!("{}: {}", label.trim_end_matches('?'), text.replace('\n', "; ")));
    }
    for waiting in &deal.waiting {
        say("waits", &standing_of(waiting));
        for (word, command) in [("to send it now:", "send-now"), ("to take it back:", "withdraw")] {
            if command == "send-now" || !waiting.withdrawn {
                say("", word);
                output::command(INDENT, &format!("cosell {command} {} {}", deal.id, waiting.kind.name()));
            }
        }
    }
    for row in decisions.iter().filter(|row| row.ended.is_none()) {
        say("decided", &format!("by {} at {:.0}, not carried out yet ({})", row.by, row.at, row.id));
    }
    for problem in &deal.problems {
        say("needs you", &problem.sentence);
        say("", &problem.next_step);
    }
    say_remapped(deal);
}

/// Where a command stands below a line's text, so that it can be copied.
const INDENT: usize = 15;

/// The values that lost.
fn print_archive(deal: &Deal, mapping: &Mapping, archive: &[ArchivedRow]) {
    for row in archive {
        let group = &row.archived.group;
        let label = mapping.specs().group(group).map_or(group.as_str(), |spec| spec.label());
        if let Some(on) = row.erased {
            output::labelled("kept", &format!("{} {label}: erased on {}", row.id, day(on)));
            continue;
        }
        let value = deal_model::display(&row.archived.value);
        output::labelled("kept", &format!("{} {label}: \"{value}\" ({})", row.id, row.archived.reason));
    }
    if archive.iter().any(|row| row.erased.is_none()) {
        output::labelled("", "to bring one back:");
        output::command(INDENT, &format!("cosell restore {}", deal.id));
    }
}

/// What differs since the mapping changed, and why nothing is rewritten.
fn say_remapped(deal: &Deal) {
    let mapped = &deal.memory.mapped;
    let groups = mapped.differs.iter().map(|(group, since)| (group.as_str(), since));
    for (what, since) in groups.chain(mapped.life_differs.iter().map(|since| ("stage", since))) {
        output::labelled("differs", &format!("{what}, since the mapping changed ({since:.0})"));
    }
    if !mapped.is_settled() {
        output::labelled("", &format!("nothing is rewritten; to look: cosell mapping rewrite {}", deal.id));
    }
}

/// `2026-12-05 (3 days left)`.
fn date_and_days(expires: Timestamp) -> String {
    let left = expires.duration_since(Timestamp::now()).as_hours();
    let day = day(expires);
    match left {
        ..0 => format!("{day} (over)"),
        0..24 => format!("{day} ({left} h left)"),
        24..48 => format!("{day} (1 day left)"),
        _ => format!("{day} ({} days left)", left / 24),
    }
}

/// Columns that a moment takes, with the blanks behind it.
const MOMENT: usize = 22;

async fn history(store: &dyn store::Database, text: &str, format: Format) -> anyhow::Result<()> {
    let found = find_deal(store, text).await?;
    let lines = store.history(&found, HISTORY).await?;
    if lines.is_empty() && format == Format::Text {
        output::line("Nothing was done with this deal yet. Why it waits, if it does:");
        output::command(2, &format!("cosell deals show {text}"));
    }
    let mut mapping = None;
    for entry in lines.iter().rev() {
        match format {
            Format::Json => output::json(entry)?,
            Format::Text => {
                // Whoever reads on knows by which mapping each line came about.
                if mapping.replace(entry.mapping.as_str()) != Some(entry.mapping.as_str()) {
                    output::line(format!("mapping {}", entry.mapping));
                }
                let told = match entry.erased {
                    None => entry.sentence.clone(),
                    Some(on) => format!("({}; erased on {})", entry.what, day(on)),
                };
                output::aligned(&format!("{:.0}", entry.at), MOMENT, &told);
            }
        }
    }
    Ok(())
}
