//! Date literals: stretches of days seen from today (salesforce reference, section 2.8).

use jiff::{Span, civil::Date};

/// What a literal counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

/// A stretch of days, by its name and, where the name has one, its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Relative {
    pub(crate) name: String,
    pub(crate) number: Option<i32>,
    unit: Unit,
    /// The first and last unit, seen from the present one.
    from: i32,
    to: i32,
}

const UNITS: [(&str, Unit); 5] = [
    ("DAY", Unit::Day),
    ("WEEK", Unit::Week),
    ("MONTH", Unit::Month),
    ("QUARTER", Unit::Quarter),
    ("YEAR", Unit::Year),
];

/// The largest number after a colon.
pub(crate) const MAX_NUMBER: i32 = 36_600;

impl Relative {
    /// The literal of this name, if it is one that has no number.
    pub(crate) fn plain(name: &str) -> Option<Self> {
        let name = name.to_ascii_uppercase();
        // The fiscal year of this org is the calendar's.
        let bare = name.replace("FISCAL_", "");
        let (unit, from, to) = match bare.as_str() {
            "YESTERDAY" => (Unit::Day, -1, -1),
            "TODAY" => (Unit::Day, 0, 0),
            "TOMORROW" => (Unit::Day, 1, 1),
            "LAST_90_DAYS" => (Unit::Day, -90, 0),
            "NEXT_90_DAYS" => (Unit::Day, 1, 90),
            _ => {
                let (when, unit) = bare.split_once('_')?;
                let (_, unit) = UNITS.into_iter().skip(1).find(|(own, _)| *own == unit)?;
                match when {
                    "LAST" => (unit, -1, -1),
                    "THIS" => (unit, 0, 0),
                    "NEXT" => (unit, 1, 1),
                    _ => return None,
                }
            }
        };
        Self::fits(&name, unit).then_some(Self { name, number: None, unit, from, to })
    }

    /// Whether a literal of this name takes a number.
    pub(crate) fn takes_number(name: &str) -> bool {
        Self::numbered(name, 1).is_some()
    }

    /// The literal of this name with a number.
    pub(crate) fn numbered(name: &str, number: i32) -> Option<Self> {
        let name = name.to_ascii_uppercase();
        let bare = name.replace("FISCAL_", "");
        let unit_of = |plural: &str| {
            let singular = plural.strip_suffix('S')?;
            UNITS.into_iter().find(|(own, _)| *own == singular).map(|(_, unit)| unit)
        };
        let (unit, from, to) = if let Some(plural) = bare.strip_prefix("LAST_N_") {
            let unit = unit_of(plural)?;
            // Days go up to now, longer units end before the present one.
            (unit, -number, if unit == Unit::Day { 0 } else { -1 })
        } else if let Some(plural) = bare.strip_prefix("NEXT_N_") {
            (unit_of(plural)?, 1, number)
        } else {
            let plural = bare.strip_prefix("N_")?.strip_suffix("_AGO")?;
            (unit_of(plural)?, -number, -number)
        };
        Self::fits(&name, unit).then_some(Self { name, number: Some(number), unit, from, to })
    }

    /// Only quarters and years are fiscal, and the word stands once.
    fn fits(name: &str, unit: Unit) -> bool {
        match name.matches("FISCAL_").count() {
            0 => true,
            1 => matches!(unit, Unit::Quarter | Unit::Year),
            _ => false,
        }
    }

    /// The first and the last day.
    pub(crate) fn days(&self, today: Date) -> (Date, Date) {
        let from = begin(today, self.unit, self.from);
        let after = begin(today, self.unit, self.to.saturating_add(1));
        (from, after.checked_sub(Span::new().days(1)).unwrap_or(after))
    }
}

/// The first day of the unit that is `offset` units from the present one; at the calendar's end, that.
fn begin(today: Date, unit: Unit, offset: i32) -> Date {
    let bound = if offset < 0 { Date::MIN } else { Date::MAX };
    let (start, step) = match unit {
        Unit::Day => (today, Span::new().days(offset)),
        Unit::Week => {
            let since = i32::from(today.weekday().to_sunday_zero_offset());
            (today.checked_sub(Span::new().days(since)).unwrap_or(today), Span::new().weeks(offset))
        }
        Unit::Month => (today.first_of_month(), Span::new().months(offset)),
        Unit::Quarter => {
            let since = i32::from((today.month() - 1) % 3);
            let start = today.first_of_month().checked_sub(Span::new().months(since)).unwrap_or(today);
            (start, Span::new().months(offset.saturating_mul(3).clamp(-200_000, 200_000)))
        }
        Unit::Year => (today.first_of_year(), Span::new().years(offset.clamp(-19_000, 19_000))),
    };
    start.checked_add(step).unwrap_or(bound)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn each_literal_is_its_stretch_of_days() {
        // A Sunday: the first day of its week.
        let today = date(2026, 11, 22);
        for (name, number, from, to) in [
            ("TODAY", None, date(2026, 11, 22), date(2026, 11, 22)),
            ("yesterday", None, date(2026, 11, 21), date(2026, 11, 21)),
            ("THIS_WEEK", None, date(2026, 11, 22), date(2026, 11, 28)),
            ("LAST_WEEK", None, date(2026, 11, 15), date(2026, 11, 21)),
            ("NEXT_MONTH", None, date(2026, 12, 1), date(2026, 12, 31)),
            ("THIS_QUARTER", None, date(2026, 10, 1), date(2026, 12, 31)),
            ("NEXT_FISCAL_QUARTER", None, date(2027, 1, 1), date(2027, 3, 31)),
            ("LAST_YEAR", None, date(2025, 1, 1), date(2025, 12, 31)),
            ("LAST_90_DAYS", None, date(2026, 8, 24), date(2026, 11, 22)),
            ("LAST_N_DAYS", Some(3), date(2026, 11, 19), date(2026, 11, 22)),
            ("NEXT_N_DAYS", Some(2), date(2026, 11, 23), date(2026, 11, 24)),
            ("N_DAYS_AGO", Some(2), date(2026, 11, 20), date(2026, 11, 20)),
            ("LAST_N_MONTHS", Some(2), date(2026, 9, 1), date(2026, 10, 31)),
            ("NEXT_N_WEEKS", Some(1), date(2026, 11, 29), date(2026, 12, 5)),
            ("N_YEARS_AGO", Some(1), date(2025, 1, 1), date(2025, 12, 31)),
        ] {
            let literal =
                number.map_or_else(|| Relative::plain(name), |number| Relative::numbered(name, number));
            assert_eq!(literal.map(|literal| literal.days(today)), Some((from, to)), "{name}");
        }
        for name in ["LAST_DAY", "THIS_FISCAL_WEEK", "LAST_FORTNIGHT", "LAST_N_DAY", "N_DAYS", "AGO"] {
            assert_eq!((Relative::plain(name), Relative::numbered(name, 1)), (None, None), "{name}");
        }
        let far = Relative::numbered("NEXT_N_YEARS", MAX_NUMBER).unwrap().days(today);
        assert!(far.0 <= far.1, "{far:?}");
    }
}
