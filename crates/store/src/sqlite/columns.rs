//! How the model's types lie in columns: moments, words, numbers, JSON.

use std::any::type_name;

use jiff::Timestamp;
use rusqlite::{
    ToSql,
    types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef},
};
use serde::{Serialize, de::DeserializeOwned};

/// A value that does not parse. Says where and of what kind, never what was there: it may be personal data.
fn unreadable<T>(reason: &str) -> FromSqlError {
    FromSqlError::Other(format!("not a {}: {reason}", type_name::<T>()).into())
}

/// A moment, as microseconds since 1970 UTC; finer parts are cut off.
#[derive(Debug, Clone, Copy)]
pub(super) struct Micros(pub(super) Timestamp);

impl ToSql for Micros {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.as_microsecond().into())
    }
}

impl FromSql for Micros {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let micros = i64::column_result(value)?;
        Timestamp::from_microsecond(micros).map(Self).map_err(|_| unreadable::<Timestamp>("out of range"))
    }
}

/// An unsigned number within SQLite's signed 64 bits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Count(pub(super) u64);

impl ToSql for Count {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let number =
            i64::try_from(self.0).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        Ok(number.into())
    }
}

impl FromSql for Count {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = i64::column_result(value)?;
        u64::try_from(number).map(Self).map_err(|_| FromSqlError::OutOfRange(number))
    }
}

/// A unit enum by the one word that serde knows it by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word<T>(pub(super) T);

impl<T: Serialize> ToSql for Word<T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match serde_json::to_value(&self.0) {
            Ok(serde_json::Value::String(word)) => Ok(word.into()),
            Ok(_) => Err(rusqlite::Error::ToSqlConversionFailure("not one word".into())),
            Err(error) => Err(rusqlite::Error::ToSqlConversionFailure(error.into())),
        }
    }
}

impl<T: DeserializeOwned> FromSql for Word<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let word = serde_json::Value::String(String::column_result(value)?);
        serde_json::from_value(word).map(Self).map_err(|_| unreadable::<T>("unknown word"))
    }
}

/// Anything else, as JSON text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Json<T>(pub(super) T);

impl<T: Serialize> ToSql for Json<T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        serde_json::to_string(&self.0)
            .map(Into::into)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
    }
}

impl<T: DeserializeOwned> FromSql for Json<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_str(value.as_str()?).map(Self).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            unreadable::<T>(&place)
        })
    }
}

/// `ids` as one JSON parameter, for `IN (SELECT value FROM json_each(?))`: one prepared statement for any number.
pub(super) fn id_list<'a>(ids: impl IntoIterator<Item = &'a str>) -> Json<Vec<&'a str>> {
    Json(ids.into_iter().collect())
}
