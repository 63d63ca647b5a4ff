//! The `[text]` section: how the length of a text is counted.

use deal_model::Measure;

use super::{mistakes::Mistakes, tree::Table, typed};

pub(super) const KEYS: &[&str] = &["count"];
const MEASURES: &[(&str, Measure)] = &[("characters", Measure::Characters), ("utf16", Measure::Utf16)];

pub(super) fn read(file: &Table, mistakes: &mut Mistakes<'_>) -> Measure {
    let Some(section) = file.get("text").and_then(|node| typed::table(node, mistakes)) else {
        return Measure::default();
    };
    typed::known_keys(section, KEYS, "[text]", mistakes);
    section.get("count").and_then(|node| typed::meaning(node, MEASURES, mistakes)).unwrap_or_default()
}
