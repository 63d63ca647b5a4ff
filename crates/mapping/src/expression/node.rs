//! What an expression is made of.

use rust_decimal::Decimal;

use super::filters::Filter;
use crate::{Absent, CrmPath, PortalPath};

/// A value that an expression names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// A member of our referral, and what its absence means.
    Referral(PortalPath, Absent),
    /// A member of Microsoft's referral in the same engagement.
    Companion(PortalPath),
    /// A field of the opportunity, or of a record that it points to.
    Opportunity(CrmPath),
}

/// A part of an expression and where it stands, in bytes of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) at: usize,
    pub(super) part: Part,
}

/// The parts. There is no loop, no call and no assignment among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    Number(Decimal),
    Flag(bool),
    Place(Place),
    List(Vec<Node>),
    /// `a ~ b ~ c`
    Joined(Vec<Node>),
    Sum(Sum, Box<(Node, Node)>),
    Negative(Box<Node>),
    Compared(Comparison, Box<(Node, Node)>),
    /// `a in [b, c]`
    Among(Box<(Node, Node)>),
    And(Box<(Node, Node)>),
    Or(Box<(Node, Node)>),
    Not(Box<Node>),
    /// `then if test else otherwise`
    Chosen(Box<Choice>),
    /// `a is defined`
    Defined(Box<Node>),
    Filtered(Filter, Box<Node>, Vec<Node>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) test: Node,
    pub(super) then: Node,
    pub(super) otherwise: Node,
}

/// What is exact without being told a scale. Division is a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sum {
    Add,
    Subtract,
    Multiply,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    More,
    MoreOrEqual,
}

impl Comparison {
    /// Whether it asks for an order, which only numbers and texts of dates have.
    pub(super) fn orders(self) -> bool {
        !matches!(self, Self::Equal | Self::Unequal)
    }
}
