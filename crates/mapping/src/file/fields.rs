//! The `[fields.*]` tables, one by one. What fields mean to each other is decided in `groups`.

use deal_model::{Demands, FieldId, PerSide, Side};

use super::{
    codecs, demands,
    expressions::{Expressions, Owner},
    lists,
    mistakes::{At, Mistakes},
    place,
    policy::{self, Policy},
    remedy::Remedy,
    sets, similar,
    tree::{Entry, Item, Node, Table},
    typed,
};
use crate::{Absent, CodeLists, Codec, CrmPath, Fallback, Member, PortalPath, SetBinding, Writes};

/// Keys that any field may have.
pub(super) const KEYS: &[&str] = &[
    "type",
    "label",
    "salesforce_label",
    "partner_center",
    "microsoft_referral",
    "salesforce",
    "direction",
    "on",
    "conflict",
    "owner",
    "group",
    "clear",
    "required",
    "enforce",
    "active_only",
    "max_length",
    "scale",
    "default",
    "to_salesforce",
    "to_partner_center",
    "examples",
    "undocumented",
    "shared",
    // by type
    "values",
    "none",
    "list",
    "ranges",
    "template",
    "profile",
    "attribute",
    "nearest_midnight",
    "html",
    "second_line",
    // sets
    "rows",
    "key",
    "attributes",
    "constants",
    "when",
    "min",
    "max",
    "remove",
    "role",
];
/// Keys that only some types have.
const TYPE_KEYS: &[(&str, &[&str])] = &[
    ("values", CODED),
    ("none", CODED),
    ("list", &["choice", "attribute", "range"]),
    ("ranges", &["range"]),
    ("template", &["link"]),
    ("profile", &["profile_id"]),
    ("attribute", &["attribute"]),
    ("nearest_midnight", &["date"]),
    ("html", &["long_text"]),
    ("second_line", &["text"]),
    ("max_length", &["text", "phone", "long_text", "link", "names", "record_id", "profile_id"]),
    ("scale", &["number", "money"]),
    ("default", VALUED),
    ("to_salesforce", COMPUTED),
    ("to_partner_center", COMPUTED),
    ("examples", COMPUTED),
    ("salesforce", SCALARS),
    ("microsoft_referral", SCALARS),
    ("rows", &["solutions"]),
    ("key", SETS),
    ("attributes", SETS),
    ("constants", SETS),
    ("when", &["solutions", "people"]),
    ("min", SETS),
    ("max", SETS),
    ("remove", &["solutions", "people"]),
    ("role", &["team"]),
];
const CODED: &[&str] = &["choice", "attribute"];
/// Types whose value can be written down.
const VALUED: &[&str] = &[
    "text",
    "phone",
    "long_text",
    "number",
    "money",
    "currency",
    "country",
    "date",
    "flag",
    "choice",
    "attribute",
    "range",
];
/// Types whose value can be computed.
const COMPUTED: &[&str] = &[
    "text",
    "phone",
    "long_text",
    "number",
    "money",
    "currency",
    "country",
    "date",
    "flag",
    "choice",
    "attribute",
    "range",
    "record_id",
    "profile_id",
];
const SCALARS: &[&str] = &[
    "text",
    "phone",
    "long_text",
    "number",
    "money",
    "currency",
    "country",
    "date",
    "flag",
    "choice",
    "attribute",
    "range",
    "link",
    "record_id",
    "profile_id",
    "names",
];
const SETS: &[&str] = &["solutions", "people", "team"];
/// Longest name of a field.
const MAX_ID_CHARS: usize = 64;

/// Where a field lives and how it is written.
#[derive(Debug)]
pub(super) enum Shape {
    Scalar {
        portal: Option<PortalPath>,
        companion: Option<PortalPath>,
        crm: Option<CrmPath>,
        codec: Codec,
        absent: Absent,
        expressions: Box<Expressions>,
    },
    Set {
        binding: Box<SetBinding>,
        min: usize,
        max: usize,
        remove: PerSide<bool>,
    },
}

/// One field as the file has it.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) id: FieldId,
    pub(super) at: At,
    pub(super) places: PerSide<Option<At>>,
    pub(super) label: String,
    pub(super) type_name: &'static str,
    pub(super) group: Option<String>,
    pub(super) policy: Policy,
    pub(super) required: PerSide<bool>,
    pub(super) required_at: Option<At>,
    pub(super) max_chars: Option<usize>,
    pub(super) max_chars_at: Option<At>,
    pub(super) scale: Option<u32>,
    /// Whether the portal decides the member itself.
    pub(super) portal_decides: bool,
    /// Whether the field says which list its codes come from.
    pub(super) names_list: bool,
    /// What the portal demands of the value.
    pub(super) demands: Demands,
    pub(super) shape: Shape,
}

