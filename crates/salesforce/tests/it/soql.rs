//! No value can leave its literal: properties over hostile texts.

use proptest::prelude::*;
use salesforce::{
    FieldPath, ObjectName,
    soql::{Condition, MAX_ENCODED_QUERY, Op, Select, quote},
};

/// Reads one literal at the start of `text` as the language's reference describes it; gives its value and the rest.
/// Written from the list of escapes alone; any other backslash is an error.
fn literal(text: &str) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix('\'')?.chars();
    let mut value = String::new();
    loop {
        match rest.next()? {
            '\'' => return Some((value, rest.as_str())),
            '\\' => value.push(match rest.next()? {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'b' => '\u{8}',
                'f' => '\u{c}',
                c @ ('\'' | '"' | '\\') => c,
                'u' => {
                    let digits: String = rest.by_ref().take(4).collect();
                    char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?
                }
                _ => return None,
            }),
            c => value.push(c),
        }
    }
}

fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[\\\\'\"%_a\\n\\r\\t\u{0}-\u{1f}\u{7f}-\u{9f}]{0,40}",
        Just("' OR Id != null --".to_owned()),
        Just("\\' OR Name LIKE '%".to_owned()),
        Just("\\u0027 OR Id != null".to_owned()),
        Just("\\".to_owned()),
    ]
}

/// The query with each literal replaced by a mark; none if it is not well-formed.
fn skeleton(query: &str) -> Option<(String, Vec<String>)> {
    let (mut marks, mut values, mut rest) = (String::new(), Vec::new(), query);
    while let Some(at) = rest.find('\'') {
        marks.push_str(&rest[..at]);
        marks.push('?');
        let (value, after) = literal(&rest[at..])?;
        values.push(value);
        rest = after;
    }
    marks.push_str(rest);
    Some((marks, values))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_quoted_text_reads_back_as_it_was(text in hostile()) {
        let quoted = quote(&text);
        prop_assert_eq!(literal(&quoted), Some((text, "")));
        prop_assert!(!quoted.chars().any(char::is_control));
    }

    #[test]
    fn a_query_has_the_same_form_whatever_it_asks_for(first in hostile(), second in hostile()) {
        let name = FieldPath::new("Name").unwrap();
        let query = Select::from(&ObjectName::new("Account").unwrap())
            .filter(Condition::compare(&name, Op::Eq, first.as_str()))
            .filter(Condition::one_of(&name, [second.as_str(), "plain"]))
            .build();
        let (form, values) = skeleton(query.as_str()).expect("well-formed");
        prop_assert_eq!(form, "SELECT Id FROM Account WHERE (Name = ?) AND (Name IN (?,?))");
        prop_assert_eq!(values, [first, second, "plain".to_owned()]);
    }

}

proptest! {
    // Long lists: fewer of them.
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_split_list_fits_and_loses_nothing(texts in prop::collection::vec("[a-z'+ é\\\\]{0,400}", 0..120)) {
        let name = FieldPath::new("Name").unwrap();
        let select = Select::from(&ObjectName::new("Account").unwrap());
        let queries = select.split(&name, texts.iter().map(String::as_str));
        let mut found = Vec::new();
        for query in &queries {
            let encoded: String = url::form_urlencoded::byte_serialize(query.as_str().as_bytes()).collect();
            prop_assert!(encoded.replace('+', "%20").len() <= MAX_ENCODED_QUERY);
            found.extend(skeleton(query.as_str()).expect("well-formed").1);
        }
        prop_assert_eq!(found, texts);
    }
}
