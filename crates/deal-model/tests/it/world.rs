//! A deal between two perfect platforms, described in a line, and the check of what one pass does with it.

use std::collections::BTreeMap;

use deal_model::{
    Actor, Clear, Conflict, CrmFacts, Deal, Decision, Demands, Effect, EffectEnd, Element, ElementChange,
    ElementKey, Elements, Facts, FieldId, FieldSpec, Fit, GroupHeld, GroupId, GroupSpec, Held, Irreversible,
    Kind, Life, Observation, Observed, PerSide, Plan, PlanInput, PortalFacts, Reading, Response, Route,
    SettleInput, Side, Sight, Specs, Value, Verdict, Version, Window, Write, apply_changes, carried_out,
    fingerprint, plan, settle,
};
use jiff::Timestamp;

pub(crate) const ALWAYS: Route = Route { create: true, update: true, fill_only: false };
pub(crate) const NEVER: Route = Route { create: false, update: false, fill_only: false };
pub(crate) const ACTIVE: Life = Life::Active { sales_stage: None };

/// When everything was reconciled, when the records were read, and the present.
pub(crate) const SETTLED: i64 = 100;
pub(crate) const READ: i64 = 200;
pub(crate) const NOW: i64 = 1_000;

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// Anything that a test writes where a value stands.
pub(crate) trait Says {
    fn says(self) -> Observed;
}
pub(crate) struct Empty;
pub(crate) struct Unknown;
impl Says for Empty {
    fn says(self) -> Observed {
        Observed::Empty
    }
}
impl Says for Unknown {
    fn says(self) -> Observed {
        Observed::Unknown
    }
}
impl Says for &str {
    fn says(self) -> Observed {
        Observed::Value(Value::Text(self.to_owned()))
    }
}
impl Says for i64 {
    fn says(self) -> Observed {
        Observed::Value(Value::Number(self.into()))
    }
}
impl Says for bool {
    fn says(self) -> Observed {
        Observed::Value(Value::Flag(self))
    }
}
impl Says for Observed {
    fn says(self) -> Observed {
        self
    }
}
/// A set: `[("key", "title")]`.
impl<const N: usize> Says for [(&str, &str); N] {
    fn says(self) -> Observed {
        let element = |title: &str| Element([("title".to_owned(), Value::Text(title.to_owned()))].into());
        let elements: Elements =
            self.into_iter().map(|(key, title)| (ElementKey(key.to_owned()), element(title))).collect();
        Observed::Value(Value::Set(elements))
    }
}

pub(crate) fn field(id: &str, kind: Kind) -> FieldSpec {
    FieldSpec {
        id: id.into(),
        label: id.to_owned(),
        kind,
        fit: Fit::default(),
        required: PerSide::default(),
        demands: Demands::default(),
    }
}

/// A group that goes both ways, with the mapping's defaults.
pub(crate) fn group(id: &str, members: Vec<FieldSpec>) -> GroupSpec {
    GroupSpec {
        id: id.into(),
        members,
        to: PerSide::new(ALWAYS, ALWAYS),
        conflict: Conflict::Newest,
        owner: Side::Crm,
        clear: PerSide::new(Clear::Ignore, Clear::Ignore),
        latch: None,
        enforce: false,
        active_only: false,
        set: None,
        fixed: false,
        computed: PerSide::default(),
    }
}

pub(crate) fn text(id: &str) -> GroupSpec {
    group(id, vec![field(id, Kind::Text)])
}

pub(crate) fn money() -> GroupSpec {
    let mut amount = field("amount", Kind::Number);
    amount.fit.currency = Some("currency".into());
    group("money", vec![amount, field("currency", Kind::Text)])
}

#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) deal: Deal,
    pub(crate) crm: Sight,
    pub(crate) portal: Sight,
    pub(crate) specs: Specs,
    pub(crate) now: Timestamp,
    pub(crate) portal_ahead: jiff::SignedDuration,
    pub(crate) claimed_elsewhere: bool,
    /// What a platform makes of a value that it is sent.
    pub(crate) keeps: fn(Side, &FieldId, &Held) -> Held,
    /// Groups that both platforms refuse.
    pub(crate) refuses: Vec<GroupId>,
    /// Whether every call fails.
    pub(crate) down: bool,
}

/// A linked, active deal with one group, reconciled and opted in; nothing of the group was read yet.
pub(crate) fn deal(spec: GroupSpec) -> World {
    let mut deal = Deal::born("d1".into(), Side::Crm, "006".into());
    deal.links.portal = Some("ref".into());
    deal.memory.life = Some(PerSide::new(ACTIVE, ACTIVE));
    let crm = CrmFacts { opted_in: true, consent: true, ..CrmFacts::default() };
    World {
        deal,
        crm: Sight::Seen(Box::new(observation("006", Facts::Crm(crm)))),
        portal: Sight::Seen(Box::new(observation("ref", Facts::Portal(PortalFacts::default())))),
        specs: Specs { groups: vec![spec], ..Specs::default() },
        now: at(NOW),
        portal_ahead: jiff::SignedDuration::ZERO,
        claimed_elsewhere: false,
        keeps: |_, _, held| held.clone(),
        refuses: Vec::new(),
        down: false,
    }
}

