//! Record ids: 15 case-sensitive characters, shown with a three-character case checksum (salesforce reference, 2.2).

use std::fmt;

const CHECKSUM: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A record id, kept in its 15-character form.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id([u8; 15]);

impl Id {
    /// The id with this key prefix, pod and number. The number fills the last nine places.
    pub(crate) fn new(prefix: &str, pod: [u8; 2], number: u64) -> Self {
        let mut bytes = [b'0'; 15];
        for (place, byte) in bytes.iter_mut().zip(prefix.bytes().take(3)) {
            *place = byte;
        }
        bytes[3] = pod[0];
        bytes[4] = pod[1];
        let mut rest = number;
        for place in bytes[6..].iter_mut().rev() {
            *place = digit(rest);
            rest /= 62;
        }
        Self(bytes)
    }

    /// Reads 15 characters, or 18 whose checksum is right.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if !bytes.iter().all(u8::is_ascii_alphanumeric) {
            return None;
        }
        let head: [u8; 15] = bytes.get(..15)?.try_into().ok()?;
        let id = Self(head);
        match bytes.len() {
            15 => Some(id),
            18 if bytes[15..].eq_ignore_ascii_case(&id.checksum()) => Some(id),
            _ => None,
        }
    }

    /// The three characters that name the object.
    pub(crate) fn prefix(&self) -> &str {
        std::str::from_utf8(&self.0[..3]).unwrap_or_default()
    }

    /// The 15-character form.
    pub(crate) fn short(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    fn checksum(self) -> [u8; 3] {
        let mut sum = [0; 3];
        for (place, group) in sum.iter_mut().zip(self.0.chunks(5)) {
            let bits = group
                .iter()
                .enumerate()
                .filter(|(_, byte)| byte.is_ascii_uppercase())
                .fold(0, |bits, (index, _)| bits | (1_usize << index));
            *place = CHECKSUM[bits];
        }
        sum
    }
}

/// The base-62 digit of `number`'s last place.
pub(crate) fn digit(number: u64) -> u8 {
    DIGITS[usize::try_from(number % 62).unwrap_or_default()]
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short())?;
        f.write_str(std::str::from_utf8(&self.checksum()).unwrap_or_default())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s2_2_the_checksum_marks_upper_case_letters_in_groups_of_five() {
        for long in ["001A0000006Vm9rIAC", "006000000000000AAA", "0013000000AbCdEAAV", "00DAK000000abcd2AA"] {
            assert_eq!(Id::parse(&long[..15]).map(|id| id.to_string()).as_deref(), Some(long));
            assert_eq!(Id::parse(long), Id::parse(&long[..15]));
        }
    }

    #[test]
    fn s2_2_a_wrong_checksum_length_or_character_is_no_id() {
        for text in ["00DAK000000abcdEAB", "00DAK000000abc", "00DAK000000abcdE", "00DAK00000-abcd", ""] {
            assert_eq!(Id::parse(text), None, "{text}");
        }
    }
}
