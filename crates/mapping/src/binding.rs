//! One field tied to its place on each side.

use deal_model::{FieldId, NotComputed, Observed, PerSide, Reading, Side, Value};
use serde_json::Value as Json;

use crate::{Codec, CrmPath, Example, Expression, Given, PortalPath};

/// What a member means that the portal's document does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// The member is documented as optional: the portal holds nothing there.
    Empty,
    /// The portal always sends the member: it was hidden or cut off.
    Unknown,
}

/// A single-valued field: where it lives, and how it is read and written there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The field.
    pub field: FieldId,
    /// Its place in our referral.
    pub portal: Option<PortalPath>,
    /// Its place in Microsoft's referral of the same engagement.
    pub companion: Option<PortalPath>,
    /// Its place seen from the opportunity.
    pub crm: Option<CrmPath>,
    /// How it is written.
    pub codec: Codec,
    /// What is sent to a side in place of what the other holds: what an expression makes of the other's record.
    pub computed: PerSide<Option<Expression>>,
    /// What is sent to a side when the other has nothing.
    pub default: PerSide<Option<Fallback>>,
    /// Examples of its expressions, all of which came true.
    pub examples: Vec<Example>,
    /// What the member's absence means at the portal.
    pub absent: Absent,
}

/// What stands in for a value that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fallback {
    /// Always this.
    Literal(Value),
    /// What an expression makes of the record.
    Expression(Expression),
}

impl Fallback {
    /// Its value for one record.
    pub(crate) fn value(&self, given: &Given<'_>, codec: &Codec) -> Result<Observed, NotComputed> {
        match self {
            Self::Literal(value) => Ok(Observed::Value(value.clone())),
            Self::Expression(expression) => expression.evaluate(given, codec),
        }
    }

    /// The expression, if it is one.
    pub fn expression(&self) -> Option<&Expression> {
        match self {
            Self::Expression(expression) => Some(expression),
            Self::Literal(_) => None,
        }
    }
}

impl Binding {
    /// What the side `from` says of the field: what it holds and what it would send, with the reason for a person where
    /// an expression failed on this record. `held` is what the field's own place holds.
    ///
    /// A computed field holds what its expression makes of the record: that, and nothing else, is what can change.
    pub fn reading(&self, from: Side, held: Observed, given: &Given<'_>) -> (Reading, Option<NotComputed>) {
        let to = from.other();
        let held = match self.computed.at(to).as_ref().map(|each| each.evaluate(given, &self.codec)) {
            None => held,
            Some(Ok(computed)) => computed,
            Some(Err(failure)) => return (Reading::plain(Observed::Unknown), Some(failure)),
        };
        match (&held, self.default.at(to)) {
            (Observed::Empty, Some(default)) => match default.value(given, &self.codec) {
                Ok(sends) => (Reading { held, sends }, None),
                Err(failure) => (Reading { held, sends: Observed::Unknown }, Some(failure)),
            },
            _ => (Reading::plain(held), None),
        }
    }

    /// The expressions of the field, computed values and defaults.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        let defaults = [&self.default.portal, &self.default.crm].into_iter().flatten();
        let computed = [&self.computed.portal, &self.computed.crm].into_iter().flatten();
        computed.chain(defaults.filter_map(Fallback::expression))
    }

    /// The expressions that are evaluated when the side `from` is observed.
    pub fn expressions_from(&self, from: Side) -> impl Iterator<Item = &Expression> {
        self.expressions().filter(move |each| each.from() == from)
    }

    /// Everything that is read of an opportunity for the field: its own place, and what its expressions name.
    pub fn crm_paths(&self) -> impl Iterator<Item = &CrmPath> {
        self.crm.iter().chain(self.expressions().flat_map(Expression::crm_paths))
    }

    /// What our referral holds; `Unknown` if the field has no place there.
    pub fn observe_portal(&self, referral: &Json) -> Observed {
        self.portal.as_ref().map_or(Observed::Unknown, |path| self.observe(path, referral))
    }

    /// What Microsoft's referral holds; `Empty` if there is none, `Unknown` if the field has no place there.
    pub fn observe_companion(&self, companion: Option<&Json>) -> Observed {
        match (&self.companion, companion) {
            (Some(path), Some(document)) => self.observe(path, document),
            (Some(_), None) => Observed::Empty,
            (None, _) => Observed::Unknown,
        }
    }

    /// What the opportunity holds; `Unknown` if the field was not in the answer or has no place there.
    pub fn observe_crm(&self, opportunity: &Json) -> Observed {
        let field = self.crm.as_ref().and_then(|path| path.read(opportunity));
        field.map_or(Observed::Unknown, |field| self.codec.read_crm(field))
    }

    fn observe(&self, path: &PortalPath, document: &Json) -> Observed {
        let first = path.read(document).or((self.absent == Absent::Empty).then_some(&Json::Null));
        let second = self.codec.second_member().and_then(|second| second.read(document));
        if let Some((first, second)) = first.zip(second) {
            return Codec::read_both(first, second);
        }
        match path.read(document) {
            Some(member) => self.codec.read_portal(member),
            None if path.through_null(document) => Observed::Empty,
            None => match self.absent {
                Absent::Empty => Observed::Empty,
                Absent::Unknown => Observed::Unknown,
            },
        }
    }
}
