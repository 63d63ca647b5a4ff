//! Queries that cannot be broken by what is put into them.

use std::fmt;

use jiff::{Timestamp, civil::Date};

use crate::{FieldName, FieldPath, Misuse, ObjectName, RecordId};

/// Longest query, percent-encoded, that is put into an address. The platform reads 16,384 bytes of address and
/// headers together (salesforce reference, section 2.3); a token may take 2 KB of them.
pub const MAX_ENCODED_QUERY: usize = 12_000;

/// A well-formed query.
#[derive(Clone, PartialEq, Eq)]
pub struct Soql(String);

impl Soql {
    /// Takes a text that the caller vouches for: a literal, or one built by this module's functions.
    pub fn trusted(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text as it stands in an address.
    pub(crate) fn encoded(&self) -> Result<String, Misuse> {
        let encoded = encode(&self.0);
        if encoded.len() > MAX_ENCODED_QUERY {
            return Err(Misuse::AddressTooLong { bytes: encoded.len(), most: MAX_ENCODED_QUERY });
        }
        Ok(encoded)
    }
}

/// Literals may quote a record: the text is shown by [`Soql::as_str`] only.
impl fmt::Debug for Soql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Soql({} bytes)", self.0.len())
    }
}

/// Percent-encodes; a blank becomes `%20`, which unlike `+` means a blank to every reader of an address.
fn encode(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// A text literal, quotes included, that ends where `text` ends.
pub fn quote(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('\'');
    for c in text.chars() {
        match c {
            '\'' => literal.push_str("\\'"),
            '"' => literal.push_str("\\\""),
            '\\' => literal.push_str("\\\\"),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            '\u{8}' => literal.push_str("\\b"),
            '\u{c}' => literal.push_str("\\f"),
            // All control characters lie below U+0100: four digits hold them.
            c if c.is_control() => literal.extend(format!("\\u{:04X}", u32::from(c)).chars()),
            c => literal.push(c),
        }
    }
    literal.push('\'');
    literal
}

/// A datetime literal. Fractions are cut, which for `>=` only widens: the platform stores whole seconds.
pub fn datetime(instant: Timestamp) -> String {
    instant.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A value to compare with.
#[derive(Clone, PartialEq, Eq)]
pub struct Literal(String);

impl Literal {
    /// `null`: equal to empty fields.
    pub fn null() -> Self {
        Self("null".to_owned())
    }

    /// A calendar date.
    pub fn date(date: Date) -> Self {
        Self(date.to_string())
    }
}

impl From<&str> for Literal {
    fn from(text: &str) -> Self {
        Self(quote(text))
    }
}

impl From<bool> for Literal {
    fn from(value: bool) -> Self {
        Self(value.to_string())
    }
}

impl From<i64> for Literal {
    fn from(value: i64) -> Self {
        Self(value.to_string())
    }
}

impl From<Timestamp> for Literal {
    fn from(instant: Timestamp) -> Self {
        Self(datetime(instant))
    }
}

impl From<RecordId> for Literal {
    fn from(id: RecordId) -> Self {
        Self(quote(id.as_str()))
    }
}

/// How a field is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// `=`; texts are compared without case.
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
}

impl Op {
    fn symbol(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
        }
    }
}

/// What a text is compared with by `LIKE`: all of it, from its beginning to its end.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Pattern(String);

impl Pattern {
    /// Goes on with `text`, whose own wildcards are letters like any other.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        let literal = quote(text).replace('%', "\\%").replace('_', "\\_");
        self.0.push_str(
            literal.strip_prefix('\'').and_then(|open| open.strip_suffix('\'')).unwrap_or_default(),
        );
        self
    }

    /// Goes on with any one letter.
    #[must_use]
    pub fn any_letter(mut self) -> Self {
        self.0.push('_');
        self
    }

    /// Goes on with anything, or nothing.
    #[must_use]
    pub fn anything(mut self) -> Self {
        self.0.push('%');
        self
    }
}

/// What a record must meet. Always bracketed where it is combined, so that no operator binds wrongly.
#[derive(Clone, PartialEq, Eq)]
pub struct Condition(String);

impl Condition {
    /// One comparison.
    pub fn compare(path: &FieldPath, op: Op, literal: impl Into<Literal>) -> Self {
        Self(format!("{path} {} {}", op.symbol(), literal.into().0))
    }

    /// The field holds one of `values`. Of none: never met.
    pub fn one_of<L: Into<Literal>>(path: &FieldPath, values: impl IntoIterator<Item = L>) -> Self {
        let values: Vec<String> = values.into_iter().map(|value| value.into().0).collect();
        if values.is_empty() {
            return Self::never();
        }
        Self(format!("{path} IN ({})", values.join(",")))
    }

