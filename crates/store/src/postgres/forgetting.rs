//! Forgetting: keys destroyed, memories emptied, and where an address stands in what is kept.

use std::time::Duration;

use deal_model::{DealId, Phase};
use jiff::Timestamp;
use sqlx::{PgConnection, Row as _};
use sync_engine::{Forgotten, Mentions, PauseScope, StoreError, StoreResult, Subject};
use tokio::time::{Instant, sleep};

use super::{
    PostgresStore, archive,
    columns::{Count, Micros, Word, text},
    data_keys, deal_rows,
    fault::{Fault, Outcome},
    history, horizon, lead_rows, locks,
    locks::Hold,
    look, marks, work,
};
use crate::{
    Remark, SealKey, erasing,
    ledger::{Keyring, line_place, name_of, subject_of, value_place},
    mention::{Address, Sight},
    remarks::PLACES,
};

/// How each table is written anew whose rows hold, or held, what a person may have typed, or what opens it; the keys first,
/// the largest last. What archive and history hold is sealed: once the old rows of its key are gone, nobody reads it, so
/// that the two tables which grow without end need not be written anew.
const ANEW: [&str; 12] = [
    "VACUUM (FULL) data_key",
    "VACUUM (FULL) token",
    "VACUUM (FULL) waiting_effect",
    "VACUUM (FULL) decision",
    "VACUUM (FULL) lead",
    "VACUUM (FULL) connection_problem",
    "VACUUM (FULL) connection_worked",
    "VACUUM (FULL) pause",
    "VACUUM (FULL) proof",
    "VACUUM (FULL) brake_release",
    "VACUUM (FULL) cursor",
    "VACUUM (FULL) deal",
];

/// Whoever waits for a table to be free keeps all from it who come later: so it is waited for in short turns. No table is
/// written for longer than the other bound, which lets everybody go on who waits meanwhile.
const BOUNDED: &str = "SET lock_timeout = '2s'; SET statement_timeout = '10min'";

/// Between two turns.
const LET_OTHERS_GO_FIRST: Duration = Duration::from_millis(500);

/// Forgets a subject, and the deals that gave it their records.
pub(super) async fn forget(
    sql: &mut PgConnection,
    master: Option<&SealKey>,
    subject: &Subject,
    mapping: &str,
    now: Timestamp,
) -> Outcome<Forgotten> {
    // Nobody relinks meanwhile, and nothing that gave its record away has work: none of them is waited for.
    locks::links(sql, Hold::Alone).await?;
    let absorbed = match subject {
        Subject::Deal(id) => absorbed_by(sql, id).await?,
        Subject::Referral(_) => Vec::new(),
    };
    let mut forgotten = forget_one(sql, master, subject, mapping, now).await?;
    for deal in absorbed {
        forgotten.add(&forget_one(sql, master, &Subject::Deal(deal), mapping, now).await?);
    }
    Ok(forgotten)
}

/// The deals that gave their records to this one, or to one of them.
async fn absorbed_by(sql: &mut PgConnection, deal: &DealId) -> Outcome<Vec<DealId>> {
    let rows = sqlx::query(
        "WITH RECURSIVE taken (id) AS (
             SELECT id FROM deal WHERE absorbed_by = $1
             UNION SELECT deal.id FROM deal JOIN taken ON deal.absorbed_by = taken.id)
         SELECT id FROM taken ORDER BY id",
    )
    .bind(text(deal.as_str()))
    .fetch_all(sql)
    .await?;
    rows.iter().map(|row| Ok(DealId::new(row.try_get::<String, _>(0)?))).collect()
}

