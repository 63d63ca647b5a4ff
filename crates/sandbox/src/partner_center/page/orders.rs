//! What a form of the page asks for: an actor and its body.

use std::collections::HashMap;

use serde_json::{Map, Number, Value, json};

/// An actor, what it is told, and what the person is told when it is done.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) actor: &'static str,
    pub(super) body: Value,
    pub(super) done: &'static str,
}

/// Buttons, the actors behind them, and the sentence that follows.
const DEEDS: [(&str, &str, &str); 16] = [
    ("microsoft/accept", "microsoft/accept", "Microsoft accepted."),
    ("microsoft/decline", "microsoft/decline", "Microsoft declined."),
    ("microsoft/win", "microsoft/win", "Microsoft won."),
    ("microsoft/lose", "microsoft/lose", "Microsoft lost."),
    ("microsoft/edit", "microsoft/edit", "Microsoft's side was changed."),
    ("microsoft/invite", "microsoft/invite", "The partner was invited."),
    ("microsoft/lead", "microsoft/lead", "The partner has a new lead."),
    ("microsoft/registration", "microsoft/registration", "The registration was reviewed."),
    ("portal/accept", "portal/accept", "The partner accepted."),
    ("portal/decline", "portal/decline", "The partner declined."),
    ("portal/win", "portal/close", "The partner won."),
    ("portal/lose", "portal/close", "The partner lost."),
    ("portal/error", "portal/close", "The partner closed its referral as an error."),
    ("portal/edit", "portal/edit", "The partner's side was changed."),
    ("sign-in/approve", "sign-in/approve", "The sign-in was approved."),
    ("sign-in/decline", "sign-in/decline", "The sign-in was declined."),
];

/// Reads a form.
///
/// # Errors
/// A sentence for the person.
pub(super) fn order(form: &HashMap<String, String>) -> Result<Order, String> {
    let field = |name: &str| form.get(name).map(|value| value.trim()).filter(|value| !value.is_empty());
    let button = field("actor").unwrap_or_default();
    let deed = DEEDS.iter().find(|(known, ..)| *known == button);
    let (_, actor, done) = deed.ok_or("This form has no known button.")?;
    let mut body = Map::new();
    for name in ["id", "reason", "user_code", "person"] {
        if let Some(value) = field(name) {
            body.insert(name.to_owned(), value.into());
        }
    }
    match button {
        "portal/win" | "portal/lose" | "portal/error" => {
            let substatus = match button {
                "portal/win" => "Won",
                "portal/lose" => "Lost",
                _ => "Error",
            };
            body.insert("substatus".to_owned(), substatus.into());
        }
        "microsoft/registration" => {
            body.insert("status".to_owned(), field("review").unwrap_or_default().into());
            let index = field("index").and_then(|index| index.parse::<u64>().ok());
            body.insert("index".to_owned(), index.unwrap_or_default().into());
        }
        "microsoft/edit" | "portal/edit" => {
            let mut set = Map::new();
            if let Some(value) = field("value") {
                set.insert("/details/dealValue".to_owned(), amount(value)?);
            }
            if let Some(day) = field("closing") {
                set.insert("/details/closingDateTime".to_owned(), midnight(day));
            }
            if set.is_empty() {
                return Err("Give a value or a date.".to_owned());
            }
            body.insert("set".to_owned(), set.into());
        }
        "microsoft/invite" | "microsoft/lead" => {
            body.insert("referral".to_owned(), referral(form)?);
            if button == "microsoft/lead" {
                body.insert("kind".to_owned(), "sales-qualified".into());
            }
        }
        _ => {}
    }
    Ok(Order { actor, body: body.into(), done })
}

fn referral(form: &HashMap<String, String>) -> Result<Value, String> {
    let field = |name: &str| form.get(name).map(|value| value.trim()).filter(|value| !value.is_empty());
    let needed = |name: &str, what: &str| field(name).ok_or_else(|| format!("{what} is missing."));
    let mut contacts = Vec::new();
    if let (Some(first), Some(last)) = (field("first"), field("last")) {
        contacts.push(json!({
            "firstName": first, "lastName": last, "email": field("email"), "phoneNumber": field("phone"),
        }));
    }
    Ok(json!({
        "name": needed("name", "The name of the deal")?,
        "customerProfile": {
            "name": needed("customer", "The customer")?,
            "address": {
                "addressLine1": "Main Street 1", "city": "Sampletown",
                "country": needed("country", "The country")?.to_uppercase(),
            },
            "team": contacts,
        },
        "consent": {
            "consentToToShareInfoWithOthers": true,
            "consentToContact": true,
            "consentToShareReferralWithMicrosoftSellers": true,
        },
        "details": {
            "notes": field("notes"),
            "dealValue": amount(needed("value", "The value")?)?,
            "currency": needed("currency", "The currency")?.to_uppercase(),
            "closingDateTime": midnight(needed("closing", "The closing date")?),
            "requirements": { "solutions": [{ "id": "SOL-12345-ABC", "name": "Fabrikam Insight", "type": "Name" }] },
        },
    }))
}

fn amount(text: &str) -> Result<Value, String> {
    let number: Result<Number, _> = serde_json::from_str(text);
    number.map(Value::Number).map_err(|_| format!("{text} is not an amount."))
}

fn midnight(day: &str) -> Value {
    format!("{day}T00:00:00Z").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(fields: &[(&str, &str)]) -> HashMap<String, String> {
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_form_becomes_an_actor_and_its_body() {
        let edit =
            form(&[("actor", "portal/edit"), ("id", "x"), ("value", "12.5"), ("closing", "2027-01-31")]);
        let order = order(&edit).unwrap();
        assert_eq!(order.actor, "portal/edit");
        let set = json!({"/details/dealValue": 12.5, "/details/closingDateTime": "2027-01-31T00:00:00Z"});
        assert_eq!(order.body, json!({"id": "x", "set": set}));
    }

    #[test]
    fn what_is_missing_or_unknown_is_said_in_a_sentence() {
        for (fields, sentence) in [
            (&[("actor", "expire")][..], "This form has no known button."),
            (&[("actor", "portal/edit"), ("value", " ")], "Give a value or a date."),
            (&[("actor", "portal/edit"), ("value", "much")], "much is not an amount."),
            (&[("actor", "microsoft/invite")], "The name of the deal is missing."),
        ] {
            assert_eq!(order(&form(fields)).unwrap_err(), sentence);
        }
    }
}
