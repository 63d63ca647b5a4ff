//! Tokens to a query, in SOQL's clause order.

use rust_decimal::Decimal;

use super::{
    ast::{Expr, FieldSet, Item, ListOp, Literal, Op, Order, Path, Query, Relative, Select},
    lexer::{Bad, Spanned, Token, tokens},
};
use crate::salesforce::values::{parse_date, parse_time};

/// Longest query text, in characters (salesforce reference, 2.8).
pub(crate) const MAX_QUERY: usize = 100_000;
/// Brackets and NOTs inside one another.
const MAX_DEPTH: usize = 60;
/// Largest OFFSET.
pub(crate) const MAX_OFFSET: usize = 2_000;

const RESERVED: [&str; 16] = [
    "AND", "OR", "NOT", "WHERE", "ORDER", "GROUP", "LIMIT", "OFFSET", "FOR", "FROM", "SELECT", "USING",
    "WITH", "HAVING", "LIKE", "IN",
];

struct Parser {
    tokens: Vec<Spanned>,
    next: usize,
}

/// Reads one query.
pub(crate) fn parse(text: &str) -> Result<Query, Bad> {
    if text.chars().count() > MAX_QUERY {
        return Err(Bad {
            at: 0,
            message: format!("SOQL statements cannot be longer than {MAX_QUERY} characters."),
        });
    }
    let mut parser = Parser { tokens: tokens(text)?, next: 0 };
    let query = parser.query(false)?;
    match parser.peek() {
        Token::End => Ok(query),
        _ => Err(parser.unexpected()),
    }
}

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens.get(self.next).map_or(&Token::End, |spanned| &spanned.token)
    }

    fn at(&self) -> usize {
        self.tokens.get(self.next).or(self.tokens.last()).map_or(0, |spanned| spanned.at)
    }

    fn advance(&mut self) -> Token {
        let token = self.peek().clone();
        self.next += 1;
        token
    }

    fn unexpected(&self) -> Bad {
        let message = match self.peek() {
            Token::Word(word) | Token::Value(word) => format!("unexpected token: '{word}'"),
            Token::Text(text) => format!("unexpected token: '{text}'"),
            Token::Symbol(symbol) => format!("unexpected token: '{symbol}'"),
            Token::End => "unexpected token: '<EOF>'".to_owned(),
        };
        Bad { at: self.at(), message }
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Word(own) if own.eq_ignore_ascii_case(word))
    }

    fn follows(&self, ahead: usize, word: &str) -> bool {
        let token = self.tokens.get(self.next + ahead).map(|spanned| &spanned.token);
        matches!(token, Some(Token::Word(own)) if own.eq_ignore_ascii_case(word))
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.next += 1;
        }
        found
    }

    fn need_word(&mut self, word: &str) -> Result<(), Bad> {
        if self.take_word(word) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self.peek(), Token::Symbol(own) if *own == symbol)
    }

    fn take_symbol(&mut self, symbol: &str) -> bool {
        let found = self.is_symbol(symbol);
        if found {
            self.next += 1;
        }
        found
    }

    fn need_symbol(&mut self, symbol: &str) -> Result<(), Bad> {
        if self.take_symbol(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn name(&mut self) -> Result<String, Bad> {
        match self.peek() {
            Token::Word(word) if !RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(word)) => {
                let word = word.clone();
                self.next += 1;
                Ok(word)
            }
            _ => Err(self.unexpected()),
        }
    }

    fn path(&mut self) -> Result<Path, Bad> {
        let at = self.at();
        let mut parts = vec![self.name()?];
        while self.take_symbol(".") {
            let Token::Word(word) = self.advance() else {
                self.next -= 1;
                return Err(self.unexpected());
            };
            parts.push(word);
        }
        Ok(Path { parts, at })
    }

    fn query(&mut self, nested: bool) -> Result<Query, Bad> {
        self.need_word("SELECT")?;
        let select = self.select(nested)?;
        self.need_word("FROM")?;
        let from_at = self.at();
        let from = self.path()?.text();
        let alias = match self.peek() {
            Token::Word(word) if !RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(word)) => {
                Some(self.name()?)
            }
            _ => None,
        };
        if self.take_word("USING") {
            self.need_word("SCOPE")?;
            self.name()?;
        }
        let filter = if self.take_word("WHERE") { Some(self.any_of(0)?) } else { None };
        if self.is_word("GROUP") || self.is_word("HAVING") || self.is_word("WITH") {
            return Err(self.unexpected());
        }
        let order = if self.take_word("ORDER") { self.order()? } else { Vec::new() };
        let limit = if self.take_word("LIMIT") { Some(self.count()?) } else { None };
        let offset = if self.take_word("OFFSET") { Some(self.count()?) } else { None };
        while self.take_word("FOR") {
            if !(self.take_word("VIEW") || self.take_word("REFERENCE")) {
                return Err(self.unexpected());
            }
        }
        Ok(Query { select, from, from_at, alias, filter, order, limit, offset })
    }

    fn count(&mut self) -> Result<usize, Bad> {
        match self.peek() {
            Token::Value(digits) => {
                let number = digits.parse().map_err(|_| self.unexpected())?;
                self.next += 1;
                Ok(number)
            }
            _ => Err(self.unexpected()),
        }
    }

    fn select(&mut self, nested: bool) -> Result<Select, Bad> {
        if self.is_word("COUNT") && !nested {
            self.next += 1;
            self.need_symbol("(")?;
            self.need_symbol(")")?;
            return Ok(Select::Count);
        }
        let mut items = Vec::new();
        loop {
            items.push(self.item(nested)?);
            if !self.take_symbol(",") {
                return Ok(Select::Items(items));
            }
        }
    }

    fn item(&mut self, nested: bool) -> Result<Item, Bad> {
        if self.is_symbol("(") && !nested {
            self.next += 1;
            let query = self.query(true)?;
            self.need_symbol(")")?;
            return Ok(Item::Children(Box::new(query)));
        }
        if self.is_word("FIELDS") {
            self.next += 1;
            self.need_symbol("(")?;
            let set = if self.take_word("ALL") {
                FieldSet::All
            } else if self.take_word("STANDARD") {
                FieldSet::Standard
            } else if self.take_word("CUSTOM") {
                FieldSet::Custom
            } else {
                return Err(self.unexpected());
            };
            self.need_symbol(")")?;
            return Ok(Item::Fields(set));
        }
        Ok(Item::Field(self.path()?))
    }

    fn order(&mut self) -> Result<Vec<Order>, Bad> {
        self.need_word("BY")?;
        let mut keys = Vec::new();
        loop {
            let path = self.path()?;
            let descending = if self.take_word("DESC") {
                true
            } else {
                self.take_word("ASC");
                false
            };
            let mut nulls_last = false;
            if self.take_word("NULLS") {
                if self.take_word("LAST") {
                    nulls_last = true;
                } else {
                    self.need_word("FIRST")?;
                }
            }
            keys.push(Order { path, descending, nulls_last });
            if !self.take_symbol(",") {
                return Ok(keys);
            }
        }
    }

    /// Terms joined by AND or by OR. SOQL refuses a mix without brackets.
    fn any_of(&mut self, depth: usize) -> Result<Expr, Bad> {
        if depth > MAX_DEPTH {
            return Err(Bad { at: self.at(), message: "expression is nested too deeply".to_owned() });
        }
        let first = self.term(depth)?;
        let and = self.is_word("AND");
        let (word, other) = if and { ("AND", "OR") } else { ("OR", "AND") };
        if !self.is_word(word) {
            return Ok(first);
        }
        let mut terms = vec![first];
        while self.take_word(word) {
            terms.push(self.term(depth)?);
        }
        if self.is_word(other) {
            return Err(self.unexpected());
        }
        Ok(if and { Expr::And(terms) } else { Expr::Or(terms) })
    }

    fn term(&mut self, depth: usize) -> Result<Expr, Bad> {
        if depth > MAX_DEPTH {
            return Err(Bad { at: self.at(), message: "expression is nested too deeply".to_owned() });
        }
        if self.take_word("NOT") {
            return Ok(Expr::Not(Box::new(self.term(depth + 1)?)));
        }
        if self.take_symbol("(") {
            let inner = self.any_of(depth + 1)?;
            self.need_symbol(")")?;
            return Ok(inner);
        }
        let path = self.path()?;
        if self.is_word("NOT") && self.follows(1, "IN") {
            self.next += 2;
            return self.list(path, ListOp::NotIn);
        }
        for (word, op) in [("IN", ListOp::In), ("INCLUDES", ListOp::Includes), ("EXCLUDES", ListOp::Excludes)]
        {
            if self.take_word(word) {
                return self.list(path, op);
            }
        }
        let op = if self.take_word("LIKE") { Op::Like } else { self.operator()? };
        let value = self.literal()?;
        Ok(Expr::Compare { path, op, value })
    }

    fn operator(&mut self) -> Result<Op, Bad> {
        let op = match self.peek() {
            Token::Symbol("=") => Op::Equal,
            Token::Symbol("!=" | "<>") => Op::NotEqual,
            Token::Symbol("<") => Op::Less,
            Token::Symbol("<=") => Op::LessOrEqual,
            Token::Symbol(">") => Op::Greater,
            Token::Symbol(">=") => Op::GreaterOrEqual,
            _ => return Err(self.unexpected()),
        };
        self.next += 1;
        Ok(op)
    }

    fn list(&mut self, path: Path, op: ListOp) -> Result<Expr, Bad> {
        self.need_symbol("(")?;
        if self.is_word("SELECT") && matches!(op, ListOp::In | ListOp::NotIn) {
            let query = self.query(true)?;
            self.need_symbol(")")?;
            return Ok(Expr::Semi { path, negated: op == ListOp::NotIn, query: Box::new(query) });
        }
        let mut values = vec![self.literal()?];
        while self.take_symbol(",") {
            values.push(self.literal()?);
        }
        self.need_symbol(")")?;
        Ok(Expr::List { path, op, values })
    }

    fn literal(&mut self) -> Result<Literal, Bad> {
        let literal = match self.peek().clone() {
            Token::Text(text) => Literal::Text(text),
            Token::Word(word) => match word.to_ascii_uppercase().as_str() {
                "NULL" => Literal::Null,
                "TRUE" => Literal::Bool(true),
                "FALSE" => Literal::Bool(false),
                "TODAY" => Literal::Range(Relative { from_days: 0, to_days: 0 }),
                "YESTERDAY" => Literal::Range(Relative { from_days: -1, to_days: -1 }),
                "TOMORROW" => Literal::Range(Relative { from_days: 1, to_days: 1 }),
                "LAST_N_DAYS" => Literal::Range(Relative { from_days: -self.days()?, to_days: 0 }),
                "NEXT_N_DAYS" => Literal::Range(Relative { from_days: 1, to_days: self.days()? }),
                _ => return Err(self.unexpected()),
            },
            Token::Value(text) => {
                if let Some(at) = parse_time(&text) {
                    Literal::At(at)
                } else if let Some(date) = parse_date(&text) {
                    Literal::Date(date)
                } else if let Ok(number) = text.parse::<Decimal>() {
                    Literal::Number(number)
                } else {
                    return Err(self.unexpected());
                }
            }
            _ => return Err(self.unexpected()),
        };
        self.next += 1;
        Ok(literal)
    }

    /// The `:n` after a date literal; leaves the parser on the number.
    fn days(&mut self) -> Result<i32, Bad> {
        self.next += 1;
        self.need_symbol(":")?;
        match self.peek() {
            Token::Value(digits) => digits
                .parse::<i32>()
                .ok()
                .filter(|days| (0..=36_600).contains(days))
                .ok_or_else(|| self.unexpected()),
            _ => Err(self.unexpected()),
        }
    }
}
