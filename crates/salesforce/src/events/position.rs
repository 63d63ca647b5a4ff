//! Where reading stands: opaque bytes of the server's, kept as text.

use std::{fmt, str::FromStr};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};

/// A position in a topic. Opaque: neither a number nor comparable, and of no fixed length (salesforce reference,
/// section 4.4). As text it is base64.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReplayId(Vec<u8>);

/// Why something is no position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReplayId {
    /// No byte at all, or more than [`ReplayId::MAX_BYTES`].
    #[error("a replay id has 1 to {} bytes", ReplayId::MAX_BYTES)]
    Length,
    /// The text is no base64.
    #[error("the text of a replay id is base64")]
    Text,
}

impl ReplayId {
    /// Longest one accepted; 8 and 10 bytes were observed.
    pub const MAX_BYTES: usize = 64;

    /// Takes the server's bytes as they are.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, InvalidReplayId> {
        let bytes = bytes.into();
        if bytes.is_empty() || bytes.len() > Self::MAX_BYTES {
            return Err(InvalidReplayId::Length);
        }
        Ok(Self(bytes))
    }

    /// The server's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl TryFrom<String> for ReplayId {
    type Error = InvalidReplayId;

    fn try_from(text: String) -> Result<Self, InvalidReplayId> {
        text.parse()
    }
}

impl From<ReplayId> for String {
    fn from(id: ReplayId) -> String {
        id.to_string()
    }
}

impl FromStr for ReplayId {
    type Err = InvalidReplayId;

    fn from_str(text: &str) -> Result<Self, InvalidReplayId> {
        Self::new(BASE64_STANDARD.decode(text).map_err(|_| InvalidReplayId::Text)?)
    }
}

impl fmt::Display for ReplayId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_STANDARD.encode(&self.0))
    }
}

impl fmt::Debug for ReplayId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where a subscription begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// With what happens from now on.
    Latest,
    /// With the oldest event that is kept: 72 hours back, perhaps more.
    Earliest,
    /// With the event that follows this one. If that is no longer known, the answer is an error, never a jump.
    After(ReplayId),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_of_any_length_goes_to_text_and_back() {
        for length in [1, 8, 10, 64] {
            let id = ReplayId::new(vec![0xa5; length]).unwrap();
            assert_eq!(id.to_string().parse(), Ok(id.clone()));
            assert_eq!(serde_json::from_str::<ReplayId>(&serde_json::to_string(&id).unwrap()).unwrap(), id);
        }
        // As it was observed: 10 bytes, zeros at either end.
        let observed = [0, 0, 0, 0, 0, 0x5a, 0x94, 0xf0, 0, 0];
        assert_eq!(ReplayId::new(observed).unwrap().to_string(), "AAAAAABalPAAAA==");
    }

    #[test]
    fn no_bytes_and_too_many_are_no_position() {
        assert_eq!(ReplayId::new([]), Err(InvalidReplayId::Length));
        assert_eq!(ReplayId::new(vec![1; 65]), Err(InvalidReplayId::Length));
        assert_eq!("".parse::<ReplayId>(), Err(InvalidReplayId::Length));
        assert_eq!("5".parse::<ReplayId>(), Err(InvalidReplayId::Text));
    }
}
