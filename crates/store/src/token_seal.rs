//! Refresh tokens at rest: sealed with AES-256-GCM under the operator's key, bound to their name and version.

use ports::TokenStoreError;
use secrecy::{ExposeSecret as _, SecretString};

use crate::{SealKey, sealing};

pub(crate) const NO_KEY: &str = "the store has no seal key, and a token is never stored in the clear\n  fix: put 32 random \
                      bytes in base64 (openssl rand -base64 32) where [store] seal_key says, for example \
                      seal_key = \"env:COSELL_SEAL_KEY\"";
pub(crate) const WRONG_KEY: &str = "it does not open with this seal key\n  fix: put the key back that sealed it, or sign in \
                         again: cosell login partner-center";

pub(crate) fn lease_name(token: &str) -> String {
    format!("token {token}")
}

pub(crate) fn successor(name: &str, version: u64) -> Result<u64, TokenStoreError> {
    version.checked_add(1).ok_or_else(|| refuse(name, &"its version is out of range"))
}

pub(crate) fn refuse(name: &str, reason: &dyn std::fmt::Display) -> TokenStoreError {
    TokenStoreError { name: name.to_owned(), reason: reason.to_string() }
}

/// What a sealed text is bound to: moved to another row, or put back from an older one, it does not open.
fn bound_to(name: &str, version: u64) -> Vec<u8> {
    format!("cosell token {version} {name}").into_bytes()
}

pub(crate) fn seal(key: &SealKey, name: &str, version: u64, secret: &SecretString) -> Option<Vec<u8>> {
    sealing::seal(key.expose(), &bound_to(name, version), secret.expose_secret().as_bytes())
}

pub(crate) fn open(key: &SealKey, name: &str, version: u64, sealed: &[u8]) -> Option<SecretString> {
    let text = sealing::open_under(key, &bound_to(name, version), sealed)?;
    String::from_utf8(text).ok().map(SecretString::from)
}

/// What becomes of a sealed token when the seal key was changed.
pub(crate) enum Anew {
    /// The present key sealed it.
    Present,
    /// This is to stand in its place.
    Sealed(Vec<u8>),
    /// No key opens it: a person signs in again.
    Unreadable,
}

pub(crate) fn anew(key: &SealKey, name: &str, version: u64, sealed: &[u8]) -> Anew {
    if sealing::open(key.expose(), &bound_to(name, version), sealed).is_some() {
        return Anew::Present;
    }
    let anew = open(key, name, version, sealed).and_then(|secret| seal(key, name, version, &secret));
    anew.map_or(Anew::Unreadable, Anew::Sealed)
}
