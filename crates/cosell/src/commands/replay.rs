//! `cosell replay`: both sources are read again from a time, and whatever changed since is looked at.

use std::{path::Path, process::ExitCode, time::Duration};

use clap::{Args, ValueEnum};
use deal_model::Side;
use jiff::{SignedDuration, Timestamp, civil, tz::TimeZone};
use serde_json::json;
use sync_engine::Replay as Progress;

use crate::{
    config::Config,
    output::{self, Format},
    wiring::{Access, Wired, wire},
};

/// How often is looked how far the service has come.
const LOOK_EVERY: Duration = Duration::from_millis(200);

const EXAMPLES: &str = "\
Examples:
  cosell replay --since 2h --dry-run           how much that would be
  cosell replay --since 2026-11-20 --side crm  Salesforce alone, from that day on
  cosell replay                                how far the last ones have come";

/// Reads both sources again from a time on, and looks at whatever changed since.
///
/// Works beside the service, which carries it out.
///
/// Nothing is skipped: the sources' own positions stay where they are. Nothing
/// is rewritten by itself: both sides of each deal are read, and what agrees
/// stays. Without --since, shows the last replays.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Replay {
    /// From when on: 2h, 3d, 2026-11-20, or 2026-11-20T08:00:00Z. A date begins
    /// at midnight UTC; the platforms' clocks count.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,
    /// One side only.
    #[arg(long, requires = "since")]
    side: Option<SideName>,
    /// Reads what would be looked at, counts it, and asks for nothing.
    #[arg(long, requires = "since")]
    dry_run: bool,
    /// How long to wait for the service to be done, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, requires = "since",
          value_parser = clap::value_parser!(u64).range(0..=3600))]
    wait: u64,
    /// Who asks. Without it: the user of this machine.
    #[arg(long = "as", value_name = "NAME")]
    by: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SideName {
    /// Partner Center.
    Portal,
    /// Salesforce.
    Crm,
}

/// A moment as a person writes it.
fn moment(text: &str) -> Result<Timestamp, String> {
    at_from(text, Timestamp::now())
}

fn at_from(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let wrong = || "write it like 2h, 3d, 2026-11-20 or 2026-11-20T08:00:00Z".to_owned();
    let ago = |span: SignedDuration| now.checked_sub(span).map_err(|_| wrong());
    let at = if let Some(days) = text.strip_suffix('d').and_then(|days| days.parse::<i64>().ok()) {
        ago(SignedDuration::from_hours(days.checked_mul(24).filter(|hours| *hours >= 0).ok_or_else(wrong)?))?
    } else if let Ok(at) = text.parse::<Timestamp>() {
        at
    } else if let Ok(day) = text.parse::<civil::Date>() {
        day.to_zoned(TimeZone::UTC).map_err(|_| wrong())?.timestamp()
    } else {
        let span: SignedDuration = text.parse().map_err(|_| wrong())?;
        if span.is_negative() {
            return Err(wrong());
        }
        ago(span)?
    };
    if at > now {
        return Err("that is still to come".to_owned());
    }
    // Both platforms' stamps count in seconds where it matters.
    Timestamp::from_second(at.as_second()).map_err(|_| wrong())
}

impl Replay {
    pub(crate) async fn run(self, config: &Path, format: Format) -> anyhow::Result<ExitCode> {
        let wired = wire(Config::load(config)?, Access::Look)?;
        let Some(since) = self.since else {
            let replays = wired.engine.replays().await?;
            tell(&replays, format)?;
            return Ok(ExitCode::SUCCESS);
        };
        let sides: Vec<Side> = Side::BOTH.into_iter().filter(|side| self.means(*side)).collect();
        if self.dry_run {
            return preview(&wired, &sides, since, format).await;
        }
        let by = self.by.clone().unwrap_or_else(super::person);
        wired.engine.ask_replay(&sides, since, &by).await?;
        let ends = std::time::Instant::now() + Duration::from_secs(self.wait);
        loop {
            let replays = wired.engine.replays().await?;
            let asked: Vec<Progress> =
                replays.into_iter().filter(|replay| sides.contains(&replay.side)).collect();
            let done = asked.iter().all(has_ended);
            if done || std::time::Instant::now() >= ends {
                tell(&asked, format)?;
                if !done && format == Format::Text {
                    output::indented(
                        0,
                        "The service goes on with it, or begins when it runs again: cosell replay",
                    );
                }
                return Ok(ExitCode::SUCCESS);
            }
            wired.clock.sleep(LOOK_EVERY).await;
        }
    }

    fn means(&self, side: Side) -> bool {
        match self.side {
            None => true,
            Some(SideName::Portal) => side == Side::Portal,
            Some(SideName::Crm) => side == Side::Crm,
        }
    }
}

fn has_ended(replay: &Progress) -> bool {
    replay.progress.as_ref().is_some_and(|progress| progress.ended.is_some())
}

async fn preview(
    wired: &Wired,
    sides: &[Side],
    since: Timestamp,
    format: Format,
) -> anyhow::Result<ExitCode> {
    let mut previews = Vec::new();
    for side in sides {
        for source in wired.engine.replayable(*side) {
            let preview = wired.engine.preview_replay(*side, source, since).await;
            previews.push(preview.map_err(|error| {
                anyhow::anyhow!(
                    "cannot read {source}: {error}\n  fix: cosell connections --test says what is wrong"
                )
            })?);
        }
    }
    if format == Format::Json {
        output::json(&json!({ "since": since, "would_look_at": previews }))?;
        return Ok(ExitCode::SUCCESS);
    }
    output::line(format!("Since {since:.0}, these would be looked at:"));
    for preview in previews {
        let more = if preview.more { ", and more" } else { "" };
        output::line(format!(
            "  {:22} {} changes of {} records{more}",
            preview.source, preview.listed, preview.records
        ));
    }
    output::line("Nothing was asked for.");
    Ok(ExitCode::SUCCESS)
}

fn tell(replays: &[Progress], format: Format) -> anyhow::Result<()> {
    if format == Format::Json {
        return output::json(&json!({ "replays": replays }));
    }
    if replays.is_empty() {
        output::line("nothing was ever read again");
    }
    for Progress { source, wish, progress, .. } in replays {
        let how = match progress {
            None => "not begun yet".to_owned(),
            Some(progress) => {
                let end =
                    progress.ended.map_or_else(|| "so far".to_owned(), |end| format!("done at {end:.0}"));
                format!("{} changes read, {} marked, {end}", progress.listed, progress.marked)
            }
        };
        output::indented(0, &format!("{source} since {:.0}: {how} (asked by {})", wish.since, wish.by));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_as_people_do_and_lies_in_the_past() {
        let now: Timestamp = "2026-11-23T10:20:30.4Z".parse().unwrap();
        for (text, at) in [
            ("2h", "2026-11-23T08:20:30Z"),
            ("3d", "2026-11-20T10:20:30Z"),
            ("90min", "2026-11-23T08:50:30Z"),
            ("2026-11-20", "2026-11-20T00:00:00Z"),
            ("2026-11-20T08:00:00Z", "2026-11-20T08:00:00Z"),
            ("2026-11-20T08:00:00+01:00", "2026-11-20T07:00:00Z"),
        ] {
            assert_eq!(at_from(text, now).unwrap().to_string(), at, "{text}");
        }
        for text in ["", "yesterday", "-2h", "-3d", "2027-01-01", "99999999999999d"] {
            at_from(text, now).unwrap_err();
        }
    }
}
