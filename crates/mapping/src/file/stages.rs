//! The `[stages]` and `[reasons]` sections, and those of record types.

use std::collections::BTreeMap;

use super::{
    merge,
    mistakes::Mistakes,
    remedy::{Remedy, quoted},
    similar,
    tree::{Entry, Item, Node, Table},
    typed,
};
use crate::{ListedStage, Meaning, RecordType, Stages};

/// The keys that are no stage's name.
const TARGETS: &[&str] = &["on_hold", "active", "declined", "expired", "error"];
/// The stages of Salesforce's own sales process that the keys usually name; what waits for an answer nobody can guess.
const USUAL: &[(&str, &str)] = &[
    ("on_hold", NOT_CHOSEN),
    ("active", "Qualification"),
    ("declined", "Closed Lost"),
    ("expired", "Closed Lost"),
    ("error", "Closed Lost"),
];
/// What `on_hold` holds until a company has chosen.
const NOT_CHOSEN: &str = "?";
/// Takes a line of the default away.
pub(super) const OFF: &str = "off";
const ACTIVE_WITH: &str = "active:";
const MEANINGS: &[&str] =
    &["active", "active:<sales stage>", "won", "lost", "declined", "expired", "error", OFF];

/// What a record type may say.
pub(super) const TYPE_KEYS: &[&str] = &["stages", "reasons", "sales_stages"];
/// What a stage's line may say.
pub(super) const LINE_KEYS: &[&str] = &["stage", "reason"];

pub(super) fn read(file: &Table, mistakes: &mut Mistakes<'_>) -> Option<Stages> {
    let Some(node) = file.get("stages") else {
        mistakes.missing(
            "no section says what the stages mean",
            Remedy::say(["stages", "active"], quoted("Qualification"))
                .advised("name all stages, or extend the default"),
        );
        return None;
    };
    let section = typed::table(node, mistakes)?;
    let bands = file.get("sales_stages").map(|node| bands_of(node, mistakes)).unwrap_or_default();
    let reasons = file.get("reasons").map(|node| typed::pairs(node, mistakes)).unwrap_or_default();
    stages(node, section, reasons, bands, mistakes)
}

/// What the record types say, each over what all have in common.
pub(super) fn of_record_types(file: &Table, mistakes: &mut Mistakes<'_>) -> BTreeMap<String, RecordType> {
    let mut types: BTreeMap<String, RecordType> = BTreeMap::new();
    let Some(section) = file.get("record_types").and_then(|node| typed::table(node, mistakes)) else {
        return types;
    };
    for entry in &section.entries {
        if !is_developer_name(&entry.key) {
            mistakes.add(
                entry.key_at,
                format!("`{}` is not the developer name of a record type", typed::shown(&entry.key)),
                developer_name(&entry.key).advised(
                    "write it as Setup shows it under Record Type Name: letters, digits and underscores",
                ),
            );
            continue;
        }
        if let Some(stages) = of_record_type(file, &entry.node, mistakes) {
            let named = RecordType { name: entry.key.clone(), stages };
            if let Some(twin) = types.insert(entry.key.to_ascii_lowercase(), named) {
                mistakes.add(
                    entry.key_at,
                    format!("`{}` is named twice: Salesforce does not tell the two apart", twin.name),
                    Remedy::remove().advised("put both under one name"),
                );
            }
        }
    }
    types
}

