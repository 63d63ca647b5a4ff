//! What the portal demands of a field's value, from the field's type and its code list (partner-center reference,
//! section 4.5).

use deal_model::{Code, CodeList, CodeStanding, Demands};

use super::{lists::Named, mistakes::Mistakes, tree::Table, typed};
use crate::{
    ChoiceTable, CodeLists, Codec, CrmPath, SetBinding, SetSource,
    lists::{COUNTRIES, CURRENCIES, SOLUTIONS, iso_countries, iso_currencies},
};

/// Members that every person of the referral needs, beside the e-mail that is the key; and what people call them.
const PERSON: [(&str, &str); 3] =
    [("firstName", "first name"), ("lastName", "last name"), ("phoneNumber", "phone")];

/// Of a single value.
pub(super) fn of_scalar(
    label: &str,
    table: &Table,
    codec: &Codec,
    crm: Option<&CrmPath>,
    list: Option<Named<'_>>,
    lists: &CodeLists,
    mistakes: &mut Mistakes<'_>,
) -> Demands {
    let told = table.get("salesforce_label").and_then(|node| typed::text(node, mistakes)).map(str::to_owned);
    let place = told.or_else(|| {
        let parent = crm?.parents().last()?.to_lowercase();
        Some(format!("{label} of the {parent}"))
    });
    let (form, codes) = match codec {
        Codec::Currency => {
            standard(lists, CURRENCIES, iso_currencies, "three letters of ISO 4217 such as EUR")
        }
        Codec::Country => standard(lists, COUNTRIES, iso_countries, "two letters of ISO 3166-1 such as DE"),
        Codec::Choice(choices) | Codec::Attribute { choices, .. } => {
            (None, list.and_then(|list| of_choices(choices, list, lists)))
        }
        // A person types the number, not its code.
        Codec::Range(_) => {
            let form = Some("a number of employees that the mapping has a range for".to_owned());
            (form, list.and_then(|list| lists.checked(list.name, |_| None)))
        }
        _ => (None, None),
    };
    Demands { place, form, codes, not_negative: *codec == Codec::Money, ..Demands::default() }
}

fn standard(
    lists: &CodeLists,
    name: &str,
    all: fn() -> CodeList,
    form: &str,
) -> (Option<String>, Option<CodeList>) {
    match lists.checked(name, |_| None) {
        Some(own) => (None, Some(own)),
        None => (Some(form.to_owned()), Some(all())),
    }
}

fn of_choices(choices: &ChoiceTable, list: Named<'_>, lists: &CodeLists) -> Option<CodeList> {
    let name =
        |code: &str| choices.pairs().iter().find(|(_, known)| known == code).map(|(name, _)| name.clone());
    let mut checked = lists.checked(list.name, name)?;
    // A name whose code the list has no more is still what the seller chose, and is told by that name.
    let outdated = |(name, code): &(String, String)| {
        let gone = !checked.codes.iter().any(|known| known.code == *code);
        gone.then(|| Code { code: code.clone(), name: name.clone(), standing: CodeStanding::Outdated })
    };
    let outdated: Vec<Code> = choices.pairs().iter().filter_map(outdated).collect();
    checked.codes.extend(outdated);
    // What stands for no choice cannot be chosen.
    checked.codes.retain(|code| choices.none.as_ref() != Some(&code.code));
    Some(checked)
}

/// Of a set.
pub(super) fn of_set(set: &SetBinding, lists: &CodeLists) -> Demands {
    match &set.crm {
        SetSource::Children { .. } => Demands {
            codes: lists.checked(SOLUTIONS, |_| None),
            element: Some("row".to_owned()),
            ..Demands::default()
        },
        SetSource::ContactRoles => Demands {
            element_needs: needs_of_person(set).collect(),
            element: Some("contact".to_owned()),
            ..Demands::default()
        },
        SetSource::Team { .. } => {
            let active = (SetBinding::ACTIVE.to_owned(), "active user account".to_owned());
            Demands {
                element_needs: needs_of_person(set).chain([active]).collect(),
                element: Some("team member".to_owned()),
                ..Demands::default()
            }
        }
    }
}

fn needs_of_person(set: &SetBinding) -> impl Iterator<Item = (String, String)> {
    PERSON.into_iter().filter_map(|(member, word)| {
        let attribute = set.attributes.iter().find(|attribute| attribute.portal_member == member)?;
        Some((attribute.name.clone(), word.to_owned()))
    })
}