impl Field {
    /// Where the file says what is computed for `side`, if it does.
    pub(super) fn computed(&self, side: Side) -> Option<At> {
        match &self.shape {
            Shape::Scalar { expressions, .. } => *expressions.said.at(side),
            Shape::Set { .. } => None,
        }
    }

    /// Whether the field names a place on `side`.
    pub(super) fn has_place(&self, side: Side) -> bool {
        self.places.at(side).is_some()
    }

    /// Where the file lets an expression decide what goes to the portal, be it as a default.
    pub(super) fn sends_computed(&self) -> Option<At> {
        let Shape::Scalar { expressions, .. } = &self.shape else { return None };
        let default = matches!(expressions.default.portal, Some(Fallback::Expression(_))).then_some(self.at);
        self.computed(Side::Portal).or(default)
    }
}

pub(super) fn read(file: &Table, lists: &CodeLists, mistakes: &mut Mistakes<'_>) -> Vec<Field> {
    let Some(section) = file.get("fields").and_then(|node| typed::table(node, mistakes)) else {
        return Vec::new();
    };
    let typed_names: Vec<&str> = section
        .entries
        .iter()
        .filter(|entry| matches!(&entry.node.item, Item::Table(table) if table.get("type").is_some()))
        .map(|entry| entry.key.as_str())
        .collect();
    section.entries.iter().filter_map(|entry| field(entry, &typed_names, lists, mistakes)).collect()
}

fn field(
    entry: &Entry,
    typed_names: &[&str],
    lists: &CodeLists,
    mistakes: &mut Mistakes<'_>,
) -> Option<Field> {
    let id = &entry.key;
    let well_named = id.starts_with(|first: char| first.is_ascii_lowercase())
        && id.chars().all(|each| each.is_ascii_lowercase() || each.is_ascii_digit() || each == '_')
        && id.len() <= MAX_ID_CHARS;
    if !well_named {
        let what = format!("`{}` is not a field's name", typed::shown(id));
        mistakes.add(
            entry.key_at,
            what,
            identifier(id).advised("write small letters, digits and underscores, beginning with a letter"),
        );
    }
    let table = typed::table(&entry.node, mistakes)?;
    check_keys(table, mistakes);
    let Some(type_node) = table.get("type") else {
        // The commonest cause is a slip in the name of a field that the default has.
        let todo = similar::nearest(id, typed_names.iter().copied()).map_or_else(
            || {
                Remedy::remove().advised(
                    "add `type = \"text\"` or the like, or correct the name to a field of the default",
                )
            },
            |near| Remedy::key(near).advised("a new field needs a `type`"),
        );
        mistakes.add(entry.key_at, format!("the field `{}` has no type", typed::shown(id)), todo);
        return None;
    };
    let types: Vec<&'static str> = types().collect();
    let type_name = typed::one_of(type_node, &types, mistakes)?;
    for (key, owners) in TYPE_KEYS {
        if !owners.contains(&type_name)
            && let Some(misplaced) = table.entry(key)
        {
            let what = format!("`{key}` means nothing to the type `{type_name}`");
            mistakes.add(
                misplaced.key_at,
                what,
                Remedy::remove().advised(format!("leave it out, or use the type {}", typed::listed(owners))),
            );
        }
    }
    let policy = policy::read(table, mistakes);
    let required = table
        .get("required")
        .map(|node| typed::per_direction(node, mistakes, typed::flag))
        .unwrap_or_default();
    let portal = table.get("partner_center").and_then(|node| portal_path(node, table, mistakes));
    let crm = table.get("salesforce").and_then(|node| typed::crm_path(node, mistakes));
    let companion = table.get("microsoft_referral").and_then(|node| portal_path(node, table, mistakes));
    if let (Some(own), Some(other)) = (table.entry("partner_center"), table.entry("microsoft_referral")) {
        // What the later file says is new.
        let both = if own.key_at.source > other.key_at.source { own } else { other };
        let remedy = Remedy::remove().advised("keep one of the two");
        mistakes.add(both.key_at, "the field names two places at Partner Center", remedy);
    }
    let member = portal.as_ref().or(companion.as_ref()).and_then(Member::at);
    let portal_decides = match &companion {
        Some(path) => !place::is_invitation(path),
        None => member.is_some_and(|member| matches!(member.writes(), Writes::Never | Writes::ByLife)),
    };
    let places = PerSide {
        portal: table
            .entry("partner_center")
            .or_else(|| table.entry("microsoft_referral"))
            .map(|entry| entry.node.at),
        crm: table.entry("salesforce").map(|entry| entry.node.at),
    };
    let label = label(id, table, mistakes);
    let max_chars = table.get("max_length").and_then(|node| typed::count(node, 1, mistakes));
    let list = table.get("list").and_then(|node| lists::named(node, lists, mistakes));
    let mut demands = Demands::default();
    let shape = if SETS.contains(&type_name) {
        let shape = sets::read(id, type_name, portal, table, entry.key_at, mistakes)?;
        if let Shape::Set { binding, .. } = &shape {
            demands = demands::of_set(binding, lists);
        }
        shape
    } else {
        let codec = codecs::read(type_name, table, list, entry.key_at, mistakes)?;
        demands = demands::of_scalar(&label, table, &codec, crm.as_ref(), list, lists, mistakes);
        let owner = Owner { id, table, codec: &codec, max_chars };
        let expressions = Box::new(owner.read(mistakes));
        // A member that no document describes may be absent for any reason.
        let absent = member.map_or(Absent::Unknown, Member::absent);
        Shape::Scalar { portal, companion, crm, codec, absent, expressions }
    };
    Some(Field {
        id: FieldId::new(id.as_str()),
        at: entry.key_at,
        places,
        label,
        type_name,
        group: table.get("group").and_then(|node| typed::text(node, mistakes)).map(str::to_owned),
        policy,
        required: PerSide {
            portal: required.portal.unwrap_or_default(),
            crm: required.crm.unwrap_or_default(),
        },
        required_at: table.entry("required").map(|entry| entry.key_at),
        max_chars,
        max_chars_at: table.get("max_length").map(|node| node.at),
        scale: table.get("scale").and_then(|node| scale(node, mistakes)),
        portal_decides,
        names_list: table.get("list").is_some(),
        demands,
        shape,
    })
}

