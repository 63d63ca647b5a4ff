//! What a seller reads on the opportunity: status, problem and audit lines. Outside the merge.

use deal_model::{Fingerprint, Problem, WaitingEffect, digest};
use jiff::Timestamp;

use crate::{AuditLine, Report};

/// Most audit lines that are offered to the opportunity's field; the CRM keeps what fits.
pub(crate) const AUDIT_LINES: usize = 50;

/// Where a deal stands.
pub(crate) struct Stand<'a> {
    /// The plan's own words.
    pub(crate) headline: &'a str,
    pub(crate) problems: &'a [Problem],
    pub(crate) waiting: &'a [WaitingEffect],
    /// Whether the deal is paused: that is said in the place of all that waits or is wrong meanwhile.
    pub(crate) rests: bool,
}

/// The report of a deal, and the fingerprint of its text without times: only when that changed is it worth a write.
pub(crate) fn compose(
    stand: &Stand<'_>,
    fresh: &[&AuditLine],
    history: &[AuditLine],
    now: Timestamp,
) -> (Report, Fingerprint) {
    let (problems, waiting) = if stand.rests { Default::default() } else { (stand.problems, stand.waiting) };
    let mut problem = String::new();
    for found in problems {
        problem.push_str(&found.sentence);
        problem.push(' ');
        problem.push_str(&found.next_step);
        problem.push('\n');
    }
    let timeless = match (problems.first(), waiting.first()) {
        (Some(first), _) => format!("needs you: {}", first.sentence),
        (None, Some(waiting)) => waiting.sentence(),
        (None, None) => stand.headline.to_owned(),
    };
    // What was erased is shown to nobody.
    let kept = history.iter().filter(|line| line.erased.is_none());
    let lines: Vec<&AuditLine> = fresh.iter().rev().copied().chain(kept).take(AUDIT_LINES).collect();
    let said = [timeless.as_str(), problem.as_str()].into_iter();
    let said: Vec<&str> = said.chain(lines.iter().map(|line| line.sentence.as_str())).collect();
    let text = digest(&said.join("\u{1f}"));
    let status = match waiting.first() {
        Some(waiting) if problems.is_empty() && !waiting.withdrawn => {
            let from = waiting.not_before.to_zoned(jiff::tz::TimeZone::UTC);
            format!("{timeless} at {}", from.strftime("%H:%M UTC"))
        }
        _ => timeless,
    };
    let audit = lines.into_iter().map(line).collect();
    let synced_at = (problems.is_empty() && !stand.rests).then_some(now);
    (Report { status, problem: problem.trim_end().to_owned(), audit, synced_at }, text)
}

fn line(line: &AuditLine) -> String {
    let at = line.at.to_zoned(jiff::tz::TimeZone::UTC);
    format!("{} - {}", at.strftime("%Y-%m-%d %H:%M"), line.sentence)
}
