//! Any bytes as the schema and the payload of a change event.

use salesforce::events::{ChangeEvent, ChangeKind, EventSchema, ReplayId, Value};

use super::avro::SCHEMA;

/// Cutting a longer payload at every byte would take too long.
const CUT_TO: usize = 600;

/// A schema's text up to the first line break (empty: one that is known to be good), then a payload. Says whether an
/// event was read.
///
/// What is read is the whole payload: cut anywhere, or with a rest, it is refused. Read again it is the same. A field
/// that is told is carried, a gap carries nothing, and nothing that is not touched is told to be empty by an update.
///
/// # Panics
/// When that does not hold.
pub fn check(data: &[u8]) -> bool {
    let line = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (schema, payload) = (&data[..line], data.get(line + 1..).unwrap_or_default());
    let schema = if schema.is_empty() { SCHEMA.as_bytes() } else { schema };
    let Ok(text) = std::str::from_utf8(schema) else { return false };
    let Ok(schema) = EventSchema::read(text) else { return false };
    let read = |payload: &[u8]| {
        let replay_id = ReplayId::new([7]).expect("one byte is a position");
        ChangeEvent::read(&schema, replay_id, payload)
    };
    let Ok(event) = read(payload) else { return false };
    // Not by comparing the events: a number may be none.
    let again = read(payload).expect("it was read before");
    assert_eq!(format!("{event:?}"), format!("{again:?}"), "read twice, it is two things");
    assert!(read(&[payload, &[0]].concat()).is_err(), "a rest was not noticed");
    for length in 0..payload.len().min(CUT_TO) {
        assert!(read(&payload[..length]).is_err(), "cut to {length} bytes it is still read");
    }
    for name in ["Name", "Amount", "BillingAddress.City", "Contact.LastName"] {
        match (event.kind, event.value(name)) {
            (kind, told) if kind.is_gap() => assert_eq!(told, None, "a gap tells {name}"),
            (_, None) | (ChangeKind::Create | ChangeKind::Undelete, _) => {}
            (_, told) => {
                assert!(told != Some(&Value::Null) || event.touches(name), "{name} is told to be empty");
                assert!(event.enriched(name).is_some(), "{name} is told and not carried");
            }
        }
    }
    true
}
