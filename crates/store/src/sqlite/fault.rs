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
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => StoreError::Damaged(format!(
                "{error}\n  fix: stop the service, and restore the store file from a backup: cosell store restore FILE"
            )),
            ErrorCode::ReadOnly => StoreError::Failed(format!(
                "{error}; it is open for reading only, or its file and folder are not writable\n  fix: let the service's \
                 user write both"
            )),
            ErrorCode::DiskFull => StoreError::Failed(format!(
                "{error}\n  fix: make room; nothing was lost, and a service that runs goes on by itself"
            )),
            // Also where there is no room for the log beside the file.
            ErrorCode::SystemIoFailure => StoreError::Failed(format!(
                "{error}: the disk is full, or it does not work\n  fix: make room, and look into the system's log; nothing \
                 was lost"
            )),
            ErrorCode::CannotOpen => StoreError::Failed(format!(
                "{error}\n  fix: see that [store] path names a file in a folder that is there and may be entered"
            )),
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => StoreError::Failed(format!(
                "{error}; another program holds the file locked\n  fix: end it, or wait for it, and try again"
            )),
            _ => StoreError::Failed(error.to_string()),
        },
        _ => StoreError::Failed(error.to_string()),
    }
}
