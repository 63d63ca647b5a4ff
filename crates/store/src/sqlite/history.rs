//! Histories: lines with sealed sentences, each subject's in a chain of its own.

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use sync_engine::{
    AuditLine, ChainBreak, ChainHead, ChainPlace, ChainStep, HistoryTotals, StoreError, Subject,
};

use super::{
    columns::{Count, Json, Micros, Word},
    data_keys,
    fault::Outcome,
};
use crate::{
    SealKey,
    chain::{BEGINNING, ChainedLine, Link, Walk},
    ledger::{name_of, seal_line},
};

/// Adds a line to its subject's history.
pub(super) fn write_line(
    sql: &Connection,
    master: Option<&SealKey>,
    subject: &Subject,
    line: &AuditLine,
) -> Outcome<()> {
    let subject = name_of(subject);
    let (key_number, key) = data_keys::in_use(sql, master, &subject, line.at)?;
    let head = head(sql, &subject)?;
    let (length, last) = head.map_or((0, BEGINNING), |head| (head.length, head.link));
    let row = seal_line(&key, key_number, &subject, length + 1, line)?;
    let link = row.link(&subject, &last);
    sql.prepare_cached(
        "INSERT INTO audit (subject, number, at, what, side, groups, took_ms, mapping, key, sealed, link)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?
    .execute(params![
        subject,
        Count(row.number),
        Micros(row.at),
        row.what,
        row.side.map(Word),
        Json(&row.groups),
        row.took_ms,
        row.mapping,
        Count(row.key),
        row.sealed,
        link.as_slice(),
    ])?;
    sql.prepare_cached(
        "INSERT INTO chain (subject, length, link, pruned, anchor) VALUES (?1, ?2, ?3, 0, ?4)
         ON CONFLICT (subject) DO UPDATE SET length = excluded.length, link = excluded.link",
    )?
    .execute(params![subject, Count(row.number), link.as_slice(), BEGINNING.as_slice()])?;
    Ok(())
}

/// A subject's lines, newest first.
pub(super) fn newest(
    sql: &Connection,
    master: Option<&SealKey>,
    subject: &str,
    most: usize,
) -> Outcome<Vec<AuditLine>> {
    let mut statement = sql.prepare_cached(
        "SELECT number, at, what, side, groups, took_ms, mapping, key, sealed FROM audit
         WHERE subject = ?1 ORDER BY number DESC LIMIT ?2",
    )?;
    let rows: Vec<ChainedLine> =
        statement.query_map(params![subject, Count(most as u64)], chained)?.collect::<Result<_, _>>()?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let keys = data_keys::of(sql, master, subject)?;
    Ok(rows.into_iter().map(|row| keys.line(row)).collect::<Result<_, _>>()?)
}

pub(super) fn chained(row: &Row<'_>) -> rusqlite::Result<ChainedLine> {
    Ok(ChainedLine {
        number: row.get::<_, Count>(0)?.0,
        at: row.get::<_, Micros>(1)?.0,
        what: row.get(2)?,
        side: row.get::<_, Option<Word<_>>>(3)?.map(|side| side.0),
        groups: row.get::<_, Json<_>>(4)?.0,
        took_ms: row.get(5)?,
        mapping: row.get(6)?,
        key: row.get::<_, Count>(7)?.0,
        sealed: row.get(8)?,
    })
}

fn head(sql: &Connection, subject: &str) -> Outcome<Option<ChainHead>> {
    Ok(sql
        .prepare_cached("SELECT subject, length, link, pruned, anchor FROM chain WHERE subject = ?1")?
        .query_row([subject], chain_head)
        .optional()?)
}

fn chain_head(row: &Row<'_>) -> rusqlite::Result<ChainHead> {
    Ok(ChainHead {
        subject: row.get(0)?,
        length: row.get::<_, Count>(1)?.0,
        link: row.get::<_, Link>(2)?,
        pruned: row.get::<_, Count>(3)?.0,
        anchor: row.get::<_, Link>(4)?,
    })
}

pub(super) fn chains(sql: &Connection, after: Option<&str>, most: usize) -> Outcome<Vec<ChainHead>> {
    let mut statement = sql.prepare_cached(
        "SELECT subject, length, link, pruned, anchor FROM chain WHERE subject > ?1 ORDER BY subject LIMIT ?2",
    )?;
    // Every subject comes after the empty text.
    let rows = statement.query_map(params![after.unwrap_or_default(), Count(most as u64)], chain_head)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Recomputes links of the chain from `from` on, up to the head as it was read.
pub(super) fn prove(
    sql: &Connection,
    noted: &ChainHead,
    from: &ChainPlace,
    most: usize,
) -> Outcome<ChainStep> {
    let Some(present) = head(sql, &noted.subject)? else {
        return Ok(ChainStep::Broken(ChainBreak { line: 1, what: "has no head any more".to_owned() }));
    };
    if present.pruned > from.passed {
        return Ok(ChainStep::Moved);
    }
    let most = most.max(1);
    let mut statement = sql.prepare_cached(
        "SELECT number, at, what, side, groups, took_ms, mapping, key, sealed, link FROM audit
         WHERE subject = ?1 AND number > ?2 AND number <= ?3 ORDER BY number LIMIT ?4",
    )?;
    let bounds = params![noted.subject, Count(from.passed), Count(noted.length), Count(most as u64)];
    let mut rows = statement.query(bounds)?;
    let mut walk = Walk::from(noted, from.passed, from.link);
    let mut seen = 0;
    while let Some(row) = rows.next()? {
        seen += 1;
        let expected = walk.place().0 + 1;
        let stored: Vec<u8> = row.get(9)?;
        // What does not even parse was not written so.
        let Ok(line) = chained(row) else {
            return Ok(ChainStep::Broken(ChainBreak { line: expected, what: "was changed".to_owned() }));
        };
        if let Err(broken) = walk.step(&line, &stored) {
            return Ok(ChainStep::Broken(broken));
        }
    }
    let (passed, link) = walk.place();
    if seen == most && passed < noted.length {
        return Ok(ChainStep::Further(ChainPlace { passed, link }));
    }
    Ok(walk.end().map_or_else(ChainStep::Broken, |()| ChainStep::Proved))
}

pub(super) fn totals(sql: &Connection) -> Outcome<HistoryTotals> {
    let mut statement = sql.prepare_cached(
        "SELECT (SELECT count(*) FROM audit), (SELECT coalesce(sum(length - pruned), 0) FROM chain)",
    )?;
    Ok(statement.query_row([], |row| {
        Ok(HistoryTotals { lines: row.get::<_, Count>(0)?.0, chained: row.get::<_, Count>(1)?.0 })
    })?)
}

/// Takes lines of one chain that are older than `before`, at most `most`, and moves its anchor behind them.
pub(super) fn prune(sql: &Connection, subject: &str, before: Micros, most: u64) -> Outcome<u64> {
    // From the beginning and without a gap: a younger line ends it, though older ones may come after it.
    let mut statement = sql.prepare_cached(
        "SELECT number, link FROM audit WHERE subject = ?1 AND number < coalesce(
             (SELECT min(number) FROM audit WHERE subject = ?1 AND at >= ?2), ?3)
         ORDER BY number LIMIT ?4",
    )?;
    let rows: Vec<(Count, Link)> = statement
        .query_map(params![subject, before, i64::MAX, Count(most)], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let Some((last, anchor)) = rows.last() else { return Ok(0) };
    let Some(head) = head(sql, subject)? else {
        return Err(StoreError::Damaged("chain: a history has no head".to_owned()).into());
    };
    if last.0 - head.pruned != rows.len() as u64 {
        // A broken chain is left as it is, so that a proof finds where.
        return Ok(0);
    }
    sql.prepare_cached("UPDATE chain SET pruned = ?2, anchor = ?3 WHERE subject = ?1")?.execute(params![
        subject,
        last,
        anchor.as_slice()
    ])?;
    sql.prepare_cached("DELETE FROM audit WHERE subject = ?1 AND number <= ?2")?
        .execute(params![subject, last])?;
    Ok(rows.len() as u64)
}
