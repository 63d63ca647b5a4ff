//! `[salesforce.events]`: whether and where change events are listened to.

use salesforce::events::{DEFAULT_ENDPOINT, Topic};
use serde::Deserialize;

use super::{SecretRef, Span, five_minutes};

/// `[salesforce.events]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct EventsConfig {
    /// Whether to listen; polls alone find changes otherwise.
    pub(crate) enabled: Listen,
    /// The Pub/Sub API.
    pub(crate) endpoint: String,
    /// Certificates to trust besides the public roots, PEM.
    pub(crate) extra_roots: Option<SecretRef>,
    /// All selected objects, or a channel of the company's own.
    pub(crate) channel: Topic,
    /// The wait between two polls while events come.
    pub(crate) poll_every: Span,
}

/// Whether change events are listened to: `"auto"`, `true` or `false`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Wish")]
pub(crate) enum Listen {
    /// Where the org has them. One that has none is polled, and that is no problem.
    Auto,
    /// They are expected: it is a problem of the connection if the org has none.
    Demanded,
    /// Never.
    Never,
}

impl Listen {
    /// Whether to listen at all.
    pub(crate) fn listens(self) -> bool {
        self != Self::Never
    }

    /// Whether an org without change events is a problem.
    pub(crate) fn is_demanded(self) -> bool {
        self == Self::Demanded
    }
}

/// As it is written.
#[derive(Deserialize)]
#[serde(untagged, expecting = "enabled is \"auto\", true or false")]
enum Wish {
    Yes(bool),
    Word(String),
}

impl TryFrom<Wish> for Listen {
    type Error = String;

    fn try_from(wish: Wish) -> Result<Self, String> {
        match wish {
            Wish::Yes(true) => Ok(Self::Demanded),
            Wish::Yes(false) => Ok(Self::Never),
            Wish::Word(word) if word == "auto" => Ok(Self::Auto),
            Wish::Word(word) => Err(format!("enabled is \"auto\", true or false, not \"{word}\"")),
        }
    }
}

impl Default for EventsConfig {
    fn default() -> Self {
        Self {
            enabled: Listen::Auto,
            endpoint: DEFAULT_ENDPOINT.to_owned(),
            extra_roots: None,
            channel: Topic::all(),
            poll_every: five_minutes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listening_is_automatic_unless_it_is_demanded_or_switched_off() {
        let listen = |text: &str| toml::from_str::<EventsConfig>(text).map(|config| config.enabled);
        assert_eq!(listen("").unwrap(), Listen::Auto);
        assert_eq!(listen("enabled = \"auto\"").unwrap(), Listen::Auto);
        assert_eq!(listen("enabled = true").unwrap(), Listen::Demanded);
        assert_eq!(listen("enabled = false").unwrap(), Listen::Never);
        let bad = listen("enabled = \"yes\"").unwrap_err().to_string();
        assert!(bad.contains("\"auto\", true or false"), "{bad}");
    }
}
