//! Secrets by reference: the configuration says where they are, never what they are.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use secrecy::{SecretString, zeroize::Zeroizing};
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

/// The mode's bits that let group or others read a file ...
const READ: u32 = 0o044;
/// ... and enter a folder.
const ENTER: u32 = 0o011;

#[cfg(unix)]
fn others_may(path: &Path, bits: u32) -> Option<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    Some(std::fs::metadata(path).ok()?.permissions().mode() & bits != 0)
}

#[cfg(not(unix))]
fn others_may(_: &Path, _: u32) -> Option<bool> {
    None
}

impl SecretRef {
    /// The place that a text names; nothing, if it names none.
    pub(crate) fn named(text: &str) -> Option<Self> {
        let env = || text.strip_prefix("env:").map(|name| Place::Env(name.to_owned()));
        let file = || text.strip_prefix("file:").map(|path| Place::File(path.into()));
        env().or_else(file).map(Self)
    }

    /// The file that holds it, if others of this machine can read it there: those whom its own mode admits, and its
    /// folder does not keep out. Of files that cannot be looked at nothing is said.
    pub(crate) fn open_to_others(&self, beside: &Path) -> Option<PathBuf> {
        let Place::File(path) = &self.0 else { return None };
        let path = beside.join(path);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        (others_may(&path, READ)? && others_may(folder, ENTER)?).then_some(path)
    }

    /// The secret. Relative paths start at `beside`, the configuration's folder.
    pub(crate) fn read(&self, beside: &Path) -> Result<SecretString, ConfigError> {
        let text = Zeroizing::new(match &self.0 {
            Place::Env(name) => std::env::var(name).map_err(|_| ConfigError::Secret {
                place: format!("{self:?}"),
                reason: format!(
                    "the environment variable {name} is not set\n  fix: export it where this program is started, or name \
                     a file: file:PATH"
                ),
            })?,
            Place::File(path) => std::fs::read_to_string(beside.join(path)).map_err(|error| {
                ConfigError::Secret {
                    place: format!("{self:?}"),
                    reason: format!(
                        "{error}\n  fix: put the secret into that file, readable by this program's user alone"
                    ),
                }
            })?,
        });
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

#[cfg(all(test, unix))]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn a_secret_that_others_can_read_is_seen_and_one_behind_a_closed_folder_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seal.key");
        fs::write(&path, "a secret").unwrap();
        let place = SecretRef::named("file:seal.key").unwrap();
        for (of_folder, of_file, open) in
            [(0o755, 0o644, true), (0o755, 0o640, true), (0o755, 0o600, false), (0o700, 0o644, false)]
        {
            let mode =
                |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
            mode(folder.path(), of_folder);
            mode(&path, of_file);
            let seen = place.open_to_others(folder.path());
            assert_eq!(seen.is_some(), open, "{of_folder:o} {of_file:o}");
        }
        assert_eq!(SecretRef::named("env:HOME").unwrap().open_to_others(folder.path()), None);
        assert_eq!(SecretRef::named("file:missing").unwrap().open_to_others(folder.path()), None);
    }
}
