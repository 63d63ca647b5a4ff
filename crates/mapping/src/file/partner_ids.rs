//! The `[partner_ids]` section.

use deal_model::FieldId;

use super::{
    conditions::{Vocabulary, check_country},
    groups::Groups,
    mistakes::Mistakes,
    remedy::Remedy,
    tree::{Node, Table},
    typed,
};
use crate::{Codec, DealField, PartnerIdRule, PartnerIds};

/// The word for the opportunity's record type; all others are fields of the mapping.
const RECORD_TYPE: &str = "record_type";
/// Most digits of a partner id. The documented ones have seven (partner-center reference, section 3.1).
const MAX_DIGITS: usize = 10;

pub(super) const KEYS: &[&str] = &["default", "rule"];
pub(super) const RULE_KEYS: &[&str] = &["where", "partner_id"];

pub(super) fn read(file: &Table, groups: &Groups, mistakes: &mut Mistakes<'_>) -> PartnerIds {
    let mut ids = PartnerIds::default();
    let Some(section) = file.get("partner_ids").and_then(|node| typed::table(node, mistakes)) else {
        return ids;
    };
    typed::known_keys(section, KEYS, "[partner_ids]", mistakes);
    ids.default = section.get("default").and_then(|node| partner_id(node, mistakes));
    if let Some(node) = section.get("rule") {
        let rules = typed::list(node, mistakes).unwrap_or_default();
        ids.rules = rules.iter().filter_map(|node| rule(node, groups, mistakes)).collect();
        if section.get("default").is_none() {
            mistakes.add(
                node.at,
                "a deal that fits no rule would have no partner id",
                Remedy::unsay(["partner_ids", "rule"])
                    .advised("say under [partner_ids] which is the `default`"),
            );
        }
    }
    ids
}

fn rule(node: &Node, groups: &Groups, mistakes: &mut Mistakes<'_>) -> Option<PartnerIdRule> {
    let table = typed::table(node, mistakes)?;
    typed::known_keys(table, RULE_KEYS, "[[partner_ids.rule]]", mistakes);
    let (Some(conditions), Some(id)) = (table.get("where"), table.get("partner_id")) else {
        let remedy = Remedy::remove().advised("name its conditions `where`, and its `partner_id`");
        mistakes.add(node.at, "the rule is not whole", remedy);
        return None;
    };
    let mut names = vec![RECORD_TYPE];
    names.extend(groups.bindings.iter().map(|binding| binding.field.as_str()));
    names.extend(groups.sets.iter().map(|set| set.field.as_str()));
    let vocabulary = Vocabulary {
        nothing_passes: "{ field = \"record_type\", in = [\"?\"] }",
        subject: &|node, mistakes| {
            Some(match typed::one_of(node, &names, mistakes)? {
                RECORD_TYPE => DealField::RecordType,
                name => DealField::Mapped(FieldId::new(name)),
            })
        },
        check: &|subject, node, text, mistakes| {
            let is_country = |field: &FieldId| {
                groups.bindings.iter().any(|each| &each.field == field && each.codec == Codec::Country)
            };
            if matches!(subject, DealField::Mapped(field) if is_country(field)) {
                check_country(node, text, mistakes);
            }
        },
    };
    let conditions = vocabulary.read(conditions, mistakes);
    Some(PartnerIdRule { conditions, partner_id: partner_id(id, mistakes)? })
}

fn partner_id(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<String> {
    let text = typed::text(node, mistakes)?.trim();
    if text.len() > MAX_DIGITS || !text.bytes().all(|each| each.is_ascii_digit()) {
        mistakes.add(
            node.at,
            format!("`{}` is not a partner id", typed::shown(text)),
            digits(text)
                .advised("write its digits as Partner Center shows them under Account settings, Identifiers"),
        );
        return None;
    }
    Some(text.to_owned())
}

/// The digits of what may hold blanks and dashes too.
fn digits(text: &str) -> Remedy {
    let digits: String = text.chars().filter(char::is_ascii_digit).take(MAX_DIGITS).collect();
    if digits.is_empty() { Remedy::remove() } else { Remedy::text(&digits) }
}
