//! Runs a query: picks rows by the best index, asks the condition, sorts, and writes records.

use std::{cmp::Ordering, collections::BTreeSet, sync::Arc};

use serde_json::{Map, Value, json};

use super::{
    ast::{FieldSet, Item, Op, Query, Select},
    bind::{Operand, Place, Scope, Test, day, list_key},
    parser::{self, MAX_OFFSET},
};
use crate::salesforce::{
    errors::Fault,
    id::Id,
    org::{Caller, Org, attributes},
    schema::{Children, system},
    tables::Row,
    values::Cell,
};

/// Largest LIMIT with `FIELDS(ALL)` or `FIELDS(CUSTOM)` (salesforce reference, 2.8).
const MAX_FIELDS_LIMIT: usize = 200;

/// What a query returned.
#[derive(Debug)]
pub(crate) enum Found {
    Count(usize),
    Records(Vec<Value>),
}

/// One part of a record.
#[derive(Debug)]
enum Part<'a> {
    Field(usize),
    Parent { field: usize, target: usize, name: String, parts: Vec<Part<'a>> },
    Children { name: &'static str, link: Children<'a>, query: &'a Query, parts: Vec<Part<'a>> },
}

/// Runs `text` for `caller`.
///
/// # Errors
/// The platform's 400s for queries.
pub(crate) fn run(org: &Org, caller: &Caller, text: &str, all_rows: bool) -> Result<Found, Fault> {
    let scope = Scope { org, caller, lens: org.lens(caller.now), text, all_rows };
    let query = parser::parse(text).map_err(|bad| scope.fault("MALFORMED_QUERY", bad.at, &bad.message))?;
    let object = scope.object(&query)?;
    if query.offset.is_some_and(|offset| offset > MAX_OFFSET) {
        return Err(Fault::bad(
            "NUMBER_OUTSIDE_VALID_RANGE",
            format!("Maximum SOQL offset allowed is {MAX_OFFSET}"),
        ));
    }
    let Select::Items(items) = &query.select else {
        return Ok(Found::Count(rows(scope, object, &query)?.len()));
    };
    let schema = Arc::clone(&org.schema);
    let relations = schema.children(schema.object(object).name);
    let parts = parts(scope, object, &query, items, &relations)?;
    let found = rows(scope, object, &query)?;
    found.iter().map(|row| record(scope, object, row, &parts)).collect::<Result<_, _>>().map(Found::Records)
}

/// The rows a query selects, in order.
pub(crate) fn rows(scope: Scope<'_>, object: usize, query: &Query) -> Result<Vec<Arc<Row>>, Fault> {
    let test = query.filter.as_ref().map(|expr| scope.test(object, query, expr)).transpose()?;
    let mut found: Vec<Arc<Row>> = match test.as_ref().and_then(|test| candidates(scope, object, test)) {
        Some(ids) => {
            ids.into_iter().filter_map(|id| scope.org.tables.see(object, id, scope.lens)).cloned().collect()
        }
        None => scope.org.tables.scan(object, scope.lens).cloned().collect(),
    };
    let bin = scope.org.schema.object(object).bin;
    found.retain(|row| {
        (!row.deleted() || (scope.all_rows && bin))
            && test.as_ref().is_none_or(|test| holds(scope, test, row))
    });
    order(scope, object, query, &mut found)?;
    let skipped = query.offset.unwrap_or_default();
    Ok(found.into_iter().skip(skipped).take(query.limit.unwrap_or(usize::MAX)).collect())
}

