//! Looking after the database: what a server must be and do for the store to be safe on it.

use secrecy::SecretString;
use sqlx::{PgConnection, Row as _};
use sync_engine::{StoreError, StoreResult};

use super::{
    PostgresStore,
    fault::Outcome,
    open::{Access, lazy},
    schema::{self, SCHEMA},
};
use crate::Looked;

/// The oldest version of the server that is tried.
const OLDEST: i32 = 15;

impl PostgresStore {
    /// Looks at the database at `url`: server, schema, permissions and settings. Changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Away`] while the server cannot be reached, [`StoreError::Failed`] for an address that is none.
    pub async fn check(url: &SecretString) -> StoreResult<Vec<Looked>> {
        let pool = lazy(url, Access::Read)?;
        let mut connection =
            pool.acquire().await.map_err(|error| StoreError::from(super::fault::Fault::from(error)))?;
        let sql = &mut *connection;
        let mut looked = vec![server(sql).await?];
        let version = match schema::version(sql).await.map_err(StoreError::from) {
            Ok(0) if schema::is_foreign(sql).await? => {
                Looked::bad("schema", "tables of another program", schema::OWN_DATABASE)
            }
            Ok(SCHEMA) => Looked::good("schema", format!("version {SCHEMA}")),
            Ok(found) => Looked::bad(
                "schema",
                format!("version {found}, this program knows {SCHEMA}"),
                "run: cosell store migrate",
            ),
            Err(StoreError::Schema { found, next_step, .. }) => {
                Looked::bad("schema", format!("version {found}, this program knows {SCHEMA}"), next_step)
            }
            Err(error) => return Err(error),
        };
        let there = version.ok;
        looked.push(version);
        if there {
            looked.push(permissions(sql).await?);
        }
        looked.push(durable(sql).await?);
        looked.push(primary(sql).await?);
        Ok(looked)
    }
}

async fn setting(sql: &mut PgConnection, name: &'static str) -> Outcome<String> {
    Ok(sqlx::query("SELECT current_setting($1)").bind(name).fetch_one(sql).await?.try_get(0)?)
}

async fn server(sql: &mut PgConnection) -> Outcome<Looked> {
    let number: i32 = setting(sql, "server_version_num").await?.parse().unwrap_or_default();
    let saw = format!("PostgreSQL {}", setting(sql, "server_version").await?);
    Ok(if number / 10_000 < OLDEST {
        Looked::bad("server", saw, format!("use PostgreSQL {OLDEST} or later"))
    } else {
        Looked::good("server", saw)
    })
}

async fn permissions(sql: &mut PgConnection) -> Outcome<Looked> {
    let row = sqlx::query(
        "SELECT count(*), coalesce(string_agg(relname, ', ' ORDER BY relname) FILTER (WHERE NOT
                    has_table_privilege(pg_class.oid, 'SELECT, INSERT, UPDATE, DELETE')), '')
         FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
         WHERE nspname = current_schema() AND relkind = 'r'",
    )
    .fetch_one(sql)
    .await?;
    let (tables, closed): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
    Ok(if closed.is_empty() {
        Looked::good("permissions", format!("all {tables} tables may be read and written"))
    } else {
        Looked::bad(
            "permissions",
            format!("not to be written: {closed}"),
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO the user of [store] url",
        )
    })
}

/// What was acknowledged must be on the disk: a source is not asked for it again.
async fn durable(sql: &mut PgConnection) -> Outcome<Looked> {
    let mut off = Vec::new();
    for name in ["fsync", "full_page_writes", "synchronous_commit"] {
        if setting(sql, name).await? == "off" {
            off.push(name);
        }
    }
    Ok(if off.is_empty() {
        Looked::good("durability", "commits are on the disk before they are answered")
    } else {
        Looked::bad(
            "durability",
            format!("{} is off: a crash of the server loses what was acknowledged", off.join(" and ")),
            format!(
                "ALTER SYSTEM SET {} = on; then restart the server",
                off.join(" = on; ALTER SYSTEM SET ")
            ),
        )
    })
}

async fn primary(sql: &mut PgConnection) -> Outcome<Looked> {
    let standby: bool = sqlx::query("SELECT pg_is_in_recovery()").fetch_one(sql).await?.try_get(0)?;
    Ok(if standby {
        Looked::bad("primary", "this is a standby, which takes no writes", "let [store] url name the primary")
    } else {
        Looked::good("primary", "it takes writes")
    })
}
