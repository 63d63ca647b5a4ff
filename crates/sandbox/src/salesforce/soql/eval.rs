//! Runs a query: picks rows by the best index, asks the condition, and sorts.

use std::{cmp::Ordering, collections::BTreeSet, sync::Arc};

use serde_json::Value;

use super::{
    ast::{Key, Op, Query, Select},
    bind::{Operand, Place, Scope, Test, list_key},
    filter::{collate, holds},
    groups,
    parser::{self, MAX_OFFSET},
    records,
};
use crate::salesforce::{
    errors::Fault,
    id::Id,
    org::{Caller, Org},
    schema::system,
    tables::Row,
    values::Cell,
};

/// What a query returned.
#[derive(Debug)]
pub(crate) enum Found {
    Count(usize),
    /// Records; `wide`: with so much in each that pages get short.
    Records {
        records: Vec<Value>,
        wide: bool,
    },
    /// One record a group, all at once: they have no second page.
    Groups(Vec<Value>),
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
    if let Some(expr) = &query.filter {
        scope.check_joins(expr)?;
    }
    if query.is_grouped() {
        return groups::run(scope, object, &query).map(Found::Groups);
    }
    let Select::Items(items) = &query.select else {
        return Ok(Found::Count(rows(scope, object, &query)?.len()));
    };
    let schema = Arc::clone(&org.schema);
    let relations = schema.children(schema.object(object).name);
    let parts = records::parts(scope, object, &query, items, &relations)?;
    let wide = records::wide(scope, object, &parts);
    let found = rows(scope, object, &query)?;
    let records: Vec<Value> =
        found.iter().map(|row| records::record(scope, object, row, &parts)).collect::<Result<_, _>>()?;
    Ok(Found::Records { records, wide })
}

/// Whether a row is one that `text`, a query of its object, would select.
///
/// # Errors
/// The platform's 400s for queries.
pub(crate) fn fits(org: &Org, caller: &Caller, text: &str, row: &Row) -> Result<bool, Fault> {
    let scope = Scope { org, caller, lens: org.lens(caller.now), text, all_rows: true };
    let query = parser::parse(text).map_err(|bad| scope.fault("MALFORMED_QUERY", bad.at, &bad.message))?;
    let object = scope.object(&query)?;
    let test = query.filter.as_ref().map(|expr| scope.test(object, &query, expr)).transpose()?;
    Ok(test.is_none_or(|test| holds(scope, &test, row)))
}

/// The rows a query selects, in order.
pub(crate) fn rows(scope: Scope<'_>, object: usize, query: &Query) -> Result<Vec<Arc<Row>>, Fault> {
    let mut found = chosen(scope, object, query)?;
    order(scope, object, query, &mut found)?;
    let skipped = query.offset.unwrap_or_default();
    Ok(found.into_iter().skip(skipped).take(query.limit.unwrap_or(usize::MAX)).collect())
}

/// The rows for which a query's condition holds, in no order.
pub(super) fn chosen(scope: Scope<'_>, object: usize, query: &Query) -> Result<Vec<Arc<Row>>, Fault> {
    let mine = mine(scope, object, query)?;
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
            && mine.is_none_or(|owner| row.cell(owner).as_id() == Some(scope.caller.user))
            && scope.org.shares(scope.caller, object, row)
            && test.as_ref().is_none_or(|test| holds(scope, test, row))
    });
    Ok(found)
}

/// The owner's position when the scope is what the caller owns.
fn mine(scope: Scope<'_>, object: usize, query: &Query) -> Result<Option<usize>, Fault> {
    let Some((name, at)) = &query.scope else { return Ok(None) };
    let owner = scope.org.schema.object(object).position("OwnerId");
    match (name.to_ascii_lowercase().as_str(), owner) {
        ("everything", _) => Ok(None),
        ("mine", Some(owner)) => Ok(Some(owner)),
        _ => Err(scope.fault("INVALID_QUERY_SCOPE", *at, &format!("scope {name} is not supported here"))),
    }
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

/// Sorts rows by a query's keys.
pub(super) fn order(
    scope: Scope<'_>,
    object: usize,
    query: &Query,
    rows: &mut Vec<Arc<Row>>,
) -> Result<(), Fault> {
    if query.order.is_empty() {
        return Ok(());
    }
    let keys = query
        .order
        .iter()
        .map(|key| match &key.key {
            Key::Field(path) => {
                let place = scope.comparable(object, query, path, "ORDER BY")?;
                Ok((place, key.descending, key.nulls_last))
            }
            Key::Total(of) => {
                Err(scope.fault("MALFORMED_QUERY", of.path.at, "Ordered field must be grouped or aggregated"))
            }
        })
        .collect::<Result<Vec<_>, Fault>>()?;
    let mut keyed: Vec<(Vec<Cell>, Arc<Row>)> = std::mem::take(rows)
        .into_iter()
        .map(|row| (keys.iter().map(|(place, ..)| scope.cell(&row, place)).collect(), row))
        .collect();
    keyed.sort_by(|(a, first), (b, second)| {
        let pairs = a.iter().zip(b).zip(&keys);
        pairs
            .map(|((a, b), (_, descending, nulls_last))| sorted(a, b, *descending, *nulls_last))
            .find(|order| order.is_ne())
            .unwrap_or_else(|| first.id.cmp(&second.id))
    });
    rows.extend(keyed.into_iter().map(|(_, row)| row));
    Ok(())
}

/// The order of two values under one sort key.
pub(super) fn sorted(a: &Cell, b: &Cell, descending: bool, nulls_last: bool) -> Ordering {
    match (a.is_null(), b.is_null()) {
        (true, true) => Ordering::Equal,
        (true, false) if nulls_last => Ordering::Greater,
        (true, false) => Ordering::Less,
        (false, true) if nulls_last => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) if descending => collate(b, a),
        (false, false) => collate(a, b),
    }
}
