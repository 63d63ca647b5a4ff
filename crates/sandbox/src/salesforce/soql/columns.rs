//! `query?columns=true`: what a query's columns are, instead of its rows (verification notes, section 1c).

use serde_json::{Value, json};

use super::{
    ast::{Item, Query, Select},
    bind::Scope,
    parser,
};
use crate::salesforce::{
    errors::Fault,
    org::{Caller, Org},
    schema::{Field, Kind},
};

/// The column list of `text`.
///
/// # Errors
/// The platform's 400s for queries.
pub(crate) fn columns(org: &Org, caller: &Caller, text: &str) -> Result<Value, Fault> {
    let scope = Scope { org, caller, lens: org.lens(caller.now), text, all_rows: false };
    let query = parser::parse(text).map_err(|bad| scope.fault("MALFORMED_QUERY", bad.at, &bad.message))?;
    let object = scope.object(&query)?;
    let listed = list(scope, object, &query)?;
    let selected = listed.iter().any(|column| column["columnName"] == "Id");
    let shape = org.schema.object(object);
    Ok(json!({
        "columnMetadata": listed, "entityName": shape.name, "groupBy": query.is_grouped(), "idSelected": selected,
        "keyPrefix": shape.prefix,
    }))
}

fn list(scope: Scope<'_>, object: usize, query: &Query) -> Result<Vec<Value>, Fault> {
    let shape = scope.org.schema.object(object);
    let Select::Items(items) = &query.select else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for item in items {
        match item {
            Item::Aggregate(of, alias) => {
                scope.place(object, query, &of.path)?;
                found.push(column(alias.as_deref().unwrap_or(&of.path.text()), None, Vec::new()));
            }
            Item::Field(path, _) => {
                let place = scope.place(object, query, path)?;
                if let Some(field) = scope.org.schema.object(place.object).fields.get(place.field) {
                    found.push(column(&path.text(), Some(field), Vec::new()));
                }
            }
            Item::Fields(_) => {
                let visible = |at: &usize| scope.org.visible(scope.caller.role, object, *at);
                let fields = (0..shape.fields.len()).filter(visible).filter_map(|at| shape.fields.get(at));
                found.extend(fields.map(|field| column(field.name, Some(field), Vec::new())));
            }
            Item::Children(inner) => {
                let links = scope.org.schema.children(shape.name);
                let link = links.iter().find(|link| {
                    link.reference.children.is_some_and(|name| name.eq_ignore_ascii_case(&inner.from))
                });
                let joined = link.map(|link| list(scope, link.object, inner)).transpose()?;
                found.push(column(&inner.from, None, joined.unwrap_or_default()));
            }
        }
    }
    Ok(found)
}

fn column(name: &str, field: Option<&Field>, joined: Vec<Value>) -> Value {
    let apex = field.map_or("QueryResult", |field| match field.kind {
        Kind::Id | Kind::Reference(_) => "Id",
        Kind::Boolean => "Boolean",
        Kind::Currency { .. } | Kind::Double { .. } | Kind::Percent { .. } => "Double",
        Kind::Int { .. } => "Integer",
        Kind::Date => "Date",
        Kind::DateTime => "Datetime",
        Kind::Address { .. } => "Address",
        _ => "String",
    });
    let last = name.rsplit('.').next().unwrap_or(name);
    json!({
        "aggregate": !joined.is_empty(), "apexType": apex, "booleanType": apex == "Boolean", "columnName": name,
        "custom": field.is_some_and(Field::custom), "displayName": last, "foreignKeyName": null,
        "insertable": field.is_some_and(|field| field.createable), "joinColumns": joined,
        "numberType": matches!(apex, "Double" | "Integer"), "textType": matches!(apex, "String" | "Id"),
        "updatable": field.is_some_and(|field| field.updateable),
    })
}
