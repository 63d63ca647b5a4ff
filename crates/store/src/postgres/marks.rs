//! Marks: "this may have changed", coalesced per deal, committed together with the cursor that brought them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use ports::Rng;
use sqlx::{PgConnection, Row as _};
use sync_engine::{Awaited, Cursor, Fence, Hints, IndexEntry, Mark, Subject, Target, WorkLane};

use super::{
    columns::{Micros, Word, text},
    fault::Outcome,
    leases, locks,
    locks::Hold,
    news, referrals, targets, work,
};

pub(super) async fn mark(
    sql: &mut PgConnection,
    ids: &dyn Rng,
    marks: &[Mark],
    index: &[IndexEntry],
    cursors: &[Cursor],
    fence: Option<&Fence>,
) -> Outcome<usize> {
    if !marks.is_empty() {
        locks::links(sql, Hold::Shared).await?;
    }
    if let Some(fence) = fence {
        leases::check(sql, fence).await?;
    }
    // Before the marks: the index may know the engagement of a referral whose event did not name it.
    referrals::learn_all(sql, index).await?;
    // In one order everywhere, so that two who beget the same deals do not wait for each other.
    let mut marks: Vec<&Mark> = marks.iter().collect();
    marks.sort_by(|one, other| named(&one.target).cmp(named(&other.target)));
    let mut traces = 0;
    let mut wishes: BTreeMap<Subject, Wish> = BTreeMap::new();
    for (subject, hints, mark) in targets::subjects(sql, ids, &marks).await? {
        let Mark { lane, due, heard, awaits, .. } = *mark;
        let wish = Wish { hints, lane, due, heard, awaits };
        wishes.entry(subject).and_modify(|earlier| earlier.add(&wish)).or_insert(wish);
        traces += 1;
    }
    put_all(sql, &wishes).await?;
    move_cursors(sql, cursors).await?;
    Ok(traces)
}

/// The identifier that a target names.
fn named(target: &Target) -> &str {
    match target {
        Target::Deal(id) => id.as_str(),
        Target::Opportunity { id, .. } | Target::Referral { id, .. } => id.as_str(),
    }
}

pub(super) async fn move_cursor(sql: &mut PgConnection, cursor: &Cursor) -> Outcome<()> {
    move_cursors(sql, std::slice::from_ref(cursor)).await
}

pub(super) async fn move_cursors(sql: &mut PgConnection, cursors: &[Cursor]) -> Outcome<()> {
    if cursors.is_empty() {
        return Ok(());
    }
    // The last word on a source counts. In one order everywhere, so that two who move the same do not wait for each other.
    let moved: BTreeMap<_, _> =
        cursors.iter().map(|cursor| (text(&cursor.source), text(&cursor.position))).collect();
    let (sources, positions): (Vec<_>, Vec<_>) = moved.into_iter().unzip();
    sqlx::query(
        "INSERT INTO cursor (source, position)
         SELECT source, position FROM unnest($1::text[], $2::text[]) WITH ORDINALITY
              AS moved (source, position, place) ORDER BY place
         ON CONFLICT (source) DO UPDATE SET position = excluded.position",
    )
    .bind(sources)
    .bind(positions)
    .execute(sql)
    .await?;
    Ok(())
}

pub(super) async fn cursor(sql: &mut PgConnection, source: &str) -> Outcome<Option<String>> {
    let row = sqlx::query("SELECT position FROM cursor WHERE source = $1")
        .bind(text(source))
        .fetch_optional(sql)
        .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
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

    /// Two wishes about one subject are one: of each part the more urgent.
    fn add(&mut self, other: &Self) {
        self.hints = self.hints.union(other.hints);
        self.lane = self.lane.min(other.lane);
        self.due = self.due.min(other.due);
        self.heard = self.heard.min(other.heard);
        self.awaits = self.awaits.union(other.awaits);
    }
}

/// Adds a wish to the subject's work row, or makes the row, and wakes who waits.
pub(super) async fn put(sql: &mut PgConnection, subject: &Subject, wish: Wish) -> Outcome<()> {
    put_all(sql, &BTreeMap::from([(subject.clone(), wish)])).await
}

