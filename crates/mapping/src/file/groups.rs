//! What fields mean to each other: groups and their leads, directions against places, two fields on one target.

use std::collections::BTreeMap;

use deal_model::{
    Clear, Conflict, FieldId, FieldSpec, Fit, GroupId, GroupSpec, Kind, Measure, PerSide, Route, SetBounds,
    Side,
};

use super::{
    agreement,
    expressions::Expressions,
    fields::{Field, Shape},
    mistakes::{At, Mistakes},
    place,
    policy::{Direction, Moments, Policy},
    remedy::{Remedy, quoted},
};
use crate::{
    AddressRules, Binding, Codec, Member, PortalPath, SetBinding, SetSource, When, Writes,
    address_rules::COUNTRY,
};

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

impl Groups {
    /// Gives the parts of the customer's address what their countries demand.
    pub(super) fn localize(&mut self, rules: &AddressRules) {
        let at = |id: &FieldId| {
            self.bindings
                .iter()
                .find(|binding| &binding.field == id)
                .and_then(|binding| binding.portal.as_ref())
        };
        for group in &mut self.specs {
            let mut members = group.members.iter();
            let Some(country) = members
                .find(|field| at(&field.id).is_some_and(|path| path.as_str() == COUNTRY))
                .map(|field| field.id.clone())
            else {
                continue;
            };
            for field in &mut group.members {
                field.demands.local = at(&field.id).and_then(|path| rules.of(path, country.clone()));
            }
        }
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
            targets.claim(&member, &spec.members[0].id, spec.to, mistakes);
            match member.shape {
                Shape::Scalar { portal, companion, crm, codec, absent, expressions } => {
                    let Expressions { computed, default, examples, .. } = *expressions;
                    groups.bindings.push(Binding {
                        field: member.id,
                        portal,
                        companion,
                        crm,
                        codec,
                        computed,
                        default,
                        examples,
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
                Remedy::remove().advised(format!("say it on the field `{}`, which leads the group", lead.id)),
            );
        }
        if matches!(other.shape, Shape::Set { .. }) || matches!(lead.shape, Shape::Set { .. }) {
            let set = if matches!(other.shape, Shape::Set { .. }) { other } else { lead };
            mistakes.add(
                other.at,
                "a set cannot share a group",
                Remedy::unsay(["fields", set.id.as_str(), "group"]),
            );
        }
    }
    let currencies = members.iter().filter(|member| member.type_name == "currency").count();
    let direction = lead.policy.direction.unwrap_or(Direction::Both);
    if direction != Direction::Off && lead.type_name == "money" && currencies != 1 {
        mistakes.add(
            lead.at,
            format!("the amount `{}` needs one currency in its group, and has {currencies}", lead.id),
            off(&lead.id).advised("give the amount and its currency the same `group`"),
        );
    }
    direction
}

fn spec(id: GroupId, direction: Direction, members: &[Field], mistakes: &mut Mistakes<'_>) -> GroupSpec {
    let lead = members.first().expect("a group is gathered around its first field");
    let policy = &lead.policy;
    let shared = members.iter().any(leaves_the_opportunity);
    if let Some((_, at)) = policy.said.iter().find(|(key, _)| *key == "shared" && !shared) {
        let what = format!("no field of `{id}` lives in a record that is shared by many deals");
        mistakes.add(*at, what, Remedy::remove());
    }
    let fill_only = shared && policy.overwrites != Some(true);
    let route = |side: Side| {
        // What is computed from a side is not sent back to it later: an expression does not invert.
        let inverts = computed(members, side.other()).is_none();
        let unsaid =
            Moments { create: inverts || members.iter().any(|each| each.has_place(side)), update: inverts };
        let moments =
            if direction.towards(side) { policy.on.at(side).unwrap_or(unsaid) } else { Moments::default() };
        // A record shared by many deals is filled, never overwritten (sync rules, section 3).
        Route { create: moments.create, update: moments.update, fill_only: side == Side::Crm && fill_only }
    };
    let to = PerSide { portal: route(Side::Portal), crm: route(Side::Crm) };
    check_computed(members, policy, to, mistakes);
    check_required(members, policy, to, mistakes);
    check_policy(members, direction, to, mistakes);
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
                rekey: PerSide { portal: !matches!(binding.crm, SetSource::Children { .. }), crm: false },
            }),
            Shape::Scalar { .. } => None,
        }),
        fixed: false,
        computed: PerSide {
            portal: computed(members, Side::Portal).is_some(),
            crm: computed(members, Side::Crm).is_some(),
        },
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
        fit: Fit { max_chars: field.max_chars, scale: field.scale, ..fit },
        required: field.required,
        demands: field.demands.clone(),
    }
}

