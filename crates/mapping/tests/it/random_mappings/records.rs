//! The two records as JSON documents: what is read of them, and what a platform makes of what it is sent.

use std::collections::BTreeMap;

use deal_model::{
    Content, ElementChange, FieldId, GroupHeld, GroupSpec, Held, Observed, Reading, Side, Write,
};
use mapping::{Codec, Given, Mapping, Seen, SetBinding, SetSource};
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Map, Value as Json, json};

/// What a platform makes of a value that it is sent, by whomever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Platform {
    /// Longest text it keeps without a word; any, if none.
    pub(super) cuts: Option<usize>,
    /// Digits after the point that it keeps without a word.
    pub(super) rounds: Option<u32>,
    /// Whether it trims texts and stores an empty one as nothing.
    pub(super) trims: bool,
}

impl Platform {
    /// Keeps what it is sent.
    pub(super) const PLAIN: Self = Self { cuts: None, rounds: None, trims: false };

    /// The same for codes, dates and the like, which no platform cuts.
    pub(super) fn uncut(self) -> Self {
        Self { cuts: None, ..self }
    }

    pub(super) fn keeps(self, value: Json) -> Json {
        match value {
            Json::String(text) => {
                let text = if self.trims { text.trim() } else { text.as_str() };
                // A cut of HTML is another text, and one of an e-mail nobody's; platforms refuse that instead.
                let cut = match self.cuts {
                    Some(most) if !text.contains(['<', '&', '@']) => text.chars().take(most).collect(),
                    _ => text.to_owned(),
                };
                if cut.is_empty() && self.trims { Json::Null } else { Json::String(cut) }
            }
            Json::Number(number) => match (self.rounds, number.to_string().parse::<Decimal>()) {
                (Some(scale), Ok(exact)) => {
                    let kept = exact.round_dp_with_strategy(scale, RoundingStrategy::MidpointAwayFromZero);
                    serde_json::from_str(&kept.normalize().to_string()).unwrap()
                }
                _ => Json::Number(number),
            },
            Json::Array(items) => items.into_iter().map(|item| self.keeps(item)).collect(),
            Json::Object(members) => {
                Json::Object(members.into_iter().map(|(name, value)| (name, self.keeps(value))).collect())
            }
            other => other,
        }
    }
}

/// A pointer into an opportunity's document.
pub(super) fn crm_pointer(column: &str) -> String {
    format!("/{}", column.replace('.', "/"))
}

/// Puts `value` at `pointer`, with its parents.
pub(super) fn put(document: &mut Json, pointer: &str, value: Json) {
    let mut place = document;
    for name in pointer.split('/').skip(1) {
        if !place.is_object() {
            *place = Json::Object(Map::new());
        }
        place = place.as_object_mut().unwrap().entry(name).or_insert(Json::Null);
    }
    *place = value;
}

/// Where the rows of a set stand in an opportunity's document.
pub(super) fn rows_pointer(set: &SetBinding) -> String {
    match &set.crm {
        SetSource::Children { relationship, .. } => format!("/{relationship}"),
        SetSource::ContactRoles => "/OpportunityContactRoles".to_owned(),
        SetSource::Team { .. } => "/OpportunityTeamMembers".to_owned(),
    }
}

/// What stands in every field's own place on `side`.
pub(super) fn places(mapping: &Mapping, side: Side, document: &Json) -> BTreeMap<FieldId, Reading> {
    let mut fields = BTreeMap::new();
    for binding in mapping.bindings() {
        let held = match side {
            Side::Portal => binding.observe_portal(document),
            Side::Crm => binding.observe_crm(document),
        };
        fields.insert(binding.field.clone(), Reading::plain(held));
    }
    for set in mapping.sets() {
        let held = match side {
            Side::Portal => set.observe_portal(document),
            Side::Crm => match document.pointer(&rows_pointer(set)).and_then(Json::as_array) {
                Some(rows) => set.read_crm(rows),
                None => Observed::Unknown,
            },
        };
        fields.insert(set.field.clone(), Reading::plain(held));
    }
    fields
}

/// What `side` says of every field, with what defaults and expressions make of it.
pub(super) fn readings(mapping: &Mapping, side: Side, document: &Json) -> BTreeMap<FieldId, Reading> {
    let seen = |path: &mapping::CrmPath| Seen::of_record(document, path);
    let given = match side {
        Side::Portal => Given::Portal { referral: document, companion: None },
        Side::Crm => Given::Crm(&seen),
    };
    let mut fields = places(mapping, side, document);
    for binding in mapping.bindings() {
        let held = fields[&binding.field].held.clone();
        fields.insert(binding.field.clone(), binding.reading(side, held, &given).0);
    }
    fields
}

