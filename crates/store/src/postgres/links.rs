//! Which deal has which record, and had which.

use deal_model::{DealId, Links, PerSide, RecordId, Side, Version};
use jiff::Timestamp;
use sqlx::{PgConnection, Row as _};

use super::{
    columns::{Count, Json, text, texts},
    deal_rows::record,
    fault::Outcome,
};

/// Records that one statement looks up.
const CHUNK: usize = 1_000;

/// The deal that has the record as its half.
pub(super) async fn deal_of_half(
    sql: &mut PgConnection,
    side: Side,
    record: &RecordId,
) -> Outcome<Option<DealId>> {
    let statement = match side {
        Side::Crm => "SELECT id FROM deal WHERE crm_id = $1",
        Side::Portal => "SELECT id FROM deal WHERE portal_id = $1",
    };
    one(sql, statement, record).await
}

/// The deal that has the referral as its companion.
pub(super) async fn deal_of_companion(sql: &mut PgConnection, record: &RecordId) -> Outcome<Option<DealId>> {
    one(sql, "SELECT id FROM deal WHERE companion = $1 ORDER BY created, id LIMIT 1", record).await
}

/// The deal of an engagement; the first one, if a person pushed a second referral into it.
pub(super) async fn deal_of_engagement(
    sql: &mut PgConnection,
    engagement: &RecordId,
) -> Outcome<Option<DealId>> {
    one(sql, "SELECT id FROM deal WHERE engagement = $1 ORDER BY created, id LIMIT 1", engagement).await
}

/// The deals after `after` whose companion may still answer.
pub(super) async fn open_companions(
    sql: &mut PgConnection,
    after: Option<&DealId>,
    most: usize,
) -> Outcome<Vec<DealId>> {
    // Every identifier comes after the empty text.
    let rows = sqlx::query("SELECT id FROM deal WHERE companion_open AND id > $1 ORDER BY id LIMIT $2")
        .bind(text(after.map_or("", DealId::as_str)))
        .bind(Count(most as u64))
        .fetch_all(sql)
        .await?;
    rows.iter().map(|row| Ok(DealId::new(row.try_get::<String, _>(0)?))).collect()
}

/// The records of a deal; nothing if there is no such deal.
pub(super) async fn of(sql: &mut PgConnection, deal: &DealId) -> Outcome<Option<Links>> {
    let row = sqlx::query("SELECT crm_id, portal_id, companion, engagement FROM deal WHERE id = $1")
        .bind(text(deal.as_str()))
        .fetch_optional(sql)
        .await?;
    row.map(|row| {
        Ok(Links {
            crm: record(&row, 0)?,
            portal: record(&row, 1)?,
            companion: record(&row, 2)?,
            engagement: record(&row, 3)?,
        })
    })
    .transpose()
}

pub(super) async fn deal_of(
    sql: &mut PgConnection,
    side: Side,
    record: &RecordId,
) -> Outcome<Option<DealId>> {
    match (side, deal_of_half(sql, side, record).await?) {
        (Side::Portal, None) => deal_of_companion(sql, record).await,
        (_, found) => Ok(found),
    }
}

async fn one(sql: &mut PgConnection, statement: &'static str, record: &RecordId) -> Outcome<Option<DealId>> {
    let row = sqlx::query(statement).bind(text(record.as_str())).fetch_optional(sql).await?;
    Ok(row.map(|row| row.try_get::<String, _>(0).map(DealId::new)).transpose()?)
}

/// Records without a deal are left out. A companion comes without a stamp: deals keep none of it.
pub(super) async fn seen(
    sql: &mut PgConnection,
    side: Side,
    records: &[RecordId],
) -> Outcome<Vec<(RecordId, Option<Timestamp>)>> {
    let statement = match side {
        Side::Crm => "SELECT crm_id, versions FROM deal WHERE crm_id = ANY ($1) ORDER BY crm_id",
        Side::Portal => {
            "SELECT portal_id, versions FROM deal WHERE portal_id = ANY ($1)
             UNION ALL
             SELECT companion, '{\"portal\":null,\"crm\":null}' FROM deal WHERE companion = ANY ($1)
             ORDER BY 1"
        }
    };
    let mut answer = Vec::new();
    for chunk in records.chunks(CHUNK) {
        let wanted = texts(chunk.iter().map(RecordId::as_str));
        for row in sqlx::query(statement).bind(wanted).fetch_all(&mut *sql).await? {
            let versions: PerSide<Option<Version>> = row.try_get::<Json<_>, _>(1)?.0;
            let stamp = versions.at(side).as_ref().map(|version| version.stamp);
            answer.push((RecordId::new(row.try_get::<String, _>(0)?), stamp));
        }
    }
    Ok(answer)
}

pub(super) async fn was_linked(sql: &mut PgConnection, referral: &RecordId) -> Outcome<bool> {
    let found = sqlx::query("SELECT 1 FROM former_link WHERE portal_id = $1 LIMIT 1")
        .bind(text(referral.as_str()))
        .fetch_optional(sql)
        .await?;
    Ok(found.is_some())
}
