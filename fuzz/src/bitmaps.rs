//! Any entries as the bitmaps of a header.

use salesforce::events::bitmap::{Field, names};

use super::naive_bitmaps::naive;

/// The first byte says how many fields there are, the second how many children every fourth of them has; the rest is
/// the entries, one a line.
///
/// They are refused, or name what a naive second reading says, whatever their order; named are only fields and children
/// that there are, and an entry more names no less.
///
/// # Panics
/// When that does not hold.
pub fn check(data: &[u8]) {
    let [count, children, rest @ ..] = data else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let fields: Vec<Field> = (0..*count).map(|place| field(place, *children)).collect();
    let entries: Vec<String> = text.lines().map(str::to_owned).collect();
    let Ok(read) = names(&fields, entries.iter().map(String::as_str)) else { return };
    assert_eq!(read, naive(&fields, &entries), "{entries:?}");
    let backwards = names(&fields, entries.iter().rev().map(String::as_str));
    assert_eq!(backwards.as_ref(), Ok(&read), "{entries:?} in another order");
    for name in &read {
        let (parent, child) =
            name.split_once('.').map_or((&**name, None), |(parent, child)| (parent, Some(child)));
        let field =
            fields.iter().find(|field| field.name == parent).expect("a field is named that there is not");
        assert!(child.is_none_or(|child| field.children.iter().any(|known| known == child)), "{name}");
    }
    if let Some((_, fewer)) = entries.split_last() {
        let fewer = names(&fields, fewer.iter().map(String::as_str)).expect("each of them was taken before");
        assert!(fewer.is_subset(&read), "{entries:?} names less than without its last");
    }
}

fn field(place: u8, children: u8) -> Field {
    let children = if place % 4 == 1 { children % 20 } else { 0 };
    Field { name: format!("F{place}"), children: (0..children).map(|child| format!("C{child}")).collect() }
}
