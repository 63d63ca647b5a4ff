//! Expressions: what an admin writes where a path on each side is not enough.
//!
//! `{{ referral.name ~ " (" ~ referral.customerProfile.name ~ ")" }}`: the grammar and precedence of minijinja's
//! expressions, with values of our own. An expression sees the record that it computes from and nothing else: no time, no
//! target, no other deal. It has no loop, call or assignment, so its length bounds its work. Numbers are exact decimals.
//! Nothing is never taken for a text: a path that holds nothing stops the evaluation, and says which path it was.
//!
//! `tokens` → `parser` (with `reach`, which knows the documents) → `sorts` at load; `evaluate` → `result` when observing.

mod datum;
mod evaluate;
mod example;
mod filters;
mod node;
mod parser;
mod reach;
mod result;
mod sorts;
mod tokens;

use deal_model::{NotComputed, Observed, Side};
use serde_json::Value as Json;

use crate::{Codec, CrmPath};
use datum::Stop;
use evaluate::Run;
pub use example::Example;
use node::{Node, Part, Place};
use reach::Reach;

/// Longest expression, braces included, in bytes.
pub const MAX_SOURCE_BYTES: usize = 2048;
/// Longest text that an expression makes on its way, and in the end where its field says nothing shorter.
pub const MAX_RESULT_CHARS: usize = 32_768;

const OPEN: &str = "{{";
const CLOSE: &str = "}}";

/// What an expression is given: the record of the side that it computes from.
#[expect(missing_debug_implementations, reason = "it holds a record's values")]
pub enum Given<'d> {
    /// Our referral, and Microsoft's in the same engagement, if there is one.
    Portal {
        /// The document of our referral.
        referral: &'d Json,
        /// The document of Microsoft's.
        companion: Option<&'d Json>,
    },
    /// What a path from the opportunity holds.
    Crm(&'d dyn Fn(&CrmPath) -> Seen),
}

/// What was found at a path from the opportunity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// This; null and "" are nothing.
    Value(Json),
    /// It was not selected, or is hidden from us.
    Hidden,
}

impl Seen {
    /// What `path` is in an opportunity as the platform sends it.
    pub fn of_record(record: &Json, path: &CrmPath) -> Self {
        path.read(record).map_or(Self::Hidden, |field| Self::Value(field.clone()))
    }
}

/// A compiled expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression {
    source: String,
    from: Side,
    root: Node,
    most_chars: Option<usize>,
}

/// What is wrong with an expression, in bytes of its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) at: usize,
    pub(crate) what: String,
    pub(crate) todo: String,
    /// What stands there, and what was meant.
    pub(crate) replacement: Option<(String, String)>,
}

impl Flaw {
    fn new(at: usize, what: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { at, what: what.into(), todo: todo.into(), replacement: None }
    }

    fn replacing(mut self, old: &str, new: &str) -> Self {
        self.replacement = Some((old.to_owned(), new.to_owned()));
        self
    }
}

/// What the field of an expression is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'c> {
    pub(crate) codec: &'c Codec,
    pub(crate) most_chars: Option<usize>,
    /// Whether the file vouches for members of the referral that no document describes.
    pub(crate) undocumented: bool,
}

impl Expression {
    /// Whether a text is meant as an expression.
    pub(crate) fn is_meant(text: &str) -> bool {
        text.contains(OPEN) || text.contains("{%")
    }

    /// Compiles `source`, which computes what goes to the other side of `from`.
    pub(crate) fn compile(source: &str, from: Side, target: Target<'_>) -> Result<Self, Flaw> {
        if source.len() > MAX_SOURCE_BYTES {
            let what = format!("the expression has {} bytes", source.len());
            return Err(Flaw::new(0, what, format!("write at most {MAX_SOURCE_BYTES}")));
        }
        let (begin, end) = inside(source)?;
        let words = tokens::read(source, begin, end)?;
        let reach = Reach { source, from, undocumented: target.undocumented };
        let root = parser::Parser::new(&words, end, &reach).whole()?;
        let sort = sorts::check(&root)?;
        if !result::takes(target.codec, sort) {
            let what = format!(
                "the expression gives {}, and the field needs {}",
                sort.name(),
                result::wanted(target.codec)
            );
            return Err(Flaw::new(root.at, what, "give the field another type, or compute another value"));
        }
        Ok(Self { source: source.to_owned(), from, root, most_chars: target.most_chars })
    }

