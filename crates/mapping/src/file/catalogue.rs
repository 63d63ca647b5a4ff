//! The `[catalogue]` section: the solutions that a seller picks from.

use super::{mistakes::Mistakes, tree::Table, typed};
use crate::Catalogue;

pub(super) const FLAGS: &[&str] = &["use", "add_seen"];
pub(super) const KEYS: &[&str] = &[
    "use",
    "add_seen",
    "object",
    "id",
    "name",
    "publisher",
    "type",
    "partner_id",
    "ready",
    "active",
    "lookup",
];

pub(super) fn read(file: &Table, mistakes: &mut Mistakes<'_>) -> Catalogue {
    let mut catalogue = Catalogue::default();
    let Some(section) = file.get("catalogue").and_then(|node| typed::table(node, mistakes)) else {
        return catalogue;
    };
    typed::known_keys(section, KEYS, "[catalogue]", mistakes);
    for (key, slot) in [("use", &mut catalogue.used), ("add_seen", &mut catalogue.add_seen)] {
        if let Some(flag) = section.get(key).and_then(|node| typed::flag(node, mistakes)) {
            *slot = flag;
        }
    }
    for (key, slot) in [
        ("object", &mut catalogue.object),
        ("id", &mut catalogue.id),
        ("name", &mut catalogue.name),
        ("publisher", &mut catalogue.publisher),
        ("type", &mut catalogue.solution_type),
        ("partner_id", &mut catalogue.partner_id),
        ("ready", &mut catalogue.ready),
        ("active", &mut catalogue.active),
        ("lookup", &mut catalogue.lookup),
    ] {
        if let Some(name) = section.get(key).and_then(|node| typed::api_name(node, mistakes)) {
            *slot = name;
        }
    }
    catalogue
}
