//! The clocks of unanswered referrals: a person is told before one runs out, in either direction (partner-center
//! reference, section 4.1). The time is the portal's, and no sentence counts down: a report changes once a warning.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use crate::{
    Effect, Irreversible, Life, Observation, Plan, PlanInput, PortalFacts, ProblemClass, Side, Sight,
};

/// What a problem about the other organisation's referral is about.
const COMPANION: &str = "companion";

/// How soon a referral is looked at again that should have expired and has not.
const OVERDUE: SignedDuration = SignedDuration::from_hours(1);

/// The shortest wait for the next look at a clock.
const LEAST: SignedDuration = SignedDuration::from_secs(1);

impl PlanInput<'_> {
    /// The portal's instant by our own clock. None beyond the calendar.
    pub(crate) fn on_our_clock(&self, portal: Timestamp) -> Option<Timestamp> {
        portal.checked_sub(self.portal_ahead).ok()
    }
}

/// Tells what runs out, and when to look at the clocks again.
pub(crate) fn watch_clocks(input: &PlanInput<'_>, portal: &Observation, plan: &mut Plan) {
    let Some(facts) = portal.portal().filter(|_| !portal.life.is_closed()) else { return };
    if portal.life == Life::Received
        && !plan.effects.iter().any(|effect| matches!(effect, Effect::Move { .. }))
        && let Some(expires) = facts.expires
        && let Some(warning) = warning(input, expires, Some(OVERDUE), plan)
        && !is_being_answered(plan)
    {
        plan.problem(
            ProblemClass::Expiry,
            None,
            format!("The referral is not answered and expires on {}.", by(expires, warning)),
            how_to_answer(input, facts, plan),
        );
    }
    let companion = match &facts.companion_fields {
        Some(_) => facts.companion_state.as_ref(),
        None => input.deal.memory.companion_state.as_ref(),
    };
    if input.specs.switches.companion
        && let Some(companion) = companion.filter(|companion| companion.life == Life::Received)
        && let Some(expires) = companion.expires
        && let Some(warning) = warning(input, expires, None, plan)
    {
        plan.problem(
            ProblemClass::Expiry,
            Some(&COMPANION.into()),
            format!("The request for help is not answered and expires on {}.", by(expires, warning)),
            "Ask the other organisation's seller to answer it, or go on alone: nothing else is needed.",
        );
    }
}

/// Where the seller answers a referral.
fn how_to_answer(input: &PlanInput<'_>, facts: &PortalFacts, plan: &Plan) -> &'static str {
    let born = |effect: &Effect| matches!(effect, Effect::Create { side: Side::Crm, .. });
    if facts.is_read_only() {
        "Answer it in the portal."
    } else if *input.crm == Sight::Unlinked && !plan.effects.iter().any(born) {
        "Answer it in the portal, or end what keeps its opportunity from being created and answer it there."
    } else {
        "Move the opportunity off the on-hold stage to accept it, or decline it."
    }
}

/// Whether the seller's answer waits for its grace to end. An end is one too: a win accepts on its way.
fn is_being_answered(plan: &Plan) -> bool {
    let answers = [Irreversible::Accept, Irreversible::Decline, Irreversible::Close];
    plan.waiting.iter().any(|effect| answers.contains(&effect.kind))
}

/// The last warning that is due, in seconds before the end; and a look at the next one, or at the end. What should be
/// over and is not is looked at again after `overdue`; without that, its clock has stopped.
fn warning(
    input: &PlanInput<'_>,
    expires: Timestamp,
    overdue: Option<SignedDuration>,
    plan: &mut Plan,
) -> Option<u32> {
    let expires = input.on_our_clock(expires)?;
    let left = expires.duration_since(input.now);
    let warnings = &input.specs.guard.expiry_warnings_secs;
    let before = |secs: &u32| SignedDuration::from_secs(i64::from(*secs));
    let next = warnings.iter().filter(|secs| before(secs) < left).max();
    let wait = match next {
        Some(secs) => left - before(secs),
        None if left.is_positive() => left,
        None => overdue?,
    };
    if let Ok(look) = input.now.checked_add(wait.max(LEAST)) {
        plan.clock_due = Some(plan.clock_due.map_or(look, |due| due.min(look)));
    }
    warnings.iter().filter(|secs| before(secs) >= left).min().copied()
}

/// `2026-12-05 00:00 UTC, in less than 4 days`.
fn by(expires: Timestamp, warning: u32) -> String {
    let (number, unit) = match warning {
        secs if secs % 86_400 == 0 => (secs / 86_400, "day"),
        secs if secs % 3_600 == 0 => (secs / 3_600, "hour"),
        secs if secs % 60 == 0 => (secs / 60, "minute"),
        secs => (secs, "second"),
    };
    let plural = if number == 1 { "" } else { "s" };
    let at = expires.to_zoned(TimeZone::UTC);
    format!("{}, in less than {number} {unit}{plural}", at.strftime("%Y-%m-%d %H:%M UTC"))
}