/// The name in small letters, with underscores for whatever else it holds.
fn identifier(name: &str) -> Remedy {
    let small = name.to_ascii_lowercase();
    let words = small.split(|each: char| !each.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let likely: String = words.collect::<Vec<_>>().join("_").chars().take(MAX_ID_CHARS).collect();
    if likely.starts_with(|first: char| first.is_ascii_lowercase()) {
        Remedy::key(&likely)
    } else {
        Remedy::remove()
    }
}

/// The types of fields.
pub(super) fn types() -> impl Iterator<Item = &'static str> {
    SCALARS.iter().chain(SETS).copied()
}

fn check_keys(table: &Table, mistakes: &mut Mistakes<'_>) {
    for entry in &table.entries {
        if !KEYS.contains(&entry.key.as_str()) {
            let todo = similar::key(&entry.key, KEYS).unwrap_or_else(|| {
                Remedy::remove().advised(format!("a field may hold {}", typed::listed(KEYS)))
            });
            mistakes.add(
                entry.key_at,
                format!("`{}` is not a key of a field", typed::shown(&entry.key)),
                todo,
            );
        }
    }
}

/// The scale that decimals can have at most.
const MAX_SCALE: usize = 28;

fn scale(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<u32> {
    let scale = typed::count(node, 0, mistakes)?;
    if scale > MAX_SCALE {
        mistakes.add(
            node.at,
            format!("{scale} digits after the point are too many"),
            Remedy::value(MAX_SCALE.to_string()),
        );
        return None;
    }
    u32::try_from(scale).ok()
}

fn label(id: &str, table: &Table, mistakes: &mut Mistakes<'_>) -> String {
    if let Some(label) = table.get("label").and_then(|node| typed::text(node, mistakes)) {
        return label.to_owned();
    }
    let words = id.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map_or(words.clone(), |first| first.to_uppercase().chain(letters).collect())
}

/// A pointer that the referral's schema knows, or that the file vouches for.
pub(super) fn portal_path(node: &Node, table: &Table, mistakes: &mut Mistakes<'_>) -> Option<PortalPath> {
    let path = typed::portal_path(node, mistakes)?;
    let vouched = table.get("undocumented").and_then(|node| typed::flag(node, mistakes)).unwrap_or_default();
    if Member::at(&path).is_none() && !vouched {
        let todo = similar::nearest(path.as_str(), place::paths()).map_or_else(
            || Remedy::remove().advised("correct it, or add `undocumented = true` if your portal has it"),
            |near| Remedy::text(near).advised("if your portal has this member, add `undocumented = true`"),
        );
        mistakes.add(node.at, format!("no referral has the documented member `{path}`"), todo);
        return None;
    }
    Some(path)
}
