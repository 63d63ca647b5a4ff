//! `$filter` of OData, as far as referrals need it: read strictly, evaluated on a document (reference, section 2.1).
//!
//! ```text
//! or     = and *( "or" and )           compare = path op literal | path "in" "(" literal *( "," literal ) ")"
//! and    = not *( "and" not )          lambda  = path "/any(" name ":" or ")"
//! not    = "not" not | "(" or ")" | lambda | compare
//! op     = "eq" | "ne" | "gt" | "ge" | "lt" | "le"
//! ```

mod literal;
mod print;

use std::{cmp::Ordering, str::FromStr as _};

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::{
    knobs::FilterPaths,
    schema::{self, Shape},
};

/// Longest filter, in bytes.
const MAX_BYTES: usize = 8192;
/// Deepest nesting of parentheses, `not` and lambdas.
const MAX_DEPTH: usize = 32;

/// Paths that Microsoft's pages filter by, and the identifiers and times beside them.
const DOCUMENTED: [&str; 10] = [
    "id",
    "engagementId",
    "status",
    "substatus",
    "createdDateTime",
    "updatedDateTime",
    "qualification",
    "type",
    "direction",
    "customerProfile/address/country",
];
/// The one documented lambda.
const DOCUMENTED_ANY: (&str, &str) = ("team", "email");

/// A filter that was understood. Prints as OData again, and what is printed is understood as the same filter.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter(Term);

#[derive(Debug, Clone, PartialEq)]
enum Term {
    Or(Box<Term>, Box<Term>),
    And(Box<Term>, Box<Term>),
    Not(Box<Term>),
    Any(Vec<String>, Box<Term>),
    Compare(Vec<String>, Op, Literal),
    In(Vec<String>, Vec<Literal>),
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
}

/// A constant, of the type of the member it is compared with.
#[derive(Debug, Clone, PartialEq)]
enum Literal {
    Null,
    Text(String),
    Flag(bool),
    Number(Decimal),
    Instant(Timestamp),
}

/// Reads a filter.
///
/// # Errors
/// A sentence saying what is wrong and where.
pub fn parse(text: &str, paths: FilterPaths) -> Result<Filter, String> {
    if text.len() > MAX_BYTES {
        return Err(format!("The filter is longer than {MAX_BYTES} bytes."));
    }
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens, at: 0, depth: 0, paths };
    let filter = parser.or(None)?;
    match parser.peek() {
        None => Ok(Filter(filter)),
        Some(token) => Err(format!("The filter goes on unexpectedly at {token:?}.")),
    }
}

impl Filter {
    /// Whether the document passes.
    pub fn passes(&self, document: &Map<String, Value>) -> bool {
        self.0.holds(&|path| {
            let (first, rest) = path.split_first()?;
            rest.iter().try_fold(document.get(first)?, |value, name| value.get(name))
        })
    }

    /// Whether the filter names this path at the top.
    pub(super) fn names(&self, member: &str) -> bool {
        self.0.names(member)
    }
}

impl Term {
    fn names(&self, member: &str) -> bool {
        match self {
            Self::Or(left, right) | Self::And(left, right) => left.names(member) || right.names(member),
            Self::Not(inner) => inner.names(member),
            Self::Any(..) => false,
            Self::Compare(path, ..) | Self::In(path, _) => path.len() == 1 && path[0] == member,
        }
    }

    fn holds<'d>(&self, look: &dyn Fn(&[String]) -> Option<&'d Value>) -> bool {
        match self {
            Self::Or(left, right) => left.holds(look) || right.holds(look),
            Self::And(left, right) => left.holds(look) && right.holds(look),
            Self::Not(inner) => !inner.holds(look),
            Self::Any(path, inner) => look(path).and_then(Value::as_array).is_some_and(|items| {
                items.iter().any(|item| {
                    inner.holds(&|path| path.iter().try_fold(item, |value, name| value.get(name)))
                })
            }),
            Self::Compare(path, op, literal) => compares(look(path), *op, literal),
            Self::In(path, literals) => literals.iter().any(|literal| compares(look(path), Op::Eq, literal)),
        }
    }
}

