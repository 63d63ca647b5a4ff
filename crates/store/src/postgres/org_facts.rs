//! What the program asks besides the port: whose store it is, and what was found out about the org.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::{PgConnection, Row as _};
use sync_engine::StoreResult;

use super::{
    CommonClock, PostgresStore,
    columns::{Micros, text},
    fault::Outcome,
    forgetting, lifetime, look, read, resealing, write_beside,
};
use crate::{
    Database, KeyPlace, OrgFact, Remark, Resealed,
    mention::Address,
    sealing::{no_key, require_one},
};

#[async_trait]
impl Database for PostgresStore {
    async fn require_tenant(&self, tenant_id: &str) -> StoreResult<()> {
        look!(self, sql => lifetime::require_tenant(sql, tenant_id))
    }

    async fn tell_time(&self, clock: &Arc<CommonClock>) -> StoreResult<()> {
        self.follow(clock).await
    }

    async fn bound_org(&self) -> StoreResult<Option<String>> {
        look!(self, sql => lifetime::org(sql))
    }

    async fn org_facts(&self) -> StoreResult<Vec<OrgFact>> {
        look!(self, sql => all(sql))
    }

    async fn keep_org_facts(&self, facts: &[OrgFact]) -> StoreResult<()> {
        // In one order everywhere, so that two who look at the org do not wait for each other.
        let mut facts: Vec<&OrgFact> = facts.iter().collect();
        facts.sort_by(|one, other| one.name.cmp(&other.name));
        write_beside!(self, sql => keep(sql, &facts))
    }

    async fn reseal_keys(&self, after: Option<&KeyPlace>, most: usize) -> StoreResult<Resealed> {
        let master = self.master().ok_or_else(no_key)?;
        write_beside!(self, sql => resealing::keys(sql, master, after, most))
    }

    async fn keys_in_clear(&self) -> StoreResult<u64> {
        look!(self, sql => resealing::in_clear(sql))
    }

    async fn require_key(&self) -> StoreResult<()> {
        let samples: StoreResult<Vec<(String, u64, Vec<u8>)>> = look!(self, sql => resealing::samples(sql));
        require_one(self.master(), &samples?)
    }

    async fn reseal_tokens(&self) -> StoreResult<Resealed> {
        let master = self.master().ok_or_else(no_key)?;
        write_beside!(self, sql => resealing::tokens(sql, master))
    }

    async fn remarks(&self, address: &str, erase: bool) -> StoreResult<Vec<Remark>> {
        let address = Address::new(address);
        if erase {
            write_beside!(self, sql => forgetting::remarks(sql, &address, true))
        } else {
            read!(self, sql => forgetting::remarks(sql, &address, false))
        }
    }

    async fn bytes_to_scrub(&self) -> StoreResult<u64> {
        self.bytes_with_values().await
    }
}

async fn all(sql: &mut PgConnection) -> Outcome<Vec<OrgFact>> {
    let rows = sqlx::query("SELECT name, value, at FROM org_fact ORDER BY name").fetch_all(sql).await?;
    rows.iter()
        .map(|row| {
            Ok(OrgFact { name: row.try_get(0)?, value: row.try_get(1)?, at: row.try_get::<Micros, _>(2)?.0 })
        })
        .collect()
}

async fn keep(sql: &mut PgConnection, facts: &[&OrgFact]) -> Outcome<()> {
    for fact in facts {
        sqlx::query(
            "INSERT INTO org_fact (name, value, at) VALUES ($1, $2, $3)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value, at = excluded.at
             WHERE excluded.at >= org_fact.at",
        )
        .bind(text(&fact.name))
        .bind(text(&fact.value))
        .bind(Micros(fact.at))
        .execute(&mut *sql)
        .await?;
    }
    Ok(())
}
