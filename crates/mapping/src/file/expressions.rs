//! The expressions of a field, and the examples that hold them to what was meant.

use deal_model::{Observed, PerSide, Side};
use serde_json::{Map, Number, Value as Json};

use super::{
    codecs,
    mistakes::{At, Mistakes},
    remedy::{Remedy, quoted},
    tree::{Item, Node, Table},
    typed,
};
use crate::{
    Codec, Example, Expression, Fallback,
    expression::{Flaw, Target},
};

/// The keys of computed values, by the side that they go to.
const COMPUTED: PerSide<&str> = PerSide { portal: "to_partner_center", crm: "to_salesforce" };
const DEFAULT: &str = "default";
const EXAMPLES: &str = "examples";
const EXAMPLE_KEYS: &[&str] = &["given", "expected"];
/// What an example may give, and which way the value then goes.
const DOCUMENTS: &[(&str, Side)] =
    &[("referral", Side::Crm), ("microsoft_referral", Side::Crm), ("opportunity", Side::Portal)];
/// Most examples of one field.
const MAX_EXAMPLES: usize = 20;

/// The field whose expressions are read.
#[derive(Clone, Copy)]
pub(super) struct Owner<'f> {
    pub(super) id: &'f str,
    pub(super) table: &'f Table,
    pub(super) codec: &'f Codec,
    pub(super) max_chars: Option<usize>,
}

/// What a field computes, and with what it fills in.
#[derive(Debug, Default)]
pub(super) struct Expressions {
    /// Where the file says that something is computed for a side, be it wrong.
    pub(super) said: PerSide<Option<At>>,
    /// What is computed for a side.
    pub(super) computed: PerSide<Option<Expression>>,
    pub(super) default: PerSide<Option<Fallback>>,
    pub(super) examples: Vec<Example>,
}

