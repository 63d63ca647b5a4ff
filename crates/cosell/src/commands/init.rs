//! `cosell init`: a commented configuration to begin with.

use std::{fs::OpenOptions, io::Write as _, path::Path, process::ExitCode};

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use crate::output::{self, Format};

const CONFIG: &str = include_str!("../cosell.toml");

/// Writes a commented cosell.toml and mapping.toml; overwrites nothing.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The stage that received referrals wait in. It must not be the one in
    /// which new opportunities start.
    #[arg(long, value_name = "STAGE", default_value = "Co-sell: to answer")]
    on_hold: String,
}

impl Init {
    pub(crate) fn run(self, config: &Path, format: Format) -> anyhow::Result<ExitCode> {
        let mapping = config.with_file_name("mapping.toml");
        write_new(config, CONFIG)?;
        write_new(&mapping, &mapping_text(&self.on_hold))?;
        let (config, mapping) = (config.display().to_string(), mapping.display().to_string());
        match format {
            Format::Json => output::json(&json!({ "config": config, "mapping": mapping }))?,
            Format::Text => {
                output::line(format!("wrote {config} and {mapping}"));
                output::line("next: fill in the ids and addresses, put the secrets where the file");
                output::line("says, then try `cosell sync --once`");
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A company's mapping that says only what has no default.
pub(crate) fn mapping_text(on_hold: &str) -> String {
    let stage = toml::Value::String(on_hold.to_owned());
    format!(
        "# What differs from the shipped mapping; everything else is inherited.\n\
         version = 1\n\
         extends = \"default\"\n\
         \n\
         [stages]\n\
         # Received referrals wait here; moving an opportunity off it accepts.\n\
         on_hold = {stage}\n"
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
