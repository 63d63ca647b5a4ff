//! Aggregates: rows in groups, each group one record (salesforce reference, section 2.8).

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::{
    ast::{Aggregate, Expr, Function, Item, Key, Path, Query, Select},
    bind::{Operand, Place, Scope, list_key},
    eval::{chosen, sorted},
    filter::{collate, compares, holds},
};
use crate::salesforce::{errors::Fault, schema::Kind, tables::Row, values::Cell};

/// Most groups in an answer, and most rows that HAVING and ORDER BY are asked of.
const MAX_GROUPS: usize = 2_000;

/// Rows that have the grouped values in common.
struct Group {
    keys: Vec<Cell>,
    rows: Vec<Arc<Row>>,
}

/// A grouped query, its names looked up.
struct Grouped<'a> {
    scope: Scope<'a>,
    object: usize,
    query: &'a Query,
    places: Vec<Place>,
}

/// Runs a grouped query.
///
/// # Errors
/// The platform's 400s for queries.
pub(super) fn run(scope: Scope<'_>, object: usize, query: &Query) -> Result<Vec<Value>, Fault> {
    let Select::Items(items) = &query.select else {
        return Err(Fault::bad("MALFORMED_QUERY", "COUNT() cannot be grouped; count a field"));
    };
    if query.group.is_empty() && query.limit.is_some() {
        return Err(Fault::bad(
            "MALFORMED_QUERY",
            "Non-grouped query that uses overall aggregate functions cannot also use LIMIT",
        ));
    }
    let places = query
        .group
        .iter()
        .map(|path| {
            let place = scope.comparable(object, query, path, "GROUP BY")?;
            let kind = &scope.field(&place).kind;
            let fits = !matches!(
                kind,
                Kind::Currency { .. }
                    | Kind::Double { .. }
                    | Kind::Percent { .. }
                    | Kind::DateTime
                    | Kind::MultiPicklist { .. }
            );
            if fits {
                return Ok(place);
            }
            let text = format!("field '{}' can not be grouped in a query call", path.text());
            Err(scope.fault("MALFORMED_QUERY", path.at, &text))
        })
        .collect::<Result<Vec<_>, Fault>>()?;
    let grouped = Grouped { scope, object, query, places };
    let columns = grouped.columns(items)?;
    let mut groups = grouped.groups()?;
    if let Some(having) = &query.having {
        let mut kept = Vec::new();
        for group in groups {
            if grouped.passes(having, &group)? {
                kept.push(group);
            }
        }
        groups = kept;
    }
    let groups = grouped.ordered(groups)?;
    let skipped = query.offset.unwrap_or_default();
    let taken: Vec<&Group> = groups.iter().skip(skipped).take(query.limit.unwrap_or(usize::MAX)).collect();
    if taken.len() > MAX_GROUPS {
        return Err(Fault::bad(
            "EXCEEDED_ID_LIMIT",
            "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch",
        ));
    }
    taken.into_iter().map(|group| grouped.record(&columns, group)).collect()
}

/// One member of a record.
enum Column<'a> {
    Key { name: String, at: usize },
    Total { name: String, of: &'a Aggregate },
}

