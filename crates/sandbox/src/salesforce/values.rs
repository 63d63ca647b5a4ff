//! Field values: typed cells, what a field accepts, and how a cell looks on the wire (salesforce reference, 2.2).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::{Timestamp, civil::Date};
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Number, Value};

use super::{
    errors::Fault,
    id::Id,
    schema::{Field, Kind},
};

/// One stored value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Null,
    Bool(bool),
    Number(Decimal),
    Text(String),
    Id(Id),
    Date(Date),
    At(Timestamp),
}

impl Cell {
    pub(crate) fn text(text: &str) -> Self {
        if text.is_empty() { Self::Null } else { Self::Text(text.to_owned()) }
    }

    /// What a field holds before anybody wrote to it.
    pub(crate) fn unwritten(field: &Field) -> Self {
        match (&field.initial, &field.kind) {
            (Some(value), _) => accept(field, value).unwrap_or(Self::Null),
            (None, Kind::Boolean) => Self::Bool(false),
            (None, _) => Self::Null,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_id(&self) -> Option<Id> {
        match self {
            Self::Id(id) => Some(*id),
            _ => None,
        }
    }

    pub(crate) fn as_number(&self) -> Option<Decimal> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    pub(crate) fn as_time(&self) -> Option<Timestamp> {
        match self {
            Self::At(at) => Some(*at),
            _ => None,
        }
    }

    pub(crate) fn is_true(&self) -> bool {
        matches!(self, Self::Bool(true))
    }

    /// The key under which unique and external ids are found: they compare without case.
    pub(crate) fn key(&self) -> Option<String> {
        match self {
            Self::Null | Self::Bool(_) => None,
            Self::Number(number) => Some(number.normalize().to_string()),
            Self::Text(text) => Some(text.to_lowercase()),
            Self::Id(id) => Some(id.to_string()),
            Self::Date(date) => Some(date.to_string()),
            Self::At(at) => Some(wire_time(*at)),
        }
    }

    /// The value as JSON; `whole` numbers have no fraction.
    pub(crate) fn json(&self, kind: &Kind) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Number(number) => number_json(*number, matches!(kind, Kind::Int { .. })),
            Self::Text(text) => Value::String(text.clone()),
            Self::Id(id) => Value::String(id.to_string()),
            Self::Date(date) => Value::String(date.to_string()),
            Self::At(at) => Value::String(wire_time(*at)),
        }
    }

    /// The value in a history row: the beginning of a long text.
    pub(crate) fn plain(&self) -> Option<String> {
        self.full().map(|text| text.chars().take(255).collect())
    }

    /// The value as a person reads it.
    pub(crate) fn full(&self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Bool(value) => Some(value.to_string()),
            Self::Number(number) => Some(number.normalize().to_string()),
            Self::Text(text) => Some(text.clone()),
            Self::Id(id) => Some(id.to_string()),
            Self::Date(date) => Some(date.to_string()),
            Self::At(at) => Some(wire_time(*at)),
        }
    }
}

fn number_json(number: Decimal, whole: bool) -> Value {
    let mut text = number.normalize().to_string();
    if !whole && !text.contains('.') {
        text.push_str(".0");
    }
    text.parse::<Number>().map_or(Value::Null, Value::Number)
}

/// `2026-11-22T06:00:00.000+0000`.
pub(crate) fn wire_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3f+0000").to_string()
}

/// Whole seconds: the precision of every stored instant (salesforce reference, 4.10).
pub(crate) fn to_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// Any ISO 8601 instant with an offset.
pub(crate) fn parse_time(text: &str) -> Option<Timestamp> {
    if !text.contains('T') {
        return None;
    }
    let parsed = text.parse::<Timestamp>().ok().or_else(|| {
        // The platform's own form has no colon in its offset.
        let cut = text.len().checked_sub(5)?;
        let (head, offset) = (text.get(..cut)?, text.get(cut..)?);
        let sign = offset.get(..1)?;
        if sign != "+" && sign != "-" {
            return None;
        }
        format!("{head}{sign}{}:{}", offset.get(1..3)?, offset.get(3..5)?).parse().ok()
    })?;
    Some(to_second(parsed))
}

/// A calendar day, exactly `YYYY-MM-DD`.
pub(crate) fn parse_date(text: &str) -> Option<Date> {
    if text.len() == 10 { text.parse().ok() } else { None }
}

/// A JSON number as an exact decimal.
pub(crate) fn parse_number(number: &Number) -> Option<Decimal> {
    let text = number.to_string();
    text.parse().ok().or_else(|| Decimal::from_scientific(&text).ok())
}

fn cannot(kind: &str, value: &Value) -> Fault {
    let (token, shown) = match value {
        Value::Null => ("VALUE_NULL", "null".to_owned()),
        Value::Bool(true) => ("VALUE_TRUE", "true".to_owned()),
        Value::Bool(false) => ("VALUE_FALSE", "false".to_owned()),
        Value::Number(number) if number.to_string().contains(['.', 'e', 'E']) => {
            ("VALUE_NUMBER_FLOAT", number.to_string())
        }
        Value::Number(number) => ("VALUE_NUMBER_INT", number.to_string()),
        Value::String(text) => ("VALUE_STRING", text.clone()),
        Value::Array(_) => ("START_ARRAY", "[".to_owned()),
        Value::Object(_) => ("START_OBJECT", "{".to_owned()),
    };
    Fault::parser(format!(
        "Cannot deserialize instance of {kind} from {token} value {shown} or request may be missing a required field"
    ))
}

