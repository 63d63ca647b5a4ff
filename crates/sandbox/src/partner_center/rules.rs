//! What a deal must hold to be accepted (reference, sections 3.1 and 4.5).

use std::str::FromStr as _;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::Value;

use super::{book::Document, codes, knobs::Knobs, refusal::Refusal};

/// Most solutions, and most team members, of one deal.
pub(super) const MAX_MEMBERS: usize = 50;
/// Smallest number of characters of a person's name, mail, phone: it must be there.
const PERSON_MEMBERS: [&str; 4] = ["firstName", "lastName", "phoneNumber", "email"];

/// Which of the two POSTs of a co-sell deal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The partner's own referral.
    Own,
    /// Microsoft's referral in the same engagement.
    Microsoft,
}

/// A rule about one member.
type Check = fn(&Document, &Knobs, Timestamp) -> Result<(), Refusal>;

/// What holds for a referral whenever the partner writes it, by the member it is about.
const CHECKS: [(&str, Check); 8] = [
    ("/name", name),
    ("/details/notes", notes),
    ("/details/dealValue", amount),
    ("/details/currency", currency),
    ("/details/closingDateTime", closing),
    ("/details/requirements", |document, knobs, _| {
        solutions(document, knobs)?;
        if knobs.check_codes { codes(document) } else { Ok(()) }
    }),
    ("/team", |document, _, _| people(document, "/team")),
    ("/customerProfile/team", |document, _, _| people(document, "/customerProfile/team")),
];

/// Texts that a portal may keep shorter than they were sent (reference, section 10: its limits are undocumented).
const CUT: [&[&str]; 2] = [&["name"], &["details", "notes"]];

/// Cuts what the portal keeps shorter than it was sent, and tells nobody.
pub(super) fn cut(document: &mut Document, knobs: &Knobs) {
    let Some(most) = knobs.cut_texts_at else { return };
    for path in CUT {
        let (first, rest) = (path[0], &path[1..]);
        let member = rest.iter().fold(document.get_mut(first), |member, name| member?.get_mut(name));
        if let Some(Value::String(text)) = member
            && let Some((end, _)) = text.char_indices().nth(most)
        {
            text.truncate(end);
        }
    }
}

/// Checks the content of a referral that the partner creates.
pub(super) fn content(document: &Document, knobs: &Knobs, now: Timestamp) -> Result<(), Refusal> {
    lengths(document, knobs)?;
    CHECKS.iter().try_for_each(|(_, check)| check(document, knobs, now))
}

/// Checks what the partner changed of a referral. What came in incomplete, from Microsoft or as a lead, can still be
/// answered.
pub(super) fn changes(
    before: &Document,
    after: &Document,
    knobs: &Knobs,
    now: Timestamp,
) -> Result<(), Refusal> {
    lengths(after, knobs)?;
    let mut changed = CHECKS.iter().filter(|(pointer, _)| at(before, pointer) != at(after, pointer));
    changed.try_for_each(|(_, check)| check(after, knobs, now))
}

fn lengths(document: &Document, knobs: &Knobs) -> Result<(), Refusal> {
    let Some(limit) = knobs.max_text_chars else { return Ok(()) };
    document.iter().try_for_each(|(name, value)| short(value, name, limit))
}

fn name(document: &Document, knobs: &Knobs, _: Timestamp) -> Result<(), Refusal> {
    within(needed_text(document, "/name")?, "name", knobs.max_name_chars)
}

fn notes(document: &Document, knobs: &Knobs, _: Timestamp) -> Result<(), Refusal> {
    match text(document, "/details/notes") {
        Some(notes) => within(notes, "details.notes", knobs.max_notes_chars),
        None if knobs.require_notes => Err(Refusal::member("details.notes", "missing", "is required.")),
        None => Ok(()),
    }
}

fn amount(document: &Document, _: &Knobs, _: Timestamp) -> Result<(), Refusal> {
    let amount = at(document, "/details/dealValue").map(ToString::to_string);
    let Some(amount) = amount.and_then(|text| Decimal::from_str(&text).ok()) else {
        return Err(Refusal::member("details.dealValue", "missing", "is required."));
    };
    if amount.is_sign_negative() && !amount.is_zero() {
        return Err(Refusal::member("details.dealValue", "outOfRange", "must not be negative."));
    }
    Ok(())
}

fn currency(document: &Document, _: &Knobs, _: Timestamp) -> Result<(), Refusal> {
    if needed_text(document, "/details/currency")?.parse::<iso_currency::Currency>().is_err() {
        return Err(Refusal::member("details.currency", "currencyInvalid", "is not a valid ISO 4217 code."));
    }
    Ok(())
}

fn closing(document: &Document, knobs: &Knobs, now: Timestamp) -> Result<(), Refusal> {
    let closing = needed_text(document, "/details/closingDateTime")?;
    if knobs.refuse_past_closing && closing.parse::<Timestamp>().is_ok_and(|closing| closing < now) {
        return Err(Refusal::member("details.closingDateTime", "outOfRange", "must not be in the past."));
    }
    Ok(())
}

