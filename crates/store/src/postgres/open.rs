//! Opening: the address, its encryption, the pool and its deadlines.

use std::{
    net::IpAddr,
    str::FromStr as _,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{
    ConnectOptions as _, Connection as _,
    postgres::{PgConnectOptions, PgPoolOptions, PgSslMode},
};
use sync_engine::{StoreError, StoreResult};
use url::Url;

use super::{PostgresStore, fault::Outcome, news::Listening, schema, seats::Seats};
use crate::Options;

/// Most connections of one process, besides one that listens and one that holds the readers' seats.
const CONNECTIONS: u32 = 10;

/// How long a caller waits for a connection, the making of one included.
const ACQUIRE: Duration = Duration::from_secs(10);

/// Connections that nobody needed for so long are given back to the server.
const IDLE: Duration = Duration::from_mins(5);

/// How the server plans for one session, and its own bounds on what that does. A worker that vanished in the middle of a
/// transaction holds its locks for no longer than these.
const SESSION: [(&str, &str); 7] = [
    // A page of marks looks up a thousand keys: by their index, and not by reading the whole table.
    ("random_page_cost", "1.1"),
    ("statement_timeout", "30s"),
    ("lock_timeout", "10s"),
    ("idle_in_transaction_session_timeout", "30s"),
    ("tcp_keepalives_idle", "20"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "4"),
];

/// What an address may say besides user, host and database.
const PARAMETERS: [&str; 5] = ["sslmode", "sslrootcert", "sslcert", "sslkey", "application_name"];

/// What this process may do with the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everything: a worker, or whoever takes events in.
    Own,
    /// What a command beside the service may: tokens, what worked, what was found out, what people decide.
    Beside,
    /// Nothing is written.
    Read,
}

impl PostgresStore {
    /// Opens the store in the database at `url`; with [`Access::Own`] brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Away`] while the server cannot be reached, [`StoreError::Schema`] if the schema is newer, or older
    /// and not to be changed, [`StoreError::Failed`] if the database is another program's or the address is none.
    /// No error and no log shows the password.
    pub async fn open(url: &SecretString, access: Access, options: Options) -> StoreResult<Self> {
        let address = address(url, access)?;
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE)
            .idle_timeout(IDLE)
            .connect_lazy_with(address.clone());
        let store = Self {
            pool: pool.clone(),
            options,
            access,
            offered: AtomicU64::new(0),
            seats: Seats::new(address.clone()),
            listening: Arc::new(Listening::new(address)),
        };
        let prepare = async {
            if access == Access::Own {
                schema::migrate(&pool).await?;
            }
            schema::require(&mut *pool.acquire().await?).await?;
            Outcome::Ok(())
        };
        prepare.await?;
        Ok(store)
    }

    /// Brings the schema of the database at `url` up to date, and says which version it had: 0 if it was empty.
    ///
    /// # Errors
    /// As [`PostgresStore::open`].
    pub async fn migrate(url: &SecretString) -> StoreResult<u32> {
        let pool = lazy(url, Access::Own)?;
        let migrate = async {
            let found = schema::version(&mut *pool.acquire().await?).await?;
            schema::migrate(&pool).await?;
            Outcome::Ok(found)
        };
        Ok(migrate.await?)
    }

    /// Tries once whether the server at `url` lets its user into the database.
    ///
    /// # Errors
    /// [`StoreError::Away`] while it cannot be reached, or takes nobody in yet; [`StoreError::Failed`] if it refuses, or the
    /// address is none.
    pub async fn reach(url: &SecretString) -> StoreResult<()> {
        let address = address(url, Access::Read)?;
        let reach = async {
            let connect = tokio::time::timeout(ACQUIRE, address.connect());
            let connection = connect.await.map_err(|_| sqlx::Error::PoolTimedOut)??;
            Outcome::Ok(connection.close().await?)
        };
        Ok(reach.await?)
    }

    /// Gives every connection back to the server. What is under way is finished first.
    pub async fn close(&self) {
        self.listening.stop();
        self.seats.close().await;
        self.pool.close().await;
    }
}

