//! The `[names]` section.

use super::{mistakes::Mistakes, tree::Table, typed};
use crate::Names;

pub(super) fn read(file: &Table, mistakes: &mut Mistakes<'_>) -> Names {
    let mut names = Names::default();
    let Some(section) = file.get("names").and_then(|node| typed::table(node, mistakes)) else { return names };
    typed::known_keys(section, Names::KEYS, "[names]", mistakes);
    for entry in &section.entries {
        if let Some(slot) = names.slot(&entry.key)
            && let Some(name) = typed::api_name(&entry.node, mistakes)
        {
            *slot = name;
        }
    }
    names
}
