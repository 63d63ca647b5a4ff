//! The `[creation]` section: constants of a referral that this program creates.

use deal_model::FieldId;

use super::{groups::Groups, mistakes::Mistakes, tree::Node, tree::Table, typed};
use crate::{Creation, LocationRule};

/// The qualification of a deal in Microsoft's samples (partner-center reference, section 3.1).
const QUALIFICATION: &str = "SalesQualified";
const QUALIFICATIONS: &[&str] = &["None", "Direct", "MarketingQualified", QUALIFICATION];

pub(super) fn read(file: &Table, groups: &Groups, mistakes: &mut Mistakes<'_>) -> Creation {
    let mut creation =
        Creation { qualification: QUALIFICATION.to_owned(), partner_id: None, locations: Vec::new() };
    let Some(section) = file.get("creation").and_then(|node| typed::table(node, mistakes)) else {
        return creation;
    };
    typed::known_keys(section, &["qualification", "partner_id", "location"], "[creation]", mistakes);
    if let Some(word) =
        section.get("qualification").and_then(|node| typed::one_of(node, QUALIFICATIONS, mistakes))
    {
        word.clone_into(&mut creation.qualification);
    }
    creation.partner_id =
        section.get("partner_id").and_then(|node| typed::text(node, mistakes)).map(str::to_owned);
    if let Some(node) = section.get("location") {
        let rules = typed::list(node, mistakes).unwrap_or_default();
        creation.locations = rules.iter().filter_map(|rule| location(rule, groups, mistakes)).collect();
        if creation.partner_id.is_none() {
            mistakes.add(
                node.at,
                "a deal that fits no rule would have no location",
                "say under [creation] which `partner_id` all other deals have",
            );
        }
    }
    creation
}

fn location(node: &Node, groups: &Groups, mistakes: &mut Mistakes<'_>) -> Option<LocationRule> {
    let table = typed::table(node, mistakes)?;
    typed::known_keys(table, &["field", "in", "partner_id"], "a location", mistakes);
    let (Some(field), Some(values), Some(partner_id)) =
        (table.get("field"), table.get("in"), table.get("partner_id"))
    else {
        mistakes.add(
            node.at,
            "the rule is not whole",
            "name its `field`, its values `in`, and its `partner_id`",
        );
        return None;
    };
    let names: Vec<&str> = groups.bindings.iter().map(|binding| binding.field.as_str()).collect();
    Some(LocationRule {
        field: FieldId::new(typed::one_of(field, &names, mistakes)?),
        values: typed::texts(values, mistakes),
        partner_id: typed::text(partner_id, mistakes)?.to_owned(),
    })
}
