//! What a person may decide about a deal as it was just read, and what would come of each choice: tried out on the plan
//! itself, so that what is shown is what is done.

use serde::{Deserialize, Serialize};

use crate::{
    Archived, Deal, Decision, Effect, Facts, FieldId, GroupDecision, GroupHeld, GroupId, GroupSpec, Life,
    Matter, Observation, PerSide, Plan, PlanInput, ProblemClass, STAGE, Side, Sight, Verdict, Write,
    describe, display, fingerprint, merge::holds_alike, plan, planner::held, settle::nothing,
};

/// The decision that is tried out; no store gives this number.
const TRIED: i64 = 0;

/// Something on which the two sides differ, and between which a person may choose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The group, or [`STAGE`].
    pub field: GroupId,
    /// What a person calls it.
    pub label: String,
    /// The group's fields: any of them names it.
    pub members: Vec<FieldId>,
    /// What each side holds, for a person.
    pub holds: PerSide<String>,
    /// Why a person is asked; `None` where the rules go on without one.
    pub asked: Option<String>,
    /// What comes of each side's winning.
    pub choices: PerSide<Choice>,
}

/// A decision that could be made, and what would come of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// The decision, with what it was shown.
    pub verdict: Verdict,
    /// What would come of it.
    pub outcome: Outcome,
}

/// What would come of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// These changes, one line each.
    Written(Vec<String>),
    /// The same, but not at once: for this reason.
    Waits(String),
    /// There is nothing to send.
    Nothing,
    /// It cannot be carried out: why, and what a person can do.
    Impossible(String),
}

impl Outcome {
    /// Whether it may be decided.
    pub fn is_possible(&self) -> bool {
        !matches!(self, Self::Impossible(_))
    }
}

/// Everything on which the two sides differ, be a person asked or not. Nothing, if a side was not read.
///
/// What was decided and is not carried out yet does not count: the questions are those that a new decision answers.
pub fn questions(input: &PlanInput<'_>) -> Vec<Question> {
    let (Some(crm), Some(portal)) = (input.crm.seen(), input.portal.seen()) else { return Vec::new() };
    let undecided = Deal { decisions: Vec::new(), ..input.deal.clone() };
    let input = &PlanInput { deal: &undecided, ..*input };
    let plan = plan(input);
    let mut questions = Vec::new();
    questions.extend(stage(input, &plan, crm, portal));
    questions.extend(input.specs.groups.iter().filter_map(|spec| field(input, &plan, spec)));
    questions
}

fn stage(input: &PlanInput<'_>, plan: &Plan, crm: &Observation, portal: &Observation) -> Option<Question> {
    let problem = plan
        .problems
        .iter()
        .find(|problem| problem.class == ProblemClass::Lifecycle && problem.field.is_none())?;
    let shown = PerSide::new(portal.life.clone(), crm.life.clone());
    let choice = |winner| choice(input, Verdict::ResolveLife { winner, shown: shown.clone() });
    Some(Question {
        field: STAGE.into(),
        label: "Stage".to_owned(),
        members: Vec::new(),
        holds: PerSide::new(describe::standing(&portal.life), describe::standing(&crm.life)),
        asked: Some(problem.sentence.clone()),
        choices: PerSide::new(choice(Side::Portal), choice(Side::Crm)),
    })
}

fn field(input: &PlanInput<'_>, plan: &Plan, spec: &GroupSpec) -> Option<Question> {
    let held = both(input, spec)?;
    if holds_alike(spec, &input.specs.minor_units, &held.portal, &held.crm) {
        return None;
    }
    let asks = |problem: &&crate::Problem| {
        problem.field.as_ref() == Some(&spec.id)
            && matches!(problem.class, ProblemClass::Conflict | ProblemClass::Fuse)
    };
    let shown = prints(&held);
    let choice =
        |winner| choice(input, Verdict::Resolve { group: spec.id.clone(), winner, shown: shown.clone() });
    Some(Question {
        field: spec.id.clone(),
        label: spec.label().to_owned(),
        members: spec.members.iter().map(|member| member.id.clone()).collect(),
        holds: PerSide::new(display(&held.portal), display(&held.crm)),
        asked: plan.problems.iter().find(asks).map(|problem| problem.sentence.clone()),
        choices: PerSide::new(choice(Side::Portal), choice(Side::Crm)),
    })
}

/// What would come of restoring a losing value, and what each side holds instead of it now. `None` if the mapping has no
/// such group (any more), or a side was not read.
pub fn restoration(
    input: &PlanInput<'_>,
    archived: i64,
    lost: &Archived,
) -> Option<(PerSide<GroupHeld>, Choice)> {
    let spec = input.specs.group(&lost.group)?;
    let held = both(input, spec)?;
    let (group, value, shown) = (lost.group.clone(), lost.value.clone(), prints(&held));
    Some((held, choice(input, Verdict::Restore { archived, group, value, shown })))
}

