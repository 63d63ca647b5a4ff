//! `cosell check`: every prerequisite, line by line: seen to hold, seen not to hold, or not to be told from here.

mod allowances;
mod events;
mod here;
pub(crate) mod mapped;
mod org;
mod portal;

use std::{path::Path, process::ExitCode};

use clap::Args;
use connectors::{Finding, Verdict};
pub(crate) use here::broken;
use serde_json::{Value, json};

use crate::{
    config::Config,
    output::{self, Format},
    wiring::{Access, wire},
};

/// The groups of lines, by how their ids begin.
const GROUPS: [(&str, &str); 3] =
    [("cosell.", "Cosell"), ("salesforce.", "Salesforce"), ("partner_center.", "Partner Center")];

/// The column at which evidence begins.
const EVIDENCE: usize = 36;
/// The column at which the way to mend begins.
const MEND: usize = 8;

/// What is checked beside the ordinary.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Try on a scratch record how the org takes conditional writes.
    ///
    /// Makes one account whose name says that it may be deleted, changes it, and
    /// deletes it; one that a crash left behind is deleted first. Automations of
    /// the org on accounts will see it. `cosell run` goes by the outcome from its
    /// next start on.
    #[arg(long)]
    write_probe: bool,
}

impl Check {
    pub(crate) async fn run(self, config: &Path, format: Format) -> anyhow::Result<ExitCode> {
        report(&self.look(config).await, format)
    }

    async fn look(&self, config: &Path) -> Vec<Finding> {
        let loaded = match Config::load(config) {
            Ok(loaded) => loaded,
            Err(error) => return vec![here::broken("cosell.configuration", "Configuration", &error.into())],
        };
        let mut findings = vec![here::configuration(config)];
        let (about_file, mapping) = mapped::file(&loaded);
        findings.extend(about_file);
        findings.extend(mapping.iter().flat_map(mapped::portal));
        findings.push(here::seal_key(&loaded));
        findings.push(here::secret_files(&loaded));
        if findings.iter().any(|finding| finding.verdict == Verdict::Fail) {
            return findings;
        }
        let is_first = crate::store_place::store_is_new(&loaded);
        let wired = match wire(loaded.clone(), if is_first { Access::Own } else { Access::Look }) {
            Ok(wired) => wired,
            Err(error) => {
                // Not one after the other, from one check to the next.
                let error = here::unread_secrets(&loaded).unwrap_or(error);
                findings.push(here::broken("cosell.store", "Store and secrets", &error));
                return findings;
            }
        };
        findings.push(here::store(&wired, is_first));
        findings.extend(here::another_key(&wired).await);
        findings.extend(here::in_the_clear(&wired).await);
        findings.push(here::public_address(&wired));
        findings.extend(org::look(&wired, self.write_probe).await);
        findings.extend(portal::look(&wired).await);
        findings
    }
}

/// Prints the lines; the exit status says whether one fails.
pub(crate) fn report(findings: &[Finding], format: Format) -> anyhow::Result<ExitCode> {
    match format {
        Format::Json => {
            for finding in findings {
                output::json(&as_json(finding))?;
            }
        }
        Format::Text => print(findings),
    }
    let fails = findings.iter().any(|finding| finding.verdict == Verdict::Fail);
    Ok(if fails { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn as_json(finding: &Finding) -> Value {
    json!({
        "id": finding.id,
        "group": group(finding),
        "title": finding.title,
        "verdict": finding.verdict,
        "evidence": finding.evidence,
        "mend": finding.mend,
    })
}

fn group(finding: &Finding) -> &'static str {
    let of = GROUPS.iter().find(|(prefix, _)| finding.id.starts_with(prefix));
    of.map_or("Cosell", |(_, group)| group)
}

fn print(findings: &[Finding]) {
    for (_, name) in GROUPS {
        let mut lines = findings.iter().filter(|finding| group(finding) == name).peekable();
        if lines.peek().is_none() {
            continue;
        }
        output::line(name);
        for finding in lines {
            let verdict = match finding.verdict {
                Verdict::Pass => "pass",
                Verdict::Fail => "FAIL",
                Verdict::CannotBeChecked => "--",
            };
            output::aligned(&format!("  {verdict:<6}{}", finding.title), EVIDENCE, &finding.evidence);
            if let Some(mend) = &finding.mend {
                let word = if finding.verdict == Verdict::Fail { "mend" } else { "by hand" };
                output::indented(MEND, &format!("{word}: {mend}"));
            }
        }
        output::line("");
    }
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    output::line(format!(
        "{} pass, {} fail, {} cannot be checked from here (--)",
        count(Verdict::Pass),
        count(Verdict::Fail),
        count(Verdict::CannotBeChecked)
    ));
}
