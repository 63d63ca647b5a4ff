//! `[store]`: where the state lasts.

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::{SecretRef, Span};

/// The file when nothing is said.
const DEFAULT: &str = "cosell.sqlite3";

/// How long a database is waited for when nothing is said: as long as a server takes that is started again.
const WAIT: Duration = Duration::from_mins(1);

/// The longest wait for it. Whoever waits longer than this is taken for dead.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// `[store]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StoreConfig {
    /// The SQLite file.
    path: Option<PathBuf>,
    /// The PostgreSQL database, instead of a file.
    pub(crate) url: Option<StoreUrl>,
    /// The key that seals tokens, histories and kept values at rest: 32 bytes in base64.
    pub(crate) seal_key: Option<SecretRef>,
    /// The key before it, until `cosell store reseal` has sealed everything anew.
    pub(crate) former_seal_key: Option<SecretRef>,
    /// How long a process that starts waits for a database that does not answer.
    wait_for_database: Option<Span>,
}

/// The address of a PostgreSQL database: itself, without a password, or where it is kept.
#[derive(Clone)]
pub(crate) enum StoreUrl {
    /// `postgres://user@host/database`
    Plain(SecretString),
    /// `env:NAME` or `file:PATH`
    Kept(SecretRef),
}

impl StoreConfig {
    /// The SQLite file, relative to the configuration's folder; not used beside a URL.
    pub(crate) fn path(&self) -> &Path {
        self.path.as_deref().unwrap_or(Path::new(DEFAULT))
    }

    /// How long a process that starts waits for a database that does not answer.
    pub(crate) fn wait_for_database(&self) -> Duration {
        self.wait_for_database.map_or(WAIT, |wait| wait.0)
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if self.wait_for_database() > LONGEST_WAIT {
            return Err(format!(
                "[store] wait_for_database is longer than an hour\n  fix: wait_for_database = \"{}s\"",
                WAIT.as_secs()
            ));
        }
        if self.former_seal_key.is_some() && self.seal_key.is_none() {
            return Err(
                "[store]: there is a former_seal_key and no seal_key that came after it\n  fix: seal_key = \
                        \"env:COSELL_SEAL_KEY\", with the new key in that variable"
                    .to_owned(),
            );
        }
        match (&self.path, &self.url) {
            (Some(_), Some(_)) => Err(
                "[store]: both path and url are set, and the state is in one place\n  fix: keep path for one process \
                 and its file, or url for several workers on PostgreSQL"
                    .to_owned(),
            ),
            _ => Ok(()),
        }
    }
}

impl StoreUrl {
    /// Where the address is kept, if it is elsewhere.
    pub(crate) fn place(&self) -> Option<&SecretRef> {
        match self {
            Self::Plain(_) => None,
            Self::Kept(place) => Some(place),
        }
    }

    /// The address itself.
    pub(crate) fn read(&self, folder: &Path) -> anyhow::Result<SecretString> {
        match self {
            Self::Plain(url) => Ok(url.clone()),
            Self::Kept(place) => Ok(place.read(folder)?),
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(_) => f.write_str("StoreUrl(postgres://...)"),
            Self::Kept(place) => write!(f, "StoreUrl({place:?})"),
        }
    }
}

impl<'de> Deserialize<'de> for StoreUrl {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = SecretString::from(String::deserialize(from)?);
        let plain = text.expose_secret();
        if !plain.starts_with("postgres://") && !plain.starts_with("postgresql://") {
            let kept = SecretRef::deserialize(serde::de::value::StrDeserializer::<D::Error>::new(plain));
            return kept.map(Self::Kept).map_err(|_| {
                serde::de::Error::custom(
                    "[store] url is neither postgres://user@host/database nor env:NAME nor file:PATH",
                )
            });
        }
        let authority =
            plain.split("://").nth(1).and_then(|rest| rest.split(['/', '?']).next()).unwrap_or_default();
        let has_password = authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'));
        if has_password || plain.contains("password=") {
            return Err(serde::de::Error::custom(
                "[store] url has a password in it, and a secret never stands here\n  fix: url = \
                 \"env:COSELL_STORE_URL\", with the whole address in that variable",
            ));
        }
        Ok(Self::Plain(text))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

    use super::*;

    fn read(text: &str) -> Result<StoreConfig, String> {
        let config: StoreConfig = toml::from_str(text).map_err(|error| error.to_string())?;
        config.check().map(|()| config)
    }

    #[test]
    fn the_state_is_in_a_file_or_in_a_database_and_never_in_both() {
        assert_eq!(read("").unwrap().path(), Path::new(DEFAULT));
        assert!(
            read("url = 'postgres://cosell@db.example/cosell?sslmode=verify-full'").unwrap().url.is_some()
        );
        assert!(read("url = 'env:COSELL_STORE_URL'").unwrap().url.is_some());
        assert!(read("path = 'a.db'\nurl = 'env:X'").unwrap_err().contains("fix: keep path"));
        assert!(read("former_seal_key = 'file:old.key'").unwrap_err().contains("fix: seal_key"));
        assert_eq!(read("wait_for_database = '0s'").unwrap().wait_for_database(), Duration::ZERO);
        assert!(read("wait_for_database = '2h'").unwrap_err().contains("fix: wait_for_database"));
        assert!(read("url = 'mysql://x'").unwrap_err().contains("env:NAME"));
    }

    #[test]
    fn a_password_in_the_file_is_refused() {
        let told = read("url = 'postgres://cosell:planted@db.example/cosell'").unwrap_err();
        assert!(told.contains("fix: url = \"env:COSELL_STORE_URL\""), "{told}");
        let config = read("url = 'postgres://cosell@db.example/cosell'").unwrap();
        assert!(!format!("{config:?}").contains("db.example"));
    }
}
