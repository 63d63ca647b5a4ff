//! From what an expression gives to a value of its field.

use deal_model::{Kind, Observed, Value};
use serde_json::Value as Json;

use super::datum::{Datum, Sort, Stop};
use crate::Codec;

/// Whether a field of this codec can take what an expression gives, as far as its sort tells.
pub(super) fn takes(codec: &Codec, sort: Sort) -> bool {
    match codec.kind() {
        Kind::Text | Kind::LongText => matches!(sort, Sort::Text | Sort::Number | Sort::Any),
        Kind::Number => matches!(sort, Sort::Number | Sort::Any),
        Kind::Flag => matches!(sort, Sort::Flag | Sort::Any),
        Kind::Date | Kind::Choice => matches!(sort, Sort::Text | Sort::Any),
        Kind::Set => false,
    }
}

/// What such a field needs, for a sentence.
pub(super) fn wanted(codec: &Codec) -> &'static str {
    match codec.kind() {
        Kind::Text | Kind::LongText => "a text or a number",
        Kind::Number => "a number",
        Kind::Flag => "a yes or no",
        Kind::Date => "a text with a date",
        Kind::Choice | Kind::Set => "a text with one of its values",
    }
}

/// The field's value. A text of blanks is nothing.
pub(super) fn read(codec: &Codec, most_chars: Option<usize>, datum: &Datum) -> Result<Observed, Stop> {
    if !takes(codec, datum.sort()) {
        let why = format!("it gives {}, and the field needs {}", datum.sort().name(), wanted(codec));
        return Err(Stop::failed(why, "Correct the value, or the expression in the mapping"));
    }
    let text = match datum {
        Datum::Number(number) if codec.kind() == Kind::Number => {
            return Ok(Observed::Value(Value::Number(number.normalize())));
        }
        Datum::Flag(flag) => return Ok(Observed::Value(Value::Flag(*flag))),
        other => other.shown()?,
    };
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Ok(Observed::Empty);
    }
    let value = match codec {
        Codec::Choice(table) | Codec::Attribute { choices: table, .. } => match table.code_of(trimmed) {
            Some(code) => Observed::Value(Value::Choice(code.to_owned())),
            None => Observed::Unknown,
        },
        Codec::Range(table) if table.has(trimmed) => Observed::Value(Value::Choice(trimmed.to_owned())),
        Codec::Range(_) => Observed::Unknown,
        _ => codec.read_crm(&Json::String(text.clone())),
    };
    if let Observed::Value(Value::Text(text)) = &value
        && let Some(most) = most_chars
        && text.chars().count() > most
    {
        return Err(Stop::too_long(most));
    }
    match value {
        Observed::Unknown => {
            let why = format!("it gives no {}", unusable(codec));
            Err(Stop::failed(why, "Correct the value it is made of, or the expression in the mapping"))
        }
        value => Ok(value),
    }
}

fn unusable(codec: &Codec) -> &'static str {
    match codec {
        Codec::Date { .. } => "date",
        Codec::Currency => "currency",
        Codec::Country => "country",
        Codec::RecordId => "identifier",
        _ => "value that the field has",
    }
}
