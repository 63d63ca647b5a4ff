//! Who may still see what was erased: until nobody does, writing a table anew copies it.

use std::time::Duration;

use sqlx::{PgConnection, Row as _};
use sync_engine::StoreError;
use tokio::time::{Instant, sleep};

use super::fault::Outcome;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(200);

/// Whose picture of this database is from before the transaction `$1`: the oldest. A transaction that writes holds back
/// every picture that is taken while it lasts, in whichever database it is. What a slot keeps of the catalogue alone is
/// no row of ours.
const WHO_SEES: &str = "
    SELECT who FROM (
        SELECT 'process ' || pid AS who, backend_xmin AS since FROM pg_stat_activity
        WHERE pid <> pg_backend_pid() AND (datname = current_database() OR datname IS NULL)
        UNION ALL
        SELECT 'process ' || pid, backend_xid FROM pg_stat_activity WHERE pid <> pg_backend_pid()
        UNION ALL
        SELECT 'the replication slot ' || slot_name, xmin FROM pg_replication_slots
        UNION ALL
        SELECT 'the prepared transaction ' || gid, transaction FROM pg_prepared_xacts
    ) AS seen
    WHERE since IS NOT NULL AND age(since) > age($1::text::xid)
    ORDER BY age(since) DESC LIMIT 1";

/// Waits until nobody sees rows any more that were replaced or deleted before now, for no longer than `patience`.
pub(super) async fn pass(sql: &mut PgConnection, patience: Duration) -> Outcome<()> {
    // Every transaction that erased something has an older number than one that begins now.
    let now = sqlx::query("SELECT pg_current_xact_id()::xid::text").fetch_one(&mut *sql).await?;
    let now: String = now.try_get(0)?;
    let end = Instant::now() + patience;
    loop {
        let who = sqlx::query(WHO_SEES).bind(&now).fetch_optional(&mut *sql).await?;
        let Some(who) = who else { return Ok(()) };
        if Instant::now() >= end {
            let who: String = who.try_get(0)?;
            return Err(StoreError::Failed(format!(
                "{who} of the database server still sees what was erased, and so the files keep it\n  fix: end it, or \
                 wait until it has ended (a backup, a long query, one on a standby), and give the command again"
            ))
            .into());
        }
        sleep(PAUSE).await;
    }
}
