//! Marks: "this may have changed", coalesced per deal, committed together with the cursor that brought them.

use deal_model::{Deal, DealId, RecordId, Side};
use jiff::Timestamp;
use ports::Rng;
use rusqlite::{Connection, OptionalExtension as _, params};
use sync_engine::{Awaited, Cursor, Fence, Hints, IndexEntry, Mark, Subject, Target, WorkLane};

use super::{
    columns::{Micros, Word},
    deal_rows,
    fault::Outcome,
    leases, links, referrals, work,
};

pub(super) fn mark(
    sql: &Connection,
    ids: &dyn Rng,
    marks: &[Mark],
    index: &[IndexEntry],
    cursors: &[Cursor],
    fence: Option<&Fence>,
) -> Outcome<usize> {
    if let Some(fence) = fence {
        leases::check(sql, fence)?;
    }
    // Before the marks: the index may know the engagement of a referral whose event did not name it.
    for entry in index {
        referrals::learn(sql, entry)?;
    }
    let mut traces = 0;
    for mark in marks {
        if let Some((subject, hints)) = resolve(sql, ids, mark)? {
            if is_forgotten(sql, &subject)? {
                continue;
            }
            let Mark { lane, due, heard, awaits, .. } = *mark;
            put(sql, &subject, &Wish { hints, lane, due, heard, awaits })?;
            traces += 1;
        }
    }
    for cursor in cursors {
        move_cursor(sql, cursor)?;
    }
    Ok(traces)
}

pub(super) fn move_cursor(sql: &Connection, cursor: &Cursor) -> Outcome<()> {
    sql.prepare_cached(
        "INSERT INTO cursor (source, position) VALUES (?1, ?2)
         ON CONFLICT (source) DO UPDATE SET position = excluded.position",
    )?
    .execute([&cursor.source, &cursor.position])?;
    Ok(())
}

pub(super) fn cursor(sql: &Connection, source: &str) -> Outcome<Option<String>> {
    Ok(sql
        .prepare_cached("SELECT position FROM cursor WHERE source = ?1")?
        .query_row([source], |row| row.get(0))
        .optional()?)
}

/// What a work row shall at least be.
pub(super) struct Wish {
    pub(super) hints: Hints,
    pub(super) lane: WorkLane,
    pub(super) due: Timestamp,
    pub(super) heard: Timestamp,
    pub(super) awaits: Awaited,
}

impl Wish {
    /// Everything, at once: what a person wants.
    pub(super) fn at_once(now: Timestamp) -> Self {
        Self { hints: Hints::ALL, lane: WorkLane::Now, due: now, heard: now, awaits: Awaited::default() }
    }
}

/// Whether the subject was closed and forgotten: reading it again would bring back what was erased.
fn is_forgotten(sql: &Connection, subject: &Subject) -> Outcome<bool> {
    match subject {
        Subject::Deal(id) => Ok(deal_rows::forgotten(sql, id)?.is_some()),
        Subject::Referral(_) => Ok(false),
    }
}

/// The work row that a mark is about; `None` leaves no trace.
fn resolve(sql: &Connection, ids: &dyn Rng, mark: &Mark) -> Outcome<Option<(Subject, Hints)>> {
    let hints = mark.hints;
    Ok(match &mark.target {
        Target::Deal(id) => deal_rows::exists(sql, id)?.then(|| (Subject::Deal(id.clone()), hints)),
        Target::Opportunity { id, birth, claims } => match links::deal_of_half(sql, Side::Crm, id)? {
            Some(deal) => Some((Subject::Deal(deal), hints)),
            None if *birth => {
                let deal = match claims {
                    Some(referral) => links::deal_awaiting_its_opportunity(sql, referral)?,
                    None => None,
                };
                let deal = deal.map_or_else(|| beget(sql, ids, id, mark.heard), Ok)?;
                Some((Subject::Deal(deal), hints))
            }
            None => None,
        },
        Target::Referral { id, engagement, birth } => {
            if let Some(deal) = links::deal_of_half(sql, Side::Portal, id)? {
                Some((Subject::Deal(deal), hints))
            } else if let Some(deal) = deal_of_other(sql, id, engagement.as_ref())? {
                // What may have changed is the companion, not the deal's own referral.
                Some((Subject::Deal(deal), Hints { portal: false, companion: true, ..hints }))
            } else {
                birth.then(|| (Subject::Referral(id.clone()), hints))
            }
        }
    })
}

