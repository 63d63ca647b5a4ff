//! What people decide, and what becomes of it: carried out, kept, or handed back (sync rules, section 8).

use serde::{Deserialize, Serialize};

use crate::{
    Deal, Effect, EffectEnd, Fingerprint, GroupHeld, GroupId, GroupSpec, Held, Irreversible, Life, PerSide,
    Plan, PlanInput, RecordId, Side, Sight, fingerprint, merge::holds_alike, moves::is_at, planner::known,
};

/// What a person decided about a deal, with the exact values they were shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Its number in the store.
    pub id: i64,
    /// What was decided.
    pub verdict: Verdict,
    /// Who decided.
    pub by: String,
}

/// What a person can decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// This side's value wins in this group, as long as both sides still hold what was shown.
    Resolve {
        /// The group.
        group: GroupId,
        /// Whose value wins.
        winner: Side,
        /// Fingerprints of the values that were shown.
        shown: PerSide<Fingerprint>,
    },
    /// This side's stage wins, as long as both still stand as shown: the other one is brought to it.
    ResolveLife {
        /// Whose stage wins. A closed referral is final: there only the portal's may.
        winner: Side,
        /// What was shown.
        shown: PerSide<Life>,
    },
    /// A value out of the archive goes back to both sides, as long as each holds what was shown, or that very value.
    Restore {
        /// Its number in the archive.
        archived: i64,
        /// The group.
        group: GroupId,
        /// The value; of a set, the elements that come back.
        value: GroupHeld,
        /// Fingerprints of the values that were shown.
        shown: PerSide<Fingerprint>,
    },
    /// Do not wait any longer for this effect.
    SendNow {
        /// The effect's kind.
        kind: Irreversible,
        /// The target that was shown.
        target: String,
    },
    /// Take this waiting effect back: it does not leave while the opportunity wants the same, unless a person sends it.
    ///
    /// The opportunity's stage is left as its seller set it: whoever withdraws an effect says that it must not leave, not
    /// what the deal is. The seller's next step (back, or to another end) is a new wish, with a grace of its own.
    Withdraw {
        /// The effect's kind.
        kind: Irreversible,
        /// The target that was shown.
        target: String,
    },
    /// Create a referral for an opportunity that is already closed.
    Push,
    /// Look at the deal now, and send what was refused once more.
    Retry,
    /// Go on with these records, as long as the deal has those that were shown, and the new ones stand as shown.
    Relink {
        /// The deal's records that were shown.
        from: PerSide<Option<RecordId>>,
        /// Its records from now on.
        to: PerSide<RecordId>,
        /// Where these stood.
        shown: PerSide<Life>,
    },
}

/// What a decision is about: no two decisions about one matter are open at a time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Matter {
    /// A group's value.
    Group(GroupId),
    /// Where the deal stands.
    Life,
    /// An irreversible effect.
    Effect(Irreversible),
    /// Another referral.
    Push,
    /// Another try.
    Retry,
    /// Which records the deal has.
    Links,
}

impl Verdict {
    /// What it is about.
    pub fn matter(&self) -> Matter {
        match self {
            Self::Resolve { group, .. } | Self::Restore { group, .. } => Matter::Group(group.clone()),
            Self::ResolveLife { .. } => Matter::Life,
            Self::SendNow { kind, .. } | Self::Withdraw { kind, .. } => Matter::Effect(*kind),
            Self::Push => Matter::Push,
            Self::Retry => Matter::Retry,
            Self::Relink { .. } => Matter::Links,
        }
    }
}

impl Deal {
    /// Forgets what was refused, if a person asked for another try that no commit has carried out yet.
    pub fn forget_refusals_if_asked(&mut self) {
        if self.decisions.iter().any(|decision| decision.verdict == Verdict::Retry) {
            self.memory.rejected.clear();
            self.memory.not_added.clear();
        }
    }
}

