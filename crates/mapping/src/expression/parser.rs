//! From words to parts, with the precedence that minijinja gives its operators.
//!
//! `if` binds loosest, then `or`, `and`, `not`, comparisons, `+ -`, `~`, `*`, and tightest minus, members and filters.

use super::{
    Flaw, Reach,
    filters::{self, Filter},
    node::{Choice, Comparison, Node, Part, Sum},
    tokens::{Token, Word},
};

/// Most parts of one expression. It bounds how deep an evaluation nests and how long it takes.
pub(super) const MAX_PARTS: usize = 200;
/// Deepest nesting of brackets, arguments and signs.
pub(super) const MAX_DEPTH: usize = 24;

const COMPARISONS: &[(&str, Comparison)] = &[
    ("==", Comparison::Equal),
    ("!=", Comparison::Unequal),
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::MoreOrEqual),
    ("<", Comparison::Less),
    (">", Comparison::More),
];
/// Words that are no names.
const RESERVED: &[&str] = &["if", "else", "and", "or", "not", "in", "is"];
/// Operators that would round, or repeat a text.
const REFUSED: &[&str] = &["/", "//", "%", "**"];

pub(super) struct Parser<'w> {
    words: &'w [Word],
    next: usize,
    end: usize,
    parts: usize,
    depth: usize,
    reach: &'w Reach<'w>,
}

impl<'w> Parser<'w> {
    /// `end`: where the source ends, for what is missing there.
    pub(super) fn new(words: &'w [Word], end: usize, reach: &'w Reach<'w>) -> Self {
        Self { words, next: 0, end, parts: 0, depth: 0, reach }
    }

    /// The one expression that the words make.
    pub(super) fn whole(mut self) -> Result<Node, Flaw> {
        let node = self.chosen()?;
        match self.peek() {
            None => Ok(node),
            Some(word) => Err(Flaw::new(word.at, "the expression should have ended before this", JOIN)),
        }
    }

