//! The shared columns as SQLite binds and reads them.

use rusqlite::{
    ToSql,
    types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef},
};
use serde::{Serialize, de::DeserializeOwned};

pub(super) use crate::columns::{Count, Json, Micros, Word};
use crate::columns::{Unreadable, Unwritable};

impl From<Unreadable> for FromSqlError {
    fn from(Unreadable(reason): Unreadable) -> Self {
        Self::Other(reason.into())
    }
}

impl From<Unwritable> for rusqlite::Error {
    fn from(Unwritable(reason): Unwritable) -> Self {
        Self::ToSqlConversionFailure(reason.into())
    }
}

impl ToSql for Micros {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.number().into())
    }
}

impl FromSql for Micros {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Ok(Self::of(i64::column_result(value)?)?)
    }
}

impl ToSql for Count {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.number()?.into())
    }
}

impl FromSql for Count {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Ok(Self::of(i64::column_result(value)?)?)
    }
}

impl<T: Serialize> ToSql for Word<T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.text()?.into())
    }
}

impl<T: DeserializeOwned> FromSql for Word<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Ok(Self::of(String::column_result(value)?)?)
    }
}

impl<T: Serialize> ToSql for Json<T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.text()?.into())
    }
}

impl<T: DeserializeOwned> FromSql for Json<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Ok(Self::of(value.as_str()?)?)
    }
}

/// `ids` as one JSON parameter, for `IN (SELECT value FROM json_each(?))`: one prepared statement for any number.
pub(super) fn id_list<'a>(ids: impl IntoIterator<Item = &'a str>) -> Json<Vec<&'a str>> {
    Json(ids.into_iter().collect())
}
