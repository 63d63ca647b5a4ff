//! What one process remembers of its tokens: which are good, what was refused, what was demanded.

use std::{collections::BTreeMap, time::Duration};

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
        self.refused(audience, now).map(Err)
    }

    /// What is not asked again now, because it was refused a while ago.
    pub(super) fn refused(&self, audience: Audience, now: Timestamp) -> Option<AuthError> {
        let (error, until) = self.refusals.get(&audience).filter(|(_, until)| now < *until)?;
        Some(match error {
            AuthError::Unavailable { status, .. } => {
                let left = Duration::try_from(until.duration_since(now)).unwrap_or_default();
                AuthError::Unavailable { status: *status, after: Some(left) }
            }
            other => other.clone(),
        })
    }

    pub(super) fn keep(&mut self, audience: Audience, token: SecretString, until: Timestamp) {
        self.refusals.remove(&audience);
        self.demanded.remove(&audience);
        self.tokens.insert(audience, (token, until));
    }

    /// Remembers a refusal for whom it concerns. Whether it is news: the last thing known of each was not the same.
    pub(super) fn refuse(&mut self, audience: Audience, error: &AuthError, until: Timestamp) -> bool {
        let both = error.concerns_both_audiences();
        let mut is_news = false;
        for concerned in Audience::BOTH.into_iter().filter(|other| both || *other == audience) {
            let before = self.refusals.insert(concerned, (error.clone(), until));
            is_news |= before.is_none_or(|(before, _)| before != *error);
        }
        is_news
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
