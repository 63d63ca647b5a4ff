//! `cosell mapping schema`: what editors complete and check a mapping file by.

use std::process::ExitCode;

use clap::Args;
use mapping::Mapping;

use crate::output;

/// Prints the JSON Schema of a mapping file, for editors.
///
/// Save it, and name it in the first line of your file: `#:schema mapping.schema.json`.
/// What a schema cannot say, such as whether a code is in its list, `cosell mapping
/// check` says. The exit status is 0.
#[derive(Debug, Args)]
pub(crate) struct Schema {}

impl Schema {
    #[allow(clippy::unused_self, reason = "a command like any other")]
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        output::line(serde_json::to_string_pretty(&Mapping::json_schema())?);
        Ok(ExitCode::SUCCESS)
    }
}
