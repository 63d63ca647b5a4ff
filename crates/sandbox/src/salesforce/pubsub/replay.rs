//! Replay ids: opaque bytes for a place in the org's log (salesforce reference, section 4.4).
//!
//! Ten bytes, as they were seen live, that neither count up nor compare. A knob makes them eight bytes that fit a
//! double, for the clients that read them as a number. Both forms are always understood.

/// A place in the log: after the event of this number, or after none.
pub(crate) type Position = u64;

/// Highest position whose eight-byte form a client can hold in a double.
const LAST_OF_EIGHT: Position = (1 << 37) - 1;
/// An odd factor turns counting into jumping, and has an inverse modulo 2^64.
const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
/// Its inverse.
const INVERSE: u64 = 0xF1DE_83E1_9937_733D;

/// Why bytes are no replay id of this org.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// No platform gave these bytes out.
    Corrupted,
    /// Another org's.
    Foreign,
}

/// Makes and reads the ids of one org.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReplayIds {
    org: u64,
}

impl ReplayIds {
    /// Ids that differ from those of an org with another number.
    pub(crate) fn new(org: u64) -> Self {
        Self { org }
    }

    /// The id of a place, in eight or ten bytes.
    pub(crate) fn write(self, position: Position, bytes: usize) -> Vec<u8> {
        if bytes == 8 {
            let number = position.min(LAST_OF_EIGHT) << 16;
            let number = number | u64::from(mark(number)) << 8 | u64::from(mark(number ^ self.org));
            return number.to_be_bytes().to_vec();
        }
        let number = position.wrapping_add(self.org).wrapping_mul(FACTOR);
        let mut id = number.to_be_bytes().to_vec();
        id.extend([mark(number), mark(number ^ self.org)]);
        id
    }

    /// The place that an id stands for.
    ///
    /// # Errors
    /// The bytes are no id, or another org's.
    pub(crate) fn read(self, id: &[u8]) -> Result<Position, Unfit> {
        let (head, tail) = id.split_at_checked(8).ok_or(Unfit::Corrupted)?;
        let number = u64::from_be_bytes(head.try_into().map_err(|_| Unfit::Corrupted)?);
        let (number, form, org, position) = match tail {
            [] => {
                let [.., form, org] = number.to_be_bytes();
                let number = number & !0xFFFF;
                (number, form, org, number >> 16)
            }
            [form, org] => (number, *form, *org, number.wrapping_mul(INVERSE).wrapping_sub(self.org)),
            _ => return Err(Unfit::Corrupted),
        };
        if form != mark(number) {
            return Err(Unfit::Corrupted);
        }
        if org == mark(number ^ self.org) { Ok(position) } else { Err(Unfit::Foreign) }
    }
}

/// A byte that hardly any other number has.
fn mark(number: u64) -> u8 {
    let mixed = (number ^ (number >> 31)).wrapping_mul(FACTOR);
    (mixed >> 56).to_be_bytes()[7]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s4_4_an_id_comes_back_as_its_place_in_either_length_and_does_not_compare() {
        let ids = ReplayIds::new(77_123);
        assert_eq!(FACTOR.wrapping_mul(INVERSE), 1);
        for position in [0, 1, 2, 100, 1 << 36] {
            for bytes in [8, 10] {
                let id = ids.write(position, bytes);
                assert_eq!((id.len(), ids.read(&id)), (bytes, Ok(position)));
            }
        }
        let falls = (1..1_000).filter(|at| ids.write(at + 1, 10) < ids.write(*at, 10)).count();
        assert!(falls > 100, "ten-byte ids count up: {falls}");
        let number = u64::from_be_bytes(ids.write(1 << 36, 8).try_into().unwrap());
        assert!(number < 1 << 53, "a double holds it");
    }

    #[test]
    fn s4_6_damaged_ids_and_those_of_other_orgs_are_told_apart() {
        let (ids, other) = (ReplayIds::new(77_123), ReplayIds::new(9));
        for bytes in [8, 10] {
            let mut id = ids.write(5, bytes);
            assert_eq!(other.read(&id), Err(Unfit::Foreign));
            id[3] ^= 1;
            assert_eq!(ids.read(&id), Err(Unfit::Corrupted));
        }
        for text in [&b""[..], b"short", b"123456789", b"12345678901"] {
            assert_eq!(ids.read(text), Err(Unfit::Corrupted));
        }
    }
}
