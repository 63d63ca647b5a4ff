//! Letting go of what is older than it is kept, in bounded pages.

use deal_model::DealId;
use jiff::{SignedDuration, Timestamp};
use sqlx::{PgConnection, Row as _};
use sync_engine::{Pruned, Retention, Subject};

use super::{
    columns::{Count, Micros, text},
    deal_rows,
    fault::Outcome,
    history, lead_rows, locks, work,
};
use crate::erasing;

pub(super) async fn prune(
    sql: &mut PgConnection,
    keep: &Retention,
    now: Timestamp,
    most: usize,
) -> Outcome<Pruned> {
    let most = most as u64;
    let ended = before(now, keep.ended);
    let closed_referrals = "DELETE FROM referral_index WHERE referral IN (
         SELECT referral FROM referral_index
         WHERE NOT open AND updated < $1
           AND NOT EXISTS (SELECT 1 FROM deal WHERE portal_id = referral OR companion = referral)
         LIMIT $2 FOR UPDATE SKIP LOCKED)";
    // A referral that is open somewhere could beget a second deal: its former link stays.
    let former_links = "DELETE FROM former_link WHERE (portal_id, deal) IN (
         SELECT portal_id, deal FROM former_link
         WHERE until < $1
           AND NOT EXISTS (SELECT 1 FROM referral_index WHERE referral = portal_id AND open)
         LIMIT $2 FOR UPDATE SKIP LOCKED)";
    // The order of what follows is that of the locks: deals, then histories.
    let closed = closed(sql, before(now, keep.closed), now, most).await?;
    let paused = paused(sql, before(now, keep.paused), now, most).await?;
    let archived = delete(
        sql,
        "DELETE FROM archive WHERE id IN (
             SELECT id FROM archive WHERE at < $1 ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED)",
        before(now, keep.archive),
        most,
    )
    .await?;
    let intents = delete(
        sql,
        "DELETE FROM intent WHERE id IN (SELECT id FROM intent WHERE ended < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)",
        ended,
        most,
    )
    .await?;
    let decisions = delete(
        sql,
        "DELETE FROM decision WHERE id IN (
             SELECT id FROM decision WHERE ended < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)",
        ended,
        most,
    )
    .await?;
    let pauses = delete(
        sql,
        "DELETE FROM pause WHERE id IN (SELECT id FROM pause WHERE resumed < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)",
        ended,
        most,
    )
    .await?;
    let releases = delete(
        sql,
        "DELETE FROM brake_release WHERE id IN (
             SELECT id FROM brake_release WHERE at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)",
        ended,
        most,
    )
    .await?;
    let former = delete(sql, former_links, ended, most).await?;
    // Leads by what is known of their referrals, and so before these.
    let leads = delete(
        sql,
        "DELETE FROM lead WHERE referral IN (
             SELECT lead.referral FROM lead JOIN referral_index ON referral_index.referral = lead.referral
             WHERE NOT open AND updated < $1 LIMIT $2 FOR UPDATE OF lead SKIP LOCKED)",
        ended,
        most,
    )
    .await?;
    let known = delete(sql, closed_referrals, ended, most).await?;
    let lines = lines(sql, before(now, keep.history), most).await?;
    let keys = keys(sql, before(now, keep.history), most).await?;
    let ended = intents + decisions + pauses + releases;
    Ok(Pruned { lines, archived, ended, referrals: former + leads + known, paused, closed, keys })
}

/// Old keys that sealed nothing of what is still there. A chain whose lines are all gone keeps its head, which is the
/// anchor of whatever comes after.
async fn keys(sql: &mut PgConnection, before: Micros, most: u64) -> Outcome<u64> {
    let rows = sqlx::query(
        "SELECT subject, number FROM data_key
         WHERE coalesce(destroyed, made) < $1
           AND NOT EXISTS (SELECT 1 FROM audit WHERE audit.subject = data_key.subject AND audit.key = data_key.number)
           AND NOT EXISTS (SELECT 1 FROM archive
                           WHERE archive.deal = substr(data_key.subject, 6) AND archive.key = data_key.number)
         ORDER BY subject, number LIMIT $2",
    )
    .bind(before)
    .bind(Count(most))
    .fetch_all(&mut *sql)
    .await?;
    let mut taken = 0;
    for row in rows {
        let (subject, number) = (row.try_get::<String, _>(0)?, row.try_get::<Count, _>(1)?);
        // Whoever seals something under it just now holds this until that is there.
        locks::ledger(sql, &subject).await?;
        taken += sqlx::query(
            "DELETE FROM data_key WHERE subject = $1 AND number = $2
               AND NOT EXISTS (SELECT 1 FROM audit WHERE audit.subject = $1 AND audit.key = $2)
               AND NOT EXISTS (SELECT 1 FROM archive WHERE archive.deal = substr($1, 6) AND archive.key = $2)",
        )
        .bind(text(&subject))
        .bind(number)
        .execute(&mut *sql)
        .await?
        .rows_affected();
    }
    Ok(taken)
}