/// Checks what is asked of a new referral besides its content.
pub(super) fn birth(document: &Document, step: Step, knobs: &Knobs) -> Result<(), Refusal> {
    for member in ["type", "customerProfile", "consent", "details"] {
        if document.get(member).is_none_or(Value::is_null) {
            return Err(Refusal::member(member, "missing", "is required."));
        }
    }
    for consent in ["consentToToShareInfoWithOthers", "consentToContact"] {
        consented(document, consent)?;
    }
    for path in
        ["/customerProfile/name", "/customerProfile/address/addressLine1", "/customerProfile/address/city"]
    {
        needed_text(document, path)?;
    }
    let country = needed_text(document, "/customerProfile/address/country")?;
    if rust_iso3166::from_alpha2(country).is_none() {
        let path = "customerProfile.address.country";
        return Err(Refusal::member(path, "countryInvalid", "is not a valid ISO 3166-1 alpha-2 code."));
    }
    if list(document, "/details/requirements/solutions").is_empty() {
        return Err(Refusal::member("details.requirements.solutions", "missing", "Solution ID is required."));
    }
    match step {
        Step::Own => own_birth(document, knobs),
        Step::Microsoft => microsoft_birth(document),
    }
}

fn own_birth(document: &Document, knobs: &Knobs) -> Result<(), Refusal> {
    if list(document, "/team").is_empty() {
        return Err(Refusal::member("team", "missing", "needs at least one member."));
    }
    attributes(document, knobs)
}

/// The attributes of a new deal. Of their types one pair is confirmed; the rest is what knobs say (section 3.4).
fn attributes(document: &Document, knobs: &Knobs) -> Result<(), Refusal> {
    let path = "details.requirements.additionalRequirements.attributes";
    let attributes = list(document, "/details/requirements/additionalRequirements/attributes");
    let of = |kind: &str| attributes.iter().find(|attribute| attribute["type"] == kind);
    let (intent, intents) = codes::INTENT;
    match of(intent) {
        None if knobs.require_marketplace_intent => {
            return Err(Refusal::member(path, "missing", "needs CustomerMarketplaceIntent."));
        }
        Some(given) if !intents.iter().any(|known| given["id"] == **known) => {
            return Err(Refusal::member(path, "intentInvalid", "has an unknown CustomerMarketplaceIntent."));
        }
        _ => {}
    }
    if knobs.require_services_attributes
        && let Some(kind) = codes::SERVICES_ATTRIBUTES.into_iter().find(|kind| of(kind).is_none())
    {
        return Err(Refusal::member(path, "missing", &format!("needs {kind}.")));
    }
    let known = |kind: &str| knobs.attribute_types.iter().any(|known| known == kind);
    let strange = attributes.iter().filter_map(|one| one["type"].as_str()).find(|kind| !known(kind));
    match strange {
        Some(kind) if !knobs.attribute_types.is_empty() => {
            Err(Refusal::member(path, "attributeUnknown", &format!("has an unknown type, {kind}.")))
        }
        _ => Ok(()),
    }
}

/// Every code against its published list. Not checked unless a knob says so: the lists are called legacy.
fn codes(document: &Document) -> Result<(), Refusal> {
    let unknown = |path: &str, code: &str| {
        Err(Refusal::member(path, "codeUnknown", &format!("has an unknown code, {code}.")))
    };
    for (member, known) in
        [("industries", codes::INDUSTRIES), ("products", codes::PRODUCTS), ("services", codes::SERVICES)]
    {
        for one in list(document, &format!("/details/requirements/{member}")) {
            let code = one["id"].as_str().unwrap_or_default();
            if !known.contains(&code) {
                return unknown(&format!("details.requirements.{member}"), code);
            }
        }
    }
    for one in list(document, "/details/requirements/solutions") {
        let code = one["id"].as_str().unwrap_or_default();
        if one["type"] == "Category" && !codes::CATEGORIES.contains(&code) {
            return unknown("details.requirements.solutions", code);
        }
    }
    for (member, known) in [("deviceCategory", codes::DEVICES), ("siliconType", codes::SILICON)] {
        let path = format!("/details/requirements/additionalRequirements/iot/{member}");
        if let Some(code) = text(document, &path).filter(|code| !known.contains(code)) {
            return unknown(&dotted(&path), code);
        }
    }
    Ok(())
}

/// Whether a closing's reason is a published one, if a knob asks for that.
pub(super) fn reason(document: &Document, knobs: &Knobs) -> Result<(), Refusal> {
    let known = match text(document, "/substatus") {
        Some("Error") => codes::ERROR_REASONS,
        Some("Declined" | "Lost") => codes::LOSS_REASONS,
        _ => return Ok(()),
    };
    let given = text(document, "/statusReason").unwrap_or_default();
    if knobs.check_reasons && !known.contains(&given) {
        return Err(Refusal::member("statusReason", "reasonUnknown", "is not one of the published reasons."));
    }
    Ok(())
}

