//! What can go wrong inside a transaction, and what the port calls it.

use sqlx::error::DatabaseError;
use sync_engine::StoreError;

/// The driver's own error, or one of the port's.
#[derive(Debug)]
pub(super) enum Fault {
    Sql(sqlx::Error),
    Port(StoreError),
}

pub(super) type Outcome<T> = Result<T, Fault>;

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Port(error)
    }
}

impl From<crate::columns::Unreadable> for Fault {
    fn from(error: crate::columns::Unreadable) -> Self {
        Self::Sql(error.into())
    }
}

impl From<crate::columns::Unwritable> for Fault {
    fn from(error: crate::columns::Unwritable) -> Self {
        Self::Sql(error.into())
    }
}

impl Fault {
    /// Whether the server ended the transaction for another one's sake: the same, begun again, may succeed.
    pub(super) fn yielded(&self) -> bool {
        // A serialization failure, a deadlock of which this was the victim, or a lock that was not had in time.
        matches!(self, Self::Sql(error) if matches!(code(error).as_deref(), Some("40001" | "40P01" | "55P03")))
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

fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error().and_then(DatabaseError::code).map(std::borrow::Cow::into_owned)
}

/// The driver's errors name hosts, columns and kinds. What the server says may quote a value: only messages of the kinds
/// that quote none are shown.
fn classify(error: &sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(error) => told(error.as_ref()),
        sqlx::Error::ColumnDecode { index, source } => {
            StoreError::Damaged(format!("column {index}: {source}"))
        }
        sqlx::Error::Decode(reason) => StoreError::Damaged(reason.to_string()),
        sqlx::Error::RowNotFound
        | sqlx::Error::ColumnIndexOutOfBounds { .. }
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::TypeNotFound { .. }
        | sqlx::Error::Encode(_)
        | sqlx::Error::AnyDriverError(_)
        | sqlx::Error::InvalidArgument(_) => StoreError::Failed(error.to_string()),
        sqlx::Error::Configuration(_) => StoreError::Failed(
            "[store] url is no address of a PostgreSQL server\n  fix: url = \
             \"postgres://user:password@host:5432/database?sslmode=verify-full\""
                .to_owned(),
        ),
        sqlx::Error::Tls(reason) => StoreError::Away(format!(
            "no encrypted connection: {reason}\n  fix: give the certificate of the server's authority, \
             sslrootcert=FILE in [store] url, or correct the host's name"
        )),
        sqlx::Error::PoolTimedOut => StoreError::Away(
            "no connection within the time allowed\n  fix: see that it runs and has connections left, and that \
             [store] url names its host and port"
                .to_owned(),
        ),
        sqlx::Error::Io(reason) => {
            StoreError::Away(format!("{reason}\n  fix: see that it runs, and that [store] url names its host and port"))
        }
        // The connection broke, or never was: what was sent may or may not have been done.
        _ => StoreError::Away(error.to_string()),
    }
}

/// What to do about a damaged database.
const RESTORE: &str =
    "\n  fix: stop the workers, and restore the database from a backup: cosell store restore FILE says how";

fn told(error: &dyn DatabaseError) -> StoreError {
    let code = error.code().unwrap_or_default().into_owned();
    let said = error.message();
    match code.as_str() {
        "23505" => StoreError::Duplicate(said.to_owned()),
        "25006" => StoreError::Failed(format!(
            "{said}; it is open for reading only, or the server is a standby\n  fix: let [store] url name the primary"
        )),
        "42501" => StoreError::Failed(format!(
            "{said}\n  fix: let the user of [store] url own the schema and all of its tables, or GRANT CREATE, USAGE \
             ON SCHEMA public and GRANT ALL ON ALL TABLES, SEQUENCES IN SCHEMA public"
        )),
        "28000" | "28P01" => StoreError::Failed(format!(
            "{said}\n  fix: correct the user or the password in [store] url, or the server's pg_hba.conf"
        )),
        "3D000" => StoreError::Failed(format!("{said}\n  fix: CREATE DATABASE, or correct [store] url")),
        "53100" => StoreError::Failed(format!(
            "{said}\n  fix: make room on the server; nothing was lost, and a service that runs goes on by itself"
        )),
        // The server stops, starts, or has no connection left; a statement or a lock took longer than allowed.
        "57P01" | "57P02" | "57P03" | "57P05" | "53300" | "08000" | "08001" | "08003" | "08004" | "08006" => {
            StoreError::Away(said.to_owned())
        }
        "55P03" | "57014" | "40001" | "40P01" | "25P03" => {
            StoreError::Away(format!("{said}; another transaction stood in the way"))
        }
        "3F000" | "42P01" | "42703" | "XX001" | "XX002" => StoreError::Damaged(format!("{said}{RESTORE}")),
        _ if ["08", "42", "53", "54", "55", "57", "58"].iter().any(|class| code.starts_with(class)) => {
            StoreError::Failed(format!("{said} ({code})"))
        }
        _ => StoreError::Failed(format!("PostgreSQL's error {code}{}", place(error))),
    }
}

/// Which rule of the schema was broken, without the values that broke it.
fn place(error: &dyn DatabaseError) -> String {
    match (error.table(), error.constraint()) {
        (Some(table), Some(rule)) => format!(" at {table}.{rule}"),
        (Some(table), None) => format!(" at {table}"),
        _ => String::new(),
    }
}
