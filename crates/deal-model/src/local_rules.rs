//! What is demanded of a field's value by the country that stands beside it in the same group: the parts of an address.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{FieldId, FieldSpec, GroupHeld, Held, Value, demands::Unmet};

/// Most names of a list that a sentence shows.
const LISTED: usize = 4;

/// Whether a country has the part at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// It may be empty.
    #[default]
    Optional,
    /// It may not be empty.
    Needed,
    /// The country does not have it: it is never asked for.
    Unused,
}

/// How the members of a list are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spelling {
    /// By code or by name.
    #[default]
    Either,
    /// By code.
    Code,
    /// By name.
    Name,
}

/// What one country demands of one part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalRule {
    /// Whether it is needed.
    pub need: Need,
    /// The forms it may have: `9` is a digit, `A` a letter, all else is itself. None for any.
    pub forms: Vec<String>,
    /// The only members it may be, by code, with their names. None for any.
    pub members: BTreeMap<String, String>,
    /// How the members are written.
    pub spelling: Spelling,
}

/// What all countries demand of one part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalRules {
    /// The field of the same group that holds the country.
    pub country: FieldId,
    /// Of countries that have no rule of their own.
    pub general: LocalRule,
    /// By the country's two letters.
    pub countries: BTreeMap<String, LocalRule>,
}

impl LocalRules {
    fn rule(&self, group: &GroupHeld) -> Option<(&str, &LocalRule)> {
        let Some(Held::Value(Value::Choice(country) | Value::Text(country))) = group.get(&self.country)
        else {
            return None;
        };
        self.countries
            .get_key_value(country)
            .map(|(country, rule)| (country.as_str(), rule))
            .or(Some(("", &self.general)))
    }

    /// Whether the country of `group` does not have the part.
    pub(crate) fn is_unused(&self, group: &GroupHeld) -> bool {
        self.rule(group).is_some_and(|(_, rule)| rule.need == Need::Unused)
    }

    /// What of the part in `group` its country does not accept.
    pub(crate) fn unmet(&self, field: &FieldSpec, group: &GroupHeld) -> Option<Unmet> {
        let (country, rule) = self.rule(group)?;
        let place = field.demands.place.as_deref().unwrap_or(&field.label);
        let whose =
            if country.is_empty() { "an address".to_owned() } else { format!("an address in {country}") };
        let text = match group.get(&field.id) {
            Some(Held::Value(Value::Text(text) | Value::Choice(text))) => text.trim(),
            // What a referral needs anywhere is told by that.
            Some(Held::Empty) | None if rule.need == Need::Needed && !field.required.portal => {
                let sentence = format!("{} is empty, and {whose} needs it.", field.label);
                return Some(Unmet { sentence, next_step: rule.what_to_type(place) });
            }
            Some(_) | None => return None,
        };
        let fits = rule.need == Need::Unused || (rule.has_form(text) && rule.has_member(text));
        (!fits).then(|| Unmet {
            sentence: format!("{} is \"{text}\", which {whose} does not have.", field.label),
            next_step: rule.what_to_type(place),
        })
    }
}

impl LocalRule {
    fn has_form(&self, text: &str) -> bool {
        let has = |form: &String| {
            form.chars().count() == text.chars().count()
                && form.chars().zip(text.chars()).all(|(wanted, letter)| match wanted {
                    '9' => letter.is_ascii_digit(),
                    'A' => letter.is_ascii_alphabetic(),
                    other => other == letter,
                })
        };
        self.forms.is_empty() || self.forms.iter().any(has)
    }

    fn has_member(&self, text: &str) -> bool {
        let small = text.to_lowercase();
        let is = |(code, name): (&String, &String)| match self.spelling {
            Spelling::Either => code.to_lowercase() == small || name.to_lowercase() == small,
            Spelling::Code => code == text,
            Spelling::Name => name.to_lowercase() == small,
        };
        self.members.is_empty() || self.members.iter().any(is)
    }

