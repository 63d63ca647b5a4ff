//! What a refusal of the org means to a person: a sentence that a seller understands, and what to do next.
//!
//! The org's own words (a validation rule's, a flow's, a duplicate rule's) are passed on to the person who owns the
//! data, never to a log. What another opportunity is called is not: it may be one that nobody opted in, and what is told
//! lasts, here and on the record that it is told on.

use deal_model::ProblemClass;
use salesforce::{ApiError, Meaning, RecordId, Refusal};
use sync_engine::WaitsFor;

use super::schema::{ACCOUNT, CONTACT, CONTACT_ROLE, OPPORTUNITY};

/// Longest text of the org's own that is passed on, in characters.
const MAX_TOLD: usize = 1_500;
/// Most records that are named to choose from.
const MAX_NAMED: usize = 5;
/// What identifiers of opportunities begin with (salesforce reference, section 2.2), and the shorter of their lengths.
const OPPORTUNITY_ID: (&str, usize) = ("006", 15);

/// What was refused of a value, to stand behind "... was refused: ".
pub(super) fn told(refusal: &Refusal) -> String {
    let said = said(refusal);
    match refusal.meaning() {
        Meaning::Rule => format!("a validation rule in Salesforce says{said}"),
        Meaning::Automation => format!(
            "a flow or trigger in Salesforce failed{said}; the Salesforce administrator can see why and mend it"
        ),
        Meaning::DuplicateRule => duplicate_rule(refusal),
        Meaning::UniqueValue => match refusal.duplicate_of() {
            Some(holder) if is_opportunity(holder.as_str()) => {
                "Salesforce lets only one record hold it, and another opportunity holds it already".to_owned()
            }
            Some(holder) => {
                format!("Salesforce lets only one record hold it, and record {holder} holds it already")
            }
            None => format!("Salesforce lets only one record hold it, and another holds it already{said}"),
        },
        Meaning::TooLong => format!("it is longer than the field in Salesforce holds{said}"),
        Meaning::Picklist => {
            format!(
                "the picklist in Salesforce does not have it; choose a value it has, or have it added{said}"
            )
        }
        Meaning::Required => format!("a field that Salesforce requires is empty{said}"),
        Meaning::ReadOnly => {
            format!("the integration user may not write the field; ask the Salesforce administrator{said}")
        }
        Meaning::Hidden => format!(
            "the field is not there, or the integration user may not see it; ask the Salesforce administrator{said}"
        ),
        Meaning::Currency => {
            format!("the currency is not active in Salesforce; have it activated, or choose another{said}")
        }
        Meaning::Reference => format!("it points to a record that is gone, or of another kind{said}"),
        Meaning::Integrity => format!("it does not fit the other fields of the record{said}"),
        Meaning::Ambiguous => match named(refusal.candidates()) {
            records if records.is_empty() => {
                format!("several records have the same identifier; only one may keep it{said}")
            }
            records => format!("several records have the same identifier ({records}); only one may keep it"),
        },
        _ => match refusal.code() {
            Some(code) => format!("Salesforce answered {code}{said}"),
            None => format!("Salesforce answered with status {} and no reason", refusal.status()),
        },
    }
}

/// What keeps the whole record from being written, if that is what the refusal says: no value is at fault then.
pub(super) fn waits_for(refusal: &Refusal, object: &str) -> Option<WaitsFor> {
    let record = record(object);
    let waits = |class, sentence: String, next_step: &str| {
        Some(WaitsFor { class, sentence, next_step: next_step.to_owned() })
    };
    match refusal.meaning() {
        Meaning::ApprovalLock => waits(
            ProblemClass::Permission,
            format!("Salesforce has locked the {record}, as it does while an approval is under way."),
            "Have the approval finished or recalled; what waits is then written by itself.",
        ),
        Meaning::NoAccess => waits(
            ProblemClass::Permission,
            format!("The integration user may not change the {record}, or a record it points to."),
            "Ask the Salesforce administrator to give the integration user access to it; what waits is then written \
             by itself.",
        ),
        Meaning::NoApi => waits(
            ProblemClass::Permission,
            "Salesforce does not let the integration user use its API.".to_owned(),
            "Ask the Salesforce administrator to enable the API for the integration user.",
        ),
        Meaning::Storage => waits(
            ProblemClass::Permission,
            format!("The Salesforce org has no room left, and the {record} could not be saved."),
            "Ask the Salesforce administrator to free or buy storage; what waits is then written by itself.",
        ),
        Meaning::Owner => waits(
            ProblemClass::Data,
            format!("The owner of the {record} is no active user of Salesforce, or may not own it."),
            "Give the record to an active user; what waits is then written by itself.",
        ),
        _ => None,
    }
}

