//! Rows as records: fields, parents and children in the shape that was selected.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{
    ast::{Expr, FieldSet, Item, ListOp, Query, Select},
    bind::{Place, Scope},
    eval,
    filter::holds,
};
use crate::salesforce::{
    errors::Fault,
    id::Id,
    org::attributes,
    schema::{Children, Kind},
    tables::Row,
};

/// Most rows with `FIELDS(ALL)` or `FIELDS(CUSTOM)` (salesforce reference, 2.8).
const MAX_FIELDS_ROWS: usize = 200;

/// One part of a record.
#[derive(Debug)]
pub(super) enum Part<'a> {
    Field(usize),
    Parent { field: usize, target: usize, name: String, parts: Vec<Part<'a>> },
    Children { name: &'static str, link: Children<'a>, query: &'a Query, parts: Vec<Part<'a>> },
}

/// Whether a query cannot have more than [`MAX_FIELDS_ROWS`] rows: by its LIMIT, or by ids.
fn bounded(query: &Query) -> bool {
    let by_ids = |expr: &Expr| {
        matches!(
            expr,
            Expr::List { path, op: ListOp::In, values }
                if path.text().eq_ignore_ascii_case("Id") && values.len() <= MAX_FIELDS_ROWS
        )
    };
    let ids = match &query.filter {
        Some(Expr::And(terms)) => terms.iter().any(by_ids),
        Some(expr) => by_ids(expr),
        None => false,
    };
    ids || query.limit.is_some_and(|limit| limit <= MAX_FIELDS_ROWS)
}

/// Whether so many long texts are selected that pages get short (salesforce reference, 2.8).
pub(super) fn wide(scope: Scope<'_>, object: usize, parts: &[Part<'_>]) -> bool {
    let shape = scope.org.schema.object(object);
    let long = |part: &&Part<'_>| match part {
        Part::Field(at) => shape
            .fields
            .get(*at)
            .is_some_and(|field| field.custom() && matches!(field.kind, Kind::LongText { .. })),
        _ => false,
    };
    parts.iter().filter(long).count() >= 2
}

pub(super) fn parts<'a>(
    scope: Scope<'_>,
    object: usize,
    query: &'a Query,
    items: &'a [Item],
    relations: &[Children<'a>],
) -> Result<Vec<Part<'a>>, Fault> {
    let shape = scope.org.schema.object(object);
    let mut parts = Vec::new();
    for item in items {
        match item {
            Item::Aggregate(of, _) => {
                return Err(scope.fault(
                    "MALFORMED_QUERY",
                    of.path.at,
                    "aggregates belong to grouped queries",
                ));
            }
            Item::Field(path, Some(_)) => {
                return Err(scope.fault(
                    "MALFORMED_QUERY",
                    path.at,
                    "only aggregate expressions use field aliasing",
                ));
            }
            Item::Field(path, None) => {
                let place = scope.place(object, query, path)?;
                if !insert(scope, &mut parts, object, &place, &place.steps) {
                    return Err(scope.fault(
                        "INVALID_FIELD",
                        path.at,
                        &format!("duplicate field selected: {}", path.text()),
                    ));
                }
            }
            Item::Fields(set) => {
                if *set != FieldSet::Standard && !bounded(query) {
                    return Err(scope.fault(
                        "MALFORMED_QUERY",
                        0,
                        "The SOQL FIELDS function must have a LIMIT of at most 200",
                    ));
                }
                for (at, field) in shape.fields.iter().enumerate() {
                    let wanted = match set {
                        FieldSet::All => true,
                        FieldSet::Standard => !field.custom(),
                        FieldSet::Custom => field.custom(),
                    };
                    if wanted && scope.org.visible(scope.caller.role, object, at) {
                        let place = Place { steps: Vec::new(), object, field: at };
                        insert(scope, &mut parts, object, &place, &[]);
                    }
                }
            }
            Item::Children(inner) => {
                let link = relations
                    .iter()
                    .find(|link| link.reference.children.is_some_and(|name| name.eq_ignore_ascii_case(&inner.from)))
                    .ok_or_else(|| {
                        scope.fault(
                            "INVALID_TYPE",
                            inner.from_at,
                            &format!(
                                "Didn't understand relationship '{}' in FROM part of query call. If you are attempting to \
                                 use a custom relationship, be sure to append the '__r' after the custom relationship \
                                 name. Please reference your WSDL or the describe call for the appropriate names.",
                                inner.from
                            ),
                        )
                    })?;
                let Select::Items(items) = &inner.select else {
                    return Err(scope.fault("MALFORMED_QUERY", inner.from_at, "a subquery selects fields"));
                };
                let own = self::parts(scope, link.object, inner, items, &[])?;
                // Asked of no row yet, so that a wrong condition is refused even where there are no children.
                if let Some(expr) = &inner.filter {
                    scope.check_joins(expr)?;
                    scope.test(link.object, inner, expr)?;
                }
                eval::order(scope, link.object, inner, &mut Vec::new())?;
                parts.push(Part::Children {
                    name: link.reference.children.unwrap_or_default(),
                    link: *link,
                    query: inner,
                    parts: own,
                });
            }
        }
    }
    Ok(parts)
}

