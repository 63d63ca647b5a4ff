//! A plan for a person: one line for each effect, with what was and what will be.

use crate::{Content, Effect, ElementChange, Life, Plan, Side, Why, Write, display};

impl Plan {
    /// One line for each change, in the order in which they leave, then what waits and who is needed.
    pub fn describe(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.effects.iter().flat_map(Effect::describe).collect();
        lines.extend(
            self.waiting
                .iter()
                .filter(|effect| !effect.withdrawn)
                .map(|effect| format!("{} (not before {:.0})", effect.sentence(), effect.not_before)),
        );
        lines.extend(self.decisions.iter().filter_map(|(group, decision)| match decision {
            crate::GroupDecision::Pending { reason } => Some(format!("{group} waits: {reason}")),
            _ => None,
        }));
        lines.extend(self.problems.iter().map(|problem| format!("needs you: {}", problem.sentence)));
        lines.extend(self.notes.iter().map(|note| format!("note: {note}")));
        lines
    }
}

impl Effect {
    /// One line for each change that the effect makes.
    pub(crate) fn describe(&self) -> Vec<String> {
        match self {
            Self::Create { side, writes, life } => {
                let head = format!("create the {}, {}", record(*side), standing(life));
                std::iter::once(head).chain(writes.iter().map(|write| line(record(*side), write))).collect()
            }
            Self::CreateCompanion { writes } => {
                let head = "ask the other organisation for help".to_owned();
                std::iter::once(head).chain(writes.iter().map(|write| line("request", write))).collect()
            }
            Self::Move { to, .. } => vec![format!("referral: becomes {}", standing(to))],
            Self::Update { side, writes, life, .. } => {
                let stage =
                    life.iter().map(|to| format!("{}: stage becomes {}", record(*side), standing(to)));
                writes.iter().map(|write| line(record(*side), write)).chain(stage).collect()
            }
        }
    }
}

pub(crate) fn record(side: Side) -> &'static str {
    match side {
        Side::Portal => "referral",
        Side::Crm => "opportunity",
    }
}

pub(crate) fn standing(life: &Life) -> String {
    let more = match life {
        Life::Active { sales_stage } => sales_stage.as_ref(),
        Life::Lost { reason } | Life::Declined { reason } | Life::Error { reason } => reason.as_ref(),
        Life::Unknown { code } => Some(code),
        Life::Received | Life::Won | Life::Expired => None,
    };
    more.map_or_else(|| life.word().to_owned(), |more| format!("{} ({more})", life.word()))
}

pub(crate) fn line(record: &str, write: &Write) -> String {
    let change = match &write.content {
        Content::Whole(group) => format!("{} -> {}", display(&write.instead_of), display(group)),
        Content::Elements(changes) => changes
            .iter()
            .map(|(key, change)| match change {
                ElementChange::Put(_) => format!("put {}", key.0),
                ElementChange::Rekey { to, .. } => format!("change {} to {}", key.0, to.0),
                ElementChange::Remove => format!("remove {}", key.0),
            })
            .collect::<Vec<_>>()
            .join(", "),
    };
    format!("{record}: {} {change} ({})", write.group, because(write.why))
}

fn because(why: Why) -> &'static str {
    match why {
        Why::Changed => "changed on the other side",
        Why::Filled => "fills an empty field",
        Why::Born => "the deal was born on the other side",
        Why::Newest => "the other side's change is newer",
        Why::OrderUnknown => "order unknown, the owner wins",
        Why::Policy => "the mapping names the winner",
        Why::Decided => "a person decided",
        Why::Restored => "a person restored it",
        Why::Refilled => "was emptied and is refilled",
        Why::Enforced => "put right",
        Why::Created => "new",
    }
}
