//! A record that one deal gives up, so that another can take it.

use deal_model::{DealId, Phase, Side};
use jiff::Timestamp;
use sqlx::PgConnection;
use sync_engine::{AuditLine, Subject};

use super::{
    columns::{Micros, text},
    deal_rows,
    fault::Outcome,
    history, locks,
    locks::Hold,
    work,
};
use crate::{SealKey, erasing};

/// Takes the record of `side` from a deal that has no other half, has nothing under way and is in nobody's pass, for the
/// deal `to`. False: it is not so.
pub(super) async fn give_up(
    sql: &mut PgConnection,
    master: Option<&SealKey>,
    deal: &DealId,
    side: Side,
    to: &DealId,
    line: &AuditLine,
    now: Timestamp,
) -> Outcome<bool> {
    let subject = Subject::Deal(deal.clone());
    locks::links(sql, Hold::Alone).await?;
    // Before it is looked at: nobody claims the deal from here on.
    work::hold(sql, &subject).await?;
    deal_rows::hold(sql, deal).await?;
    let Some(mut row) = deal_rows::load(sql, std::slice::from_ref(deal)).await?.pop() else {
        return Ok(false);
    };
    let (busy,): (bool,) = sqlx::query_as(
        "SELECT EXISTS (SELECT 1 FROM intent WHERE deal = $1 AND outcome IS NULL)
             OR EXISTS (SELECT 1 FROM work WHERE kind = 'deal' AND id = $1 AND lease_until > $2)",
    )
    .bind(text(deal.as_str()))
    .bind(Micros(now))
    .fetch_one(&mut *sql)
    .await?;
    if row.links.at(side.other()).is_some() || row.links.at(side).is_none() || busy {
        return Ok(false);
    }
    match side {
        Side::Crm => row.links.crm = None,
        Side::Portal => row.links.portal = None,
    }
    row.phase = Phase::Finished;
    // What it remembers is the other deal's to know now.
    erasing::empty(&mut row);
    deal_rows::save(sql, &row, now).await?;
    sqlx::query("UPDATE deal SET absorbed_by = $2 WHERE id = $1")
        .bind(text(deal.as_str()))
        .bind(text(to.as_str()))
        .execute(&mut *sql)
        .await?;
    history::write_line(sql, master, &subject, line).await?;
    work::take_away(sql, &subject).await?;
    Ok(true)
}