impl Owner<'_> {
    pub(super) fn read(self, mistakes: &mut Mistakes<'_>) -> Expressions {
        let [portal, crm] = Side::BOTH.map(|to| self.computed(to, mistakes));
        let computed = PerSide { portal, crm };
        let default = self.defaults(mistakes);
        self.one_referral(computed.crm.as_ref(), default.crm.as_ref(), mistakes);
        let [portal, crm] = Side::BOTH.map(|to| self.table.entry(COMPUTED.at(to)).map(|entry| entry.key_at));
        let said = PerSide { portal, crm };
        let mut expressions = Expressions { said, computed, default, examples: Vec::new() };
        if let Some(entry) = self.table.entry(EXAMPLES) {
            self.examples(&entry.node, &mut expressions, mistakes);
        }
        expressions
    }

    /// A field is read with our referral or with Microsoft's: they are not read at the same moments, and what mixes the
    /// two would be as old as the older.
    fn one_referral(
        self,
        computed: Option<&Expression>,
        default: Option<&Fallback>,
        mistakes: &mut Mistakes<'_>,
    ) {
        let to = *COMPUTED.at(Side::Crm);
        let default = default.and_then(Fallback::expression);
        let placed = |key: &str| self.table.get(key).is_some();
        let reads =
            |reads: fn(&Expression) -> bool| computed.is_some_and(reads) || default.is_some_and(reads);
        let own = placed("partner_center") || reads(Expression::reads_referral);
        let theirs = placed("microsoft_referral") || reads(Expression::reads_companion);
        if !(own && theirs) {
            return;
        }
        // What differs from the field's own place is too much; without a place, what names Microsoft's.
        let strange = if placed("microsoft_referral") {
            Expression::reads_referral
        } else {
            Expression::reads_companion
        };
        let (node, path) = if computed.is_some_and(strange) {
            (self.table.get(to), vec!["fields", self.id, to])
        } else if default.is_some_and(strange) {
            let by_direction = self.table.get(DEFAULT).and_then(|node| match &node.item {
                Item::Table(table) => table.get(to),
                _ => None,
            });
            (by_direction, vec!["fields", self.id, DEFAULT, to])
        } else {
            // Two places and no such expression: told where the places are read.
            return;
        };
        let Some(node) = node else { return };
        let what =
            "the field would be read from our referral and from Microsoft's, which are not read together";
        let advice = "name `referral` or `microsoft_referral` alone, as the field's own place does; what \
                      Microsoft's referral says goes into a field of its own";
        mistakes.add(node.at, what, Remedy::unsay(path).advised(advice));
    }

    fn computed(self, to: Side, mistakes: &mut Mistakes<'_>) -> Option<Expression> {
        let key = *COMPUTED.at(to);
        let entry = self.table.entry(key)?;
        let text = typed::text(&entry.node, mistakes)?;
        if !Expression::is_meant(text) {
            let remedy = Remedy::say(["fields", self.id, DEFAULT, key], quoted(text));
            mistakes.add(
                entry.node.at,
                "this is no expression",
                remedy.advised(
                    "a text that is always the same is a `default`; an expression stands in `{{ ... }}`",
                ),
            );
            return None;
        }
        let path = ["fields", self.id, key];
        self.expression(&entry.node, text, to, &path, mistakes)
    }

    fn defaults(self, mistakes: &mut Mistakes<'_>) -> PerSide<Option<Fallback>> {
        let Some(node) = self.table.get(DEFAULT) else { return PerSide::default() };
        match &node.item {
            Item::Table(table) => {
                typed::known_keys(table, typed::DIRECTIONS, "a value by direction", mistakes);
                let [portal, crm] = Side::BOTH.map(|to| {
                    let node = table.get(COMPUTED.at(to))?;
                    self.fallback(node, to, mistakes)
                });
                PerSide { portal, crm }
            }
            Item::Text(text) if Expression::is_meant(text) => {
                let key = COMPUTED.at(if text.contains("opportunity") { Side::Portal } else { Side::Crm });
                let remedy = Remedy::value(format!("{{ {key} = {} }}", quoted(text)));
                let what = "an expression sees one side alone, and this default is for both";
                mistakes.add(node.at, what, remedy.advised("say which way it goes"));
                PerSide::default()
            }
            _ => {
                let literal = codecs::literal(node, self.codec, mistakes).map(Fallback::Literal);
                PerSide { portal: literal.clone(), crm: literal }
            }
        }
    }

    fn fallback(self, node: &Node, to: Side, mistakes: &mut Mistakes<'_>) -> Option<Fallback> {
        match &node.item {
            Item::Text(text) if Expression::is_meant(text) => {
                let path = ["fields", self.id, DEFAULT, *COMPUTED.at(to)];
                self.expression(node, text, to, &path, mistakes).map(Fallback::Expression)
            }
            _ => codecs::literal(node, self.codec, mistakes).map(Fallback::Literal),
        }
    }

    /// The expression in `node`, which is at `path`.
    fn expression(
        self,
        node: &Node,
        text: &str,
        to: Side,
        path: &[&str],
        mistakes: &mut Mistakes<'_>,
    ) -> Option<Expression> {
        let undocumented =
            matches!(self.table.get("undocumented"), Some(Node { item: Item::Flag(true), .. }));
        let target = Target { codec: self.codec, most_chars: self.max_chars, undocumented };
        match Expression::compile(text, to.other(), target) {
            Ok(expression) => Some(expression),
            Err(flaw) => {
                let offset = node.at.offset;
                let within = within(&mistakes.text(node.at.source)[offset..], flaw.at);
                let at = At { offset: offset + within, ..node.at };
                let remedy = remedy(text, &flaw, path);
                mistakes.add(at, flaw.what, remedy);
                None
            }
        }
    }

    fn examples(self, node: &Node, expressions: &mut Expressions, mistakes: &mut Mistakes<'_>) {
        let items = typed::list(node, mistakes).unwrap_or_default();
        if items.len() > MAX_EXAMPLES {
            let what = format!("{} examples are too many", items.len());
            mistakes.add(node.at, what, Remedy::remove().advised(format!("keep at most {MAX_EXAMPLES}")));
            return;
        }
        for item in items {
            if let Some(example) = self.example(item, expressions, mistakes) {
                expressions.examples.push(example);
            }
        }
    }

    fn example(self, item: &Node, expressions: &Expressions, mistakes: &mut Mistakes<'_>) -> Option<Example> {
        let table = typed::table(item, mistakes)?;
        typed::known_keys(table, EXAMPLE_KEYS, "an example", mistakes);
        let (Some(given), Some(expected)) = (table.get("given"), table.get("expected")) else {
            let advice = "write `{ given = { referral = { name = \"A\" } }, expected = \"A\" }`";
            mistakes.add(item.at, "the example is not whole", Remedy::remove().advised(advice));
            return None;
        };
        let documents = typed::table(given, mistakes)?;
        let names: Vec<&str> = DOCUMENTS.iter().map(|(name, _)| *name).collect();
        typed::known_keys(documents, &names, "what an example gives", mistakes);
        let to = DOCUMENTS.iter().find(|(name, _)| documents.get(name).is_some()).map(|(_, to)| *to)?;
        let has_expression = expressions.computed.at(to).is_some()
            || matches!(expressions.default.at(to), Some(Fallback::Expression(_)));
        if !has_expression {
            let what = format!("the field has no expression that computes `{}` from this", COMPUTED.at(to));
            mistakes.add(item.at, what, Remedy::remove().advised("give what the expression reads"));
            return None;
        }
        let example = Example { to, given: json(given), expected: self.expected(expected, mistakes)? };
        let computed = expressions.computed.at(to).as_ref();
        match example.run(computed, expressions.default.at(to).as_ref(), self.codec) {
            Ok(got) if got == example.expected => {}
            Ok(Observed::Unknown) => {
                let what = "the example does not give all that the expression reads";
                mistakes.add(item.at, what, Remedy::remove().advised("add what is missing to `given`"));
            }
            Ok(got) => {
                let what = format!("the example gives {} and not {}", shown(&got), shown(&example.expected));
                let remedy = Remedy::value(written(&got));
                mistakes.add(
                    expected.at,
                    what,
                    remedy.advised("correct the expression, or what is expected of it"),
                );
            }
            Err(failure) => {
                let what = format!("the example gives no value: {}", failure.why);
                mistakes.add(
                    item.at,
                    what,
                    Remedy::remove().advised("correct the expression, or the example"),
                );
            }
        }
        Some(example)
    }

    /// An empty text says that nothing is expected.
    fn expected(self, node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Observed> {
        match &node.item {
            Item::Text(text) if text.trim().is_empty() => Some(Observed::Empty),
            Item::Text(text) if matches!(self.codec, Codec::RecordId | Codec::ProfileId { .. }) => {
                Some(self.codec.read_crm(&Json::String(text.clone())))
            }
            _ => codecs::literal(node, self.codec, mistakes).map(Observed::Value),
        }
    }
}

