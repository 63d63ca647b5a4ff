//! What the program asks besides the port: whose store it is, and what was found out about the org.

use async_trait::async_trait;
use rusqlite::params;
use sync_engine::StoreResult;

use super::{SqliteStore, columns::Micros, lifetime};
use crate::{Database, OrgFact};

#[async_trait]
impl Database for SqliteStore {
    async fn require_tenant(&self, tenant_id: &str) -> StoreResult<()> {
        self.read(|sql| lifetime::require_tenant(sql, tenant_id))
    }

    async fn bound_org(&self) -> StoreResult<Option<String>> {
        self.read(|sql| lifetime::org(sql))
    }

    async fn org_facts(&self) -> StoreResult<Vec<OrgFact>> {
        self.read(|sql| {
            let mut statement = sql.prepare_cached("SELECT name, value, at FROM org_fact ORDER BY name")?;
            let rows = statement.query_map([], |row| {
                Ok(OrgFact { name: row.get(0)?, value: row.get(1)?, at: row.get::<_, Micros>(2)?.0 })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    async fn keep_org_facts(&self, facts: &[OrgFact]) -> StoreResult<()> {
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
