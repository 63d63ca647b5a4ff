//! A portal code that stands for a range of numbers in Salesforce: customer size against number of employees.

use deal_model::{Observed, Value};
use rust_decimal::Decimal;
use serde_json::Value as Json;

use super::number;

/// One code and the numbers it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// The portal's code.
    pub code: String,
    /// The least number, included. It is what is written for the code.
    pub from: i64,
    /// The greatest number, included; none for no end.
    pub to: Option<i64>,
}

impl Range {
    fn holds(&self, number: Decimal) -> bool {
        number >= Decimal::from(self.from) && self.to.is_none_or(|to| number <= Decimal::from(to))
    }
}

/// Ranges that do not overlap. The canonical value is the code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RangeTable(pub(crate) Vec<Range>);

impl RangeTable {
    /// None if two ranges overlap or one ends before it begins.
    pub fn new(ranges: Vec<Range>) -> Option<Self> {
        let mut sorted: Vec<&Range> = ranges.iter().collect();
        sorted.sort_by_key(|range| range.from);
        let apart = sorted.windows(2).all(|pair| pair[0].to.is_some_and(|to| to < pair[1].from));
        let forward = ranges.iter().all(|range| range.to.is_none_or(|to| to >= range.from));
        (apart && forward).then_some(Self(ranges))
    }

    /// Whether the table has `code`.
    pub(crate) fn has(&self, code: &str) -> bool {
        self.0.iter().any(|range| range.code == code)
    }

    /// Any code is kept as it came.
    pub(super) fn read_portal(json: &Json) -> Observed {
        match json {
            Json::String(code) => Observed::Value(Value::Choice(code.trim().to_owned())),
            _ => Observed::Unknown,
        }
    }

    /// A number outside every range stands for no code: `Unknown`.
    pub(super) fn read_crm(&self, json: &Json) -> Observed {
        let Observed::Value(Value::Number(number)) = number::read(json) else { return Observed::Unknown };
        self.0
            .iter()
            .find(|range| range.holds(number))
            .map_or(Observed::Unknown, |range| Observed::Value(Value::Choice(range.code.clone())))
    }

    /// A code without a range says nothing in numbers: null.
    pub(super) fn write_crm(&self, code: &str) -> Json {
        self.0.iter().find(|range| range.code == code).map_or(Json::Null, |range| Json::from(range.from))
    }
}
