//! `cosell resolve`: a person says which side is right.

use std::{path::Path, process::ExitCode};

use clap::{Args, ValueEnum};
use deal_model::{Choice, DealId, Outcome, PerSide, ProblemClass, Question, STAGE, Side, Verdict};
use serde_json::json;
use sync_engine::{Preview, Store};

use super::{Deciding, Offer, lines_of, mark_of, say_next, told_of_change};
use crate::{
    commands::{PAGE, find_deal},
    config::Config,
    output::{self, Format},
    wiring::{Access, Wired, wire},
};

/// Which side is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Take {
    /// What the opportunity says.
    Salesforce,
    /// What the referral says.
    PartnerCenter,
}

impl Take {
    const BOTH: [Self; 2] = [Self::Salesforce, Self::PartnerCenter];

    fn side(self) -> Side {
        match self {
            Self::Salesforce => Side::Crm,
            Self::PartnerCenter => Side::Portal,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Salesforce => "salesforce",
            Self::PartnerCenter => "partner-center",
        }
    }
}

/// Shows where a person must say which side is right, and takes the answer.
///
/// Without --take nothing is decided: both values are shown, what would come of
/// each choice, and the command that makes it. An answer holds for exactly the
/// values that were shown; if one of them changes before it is carried out, it
/// is handed back, and the history says so.
///
/// Works beside the service. Exit status 0 only if every deal could be read, and
/// everything asked for was decided.
#[derive(Debug, Args)]
#[command(
    override_usage = "cosell resolve [OPTIONS] [DEAL [FIELD]]\n       cosell resolve [OPTIONS] --all FIELD"
)]
pub(crate) struct Resolve {
    /// A deal, an opportunity or a referral, and then the field; `stage` for
    /// where the deal stands. Without them, everything that waits is listed.
    #[arg(value_names = ["DEAL", "FIELD"], num_args = 0..=2)]
    about: Vec<String>,
    /// The field of every deal that asks about it; no DEAL is named then.
    #[arg(long)]
    all: bool,
    /// Which side is right.
    #[arg(long, value_enum)]
    take: Option<Take>,
    #[command(flatten)]
    deciding: Deciding,
}

/// A deal with what may be asked about it.
struct Asked {
    deal: DealId,
    /// The shortest of its names.
    name: String,
    questions: Vec<Question>,
}

impl Resolve {
    pub(crate) async fn run(self, config: &Path, format: Format) -> anyhow::Result<ExitCode> {
        let wired = wire(Config::load(config)?, Access::Look)?;
        let (deal, field) = match (self.all, self.about.as_slice()) {
            (true, [field]) => (None, Some(field.as_str())),
            (true, _) => anyhow::bail!(
                "--all wants the field of all deals, and no deal\n  fix: cosell resolve --all stage"
            ),
            (false, []) => (None, None),
            (false, [deal, rest @ ..]) => (Some(deal.as_str()), rest.first().map(String::as_str)),
        };
        if self.take.is_some() && field.is_none() {
            anyhow::bail!(
                "--take says which side is right, but not in which field\n  \
                 fix: cosell resolve DEAL FIELD --take ...; without --take the fields are listed"
            );
        }
        let ids = match deal {
            Some(deal) => vec![find_deal(wired.store.as_ref(), deal).await?],
            None => troubled(wired.store.as_ref()).await?,
        };
        let (mut asked, mut unread) = (Vec::new(), 0_usize);
        for page in ids.chunks(PAGE) {
            for preview in wired.engine.preview(page).await? {
                let Some(error) = &preview.unread else {
                    asked.extend(ask(&wired, &preview, field, deal.is_some()));
                    continue;
                };
                if deal.is_some() {
                    anyhow::bail!("deal {} could not be read: {}", preview.deal.id, error.what);
                }
                unread += 1;
                tell_unread(&preview.deal.id, &error.what, format)?;
            }
        }
        let code = match self.take {
            None => show(&asked, field, self.all, unread, format)?,
            Some(take) => self.decide(&wired, take, &asked, field.unwrap_or_default(), format).await?,
        };
        Ok(if unread == 0 { code } else { ExitCode::FAILURE })
    }

