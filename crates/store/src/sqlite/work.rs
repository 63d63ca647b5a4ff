//! Work rows: claimed under a lease, and ended by the generation that was claimed.

use deal_model::{DealId, RecordId};
use jiff::Timestamp;
use planted::{Bug, planted};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use sync_engine::{Awaited, Claim, ClaimRequest, Disposition, Fence, Hints, StoreError, Subject, WorkLane};

use super::{
    columns::{Count, Micros, Word},
    fault::Outcome,
    leases, lifetime, pauses, rules,
};

/// One place in this many belongs to the background lane.
const BACKGROUND_EVERY: u64 = 5;

/// Most rows of one claim, whatever is asked for.
const MOST_ROWS: usize = 10_000;

/// The two columns that name a subject.
pub(super) fn key(subject: &Subject) -> (&'static str, &str) {
    match subject {
        Subject::Deal(id) => ("deal", id.as_str()),
        Subject::Referral(id) => ("referral", id.as_str()),
    }
}

fn subject(kind: &str, id: String) -> Outcome<Subject> {
    match kind {
        "deal" => Ok(Subject::Deal(DealId::new(id))),
        "referral" => Ok(Subject::Referral(RecordId::new(id))),
        _ => Err(StoreError::Damaged("work.kind: unknown word".to_owned()).into()),
    }
}

/// Whether nothing is ready, nor due by now.
pub(super) fn is_idle(sql: &Connection, now: Timestamp) -> Outcome<bool> {
    let any = sql
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM work WHERE state = 'ready')
                 OR EXISTS (SELECT 1 FROM work WHERE state = 'waiting' AND wake <= ?1)
                 OR EXISTS (SELECT 1 FROM work WHERE state = 'leased' AND wake <= ?1)",
        )?
        .query_row([Micros(now)], |row| row.get::<_, bool>(0))?;
    Ok(!any)
}

pub(super) fn claim(sql: &Connection, request: &ClaimRequest) -> Outcome<Vec<Claim>> {
    if pauses::is_everything(sql)? {
        return Ok(Vec::new());
    }
    let most = request.most.min(MOST_ROWS);
    wake(sql, request.now)?;
    let mut now = ready(sql, WorkLane::Now, most)?;
    let most_of_both = most.max(request.most_of_backlog.min(MOST_ROWS));
    let mut background = ready(sql, WorkLane::Background, most_of_both)?;
    if now.is_empty() && background.is_empty() {
        return Ok(Vec::new());
    }
    if let Some(own) = &request.rules
        && !rules::stand(sql, own)?
    {
        return Err(StoreError::OtherRules.into());
    }
    let reserved = background_share(sql, most)?.min(background.len());
    now.truncate(most - reserved);
    background.truncate(most_of_both - now.len());

    let rows: Vec<ReadyRow> = now.into_iter().chain(background).collect();
    let first = leases::draw_numbers(sql, rows.len() as u64)?;
    (first..).zip(rows).map(|(number, row)| lease_row(sql, request, row, number)).collect()
}

/// Makes rows ready whose time has come: due ones, and those whose lease has ended.
///
/// The lease's columns stay until somebody else takes the row: whoever held it may still commit until then.
fn wake(sql: &Connection, now: Timestamp) -> Outcome<()> {
    for state in ["waiting", "leased"] {
        sql.prepare_cached("UPDATE work SET state = 'ready' WHERE state = ?1 AND wake <= ?2")?
            .execute(params![state, Micros(now)])?;
    }
    Ok(())
}

/// How many of the next `most` places belong to the background lane.
///
/// Counted over all claims, so that claims of fewer than five rows also come to one in five.
fn background_share(sql: &Connection, most: usize) -> Outcome<usize> {
    let most = most as u64;
    let before = lifetime::advance(sql, "turn", most)?;
    let share = (before + most) / BACKGROUND_EVERY - before / BACKGROUND_EVERY;
    Ok(usize::try_from(share).unwrap_or(usize::MAX))
}

struct ReadyRow {
    kind: String,
    id: String,
    lane: WorkLane,
    generation: u64,
    hints: Hints,
    attempts: u32,
    heard: Timestamp,
    awaits: Awaited,
}

