//! Where semi-joins may stand.

use super::{ast::Expr, bind::Scope};
use crate::salesforce::errors::Fault;

/// Most semi-joins in a condition.
const MAX_JOINS: usize = 2;

impl Scope<'_> {
    /// Semi-joins stand at the top of the condition, and there are few of them.
    pub(crate) fn check_joins(&self, expr: &Expr) -> Result<(), Fault> {
        let mut found = Vec::new();
        joins(expr, false, &mut found);
        if let Some((at, _)) = found.iter().find(|(_, nested)| *nested) {
            return Err(self.fault(
                "MALFORMED_QUERY",
                *at,
                "Semi join sub-selects are only allowed at the top level WHERE expressions and not in nested WHERE \
                 expressions.",
            ));
        }
        match found.get(MAX_JOINS) {
            Some((at, _)) => Err(self.fault(
                "EXCEEDED_MAX_SEMIJOIN_SUBSELECTS",
                *at,
                "Maximum 2 semi join sub-selects are allowed",
            )),
            None => Ok(()),
        }
    }
}

/// Where semi-joins stand, and whether below another operator than AND.
fn joins(expr: &Expr, nested: bool, found: &mut Vec<(usize, bool)>) {
    match expr {
        Expr::And(terms) => terms.iter().for_each(|term| joins(term, nested, found)),
        Expr::Or(terms) => terms.iter().for_each(|term| joins(term, true, found)),
        Expr::Not(term) => joins(term, true, found),
        Expr::Semi { path, .. } => found.push((path.at, nested)),
        Expr::Compare { .. } | Expr::List { .. } | Expr::Total { .. } => {}
    }
}
