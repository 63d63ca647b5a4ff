//! What the portal demands of a value before it takes it, told as a person can mend it (sync rules, section 6).
//!
//! A demand never changes a value. It is asked before a write leaves, so that whoever owns the value reads the field,
//! the rule and what to type, and not a refusal.

use std::collections::BTreeSet;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{
    Content, ElementChange, ElementKey, FieldSpec, GroupHeld, GroupSpec, Held, LocalRules, Observation,
    Observed, Value,
};

/// Most codes that a sentence lists.
const LISTED: usize = 12;

/// One code of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    /// As the portal spells it.
    pub code: String,
    /// What a person chooses or types for it.
    pub name: String,
    /// Whether it may be sent.
    pub standing: CodeStanding,
}

/// Whether a code may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeStanding {
    /// It is known to be taken, or sending it on trust is allowed.
    Usable,
    /// It is in the list, and nobody has seen the portal take it.
    Unverified,
    /// A field still has a name for it, and the list has it no more.
    Outdated,
}

impl Code {
    /// Whether it may be sent.
    pub fn is_usable(&self) -> bool {
        self.standing == CodeStanding::Usable
    }
}

/// The codes that a field may hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeList {
    /// What the list is called: the file's name, or the standard's.
    pub name: String,
    /// The codes, in the list's order.
    pub codes: Vec<Code>,
}

/// What is demanded of one field's value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demands {
    /// Where a person fills it: `Billing Country of the account`. The field's label, if it is not told.
    pub place: Option<String>,
    /// What may be typed, where the codes are too many to list: `two letters such as DE`.
    pub form: Option<String>,
    /// The only codes it may hold; of a set, the only keys.
    pub codes: Option<CodeList>,
    /// What the country beside it demands.
    #[serde(default)]
    pub local: Option<LocalRules>,
    /// A number below zero is refused.
    pub not_negative: bool,
    /// What every element of a set needs: the attribute's name, and what a person calls it.
    pub element_needs: Vec<(String, String)>,
    /// What a person calls one element of a set: `contact`.
    pub element: Option<String>,
    /// Of a set: the element that the portal is given where the opportunity has none for it. It is not carried back.
    #[serde(default)]
    pub stand_in: Option<ElementKey>,
}

/// A demand that is not met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unmet {
    pub(crate) sentence: String,
    pub(crate) next_step: String,
}

impl CodeList {
    /// Why `code` cannot be sent, as the end of a sentence about it; nothing if it can.
    pub(crate) fn refuses(&self, code: &str) -> Option<String> {
        match self.codes.iter().find(|known| known.code == code).map(|known| known.standing) {
            Some(CodeStanding::Usable) => None,
            Some(CodeStanding::Unverified) => {
                Some(format!("which is not verified in the list \"{}\"", self.name))
            }
            Some(CodeStanding::Outdated) | None => {
                Some(format!("which is not in the list \"{}\"", self.name))
            }
        }
    }

    /// What a person may choose, as a sentence lists it.
    pub(crate) fn choices(&self) -> String {
        let mut told = BTreeSet::new();
        let usable = self.codes.iter().filter(|code| code.is_usable() && told.insert(code.name.as_str()));
        let names: Vec<String> = usable.map(|code| format!("\"{}\"", code.name)).collect();
        let more = if names.len() > LISTED { ", ..." } else { "" };
        format!("{}{more}", names[..names.len().min(LISTED)].join(", "))
    }

    fn name_of<'a>(&'a self, code: &'a str) -> &'a str {
        self.codes.iter().find(|known| known.code == code).map_or(code, |known| known.name.as_str())
    }
}

impl FieldSpec {
    /// Where a person fills the field.
    fn place(&self) -> &str {
        self.demands.place.as_deref().unwrap_or(&self.label)
    }

    /// What a person does to give the field a value that is taken.
    pub(crate) fn what_to_type(&self) -> String {
        match (&self.demands.form, &self.demands.codes) {
            (Some(form), _) => format!("Type {form} in {}.", self.place()),
            (None, Some(list)) => format!("Choose one of {} in {}.", list.choices(), self.place()),
            (None, None) => format!("Fill {} on the opportunity.", self.place()),
        }
    }

    /// What is wrong with the absence of a value that the portal cannot do without, if anything is.
    /// `only_complete`: of a set, only elements that lack nothing count.
    pub(crate) fn missing(&self, seen: &Observation, only_complete: bool) -> Option<Unmet> {
        if self.demands.stand_in.is_some() {
            return None;
        }
        let empty = || format!("{} is empty, and a referral needs it.", self.label);
        let sentence = match seen.reading(&self.id).sends {
            Observed::Value(Value::Set(elements)) if elements.is_empty() => empty(),
            Observed::Value(Value::Set(elements)) if only_complete => {
                let nobody = elements.values().all(|element| !self.lacking(element).is_empty());
                return nobody.then(|| self.incomplete_elements(&elements)).flatten();
            }
            Observed::Value(_) => return None,
            Observed::Empty => empty(),
            // Both are told with their own reasons.
            Observed::Unknown if self.misfit(seen).is_some() || seen.uncomputed(&self.id).is_some() => {
                return None;
            }
            Observed::Unknown => {
                format!("{} cannot be read on the opportunity, and a referral needs it.", self.label)
            }
        };
        Some(Unmet { sentence, next_step: self.what_to_type() })
    }

