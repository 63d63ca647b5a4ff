//! What a field of an event holds.

/// A value as Avro carries it. Which type the field has is describe's to say: dates and times are all milliseconds
/// since 1970, an amount is a double (salesforce reference, section 4.7).
#[derive(Clone, PartialEq)]
pub enum Value {
    /// Nothing, which by itself means nothing.
    Null,
    /// Yes or no.
    Boolean(bool),
    /// A whole number, or milliseconds since 1970.
    Integer(i64),
    /// Any other number.
    Double(f64),
    /// Text; a multiple choice is separated by `;`.
    Text(String),
    /// A compound; its children are fields of their own, `Parent.Child`.
    Compound,
    /// A type that no change event was ever seen with.
    Other,
}

/// Shows the type alone: a value may be personal data, and events are logged.
impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Boolean(_) => "boolean",
            Self::Integer(_) => "integer",
            Self::Double(_) => "double",
            Self::Text(_) => "text",
            Self::Compound => "compound",
            Self::Other => "other",
        })
    }
}