/// The decisions that the plan's effects really carried out; only these are consumed by the commit.
///
/// `ends` has the effects' ends in the plan's order; an effect without an end was not carried out.
pub fn carried_out(deal: &Deal, plan: &Plan, ends: &[EffectEnd]) -> Vec<i64> {
    let ended = |at: usize| ends.get(at).is_some_and(|end| matches!(end, EffectEnd::Done { .. }));
    let all = |concerns: &dyn Fn(&Effect) -> bool| {
        plan.effects.iter().enumerate().filter(|(_, effect)| concerns(effect)).all(|(at, _)| ended(at))
    };
    let done = |decision: &&Decision| match &decision.verdict {
        Verdict::Resolve { group, .. } | Verdict::Restore { group, .. } => {
            plan.effects.iter().enumerate().all(|(at, effect)| match effect {
                Effect::Update { writes, .. } if writes.iter().any(|write| write.group == *group) => {
                    ends.get(at).is_some_and(|end| end.wrote(group))
                }
                Effect::CreateCompanion { writes } if writes.iter().any(|write| write.group == *group) => {
                    ended(at)
                }
                _ => true,
            })
        }
        Verdict::ResolveLife { winner: Side::Portal, .. } => {
            all(&|effect| matches!(effect, Effect::Update { side: Side::Crm, life: Some(_), .. }))
        }
        Verdict::ResolveLife { .. } | Verdict::SendNow { .. } => {
            all(&|effect| matches!(effect, Effect::Move { .. }))
        }
        // What was withdrawn stays in the deal's row, and nothing is sent for it; another try was one, whatever came of it;
        // and a relinked deal is planned only then.
        Verdict::Withdraw { .. } | Verdict::Retry | Verdict::Relink { .. } => true,
        Verdict::Push => all(&|effect| matches!(effect, Effect::Create { side: Side::Portal, .. })),
    };
    deal.decisions
        .iter()
        .filter(|decision| plan.consumed.contains(&decision.id))
        .filter(done)
        .map(|decision| decision.id)
        .collect()
}

impl Plan {
    /// The decisions whose value a side refused: each is handed back, or the same value would be sent on every pass.
    ///
    /// `ends` has the effects' ends in the plan's order.
    pub fn refused_decisions(&self, deal: &Deal, ends: &[EffectEnd]) -> Vec<i64> {
        let refused: Vec<&GroupId> =
            ends.iter().flat_map(EffectEnd::refused).map(|(group, _)| group).collect();
        let is_refused = |decision: &&Decision| match &decision.verdict {
            Verdict::Resolve { group, .. } | Verdict::Restore { group, .. } => refused.contains(&group),
            Verdict::ResolveLife { .. }
            | Verdict::SendNow { .. }
            | Verdict::Withdraw { .. }
            | Verdict::Push
            | Verdict::Retry
            | Verdict::Relink { .. } => false,
        };
        let decisions = deal.decisions.iter().filter(|decision| !self.handed_back.contains(&decision.id));
        decisions.filter(is_refused).map(|decision| decision.id).collect()
    }
}

/// The decisions whose outcome is there already, though no commit says so: a pass that was stopped behind its write.
///
/// The side that was to win is as it was shown, and the other one changed to the same: there is nothing left to carry out.
pub(crate) fn carried_out_before(input: &PlanInput<'_>, plan: &Plan) -> Vec<i64> {
    let (Some(crm), Some(portal)) = (input.crm.seen(), input.portal.seen()) else { return Vec::new() };
    let seen = PerSide::new(portal, crm);
    let memory = &input.deal.memory;
    let is_there = |decision: &&Decision| match &decision.verdict {
        Verdict::Resolve { group, winner, shown } => input.specs.group(group).is_some_and(|spec| {
            let held = |side: Side| known(seen.at(side), &spec.members, memory, |reading| &reading.held);
            let (Some(portal), Some(crm)) = (held(Side::Portal), held(Side::Crm)) else { return false };
            let held = PerSide::new(portal, crm);
            let is_shown = |side: Side| *shown.at(side) == fingerprint(held.at(side));
            is_shown(*winner) && !is_shown(winner.other()) && memory.agree(spec, input.specs, seen, &held)
        }),
        Verdict::ResolveLife { winner, shown } => {
            let is_shown = |side: Side| *shown.at(side) == seen.at(side).life;
            is_shown(*winner) && !is_shown(winner.other()) && crm.life.stands_with(&portal.life)
        }
        Verdict::SendNow { target, .. } => is_at(&portal.life, target),
        // Of these there is nothing to see on the two sides.
        Verdict::Restore { .. }
        | Verdict::Withdraw { .. }
        | Verdict::Push
        | Verdict::Retry
        | Verdict::Relink { .. } => false,
    };
    let open = |decision: &&Decision| {
        !plan.consumed.contains(&decision.id) && !plan.handed_back.contains(&decision.id)
    };
    input.deal.decisions.iter().filter(open).filter(is_there).map(|decision| decision.id).collect()
}

