//! Refresh tokens, sealed with AES-256-GCM before they reach the file, and the right to spend them.

use async_trait::async_trait;
use jiff::Timestamp;
use ports::{StoredToken, TokenFacts, TokenLease, TokenStore, TokenStoreError};
use rusqlite::{Connection, OptionalExtension as _, params};
use secrecy::{ExposeSecret as _, SecretString};
use sync_engine::{Fence, StoreError};

use super::{
    SqliteStore,
    columns::{Count, Micros},
    fault::{Fault, Outcome},
    leases,
};
use crate::{SealKey, sealing};

const NO_KEY: &str = "the store has no seal key, and a token is never stored in the clear\n  fix: put 32 random \
                      bytes in base64 (openssl rand -base64 32) where [store] seal_key says, for example \
                      seal_key = \"env:COSELL_SEAL_KEY\"";
const WRONG_KEY: &str = "it does not open with this seal key\n  fix: put the key back that sealed it, or sign in \
                         again: cosell login partner-center";

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

fn lease_name(token: &str) -> String {
    format!("token {token}")
}

fn successor(name: &str, version: u64) -> Result<u64, TokenStoreError> {
    version.checked_add(1).ok_or_else(|| refuse(name, &"its version is out of range"))
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

fn refuse(name: &str, reason: &dyn std::fmt::Display) -> TokenStoreError {
    TokenStoreError { name: name.to_owned(), reason: reason.to_string() }
}

/// What a sealed text is bound to: moved to another row, or put back from an older one, it does not open.
fn bound_to(name: &str, version: u64) -> Vec<u8> {
    format!("cosell token {version} {name}").into_bytes()
}

fn seal(key: &SealKey, name: &str, version: u64, secret: &SecretString) -> Option<Vec<u8>> {
    sealing::seal(key.expose(), &bound_to(name, version), secret.expose_secret().as_bytes())
}

fn open(key: &SealKey, name: &str, version: u64, sealed: &[u8]) -> Option<SecretString> {
    let text = sealing::open(key.expose(), &bound_to(name, version), sealed)?;
    String::from_utf8(text).ok().map(SecretString::from)
}