async fn forget_one(
    sql: &mut PgConnection,
    master: Option<&SealKey>,
    subject: &Subject,
    mapping: &str,
    now: Timestamp,
) -> Outcome<Forgotten> {
    // No mark that was resolved before may come after.
    locks::links(sql, Hold::Alone).await?;
    locks::pauses(sql).await?;
    if let Subject::Deal(id) = subject {
        // Nor a decision that was let through before.
        locks::deciding(sql, id).await?;
    }
    work::hold(sql, subject).await?;
    let name = name_of(subject);
    locks::ledger(sql, &name).await?;
    let mut forgotten = Forgotten {
        lines: readable(
            sql,
            "SELECT count(*) FROM audit WHERE subject = $1 AND key IN
             (SELECT number FROM data_key WHERE subject = $1 AND wrapped IS NOT NULL)",
            &name,
        )
        .await?,
        ..Forgotten::default()
    };
    data_keys::destroy(sql, &name, now).await?;
    if let Subject::Deal(id) = subject {
        deal_rows::hold(sql, id).await?;
        let Some(mut deal) = deal_rows::load(sql, std::slice::from_ref(id)).await?.pop() else {
            return Err(
                StoreError::Failed(format!("there is no deal {id}; `cosell deals list` names them")).into()
            );
        };
        forgotten.archived = readable(
            sql,
            "SELECT count(*) FROM archive WHERE deal = substr($1, 6) AND key =
             (SELECT max(number) FROM data_key WHERE subject = $1 AND destroyed IS NOT NULL)",
            &name,
        )
        .await?;
        forgotten.in_step = erasing::in_step(&deal);
        // What nobody has carried out yet holds values that both sides hold: it stays with a deal that goes on.
        let decisions = if forgotten.in_step {
            "DELETE FROM decision WHERE deal = $1 AND ended IS NOT NULL"
        } else {
            "DELETE FROM decision WHERE deal = $1"
        };
        forgotten.decisions =
            sqlx::query(decisions).bind(text(id.as_str())).execute(&mut *sql).await?.rows_affected();
        // A pause goes on without its reason, which is in a person's own words.
        sqlx::query("UPDATE pause SET why = NULL, resumed_why = NULL WHERE scope = $1")
            .bind(Word(PauseScope::Deal(id.clone())))
            .execute(&mut *sql)
            .await?;
        if !forgotten.in_step {
            // Whoever works on it has read what is forgotten here, and must not write it down again.
            work::take_away(sql, subject).await?;
            erasing::empty(&mut deal);
            lead_rows::forget(sql, deal.links.portal.as_ref()).await?;
            let finished = deal.phase == Phase::Finished;
            deal_rows::save(sql, &deal, now).await?;
            if finished {
                sqlx::query("UPDATE deal SET forgotten = $2, companion_open = false WHERE id = $1")
                    .bind(text(id.as_str()))
                    .bind(Micros(now))
                    .execute(&mut *sql)
                    .await?;
            } else {
                marks::put(sql, subject, marks::Wish::at_once(now)).await?;
            }
        }
    }
    if let Subject::Referral(referral) = subject {
        lead_rows::forget(sql, Some(referral)).await?;
    }
    let line = erasing::line(forgotten.in_step, mapping, now);
    history::write_line(sql, master, subject, &line).await?;
    Ok(forgotten)
}

async fn readable(sql: &mut PgConnection, statement: &'static str, name: &str) -> Outcome<u64> {
    let row = sqlx::query(statement).bind(text(name)).fetch_one(sql).await?;
    Ok(row.try_get::<Count, _>(0)?.0)
}

/// Looks at deals after `after`, then at the referrals that became none.
pub(super) async fn mentions(
    sql: &mut PgConnection,
    master: Option<&SealKey>,
    address: &str,
    after: Option<&Subject>,
    most: usize,
) -> Outcome<Mentions> {
    let address = Address::new(address);
    let subjects = if let Some(Subject::Referral(_)) = after {
        strangers(sql, after, most).await?
    } else {
        let deals = deals(sql, after, most).await?;
        // Referrals come when there are no deals any more.
        if deals.is_empty() { strangers(sql, None, most).await? } else { deals }
    };
    let (mut found, mut doubtful) = (Vec::new(), Vec::new());
    for subject in &subjects {
        let Some(sight) = names(sql, master, subject, &address).await? else { continue };
        found.push(subject.clone());
        if sight == Sight::Doubtful {
            doubtful.push(subject.clone());
        }
    }
    Ok(Mentions { found, doubtful, looked: subjects.len(), last: subjects.into_iter().next_back() })
}