    /// The field holds none of `values`. Of none: always met.
    pub fn none_of<L: Into<Literal>>(path: &FieldPath, values: impl IntoIterator<Item = L>) -> Self {
        let values: Vec<String> = values.into_iter().map(|value| value.into().0).collect();
        if values.is_empty() {
            return Self("Id != null".to_owned());
        }
        Self(format!("{path} NOT IN ({})", values.join(",")))
    }

    /// The field is like `pattern`, without case.
    pub fn like(path: &FieldPath, pattern: &Pattern) -> Self {
        Self(format!("{path} LIKE '{}'", pattern.0))
    }

    /// Met by no record: each has an identifier.
    pub fn never() -> Self {
        Self("Id = null".to_owned())
    }

    /// Both.
    pub fn and(self, other: Self) -> Self {
        Self(format!("({}) AND ({})", self.0, other.0))
    }

    /// Either, or both.
    pub fn or(self, other: Self) -> Self {
        Self(format!("({}) OR ({})", self.0, other.0))
    }

    /// The records past `(stamp, id)` in the order of [`Select::by_keyset`]: the next page of a keyset walk.
    pub fn after(stamp_field: &FieldPath, stamp: Timestamp, id: RecordId) -> Self {
        let stamp = datetime(stamp);
        Self(format!("{stamp_field} > {stamp} OR ({stamp_field} = {stamp} AND Id > {})", quote(id.as_str())))
    }
}

/// A query under construction.
#[derive(Clone)]
pub struct Select {
    columns: Vec<String>,
    /// An object, or in a subquery a relationship.
    source: String,
    condition: Option<Condition>,
    order: Vec<String>,
    limit: Option<u32>,
}

impl Select {
    /// A query of `object`, with its identifier as the first column.
    pub fn from(object: &ObjectName) -> Self {
        Self::of(object.as_str())
    }

    /// A subquery of the children that `relationship` names, such as `OpportunityContactRoles`.
    pub fn from_children(relationship: &FieldName) -> Self {
        Self::of(relationship.as_str())
    }

    fn of(source: &str) -> Self {
        Self {
            columns: vec!["Id".to_owned()],
            source: source.to_owned(),
            condition: None,
            order: Vec::new(),
            limit: None,
        }
    }

    /// Adds columns; one named twice (in any case) is asked for once, as the platform demands.
    pub fn fields<'a>(mut self, fields: impl IntoIterator<Item = &'a FieldPath>) -> Self {
        for field in fields {
            if !self.columns.iter().any(|column| column.eq_ignore_ascii_case(field.as_str())) {
                self.columns.push(field.to_string());
            }
        }
        self
    }

    /// Adds a subquery, made by [`Select::from_children`], as a column.
    pub fn children(mut self, children: &Select) -> Self {
        self.columns.push(format!("({})", children.build().0));
        self
    }

    /// Adds a condition to those there are.
    pub fn filter(mut self, condition: Condition) -> Self {
        self.condition = Some(match self.condition {
            Some(present) => present.and(condition),
            None => condition,
        });
        self
    }

    /// Orders by `field`, empty values first.
    pub fn order_by(mut self, field: &FieldPath) -> Self {
        self.order.push(format!("{field} ASC NULLS FIRST"));
        self
    }

    /// Orders by `(stamp, Id)`, the order in which a keyset walk loses no record of an equal stamp.
    pub fn by_keyset(self, stamp_field: &FieldPath) -> Self {
        let mut ordered = Self { order: vec![format!("{stamp_field} ASC")], ..self };
        ordered.order.push("Id ASC".to_owned());
        ordered
    }

    /// At most `count` records.
    pub fn limit(mut self, count: u32) -> Self {
        self.limit = Some(count);
        self
    }

    /// The finished query.
    pub fn build(&self) -> Soql {
        let mut text = format!("SELECT {} FROM {}", self.columns.join(","), self.source);
        if let Some(condition) = &self.condition {
            text.push_str(" WHERE ");
            text.push_str(&condition.0);
        }
        if !self.order.is_empty() {
            text.push_str(" ORDER BY ");
            text.push_str(&self.order.join(","));
        }
        if let Some(limit) = self.limit {
            text.push_str(" LIMIT ");
            text.push_str(&limit.to_string());
        }
        Soql(text)
    }

    /// As few queries as fit into an address each, that together find the records whose `path` is one of `values`.
    ///
    /// None for no values. A single value too long for an address gives a query that the client refuses.
    pub fn split<L: Into<Literal>>(
        &self,
        path: &FieldPath,
        values: impl IntoIterator<Item = L>,
    ) -> Vec<Soql> {
        let with = |values: Vec<String>| {
            let values = values.into_iter().map(Literal);
            self.clone().filter(Condition::one_of(path, values)).build()
        };
        // The comma becomes `%2C`.
        in_addresses(values.into_iter().map(|value| value.into().0), 3, with)
    }

    /// As few queries as fit into an address each, that together find the records which meet one of `conditions`.
    ///
    /// None for no conditions. A single one too long for an address gives a query that the client refuses.
    pub fn split_any(&self, conditions: impl IntoIterator<Item = Condition>) -> Vec<Soql> {
        let with = |some: Vec<String>| {
            let any = some.iter().map(|each| format!("({each})")).collect::<Vec<_>>().join(" OR ");
            self.clone().filter(Condition(any)).build()
        };
        in_addresses(conditions.into_iter().map(|condition| condition.0), encode("() OR ").len(), with)
    }
}

