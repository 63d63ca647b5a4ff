//! Names of objects and fields, checked once so that they can stand in a path or a query as they are.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Longest name accepted: namespace (15), name (40) and suffixes, with room to spare.
const MAX_NAME: usize = 120;
/// Deepest path accepted: five steps up and the field itself (SOQL's own bound on child-to-parent paths).
const MAX_STEPS: usize = 6;

/// Why a text is no API name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no API name: a letter first, then letters, digits and underscores, not ending with one")]
pub struct InvalidName {
    /// The refused text, cut to a printable length. Names come from configuration, never from records.
    pub text: String,
}

fn check(text: &str) -> Result<(), InvalidName> {
    let fits = text.len() <= MAX_NAME
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && !text.ends_with('_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if fits { Ok(()) } else { Err(InvalidName { text: text.chars().take(MAX_NAME).collect() }) }
}

fn check_path(text: &str) -> Result<(), InvalidName> {
    if text.split('.').count() > MAX_STEPS {
        return Err(InvalidName { text: text.chars().take(MAX_NAME).collect() });
    }
    text.split('.').try_for_each(check)
}

/// Declares a name that was checked by the given function.
macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks `text`; upper and lower case stay as given (the platform ignores them).
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidName> {
                let text = text.into();
                $check(&text)?;
                Ok(Self(text))
            }

            /// The name as it was given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_type!(
    /// The API name of an object, such as `Opportunity` or `My_Solution__c`.
    ObjectName,
    check
);
name_type!(
    /// The API name of one field or relationship, without dots.
    FieldName,
    check
);
name_type!(
    /// A field as seen from a record, through at most five parents: `Name`, `Account.BillingCity`.
    FieldPath,
    check_path
);

impl From<FieldName> for FieldPath {
    fn from(name: FieldName) -> Self {
        Self(name.0)
    }
}

impl FieldPath {
    /// The steps of the path, the field last.
    pub fn steps(&self) -> impl Iterator<Item = &str> {
        self.0.split('.')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_platform_are_accepted() {
        for name in ["Id", "StageName", "My_Key__c", "ns__Rel__r", "OpportunityContactRoles"] {
            assert!(FieldName::new(name).is_ok(), "{name}");
        }
        assert!(FieldPath::new("Account.Owner.Name").is_ok());
    }

    #[test]
    fn nothing_that_could_leave_a_query_or_path_is_a_name() {
        for name in
            ["", "1st", "a b", "a'b", "a--", "a/b", "a,b", "_a", "a_", "Name FROM User", "naïve", "a.b"]
        {
            assert!(FieldName::new(name).is_err(), "{name}");
        }
        for path in ["", ".", "a.", ".a", "a..b", "a.b.c.d.e.f.g"] {
            assert!(FieldPath::new(path).is_err(), "{path}");
        }
    }
}