async fn deals(sql: &mut PgConnection, after: Option<&Subject>, most: usize) -> Outcome<Vec<Subject>> {
    let after = match after {
        Some(Subject::Deal(id)) => id.as_str(),
        _ => "",
    };
    let rows = sqlx::query("SELECT id FROM deal WHERE id > $1 ORDER BY id LIMIT $2")
        .bind(text(after))
        .bind(Count(most as u64))
        .fetch_all(sql)
        .await?;
    rows.iter().map(|row| Ok(Subject::Deal(DealId::new(row.try_get::<String, _>(0)?)))).collect()
}

async fn strangers(sql: &mut PgConnection, after: Option<&Subject>, most: usize) -> Outcome<Vec<Subject>> {
    let after = after.map_or_else(|| "referral ".to_owned(), name_of);
    let rows = sqlx::query(
        "SELECT subject FROM chain WHERE subject > $1 AND subject < 'referral!' ORDER BY subject LIMIT $2",
    )
    .bind(text(&after))
    .bind(Count(most as u64))
    .fetch_all(sql)
    .await?;
    let names: Vec<&str> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    Ok(names.into_iter().filter_map(subject_of).collect())
}

/// How surely anything that is kept of the subject names the address.
async fn names(
    sql: &mut PgConnection,
    master: Option<&SealKey>,
    subject: &Subject,
    address: &Address,
) -> Outcome<Option<Sight>> {
    let name = name_of(subject);
    let mut seen = None;
    if let Subject::Deal(id) = subject {
        seen = plain(sql, id, address).await?;
    }
    if seen == Some(Sight::Whole) {
        return Ok(seen);
    }
    let keys = data_keys::of(sql, master, &name).await?;
    if let Subject::Deal(id) = subject {
        seen = seen.max(archive_names(sql, &keys, id, &name, address).await?);
    }
    if seen == Some(Sight::Whole) {
        return Ok(seen);
    }
    Ok(seen.max(history_names(sql, &keys, &name, address).await?))
}

/// How surely what stands unsealed names it: what is remembered, what waits, and what people decided.
async fn plain(sql: &mut PgConnection, id: &DealId, address: &Address) -> Outcome<Option<Sight>> {
    let mut seen = None;
    for deal in deal_rows::load(sql, std::slice::from_ref(id)).await? {
        for text in erasing::texts(&deal)? {
            seen = seen.max(address.seen_in(&text));
        }
    }
    let rows = sqlx::query("SELECT verdict FROM decision WHERE deal = $1")
        .bind(text(id.as_str()))
        .fetch_all(sql)
        .await?;
    for row in rows {
        seen = seen.max(address.seen_in(row.try_get(0)?));
    }
    Ok(seen)
}

async fn archive_names(
    sql: &mut PgConnection,
    keys: &Keyring,
    id: &DealId,
    name: &str,
    address: &Address,
) -> Outcome<Option<Sight>> {
    let mut seen = None;
    let rows = sqlx::query("SELECT id, at, group_id, side, key, sealed FROM archive WHERE deal = $1")
        .bind(text(id.as_str()))
        .fetch_all(sql)
        .await?;
    for row in rows {
        let row = archive::sealed(&row)?;
        let place = value_place(name, row.at, &row.group, row.side);
        seen = seen.max(keys.text(row.key, &place, &row.sealed)?.and_then(|text| address.seen_in(&text)));
    }
    Ok(seen)
}

