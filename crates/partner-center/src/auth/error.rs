//! Why there is no access token, and what a person does about it.

use std::{fmt, time::Duration};

use ports::{RetryClass, TokenStoreError, TransportError};

/// Why there is no access token. Holds no token and nothing of the identity platform's prose, which names people.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthError {
    /// Neither the store nor the configuration has a refresh token.
    NoRefreshToken,
    /// The refresh token is dead: expired, revoked, or its user's password changed.
    InvalidGrant {
        /// Numbers of the `AADSTS` codes.
        codes: Vec<u32>,
    },
    /// The user must pass multi-factor authentication again.
    MfaRequired {
        /// Numbers of the `AADSTS` codes.
        codes: Vec<u32>,
    },
    /// The user must sign in again, for consent or a condition of access.
    InteractionRequired {
        /// Numbers of the `AADSTS` codes.
        codes: Vec<u32>,
    },
    /// The application's id or secret is not accepted.
    ClientRefused {
        /// Numbers of the `AADSTS` codes.
        codes: Vec<u32>,
    },
    /// The request was refused for another reason, for example an unknown scope.
    Refused {
        /// The answer's status.
        status: u16,
        /// The OAuth error code, if it was one.
        code: Option<String>,
        /// Numbers of the `AADSTS` codes.
        codes: Vec<u32>,
    },
    /// The identity platform is busy or down.
    Unavailable {
        /// The answer's status.
        status: u16,
        /// The delay it asked for.
        after: Option<Duration>,
    },
    /// No answer came.
    Unreachable(TransportError),
    /// The answer could not be used.
    Unreadable {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The token store failed.
    Store {
        /// What it said.
        reason: String,
    },
    /// The rotated refresh token could not be stored: others kept changing the row.
    StoreContended,
    /// The refresh was broken off, as when the program stops.
    BrokenOff,
}

impl AuthError {
    /// What this means for the next step.
    pub fn class(&self) -> RetryClass {
        match self {
            Self::NoRefreshToken
            | Self::InvalidGrant { .. }
            | Self::MfaRequired { .. }
            | Self::InteractionRequired { .. }
            | Self::ClientRefused { .. }
            | Self::Refused { .. } => RetryClass::Person,
            Self::Unavailable { after, .. } => RetryClass::Later { after: *after },
            Self::Unreachable(_)
            | Self::Unreadable { .. }
            | Self::Store { .. }
            | Self::StoreContended
            | Self::BrokenOff => RetryClass::LATER,
        }
    }

    /// Whether another refresh token, fresh from a person's hands, could make the difference.
    pub(super) fn asks_for_a_new_token(&self) -> bool {
        matches!(
            self,
            Self::InvalidGrant { .. } | Self::MfaRequired { .. } | Self::InteractionRequired { .. }
        )
    }

    /// What a person does about it, in one sentence; nothing when waiting is enough.
    pub fn next_step(&self) -> Option<&'static str> {
        Some(match self {
            Self::NoRefreshToken => {
                "Sign in once as the synchronisation's user, with multi-factor authentication, and give the refresh \
                 token to the configuration."
            }
            Self::InvalidGrant { .. } => {
                "Sign in again as the synchronisation's user and put the new refresh token into the configuration, \
                 then start again: it is tried when the stored one is refused."
            }
            Self::MfaRequired { .. } => {
                "Sign in again as the synchronisation's user and pass multi-factor authentication, then put the new \
                 refresh token into the configuration."
            }
            Self::InteractionRequired { .. } => {
                "Sign in again as the synchronisation's user and grant what is asked for (consent, terms, a condition \
                 of access), then put the new refresh token into the configuration."
            }
            Self::ClientRefused { .. } => {
                "Check the application's id and secret in the configuration; create a new secret if it has expired."
            }
            Self::Refused { .. } => {
                "Check the token address, the application's permissions and the scopes in the configuration."
            }
            Self::Unavailable { .. }
            | Self::Unreachable(_)
            | Self::Unreadable { .. }
            | Self::Store { .. }
            | Self::StoreContended
            | Self::BrokenOff => return None,
        })
    }
}

impl From<TokenStoreError> for AuthError {
    fn from(error: TokenStoreError) -> Self {
        Self::Store { reason: error.to_string() }
    }
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = |f: &mut fmt::Formatter<'_>, codes: &[u32]| -> fmt::Result {
            for code in codes {
                write!(f, " AADSTS{code}")?;
            }
            Ok(())
        };
        match self {
            Self::NoRefreshToken => write!(f, "there is no refresh token"),
            Self::InvalidGrant { codes } => {
                write!(f, "the refresh token is dead")?;
                numbers(f, codes)
            }
            Self::MfaRequired { codes } => {
                write!(f, "multi-factor authentication is required")?;
                numbers(f, codes)
            }
            Self::InteractionRequired { codes } => {
                write!(f, "the user must sign in again")?;
                numbers(f, codes)
            }
            Self::ClientRefused { codes } => {
                write!(f, "the application's id or secret is refused")?;
                numbers(f, codes)
            }
            Self::Refused { status, code, codes } => {
                write!(f, "the identity platform refused with {status}")?;
                if let Some(code) = code {
                    write!(f, " {code}")?;
                }
                numbers(f, codes)
            }
            Self::Unavailable { status, .. } => write!(f, "the identity platform is busy or down ({status})"),
            Self::Unreachable(source) => write!(f, "no token: {source}"),
            Self::Unreadable { reason } => {
                write!(f, "the identity platform's answer cannot be used: {reason}")
            }
            Self::Store { reason } => write!(f, "the token store failed: {reason}"),
            Self::BrokenOff => write!(f, "the refresh was broken off"),
            Self::StoreContended => write!(f, "the rotated refresh token could not be stored"),
        }
    }
}

impl std::error::Error for AuthError {}
