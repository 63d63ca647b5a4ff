//! Forgetting: keys destroyed, memories emptied, and where an address stands in what is kept.

use deal_model::{DealId, Phase};
use jiff::Timestamp;
use rusqlite::{Connection, params};
use sync_engine::{Forgotten, Mentions, PauseScope, StoreError, StoreResult, Subject};

use super::{
    SqliteStore, archive,
    columns::{Count, Micros, Word},
    data_keys, deal_rows,
    fault::Outcome,
    history, lead_rows, marks, work,
};
use crate::{
    Remark, SealKey, erasing,
    ledger::{Keyring, line_place, name_of, subject_of, value_place},
    mention::{Address, Sight},
    remarks::PLACES,
};

/// Forgets a subject, and the deals that gave it their records.
pub(super) fn forget(
    sql: &Connection,
    master: Option<&SealKey>,
    subject: &Subject,
    mapping: &str,
    now: Timestamp,
) -> Outcome<Forgotten> {
    let mut forgotten = forget_one(sql, master, subject, mapping, now)?;
    if let Subject::Deal(id) = subject {
        for absorbed in absorbed_by(sql, id)? {
            forgotten.add(&forget_one(sql, master, &Subject::Deal(absorbed), mapping, now)?);
        }
    }
    Ok(forgotten)
}

