//! The `[opt_in]` section.

use super::{
    conditions::Vocabulary,
    mistakes::Mistakes,
    remedy::Remedy,
    tree::{Item, Node, Table},
    typed,
};
use crate::OptIn;

const VOCABULARY: Vocabulary<'static, crate::CrmPath> = Vocabulary {
    nothing_passes: "{ field = \"Opportunity.Type\", in = [\"?\"] }",
    subject: &typed::crm_path,
    check: &|_, _, _, _| {},
};

/// What a fix makes of record types that cannot be followed: one that no opportunity has. With fewer of them, or with
/// none, more would be shared.
const NO_RECORD_TYPE: &str = "\"?\"";

pub(super) const KEYS: &[&str] = &["record_types", "where", "private"];

pub(super) fn read(file: &Table, mistakes: &mut Mistakes<'_>) -> OptIn {
    let mut opt_in = OptIn::default();
    let Some(section) = file.get("opt_in").and_then(|node| typed::table(node, mistakes)) else {
        return opt_in;
    };
    typed::known_keys(section, KEYS, "[opt_in]", mistakes);
    opt_in.record_types =
        section.get("record_types").map(|node| record_types(node, mistakes)).unwrap_or_default();
    opt_in.conditions = section.get("where").map(|node| VOCABULARY.read(node, mistakes)).unwrap_or_default();
    opt_in.private = section.get("private").and_then(|node| typed::flag(node, mistakes)).unwrap_or_default();
    opt_in
}

fn record_types(node: &Node, mistakes: &mut Mistakes<'_>) -> Vec<String> {
    let before = mistakes.count();
    let Some(items) = typed::list(node, mistakes) else {
        // A name that lacks its brackets gets them.
        if !matches!(&node.item, Item::Text(name) if !name.trim().is_empty()) {
            mistakes.mend_since(before, node.at, &Remedy::value(format!("[{NO_RECORD_TYPE}]")));
        }
        return Vec::new();
    };
    let mut names = Vec::new();
    for item in items {
        let before = mistakes.count();
        names.extend(typed::text(item, mistakes).map(str::to_owned));
        mistakes.mend_since(before, item.at, &Remedy::value(NO_RECORD_TYPE));
    }
    names
}
