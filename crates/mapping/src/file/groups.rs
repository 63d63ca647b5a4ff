//! What fields mean to each other: groups and their leads, directions against places, two fields on one target.

use std::collections::BTreeMap;

use deal_model::{
    Conflict, FieldId, FieldSpec, Fit, GroupId, GroupSpec, Kind, Measure, PerSide, Route, SetBounds, Side,
};

use super::{
    fields::{Field, Shape},
    mistakes::Mistakes,
    place,
    policy::{Direction, Moments, Policy},
};
use crate::{Binding, Codec, SetBinding, SetSource, When};

/// What the fields compile to.
pub(super) struct Groups {
    pub(super) specs: Vec<GroupSpec>,
    pub(super) bindings: Vec<Binding>,
    pub(super) sets: Vec<SetBinding>,
}

impl Groups {
    /// The groups that leave only when help is asked: without a value in them it cannot be.
    pub(super) fn needed_for_help(&self) -> Vec<GroupId> {
        let waits = |id: &FieldId| self.sets.iter().any(|set| &set.field == id && set.when == When::Help);
        self.specs.iter().filter(|group| waits(&group.lead().id)).map(|group| group.id.clone()).collect()
    }
}

pub(super) fn compile(fields: Vec<Field>, measure: Measure, mistakes: &mut Mistakes<'_>) -> Groups {
    let mut groups = Groups { specs: Vec::new(), bindings: Vec::new(), sets: Vec::new() };
    let mut targets = Targets::default();
    for (id, members) in gather(fields) {
        let direction = check_lead(&id, &members, mistakes);
        if direction == Direction::Off {
            continue;
        }
        let mut spec = spec(id, direction, &members, mistakes);
        for member in &mut spec.members {
            member.fit.measure = measure;
        }
        check_places(&members, spec.to, mistakes);
        for member in members {
            targets.claim(&member, spec.to, mistakes);
            match member.shape {
                Shape::Scalar { portal, companion, crm, codec, absent, default } => {
                    groups.bindings.push(Binding {
                        field: member.id,
                        portal,
                        companion,
                        crm,
                        codec,
                        default,
                        absent,
                    });
                }
                Shape::Set { mut binding, .. } => {
                    for attribute in &mut binding.attributes {
                        attribute.measure = measure;
                    }
                    groups.sets.push(*binding);
                }
            }
        }
        groups.specs.push(spec);
    }
    groups
}

/// The fields by group, in the file's order; an amount leads its group.
fn gather(fields: Vec<Field>) -> Vec<(GroupId, Vec<Field>)> {
    let mut groups: Vec<(GroupId, Vec<Field>)> = Vec::new();
    for field in fields {
        let id = GroupId::new(field.group.as_deref().unwrap_or(field.id.as_str()));
        match groups.iter_mut().find(|(known, _)| known == &id) {
            Some((_, members)) => members.push(field),
            None => groups.push((id, vec![field])),
        }
    }
    for (_, members) in &mut groups {
        members.sort_by_key(|member| member.type_name != "money");
    }
    groups
}

/// What the group's lead says counts for all; that the others say nothing else is checked here.
fn check_lead(id: &GroupId, members: &[Field], mistakes: &mut Mistakes<'_>) -> Direction {
    let Some((lead, others)) = members.split_first() else { return Direction::Off };
    for other in others {
        for (key, at) in &other.policy.said {
            mistakes.add(
                *at,
                format!("`{key}` is decided for the whole group `{id}`"),
                format!("say it on the field `{}`, which leads the group", lead.id),
            );
        }
        if matches!(other.shape, Shape::Set { .. }) || matches!(lead.shape, Shape::Set { .. }) {
            mistakes.add(other.at, "a set cannot share a group", "leave `group` out of one of the two");
        }
    }
    let currencies = members.iter().filter(|member| member.type_name == "currency").count();
    let direction = lead.policy.direction.unwrap_or(Direction::Both);
    if direction != Direction::Off && lead.type_name == "money" && currencies != 1 {
        mistakes.add(
            lead.at,
            format!("the amount `{}` needs one currency in its group, and has {currencies}", lead.id),
            "give the amount and its currency the same `group`",
        );
    }
    direction
}