    /// What stands in the field and means nothing to the portal.
    pub(crate) fn misfit(&self, seen: &Observation) -> Option<Unmet> {
        let text = seen.crm()?.misfits.get(&self.id)?;
        let sentence = format!("{} is \"{text}\", which the portal has no code for.", self.label);
        Some(Unmet { sentence, next_step: self.what_to_type() })
    }

    fn unmet(&self, held: &Held) -> Option<Unmet> {
        let next_step = || self.what_to_type();
        match held {
            Held::Value(Value::Choice(code)) => {
                let list = self.demands.codes.as_ref()?;
                let why = list.refuses(code)?;
                let sentence = format!("{} is \"{}\", {why}.", self.label, list.name_of(code));
                Some(Unmet { sentence, next_step: next_step() })
            }
            Held::Value(Value::Number(number)) if self.demands.not_negative && *number < Decimal::ZERO => {
                let sentence = format!("{} is {number}; a referral's cannot be below zero.", self.label);
                Some(Unmet { sentence, next_step: format!("Type zero or more in {}.", self.place()) })
            }
            Held::Value(Value::Set(elements)) => {
                self.unknown_elements(elements.keys()).or_else(|| self.incomplete_elements(elements))
            }
            _ => None,
        }
    }

    /// The elements that the list of those which can be sent does not have.
    fn unknown_elements<'k>(&self, keys: impl Iterator<Item = &'k ElementKey>) -> Option<Unmet> {
        let list = self.demands.codes.as_ref()?;
        let refused: Vec<String> = keys
            .filter_map(|key| list.refuses(&key.0).map(|why| format!("\"{}\", {why}", key.0)))
            .take(LISTED)
            .collect();
        (!refused.is_empty()).then(|| Unmet {
            sentence: format!("{} holds {}.", self.label, refused.join("; ")),
            next_step: format!("Correct or remove it in {}.", self.place()),
        })
    }

    fn incomplete_elements(&self, elements: &crate::Elements) -> Option<Unmet> {
        let incomplete: Vec<String> = elements
            .iter()
            .map(|(key, element)| (key, self.lacking(element)))
            .filter(|(_, missing)| !missing.is_empty())
            .map(|(key, missing)| format!("\"{}\" has no {}", key.0, missing.join(", ")))
            .take(LISTED)
            .collect();
        (!incomplete.is_empty()).then(|| Unmet {
            sentence: format!("{}: {}.", self.label, incomplete.join("; ")),
            next_step: format!(
                "Fill in what is missing, or take the {} off the opportunity.",
                self.demands.element.as_deref().unwrap_or("row")
            ),
        })
    }
}

impl GroupSpec {
    /// What a person does about a value that was refused.
    pub fn how_to_mend(&self) -> String {
        let known =
            self.members.iter().find(|field| field.demands.form.is_some() || field.demands.codes.is_some());
        match known {
            Some(field) => format!("{} It is sent again then.", field.what_to_type()),
            None => "Change the value; it is sent again then.".to_owned(),
        }
    }

    /// What of `content` the portal would refuse, member by member.
    pub(crate) fn unmet(&self, content: &Content) -> Vec<(&FieldSpec, Unmet)> {
        match content {
            Content::Whole(group) => self.unmet_in(group),
            Content::Elements(changes) => {
                let field = self.lead();
                let put = changes.iter().filter_map(|(key, change)| match change {
                    ElementChange::Put(_) => Some(key),
                    ElementChange::Rekey { to, .. } => Some(to),
                    ElementChange::Remove => None,
                });
                field.unknown_elements(put).map(|unmet| (field, unmet)).into_iter().collect()
            }
        }
    }

    /// What of `content` the opportunity itself bars from going across: the elements that are put there.
    pub(crate) fn barred(&self, content: &Content, crm: &Observation) -> Vec<(&FieldSpec, Unmet)> {
        let field = self.lead();
        let Some(barred) = crm.crm().and_then(|facts| facts.barred.get(&field.id)) else { return Vec::new() };
        let is_put = |key: &ElementKey| match content {
            Content::Whole(group) => {
                group.get(&field.id).is_some_and(|held| held.elements().contains_key(key))
            }
            Content::Elements(changes) => {
                changes.iter().any(|(put, change)| put == key && matches!(change, ElementChange::Put(_)))
            }
        };
        let told = barred.iter().filter(|(key, _)| is_put(key)).take(LISTED).map(|(key, barred)| {
            let sentence = format!("{}: \"{}\" {}.", field.label, key.0, barred.why);
            (field, Unmet { sentence, next_step: barred.next_step.clone() })
        });
        told.collect()
    }

    fn unmet_in(&self, group: &GroupHeld) -> Vec<(&FieldSpec, Unmet)> {
        let mut all: Vec<(&FieldSpec, Unmet)> = Vec::new();
        for field in &self.members {
            let Some(held) = group.get(&field.id) else { continue };
            let local = || field.demands.local.as_ref()?.unmet(field, group);
            all.extend(field.unmet(held).or_else(local).map(|unmet| (field, unmet)));
            if let Some(most) = self.set.map(|bounds| bounds.max)
                && held.elements().len() > most
            {
                let sentence = format!(
                    "{} has {}; a referral holds at most {most}.",
                    field.label,
                    held.elements().len()
                );
                let next_step = format!("Remove {} of them.", held.elements().len() - most);
                all.push((field, Unmet { sentence, next_step }));
            }
        }
        all
    }
}