/// Adds wishes to their subjects' work rows in the order of the subjects, makes rows that are not there, and wakes who
/// waits.
///
/// A row keeps the union of the hints, the earliest due, the oldest hearing and the more urgent lane, and its generation
/// grows, so that a pass under way cannot clear what it did not see. A closed deal that was forgotten gets none, whoever
/// asks.
pub(super) async fn put_all(sql: &mut PgConnection, wishes: &BTreeMap<Subject, Wish>) -> Outcome<()> {
    if wishes.is_empty() {
        return Ok(());
    }
    let (mut kinds, mut ids, mut lanes) = (Vec::new(), Vec::new(), Vec::new());
    let (mut crm, mut portal, mut companion) = (Vec::new(), Vec::new(), Vec::new());
    let (mut due, mut heard) = (Vec::new(), Vec::new());
    let (mut stamps, mut untils, mut agains) = (Vec::new(), Vec::new(), Vec::new());
    let moment = |moment: Option<Timestamp>| moment.map(|moment| Micros(moment).number());
    for (subject, wish) in wishes {
        let (kind, id) = work::key(subject);
        kinds.push(kind);
        ids.push(text(id));
        lanes.push(Word(wish.lane).text()?);
        crm.push(wish.hints.crm);
        portal.push(wish.hints.portal);
        companion.push(wish.hints.companion);
        due.push(Micros(wish.due).number());
        heard.push(Micros(wish.heard).number());
        stamps.push(moment(wish.awaits.stamp));
        untils.push(moment(wish.awaits.until));
        agains.push(moment(wish.awaits.again));
    }
    sqlx::query(
        "INSERT INTO work (kind, id, lane, generation, crm, portal, companion, due, heard, attempts, state, wake,
                           awaits_stamp, awaits_until, awaits_again)
         SELECT kind, id, lane, 1, crm, portal, companion, due, heard, 0, 'waiting', due, stamp, until, again
         FROM unnest($1::text[], $2::text[], $3::text[], $4::boolean[], $5::boolean[], $6::boolean[], $7::bigint[],
                     $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[]) WITH ORDINALITY
              AS wish (kind, id, lane, crm, portal, companion, due, heard, stamp, until, again, place)
         WHERE kind <> 'deal'
            OR NOT EXISTS (SELECT 1 FROM deal WHERE deal.id = wish.id AND deal.forgotten IS NOT NULL)
         ORDER BY place
         ON CONFLICT (kind, id) DO UPDATE SET
             -- By the alphabet 'now' comes after 'background'.
             lane = greatest(work.lane, excluded.lane),
             generation = work.generation + 1,
             -- Whatever it failed at, somebody did something: the wait for the next look begins anew.
             attempts = 0,
             crm = work.crm OR excluded.crm,
             portal = work.portal OR excluded.portal,
             companion = work.companion OR excluded.companion,
             due = least(work.due, excluded.due),
             heard = least(work.heard, excluded.heard),
             wake = CASE work.state WHEN 'waiting' THEN least(work.wake, excluded.due) ELSE work.wake END,
             due_since = CASE WHEN work.lease_number IS NOT NULL THEN least(work.due_since, excluded.due) END,
             heard_since = CASE WHEN work.lease_number IS NOT NULL
                 THEN least(work.heard_since, excluded.heard) END,
             awaits_stamp = greatest(work.awaits_stamp, excluded.awaits_stamp),
             awaits_until = greatest(work.awaits_until, excluded.awaits_until),
             awaits_again = greatest(work.awaits_again, excluded.awaits_again)",
    )
    .bind(kinds)
    .bind(ids)
    .bind(lanes)
    .bind(crm)
    .bind(portal)
    .bind(companion)
    .bind(due)
    .bind(heard)
    .bind(stamps)
    .bind(untils)
    .bind(agains)
    .execute(&mut *sql)
    .await?;
    news::tell(sql).await
}
