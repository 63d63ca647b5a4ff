//! The `[fields.*]` tables, one by one. What fields mean to each other is decided in `groups`.

use deal_model::{Clear, Conflict, FieldId, PerSide, Side, Value};

use super::{
    lists,
    mistakes::{At, Mistakes},
    place::{self, Writable},
    sets, similar,
    tree::{Entry, Item, Node, Table},
    typed,
};
use crate::{
    Absent, ChoiceTable, Codec, CrmPath, LinkTemplate, PortalPath, Range, RangeTable, SetBinding,
    codec::parse_number,
};

/// Keys that any field may have.
const KEYS: &[&str] = &[
    "type",
    "label",
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
    "undocumented",
    // by type
    "values",
    "none",
    "list",
    "ranges",
    "template",
    "profile",
    "nearest_midnight",
    // sets
    "rows",
    "key",
    "attributes",
    "constants",
    "when",
    "min",
    "max",
    "remove",
];
/// Keys that only some types have.
const TYPE_KEYS: &[(&str, &[&str])] = &[
    ("values", &["choice"]),
    ("none", &["choice"]),
    ("list", &["choice", "range"]),
    ("ranges", &["range"]),
    ("template", &["link"]),
    ("profile", &["profile_id"]),
    ("nearest_midnight", &["date"]),
    ("max_length", &["text", "long_text", "link", "names", "record_id", "profile_id"]),
    ("scale", &["number", "money"]),
    (
        "default",
        &["text", "long_text", "number", "money", "currency", "country", "date", "flag", "choice", "range"],
    ),
    ("salesforce", SCALARS),
    ("microsoft_referral", SCALARS),
    ("rows", &["solutions"]),
    ("key", SETS),
    ("attributes", SETS),
    ("constants", SETS),
    ("when", SETS),
    ("min", SETS),
    ("max", SETS),
    ("remove", SETS),
];
const SCALARS: &[&str] = &[
    "text",
    "long_text",
    "number",
    "money",
    "currency",
    "country",
    "date",
    "flag",
    "choice",
    "range",
    "link",
    "record_id",
    "profile_id",
    "names",
];
const SETS: &[&str] = &["solutions", "people"];
/// Keys that a later version reads.
const EXPRESSION_KEYS: &[&str] = &["to_salesforce", "to_partner_center"];
const EXPRESSION_MARK: &str = "{{";
/// Longest name of a field.
const MAX_ID_CHARS: usize = 64;

/// Which ways a field goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Both,
    ToSalesforce,
    ToPartnerCenter,
    Off,
}

impl Direction {
    pub(super) fn towards(self, side: Side) -> bool {
        match side {
            Side::Portal => matches!(self, Self::Both | Self::ToPartnerCenter),
            Side::Crm => matches!(self, Self::Both | Self::ToSalesforce),
        }
    }
}

/// When a field is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Moments {
    pub(super) create: bool,
    pub(super) update: bool,
}

