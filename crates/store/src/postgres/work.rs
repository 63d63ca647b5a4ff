//! Work rows: claimed under a lease, and ended by the generation that was claimed.

use deal_model::{DealId, RecordId};
use jiff::Timestamp;
use sqlx::{PgConnection, Row as _, postgres::PgRow};
use sync_engine::{Awaited, Claim, ClaimRequest, Disposition, Fence, Hints, StoreError, Subject, WorkLane};

use super::{
    columns::{Count, Micros, Word, text},
    fault::Outcome,
    leases, news, pauses,
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

/// Makes rows ready whose time has come: due ones, and those whose lease has ended. Rows that somebody is busy with are
/// passed over: they are woken by the next look.
///
/// The lease's columns stay until somebody else takes the row: whoever held it may still commit until then.
pub(super) async fn wake(sql: &mut PgConnection, now: Timestamp) -> Outcome<()> {
    sqlx::query(
        "WITH due AS (
             SELECT kind, id FROM work WHERE state = 'waiting' AND wake <= $1
             ORDER BY wake LIMIT $2 FOR UPDATE SKIP LOCKED
         ), ended AS (
             SELECT kind, id FROM work WHERE state = 'leased' AND wake <= $1
             ORDER BY wake LIMIT $2 FOR UPDATE SKIP LOCKED
         ), woken AS (
             SELECT kind, id FROM due UNION ALL SELECT kind, id FROM ended
         )
         UPDATE work SET state = 'ready' FROM woken WHERE work.kind = woken.kind AND work.id = woken.id",
    )
    .bind(Micros(now))
    .bind(Count(MOST_ROWS as u64))
    .execute(sql)
    .await?;
    Ok(())
}

/// How many of `most` places belong to the background lane, when so many were offered before by this process.
pub(super) fn background_share(before: u64, most: usize) -> u64 {
    (before + most as u64) / BACKGROUND_EVERY - before / BACKGROUND_EVERY
}

/// Most rows that a claim of `asked` takes.
pub(super) fn bounded(asked: usize) -> usize {
    asked.min(MOST_ROWS)
}

/// Leases ready rows, of which `share` places are the background lane's. One statement: what others are about to take is
/// passed over, and nobody waits.
pub(super) async fn claim(sql: &mut PgConnection, request: &ClaimRequest, share: u64) -> Outcome<Vec<Claim>> {
    let most = bounded(request.most) as u64;
    let most_of_both = most.max(bounded(request.most_of_backlog) as u64);
    let rows = sqlx::query(
        "WITH reserved AS (
             SELECT kind, id FROM work WHERE state = 'ready' AND lane = 'background'
             ORDER BY heard, due LIMIT $1 FOR UPDATE SKIP LOCKED
         ), urgent AS (
             SELECT kind, id FROM work WHERE state = 'ready' AND lane = 'now'
             ORDER BY heard, due LIMIT $2 - (SELECT count(*) FROM reserved) FOR UPDATE SKIP LOCKED
         ), backlog AS (
             SELECT kind, id FROM work WHERE state = 'ready' AND lane = 'background'
             ORDER BY heard, due LIMIT $3 - (SELECT count(*) FROM urgent) FOR UPDATE SKIP LOCKED
         ), taken AS (
             SELECT kind, id FROM urgent UNION SELECT kind, id FROM reserved UNION SELECT kind, id FROM backlog
         )
         UPDATE work
         SET state = 'leased', wake = $4, lease_owner = $5, lease_number = nextval('lease_number'),
             lease_until = $4, due_since = NULL, heard_since = NULL
         FROM taken WHERE work.kind = taken.kind AND work.id = taken.id
         RETURNING work.kind, work.id, lane, generation, crm, portal, companion, attempts, heard, due, lease_number,
             awaits_stamp, awaits_until, awaits_again",
    )
    .bind(Count(share))
    .bind(Count(most))
    .bind(Count(most_of_both))
    .bind(Micros(request.lease_until))
    .bind(text(&request.owner))
    .fetch_all(sql)
    .await?;
    let mut claims: Vec<(Timestamp, Claim)> =
        rows.iter().map(|row| claimed(row, request)).collect::<Outcome<_>>()?;
    // The urgent ones first; within a lane the oldest.
    claims.sort_by(|(one_due, one), (other_due, other)| {
        (one.lane, one.heard, one_due).cmp(&(other.lane, other.heard, other_due))
    });
    Ok(claims.into_iter().map(|(_, claim)| claim).collect())
}

