//! `cosell store`: the state that lasts, looked after by a person.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, anyhow, bail};
use clap::Subcommand;
use serde_json::json as object;
use store::{Database, Looked, PostgresStore, Resealed, SqliteStore, postgres, sqlite};
use sync_engine::StoreError;

use super::forget::tell_wait;
use crate::{
    config::{Config, Loaded},
    output::{Format, aligned, json, line},
    store_place::{Place, shown},
    wiring::{Access, open_store},
};

const EXAMPLES: &str = "\
Examples:
  cosell store check
  cosell store backup /backups/cosell-2026-11-23.sqlite3
  cosell store restore /backups/cosell-2026-11-23.sqlite3";

/// Brings the store up to date, checks it, backs it up, or puts a backup back.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Store {
    #[command(subcommand)]
    command: StoreCommand,
}

#[derive(Debug, Subcommand)]
enum StoreCommand {
    /// Brings the schema up to date; the service does it too when it starts.
    Migrate,
    /// Reads the whole store, and says what is wrong with it and how to mend it.
    ///
    /// Changes nothing; also while the service runs. Exit status 0 only if
    /// nothing is wrong.
    Check,
    /// Seals everything anew under the present seal key, so that the former one is
    /// needed no more.
    ///
    /// The whole store is written anew, so that nothing of what lay there before is
    /// left. Also while the service runs, once every worker was started with both keys.
    /// If it is broken off, give it again. Backups from before still need the
    /// former key.
    Reseal,
    /// Copies the store to a new file, as it is at one instant.
    ///
    /// Also while the service runs. Keep the seal key apart from it: whoever has
    /// both reads everything. A PostgreSQL database is backed up by its own
    /// programs; the command is told.
    Backup {
        /// The new file; nothing is overwritten.
        file: PathBuf,
    },
    /// Puts a backup in the place of the store, while no service runs.
    ///
    /// What was there is kept beside it. What was sent since the backup is found
    /// again before anything is sent: a referral or an opportunity that is there
    /// already is not made a second time, and a pair that Cosell had linked is
    /// linked again. One that something else linked is shown as a problem of its
    /// link, and cosell relink takes it.
    Restore {
        /// The backup.
        file: PathBuf,
    },
}

