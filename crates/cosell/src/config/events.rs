//! `[salesforce.events]`: whether and where change events are listened to.

use salesforce::events::{DEFAULT_ENDPOINT, Topic};
use serde::Deserialize;

use super::{SecretRef, Span, five_minutes};

/// `[salesforce.events]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct EventsConfig {
    /// Whether to listen where the org offers it; polls alone find changes otherwise.
    pub(crate) enabled: bool,
    /// The Pub/Sub API.
    pub(crate) endpoint: String,
    /// Certificates to trust besides the public roots, PEM.
    pub(crate) extra_roots: Option<SecretRef>,
    /// All selected objects, or a channel of the company's own.
    pub(crate) channel: Topic,
    /// The wait between two polls while events come.
    pub(crate) poll_every: Span,
}

impl Default for EventsConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            endpoint: DEFAULT_ENDPOINT.to_owned(),
            extra_roots: None,
            channel: Topic::all(),
            poll_every: five_minutes(),
        }
    }
}
