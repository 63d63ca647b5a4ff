//! The schema's versions, and the way from one to the next.

use sqlx::{PgConnection, PgPool, Row as _};
use sync_engine::StoreError;

use super::{
    columns::Count,
    fault::{Fault, Outcome},
    locks,
};

/// The migrations in order; the first makes schema 1. Each is one transaction. A released one is never edited, and adds
/// before it takes away, so that workers of the release before go on beside it.
const MIGRATIONS: [&str; 1] = [include_str!("migrations/0001_first.sql")];

/// The schema that this program reads and writes.
pub const SCHEMA: u32 = 1;

/// Brings the schema up to [`SCHEMA`]. Of several that begin at once, one does it and the others wait.
pub(super) async fn migrate(pool: &PgPool) -> Outcome<()> {
    let mut connection = pool.acquire().await?;
    if version(&mut connection).await? == SCHEMA {
        // Nothing to do, and no permission needed to do it.
        return Ok(());
    }
    drop(connection);
    let mut transaction = pool.begin().await?;
    locks::schema(&mut transaction).await?;
    let found = version(&mut transaction).await?;
    if found == 0 && is_foreign(&mut transaction).await? {
        return Err(foreign());
    }
    for (number, migration) in (1_u32..).zip(MIGRATIONS).filter(|(number, _)| *number > found) {
        sqlx::raw_sql(migration).execute(&mut *transaction).await?;
        sqlx::query("DELETE FROM cosell_schema").execute(&mut *transaction).await?;
        sqlx::query("INSERT INTO cosell_schema (version) VALUES ($1)")
            .bind(i64::from(number))
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// Refuses a schema that is not exactly ours, for those who change nothing.
pub(super) async fn require(sql: &mut PgConnection) -> Outcome<()> {
    let found = version(sql).await?;
    if found < SCHEMA {
        let next_step =
            "run `cosell store migrate`, or start the service once: both bring the store up to date";
        return Err(StoreError::Schema { found, known: SCHEMA, next_step }.into());
    }
    Ok(())
}

/// The schema's version; 0 if there is none yet.
pub(super) async fn version(sql: &mut PgConnection) -> Outcome<u32> {
    let ours = sqlx::query("SELECT to_regclass('cosell_schema') IS NOT NULL").fetch_one(&mut *sql).await?;
    if !ours.try_get::<bool, _>(0)? {
        return Ok(0);
    }
    let row = sqlx::query("SELECT version FROM cosell_schema").fetch_optional(sql).await?;
    let found = row.map(|row| row.try_get::<Count, _>(0)).transpose()?.map_or(0, |found| found.0);
    let found = u32::try_from(found).unwrap_or(u32::MAX);
    if found > SCHEMA {
        let next_step = "install the newer program that wrote it, or use another database";
        return Err(StoreError::Schema { found, known: SCHEMA, next_step }.into());
    }
    Ok(found)
}

/// Whether there are tables, and none of them is ours.
pub(super) async fn is_foreign(sql: &mut PgConnection) -> Outcome<bool> {
    let row = sqlx::query(
        "SELECT EXISTS (SELECT 1 FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
                        WHERE nspname = current_schema() AND relkind IN ('r', 'p', 'v', 'm', 'S'))",
    )
    .fetch_one(sql)
    .await?;
    Ok(row.try_get(0)?)
}

/// What to do about another program's tables.
pub(super) const OWN_DATABASE: &str = "let [store] url name an empty database of Cosell's own";

fn foreign() -> Fault {
    StoreError::Failed(format!("the database holds tables of another program\n  fix: {OWN_DATABASE}")).into()
}