impl Store {
    pub(crate) async fn run(self, config: &Path, format: Format) -> anyhow::Result<ExitCode> {
        let loaded = Config::load(config)?;
        let (place, name) = (Place::of(&loaded)?, shown(&loaded));
        match (self.command, place) {
            (StoreCommand::Migrate, place) => {
                let (found, schema) = match place {
                    Place::File(path) => (SqliteStore::migrate(path)?, sqlite::SCHEMA),
                    Place::Server(url) => (PostgresStore::migrate(&url).await?, postgres::SCHEMA),
                };
                if format == Format::Json {
                    json(&object!({ "store": name, "found": found, "schema": schema }))?;
                } else if found == schema {
                    line(format!("{name}: schema {schema}, there was nothing to do"));
                } else {
                    line(format!("{name}: brought from schema {found} to {schema}"));
                }
            }
            (StoreCommand::Check, place) => {
                let looked = match place {
                    Place::File(path) => SqliteStore::check(path)?,
                    Place::Server(url) => PostgresStore::check(&url).await?,
                };
                return told(&name, &looked, format);
            }
            (StoreCommand::Reseal, _) => {
                let store = open_store(&loaded, Access::Look)?;
                if format == Format::Text {
                    tell_wait(store.bytes_to_scrub().await?);
                }
                let told = resealed(store.as_ref()).await?;
                tell_resealed(&name, &loaded, &told, format)?;
            }
            (StoreCommand::Backup { file }, Place::File(path)) => {
                let bytes = SqliteStore::backup(path, &file).map_err(of_a_file)?;
                let shown = file.display().to_string();
                if format == Format::Json {
                    json(&object!({ "store": name, "backup": shown, "bytes": bytes }))?;
                } else {
                    line(format!("{shown}: {bytes} bytes. Keep the seal key apart from it."));
                }
            }
            (StoreCommand::Restore { file }, Place::File(path)) => {
                let kept = SqliteStore::restore(path, &file)
                    .map_err(of_a_file)?
                    .map(|kept| kept.display().to_string());
                if format == Format::Json {
                    json(&object!({ "store": name, "restored": file.display().to_string(), "kept": kept }))?;
                } else {
                    line(format!("{name}: restored from {}", file.display()));
                    if let Some(kept) = kept {
                        line(format!("What was there is in {kept}"));
                    }
                    line("Next: cosell run, then cosell verify --all");
                }
            }
            (StoreCommand::Backup { file }, Place::Server(_)) => bail!(
                "a PostgreSQL database is backed up by PostgreSQL's own program, while the workers run\n  fix: umask 077; \
                 pg_dump --format=custom --no-owner --file={} service=cosell\n  The server, the user and the \
                 password stand in your service file and password file (PGSERVICEFILE, PGPASSFILE):\n  on a \
                 command line, other users of the machine would see them.",
                file.display()
            ),
            (StoreCommand::Restore { file }, Place::Server(_)) => bail!(
                "a PostgreSQL database is restored by PostgreSQL's own program, while no worker runs\n  fix: \
                 pg_restore --clean --if-exists --no-owner --single-transaction --dbname=service=cosell {}\n  The \
                 server, the user and the password stand in your service file and password file (PGSERVICEFILE, \
                 PGPASSFILE):\n  on a command line, other users of the machine would see them.",
                file.display()
            ),
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A file that cannot be copied is no failure of the store: the reason alone is told.
fn of_a_file(error: StoreError) -> anyhow::Error {
    match error {
        StoreError::Failed(why) | StoreError::Damaged(why) => anyhow!(why),
        other => other.into(),
    }
}

/// What is true when only the last step failed.
const UNSCRUBBED: &str = "everything is sealed anew, but pieces of what lay there before may linger in free pages of the \
                          store\n  fix: cosell store reseal, again";
/// Data keys that are sealed anew in one transaction.
const RESEALED_AT_ONCE: usize = 500;

/// Seals everything anew, and leaves nothing of what lay there before; the sums.
async fn resealed(store: &dyn Database) -> anyhow::Result<Resealed> {
    let sum = sealed_anew(store).await?;
    store.scrub().await.context(UNSCRUBBED)?;
    Ok(sum)
}

/// A seal key that came later seals what was drawn before it. Not while there is a former one too: then other workers may
/// not have the present one yet.
pub(crate) async fn seal_what_lies_in_the_clear(store: &dyn Database, loaded: &Loaded) -> anyhow::Result<()> {
    let keys = &loaded.config.store;
    if keys.seal_key.is_none() || keys.former_seal_key.is_some() || store.keys_in_clear().await? == 0 {
        return Ok(());
    }
    let told = resealed(store).await?;
    tracing::info!(keys = told.sealed, "what was kept in the clear is sealed now");
    Ok(())
}

async fn sealed_anew(store: &dyn Database) -> anyhow::Result<Resealed> {
    let mut sum = store.reseal_tokens().await?;
    loop {
        let page = store.reseal_keys(sum.last.as_ref(), RESEALED_AT_ONCE).await?;
        sum.looked += page.looked;
        sum.sealed += page.sealed;
        if page.last.is_none() {
            return Ok(sum);
        }
        sum.last = page.last;
    }
}

fn tell_resealed(name: &str, loaded: &Loaded, told: &Resealed, format: Format) -> anyhow::Result<()> {
    let Resealed { looked, sealed, unreadable, .. } = told;
    if format == Format::Json {
        return json(
            &object!({ "store": name, "looked": looked, "resealed": sealed, "unreadable": unreadable }),
        );
    }
    line(format!("{name}: {sealed} of {looked} keys and sign-ins were sealed anew"));
    if *unreadable > 0 {
        line(format!("{unreadable} sign-ins open with neither key: cosell login"));
    }
    if loaded.config.store.former_seal_key.is_some() {
        line("Next: take former_seal_key out of [store], and start the service again.");
        line("Backups from before need the former key as long as you keep them.");
    }
    Ok(())
}

fn told(name: &str, looked: &[Looked], format: Format) -> anyhow::Result<ExitCode> {
    let ok = looked.iter().all(|looked| looked.ok);
    if format == Format::Json {
        json(&object!({ "store": name, "ok": ok, "looked": looked }))?;
    } else {
        line(name);
        for Looked { what, ok, saw, fix } in looked {
            aligned(if *ok { "  pass" } else { "  FAIL" }, 8, &format!("{what}: {saw}"));
            if let Some(fix) = fix {
                aligned("        fix:", 13, fix);
            }
        }
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use store::{Options, SealKey};
    use sync_engine::{Store as _, Subject};

    use super::*;

    #[tokio::test]
    async fn sealing_anew_leaves_no_key_of_before_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cosell.sqlite3");
        let before = SqliteStore::open(&path, Options::default()).unwrap();
        // Its line of history is sealed under a key of its own.
        before.forget(&Subject::Referral("r1".into()), "m1", jiff::Timestamp::now()).await.unwrap();
        drop(before);
        let raw = rusqlite::Connection::open(&path).unwrap();
        let open: Vec<u8> = raw.query_row("SELECT wrapped FROM data_key", [], |row| row.get(0)).unwrap();
        drop(raw);
        let seal_key = Some(SealKey::new([1; SealKey::BYTES]));
        let store = SqliteStore::open(&path, Options { seal_key, ..Options::default() }).unwrap();
        assert_eq!(resealed(&store).await.unwrap().sealed, 1);
        drop(store);
        let files = std::fs::read_dir(folder.path()).unwrap();
        let files: Vec<Vec<u8>> = files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect();
        assert!(files.iter().all(|file| !file.windows(32).any(|window| window == &open[1..33])));
    }
}
