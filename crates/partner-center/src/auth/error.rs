//! Why there is no access token, and what a person does about it.

use std::{fmt, time::Duration};

use oauth::SpendingError;
use ports::{RetryClass, TokenStoreError, TransportError};

use super::{aadsts, claims::Claims};
use crate::config::Audience;

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
        /// What the next sign-in must satisfy.
        claims: Option<Claims>,
    },
    /// A Conditional Access policy stands in the way: the place, the device, the age of the sign-in.
    ConditionalAccess {
        /// Numbers of the `AADSTS` codes.
        codes: Vec<u32>,
        /// What the next sign-in must satisfy.
        claims: Option<Claims>,
    },
    /// Nobody has consented to the application's permissions.
    ConsentMissing {
        /// Numbers of the `AADSTS` codes.
        codes: Vec<u32>,
    },
    /// The user must sign in again for another reason.
    InteractionRequired {
        /// Numbers of the `AADSTS` codes.
        codes: Vec<u32>,
        /// What the next sign-in must satisfy.
        claims: Option<Claims>,
    },
    /// Partner Center itself demands more of the sign-in (`insufficient_claims`; reference, section 1.3).
    ClaimsChallenge {
        /// Which of its services.
        audience: Audience,
        /// What the next sign-in must satisfy, if it said so.
        claims: Option<Claims>,
    },
    /// Partner Center answers 401 even to a token that was issued a moment ago.
    TokenRefused {
        /// Which of its services.
        audience: Audience,
    },
    /// The application's id, secret or certificate is not accepted.
    ClientRefused {
        /// Numbers of the `AADSTS` codes.
        codes: Vec<u32>,
    },
    /// The application's certificate has expired; nothing was sent.
    CertificateExpired,
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
    /// Another process renews the sign-in, and did not end in time.
    Leased,
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
            | Self::ConditionalAccess { .. }
            | Self::ConsentMissing { .. }
            | Self::InteractionRequired { .. }
            | Self::ClaimsChallenge { .. }
            | Self::ClientRefused { .. }
            | Self::CertificateExpired
            | Self::Refused { .. } => RetryClass::Person,
            Self::TokenRefused { .. } => RetryClass::Authenticate,
            Self::Unavailable { after, .. } => RetryClass::Later { after: *after },
            Self::Unreachable(_)
            | Self::Unreadable { .. }
            | Self::Store { .. }
            | Self::StoreContended
            | Self::Leased
            | Self::BrokenOff => RetryClass::LATER,
        }
    }

    /// Whether another refresh token, fresh from a person's hands, could make the difference.
    pub(super) fn asks_for_a_new_token(&self) -> bool {
        matches!(
            self,
            Self::InvalidGrant { .. }
                | Self::MfaRequired { .. }
                | Self::ConditionalAccess { .. }
                | Self::InteractionRequired { .. }
        )
    }

    /// Whether the refresh token itself is of no use any more, whatever else a person does.
    pub(super) fn says_the_token_is_dead(&self) -> bool {
        matches!(self, Self::InvalidGrant { .. })
    }

    /// Whether it stands in the way of both services, or of the one alone that was asked for.
    pub(super) fn concerns_both_audiences(&self) -> bool {
        matches!(
            self,
            Self::NoRefreshToken
                | Self::InvalidGrant { .. }
                | Self::ClientRefused { .. }
                | Self::CertificateExpired
                | Self::Unavailable { .. }
        )
    }

    /// What the next sign-in must satisfy, if that was said.
    pub fn claims(&self) -> Option<&Claims> {
        match self {
            Self::MfaRequired { claims, .. }
            | Self::ConditionalAccess { claims, .. }
            | Self::InteractionRequired { claims, .. }
            | Self::ClaimsChallenge { claims, .. } => claims.as_ref(),
            _ => None,
        }
    }

    fn codes(&self) -> &[u32] {
        match self {
            Self::InvalidGrant { codes }
            | Self::MfaRequired { codes, .. }
            | Self::ConditionalAccess { codes, .. }
            | Self::ConsentMissing { codes }
            | Self::InteractionRequired { codes, .. }
            | Self::ClientRefused { codes }
            | Self::Refused { codes, .. } => codes,
            _ => &[],
        }
    }

    /// What a person does about it, in one sentence; nothing when waiting is enough.
    pub fn next_step(&self) -> Option<&'static str> {
        if let Some(known) = aadsts::known(self.codes()) {
            return Some(known.next_step);
        }
        Some(match self {
            Self::NoRefreshToken | Self::InvalidGrant { .. } => aadsts::SIGN_IN,
            Self::MfaRequired { .. } => aadsts::SIGN_IN_WITH_MFA,
            Self::ConditionalAccess { .. } | Self::ClaimsChallenge { .. } => aadsts::SIGN_IN_AS_POLICIES_ASK,
            Self::ConsentMissing { .. } => aadsts::CONSENT,
            Self::InteractionRequired { .. } => {
                "Run `cosell login partner-center` as the synchronisation's user and grant what is asked for."
            }
            Self::TokenRefused { .. } => {
                "See that token_url, api_url, webhooks_url and the scopes of [partner_center] belong to one cloud, and \
                 that the synchronisation's user has the role Referrals admin for the whole company."
            }
            Self::ClientRefused { .. } => {
                "Check client_id and client_secret (or client_certificate and client_key) of [partner_center]; make \
                 a new secret if it has expired."
            }
            Self::CertificateExpired => {
                "Make a new certificate, upload it to the application in Entra (Certificates & secrets), name it in \
                 [partner_center] client_certificate and client_key, and start again."
            }
            Self::Refused { .. } => {
                "Check token_url, the application's permissions and the scopes of [partner_center]."
            }
            Self::Unavailable { .. }
            | Self::Unreachable(_)
            | Self::Unreadable { .. }
            | Self::Store { .. }
            | Self::StoreContended
            | Self::Leased
            | Self::BrokenOff => return None,
        })
    }
}

