//! What a literal is when it meets a field: a value of the field's type, days, or an amount.

use rust_decimal::Decimal;

use super::{
    ast::{Literal, Path},
    bind::{Operand, Place, Scope, day},
    dates::Relative,
};
use crate::salesforce::{errors::Fault, id::Id, org::value_of, schema::Kind, values::Cell};

impl Scope<'_> {
    /// A literal as the field's type, or the platform's complaint.
    pub(crate) fn operand(&self, place: &Place, path: &Path, literal: &Literal) -> Result<Operand, Fault> {
        let kind = &self.field(place).kind;
        let mismatch = |wanted: &str, quotes: &str| {
            self.fault(
                "INVALID_FIELD",
                path.at,
                &format!(
                    "value of filter criterion for field '{}' must be of type {wanted} and should {quotes} enclosed in quotes",
                    path.text()
                ),
            )
        };
        let cell = match (kind, literal) {
            (_, Literal::Null) => Cell::Null,
            (Kind::Boolean, Literal::Bool(value)) => Cell::Bool(*value),
            (Kind::Date, Literal::Date(date)) => Cell::Date(*date),
            (Kind::DateTime, Literal::At(at)) => Cell::At(*at),
            (Kind::Date | Kind::DateTime, Literal::Range(range)) => return Ok(self.days(range)),
            (Kind::Currency { .. }, Literal::Money(iso, amount)) => {
                let rate = self.rate(iso).ok_or_else(|| {
                    self.fault("INVALID_FIELD", path.at, &format!("currency {iso} is not active in this org"))
                })?;
                return Ok(Operand::Money(amount.checked_div(rate).unwrap_or(*amount)));
            }
            (
                Kind::Currency { .. } | Kind::Double { .. } | Kind::Percent { .. } | Kind::Int { .. },
                Literal::Number(number),
            ) => Cell::Number(*number),
            (Kind::Id | Kind::Reference(_), Literal::Text(text)) => match Id::parse(text.trim()) {
                Some(id) => Cell::Id(id),
                None if text.is_empty() => Cell::Null,
                None => {
                    return Err(self.fault(
                        "INVALID_QUERY_FILTER_OPERATOR",
                        path.at,
                        &format!("invalid ID field: {text}"),
                    ));
                }
            },
            (
                Kind::Text { .. }
                | Kind::TextArea { .. }
                | Kind::Url
                | Kind::Email
                | Kind::Phone { .. }
                | Kind::Picklist { .. }
                | Kind::MultiPicklist { .. },
                Literal::Text(text),
            ) => Cell::text(&text.replace("\\_", "_").replace("\\%", "%")),
            (Kind::Boolean, _) => return Err(mismatch("boolean", "not be")),
            (Kind::Date, _) => return Err(mismatch("date", "not be")),
            (Kind::DateTime, _) => return Err(mismatch("dateTime", "not be")),
            (Kind::Currency { .. } | Kind::Double { .. } | Kind::Percent { .. }, _) => {
                return Err(mismatch("double", "not be"));
            }
            (Kind::Int { .. }, _) => return Err(mismatch("int", "not be")),
            (Kind::Id | Kind::Reference(_), _) => return Err(mismatch("ID", "be")),
            _ => return Err(mismatch("string", "be")),
        };
        Ok(Operand::Cell(cell))
    }

    fn days(&self, range: &Relative) -> Operand {
        let (from, to) = range.days(day(self.caller.now));
        Operand::Days(from, to)
    }

    /// Units of an active currency for one of the corporate currency.
    pub(crate) fn rate(&self, iso: &str) -> Option<Decimal> {
        let org = self.org;
        if !org.knobs.multi_currency {
            return None;
        }
        let index = org.schema.find("CurrencyType")?;
        let shape = org.schema.object(index);
        let row = org.tables.all(index).find(|row| {
            value_of(shape, row, "IsActive").is_true()
                && value_of(shape, row, "IsoCode").as_text().is_some_and(|own| own.eq_ignore_ascii_case(iso))
        })?;
        value_of(shape, row, "ConversionRate").as_number().filter(|rate| !rate.is_zero())
    }
}
