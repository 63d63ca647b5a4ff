//! Where a deal stands, and what a change of it means (sync rules, section 4).

use serde::{Deserialize, Serialize};

use crate::{CodeList, Endings, Irreversible, PerSide, Response, Side};

/// The canonical life of a deal. Both sides speak it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Life {
    /// Received and not answered; in the CRM, the on-hold stage.
    Received,
    /// Under way, with the mapped sales stage if there is one.
    Active {
        /// The portal's sales stage.
        sales_stage: Option<String>,
    },
    /// Won.
    Won,
    /// Lost.
    Lost {
        /// Why, in the portal's words.
        reason: Option<String>,
    },
    /// Declined by us.
    Declined {
        /// Why, in the portal's words.
        reason: Option<String>,
    },
    /// Nobody answered in time.
    Expired,
    /// Closed as an error.
    Error {
        /// Why, in the portal's words.
        reason: Option<String>,
    },
    /// The side says something the mapping does not know; it is shown and held.
    Unknown {
        /// What it said.
        code: String,
    },
}

/// What a change of life means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LifeStep {
    /// The sides stand alike: the lifecycle base takes both.
    Agree,
    /// Nothing to do and nothing to remember.
    Keep,
    /// The deal waits before its birth.
    Waits { sentence: &'static str },
    /// A referral may be created.
    Create,
    /// The referral moves; all steps leave together, in order.
    Portal { kind: Irreversible, steps: Vec<(Life, Irreversible)> },
    /// The opportunity's stage follows.
    Crm { to: Life },
    /// The sales stage of an active deal goes across.
    SalesStage { to: Side, stage: String },
    /// A person is needed.
    Problem { sentence: String, next_step: String },
}

/// Everything the lifecycle table looks at.
pub(crate) struct LifeCase<'a> {
    pub(crate) crm: &'a Life,
    pub(crate) portal: Option<&'a Life>,
    pub(crate) base: Option<&'a PerSide<Life>>,
    /// The side whose sales stage wins where there is no base.
    pub(crate) born: Side,
    /// The response field, and what it said when the lifecycle was last reconciled.
    pub(crate) response: Option<Response>,
    pub(crate) answered: Option<Response>,
    /// The reason field, in the portal's words.
    pub(crate) reason: Option<&'a str>,
    /// Whose stage a person chose.
    pub(crate) winner: Option<Side>,
    /// A person asked for a referral of a closed opportunity.
    pub(crate) push: bool,
    /// The sides stand apart since the mapping changed, not since they were linked.
    pub(crate) remapped: bool,
    /// What the portal demands of an end.
    pub(crate) endings: &'a Endings,
}

impl Life {
    /// Whether it is an end of a deal.
    pub fn is_closed(&self) -> bool {
        !matches!(self, Self::Received | Self::Active { .. } | Self::Unknown { .. })
    }

    /// Whether both are ends, and the same: won, or not won.
    pub fn same_outcome(&self, other: &Self) -> bool {
        self.is_closed() && other.is_closed() && (*self == Self::Won) == (*other == Self::Won)
    }

    /// Whether an opportunity that stands so and a referral that stands like `portal` are at the same point; a sales
    /// stage counts only where both have one.
    pub fn stands_with(&self, portal: &Self) -> bool {
        match (self, portal) {
            (Self::Active { sales_stage: Some(crm) }, Self::Active { sales_stage: Some(portal) }) => {
                crm == portal
            }
            (Self::Active { .. } | Self::Received, Self::Active { .. })
            | (Self::Received, Self::Received) => true,
            (crm, portal) => crm.same_outcome(portal),
        }
    }

    /// The word for a person.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Active { .. } => "active",
            Self::Won => "won",
            Self::Lost { .. } => "lost",
            Self::Declined { .. } => "declined",
            Self::Expired => "expired",
            Self::Error { .. } => "closed as an error",
            Self::Unknown { .. } => "in an unknown state",
        }
    }
}

const SHOW_BOTH: &str = "Look at both records and decide which is right; the opportunity is left as it is.";

