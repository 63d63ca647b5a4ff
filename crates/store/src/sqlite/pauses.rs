//! The pauses that servers asked for, kept so that they outlast the process and reach commands beside it.

use jiff::Timestamp;
use ports::{PauseBook, PauseBookError, Platform};
use rusqlite::params;

use super::{SqliteStore, columns::Micros};

impl PauseBook for SqliteStore {
    fn pauses(&self) -> Result<Vec<(Platform, Timestamp)>, PauseBookError> {
        let rows = self.read(|sql| {
            let mut statement = sql
                .prepare_cached("SELECT platform, paused_until FROM budget WHERE paused_until IS NOT NULL")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, Micros>(1)?.0)))?;
            Ok(rows.collect::<Result<Vec<(String, Timestamp)>, _>>()?)
        });
        let rows = rows.map_err(|error| PauseBookError(error.to_string()))?;
        let named = |name: &str| Platform::ALL.into_iter().find(|platform| platform.name() == name);
        // A platform that this program does not know has no calls that could pause.
        Ok(rows.into_iter().filter_map(|(name, until)| Some((named(&name)?, until))).collect())
    }

    fn keep(&self, platform: Platform, until: Timestamp) -> Result<(), PauseBookError> {
        let kept = self.write(|sql| {
            sql.prepare_cached(
                "INSERT INTO budget (platform, paused_until) VALUES (?1, ?2)
                 ON CONFLICT (platform) DO UPDATE
                 SET paused_until = max(coalesce(paused_until, 0), excluded.paused_until)",
            )?
            .execute(params![platform.name(), Micros(until)])?;
            Ok(())
        });
        kept.map_err(|error| PauseBookError(error.to_string()))
    }
}
