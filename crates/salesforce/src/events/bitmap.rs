//! Which fields a header's bitmaps name (salesforce reference, section 4.8).
//!
//! `0x<HEX>` is one big-endian number, whose bit *i* names field *i* of the schema, the header being one of them.
//! `<position>-0x<HEX>` names children of the compound at that position. Entries add up: a child may be named without
//! its compound. Bits past the end are ignored: a field may have been removed since.

use std::collections::BTreeSet;

/// Most digits of one number: four times what the widest accepted schema has bits for.
const MAX_DIGITS: usize = 4096;
/// Most entries: one for the fields, and one for every compound that fits into a schema.
const MAX_ENTRIES: usize = 4096;

/// A field of the schema, and the children of a compound. The schema's order is the order of bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The field's API name.
    pub name: String,
    /// Its children in their order; none, unless it is a compound.
    pub children: Vec<String>,
}

/// The names of the fields that `entries` stand for: a child as `Parent.Child`, the parent alone if all of its children
/// are named. The error says what is wrong.
pub fn names<'a>(
    fields: &[Field],
    entries: impl IntoIterator<Item = &'a str>,
) -> Result<BTreeSet<String>, &'static str> {
    let mut names = BTreeSet::new();
    for (count, entry) in entries.into_iter().enumerate() {
        if count >= MAX_ENTRIES {
            return Err("more bitmaps than fields");
        }
        let Some((position, number)) = entry.split_once('-') else {
            names.extend(bits(entry)?.filter_map(|bit| fields.get(bit)).map(|field| field.name.clone()));
            continue;
        };
        if position.is_empty() || !position.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err("a bitmap's position is no number");
        }
        let bits = bits(number)?;
        // A position that does not fit is past the end of every schema.
        let Some(parent) = position.parse().ok().and_then(|position: usize| fields.get(position)) else {
            continue;
        };
        let children: BTreeSet<usize> = bits.filter(|bit| *bit < parent.children.len()).collect();
        if children.len() < parent.children.len() {
            names.extend(
                children.into_iter().map(|child| format!("{}.{}", parent.name, parent.children[child])),
            );
        } else {
            // Of a field without children, too: that something of it changed is all that can be said.
            names.insert(parent.name.clone());
        }
    }
    Ok(names)
}

/// The places of the bits that are set in `0x<HEX>`.
fn bits(number: &str) -> Result<impl Iterator<Item = usize>, &'static str> {
    let digits = number.strip_prefix("0x").ok_or("a bitmap does not begin with 0x")?;
    if digits.is_empty() || digits.len() > MAX_DIGITS {
        return Err("a bitmap is empty or too long");
    }
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err("a bitmap has other than hexadecimal digits");
    }
    let nibbles = digits.chars().rev().map(|digit| digit.to_digit(16).expect("each was found to be a digit"));
    Ok(nibbles.enumerate().flat_map(|(place, nibble)| {
        (0..4).filter(move |bit| nibble >> bit & 1 == 1).map(move |bit| place * 4 + bit)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(count: usize) -> Vec<Field> {
        let children = |field| match field {
            4 | 7 => (0..5).map(|child| format!("C{child}")).collect(),
            _ => Vec::new(),
        };
        (0..count).map(|field| Field { name: format!("F{field}"), children: children(field) }).collect()
    }

    fn check(entries: &[&str], expected: &[&str]) {
        let names = names(&fields(31), entries.iter().copied()).unwrap();
        assert_eq!(names, expected.iter().map(|name| (*name).to_owned()).collect(), "{entries:?}");
    }

    #[test]
    fn the_guides_example_is_read() {
        check(
            &["0x650004E0", "4-0x10", "7-0x06"],
            &["F5", "F6", "F7", "F10", "F24", "F26", "F29", "F30", "F4.C4", "F7.C1", "F7.C2"],
        );
    }

    #[test]
    fn what_was_observed_of_a_stage_change_is_read() {
        let names = names(&fields(40), ["0xA0060140"]).unwrap();
        let expected = [6, 8, 17, 18, 29, 31].map(|field| format!("F{field}"));
        assert_eq!(names, expected.into());
    }

    #[test]
    fn numbers_of_any_length_are_read_and_bits_past_the_end_are_ignored() {
        check(&[], &[]);
        check(&["0x0"], &[]);
        check(&["0x1"], &["F0"]);
        check(&[&format!("0x{}02", "0".repeat(1000))], &["F1"]);
        check(
            &[&format!("0x{}02", "F".repeat(1000))],
            &(1..31)
                .filter(|field| *field == 1 || *field >= 8)
                .map(|field| format!("F{field}"))
                .collect::<Vec<_>>()
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>(),
        );
        check(&["99-0x1", "99999999999999999999999-0x1", "4-0xE0"], &[]);
        check(&["0xa0", "0xA0"], &["F5", "F7"]);
    }

    #[test]
    fn all_children_are_the_parent_and_a_child_needs_no_bit_of_its_parent() {
        check(&["4-0x1F"], &["F4"]);
        check(&["4-0xFF"], &["F4"]);
        check(&["4-0x0F"], &["F4.C0", "F4.C1", "F4.C2", "F4.C3"]);
        check(&["4-0x00"], &[]);
        check(&["0x01", "4-0x01"], &["F0", "F4.C0"]);
    }

    #[test]
    fn what_is_no_bitmap_is_refused() {
        for entry in [
            "",
            "0x",
            "x1",
            "650004E0",
            "0xG",
            "0x-1",
            "-0x1",
            "a-0x1",
            "4-",
            "4-1",
            "4-0x",
            "+4-0x1",
            "StageName",
        ] {
            assert!(names(&fields(31), [entry]).is_err(), "{entry:?}");
        }
        assert!(names(&fields(31), [&*format!("0x{}", "0".repeat(MAX_DIGITS + 1))]).is_err());
        assert!(names(&fields(31), std::iter::repeat_n("0x1", MAX_ENTRIES + 1)).is_err());
    }
}
