//! What can go wrong inside a transaction, and what the port calls it.

use rusqlite::{ErrorCode, ffi};
use sync_engine::StoreError;

/// SQLite's own error, or one of the port's.
#[derive(Debug)]
pub(super) enum Fault {
    Sql(rusqlite::Error),
    Port(StoreError),
}

pub(super) type Outcome<T> = Result<T, Fault>;

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Port(error)
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Port(error) => error,
            Fault::Sql(error) => classify(&error),
        }
    }
}

/// SQLite's messages name tables and columns, never values, so they may be shown.
fn classify(error: &rusqlite::Error) -> StoreError {
    match error {
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::Utf8Error(..) => StoreError::Damaged(error.to_string()),
        rusqlite::Error::SqliteFailure(cause, _)
            if matches!(
                cause.extended_code,
                ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
            ) =>
        {
            StoreError::Duplicate(error.to_string())
        }
        rusqlite::Error::SqliteFailure(cause, _) => match cause.code {
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
                StoreError::Damaged(format!("{error}; restore the store file from a backup"))
            }
            ErrorCode::ReadOnly => StoreError::Failed(format!(
                "{error}; it is open for reading only, or its file and folder are not writable"
            )),
            ErrorCode::DiskFull => {
                StoreError::Failed(format!("{error}; make room, then start again: nothing was lost"))
            }
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
                StoreError::Failed(format!("{error}; another program holds the file locked"))
            }
            _ => StoreError::Failed(error.to_string()),
        },
        _ => StoreError::Failed(error.to_string()),
    }
}