/// Leaves claimed rows to others, as they were.
pub(super) async fn give_back(sql: &mut PgConnection, claims: &[Claim]) -> Outcome<()> {
    let numbers = claims.iter().map(|claim| Count(claim.fence.number).number());
    let numbers: Vec<i64> = numbers.collect::<Result<_, _>>()?;
    sqlx::query(
        "UPDATE work SET state = 'waiting', wake = due, lease_owner = NULL, lease_number = NULL, lease_until = NULL,
             due_since = NULL, heard_since = NULL
         WHERE lease_number = ANY ($1)",
    )
    .bind(numbers)
    .execute(&mut *sql)
    .await?;
    news::tell(sql).await
}

fn claimed(row: &PgRow, request: &ClaimRequest) -> Outcome<(Timestamp, Claim)> {
    let (kind, id): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    let number = row.try_get::<Count, _>(10)?.0;
    let fence = Fence { name: format!("{kind}:{id}"), owner: request.owner.clone(), number };
    let attempts = row.try_get::<Count, _>(7)?.0;
    let moment = |at: usize| Outcome::Ok(row.try_get::<Option<Micros>, _>(at)?.map(|moment| moment.0));
    let claim = Claim {
        subject: subject(&kind, id)?,
        generation: row.try_get::<Count, _>(3)?.0,
        hints: Hints { crm: row.try_get(4)?, portal: row.try_get(5)?, companion: row.try_get(6)? },
        lane: row.try_get::<Word<WorkLane>, _>(2)?.0,
        attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
        heard: row.try_get::<Micros, _>(8)?.0,
        awaits: Awaited { stamp: moment(11)?, until: moment(12)?, again: moment(13)? },
        fence,
        lease_until: request.lease_until,
    };
    Ok((row.try_get::<Micros, _>(9)?.0, claim))
}

pub(super) async fn next_due(sql: &mut PgConnection) -> Outcome<Option<Timestamp>> {
    if pauses::is_everything(sql).await? {
        return Ok(None);
    }
    let row = sqlx::query(
        "SELECT least((SELECT min(wake) FROM work WHERE state = 'waiting'),
                      (SELECT min(wake) FROM work WHERE state = 'ready'),
                      (SELECT min(wake) FROM work WHERE state = 'leased'))",
    )
    .fetch_one(sql)
    .await?;
    Ok(row.try_get::<Option<Micros>, _>(0)?.map(|wake| wake.0))
}

/// Lets work that failed be due at once, as if it had never failed: of this deal, ...
pub(super) async fn forgive(sql: &mut PgConnection, deal: &DealId) -> Outcome<()> {
    sqlx::query("UPDATE work SET attempts = 0 WHERE kind = 'deal' AND id = $1")
        .bind(text(deal.as_str()))
        .execute(sql)
        .await?;
    Ok(())
}

/// ... and of referrals without a deal.
pub(super) async fn hurry(sql: &mut PgConnection, now: Timestamp, most: usize) -> Outcome<usize> {
    let hurried = sqlx::query(
        "UPDATE work SET attempts = 0, due = $1, wake = $1, generation = generation + 1
         WHERE kind = 'referral' AND id IN (SELECT id FROM work WHERE kind = 'referral' AND attempts > 0
             AND state = 'waiting' AND due > $1 ORDER BY due LIMIT $2 FOR UPDATE SKIP LOCKED)",
    )
    .bind(Micros(now))
    .bind(Count(most as u64))
    .execute(&mut *sql)
    .await?
    .rows_affected();
    if hurried > 0 {
        news::tell(sql).await?;
    }
    Ok(usize::try_from(hurried).unwrap_or(usize::MAX))
}

/// Takes a subject's row away from whoever holds it: what was planned on is gone.
pub(super) async fn take_away(sql: &mut PgConnection, subject: &Subject) -> Outcome<()> {
    let (kind, id) = key(subject);
    sqlx::query("DELETE FROM work WHERE kind = $1 AND id = $2")
        .bind(kind)
        .bind(text(id))
        .execute(sql)
        .await?;
    Ok(())
}

/// Keeps a subject's row, if it has one, as it is until the transaction ends.
pub(super) async fn hold(sql: &mut PgConnection, subject: &Subject) -> Outcome<()> {
    let (kind, id) = key(subject);
    sqlx::query("SELECT 1 FROM work WHERE kind = $1 AND id = $2 FOR UPDATE")
        .bind(kind)
        .bind(text(id))
        .execute(sql)
        .await?;
    Ok(())
}

