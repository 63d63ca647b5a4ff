//! Tokens to a query, in SOQL's clause order.

use super::{
    ast::{Aggregate, Expr, FieldSet, Function, Item, Key, ListOp, Op, Order, Path, Query, Select},
    lexer::{Bad, Spanned, Token, tokens},
};

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

fn reserved(word: &str) -> bool {
    RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(word))
}

pub(super) struct Parser {
    tokens: Vec<Spanned>,
    pub(super) next: usize,
    /// The query being read is a semi-join's inner one, which cannot hold another.
    joined: bool,
}

/// Reads one query.
pub(crate) fn parse(text: &str) -> Result<Query, Bad> {
    if text.chars().count() > MAX_QUERY {
        return Err(Bad {
            at: 0,
            message: format!("SOQL statements cannot be longer than {MAX_QUERY} characters."),
        });
    }
    let mut parser = Parser { tokens: tokens(text)?, next: 0, joined: false };
    let query = parser.query(false)?;
    match parser.peek() {
        Token::End => Ok(query),
        _ => Err(parser.unexpected()),
    }
}

impl Parser {
    pub(super) fn peek(&self) -> &Token {
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

    pub(super) fn unexpected(&self) -> Bad {
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
        matches!(self.ahead(ahead), Some(Token::Word(own)) if own.eq_ignore_ascii_case(word))
    }

    pub(super) fn ahead(&self, ahead: usize) -> Option<&Token> {
        self.tokens.get(self.next + ahead).map(|spanned| &spanned.token)
    }

    pub(super) fn symbol_follows(&self, ahead: usize, symbol: &str) -> bool {
        matches!(self.ahead(ahead), Some(Token::Symbol(own)) if *own == symbol)
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

    pub(super) fn need_symbol(&mut self, symbol: &str) -> Result<(), Bad> {
        if self.take_symbol(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn name(&mut self) -> Result<String, Bad> {
        match self.peek() {
            Token::Word(word) if !reserved(word) => {
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
            Token::Word(word) if !reserved(word) => Some(self.name()?),
            _ => None,
        };
        let mut scope = None;
        if self.take_word("USING") {
            self.need_word("SCOPE")?;
            let at = self.at();
            scope = Some((self.name()?, at));
        }
        let filter = if self.take_word("WHERE") { Some(self.any_of(0)?) } else { None };
        if self.take_word("WITH") {
            // What runs by the caller's rights does so here anyway.
            let modes = ["SECURITY_ENFORCED", "USER_MODE", "SYSTEM_MODE"];
            if !modes.iter().any(|mode| self.take_word(mode)) {
                return Err(self.unexpected());
            }
        }
        let (mut group, mut having) = (Vec::new(), None);
        if self.is_word("GROUP") && !nested {
            self.next += 1;
            self.need_word("BY")?;
            group = self.group()?;
            if self.take_word("HAVING") {
                having = Some(self.any_of(0)?);
            }
        }
        let order = if self.take_word("ORDER") { self.order()? } else { Vec::new() };
        let limit = if self.take_word("LIMIT") { Some(self.count()?) } else { None };
        let offset = if self.take_word("OFFSET") { Some(self.count()?) } else { None };
        while self.take_word("FOR") {
            if !(self.take_word("VIEW") || self.take_word("REFERENCE")) {
                return Err(self.unexpected());
            }
        }
        Ok(Query { select, from, from_at, alias, scope, filter, group, having, order, limit, offset })
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
        if self.is_word("COUNT") && self.symbol_follows(1, "(") && self.symbol_follows(2, ")") && !nested {
            self.next += 3;
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
        if self.is_word("TYPEOF") && matches!(self.ahead(1), Some(Token::Word(_))) && !self.follows(1, "FROM")
        {
            return Err(Bad { at: self.at(), message: "TYPEOF is not supported by this org".to_owned() });
        }
        let nested_alias = |parser: &mut Self| match parser.peek() {
            Token::Word(word) if !nested && !reserved(word) => parser.name().map(Some),
            _ => Ok(None),
        };
        if let Some(function) = self.function().filter(|_| !nested) {
            let of = self.aggregate(function)?;
            return Ok(Item::Aggregate(of, nested_alias(self)?));
        }
        let path = self.path()?;
        if self.is_symbol("(") {
            return Err(Bad {
                at: path.at,
                message: format!("function {} is not supported here", path.text()),
            });
        }
        Ok(Item::Field(path, nested_alias(self)?))
    }

    /// The function whose name and bracket come next.
    fn function(&self) -> Option<Function> {
        let Token::Word(word) = self.peek() else { return None };
        let known = Function::ALL.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
        known.filter(|_| self.symbol_follows(1, "(")).map(|(_, function)| function)
    }

    fn aggregate(&mut self, function: Function) -> Result<Aggregate, Bad> {
        self.next += 1;
        self.need_symbol("(")?;
        let path = self.path()?;
        self.need_symbol(")")?;
        Ok(Aggregate { function, path })
    }

    fn group(&mut self) -> Result<Vec<Path>, Bad> {
        let mut paths = Vec::new();
        loop {
            let path = self.path()?;
            if self.is_symbol("(") {
                return Err(Bad {
                    at: path.at,
                    message: format!("GROUP BY {} is not supported", path.text()),
                });
            }
            paths.push(path);
            if !self.take_symbol(",") {
                return Ok(paths);
            }
        }
    }

    fn order(&mut self) -> Result<Vec<Order>, Bad> {
        self.need_word("BY")?;
        let mut keys = Vec::new();
        loop {
            let key = match self.function() {
                Some(function) => Key::Total(self.aggregate(function)?),
                None => Key::Field(self.path()?),
            };
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
            keys.push(Order { key, descending, nulls_last });
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
        if let Some(function) = self.function() {
            let of = self.aggregate(function)?;
            let op = self.operator()?;
            let value = self.literal()?;
            return Ok(Expr::Total { of, op, value });
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
            if self.joined {
                let message = "Nesting of semi join sub-selects is not supported".to_owned();
                return Err(Bad { at: self.at(), message });
            }
            self.joined = true;
            let query = self.query(true)?;
            self.joined = false;
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
}
