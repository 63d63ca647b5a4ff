//! Bitmaps against a second, naive reading of the same rules.

use proptest::prelude::*;
use salesforce::events::bitmap::{Field, names};

use crate::naive_bitmaps::naive;

fn fields() -> impl Strategy<Value = Vec<Field>> {
    prop::collection::vec(prop_oneof![3 => Just(0_usize), 1 => 1_usize..12], 1..200).prop_map(|children| {
        let field = |(place, children)| Field {
            name: format!("F{place}"),
            children: (0..children).map(|child| format!("C{child}")).collect(),
        };
        children.into_iter().enumerate().map(field).collect()
    })
}

fn entries() -> impl Strategy<Value = Vec<String>> {
    let whole = "0x[0-9A-Fa-f]{1,60}".boxed();
    let nested = (0_usize..210, "[0-9A-Fa-f]{1,6}").prop_map(|(place, digits)| format!("{place}-0x{digits}"));
    prop::collection::vec(prop_oneof![whole, nested.boxed()], 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn both_readings_name_the_same_fields(fields in fields(), entries in entries()) {
        let read = names(&fields, entries.iter().map(String::as_str));
        prop_assert_eq!(read, Ok(naive(&fields, &entries)));
    }

    #[test]
    fn any_text_is_read_or_refused(fields in fields(), entries in prop::collection::vec("[0-9a-fx+ -]{0,12}|.{0,6}", 0..4)) {
        if let Ok(read) = names(&fields, entries.iter().map(String::as_str)) {
            prop_assert_eq!(read, naive(&fields, &entries));
        }
    }
}
