//! Sealing anew under the present seal key, page after page: what a former one sealed, and what lay in the clear.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::{columns::Count, fault::Outcome};
use crate::{
    KeyPlace, Resealed, SealKey,
    sealing::DataKey,
    token_seal::{self, Anew},
};

pub(super) fn keys(
    sql: &Connection,
    master: &SealKey,
    after: Option<&KeyPlace>,
    most: usize,
) -> Outcome<Resealed> {
    let (subject, number) = after.map_or(("", 0), |place| (place.subject.as_str(), place.number));
    let rows: Vec<(String, Count, Vec<u8>)> = sql
        .prepare_cached(
            "SELECT subject, number, wrapped FROM data_key
             WHERE wrapped IS NOT NULL AND (subject, number) > (?1, ?2) ORDER BY subject, number LIMIT ?3",
        )?
        .query_map(params![subject, Count(number), Count(most as u64)], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?
        .collect::<Result<_, _>>()?;
    let mut told = Resealed { looked: rows.len() as u64, ..Resealed::default() };
    for (subject, number, wrapped) in &rows {
        if let Some(anew) = DataKey::wrapped_anew(master, subject, number.0, wrapped)? {
            sql.prepare_cached("UPDATE data_key SET wrapped = ?3 WHERE subject = ?1 AND number = ?2")?
                .execute(params![subject, number, anew])?;
            told.sealed += 1;
        }
    }
    told.last = rows.into_iter().next_back().map(|(subject, Count(number), _)| KeyPlace { subject, number });
    Ok(told)
}

/// Keys that nothing seals.
pub(super) fn in_clear(sql: &Connection) -> Outcome<u64> {
    let count = "SELECT count(*) FROM data_key WHERE substr(wrapped, 1, 1) = x'00'";
    Ok(sql.prepare_cached(count)?.query_row([], |row| row.get::<_, Count>(0))?.0)
}

/// The oldest and the newest of the keys that a seal key sealed.
pub(super) fn samples(sql: &Connection) -> Outcome<Vec<(String, u64, Vec<u8>)>> {
    let mut samples = Vec::new();
    for order in ["", "DESC"] {
        let one = format!(
            "SELECT subject, number, wrapped FROM data_key WHERE substr(wrapped, 1, 1) = x'01' ORDER BY made {order} LIMIT 1"
        );
        let found = sql
            .prepare_cached(&one)?
            .query_row([], |row| Ok((row.get(0)?, row.get::<_, Count>(1)?.0, row.get(2)?)))
            .optional()?;
        samples.extend(found);
    }
    Ok(samples)
}

/// Tokens are few: all of them at once.
pub(super) fn tokens(sql: &Connection, master: &SealKey) -> Outcome<Resealed> {
    let rows: Vec<(String, Vec<u8>, Count)> = sql
        .prepare_cached("SELECT name, sealed, version FROM token ORDER BY name")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    let mut told = Resealed { looked: rows.len() as u64, ..Resealed::default() };
    for (name, sealed, version) in &rows {
        match token_seal::anew(master, name, version.0, sealed) {
            Anew::Present => {}
            Anew::Sealed(anew) => {
                sql.prepare_cached("UPDATE token SET sealed = ?2 WHERE name = ?1")?
                    .execute(params![name, anew])?;
                told.sealed += 1;
            }
            Anew::Unreadable => told.unreadable += 1,
        }
    }
    Ok(told)
}
