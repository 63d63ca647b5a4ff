//! `cosell mapping show`: the effective mapping as tables, with the origin of each line.

use std::{path::Path, process::ExitCode};

use anyhow::bail;
use clap::Args;
use mapping::{ListOverview, Mapping, Setting};
use serde_json::json;

use super::{
    field::{self, FieldView},
    origin::{file_name, setting_json, told},
};
use crate::{
    config::Config,
    mapping_files::read_files,
    output::{self, Format},
};

/// What a section is called in the output, in order.
const SECTIONS: &[&str] = &[
    "stages",
    "reasons",
    "fields",
    "names",
    "inbound",
    "leads",
    "opt_in",
    "partner_ids",
    "accounts",
    "contacts",
    "creation",
];
/// The column at which the origin of a field begins.
const ORIGIN: usize = 30;
/// Longest value in a table, in characters; `--field` and JSON show all of it.
const MAX_VALUE: usize = 120;

/// Prints the effective mapping, and where each line of it comes from.
///
/// Reads the configuration and the mapping's files, and calls nobody. In the
/// list of fields, -> means to Partner Center and <- to Salesforce; a field
/// that is off is neither read nor written. Exit status 1 if the mapping cannot
/// be used; `cosell mapping check` says why.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// One field, in full.
    #[arg(long, value_name = "NAME", conflicts_with = "section")]
    field: Option<String>,
    /// One section: fields, stages, names and the like.
    #[arg(long, value_name = "NAME")]
    section: Option<String>,
}

impl Show {
    pub(crate) fn run(self, config: &Path, format: Format) -> anyhow::Result<ExitCode> {
        let files = read_files(&Config::load(config)?)?;
        let mapping = files.compile()?;
        if let Some(name) = &self.field {
            let field = field::find(&mapping, name)?;
            match format {
                Format::Json => output::json(&field.json())?,
                Format::Text => one(&field),
            }
            return Ok(ExitCode::SUCCESS);
        }
        let sections = self.sections(&mapping)?;
        let lists = files.lists.overview();
        if format == Format::Json {
            let settings = mapping.provenance().settings().iter();
            let settings = settings.filter(|setting| sections.contains(&setting.section()));
            let fields = if sections.contains(&"fields") { field::all(&mapping) } else { Vec::new() };
            output::json(&json!({
                "version": mapping.version(),
                "file": files.company.as_ref().map(|(name, _)| name),
                "fields": fields.iter().map(FieldView::json).collect::<Vec<_>>(),
                "settings": settings.map(setting_json).collect::<Vec<_>>(),
                "lists": lists.iter().map(list_json).collect::<Vec<_>>(),
            }))?;
            return Ok(ExitCode::SUCCESS);
        }
        let yours = files.company.as_ref().map(|(name, _)| file_name(name));
        let over = yours.map_or_else(
            || "the shipped default, alone".to_owned(),
            |name| format!("{name} over the default"),
        );
        output::line(format!("mapping version {}: {over}", mapping.version()));
        for section in &sections {
            print_section(&mapping, section);
        }
        if self.section.is_none() {
            print_lists(&lists);
        }
        Ok(ExitCode::SUCCESS)
    }

    fn sections<'s>(&'s self, mapping: &'s Mapping) -> anyhow::Result<Vec<&'s str>> {
        let mut there: Vec<&str> = SECTIONS.to_vec();
        let settings = mapping.provenance().settings().iter().filter(|setting| setting.path().len() > 1);
        let others: Vec<&str> =
            settings.map(Setting::section).filter(|name| !SECTIONS.contains(name)).collect();
        for other in others {
            if !there.contains(&other) {
                there.push(other);
            }
        }
        there.retain(|name| mapping.provenance().below(&[*name]).next().is_some());
        match self.section.as_deref() {
            None => Ok(there),
            Some(name) if there.contains(&name) => Ok(vec![name]),
            Some(name) => {
                bail!("the mapping has no section `{name}`\n  fix: name one of {}", there.join(", "))
            }
        }
    }
}

fn print_section(mapping: &Mapping, section: &str) {
    output::line("");
    output::line(format!("[{section}]"));
    if section == "fields" {
        for field in field::all(mapping) {
            // Paths are longer than any column: they get lines of their own, and break at blanks alone.
            output::aligned(field.id, ORIGIN, &field.origin());
            output::indented(4, &format!("{} {} {}", field.crm_place(), field.way(), field.portal_place()));
        }
        return;
    }
    let path = [section];
    let rows = mapping.provenance().below(&path).map(|setting| {
        let key = setting.path()[1..].join(".");
        [key, cut(&setting.effective().value), told(setting)]
    });
    output::line(output::table(&["setting", "value", "origin"], rows));
}

fn cut(value: &str) -> String {
    if value.chars().count() <= MAX_VALUE {
        return value.to_owned();
    }
    value.chars().take(MAX_VALUE).chain("...".chars()).collect()
}

fn print_lists(lists: &[ListOverview]) {
    output::line("");
    output::line("Code lists");
    let rows = lists.iter().map(|list| {
        let unverified =
            if list.unverified > 0 { format!(", {} unverified", list.unverified) } else { String::new() };
        let origin = if list.own { "yours" } else { "shipped" };
        [
            list.name.to_owned(),
            format!("{} codes{unverified}", list.codes),
            format!("{} ({})", list.edition, list.version),
            origin.to_owned(),
        ]
    });
    output::line(output::table(&["list", "content", "edition", "origin"], rows));
}

fn list_json(list: &ListOverview) -> serde_json::Value {
    json!({
        "list": list.name,
        "version": list.version,
        "edition": list.edition,
        "as_of": list.as_of,
        "source": list.source,
        "codes": list.codes,
        "unverified": list.unverified,
        "origin": if list.own { "yours" } else { "shipped" },
    })
}

fn one(field: &FieldView<'_>) {
    output::line(format!("{}: {}", field.id, field.label()));
    output::indented(2, &format!("{} {} {}", field.crm_place(), field.way(), field.portal_place()));
    output::line("");
    let rows = field
        .settings
        .iter()
        .map(|setting| [setting.path()[2..].join("."), setting.effective().value.clone(), told(setting)]);
    output::line(output::table(&["setting", "value", "origin"], rows));
    for setting in field.settings.iter().filter(|setting| setting.is_yours()) {
        if let Some(default) = setting.default() {
            output::indented(
                2,
                &format!("{}: the default says {}", setting.path()[2..].join("."), default.value),
            );
        }
    }
}
