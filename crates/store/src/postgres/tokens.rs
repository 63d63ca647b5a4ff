//! Refresh tokens, sealed before they reach the server, and the right to spend them.

use async_trait::async_trait;
use jiff::Timestamp;
use ports::{StoredToken, TokenFacts, TokenLease, TokenStore, TokenStoreError};
use secrecy::SecretString;
use sqlx::{PgConnection, Row as _};
use sync_engine::{Fence, StoreError};

use super::{
    PostgresStore,
    columns::{Count, Micros, text},
    fault::{Fault, Outcome},
    leases, locks, look, write_beside,
};
use crate::{
    SealKey,
    token_seal::{NO_KEY, WRONG_KEY, lease_name, open, refuse, seal, successor},
};

#[async_trait]
impl TokenStore for PostgresStore {
    async fn load(&self, name: &str) -> Result<Option<StoredToken>, TokenStoreError> {
        let row = look!(self, sql => sealed(sql, name)).map_err(|error| refuse(name, &error))?;
        let Some(Sealed { text, version, stored_at }) = row else { return Ok(None) };
        let secret = open(self.key(name)?, name, version, &text).ok_or_else(|| refuse(name, &WRONG_KEY))?;
        Ok(Some(StoredToken { secret, stored_at, version }))
    }

    async fn facts(&self, name: &str) -> Result<Option<TokenFacts>, TokenStoreError> {
        look!(self, sql => facts(sql, name)).map_err(|error| refuse(name, &error))
    }

    async fn replace(&self, name: &str, version: u64, secret: SecretString) -> Result<bool, TokenStoreError> {
        let next = successor(name, version)?;
        let sealed = seal(self.key(name)?, name, next, &secret)
            .ok_or_else(|| refuse(name, &"it could not be sealed"))?;
        let now = self.options.clock.now();
        let statement = if version == 0 {
            "INSERT INTO token (name, sealed, version, stored_at, signed_in_at)
             SELECT $1, $2, $3, $4, $4 WHERE $5 = 0 ON CONFLICT DO NOTHING"
        } else {
            "UPDATE token SET sealed = $2, version = $3, stored_at = $4 WHERE name = $1 AND version = $5"
        };
        write_beside!(self, sql => store(sql, statement, name, &sealed, next, now, version))
            .map_err(|error| refuse(name, &error))
    }

    async fn sow(&self, name: &str, version: u64, secret: SecretString) -> Result<bool, TokenStoreError> {
        if version == 0 {
            return self.replace(name, version, secret).await;
        }
        let next = successor(name, version)?;
        let sealed = seal(self.key(name)?, name, next, &secret)
            .ok_or_else(|| refuse(name, &"it could not be sealed"))?;
        let now = self.options.clock.now();
        let statement = "UPDATE token SET sealed = $2, version = $3, stored_at = $4, signed_in_at = $4,
                account = NULL, challenge = NULL
             WHERE name = $1 AND version = $5";
        write_beside!(self, sql => store(sql, statement, name, &sealed, next, now, version))
            .map_err(|error| refuse(name, &error))
    }

    async fn sign_in(
        &self,
        name: &str,
        secret: SecretString,
        account: Option<String>,
    ) -> Result<(), TokenStoreError> {
        let key = self.key(name)?;
        let now = self.options.clock.now();
        write_beside!(self, sql => sign_in(sql, key, name, &secret, account.as_deref(), now))
            .map_err(|error| refuse(name, &error))
    }

    async fn challenge(&self, name: &str, claims: Option<&str>) -> Result<(), TokenStoreError> {
        write_beside!(self, sql => challenge(sql, name, claims)).map_err(|error| refuse(name, &error))
    }

