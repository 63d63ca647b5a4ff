//! Names of things: deals, records, fields, groups and the two sides.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes the text as it is; its owner has already parsed it.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    };
}

name! {
    /// A deal's own identifier in our store; lasts longer than either record's link.
    DealId
}
name! {
    /// A record on one side, by that side's own identifier. What it looks like is the connector's business.
    RecordId
}
name! {
    /// A mapped, canonically typed attribute of a deal: `deal_value`, `closing_date`.
    FieldId
}
name! {
    /// Fields that only mean something together: `money`. A field alone is a group of its own name.
    GroupId
}

/// One of the two sides of a deal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Where the referral lives.
    Portal,
    /// Where the opportunity lives.
    Crm,
}

impl Side {
    /// Both sides, in a fixed order.
    pub const BOTH: [Self; 2] = [Self::Portal, Self::Crm];

    /// The side across.
    pub fn other(self) -> Self {
        match self {
            Self::Portal => Self::Crm,
            Self::Crm => Self::Portal,
        }
    }
}

/// One thing for each side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PerSide<T> {
    /// The portal's.
    pub portal: T,
    /// The CRM's.
    pub crm: T,
}

impl<T> PerSide<T> {
    /// One for each.
    pub fn new(portal: T, crm: T) -> Self {
        Self { portal, crm }
    }

    /// The one of `side`.
    pub fn at(&self, side: Side) -> &T {
        match side {
            Side::Portal => &self.portal,
            Side::Crm => &self.crm,
        }
    }

    /// The one of `side`, to be changed.
    pub fn at_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Portal => &mut self.portal,
            Side::Crm => &mut self.crm,
        }
    }
}