/// One connection at a time, made when it is wanted.
pub(super) fn lazy(url: &SecretString, access: Access) -> StoreResult<sqlx::PgPool> {
    let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(ACQUIRE);
    Ok(pool.connect_lazy_with(address(url, access)?))
}

/// The address of a server, with what every session of ours asks of it.
fn address(url: &SecretString, access: Access) -> StoreResult<PgConnectOptions> {
    let parsed = Url::parse(url.expose_secret().trim()).ok();
    let parsed = parsed.filter(|url| matches!(url.scheme(), "postgres" | "postgresql"));
    let Some(parsed) = parsed else {
        return Err(refused(
            "it is no address of a PostgreSQL server",
            "url = \"postgres://user:password@host:5432/database?sslmode=verify-full\"",
        ));
    };
    // Before the driver reads it: the driver would log what it does not know, with its value.
    for (name, _) in parsed.query_pairs() {
        if !PARAMETERS.contains(&name.as_ref()) {
            // A name in the wrong place may be half of a password.
            return Err(refused(
                "after the ? it says something that is not known",
                &format!(
                    "use {} only, and write ? # & / in a password as %3F %23 %26 %2F",
                    PARAMETERS.join(", ")
                ),
            ));
        }
    }
    let address = PgConnectOptions::from_str(parsed.as_str()).map_err(|_| {
        refused("it cannot be understood", "sslmode = disable, require, verify-ca or verify-full")
    })?;
    let local = address.get_socket().is_some() || is_this_machine(address.get_host());
    if !local && matches!(address.get_ssl_mode(), PgSslMode::Prefer | PgSslMode::Allow) {
        return Err(refused(
            "it does not say how the connection is encrypted, and the store holds personal data",
            "add ?sslmode=verify-full (with sslrootcert=FILE for an authority of your own); ?sslmode=disable only \
             where nobody listens in",
        ));
    }
    let mut address = address.options(SESSION);
    if access == Access::Read {
        address = address.options([("default_transaction_read_only", "on")]);
    }
    if address.get_application_name().is_none() {
        address = address.application_name("cosell");
    }
    Ok(address.log_statements(tracing::log::LevelFilter::Off))
}

fn is_this_machine(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn refused(what: &str, fix: &str) -> StoreError {
    StoreError::Failed(format!("[store] url: {what}\n  fix: {fix}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(url: &str) -> String {
        match address(&SecretString::from(url), Access::Own) {
            Ok(address) => format!("{:?} {}", address.get_ssl_mode(), address.get_host()),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_connection_in_the_clear_must_be_asked_for_unless_it_stays_on_this_machine() {
        for local in ["postgres://u@localhost/d", "postgresql://u:p@127.0.0.1:5433/d", "postgres://u@[::1]/d"]
        {
            assert!(told(local).starts_with("Prefer"), "{local}: {}", told(local));
        }
        assert!(told("postgres://u:p@db.example/d").contains("sslmode=verify-full"));
        assert!(told("postgres://u:p@db.example/d?sslmode=prefer").contains("sslmode=verify-full"));
        assert_eq!(told("postgres://u:p@db.example/d?sslmode=verify-full"), "VerifyFull db.example");
        assert_eq!(told("postgres://u:p@db.example/d?sslmode=disable"), "Disable db.example");
    }

    #[test]
    fn no_error_shows_the_password() {
        for wrong in [
            "mysql://u:planted@h/d",
            "planted",
            "postgres://u:planted@h/d?pasword=planted",
            "postgres://u:pl?anted@h/d",
            "postgres://u:planted@h/d?sslmode=planted",
            "postgres://u:planted@h:planted/d",
            "postgres://u:planted@h.example/d",
        ] {
            let told = told(wrong);
            assert!(told.contains("fix:") && !told.contains("planted"), "{wrong}: {told}");
        }
    }
}
