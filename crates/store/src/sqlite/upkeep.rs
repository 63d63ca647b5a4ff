//! Looking after the file: bringing its schema up to date, checking it, backing it up and putting a backup back.

use std::{
    fs::{self, File, OpenOptions},
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags};
use sync_engine::{StoreError, StoreResult};

use super::{
    SqliteStore,
    fault::Outcome,
    open::{NO_FILE, at, create_private_anew, failed, is_open_to_others, lock, real_path},
    schema::{self, SCHEMA},
};
use crate::{Looked, Options};

/// Most complaints of the database that are shown.
const COMPLAINTS: usize = 20;

impl SqliteStore {
    /// Brings the schema of the file at `path` up to date, and says which version it had: 0 if there was none.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub fn migrate(path: impl AsRef<Path>) -> StoreResult<u32> {
        let path = path.as_ref();
        let found = if path.exists() { at(path, || schema::version(&look(path)?))? } else { 0 };
        Self::open(path, Options::default())?;
        Ok(found)
    }

    /// Reads the whole file at `path` and says what is wrong with it. Changes nothing; also while a service owns it.
    ///
    /// # Errors
    /// [`StoreError::Failed`] if there is no such file, or it cannot be read.
    pub fn check(path: impl AsRef<Path>) -> StoreResult<Vec<Looked>> {
        let path = path.as_ref();
        if !path.exists() {
            return Err(failed(path, &NO_FILE));
        }
        let restore = "stop the service, and put a backup back: cosell store restore FILE";
        let version = match at(path, || schema::version(&look(path)?)) {
            Ok(SCHEMA) => Looked::good("schema", format!("version {SCHEMA}")),
            Ok(0) if at(path, || schema::refuse_foreign(&look(path)?)).is_err() => {
                Looked::bad("schema", "tables of another program", "let [store] path name another file")
            }
            Ok(found) => Looked::bad(
                "schema",
                format!("version {found}, this program knows {SCHEMA}"),
                "stop the service, and run: cosell store migrate",
            ),
            Err(StoreError::Schema { found, next_step, .. }) => {
                Looked::bad("schema", format!("version {found}, this program knows {SCHEMA}"), next_step)
            }
            Err(error) => return Ok(vec![not_read("file", &error)]),
        };
        let integrity = match at(path, || complaints(&look(path)?)) {
            Ok(complaints) if complaints.is_empty() => {
                Looked::good("integrity", "every page, index and reference is sound")
            }
            Ok(complaints) => Looked::bad("integrity", complaints.join("; "), restore),
            Err(error) => not_read("integrity", &error),
        };
        Ok(vec![version, integrity, writable(path), private(path)])
    }

    /// Copies the store at `path` to the new file `to`, as it is at one instant; also while a service owns it.
    ///
    /// # Errors
    /// [`StoreError::Failed`] if `to` is there already, or either file cannot be read or written.
    pub fn backup(path: impl AsRef<Path>, to: impl AsRef<Path>) -> StoreResult<u64> {
        let (path, to) = (path.as_ref(), to.as_ref());
        if to.exists() {
            return Err(failed(
                to,
                &"it is there already, and a backup overwrites nothing\n  fix: name a new file",
            ));
        }
        if !path.exists() {
            return Err(failed(path, &NO_FILE));
        }
        create_private_anew(to)?;
        let copied = at(path, || {
            let connection = look(path)?;
            schema::require(&connection)?;
            connection.execute("VACUUM INTO ?1", [to.to_string_lossy()])?;
            Ok(())
        });
        let written = copied.and_then(|()| flushed(to));
        if written.is_err() {
            // Half of a backup is none.
            drop(fs::remove_file(to));
        }
        written
    }

    /// Puts the backup `from` in the place of the store at `path`, which no service may own. What was there is kept
    /// beside it; its new name is returned.
    ///
    /// A backup is older than the world: what was sent since is not in it. That is safe for the same reason as a crash
    /// is: births look before they send, updates are conditional, and what waits is put off by the time in between.
    ///
    /// # Errors
    /// [`StoreError::InUse`] while a service owns the store, [`StoreError::Schema`] and [`StoreError::Damaged`] if the
    /// backup is none that this program can use; then nothing was changed.
    pub fn restore(path: impl AsRef<Path>, from: impl AsRef<Path>) -> StoreResult<Option<PathBuf>> {
        let (path, from) = (real_path(path.as_ref()), from.as_ref());
        if !from.exists() {
            return Err(failed(from, &format!("there is no such file\n  fix: {NAME_A_BACKUP}")));
        }
        let sound = at(from, || {
            let connection = look(from)?;
            if schema::version(&connection)? == 0 {
                return Err(StoreError::Damaged("it is no store of Cosell's".to_owned()).into());
            }
            match complaints(&connection)?.first() {
                None => Ok(()),
                Some(first) => Err(StoreError::Damaged(format!("it is not sound: {first}")).into()),
            }
        });
        sound.map_err(|error| match error {
            // What a damaged store asks for is no help against a damaged backup.
            StoreError::Damaged(why) => {
                let what = why.split(FIX).next().unwrap_or_default();
                StoreError::Damaged(format!("{what}{FIX}{NAME_A_BACKUP}"))
            }
            other => other,
        })?;
        let _lock = lock(&path)?;
        let new = beside(&path, ".restoring");
        drop(fs::remove_file(&new));
        create_private_anew(&new)?;
        let copied = poured(from, &new).map_err(|error| failed(&new, &error)).and_then(|()| flushed(&new));
        if let Err(error) = copied {
            drop(fs::remove_file(&new));
            return Err(error);
        }
        let kept = path.exists().then(|| unused(&path));
        if let Some(kept) = &kept {
            // The log goes with its file: a restored store must not meet a log that is not its own.
            for suffix in ["", "-wal", "-shm"] {
                let (old, aside) = (beside(&path, suffix), beside(kept, suffix));
                if old.exists() {
                    fs::rename(&old, aside).map_err(|error| failed(&old, &error))?;
                }
            }
        }
        fs::rename(&new, &path).map_err(|error| failed(&path, &error))?;
        Ok(kept)
    }
}

