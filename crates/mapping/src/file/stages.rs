//! The `[stages]` and `[reasons]` sections.

use super::{
    mistakes::Mistakes,
    similar,
    tree::{Entry, Item, Table},
    typed,
};
use crate::{ListedStage, Meaning, Stages};

/// The keys that are no stage's name.
const TARGETS: &[&str] = &["on_hold", "active", "declined", "expired", "error"];
/// What `on_hold` holds until a company has chosen.
const NOT_CHOSEN: &str = "?";
/// Takes a line of the default away.
const OFF: &str = "off";
const ACTIVE_WITH: &str = "active:";
const MEANINGS: &[&str] =
    &["active", "active:<sales stage>", "won", "lost", "declined", "expired", "error", OFF];

pub(super) fn read(file: &Table, mistakes: &mut Mistakes<'_>) -> Option<Stages> {
    let Some(node) = file.get("stages") else {
        mistakes.missing("no section says what the stages mean", "add [stages], or extend the default");
        return None;
    };
    let section = typed::table(node, mistakes)?;
    let mut target = |key: &str| {
        let Some(node) = section.get(key) else {
            mistakes.add(
                node.at,
                format!("[stages] does not name the stage `{key}`"),
                "name it, or extend the default",
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
            "choose a stage of its own for received referrals",
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
            "choose another stage for received referrals, or set that stage's line to \"off\"",
        );
    }
    for (meaning, word) in [(Meaning::Won, "won"), (Meaning::Lost, "lost")] {
        if !listed.iter().any(|stage| stage.meaning == meaning) {
            let what = format!("no stage means `{word}`: the portal's outcome could not be shown");
            mistakes.add(node.at, what, format!("add a line like \"Closed\" = \"{word}\""));
        }
    }
    let reasons = file.get("reasons").map(|node| typed::pairs(node, mistakes)).unwrap_or_default();
    Some(Stages {
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
            typed::known_keys(table, &["stage", "reason"], "a stage", mistakes);
            let Some(word) = table.get("stage") else {
                mistakes.add(
                    entry.node.at,
                    "the line does not say what the stage means",
                    "add `stage = \"lost\"`",
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
                let todo = match similar::nearest(&entry.key, TARGETS.iter().copied()) {
                    Some(target) => format!("did you mean the key `{target}`?"),
                    None => similar::hint(text, MEANINGS, |known| {
                        format!("write one of {}", typed::listed(known))
                    }),
                };
                mistakes.add(word.at, format!("`{}` is not what a stage can mean", typed::shown(text)), todo);
                return None;
            };
            Meaning::Active(Some(sales_stage.to_owned()))
        }
    };
    Some(ListedStage { name: entry.key.clone(), meaning, reason })
}