/// What would come of a person's having the referral created, be the opportunity closed or not: all that would be sent.
pub fn pushing(input: &PlanInput<'_>) -> Choice {
    let (verdict, plan) = tried(input, Verdict::Push);
    let is_creation = |effect: &&Effect| matches!(effect, Effect::Create { side: Side::Portal, .. });
    let outcome = match plan.effects.iter().find(is_creation) {
        _ if *input.portal != Sight::Unlinked => {
            Outcome::Impossible("The deal has its referral already.".to_owned())
        }
        Some(creation) if plan.consumed.contains(&TRIED) => Outcome::Written(creation.describe()),
        _ => {
            let told: Vec<&str> = plan.problems.iter().map(|problem| problem.sentence.as_str()).collect();
            let told = if told.is_empty() { plan.headline.clone() } else { told.join(" ") };
            Outcome::Impossible(told)
        }
    };
    Choice { verdict, outcome }
}

/// What both sides hold; where nobody was asked for help yet, there is nothing on the other side.
fn both(input: &PlanInput<'_>, spec: &GroupSpec) -> Option<PerSide<GroupHeld>> {
    let of = |seen: &Observation| held(seen, spec, &input.deal.memory);
    let (crm, portal) = (input.crm.seen()?, input.portal.seen()?);
    let unasked = spec.asks_help() && !input.has_companion(portal);
    let portal = if unasked { Some(nothing(spec)) } else { of(portal) };
    Some(PerSide::new(portal?, of(crm)?))
}

fn prints(held: &PerSide<GroupHeld>) -> PerSide<crate::Fingerprint> {
    PerSide::new(fingerprint(&held.portal), fingerprint(&held.crm))
}

/// Tries the decision out, alone, on a plan.
fn choice(input: &PlanInput<'_>, verdict: Verdict) -> Choice {
    let (verdict, plan) = tried(input, verdict);
    Choice { outcome: outcome(&plan, &verdict.matter()), verdict }
}

/// The plan with this decision and no other.
fn tried(input: &PlanInput<'_>, verdict: Verdict) -> (Verdict, Plan) {
    let decision = Decision { id: TRIED, verdict, by: String::new() };
    let deal = Deal { decisions: vec![decision.clone()], ..input.deal.clone() };
    let plan = plan(&PlanInput { deal: &deal, crm: &settled(input.crm), ..*input });
    (decision.verdict, plan)
}

/// The opportunity as it is when its second is over: that is when a decision of now is carried out.
fn settled(crm: &Sight) -> Sight {
    let mut crm = crm.clone();
    if let Sight::Seen(seen) = &mut crm
        && let Facts::Crm(facts) = &mut seen.facts
    {
        facts.unsettled = false;
    }
    crm
}

fn outcome(plan: &Plan, matter: &Matter) -> Outcome {
    let lines: Vec<String> = plan.effects.iter().flat_map(|effect| lines(effect, matter)).collect();
    if !lines.is_empty() && plan.consumed.contains(&TRIED) {
        return Outcome::Written(lines);
    }
    if plan.handed_back.contains(&TRIED) {
        return Outcome::Impossible(
            "Cosell may not write it on both sides: type it by hand where it is wrong.".to_owned(),
        );
    }
    if plan.consumed.contains(&TRIED) {
        return Outcome::Nothing;
    }
    let said = |problem: &&crate::Problem| match matter {
        Matter::Group(group) => problem.field.as_ref() == Some(group),
        _ => problem.class == ProblemClass::Lifecycle && problem.field.is_none(),
    };
    let problem = plan.problems.iter().find(said);
    let impossible = |problem: &crate::Problem| Outcome::Impossible(problem.sentence.clone());
    match matter {
        Matter::Group(group) => {
            let decided = plan.decisions.iter().find(|(of, _)| of == group).map(|(_, decision)| decision);
            match decided {
                Some(GroupDecision::Pending { reason }) if problem.is_none() => {
                    let lines = lines_or(&lines, reason);
                    Outcome::Waits(lines)
                }
                _ => problem.map_or_else(not_written, impossible),
            }
        }
        _ => match plan.waiting.iter().find(|effect| !effect.withdrawn) {
            Some(effect) => {
                Outcome::Waits(format!("{}, not before {:.0}", effect.sentence(), effect.not_before))
            }
            None => problem.map_or_else(not_written, impossible),
        },
    }
}

fn lines_or(lines: &[String], reason: &str) -> String {
    if lines.is_empty() { reason.to_owned() } else { format!("{}; {reason}", lines.join("; ")) }
}

fn not_written() -> Outcome {
    Outcome::Impossible(
        "Cosell may not write it there: the mapping, a switch or the portal does not allow it.".to_owned(),
    )
}

/// What an effect does about the matter.
fn lines(effect: &Effect, matter: &Matter) -> Vec<String> {
    let about = |record: &str, writes: &[Write]| -> Vec<String> {
        let Matter::Group(group) = matter else { return Vec::new() };
        let of = writes.iter().filter(|write| write.group == *group);
        of.map(|write| describe::line(record, write)).collect()
    };
    let of_life = !matches!(matter, Matter::Group(_));
    let stage = |record: &str, to: &Life| format!("{record}: becomes {}", describe::standing(to));
    match effect {
        Effect::Move { to, .. } if of_life => vec![stage("referral", to)],
        Effect::Update { side, life: Some(life), .. } if of_life => {
            vec![stage(describe::record(*side), life)]
        }
        Effect::Update { side, writes, .. } => about(describe::record(*side), writes),
        Effect::CreateCompanion { writes } => about("request", writes),
        Effect::Move { .. } | Effect::Create { .. } => Vec::new(),
    }
}