/// Carries a write out on `side`'s document, as the platform keeps it.
pub(super) fn carry_out(
    mapping: &Mapping,
    side: Side,
    platform: Platform,
    document: &mut Json,
    write: &Write,
) {
    match &write.content {
        Content::Whole(group) => {
            for (field, held) in group {
                match mapping.set(field) {
                    Some(set) => {
                        let puts = held.elements().into_iter();
                        let changes: Vec<_> =
                            puts.map(|(key, element)| (key, ElementChange::Put(element))).collect();
                        change_rows(set, side, platform, document, &changes);
                    }
                    None => write_field(mapping, side, platform, document, field, held),
                }
            }
        }
        Content::Elements(changes) => {
            let spec = mapping.specs().group(&write.group).unwrap();
            let set = spec.members.iter().find_map(|member| mapping.set(&member.id)).unwrap();
            change_rows(set, side, platform, document, changes);
        }
    }
}

fn write_field(
    mapping: &Mapping,
    side: Side,
    platform: Platform,
    document: &mut Json,
    field: &FieldId,
    held: &Held,
) {
    let binding = mapping.binding(field).unwrap();
    let (place, value) = match side {
        Side::Portal => {
            (binding.portal.as_ref().map(|path| path.as_str().to_owned()), binding.codec.write_portal(held))
        }
        Side::Crm => {
            (binding.crm.as_ref().map(|path| crm_pointer(&path.soql())), binding.codec.write_crm(held))
        }
    };
    // Neither platform has an empty checkbox.
    let value = if binding.codec == Codec::Flag && value.is_null() { json!(false) } else { value };
    let is_text = matches!(binding.codec, Codec::Text | Codec::LongText | Codec::Phone);
    let platform = if is_text { platform } else { platform.uncut() };
    if let Some(place) = place {
        put(document, &place, platform.keeps(value));
    }
}

fn change_rows(
    set: &SetBinding,
    side: Side,
    platform: Platform,
    document: &mut Json,
    changes: &[(deal_model::ElementKey, ElementChange)],
) {
    let place = match side {
        Side::Portal => set.portal_array.as_str().to_owned(),
        Side::Crm => rows_pointer(set),
    };
    let mut rows = document.pointer(&place).and_then(Json::as_array).cloned().unwrap_or_default();
    for (key, change) in changes {
        let of_key = |row: &Json| match side {
            Side::Portal => set.member_key(row),
            Side::Crm => set.row_key(row),
        };
        let at = rows.iter().position(|row| of_key(row).as_ref() == Some(key));
        match (change, at) {
            (ElementChange::Remove, Some(at)) => {
                rows.remove(at);
            }
            (ElementChange::Remove | ElementChange::Rekey { .. }, None) => {}
            (ElementChange::Rekey { to, element }, Some(at)) => {
                rows[at] = platform.keeps(set.portal_element(to, Some(&rows[at]), element));
            }
            (ElementChange::Put(element), at) => {
                let row = match (side, &set.crm) {
                    (Side::Portal, _) => set.portal_element(key, at.map(|at| &rows[at]), element),
                    (Side::Crm, SetSource::Children { .. }) => Json::Object(set.crm_columns(key, element)),
                    (Side::Crm, _) => {
                        json!({"Contact": Json::Object(set.crm_columns(key, element)), "IsPrimary": false})
                    }
                };
                let row = platform.keeps(row);
                match at {
                    Some(at) => rows[at] = row,
                    None => rows.push(row),
                }
            }
        }
    }
    put(document, &place, Json::Array(rows));
}

/// What a side holds of a group, if all of it is known.
pub(super) fn held(readings: &BTreeMap<FieldId, Reading>, spec: &GroupSpec) -> Option<GroupHeld> {
    spec.members
        .iter()
        .map(|member| Some((member.id.clone(), readings.get(&member.id)?.held.held()?)))
        .collect()
}

/// What a side would send of a group, if all of it is known.
pub(super) fn sends(readings: &BTreeMap<FieldId, Reading>, spec: &GroupSpec) -> Option<GroupHeld> {
    spec.members
        .iter()
        .map(|member| Some((member.id.clone(), readings.get(&member.id)?.sends.held()?)))
        .collect()
}