fn compares(value: Option<&Value>, op: Op, literal: &Literal) -> bool {
    let value = value.unwrap_or(&Value::Null);
    let ordering = match (value, literal) {
        (Value::Null, Literal::Null) => Some(Ordering::Equal),
        (Value::String(text), Literal::Text(other)) => Some(text.as_str().cmp(other)),
        (Value::Bool(flag), Literal::Flag(other)) => Some(flag.cmp(other)),
        (Value::Number(number), Literal::Number(other)) => {
            Decimal::from_str(&number.to_string()).ok().map(|number| number.cmp(other))
        }
        (Value::String(text), Literal::Instant(other)) => {
            Timestamp::from_str(text).ok().map(|instant| instant.cmp(other))
        }
        _ => None,
    };
    match (op, ordering) {
        (Op::Eq, found) => found == Some(Ordering::Equal),
        (Op::Ne, found) => found != Some(Ordering::Equal),
        // Null is neither before nor after anything (OData, 5.1.1.1).
        (_, _) if *literal == Literal::Null => false,
        (Op::Gt, found) => found == Some(Ordering::Greater),
        (Op::Ge, found) => found.is_some_and(Ordering::is_ge),
        (Op::Lt, found) => found == Some(Ordering::Less),
        (Op::Le, found) => found.is_some_and(Ordering::is_le),
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    /// A word: keyword, path, number, date.
    Word(String),
    /// A quoted text, unescaped.
    Text(String),
    Open,
    Close,
    Comma,
    Colon,
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '(' | ')' | ',' => {
                tokens.push(match first {
                    '(' => Token::Open,
                    ')' => Token::Close,
                    _ => Token::Comma,
                });
                1
            }
            '\'' => {
                let (text, length) = quoted(rest)?;
                tokens.push(Token::Text(text));
                length
            }
            _ => {
                let length =
                    rest.find(|c: char| c.is_whitespace() || "(),'".contains(c)).unwrap_or(rest.len());
                word(&rest[..length], &mut tokens)?;
                length
            }
        };
        // A word ends at a space or a bracket, and so does a quoted text and a bracket before a word.
        let apart = match (&tokens.last(), rest[length..].chars().next()) {
            (Some(Token::Word(_)), Some('\'')) => false,
            (Some(Token::Text(_) | Token::Close), Some(next)) => next.is_whitespace() || "),".contains(next),
            _ => true,
        };
        if !apart {
            return Err(format!("A space is missing before {:?}.", &rest[length..]));
        }
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

/// Splits `t:t/email` at its colon; a date's colons stay.
fn word(word: &str, tokens: &mut Vec<Token>) -> Result<(), String> {
    if word.starts_with(|c: char| c.is_ascii_digit() || "+-".contains(c)) {
        tokens.push(Token::Word(word.to_owned()));
        return Ok(());
    }
    for (index, part) in word.split(':').enumerate() {
        if index > 0 {
            tokens.push(Token::Colon);
        }
        if !part.chars().all(|c| c.is_ascii_alphanumeric() || "_/@.".contains(c)) {
            return Err(format!("{part:?} cannot stand in a filter."));
        }
        if !part.is_empty() {
            tokens.push(Token::Word(part.to_owned()));
        }
    }
    Ok(())
}

fn quoted(rest: &str) -> Result<(String, usize), String> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != '\'' {
            text.push(c);
        } else if chars.peek().is_some_and(|(_, next)| *next == '\'') {
            text.push('\'');
            chars.next();
        } else {
            return Ok((text, at + 1));
        }
    }
    Err("A quoted text is not closed.".to_owned())
}

