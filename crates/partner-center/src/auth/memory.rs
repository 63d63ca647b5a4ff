//! What one process remembers of its tokens: which are good, what was refused, what was demanded.

use std::collections::BTreeMap;

use jiff::Timestamp;
use ports::TokenFacts;
use secrecy::{ExposeSecret as _, SecretString};

use super::{AuthError, claims::Claims};
use crate::config::Audience;

/// The sign-in that a look at the store found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Present {
    /// Nobody has signed in.
    Nobody,
    /// Somebody signed in at this time.
    Since(Timestamp),
}

impl Present {
    pub(super) fn of(facts: Option<&TokenFacts>) -> Self {
        facts.map_or(Self::Nobody, |facts| Self::Since(facts.signed_in_at))
    }
}

/// All of it is gone with the process; what must last is in the store.
#[derive(Default)]
pub(super) struct Memory {
    tokens: BTreeMap<Audience, (SecretString, Timestamp)>,
    refusals: BTreeMap<Audience, (AuthError, Timestamp)>,
    /// Sent with the next refresh, and until one succeeds.
    pub(super) demanded: BTreeMap<Audience, Claims>,
    /// The seed was used on top of a stored token and refused: it is not tried again.
    pub(super) seed_is_dead: bool,
    /// The sign-in that the tokens come from, as of the last look; nothing before the first one.
    pub(super) seen_sign_in: Option<Present>,
}

impl Memory {
    /// What is known without asking anybody.
    pub(super) fn at_hand(
        &self,
        audience: Audience,
        now: Timestamp,
    ) -> Option<Result<SecretString, AuthError>> {
        if let Some((token, _)) = self.tokens.get(&audience).filter(|(_, until)| now < *until) {
            return Some(Ok(token.clone()));
        }
        let (error, _) = self.refusals.get(&audience).filter(|(_, until)| now < *until)?;
        Some(Err(error.clone()))
    }

    pub(super) fn keep(&mut self, audience: Audience, token: SecretString, until: Timestamp) {
        self.refusals.remove(&audience);
        self.demanded.remove(&audience);
        self.tokens.insert(audience, (token, until));
    }

    /// Remembers what only a person can end, for whom it concerns.
    pub(super) fn refuse(&mut self, audience: Audience, error: &AuthError, until: Timestamp) {
        let both = error.concerns_both_audiences();
        for concerned in Audience::BOTH.into_iter().filter(|other| both || *other == audience) {
            self.refusals.insert(concerned, (error.clone(), until));
        }
    }

    /// Hands `token` out no more; false if it is another one that is handed out by now.
    pub(super) fn forget(&mut self, audience: Audience, token: &SecretString) -> bool {
        let same =
            self.tokens.get(&audience).is_some_and(|(kept, _)| kept.expose_secret() == token.expose_secret());
        if same {
            self.tokens.remove(&audience);
        }
        same
    }

    /// Begins anew with another sign-in.
    pub(super) fn begin_anew(&mut self, present: Present) {
        *self = Self { seen_sign_in: Some(present), ..Self::default() };
    }
}
