//! What was found out about the org: its options as last seen, and how it took the trial writes.

use jiff::Timestamp;
use rusqlite::params;
use sync_engine::StoreResult;

use super::{SqliteStore, columns::Micros};

/// One thing that was found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrgFact {
    /// What it is about.
    pub name: String,
    /// How it stands.
    pub value: String,
    /// When it was last looked at.
    pub at: Timestamp,
}

impl SqliteStore {
    /// All that is known, by name.
    pub fn org_facts(&self) -> StoreResult<Vec<OrgFact>> {
        self.read(|sql| {
            let mut statement = sql.prepare_cached("SELECT name, value, at FROM org_fact ORDER BY name")?;
            let rows = statement.query_map([], |row| {
                Ok(OrgFact { name: row.get(0)?, value: row.get(1)?, at: row.get::<_, Micros>(2)?.0 })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Keeps what was found out; the newer look counts. Also by a command beside the store's owner.
    pub fn keep_org_facts(&self, facts: &[OrgFact]) -> StoreResult<()> {
        self.write_beside(|sql| {
            let mut statement = sql.prepare_cached(
                "INSERT INTO org_fact (name, value, at) VALUES (?1, ?2, ?3)
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value, at = excluded.at
                 WHERE excluded.at >= at",
            )?;
            for fact in facts {
                statement.execute(params![fact.name, fact.value, Micros(fact.at)])?;
            }
            Ok(())
        })
    }
}