    /// The text, as the file has it.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The side that it computes from.
    pub fn from(&self) -> Side {
        self.from
    }

    /// The paths from the opportunity that it names, each as often as it does.
    pub fn crm_paths(&self) -> Vec<&CrmPath> {
        let mut paths = Vec::new();
        for place in self.places() {
            if let Place::Opportunity(path) = place {
                paths.push(path);
            }
        }
        paths
    }

    /// Whether it names Microsoft's referral.
    pub fn reads_companion(&self) -> bool {
        self.places().into_iter().any(|place| matches!(place, Place::Companion(_)))
    }

    /// Whether it names our own referral.
    pub(crate) fn reads_referral(&self) -> bool {
        self.places().into_iter().any(|place| matches!(place, Place::Referral(..)))
    }

    /// The value of a field with this codec: `Empty` where the expression gives an empty text, or reads Microsoft's
    /// referral and there is none; `Unknown` where it reads what is hidden from us. The error is for a person.
    pub fn evaluate(&self, given: &Given<'_>, codec: &Codec) -> Result<Observed, NotComputed> {
        if self.reads_companion() && matches!(given, Given::Portal { companion: None, .. }) {
            return Ok(Observed::Empty);
        }
        let value = Run::new(given).value(&self.root);
        match value.and_then(|datum| result::read(codec, self.most_chars, &datum)) {
            Ok(observed) => Ok(observed),
            Err(Stop::Hidden) => Ok(Observed::Unknown),
            Err(Stop::Missing(place)) => Err(NotComputed {
                why: format!("{place} is empty"),
                next_step: format!(
                    "Fill in {place}, or give the expression in the mapping a `default(...)`."
                ),
            }),
            Err(Stop::Failed { why, next_step }) => {
                Err(NotComputed { why, next_step: format!("{next_step}.") })
            }
        }
    }

    fn places(&self) -> Vec<&Place> {
        let mut places = Vec::new();
        gather(&self.root, &mut places);
        places
    }
}

/// Where the expression between the braces begins and ends.
fn inside(source: &str) -> Result<(usize, usize), Flaw> {
    if let Some(at) = source.find("{%") {
        return Err(Flaw::new(at, "statements cannot be used here", "write one expression in `{{ ... }}`"));
    }
    let begin = source.len() - source.trim_start().len();
    let end = source.trim_end().len();
    if !source[begin..].starts_with(OPEN) {
        let what = "the expression does not begin with `{{`";
        return Err(Flaw::new(
            begin,
            what,
            "put all of it into one pair of braces: `{{ \"Deal: \" ~ referral.name }}`",
        ));
    }
    if end < begin + OPEN.len() + CLOSE.len() || !source[..end].ends_with(CLOSE) {
        return Err(Flaw::new(end, "the expression does not end with `}}`", "close the braces"));
    }
    let (begin, end) = (begin + OPEN.len(), end - CLOSE.len());
    match source[begin..end].find(CLOSE) {
        // Texts may hold braces; two expressions side by side may not be.
        Some(at) if source[begin + at..end].contains(OPEN) => {
            let at = begin + at;
            Err(Flaw::new(
                at,
                "there is more than one expression",
                "join them in one pair of braces with `~`",
            ))
        }
        _ => Ok((begin, end)),
    }
}

fn gather<'n>(node: &'n Node, places: &mut Vec<&'n Place>) {
    match &node.part {
        Part::Text(_) | Part::Number(_) | Part::Flag(_) => {}
        Part::Place(place) => places.push(place),
        Part::List(parts) | Part::Joined(parts) => {
            for part in parts {
                gather(part, places);
            }
        }
        Part::Sum(_, pair)
        | Part::Compared(_, pair)
        | Part::Among(pair)
        | Part::And(pair)
        | Part::Or(pair) => {
            gather(&pair.0, places);
            gather(&pair.1, places);
        }
        Part::Negative(inner) | Part::Not(inner) | Part::Defined(inner) => gather(inner, places),
        Part::Chosen(choice) => {
            for part in [&choice.test, &choice.then, &choice.otherwise] {
                gather(part, places);
            }
        }
        Part::Filtered(_, input, arguments) => {
            gather(input, places);
            for argument in arguments {
                gather(argument, places);
            }
        }
    }
}
