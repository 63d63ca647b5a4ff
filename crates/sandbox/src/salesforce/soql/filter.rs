//! Whether a condition holds for a row, and how two values of a field compare.

use std::cmp::Ordering;

use rust_decimal::Decimal;

use super::{
    ast::Op,
    bind::{Operand, Scope, Test, day, list_key},
};
use crate::salesforce::{org::value_of, tables::Row, values::Cell};

/// Whether the condition holds for a row.
pub(super) fn holds(scope: Scope<'_>, test: &Test, row: &Row) -> bool {
    match test {
        Test::All(tests) => tests.iter().all(|test| holds(scope, test, row)),
        Test::Any(tests) => tests.iter().any(|test| holds(scope, test, row)),
        Test::Not(test) => !holds(scope, test, row),
        Test::Compare { place, op, value: Operand::Money(amount) } => {
            let own = scope.cell(row, place).as_number().map(|own| own / row_rate(scope, row));
            compares(&own.map_or(Cell::Null, Cell::Number), *op, &Operand::Cell(Cell::Number(*amount)))
        }
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

pub(super) fn compares(cell: &Cell, op: Op, value: &Operand) -> bool {
    let value = match value {
        Operand::Cell(value) => value,
        Operand::Money(_) => return false,
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
pub(super) fn collate(a: &Cell, b: &Cell) -> Ordering {
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

/// Units of the row's own currency for one of the corporate currency.
fn row_rate(scope: Scope<'_>, row: &Row) -> Decimal {
    let iso = scope.org.object_of(row.id).map(|object| {
        value_of(scope.org.schema.object(object), row, "CurrencyIsoCode").as_text().unwrap_or_default()
    });
    iso.and_then(|iso| scope.rate(iso)).unwrap_or(Decimal::ONE)
}