/// Whether it is about one record, and not about the org or the user as a whole.
pub(super) fn is_of_one_record(meaning: Meaning) -> bool {
    matches!(meaning, Meaning::ApprovalLock | Meaning::NoAccess | Meaning::Owner)
}

/// Why a new record was refused where no field of it is named.
pub(super) fn not_made(refusal: &Refusal, object: &str) -> WaitsFor {
    let next_step = match refusal.meaning() {
        Meaning::DuplicateRule if alert_only(refusal) => {
            "Complete the record that is there so that it is found (D-U-N-S number, or name, postal code and country), \
             or let alerts pass with [salesforce] allow_duplicate_alerts = true."
        }
        Meaning::DuplicateRule => {
            "Complete the record that is there so that it is found: D-U-N-S number, or name, postal code and country."
        }
        Meaning::Rule | Meaning::Automation => {
            "Ask the Salesforce administrator to let the integration user create such records; it is tried again by \
             itself."
        }
        _ => "Mend it in Salesforce or on the referral; it is tried again by itself.",
    };
    WaitsFor {
        class: ProblemClass::Data,
        sentence: format!("The {} could not be created: {}.", record(object), told(refusal)),
        next_step: next_step.to_owned(),
    }
}

/// An object as a seller calls it.
pub(super) fn record(object: &str) -> &str {
    match object {
        OPPORTUNITY => "opportunity",
        ACCOUNT => "customer's account",
        CONTACT => "contact",
        CONTACT_ROLE => "contact role",
        other => other.trim_end_matches("__c"),
    }
}

fn duplicate_rule(refusal: &Refusal) -> String {
    let Some(rule) = refusal.errors().iter().find_map(ApiError::duplicate_rule) else {
        return format!("a duplicate rule in Salesforce stopped it{}", said(refusal));
    };
    let text = if rule.text.is_empty() { said(refusal) } else { quoted(&rule.text) };
    format!("the duplicate rule \"{}\" in Salesforce stopped it{text}", cut(&rule.name))
}

fn alert_only(refusal: &Refusal) -> bool {
    refusal.errors().iter().filter_map(ApiError::duplicate_rule).any(|rule| rule.alert_only)
}

/// The org's own words, if there are any, to stand at the end of a clause.
fn said(refusal: &Refusal) -> String {
    let messages = refusal.errors().iter().filter(|error| !error.is_bystander()).map(ApiError::message);
    let messages: Vec<&str> = messages.map(str::trim).filter(|text| !text.is_empty()).collect();
    if messages.is_empty() { String::new() } else { quoted(&messages.join(" ")) }
}

fn quoted(text: &str) -> String {
    format!(": \"{}\"", cut(text))
}

fn cut(text: &str) -> String {
    without_opportunities(text.trim()).chars().take(MAX_TOLD).collect()
}

fn is_opportunity(id: &str) -> bool {
    let (prefix, shortest) = OPPORTUNITY_ID;
    id.starts_with(prefix) && id.len() >= shortest
}

/// The text, with a word in the place of what may be an opportunity's identifier: by itself, or in an address.
fn without_opportunities(text: &str) -> String {
    let mut told = String::with_capacity(text.len());
    for piece in text.split_inclusive(|letter: char| !letter.is_ascii_alphanumeric()) {
        let end = piece.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(piece.len());
        let (word, behind) = piece.split_at(end);
        match word.match_indices(OPPORTUNITY_ID.0).find(|(at, _)| is_opportunity(&word[*at..])) {
            Some((at, _)) => told.extend([&word[..at], "(an opportunity)"]),
            None => told.push_str(word),
        }
        told.push_str(behind);
    }
    told
}

fn named(records: &[RecordId]) -> String {
    let some: Vec<&str> =
        records.iter().map(RecordId::as_str).filter(|id| !is_opportunity(id)).take(MAX_NAMED).collect();
    let more = if !some.is_empty() && records.len() > some.len() { ", and more" } else { "" };
    format!("{}{more}", some.join(", "))
}
