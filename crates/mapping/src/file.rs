//! From the files' text to a compiled mapping.
//!
//! 1. Each text becomes a tree in which every key and value knows its place (`tree`).
//! 2. The trees are merged by name, a company's over the default (`merge`).
//! 3. Each section is read from the merged tree (`fields`, `stages`, ...). A reader that finds a mistake notes it and goes
//!    on, so that all of them are told at once.

mod accounts;
mod address_rules;
mod agreement;
mod catalogue;
mod codecs;
mod conditions;
mod contacts;
mod creation;
mod definition;
mod demands;
mod expressions;
mod fields;
mod groups;
mod inbound;
mod leads;
mod lists;
mod merge;
mod mistakes;
mod names;
mod opt_in;
mod origins;
mod partner_ids;
mod place;
mod policy;
mod remedy;
mod schema;
mod sets;
mod similar;
mod stages;
mod syntax;
mod text;
mod tree;
mod typed;

use std::fmt::Write as _;

use deal_model::{Endings, GuardSettings, Specs, Switches};
use sha2::{Digest as _, Sha256};

use crate::{
    CodeLists, Mapping, MappingError, Provenance, Source, Stages,
    codec::minor_units,
    lists::{DECLINE_REASONS, ERROR_REASONS},
};
pub(crate) use address_rules::read as read_address_rules;
pub(crate) use lists::list;
use mistakes::Mistakes;
pub(crate) use place::{documented, paths as documented_paths};
use remedy::Remedy;
pub(crate) use schema::schema;
pub(crate) use similar::nearest;
use tree::Table;

/// The shipped default.
pub(crate) const DEFAULT: Source<'static> =
    Source { name: "default.toml", text: include_str!("../../../mappings/default.toml") };

/// The sections of a file.
const SECTIONS: &[&str] = &[
    "version",
    "extends",
    "stages",
    "reasons",
    "sales_stages",
    "record_types",
    "text",
    "fields",
    "names",
    "inbound",
    "leads",
    "opt_in",
    "creation",
    "partner_ids",
    "accounts",
    "contacts",
    "catalogue",
];
/// The format of the file.
const VERSION: i64 = 1;
/// What a file may extend.
const BASES: &[&str] = &["default", "default@1"];
/// Characters of the version that audit rows carry.
const VERSION_DIGITS: usize = 12;

pub(crate) fn compile(sources: &[Source<'_>], lists: &CodeLists) -> Result<Mapping, Vec<MappingError>> {
    let mut mistakes = Mistakes::new(sources);
    if sources.is_empty() {
        return Err(mistakes.into_errors());
    }
    let mut effective = Table::default();
    let mut provenance = Provenance::default();
    for (index, source) in sources.iter().enumerate() {
        if let Some(tree) = tree::parse(index, source.text, &mut mistakes) {
            check_head(index, &tree, &mut mistakes);
            origins::add(&mut provenance, index, source, &tree);
            merge::over(&mut effective, tree);
        }
    }
    // A file that is no TOML would only cause more, and misleading, messages.
    if mistakes.any_syntax() {
        return Err(mistakes.into_errors());
    }
    let stages = stages::read(&effective, &mut mistakes);
    lists::check_reasons(effective.get("reasons"), lists, &mut mistakes);
    let record_types = stages::of_record_types(&effective, &mut mistakes);
    let fields = fields::read(&effective, lists, &mut mistakes);
    let measure = text::read(&effective, &mut mistakes);
    let mut groups = groups::compile(fields, measure, &mut mistakes);
    groups.localize(lists.addresses());
    let inbound = inbound::read(&effective, &mut mistakes);
    let leads = leads::read(&effective, &mut mistakes);
    let opt_in = opt_in::read(&effective, &mut mistakes);
    let names = names::read(&effective, &mut mistakes);
    let accounts = accounts::read(&effective, &groups, &names, &mut mistakes);
    let contacts = contacts::read(&effective, &mut mistakes);
    let catalogue = catalogue::read(&effective, &mut mistakes);
    let creation = creation::read(&effective, &mut mistakes);
    let partner_ids = partner_ids::read(&effective, &groups, &mut mistakes);
    let compiled =
        definition::Compiled { groups: &groups.specs, sets: &groups.sets, catalogue: &catalogue, lists };
    let definitions = definition::definitions(&effective, &compiled);
    match stages {
        Some(stages) if mistakes.is_empty() => Ok(Mapping {
            specs: Specs {
                minor_units: minor_units(),
                help_needs: groups.needed_for_help(),
                definitions,
                groups: groups.specs,
                guard: GuardSettings::default(),
                switches: Switches::default(),
                endings: endings(&stages, lists),
                lacks: Vec::new(),
            },
            bindings: groups.bindings,
            sets: groups.sets,
            stages,
            record_types,
            inbound,
            accounts,
            contacts,
            catalogue,
            leads,
            opt_in,
            measure,
            names,
            creation,
            partner_ids,
            version: version(&effective, lists),
            provenance,
        }),
        _ => Err(mistakes.into_errors()),
    }
}

/// What each file says of itself: its format and what it extends.
fn check_head(index: usize, tree: &Table, mistakes: &mut Mistakes<'_>) {
    typed::known_keys(tree, SECTIONS, "a mapping file", mistakes);
    match tree.get("version") {
        None => mistakes.at_start(
            index,
            "the file does not say its format",
            Remedy::say(["version"], VERSION.to_string()),
        ),
        Some(node) => {
            if let Some(version) = typed::integer(node, mistakes)
                && version != VERSION
            {
                mistakes.add(
                    node.at,
                    format!("format {version} is not known"),
                    Remedy::value(VERSION.to_string())
                        .advised("or use the program that the file was written for"),
                );
            }
        }
    }
    if let Some(node) = tree.get("extends") {
        typed::one_of(node, BASES, mistakes);
    }
}

/// What the portal demands of a deal's end; reasons are named as the opportunity names them.
fn endings(stages: &Stages, lists: &CodeLists) -> Endings {
    let named = |list: &str| lists.checked(list, |words| Some(stages.reason_to_crm(words)));
    Endings { reasons: named(DECLINE_REASONS), error_reasons: named(ERROR_REASONS), ..Endings::default() }
}

fn version(effective: &Table, lists: &CodeLists) -> String {
    let digest = Sha256::digest((effective.canonical() + &lists.canonical()).as_bytes());
    let mut version = String::with_capacity(VERSION_DIGITS);
    for byte in digest.iter().take(VERSION_DIGITS / 2) {
        write!(version, "{byte:02x}").expect("writing to a string does not fail");
    }
    version
}
