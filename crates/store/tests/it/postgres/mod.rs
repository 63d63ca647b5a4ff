//! PostgreSQL: a database for each case, and what only several workers on one server can do wrong.

mod clocks;
mod erased;
mod pages;
mod plans;
mod sharing;
mod silence;

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, Row as _};
use store::{Options, PostgresStore, postgres::Access};

use postgres_server::Server;
pub(crate) use postgres_server::installed;

use crate::ground::Counting;

/// Databases of cases that have ended, by their server's port: as good as new, and sooner there.
static USED: Mutex<Vec<(u16, String)>> = Mutex::new(Vec::new());

/// A database of one case.
pub(crate) struct Ground {
    server: &'static Server,
    database: String,
}

impl Ground {
    /// A database with the schema, copied from one that was migrated once.
    pub(crate) async fn new(server: &'static Server) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let used = {
            let mut used = USED.lock().unwrap();
            let place = used.iter().position(|(port, _)| *port == server.port());
            place.map(|place| used.swap_remove(place).1)
        };
        if let Some(database) = used {
            return Self { server, database };
        }
        let mut admin = admin(server).await;
        // One at a time: whoever comes first makes the pattern.
        admin.execute("SELECT pg_advisory_lock(1)").await.unwrap();
        let pattern = sqlx::query("SELECT 1 FROM pg_database WHERE datname = 'pattern'");
        if pattern.fetch_optional(&mut admin).await.unwrap().is_none() {
            admin.execute("CREATE DATABASE making").await.unwrap();
            PostgresStore::migrate(&server.url("making")).await.unwrap();
            // The session that migrated may still be on its way out.
            while admin.execute("ALTER DATABASE making RENAME TO pattern").await.is_err() {
                tokio::task::yield_now().await;
            }
        }
        let database = format!("case_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        admin.execute(AssertSqlSafe(format!("CREATE DATABASE {database} TEMPLATE pattern"))).await.unwrap();
        admin.close().await.unwrap();
        Self { server, database }
    }

    pub(crate) async fn open(&self) -> PostgresStore {
        self.open_with(Access::Own, Options::default()).await
    }

    pub(crate) async fn open_with(&self, access: Access, options: Options) -> PostgresStore {
        let options = Options { ids: Arc::new(Counting::default()), ..options };
        PostgresStore::open(&self.url(), access, options).await.unwrap()
    }

    /// Its address.
    pub(crate) fn url(&self) -> SecretString {
        self.server.url(&self.database)
    }

    /// A session beside the store's own.
    pub(crate) async fn session(&self) -> PgConnection {
        PgConnection::connect(self.url().expose_secret()).await.unwrap()
    }

    /// Empties the database for the next case. Nobody else is in it any more.
    pub(crate) async fn give_back(self) {
        let mut session = self.session().await;
        let tables = "SELECT string_agg(quote_ident(tablename), ', ') FROM pg_tables
             WHERE schemaname = 'public' AND tablename <> 'cosell_schema'";
        let tables: String = session.fetch_one(tables).await.unwrap().get(0);
        let empty =
            format!("TRUNCATE {tables} RESTART IDENTITY CASCADE; ALTER SEQUENCE lease_number RESTART");
        session.execute(AssertSqlSafe(empty)).await.unwrap();
        session.close().await.unwrap();
        USED.lock().unwrap().push((self.server.port(), self.database));
    }

    /// Makes room, whoever is still in it.
    pub(crate) async fn end(self) {
        let mut admin = admin(self.server).await;
        admin.execute(AssertSqlSafe(format!("DROP DATABASE {} WITH (FORCE)", self.database))).await.unwrap();
    }
}

/// The server of another major version.
pub(crate) fn other() -> &'static Server {
    postgres_server::other(Path::new(env!("CARGO_TARGET_TMPDIR")))
}

async fn admin(server: &Server) -> PgConnection {
    PgConnection::connect(server.url("postgres").expose_secret()).await.unwrap()
}
