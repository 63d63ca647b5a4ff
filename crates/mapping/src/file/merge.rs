//! One file over another, by name: an upgrade of the default never overwrites a customisation.
//!
//! Sections, fields and attributes are merged key by key. Everything else is replaced whole: a value table with a few of
//! its own lines and a few of the default's would be nobody's table.

use super::tree::{Item, Table};

pub(super) fn over(base: &mut Table, upper: Table) {
    merge(base, upper, &mut Vec::new());
}

/// One table of stages or of reasons over another: `section` says which.
pub(super) fn section_over(section: &str, base: &mut Table, upper: Table) {
    merge(base, upper, &mut vec![section.to_owned()]);
}

fn merge(base: &mut Table, upper: Table, path: &mut Vec<String>) {
    let mut first = 0;
    for entry in upper.entries {
        let place = base.entries.iter().position(|present| present.key == entry.key);
        path.push(entry.key.clone());
        let deep = by_key(path);
        let mut entry = entry;
        match place {
            Some(place) => {
                let present = &mut base.entries[place];
                match (&mut present.node.item, entry.node.item) {
                    (Item::Table(below), Item::Table(above)) if deep => {
                        merge(below, above, path);
                        // A mistake in the merged table is the upper file's doing.
                        present.node.at = entry.node.at;
                        present.key_at = entry.key_at;
                    }
                    (_, item) => {
                        entry.node.item = item;
                        if upper_first(path) {
                            base.entries.remove(place);
                            base.entries.insert(first, entry);
                            first += 1;
                        } else {
                            *present = entry;
                        }
                    }
                }
            }
            None if upper_first(path) => {
                base.entries.insert(first.min(base.entries.len()), entry);
                first += 1;
            }
            None => base.entries.push(entry),
        }
        path.pop();
    }
}

/// Tables that are merged key by key.
pub(super) fn by_key(path: &[String]) -> bool {
    let names: Vec<&str> = path.iter().map(String::as_str).collect();
    matches!(
        names[..],
        [_] | ["record_types" | "fields", _]
            | ["record_types", _, "stages" | "reasons"]
            | ["fields", _, "attributes" | "rows"]
            | ["fields", _, "attributes", _]
    )
}

/// Tables in which the first of several matching lines is the one that is written: a company's come first.
fn upper_first(path: &[String]) -> bool {
    let names: Vec<&str> = path.iter().map(String::as_str).collect();
    matches!(names[..], ["stages" | "reasons", _] | ["record_types", _, "stages" | "reasons", _])
}
