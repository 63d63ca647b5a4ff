//! Whether a field's type, length and moments agree with what the two places are known to hold.

use deal_model::{PerSide, Route};

use super::{
    fields::Field,
    mistakes::Mistakes,
    policy::Policy,
    remedy::{Remedy, quoted},
    similar, typed,
};
use crate::{Column, CrmPath, Holds, Member, PortalPath, StandardField, Writes, crm_schema};

/// Types whose value is a text on both sides, a code included.
const TEXTS: &[&str] = &[
    "text",
    "phone",
    "long_text",
    "choice",
    "attribute",
    "currency",
    "country",
    "link",
    "record_id",
    "profile_id",
    "names",
];
const NUMBERS: &[&str] = &["number", "money", "range"];
const TIMES: &[&str] = &["date"];
const FLAGS: &[&str] = &["flag"];
const PEOPLE: &[&str] = &["people", "team", "names"];
/// A code that stands for a range of Salesforce's numbers is a text at the portal.
const CODES: &[&str] = &["range"];
/// Standard names at most so many letters away from a known one are taken for a slip.
const SLIP: usize = 2;

/// Notes where the type of `field` cannot be held by one of its places. `off` takes the field's group out.
pub(super) fn types(
    field: &Field,
    places: (Option<&PortalPath>, Option<&CrmPath>),
    off: impl Fn() -> Remedy,
    mistakes: &mut Mistakes<'_>,
) {
    let member = places.0.and_then(Member::at);
    let standard = places.1.and_then(StandardField::at);
    let fits_portal = |name: &str| member.is_none_or(|member| portal_holds(member.holds(), name));
    let fits_crm = |name: &str| standard.is_none_or(|standard| crm_holds(standard.column(), name));
    // The likeliest type: the plainest that both places hold.
    let remedy = || {
        let plain = ["text", "number", "date", "flag"];
        let likely = plain.into_iter().find(|name| fits_portal(name) && fits_crm(name));
        match likely {
            Some(name) if member.is_some() || standard.is_some() => {
                Remedy::field(field.id.as_str(), "type", quoted(name))
            }
            _ => off(),
        }
    };
    if let Some(member) = member
        && !fits_portal(field.type_name)
    {
        let what = format!(
            "the type `{}` does not fit `{}`, which holds {}",
            field.type_name,
            member.path(),
            holds(member.holds())
        );
        mistakes.add(field.places.portal.unwrap_or(field.at), what, remedy());
    } else if let Some(standard) = standard
        && !fits_crm(field.type_name)
    {
        let what = format!(
            "the type `{}` does not fit {}.{}, which holds {}",
            field.type_name,
            standard.object(),
            standard.name(),
            column(standard.column())
        );
        mistakes.add(field.places.crm.unwrap_or(field.at), what, remedy());
    }
}

/// Notes a field of Salesforce that `to` would write though Salesforce decides it, or longer than it is.
pub(super) fn writes(
    field: &Field,
    policy: &Policy,
    crm: &CrmPath,
    to: PerSide<Route>,
    (read_only, creation): (impl Fn() -> Remedy, impl Fn() -> Remedy),
    mistakes: &mut Mistakes<'_>,
) {
    let Some(standard) = StandardField::at(crm) else { return };
    if !to.crm.flows() {
        return;
    }
    let at = policy.blame(field.places.crm.unwrap_or(field.at));
    match standard.writes() {
        Writes::Never | Writes::ByLife => {
            let what =
                format!("Salesforce decides {}.{}; it cannot be written", standard.object(), standard.name());
            mistakes.add(at, what, read_only());
        }
        Writes::Fixed if to.crm.update => {
            let what = format!(
                "Salesforce takes {}.{} only when the record is created",
                standard.object(),
                standard.name()
            );
            mistakes.add(at, what, creation());
        }
        Writes::Fixed | Writes::Creation | Writes::Always => {}
    }
    if let (Some(most), Some(said)) = (standard.max_chars(), field.max_chars)
        && said > most
    {
        let what = format!(
            "{}.{} holds at most {most} characters, and not {said}",
            standard.object(),
            standard.name()
        );
        mistakes.add(
            field.max_chars_at.unwrap_or(field.at),
            what,
            Remedy::field(field.id.as_str(), "max_length", most.to_string()),
        );
    }
}

/// Notes a name that is most likely a slip in that of a standard field.
pub(super) fn name(field: &Field, crm: &CrmPath, mistakes: &mut Mistakes<'_>) {
    let Some(object) = crm_schema::object_at(crm) else { return };
    let name = crm.field();
    if name.contains("__") || StandardField::named(object, name).is_some() {
        return;
    }
    let known = StandardField::of(object).map(StandardField::name);
    if let Some(near) = similar::within(SLIP, name, known) {
        let path = crm.to_string();
        let path = path.strip_suffix(name).map(|way| format!("{way}{near}")).unwrap_or(path);
        mistakes.add(
            field.places.crm.unwrap_or(field.at),
            format!("{object} has no standard field `{}`", typed::shown(name)),
            Remedy::field(field.id.as_str(), "salesforce", quoted(&path)),
        );
    }
}

fn portal_holds(holds: Holds, type_name: &str) -> bool {
    let fitting: &[&[&str]] = match holds {
        Holds::Text => &[TEXTS, CODES],
        Holds::Number => &[&["number", "money"]],
        Holds::Time => &[TIMES, &["text"]],
        Holds::Flag => &[FLAGS],
        Holds::People => &[PEOPLE],
        Holds::Solutions => &[&["solutions"]],
        Holds::Attributes => &[&["attribute"]],
        Holds::Identifiers => &[&["profile_id"]],
        Holds::Open => &[TEXTS, NUMBERS, TIMES, FLAGS],
    };
    fitting.iter().any(|names| names.contains(&type_name))
}

fn crm_holds(column: Column, type_name: &str) -> bool {
    let fitting: &[&[&str]] = match column {
        Column::Text(_) | Column::Picklist | Column::Id => &[TEXTS],
        Column::Number => &[NUMBERS],
        Column::Date | Column::Time => &[TIMES],
        Column::Flag => &[FLAGS],
    };
    fitting.iter().any(|names| names.contains(&type_name))
}

fn holds(holds: Holds) -> &'static str {
    match holds {
        Holds::Text => "a text",
        Holds::Number => "a number",
        Holds::Time => "a moment",
        Holds::Flag => "true or false",
        Holds::People => "a list of people",
        Holds::Solutions => "a list of solutions",
        Holds::Attributes => "a list of attributes",
        Holds::Identifiers => "a list of identifiers",
        Holds::Open => "what no document says",
    }
}

fn column(column: Column) -> &'static str {
    match column {
        Column::Text(_) => "a text",
        Column::Picklist => "a word of a picklist",
        Column::Number => "a number",
        Column::Date => "a day",
        Column::Time => "a moment",
        Column::Flag => "true or false",
        Column::Id => "a record's identifier",
    }
}
