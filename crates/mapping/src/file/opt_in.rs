//! The `[opt_in]` section.

use super::{conditions::Vocabulary, mistakes::Mistakes, tree::Table, typed};
use crate::OptIn;

const VOCABULARY: Vocabulary<'static, crate::CrmPath> = Vocabulary {
    nothing_passes: "{ field = \"Opportunity.Type\", in = [\"?\"] }",
    subject: &typed::crm_path,
    check: &|_, _, _, _| {},
};

pub(super) const KEYS: &[&str] = &["record_types", "where", "private"];

pub(super) fn read(file: &Table, mistakes: &mut Mistakes<'_>) -> OptIn {
    let mut opt_in = OptIn::default();
    let Some(section) = file.get("opt_in").and_then(|node| typed::table(node, mistakes)) else {
        return opt_in;
    };
    typed::known_keys(section, KEYS, "[opt_in]", mistakes);
    opt_in.record_types =
        section.get("record_types").map(|node| typed::texts(node, mistakes)).unwrap_or_default();
    opt_in.conditions = section.get("where").map(|node| VOCABULARY.read(node, mistakes)).unwrap_or_default();
    opt_in.private = section.get("private").and_then(|node| typed::flag(node, mistakes)).unwrap_or_default();
    opt_in
}
