//! Opening and closing: the file, its lock, its settings.

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};
use sync_engine::{StoreError, StoreResult};

use super::{
    SqliteStore,
    fault::{Fault, Outcome},
    schema,
};
use crate::Options;

/// How long a statement waits for a lock that another program (a reader, a backup) holds on the file.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Most memory for pages, in KiB.
const CACHE_KIB: i64 = 16 * 1024;

/// Length to which the write-ahead log is cut back after it was folded in, in bytes.
const WAL_BYTES: i64 = 16 << 20;

/// Most prepared statements kept; more than there are in this crate.
const STATEMENTS: usize = 160;

/// What is said of a store that is not there.
pub(super) const NO_FILE: &str =
    "there is no such file\n  fix: start the service once, which makes it, or correct [store] path";

/// SQLite's page size, in bytes.
const PAGE_BYTES: u64 = 4096;

impl SqliteStore {
    /// Opens the store at `path` for the one process that owns it; makes the file, readable by its owner only, if
    /// there is none, and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::InUse`] while another process has it open, [`StoreError::Schema`] if a newer program wrote it,
    /// [`StoreError::Damaged`] if it is no store, [`StoreError::Failed`] if it cannot be read or written.
    pub fn open(path: impl AsRef<Path>, options: Options) -> StoreResult<Self> {
        let path = real_path(path.as_ref());
        let lock = lock(&path)?;
        create_private(&path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = at(&path, || open_for_writing(&path, flags, options.max_bytes))?;
        Ok(Self { connection: Mutex::new(connection), options, lock: Some(lock) })
    }

    /// Opens the store at `path` for reading, also while a service owns it. Every write fails. Of `options` only the seal
    /// key matters: without it, histories and kept values cannot be read.
    ///
    /// # Errors
    /// As [`SqliteStore::open`], but never [`StoreError::InUse`]; [`StoreError::Schema`] also if the store is older
    /// than this program.
    pub fn open_read_only(path: impl AsRef<Path>, options: Options) -> StoreResult<Self> {
        Self::open_unowned(path.as_ref(), OpenFlags::SQLITE_OPEN_READ_ONLY, options)
    }

    /// Opens the store at `path` for looking at both sides, also while a service owns it. Every write fails but
    /// five: of a token (its successor, a new sign-in, what the next one must satisfy, who may spend it), or the service
    /// would be left with a dead one; that a connection was seen to work; what was found out about the org; what a
    /// person decided, a release included: the service finds it as it finds any other mark; and what is forgotten.
    ///
    /// # Errors
    /// As [`SqliteStore::open_read_only`].
    pub fn open_beside(path: impl AsRef<Path>, options: Options) -> StoreResult<Self> {
        Self::open_unowned(path.as_ref(), OpenFlags::SQLITE_OPEN_READ_WRITE, options)
    }

    fn open_unowned(path: &Path, access: OpenFlags, options: Options) -> StoreResult<Self> {
        let path = real_path(path);
        if !path.exists() {
            return Err(failed(&path, &NO_FILE));
        }
        let at_name = |name: &Path, access: OpenFlags| {
            let connection = Connection::open_with_flags(name, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
            settings(&connection)?;
            connection.pragma_update(None, "query_only", true)?;
            schema::require(&connection)?;
            Ok(connection)
        };
        let connection = at(&path, || match at_name(&path, access) {
            Err(fault) if access == OpenFlags::SQLITE_OPEN_READ_ONLY && is_at_rest(&path, &fault) => {
                at_name(&immutable(&path), access | OpenFlags::SQLITE_OPEN_URI)
            }
            opened => opened,
        })?;
        Ok(Self { connection: Mutex::new(connection), options, lock: None })
    }

    /// Folds the write-ahead log into the file and cuts it to nothing. Dropping the store does it too.
    pub fn checkpoint(&self) -> StoreResult<()> {
        let fold = || -> Outcome<()> {
            let connection = self.connection();
            // The first column says whether a reader stood in the way; then the log stays, and nothing is lost.
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
            Ok(())
        };
        Ok(fold()?)
    }
}

fn open_for_writing(path: &Path, flags: OpenFlags, max_bytes: Option<u64>) -> Outcome<Connection> {
    let mut connection = Connection::open_with_flags(path, flags)?;
    settings(&connection)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "journal_size_limit", WAL_BYTES)?;
    schema::migrate(&mut connection)?;
    if let Some(bytes) = max_bytes {
        let pages = i64::try_from(bytes / PAGE_BYTES).unwrap_or(i64::MAX);
        connection.pragma_update(None, "max_page_count", pages)?;
    }
    Ok(connection)
}

fn settings(connection: &Connection) -> Outcome<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // A cleared value must not linger in a free page, nor in a temporary file; whoever writes sees to it.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Else a statement whose limit is bound is parsed and planned anew each time: a fifth of what an idle service does.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    Ok(())
}