/// The decisions that were made about values which are no longer there. What could not be read is not held against them.
pub(crate) fn outdated(input: &PlanInput<'_>, plan: &Plan) -> Vec<i64> {
    let (Some(crm), Some(portal)) = (input.crm.seen(), input.portal.seen()) else {
        let linked = *input.portal != Sight::Unlinked;
        let push = |decision: &&Decision| linked && decision.verdict == Verdict::Push;
        return input.deal.decisions.iter().filter(push).map(|decision| decision.id).collect();
    };
    let held = |spec: &GroupSpec| {
        let held = |seen| known(seen, &spec.members, &input.deal.memory, |reading| &reading.held);
        Some(PerSide::new(held(portal)?, held(crm)?))
    };
    let waits = |kind: Irreversible, target: &str| {
        plan.waiting.iter().any(|effect| effect.kind == kind && effect.target == target)
    };
    let outdated = |decision: &&Decision| match &decision.verdict {
        Verdict::Resolve { group, shown, .. } => {
            input.specs.group(group).is_none_or(|spec| held(spec).is_some_and(|held| !shown_is(shown, &held)))
        }
        Verdict::Restore { group, shown, value, .. } => input.specs.group(group).is_none_or(|spec| {
            held(spec).is_some_and(|held| !shown_or_restored(input, spec, shown, value, &held))
        }),
        Verdict::ResolveLife { shown, .. } => shown.crm != crm.life || shown.portal != portal.life,
        Verdict::SendNow { kind, target } | Verdict::Withdraw { kind, target } => !waits(*kind, target),
        Verdict::Push => true,
        Verdict::Retry | Verdict::Relink { .. } => false,
    };
    input
        .deal
        .decisions
        .iter()
        .filter(|decision| !plan.consumed.contains(&decision.id))
        .filter(outdated)
        .map(|decision| decision.id)
        .collect()
}

/// Whether both sides still hold what a person was shown.
pub(crate) fn shown_is(shown: &PerSide<Fingerprint>, held: &PerSide<GroupHeld>) -> bool {
    shown.crm == fingerprint(&held.crm) && shown.portal == fingerprint(&held.portal)
}

/// Whether each side holds what a person was shown, or what is being restored already: half a restoration goes on. A set
/// holds its restored elements among others.
pub(crate) fn shown_or_restored(
    input: &PlanInput<'_>,
    spec: &GroupSpec,
    shown: &PerSide<Fingerprint>,
    value: &GroupHeld,
    held: &PerSide<GroupHeld>,
) -> bool {
    let lead = &spec.lead().id;
    let elements = |group: &GroupHeld| group.get(lead).map(Held::elements).unwrap_or_default();
    let restored = |held: &GroupHeld| {
        if spec.set.is_some() {
            let there = elements(held);
            elements(value).iter().all(|(key, element)| there.get(key) == Some(element))
        } else {
            holds_alike(spec, &input.specs.minor_units, held, value)
        }
    };
    Side::BOTH
        .into_iter()
        .all(|side| *shown.at(side) == fingerprint(held.at(side)) || restored(held.at(side)))
}
