//! Telling every worker at once that something was marked. A notification may be lost: the workers look by themselves
//! every second.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sqlx::{
    PgConnection,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
};
use tokio::sync::Notify;

use super::fault::Outcome;

/// The channel's name.
const CHANNEL: &str = "cosell_work";

/// How long to wait before listening is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// Tells, when the transaction is committed, that something was marked.
pub(super) async fn tell(sql: &mut PgConnection) -> Outcome<()> {
    sqlx::query("SELECT pg_notify($1, '')").bind(CHANNEL).execute(sql).await?;
    Ok(())
}

/// The one connection of this process that listens, once somebody wants to hear.
pub(super) struct Listening {
    address: PgConnectOptions,
    begun: AtomicBool,
    heard: Notify,
    stopped: Notify,
}

impl Listening {
    pub(super) fn new(address: PgConnectOptions) -> Self {
        Self { address, begun: AtomicBool::new(false), heard: Notify::new(), stopped: Notify::new() }
    }

    /// Waits until something was marked, by whichever process.
    pub(super) async fn hear(self: &Arc<Self>) {
        if !self.begun.swap(true, Ordering::SeqCst) {
            let listening = Arc::clone(self);
            drop(tokio::spawn(async move {
                tokio::select! {
                    () = listening.listen() => {}
                    () = listening.stopped.notified() => {}
                }
            }));
        }
        self.heard.notified().await;
    }

    pub(super) fn stop(&self) {
        self.stopped.notify_one();
    }

    /// Listens for as long as the process lives; a lost connection is made anew.
    async fn listen(&self) {
        loop {
            if let Err(error) = self.listen_once().await {
                tracing::warn!(
                    error = %sync_engine::StoreError::from(super::fault::Fault::from(error)),
                    "the store's server is not listened to; looking every second meanwhile"
                );
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn listen_once(&self) -> Result<(), sqlx::Error> {
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .connect_with(self.address.clone())
            .await?;
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await?;
        // What was marked before it listened.
        self.heard.notify_one();
        while listener.try_recv().await?.is_some() {
            self.heard.notify_one();
        }
        Ok(())
    }
}