/// The first member with an expression for `side`.
fn computed(members: &[Field], side: Side) -> Option<(&Field, At)> {
    members.iter().find_map(|member| member.computed(side).map(|at| (member, at)))
}

/// An expression needs its own direction, makes the other one create-only, and never decides what cannot be undone.
fn check_computed(members: &[Field], policy: &Policy, to: PerSide<Route>, mistakes: &mut Mistakes<'_>) {
    for side in Side::BOTH {
        let Some((field, at)) = computed(members, side) else { continue };
        let key = direction_key(side);
        let lead = members.first().map_or(field.id.as_str(), |lead| lead.id.as_str());
        if !to.at(side).flows() {
            let what = format!("`{key}` is never used: `{}` is not written to {}", field.id, platform(side));
            mistakes.add(policy.blame(at), what, Remedy::unsay(["fields", field.id.as_str(), key]));
        }
        if to.at(side.other()).update {
            let what = format!(
                "what is computed for {} does not invert: `{}` can be written to {} at creation only",
                platform(side),
                field.id,
                platform(side.other())
            );
            // Only a file that says so lets it be written later.
            let told = policy.said.iter().find(|(said, _)| *said == "on").map_or(at, |(_, on)| *on);
            let at = if told.source >= at.source { told } else { at };
            let mut allowed = to;
            allowed.at_mut(side.other()).update = false;
            mistakes.add(at, what, Remedy::field(lead, "on", moments(allowed)));
        }
    }
    for field in members {
        let Some(at) = field.sends_computed() else { continue };
        if let Shape::Scalar { portal, companion, .. } = &field.shape
            && place::is_word(portal.as_ref(), companion.as_ref())
        {
            let what = "consent, sharing and asking for help are a person's word, and are not computed";
            let advice = "let a field of the opportunity say it";
            mistakes.add(
                at,
                what,
                Remedy::unsay(["fields", field.id.as_str(), "to_partner_center"]).advised(advice),
            );
        }
    }
}

fn direction_key(side: Side) -> &'static str {
    match side {
        Side::Portal => "to_partner_center",
        Side::Crm => "to_salesforce",
    }
}

