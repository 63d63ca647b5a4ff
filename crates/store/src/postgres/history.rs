//! Histories: lines with sealed sentences, each subject's in a chain of its own.

use sqlx::{PgConnection, Row as _, postgres::PgRow};
use sync_engine::{
    AuditLine, ChainBreak, ChainHead, ChainPlace, ChainStep, HistoryTotals, StoreError, Subject,
};

use super::{
    columns::{Count, Json, Micros, Word, text},
    data_keys,
    fault::Outcome,
    locks,
};
use crate::{
    SealKey,
    chain::{BEGINNING, ChainedLine, Link, Walk},
    ledger::{name_of, seal_line},
};

/// Adds a line to its subject's history.
pub(super) async fn write_line(
    sql: &mut PgConnection,
    master: Option<&SealKey>,
    subject: &Subject,
    line: &AuditLine,
) -> Outcome<()> {
    let subject = name_of(subject);
    // With the key comes the subject's lock: nobody else adds to its chain.
    let (key_number, key) = data_keys::in_use(sql, master, &subject, line.at).await?;
    let head = head(sql, &subject).await?;
    let (length, last) = head.map_or((0, BEGINNING), |head| (head.length, head.link));
    // As it will be read: the link is over what is stored.
    let line = AuditLine {
        what: text(&line.what).into_owned(),
        mapping: text(&line.mapping).into_owned(),
        ..line.clone()
    };
    let row = seal_line(&key, key_number, &subject, length + 1, &line)?;
    let link = row.link(&subject, &last);
    sqlx::query(
        "INSERT INTO audit (subject, number, at, what, side, groups, took_ms, mapping, key, sealed, link)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(text(&subject))
    .bind(Count(row.number))
    .bind(Micros(row.at))
    .bind(row.what)
    .bind(row.side.map(Word))
    .bind(Json(&row.groups))
    .bind(row.took_ms)
    .bind(row.mapping)
    .bind(Count(row.key))
    .bind(row.sealed)
    .bind(link.as_slice())
    .execute(&mut *sql)
    .await?;
    sqlx::query(
        "INSERT INTO chain (subject, length, link, pruned, anchor) VALUES ($1, $2, $3, 0, $4)
         ON CONFLICT (subject) DO UPDATE SET length = excluded.length, link = excluded.link",
    )
    .bind(text(&subject))
    .bind(Count(row.number))
    .bind(link.as_slice())
    .bind(BEGINNING.as_slice())
    .execute(sql)
    .await?;
    Ok(())
}

/// A subject's lines, newest first.
pub(super) async fn newest(
    sql: &mut PgConnection,
    master: Option<&SealKey>,
    subject: &str,
    most: usize,
) -> Outcome<Vec<AuditLine>> {
    let rows = sqlx::query(
        "SELECT number, at, what, side, groups, took_ms, mapping, key, sealed FROM audit
         WHERE subject = $1 ORDER BY number DESC LIMIT $2",
    )
    .bind(text(subject))
    .bind(Count(most as u64))
    .fetch_all(&mut *sql)
    .await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let keys = data_keys::of(sql, master, subject).await?;
    rows.iter().map(|row| Ok(keys.line(chained(row)?)?)).collect()
}

fn chained(row: &PgRow) -> Outcome<ChainedLine> {
    Ok(ChainedLine {
        number: row.try_get::<Count, _>(0)?.0,
        at: row.try_get::<Micros, _>(1)?.0,
        what: row.try_get(2)?,
        side: row.try_get::<Option<Word<_>>, _>(3)?.map(|side| side.0),
        groups: row.try_get::<Json<_>, _>(4)?.0,
        took_ms: row.try_get(5)?,
        mapping: row.try_get(6)?,
        key: row.try_get::<Count, _>(7)?.0,
        sealed: row.try_get(8)?,
    })
}

async fn head(sql: &mut PgConnection, subject: &str) -> Outcome<Option<ChainHead>> {
    let row = sqlx::query("SELECT subject, length, link, pruned, anchor FROM chain WHERE subject = $1")
        .bind(text(subject))
        .fetch_optional(sql)
        .await?;
    row.as_ref().map(chain_head).transpose()
}

fn chain_head(row: &PgRow) -> Outcome<ChainHead> {
    Ok(ChainHead {
        subject: row.try_get(0)?,
        length: row.try_get::<Count, _>(1)?.0,
        link: link(row, 2)?,
        pruned: row.try_get::<Count, _>(3)?.0,
        anchor: link(row, 4)?,
    })
}

fn link(row: &PgRow, column: usize) -> Outcome<Link> {
    let bytes: &[u8] = row.try_get(column)?;
    Ok(Link::try_from(bytes).map_err(|_| StoreError::Damaged("chain: a link that is none".to_owned()))?)
}

pub(super) async fn chains(
    sql: &mut PgConnection,
    after: Option<&str>,
    most: usize,
) -> Outcome<Vec<ChainHead>> {
    // Every subject comes after the empty text.
    let rows = sqlx::query(
        "SELECT subject, length, link, pruned, anchor FROM chain WHERE subject > $1 ORDER BY subject LIMIT $2",
    )
    .bind(text(after.unwrap_or_default()))
    .bind(Count(most as u64))
    .fetch_all(sql)
    .await?;
    rows.iter().map(chain_head).collect()
}

/// Recomputes links of the chain from `from` on, up to the head as it was read.
pub(super) async fn prove(
    sql: &mut PgConnection,
    noted: &ChainHead,
    from: &ChainPlace,
    most: usize,
) -> Outcome<ChainStep> {
    let Some(present) = head(sql, &noted.subject).await? else {
        return Ok(ChainStep::Broken(ChainBreak { line: 1, what: "has no head any more".to_owned() }));
    };
    if present.pruned > from.passed {
        return Ok(ChainStep::Moved);
    }
    let most = most.max(1);
    let rows = sqlx::query(
        "SELECT number, at, what, side, groups, took_ms, mapping, key, sealed, link FROM audit
         WHERE subject = $1 AND number > $2 AND number <= $3 ORDER BY number LIMIT $4",
    )
    .bind(text(&noted.subject))
    .bind(Count(from.passed))
    .bind(Count(noted.length))
    .bind(Count(most as u64))
    .fetch_all(sql)
    .await?;
    let mut walk = Walk::from(noted, from.passed, from.link);
    for row in &rows {
        let expected = walk.place().0 + 1;
        let stored: &[u8] = row.try_get(9)?;
        // What does not even parse was not written so.
        let Ok(line) = chained(row) else {
            return Ok(ChainStep::Broken(ChainBreak { line: expected, what: "was changed".to_owned() }));
        };
        if let Err(broken) = walk.step(&line, stored) {
            return Ok(ChainStep::Broken(broken));
        }
    }
    let (passed, link) = walk.place();
    if rows.len() == most && passed < noted.length {
        return Ok(ChainStep::Further(ChainPlace { passed, link }));
    }
    Ok(walk.end().map_or_else(ChainStep::Broken, |()| ChainStep::Proved))
}

pub(super) async fn totals(sql: &mut PgConnection) -> Outcome<HistoryTotals> {
    let row = sqlx::query(
        "SELECT (SELECT count(*) FROM audit), (SELECT coalesce(sum(length - pruned), 0)::bigint FROM chain)",
    )
    .fetch_one(sql)
    .await?;
    Ok(HistoryTotals { lines: row.try_get::<Count, _>(0)?.0, chained: row.try_get::<Count, _>(1)?.0 })
}

/// Takes lines of one chain that are older than `before`, at most `most`, and moves its anchor behind them.
pub(super) async fn prune(sql: &mut PgConnection, subject: &str, before: Micros, most: u64) -> Outcome<u64> {
    locks::ledger(sql, subject).await?;
    // From the beginning and without a gap: a younger line ends it, though older ones may come after it.
    let rows = sqlx::query(
        "SELECT number, link FROM audit WHERE subject = $1 AND number < coalesce(
             (SELECT min(number) FROM audit WHERE subject = $1 AND at >= $2), $3)
         ORDER BY number LIMIT $4",
    )
    .bind(text(subject))
    .bind(before)
    .bind(i64::MAX)
    .bind(Count(most))
    .fetch_all(&mut *sql)
    .await?;
    let Some(last_row) = rows.last() else { return Ok(0) };
    let last = last_row.try_get::<Count, _>(0)?;
    let Some(head) = head(sql, subject).await? else {
        return Err(StoreError::Damaged("chain: a history has no head".to_owned()).into());
    };
    if last.0 - head.pruned != rows.len() as u64 {
        // A broken chain is left as it is, so that a proof finds where.
        return Ok(0);
    }
    sqlx::query("UPDATE chain SET pruned = $2, anchor = $3 WHERE subject = $1")
        .bind(text(subject))
        .bind(last)
        .bind(link(last_row, 1)?.as_slice())
        .execute(&mut *sql)
        .await?;
    sqlx::query("DELETE FROM audit WHERE subject = $1 AND number <= $2")
        .bind(text(subject))
        .bind(last)
        .execute(sql)
        .await?;
    Ok(rows.len() as u64)
}
