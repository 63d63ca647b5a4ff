//! Identifiers of the platform, each a type of its own.

use std::{fmt, str::FromStr};

use uuid::Uuid;

/// Longest organisation or correlation id that is accepted, in bytes.
const MAX_ID_BYTES: usize = 128;
/// Longest eTag that is accepted, in bytes.
const MAX_ETAG_BYTES: usize = 256;

/// A text that is not an identifier of the expected form. The text itself is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {what}")]
pub struct InvalidId {
    /// What was expected.
    pub what: &'static str,
}

/// Reads a GUID in its hyphenated form only: braces, URNs and bare hex are not what the platform sends.
fn guid(text: &str, what: &'static str) -> Result<Uuid, InvalidId> {
    if text.len() != 36 {
        return Err(InvalidId { what });
    }
    Uuid::try_parse(text).map_err(|_| InvalidId { what })
}

macro_rules! guid_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// The GUID.
            pub fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                guid(text, $what).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
    };
}

guid_id!(
    /// Identifies one referral: a GUID, shown lower-case and hyphenated (reference, section 3.1).
    ReferralId,
    "referral id"
);
guid_id!(
    /// Ties the referrals of one engagement together: a GUID (reference, section 4.2).
    EngagementId,
    "engagement id"
);

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The identifier's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let sound = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
                if text.is_empty() || text.len() > MAX_ID_BYTES || !text.bytes().all(sound) {
                    return Err(InvalidId { what: $what });
                }
                // A GUID is one identifier however its letters are written.
                let canonical = guid(text, $what).map_or_else(|_| text.to_owned(), |id| id.to_string());
                Ok(Self(canonical))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// Identifies the owner of a referral: a GUID, or a short name such as `msft` (reference, section 3.1).
    OrganizationId,
    "organization id"
);
text_id!(
    /// Identifies one test event of the webhook registration (reference, section 6.1).
    CorrelationId,
    "correlation id"
);

impl OrganizationId {
    /// Microsoft's own name as an organisation (reference, sections 3.1 and 3.5).
    pub fn is_microsoft(&self) -> bool {
        self.0.eq_ignore_ascii_case("msft")
    }
}

/// A referral's version, verbatim, its inner quotes included (reference, section 3.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ETag(String);

impl ETag {
    /// The text exactly as the server gave it, fit for `If-Match`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ETag {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        // What cannot stand in a header could never be sent back.
        if text.is_empty() || text.len() > MAX_ETAG_BYTES || !text.bytes().all(|b| matches!(b, 0x20..=0x7e)) {
            return Err(InvalidId { what: "eTag" });
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_referral_id_is_a_hyphenated_guid_in_any_case() {
        let id: ReferralId = "7A1C0000-0000-4000-8000-0000000000A1".parse().unwrap();
        assert_eq!(id.to_string(), "7a1c0000-0000-4000-8000-0000000000a1");
        for wrong in
            ["", "7a1c", "{7a1c0000-0000-4000-8000-0000000000}", "7a1c00000000400080000000000000a1", "../me"]
        {
            assert!(wrong.parse::<ReferralId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_etag_keeps_its_quotes_and_never_breaks_a_header() {
        let etag: ETag = "\"84001c9d-0000\"".parse().unwrap();
        assert_eq!(etag.as_str(), "\"84001c9d-0000\"");
        assert!("\"a\"\r\nX: y".parse::<ETag>().is_err());
    }

    #[test]
    fn an_organization_is_a_guid_or_a_name() {
        assert!("msft".parse::<OrganizationId>().unwrap().is_microsoft());
        let upper: OrganizationId = "11110000-0000-4000-8000-0000000000FF".parse().unwrap();
        assert_eq!(upper.as_str(), "11110000-0000-4000-8000-0000000000ff");
    }
}
