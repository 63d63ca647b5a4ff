//! Queries whose records are rows of a table: what a bulk query may ask (salesforce reference, section 3).

use super::{
    ast::{Item, Path, Query, Select},
    bind::Scope,
    eval, parser,
};
use crate::salesforce::{
    errors::Fault,
    org::{Caller, Org},
    schema::Kind,
};

fn read<'a>(org: &'a Org, caller: &'a Caller, text: &'a str) -> Result<(Scope<'a>, Query, usize), Fault> {
    let scope = Scope { org, caller, lens: org.lens(caller.now), text, all_rows: false };
    let query = parser::parse(text).map_err(|bad| scope.fault("MALFORMED_QUERY", bad.at, &bad.message))?;
    let object = scope.object(&query)?;
    Ok((scope, query, object))
}

/// The object of a query that may be asked in bulk.
///
/// # Errors
/// The platform's 400s for queries; `UNSUPPORTED_QUERY` for aggregates, sub-queries, OFFSET and compound fields.
pub(crate) fn object(org: &Org, caller: &Caller, text: &str) -> Result<usize, Fault> {
    let (scope, query, object) = read(org, caller, text)?;
    columns(scope, object, &query)?;
    if let Some(filter) = &query.filter {
        scope.check_joins(filter)?;
    }
    // Whatever would be refused when the job runs is refused now.
    eval::rows(scope, object, &query)?;
    Ok(object)
}

/// The columns of a query, each as the way to it from the record, in the platform's spelling.
///
/// # Errors
/// As [`object`].
pub(crate) fn paths(org: &Org, caller: &Caller, text: &str) -> Result<Vec<Vec<String>>, Fault> {
    let (scope, query, object) = read(org, caller, text)?;
    columns(scope, object, &query)
}

fn columns(scope: Scope<'_>, object: usize, query: &Query) -> Result<Vec<Vec<String>>, Fault> {
    let unsupported =
        |text: &str| Err(Fault::bad("UNSUPPORTED_QUERY", format!("{text} not supported in a bulk query")));
    let Select::Items(items) = &query.select else { return unsupported("COUNT() is") };
    if query.is_grouped() {
        return unsupported("aggregates are");
    }
    if query.offset.is_some() {
        return unsupported("OFFSET is");
    }
    let mut found = Vec::new();
    for item in items {
        let path = match item {
            Item::Field(path, None) => path,
            Item::Children(_) => return unsupported("sub-queries are"),
            _ => return unsupported("functions and aliases are"),
        };
        found.push(column(scope, object, query, path)?);
    }
    Ok(found)
}

fn column(scope: Scope<'_>, object: usize, query: &Query, path: &Path) -> Result<Vec<String>, Fault> {
    let place = scope.place(object, query, path)?;
    let mut names = Vec::new();
    let mut at = object;
    for (step, target) in &place.steps {
        let reference = scope.org.schema.object(at).fields.get(*step).and_then(|field| field.reference());
        names.push(reference.map(|reference| reference.path.clone()).unwrap_or_default());
        at = *target;
    }
    let field = scope.field(&place);
    if matches!(field.kind, Kind::Address { .. }) {
        return Err(Fault::bad("UNSUPPORTED_QUERY", format!("{} is a compound field", path.text())));
    }
    names.push(field.name.to_string());
    Ok(names)
}
