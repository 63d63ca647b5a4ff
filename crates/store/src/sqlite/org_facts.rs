//! What the program asks besides the port: whose store it is, and what was found out about the org.

use async_trait::async_trait;
use rusqlite::params;
use sync_engine::StoreResult;

use super::{
    SqliteStore,
    columns::{Count, Micros},
    forgetting, lifetime, resealing,
};
use crate::{
    Database, KeyPlace, OrgFact, Remark, Resealed,
    mention::Address,
    sealing::{no_key, require_one},
};

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

    async fn reseal_keys(&self, after: Option<&KeyPlace>, most: usize) -> StoreResult<Resealed> {
        let master = self.master().ok_or_else(no_key)?;
        self.write_beside(|sql| resealing::keys(sql, master, after, most))
    }

    async fn keys_in_clear(&self) -> StoreResult<u64> {
        self.read(|sql| resealing::in_clear(sql))
    }

    async fn require_key(&self) -> StoreResult<()> {
        require_one(self.master(), &self.read(|sql| resealing::samples(sql))?)
    }

    async fn reseal_tokens(&self) -> StoreResult<Resealed> {
        let master = self.master().ok_or_else(no_key)?;
        self.write_beside(|sql| resealing::tokens(sql, master))
    }

    async fn remarks(&self, address: &str, erase: bool) -> StoreResult<Vec<Remark>> {
        let address = Address::new(address);
        if erase {
            self.write_beside(|sql| forgetting::remarks(sql, &address, true))
        } else {
            self.read(|sql| forgetting::remarks(sql, &address, false))
        }
    }

    async fn bytes_to_scrub(&self) -> StoreResult<u64> {
        self.read(|sql| {
            let pages = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
            Ok(sql.query_row(pages, [], |row| row.get::<_, Count>(0))?.0)
        })
    }
}