fn deal_of_other(
    sql: &Connection,
    referral: &RecordId,
    engagement: Option<&RecordId>,
) -> Outcome<Option<DealId>> {
    if let Some(deal) = links::deal_of_companion(sql, referral)? {
        return Ok(Some(deal));
    }
    let known = referrals::known(sql, referral)?;
    if known.as_ref().is_some_and(|entry| entry.ours) {
        // A second referral of our own in the engagement is no companion: whether a deal begins with it is decided
        // by who looks at it.
        return Ok(None);
    }
    let engagement = engagement.cloned().or(known.and_then(|entry| entry.engagement));
    match engagement {
        Some(engagement) => links::deal_of_engagement(sql, &engagement),
        None => Ok(None),
    }
}

fn beget(sql: &Connection, ids: &dyn Rng, opportunity: &RecordId, heard: Timestamp) -> Outcome<DealId> {
    let deal = Deal::born(DealId::new(ids.guid()), Side::Crm, opportunity.clone());
    deal_rows::insert(sql, &deal, heard)?;
    Ok(deal.id)
}

/// Adds a wish to the subject's work row, or makes the row.
///
/// The row keeps the union of the hints, the earliest due, the oldest hearing and the more urgent lane, and its
/// generation grows, so that a pass under way cannot clear what it did not see. A closed deal that was forgotten gets
/// none, whoever asks.
pub(super) fn put(sql: &Connection, subject: &Subject, wish: &Wish) -> Outcome<()> {
    if is_forgotten(sql, subject)? {
        return Ok(());
    }
    let (kind, id) = work::key(subject);
    sql.prepare_cached(
        "INSERT INTO work (kind, id, lane, generation, crm, portal, companion, due, heard, attempts, state, wake,
                           awaits_stamp, awaits_until, awaits_again)
         VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6, ?7, ?8, 0, 'waiting', ?7, ?9, ?10, ?11)
         ON CONFLICT (kind, id) DO UPDATE SET
             -- By the alphabet 'now' comes after 'background'.
             lane = max(lane, excluded.lane),
             generation = generation + 1,
             -- Whatever it failed at, somebody did something: the wait for the next look begins anew.
             attempts = 0,
             crm = crm | excluded.crm,
             portal = portal | excluded.portal,
             companion = companion | excluded.companion,
             due = min(due, excluded.due),
             heard = min(heard, excluded.heard),
             wake = CASE state WHEN 'waiting' THEN min(wake, excluded.due) ELSE wake END,
             due_since = CASE WHEN lease_number IS NOT NULL
                 THEN min(coalesce(due_since, excluded.due), excluded.due) END,
             heard_since = CASE WHEN lease_number IS NOT NULL
                 THEN min(coalesce(heard_since, excluded.heard), excluded.heard) END,
             awaits_stamp = max(coalesce(awaits_stamp, excluded.awaits_stamp),
                                coalesce(excluded.awaits_stamp, awaits_stamp)),
             awaits_until = max(coalesce(awaits_until, excluded.awaits_until),
                                coalesce(excluded.awaits_until, awaits_until)),
             awaits_again = max(coalesce(awaits_again, excluded.awaits_again),
                                coalesce(excluded.awaits_again, awaits_again))",
    )?
    .execute(params![
        kind,
        id,
        Word(wish.lane),
        wish.hints.crm,
        wish.hints.portal,
        wish.hints.companion,
        Micros(wish.due),
        Micros(wish.heard),
        wish.awaits.stamp.map(Micros),
        wish.awaits.until.map(Micros),
        wish.awaits.again.map(Micros),
    ])?;
    Ok(())
}
