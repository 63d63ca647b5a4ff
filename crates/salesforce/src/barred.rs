//! Sessions that the org refuses although a new one would fare no better (salesforce reference, section 1.7).

use std::fmt;

use crate::{Refusal, refusal::NO_SESSION_HELPS};

/// Why a session is refused for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Barred {
    /// The app is one for agents, and is attached to none.
    NoAgent,
    /// The session is none for the REST API.
    NotForRest,
    /// It was granted a moment ago, in the place of one that was refused as well.
    EvenNew,
}

impl Barred {
    /// Reads it out of a 401 whose text says that no session helps.
    pub(crate) fn of(refusal: &Refusal) -> Option<Self> {
        if refusal.status() != 401 {
            return None;
        }
        let says = |text: &str| refusal.errors().iter().any(|error| error.message().contains(text));
        let [no_agent, not_for_rest] = NO_SESSION_HELPS;
        if says(no_agent) { Some(Self::NoAgent) } else { says(not_for_rest).then_some(Self::NotForRest) }
    }

    /// What a person does about it.
    pub(crate) fn next_step(self) -> &'static str {
        match self {
            Self::NoAgent => {
                "Sign in through an External Client App (or connected app) of Cosell's own: this one is meant for \
                 agents and is attached to none."
            }
            Self::NotForRest => {
                "Give the app the OAuth scope \"Manage user data via APIs (api)\", and the integration user the \
                 permission API Enabled."
            }
            Self::EvenNew => {
                "See the integration user's login history and session settings in Setup: IP ranges, API access control \
                 and the app's policies end sessions at once."
            }
        }
    }
}

impl fmt::Display for Barred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoAgent => "the app is meant for agents and is attached to none",
            Self::NotForRest => "it is not valid for the REST API",
            Self::EvenNew => "even one that was granted a moment ago counts as expired",
        })
    }
}