/// Ids among which all matches are, if an index knows; never for lagging readers, whose rows the indexes left.
fn candidates(scope: Scope<'_>, object: usize, test: &Test) -> Option<BTreeSet<Id>> {
    if scope.lens.lag_ms > 0 {
        return None;
    }
    let tables = &scope.org.tables;
    let ids_of = |place: &Place, keys: &mut dyn Iterator<Item = &String>| -> Option<BTreeSet<Id>> {
        if !place.steps.is_empty() {
            return None;
        }
        if place.field == system::ID {
            return Some(keys.filter_map(|key| Id::parse(key)).collect());
        }
        if tables.linked(object, place.field) {
            let parents: Vec<Id> = keys.filter_map(|key| Id::parse(key)).collect();
            return Some(
                parents.into_iter().flat_map(|id| tables.by_parent(object, place.field, id)).collect(),
            );
        }
        // Keys hold live rows only, so they cannot answer for deleted ones.
        if tables.keyed(object, place.field) && !scope.all_rows {
            return Some(keys.flat_map(|key| tables.by_key(object, place.field, key)).collect());
        }
        None
    };
    match test {
        Test::All(tests) => {
            tests.iter().filter_map(|test| candidates(scope, object, test)).min_by_key(BTreeSet::len)
        }
        Test::Compare { place, op: Op::Equal, value: Operand::Cell(cell) } => {
            let key = list_key(cell)?;
            ids_of(place, &mut std::iter::once(&key))
        }
        Test::Compare {
            place,
            op: Op::Greater | Op::GreaterOrEqual,
            value: Operand::Cell(Cell::At(from)),
        } if place.steps.is_empty() && place.field == system::MODSTAMP => {
            Some(tables.since(object, *from).into_iter().collect())
        }
        Test::OneOf { place, negated: false, values, null: false } => ids_of(place, &mut values.iter()),
        _ => None,
    }
}

/// Whether the condition holds for a row.
fn holds(scope: Scope<'_>, test: &Test, row: &Row) -> bool {
    match test {
        Test::All(tests) => tests.iter().all(|test| holds(scope, test, row)),
        Test::Any(tests) => tests.iter().any(|test| holds(scope, test, row)),
        Test::Not(test) => !holds(scope, test, row),
        Test::Compare { place, op, value } => compares(&scope.cell(row, place), *op, value),
        Test::Like { place, pattern } => {
            scope.cell(row, place).as_text().is_some_and(|text| like(&text.to_lowercase(), pattern))
        }
        Test::OneOf { place, negated, values, null } => {
            let inside = list_key(&scope.cell(row, place)).map_or(*null, |key| values.contains(&key));
            inside != *negated
        }
        Test::Includes { place, negated, values } => {
            let cell = scope.cell(row, place);
            let own: Vec<String> = cell
                .as_text()
                .unwrap_or_default()
                .split(';')
                .map(|part| part.trim().to_lowercase())
                .collect();
            values.iter().any(|wanted| wanted.iter().all(|part| own.contains(part))) != *negated
        }
    }
}

fn compares(cell: &Cell, op: Op, value: &Operand) -> bool {
    let value = match value {
        Operand::Cell(value) => value,
        Operand::Days(from, to) => {
            let own = match cell {
                Cell::Date(date) => *date,
                Cell::At(at) => day(*at),
                _ => return op == Op::NotEqual,
            };
            return match op {
                Op::Equal => *from <= own && own <= *to,
                Op::NotEqual => own < *from || *to < own,
                Op::Less => own < *from,
                Op::LessOrEqual => own <= *to,
                Op::Greater => own > *to,
                Op::GreaterOrEqual => own >= *from,
                Op::Like => false,
            };
        }
    };
    match (cell, value) {
        (Cell::Null, Cell::Null) => op == Op::Equal,
        // On a boolean, null matches false (section 2.8).
        (Cell::Bool(own), Cell::Null) => (op == Op::Equal) != *own,
        (Cell::Null, _) | (_, Cell::Null) => op == Op::NotEqual,
        (own, value) => {
            let order = collate(own, value);
            match op {
                Op::Equal => order.is_eq(),
                Op::NotEqual => order.is_ne(),
                Op::Less => order.is_lt(),
                Op::LessOrEqual => order.is_le(),
                Op::Greater => order.is_gt(),
                Op::GreaterOrEqual => order.is_ge(),
                Op::Like => false,
            }
        }
    }
}

/// The order of two values of one field: texts without case.
fn collate(a: &Cell, b: &Cell) -> Ordering {
    match (a, b) {
        (Cell::Text(a), Cell::Text(b)) => a.to_lowercase().cmp(&b.to_lowercase()),
        (Cell::Number(a), Cell::Number(b)) => a.cmp(b),
        (Cell::Date(a), Cell::Date(b)) => a.cmp(b),
        (Cell::At(a), Cell::At(b)) => a.cmp(b),
        (Cell::Id(a), Cell::Id(b)) => a.cmp(b),
        (Cell::Bool(a), Cell::Bool(b)) => a.cmp(b),
        (a, b) => a.is_null().cmp(&b.is_null()).reverse(),
    }
}