/// Where an error says what to do.
const FIX: &str = "\n  fix: ";
/// What to do where a backup is none.
const NAME_A_BACKUP: &str = "name a file that `cosell store backup` wrote";

/// Why the file could not be read, and what the error itself says is to be done.
fn not_read(what: &'static str, error: &StoreError) -> Looked {
    let told = error.to_string();
    let (saw, fix) = told.split_once(FIX).unwrap_or((&told, "see that the disk has room, and works"));
    Looked::bad(what, saw, fix)
}

/// Copies what a file holds, and not who may read it.
fn poured(from: &Path, into: &Path) -> std::io::Result<()> {
    let (mut from, mut into) = (File::open(from)?, OpenOptions::new().write(true).open(into)?);
    std::io::copy(&mut from, &mut into).map(drop)
}

/// A connection that changes nothing, whatever the file is.
fn look(path: &Path) -> Outcome<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(super::open::BUSY_TIMEOUT)?;
    Ok(connection)
}

/// What the database itself finds wrong.
fn complaints(connection: &Connection) -> Outcome<Vec<String>> {
    let mut statement = connection.prepare(&format!("PRAGMA integrity_check({COMPLAINTS})"))?;
    let told: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut complaints: Vec<String> = told.into_iter().filter(|told| told != "ok").collect();
    let mut statement = connection.prepare("PRAGMA foreign_key_check")?;
    let tables: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let dangling = tables.into_iter().map(|table| format!("{table}: a row refers to one that is not there"));
    complaints.extend(dangling.take(COMPLAINTS));
    Ok(complaints)
}

fn writable(path: &Path) -> Looked {
    let fix = format!("let the service's user write {} and its folder", path.display());
    match OpenOptions::new().append(true).open(path) {
        Ok(_) => Looked::good("writable", "the file may be written"),
        Err(error) => Looked::bad("writable", error.to_string(), fix),
    }
}

/// Whether the file is its owner's alone. A service that owns the file sees to it whenever it starts.
fn private(path: &Path) -> Looked {
    if is_open_to_others(path) {
        let fix = format!("chmod 600 {}; if anybody could have read it, sign in anew", path.display());
        return Looked::bad("private", "other users of this machine can read or write the file", fix);
    }
    Looked::good("private", "no other user of this machine can read the file")
}

/// On the disk, and how long it is.
fn flushed(path: &Path) -> StoreResult<u64> {
    let flush = || {
        let file = OpenOptions::new().append(true).open(path)?;
        file.sync_all()?;
        file.metadata().map(|facts| facts.len())
    };
    flush().map_err(|error| failed(path, &error))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// A name for what was there, that nothing has.
fn unused(path: &Path) -> PathBuf {
    let name = |number: u32| beside(path, &format!(".before-restore-{number}"));
    (1..u32::MAX).map(name).find(|name| !name.exists()).unwrap_or_else(|| name(0))
}