/// What `field` stores when `value` is written to it: trimmed, rounded, typed.
///
/// # Errors
/// The platform's refusal when the value does not fit the field.
pub(crate) fn accept(field: &Field, value: &Value) -> Result<Cell, Fault> {
    let name = field.kind.name();
    if value.is_null() {
        return Ok(if matches!(field.kind, Kind::Boolean) { Cell::Bool(false) } else { Cell::Null });
    }
    match &field.kind {
        Kind::Boolean => value.as_bool().map(Cell::Bool).ok_or_else(|| cannot(name, value)),
        Kind::Currency { precision, scale }
        | Kind::Double { precision, scale }
        | Kind::Percent { precision, scale } => number(field, value, *precision, *scale),
        Kind::Int { digits } => {
            let whole = numeral(value).is_some_and(|number| number.as_i64().is_some());
            if whole { number(field, value, *digits, 0) } else { Err(cannot(name, value)) }
        }
        Kind::Date => {
            let text = value.as_str().ok_or_else(|| cannot(name, value))?.trim();
            if text.is_empty() {
                return Ok(Cell::Null);
            }
            parse_date(text).map(Cell::Date).ok_or_else(|| cannot(name, value))
        }
        Kind::DateTime => {
            let text = value.as_str().ok_or_else(|| cannot(name, value))?.trim();
            if text.is_empty() {
                return Ok(Cell::Null);
            }
            parse_time(text).map(Cell::At).ok_or_else(|| cannot(name, value))
        }
        Kind::Id | Kind::Reference(_) => {
            let text = value.as_str().ok_or_else(|| cannot("reference", value))?.trim();
            if text.is_empty() {
                return Ok(Cell::Null);
            }
            Id::parse(text).map(Cell::Id).ok_or_else(|| {
                Fault::bad("MALFORMED_ID", format!("{}: id value of incorrect type: {text}", field.label))
                    .on(field.name)
            })
        }
        Kind::Address { .. } => Err(cannot(name, value)),
        Kind::Base64 => {
            let text = value.as_str().ok_or_else(|| cannot(name, value))?;
            match STANDARD.decode(text) {
                Ok(_) => Ok(Cell::text(text)),
                Err(_) => Err(cannot(name, &Value::from(text.chars().take(60).collect::<String>()))),
            }
        }
        Kind::Text { .. }
        | Kind::LongText { .. }
        | Kind::TextArea { .. }
        | Kind::Url
        | Kind::Email
        | Kind::Phone { .. }
        | Kind::Picklist { .. }
        | Kind::MultiPicklist { .. } => words(field, value),
    }
}

/// A number, also where a text is one: the platform's own command line sends numbers so.
fn numeral(value: &Value) -> Option<Number> {
    match value {
        Value::Number(number) => Some(number.clone()),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn number(field: &Field, value: &Value, precision: u32, scale: u32) -> Result<Cell, Fault> {
    let number = &numeral(value).ok_or_else(|| cannot(field.kind.name(), value))?;
    let outside = || {
        Fault::bad(
            "NUMBER_OUTSIDE_VALID_RANGE",
            format!("{}: value outside of valid range on numeric field: {number}", field.label),
        )
        .on(field.name)
    };
    let exact = parse_number(number).ok_or_else(outside)?;
    let rounded = exact.round_dp_with_strategy(scale, RoundingStrategy::MidpointAwayFromZero);
    if rounded.trunc().abs().to_string().len() > usize::try_from(precision.saturating_sub(scale)).unwrap_or(0)
    {
        return Err(outside());
    }
    Ok(Cell::Number(rounded))
}

fn words(field: &Field, value: &Value) -> Result<Cell, Fault> {
    let text = value.as_str().ok_or_else(|| cannot(field.kind.name(), value))?.trim();
    if text.is_empty() {
        return Ok(Cell::Null);
    }
    let limit = field.kind.length();
    let length = text.chars().count();
    if length > limit {
        let shown: String = text.chars().take(60).collect();
        return Err(Fault::bad(
            "STRING_TOO_LONG",
            format!("{}: data value too large: {shown} (max length={limit})", field.label),
        )
        .on(field.name));
    }
    match &field.kind {
        Kind::Picklist { values, restricted: true } => {
            let found = values.iter().find(|known| known.eq_ignore_ascii_case(text));
            found.map(|known| Cell::text(known)).ok_or_else(|| {
                Fault::bad(
                    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
                    format!("{}: bad value for restricted picklist field: {text}", field.label),
                )
                .on(field.name)
            })
        }
        Kind::Email if !plausible_email(text) => Err(Fault::bad(
            "INVALID_EMAIL_ADDRESS",
            format!("{}: invalid email address: {text}", field.label),
        )
        .on(field.name)),
        _ => Ok(Cell::text(text)),
    }
}

fn plausible_email(text: &str) -> bool {
    let Some((user, host)) = text.split_once('@') else { return false };
    !user.is_empty()
        && host.contains('.')
        && !host.starts_with('.')
        && !host.ends_with('.')
        && !text.contains(' ')
}