/// The queries that `with` makes of as many of `parts` as fit into an address each, every one of which takes `more` bytes
/// beside its own.
fn in_addresses(
    parts: impl Iterator<Item = String>,
    more: usize,
    with: impl Fn(Vec<String>) -> Soql,
) -> Vec<Soql> {
    let whole = MAX_ENCODED_QUERY.saturating_sub(encode(with(vec![String::new()]).as_str()).len());
    let (mut queries, mut batch, mut room) = (Vec::new(), Vec::new(), whole);
    for part in parts {
        let length = encode(&part).len() + more;
        if length > room && !batch.is_empty() {
            queries.push(with(std::mem::take(&mut batch)));
            room = whole;
        }
        room = room.saturating_sub(length);
        batch.push(part);
    }
    if !batch.is_empty() {
        queries.push(with(batch));
    }
    queries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> FieldPath {
        FieldPath::new(text).unwrap()
    }

    fn opportunities() -> Select {
        Select::from(&ObjectName::new("Opportunity").unwrap())
    }

    #[test]
    fn a_query_reads_as_it_was_built() {
        let stamp: Timestamp = "2026-11-22T06:00:00.5Z".parse().unwrap();
        let rows = Select::from_children(&FieldName::new("Rows__r").unwrap()).fields([&path("Key__c")]);
        let query = opportunities()
            .fields([&path("Name"), &path("id"), &path("Account.Name")])
            .children(&rows)
            .filter(Condition::compare(&path("Name"), Op::Eq, "O'Neil"))
            .filter(Condition::compare(&path("SystemModstamp"), Op::Ge, stamp))
            .by_keyset(&path("SystemModstamp"))
            .limit(200)
            .build();
        assert_eq!(
            query.as_str(),
            "SELECT Id,Name,Account.Name,(SELECT Id,Key__c FROM Rows__r) FROM Opportunity \
             WHERE (Name = 'O\\'Neil') AND (SystemModstamp >= 2026-11-22T06:00:00Z) \
             ORDER BY SystemModstamp ASC,Id ASC LIMIT 200"
        );
    }

    #[test]
    fn a_long_list_is_split_into_queries_that_fit_and_loses_nothing() {
        let ids: Vec<RecordId> =
            (0..2_000).map(|n| RecordId::parse(&format!("006{n:012}")).unwrap()).collect();
        let queries = opportunities().split(&path("Id"), ids.iter().copied());
        assert!(queries.len() < 8, "{}", queries.len());
        assert!(queries.iter().all(|query| query.encoded().is_ok()));
        let all: String = queries.iter().map(Soql::as_str).collect();
        assert!(ids.iter().all(|id| all.contains(id.as_str())));
        assert!(opportunities().split(&path("Id"), Vec::<RecordId>::new()).is_empty());
    }

    #[test]
    fn many_conditions_are_split_into_queries_that_fit_and_none_is_lost() {
        let like =
            |number: usize| Pattern::default().text(&format!("100 %_{number}")).any_letter().anything();
        let conditions = |count| (0..count).map(move |number| Condition::like(&path("Name"), &like(number)));
        assert_eq!(
            opportunities().split_any(conditions(2))[0].as_str(),
            "SELECT Id FROM Opportunity WHERE (Name LIKE '100 \\%\\_0_%') OR (Name LIKE '100 \\%\\_1_%')"
        );
        let filtered = opportunities().filter(Condition::compare(&path("IsClosed"), Op::Eq, false));
        let queries = filtered.split_any(conditions(1_000));
        assert!(queries.len() > 1 && queries.len() < 10, "{}", queries.len());
        assert!(queries.iter().all(|query| query.encoded().is_ok()));
        let all: String = queries.iter().map(Soql::as_str).collect();
        assert!((0..1_000).all(|number| all.contains(&format!("\\_{number}_%"))));
        assert!(opportunities().split_any([]).is_empty());
    }

    #[test]
    fn a_list_of_nothing_finds_nothing() {
        let query = opportunities().filter(Condition::one_of(&path("Name"), Vec::<&str>::new())).build();
        assert_eq!(query.as_str(), "SELECT Id FROM Opportunity WHERE Id = null");
    }
}