/// The deals that gave their records to this one, or to one of them.
fn absorbed_by(sql: &Connection, deal: &DealId) -> Outcome<Vec<DealId>> {
    let mut statement = sql.prepare_cached(
        "WITH RECURSIVE taken (id) AS (
             SELECT id FROM deal WHERE absorbed_by = ?1
             UNION SELECT deal.id FROM deal JOIN taken ON deal.absorbed_by = taken.id)
         SELECT id FROM taken ORDER BY id",
    )?;
    let rows = statement.query_map([deal.as_str()], |row| Ok(DealId::new(row.get::<_, String>(0)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn forget_one(
    sql: &Connection,
    master: Option<&SealKey>,
    subject: &Subject,
    mapping: &str,
    now: Timestamp,
) -> Outcome<Forgotten> {
    let name = name_of(subject);
    let mut forgotten = Forgotten {
        lines: readable(
            sql,
            "SELECT count(*) FROM audit WHERE subject = ?1 AND key IN
             (SELECT number FROM data_key WHERE subject = ?1 AND wrapped IS NOT NULL)",
            &name,
        )?,
        ..Forgotten::default()
    };
    data_keys::destroy(sql, &name, now)?;
    if let Subject::Deal(id) = subject {
        let Some(mut deal) = deal_rows::load(sql, std::slice::from_ref(id))?.pop() else {
            return Err(
                StoreError::Failed(format!("there is no deal {id}; `cosell deals list` names them")).into()
            );
        };
        forgotten.archived = readable(
            sql,
            "SELECT count(*) FROM archive WHERE deal = substr(?1, 6) AND key =
             (SELECT max(number) FROM data_key WHERE subject = ?1 AND destroyed IS NOT NULL)",
            &name,
        )?;
        forgotten.in_step = erasing::in_step(&deal);
        // What nobody has carried out yet holds values that both sides hold: it stays with a deal that goes on.
        let decisions = if forgotten.in_step {
            "DELETE FROM decision WHERE deal = ?1 AND ended IS NOT NULL"
        } else {
            "DELETE FROM decision WHERE deal = ?1"
        };
        forgotten.decisions = sql.prepare_cached(decisions)?.execute([id.as_str()])? as u64;
        // A pause goes on without its reason, which is in a person's own words.
        sql.prepare_cached("UPDATE pause SET why = NULL, resumed_why = NULL WHERE scope = ?1")?
            .execute([Word(PauseScope::Deal(id.clone()))])?;
        if !forgotten.in_step {
            // Whoever works on it has read what is forgotten here, and must not write it down again.
            work::take_away(sql, subject)?;
            erasing::empty(&mut deal);
            lead_rows::forget(sql, deal.links.portal.as_ref())?;
            let finished = deal.phase == Phase::Finished;
            deal_rows::save(sql, &deal, now)?;
            if finished {
                sql.prepare_cached("UPDATE deal SET forgotten = ?2, companion_open = 0 WHERE id = ?1")?
                    .execute(params![id.as_str(), Micros(now)])?;
            } else {
                marks::put(sql, subject, &marks::Wish::at_once(now))?;
            }
        }
    }
    if let Subject::Referral(referral) = subject {
        lead_rows::forget(sql, Some(referral))?;
    }
    let line = erasing::line(forgotten.in_step, mapping, now);
    history::write_line(sql, master, subject, &line)?;
    Ok(forgotten)
}

fn readable(sql: &Connection, statement: &'static str, name: &str) -> Outcome<u64> {
    Ok(sql.prepare_cached(statement)?.query_row([name], |row| row.get::<_, Count>(0))?.0)
}

/// Looks at deals after `after`, then at the referrals that became none.
pub(super) fn mentions(
    sql: &Connection,
    master: Option<&SealKey>,
    address: &str,
    after: Option<&Subject>,
    most: usize,
) -> Outcome<Mentions> {
    let address = Address::new(address);
    let subjects = if let Some(Subject::Referral(_)) = after {
        strangers(sql, after, most)?
    } else {
        let deals = deals(sql, after, most)?;
        // Referrals come when there are no deals any more.
        if deals.is_empty() { strangers(sql, None, most)? } else { deals }
    };
    let (mut found, mut doubtful) = (Vec::new(), Vec::new());
    for subject in &subjects {
        let Some(sight) = names(sql, master, subject, &address)? else { continue };
        found.push(subject.clone());
        if sight == Sight::Doubtful {
            doubtful.push(subject.clone());
        }
    }
    Ok(Mentions { found, doubtful, looked: subjects.len(), last: subjects.into_iter().next_back() })
}

fn deals(sql: &Connection, after: Option<&Subject>, most: usize) -> Outcome<Vec<Subject>> {
    let after = match after {
        Some(Subject::Deal(id)) => id.as_str(),
        _ => "",
    };
    let mut statement = sql.prepare_cached("SELECT id FROM deal WHERE id > ?1 ORDER BY id LIMIT ?2")?;
    let rows = statement.query_map(params![after, Count(most as u64)], |row| row.get::<_, String>(0))?;
    Ok(rows.map(|id| id.map(|id| Subject::Deal(DealId::new(id)))).collect::<Result<_, _>>()?)
}

fn strangers(sql: &Connection, after: Option<&Subject>, most: usize) -> Outcome<Vec<Subject>> {
    let after = after.map_or_else(|| "referral ".to_owned(), name_of);
    let mut statement = sql.prepare_cached(
        "SELECT subject FROM chain WHERE subject > ?1 AND subject < 'referral!' ORDER BY subject LIMIT ?2",
    )?;
    let rows = statement.query_map(params![after, Count(most as u64)], |row| row.get::<_, String>(0))?;
    let names: Vec<String> = rows.collect::<Result<_, _>>()?;
    Ok(names.iter().filter_map(|name| subject_of(name)).collect())
}

/// How surely anything that is kept of the subject names the address.
fn names(
    sql: &Connection,
    master: Option<&SealKey>,
    subject: &Subject,
    address: &Address,
) -> Outcome<Option<Sight>> {
    let name = name_of(subject);
    let mut seen = None;
    if let Subject::Deal(id) = subject {
        seen = plain(sql, id, address)?;
    }
    if seen == Some(Sight::Whole) {
        return Ok(seen);
    }
    let keys = data_keys::of(sql, master, &name)?;
    if let Subject::Deal(id) = subject {
        seen = seen.max(archive_names(sql, &keys, id, &name, address)?);
    }
    if seen == Some(Sight::Whole) {
        return Ok(seen);
    }
    Ok(seen.max(history_names(sql, &keys, &name, address)?))
}

/// How surely what stands unsealed names it: what is remembered, what waits, and what people decided.
fn plain(sql: &Connection, id: &DealId, address: &Address) -> Outcome<Option<Sight>> {
    let mut seen = None;
    for deal in deal_rows::load(sql, std::slice::from_ref(id))? {
        for text in erasing::texts(&deal)? {
            seen = seen.max(address.seen_in(&text));
        }
    }
    let mut statement = sql.prepare_cached("SELECT verdict FROM decision WHERE deal = ?1")?;
    let mut rows = statement.query([id.as_str()])?;
    while let Some(row) = rows.next()? {
        seen = seen.max(address.seen_in(&row.get::<_, String>(0)?));
    }
    Ok(seen)
}

fn archive_names(
    sql: &Connection,
    keys: &Keyring,
    id: &DealId,
    name: &str,
    address: &Address,
) -> Outcome<Option<Sight>> {
    let mut seen = None;
    let mut statement =
        sql.prepare_cached("SELECT id, at, group_id, side, key, sealed FROM archive WHERE deal = ?1")?;
    let mut rows = statement.query([id.as_str()])?;
    while let Some(row) = rows.next()? {
        let row = archive::sealed(row)?;
        let place = value_place(name, row.at, &row.group, row.side);
        seen = seen.max(keys.text(row.key, &place, &row.sealed)?.and_then(|text| address.seen_in(&text)));
    }
    Ok(seen)
}

fn history_names(sql: &Connection, keys: &Keyring, name: &str, address: &Address) -> Outcome<Option<Sight>> {
    let mut seen = None;
    let mut statement = sql.prepare_cached("SELECT number, key, sealed FROM audit WHERE subject = ?1")?;
    let mut rows = statement.query([name])?;
    while let Some(row) = rows.next()? {
        let number = row.get::<_, Count>(0)?.0;
        let (key, sealed) = (row.get::<_, Count>(1)?.0, row.get::<_, Vec<u8>>(2)?);
        let text = keys.text(key, &line_place(name, number), &sealed)?;
        seen = seen.max(text.and_then(|text| address.seen_in(&text)));
    }
    Ok(seen)
}

/// Where operators' words and names outside of deals name the address; erased, if that is wanted.
pub(super) fn remarks(sql: &Connection, address: &Address, erase: bool) -> Outcome<Vec<Remark>> {
    let mut found = Vec::new();
    for place in &PLACES {
        let texts: Vec<String> =
            sql.prepare(place.read)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let named: Vec<_> =
            texts.iter().filter_map(|text| Some((text, place.without(text, address)?))).collect();
        if erase {
            let mut replace = sql.prepare(place.replace)?;
            for (text, without) in &named {
                replace.execute(params![without, text])?;
            }
        }
        if !named.is_empty() {
            found.push(Remark { place: place.name, texts: named.len() as u64 });
        }
    }
    Ok(found)
}

impl SqliteStore {
    /// Writes the whole file anew, and cuts the write-ahead log to nothing: pages that were split keep pieces of rows
    /// that `secure_delete` does not reach.
    pub(super) fn rewrite(&self) -> StoreResult<()> {
        let connection = self.connection();
        let attempt = || -> Outcome<()> {
            let beside = self.lock.is_none();
            if beside {
                connection.pragma_update(None, "query_only", false)?;
            }
            let answer = connection.execute_batch("VACUUM");
            if beside {
                connection.pragma_update(None, "query_only", true)?;
            }
            answer?;
            let busy: bool = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
            if busy {
                return Err(StoreError::Failed(
                    "the write-ahead log could not be cut while others read the store; what was erased may stand in \
                     it until the next checkpoint\n  fix: give the command again"
                        .to_owned(),
                )
                .into());
            }
            Ok(())
        };
        Ok(attempt()?)
    }
}
