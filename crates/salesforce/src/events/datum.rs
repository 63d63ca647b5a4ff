//! One Avro datum, read to its last byte and not a byte further.
//!
//! The reader of `apache-avro` 0.22 takes the end of its input for nulls and leaves a rest alone: a payload that was cut
//! would be a change that nobody made. Here the input has no end, only an error behind its last byte, and a rest is one.

use std::io::{self, ErrorKind, Read};

use apache_avro::{reader::datum::GenericDatumReader, types::Value, util::max_allocation_bytes};

use super::{Unreadable, schema::EventSchema};

/// Longest payload read, in bytes. An event of more than 1 MB comes as a gap (salesforce reference, section 4.8).
const MAX_PAYLOAD: usize = 2 << 20;
/// Longest text and longest list that is made room for, in bytes. For the whole process, as the first who reads says.
const MAX_ALLOCATION: usize = 8 << 20;

/// The fields of the event in the schema's order.
pub(super) fn read(schema: &EventSchema, payload: &[u8]) -> Result<Vec<(String, Value)>, Unreadable> {
    if payload.len() > MAX_PAYLOAD {
        return Err(Unreadable::Payload("it is longer than 2 MiB"));
    }
    max_allocation_bytes(MAX_ALLOCATION);
    let reader = GenericDatumReader::builder(schema.avro())
        .build()
        .map_err(|_| Unreadable::Schema("it refers to a type that it does not hold"))?;
    let mut endless = Endless(payload);
    let value = reader
        .read_value(&mut endless)
        .map_err(|_| Unreadable::Payload("it is cut, or of another schema"))?;
    if !endless.0.is_empty() {
        return Err(Unreadable::Payload("something follows it"));
    }
    match value {
        Value::Record(fields) => Ok(fields),
        _ => Err(Unreadable::Payload("it is no record")),
    }
}

/// Input that never says that it is at its end.
struct Endless<'a>(&'a [u8]);

impl Read for Endless<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() && !buffer.is_empty() {
            // Not `UnexpectedEof`: that is the kind which is taken for a null.
            return Err(io::Error::from(ErrorKind::InvalidData));
        }
        self.0.read(buffer)
    }
}
