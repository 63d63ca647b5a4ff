//! "Did you mean": the known name nearest to one that is not known.

use super::{remedy::Remedy, typed};

/// Most edits between a slip of the finger and the name that was meant.
const MAX_EDITS: usize = 3;
/// Longer names are not compared.
const MAX_CHARS: usize = 80;

/// The nearest of `known`, if it is near.
pub(crate) fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    if name.chars().count() > MAX_CHARS {
        return None;
    }
    let reach = MAX_EDITS.min(name.chars().count().div_ceil(2));
    let near = known.into_iter().map(|each| (edits(name, each), each)).filter(|(edits, _)| *edits <= reach);
    near.min_by_key(|(edits, _)| *edits).map(|(_, each)| each)
}

/// The nearest of `known`, if at most `reach` edits and not most of the letters part them.
pub(super) fn within<'k>(
    reach: usize,
    name: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<&'k str> {
    nearest(name, known).filter(|near| edits(name, near) <= reach && name.chars().count() > 2 * reach)
}

/// The nearest of `known` sentences, if no more than a third of the letters part them.
pub(super) fn loosely<'k>(text: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let length = text.chars().count();
    if length > MAX_CHARS {
        return None;
    }
    let near =
        known.into_iter().map(|each| (edits(text, each), each)).filter(|(edits, _)| 3 * edits <= length);
    near.min_by_key(|(edits, _)| *edits).map(|(_, each)| each)
}

/// The known key that was meant.
pub(super) fn key(name: &str, known: &[&str]) -> Option<Remedy> {
    nearest(name, known.iter().copied()).map(Remedy::key)
}

/// The known word that was meant, or nothing in its place.
pub(super) fn word(text: &str, known: &[&str]) -> Remedy {
    nearest(text, known.iter().copied()).map_or_else(
        || Remedy::remove().advised(format!("write one of {}", typed::listed(known))),
        Remedy::text,
    )
}

/// Letters to change, add or leave out, without regard to case.
fn edits(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().flat_map(char::to_lowercase).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, letter) in left.chars().flat_map(char::to_lowercase).enumerate() {
        let mut corner = row[0];
        row[0] = line + 1;
        for (column, other) in right.iter().enumerate() {
            let changed = corner + usize::from(letter != *other);
            corner = row[column + 1];
            row[column + 1] = changed.min(corner + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let known = ["salesforce", "partner_center", "direction"];
        assert_eq!(nearest("saleforce", known), Some("salesforce"));
        assert_eq!(nearest("Direction", known), Some("direction"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest("", known), None);
    }
}
