//! The mapping as its files say it: the company's own over the shipped one, and code lists in the place of shipped ones.

use std::path::Path;

use anyhow::{Context as _, anyhow};
use deal_model::Lack;
use mapping::{CodeLists, Mapping, MappingError, Source};

use crate::config::{Config, Loaded};

/// Most code lists in a folder: far more than there are.
const MOST_LISTS: usize = 100;
/// Where the referral's team is.
pub(crate) const TEAM: &str = "/team";

/// The files that the configuration names, read and not yet compiled.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    /// The company's own: its name as messages show it, and its text.
    pub(crate) company: Option<(String, String)>,
    /// The code lists, shipped and own.
    pub(crate) lists: CodeLists,
}

impl Files {
    /// The mapping; or everything that is wrong with it.
    pub(crate) fn try_compile(&self) -> Result<Mapping, Vec<MappingError>> {
        let company = self.company.as_ref().map(|(name, text)| Source { name, text });
        Mapping::with_lists(company, &self.lists)
    }

    /// The same, with everything that is wrong as one error.
    pub(crate) fn compile(&self) -> anyhow::Result<Mapping> {
        self.try_compile().map_err(unusable)
    }
}

fn unusable(errors: Vec<MappingError>) -> anyhow::Error {
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    anyhow!("the mapping cannot be used:\n{}", lines.join("\n"))
}

/// Compiles the mapping that the configuration names.
pub(crate) fn load_mapping(loaded: &Loaded) -> anyhow::Result<Mapping> {
    read_files(loaded)?.compile()
}

/// Reads the files that the configuration names.
pub(crate) fn read_files(loaded: &Loaded) -> anyhow::Result<Files> {
    let config = &loaded.config.mapping;
    let company = match &config.file {
        Some(file) => Some(read_source(&loaded.folder.join(file))?),
        None => None,
    };
    let own = match &config.code_lists {
        Some(folder) => read_lists(&loaded.folder.join(folder))?,
        None => Vec::new(),
    };
    let lists: Vec<Source<'_>> = own.iter().map(|(name, text)| Source { name, text }).collect();
    let lists = CodeLists::with(&lists, config.unverified_codes).map_err(unusable)?;
    Ok(Files { company, lists })
}

/// A file's name as messages show it, and its text.
pub(crate) fn read_source(path: &Path) -> anyhow::Result<(String, String)> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
    Ok((shown, text))
}

/// Every code list of a folder.
fn read_lists(folder: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let shown = folder.display();
    let failed = || {
        format!(
            "cannot read the code lists in {shown}\n  fix: make the folder, or leave [mapping] code_lists out"
        )
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(failed)?.take(MOST_LISTS) {
        let path = entry.with_context(failed)?.path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            paths.push(path);
        }
    }
    paths.sort_unstable();
    paths.iter().map(|path| read_source(path)).collect()
}

/// What the configuration lacks for any referral to be created (partner-center reference, section 4.5).
pub(crate) fn lacks(mapping: &Mapping, config: &Config) -> Vec<Lack> {
    let lack = |sentence: String| Lack {
        about: "team".into(),
        sentence,
        next_step: "Ask your admin to name one under [partner_center.default_team_member].".to_owned(),
    };
    let Some(member) = &config.partner_center.default_team_member else {
        // The opportunity's own people go there: the mapping's demand tells what they lack.
        if mapping.sets().iter().any(|set| set.portal_array.as_str() == TEAM) {
            return Vec::new();
        }
        return vec![lack("A referral needs a seller of yours in its team, and none is named.".to_owned())];
    };
    let needs = [
        ("first name", &member.first_name),
        ("last name", &member.last_name),
        ("e-mail", &member.email),
        ("phone", &member.phone),
    ];
    let blank = needs.iter().filter(|(_, text)| text.trim().is_empty());
    blank
        .map(|(word, _)| lack(format!("The default team member has no {word}, and a referral needs it.")))
        .collect()
}