fn of_record_type(file: &Table, node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Stages> {
    let own = typed::table(node, mistakes)?;
    typed::known_keys(own, TYPE_KEYS, "a record type", mistakes);
    // What is wrong with the section of all is told there.
    let Some(Item::Table(common)) = file.get("stages").map(|node| &node.item) else { return None };
    let mut section = common.clone();
    let at = own.get("stages").unwrap_or(node);
    if let Some(upper) = own.get("stages") {
        merge::section_over("stages", &mut section, typed::table(upper, mistakes)?.clone());
    }
    let mut reasons = match file.get("reasons").map(|node| &node.item) {
        Some(Item::Table(reasons)) => reasons.clone(),
        _ => Table::default(),
    };
    if let Some(upper) = own.get("reasons") {
        merge::section_over("reasons", &mut reasons, typed::table(upper, mistakes)?.clone());
    }
    let reasons = typed::pairs(&Node { at: at.at, item: Item::Table(reasons) }, mistakes);
    let bands = own.get("sales_stages").or_else(|| file.get("sales_stages"));
    let bands = bands.map(|node| bands_of(node, mistakes)).unwrap_or_default();
    stages(at, &section, reasons, bands, mistakes)
}

/// The name with what a developer name cannot hold left out.
fn developer_name(name: &str) -> Remedy {
    let words = name.split(|each: char| !each.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let likely = words.collect::<Vec<_>>().join("_");
    if is_developer_name(&likely) { Remedy::key(&likely) } else { Remedy::remove() }
}

fn is_developer_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(|each| each.is_ascii_alphanumeric() || each == '_')
}

/// `"60" = "Propose"`: from this probability on, the portal's word; the highest first.
fn bands_of(node: &Node, mistakes: &mut Mistakes<'_>) -> Vec<(u8, String)> {
    let Some(table) = typed::table(node, mistakes) else { return Vec::new() };
    let mut bands = Vec::new();
    for entry in &table.entries {
        let Some(word) = typed::text(&entry.node, mistakes) else { continue };
        match entry.key.parse::<u8>().ok().filter(|percent| *percent <= 100) {
            Some(percent) => bands.push((percent, word.trim().to_owned())),
            None => mistakes.add(
                entry.key_at,
                format!("`{}` is not a probability", typed::shown(&entry.key)),
                Remedy::remove()
                    .advised("write a whole number of percent from 0 to 100, like `60 = \"Propose\"`"),
            ),
        }
    }
    bands.sort_by_key(|(percent, _)| std::cmp::Reverse(*percent));
    bands
}

fn stages(
    node: &Node,
    section: &Table,
    reasons: Vec<(String, String)>,
    bands: Vec<(u8, String)>,
    mistakes: &mut Mistakes<'_>,
) -> Option<Stages> {
    let mut target = |key: &str| {
        let Some(node) = section.get(key) else {
            mistakes.add(
                node.at,
                format!("[stages] does not name the stage `{key}`"),
                Remedy::say(
                    ["stages", key],
                    quoted(USUAL.iter().find(|(known, _)| *known == key).map_or("?", |(_, stage)| stage)),
                )
                .advised("name it, or extend the default"),
            );
            return None;
        };
        typed::text(node, mistakes).map(str::to_owned)
    };
    let [on_hold, active, declined, expired, error] =
        ["on_hold", "active", "declined", "expired", "error"].map(&mut target);
    let on_hold = on_hold.filter(|name| name != NOT_CHOSEN);
    if let (Some(on_hold), Some(active)) = (&on_hold, &active)
        && on_hold == active
        && let Some(node) = section.get("on_hold")
    {
        mistakes.add(
            node.at,
            "on_hold and active are one stage: nothing could ever be accepted",
            Remedy::value(quoted(NOT_CHOSEN)).advised("choose a stage of its own for received referrals"),
        );
    }
    let entries = section.entries.iter().filter(|entry| !TARGETS.contains(&entry.key.as_str()));
    let listed: Vec<ListedStage> = entries.filter_map(|entry| listed(entry, mistakes)).collect();
    if let Some(name) = &on_hold
        && listed.iter().any(|stage| &stage.name == name)
        && let Some(node) = section.get("on_hold")
    {
        mistakes.add(
            node.at,
            format!("the stage `{}` has a meaning of its own already", typed::shown(name)),
            Remedy::value(quoted(NOT_CHOSEN))
                .advised("choose another stage for received referrals, or set that stage's line to \"off\""),
        );
    }
    for (meaning, word) in [(Meaning::Won, "won"), (Meaning::Lost, "lost")] {
        if !listed.iter().any(|stage| stage.meaning == meaning) {
            let what = format!("no stage means `{word}`: the portal's outcome could not be shown");
            let usual = if meaning == Meaning::Won { "Closed Won" } else { "Closed Lost" };
            let remedy = Remedy::say(["stages", usual], quoted(word));
            mistakes.add(node.at, what, remedy.advised("write the name that the stage has in Salesforce"));
        }
    }
    Some(Stages {
        bands,
        on_hold,
        active: active?,
        declined: declined?,
        expired: expired?,
        error: error?,
        listed,
        reasons: reasons.into_iter().filter(|(_, words)| words != OFF).collect(),
    })
}

fn listed(entry: &Entry, mistakes: &mut Mistakes<'_>) -> Option<ListedStage> {
    let (word, reason) = match &entry.node.item {
        Item::Table(table) => {
            typed::known_keys(table, LINE_KEYS, "a stage", mistakes);
            let Some(word) = table.get("stage") else {
                mistakes.add(
                    entry.node.at,
                    "the line does not say what the stage means",
                    Remedy::remove().advised("add `stage = \"lost\"` or the like"),
                );
                return None;
            };
            (word, table.get("reason").and_then(|node| typed::api_name(node, mistakes)))
        }
        _ => (&entry.node, None),
    };
    let text = typed::text(word, mistakes)?;
    let meaning = match text {
        OFF => return None,
        "active" => Meaning::Active(None),
        "won" => Meaning::Won,
        "lost" => Meaning::Lost,
        "declined" => Meaning::Declined,
        "expired" => Meaning::Expired,
        "error" => Meaning::Error,
        _ => {
            let sales_stage = text.strip_prefix(ACTIVE_WITH).map(str::trim).filter(|stage| !stage.is_empty());
            let Some(sales_stage) = sales_stage else {
                let what = format!("`{}` is not what a stage can mean", typed::shown(text));
                match similar::nearest(&entry.key, TARGETS.iter().copied()) {
                    Some(target) => mistakes.add(entry.key_at, what, Remedy::key(target)),
                    None => mistakes.add(word.at, what, similar::word(text, MEANINGS)),
                }
                return None;
            };
            Meaning::Active(Some(sales_stage.to_owned()))
        }
    };
    Some(ListedStage { name: entry.key.clone(), meaning, reason })
}