/// What the lead says of moments, emptied fields and drift must be possible.
fn check_policy(members: &[Field], direction: Direction, to: PerSide<Route>, mistakes: &mut Mistakes<'_>) {
    let Some(lead) = members.first() else { return };
    let policy = &lead.policy;
    let said = |key: &str| policy.said.iter().find(|(known, _)| *known == key).map_or(lead.at, |(_, at)| *at);
    for side in Side::BOTH {
        let never = policy.on.at(side).is_some_and(|moments| !moments.create && !moments.update);
        if never && direction.towards(side) {
            mistakes.add(
                said("on"),
                format!("`{}` goes to {}, and `on` says never", lead.id, platform(side)),
                only(side.other(), &lead.id, to),
            );
        }
    }
    let clears = |side: Side| policy.clear.at(side).unwrap_or_default() != Clear::Ignore;
    let told_nowhere = Side::BOTH.into_iter().all(|side| !clears(side) || !to.at(side).update);
    let ignored = Remedy::field(lead.id.as_str(), "clear", quoted("ignore"));
    if Side::BOTH.into_iter().any(clears) && told_nowhere {
        let what =
            format!("an emptied `{}` can be told to nobody: no side is updated that `clear` names", lead.id);
        mistakes.add(said("clear"), what, ignored);
    } else if let Some((member, side)) = members.iter().find_map(|member| {
        let side = Side::BOTH.into_iter().find(|side| {
            *member.required.at(*side)
                && policy.clear.at(*side) == &Some(Clear::Propagate)
                && to.at(*side).update
        });
        side.map(|side| (member, side))
    }) {
        let what = format!("{} requires `{}`: it can never be emptied there", platform(side), member.id);
        mistakes.add(said("clear"), what, ignored);
    }
    if policy.enforce == Some(true) && to.portal.update && to.crm.update {
        mistakes.add(
            said("enforce"),
            format!("both sides may change `{}`: there is no side for `enforce` to put right", lead.id),
            Remedy::field(lead.id.as_str(), "enforce", "false"),
        );
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
                    Remedy::field(member.id.as_str(), "required", required_but(member.required, side))
                        .advised("let it be written at creation if it is to be required"),
                );
            }
        }
    }
}

/// A field needs a place on each side that it is read from or written to.
fn check_places(members: &[Field], to: PerSide<Route>, mistakes: &mut Mistakes<'_>) {
    let Some(lead) = members.first() else { return };
    for field in members {
        check_place(field, lead, to, mistakes);
    }
}

fn check_place(field: &Field, lead: &Field, to: PerSide<Route>, mistakes: &mut Mistakes<'_>) {
    let Field { id: lead, policy, .. } = lead;
    let (portal, companion, crm, codec) = match &field.shape {
        Shape::Scalar { portal, companion, crm, codec, .. } => (portal, companion, crm, codec),
        Shape::Set { binding, .. } => {
            agreement::types(field, (Some(&binding.portal_array), None), || off(lead), mistakes);
            return;
        }
    };
    let portal_at = policy.blame(field.places.portal.unwrap_or(field.at));
    // A place that is neither read nor written can be left out.
    let needs = |side: Side| to.at(side).flows() || field.computed(side.other()).is_none();
    if portal.is_none() && companion.is_none() && field.places.portal.is_none() && needs(Side::Portal) {
        let what = format!("`{}` has no place at Partner Center", field.id);
        mistakes.add(field.at, what, off(lead).advised("add `partner_center` if it has one"));
    }
    if crm.is_none() && field.places.crm.is_none() && needs(Side::Crm) {
        let what = format!("`{}` has no place in Salesforce", field.id);
        mistakes.add(field.at, what, off(lead).advised("add `salesforce` if it has one"));
    }
    let outward = to.portal.flows();
    if outward && field.portal_decides {
        mistakes.add(
            portal_at,
            "the portal decides this member; it cannot be written",
            only(Side::Crm, lead, to),
        );
    } else if outward && !codec.writes_portal() {
        let what = format!("the type `{}` cannot be written to the portal", field.type_name);
        mistakes.add(policy.blame(field.at), what, only(Side::Crm, lead, to));
    }
    if outward && !field.names_list && matches!(codec, Codec::Attribute { .. }) {
        mistakes.add(
            policy.blame(field.at),
            format!("`{}` would send whatever is typed: an attribute needs the list of its codes", field.id),
            only(Side::Crm, lead, to)
                .advised("add `list = \"marketplace_intent\"` or the like if it is to be sent"),
        );
    }
    if companion.is_some() && to.portal.update {
        mistakes.add(
            portal_at,
            "Microsoft's referral is ours to fill only while it is created",
            Remedy::field(lead.as_str(), "on", at_creation(to)),
        );
    }
    let fixed = |path: &PortalPath| Member::at(path).is_some_and(|member| member.writes() == Writes::Fixed);
    if portal.as_ref().is_some_and(fixed) && to.portal.update {
        mistakes.add(
            portal_at,
            "the portal fixes this member when the referral is created",
            Remedy::field(lead.as_str(), "on", at_creation(to)),
        );
    }
    agreement::types(field, (portal.as_ref().or(companion.as_ref()), crm.as_ref()), || off(lead), mistakes);
    if let Some(path) = crm {
        agreement::name(field, path, mistakes);
        let creation = || Remedy::field(lead.as_str(), "on", at_birth(to));
        agreement::writes(field, policy, path, to, (|| only(Side::Portal, lead, to), creation), mistakes);
    }
}

