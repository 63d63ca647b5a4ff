//! How one field's value is written on each side, and read back: `decode(encode(v)) = v` for every `v` both can hold.

mod attribute;
mod choice;
mod date;
mod html;
mod lines;
mod number;
mod place;
mod profile;
mod range;
mod record_id;
mod text;

use deal_model::{Fit, Held, Kind, Observed, Sameness, Side, Value};
use serde_json::Value as Json;

use crate::PortalPath;

pub use choice::ChoiceTable;
pub(crate) use number::parse as parse_number;
pub(crate) use place::minor_units;
pub use range::{Range, RangeTable};
pub use text::LinkTemplate;

/// A field's codec. Portal and CRM halves read into, and write from, the same canonical value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Codec {
    /// One line of text, trimmed.
    Text,
    /// A text of one line or two: of the CRM's field, all lines behind the first are the second one.
    Lines {
        /// The portal's member with the second line.
        second: PortalPath,
    },
    /// Text of many lines, trimmed, line ends as `\n`.
    LongText,
    /// The same, which one side keeps as HTML.
    Html(Side),
    /// A phone number, as it was typed; compared by what it dials.
    Phone,
    /// An exact decimal.
    Number,
    /// An exact decimal whose scale its currency decides.
    Money,
    /// A currency's three letters, in capitals.
    Currency,
    /// A country's two letters, in capitals; the CRM may hold its English ISO name instead.
    Country,
    /// A calendar date; midnight UTC at the portal.
    Date {
        /// Takes the nearest midnight instead of the one before.
        nearest_midnight: bool,
    },
    /// A yes or a no.
    Flag,
    /// A code out of a list, under another name in the CRM.
    Choice(ChoiceTable),
    /// A code of the portal that stands for a range of the CRM's numbers.
    Range(RangeTable),
    /// An address built around the referral's identifier.
    Link(LinkTemplate),
    /// An opportunity's identifier, with 18 characters.
    RecordId,
    /// The identifier of one type in the customer's list of identifiers (partner-center reference, section 3.2).
    ProfileId {
        /// `Duns` or `External`.
        profile_type: String,
    },
    /// The entry of one type in the referral's list of attributes, as a code out of a list.
    Attribute {
        /// `CustomerMarketplaceIntent`, `PartnerRole` and the like.
        attribute: String,
        /// Names in Salesforce against ids.
        choices: ChoiceTable,
    },
    /// People of the portal's list as lines of text. Read only.
    Names,
}

