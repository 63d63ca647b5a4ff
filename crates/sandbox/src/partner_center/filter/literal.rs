//! Numbers and instants as OData writes them: Rust's readers take more.

use std::str::FromStr as _;

use jiff::Timestamp;
use rust_decimal::Decimal;

/// A sign, digits, a point with digits after it, an exponent.
pub(super) fn decimal(word: &str) -> Option<Decimal> {
    let unsigned = |text: &str| text.strip_prefix(['+', '-']).unwrap_or(text).to_owned();
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = word.split_once(['e', 'E']).unwrap_or((word, "0"));
    let mantissa = unsigned(mantissa);
    let sound =
        mantissa.split_once('.').map_or(digits(&mantissa), |(whole, part)| digits(whole) && digits(part));
    if !sound || !digits(&unsigned(exponent)) {
        return None;
    }
    // Rust's decimals know no leading plus before an exponent.
    let word = word.strip_prefix('+').unwrap_or(word);
    Decimal::from_str(word).or_else(|_| Decimal::from_scientific(word)).ok()
}

/// `2026-11-02T09:14:07.1234567Z`: seconds and their fraction may be left out, the offset not.
pub(super) fn instant(word: &str) -> Option<Timestamp> {
    let rest = shaped(word, "0000-00-00T00:00")?;
    let rest = shaped(rest, ":00").unwrap_or(rest);
    let rest =
        rest.strip_prefix('.').map_or(rest, |part| part.trim_start_matches(|c: char| c.is_ascii_digit()));
    let offset = rest == "Z" || shaped(rest, "+00:00").or_else(|| shaped(rest, "-00:00")) == Some("");
    word.parse().ok().filter(|_| offset)
}

/// What follows a beginning of this shape, in which 0 stands for any digit.
fn shaped<'t>(text: &'t str, shape: &str) -> Option<&'t str> {
    let (beginning, rest) = text.split_at_checked(shape.len())?;
    let fits =
        |(found, wanted): (u8, u8)| if wanted == b'0' { found.is_ascii_digit() } else { found == wanted };
    beginning.bytes().zip(shape.bytes()).all(fits).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_odata() {
        for (word, value) in
            [("5", "5"), ("-5.50", "-5.50"), ("+5", "5"), ("1e3", "1000"), ("-1.5E-2", "-0.015")]
        {
            assert_eq!(decimal(word), value.parse().ok(), "{word}");
        }
        for word in ["", "+", "5.", ".5", "1_000", "0x10", "1e", "1e1.5", "--1", "NaN", "1 0"] {
            assert_eq!(decimal(word), None, "{word}");
        }
    }

    #[test]
    fn instants_are_those_of_odata() {
        for word in ["2026-11-02T09:14Z", "2026-11-02T09:14:07Z", "2026-11-02T09:14:07.1234567+01:00"] {
            assert!(instant(word).is_some(), "{word}");
        }
        let bad = [
            "2026-11-02",
            "2026-11-02T0914-2025",
            "20261102T091407Z",
            "2026-11-02T09:14:07",
            "2026-11-02T09:14:07.Zz",
            "2026-11-02t09:14:07z",
            "2026-11-02 09:14:07Z",
            "2026-11-02T09:14:07Z[UTC]",
            "2026-13-02T09:14:07Z",
        ];
        for word in bad {
            assert_eq!(instant(word), None, "{word}");
        }
    }
}
