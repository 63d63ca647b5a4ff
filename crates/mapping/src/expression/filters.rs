//! The filters: what can be done with a text or a number. Each is total, bounded and exact, or says why not.

use jiff::{Timestamp, tz::TimeZone};
use rust_decimal::{Decimal, RoundingStrategy};

use super::{
    Flaw,
    datum::{Datum, Sort, Stop},
};
use crate::{codec::parse_number, file::nearest};

/// Most digits after the point that a filter may be asked for.
const MAX_SCALE: u32 = 28;

macro_rules! filters {
    ($($variant:ident $name:literal $takes:expr => $gives:expr, $least:literal..=$most:literal, $example:literal, $doc:literal;)*) => {
        /// A filter by its name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Filter {
            $(#[doc = $doc] $variant,)*
        }

        impl Filter {
            /// All of them, as the file spells them.
            pub(super) const NAMES: &[&str] = &[$($name),*];

            pub(super) fn named(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }

            pub(super) fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it takes before the bar.
            pub(super) fn input(self) -> Sort {
                match self { $(Self::$variant => $takes,)* }
            }

            /// What it gives.
            pub(super) fn output(self) -> Sort {
                match self { $(Self::$variant => $gives,)* }
            }

            /// Fewest and most arguments.
            pub(super) fn arguments(self) -> (usize, usize) {
                match self { $(Self::$variant => ($least, $most),)* }
            }

            /// How it is written.
            pub(super) fn example(self) -> &'static str {
                match self { $(Self::$variant => $example,)* }
            }
        }
    };
}

filters! {
    Trim "trim" Sort::Text => Sort::Text, 0..=0, "trim", "Without blanks around.";
    Upper "upper" Sort::Text => Sort::Text, 0..=0, "upper", "In capitals.";
    Lower "lower" Sort::Text => Sort::Text, 0..=0, "lower", "In small letters.";
    Replace "replace" Sort::Text => Sort::Text, 2..=2, "replace('old', 'new')", "One text in place of another.";
    Truncate "truncate" Sort::Text => Sort::Text, 1..=1, "truncate(120)", "At most so many characters.";
    FirstLine "first_line" Sort::Text => Sort::Text, 0..=0, "first_line", "What stands before the first line's end.";
    Date "date" Sort::Text => Sort::Text, 0..=0, "date", "The calendar date of a time, in UTC: `2027-03-31`.";
    Default "default" Sort::Any => Sort::Any, 1..=1, "default('none')", "Another value where there is none.";
    Join "join" Sort::List => Sort::Text, 0..=1, "join(', ')", "The list's texts with one between them.";
    Text "text" Sort::Any => Sort::Text, 0..=0, "text", "A number as its digits.";
    ToDecimal "decimal" Sort::Any => Sort::Number, 0..=0, "decimal", "The number that a text holds.";
    Add "add" Sort::Number => Sort::Number, 1..=1, "add(1)", "The sum.";
    Sub "sub" Sort::Number => Sort::Number, 1..=1, "sub(1)", "The difference.";
    Mul "mul" Sort::Number => Sort::Number, 1..=1, "mul(2)", "The product.";
    Div "div" Sort::Number => Sort::Number, 2..=2, "div(3, 2)", "The quotient with so many digits after the point.";
    Round "round" Sort::Number => Sort::Number, 1..=1, "round(2)", "So many digits after the point, halves away from zero.";
}

impl Filter {
    /// How many arguments it takes, for a sentence.
    pub(super) fn takes(self) -> String {
        match self.arguments() {
            (0, 0) => "none".to_owned(),
            (least, most) if least == most => least.to_string(),
            (least, most) => format!("{least} or {most}"),
        }
    }

    /// What the argument at `place` has to be.
    pub(super) fn argument(self, place: usize) -> Sort {
        match (self, place) {
            (Self::Replace | Self::Join, _) => Sort::Text,
            (Self::Default, _) => Sort::Any,
            _ => Sort::Number,
        }
    }

    /// Whether the argument has to be a whole number that is not negative.
    pub(super) fn counts(self, place: usize) -> bool {
        matches!((self, place), (Self::Truncate | Self::Round, 0) | (Self::Div, 1))
    }

