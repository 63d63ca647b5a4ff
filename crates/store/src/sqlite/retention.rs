//! Letting go of what is older than it is kept, in bounded pages.

use deal_model::{DealId, Phase};
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, params};
use sync_engine::{Pruned, Retention, Subject};

use super::{
    columns::{Count, Micros, id_list},
    deal_rows,
    fault::Outcome,
    history, lead_rows, work,
};
use crate::erasing;

/// Old keys that sealed nothing of what is still there. A chain whose lines are all gone keeps its head, which is the
/// anchor of whatever comes after.
const UNUSED_KEYS: &str = "DELETE FROM data_key WHERE (subject, number) IN (
         SELECT subject, number FROM data_key
         WHERE coalesce(destroyed, made) < ?1
           AND NOT EXISTS (SELECT 1 FROM audit WHERE audit.subject = data_key.subject AND audit.key = data_key.number)
           AND NOT EXISTS (SELECT 1 FROM archive
                           WHERE archive.deal = substr(data_key.subject, 6) AND archive.key = data_key.number)
         LIMIT ?2)";

pub(super) fn prune(sql: &Connection, keep: &Retention, now: Timestamp, most: usize) -> Outcome<Pruned> {
    let most = most as u64;
    let ended = before(now, keep.ended);
    let closed_referrals = "DELETE FROM referral_index WHERE referral IN (
         SELECT referral FROM referral_index
         WHERE open = 0 AND updated < ?1
           AND NOT EXISTS (SELECT 1 FROM deal WHERE portal_id = referral OR companion = referral)
         LIMIT ?2)";
    // A referral that is open somewhere could beget a second deal: its former link stays.
    let former_links = "DELETE FROM former_link WHERE (portal_id, deal) IN (
         SELECT portal_id, deal FROM former_link
         WHERE until < ?1
           AND NOT EXISTS (SELECT 1 FROM referral_index WHERE referral = portal_id AND open = 1)
         LIMIT ?2)";
    let leads = "DELETE FROM lead WHERE referral IN (
         SELECT lead.referral FROM lead JOIN referral_index ON referral_index.referral = lead.referral
         WHERE open = 0 AND updated < ?1 LIMIT ?2)";
    Ok(Pruned {
        lines: lines(sql, before(now, keep.history), most)?,
        archived: delete(
            sql,
            "DELETE FROM archive WHERE id IN (SELECT id FROM archive WHERE at < ?1 ORDER BY at LIMIT ?2)",
            before(now, keep.archive),
            most,
        )?,
        ended: delete(
            sql,
            "DELETE FROM intent WHERE id IN (SELECT id FROM intent WHERE ended < ?1 LIMIT ?2)",
            ended,
            most,
        )? + delete(
            sql,
            "DELETE FROM decision WHERE id IN (SELECT id FROM decision WHERE ended < ?1 LIMIT ?2)",
            ended,
            most,
        )? + delete(
            sql,
            "DELETE FROM pause WHERE id IN (SELECT id FROM pause WHERE resumed < ?1 LIMIT ?2)",
            ended,
            most,
        )? + delete(
            sql,
            "DELETE FROM brake_release WHERE id IN (SELECT id FROM brake_release WHERE at < ?1 LIMIT ?2)",
            ended,
            most,
        )?,
        // Leads by what is known of their referrals, and so before these.
        referrals: delete(sql, former_links, ended, most)?
            + delete(sql, leads, ended, most)?
            + delete(sql, closed_referrals, ended, most)?,
        paused: paused(sql, before(now, keep.paused), now, most)?,
        closed: closed(sql, before(now, keep.closed), now, most)?,
        keys: delete(sql, UNUSED_KEYS, before(now, keep.history), most)?,
    })
}

fn before(now: Timestamp, kept: SignedDuration) -> Micros {
    Micros(now.checked_sub(kept).unwrap_or(Timestamp::MIN))
}

