//! Salesforce record identifiers: 15 characters that mind their case, or 18 that do not.

use deal_model::Observed;
use serde_json::Value as Json;

const SHORT: usize = 15;
const LONG: usize = 18;
const CHUNK: usize = 5;
const CHECK: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// An identifier in its long form. Another system's reference is kept as it came.
pub(super) fn read(json: &Json) -> Observed {
    let Json::String(text) = json else { return Observed::Unknown };
    Observed::text(&normalise(text.trim()))
}

/// The 18-character form; anything that is no record identifier is returned as it is.
pub(crate) fn normalise(text: &str) -> String {
    if !text.bytes().all(|each| each.is_ascii_alphanumeric()) {
        return text.to_owned();
    }
    match text.len() {
        SHORT => lengthen(text),
        LONG => restore(text).unwrap_or_else(|| text.to_owned()),
        _ => text.to_owned(),
    }
}

/// Each of the three added characters says which of five characters are capitals.
fn lengthen(short: &str) -> String {
    let mut long = short.to_owned();
    for chunk in short.as_bytes().chunks(CHUNK) {
        let mut bits = 0;
        for (place, each) in chunk.iter().enumerate() {
            if each.is_ascii_uppercase() {
                bits |= 1 << place;
            }
        }
        long.push(char::from(CHECK[bits]));
    }
    long
}

/// Gives a long identifier back the case that something on its way took from it; none if its check does not hold.
fn restore(long: &str) -> Option<String> {
    let (short, check) = long.split_at(SHORT);
    let mut bytes = short.as_bytes().to_ascii_lowercase();
    for (chunk, check) in bytes.chunks_mut(CHUNK).zip(check.bytes()) {
        let bits = CHECK.iter().position(|each| *each == check.to_ascii_uppercase())?;
        for (place, each) in chunk.iter_mut().enumerate() {
            if bits & (1 << place) != 0 {
                each.make_ascii_uppercase();
            }
        }
    }
    let restored = lengthen(&String::from_utf8(bytes).ok()?);
    restored.eq_ignore_ascii_case(long).then_some(restored)
}

#[cfg(test)]
mod tests {
    use super::normalise;

    #[test]
    fn short_long_and_case_mangled_identifiers_are_one() {
        let long = "006D000000C45jzIAB";
        assert_eq!(normalise("006D000000C45jz"), long);
        assert_eq!(normalise(long), long);
        assert_eq!(normalise(&long.to_uppercase()), long);
        assert_eq!(normalise(&long.to_lowercase()), long);
    }

    #[test]
    fn other_references_are_kept_as_they_came() {
        for other in ["CRM-4711", "006D000000C45jzZZZ", "ä06D000000C45jz", ""] {
            assert_eq!(normalise(other), other);
        }
    }
}