impl Codec {
    /// The canonical type.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Text
            | Self::Lines { .. }
            | Self::Phone
            | Self::Link(_)
            | Self::RecordId
            | Self::ProfileId { .. } => Kind::Text,
            Self::LongText | Self::Html(_) | Self::Names => Kind::LongText,
            Self::Number | Self::Money => Kind::Number,
            Self::Currency | Self::Country | Self::Choice(_) | Self::Range(_) | Self::Attribute { .. } => {
                Kind::Choice
            }
            Self::Date { .. } => Kind::Date,
            Self::Flag => Kind::Flag,
        }
    }

    /// What the codec itself says of what both sides can hold.
    pub(crate) fn fit(&self) -> Fit {
        let sameness = if *self == Self::Phone { Sameness::Dialled } else { Sameness::AsWritten };
        Fit { sameness, ..Fit::default() }
    }

    /// Whether the portal half can be written.
    pub fn writes_portal(&self) -> bool {
        !matches!(self, Self::Link(_) | Self::Names)
    }

    /// The value of a member as the portal sent it. Null and "" are `Empty`; what cannot be parsed is `Unknown`.
    pub fn read_portal(&self, member: &Json) -> Observed {
        if is_empty(member) {
            return Observed::Empty;
        }
        match self {
            Self::Text | Self::Phone => text::read(member),
            Self::Lines { .. } => lines::read([member]),
            Self::Html(Side::Portal) => html::read(member),
            Self::LongText | Self::Html(Side::Crm) => text::read_long(member),
            Self::Number | Self::Money => number::read(member),
            Self::Currency => place::read_currency(member),
            Self::Country => place::read_country_code(member),
            Self::Date { nearest_midnight } => date::read_portal(member, *nearest_midnight),
            Self::Flag => read_flag(member),
            Self::Choice(table) => table.read_portal(member),
            Self::Range(_) => RangeTable::read_portal(member),
            Self::Link(template) => template.read_portal(member),
            Self::RecordId => record_id::read(member),
            Self::ProfileId { profile_type } => profile::read_portal(member, profile_type),
            Self::Attribute { attribute, .. } => attribute::read_portal(member, attribute),
            Self::Names => profile::read_names(member),
        }
    }

    /// The value of a field as Salesforce sent it. Null and "" are `Empty`; what cannot be parsed is `Unknown`.
    pub fn read_crm(&self, field: &Json) -> Observed {
        if is_empty(field) {
            return Observed::Empty;
        }
        match self {
            Self::Text | Self::Phone | Self::Link(_) => text::read(field),
            Self::Lines { .. } => lines::read([field]),
            Self::ProfileId { profile_type } => profile::read_crm(field, profile_type),
            Self::Html(Side::Crm) => html::read(field),
            Self::LongText | Self::Html(Side::Portal) | Self::Names => text::read_long(field),
            Self::Number | Self::Money => number::read(field),
            Self::Currency => place::read_currency(field),
            Self::Country => place::read_country(field),
            Self::Date { .. } => date::read_crm(field),
            Self::Flag => read_flag(field),
            Self::Choice(table) | Self::Attribute { choices: table, .. } => table.read_crm(field),
            Self::Range(table) => table.read_crm(field),
            Self::RecordId => record_id::read(field),
        }
    }

    /// What to put into the portal's member.
    pub fn write_portal(&self, held: &Held) -> Json {
        match (self, held) {
            (Self::Choice(table), _) => table.write_portal(held),
            (Self::Lines { .. }, Held::Value(value)) => lines::split(value).0,
            (Self::Html(Side::Portal), Held::Value(Value::Text(text))) => html::write(text),
            (Self::Date { .. }, Held::Value(Value::Date(date))) => date::write_portal(*date),
            (Self::Attribute { attribute, .. }, Held::Value(Value::Choice(id))) => {
                attribute::write_portal(attribute, id)
            }
            (Self::ProfileId { profile_type }, Held::Value(Value::Text(id))) => {
                profile::write_portal(profile_type, id)
            }
            (_, Held::Value(value)) => plain(value),
            (_, Held::Empty) => Json::Null,
        }
    }

    /// The portal's second member, for a codec that has one.
    pub fn second_member(&self) -> Option<&PortalPath> {
        match self {
            Self::Lines { second } => Some(second),
            _ => None,
        }
    }

    /// What to put into the portal's second member.
    pub fn write_second(&self, held: &Held) -> Json {
        match (self, held) {
            (Self::Lines { .. }, Held::Value(value)) => lines::split(value).1,
            _ => Json::Null,
        }
    }

    /// The value of a member and of the second one, for a codec that has two.
    pub(crate) fn read_both(first: &Json, second: &Json) -> Observed {
        lines::read([first, second])
    }

    /// What to put into Salesforce's field.
    pub fn write_crm(&self, held: &Held) -> Json {
        match (self, held) {
            (
                Self::Choice(table) | Self::Attribute { choices: table, .. },
                Held::Value(Value::Choice(code)),
            ) => table.write_crm(code),
            (Self::Range(table), Held::Value(Value::Choice(code))) => table.write_crm(code),
            (Self::Html(Side::Crm), Held::Value(Value::Text(text))) => html::write(text),
            (_, Held::Value(value)) => plain(value),
            (_, Held::Empty) => Json::Null,
        }
    }
}

/// What both platforms mean by nothing.
fn is_empty(json: &Json) -> bool {
    match json {
        Json::Null => true,
        Json::String(text) => text.trim().is_empty(),
        _ => false,
    }
}

fn read_flag(json: &Json) -> Observed {
    match json {
        Json::Bool(flag) => Observed::Value(Value::Flag(*flag)),
        Json::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" => Observed::Value(Value::Flag(true)),
            "false" | "no" => Observed::Value(Value::Flag(false)),
            _ => Observed::Unknown,
        },
        _ => Observed::Unknown,
    }
}

/// A value in JSON's own terms: what a codec writes where it has no form of its own.
fn plain(value: &Value) -> Json {
    match value {
        Value::Text(text) | Value::Choice(text) => Json::String(text.clone()),
        Value::Number(number) => number::write(*number),
        Value::Date(date) => Json::String(date.to_string()),
        Value::Flag(flag) => Json::Bool(*flag),
        Value::Set(_) => Json::Null,
    }
}
