//! A query's names looked up in the schema and its literals checked against the fields they meet.

use std::collections::HashSet;

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use rust_decimal::Decimal;

use super::{
    ast::{Expr, ListOp, Literal, Op, Path, Query, Select},
    eval,
};
use crate::salesforce::{
    errors::Fault,
    org::{Caller, Org},
    schema::{Field, Kind},
    tables::{Lens, Row},
    values::Cell,
};

/// Most parents in a path (`Contact.Account.Owner.FirstName` has three).
const MAX_STEPS: usize = 5;

/// Who asks, of what, with which words.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) org: &'a Org,
    pub(crate) caller: &'a Caller,
    pub(crate) lens: Lens,
    pub(crate) text: &'a str,
    /// Deleted rows too.
    pub(crate) all_rows: bool,
}

/// A field of the object or of one of its parents.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Place {
    /// Reference fields to follow and the objects they lead to.
    pub(crate) steps: Vec<(usize, usize)>,
    /// The object that holds the field.
    pub(crate) object: usize,
    pub(crate) field: usize,
}

/// The right side of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operand {
    Cell(Cell),
    Days(Date, Date),
    /// An amount in the org's corporate currency.
    Money(Decimal),
}

/// A condition ready to be asked of a row.
#[derive(Debug, Clone)]
pub(crate) enum Test {
    All(Vec<Test>),
    Any(Vec<Test>),
    Not(Box<Test>),
    Compare { place: Place, op: Op, value: Operand },
    Like { place: Place, pattern: String },
    OneOf { place: Place, negated: bool, values: HashSet<String>, null: bool },
    Includes { place: Place, negated: bool, values: Vec<Vec<String>> },
}

/// The key under which a cell is found in an `IN` list.
pub(crate) fn list_key(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Bool(value) => Some(value.to_string()),
        cell => cell.key(),
    }
}

