//! A query as written: names not yet looked up.

use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;

/// A dotted name and where it stands in the text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Path {
    pub(crate) parts: Vec<String>,
    pub(crate) at: usize,
}

impl Path {
    /// The path as written.
    pub(crate) fn text(&self) -> String {
        self.parts.join(".")
    }
}

/// Which fields `FIELDS()` stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldSet {
    All,
    Standard,
    Custom,
}

/// One thing selected.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item {
    Field(Path),
    Fields(FieldSet),
    Children(Box<Query>),
}

/// What a query returns.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Select {
    /// `COUNT()`: only the number.
    Count,
    Items(Vec<Item>),
}

/// A comparison operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Like,
}

/// A list operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListOp {
    In,
    NotIn,
    Includes,
    Excludes,
}

/// A value as written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Null,
    Bool(bool),
    Number(Decimal),
    Text(String),
    Date(Date),
    At(Timestamp),
    /// `TODAY`, `LAST_N_DAYS:3`.
    Range(Relative),
}

/// A stretch of days seen from today, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Relative {
    pub(crate) from_days: i32,
    pub(crate) to_days: i32,
}

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expr {
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    Compare {
        path: Path,
        op: Op,
        value: Literal,
    },
    List {
        path: Path,
        op: ListOp,
        values: Vec<Literal>,
    },
    /// `field IN (SELECT ...)`.
    Semi {
        path: Path,
        negated: bool,
        query: Box<Query>,
    },
}

/// One sort key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Order {
    pub(crate) path: Path,
    pub(crate) descending: bool,
    pub(crate) nulls_last: bool,
}

/// A query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Query {
    pub(crate) select: Select,
    pub(crate) from: String,
    pub(crate) from_at: usize,
    pub(crate) alias: Option<String>,
    pub(crate) filter: Option<Expr>,
    pub(crate) order: Vec<Order>,
    pub(crate) limit: Option<usize>,
    pub(crate) offset: Option<usize>,
}
