//! What a store is opened with.

use std::{fmt, sync::Arc, time::Duration};

use ports::{Clock, HoldPoints, NoHolds, Rng, SystemClock, SystemRng};
use secrecy::{ExposeSecret as _, SecretBox};

/// The key that seals tokens and data keys at rest: 256 bits, from the operator's own secret store; with those that did so
/// before it, which open and seal nothing new.
pub struct SealKey {
    present: SecretBox<[u8; SealKey::BYTES]>,
    former: Vec<SecretBox<[u8; SealKey::BYTES]>>,
}

impl SealKey {
    /// Length of a key, in bytes.
    pub const BYTES: usize = 32;

    /// Takes the key's bytes.
    pub fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self { present: SecretBox::new(Box::new(bytes)), former: Vec::new() }
    }

    /// The same key, after `former`: until everything is sealed anew, what either sealed is opened.
    pub fn after(mut self, former: Self) -> Self {
        self.former.push(former.present);
        self.former.extend(former.former);
        self
    }

    /// What seals.
    pub(crate) fn expose(&self) -> &[u8; Self::BYTES] {
        self.present.expose_secret()
    }

    /// What opens besides.
    pub(crate) fn former(&self) -> impl Iterator<Item = &[u8; Self::BYTES]> {
        self.former.iter().map(SecretBox::expose_secret)
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("SealKey([hidden])")
    }
}

/// What a store is opened with, apart from its place.
pub struct Options {
    /// Reached inside a commit's transaction, before it is committed.
    pub holds: Arc<dyn HoldPoints>,
    /// Draws the identifiers of new deals.
    pub ids: Arc<dyn Rng>,
    /// Dates stored tokens. Everything else is dated by its caller.
    pub clock: Arc<dyn Clock>,
    /// Seals tokens. Without it no token can be stored or read; everything else works.
    pub seal_key: Option<SealKey>,
    /// Largest size of the database file, in bytes; `None` leaves the bound to the disk.
    pub max_bytes: Option<u64>,
    /// How long scrubbing waits on PostgreSQL for whoever may still see what was erased.
    pub scrub_patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            holds: Arc::new(NoHolds),
            ids: Arc::new(SystemRng),
            clock: Arc::new(SystemClock),
            seal_key: None,
            max_bytes: None,
            scrub_patience: Duration::from_secs(30),
        }
    }
}
