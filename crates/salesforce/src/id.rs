//! Record identifiers: 15 or 18 characters outside, the checked 18 inside.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The characters of the case checksum, by the five bits they stand for.
const CHECKSUM: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// A record's identifier in its canonical, case-safe form of 18 characters.
///
/// Both forms of one identifier are equal here: the 15 characters are completed, the 18 are verified (salesforce
/// reference, section 2.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId([u8; 18]);

/// Why a text is no identifier. Does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// Neither 15 nor 18 characters.
    #[error("an id has 15 or 18 characters")]
    Length,
    /// A character that is no ASCII letter or digit.
    #[error("an id has only letters and digits")]
    Character,
    /// The last three characters do not fit the case of the others: the id was mistyped, or its case was lost.
    #[error("the id's last three characters do not fit the others")]
    Checksum,
    /// The id belongs to another kind of record.
    #[error("the id does not begin with {expected}")]
    Prefix {
        /// The key prefix of the kind that was asked for.
        expected: &'static str,
    },
}

impl RecordId {
    /// Reads either form.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let bytes = text.as_bytes();
        if bytes.len() != 15 && bytes.len() != 18 {
            return Err(InvalidId::Length);
        }
        if !bytes.iter().all(u8::is_ascii_alphanumeric) {
            return Err(InvalidId::Character);
        }
        let mut id = [0; 18];
        id[..15].copy_from_slice(&bytes[..15]);
        for group in 0..3 {
            let bits = (0..5).filter(|bit| id[group * 5 + bit].is_ascii_uppercase());
            id[15 + group] = CHECKSUM[bits.fold(0, |sum, bit| sum | 1 << bit)];
        }
        // Upper case is demanded of the checksum, too: a text that lost its case must not pass by luck.
        if bytes.len() == 18 && bytes[15..] != id[15..] {
            return Err(InvalidId::Checksum);
        }
        Ok(Self(id))
    }

    /// The 18 characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("an id holds ASCII only")
    }

    /// The first 15 characters, as links and error texts show them. Case matters.
    pub fn short(&self) -> &str {
        &self.as_str()[..15]
    }

    /// The first three characters, which tell the kind of record.
    pub fn prefix(&self) -> &str {
        &self.as_str()[..3]
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for RecordId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::parse(text)
    }
}

impl Serialize for RecordId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for RecordId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Declares an identifier of one kind of record.
macro_rules! id_of_kind {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "RecordId", into = "RecordId")]
        pub struct $name(RecordId);

        impl $name {
            /// Reads either form; the key prefix must fit.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                RecordId::parse(text)?.try_into()
            }

            /// The 18 characters.
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl TryFrom<RecordId> for $name {
            type Error = InvalidId;

            fn try_from(id: RecordId) -> Result<Self, InvalidId> {
                if id.prefix() == $prefix { Ok(Self(id)) } else { Err(InvalidId::Prefix { expected: $prefix }) }
            }
        }

        impl From<$name> for RecordId {
            fn from(id: $name) -> RecordId {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

id_of_kind!(
    /// The identifier of a whole org.
    OrgId,
    "00D"
);
id_of_kind!(
    /// The identifier of a user.
    UserId,
    "005"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_an_id_are_one() {
        let long = RecordId::parse("001D000000IRFmaIAH").unwrap();
        assert_eq!(RecordId::parse("001D000000IRFma").unwrap(), long);
        assert_eq!(long.short(), "001D000000IRFma");
        assert_eq!(long.prefix(), "001");
        assert_eq!(serde_json::to_string(&long).unwrap(), "\"001D000000IRFmaIAH\"");
    }

    #[test]
    fn an_id_that_lost_its_case_is_refused() {
        assert_eq!(RecordId::parse("001d000000irfmaIAH"), Err(InvalidId::Checksum));
        assert_eq!(RecordId::parse("001D000000IRFmaiah"), Err(InvalidId::Checksum));
    }

    #[test]
    fn a_text_that_is_no_id_is_refused() {
        assert_eq!(RecordId::parse(""), Err(InvalidId::Length));
        assert_eq!(RecordId::parse("001D000000IRF'a"), Err(InvalidId::Character));
        assert_eq!(RecordId::parse("001D000000IRFé"), Err(InvalidId::Character));
    }

    #[test]
    fn an_org_is_no_user() {
        assert!(OrgId::parse("00D000000000001").is_ok());
        assert_eq!(UserId::parse("00D000000000001"), Err(InvalidId::Prefix { expected: "005" }));
    }
}
