//! Secrets by reference: the configuration says where they are, never what they are.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use secrecy::SecretString;
use serde::{Deserialize, Deserializer, de::Error as _};

use super::ConfigError;

/// Where a secret is: `env:NAME` or `file:PATH`. The configuration never holds the secret itself.
#[derive(Clone)]
pub(crate) struct SecretRef(Place);

#[derive(Clone)]
enum Place {
    Env(String),
    File(PathBuf),
}

impl fmt::Debug for SecretRef {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Env(name) => write!(out, "env:{name}"),
            Place::File(path) => write!(out, "file:{}", path.display()),
        }
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The text itself may be the secret: it is not repeated.
        Self::named(&String::deserialize(deserializer)?).ok_or_else(|| {
            D::Error::custom("a secret is not written into the configuration; write env:NAME or file:PATH")
        })
    }
}

impl SecretRef {
    /// The place that a text names; nothing, if it names none.
    pub(crate) fn named(text: &str) -> Option<Self> {
        let env = || text.strip_prefix("env:").map(|name| Place::Env(name.to_owned()));
        let file = || text.strip_prefix("file:").map(|path| Place::File(path.into()));
        env().or_else(file).map(Self)
    }

    /// The secret. Relative paths start at `beside`, the configuration's folder.
    pub(crate) fn read(&self, beside: &Path) -> Result<SecretString, ConfigError> {
        let text = match &self.0 {
            Place::Env(name) => std::env::var(name).map_err(|_| ConfigError::Secret {
                place: format!("{self:?}"),
                reason: format!("the environment variable {name} is not set"),
            })?,
            Place::File(path) => std::fs::read_to_string(beside.join(path)).map_err(|error| {
                ConfigError::Secret { place: format!("{self:?}"), reason: error.to_string() }
            })?,
        };
        if text.trim().is_empty() {
            return Err(ConfigError::Secret {
                place: format!("{self:?}"),
                reason: "it is empty\n  fix: put the secret there, or leave the key out of the configuration"
                    .to_owned(),
            });
        }
        Ok(SecretString::from(text.trim_end_matches(['\r', '\n']).to_owned()))
    }
}
