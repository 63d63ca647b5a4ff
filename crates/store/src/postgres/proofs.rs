//! Proofs that were kept.

use sqlx::{PgConnection, Row as _};
use sync_engine::{ConnectionProblem, Cursor, Fence, KEPT_PROOFS, KeptProof};

use super::{
    columns::{Count, Json, Micros, text},
    connections,
    fault::Outcome,
    leases, locks, marks,
};

pub(super) async fn keep(
    sql: &mut PgConnection,
    proof: &KeptProof,
    key: &str,
    problem: Option<&ConnectionProblem>,
    under: Option<(&Fence, &Cursor)>,
) -> Outcome<()> {
    if let Some((fence, cursor)) = under {
        leases::check(sql, fence).await?;
        marks::move_cursor(sql, cursor).await?;
    }
    // Two that end at once are compared one after the other.
    locks::named(sql, "proof", key).await?;
    let overtaken = sqlx::query("SELECT 1 FROM proof WHERE began > $1 LIMIT 1")
        .bind(Micros(proof.began))
        .fetch_optional(&mut *sql)
        .await?
        .is_some();
    sqlx::query(
        "INSERT INTO proof (began, ended, mapping, by, deals, counts, first) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(Micros(proof.began))
    .bind(Micros(proof.ended))
    .bind(text(&proof.mapping))
    .bind(text(&proof.by))
    .bind(Count(proof.deals))
    .bind(Json(&proof.counts))
    .bind(Json(&proof.first))
    .execute(&mut *sql)
    .await?;
    sqlx::query(
        "DELETE FROM proof WHERE id NOT IN (SELECT id FROM proof ORDER BY began DESC, id DESC LIMIT $1)",
    )
    .bind(Count(KEPT_PROOFS as u64))
    .execute(&mut *sql)
    .await?;
    // What a later look found is not undone by an earlier one that took longer.
    if overtaken { Ok(()) } else { connections::set(sql, key, problem).await }
}

pub(super) async fn newest(sql: &mut PgConnection, most: usize) -> Outcome<Vec<KeptProof>> {
    let rows = sqlx::query(
        "SELECT began, ended, mapping, by, deals, counts, first FROM proof ORDER BY began DESC, id DESC LIMIT $1",
    )
    .bind(Count(most as u64))
    .fetch_all(sql)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(KeptProof {
                began: row.try_get::<Micros, _>(0)?.0,
                ended: row.try_get::<Micros, _>(1)?.0,
                mapping: row.try_get(2)?,
                by: row.try_get(3)?,
                deals: row.try_get::<Count, _>(4)?.0,
                counts: row.try_get::<Json<_>, _>(5)?.0,
                first: row.try_get::<Json<_>, _>(6)?.0,
            })
        })
        .collect()
}