/// The variable of a lambda and what it ranges over.
#[derive(Clone)]
struct Scope {
    variable: String,
    over: Vec<String>,
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    paths: FilterPaths,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Result<Token, String> {
        let token = self.tokens.get(self.at).cloned().ok_or("The filter ends too early.")?;
        self.at += 1;
        Ok(token)
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(word)) if word == keyword);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, wanted: &Token) -> Result<(), String> {
        let found = self.next()?;
        if found == *wanted { Ok(()) } else { Err(format!("{wanted:?} was expected, not {found:?}.")) }
    }

    fn or(&mut self, scope: Option<&Scope>) -> Result<Term, String> {
        let mut left = self.and(scope)?;
        while self.keyword("or") {
            left = Term::Or(Box::new(left), Box::new(self.and(scope)?));
        }
        Ok(left)
    }

    fn and(&mut self, scope: Option<&Scope>) -> Result<Term, String> {
        let mut left = self.not(scope)?;
        while self.keyword("and") {
            left = Term::And(Box::new(left), Box::new(self.not(scope)?));
        }
        Ok(left)
    }

    fn not(&mut self, scope: Option<&Scope>) -> Result<Term, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("The filter is nested too deeply.".to_owned());
        }
        let filter = if self.keyword("not") {
            Term::Not(Box::new(self.not(scope)?))
        } else if self.peek() == Some(&Token::Open) {
            self.at += 1;
            let inner = self.or(scope)?;
            self.expect(&Token::Close)?;
            inner
        } else {
            self.compare(scope)?
        };
        self.depth -= 1;
        Ok(filter)
    }

    fn compare(&mut self, scope: Option<&Scope>) -> Result<Term, String> {
        let Token::Word(word) = self.next()? else { return Err("A path was expected.".to_owned()) };
        let mut path: Vec<String> = word.split('/').map(str::to_owned).collect();
        if path.last().is_some_and(|last| last == "any") && self.peek() == Some(&Token::Open) {
            path.pop();
            return self.any(path, scope);
        }
        if let Some(scope) = scope {
            if path.first() != Some(&scope.variable) {
                return Err(format!("{word} does not start with {}.", scope.variable));
            }
            path.remove(0);
        }
        // One page names a plain `email`, which is no member: somebody on the team (section 2.1).
        if scope.is_none() && path == [DOCUMENTED_ANY.1] {
            let over = vec![DOCUMENTED_ANY.0.to_owned()];
            let scope = Scope { variable: String::new(), over: over.clone() };
            let shape = self.member(&word, &path, Some(&scope))?;
            return Ok(Term::Any(over, Box::new(self.comparison(path, shape)?)));
        }
        let shape = self.member(&word, &path, scope)?;
        self.comparison(path, shape)
    }

    /// What stands after a path: an operator and a constant, or a list of constants.
    fn comparison(&mut self, path: Vec<String>, shape: Shape) -> Result<Term, String> {
        if self.keyword("in") {
            self.expect(&Token::Open)?;
            let mut literals = vec![self.literal(shape)?];
            while self.peek() == Some(&Token::Comma) {
                self.at += 1;
                literals.push(self.literal(shape)?);
            }
            self.expect(&Token::Close)?;
            return Ok(Term::In(path, literals));
        }
        let op = match self.next()? {
            Token::Word(op) => match op.as_str() {
                "eq" => Op::Eq,
                "ne" => Op::Ne,
                "gt" => Op::Gt,
                "ge" => Op::Ge,
                "lt" => Op::Lt,
                "le" => Op::Le,
                _ => return Err(format!("{op} is not a comparison.")),
            },
            other => return Err(format!("A comparison was expected, not {other:?}.")),
        };
        Ok(Term::Compare(path, op, self.literal(shape)?))
    }

    fn any(&mut self, path: Vec<String>, scope: Option<&Scope>) -> Result<Term, String> {
        if scope.is_some() {
            return Err("any cannot stand within any.".to_owned());
        }
        self.expect(&Token::Open)?;
        let Token::Word(variable) = self.next()? else { return Err("any needs a variable.".to_owned()) };
        self.expect(&Token::Colon)?;
        let inner = self.or(Some(&Scope { variable, over: path.clone() }))?;
        self.expect(&Token::Close)?;
        Ok(Term::Any(path, Box::new(inner)))
    }

    fn member(&self, word: &str, path: &[String], scope: Option<&Scope>) -> Result<Shape, String> {
        let over: &[String] = scope.map_or(&[], |scope| &scope.over);
        let list = (!over.is_empty()).then_some("-");
        let whole = over.iter().map(String::as_str).chain(list).chain(path.iter().map(String::as_str));
        let shape = schema::at(schema::REFERRAL, whole).ok_or(format!("There is no property {word}."))?;
        if matches!(shape, Shape::List(_) | Shape::Object(_) | Shape::Open) || (path.is_empty()) {
            return Err(format!("{word} cannot be compared."));
        }
        let documented = if over.is_empty() {
            DOCUMENTED.contains(&path.join("/").as_str())
        } else {
            (over.join("/").as_str(), path.join("/").as_str()) == DOCUMENTED_ANY
        };
        if documented || self.paths == FilterPaths::Any {
            Ok(shape)
        } else {
            Err(format!("{word} is not a property to filter by."))
        }
    }

    fn literal(&mut self, shape: Shape) -> Result<Literal, String> {
        let token = self.next()?;
        if token == Token::Word("null".to_owned()) {
            return Ok(Literal::Null);
        }
        let unfit = format!("{token:?} is not of the property's type.");
        match (shape, token) {
            (Shape::Text | Shape::OneOf(_), Token::Text(text)) => Ok(Literal::Text(text)),
            (Shape::Flag, Token::Word(word)) => word.parse().map(Literal::Flag).map_err(|_| unfit),
            (Shape::Number | Shape::Money, Token::Word(word)) => {
                literal::decimal(&word).map(Literal::Number).ok_or(unfit)
            }
            (Shape::Instant, Token::Word(word)) => literal::instant(&word).map(Literal::Instant).ok_or(unfit),
            _ => Err(unfit),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn passes(filter: &str) -> Result<bool, String> {
        let Value::Object(document) = json!({
            "status": "Active", "substatus": "Accepted", "name": "O'Neill and sons", "salesStage": null,
            "updatedDateTime": "2026-11-02T09:14:07.1234567Z", "details": {"dealValue": 1200.50},
            "customerProfile": {"address": {"country": "DE"}},
            "team": [{"email": "ada@fabrikam.example"}, {"email": "bo@fabrikam.example"}]
        }) else {
            unreachable!()
        };
        parse(filter, FilterPaths::Any).map(|filter| filter.passes(&document))
    }

    #[test]
    fn filters_are_understood_as_odata_says() {
        let cases = [
            ("status eq 'Active'", true),
            ("status ne 'Active'", false),
            ("status eq 'active'", false),
            ("(status eq 'New' or substatus eq 'Accepted') and not (name eq 'x')", true),
            ("status eq 'Active' or status eq 'New' and status eq 'Closed'", true),
            ("name eq 'O''Neill and sons'", true),
            ("updatedDateTime ge 2026-11-02T09:14:07.1234567Z", true),
            ("updatedDateTime gt 2026-11-02T10:14:07.1234567+01:00", false),
            ("details/dealValue ge 1200.5 and details/dealValue lt 1201", true),
            ("customerProfile/address/country in ('CH', 'DE')", true),
            ("salesStage eq null", true),
            ("salesStage ne null", false),
            ("salesStage lt '5'", false),
            ("team/any(t:t/email eq 'bo@fabrikam.example')", true),
            ("team/any(t: t/email eq 'x@y' or t/email eq 'z@y')", false),
        ];
        for (filter, expected) in cases {
            assert_eq!(passes(filter), Ok(expected), "{filter}");
        }
    }

    #[test]
    fn what_is_not_a_filter_is_refused() {
        let nested = format!("{}status eq 'x'{}", "(".repeat(64), ")".repeat(64));
        let bad = [
            "",
            "status",
            "status eq",
            "status eq Active",
            "status = 'Active'",
            "colour eq 'x'",
            "status eq 'x",
            "status eq 'x' and",
            "(status eq 'x'",
            "status eq 'x')",
            "updatedDateTime ge '2026-11-02T09:14:07Z'",
            "updatedDateTime ge 2026-11-02",
            "team eq 'x'",
            "team/any(t:x/email eq 'y')",
            "contains(name,'x')",
            "status in ()",
            "details/dealValue eq '5'",
            "status eq'x'",
            "status eq 'x'and status eq 'y'",
            "(status eq 'x')and status eq 'y'",
            "not",
            "team/any(t:t eq 'x')",
            &nested,
        ];
        for filter in bad {
            assert!(passes(filter).is_err(), "{filter}");
        }
        assert!(parse("externalReferenceId eq '006'", FilterPaths::Documented).is_err());
    }
}