fn observation(record: &str, facts: Facts) -> Observation {
    Observation {
        record: record.into(),
        version: Version { stamp: at(READ), tag: None },
        read_at: at(NOW),
        actor: Actor::Unknown,
        life: ACTIVE,
        fields: BTreeMap::new(),
        facts,
    }
}

fn held(observed: &Observed) -> Held {
    observed.held().expect("a base is known")
}

impl World {
    pub(crate) fn seen(&mut self, side: Side) -> &mut Observation {
        let sight = match side {
            Side::Crm => &mut self.crm,
            Side::Portal => &mut self.portal,
        };
        match sight {
            Sight::Seen(observation) => observation,
            other => panic!("{side:?} is {other:?}"),
        }
    }

    pub(crate) fn facts(&mut self) -> &mut CrmFacts {
        match &mut self.seen(Side::Crm).facts {
            Facts::Crm(facts) => facts,
            Facts::Portal(_) => panic!("an opportunity has an opportunity's facts"),
        }
    }

    pub(crate) fn portal_facts(&mut self) -> &mut PortalFacts {
        match &mut self.seen(Side::Portal).facts {
            Facts::Portal(facts) => facts,
            Facts::Crm(_) => panic!("a referral has a referral's facts"),
        }
    }

    fn on(mut self, side: Side, field: &str, value: impl Says) -> Self {
        self.seen(side).fields.insert(field.into(), Reading::plain(value.says()));
        self
    }

    pub(crate) fn crm(self, field: &str, value: impl Says) -> Self {
        self.on(Side::Crm, field, value)
    }

    pub(crate) fn portal(self, field: &str, value: impl Says) -> Self {
        self.on(Side::Portal, field, value)
    }

    /// What a side would send instead of what it holds.
    pub(crate) fn sends(mut self, side: Side, field: &str, value: impl Says) -> Self {
        self.seen(side).fields.get_mut(&FieldId::from(field)).unwrap().sends = value.says();
        self
    }

    /// Both sides held `value` when they were reconciled.
    pub(crate) fn base(self, field: &str, value: impl Says) -> Self {
        let value = value.says();
        self.bases(field, value.clone(), value)
    }

    pub(crate) fn bases(mut self, field: &str, crm: impl Says, portal: impl Says) -> Self {
        let field = FieldId::from(field);
        let spec = self.specs.groups.iter().find(|spec| spec.members.iter().any(|member| member.id == field));
        let group = spec.unwrap().id.clone();
        let base = self.deal.memory.base.entry(group.clone()).or_default();
        base.crm.insert(field.clone(), held(&crm.says()));
        base.portal.insert(field, held(&portal.says()));
        let settled = |held: &GroupHeld| Some(Window::settled(fingerprint(held), at(SETTLED)));
        let windows = PerSide::new(settled(&base.portal), settled(&base.crm));
        self.deal.memory.windows.insert(group, windows);
        self
    }