/// The piece that was meant in the place of the one that is wrong; else the expression goes.
fn remedy(source: &str, flaw: &Flaw, path: &[&str]) -> Remedy {
    let path = path.iter().copied();
    match &flaw.replacement {
        Some((old, new)) if source[flaw.at..].starts_with(old.as_str()) => {
            let meant = format!("{}{new}{}", &source[..flaw.at], &source[flaw.at + old.len()..]);
            Remedy::say(path, quoted(&meant)).advised(flaw.todo.clone())
        }
        _ => Remedy::unsay(path).advised(flaw.todo.clone()),
    }
}

/// How far behind the beginning of a TOML string the byte `content` of what it says stands.
fn within(raw: &str, content: usize) -> usize {
    let quotes = if raw.starts_with("'''") || raw.starts_with("\"\"\"") { 3 } else { 1 };
    let mut at = quotes;
    if quotes == 3 {
        // A line end that follows the quotes is not part of the text.
        let rest = &raw[at.min(raw.len())..];
        at += if rest.starts_with("\r\n") { 2 } else { usize::from(rest.starts_with('\n')) };
    }
    if raw.starts_with('\'') {
        return at + content;
    }
    let mut said = 0;
    while said < content {
        let rest = &raw[at.min(raw.len())..];
        let Some(first) = rest.chars().next() else { break };
        let (raw_bytes, said_bytes) = match (first, rest[first.len_utf8()..].chars().next()) {
            ('\\', Some('u')) => (6, escaped(rest, 6)),
            ('\\', Some('U')) => (10, escaped(rest, 10)),
            ('\\', Some('x')) => (4, escaped(rest, 4)),
            ('\\', Some(next)) if next.is_whitespace() => {
                let blanks = rest[1..].len() - rest[1..].trim_start().len();
                (1 + blanks, 0)
            }
            ('\\', Some(next)) => (1 + next.len_utf8(), 1),
            _ => (first.len_utf8(), first.len_utf8()),
        };
        at += raw_bytes;
        said += said_bytes;
    }
    at.min(raw.len())
}

/// Bytes of the character that an escape of so many bytes stands for.
fn escaped(rest: &str, length: usize) -> usize {
    let digits = rest.get(2..length).and_then(|digits| u32::from_str_radix(digits, 16).ok());
    digits.and_then(char::from_u32).map_or(1, char::len_utf8)
}

/// A table of the file as a document.
fn json(node: &Node) -> Json {
    match &node.item {
        Item::Text(text) | Item::Date(text) => Json::String(text.clone()),
        Item::Integer { digits, .. } | Item::Float(digits) => digits
            .replace('_', "")
            .parse::<Number>()
            .map_or_else(|_| Json::String(digits.clone()), Json::Number),
        Item::Flag(flag) => Json::Bool(*flag),
        Item::List(items) => Json::Array(items.iter().map(json).collect()),
        Item::Table(table) => {
            let members = table.entries.iter().map(|entry| (entry.key.clone(), json(&entry.node)));
            Json::Object(members.collect::<Map<_, _>>())
        }
    }
}

/// A value for a sentence.
fn shown(observed: &Observed) -> String {
    match observed {
        Observed::Empty | Observed::Unknown => "nothing".to_owned(),
        Observed::Value(_) => written(observed),
    }
}

/// A value as TOML has it.
fn written(observed: &Observed) -> String {
    use deal_model::Value;
    match observed.value() {
        None | Some(Value::Set(_)) => "\"\"".to_owned(),
        Some(Value::Text(text) | Value::Choice(text)) => quoted(text).trim().to_owned(),
        Some(Value::Number(number)) => quoted(&number.to_string()).trim().to_owned(),
        Some(Value::Date(date)) => date.to_string(),
        Some(Value::Flag(flag)) => flag.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::within;

    #[test]
    fn a_place_in_a_text_is_found_however_toml_quotes_it() {
        // What is said in each: a, b, c.
        for (raw, at) in [
            ("'abc'", 3),
            ("\"abc\"", 3),
            ("'''\nabc'''", 6),
            ("\"\"\"\nabc\"\"\"", 6),
            ("\"\\u0061bc\"", 8),
            ("\"\"\"a\\\n   bc\"\"\"", 10),
        ] {
            assert_eq!(within(raw, 2), at, "{raw:?}");
            assert!(raw[at..].starts_with('c'), "{raw:?}");
        }
        assert_eq!(within("\"\\\"x\"", 1), 3);
        assert_eq!(within("'short'", 400), 401);
    }
}
