//! `cosell init`: a commented configuration to begin with.

use std::{
    fs::OpenOptions,
    io::{IsTerminal as _, Write as _},
    path::Path,
    process::ExitCode,
};

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use crate::output::{self, Format};

const CONFIG: &str = include_str!("../cosell.toml");

/// Writes a commented cosell.toml and mapping.toml; overwrites nothing.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The stage that received referrals wait in. It must not be the one in
    /// which new opportunities start. Without it, init asks.
    #[arg(long, value_name = "STAGE")]
    on_hold: Option<String>,
}

impl Init {
    pub(crate) fn run(self, config: &Path, format: Format) -> anyhow::Result<ExitCode> {
        let mapping = config.with_file_name("mapping.toml");
        let on_hold = match self.on_hold {
            None if format == Format::Text && std::io::stdin().is_terminal() => ask_on_hold()?,
            given => given,
        };
        write_new(config, CONFIG)?;
        write_new(&mapping, &mapping_text(on_hold.as_deref()))?;
        let (config, mapping) = (config.display().to_string(), mapping.display().to_string());
        match format {
            Format::Json => output::json(&json!({ "config": config, "mapping": mapping }))?,
            Format::Text => {
                output::line(format!("wrote {config} and {mapping}"));
                output::line("next: fill in the ids and addresses, put the secrets where the file");
                output::line("says, sign in with `cosell login partner-center`, let `cosell mapping check`");
                output::line("and `cosell check` say what is still missing, and try `cosell sync --once`");
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// There is no default: leaving this stage accepts a referral, and nobody can take that back.
fn ask_on_hold() -> anyhow::Result<Option<String>> {
    output::line("In which stage do received referrals wait? Leaving it accepts them, so it must");
    output::line("not be the stage in which new opportunities start. (Enter: decide later)");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).context("cannot read the answer")?;
    Ok(Some(answer.trim().to_owned()).filter(|stage| !stage.is_empty()))
}

/// A company's mapping that says only what has no default; what is not chosen yet stands in a comment, and the service
/// does not start without it.
pub(crate) fn mapping_text(on_hold: Option<&str>) -> String {
    let on_hold = on_hold.map_or_else(
        || "# on_hold = \"Co-sell: to answer\"".to_owned(),
        |stage| format!("on_hold = {}", toml::Value::String(stage.to_owned())),
    );
    format!(
        "# What differs from the shipped mapping; everything else is inherited.\n\
         version = 1\n\
         extends = \"default\"\n\
         \n\
         [stages]\n\
         # Received referrals wait here; moving an opportunity off it accepts.\n\
         {on_hold}\n"
    )
}

fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .with_context(|| format!("cannot write {}: it must not exist yet", path.display()))?;
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}
