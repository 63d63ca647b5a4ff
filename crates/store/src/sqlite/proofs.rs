//! Proofs that were kept.

use rusqlite::{Connection, params};
use sync_engine::{ConnectionProblem, Cursor, Fence, KEPT_PROOFS, KeptProof};

use super::{
    columns::{Count, Json, Micros},
    connections,
    fault::Outcome,
    leases, marks,
};

pub(super) fn keep(
    sql: &Connection,
    proof: &KeptProof,
    key: &str,
    problem: Option<&ConnectionProblem>,
    under: Option<(&Fence, &Cursor)>,
) -> Outcome<()> {
    if let Some((fence, cursor)) = under {
        leases::check(sql, fence)?;
        marks::move_cursor(sql, cursor)?;
    }
    let overtaken =
        sql.prepare_cached("SELECT 1 FROM proof WHERE began > ?1")?.exists([Micros(proof.began)])?;
    sql.prepare_cached(
        "INSERT INTO proof (began, ended, mapping, by, deals, counts, first) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        Micros(proof.began),
        Micros(proof.ended),
        proof.mapping,
        proof.by,
        Count(proof.deals),
        Json(&proof.counts),
        Json(&proof.first)
    ])?;
    sql.prepare_cached(
        "DELETE FROM proof WHERE id NOT IN (SELECT id FROM proof ORDER BY began DESC, id DESC LIMIT ?1)",
    )?
    .execute([Count(KEPT_PROOFS as u64)])?;
    // What a later look found is not undone by an earlier one that took longer.
    if overtaken { Ok(()) } else { connections::set(sql, key, problem) }
}

pub(super) fn newest(sql: &Connection, most: usize) -> Outcome<Vec<KeptProof>> {
    let mut statement = sql.prepare_cached(
        "SELECT began, ended, mapping, by, deals, counts, first FROM proof ORDER BY began DESC, id DESC LIMIT ?1",
    )?;
    let rows = statement.query_map([Count(most as u64)], |row| {
        Ok(KeptProof {
            began: row.get::<_, Micros>(0)?.0,
            ended: row.get::<_, Micros>(1)?.0,
            mapping: row.get(2)?,
            by: row.get(3)?,
            deals: row.get::<_, Count>(4)?.0,
            counts: row.get::<_, Json<_>>(5)?.0,
            first: row.get::<_, Json<_>>(6)?.0,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
