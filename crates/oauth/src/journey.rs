//! The browser's way to a platform and back: what is sent along, and whether what comes back belongs to it (RFC 6749,
//! 7636, 8252).

use std::fmt;

use aws_lc_rs::{digest, rand};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret as _, SecretString};
use url::form_urlencoded;

/// Random bytes of a state or verifier: 256 bits, 43 characters.
const RANDOM_BYTES: usize = 32;

/// The operating system gave no random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no random numbers")]
pub struct NoRandomness;

/// Why an answer is none of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Astray {
    /// It came with another sign-in's state, or with none.
    #[error("the answer does not belong to this sign-in (its state is another one)")]
    WrongState,
    /// It came with neither a code nor an error.
    #[error("the browser came back without a code")]
    NoCode,
}

/// What the browser brought back.
pub enum BrowserAnswer {
    /// A yes: a code, good once.
    Code(SecretString),
    /// A no.
    Refused {
        /// OAuth's word for it.
        error: String,
        /// The platform's prose. May name people: for reading numbers and known texts out of, never for a log.
        description: String,
    },
}

/// One journey. Its state and verifier leave this machine in no log.
pub struct Journey {
    state: SecretString,
    verifier: SecretString,
}

impl fmt::Debug for Journey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journey").finish_non_exhaustive()
    }
}

impl Journey {
    /// A new one, which nobody can guess.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn begin() -> Result<Self, NoRandomness> {
        Ok(Self { state: random()?, verifier: random()? })
    }

    /// What the answer carries back: a request without it is somebody else's.
    pub fn state(&self) -> &SecretString {
        &self.state
    }

    /// What the code is exchanged with.
    pub fn verifier(&self) -> &SecretString {
        &self.verifier
    }

    /// What goes along with the browser in the verifier's place: its SHA-256 (`S256`).
    pub fn challenge(&self) -> String {
        let hash = digest::digest(&digest::SHA256, self.verifier.expose_secret().as_bytes());
        URL_SAFE_NO_PAD.encode(hash)
    }

    /// Reads the query that the browser came back with.
    ///
    /// # Errors
    /// [`Astray`].
    pub fn read(&self, query: &str) -> Result<BrowserAnswer, Astray> {
        let field = |name: &str| {
            let mut found = form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == name);
            // Given twice, it is nothing.
            found.next().filter(|_| found.next().is_none()).map(|(_, value)| value.into_owned())
        };
        if field("state").as_deref() != Some(self.state.expose_secret()) {
            return Err(Astray::WrongState);
        }
        match (field("code"), field("error")) {
            (_, Some(error)) => {
                let description = field("error_description").unwrap_or_default();
                Ok(BrowserAnswer::Refused { error, description })
            }
            (Some(code), None) => Ok(BrowserAnswer::Code(SecretString::from(code))),
            (None, None) => Err(Astray::NoCode),
        }
    }
}

/// A text that cannot be guessed. Not from the port: it comes from the operating system.
///
/// # Errors
/// [`NoRandomness`].
pub fn random() -> Result<SecretString, NoRandomness> {
    let mut bytes = [0; RANDOM_BYTES];
    rand::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(SecretString::from(URL_SAFE_NO_PAD.encode(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_known_by_its_state_and_a_field_given_twice_is_none() {
        let journey = Journey::begin().unwrap();
        let state = journey.state().expose_secret().to_owned();
        let read = |query: &str| journey.read(query);
        assert!(matches!(read(&format!("code=c&state={state}")), Ok(BrowserAnswer::Code(code))
            if code.expose_secret() == "c"));
        assert!(matches!(read("code=c&state=other"), Err(Astray::WrongState)));
        assert!(matches!(read(&format!("code=c&state={state}&state={state}")), Err(Astray::WrongState)));
        assert!(matches!(read(&format!("code=c&code=d&state={state}")), Err(Astray::NoCode)));
        let refused = read(&format!("error=access_denied&error_description=no&state={state}"));
        assert!(matches!(refused, Ok(BrowserAnswer::Refused { error, .. }) if error == "access_denied"));
    }

    #[test]
    fn the_challenge_is_the_verifiers_hash_as_in_rfc_7636() {
        let verifier = SecretString::from("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        let journey = Journey { state: random().unwrap(), verifier };
        assert_eq!(journey.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
