//! A record that one deal gives up, so that another can take it.

use deal_model::{DealId, Phase, Side};
use jiff::Timestamp;
use rusqlite::{Connection, params};
use sync_engine::{AuditLine, Subject};

use super::{columns::Micros, deal_rows, fault::Outcome, history};
use crate::{SealKey, erasing};

/// Takes the record of `side` from a deal that has no other half, has nothing under way and is in nobody's pass, for the
/// deal `to`. False: it is not so.
pub(super) fn give_up(
    sql: &Connection,
    master: Option<&SealKey>,
    deal: &DealId,
    side: Side,
    to: &DealId,
    line: &AuditLine,
    now: Timestamp,
) -> Outcome<bool> {
    let Some(mut row) = deal_rows::load(sql, std::slice::from_ref(deal))?.pop() else { return Ok(false) };
    let under_way = sql
        .prepare_cached("SELECT 1 FROM intent WHERE deal = ?1 AND outcome IS NULL")?
        .exists([deal.as_str()])?;
    let in_a_pass = sql
        .prepare_cached("SELECT 1 FROM work WHERE kind = 'deal' AND id = ?1 AND lease_until > ?2")?
        .exists(params![deal.as_str(), Micros(now)])?;
    if row.links.at(side.other()).is_some() || row.links.at(side).is_none() || under_way || in_a_pass {
        return Ok(false);
    }
    match side {
        Side::Crm => row.links.crm = None,
        Side::Portal => row.links.portal = None,
    }
    row.phase = Phase::Finished;
    // What it remembers is the other deal's to know now.
    erasing::empty(&mut row);
    deal_rows::save(sql, &row, now)?;
    sql.prepare_cached("UPDATE deal SET absorbed_by = ?2 WHERE id = ?1")?
        .execute([deal.as_str(), to.as_str()])?;
    history::write_line(sql, master, &Subject::Deal(deal.clone()), line)?;
    sql.prepare_cached("DELETE FROM work WHERE kind = 'deal' AND id = ?1")?.execute([deal.as_str()])?;
    Ok(true)
}