async fn history_names(
    sql: &mut PgConnection,
    keys: &Keyring,
    name: &str,
    address: &Address,
) -> Outcome<Option<Sight>> {
    let mut seen = None;
    let rows = sqlx::query("SELECT number, key, sealed FROM audit WHERE subject = $1")
        .bind(text(name))
        .fetch_all(sql)
        .await?;
    for row in rows {
        let (number, key) = (row.try_get::<Count, _>(0)?.0, row.try_get::<Count, _>(1)?.0);
        let sealed: &[u8] = row.try_get(2)?;
        let text = keys.text(key, &line_place(name, number), sealed)?;
        seen = seen.max(text.and_then(|text| address.seen_in(&text)));
    }
    Ok(seen)
}

/// Where operators' words and names outside of deals name the address; erased, if that is wanted.
pub(super) async fn remarks(sql: &mut PgConnection, address: &Address, erase: bool) -> Outcome<Vec<Remark>> {
    if erase {
        locks::pauses(sql).await?;
    }
    let mut found = Vec::new();
    for place in &PLACES {
        let rows = sqlx::query(place.read).fetch_all(&mut *sql).await?;
        let texts: Vec<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        let named: Vec<_> =
            texts.iter().filter_map(|text| Some((text, place.without(text, address)?))).collect();
        if erase {
            for (now, without) in &named {
                let without = without.as_deref().map(text);
                sqlx::query(place.replace).bind(without).bind(text(now)).execute(&mut *sql).await?;
            }
        }
        if !named.is_empty() {
            found.push(Remark { place: place.name, texts: named.len() as u64 });
        }
    }
    Ok(found)
}

impl PostgresStore {
    /// Writes the tables with values anew, one by one: rows that were erased or replaced stand in them until then. Whoever
    /// needs a table waits while it is written. What the server's own log and backups hold goes with their time.
    pub(super) async fn rewrite(&self) -> StoreResult<()> {
        self.may_write_beside()?;
        let rewrite = async {
            let mut connection = self.pool.acquire().await?;
            // With bounds of its own, on a connection that ends with it.
            connection.close_on_drop();
            sqlx::raw_sql(BOUNDED).execute(&mut *connection).await?;
            horizon::pass(&mut connection, self.options.scrub_patience).await?;
            for statement in ANEW {
                self.write_anew(&mut connection, statement).await?;
            }
            Outcome::Ok(())
        };
        Ok(rewrite.await?)
    }

    /// Writes one table anew as soon as it is free.
    async fn write_anew(&self, sql: &mut PgConnection, statement: &'static str) -> Outcome<()> {
        let end = Instant::now() + self.options.scrub_patience;
        loop {
            match sqlx::raw_sql(statement).execute(&mut *sql).await.map_err(Fault::from) {
                Ok(_) => return Ok(()),
                Err(fault) if fault.yielded() && Instant::now() < end => sleep(LET_OTHERS_GO_FIRST).await,
                Err(fault) if fault.yielded() => return Err(StoreError::Failed(in_use(statement)).into()),
                Err(fault) => return Err(fault),
            }
        }
    }

    /// How many bytes the tables have that are written anew.
    pub(super) async fn bytes_with_values(&self) -> StoreResult<u64> {
        look!(self, sql => bytes_with_values(sql))
    }
}

fn table(statement: &str) -> &str {
    statement.rsplit(' ').next().unwrap_or_default()
}

fn in_use(statement: &str) -> String {
    format!(
        "the table {} is in use all the time, and so its file keeps what was erased\n  fix: end what holds it (a \
         backup, a long query), and give the command again",
        table(statement)
    )
}

async fn bytes_with_values(sql: &mut PgConnection) -> Outcome<u64> {
    let tables: Vec<&str> = ANEW.iter().map(|statement| table(statement)).collect();
    let row = sqlx::query(
        "SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class
         WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND relname = ANY ($1)",
    )
    .bind(tables)
    .fetch_one(sql)
    .await?;
    Ok(row.try_get::<Count, _>(0)?.0)
}
