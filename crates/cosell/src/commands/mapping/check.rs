//! `cosell mapping check`: the file, and then the org and the portal against it, line by line.

use std::{path::Path, process::ExitCode};

use clap::Args;
use connectors::{Finding, Verdict};
use mapping::MappingError;
use serde_json::{Value, json};

use super::rewrite::{may_write, rewrite};
use crate::{
    commands::check::{broken, mapped, report},
    config::{Config, Loaded},
    mapping_files::{Files, read_files},
    output::{self, Format},
    wiring::{Access, open_store_beside, wire},
};

/// Most fixes that are made in one go: more than a file has mistakes.
const MOST_FIXES: usize = 200;

/// Checks the mapping file, and the org and the portal against it.
///
/// First the file: every mistake with its line, its column and a fix. Then each
/// field, stage, owner and name against the live org, as the integration user
/// sees it, and what the portal is documented to take. Each line says pass, FAIL,
/// or -- for what cannot be checked from here. `cosell check` tells the same
/// lines, and all other prerequisites. Writes nothing on either side. Exit
/// status 1 if anything fails.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Look at the file alone; call nobody.
    #[arg(long)]
    offline: bool,
    /// Make the fixes in the mapping file, after showing them.
    ///
    /// A copy of the file as it was is kept beside it. A fix may be a guess,
    /// such as the nearest name: read what is shown before you say yes.
    #[arg(long)]
    fix: bool,
    /// With --fix: do not ask.
    #[arg(long, requires = "fix")]
    yes: bool,
}

impl Check {
    pub(crate) async fn run(self, config: &Path, format: Format) -> anyhow::Result<ExitCode> {
        let loaded = match Config::load(config) {
            Ok(loaded) => loaded,
            Err(error) => {
                return report(&[broken("cosell.configuration", "Configuration", &error.into())], format);
            }
        };
        if self.fix {
            self.mend(&loaded, format)?;
        }
        let (mut findings, mapping) = mapped::file(&loaded);
        if let Some(mapping) = &mapping {
            findings.extend(mapped::portal(mapping));
        }
        let is_usable = mapping.is_some()
            && !findings.iter().any(|it| it.id == "cosell.mapping" && it.verdict == Verdict::Fail);
        if is_usable && !self.offline {
            findings.extend(self.live(loaded).await);
        }
        report(&findings, format)
    }

    async fn live(&self, loaded: Loaded) -> Vec<Finding> {
        let wired = open_store_beside(&loaded).and_then(|_| wire(loaded, Access::Look));
        let wired = match wired {
            Ok(wired) => wired,
            Err(error) => return vec![broken("cosell.store", "Store and secrets", &error)],
        };
        if let Err(error) = wired.salesforce.org_id().await {
            let why = format!("Nobody could sign in, so the org was not looked at: {error}.");
            return vec![Finding::unseen("salesforce.sign_in", "Sign-in", why, "Run: cosell check")];
        }
        mapped::org(&wired).await.0
    }

    /// Makes every fix that the file's mistakes have.
    fn mend(&self, loaded: &Loaded, format: Format) -> anyhow::Result<()> {
        let files = read_files(loaded)?;
        let (Some(file), Some((name, text))) = (&loaded.config.mapping.file, &files.company) else {
            return Ok(());
        };
        let (new, made) = mended(&files, name, text);
        if made.is_empty() {
            return Ok(());
        }
        if format == Format::Text {
            for error in &made {
                output::line(format!("{}:{}: {}", super::file_name(&error.file), error.line, error.what));
                output::indented(2, &format!("fix: {}", error.fix));
            }
        }
        let may = may_write(&asked(made.len(), name), self.yes)?;
        let copy = if may { Some(rewrite(&loaded.folder.join(file), text, &new)?) } else { None };
        match (format, &copy) {
            (Format::Json, _) => output::json(&as_json(&made, copy.as_deref()))?,
            (Format::Text, Some(copy)) => {
                output::line(format!("fixed; the file as it was is {}", copy.display()));
                output::line("");
            }
            (Format::Text, None) => {}
        }
        Ok(())
    }
}

fn asked(fixes: usize, name: &str) -> String {
    if fixes == 1 {
        format!("Make this fix in {name}?")
    } else {
        format!("Make these {fixes} fixes in {name}?")
    }
}

/// The fixes that were shown, and the copy of the file as it was, if they were made.
fn as_json(made: &[MappingError], copy: Option<&Path>) -> Value {
    let fix = |error: &MappingError| {
        json!({
            "file": error.file,
            "line": error.line,
            "column": error.column,
            "what": error.what,
            "advice": error.advice,
            "fix": error.fix.to_string(),
        })
    };
    json!({ "fixes": made.iter().map(fix).collect::<Vec<_>>(), "fixed": copy.is_some(), "copy": copy })
}

/// The text with fix after fix made, and the mistakes that they mend. A fix that would leave the text as it is, or that
/// comes back, ends it.
fn mended(files: &Files, name: &str, text: &str) -> (String, Vec<MappingError>) {
    let mut text = text.to_owned();
    let mut made: Vec<MappingError> = Vec::new();
    for _ in 0..MOST_FIXES {
        let tried = Files { company: Some((name.to_owned(), text.clone())), lists: files.lists.clone() };
        let Err(errors) = tried.try_compile() else { break };
        let Some(error) = errors.into_iter().find(|error| error.file == name) else { break };
        let next = error.apply(&text);
        if next == text {
            break;
        }
        text = next;
        made.push(error);
    }
    (text, made)
}
