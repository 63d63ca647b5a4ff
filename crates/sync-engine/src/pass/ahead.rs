//! What is durable before anything is sent: losing values and the brake's count; and what the brake holds back.

use deal_model::{Effect, GroupId, Problem, ProblemClass, Side, Write};

use super::{Item, NOT_DONE, Round};
use crate::{
    BrakeLimit, Disposition, Engine, Prepared, StoreError, StoreResult, WriteAhead,
    settings::LOOK_AT_PROBLEMS_AGAIN,
};

impl Engine {
    /// Commits losing values and the brake's count. False: the lease is lost, or the deal changed since it was claimed,
    /// and nothing may be sent.
    pub(super) async fn write_down(&self, item: &mut Item) -> StoreResult<bool> {
        item.round.ends = vec![NOT_DONE; item.round.plan.effects.len()];
        item.round.sendable = item.round.plan.effects.len();
        // Each turn but the last holds one kind more, so there are no more turns than kinds.
        loop {
            let braked = counted(item.round.to_send());
            let archive = item.round.plan.archive.clone();
            if archive.is_empty() && braked.is_empty() {
                return Ok(true);
            }
            let ahead = WriteAhead {
                fence: item.claim.fence.clone(),
                generation: item.claim.generation,
                deal: item.deal.id.clone(),
                flows: item.round.flows.clone(),
                archive,
                intents: Vec::new(),
                braked,
                now: self.now(),
                brake: self.brake(),
            };
            match self.parts.store.write_ahead(&ahead).await {
                Ok(Prepared::Go) => return Ok(true),
                Ok(Prepared::Braked(kind)) => {
                    hold_back(&mut item.round, &kind);
                    self.braked(item, &kind);
                }
                Ok(Prepared::Changed) => {
                    self.begin_anew(item).await?;
                    return Ok(false);
                }
                Err(StoreError::Fenced(_)) => {
                    item.ended = true;
                    return Ok(false);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Hands the deal back, to be claimed at once with what was decided meanwhile.
    async fn begin_anew(&self, item: &mut Item) -> StoreResult<()> {
        let again = Disposition::Again {
            at: self.now(),
            hints: item.claim.hints.union(item.read),
            attempts: item.claim.attempts,
        };
        item.ended = true;
        self.hand_back(item.claim.clone(), again).await
    }

    pub(super) fn brake(&self) -> BrakeLimit {
        let guard = &self.parts.specs.guard;
        BrakeLimit {
            most: guard.brake_limit,
            within: jiff::SignedDuration::from_secs(i64::from(guard.brake_window_secs)),
        }
    }

    /// Says that the brake holds. Its release marks the deals that it lists; any more of them look again by themselves.
    pub(super) fn braked(&self, item: &mut Item, kind: &str) {
        let round = &mut item.round;
        if !round.braked.iter().any(|known| known == kind) {
            round.braked.push(kind.to_owned());
        }
        // One problem names them all: each has to be released.
        let each = |told: &dyn Fn(&String) -> String, between: &str| {
            round.braked.iter().map(told).collect::<Vec<_>>().join(between)
        };
        let kinds = each(&|kind| format!("of the kind \"{kind}\""), " and ");
        let commands = each(&|kind| format!("cosell release {kind}"), ", and ");
        let problem = Problem {
            class: ProblemClass::Brake,
            field: None,
            sentence: format!("Unusually many effects {kinds}: the brake holds them."),
            next_step: format!("Look at the list, then release it: {commands}."),
            since: self.now(),
        };
        round.plan.problems.retain(|known| !known.same(&problem));
        round.plan.problems.push(problem);
        item.round.retry_at = Some(self.in_(LOOK_AT_PROBLEMS_AGAIN));
    }
}

/// What the brake counts: irreversible effects and clears. Births count their own together with their intents.
fn counted(effects: &[Effect]) -> Vec<String> {
    let mut kinds: Vec<String> = effects
        .iter()
        .filter(|effect| !matches!(effect, Effect::Create { .. } | Effect::CreateCompanion { .. }))
        .flat_map(Effect::irreversible)
        .map(|kind| kind.name().to_owned())
        .collect();
    kinds.extend(effects.iter().flat_map(writes).filter_map(clears));
    kinds
}

fn writes(effect: &Effect) -> &[Write] {
    match effect {
        Effect::Update { writes, .. } => writes,
        Effect::Create { .. } | Effect::CreateCompanion { .. } | Effect::Move { .. } => &[],
    }
}

fn clears(write: &Write) -> Option<String> {
    write.clears().then(|| format!("clear:{}", write.group))
}

/// Puts what is of this kind behind the effects that may leave, and with a move all that was to follow it. What is
/// held back stays in the plan: it did not happen, so no base advances on it and no decision is consumed by it.
fn hold_back(round: &mut Round, kind: &str) {
    let mut sent = Vec::new();
    let mut held = Vec::new();
    // Accept and win are one unit: a win that is held holds the acceptance before it.
    let moves = |effect: &Effect| matches!(effect, Effect::Move { kind: moved, .. } if moved.name() == kind);
    let unit = round.plan.effects.iter().any(moves);
    let mut stopped = false;
    let behind = round.plan.effects.split_off(round.sendable);
    for effect in round.plan.effects.drain(..) {
        match effect {
            Effect::Update { side, writes, life, expect } if side == Side::Crm || !stopped => {
                let (holds, goes): (Vec<Write>, Vec<Write>) =
                    writes.into_iter().partition(|write| is_of(write, kind));
                let part = |writes, life| Effect::Update { side, writes, life, expect: expect.clone() };
                if !holds.is_empty() {
                    held.push(part(holds, None));
                }
                if !goes.is_empty() || life.is_some() {
                    sent.push(part(goes, life));
                }
            }
            Effect::Move { .. } if unit => {
                stopped = true;
                held.push(effect);
            }
            _ if stopped => held.push(effect),
            _ => sent.push(effect),
        }
    }
    let is_written = |effects: &[Effect], group: &GroupId| {
        effects.iter().flat_map(writes).any(|write| write.group == *group)
    };
    round.plan.archive.retain(|lost| is_written(&sent, &lost.group) || !is_written(&held, &lost.group));
    round.sendable = sent.len();
    round.plan.effects = sent;
    round.plan.effects.extend(held);
    round.plan.effects.extend(behind);
    round.ends = vec![NOT_DONE; round.plan.effects.len()];
}

fn is_of(write: &Write, kind: &str) -> bool {
    write.latch.is_some_and(|latch| latch.name() == kind) || clears(write).as_deref() == Some(kind)
}
