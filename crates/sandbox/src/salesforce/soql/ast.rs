//! A query as written: names not yet looked up.

use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;

use super::dates::Relative;

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

/// What a group of rows is boiled down to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Count,
    CountDistinct,
    Sum,
    Avg,
    Min,
    Max,
}

impl Function {
    pub(crate) const ALL: [(&'static str, Self); 6] = [
        ("COUNT", Self::Count),
        ("COUNT_DISTINCT", Self::CountDistinct),
        ("SUM", Self::Sum),
        ("AVG", Self::Avg),
        ("MIN", Self::Min),
        ("MAX", Self::Max),
    ];
}

/// A function of a group's rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Aggregate {
    pub(crate) function: Function,
    pub(crate) path: Path,
}

/// One thing selected.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item {
    /// A field; only grouped queries name it otherwise.
    Field(Path, Option<String>),
    Aggregate(Aggregate, Option<String>),
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
    /// `USD5000`.
    Money(String, Decimal),
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
    /// A function of a group, in HAVING.
    Total {
        of: Aggregate,
        op: Op,
        value: Literal,
    },
    /// `field IN (SELECT ...)`.
    Semi {
        path: Path,
        negated: bool,
        query: Box<Query>,
    },
}

impl Expr {
    /// Every name in the condition itself, those of inner queries left out.
    pub(crate) fn paths(&self) -> Vec<&Path> {
        match self {
            Self::And(terms) | Self::Or(terms) => terms.iter().flat_map(Self::paths).collect(),
            Self::Not(term) => term.paths(),
            Self::Compare { path, .. } | Self::List { path, .. } | Self::Semi { path, .. } => vec![path],
            Self::Total { of, .. } => vec![&of.path],
        }
    }
}

/// What is sorted by.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Key {
    Field(Path),
    Total(Aggregate),
}

/// One sort key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Order {
    pub(crate) key: Key,
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
    /// `USING SCOPE`, and where it stands.
    pub(crate) scope: Option<(String, usize)>,
    pub(crate) filter: Option<Expr>,
    pub(crate) group: Vec<Path>,
    pub(crate) having: Option<Expr>,
    pub(crate) order: Vec<Order>,
    pub(crate) limit: Option<usize>,
    pub(crate) offset: Option<usize>,
}

impl Query {
    /// Whether rows are boiled down to groups.
    pub(crate) fn is_grouped(&self) -> bool {
        let totals = match &self.select {
            Select::Count => false,
            Select::Items(items) => items.iter().any(|item| matches!(item, Item::Aggregate(..))),
        };
        totals || !self.group.is_empty()
    }
}
