//! Opens the store where the configuration says that it is: a file, or a PostgreSQL database.

use std::{path::PathBuf, pin::pin, sync::Arc, time::Duration};

use anyhow::anyhow;
use futures::FutureExt as _;
use ports::{Clock, HoldPoints, Rng};
use secrecy::SecretString;
use store::{Database, Options, PostgresStore, SealKey, SqliteStore, postgres};
use sync_engine::StoreError;
use tokio::time::{Instant, sleep};

use crate::{
    config::{Loaded, SecretRef},
    wiring::{Access, seal_key},
};

/// Where the state is.
pub(crate) enum Place {
    /// A file of one process.
    File(PathBuf),
    /// A database of many.
    Server(SecretString),
}

impl Place {
    pub(crate) fn of(loaded: &Loaded) -> anyhow::Result<Self> {
        let store = &loaded.config.store;
        Ok(match &store.url {
            None => Self::File(loaded.folder.join(store.path())),
            Some(url) => Self::Server(url.read(&loaded.folder)?),
        })
    }
}

/// Between two tries to reach a database that is away.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Waits for a database that does not answer yet, as long as `[store] wait_for_database` says: it may be starting, or not be
/// reached for a moment. What no waiting mends is refused at once.
pub(crate) async fn wait_for_database(loaded: &Loaded) -> anyhow::Result<()> {
    let Place::Server(url) = Place::of(loaded)? else { return Ok(()) };
    let patience = loaded.config.store.wait_for_database();
    let end = Instant::now() + patience;
    let mut told = false;
    loop {
        match PostgresStore::reach(&url).await {
            Ok(()) => {
                if told {
                    tracing::info!("the database answers");
                }
                return Ok(());
            }
            Err(StoreError::Away(why)) if Instant::now() + TRY_AGAIN <= end => {
                if !std::mem::replace(&mut told, true) {
                    let why = why.lines().next().unwrap_or_default();
                    tracing::warn!(why, at_most = ?patience, "the database of [store] url does not answer; waiting for it");
                }
                sleep(TRY_AGAIN).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether the store is a file that is not there yet: then whoever comes first makes it.
pub(crate) fn store_is_new(loaded: &Loaded) -> bool {
    loaded.config.store.url.is_none() && !loaded.folder.join(loaded.config.store.path()).exists()
}

/// What the store is called in what a person reads. No address is shown: it may hold a password.
pub(crate) fn shown(loaded: &Loaded) -> String {
    match &loaded.config.store.url {
        None => loaded.config.store.path().display().to_string(),
        Some(_) => "the database of [store] url".to_owned(),
    }
}

/// The seal key, which also opens what the one before it sealed.
fn sealing(loaded: &Loaded) -> anyhow::Result<Option<SealKey>> {
    let read = |place: &SecretRef| seal_key(place, &loaded.folder);
    let Some(present) = loaded.config.store.seal_key.as_ref().map(read).transpose()? else { return Ok(None) };
    Ok(Some(match loaded.config.store.former_seal_key.as_ref().map(read).transpose()? {
        Some(former) => present.after(former),
        None => present,
    }))
}

pub(crate) fn open(
    loaded: &Loaded,
    access: Access,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Rng>,
    holds: Arc<dyn HoldPoints>,
) -> anyhow::Result<Arc<dyn Database>> {
    let key = || sealing(loaded);
    let options = match access {
        // Lists need no key. What does says so itself.
        Access::Read => Options { seal_key: key().unwrap_or_default(), ..Options::default() },
        Access::Look => Options { seal_key: key()?, clock, ids, ..Options::default() },
        Access::Own => Options { seal_key: key()?, holds, clock, ids, ..Options::default() },
    };
    let store: Arc<dyn Database> = match Place::of(loaded)? {
        Place::File(path) => Arc::new(match access {
            Access::Read => SqliteStore::open_read_only(path, options)?,
            Access::Look => SqliteStore::open_beside(path, options)?,
            Access::Own => SqliteStore::open(path, options)?,
        }),
        Place::Server(url) => {
            let access = match access {
                Access::Read => postgres::Access::Read,
                Access::Look => postgres::Access::Beside,
                Access::Own => postgres::Access::Own,
            };
            Arc::new(at_once(PostgresStore::open(&url, access, options))?)
        }
    };
    // Before anything is spent or kept: another configuration's store must not get this one's sign-in.
    at_once(store.require_tenant(&loaded.config.partner_center.tenant_id)).map_err(|error| {
        anyhow!(
            "{error}\n  fix: let [store] name the file or database of this tenant, or correct [partner_center] \
             tenant_id"
        )
    })?;
    Ok(store)
}

/// Waits for a store where nothing else goes on: at the beginning, and between the steps of a command. A file answers at
/// once, also under a clock that stands still; a server is waited for on this thread.
pub(crate) fn at_once<T>(answer: impl Future<Output = T>) -> T {
    let mut answer = pin!(answer);
    match answer.as_mut().now_or_never() {
        Some(answer) => answer,
        None => tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(answer)),
    }
}
