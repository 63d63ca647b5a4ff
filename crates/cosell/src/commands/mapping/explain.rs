//! `cosell mapping explain`: one field in sentences, each with the line that decides it.

use std::{path::Path, process::ExitCode};

use clap::Args;
use connectors::partner_center::is_documented;
use deal_model::{Clear, CodeStanding, Conflict, GroupSpec, Irreversible, Side};
use mapping::{Codec, SetSource, When};
use serde::Serialize;

use super::{
    field::{self, FieldView},
    origin::{owner, setting_json, short, told},
};
use crate::{
    config::Config,
    mapping_files::load_mapping,
    output::{self, Format},
};

/// The column at which sentences begin.
const SENTENCES: usize = 16;
/// Most values of a table that are listed.
const MOST_VALUES: usize = 12;

/// Says in sentences what one field does, and which line decides it.
///
/// Where it lives on both sides, which ways it goes and when, how its values are
/// told and cut, what happens when both sides change, what the portal demands,
/// and what cannot be written and why. Reads the configuration and the mapping,
/// and calls nobody: whether the org can hold it, `cosell mapping check` says.
/// Exit status 1 if there is no such field.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The field's name, as the mapping has it.
    #[arg(value_name = "FIELD")]
    field: String,
}

#[derive(Debug, Serialize)]
struct Sentence {
    topic: &'static str,
    text: String,
    /// The file and line that decide it; none if it is the program's own rule.
    because: Option<String>,
}

impl Explain {
    pub(crate) fn run(self, config: &Path, format: Format) -> anyhow::Result<ExitCode> {
        let mapping = load_mapping(&Config::load(config)?)?;
        let field = field::find(&mapping, &self.field)?;
        let lead = field.group.map(|group| field::find(&mapping, group.lead().id.as_str())).transpose()?;
        let sentences = Told { field: &field, lead: lead.as_ref() }.all();
        if format == Format::Json {
            output::json(&serde_json::json!({
                "field": field.id,
                "label": field.label(),
                "sentences": sentences,
                "settings": field.settings.iter().map(|setting| setting_json(setting)).collect::<Vec<_>>(),
            }))?;
            return Ok(ExitCode::SUCCESS);
        }
        output::line(format!("{}: {}", field.id, field.label()));
        for sentence in &sentences {
            let because = sentence.because.as_ref().map_or_else(String::new, |place| format!(" [{place}]"));
            output::aligned(
                &format!("  {}", sentence.topic),
                SENTENCES,
                &format!("{}{because}", sentence.text),
            );
        }
        output::line("");
        output::line("Settings");
        for setting in &field.settings {
            let name = setting.path()[2..].join(".");
            let said = setting.effective();
            let from = format!("{} ({}, {})", said.value, owner(said), short(&said.place));
            output::aligned(&format!("  {name}"), 22, &from);
        }
        Ok(ExitCode::SUCCESS)
    }
}

struct Told<'t> {
    field: &'t FieldView<'t>,
    /// The field that leads its group, which says for all of it.
    lead: Option<&'t FieldView<'t>>,
}

