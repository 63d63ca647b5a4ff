//! What a seller reads on the opportunity: status, problem and audit lines. Outside the merge.

use deal_model::{Deal, Fingerprint, Plan, digest};
use jiff::Timestamp;

use crate::{AuditLine, Report};

/// Most audit lines that are offered to the opportunity's field; the CRM keeps what fits.
pub(crate) const AUDIT_LINES: usize = 50;

/// The report of a deal after a pass, and its fingerprint without times.
pub(crate) fn compose(
    deal: &Deal,
    plan: &Plan,
    fresh: &[AuditLine],
    history: &[AuditLine],
    now: Timestamp,
) -> (Report, Fingerprint) {
    let mut status = plan.headline.clone();
    let mut problem = String::new();
    for found in &deal.problems {
        problem.push_str(&found.sentence);
        problem.push(' ');
        problem.push_str(&found.next_step);
        problem.push('\n');
    }
    let lines: Vec<&AuditLine> = fresh.iter().rev().chain(history).take(AUDIT_LINES).collect();
    let newest = lines.first().map_or("", |line| line.sentence.as_str());
    let text = digest(&[status.as_str(), problem.as_str(), newest].join("\u{1f}"));
    if let Some(waiting) = deal.waiting.first() {
        let until = waiting.not_before.to_zoned(jiff::tz::TimeZone::UTC);
        status = format!("{status} at {}", until.strftime("%H:%M UTC"));
    }
    let audit = lines.into_iter().map(line).collect();
    let synced_at = deal.problems.is_empty().then_some(now);
    (Report { status, problem: problem.trim_end().to_owned(), audit, synced_at }, text)
}

fn line(line: &AuditLine) -> String {
    let at = line.at.to_zoned(jiff::tz::TimeZone::UTC);
    format!("{} - {}", at.strftime("%Y-%m-%d %H:%M"), line.sentence)
}