    fn what_to_type(&self, place: &str) -> String {
        let members = || -> BTreeSet<&str> {
            match self.spelling {
                Spelling::Name => self.members.values().map(String::as_str).collect(),
                Spelling::Code | Spelling::Either => self.members.keys().map(String::as_str).collect(),
            }
        };
        if !self.forms.is_empty() {
            // A form is told as an example of itself.
            let example: Vec<String> =
                self.forms.iter().map(|form| format!("\"{}\"", example(form))).collect();
            return format!("Type it like {} in {place}.", example.join(" or "));
        }
        if !self.members.is_empty() {
            let some: Vec<String> =
                members().into_iter().take(LISTED).map(|name| format!("\"{name}\"")).collect();
            let how = match self.spelling {
                Spelling::Either => "a code or a name",
                Spelling::Code => "a code",
                Spelling::Name => "a name",
            };
            return format!("Type {how} such as {}, ... in {place}.", some.join(", "));
        }
        format!("Fill {place}.")
    }
}

/// Something of this form.
fn example(form: &str) -> String {
    let mut digits = ('1'..='9').cycle();
    let mut letters = ('A'..='Z').cycle();
    let letter = |wanted| match wanted {
        '9' => digits.next().unwrap_or('1'),
        'A' => letters.next().unwrap_or('A'),
        other => other,
    };
    form.chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Demands, Fit, Kind, PerSide};

    fn rules() -> LocalRules {
        let us = LocalRule {
            need: Need::Needed,
            members: [("WA".to_owned(), "Washington".to_owned())].into(),
            ..LocalRule::default()
        };
        let hk = LocalRule { need: Need::Unused, ..LocalRule::default() };
        let de = LocalRule { forms: vec!["99999".to_owned()], ..LocalRule::default() };
        LocalRules {
            country: "country".into(),
            general: LocalRule::default(),
            countries: [("US".to_owned(), us), ("HK".to_owned(), hk), ("DE".to_owned(), de)].into(),
        }
    }

    fn told(rules: &LocalRules, country: &str, part: Option<&str>) -> Option<(String, String)> {
        let field = FieldSpec {
            id: "part".into(),
            label: "State".to_owned(),
            kind: Kind::Text,
            fit: Fit::default(),
            required: PerSide::default(),
            demands: Demands { place: Some("Billing State of the account".to_owned()), ..Demands::default() },
        };
        let part = part.map_or(Held::Empty, |text| Held::Value(Value::Text(text.to_owned())));
        let country = Held::Value(Value::Choice(country.to_owned()));
        let group: GroupHeld = [("part".into(), part), ("country".into(), country)].into();
        rules.unmet(&field, &group).map(|unmet| (unmet.sentence, unmet.next_step))
    }

    #[test]
    fn a_part_that_the_country_needs_is_told_with_what_to_type() {
        let (sentence, next_step) = told(&rules(), "US", None).expect("told");
        assert_eq!(sentence, "State is empty, and an address in US needs it.");
        assert_eq!(next_step, "Type a code or a name such as \"WA\", ... in Billing State of the account.");
        assert!(
            told(&rules(), "US", Some("wa")).is_none() && told(&rules(), "US", Some("Washington")).is_none()
        );
        let (sentence, _) = told(&rules(), "US", Some("Bavaria")).expect("told");
        assert_eq!(sentence, "State is \"Bavaria\", which an address in US does not have.");
    }

    #[test]
    fn the_spelling_decides_whether_code_or_name_is_taken() {
        let with = |spelling| {
            let mut rules = rules();
            rules.countries.get_mut("US").expect("is there").spelling = spelling;
            [told(&rules, "US", Some("WA")).is_none(), told(&rules, "US", Some("Washington")).is_none()]
        };
        assert_eq!(with(Spelling::Code), [true, false]);
        assert_eq!(with(Spelling::Name), [false, true]);
    }

    #[test]
    fn an_unused_part_is_never_asked_for_and_an_unknown_country_has_the_general_rule() {
        assert!(told(&rules(), "HK", None).is_none() && told(&rules(), "HK", Some("x")).is_none());
        assert!(told(&rules(), "FR", None).is_none());
        let mut strict = rules();
        strict.general.need = Need::Needed;
        let (sentence, _) = told(&strict, "FR", None).expect("told");
        assert_eq!(sentence, "State is empty, and an address needs it.");
    }

    #[test]
    fn a_form_is_told_as_an_example() {
        let (_, next_step) = told(&rules(), "DE", Some("2045")).expect("told");
        assert_eq!(next_step, "Type it like \"12345\" in Billing State of the account.");
        assert!(told(&rules(), "DE", Some("20457")).is_none());
    }
}