    /// `side` was still seen to hold the old value at `before`, and the new one at `after`.
    pub(crate) fn changed(mut self, side: Side, before: i64, after: i64) -> Self {
        self.seen(side).version.stamp = at(after);
        for windows in self.deal.memory.windows.values_mut() {
            windows.at_mut(side).as_mut().unwrap().after = at(before);
        }
        self
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(crate) fn stage(mut self, life: Life) -> Self {
        self.seen(Side::Crm).life = life;
        self
    }

    pub(crate) fn referral(mut self, life: Life) -> Self {
        self.seen(Side::Portal).life = life;
        self
    }

    pub(crate) fn stood(mut self, crm: Life, portal: Life) -> Self {
        self.deal.memory.life = Some(PerSide::new(portal, crm));
        self
    }

    pub(crate) fn just_linked(mut self) -> Self {
        self.deal.memory.life = None;
        self
    }

    pub(crate) fn answers(mut self, response: Response) -> Self {
        self.facts().response = Some(response);
        self
    }

    pub(crate) fn because(mut self, reason: &str) -> Self {
        self.facts().reason = Some(reason.to_owned());
        self
    }

    pub(crate) fn decides(mut self, id: i64, verdict: Verdict) -> Self {
        self.deal.decisions.push(Decision { id, verdict, by: "ann".to_owned() });
        self
    }

    /// A person chose `winner` for exactly what both sides hold now.
    pub(crate) fn resolves(mut self, group: &str, winner: Side) -> Self {
        let print = |world: &mut Self, side: Side| {
            let spec = world.specs.group(&group.into()).unwrap().clone();
            fingerprint(&group_of(world.seen(side), &spec))
        };
        let shown = PerSide::new(print(&mut self, Side::Portal), print(&mut self, Side::Crm));
        self.decides(1, Verdict::Resolve { group: group.into(), winner, shown })
    }

    /// A person brings this value back, for exactly what both sides hold now.
    pub(crate) fn restores(mut self, group: &str, value: impl Says) -> Self {
        let spec = self.specs.group(&group.into()).unwrap().clone();
        let mut print = |side: Side| fingerprint(&group_of(self.seen(side), &spec));
        let shown = PerSide::new(print(Side::Portal), print(Side::Crm));
        let value = [(spec.lead().id.clone(), held(&value.says()))].into();
        self.decides(1, Verdict::Restore { archived: 7, group: group.into(), value, shown })
    }

    pub(crate) fn plan(&self) -> Plan {
        plan(&self.input())
    }

    pub(crate) fn input(&self) -> PlanInput<'_> {
        PlanInput {
            deal: &self.deal,
            crm: &self.crm,
            portal: &self.portal,
            specs: &self.specs,
            mapping: "1",
            now: self.now,
            portal_ahead: self.portal_ahead,
            claimed_elsewhere: self.claimed_elsewhere,
        }
    }

    /// Plans, carries the plan out, settles: what the engine does in one pass.
    pub(crate) fn pass(&mut self) -> Plan {
        let plan = self.plan();
        let before = PerSide::new(self.portal.seen().cloned(), self.crm.seen().cloned());
        let mut touched = PerSide::new(false, false);
        let mut ends = Vec::new();
        for effect in &plan.effects {
            let end = if self.down {
                EffectEnd::NotDone { refused: Vec::new() }
            } else {
                *touched.at_mut(side_of(effect)) = true;
                self.carry_out(effect)
            };
            ends.push(end);
        }
        let after = |side: Side, sight: &Sight| sight.seen().filter(|_| *touched.at(side)).cloned();
        let after = PerSide::new(after(Side::Portal, &self.portal), after(Side::Crm, &self.crm));
        let consumed = carried_out(&self.deal, &plan, &ends);
        self.deal.memory = settle(&SettleInput {
            deal: &self.deal,
            plan: &plan,
            ends: &ends,
            before: PerSide::new(before.portal.as_ref(), before.crm.as_ref()),
            after: PerSide::new(after.portal.as_ref(), after.crm.as_ref()),
            specs: &self.specs,
            mapping: "1",
            now: self.now,
        });
        self.deal
            .decisions
            .retain(|decision| !consumed.contains(&decision.id) && !plan.handed_back.contains(&decision.id));
        self.deal.waiting.clone_from(&plan.waiting);
        self.deal.problems.clone_from(&plan.problems);
        self.deal.phase = plan.phase.unwrap_or(self.deal.phase);
        plan
    }

    /// Passes until one sends nothing; the plans that sent something.
    pub(crate) fn passes(&mut self, most: usize) -> Vec<Plan> {
        let mut plans = Vec::new();
        loop {
            let plan = self.pass();
            if plan.is_quiet() {
                return plans;
            }
            plans.push(plan);
            assert!(plans.len() <= most, "it does not come to rest:\n{}", show(&plans));
        }
    }

    fn carry_out(&mut self, effect: &Effect) -> EffectEnd {
        match effect {
            Effect::Create { side, writes, life } => {
                let (record, facts) = match side {
                    Side::Crm => {
                        ("006", Facts::Crm(CrmFacts { opted_in: true, consent: true, ..CrmFacts::default() }))
                    }
                    Side::Portal => ("ref", Facts::Portal(PortalFacts::default())),
                };
                let mut made = observation(record, facts);
                made.life = life.clone();
                for spec in &self.specs.groups {
                    for member in &spec.members {
                        made.fields.insert(member.id.clone(), Reading::plain(Observed::Empty));
                    }
                }
                let sight = Sight::Seen(Box::new(made));
                match side {
                    Side::Crm => {
                        self.crm = sight;
                        self.deal.links.crm = Some("006".into());
                    }
                    Side::Portal => {
                        self.portal = sight;
                        self.deal.links.portal = Some("ref".into());
                    }
                }
                EffectEnd::Done { refused: self.write(*side, writes) }
            }
            Effect::CreateCompanion { .. } => {
                self.deal.links.companion = Some("companion".into());
                self.portal_facts().companion = Some("companion".into());
                EffectEnd::DONE
            }
            Effect::Move { to, .. } => {
                let seen = self.seen(Side::Portal);
                assert!(!seen.life.is_closed(), "a closed referral was moved to {to:?}");
                seen.life = to.clone();
                EffectEnd::DONE
            }
            Effect::Update { side, writes, life, .. } => {
                let portal = &self.seen(Side::Portal).life;
                assert!(
                    *side == Side::Crm || matches!(portal, Life::Active { .. } | Life::Unknown { .. }),
                    "a {portal:?} referral was written"
                );
                if let Some(life) = life {
                    self.seen(*side).life = life.clone();
                }
                EffectEnd::Done { refused: self.write(*side, writes) }
            }
        }
    }