impl Scope<'_> {
    /// The error texts quote the query and point at the place.
    pub(crate) fn fault(&self, code: &'static str, at: usize, message: &str) -> Fault {
        let before = self.text.get(..at).unwrap_or_default();
        let row = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|letter| *letter != '\n').count() + 1;
        let shown: String = self.text.chars().take(200).collect();
        let pointer = " ".repeat(column.min(200));
        Fault::bad(code, format!("\n{shown}\n{pointer}^\nERROR at Row:{row}:Column:{column}\n{message}"))
    }

    /// Finds the object of a FROM clause.
    pub(crate) fn object(&self, query: &Query) -> Result<usize, Fault> {
        let found = self.org.schema.find(&query.from);
        found.filter(|object| self.org.rights(self.caller.role, *object).read).ok_or_else(|| {
            self.fault(
                "INVALID_TYPE",
                query.from_at,
                &format!(
                    "sObject type '{}' is not supported. If you are attempting to use a custom object, be sure to append \
                     the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate \
                     names.",
                    query.from
                ),
            )
        })
    }

    /// Finds a field, following parents.
    pub(crate) fn place(&self, object: usize, query: &Query, path: &Path) -> Result<Place, Fault> {
        let shape = self.org.schema.object(object);
        let mut parts = path.parts.as_slice();
        if let [first, rest @ ..] = parts
            && !rest.is_empty()
            && (query.alias.as_ref().is_some_and(|alias| alias.eq_ignore_ascii_case(first))
                || (first.eq_ignore_ascii_case(shape.name) && shape.parent(first).is_none()))
        {
            parts = rest;
        }
        let [parents @ .., last] = parts else {
            return Err(self.fault("MALFORMED_QUERY", path.at, "empty path"));
        };
        if parents.len() > MAX_STEPS {
            return Err(self.fault(
                "INVALID_FIELD",
                path.at,
                "SELECT relationship path is more than 5 levels deep",
            ));
        }
        let mut at = object;
        let mut steps = Vec::new();
        for parent in parents {
            let found = self.org.schema.object(at).parent(parent).and_then(|(field, reference)| {
                let target = reference.to.first().and_then(|to| self.org.schema.find(to))?;
                self.org.visible(self.caller.role, at, field).then_some((field, target))
            });
            let (field, target) = found.ok_or_else(|| {
                self.fault(
                    "INVALID_FIELD",
                    path.at,
                    &format!(
                        "Didn't understand relationship '{parent}' in field path. If you are attempting to use a custom \
                         relationship, be sure to append the '__r' after the custom relationship name. Please reference \
                         your WSDL or the describe call for the appropriate names."
                    ),
                )
            })?;
            steps.push((field, target));
            at = target;
        }
        let field = self.org.position(self.caller.role, at, last).ok_or_else(|| {
            self.fault(
                "INVALID_FIELD",
                path.at,
                &format!(
                    "No such column '{last}' on entity '{}'. If you are attempting to use a custom field, be sure to append \
                     the '__c' after the custom field name. Please reference your WSDL or the describe call for the \
                     appropriate names.",
                    self.org.schema.object(at).name
                ),
            )
        })?;
        Ok(Place { steps, object: at, field })
    }

    pub(crate) fn field(&self, place: &Place) -> &Field {
        let object = self.org.schema.object(place.object);
        object.fields.get(place.field).expect("places come from this schema")
    }

    /// A field that may stand in WHERE or ORDER BY.
    pub(crate) fn comparable(
        &self,
        object: usize,
        query: &Query,
        path: &Path,
        clause: &str,
    ) -> Result<Place, Fault> {
        let place = self.place(object, query, path)?;
        if self.field(&place).kind.filterable() {
            return Ok(place);
        }
        let message = if clause == "ORDER BY" {
            format!("field '{}' can not be sorted in a query call", path.text())
        } else {
            format!("field '{}' can not be filtered in a query call", path.text())
        };
        Err(self.fault("INVALID_FIELD", path.at, &message))
    }

    /// The condition, ready.
    pub(crate) fn test(&self, object: usize, query: &Query, expr: &Expr) -> Result<Test, Fault> {
        match expr {
            Expr::And(terms) => self.tests(object, query, terms).map(Test::All),
            Expr::Or(terms) => self.tests(object, query, terms).map(Test::Any),
            Expr::Not(inner) => Ok(Test::Not(Box::new(self.test(object, query, inner)?))),
            Expr::Compare { path, op, value } => self.compare(object, query, path, *op, value),
            Expr::List { path, op, values } => {
                let place = self.comparable(object, query, path, "WHERE")?;
                match op {
                    ListOp::In | ListOp::NotIn => {
                        let mut keys = HashSet::new();
                        let mut null = false;
                        for value in values {
                            match self.operand(&place, path, value)? {
                                Operand::Cell(cell) => match list_key(&cell) {
                                    Some(key) => {
                                        keys.insert(key);
                                    }
                                    None => null = true,
                                },
                                Operand::Days(..) | Operand::Money(_) => {
                                    return Err(self.fault(
                                        "MALFORMED_QUERY",
                                        path.at,
                                        "this literal cannot stand in a list",
                                    ));
                                }
                            }
                        }
                        Ok(Test::OneOf { place, negated: *op == ListOp::NotIn, values: keys, null })
                    }
                    ListOp::Includes | ListOp::Excludes => {
                        if !matches!(self.field(&place).kind, Kind::MultiPicklist { .. }) {
                            return Err(self.fault(
                                "INVALID_QUERY_FILTER_OPERATOR",
                                path.at,
                                "includes and excludes are for multi-select picklists",
                            ));
                        }
                        let values = values
                            .iter()
                            .filter_map(|value| match value {
                                Literal::Text(text) => {
                                    Some(text.split(';').map(|part| part.trim().to_lowercase()).collect())
                                }
                                _ => None,
                            })
                            .collect();
                        Ok(Test::Includes { place, negated: *op == ListOp::Excludes, values })
                    }
                }
            }
            Expr::Total { of, .. } => Err(self.fault(
                "MALFORMED_QUERY",
                of.path.at,
                "aggregate functions are not allowed outside of HAVING, ORDER BY and the field list",
            )),
            Expr::Semi { path, negated, query: inner } => {
                if inner.from.eq_ignore_ascii_case(self.org.schema.object(object).name) {
                    return Err(self.fault(
                        "MALFORMED_QUERY",
                        path.at,
                        "The inner and outer selects should not be on the same object type",
                    ));
                }
                let place = self.comparable(object, query, path, "WHERE")?;
                let values = self.inner(path, inner)?;
                Ok(Test::OneOf { place, negated: *negated, values, null: false })
            }
        }
    }

    fn tests(&self, object: usize, query: &Query, terms: &[Expr]) -> Result<Vec<Test>, Fault> {
        terms.iter().map(|term| self.test(object, query, term)).collect()
    }

    /// The ids that a semi-join's inner query selects.
    fn inner(&self, path: &Path, inner: &Query) -> Result<HashSet<String>, Fault> {
        let object = self.object(inner)?;
        let Select::Items(items) = &inner.select else {
            return Err(self.fault("MALFORMED_QUERY", path.at, "a semi join selects one field"));
        };
        let [super::ast::Item::Field(selected, None)] = items.as_slice() else {
            return Err(self.fault("MALFORMED_QUERY", path.at, "a semi join selects one field"));
        };
        let place = self.place(object, inner, selected)?;
        if !matches!(self.field(&place).kind, Kind::Id | Kind::Reference(_)) {
            return Err(self.fault(
                "MALFORMED_QUERY",
                selected.at,
                "The inner select field of a semi join must be an ID or reference",
            ));
        }
        if inner.limit.is_some() || inner.offset.is_some() || !inner.order.is_empty() {
            return Err(self.fault(
                "MALFORMED_QUERY",
                inner.from_at,
                "ORDER BY, LIMIT and OFFSET are not allowed in a semi join",
            ));
        }
        let rows = eval::rows(*self, object, inner)?;
        Ok(rows.iter().filter_map(|row| list_key(&self.cell(row, &place))).collect())
    }

    fn compare(
        &self,
        object: usize,
        query: &Query,
        path: &Path,
        op: Op,
        value: &Literal,
    ) -> Result<Test, Fault> {
        let place = self.comparable(object, query, path, "WHERE")?;
        let kind = &self.field(&place).kind;
        if op == Op::Like {
            let text = matches!(
                kind,
                Kind::Text { .. }
                    | Kind::TextArea { .. }
                    | Kind::Url
                    | Kind::Email
                    | Kind::Phone { .. }
                    | Kind::Picklist { .. }
            );
            return match value {
                Literal::Text(pattern) if text => Ok(Test::Like { place, pattern: pattern.to_lowercase() }),
                _ => Err(self.fault(
                    "INVALID_QUERY_FILTER_OPERATOR",
                    path.at,
                    "invalid operator on field: like",
                )),
            };
        }
        let ordered = !matches!(op, Op::Equal | Op::NotEqual);
        if ordered && matches!(kind, Kind::Boolean | Kind::MultiPicklist { .. }) {
            return Err(self.fault("INVALID_QUERY_FILTER_OPERATOR", path.at, "invalid operator on field"));
        }
        let value = self.operand(&place, path, value)?;
        Ok(Test::Compare { place, op, value })
    }

    /// The cell at a place, seen from a row.
    pub(crate) fn cell(&self, row: &Row, place: &Place) -> Cell {
        let Some((&(first, target), rest)) = place.steps.split_first() else {
            return row.cell(place.field).clone();
        };
        let mut current = self.parent(row, first, target);
        for (field, target) in rest {
            current = current.and_then(|row| self.parent(row, *field, *target));
        }
        current.map_or(Cell::Null, |row| row.cell(place.field).clone())
    }

    /// The row a reference leads to. Parents in the recycle bin still show their fields.
    pub(crate) fn parent(&self, row: &Row, field: usize, target: usize) -> Option<&Row> {
        let id = row.cell(field).as_id()?;
        let parent = self.org.tables.see(target, id, self.lens).map(AsRef::as_ref);
        parent.filter(|parent| self.org.shares(self.caller, target, parent))
    }
}

/// The UTC day of an instant.
pub(crate) fn day(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}
