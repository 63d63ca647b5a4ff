//! What the mapping makes of each field of a pair of records.

use connectors::{partner_center::SeenReferral, salesforce::SeenOpportunity};
use deal_model::{Clear, FieldId, FieldSpec, GroupHeld, GroupSpec, Held, Observed, Reading, Side, fit_group};
use mapping::{Binding, Mapping, SetBinding, SetSource};
use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::super::field::{self, FieldView};

/// A pair of records, as far as both were read.
pub(super) struct Pair<'p> {
    pub(super) mapping: &'p Mapping,
    pub(super) opportunity: Option<&'p SeenOpportunity>,
    pub(super) referral: Option<&'p SeenReferral>,
}

/// One field of the pair.
#[derive(Debug, Serialize)]
pub(super) struct TriedField {
    pub(super) field: String,
    #[serde(rename = "type")]
    pub(super) type_name: String,
    pub(super) group: String,
    pub(super) salesforce: TriedSide,
    pub(super) partner_center: TriedSide,
    /// Whether both sides hold the same, as far as both can; null if one of them was not read.
    pub(super) equal: Option<bool>,
    pub(super) to_salesforce: Towards,
    pub(super) to_partner_center: Towards,
}

/// What one side holds.
#[derive(Debug, Serialize)]
pub(super) struct TriedSide {
    pub(super) place: String,
    /// As the platform sent it; null if it sent nothing of the kind.
    pub(super) raw: Json,
    /// What it means.
    pub(super) read: Observed,
    /// The same as both sides can hold it; null if it could not be read.
    pub(super) fitted: Option<Held>,
}

/// What would be written towards a side.
#[derive(Debug, Serialize)]
pub(super) struct Towards {
    /// When the record is created there.
    pub(super) create: Verdict,
    /// When it changes later.
    pub(super) update: Verdict,
}

/// A value that would be written, or why none.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    /// This, in the target's own form.
    Writes(Json),
    /// Nothing, because of this.
    Not(String),
}