fn before(now: Timestamp, kept: SignedDuration) -> Micros {
    Micros(now.checked_sub(kept).unwrap_or(Timestamp::MIN))
}

async fn delete(sql: &mut PgConnection, statement: &'static str, before: Micros, most: u64) -> Outcome<u64> {
    Ok(sqlx::query(statement).bind(before).bind(Count(most)).execute(sql).await?.rows_affected())
}

/// Lines of the histories that hold the oldest ones; of a broken one, or one that begins with a younger line, none. These
/// are passed over until others give something.
async fn lines(sql: &mut PgConnection, before: Micros, most: u64) -> Outcome<u64> {
    let (mut taken, mut gave_nothing): (u64, Vec<String>) = (0, Vec::new());
    while taken == 0 {
        let rows = sqlx::query(
            "SELECT DISTINCT subject FROM (
                 SELECT subject FROM audit WHERE at < $1 AND subject <> ALL ($3) ORDER BY at LIMIT $2) AS oldest
             ORDER BY subject",
        )
        .bind(before)
        .bind(Count(most))
        .bind(&gave_nothing)
        .fetch_all(&mut *sql)
        .await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            if taken >= most {
                break;
            }
            let subject: String = row.try_get(0)?;
            let given = history::prune(sql, &subject, before, most - taken).await?;
            if given == 0 {
                gave_nothing.push(subject);
            }
            taken += given;
        }
    }
    Ok(taken)
}

/// What both sides shared of deals that are paused for long. One that is worked on just now waits for the next turn.
async fn paused(sql: &mut PgConnection, before: Micros, now: Timestamp, most: u64) -> Outcome<u64> {
    let rows = sqlx::query(
        "SELECT id FROM deal
         WHERE phase = 'paused' AND rested < $1
           AND NOT EXISTS (SELECT 1 FROM work WHERE kind = 'deal' AND work.id = deal.id AND lease_number IS NOT NULL)
         LIMIT $2 FOR UPDATE OF deal SKIP LOCKED",
    )
    .bind(before)
    .bind(Count(most))
    .fetch_all(&mut *sql)
    .await?;
    let ids: Vec<DealId> =
        rows.iter().map(|row| Ok(DealId::new(row.try_get::<String, _>(0)?))).collect::<Outcome<_>>()?;
    for mut deal in deal_rows::load(sql, &ids).await? {
        erasing::empty(&mut deal);
        deal_rows::save(sql, &deal, now).await?;
        // Once is enough: the time begins anew if it is resumed and paused again.
        sqlx::query("UPDATE deal SET rested = NULL WHERE id = $1")
            .bind(text(deal.id.as_str()))
            .execute(&mut *sql)
            .await?;
    }
    Ok(ids.len() as u64)
}

/// What both sides shared of deals that are closed for long. They are never read again. One that is worked on just now
/// waits for the next turn.
async fn closed(sql: &mut PgConnection, before: Micros, now: Timestamp, most: u64) -> Outcome<u64> {
    let rows = sqlx::query(
        "SELECT id FROM deal
         WHERE phase = 'finished' AND forgotten IS NULL AND rested < $1
           AND NOT EXISTS (SELECT 1 FROM work WHERE kind = 'deal' AND work.id = deal.id AND lease_number IS NOT NULL)
         ORDER BY id LIMIT $2",
    )
    .bind(before)
    .bind(Count(most))
    .fetch_all(&mut *sql)
    .await?;
    let mut free = Vec::new();
    for row in rows {
        let id = DealId::new(row.try_get::<String, _>(0)?);
        // Somebody may have decided on it or begun with it just now, or may from here on not.
        locks::deciding(sql, &id).await?;
        if !work::is_leased(sql, &Subject::Deal(id.clone())).await? {
            free.push(id);
        }
    }
    for id in &free {
        deal_rows::hold(sql, id).await?;
    }
    for mut deal in deal_rows::load(sql, &free).await? {
        work::take_away(sql, &Subject::Deal(deal.id.clone())).await?;
        erasing::empty(&mut deal);
        deal_rows::save(sql, &deal, now).await?;
        let id = text(deal.id.as_str());
        sqlx::query("DELETE FROM decision WHERE deal = $1").bind(&id).execute(&mut *sql).await?;
        lead_rows::forget(sql, deal.links.portal.as_ref()).await?;
        sqlx::query("UPDATE deal SET forgotten = $2, companion_open = false WHERE id = $1")
            .bind(&id)
            .bind(Micros(now))
            .execute(&mut *sql)
            .await?;
    }
    Ok(free.len() as u64)
}
