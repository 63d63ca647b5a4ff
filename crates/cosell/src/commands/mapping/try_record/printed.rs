//! A tried record as text.

use deal_model::{Held, Observed, Value};
use serde_json::Value as Json;

use super::{
    Found,
    judged::{Towards, TriedField, TriedSide, Verdict},
};
use crate::output;

/// The column at which values begin.
const VALUES: usize = 18;
/// Longest value that is shown, in characters; JSON shows all of it.
const MAX_SHOWN: usize = 240;

pub(super) fn print(found: &Found, fields: &[TriedField]) {
    match &found.opportunity {
        Some((id, seen)) if seen.opted_in => output::line(format!("opportunity {id}")),
        Some((id, _)) => output::line(format!("opportunity {id}, which is not opted in")),
        None => output::line("no opportunity"),
    }
    match &found.referral {
        Some((id, _)) => output::line(format!("referral    {id}")),
        None => output::line("no referral"),
    }
    for note in &found.notes {
        output::indented(0, note);
    }
    for field in fields {
        output::line("");
        let equal = match field.equal {
            Some(true) => ", equal",
            Some(false) => ", not equal",
            None => "",
        };
        output::line(format!("{} ({}{equal})", field.field, field.type_name));
        side("Salesforce", &field.salesforce);
        side("Partner Center", &field.partner_center);
        towards("to the portal", &field.to_partner_center);
        towards("to Salesforce", &field.to_salesforce);
    }
}

fn side(name: &str, side: &TriedSide) {
    let read = observed(&side.read);
    let fitted = side.fitted.as_ref().map(held);
    let mut text = format!("{}; read as {read}", json(&side.raw));
    if let Some(fitted) = fitted.filter(|fitted| *fitted != read) {
        text = format!("{text}; fits as {fitted}");
    }
    output::aligned(&format!("  {name}"), VALUES, &text);
}

fn towards(name: &str, towards: &Towards) {
    let told = |verdict: &Verdict| match verdict {
        Verdict::Writes(value) => json(value),
        Verdict::Not(why) => format!("nothing ({why})"),
    };
    let (create, update) = (told(&towards.create), told(&towards.update));
    let text = if create == update {
        format!("always {create}")
    } else {
        format!("at creation {create}; later {update}")
    };
    output::aligned(&format!("  {name}"), VALUES, &text);
}

fn observed(observed: &Observed) -> String {
    match observed {
        Observed::Unknown => "unknown".to_owned(),
        Observed::Empty => "empty".to_owned(),
        Observed::Value(it) => value(it),
    }
}

fn held(held: &Held) -> String {
    match held {
        Held::Empty => "empty".to_owned(),
        Held::Value(it) => value(it),
    }
}

fn value(value: &Value) -> String {
    match value {
        Value::Text(text) | Value::Choice(text) => cut(&format!("{text:?}")),
        Value::Number(number) => number.to_string(),
        Value::Date(date) => date.to_string(),
        Value::Flag(flag) => flag.to_string(),
        Value::Set(elements) => {
            let keys: Vec<&str> = elements.keys().map(|key| key.0.as_str()).collect();
            if keys.is_empty() {
                "none".to_owned()
            } else {
                cut(&format!("{} of {}", keys.len(), keys.join(", ")))
            }
        }
    }
}

fn json(json: &Json) -> String {
    match json {
        Json::Null => "nothing".to_owned(),
        other => cut(&other.to_string()),
    }
}

/// A text that nobody vouches for, on one line and not too long.
fn cut(text: &str) -> String {
    let shown: String =
        text.chars().map(|each| if each.is_control() { '?' } else { each }).take(MAX_SHOWN).collect();
    if shown.chars().count() < text.chars().count() { format!("{shown}...") } else { shown }
}
