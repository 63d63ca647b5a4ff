//! Refresh tokens, sealed before they reach the file, and the right to spend them.

use async_trait::async_trait;
use jiff::Timestamp;
use ports::{StoredToken, TokenFacts, TokenLease, TokenStore, TokenStoreError};
use rusqlite::{Connection, OptionalExtension as _, params};
use secrecy::SecretString;
use sync_engine::{Fence, StoreError};

use super::{
    SqliteStore,
    columns::{Count, Micros},
    fault::{Fault, Outcome},
    leases,
};
use crate::{
    SealKey,
    token_seal::{NO_KEY, WRONG_KEY, lease_name, open, refuse, seal, successor},
};

#[async_trait]
impl TokenStore for SqliteStore {
    async fn load(&self, name: &str) -> Result<Option<StoredToken>, TokenStoreError> {
        let row: Option<(Vec<u8>, Count, Micros)> = self
            .read(|sql| {
                Ok(sql
                    .prepare_cached("SELECT sealed, version, stored_at FROM token WHERE name = ?1")?
                    .query_row([name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                    .optional()?)
            })
            .map_err(|error| refuse(name, &error))?;
        let Some((sealed, version, stored_at)) = row else { return Ok(None) };
        let secret =
            open(self.key(name)?, name, version.0, &sealed).ok_or_else(|| refuse(name, &WRONG_KEY))?;
        Ok(Some(StoredToken { secret, stored_at: stored_at.0, version: version.0 }))
    }

    async fn facts(&self, name: &str) -> Result<Option<TokenFacts>, TokenStoreError> {
        self.read(|sql| {
            Ok(sql
                .prepare_cached(
                    "SELECT version, stored_at, signed_in_at, account, challenge FROM token WHERE name = ?1",
                )?
                .query_row([name], |row| {
                    Ok(TokenFacts {
                        version: row.get::<_, Count>(0)?.0,
                        stored_at: row.get::<_, Micros>(1)?.0,
                        signed_in_at: row.get::<_, Micros>(2)?.0,
                        account: row.get(3)?,
                        challenge: row.get(4)?,
                    })
                })
                .optional()?)
        })
        .map_err(|error| refuse(name, &error))
    }

    async fn replace(&self, name: &str, version: u64, secret: SecretString) -> Result<bool, TokenStoreError> {
        let next = successor(name, version)?;
        let sealed = seal(self.key(name)?, name, next, &secret)
            .ok_or_else(|| refuse(name, &"it could not be sealed"))?;
        let stored_at = Micros(self.options.clock.now());
        self.write_beside(|sql| {
            let changed = if version == 0 {
                sql.prepare_cached(
                    "INSERT INTO token (name, sealed, version, stored_at, signed_in_at)
                     VALUES (?1, ?2, ?3, ?4, ?4) ON CONFLICT DO NOTHING",
                )?
                .execute(params![name, sealed, Count(next), stored_at])?
            } else {
                sql.prepare_cached(
                    "UPDATE token SET sealed = ?2, version = ?3, stored_at = ?4 WHERE name = ?1 AND version = ?5",
                )?
                .execute(params![name, sealed, Count(next), stored_at, Count(version)])?
            };
            Ok(changed == 1)
        })
        .map_err(|error| refuse(name, &error))
    }

    async fn sow(&self, name: &str, version: u64, secret: SecretString) -> Result<bool, TokenStoreError> {
        if version == 0 {
            return self.replace(name, version, secret).await;
        }
        let next = successor(name, version)?;
        let sealed = seal(self.key(name)?, name, next, &secret)
            .ok_or_else(|| refuse(name, &"it could not be sealed"))?;
        let now = Micros(self.options.clock.now());
        self.write_beside(|sql| {
            let changed = sql
                .prepare_cached(
                    "UPDATE token SET sealed = ?2, version = ?3, stored_at = ?4, signed_in_at = ?4, account = NULL,
                         challenge = NULL
                     WHERE name = ?1 AND version = ?5",
                )?
                .execute(params![name, sealed, Count(next), now, Count(version)])?;
            Ok(changed == 1)
        })
        .map_err(|error| refuse(name, &error))
    }

    async fn sign_in(
        &self,
        name: &str,
        secret: SecretString,
        account: Option<String>,
    ) -> Result<(), TokenStoreError> {
        let key = self.key(name)?;
        let now = Micros(self.options.clock.now());
        self.write_beside(|sql| {
            let next = present_version(sql, name)? + 1;
            // The text is bound to its version, so it can only be sealed here, where the version is known.
            let Some(sealed) = seal(key, name, next, &secret) else {
                return Err(Fault::Port(StoreError::Failed("the token could not be sealed".to_owned())));
            };
            sql.prepare_cached(
                "INSERT INTO token (name, sealed, version, stored_at, signed_in_at, account)
                 VALUES (?1, ?2, ?3, ?4, ?4, ?5)
                 ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed, version = excluded.version,
                     stored_at = excluded.stored_at, signed_in_at = excluded.signed_in_at,
                     account = excluded.account, challenge = NULL",
            )?
            .execute(params![name, sealed, Count(next), now, account])?;
            Ok(())
        })
        .map_err(|error| refuse(name, &error))
    }

    async fn challenge(&self, name: &str, claims: Option<&str>) -> Result<(), TokenStoreError> {
        self.write_beside(|sql| {
            sql.prepare_cached("UPDATE token SET challenge = ?2 WHERE name = ?1")?
                .execute(params![name, claims])?;
            Ok(())
        })
        .map_err(|error| refuse(name, &error))
    }

    async fn lease(
        &self,
        name: &str,
        owner: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<TokenLease>, TokenStoreError> {
        let owner = self.holder(owner);
        let fence = self
            .write_beside(|sql| leases::lease(sql, &lease_name(name), &owner, now, until))
            .map_err(|error| refuse(name, &error))?;
        Ok(fence.map(|fence| TokenLease {
            name: name.to_owned(),
            owner: fence.owner,
            number: fence.number,
            until,
        }))
    }

    async fn end_lease(&self, lease: &TokenLease) -> Result<(), TokenStoreError> {
        let fence = Fence { name: lease_name(&lease.name), owner: lease.owner.clone(), number: lease.number };
        match self.write_beside(|sql| leases::end_lease(sql, &fence)) {
            Ok(()) | Err(StoreError::Fenced(_)) => Ok(()),
            Err(error) => Err(refuse(&lease.name, &error)),
        }
    }
}

fn present_version(sql: &Connection, name: &str) -> Outcome<u64> {
    let version: Option<Count> = sql
        .prepare_cached("SELECT version FROM token WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    Ok(version.map_or(0, |version| version.0))
}

impl SqliteStore {
    fn key(&self, name: &str) -> Result<&SealKey, TokenStoreError> {
        self.options.seal_key.as_ref().ok_or_else(|| refuse(name, &NO_KEY))
    }

    /// Who holds a lease: one that a process beside the store's owner holds outlives the owner's start.
    fn holder(&self, owner: &str) -> String {
        if self.lock.is_some() { owner.to_owned() } else { format!("{}{owner}", leases::BESIDE) }
    }
}