fn delete(sql: &Connection, statement: &'static str, before: Micros, most: u64) -> Outcome<u64> {
    Ok(sql.prepare_cached(statement)?.execute(params![before, Count(most)])? as u64)
}

/// Lines of the histories that hold the oldest ones; of a broken one, or one that begins with a younger line, none. These
/// are passed over until others give something.
fn lines(sql: &Connection, before: Micros, most: u64) -> Outcome<u64> {
    let mut statement = sql.prepare_cached(
        "SELECT DISTINCT subject FROM (
             SELECT subject FROM audit WHERE at < ?1 AND subject NOT IN (SELECT value FROM json_each(?3))
             ORDER BY at LIMIT ?2)",
    )?;
    let (mut taken, mut gave_nothing) = (0, Vec::new());
    while taken == 0 {
        let passed_over = id_list(gave_nothing.iter().map(String::as_str));
        let subjects: Vec<String> = statement
            .query_map(params![before, Count(most), passed_over], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        if subjects.is_empty() {
            break;
        }
        for subject in subjects {
            if taken >= most {
                break;
            }
            let given = history::prune(sql, &subject, before, most - taken)?;
            if given == 0 {
                gave_nothing.push(subject);
            }
            taken += given;
        }
    }
    Ok(taken)
}

/// What both sides shared of deals that are paused for long. One that is worked on just now waits for the next turn.
fn paused(sql: &Connection, before: Micros, now: Timestamp, most: u64) -> Outcome<u64> {
    let mut statement = sql.prepare_cached(
        "SELECT id FROM deal
         WHERE phase = 'paused' AND rested < ?1
           AND NOT EXISTS (SELECT 1 FROM work WHERE kind = 'deal' AND work.id = deal.id AND lease_number IS NOT NULL)
         LIMIT ?2",
    )?;
    let ids: Vec<DealId> = statement
        .query_map(params![before, Count(most)], |row| Ok(DealId::new(row.get::<_, String>(0)?)))?
        .collect::<Result<_, _>>()?;
    for mut deal in deal_rows::load(sql, &ids)? {
        debug_assert_eq!(deal.phase, Phase::Paused, "asked for above");
        erasing::empty(&mut deal);
        deal_rows::save(sql, &deal, now)?;
        // Once is enough: the time begins anew if it is resumed and paused again.
        sql.prepare_cached("UPDATE deal SET rested = NULL WHERE id = ?1")?.execute([deal.id.as_str()])?;
    }
    Ok(ids.len() as u64)
}

/// What both sides shared of deals that are closed for long. They are never read again. One that is worked on just now
/// waits for the next turn.
fn closed(sql: &Connection, before: Micros, now: Timestamp, most: u64) -> Outcome<u64> {
    let mut statement = sql.prepare_cached(
        "SELECT id FROM deal
         WHERE phase = 'finished' AND forgotten IS NULL AND rested < ?1
           AND NOT EXISTS (SELECT 1 FROM work WHERE kind = 'deal' AND work.id = deal.id AND lease_number IS NOT NULL)
         LIMIT ?2",
    )?;
    let ids: Vec<DealId> = statement
        .query_map(params![before, Count(most)], |row| Ok(DealId::new(row.get::<_, String>(0)?)))?
        .collect::<Result<_, _>>()?;
    for mut deal in deal_rows::load(sql, &ids)? {
        work::take_away(sql, &Subject::Deal(deal.id.clone()))?;
        erasing::empty(&mut deal);
        deal_rows::save(sql, &deal, now)?;
        sql.prepare_cached("DELETE FROM decision WHERE deal = ?1")?.execute([deal.id.as_str()])?;
        lead_rows::forget(sql, deal.links.portal.as_ref())?;
        sql.prepare_cached("UPDATE deal SET forgotten = ?2, companion_open = 0 WHERE id = ?1")?
            .execute(params![deal.id.as_str(), Micros(now)])?;
    }
    Ok(ids.len() as u64)
}