/// Whether the file cannot be opened only because nothing may be written beside it, and nobody is writing it: a store that
/// was closed in order has no log, and can be read as it is.
fn is_at_rest(path: &Path, fault: &Fault) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let has_log = std::fs::metadata(log).is_ok_and(|log| log.len() > 0);
    matches!(fault, Fault::Sql(error) if matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen)
    )) && !has_log
}

/// The name under which SQLite reads a file that does not change, and writes nothing beside it.
fn immutable(path: &Path) -> PathBuf {
    let mut name = String::from("file:");
    for c in path.to_string_lossy().chars() {
        // What has a meaning of its own in such a name.
        match c {
            '%' => name.push_str("%25"),
            '?' => name.push_str("%3f"),
            '#' => name.push_str("%23"),
            _ => name.push(c),
        }
    }
    name.push_str("?immutable=1");
    PathBuf::from(name)
}

/// Two spellings of one file share one lock.
pub(super) fn real_path(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// Takes the process lock beside the store. The operating system ends it with the process, however that ends.
pub(super) fn lock(path: &Path) -> StoreResult<File> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = private().create(true).truncate(false).open(&name).map_err(|error| unopened(path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(path.display().to_string())),
        Err(TryLockError::Error(error)) => Err(failed(path, &error)),
    }
}

fn create_private(path: &Path) -> StoreResult<()> {
    let file = private().create(true).truncate(false).open(path).map_err(|error| unopened(path, &error))?;
    #[cfg(unix)]
    if is_open_to_others(path) {
        // Of a file that is somebody else's, as volumes that are lent to a container are, `store check` tells.
        drop(file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600)));
    }
    drop(file);
    Ok(())
}

/// A file that was not there: whoever put one in its place gets nothing of ours.
pub(super) fn create_private_anew(path: &Path) -> StoreResult<()> {
    private().create_new(true).open(path).map(drop).map_err(|error| unopened(path, &error))
}

/// Whether users besides the owner can read or write the file; not known is no.
pub(super) fn is_open_to_others(path: &Path) -> bool {
    #[cfg(unix)]
    return path
        .metadata()
        .is_ok_and(|facts| std::os::unix::fs::PermissionsExt::mode(&facts.permissions()) & 0o077 != 0);
    #[cfg(not(unix))]
    false
}

/// Why a file could not be made or opened for writing.
fn unopened(path: &Path, error: &std::io::Error) -> StoreError {
    use std::io::ErrorKind::{NotFound, PermissionDenied, ReadOnlyFilesystem, StorageFull};
    match error.kind() {
        PermissionDenied | ReadOnlyFilesystem => failed(
            path,
            &format!(
                "{error}; the file or its folder is not writable for this user\n  fix: let the service's user write \
                     both"
            ),
        ),
        NotFound => failed(path, &format!("{error}\n  fix: make its folder, or name another")),
        StorageFull => failed(path, &format!("{error}\n  fix: make room; nothing was lost")),
        _ => failed(path, error),
    }
}

/// Made for its owner's eyes only: the store holds personal data and tokens.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

pub(super) fn failed(path: &Path, reason: &dyn std::fmt::Display) -> StoreError {
    StoreError::Failed(format!("{}: {reason}", path.display()))
}

/// Runs `open`, naming the file in what went wrong.
pub(super) fn at<T>(path: &Path, open: impl FnOnce() -> Outcome<T>) -> StoreResult<T> {
    open().map_err(|fault: Fault| match StoreError::from(fault) {
        StoreError::Failed(reason) => StoreError::Failed(format!("{}: {reason}", path.display())),
        StoreError::Damaged(reason) => StoreError::Damaged(format!("{}: {reason}", path.display())),
        other => other,
    })
}
