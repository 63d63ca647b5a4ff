//! The shared columns as PostgreSQL binds and reads them.

use std::borrow::Cow;

use serde::{Serialize, de::DeserializeOwned};
use sqlx::{
    Decode, Encode, Postgres, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgTypeInfo, PgValueRef},
};

pub(super) use crate::columns::{Count, Json, Micros, Word};
use crate::columns::{Unreadable, Unwritable};

impl From<Unreadable> for sqlx::Error {
    fn from(Unreadable(reason): Unreadable) -> Self {
        Self::Decode(reason.into())
    }
}

impl From<Unwritable> for sqlx::Error {
    fn from(Unwritable(reason): Unwritable) -> Self {
        Self::Encode(reason.into())
    }
}

/// What stands in for the one character that PostgreSQL's text cannot hold.
const NUL_SYMBOL: &str = "\u{2400}";

/// A text as PostgreSQL takes it. Looking up goes the same way as storing, so that a text is found again.
pub(super) fn text(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', NUL_SYMBOL).into() } else { text.into() }
}

/// Many of them, for `= ANY`.
pub(super) fn texts<'a>(all: impl IntoIterator<Item = &'a str>) -> Vec<Cow<'a, str>> {
    all.into_iter().map(text).collect()
}

/// A column that lies as a plain kind has its type.
macro_rules! lies_as {
    ($column:ty, $plain:ty $(, $of:ident)?) => {
        impl<$($of)?> Type<Postgres> for $column {
            fn type_info() -> PgTypeInfo {
                <$plain as Type<Postgres>>::type_info()
            }

            fn compatible(given: &PgTypeInfo) -> bool {
                <$plain as Type<Postgres>>::compatible(given)
            }
        }
    };
}

lies_as!(Micros, i64);
lies_as!(Count, i64);
lies_as!(Word<T>, String, T);
lies_as!(Json<T>, String, T);

type Encoded = Result<IsNull, BoxDynError>;

impl Encode<'_, Postgres> for Micros {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Encoded {
        Encode::<Postgres>::encode_by_ref(&self.number(), buffer)
    }
}

impl Encode<'_, Postgres> for Count {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Encoded {
        Encode::<Postgres>::encode_by_ref(&self.number().map_err(sqlx::Error::from)?, buffer)
    }
}

impl<T: Serialize> Encode<'_, Postgres> for Word<T> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Encoded {
        Encode::<Postgres>::encode_by_ref(&self.text().map_err(sqlx::Error::from)?, buffer)
    }
}

impl<T: Serialize> Encode<'_, Postgres> for Json<T> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Encoded {
        Encode::<Postgres>::encode_by_ref(&self.text().map_err(sqlx::Error::from)?, buffer)
    }
}

impl<'r> Decode<'r, Postgres> for Micros {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        Ok(Self::of(Decode::<Postgres>::decode(value)?).map_err(sqlx::Error::from)?)
    }
}

impl<'r> Decode<'r, Postgres> for Count {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        Ok(Self::of(Decode::<Postgres>::decode(value)?).map_err(sqlx::Error::from)?)
    }
}

impl<'r, T: DeserializeOwned> Decode<'r, Postgres> for Word<T> {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        Ok(Self::of(Decode::<Postgres>::decode(value)?).map_err(sqlx::Error::from)?)
    }
}

impl<'r, T: DeserializeOwned> Decode<'r, Postgres> for Json<T> {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        Ok(Self::of(Decode::<Postgres>::decode(value)?).map_err(sqlx::Error::from)?)
    }
}
