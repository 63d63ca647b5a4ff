//! Which deal has which record, and had which.

use deal_model::{DealId, PerSide, RecordId, Side, Version};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{
    columns::{Count, Json, id_list},
    fault::Outcome,
};

/// Records that one statement looks up.
const CHUNK: usize = 1_000;

/// The deal that has the record as its half.
pub(super) fn deal_of_half(sql: &Connection, side: Side, record: &RecordId) -> Outcome<Option<DealId>> {
    one(
        sql,
        match side {
            Side::Crm => "SELECT id FROM deal WHERE crm_id = ?1",
            Side::Portal => "SELECT id FROM deal WHERE portal_id = ?1",
        },
        record,
    )
}

/// The deal of a referral whose opportunity is being created, or was created and is not committed yet.
pub(super) fn deal_awaiting_its_opportunity(
    sql: &Connection,
    referral: &RecordId,
) -> Outcome<Option<DealId>> {
    one(sql, "SELECT id FROM deal WHERE portal_id = ?1 AND crm_id IS NULL", referral)
}

/// The deal that has the referral as its companion.
pub(super) fn deal_of_companion(sql: &Connection, record: &RecordId) -> Outcome<Option<DealId>> {
    one(sql, "SELECT id FROM deal WHERE companion = ?1 ORDER BY created, id LIMIT 1", record)
}

/// The deal of an engagement; the first one, if a person pushed a second referral into it.
pub(super) fn deal_of_engagement(sql: &Connection, engagement: &RecordId) -> Outcome<Option<DealId>> {
    one(sql, "SELECT id FROM deal WHERE engagement = ?1 ORDER BY created, id LIMIT 1", engagement)
}

/// The deals after `after` whose companion may still answer.
pub(super) fn open_companions(sql: &Connection, after: Option<&DealId>, most: usize) -> Outcome<Vec<DealId>> {
    let mut statement =
        sql.prepare_cached("SELECT id FROM deal WHERE companion_open = 1 AND id > ?1 ORDER BY id LIMIT ?2")?;
    // Every identifier comes after the empty text.
    let after = after.map_or("", DealId::as_str);
    let rows = statement
        .query_map(params![after, Count(most as u64)], |row| Ok(DealId::new(row.get::<_, String>(0)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn deal_of(sql: &Connection, side: Side, record: &RecordId) -> Outcome<Option<DealId>> {
    match (side, deal_of_half(sql, side, record)?) {
        (Side::Portal, None) => deal_of_companion(sql, record),
        (_, found) => Ok(found),
    }
}

fn one(sql: &Connection, statement: &'static str, record: &RecordId) -> Outcome<Option<DealId>> {
    let id: Option<String> =
        sql.prepare_cached(statement)?.query_row([record.as_str()], |row| row.get(0)).optional()?;
    Ok(id.map(DealId::new))
}

/// Records without a deal are left out. A companion comes without a stamp: deals keep none of it.
pub(super) fn seen(
    sql: &Connection,
    side: Side,
    records: &[RecordId],
) -> Outcome<Vec<(RecordId, Option<Timestamp>)>> {
    let statement = match side {
        Side::Crm => {
            "SELECT crm_id, versions FROM deal WHERE crm_id IN (SELECT value FROM json_each(?1)) ORDER BY crm_id"
        }
        Side::Portal => {
            "SELECT portal_id, versions FROM deal WHERE portal_id IN (SELECT value FROM json_each(?1))
             UNION ALL
             SELECT companion, '{\"portal\":null,\"crm\":null}' FROM deal
             WHERE companion IN (SELECT value FROM json_each(?1))
             ORDER BY 1"
        }
    };
    let mut answer = Vec::new();
    for chunk in records.chunks(CHUNK) {
        let wanted = id_list(chunk.iter().map(RecordId::as_str));
        let mut statement = sql.prepare_cached(statement)?;
        let mut rows = statement.query([&wanted])?;
        while let Some(row) = rows.next()? {
            let versions: PerSide<Option<Version>> = row.get::<_, Json<_>>(1)?.0;
            let stamp = versions.at(side).as_ref().map(|version| version.stamp);
            answer.push((RecordId::new(row.get::<_, String>(0)?), stamp));
        }
    }
    Ok(answer)
}

pub(super) fn was_linked(sql: &Connection, referral: &RecordId) -> Outcome<bool> {
    Ok(sql.prepare_cached("SELECT 1 FROM former_link WHERE portal_id = ?1")?.exists([referral.as_str()])?)
}