impl Told<'_> {
    fn all(&self) -> Vec<Sentence> {
        let mut sentences = vec![self.place()];
        let Some(group) = self.field.group else {
            let text =
                "It is off: it is neither read nor written, and whatever both sides hold stays as it is.";
            sentences.push(self.by_lead("direction", text.to_owned(), "direction"));
            return sentences;
        };
        sentences.push(self.direction(group));
        sentences.extend(Side::BOTH.map(|side| self.moments(group, side)));
        sentences.extend(self.read_only(group));
        sentences.extend(irreversible(group));
        sentences.push(self.codec());
        sentences.extend(self.values());
        sentences.extend(self.expressions());
        sentences.extend(self.length());
        sentences.extend(self.members(group));
        sentences.push(self.conflict(group));
        sentences.extend(self.clear(group));
        sentences.extend(self.demands());
        sentences.extend(self.further(group));
        sentences
    }

    /// A sentence that a key of the field decides.
    fn by(&self, topic: &'static str, text: String, key: &str) -> Sentence {
        Sentence { topic, text, because: self.field.setting(key).map(told_place) }
    }

    /// A sentence that a key of the field that leads the group decides.
    fn by_lead(&self, topic: &'static str, text: String, key: &str) -> Sentence {
        let lead = self.lead.unwrap_or(self.field);
        Sentence { topic, text, because: lead.setting(key).map(told_place) }
    }

    fn place(&self) -> Sentence {
        let text = format!(
            "In Salesforce it is {}; at Partner Center it is {}.",
            self.field.crm_place(),
            self.field.portal_place()
        );
        self.by(
            "place",
            text,
            if self.field.setting("salesforce").is_some() { "salesforce" } else { "partner_center" },
        )
    }

    fn direction(&self, group: &GroupSpec) -> Sentence {
        let text = match (group.to.portal.flows(), group.to.crm.flows()) {
            (true, true) => "It goes both ways.",
            (true, false) => "It goes from Salesforce to Partner Center alone.",
            (false, true) => "It goes from Partner Center to Salesforce alone.",
            (false, false) => "It is read, and written to neither side.",
        };
        self.by_lead("direction", text.to_owned(), "direction")
    }

    fn moments(&self, group: &GroupSpec, side: Side) -> Sentence {
        let (record, route) = match side {
            Side::Portal => ("a referral", group.to.portal),
            Side::Crm => ("an opportunity", group.to.crm),
        };
        let text = match (route.create, route.update) {
            (true, true) => {
                format!("Written to {} when {record} is created there, and whenever it changes.", name(side))
            }
            (true, false) => {
                format!("Written to {} when {record} is created there, and never later.", name(side))
            }
            (false, true) => {
                format!("Written to {} once {record} is there, not while it is created.", name(side))
            }
            (false, false) => format!("Never written to {}.", name(side)),
        };
        self.by_lead("when", text, "on")
    }

    /// What of it cannot be written, and why.
    fn read_only(&self, group: &GroupSpec) -> Vec<Sentence> {
        let mut sentences = Vec::new();
        let mut say = |text: String| sentences.push(Sentence { topic: "read only", text, because: None });
        let path = self.field.text("partner_center");
        if !group.to.portal.flows()
            && let Some(path) = &path
            && !is_documented(path)
        {
            say(format!(
                "The portal's published interface names no way to change {path} on a referral that is there."
            ));
        }
        if group.to.portal.create && !group.to.portal.update {
            let why = match &path {
                Some(path) if !is_documented(path) => format!(
                    "The portal's published interface names no way to change {path} later: it is written at creation \
                     alone. If your portal takes it, add \"update\" to on.to_partner_center."
                ),
                _ => "At the portal it is read only once the referral is there.".to_owned(),
            };
            say(why);
        }
        if group.to.portal.update
            && let Some(path) = &path
            && !is_documented(path)
        {
            say(format!("The portal does not document changes of {path}: it may refuse them."));
        }
        if group.to.crm.fill_only {
            say(
                "In Salesforce it belongs to a record that many deals share: it is filled where it is empty, and never \
                 overwritten."
                    .to_owned(),
            );
        }
        if matches!(self.field.set.map(|set| &set.crm), Some(SetSource::Team { .. })) {
            say("People are added on both sides; nobody is changed or removed.".to_owned());
        }
        sentences
    }

    fn codec(&self) -> Sentence {
        let text = match self.field.binding.map(|binding| &binding.codec) {
            None => {
                "A set: each element by its key, each attribute by itself; nothing is lost when both sides add."
            }
            Some(Codec::Text) => "One line of text, trimmed.",
            Some(Codec::LongText) => "Text of many lines, trimmed.",
            Some(Codec::Number) => "An exact decimal.",
            Some(Codec::Money) => "An exact decimal with the digits that its currency has; never converted.",
            Some(Codec::Currency) => "A currency's three letters.",
            Some(Codec::Country) => {
                "A country's two letters; Salesforce may hold its English name, or its code field."
            }
            Some(Codec::Date { .. }) => "A calendar date; midnight UTC at the portal.",
            Some(Codec::Flag) => "Yes or no; an empty checkbox is no.",
            Some(Codec::Choice(_)) => "A code of the portal under another name in Salesforce.",
            Some(Codec::Range(_)) => "A code of the portal that stands for a range of Salesforce's numbers.",
            Some(Codec::Link(_)) => "An address built around the referral's identifier.",
            Some(Codec::RecordId) => "An opportunity's identifier, always with 18 characters.",
            Some(Codec::ProfileId { .. }) => "One of the customer's identifiers, by its type.",
            Some(Codec::Attribute { .. }) => "One entry of the referral's list of attributes, by its type.",
            Some(Codec::Names) => "People as lines of text; read only.",
            #[allow(unreachable_patterns, reason = "types may be added")]
            Some(_) => "As its type has it.",
        };
        self.by("type", format!("Its type is {}. {text}", self.field.type_name()), "type")
    }

    fn values(&self) -> Option<Sentence> {
        let (pairs, key): (Vec<String>, &str) = match &self.field.binding?.codec {
            Codec::Choice(table) | Codec::Attribute { choices: table, .. } => {
                (table.pairs().iter().map(|(name, code)| format!("\"{name}\" is {code}")).collect(), "values")
            }
            Codec::Range(_) => (vec![self.field.setting("ranges")?.effective().value.clone()], "ranges"),
            _ => return None,
        };
        if pairs.is_empty() {
            return None;
        }
        let more = pairs.len().saturating_sub(MOST_VALUES);
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        let text = pairs.iter().take(MOST_VALUES).cloned().collect::<Vec<_>>().join("; ");
        Some(self.by("values", format!("{text}{more}."), key))
    }

    /// Expressions and what stands in for nothing.
    fn expressions(&self) -> Vec<Sentence> {
        let mut sentences = Vec::new();
        for (key, side) in [("to_salesforce", Side::Crm), ("to_partner_center", Side::Portal)] {
            if let Some(setting) = self.field.setting(key) {
                let text = format!(
                    "What goes to {} is computed: {}. The other way it is written at creation alone.",
                    name(side),
                    setting.effective().value
                );
                sentences.push(self.by("computed", text, key));
            }
        }
        if let Some(setting) = self.field.setting("default") {
            let text = format!("Sent where the source has nothing: {}.", setting.effective().value);
            sentences.push(self.by("default", text, "default"));
        }
        sentences
    }

    fn length(&self) -> Option<Sentence> {
        let most = self.field.spec?.fit.max_chars?;
        let text = format!(
            "At most {most} characters count on both sides: longer text is cut for comparing, and never cuts what a side \
             already holds. Salesforce's own field may hold less."
        );
        Some(self.by("length", text, "max_length"))
    }

    fn members(&self, group: &GroupSpec) -> Option<Sentence> {
        let others: Vec<&str> =
            group.members.iter().map(|member| member.id.as_str()).filter(|id| *id != self.field.id).collect();
        if others.is_empty() {
            return None;
        }
        let lead = group.lead().id.as_str();
        let leads = if lead == self.field.id {
            "It leads: what it says of direction, moment and conflict counts for all.".to_owned()
        } else {
            format!("{lead} leads: what it says of direction, moment and conflict counts here.")
        };
        let text = format!(
            "It is one value together with {}: compared, merged and written as one. {leads}",
            others.join(", ")
        );
        Some(self.by("group", text, "group"))
    }

    fn conflict(&self, group: &GroupSpec) -> Sentence {
        let text = match group.conflict {
            Conflict::Newest => format!(
                "When both sides changed, the later change wins; if nobody can tell which was later, that of {}. The losing value \
                 is kept and can be restored.",
                name(group.owner)
            ),
            Conflict::Always(side) => {
                format!(
                    "When both sides changed, {} wins. The losing value is kept and can be restored.",
                    name(side)
                )
            }
            Conflict::Ask => {
                "When both sides changed, the field waits for a person; all others go on.".to_owned()
            }
        };
        self.by_lead("conflict", text, "conflict")
    }

    fn clear(&self, group: &GroupSpec) -> Vec<Sentence> {
        let told = |side: Side| {
            if !group.to.at(side).update {
                return None;
            }
            let text = match group.clear.at(side) {
                Clear::Ignore => {
                    format!("Emptied on the other side, {} keeps what it has; a note says so.", name(side))
                }
                Clear::Propagate => format!("Emptied on the other side, {} is emptied too.", name(side)),
                Clear::Refill => {
                    format!("Emptied on the other side, it is filled there again from {}.", name(side))
                }
            };
            Some(self.by_lead("emptying", text, "clear"))
        };
        Side::BOTH.into_iter().filter_map(told).collect()
    }

    fn demands(&self) -> Vec<Sentence> {
        let Some(spec) = self.field.spec else { return Vec::new() };
        let mut sentences = Vec::new();
        for side in Side::BOTH {
            if *spec.required.at(side) {
                let text = format!(
                    "{} cannot do without it at creation: a missing value is a problem that names it, before anything is \
                     sent.",
                    name(side)
                );
                sentences.push(self.by("required", text, "required"));
            }
        }
        let demands = &spec.demands;
        let mut say = |text: String| sentences.push(Sentence { topic: "demands", text, because: None });
        if let Some(list) = &demands.codes {
            let usable = list.codes.iter().filter(|code| code.standing == CodeStanding::Usable).count();
            say(format!(
                "The portal takes codes of the list {} alone, {usable} of {} of them.",
                list.name,
                list.codes.len()
            ));
        }
        if let Some(form) = &demands.form {
            say(format!("It must be {form}."));
        }
        if demands.not_negative {
            say("It must not be below zero.".to_owned());
        }
        let needs: Vec<&str> = demands.element_needs.iter().map(|(_, word)| word.as_str()).collect();
        if !needs.is_empty() {
            let element = demands.element.as_deref().unwrap_or("element");
            say(format!("Each {element} needs a {}.", needs.join(", a ")));
        }
        sentences
    }

    fn further(&self, group: &GroupSpec) -> Vec<Sentence> {
        let mut sentences = Vec::new();
        if group.enforce {
            let text = "A side that may not be a source is put right when it drifts.";
            sentences.push(self.by_lead("enforced", text.to_owned(), "enforce"));
        }
        if group.active_only {
            let text = "Never written to a referral that is new or closed.";
            sentences.push(self.by_lead("active only", text.to_owned(), "active_only"));
        }
        if self.field.set.is_some_and(|set| set.when == When::Help) {
            let text = "It leaves for the portal only when Microsoft's help is asked.";
            sentences.push(self.by("help alone", text.to_owned(), "when"));
        }
        if let Some(bounds) = &group.set {
            let removes = |side: Side| if *bounds.remove.at(side) { "removes" } else { "keeps" };
            let text = format!(
                "At least {}, at most {} elements. What the other side took out, Salesforce {} and Partner Center {}.",
                bounds.min,
                bounds.max,
                removes(Side::Crm),
                removes(Side::Portal)
            );
            sentences.push(self.by("elements", text, "remove"));
        }
        sentences
    }
}

fn irreversible(group: &GroupSpec) -> Option<Sentence> {
    let what = match group.latch? {
        Irreversible::Share => "shares the deal with Microsoft's sellers",
        Irreversible::AskHelp => "asks Microsoft for help",
        _ => "cannot be taken back",
    };
    let text = format!(
        "Filling it {what}, which nobody can take back: it leaves once, with consent, past the guard, and a change \
         back is put right in Salesforce."
    );
    Some(Sentence { topic: "guard", text, because: None })
}

/// `default` or `yours, mapping.toml:9`; of the default its line too.
fn told_place(setting: &mapping::Setting) -> String {
    let said = setting.effective();
    if said.layer == 0 { short(&said.place) } else { told(setting) }
}

fn name(side: Side) -> &'static str {
    match side {
        Side::Crm => "Salesforce",
        Side::Portal => "Partner Center",
    }
}
