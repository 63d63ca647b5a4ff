//! Enumerations of the platform that keep a value nobody knew when this was written.

use std::fmt;

macro_rules! open_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$vdoc])* $variant,)+
            /// A value this program does not know, as the server wrote it.
            Other(String),
        }

        impl $name {
            /// The value as it is written on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => stringify!($variant),)+
                    Self::Other(text) => text,
                }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                $(if text.eq_ignore_ascii_case(stringify!($variant)) {
                    return Self::$variant;
                })+
                Self::Other(text.to_owned())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

open_enum!(
    /// Where a referral stands (reference, section 4.1).
    Status {
        /// Not set.
        None,
        /// Not answered yet.
        New,
        /// Accepted and open.
        Active,
        /// Over; nothing can be changed any more.
        Closed,
    }
);

open_enum!(
    /// How a referral stands within its status (reference, section 4.1).
    Substatus {
        /// Not set.
        None,
        /// New: waits for an answer.
        Pending,
        /// New: seen.
        Received,
        /// Active.
        Accepted,
        /// Closed: won.
        Won,
        /// Closed: lost.
        Lost,
        /// Closed: the invitation was declined.
        Declined,
        /// Closed: the invitation was not answered in time.
        Expired,
        /// Closed: entered by mistake.
        Error,
    }
);

open_enum!(
    /// Whether others take part in the deal (reference, section 4.3).
    ReferralType {
        /// The partner's alone.
        Independent,
        /// With Microsoft.
        Shared,
    }
);

open_enum!(
    /// Who found the deal worth pursuing (reference, section 4.4).
    Qualification {
        /// Not set.
        None,
        /// By the customer.
        Direct,
        /// By marketing.
        MarketingQualified,
        /// By sales.
        SalesQualified,
    }
);

open_enum!(
    /// Who brought the referral. Not reliable: deals that partners created are seen as incoming (reference, section
    /// 3.1).
    Direction {
        /// From somebody else.
        Incoming,
        /// From the partner.
        Outgoing,
    }
);

open_enum!(
    /// What a referral is addressed to (reference, section 3.1).
    TargetType {
        /// Not set.
        None,
        /// A place of a partner, or Microsoft.
        BusinessProfileLocation,
        /// A published solution.
        SolutionProfile,
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_value_is_kept_and_a_known_one_is_read_in_any_case() {
        assert_eq!(Substatus::from("accepted"), Substatus::Accepted);
        assert_eq!(Substatus::from("Parked").as_str(), "Parked");
    }
}