    async fn decide(
        &self,
        wired: &Wired,
        take: Take,
        asked: &[Asked],
        field: &str,
        format: Format,
    ) -> anyhow::Result<ExitCode> {
        let questions: Vec<(&Asked, &Question)> = asked
            .iter()
            .flat_map(|asked| asked.questions.iter().map(move |question| (asked, question)))
            .collect();
        if questions.is_empty() {
            anyhow::bail!(
                "both sides agree about {field}, or there is no such field\n  \
                 fix: cosell resolve DEAL lists what differs"
            );
        }
        let (possible, not): (Vec<_>, Vec<_>) =
            questions.into_iter().partition(|(_, question)| chosen(question, take).outcome.is_possible());
        let verdicts: Vec<&Verdict> =
            possible.iter().map(|(_, question)| &chosen(question, take).verdict).collect();
        if let Some((asked, _)) = possible.first()
            && !self.deciding.saw(&verdicts)
        {
            let code = told_of_change(&asked.deal, format)?;
            show(std::slice::from_ref(*asked), Some(field), false, 0, format)?;
            return Ok(code);
        }
        let mut all = not.is_empty();
        for (asked, question) in &possible {
            let choice = chosen(question, take);
            let what = sentence(question, take);
            let store = wired.store.as_ref();
            let mapping = wired.mapping.version();
            let taken = self
                .deciding
                .decide(store, &asked.deal, choice.verdict.clone(), mapping, &what, format)
                .await?;
            if taken && possible.len() == 1 {
                say_next(&asked.deal, format);
            }
            all &= taken;
        }
        for (asked, question) in not {
            let Outcome::Impossible(why) = &chosen(question, take).outcome else { continue };
            match format {
                Format::Json => {
                    output::json(&json!({ "deal": asked.deal, "field": question.field, "impossible": why }))?;
                }
                Format::Text => {
                    output::indented(
                        0,
                        &format!("Not decided, deal {}: {}: {why}", asked.deal, question.label),
                    );
                }
            }
        }
        Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn chosen(question: &Question, take: Take) -> &Choice {
    question.choices.at(take.side())
}

fn sentence(question: &Question, take: Take) -> String {
    let record = match take {
        Take::Salesforce => "opportunity",
        Take::PartnerCenter => "referral",
    };
    format!("{} is what the {record} says: \"{}\"", question.label, question.holds.at(take.side()))
}

/// The deals with a problem that a choice between the sides may end.
async fn troubled(store: &dyn Store) -> anyhow::Result<Vec<DealId>> {
    let mut found = Vec::new();
    let mut after: Option<DealId> = None;
    loop {
        let page = store.list(after.as_ref(), PAGE).await?;
        let full = page.len() == PAGE;
        after = page.last().map(|deal| deal.id.clone());
        let asks = |class: &ProblemClass| {
            matches!(class, ProblemClass::Conflict | ProblemClass::Fuse | ProblemClass::Lifecycle)
        };
        let asking = page.into_iter().filter(|deal| deal.problems.iter().any(|problem| asks(&problem.class)));
        found.extend(asking.map(|deal| deal.id));
        if !full {
            return Ok(found);
        }
    }
}

/// The questions about a deal: those that wait for a person, or the one about a field that is named.
fn ask(wired: &Wired, preview: &Preview, field: Option<&str>, named: bool) -> Option<Asked> {
    let mut questions = wired.engine.questions(preview);
    questions.retain(|question| match field {
        Some(field) => is(question, field) && (named || question.asked.is_some()),
        None => question.asked.is_some(),
    });
    let deal = preview.deal.id.clone();
    let name = preview.deal.links.crm.as_ref().map_or_else(|| deal.to_string(), ToString::to_string);
    (named || !questions.is_empty()).then_some(Asked { deal, name, questions })
}

/// Whether a person means this question: by its group, one of its fields, or its label.
fn is(question: &Question, field: &str) -> bool {
    question.field.as_str() == field
        || question.members.iter().any(|member| member.as_str() == field)
        || question.label.eq_ignore_ascii_case(field)
}

/// A deal of several that could not be read: the others are listed all the same.
fn tell_unread(deal: &DealId, why: &str, format: Format) -> anyhow::Result<()> {
    match format {
        Format::Json => output::json(&json!({ "deal": deal, "unread": why }))?,
        Format::Text => {
            output::line(format!("deal {deal}: could not be read"));
            output::indented(2, why);
            output::indented(2, "fix: run this again, or look at the connections with cosell connections");
        }
    }
    Ok(())
}

fn show(
    asked: &[Asked],
    field: Option<&str>,
    all: bool,
    unread: usize,
    format: Format,
) -> anyhow::Result<ExitCode> {
    if format == Format::Text && asked.iter().all(|asked| asked.questions.is_empty()) {
        match field {
            _ if unread > 0 => {
                output::line("Nothing of what could be read waits for a choice between the sides.");
            }
            Some(field) => {
                output::line(format!("Both sides agree about {field}, or there is no such field."));
            }
            None => output::line("Nothing waits for a choice between the sides."),
        }
    }
    for asked in asked {
        for question in &asked.questions {
            match format {
                Format::Json => output::json(&json!({
                    "deal": asked.deal,
                    "field": question.field,
                    "label": question.label,
                    "members": question.members,
                    "asked": question.asked,
                    "holds": { "salesforce": question.holds.crm, "partner_center": question.holds.portal },
                    "salesforce": offer(asked, question, Take::Salesforce),
                    "partner_center": offer(asked, question, Take::PartnerCenter),
                }))?,
                Format::Text => print(asked, question),
            }
        }
    }
    if let Some(field) = field.filter(|_| all && !asked.is_empty()) {
        show_bulk(asked, field, format)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The command that answers all of them alike.
fn show_bulk(asked: &[Asked], field: &str, format: Format) -> anyhow::Result<()> {
    let mut commands = PerSide::new(None, None);
    for take in Take::BOTH {
        let choices: Vec<&Choice> =
            asked.iter().flat_map(|asked| &asked.questions).map(|question| chosen(question, take)).collect();
        let possible: Vec<&Verdict> = choices
            .iter()
            .filter(|choice| choice.outcome.is_possible())
            .map(|choice| &choice.verdict)
            .collect();
        if possible.is_empty() {
            continue;
        }
        let command =
            format!("cosell resolve --all {field} --take {} --shown {}", take.word(), mark_of(&possible));
        if format == Format::Text {
            output::line(format!("All {} of {} at once:", possible.len(), choices.len()));
            output::command(2, &command);
        }
        *commands.at_mut(take.side()) = Some(command);
    }
    if format == Format::Json {
        output::json(&json!({ "all": { "salesforce": commands.crm, "partner_center": commands.portal } }))?;
    }
    Ok(())
}

fn offer<'a>(asked: &Asked, question: &'a Question, take: Take) -> Offer<'a> {
    let Choice { verdict, outcome } = chosen(question, take);
    let command = format!(
        "cosell resolve {} {} --take {} --shown {}",
        asked.name,
        question.field,
        take.word(),
        mark_of(&[verdict])
    );
    Offer { verdict, outcome, command: outcome.is_possible().then_some(command) }
}

fn print(asked: &Asked, question: &Question) {
    let named = if question.field.as_str() == STAGE || question.label == question.field.as_str() {
        question.label.clone()
    } else {
        format!("{} ({})", question.label, question.field)
    };
    output::line(format!("deal {}: {named}", asked.deal));
    match &question.asked {
        Some(why) => output::indented(2, why),
        None => output::indented(2, "The sides differ, and nobody is asked: the rules allow it."),
    }
    output::labelled("  opportunity", &question.holds.crm);
    output::labelled("  referral", &question.holds.portal);
    for take in Take::BOTH {
        let offer = offer(asked, question, take);
        output::line(format!("  take {}:", take.word()));
        for line in lines_of(offer.outcome) {
            output::indented(4, &line);
        }
        if let Some(command) = offer.command {
            output::command(4, &command);
        }
    }
}