/// `%` any stretch, `_` any letter, a backslash before either means itself.
fn like(text: &str, pattern: &str) -> bool {
    #[derive(Clone, Copy)]
    enum Piece {
        Any,
        One,
        Letter(char),
    }
    let mut pieces = Vec::new();
    let mut letters = pattern.chars().peekable();
    while let Some(letter) = letters.next() {
        pieces.push(match letter {
            '%' => Piece::Any,
            '_' => Piece::One,
            '\\' => match letters.next_if(|next| matches!(next, '%' | '_')) {
                Some(next) => Piece::Letter(next),
                None => Piece::Letter('\\'),
            },
            other => Piece::Letter(other),
        });
    }
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut piece, mut back) = (0, 0, None);
    while at < text.len() {
        match pieces.get(piece) {
            Some(Piece::Any) => {
                back = Some((piece + 1, at));
                piece += 1;
            }
            Some(Piece::One) => {
                at += 1;
                piece += 1;
            }
            Some(Piece::Letter(letter)) if text.get(at) == Some(letter) => {
                at += 1;
                piece += 1;
            }
            _ => match back {
                Some((after, from)) => {
                    piece = after;
                    at = from + 1;
                    back = Some((after, from + 1));
                }
                None => return false,
            },
        }
    }
    pieces.iter().skip(piece).all(|piece| matches!(piece, Piece::Any))
}

fn order(scope: Scope<'_>, object: usize, query: &Query, rows: &mut Vec<Arc<Row>>) -> Result<(), Fault> {
    if query.order.is_empty() {
        return Ok(());
    }
    let keys = query
        .order
        .iter()
        .map(|key| {
            Ok((scope.comparable(object, query, &key.path, "ORDER BY")?, key.descending, key.nulls_last))
        })
        .collect::<Result<Vec<_>, Fault>>()?;
    let mut keyed: Vec<(Vec<Cell>, Arc<Row>)> = std::mem::take(rows)
        .into_iter()
        .map(|row| (keys.iter().map(|(place, ..)| scope.cell(&row, place)).collect(), row))
        .collect();
    keyed.sort_by(|(a, first), (b, second)| {
        for ((a, b), (_, descending, nulls_last)) in a.iter().zip(b).zip(&keys) {
            let order = match (a.is_null(), b.is_null()) {
                (true, true) => Ordering::Equal,
                (true, false) => {
                    if *nulls_last {
                        Ordering::Greater
                    } else {
                        Ordering::Less
                    }
                }
                (false, true) => {
                    if *nulls_last {
                        Ordering::Less
                    } else {
                        Ordering::Greater
                    }
                }
                (false, false) if *descending => collate(b, a),
                (false, false) => collate(a, b),
            };
            if order.is_ne() {
                return order;
            }
        }
        first.id.cmp(&second.id)
    });
    rows.extend(keyed.into_iter().map(|(_, row)| row));
    Ok(())
}

fn parts<'a>(
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
            Item::Field(path) => {
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
                if *set != FieldSet::Standard && query.limit.is_none_or(|limit| limit > MAX_FIELDS_LIMIT) {
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
                    scope.test(link.object, inner, expr)?;
                }
                order(scope, link.object, inner, &mut Vec::new())?;
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

fn record(scope: Scope<'_>, object: usize, row: &Row, parts: &[Part<'_>]) -> Result<Value, Fault> {
    let shape = scope.org.schema.object(object);
    let mut record = Map::new();
    record.insert("attributes".into(), attributes(shape, row.id, scope.caller.version));
    for part in parts {
        match part {
            Part::Field(at) => {
                if let Some(field) = shape.fields.get(*at) {
                    record.insert(field.name.into(), scope.org.field_json(object, row, *at));
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
        (!row.deleted() || scope.all_rows) && test.as_ref().is_none_or(|test| holds(scope, test, row))
    });
    order(scope, link.object, query, &mut found)?;
    let skipped = query.offset.unwrap_or_default();
    Ok(found.into_iter().skip(skipped).take(query.limit.unwrap_or(usize::MAX)).collect())
}