    fn write(&mut self, side: Side, writes: &[Write]) -> Vec<(GroupId, String)> {
        let mut refused = Vec::new();
        for write in writes {
            if self.refuses.contains(&write.group) {
                refused.push((write.group.clone(), "not allowed here".to_owned()));
                continue;
            }
            let after: GroupHeld = match &write.content {
                deal_model::Content::Whole(group) => group.clone(),
                deal_model::Content::Elements(changes) => write
                    .instead_of
                    .iter()
                    .map(|(field, held)| {
                        let next = apply_changes(&held.elements(), changes);
                        (field.clone(), Held::Value(Value::Set(next)))
                    })
                    .collect(),
            };
            let keeps = self.keeps;
            if side == Side::Crm
                && let deal_model::Content::Elements(changes) = &write.content
            {
                self.change_records(&write.group, changes);
            }
            for (field, held) in after {
                let observed = match keeps(side, &field, &held) {
                    Held::Value(value) => Observed::Value(value),
                    Held::Empty => Observed::Empty,
                };
                self.seen(side).fields.insert(field, Reading::plain(observed));
            }
        }
        let now = self.now;
        let seen = self.seen(side);
        seen.version.stamp = seen.version.stamp.max(now);
        seen.actor = Actor::Integration;
        refused
    }
}

impl World {
    /// What becomes of the contacts when a set of people is written.
    fn change_records(&mut self, group: &GroupId, changes: &[(ElementKey, ElementChange)]) {
        let lead = self.specs.group(group).unwrap().lead().id.clone();
        let Some(people) = self.facts().people.get_mut(&lead) else { return };
        let before = people.clone();
        for (record, key) in before {
            let Some(key) = key else { continue };
            let leaves =
                changes.iter().find(|(of, change)| *of == key && !matches!(change, ElementChange::Put(_)));
            match leaves {
                Some((_, ElementChange::Rekey { to, .. })) => {
                    people.insert(record, Some(to.clone()));
                }
                Some(_) => {
                    people.remove(&record);
                }
                None => {}
            }
        }
        for (key, change) in changes {
            if matches!(change, ElementChange::Put(_)) && !people.values().flatten().any(|known| known == key)
            {
                people.insert(format!("new {}", key.0).as_str().into(), Some(key.clone()));
            }
        }
    }
}

/// What an observation holds of a group.
fn group_of(seen: &Observation, spec: &GroupSpec) -> GroupHeld {
    spec.members.iter().map(|member| (member.id.clone(), held(&seen.reading(&member.id).held))).collect()
}

fn side_of(effect: &Effect) -> Side {
    match effect {
        Effect::Create { side, .. } | Effect::Update { side, .. } => *side,
        Effect::CreateCompanion { .. } | Effect::Move { .. } => Side::Portal,
    }
}

pub(crate) fn show(plans: &[Plan]) -> String {
    format!("{plans:#?}")
}

/// What the plan says, without what was told about it elsewhere.
pub(crate) fn check(world: &World, expected: &[&str]) -> Plan {
    let plan = world.plan();
    let lines = plan.describe();
    assert!(lines == expected, "planned {lines:#?}\nexpected {expected:#?}\nthe plan: {plan:#?}");
    plan
}

pub(crate) fn archived(plan: &Plan) -> Vec<String> {
    plan.archive
        .iter()
        .map(|lost| {
            let side = if lost.side == Side::Crm { "opportunity" } else { "referral" };
            format!("{side}: {} {}: {}", lost.group, deal_model::display(&lost.value), lost.reason)
        })
        .collect()
}

pub(crate) fn irreversible(plan: &Plan) -> Vec<Irreversible> {
    plan.effects.iter().flat_map(Effect::irreversible).collect()
}

/// What both sides held when last reconciled, the referral first.
pub(crate) fn base(world: &World, group: &str) -> [String; 2] {
    let base = &world.deal.memory.base[&group.into()];
    [deal_model::display(&base.portal), deal_model::display(&base.crm)]
}

pub(crate) fn questions(world: &World) -> Vec<deal_model::Question> {
    deal_model::questions(&world.input())
}