/// What decides about a whole group; only its lead may say it.
#[derive(Debug, Default)]
pub(super) struct Policy {
    pub(super) direction: Option<Direction>,
    pub(super) on: PerSide<Option<Moments>>,
    pub(super) conflict: Option<Conflict>,
    pub(super) owner: Option<Side>,
    pub(super) clear: PerSide<Option<Clear>>,
    pub(super) enforce: Option<bool>,
    pub(super) active_only: Option<bool>,
    /// Each key that was said, and where.
    pub(super) said: Vec<(&'static str, At)>,
}

impl Policy {
    /// The place in the latest file that decides when and where the field is written, or `at` if that is later.
    pub(super) fn blame(&self, at: At) -> At {
        let routes =
            self.said.iter().filter(|(key, _)| matches!(*key, "direction" | "on")).map(|(_, at)| *at);
        routes.fold(at, |latest, each| if each.source > latest.source { each } else { latest })
    }
}

/// Where a field lives and how it is written.
#[derive(Debug)]
pub(super) enum Shape {
    Scalar {
        portal: Option<PortalPath>,
        companion: Option<PortalPath>,
        crm: Option<CrmPath>,
        codec: Codec,
        absent: Absent,
        default: PerSide<Option<Value>>,
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
    pub(super) scale: Option<u32>,
    /// Whether the portal decides the member itself.
    pub(super) portal_decides: bool,
    pub(super) shape: Shape,
}

pub(super) fn read(file: &Table, mistakes: &mut Mistakes<'_>) -> Vec<Field> {
    let Some(section) = file.get("fields").and_then(|node| typed::table(node, mistakes)) else {
        return Vec::new();
    };
    let typed_names: Vec<&str> = section
        .entries
        .iter()
        .filter(|entry| matches!(&entry.node.item, Item::Table(table) if table.get("type").is_some()))
        .map(|entry| entry.key.as_str())
        .collect();
    section.entries.iter().filter_map(|entry| field(entry, &typed_names, mistakes)).collect()
}

fn field(entry: &Entry, typed_names: &[&str], mistakes: &mut Mistakes<'_>) -> Option<Field> {
    let id = &entry.key;
    let well_named = id.starts_with(|first: char| first.is_ascii_lowercase())
        && id.chars().all(|each| each.is_ascii_lowercase() || each.is_ascii_digit() || each == '_')
        && id.len() <= MAX_ID_CHARS;
    if !well_named {
        let what = format!("`{}` is not a field's name", typed::shown(id));
        mistakes.add(
            entry.key_at,
            what,
            "write small letters, digits and underscores, beginning with a letter",
        );
    }
    let table = typed::table(&entry.node, mistakes)?;
    check_keys(table, mistakes);
    let Some(type_node) = table.get("type") else {
        // The commonest cause is a slip in the name of a field that the default has.
        let todo = similar::nearest(id, typed_names.iter().copied()).map_or_else(
            || "add `type = \"text\"` or the like, or correct the name to a field of the default".to_owned(),
            |near| format!("did you mean `{near}`? A new field needs a `type`"),
        );
        mistakes.add(entry.key_at, format!("the field `{}` has no type", typed::shown(id)), todo);
        return None;
    };
    let types: Vec<&'static str> = SCALARS.iter().chain(SETS).copied().collect();
    let type_name = typed::one_of(type_node, &types, mistakes)?;
    for (key, owners) in TYPE_KEYS {
        if !owners.contains(&type_name)
            && let Some(misplaced) = table.entry(key)
        {
            let what = format!("`{key}` means nothing to the type `{type_name}`");
            mistakes.add(
                misplaced.key_at,
                what,
                format!("leave it out, or use the type {}", typed::listed(owners)),
            );
        }
    }
    let policy = policy(table, mistakes);
    let required = table
        .get("required")
        .map(|node| typed::per_direction(node, mistakes, typed::flag))
        .unwrap_or_default();
    let portal = table.get("partner_center").and_then(|node| portal_path(node, table, mistakes));
    let crm = table.get("salesforce").and_then(|node| typed::crm_path(node, mistakes));
    let companion = table.get("microsoft_referral").and_then(|node| portal_path(node, table, mistakes));
    if let (Some(_), Some(both)) = (&portal, table.entry("microsoft_referral")) {
        mistakes.add(both.key_at, "the field names two places at Partner Center", "keep one of the two");
    }
    let member = portal.as_ref().or(companion.as_ref()).and_then(place::member);
    let portal_decides = match &companion {
        Some(path) => !place::is_invitation(path),
        None => member.is_some_and(|member| member.writable == Writable::Never),
    };
    let places = PerSide {
        portal: table
            .entry("partner_center")
            .or_else(|| table.entry("microsoft_referral"))
            .map(|entry| entry.node.at),
        crm: table.entry("salesforce").map(|entry| entry.node.at),
    };
    let shape = if SETS.contains(&type_name) {
        sets::read(id, type_name, portal, table, entry.key_at, mistakes)?
    } else {
        let codec = codec(type_name, table, entry.key_at, mistakes)?;
        let default = table.get("default").map(|node| {
            typed::per_direction(node, mistakes, |node, mistakes| literal(node, &codec, mistakes))
        });
        // A member that no document describes may be absent for any reason.
        let absent = member.map_or(Absent::Unknown, |member| member.absent);
        Shape::Scalar { portal, companion, crm, codec, absent, default: default.unwrap_or_default() }
    };
    Some(Field {
        id: FieldId::new(id.as_str()),
        at: entry.key_at,
        places,
        label: label(id, table, mistakes),
        type_name,
        group: table.get("group").and_then(|node| typed::text(node, mistakes)).map(str::to_owned),
        policy,
        required: PerSide {
            portal: required.portal.unwrap_or_default(),
            crm: required.crm.unwrap_or_default(),
        },
        required_at: table.entry("required").map(|entry| entry.key_at),
        max_chars: table.get("max_length").and_then(|node| typed::count(node, 1, mistakes)),
        scale: table.get("scale").and_then(|node| scale(node, mistakes)),
        portal_decides,
        shape,
    })
}

fn check_keys(table: &Table, mistakes: &mut Mistakes<'_>) {
    for entry in &table.entries {
        if EXPRESSION_KEYS.contains(&entry.key.as_str()) {
            not_yet(entry.key_at, mistakes);
        } else if !KEYS.contains(&entry.key.as_str()) {
            let todo =
                similar::hint(&entry.key, KEYS, |known| format!("a field may hold {}", typed::listed(known)));
            mistakes.add(
                entry.key_at,
                format!("`{}` is not a key of a field", typed::shown(&entry.key)),
                todo,
            );
        }
    }
}

fn not_yet(at: At, mistakes: &mut Mistakes<'_>) {
    mistakes.add(at, "expressions are not supported yet", "use a path on each side, or a literal `default`");
}

/// The scale that decimals can have at most.
const MAX_SCALE: usize = 28;

fn scale(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<u32> {
    let scale = typed::count(node, 0, mistakes)?;
    if scale > MAX_SCALE {
        mistakes.add(
            node.at,
            format!("{scale} digits after the point are too many"),
            format!("write at most {MAX_SCALE}"),
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
fn portal_path(node: &Node, table: &Table, mistakes: &mut Mistakes<'_>) -> Option<PortalPath> {
    let path = typed::portal_path(node, mistakes)?;
    let vouched = table.get("undocumented").and_then(|node| typed::flag(node, mistakes)).unwrap_or_default();
    if place::member(&path).is_none() && !vouched {
        let todo = similar::nearest(path.as_str(), place::paths()).map_or_else(
            || "correct it, or add `undocumented = true` if your portal has it".to_owned(),
            |near| {
                format!("did you mean `{near}`? If your portal has this member, add `undocumented = true`")
            },
        );
        mistakes.add(node.at, format!("no referral has the documented member `{path}`"), todo);
        return None;
    }
    Some(path)
}

fn policy(table: &Table, mistakes: &mut Mistakes<'_>) -> Policy {
    const GROUP_KEYS: &[&str] = &["direction", "on", "conflict", "owner", "clear", "enforce", "active_only"];
    const WAYS: &[(&str, Direction)] = &[
        ("both", Direction::Both),
        ("to_salesforce", Direction::ToSalesforce),
        ("to_partner_center", Direction::ToPartnerCenter),
        ("off", Direction::Off),
    ];
    const CONFLICTS: &[(&str, Conflict)] = &[
        ("newest", Conflict::Newest),
        ("salesforce", Conflict::Always(Side::Crm)),
        ("partner_center", Conflict::Always(Side::Portal)),
        ("ask", Conflict::Ask),
    ];
    const OWNERS: &[(&str, Side)] = &[("salesforce", Side::Crm), ("partner_center", Side::Portal)];
    const CLEARS: &[(&str, Clear)] =
        &[("ignore", Clear::Ignore), ("propagate", Clear::Propagate), ("refill", Clear::Refill)];
    let said =
        GROUP_KEYS.iter().filter_map(|key| table.entry(key).map(|entry| (*key, entry.key_at))).collect();
    Policy {
        direction: table.get("direction").and_then(|node| typed::meaning(node, WAYS, mistakes)),
        on: table.get("on").map(|node| typed::per_direction(node, mistakes, moments)).unwrap_or_default(),
        conflict: table.get("conflict").and_then(|node| typed::meaning(node, CONFLICTS, mistakes)),
        owner: table.get("owner").and_then(|node| typed::meaning(node, OWNERS, mistakes)),
        clear: table
            .get("clear")
            .map(|node| {
                typed::per_direction(node, mistakes, |node, mistakes| typed::meaning(node, CLEARS, mistakes))
            })
            .unwrap_or_default(),
        enforce: table.get("enforce").and_then(|node| typed::flag(node, mistakes)),
        active_only: table.get("active_only").and_then(|node| typed::flag(node, mistakes)),
        said,
    }
}

fn moments(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Moments> {
    let mut moments = Moments::default();
    for item in typed::list(node, mistakes)? {
        match typed::one_of(item, &["create", "update"], mistakes) {
            Some("create") => moments.create = true,
            Some(_) => moments.update = true,
            None => {}
        }
    }
    Some(moments)
}

/// The codec of a single-valued type.
pub(super) fn codec(type_name: &str, table: &Table, at: At, mistakes: &mut Mistakes<'_>) -> Option<Codec> {
    let list = table.get("list").and_then(|node| lists::named(node, mistakes));
    Some(match type_name {
        "text" => Codec::Text,
        "long_text" => Codec::LongText,
        "number" => Codec::Number,
        "money" => Codec::Money,
        "currency" => Codec::Currency,
        "country" => Codec::Country,
        "flag" => Codec::Flag,
        "record_id" => Codec::RecordId,
        "names" => Codec::Names,
        "date" => Codec::Date {
            nearest_midnight: table
                .get("nearest_midnight")
                .and_then(|node| typed::flag(node, mistakes))
                .unwrap_or_default(),
        },
        "choice" => {
            let values = table.get("values");
            let none = table.get("none");
            if let Some(list) = list {
                values.inspect(|node| list.check_table(node, mistakes));
                if let Some(Node { item: Item::Text(code), .. }) = none {
                    none.inspect(|node| list.check(code, node, mistakes));
                }
            }
            let pairs = values.map(|node| typed::pairs(node, mistakes)).unwrap_or_default();
            let none = none.and_then(|node| typed::text(node, mistakes)).map(str::to_owned);
            if let (Some(none), Some(node)) = (&none, values)
                && pairs.iter().any(|(_, code)| code == none)
            {
                mistakes.add(
                    node.at,
                    format!("`{}` stands for no choice, and is one", typed::shown(none)),
                    "leave it out of one of the two",
                );
            }
            Codec::Choice(ChoiceTable::new(pairs, none))
        }
        "range" => {
            let Some(node) = table.get("ranges") else {
                mistakes.add(at, "a range field needs its ranges", "add `ranges = { code = [from, to] }`");
                return None;
            };
            Codec::Range(ranges(node, list.as_ref(), mistakes)?)
        }
        "link" => {
            let Some(node) = table.get("template") else {
                mistakes.add(at, "a link needs a template", "add `template = \"https://...{id}\"`");
                return None;
            };
            let template = LinkTemplate::parse(typed::text(node, mistakes)?);
            if template.is_none() {
                mistakes.add(
                    node.at,
                    "this is not a link's template",
                    "write an https address that holds `{id}` once",
                );
            }
            Codec::Link(template?)
        }
        "profile_id" => {
            let profile = match table.get("profile") {
                Some(node) => typed::one_of(node, &["Duns", "External"], mistakes)?,
                None => {
                    mistakes.add(
                        at,
                        "the identifier's type is missing",
                        "add `profile = \"Duns\"` or `\"External\"`",
                    );
                    return None;
                }
            };
            Codec::ProfileId { profile_type: profile.to_owned() }
        }
        _ => return None,
    })
}

fn ranges(node: &Node, list: Option<&lists::CodeList>, mistakes: &mut Mistakes<'_>) -> Option<RangeTable> {
    let mut ranges = Vec::new();
    for entry in &typed::table(node, mistakes)?.entries {
        if let Some(list) = list {
            list.check(&entry.key, &Node { at: entry.key_at, item: Item::Flag(true) }, mistakes);
        }
        let ends: Vec<i64> = typed::list(&entry.node, mistakes)
            .unwrap_or_default()
            .iter()
            .filter_map(|item| typed::integer(item, mistakes))
            .collect();
        match ends[..] {
            [from] => ranges.push(Range { code: entry.key.clone(), from, to: None }),
            [from, to] => ranges.push(Range { code: entry.key.clone(), from, to: Some(to) }),
            _ => mistakes.add(
                entry.node.at,
                "a range has one or two ends",
                "write `[1, 9]`, or `[20001]` for no end",
            ),
        }
    }
    let table = RangeTable::new(ranges);
    if table.is_none() {
        mistakes.add(
            node.at,
            "two ranges overlap, or one ends before it begins",
            "let each number belong to one code",
        );
    }
    table
}

/// A literal of the codec's type.
fn literal(node: &Node, codec: &Codec, mistakes: &mut Mistakes<'_>) -> Option<Value> {
    if let Item::Text(text) = &node.item
        && text.contains(EXPRESSION_MARK)
    {
        not_yet(node.at, mistakes);
        return None;
    }
    let value = match (codec, &node.item) {
        (Codec::Flag, Item::Flag(flag)) => Some(Value::Flag(*flag)),
        (Codec::Number | Codec::Money, Item::Integer { .. }) => {
            typed::integer(node, mistakes).map(|number| Value::Number(number.into()))
        }
        (Codec::Number | Codec::Money, Item::Float(text) | Item::Text(text)) => {
            parse_number(&text.replace('_', "")).map(Value::Number)
        }
        (Codec::Date { .. }, Item::Date(text) | Item::Text(text)) => text.parse().ok().map(Value::Date),
        (Codec::Text | Codec::LongText, Item::Text(text)) => {
            codec.read_crm(&serde_json::Value::String(text.clone())).value().cloned()
        }
        (Codec::Currency, Item::Text(code)) => {
            iso_currency::Currency::from_code(code).map(|_| Value::Choice(code.clone()))
        }
        (Codec::Country, Item::Text(code)) => {
            rust_iso3166::from_alpha2(code).map(|_| Value::Choice(code.clone()))
        }
        (Codec::Choice(table), Item::Text(text)) => {
            let known = table.pairs().iter().find(|(name, code)| name == text || code == text);
            let code = if table.pairs().is_empty() { Some(text) } else { known.map(|(_, code)| code) };
            code.map(|code| Value::Choice(code.clone()))
        }
        (Codec::Range(table), Item::Text(code)) => table.has(code).then(|| Value::Choice(code.clone())),
        _ => None,
    };
    if value.is_none() {
        let what = format!("{} cannot be the default of this field", node.kind());
        mistakes.add(node.at, what, "write a value of the field's type, one of its codes if it has a table");
    }
    value
}