/// The whole group taken out.
fn off(lead: &FieldId) -> Remedy {
    Remedy::field(lead.as_str(), "direction", quoted("off"))
}

/// The whole group in one direction, or in none if that one is shut already: a fix opens nothing.
fn only(side: Side, lead: &FieldId, to: PerSide<Route>) -> Remedy {
    let word = match side {
        _ if !to.at(side).flows() => "off",
        Side::Portal => "to_partner_center",
        Side::Crm => "to_salesforce",
    };
    Remedy::field(lead.as_str(), "direction", quoted(word))
}

/// The moments of now, without updates of the portal.
fn at_creation(to: PerSide<Route>) -> String {
    moments(PerSide { portal: Route { update: false, ..to.portal }, crm: to.crm })
}

/// The moments of now, without updates of Salesforce.
fn at_birth(to: PerSide<Route>) -> String {
    moments(PerSide { portal: to.portal, crm: Route { update: false, ..to.crm } })
}

fn moments(to: PerSide<Route>) -> String {
    let words = |route: Route| {
        let words = [("create", route.create), ("update", route.update)];
        let words: Vec<String> = words.iter().filter(|(_, on)| *on).map(|(word, _)| quoted(word)).collect();
        format!("[{}]", words.join(", "))
    };
    format!("{{ to_partner_center = {}, to_salesforce = {} }}", words(to.portal), words(to.crm))
}

/// What is required, but for one side.
fn required_but(required: PerSide<bool>, side: Side) -> String {
    match side {
        Side::Portal if required.crm => "{ to_salesforce = true }".to_owned(),
        Side::Crm if required.portal => "{ to_partner_center = true }".to_owned(),
        Side::Portal | Side::Crm => "false".to_owned(),
    }
}

/// Which field writes what: the field, the lead of its group, and where it says so.
#[derive(Default)]
struct Targets(BTreeMap<String, (FieldId, FieldId, At)>);

impl Targets {
    fn claim(&mut self, field: &Field, lead: &FieldId, to: PerSide<Route>, mistakes: &mut Mistakes<'_>) {
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
        let second = match &field.shape {
            Shape::Scalar { codec, .. } => {
                codec.second_member().map(|path| format!("the referral's `{path}`"))
            }
            Shape::Set { .. } => None,
        };
        let written = |side: Side| to.at(side).flows();
        let claims = [(portal, Side::Portal), (second, Side::Portal), (crm, Side::Crm)];
        for (target, side) in claims.into_iter().filter(|(_, side)| written(*side)) {
            let Some(target) = target else { continue };
            let at = field.places.at(side).unwrap_or(field.at);
            let Some((holder, holders_lead, held_at)) = self.0.get(&target) else {
                self.0.insert(target, (field.id.clone(), lead.clone(), at));
                continue;
            };
            // The one in the later file is to blame: what it says is new.
            let (blamed, lead, other, at) = if held_at.source > at.source {
                (holder, holders_lead, &field.id, *held_at)
            } else {
                (&field.id, lead, holder, at)
            };
            mistakes.add(
                at,
                format!("`{blamed}` and `{other}` both write {target}"),
                off(lead).advised("let one of the two go the other way only"),
            );
        }
    }
}

fn platform(side: Side) -> &'static str {
    match side {
        Side::Portal => "Partner Center",
        Side::Crm => "Salesforce",
    }
}