    fn peek(&self) -> Option<&'w Word> {
        self.words.get(self.next)
    }

    fn at(&self) -> usize {
        self.peek().map_or(self.end, |word| word.at)
    }

    fn sign(&mut self, sign: &str) -> bool {
        let there = matches!(self.peek(), Some(Word { token: Token::Sign(found), .. }) if *found == sign);
        self.next += usize::from(there);
        there
    }

    fn name(&mut self, name: &str) -> bool {
        let there = matches!(self.peek(), Some(Word { token: Token::Name(found), .. }) if found == name);
        self.next += usize::from(there);
        there
    }

    fn expect(&mut self, sign: &str) -> Result<(), Flaw> {
        let at = self.at();
        if self.sign(sign) {
            return Ok(());
        }
        Err(Flaw::new(at, format!("`{sign}` is missing here"), format!("add `{sign}`")))
    }

    fn node(&mut self, at: usize, part: Part) -> Result<Node, Flaw> {
        self.parts += 1;
        if self.parts > MAX_PARTS {
            let what = format!("the expression has more than {MAX_PARTS} parts");
            return Err(Flaw::new(at, what, "make it shorter"));
        }
        Ok(Node { at, part })
    }

    /// What `read` reads, one level deeper.
    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Flaw>) -> Result<T, Flaw> {
        if self.depth == MAX_DEPTH {
            let what = format!("the expression nests deeper than {MAX_DEPTH} levels");
            return Err(Flaw::new(self.at(), what, "make it flatter"));
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn chosen(&mut self) -> Result<Node, Flaw> {
        let then = self.either()?;
        let at = self.at();
        if !self.name("if") {
            return Ok(then);
        }
        let test = self.either()?;
        let end = self.at();
        if !self.name("else") {
            return Err(Flaw::new(
                end,
                "the `if` has no `else`",
                "add `else ''` for a field that stays empty",
            ));
        }
        let otherwise = self.deeper(Self::chosen)?;
        self.node(at, Part::Chosen(Box::new(Choice { test, then, otherwise })))
    }

    fn either(&mut self) -> Result<Node, Flaw> {
        let mut left = self.both()?;
        loop {
            let at = self.at();
            if !self.name("or") {
                return Ok(left);
            }
            let right = self.both()?;
            left = self.node(at, Part::Or(Box::new((left, right))))?;
        }
    }

    fn both(&mut self) -> Result<Node, Flaw> {
        let mut left = self.negated()?;
        loop {
            let at = self.at();
            if !self.name("and") {
                return Ok(left);
            }
            let right = self.negated()?;
            left = self.node(at, Part::And(Box::new((left, right))))?;
        }
    }

    fn negated(&mut self) -> Result<Node, Flaw> {
        let at = self.at();
        if self.name("not") {
            let inner = self.deeper(Self::negated)?;
            return self.node(at, Part::Not(Box::new(inner)));
        }
        self.compared()
    }

    fn compared(&mut self) -> Result<Node, Flaw> {
        let left = self.sum()?;
        let at = self.at();
        let Some((comparison, negated)) = self.comparison()? else { return Ok(left) };
        let right = self.sum()?;
        let next = self.at();
        if self.comparison()?.is_some() {
            return Err(Flaw::new(next, "comparisons do not chain", "join two of them with `and`"));
        }
        let pair = Box::new((left, right));
        let node = match comparison {
            Some(comparison) => self.node(at, Part::Compared(comparison, pair))?,
            None => self.node(at, Part::Among(pair))?,
        };
        if negated { self.node(at, Part::Not(Box::new(node))) } else { Ok(node) }
    }

    /// A comparison, or `in` (none), and whether it is negated.
    fn comparison(&mut self) -> Result<Option<(Option<Comparison>, bool)>, Flaw> {
        if let Some((_, comparison)) = COMPARISONS.iter().find(|(sign, _)| self.sign(sign)) {
            return Ok(Some((Some(*comparison), false)));
        }
        if self.name("in") {
            return Ok(Some((None, false)));
        }
        let at = self.at();
        if self.name("not") {
            if self.name("in") {
                return Ok(Some((None, true)));
            }
            return Err(Flaw::new(
                at,
                "`not` stands here without `in`",
                "write `not in`, or put `not` in front",
            ));
        }
        Ok(None)
    }

    fn sum(&mut self) -> Result<Node, Flaw> {
        let mut left = self.joined()?;
        loop {
            let at = self.at();
            let sum = if self.sign("+") {
                Sum::Add
            } else if self.sign("-") {
                Sum::Subtract
            } else {
                return Ok(left);
            };
            let right = self.joined()?;
            left = self.node(at, Part::Sum(sum, Box::new((left, right))))?;
        }
    }

    fn joined(&mut self) -> Result<Node, Flaw> {
        let first = self.product()?;
        let at = self.at();
        let mut all = vec![first];
        while self.sign("~") {
            all.push(self.product()?);
        }
        match all.pop() {
            Some(only) if all.is_empty() => Ok(only),
            last => {
                all.extend(last);
                self.node(at, Part::Joined(all))
            }
        }
    }

    fn product(&mut self) -> Result<Node, Flaw> {
        let mut left = self.signed()?;
        loop {
            let at = self.at();
            if let Some(refused) = REFUSED.iter().find(|sign| self.sign(sign)) {
                let what = format!("`{refused}` is not exact");
                return Err(Flaw::new(
                    at,
                    what,
                    "use a filter that says how many digits stay: `| div(3, 2)`",
                ));
            }
            if !self.sign("*") {
                return Ok(left);
            }
            let right = self.signed()?;
            left = self.node(at, Part::Sum(Sum::Multiply, Box::new((left, right))))?;
        }
    }

    fn signed(&mut self) -> Result<Node, Flaw> {
        let node = self.minus()?;
        self.filtered(node)
    }

    fn minus(&mut self) -> Result<Node, Flaw> {
        let at = self.at();
        if self.sign("-") {
            let inner = self.deeper(Self::minus)?;
            return self.node(at, Part::Negative(Box::new(inner)));
        }
        self.primary()
    }

    fn filtered(&mut self, mut node: Node) -> Result<Node, Flaw> {
        loop {
            if self.sign("|") {
                node = self.filter(node)?;
            } else if self.name("is") {
                node = self.test(node)?;
            } else {
                return Ok(node);
            }
        }
    }

    fn filter(&mut self, input: Node) -> Result<Node, Flaw> {
        let at = self.at();
        let name = self.word("the name of a filter")?;
        let Some(filter) = Filter::named(&name) else {
            return Err(filters::unknown(at, &name));
        };
        let arguments = if self.sign("(") { self.deeper(|parser| parser.list(")"))? } else { Vec::new() };
        let (least, most) = filter.arguments();
        if !(least..=most).contains(&arguments.len()) {
            let what = format!("`{name}` has {} arguments, and takes {}", arguments.len(), filter.takes());
            return Err(Flaw::new(at, what, format!("write it like `| {}`", filter.example())));
        }
        self.node(at, Part::Filtered(filter, Box::new(input), arguments))
    }

    fn test(&mut self, input: Node) -> Result<Node, Flaw> {
        let negated = self.name("not");
        let at = self.at();
        let name = self.word("the name of a test")?;
        let node = self.node(at, Part::Defined(Box::new(input)))?;
        match name.as_str() {
            "defined" if negated => self.node(at, Part::Not(Box::new(node))),
            "defined" => Ok(node),
            _ => Err(Flaw::new(
                at,
                format!("there is no test `{name}`"),
                "write `is defined` or `is not defined`",
            )),
        }
    }

    /// The next word, which has to be a name.
    fn word(&mut self, wanted: &str) -> Result<String, Flaw> {
        let at = self.at();
        if let Some(Word { token: Token::Name(name), .. }) = self.peek() {
            self.next += 1;
            return Ok(name.clone());
        }
        Err(Flaw::new(at, format!("{wanted} is missing here"), "add it"))
    }

    /// The parts up to `close`, with commas between them.
    fn list(&mut self, close: &str) -> Result<Vec<Node>, Flaw> {
        let mut parts = Vec::new();
        while !self.sign(close) {
            if !parts.is_empty() {
                self.expect(",")?;
                if self.sign(close) {
                    break;
                }
            }
            parts.push(self.chosen()?);
            if let Some(Word { token: Token::Sign("="), at }) = self.peek() {
                return Err(Flaw::new(*at, "arguments have no names here", "write the values alone"));
            }
        }
        Ok(parts)
    }

    fn primary(&mut self) -> Result<Node, Flaw> {
        let Some(word) = self.peek() else {
            return Err(Flaw::new(self.end, "the expression ends too early", "add what should stand here"));
        };
        let at = word.at;
        self.next += 1;
        match &word.token {
            Token::Text(text) => self.node(at, Part::Text(text.clone())),
            Token::Number(number) => self.node(at, Part::Number(*number)),
            Token::Name(name) if name == "true" => self.node(at, Part::Flag(true)),
            Token::Name(name) if name == "false" => self.node(at, Part::Flag(false)),
            Token::Name(name) if RESERVED.contains(&name.as_str()) => {
                Err(Flaw::new(at, format!("`{name}` stands where a value should"), "add the value before it"))
            }
            Token::Name(name) => self.place(at, name),
            Token::Sign("(") => {
                let inner = self.deeper(Self::chosen)?;
                self.expect(")")?;
                Ok(inner)
            }
            Token::Sign("[") => {
                let parts = self.deeper(|parser| parser.list("]"))?;
                self.node(at, Part::List(parts))
            }
            Token::Sign(sign) => {
                Err(Flaw::new(at, format!("`{sign}` stands where a value should"), "add the value before it"))
            }
        }
    }

    /// A path, every step of it written out.
    fn place(&mut self, at: usize, root: &str) -> Result<Node, Flaw> {
        let mut steps = Vec::new();
        loop {
            if self.sign(".") {
                steps.push(self.word("the name of a member")?);
            } else if self.sign("[") {
                match self.peek().map(|word| &word.token) {
                    Some(Token::Number(index)) => steps.push(index.to_string()),
                    Some(Token::Text(name)) => steps.push(name.clone()),
                    _ => {
                        let what = "a member has to be named";
                        return Err(Flaw::new(
                            self.at(),
                            what,
                            "write its name in quotes, or its place from 0",
                        ));
                    }
                }
                self.next += 1;
                self.expect("]")?;
            } else {
                break;
            }
        }
        if let Some(Word { token: Token::Sign("("), .. }) = self.peek() {
            let what = format!("`{root}` is called, and nothing can be called");
            return Err(Flaw::new(at, what, "use filters: `| trim`"));
        }
        let place = self.reach.place(at, root, &steps)?;
        self.node(at, Part::Place(place))
    }
}

/// What to do about two expressions side by side.
const JOIN: &str = "join texts with `~`, as in `a ~ \" \" ~ b`";
