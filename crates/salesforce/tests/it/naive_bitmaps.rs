//! Bitmaps read a second time, naively: a text of ones and zeros, looked at place by place.

use std::collections::BTreeSet;

use salesforce::events::bitmap::Field;

/// The number as ones and zeros, the last one being bit 0.
fn binary(digits: &str) -> Vec<char> {
    let four = |digit: char| match digit.to_ascii_uppercase() {
        '0' => "0000",
        '1' => "0001",
        '2' => "0010",
        '3' => "0011",
        '4' => "0100",
        '5' => "0101",
        '6' => "0110",
        '7' => "0111",
        '8' => "1000",
        '9' => "1001",
        'A' => "1010",
        'B' => "1011",
        'C' => "1100",
        'D' => "1101",
        'E' => "1110",
        'F' => "1111",
        _ => panic!("{digit} is no digit"),
    };
    digits.chars().map(four).collect::<String>().chars().collect()
}

fn is_set(digits: &str, bit: usize) -> bool {
    let binary = binary(digits);
    bit < binary.len() && binary[binary.len() - 1 - bit] == '1'
}

/// What the entries name. They are bitmaps, or this panics.
pub(crate) fn naive(fields: &[Field], entries: &[String]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (position, field) in fields.iter().enumerate() {
        for entry in entries {
            if let Some(digits) = entry.strip_prefix("0x") {
                if is_set(digits, position) {
                    found.insert(field.name.clone());
                }
            } else if let Some((place, digits)) = entry.split_once("-0x")
                && place.trim_start_matches('0') == position.to_string().trim_start_matches('0')
            {
                let children = &field.children;
                let set: Vec<_> = (0..children.len()).filter(|child| is_set(digits, *child)).collect();
                if set.len() == children.len() {
                    found.insert(field.name.clone());
                } else {
                    found.extend(set.iter().map(|child| format!("{}.{}", field.name, children[*child])));
                }
            }
        }
    }
    found
}
