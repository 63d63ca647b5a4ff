//! `$select` and `$expand`: which members of a referral are answered with (reference, section 2.1).

use serde_json::{Map, Value};

use super::{
    refusal::Refusal,
    schema::{self, Shape},
};

/// Most paths that one option names.
const MAX_PATHS: usize = 100;

/// The members that were selected.
#[derive(Debug)]
pub(super) struct Select {
    /// Paths of names; empty: everything.
    paths: Vec<Vec<String>>,
}

impl Select {
    /// Reads `$select`: members and, with slashes, members of members; `*` is all of them.
    pub(super) fn read(value: &str) -> Result<Self, Refusal> {
        let mut paths = Vec::new();
        for name in value.split(',').map(str::trim) {
            if name == "*" {
                return Ok(Self { paths: Vec::new() });
            }
            let path: Vec<String> = name.split('/').map(str::to_owned).collect();
            let through_lists = path.iter().any(|name| name == "-" || name.parse::<usize>().is_ok());
            let known = schema::at(schema::REFERRAL, path.iter().map(String::as_str)).is_some();
            if !known || through_lists {
                return Err(option("$select", &format!("names {name}, which is no property.")));
            }
            paths.push(path);
        }
        if paths.len() > MAX_PATHS {
            Err(option("$select", "names too many properties."))
        } else {
            Ok(Self { paths })
        }
    }

    /// Leaves only what was selected, and annotations.
    pub(super) fn apply(&self, whole: &mut Value) {
        if self.paths.is_empty() {
            return;
        }
        let Value::Object(members) = whole else { return };
        let mut left: Map<String, Value> = Map::new();
        for (name, value) in members.iter().filter(|(name, _)| name.starts_with('@')) {
            left.insert(name.clone(), value.clone());
        }
        for path in &self.paths {
            copy(members, &mut left, path);
        }
        *members = left;
    }
}

fn copy(from: &Map<String, Value>, to: &mut Map<String, Value>, path: &[String]) {
    let Some((first, rest)) = path.split_first() else { return };
    let Some(value) = from.get(first) else { return };
    match (value, rest.is_empty()) {
        (Value::Object(inner), false) => {
            let place = to.entry(first.clone()).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(place) = place {
                copy(inner, place, rest);
            }
        }
        _ => {
            to.insert(first.clone(), value.clone());
        }
    }
}

/// Checks `$expand`. Everything of a referral is in it already, so naming what has an inside changes nothing.
pub(super) fn expand(value: &str) -> Result<(), Refusal> {
    for name in value.split(',').map(str::trim) {
        let inside = matches!(schema::at(schema::REFERRAL, [name]), Some(Shape::Object(_) | Shape::List(_)));
        if !inside && name != "*" {
            return Err(option("$expand", &format!("names {name}, which cannot be expanded.")));
        }
    }
    Ok(())
}

/// What a GET of one referral selects, if it selects.
pub(super) fn of_one(query: Vec<(String, String)>) -> Result<Option<Select>, Refusal> {
    let (mut selected, mut expanded) = (None, false);
    for (name, value) in query {
        match name.as_str() {
            "$select" if selected.is_none() => selected = Some(Select::read(&value)?),
            "$expand" if !expanded => {
                expand(&value)?;
                expanded = true;
            }
            _ => return Err(option(&name, "is not a query option of this resource, or is given twice.")),
        }
    }
    Ok(selected)
}

/// A query option that cannot be taken.
pub(super) fn option(name: &str, what: &str) -> Refusal {
    Refusal::member(name, "queryInvalid", what)
}