impl LifeCase<'_> {
    /// Decides, row by row of the table.
    pub(crate) fn rule(&self) -> LifeStep {
        if let Life::Unknown { code } = self.crm {
            return problem(
                format!("The stage \"{code}\" means nothing to the mapping."),
                "Add the stage to [stages] in the mapping, or choose another stage.",
            );
        }
        if let (Some(Side::Portal), Some(portal)) = (self.winner, self.portal)
            && !matches!(portal, Life::Unknown { .. })
            && portal != self.crm
        {
            return LifeStep::Crm { to: portal.clone() };
        }
        match self.portal {
            None => self.uncreated(),
            Some(Life::Unknown { code }) => problem(
                format!("The referral is in the state \"{code}\", which the mapping does not know."),
                "Add the code to the code lists; until then the deal's stage is held.",
            ),
            Some(Life::Received) => self.received(),
            Some(Life::Active { sales_stage }) => self.active(sales_stage.as_deref()),
            Some(closed) => self.closed(closed),
        }
    }

    fn uncreated(&self) -> LifeStep {
        match self.crm {
            Life::Received => LifeStep::Waits { sentence: "waiting: leave the on-hold stage" },
            Life::Active { .. } => LifeStep::Create,
            _ if self.push => LifeStep::Create,
            _ => LifeStep::Waits { sentence: "closed before it was shared; push it to create a referral" },
        }
    }

    /// Whether the opportunity's stage moved since the deal was reconciled: nothing irreversible without.
    fn moved(&self) -> bool {
        self.base.is_some_and(|base| base.crm != *self.crm)
    }

    /// Whether a person asked to bring the portal to what the opportunity says.
    fn confirmed(&self) -> bool {
        self.winner == Some(Side::Crm)
    }

    /// What the seller answered since the deal was reconciled; or, of a field that the mapping names since, what a person
    /// confirmed.
    fn answer(&self) -> Option<Response> {
        let confirmed = self.remapped && self.confirmed();
        self.response
            .filter(|response| self.base.is_some() && (confirmed || Some(*response) != self.answered))
    }

    fn received(&self) -> LifeStep {
        match (self.answer(), self.crm) {
            (None, Life::Received) if self.remapped && self.response.is_some() => self.unheard(),
            (None, Life::Received) => LifeStep::Agree,
            (None, _) if !self.moved() && !self.confirmed() => self.difference(),
            (None, Life::Active { .. }) | (Some(Response::Accept), Life::Received | Life::Active { .. }) => {
                accept()
            }
            (None | Some(Response::Accept), Life::Won) => LifeStep::Portal {
                kind: Irreversible::Close,
                steps: vec![
                    (Life::Active { sales_stage: None }, Irreversible::Accept),
                    (Life::Won, Irreversible::Close),
                ],
            },
            (None, Life::Error { .. }) => self.error(),
            (Some(Response::Accept), _) => self.contradiction("accept"),
            (Some(Response::Decline), Life::Active { .. } | Life::Won) if self.moved() => {
                self.contradiction("decline")
            }
            (None | Some(Response::Decline), _) => self.decline(),
        }
    }

    fn decline(&self) -> LifeStep {
        match self.reason_of(self.endings.reasons.as_ref(), "declined") {
            Err(problem) => problem,
            Ok(reason) => LifeStep::Portal {
                kind: Irreversible::Decline,
                steps: vec![(Life::Declined { reason: Some(reason) }, Irreversible::Decline)],
            },
        }
    }

    /// Closes as an error: of any referral that is not closed, and always with a reason (partner-center reference,
    /// section 4.1).
    fn error(&self) -> LifeStep {
        if !self.endings.error {
            return problem(
                "The referral cannot be closed as an error from here: this portal's interface does not take it."
                    .to_owned(),
                "Close it as an error in the portal; the opportunity is left as it is.",
            );
        }
        match self.reason_of(self.endings.error_reasons.as_ref(), "closed as an error") {
            Err(problem) => problem,
            Ok(reason) => close(Life::Error { reason: Some(reason) }),
        }
    }

    fn lost(&self) -> LifeStep {
        if self.reason.is_none() && !self.endings.lost_needs_reason {
            return close(Life::Lost { reason: None });
        }
        match self.reason_of(self.endings.reasons.as_ref(), "lost") {
            Err(problem) => problem,
            Ok(reason) => close(Life::Lost { reason: Some(reason) }),
        }
    }

    /// The reason, in the portal's words, if it is there and one that the portal knows.
    fn reason_of(&self, list: Option<&CodeList>, ended: &str) -> Result<String, LifeStep> {
        let choose = || match list {
            Some(list) => format!("Choose one of {} as the reason on the opportunity.", list.choices()),
            None => "Choose a reason on the opportunity.".to_owned(),
        };
        let Some(reason) = self.reason else {
            return Err(LifeStep::Problem {
                sentence: format!("The referral cannot be {ended} without a reason."),
                next_step: choose(),
            });
        };
        match list.and_then(|list| list.refuses(reason)) {
            None => Ok(reason.to_owned()),
            Some(why) => Err(LifeStep::Problem {
                sentence: format!("The referral cannot be {ended} for the reason \"{reason}\", {why}."),
                next_step: choose(),
            }),
        }
    }

    fn active(&self, portal_stage: Option<&str>) -> LifeStep {
        match self.crm {
            Life::Received => {
                if self.base.is_some_and(|base| base.portal == Life::Received && base.crm == Life::Received) {
                    LifeStep::Crm { to: Life::Active { sales_stage: portal_stage.map(str::to_owned) } }
                } else {
                    LifeStep::Agree
                }
            }
            Life::Active { sales_stage } => self.sales_stage(sales_stage.as_deref(), portal_stage),
            _ if !self.moved() && !self.confirmed() => self.difference(),
            Life::Won => close(Life::Won),
            Life::Error { .. } => self.error(),
            _ => self.lost(),
        }
    }

    fn sales_stage(&self, crm: Option<&str>, portal: Option<&str>) -> LifeStep {
        if crm == portal {
            return LifeStep::Agree;
        }
        let before = |side: Side| match self.base.map(|base| base.at(side)) {
            Some(Life::Active { sales_stage }) => sales_stage.as_deref(),
            _ => None,
        };
        // A stage without a mapped sales stage says nothing about it.
        let crm_changed = crm.filter(|stage| before(Side::Crm) != Some(stage));
        let portal_changed = portal.filter(|stage| before(Side::Portal) != Some(stage));
        match (crm_changed, portal_changed) {
            (Some(_), Some(stage)) if self.base.is_none() && self.born == Side::Portal => to_crm(stage),
            (Some(stage), _) => LifeStep::SalesStage { to: Side::Portal, stage: stage.to_owned() },
            (None, Some(stage)) => to_crm(stage),
            (None, None) => match self.base {
                Some(base) if matches!(base.portal, Life::Active { .. }) => LifeStep::Keep,
                _ => LifeStep::Agree,
            },
        }
    }

    fn closed(&self, outcome: &Life) -> LifeStep {
        if self.crm.same_outcome(outcome) {
            return LifeStep::Agree;
        }
        let (crm, end) = (self.crm.word(), outcome.word());
        let shown = |sentence: String| problem(sentence, SHOW_BOTH);
        if self.crm.is_closed() {
            return shown(format!(
                "The opportunity is {crm} and the referral is {end}: the portal's end is final."
            ));
        }
        let on_hold = *self.crm == Life::Received;
        match self.base {
            None if on_hold => LifeStep::Crm { to: outcome.clone() },
            None => {
                shown(format!("The opportunity is {crm} and the referral is {end} since they were linked."))
            }
            Some(base) if base.crm.is_closed() => {
                shown(format!("The opportunity was re-opened, and the referral is {end}: that is final."))
            }
            // The stage was written once. Writing it again would only begin a fight.
            Some(base) if base.portal.is_closed() => {
                shown(format!("The referral is {end}, and the opportunity kept another stage."))
            }
            Some(base) if on_hold || base.crm != Life::Received => LifeStep::Crm { to: outcome.clone() },
            Some(_) => shown(format!("The opportunity left the on-hold stage after the referral was {end}.")),
        }
    }

    fn difference(&self) -> LifeStep {
        let portal = self.portal.map_or("missing", Life::word);
        let since = if self.remapped { "the mapping changed" } else { "they were linked" };
        problem(
            format!("The opportunity is {} and the referral is {portal} since {since}.", self.crm.word()),
            "Confirm the opportunity's state, or set its stage to what the referral says.",
        )
    }

    /// An answer in a field that was another one when the deal was reconciled.
    fn unheard(&self) -> LifeStep {
        let answer = match self.response {
            Some(Response::Decline) => "decline",
            Some(Response::Accept) | None => "accept",
        };
        problem(
            format!(
                "The response says {answer} since the mapping changed, and the referral was not answered."
            ),
            "Clear the response and answer again.",
        )
    }

    fn contradiction(&self, answer: &str) -> LifeStep {
        problem(
            format!("The response says {answer} and the stage says {}.", self.crm.word()),
            "Set the stage or the response so that both say the same.",
        )
    }
}

fn accept() -> LifeStep {
    LifeStep::Portal {
        kind: Irreversible::Accept,
        steps: vec![(Life::Active { sales_stage: None }, Irreversible::Accept)],
    }
}

fn close(end: Life) -> LifeStep {
    LifeStep::Portal { kind: Irreversible::Close, steps: vec![(end, Irreversible::Close)] }
}

fn to_crm(stage: &str) -> LifeStep {
    LifeStep::SalesStage { to: Side::Crm, stage: stage.to_owned() }
}

fn problem(sentence: String, next_step: &'static str) -> LifeStep {
    LifeStep::Problem { sentence, next_step: next_step.to_owned() }
}
