//! `@{ref.field}` in urls and bodies of subrequests (salesforce reference, section 2.9).

use std::collections::BTreeMap;

use serde_json::Value;

/// Bodies of the subrequests that went well, by reference id.
#[derive(Debug, Default)]
pub(crate) struct Results {
    bodies: BTreeMap<String, Value>,
}

impl Results {
    pub(crate) fn add(&mut self, reference: &str, body: Option<&Value>) {
        self.bodies.insert(reference.to_owned(), body.cloned().unwrap_or(Value::Null));
    }

    fn get(&self, expression: &str) -> Result<&Value, String> {
        let (reference, path) = expression.split_once('.').unwrap_or((expression, ""));
        let wrong =
            || format!("Invalid reference specified. No value for {expression} found in {reference}.");
        let mut value = self.bodies.get(reference).ok_or_else(wrong)?;
        for part in path.split('.').filter(|part| !part.is_empty()) {
            let (name, indexes) = part.split_once('[').map_or((part, ""), |(name, rest)| (name, rest));
            if !name.is_empty() {
                value = value.get(name).ok_or_else(wrong)?;
            }
            for index in indexes.split('[').filter(|index| !index.is_empty()) {
                let index: usize = index.trim_end_matches(']').parse().map_err(|_| wrong())?;
                value = value.get(index).ok_or_else(wrong)?;
            }
        }
        Ok(value)
    }
}

/// The text with every reference replaced.
///
/// # Errors
/// The sentence of the failed reference.
pub(crate) fn in_text(text: &str, results: &Results) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("@{") {
        let Some((expression, tail)) = after.split_once('}') else { break };
        out.push_str(before);
        match results.get(expression)? {
            Value::Null => {}
            Value::String(value) => out.push_str(value),
            other => out.push_str(&other.to_string()),
        }
        rest = tail;
    }
    out.push_str(rest);
    Ok(out)
}

/// The body with every reference replaced; one that is a whole text keeps its type.
///
/// # Errors
/// The sentence of the failed reference.
pub(crate) fn in_json(value: &Value, results: &Results) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => match text.strip_prefix("@{").and_then(|rest| rest.strip_suffix('}')) {
            Some(expression) if !expression.contains("@{") => results.get(expression)?.clone(),
            _ => Value::String(in_text(text, results)?),
        },
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| in_json(item, results)).collect::<Result<_, _>>()?)
        }
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(name, value)| Ok((name.clone(), in_json(value, results)?)))
                .collect::<Result<_, String>>()?,
        ),
        other => other.clone(),
    })
}