impl From<SpendingError> for AuthError {
    fn from(error: SpendingError) -> Self {
        match error {
            SpendingError::Store(error) => error.into(),
            SpendingError::Contended => Self::StoreContended,
            SpendingError::Leased => Self::Leased,
        }
    }
}

impl From<TokenStoreError> for AuthError {
    fn from(error: TokenStoreError) -> Self {
        Self::Store { reason: error.to_string() }
    }
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = aadsts::known(self.codes()).map(|known| known.sentence);
        match self {
            Self::NoRefreshToken => write!(f, "nobody has signed in yet")?,
            Self::InvalidGrant { .. } => write!(f, "{}", known.unwrap_or("the sign-in is no longer valid"))?,
            Self::MfaRequired { .. } => {
                write!(f, "{}", known.unwrap_or("multi-factor authentication is required"))?;
            }
            Self::ConditionalAccess { .. } => {
                write!(
                    f,
                    "{}",
                    known.unwrap_or("a Conditional Access policy does not let the sign-in through")
                )?;
            }
            Self::ConsentMissing { .. } => {
                write!(f, "{}", known.unwrap_or("the application's permissions lack consent"))?;
            }
            Self::InteractionRequired { .. } => {
                write!(f, "{}", known.unwrap_or("the user must sign in again"))?;
            }
            Self::ClaimsChallenge { audience, .. } => {
                write!(f, "{} demands more of the sign-in (insufficient_claims)", audience.service())?;
            }
            Self::TokenRefused { audience } => {
                write!(f, "{} refuses even a new token (401)", audience.service())?;
            }
            Self::ClientRefused { .. } => {
                write!(f, "{}", known.unwrap_or("the application's id or secret is refused"))?;
            }
            Self::CertificateExpired => write!(f, "the application's certificate has expired")?,
            Self::Refused { status, code, .. } => {
                write!(f, "the identity platform refused with {status}")?;
                if let Some(code) = code {
                    write!(f, " {code}")?;
                }
                if let Some(known) = known {
                    write!(f, ": {known}")?;
                }
            }
            Self::Unavailable { status, .. } => {
                write!(f, "the identity platform is busy or down ({status})")?;
            }
            Self::Unreachable(source) => write!(f, "no token: {source}")?,
            Self::Unreadable { reason } => {
                write!(f, "the identity platform's answer cannot be used: {reason}")?;
            }
            Self::Store { reason } => write!(f, "the token store failed: {reason}")?,
            Self::StoreContended => write!(f, "the rotated refresh token could not be stored")?,
            Self::Leased => write!(f, "another process is renewing the sign-in")?,
            Self::BrokenOff => write!(f, "the refresh was broken off")?,
        }
        for (at, code) in self.codes().iter().enumerate() {
            write!(f, "{}AADSTS{code}", if at == 0 { " (" } else { ", " })?;
        }
        if !self.codes().is_empty() {
            write!(f, ")")?;
        }
        Ok(())
    }
}

impl std::error::Error for AuthError {}