fn short(value: &Value, path: &str, limit: usize) -> Result<(), Refusal> {
    match value {
        Value::String(_) if matches!(path, "name" | "details.notes") => Ok(()),
        Value::String(text) => within(text, path, Some(limit)),
        Value::Array(items) => items.iter().try_for_each(|item| short(item, path, limit)),
        Value::Object(members) => {
            members.iter().try_for_each(|(name, value)| short(value, &format!("{path}.{name}"), limit))
        }
        _ => Ok(()),
    }
}

fn microsoft_birth(document: &Document) -> Result<(), Refusal> {
    consented(document, "consentToShareReferralWithMicrosoftSellers")?;
    if list(document, "/customerProfile/team").is_empty() {
        let what = "needs a contact when Microsoft's help is asked for.";
        return Err(Refusal::member("customerProfile.team", "missing", what));
    }
    let help = text(document, "/inviteContext/assistanceRequestCode");
    if help.is_none_or(|help| help == "Unknown") {
        let what = "must say which help is asked for.";
        return Err(Refusal::member("inviteContext.assistanceRequestCode", "missing", what));
    }
    Ok(())
}

/// Whether the deal is shared with Microsoft's sellers.
pub(super) fn shared(document: &Document) -> bool {
    at(document, "/consent/consentToShareReferralWithMicrosoftSellers") == Some(&Value::Bool(true))
}

fn consented(document: &Document, consent: &str) -> Result<(), Refusal> {
    if at(document, &format!("/consent/{consent}")) == Some(&Value::Bool(true)) {
        return Ok(());
    }
    Err(Refusal::member(&format!("consent.{consent}"), "consentRequired", "must be true."))
}

fn solutions(document: &Document, knobs: &Knobs) -> Result<(), Refusal> {
    let path = "details.requirements.solutions";
    let solutions = list(document, "/details/requirements/solutions");
    if solutions.len() > MAX_MEMBERS {
        return Err(Refusal::member(path, "tooMany", "holds at most 50 entries."));
    }
    for (index, solution) in solutions.iter().enumerate() {
        let id = solution["id"].as_str().unwrap_or_default();
        let path = format!("{path}[{index}].id");
        if id.trim().is_empty() {
            return Err(Refusal::member(&path, "missing", "is required."));
        }
        if !knobs.known_solutions.is_empty() && !knobs.known_solutions.iter().any(|known| known == id) {
            return Err(Refusal::member(&path, "solutionUnknown", "is not a co-sell ready solution."));
        }
    }
    Ok(())
}

fn people(document: &Document, pointer: &str) -> Result<(), Refusal> {
    let path = dotted(pointer);
    let people = list(document, pointer);
    if people.len() > MAX_MEMBERS {
        return Err(Refusal::member(&path, "tooMany", "holds at most 50 entries."));
    }
    for (index, person) in people.iter().enumerate() {
        for member in PERSON_MEMBERS {
            let path = format!("{path}[{index}].{member}");
            let value = person[member].as_str().unwrap_or_default();
            if value.trim().is_empty() {
                return Err(Refusal::member(&path, "missing", "is required."));
            }
            if member == "email" && !value.contains('@') {
                return Err(Refusal::member(&path, "emailInvalid", "is not an e-mail address."));
            }
        }
    }
    Ok(())
}

fn within(text: &str, path: &str, limit: Option<usize>) -> Result<(), Refusal> {
    match limit {
        Some(limit) if text.chars().count() > limit => {
            Err(Refusal::member(path, "tooLong", &format!("holds at most {limit} characters.")))
        }
        _ => Ok(()),
    }
}

fn needed_text<'d>(document: &'d Document, pointer: &str) -> Result<&'d str, Refusal> {
    match text(document, pointer) {
        Some(text) if !text.trim().is_empty() => Ok(text),
        _ => Err(Refusal::member(&dotted(pointer), "missing", "is required.")),
    }
}

fn text<'d>(document: &'d Document, pointer: &str) -> Option<&'d str> {
    at(document, pointer)?.as_str()
}

/// The array a pointer leads to; empty if there is none.
pub(super) fn list<'d>(document: &'d Document, pointer: &str) -> &'d [Value] {
    at(document, pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The value a pointer leads to.
pub(super) fn at<'d>(document: &'d Document, pointer: &str) -> Option<&'d Value> {
    let (first, rest) = pointer.strip_prefix('/')?.split_once('/').unwrap_or((&pointer[1..], ""));
    let value = document.get(first)?;
    if rest.is_empty() { Some(value) } else { value.pointer(&format!("/{rest}")) }
}

/// A pointer as errors name it.
pub(super) fn dotted(pointer: &str) -> String {
    pointer.trim_start_matches('/').replace('/', ".")
}