fn spec(id: GroupId, direction: Direction, members: &[Field], mistakes: &mut Mistakes<'_>) -> GroupSpec {
    let lead = members.first().expect("a group is gathered around its first field");
    let policy = &lead.policy;
    let fill_only = members.iter().any(leaves_the_opportunity);
    let route = |side: Side| {
        let always = Moments { create: true, update: true };
        let moments =
            if direction.towards(side) { policy.on.at(side).unwrap_or(always) } else { Moments::default() };
        // A record shared by many deals is filled, never overwritten (sync rules, section 3).
        Route { create: moments.create, update: moments.update, fill_only: side == Side::Crm && fill_only }
    };
    let to = PerSide { portal: route(Side::Portal), crm: route(Side::Crm) };
    check_required(members, policy, to, mistakes);
    let currency =
        members.iter().find(|member| member.type_name == "currency").map(|member| member.id.clone());
    GroupSpec {
        id,
        members: members.iter().map(|member| field_spec(member, currency.as_ref())).collect(),
        to,
        conflict: policy.conflict.unwrap_or(Conflict::Newest),
        owner: policy.owner.unwrap_or(Side::Crm),
        clear: PerSide {
            portal: policy.clear.portal.unwrap_or_default(),
            crm: policy.clear.crm.unwrap_or_default(),
        },
        latch: members.iter().find_map(|member| match &member.shape {
            Shape::Scalar { portal, companion, .. } if to.portal.flows() => {
                place::latch(portal.as_ref(), companion.as_ref())
            }
            _ => None,
        }),
        enforce: policy.enforce.unwrap_or_default(),
        active_only: policy.active_only.unwrap_or_default(),
        set: members.iter().find_map(|member| match &member.shape {
            Shape::Set { binding, min, max, remove } => Some(SetBounds {
                min: *min,
                max: *max,
                remove: *remove,
                add_only: matches!(binding.crm, SetSource::Team { .. }),
            }),
            Shape::Scalar { .. } => None,
        }),
        fixed: false,
    }
}

fn leaves_the_opportunity(field: &Field) -> bool {
    match &field.shape {
        Shape::Scalar { crm: Some(path), .. } => path.own_field().is_none(),
        _ => false,
    }
}

fn field_spec(field: &Field, currency: Option<&FieldId>) -> FieldSpec {
    let (kind, fit) = match &field.shape {
        Shape::Scalar { codec, .. } => {
            let currency = currency.filter(|_| *codec == Codec::Money);
            (codec.kind(), Fit { currency: currency.cloned(), ..codec.fit() })
        }
        Shape::Set { binding, .. } => {
            let special = binding.attributes.iter().map(|each| (each.name.clone(), each.codec.fit()));
            let attributes = special.filter(|(_, fit)| *fit != Fit::default()).collect();
            (Kind::Set, Fit { attributes, ..Fit::default() })
        }
    };
    FieldSpec {
        id: field.id.clone(),
        label: field.label.clone(),
        kind,
        fit: Fit { max_chars: field.max_chars, scale: field.scale, currency: currency.cloned() },
        required: field.required,
        demands: field.demands.clone(),
    }
}

fn check_required(members: &[Field], policy: &Policy, to: PerSide<Route>, mistakes: &mut Mistakes<'_>) {
    for member in members {
        for side in Side::BOTH {
            if *member.required.at(side) && !to.at(side).create {
                mistakes.add(
                    policy.blame(member.required_at.unwrap_or(member.at)),
                    format!(
                        "`{}` is required by {}, but not written there at creation",
                        member.id,
                        platform(side)
                    ),
                    "let it be written at creation, or set `required = false`",
                );
            }
        }
    }
}

/// A field needs a place on each side that it is read from or written to.
fn check_places(members: &[Field], to: PerSide<Route>, mistakes: &mut Mistakes<'_>) {
    let Some(lead) = members.first() else { return };
    for field in members {
        check_place(field, &lead.policy, to, mistakes);
    }
}

