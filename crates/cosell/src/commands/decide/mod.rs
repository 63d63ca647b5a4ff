//! People's decisions, each with the exact values that were shown. All of them work beside a running service.

pub(crate) mod resolve;
pub(crate) mod restore;
pub(crate) mod waiting;

use std::process::ExitCode;

use clap::Args;
use deal_model::{Choice, DealId, Outcome, Verdict, digest};
use serde::Serialize;
use serde_json::json;
use store::Database;
use sync_engine::{Decided, DecisionRow, NewDecision};

use crate::{
    org_facts,
    output::{self, Format},
};

/// Who decides, and about what.
#[derive(Debug, Clone, Args)]
pub(crate) struct Deciding {
    /// What was shown, as the command that showed it names it. If anything else
    /// is there now, nothing is decided, and that is shown.
    #[arg(long, value_name = "SHOWN")]
    pub(crate) shown: Option<String>,
    /// Who decides, for the history. Without it: the user of this machine.
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) by: Option<String>,
    /// Puts this decision in the place of an open one about the same matter,
    /// by its number.
    #[arg(long, value_name = "DECISION")]
    pub(crate) instead_of: Option<i64>,
}

/// Digits of a mark of what was shown: enough that no other values have them by chance.
const MARK: usize = 10;

/// What stands for a decision with all that it was shown, short enough to be typed.
pub(crate) fn mark_of(verdicts: &[&Verdict]) -> String {
    mark(verdicts)
}

/// What stands for a decision that holds no values, with what would come of it.
pub(crate) fn mark_of_outcome(choice: &Choice) -> String {
    mark(choice)
}

fn mark(shown: &(impl Serialize + ?Sized)) -> String {
    let text = serde_json::to_string(shown).expect("a decision has string keys and no failing parts");
    digest(&text).0.chars().take(MARK).collect()
}

impl Deciding {
    pub(crate) fn person(&self) -> String {
        self.by.clone().unwrap_or_else(super::person)
    }

    /// Whether what the person was shown is what would be decided now.
    pub(crate) fn saw(&self, verdicts: &[&Verdict]) -> bool {
        self.shown.as_ref().is_none_or(|shown| *shown == mark_of(verdicts))
    }

    /// Writes the decision down, and tells the person what became of it. False: somebody decided before. `mapping`: the
    /// version by which it was shown.
    ///
    /// # Errors
    /// If the service runs by another mapping: then nothing was decided.
    pub(crate) async fn decide(
        &self,
        store: &dyn Database,
        deal: &DealId,
        verdict: Verdict,
        mapping: &str,
        what: &str,
        format: Format,
    ) -> anyhow::Result<bool> {
        org_facts::require_the_services_mapping(store, mapping)?;
        let by = self.person();
        let decision = NewDecision {
            deal: deal.clone(),
            sentence: format!("{by} decided: {what}."),
            by,
            verdict,
            mapping: mapping.to_owned(),
            instead_of: self.instead_of,
            now: jiff::Timestamp::now(),
        };
        match store.decide(&decision).await? {
            Decided::Taken(number) => {
                match format {
                    Format::Json => output::json(
                        &json!({ "deal": deal, "decided": { "id": number, "verdict": decision.verdict } }),
                    )?,
                    Format::Text => output::indented(0, &format!("Decided ({number}): {what}.")),
                }
                Ok(true)
            }
            Decided::Open(open) => {
                told_of_open(deal, &open, format)?;
                Ok(false)
            }
        }
    }
}

fn told_of_open(deal: &DealId, open: &DecisionRow, format: Format) -> anyhow::Result<()> {
    if format == Format::Json {
        return output::json(&json!({ "deal": deal, "open": open }));
    }
    output::indented(
        0,
        &format!(
            "Nothing was decided: {} decided about this already, at {:.0}, and that is not carried out yet \
             (decision {}).",
            open.by, open.at, open.id
        ),
    );
    output::indented(
        2,
        &format!(
            "fix: look at it with cosell deals show {deal}, or put yours in its place: --instead-of {}",
            open.id
        ),
    );
    Ok(())
}

/// Says that the values are no longer those that were shown.
pub(crate) fn told_of_change(deal: &DealId, format: Format) -> anyhow::Result<ExitCode> {
    match format {
        Format::Json => output::json(&json!({ "deal": deal, "changed": true }))?,
        Format::Text => output::indented(
            0,
            "Nothing was decided: what was shown is not there any more. This is what is there now:",
        ),
    }
    Ok(ExitCode::FAILURE)
}

/// What happens next, once something was decided.
pub(crate) fn say_next(deal: &DealId, format: Format) {
    if format == Format::Text {
        output::indented(0, "The service carries it out within seconds, or when it runs again.");
        output::command(2, &format!("cosell deals show {deal}"));
    }
}

/// An outcome for a person, line by line.
pub(crate) fn lines_of(outcome: &Outcome) -> Vec<String> {
    match outcome {
        Outcome::Written(lines) => lines.clone(),
        Outcome::Waits(reason) => vec![format!("waits: {reason}")],
        Outcome::Nothing => vec!["nothing is left to write".to_owned()],
        Outcome::Impossible(why) => vec![format!("not possible: {why}")],
    }
}

/// A decision that could be made, as a program reads it.
#[derive(Debug, Serialize)]
pub(crate) struct Offer<'a> {
    pub(crate) verdict: &'a Verdict,
    pub(crate) outcome: &'a Outcome,
    /// The command that decides so, if that is possible.
    pub(crate) command: Option<String>,
}
