//! A text that one side keeps as lines of one field, and the portal as two members: a street.

use deal_model::{Observed, Value};
use serde_json::Value as Json;

/// Stands between what were lines behind the second one.
const BETWEEN: &str = ", ";

/// What ends a line, to whatever reads the text next.
const LINE_ENDS: [char; 5] = ['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'];

/// The text of a field, or of two members one after the other: a first line and, if there is more, a second one that holds
/// all the rest. Blank lines go. What is no text is not known.
pub(super) fn read<'j>(parts: impl IntoIterator<Item = &'j Json>) -> Observed {
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        match part {
            Json::Null => {}
            Json::String(text) => {
                lines.extend(text.split(LINE_ENDS).map(typed).filter(|line| !line.is_empty()));
            }
            _ => return Observed::Unknown,
        }
    }
    match lines.split_first() {
        None => Observed::Empty,
        Some((first, [])) => Observed::text(first),
        Some((first, rest)) => Observed::text(&format!("{first}\n{}", rest.join(BETWEEN))),
    }
}

/// What is typed of a line. What nobody types goes here already: a line must not begin with what stood behind it.
fn typed(line: &str) -> String {
    let typed: String = line.chars().filter(|each| *each == '\t' || !each.is_control()).collect();
    typed.trim().to_owned()
}

/// The first line of what was read, and the second.
pub(super) fn split(value: &Value) -> (Json, Json) {
    let Value::Text(text) = value else { return (Json::Null, Json::Null) };
    match text.split_once('\n') {
        None => (Json::String(text.clone()), Json::Null),
        Some((first, second)) => (Json::String(first.to_owned()), Json::String(second.to_owned())),
    }
}
