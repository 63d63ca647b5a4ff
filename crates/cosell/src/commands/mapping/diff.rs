//! `cosell mapping diff`: what one mapping says that another does not.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use mapping::{Mapping, Setting};
use serde_json::{Value, json};

use super::origin::{place_json, short};
use crate::{
    config::Config,
    mapping_files::{Files, read_files, read_source},
    output::{self, Format},
};

/// Prints what your file changes of the shipped mapping, or of another file.
///
/// Against the default it also names what your file repeats of it, which could
/// go, and says what a newer default would change. With --against, both files
/// are merged over the default first: what they say differently, in whatever
/// words, is the difference. Calls nobody. The exit status is 0, whether they
/// differ or not.
#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// Another mapping file, instead of the default.
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
}

/// One setting that two mappings say differently.
struct Difference<'m> {
    name: String,
    /// The other's word; none if it says nothing of it.
    theirs: Option<&'m mapping::Said>,
    /// Ours; none if only the other says it.
    yours: Option<&'m mapping::Said>,
}

impl Diff {
    pub(crate) fn run(self, config: &Path, format: Format) -> anyhow::Result<ExitCode> {
        let files = read_files(&Config::load(config)?)?;
        let mapping = files.compile()?;
        match &self.against {
            None => against_default(&mapping, format)?,
            Some(path) => {
                let other = read_source(path)?;
                let other = Files { company: Some(other), lists: files.lists.clone() };
                against_file(&mapping, &other.compile()?, &path.display().to_string(), format)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn against_default(mapping: &Mapping, format: Format) -> anyhow::Result<()> {
    let of_body = |setting: &&Setting| setting.path().len() > 1;
    let yours: Vec<&Setting> =
        mapping.provenance().settings().iter().filter(of_body).filter(|setting| setting.is_yours()).collect();
    let (repeated, differing): (Vec<&Setting>, Vec<&Setting>) =
        yours.into_iter().partition(|setting| setting.is_repeated());
    let differences: Vec<Difference<'_>> = differing
        .iter()
        .map(|it| Difference { name: it.name(), theirs: it.default(), yours: Some(it.effective()) })
        .collect();
    let newer = newer(mapping);
    if format == Format::Json {
        return output::json(&json!({
            "against": "default",
            "differences": differences.iter().map(difference_json).collect::<Vec<_>>(),
            "repeated": repeated.iter().map(|it| {
                let said = it.effective();
                json!({ "name": it.name(), "value": said.value, "file": said.place.file, "line": said.place.line })
            }).collect::<Vec<_>>(),
            "newer_default": newer,
        }));
    }
    print(&differences, "default");
    if !repeated.is_empty() {
        output::line("");
        output::line("says what the default says anyhow, and could go:");
        for setting in &repeated {
            output::aligned(&format!("  {}", short(&setting.effective().place)), 22, &setting.name());
        }
    }
    output::line("");
    output::indented(0, newer);
    if !is_pinned(mapping) {
        output::line("To keep it when a newer one comes, say in your file:");
        output::line(format!("  extends = {PIN}"));
    }
    Ok(())
}

fn against_file(mapping: &Mapping, other: &Mapping, name: &str, format: Format) -> anyhow::Result<()> {
    let path = |setting: &Setting| setting.path().to_vec();
    let find = |mapping: &'_ Mapping, wanted: &Setting| {
        mapping.provenance().settings().iter().any(|setting| path(setting) == path(wanted))
    };
    let mut differences: Vec<Difference<'_>> = Vec::new();
    for setting in mapping.provenance().settings().iter().filter(|setting| setting.path().len() > 1) {
        let theirs = other.provenance().settings().iter().find(|it| it.path() == setting.path());
        let theirs = theirs.map(Setting::effective);
        if theirs.is_none_or(|theirs| theirs.value != setting.effective().value) {
            differences.push(Difference { name: setting.name(), theirs, yours: Some(setting.effective()) });
        }
    }
    for setting in other.provenance().settings().iter().filter(|setting| setting.path().len() > 1) {
        if !find(mapping, setting) {
            let (name, theirs) = (setting.name(), Some(setting.effective()));
            differences.push(Difference { name, theirs, yours: None });
        }
    }
    if format == Format::Json {
        return output::json(&json!({
            "against": name,
            "differences": differences.iter().map(difference_json).collect::<Vec<_>>(),
        }));
    }
    print(&differences, "theirs");
    Ok(())
}

fn difference_json(difference: &Difference<'_>) -> Value {
    json!({
        "name": difference.name,
        "theirs": difference.theirs.map(place_json),
        "yours": difference.yours.map(place_json),
    })
}

fn print(differences: &[Difference<'_>], other: &str) {
    if differences.is_empty() {
        output::line("nothing differs");
        return;
    }
    for difference in differences {
        let at = difference.yours.or(difference.theirs).map(|said| short(&said.place)).unwrap_or_default();
        output::line(format!("{}  ({at})", difference.name));
        let value =
            |said: Option<&mapping::Said>| said.map_or("(nothing)", |said| said.value.as_str()).to_owned();
        output::aligned(&format!("  {other}"), 12, &value(difference.theirs));
        output::aligned("  yours", 12, &value(difference.yours));
    }
}

/// The version of the installed default, as a file names it.
const PIN: &str = "\"default@1\"";

/// What a newer default would change, as far as this program can know it: it ships one.
fn newer(mapping: &Mapping) -> &'static str {
    if is_pinned(mapping) {
        "Your file is pinned to default@1, the only default that has shipped so far: there is no newer one that would \
         change anything."
    } else {
        "Your file follows the default of the installed program, which is default@1, the only one that has shipped so \
         far."
    }
}

/// Whether the file names the default by its version.
fn is_pinned(mapping: &Mapping) -> bool {
    let extends = mapping.provenance().get(&["extends"]);
    extends.is_some_and(|setting| setting.effective().value == PIN)
}