    /// What comes out. `default` is not among what is applied here: it looks before its input is evaluated.
    pub(super) fn apply(self, input: Datum, arguments: &[Datum], most_chars: usize) -> Result<Datum, Stop> {
        let number = |place: usize| arguments.get(place).map_or(Ok(Decimal::ZERO), Datum::number);
        Ok(match self {
            Self::Default => input,
            Self::Trim => Datum::Text(input.text()?.trim().to_owned()),
            Self::Upper => Datum::Text(input.text()?.to_uppercase()),
            Self::Lower => Datum::Text(input.text()?.to_lowercase()),
            Self::FirstLine => {
                Datum::Text(input.text()?.trim().lines().next().unwrap_or_default().trim_end().to_owned())
            }
            Self::Truncate => {
                let most = usize::try_from(number(0)?).unwrap_or(usize::MAX);
                Datum::Text(input.text()?.chars().take(most).collect())
            }
            Self::Replace => replace(input.text()?, arguments, most_chars)?,
            Self::Join => {
                let between = match arguments.first() {
                    Some(text) => text.text()?.to_owned(),
                    None => String::new(),
                };
                Datum::Text(join(&input, &between, most_chars)?)
            }
            Self::Text => Datum::Text(input.shown()?),
            Self::Date => Datum::Text(date(input.text()?)?),
            Self::ToDecimal => match &input {
                Datum::Number(_) => input,
                other => {
                    let number = parse_number(other.text()?.trim());
                    Datum::Number(number.ok_or_else(|| {
                        Stop::failed("a text that should be a number is none", "Write digits alone")
                    })?)
                }
            },
            Self::Add => exact(input.number()?.checked_add(number(0)?))?,
            Self::Sub => exact(input.number()?.checked_sub(number(0)?))?,
            Self::Mul => exact(input.number()?.checked_mul(number(0)?))?,
            Self::Div => {
                let (number, by, digits) = (input.number()?, number(0)?, scale(number(1)?)?);
                if by.is_zero() {
                    return Err(Stop::failed("it would divide by zero", "Correct the number that is zero"));
                }
                Datum::Number(rounded(exact(number.checked_div(by))?.number()?, digits))
            }
            Self::Round => Datum::Number(rounded(input.number()?, scale(number(0)?)?)),
        })
    }
}

/// The mistake of naming a filter that is none.
pub(super) fn unknown(at: usize, name: &str) -> Flaw {
    let near = nearest(name, Filter::NAMES.iter().copied());
    let todo = near.map_or_else(
        || format!("use one of {}", Filter::NAMES.join(", ")),
        |near| format!("did you mean `{near}`?"),
    );
    let flaw = Flaw::new(at, format!("there is no filter `{name}`"), todo);
    match near {
        Some(near) => flaw.replacing(name, near),
        None => flaw,
    }
}

/// A number that its digits hold exactly.
pub(super) fn exact(number: Option<Decimal>) -> Result<Datum, Stop> {
    let too_long = || Stop::failed("a number grew beyond 28 digits", "Correct the numbers it is made of");
    number.map(Datum::Number).ok_or_else(too_long)
}

fn scale(digits: Decimal) -> Result<u32, Stop> {
    let scale = u32::try_from(digits).ok().filter(|scale| *scale <= MAX_SCALE && digits.fract().is_zero());
    scale.ok_or_else(|| Stop::failed("the digits to round to are no whole number", "Correct the expression"))
}

fn rounded(number: Decimal, scale: u32) -> Decimal {
    let mut rounded = number.round_dp_with_strategy(scale, RoundingStrategy::MidpointAwayFromZero);
    // 5 with two digits is "5.00"; where 28 digits cannot hold that, it stays as it is.
    rounded.rescale(scale);
    rounded
}

fn replace(text: &str, arguments: &[Datum], most_chars: usize) -> Result<Datum, Stop> {
    let [old, new] = arguments else { return Ok(Datum::Text(text.to_owned())) };
    let (old, new) = (old.text()?, new.text()?);
    if old.is_empty() {
        return Ok(Datum::Text(text.to_owned()));
    }
    let grown = text.matches(old).count().saturating_mul(new.len()).saturating_add(text.len());
    // A character has at most four bytes; what is longer by far is not even made.
    if grown > most_chars.saturating_mul(4) {
        return Err(Stop::too_long(most_chars));
    }
    Ok(Datum::Text(text.replace(old, new)))
}

fn join(list: &Datum, between: &str, most_chars: usize) -> Result<String, Stop> {
    let mut text = String::new();
    for (place, item) in list.list()?.iter().enumerate() {
        if place > 0 {
            text.push_str(between);
        }
        text.push_str(&item.shown()?);
        if text.len() > most_chars.saturating_mul(4) {
            return Err(Stop::too_long(most_chars));
        }
    }
    Ok(text)
}

fn date(text: &str) -> Result<String, Stop> {
    let text = text.trim();
    let instant = text.parse::<Timestamp>().map(|at| at.to_zoned(TimeZone::UTC).date());
    let date = instant.or_else(|_| text.parse::<jiff::civil::Date>());
    date.map(|date| date.to_string())
        .map_err(|_| Stop::failed("a text that should be a date is none", "Write it like 2027-03-31"))
}