    async fn lease(
        &self,
        name: &str,
        owner: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<TokenLease>, TokenStoreError> {
        let lease = lease_name(name);
        let fence = write_beside!(self, sql => leases::lease(sql, &lease, owner, now, until, false))
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
        match write_beside!(self, sql => leases::end_lease(sql, &fence)) {
            Ok(()) | Err(StoreError::Fenced(_)) => Ok(()),
            Err(error) => Err(refuse(&lease.name, &error)),
        }
    }
}

impl PostgresStore {
    fn key(&self, name: &str) -> Result<&SealKey, TokenStoreError> {
        self.options.seal_key.as_ref().ok_or_else(|| refuse(name, &NO_KEY))
    }
}

/// A token as it lies in its row.
struct Sealed {
    text: Vec<u8>,
    version: u64,
    stored_at: Timestamp,
}

async fn sealed(sql: &mut PgConnection, name: &str) -> Outcome<Option<Sealed>> {
    let row = sqlx::query("SELECT sealed, version, stored_at FROM token WHERE name = $1")
        .bind(text(name))
        .fetch_optional(sql)
        .await?;
    row.map(|row| {
        Ok(Sealed {
            text: row.try_get(0)?,
            version: row.try_get::<Count, _>(1)?.0,
            stored_at: row.try_get::<Micros, _>(2)?.0,
        })
    })
    .transpose()
}

async fn facts(sql: &mut PgConnection, name: &str) -> Outcome<Option<TokenFacts>> {
    let row =
        sqlx::query("SELECT version, stored_at, signed_in_at, account, challenge FROM token WHERE name = $1")
            .bind(text(name))
            .fetch_optional(sql)
            .await?;
    row.map(|row| {
        Ok(TokenFacts {
            version: row.try_get::<Count, _>(0)?.0,
            stored_at: row.try_get::<Micros, _>(1)?.0,
            signed_in_at: row.try_get::<Micros, _>(2)?.0,
            account: row.try_get(3)?,
            challenge: row.try_get(4)?,
        })
    })
    .transpose()
}

/// Stores a successor by `statement`; false if `version` is no more the present one.
async fn store(
    sql: &mut PgConnection,
    statement: &'static str,
    name: &str,
    sealed: &[u8],
    next: u64,
    now: Timestamp,
    version: u64,
) -> Outcome<bool> {
    let done = sqlx::query(statement)
        .bind(text(name))
        .bind(sealed)
        .bind(Count(next))
        .bind(Micros(now))
        .bind(Count(version))
        .execute(sql)
        .await?;
    Ok(done.rows_affected() == 1)
}

async fn sign_in(
    sql: &mut PgConnection,
    key: &SealKey,
    name: &str,
    secret: &SecretString,
    account: Option<&str>,
    now: Timestamp,
) -> Outcome<()> {
    // One at a time, also while there is no row yet: the text is bound to the version that it gets.
    locks::named(sql, "token", name).await?;
    let row = sqlx::query("SELECT version FROM token WHERE name = $1 FOR UPDATE")
        .bind(text(name))
        .fetch_optional(&mut *sql)
        .await?;
    let present = row.map(|row| row.try_get::<Count, _>(0)).transpose()?.map_or(0, |version| version.0);
    let next = present + 1;
    let Some(sealed) = seal(key, name, next, secret) else {
        return Err(Fault::Port(StoreError::Failed("the token could not be sealed".to_owned())));
    };
    sqlx::query(
        "INSERT INTO token (name, sealed, version, stored_at, signed_in_at, account)
         VALUES ($1, $2, $3, $4, $4, $5)
         ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed, version = excluded.version,
             stored_at = excluded.stored_at, signed_in_at = excluded.signed_in_at,
             account = excluded.account, challenge = NULL",
    )
    .bind(text(name))
    .bind(sealed)
    .bind(Count(next))
    .bind(Micros(now))
    .bind(account.map(text))
    .execute(sql)
    .await?;
    Ok(())
}

async fn challenge(sql: &mut PgConnection, name: &str, claims: Option<&str>) -> Outcome<()> {
    sqlx::query("UPDATE token SET challenge = $2 WHERE name = $1")
        .bind(text(name))
        .bind(claims.map(text))
        .execute(sql)
        .await?;
    Ok(())
}