fn ready(sql: &Connection, lane: WorkLane, most: usize) -> Outcome<Vec<ReadyRow>> {
    let mut statement = sql.prepare_cached(
        "SELECT kind, id, lane, generation, crm, portal, companion, attempts, heard, awaits_stamp, awaits_until,
                awaits_again FROM work
         WHERE state = 'ready' AND lane = ?1 ORDER BY heard, due LIMIT ?2",
    )?;
    let rows = statement.query_map(params![Word(lane), Count(most as u64)], |row| {
        Ok(ReadyRow {
            kind: row.get(0)?,
            id: row.get(1)?,
            lane: row.get::<_, Word<_>>(2)?.0,
            generation: row.get::<_, Count>(3)?.0,
            hints: hints(row, 4)?,
            attempts: row.get(7)?,
            heard: row.get::<_, Micros>(8)?.0,
            awaits: awaits(row, 9)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn hints(row: &Row<'_>, first: usize) -> rusqlite::Result<Hints> {
    Ok(Hints { crm: row.get(first)?, portal: row.get(first + 1)?, companion: row.get(first + 2)? })
}

fn awaits(row: &Row<'_>, first: usize) -> rusqlite::Result<Awaited> {
    let moment = |at| row.get::<_, Option<Micros>>(at).map(|moment| moment.map(|moment| moment.0));
    Ok(Awaited { stamp: moment(first)?, until: moment(first + 1)?, again: moment(first + 2)? })
}

fn lease_row(sql: &Connection, request: &ClaimRequest, row: ReadyRow, number: u64) -> Outcome<Claim> {
    sql.prepare_cached(
        "UPDATE work
         SET state = 'leased', wake = ?5, lease_owner = ?3, lease_number = ?4, lease_until = ?5,
             due_since = NULL, heard_since = NULL
         WHERE kind = ?1 AND id = ?2",
    )?
    .execute(params![row.kind, row.id, request.owner, Count(number), Micros(request.lease_until)])?;
    let name = format!("{}:{}", row.kind, row.id);
    Ok(Claim {
        subject: subject(&row.kind, row.id)?,
        generation: row.generation,
        hints: row.hints,
        lane: row.lane,
        attempts: row.attempts,
        heard: row.heard,
        awaits: row.awaits,
        fence: Fence { name, owner: request.owner.clone(), number },
        lease_until: request.lease_until,
    })
}

pub(super) fn next_due(sql: &Connection) -> Outcome<Option<Timestamp>> {
    let mut next: Option<Timestamp> = None;
    if pauses::is_everything(sql)? {
        return Ok(next);
    }
    for state in ["waiting", "ready", "leased"] {
        let wake: Option<Micros> = sql
            .prepare_cached("SELECT min(wake) FROM work WHERE state = ?1")?
            .query_row([state], |row| row.get(0))?;
        next = next.into_iter().chain(wake.map(|wake| wake.0)).min();
    }
    Ok(next)
}

/// Lets work that failed be due at once, as if it had never failed: of this deal, ...
pub(super) fn forgive(sql: &Connection, deal: &DealId) -> Outcome<()> {
    sql.prepare_cached("UPDATE work SET attempts = 0 WHERE kind = 'deal' AND id = ?1")?
        .execute([deal.as_str()])?;
    Ok(())
}

/// ... and of referrals without a deal.
pub(super) fn hurry(sql: &Connection, now: Timestamp, most: usize) -> Outcome<usize> {
    Ok(sql
        .prepare_cached(
            "UPDATE work SET attempts = 0, due = ?1, wake = ?1, generation = generation + 1
             WHERE kind = 'referral' AND id IN (SELECT id FROM work WHERE kind = 'referral' AND attempts > 0
                 AND state = 'waiting' AND due > ?1 ORDER BY due LIMIT ?2)",
        )?
        .execute(params![Micros(now), Count(most as u64)])?)
}

/// A work row that the holder of a fence still holds.
pub(super) struct HeldRow {
    pub(super) subject: Subject,
    pub(super) generation: u64,
}

/// The row that `fence` holds. Found by the lease's number alone: the row may meanwhile have moved from a referral
/// to the deal that was born of it.
pub(super) fn held(sql: &Connection, fence: &Fence) -> Outcome<HeldRow> {
    let (holds, whose) = if planted(Bug::NoLeaseFence) {
        ("?1 > 0 AND kind || ':' || id = ?2", &fence.name)
    } else {
        ("lease_number = ?1 AND lease_owner = ?2", &fence.owner)
    };
    let row: Option<(String, String, Count)> = sql
        .prepare_cached(&format!("SELECT kind, id, generation FROM work WHERE {holds}"))?
        .query_row(params![Count(fence.number), whose], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let (kind, id, generation) = row.ok_or_else(|| leases::lost(fence))?;
    Ok(HeldRow { subject: subject(&kind, id)?, generation: generation.0 })
}

/// Moves the row of a referral to the deal that was born of it; lease, marks and generation stay.
pub(super) fn move_to_deal(sql: &Connection, row: &HeldRow, deal: &DealId) -> Outcome<HeldRow> {
    let (kind, id) = key(&row.subject);
    sql.prepare_cached("UPDATE work SET kind = 'deal', id = ?3 WHERE kind = ?1 AND id = ?2")?.execute([
        kind,
        id,
        deal.as_str(),
    ])?;
    Ok(HeldRow { subject: Subject::Deal(deal.clone()), generation: row.generation })
}

/// What becomes of a held row.
pub(super) fn dispose(
    sql: &Connection,
    row: &HeldRow,
    claimed_generation: u64,
    to: &Disposition,
) -> Outcome<()> {
    let (kind, id) = key(&row.subject);
    let marked_meanwhile = row.generation != claimed_generation && !planted(Bug::WorkClearedDespiteMark);
    match to {
        Disposition::Keep => {}
        Disposition::Done if !marked_meanwhile => {
            sql.prepare_cached("DELETE FROM work WHERE kind = ?1 AND id = ?2")?.execute([kind, id])?;
        }
        Disposition::Done => {
            // What was heard before the claim is done with: only the later marks count now.
            release(sql, kind, id, 0, "coalesce(due_since, due)")?;
        }
        Disposition::Again { at, hints, attempts } => {
            let statement = if marked_meanwhile {
                "UPDATE work SET crm = crm | ?3, portal = portal | ?4, companion = companion | ?5,
                                 due = min(coalesce(due_since, due), ?6),
                                 heard = CASE WHEN ?7 THEN heard ELSE coalesce(heard_since, ?6) END,
                                 heard_since = NULL
                 WHERE kind = ?1 AND id = ?2"
            } else {
                "UPDATE work SET crm = ?3, portal = ?4, companion = ?5, due = ?6,
                                 heard = CASE WHEN ?7 THEN heard ELSE ?6 END, heard_since = NULL
                 WHERE kind = ?1 AND id = ?2"
            };
            // After a failure the change of the claim is still under way: its hearing stays the oldest.
            let still_under_way = *attempts > 0;
            sql.prepare_cached(statement)?.execute(params![
                kind,
                id,
                hints.crm,
                hints.portal,
                hints.companion,
                Micros(*at),
                still_under_way
            ])?;
            release(sql, kind, id, if marked_meanwhile { 0 } else { *attempts }, "due")?;
        }
    }
    Ok(())
}

/// Ends the lease and lets the row wait for `due`, an expression over its columns.
fn release(sql: &Connection, kind: &str, id: &str, attempts: u32, due: &'static str) -> Outcome<()> {
    sql.prepare_cached(&format!(
        "UPDATE work
         SET state = 'waiting', due = {due}, wake = {due}, heard = coalesce(heard_since, heard), attempts = ?3,
             lease_owner = NULL, lease_number = NULL, lease_until = NULL, due_since = NULL, heard_since = NULL
         WHERE kind = ?1 AND id = ?2"
    ))?
    .execute(params![kind, id, attempts])?;
    Ok(())
}

/// Takes a subject's row away from whoever holds it: what was planned on is gone.
pub(super) fn take_away(sql: &Connection, subject: &Subject) -> Outcome<()> {
    let (kind, id) = key(subject);
    sql.prepare_cached("DELETE FROM work WHERE kind = ?1 AND id = ?2")?.execute([kind, id])?;
    Ok(())
}
