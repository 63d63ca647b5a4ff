//! `cosell mapping discover`: names of fields that the org already has, as lines for the mapping file.

mod fragment;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use anyhow::{anyhow, bail};
use clap::Args;
use connectors::salesforce::{Proposal, discover, is_said};
use mapping::Mapping;
use ports::Lane;
use salesforce::CallContext;
use serde_json::{Value, json};

use super::rewrite::{may_write, rewrite};
use crate::{
    config::Config,
    mapping_files::{Files, read_files},
    output::{self, Format},
    wiring::{Access, open_store_beside, wire_with},
};
use fragment::Fragment;

/// Proposes names for fields that the org already has, by label and type.
///
/// For companies that come from Microsoft's packaged fields: describes the
/// opportunity and the child object of solutions as the integration user sees
/// them, in any namespace, and prints lines to paste into the mapping file.
/// Where several fields may be meant the lines are comments, for you to choose.
///
/// With --write, shows what it would add to your mapping file, asks, keeps a
/// copy beside it, and adds it; a file that would no longer be usable is left
/// as it is. The exit status is 0, also if nothing is found; 1 if the org could
/// not be described, or --write did not write.
#[derive(Debug, Args)]
pub(crate) struct Discover {
    /// Add the lines to the mapping file, after showing them.
    #[arg(long)]
    write: bool,
    /// With --write: do not ask.
    #[arg(long, requires = "write")]
    yes: bool,
}

impl Discover {
    pub(crate) async fn run(self, config: &Path, format: Format) -> anyhow::Result<ExitCode> {
        let loaded = Config::load(config)?;
        let files = read_files(&loaded)?;
        let file = loaded.config.mapping.file.as_ref().map(|file| loaded.folder.join(file));
        // What is looked for is not yet in the file: a file that lacks it, or is broken, must not stop the search.
        let mapping = files.try_compile().unwrap_or_else(|_| Mapping::shipped());
        drop(open_store_beside(&loaded)?);
        let wired = wire_with(loaded, Access::Look, Arc::new(Mapping::shipped()))?;
        let proposals = discover(&wired.salesforce, CallContext::new(Lane::Now)).await;
        let proposals = proposals
            .map_err(|error| anyhow!("the org could not be described: {error}\n  fix: cosell check"))?;
        let fragment = fragment::of(&mapping, &proposals);
        if format == Format::Text {
            if fragment.is_empty() {
                output::line(if proposals.is_empty() {
                    "the org shows this user no field or object that is called like Microsoft's"
                } else {
                    "every field that was found is in the mapping already"
                });
            } else {
                output::line(fragment.to_string().trim_end());
            }
        }
        let copy = if self.write { self.add(&files, file.as_deref(), &fragment)? } else { None };
        match (format, &copy) {
            (Format::Json, _) => output::json(&json!({
                "proposals": proposals.iter().map(|it| as_json(&mapping, it)).collect::<Vec<_>>(),
                "toml": fragment.to_string(),
                "written": copy.is_some(),
                "copy": copy,
            }))?,
            (Format::Text, Some(copy)) => {
                output::line("");
                output::line(format!("added; the file as it was is {}", copy.display()));
                output::line("next: cosell mapping check");
            }
            (Format::Text, None) => {}
        }
        Ok(if self.write && copy.is_none() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    /// Adds what is beyond doubt to the mapping file; the copy of the file as it was.
    fn add(
        &self,
        files: &Files,
        file: Option<&Path>,
        fragment: &Fragment,
    ) -> anyhow::Result<Option<PathBuf>> {
        let (Some(path), Some((name, text))) = (file, &files.company) else {
            bail!("the configuration names no mapping file\n  fix: [mapping] file = \"mapping.toml\"");
        };
        if !fragment.is_sure() {
            return Ok(None);
        }
        let new = fragment.added_to(text);
        let tried = Files { company: Some((name.clone(), new.clone())), lists: files.lists.clone() };
        if let Err(errors) = tried.try_compile() {
            let first = errors.first().map(|error| error.what.clone()).unwrap_or_default();
            bail!("with these lines {name} could not be used: {first}\n  fix: paste them where they belong");
        }
        if !may_write(&format!("Add the lines that are no comments to {name}?"), self.yes)? {
            return Ok(None);
        }
        rewrite(path, text, &new).map(Some)
    }
}

fn as_json(mapping: &Mapping, proposal: &Proposal) -> Value {
    json!({
        "setting": proposal.path.join("."),
        "sure": proposal.sure().map(|it| &it.value),
        "candidates": proposal.candidates.iter().map(|it| json!({
            "value": it.value,
            "label": it.label,
            "score": it.score,
            "because": it.because,
            "in_mapping": is_said(mapping, proposal, it),
        })).collect::<Vec<_>>(),
    })
}
