//! What operators write in their own words, and by which names they are known: where it stands outside of deals, so that
//! an address that is to be forgotten is found there too.
//!
//! One table of places for both dialects; `docs/threat-model.md` says of every column of the store what becomes of it.

use serde_json::Value;

use crate::mention::Address;

/// What stands in the place of a name or a sentence that was forgotten, where something must stand.
pub(crate) const FORGOTTEN: &str = "(forgotten)";

/// A column with free text, and how to read and rewrite it. `$1` is the text as it is to be, `$2` as it is.
pub(crate) struct Place {
    /// `table.column`.
    pub(crate) name: &'static str,
    /// All texts of it.
    pub(crate) read: &'static str,
    /// Puts one in the place of another.
    pub(crate) replace: &'static str,
    then: Then,
}

/// What stands there afterwards.
#[derive(Clone, Copy)]
enum Then {
    Nothing,
    Word,
    /// The same JSON, with [`FORGOTTEN`] in the place of each text that names the address.
    Json,
}

macro_rules! place {
    ($table:literal, $column:literal, $then:ident) => {
        Place {
            name: concat!($table, ".", $column),
            read: concat!(
                "SELECT DISTINCT ",
                $column,
                " FROM ",
                $table,
                " WHERE ",
                $column,
                " IS NOT NULL ORDER BY 1"
            ),
            replace: concat!("UPDATE ", $table, " SET ", $column, " = $1 WHERE ", $column, " = $2"),
            then: Then::$then,
        }
    };
}

/// Every place. In the order in which locks on rows are taken.
pub(crate) const PLACES: [Place; 13] = [
    place!("pause", "why", Nothing),
    place!("pause", "resumed_why", Nothing),
    place!("pause", "by", Word),
    place!("pause", "resumed_by", Word),
    place!("decision", "by", Word),
    place!("brake_release", "by", Word),
    place!("proof", "by", Word),
    place!("cursor", "position", Json),
    place!("lead", "memory", Json),
    place!("token", "account", Nothing),
    place!("connection_problem", "sentence", Word),
    place!("connection_problem", "next_step", Word),
    place!("connection_worked", "saw", Word),
];

impl Place {
    /// What is to stand there instead, if `text` names the address: a text, or nothing.
    #[allow(
        clippy::option_option,
        reason = "outside: whether anything changes; inside: what a nullable column holds"
    )]
    pub(crate) fn without(&self, text: &str, address: &Address) -> Option<Option<String>> {
        if !address.is_in(text) {
            return None;
        }
        Some(match self.then {
            Then::Nothing => None,
            Then::Word => Some(FORGOTTEN.to_owned()),
            Then::Json => Some(rewritten(text, address)),
        })
    }
}

fn rewritten(text: &str, address: &Address) -> String {
    let Ok(mut value) = serde_json::from_str::<Value>(text) else { return FORGOTTEN.to_owned() };
    take_out(&mut value, address);
    value.to_string()
}

/// Parsed JSON is no deeper than the parser's own bound.
fn take_out(value: &mut Value, address: &Address) {
    match value {
        Value::String(text) if address.is_in(text) => FORGOTTEN.clone_into(text),
        Value::Array(values) => values.iter_mut().for_each(|value| take_out(value, address)),
        Value::Object(members) => members.values_mut().for_each(|value| take_out(value, address)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_names_the_address_is_taken_out_and_the_rest_of_a_text_in_json_stays() {
        let address = Address::new("ann@fabrikam.example");
        let of = |name: &str| PLACES.iter().find(|place| place.name == name).unwrap();
        assert_eq!(of("pause.why").without("ask somebody", &address), None);
        assert_eq!(of("pause.why").without("ask Ann@Fabrikam.example", &address), Some(None));
        assert_eq!(
            of("pause.by").without("ann@fabrikam.example", &address),
            Some(Some(FORGOTTEN.to_owned()))
        );
        let wish = r#"{"id":"w1","by":"ann@fabrikam.example","since":"2026-11-20T00:00:00Z"}"#;
        let left = of("cursor.position").without(wish, &address).unwrap().unwrap();
        let left: Value = serde_json::from_str(&left).unwrap();
        assert_eq!(left, serde_json::json!({ "id": "w1", "by": FORGOTTEN, "since": "2026-11-20T00:00:00Z" }));
    }
}