/// Keeps a subject's row, if it has one, as it is until the transaction ends. Whether somebody works on it.
pub(super) async fn is_leased(sql: &mut PgConnection, subject: &Subject) -> Outcome<bool> {
    let (kind, id) = key(subject);
    let row = sqlx::query("SELECT lease_number IS NOT NULL FROM work WHERE kind = $1 AND id = $2 FOR UPDATE")
        .bind(kind)
        .bind(text(id))
        .fetch_optional(sql)
        .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?.unwrap_or(false))
}

/// A work row that the holder of a fence still holds.
pub(super) struct HeldRow {
    pub(super) subject: Subject,
    pub(super) generation: u64,
}

/// The row that `fence` holds; until the transaction ends it stays as it is. Found by the lease's number alone: the row
/// may meanwhile have moved from a referral to the deal that was born of it.
pub(super) async fn held(sql: &mut PgConnection, fence: &Fence) -> Outcome<HeldRow> {
    let row = sqlx::query(
        "SELECT kind, id, generation FROM work WHERE lease_number = $1 AND lease_owner = $2 FOR UPDATE",
    )
    .bind(Count(fence.number))
    .bind(text(&fence.owner))
    .fetch_optional(sql)
    .await?
    .ok_or_else(|| leases::lost(fence))?;
    Ok(HeldRow {
        subject: subject(row.try_get(0)?, row.try_get(1)?)?,
        generation: row.try_get::<Count, _>(2)?.0,
    })
}

/// Moves the row of a referral to the deal that was born of it; lease, marks and generation stay.
pub(super) async fn move_to_deal(sql: &mut PgConnection, row: &HeldRow, deal: &DealId) -> Outcome<HeldRow> {
    let (kind, id) = key(&row.subject);
    sqlx::query("UPDATE work SET kind = 'deal', id = $3 WHERE kind = $1 AND id = $2")
        .bind(kind)
        .bind(text(id))
        .bind(text(deal.as_str()))
        .execute(sql)
        .await?;
    Ok(HeldRow { subject: Subject::Deal(deal.clone()), generation: row.generation })
}

/// What becomes of a held row.
pub(super) async fn dispose(
    sql: &mut PgConnection,
    row: &HeldRow,
    claimed_generation: u64,
    to: &Disposition,
) -> Outcome<()> {
    let (kind, id) = key(&row.subject);
    let id = text(id);
    let marked_meanwhile = row.generation != claimed_generation;
    match to {
        Disposition::Keep => {}
        Disposition::Done if !marked_meanwhile => {
            sqlx::query("DELETE FROM work WHERE kind = $1 AND id = $2")
                .bind(kind)
                .bind(id)
                .execute(sql)
                .await?;
        }
        Disposition::Done => {
            // What was heard before the claim is done with: only the later marks count now.
            sqlx::query(
                "UPDATE work
                 SET state = 'waiting', due = coalesce(due_since, due), wake = coalesce(due_since, due),
                     heard = coalesce(heard_since, heard), attempts = 0,
                     lease_owner = NULL, lease_number = NULL, lease_until = NULL, due_since = NULL,
                     heard_since = NULL
                 WHERE kind = $1 AND id = $2",
            )
            .bind(kind)
            .bind(id)
            .execute(sql)
            .await?;
        }
        Disposition::Again { at, hints, attempts } => {
            let statement = if marked_meanwhile {
                "UPDATE work
                 SET crm = crm OR $3, portal = portal OR $4, companion = companion OR $5,
                     due = least(coalesce(due_since, due), $6), wake = least(coalesce(due_since, due), $6),
                     heard = CASE WHEN $7 THEN heard ELSE coalesce(heard_since, $6) END,
                     state = 'waiting', attempts = $8, lease_owner = NULL, lease_number = NULL,
                     lease_until = NULL, due_since = NULL, heard_since = NULL
                 WHERE kind = $1 AND id = $2"
            } else {
                "UPDATE work
                 SET crm = $3, portal = $4, companion = $5, due = $6, wake = $6,
                     heard = CASE WHEN $7 THEN heard ELSE $6 END,
                     state = 'waiting', attempts = $8, lease_owner = NULL, lease_number = NULL,
                     lease_until = NULL, due_since = NULL, heard_since = NULL
                 WHERE kind = $1 AND id = $2"
            };
            // After a failure the change of the claim is still under way: its hearing stays the oldest.
            let still_under_way = *attempts > 0;
            sqlx::query(statement)
                .bind(kind)
                .bind(id)
                .bind(hints.crm)
                .bind(hints.portal)
                .bind(hints.companion)
                .bind(Micros(*at))
                .bind(still_under_way)
                .bind(if marked_meanwhile { 0 } else { i64::from(*attempts) })
                .execute(sql)
                .await?;
        }
    }
    Ok(())
}
