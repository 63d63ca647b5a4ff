//! Any text as `$filter` of the sandbox's list.

use sandbox::partner_center::{
    filter::{Filter, parse},
    knobs::FilterPaths,
};
use serde_json::{Map, Value, json};

/// Longer texts are not looked at: what is printed may be longer than what was read, and the parser has a bound.
const MAX_BYTES: usize = 2048;

/// A filter that is understood prints, and what is printed is understood as the same filter, with the same outcome;
/// what the documented paths permit, all paths permit.
///
/// # Panics
/// When that does not hold.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if text.len() > MAX_BYTES {
        return;
    }
    let any = parse(text, FilterPaths::Any);
    if let Ok(documented) = parse(text, FilterPaths::Documented) {
        assert_eq!(
            any.as_ref(),
            Ok(&documented),
            "{text:?} means something else when more paths are permitted"
        );
    }
    let Ok(filter) = any else { return };
    let printed = filter.to_string();
    assert_eq!(parse(&printed, FilterPaths::Any), Ok(filter.clone()), "{text:?} was printed as {printed:?}");
    let again: Filter = parse(&printed, FilterPaths::Any).expect("it was just read");
    for document in [blank(), whole()] {
        assert_eq!(filter.passes(&document), again.passes(&document), "{text:?} and {printed:?}");
    }
    let negated = parse(&format!("not ({text})"), FilterPaths::Any);
    // One level deeper may be too deep.
    if let Ok(negated) = negated {
        assert_ne!(filter.passes(&whole()), negated.passes(&whole()), "not ({text})");
    }
}

fn blank() -> Map<String, Value> {
    Map::new()
}

fn whole() -> Map<String, Value> {
    let Value::Object(document) = json!({
        "id": "7a1c0000-0000-4000-8000-0000000000a1", "status": "Active", "substatus": "Accepted", "name": "O'Neill",
        "favorite": true, "salesStage": null, "updatedDateTime": "2026-11-02T09:14:07.1234567Z",
        "details": {"dealValue": 1200.50}, "customerProfile": {"address": {"country": "DE"}},
        "team": [{"email": "ada@fabrikam.example"}, {"email": "bo@fabrikam.example"}],
    }) else {
        unreachable!("an object was written down")
    };
    document
}