impl Grouped<'_> {
    /// The position of a path among the grouped ones.
    fn key(&self, path: &Path) -> Result<usize, Fault> {
        let place = self.scope.place(self.object, self.query, path)?;
        self.places.iter().position(|own| *own == place).ok_or_else(|| {
            let text = format!("Field must be grouped or aggregated: {}", path.text());
            self.scope.fault("MALFORMED_QUERY", path.at, &text)
        })
    }

    fn columns<'a>(&self, items: &'a [Item]) -> Result<Vec<Column<'a>>, Fault> {
        let mut names = HashSet::new();
        let mut unnamed = 0;
        let mut columns = Vec::new();
        for item in items {
            let (name, at, column) = match item {
                Item::Field(path, alias) => {
                    let at = self.key(path)?;
                    let own = self.places.get(at).map_or("", |place| self.scope.field(place).name);
                    let name = alias.clone().unwrap_or_else(|| own.to_owned());
                    (name.clone(), path.at, Column::Key { name, at })
                }
                Item::Aggregate(of, alias) => {
                    self.check(of)?;
                    let name = alias.clone().unwrap_or_else(|| {
                        unnamed += 1;
                        format!("expr{}", unnamed - 1)
                    });
                    (name.clone(), of.path.at, Column::Total { name, of })
                }
                Item::Fields(_) | Item::Children(_) => {
                    return Err(self.scope.fault(
                        "MALFORMED_QUERY",
                        self.query.from_at,
                        "a grouped query selects grouped fields and aggregates only",
                    ));
                }
            };
            if !names.insert(name.to_lowercase()) {
                return Err(self.scope.fault("MALFORMED_QUERY", at, &format!("duplicate alias: {name}")));
            }
            columns.push(column);
        }
        Ok(columns)
    }

    /// Whether the function takes the field.
    fn check(&self, of: &Aggregate) -> Result<Place, Fault> {
        let place = self.scope.comparable(self.object, self.query, &of.path, "WHERE")?;
        let kind = &self.scope.field(&place).kind;
        let number = matches!(
            kind,
            Kind::Currency { .. } | Kind::Double { .. } | Kind::Percent { .. } | Kind::Int { .. }
        );
        let fits = match of.function {
            Function::Sum | Function::Avg => number,
            Function::Min | Function::Max => !matches!(kind, Kind::Boolean | Kind::MultiPicklist { .. }),
            Function::Count | Function::CountDistinct => true,
        };
        if fits {
            return Ok(place);
        }
        let text = format!("field {} does not support aggregate operator", of.path.text());
        Err(self.scope.fault("MALFORMED_QUERY", of.path.at, &text))
    }

    fn groups(&self) -> Result<Vec<Group>, Fault> {
        let rows = chosen(self.scope, self.object, self.query)?;
        if self.query.group.is_empty() {
            return Ok(vec![Group { keys: Vec::new(), rows }]);
        }
        let mut groups: BTreeMap<Vec<Option<String>>, Group> = BTreeMap::new();
        for row in rows {
            let keys: Vec<Cell> = self.places.iter().map(|place| self.scope.cell(&row, place)).collect();
            let words = keys.iter().map(list_key).collect();
            groups.entry(words).or_insert_with(|| Group { keys, rows: Vec::new() }).rows.push(row);
        }
        Ok(groups.into_values().collect())
    }

    fn total(&self, of: &Aggregate, group: &Group) -> Result<Cell, Fault> {
        let place = self.check(of)?;
        let cells = group.rows.iter().map(|row| self.scope.cell(row, &place)).filter(|cell| !cell.is_null());
        let numbers = |cells: &mut dyn Iterator<Item = Cell>| {
            cells
                .filter_map(|cell| cell.as_number())
                .try_fold((Decimal::ZERO, 0_u64), |(sum, count), number| {
                    Some((sum.checked_add(number)?, count + 1))
                })
        };
        let too_large = || Fault::bad("NUMBER_OUTSIDE_VALID_RANGE", "the sum is too large");
        let count = |count: usize| Cell::Number(Decimal::from(count));
        let mut cells = cells;
        Ok(match of.function {
            Function::Count => count(cells.count()),
            Function::CountDistinct => {
                count(cells.filter_map(|cell| list_key(&cell)).collect::<HashSet<_>>().len())
            }
            Function::Sum | Function::Avg => match numbers(&mut cells).ok_or_else(too_large)? {
                (_, 0) => Cell::Null,
                (sum, _) if of.function == Function::Sum => Cell::Number(sum),
                (sum, count) => Cell::Number(sum / Decimal::from(count)),
            },
            Function::Min => cells.min_by(collate).unwrap_or(Cell::Null),
            Function::Max => cells.max_by(collate).unwrap_or(Cell::Null),
        })
    }

    fn passes(&self, having: &Expr, group: &Group) -> Result<bool, Fault> {
        match having {
            Expr::And(terms) => terms.iter().try_fold(true, |all, term| Ok(self.passes(term, group)? && all)),
            Expr::Or(terms) => terms.iter().try_fold(false, |any, term| Ok(self.passes(term, group)? || any)),
            Expr::Not(term) => Ok(!self.passes(term, group)?),
            Expr::Total { of, op, value } => {
                let place = self.check(of)?;
                let counts = matches!(of.function, Function::Count | Function::CountDistinct);
                let operand = match value {
                    super::ast::Literal::Number(number) if counts => Operand::Cell(Cell::Number(*number)),
                    value => self.scope.operand(&place, &of.path, value)?,
                };
                Ok(compares(&self.total(of, group)?, *op, &operand))
            }
            Expr::Compare { path, .. } | Expr::List { path, .. } => {
                self.key(path)?;
                let test = self.scope.test(self.object, self.query, having)?;
                Ok(group.rows.first().is_some_and(|row| holds(self.scope, &test, row)))
            }
            Expr::Semi { path, .. } => {
                Err(self.scope.fault("MALFORMED_QUERY", path.at, "a semi join cannot stand in HAVING"))
            }
        }
    }

    fn ordered(&self, groups: Vec<Group>) -> Result<Vec<Group>, Fault> {
        let mut keyed = Vec::with_capacity(groups.len());
        // Asked once even without groups, so that a wrong key is refused all the same.
        let blank = Group { keys: vec![Cell::Null; self.places.len()], rows: Vec::new() };
        self.sort_keys(&blank)?;
        for group in groups {
            keyed.push((self.sort_keys(&group)?, group));
        }
        keyed.sort_by(|(a, first), (b, second)| {
            let pairs = a.iter().zip(b).zip(&self.query.order);
            let own = pairs.map(|((a, b), key)| sorted(a, b, key.descending, key.nulls_last));
            let rest = first.keys.iter().zip(&second.keys).map(|(a, b)| sorted(a, b, false, false));
            own.chain(rest).find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
        });
        Ok(keyed.into_iter().map(|(_, group)| group).collect())
    }

    fn sort_keys(&self, group: &Group) -> Result<Vec<Cell>, Fault> {
        let key = |key: &Key| match key {
            Key::Field(path) => Ok(group.keys.get(self.key(path)?).cloned().unwrap_or(Cell::Null)),
            Key::Total(of) => self.total(of, group),
        };
        self.query.order.iter().map(|order| key(&order.key)).collect()
    }

    fn record(&self, columns: &[Column<'_>], group: &Group) -> Result<Value, Fault> {
        let mut record = Map::new();
        record.insert("attributes".into(), json!({"type": "AggregateResult"}));
        for column in columns {
            let (name, value) = match column {
                Column::Key { name, at } => {
                    let kind = self.places.get(*at).map(|place| &self.scope.field(place).kind);
                    let cell = group.keys.get(*at).unwrap_or(&Cell::Null);
                    (name, kind.map_or(Value::Null, |kind| cell.json(kind)))
                }
                Column::Total { name, of } => {
                    let cell = self.total(of, group)?;
                    let place = self.check(of)?;
                    let counts = matches!(of.function, Function::Count | Function::CountDistinct);
                    let kind = if counts { &Kind::Int { digits: 9 } } else { &self.scope.field(&place).kind };
                    (name, cell.json(kind))
                }
            };
            record.insert(name.clone(), value);
        }
        Ok(Value::Object(record))
    }
}