fn check_place(field: &Field, policy: &Policy, to: PerSide<Route>, mistakes: &mut Mistakes<'_>) {
    let Shape::Scalar { portal, companion, crm, codec, .. } = &field.shape else { return };
    let portal_at = policy.blame(field.places.portal.unwrap_or(field.at));
    if portal.is_none() && companion.is_none() && field.places.portal.is_none() {
        let what = format!("`{}` has no place at Partner Center", field.id);
        mistakes.add(field.at, what, "add `partner_center`, or set `direction = \"off\"`");
    }
    if crm.is_none() && field.places.crm.is_none() {
        let what = format!("`{}` has no place in Salesforce", field.id);
        mistakes.add(field.at, what, "add `salesforce`, or set `direction = \"off\"`");
    }
    let outward = to.portal.flows();
    if outward && field.portal_decides {
        mistakes.add(
            portal_at,
            "the portal decides this member; it cannot be written",
            "set `direction = \"to_salesforce\"`",
        );
    } else if outward && !codec.writes_portal() {
        let what = format!("the type `{}` cannot be written to the portal", field.type_name);
        mistakes.add(policy.blame(field.at), what, "set `direction = \"to_salesforce\"`");
    }
    if outward && !field.names_list && matches!(codec, Codec::Attribute { .. }) {
        mistakes.add(
            policy.blame(field.at),
            format!("`{}` would send whatever is typed: an attribute needs the list of its codes", field.id),
            "add `list = \"marketplace_intent\"` or the like, or set `direction = \"to_salesforce\"`",
        );
    }
    if companion.is_some() && to.portal.update {
        mistakes.add(
            portal_at,
            "Microsoft's referral is ours to fill only while it is created",
            "set `on.to_partner_center = [\"create\"]`",
        );
    }
    let inward = to.crm.flows();
    let identifier = crm.as_ref().and_then(|path| path.own_field()) == Some("Id");
    if inward && identifier {
        let at = policy.blame(field.places.crm.unwrap_or(field.at));
        mistakes.add(
            at,
            "Salesforce decides a record's identifier",
            "set `direction = \"to_partner_center\"`",
        );
    }
}

/// Which field writes what.
#[derive(Default)]
struct Targets(BTreeMap<String, FieldId>);

impl Targets {
    fn claim(&mut self, field: &Field, to: PerSide<Route>, mistakes: &mut Mistakes<'_>) {
        let (portal, crm) = match &field.shape {
            Shape::Scalar { portal, companion, crm, codec, .. } => {
                let own = portal.as_ref().map(|path| match codec {
                    // Each type has an entry of its own in the one list.
                    Codec::Attribute { attribute, .. } => {
                        format!("the referral's `{path}` of type `{attribute}`")
                    }
                    Codec::ProfileId { profile_type } => {
                        format!("the referral's `{path}` of type `{profile_type}`")
                    }
                    _ => format!("the referral's `{path}`"),
                });
                let other = companion.as_ref().map(|path| format!("Microsoft's referral's `{path}`"));
                (own.or(other), crm.as_ref().map(|path| format!("`{path}`")))
            }
            Shape::Set { binding, .. } => (Some(format!("the referral's `{}`", binding.portal_array)), None),
        };
        let written = |side: Side| to.at(side).flows();
        let claims = [(portal, Side::Portal), (crm, Side::Crm)];
        for (target, side) in claims.into_iter().filter(|(_, side)| written(*side)) {
            let Some(target) = target else { continue };
            if let Some(holder) = self.0.get(&target) {
                mistakes.add(
                    field.places.at(side).unwrap_or(field.at),
                    format!("`{}` and `{holder}` both write {target}", field.id),
                    "let one of the two go the other way only, or set its `direction = \"off\"`",
                );
            } else {
                self.0.insert(target, field.id.clone());
            }
        }
    }
}

fn platform(side: Side) -> &'static str {
    match side {
        Side::Portal => "Partner Center",
        Side::Crm => "Salesforce",
    }
}
