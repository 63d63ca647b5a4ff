//! Data keys: one in use for each subject, and what is known of those that were destroyed.

use jiff::Timestamp;
use sqlx::{PgConnection, Row as _};

use super::{
    columns::{Count, Micros, text},
    fault::Outcome,
    locks,
};
use crate::{
    SealKey,
    ledger::{KeyRow, Keyring},
    sealing::DataKey,
};

/// The subject's key in use, with its number; drawn if it has none. It stays in use until the transaction ends.
pub(super) async fn in_use(
    sql: &mut PgConnection,
    master: Option<&SealKey>,
    subject: &str,
    now: Timestamp,
) -> Outcome<(u64, DataKey)> {
    locks::ledger(sql, subject).await?;
    let present = sqlx::query(
        "SELECT number, wrapped FROM data_key
         WHERE subject = $1 AND wrapped IS NOT NULL ORDER BY number DESC LIMIT 1",
    )
    .bind(text(subject))
    .fetch_optional(&mut *sql)
    .await?;
    if let Some(row) = present {
        let number = row.try_get::<Count, _>(0)?.0;
        return Ok((number, DataKey::unwrapped(master, subject, number, row.try_get::<&[u8], _>(1)?)?));
    }
    let row = sqlx::query("SELECT max(number) FROM data_key WHERE subject = $1")
        .bind(text(subject))
        .fetch_one(&mut *sql)
        .await?;
    let number = row.try_get::<Option<Count>, _>(0)?.map_or(0, |last| last.0) + 1;
    let key = DataKey::draw()?;
    let wrapped = key.wrap(master, subject, number)?;
    sqlx::query("INSERT INTO data_key (subject, number, wrapped, made) VALUES ($1, $2, $3, $4)")
        .bind(text(subject))
        .bind(Count(number))
        .bind(wrapped)
        .bind(Micros(now))
        .execute(sql)
        .await?;
    Ok((number, key))
}

/// All keys of a subject.
pub(super) async fn of(sql: &mut PgConnection, master: Option<&SealKey>, subject: &str) -> Outcome<Keyring> {
    let rows =
        sqlx::query("SELECT number, wrapped, destroyed FROM data_key WHERE subject = $1 ORDER BY number")
            .bind(text(subject))
            .fetch_all(sql)
            .await?;
    let rows = rows.iter().map(|row| {
        Ok(KeyRow {
            number: row.try_get::<Count, _>(0)?.0,
            wrapped: row.try_get(1)?,
            destroyed: row.try_get::<Option<Micros>, _>(2)?.map(|at| at.0),
        })
    });
    Ok(Keyring::of(subject, rows.collect::<Outcome<_>>()?, master)?)
}

/// Destroys the subject's key in use.
pub(super) async fn destroy(sql: &mut PgConnection, subject: &str, now: Timestamp) -> Outcome<()> {
    sqlx::query(
        "UPDATE data_key SET wrapped = NULL, destroyed = $2 WHERE subject = $1 AND wrapped IS NOT NULL",
    )
    .bind(text(subject))
    .bind(Micros(now))
    .execute(sql)
    .await?;
    Ok(())
}

/// When a key of the subject was last destroyed.
pub(super) async fn last_destroyed(sql: &mut PgConnection, subject: &str) -> Outcome<Option<Timestamp>> {
    let row = sqlx::query("SELECT max(destroyed) FROM data_key WHERE subject = $1")
        .bind(text(subject))
        .fetch_one(sql)
        .await?;
    Ok(row.try_get::<Option<Micros>, _>(0)?.map(|at| at.0))
}
