//! Sealing anew under the present seal key, page after page: what a former one sealed, and what lay in the clear.

use sqlx::{PgConnection, Row as _};

use super::{
    columns::{Count, text},
    fault::Outcome,
    locks,
};
use crate::{
    KeyPlace, Resealed, SealKey,
    sealing::DataKey,
    token_seal::{self, Anew},
};

pub(super) async fn keys(
    sql: &mut PgConnection,
    master: &SealKey,
    after: Option<&KeyPlace>,
    most: usize,
) -> Outcome<Resealed> {
    let (subject, number) = after.map_or(("", 0), |place| (place.subject.as_str(), place.number));
    let rows = sqlx::query(
        "SELECT subject, number FROM data_key
         WHERE wrapped IS NOT NULL AND (subject, number) > ($1, $2) ORDER BY subject, number LIMIT $3",
    )
    .bind(text(subject))
    .bind(Count(number))
    .bind(Count(most as u64))
    .fetch_all(&mut *sql)
    .await?;
    let mut told = Resealed { looked: rows.len() as u64, ..Resealed::default() };
    for row in rows {
        let (subject, number) = (row.try_get::<String, _>(0)?, row.try_get::<Count, _>(1)?);
        // It may be destroyed just now: then it must not come back.
        locks::ledger(sql, &subject).await?;
        let present = sqlx::query(
            "SELECT wrapped FROM data_key WHERE subject = $1 AND number = $2 AND wrapped IS NOT NULL FOR UPDATE",
        )
        .bind(text(&subject))
        .bind(number)
        .fetch_optional(&mut *sql)
        .await?;
        if let Some(present) = present
            && let Some(anew) = DataKey::wrapped_anew(master, &subject, number.0, present.try_get(0)?)?
        {
            sqlx::query("UPDATE data_key SET wrapped = $3 WHERE subject = $1 AND number = $2")
                .bind(text(&subject))
                .bind(number)
                .bind(anew)
                .execute(&mut *sql)
                .await?;
            told.sealed += 1;
        }
        told.last = Some(KeyPlace { subject, number: number.0 });
    }
    Ok(told)
}

/// Keys that nothing seals.
pub(super) async fn in_clear(sql: &mut PgConnection) -> Outcome<u64> {
    let count = "SELECT count(*) FROM data_key WHERE substr(wrapped, 1, 1) = '\\x00'::bytea";
    Ok(sqlx::query(count).fetch_one(sql).await?.try_get::<Count, _>(0)?.0)
}

/// The oldest and the newest of the keys that a seal key sealed.
pub(super) async fn samples(sql: &mut PgConnection) -> Outcome<Vec<(String, u64, Vec<u8>)>> {
    let rows = sqlx::query(
        "(SELECT subject, number, wrapped FROM data_key WHERE substr(wrapped, 1, 1) = '\\x01'::bytea ORDER BY made LIMIT 1)
         UNION ALL
         (SELECT subject, number, wrapped FROM data_key WHERE substr(wrapped, 1, 1) = '\\x01'::bytea
          ORDER BY made DESC LIMIT 1)",
    )
    .fetch_all(sql)
    .await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get::<Count, _>(1)?.0, row.try_get(2)?))).collect()
}

/// Tokens are few: all of them at once.
pub(super) async fn tokens(sql: &mut PgConnection, master: &SealKey) -> Outcome<Resealed> {
    let rows = sqlx::query("SELECT name, sealed, version FROM token ORDER BY name FOR UPDATE")
        .fetch_all(&mut *sql)
        .await?;
    let mut told = Resealed { looked: rows.len() as u64, ..Resealed::default() };
    for row in rows {
        let (name, version) = (row.try_get::<String, _>(0)?, row.try_get::<Count, _>(2)?.0);
        match token_seal::anew(master, &name, version, row.try_get(1)?) {
            Anew::Present => {}
            Anew::Sealed(anew) => {
                sqlx::query("UPDATE token SET sealed = $2 WHERE name = $1")
                    .bind(text(&name))
                    .bind(anew)
                    .execute(&mut *sql)
                    .await?;
                told.sealed += 1;
            }
            Anew::Unreadable => told.unreadable += 1,
        }
    }
    Ok(told)
}