/// Puts a place into the tree of parts; false when it was there.
fn insert(
    scope: Scope<'_>,
    parts: &mut Vec<Part<'_>>,
    object: usize,
    place: &Place,
    steps: &[(usize, usize)],
) -> bool {
    let Some((&(field, target), rest)) = steps.split_first() else {
        if parts.iter().any(|part| matches!(part, Part::Field(own) if *own == place.field)) {
            return false;
        }
        parts.push(Part::Field(place.field));
        return true;
    };
    for part in parts.iter_mut() {
        if let Part::Parent { field: own, parts, .. } = part
            && *own == field
        {
            return insert(scope, parts, target, place, rest);
        }
    }
    let shape = scope.org.schema.object(object);
    let name =
        shape.fields.get(field).and_then(|field| field.reference()).map(|reference| reference.path.clone());
    let mut inner = Vec::new();
    insert(scope, &mut inner, target, place, rest);
    parts.push(Part::Parent { field, target, name: name.unwrap_or_default(), parts: inner });
    true
}

pub(super) fn record(scope: Scope<'_>, object: usize, row: &Row, parts: &[Part<'_>]) -> Result<Value, Fault> {
    let shape = scope.org.schema.object(object);
    let mut record = Map::new();
    record.insert("attributes".into(), attributes(shape, row.id, scope.caller.version));
    for part in parts {
        match part {
            Part::Field(at) => {
                if let Some(field) = shape.fields.get(*at) {
                    record.insert(field.name.into(), scope.org.shown_json(scope.caller, object, row, *at));
                }
            }
            Part::Parent { field, target, name, parts } => {
                let value = match scope.parent(row, *field, *target) {
                    Some(parent) => self::record(scope, *target, parent, parts)?,
                    None => Value::Null,
                };
                record.insert(name.clone(), value);
            }
            Part::Children { name, link, query, parts } => {
                let mut children = child_rows(scope, link, query, row.id)?;
                let value = if children.is_empty() {
                    Value::Null
                } else {
                    let records = children
                        .drain(..)
                        .map(|child| self::record(scope, link.object, &child, parts))
                        .collect::<Result<Vec<_>, _>>()?;
                    json!({"totalSize": records.len(), "done": true, "records": records})
                };
                record.insert((*name).into(), value);
            }
        }
    }
    Ok(Value::Object(record))
}

fn child_rows(
    scope: Scope<'_>,
    link: &Children<'_>,
    query: &Query,
    parent: Id,
) -> Result<Vec<Arc<Row>>, Fault> {
    let test = query.filter.as_ref().map(|expr| scope.test(link.object, query, expr)).transpose()?;
    let tables = &scope.org.tables;
    let mut found: Vec<Arc<Row>> = if scope.lens.lag_ms > 0 {
        let of_parent = |row: &&Arc<Row>| row.cell(link.field).as_id() == Some(parent);
        tables.scan(link.object, scope.lens).filter(of_parent).cloned().collect()
    } else {
        let ids = tables.by_parent(link.object, link.field, parent);
        ids.into_iter().filter_map(|id| tables.see(link.object, id, scope.lens)).cloned().collect()
    };
    found.retain(|row| {
        (!row.deleted() || scope.all_rows)
            && scope.org.shares(scope.caller, link.object, row)
            && test.as_ref().is_none_or(|test| holds(scope, test, row))
    });
    eval::order(scope, link.object, query, &mut found)?;
    let skipped = query.offset.unwrap_or_default();
    Ok(found.into_iter().skip(skipped).take(query.limit.unwrap_or(usize::MAX)).collect())
}
