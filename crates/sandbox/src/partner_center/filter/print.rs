//! A filter as text again, with no more parentheses than its meaning needs.

use std::fmt::{Display, Formatter, Result};

use super::{Filter, Literal, Op, Term};

/// The variable of every lambda that is printed; what a caller named it means nothing.
const VARIABLE: &str = "t";

impl Display for Filter {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        self.0.print(f, false, 0)
    }
}

impl Term {
    /// How tightly it binds: `or` 0, `and` 1, everything else 2.
    fn tightness(&self) -> u8 {
        match self {
            Self::Or(..) => 0,
            Self::And(..) => 1,
            Self::Not(_) | Self::Any(..) | Self::Compare(..) | Self::In(..) => 2,
        }
    }

    /// Prints where at least `tightness` is asked for; `within` a lambda, paths start with its variable.
    fn print(&self, f: &mut Formatter<'_>, within: bool, tightness: u8) -> Result {
        if self.tightness() < tightness {
            f.write_str("(")?;
            self.print(f, within, 0)?;
            return f.write_str(")");
        }
        match self {
            // Both group to the left, so that a right-hand side of the same kind keeps its parentheses.
            Self::Or(left, right) => {
                left.print(f, within, 0)?;
                f.write_str(" or ")?;
                right.print(f, within, 1)
            }
            Self::And(left, right) => {
                left.print(f, within, 1)?;
                f.write_str(" and ")?;
                right.print(f, within, 2)
            }
            Self::Not(inner) => {
                f.write_str("not ")?;
                inner.print(f, within, 2)
            }
            Self::Any(path, inner) => {
                write!(f, "{}/any({VARIABLE}:", path.join("/"))?;
                inner.print(f, true, 0)?;
                f.write_str(")")
            }
            Self::Compare(path, op, literal) => write!(f, "{} {op} {literal}", spelt(path, within)),
            Self::In(path, literals) => {
                let literals: Vec<String> = literals.iter().map(ToString::to_string).collect();
                write!(f, "{} in ({})", spelt(path, within), literals.join(","))
            }
        }
    }
}

fn spelt(path: &[String], within: bool) -> String {
    let path = path.join("/");
    if within { format!("{VARIABLE}/{path}") } else { path }
}

impl Display for Op {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Gt => "gt",
            Self::Ge => "ge",
            Self::Lt => "lt",
            Self::Le => "le",
        })
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Text(text) => write!(f, "'{}'", text.replace('\'', "''")),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Instant(instant) => write!(f, "{instant}"),
        }
    }
}