impl Pair<'_> {
    /// The fields that are on, in the file's order; one of them, if it is named.
    pub(super) fn fields(&self, only: Option<&str>) -> Vec<TriedField> {
        let wanted = |view: &FieldView<'_>| only.is_none_or(|only| view.id == only);
        let views = field::all(self.mapping).into_iter().filter(wanted);
        views.filter_map(|view| Some(self.tried(&view, view.group?, view.spec?))).collect()
    }

    fn tried(&self, view: &FieldView<'_>, group: &GroupSpec, spec: &FieldSpec) -> TriedField {
        let side = |side: Side| TriedSide {
            place: match side {
                Side::Crm => view.crm_place(),
                Side::Portal => view.portal_place(),
            },
            raw: self.raw(view, side),
            read: self.reading(side, &spec.id).map_or(Observed::Unknown, |reading| reading.held.clone()),
            fitted: self
                .fitted(group, side, |reading| &reading.held)
                .and_then(|held| held.get(&spec.id).cloned()),
        };
        let (salesforce, partner_center) = (side(Side::Crm), side(Side::Portal));
        let equal = match (&salesforce.fitted, &partner_center.fitted) {
            (Some(one), Some(other)) => Some(one == other),
            _ => None,
        };
        TriedField {
            field: view.id.to_owned(),
            type_name: view.type_name(),
            group: group.id.to_string(),
            equal,
            to_salesforce: self.towards(view, group, spec, Side::Crm, equal),
            to_partner_center: self.towards(view, group, spec, Side::Portal, equal),
            salesforce,
            partner_center,
        }
    }

    fn reading(&self, side: Side, field: &FieldId) -> Option<&Reading> {
        match side {
            Side::Crm => self.opportunity?.readings.get(field),
            Side::Portal => self.referral?.readings.get(field),
        }
    }

    /// What a side sent of the field.
    fn raw(&self, view: &FieldView<'_>, side: Side) -> Json {
        let raw = match side {
            Side::Crm => self.opportunity.and_then(|seen| match (view.binding, view.set) {
                (Some(binding), _) => binding.crm.as_ref()?.read(&seen.raw).cloned(),
                (None, Some(set)) => seen.raw.get(rows_of(set)).map(rows_alone),
                (None, None) => None,
            }),
            Side::Portal => self.referral.and_then(|seen| match (view.binding, view.set) {
                (Some(Binding { portal: Some(path), .. }), _) => path.read(&seen.raw).cloned(),
                (Some(binding), _) => binding.companion.as_ref()?.read(seen.companion.as_ref()?).cloned(),
                (None, Some(set)) => set.portal_array.read(&seen.raw).cloned(),
                (None, None) => None,
            }),
        };
        raw.unwrap_or(Json::Null)
    }

    /// The whole group as both sides can hold it, as one side has it; none unless every member is known.
    fn fitted(
        &self,
        group: &GroupSpec,
        side: Side,
        part: impl Fn(&Reading) -> &Observed,
    ) -> Option<GroupHeld> {
        let member = |spec: &FieldSpec| Some((spec.id.clone(), part(self.reading(side, &spec.id)?).held()?));
        let held: Option<GroupHeld> = group.members.iter().map(member).collect();
        Some(fit_group(group, &self.mapping.specs().minor_units, &held?))
    }

    fn towards(
        &self,
        view: &FieldView<'_>,
        group: &GroupSpec,
        spec: &FieldSpec,
        side: Side,
        equal: Option<bool>,
    ) -> Towards {
        let route = group.to.at(side);
        let from = side.other();
        let value =
            self.fitted(group, from, |reading| &reading.sends).and_then(|held| held.get(&spec.id).cloned());
        let written = |held: &Held| self.written(view, side, held);
        let create = match &value {
            _ if !route.create => Verdict::Not(never(view, side, "create")),
            None => Verdict::Not(self.unread(from, spec)),
            Some(held) if is_nothing(held) && *spec.required.at(side) => Verdict::Not(format!(
                "{} requires it, and {} has none: the deal would wait",
                name(side),
                name(from)
            )),
            Some(held) if is_nothing(held) => Verdict::Not(format!("{} has none", name(from))),
            Some(held) => Verdict::Writes(written(held)),
        };
        let update = if route.update {
            self.later(view, group, spec, side, equal, value.as_ref())
        } else {
            Verdict::Not(never(view, side, "update"))
        };
        Towards { create, update }
    }

    /// What a change would write now, if it were the source's that counts.
    fn later(
        &self,
        view: &FieldView<'_>,
        group: &GroupSpec,
        spec: &FieldSpec,
        side: Side,
        equal: Option<bool>,
        value: Option<&Held>,
    ) -> Verdict {
        let from = side.other();
        let Some(held) = value else { return Verdict::Not(self.unread(from, spec)) };
        let target = self.reading(side, &spec.id).map(|reading| &reading.held);
        if equal == Some(true) {
            return Verdict::Not("both sides hold the same".to_owned());
        }
        if let Some(why) =
            self.opportunity.and_then(|seen| seen.computed.get(&spec.id)).filter(|_| side == Side::Crm)
        {
            return Verdict::Not(why.clone());
        }
        if group.to.at(side).fill_only && matches!(target, Some(Observed::Value(_))) {
            return Verdict::Not(
                "the record is shared by many deals: it is filled, never overwritten".to_owned(),
            );
        }
        if is_nothing(held) {
            return match group.clear.at(side) {
                Clear::Ignore => Verdict::Not(format!("{} has none, and emptying is ignored", name(from))),
                Clear::Refill => Verdict::Not(format!("{} has none, and is filled again", name(from))),
                Clear::Propagate => Verdict::Writes(Json::Null),
            };
        }
        Verdict::Writes(self.written(view, side, held))
    }

    /// Why a side has no value that is known.
    fn unread(&self, side: Side, spec: &FieldSpec) -> String {
        let failure = match side {
            Side::Crm => self.opportunity.and_then(|seen| seen.uncomputed.get(&spec.id)),
            Side::Portal => self.referral.and_then(|seen| seen.uncomputed.get(&spec.id)),
        };
        match failure {
            Some(failure) => format!("it could not be computed: {}", failure.why),
            None if self.reading(side, &spec.id).is_none() => format!("{} was not read", name(side)),
            None => format!("{} holds something that could not be read, or hides it", name(side)),
        }
    }

    /// A value in the target's own form.
    fn written(&self, view: &FieldView<'_>, side: Side, held: &Held) -> Json {
        if let Some(binding) = view.binding {
            return match side {
                Side::Crm => binding.codec.write_crm(held),
                Side::Portal => binding.codec.write_portal(held),
            };
        }
        let (Some(set), Held::Value(deal_model::Value::Set(elements))) = (view.set, held) else {
            return Json::Null;
        };
        let present = self.referral.and_then(|seen| set.portal_array.read(&seen.raw)?.as_array());
        let elements = elements.iter().map(|(key, element)| match side {
            Side::Crm => Json::Object(set.crm_columns(key, element)),
            Side::Portal => {
                let mut present = present.into_iter().flatten();
                let current = present.find(|item| set.member_key(item).as_ref() == Some(key));
                set.portal_element(key, current, element)
            }
        });
        Json::Array(elements.collect())
    }
}

/// Why a side is never written at this moment.
fn never(view: &FieldView<'_>, side: Side, moment: &str) -> String {
    if !view.route(side).flows() {
        let ways = [(Side::Crm, "to_salesforce"), (Side::Portal, "to_partner_center")];
        let way = ways.into_iter().find(|(to, _)| view.route(*to).flows());
        return way
            .map_or_else(|| "it is read alone".to_owned(), |(_, way)| format!("its direction is {way}"));
    }
    let other = if moment == "update" { "when the record is created" } else { "later" };
    format!("it is written {other} alone")
}

fn is_nothing(held: &Held) -> bool {
    match held {
        Held::Empty => true,
        Held::Value(deal_model::Value::Set(elements)) => elements.is_empty(),
        Held::Value(_) => false,
    }
}

fn rows_of(set: &SetBinding) -> &str {
    match &set.crm {
        SetSource::Children { relationship, .. } => relationship.as_str(),
        SetSource::ContactRoles => "OpportunityContactRoles",
        SetSource::Team { .. } => "OpportunityTeamMembers",
    }
}

/// The rows of a child query, without the platform's wrapping.
fn rows_alone(children: &Json) -> Json {
    children.get("records").cloned().unwrap_or_else(|| Json::Object(Map::new()))
}

fn name(side: Side) -> &'static str {
    match side {
        Side::Crm => "Salesforce",
        Side::Portal => "Partner Center",
    }
}
