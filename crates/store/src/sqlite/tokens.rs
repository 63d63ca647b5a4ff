//! Refresh tokens, sealed with AES-256-GCM before they reach the file.

use async_trait::async_trait;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use ports::{StoredToken, TokenStore, TokenStoreError};
use rusqlite::{OptionalExtension as _, params};
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    SqliteStore,
    columns::{Count, Micros},
};
use crate::SealKey;

const NO_KEY: &str = "the store has no seal key, and a token is never stored in the clear; \
                      set the key in the configuration and start again";
const WRONG_KEY: &str = "it does not open with this seal key; put the key back that sealed it, \
                         or authorise the account again";

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

    async fn replace(&self, name: &str, version: u64, secret: SecretString) -> Result<bool, TokenStoreError> {
        let next = version.checked_add(1).ok_or_else(|| refuse(name, &"its version is out of range"))?;
        let sealed = seal(self.key(name)?, name, next, &secret)
            .ok_or_else(|| refuse(name, &"it could not be sealed"))?;
        let stored_at = Micros(self.options.clock.now());
        self.write_beside(|sql| {
            let changed = if version == 0 {
                sql.prepare_cached(
                    "INSERT INTO token (name, sealed, version, stored_at) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT DO NOTHING",
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
}

impl SqliteStore {
    fn key(&self, name: &str) -> Result<&SealKey, TokenStoreError> {
        self.options.seal_key.as_ref().ok_or_else(|| refuse(name, &NO_KEY))
    }
}

fn refuse(name: &str, reason: &dyn std::fmt::Display) -> TokenStoreError {
    TokenStoreError { name: name.to_owned(), reason: reason.to_string() }
}

/// What a sealed text is bound to: moved to another row, or put back from an older one, it does not open.
fn bound_to(name: &str, version: u64) -> Aad<String> {
    Aad::from(format!("cosell token {version} {name}"))
}

fn seal(key: &SealKey, name: &str, version: u64, secret: &SecretString) -> Option<Vec<u8>> {
    let key = RandomizedNonceKey::new(&AES_256_GCM, key.expose()).ok()?;
    let mut text = secret.expose_secret().as_bytes().to_vec();
    let nonce = key.seal_in_place_append_tag(bound_to(name, version), &mut text).ok()?;
    let mut sealed = nonce.as_ref().to_vec();
    sealed.append(&mut text);
    Some(sealed)
}

fn open(key: &SealKey, name: &str, version: u64, sealed: &[u8]) -> Option<SecretString> {
    let key = RandomizedNonceKey::new(&AES_256_GCM, key.expose()).ok()?;
    let (nonce, text) = sealed.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut text = text.to_vec();
    let length = key.open_in_place(nonce, bound_to(name, version), &mut text).ok()?.len();
    text.truncate(length);
    String::from_utf8(text).ok().map(SecretString::from)
}
