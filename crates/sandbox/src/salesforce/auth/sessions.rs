//! The tokens that are alive, and how they die: unused for too long, or revoked (salesforce reference, section 1.2).

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::super::id::Id;

/// Sessions kept; the oldest tokens go first.
const MAX_SESSIONS: usize = 10_000;

/// How a session came to be, and so how it can end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// Made with the org, for a person to act by hand: it never ends by itself.
    Standing,
    /// From a sign-in.
    Grant,
    /// From a refresh token: it goes when that is revoked.
    Refresh(String),
}

/// One session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) user: Id,
    number: u64,
    origin: Origin,
    pub(super) issued: Timestamp,
    used: Timestamp,
    /// How long it may stay unused.
    idle: SignedDuration,
    pub(super) scope: String,
}

impl Session {
    fn lives(&self, now: Timestamp) -> bool {
        self.origin == Origin::Standing || now.duration_since(self.used) < self.idle
    }

    /// The instant it ends if nobody uses it.
    pub(super) fn ends(&self) -> Timestamp {
        self.used.checked_add(self.idle).unwrap_or(self.used)
    }
}

/// All sessions, by token.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    alive: BTreeMap<String, Session>,
    opened: u64,
}

impl Sessions {
    pub(super) fn open(
        &mut self,
        token: String,
        user: Id,
        origin: Origin,
        scope: &str,
        now: Timestamp,
        idle_seconds: u32,
    ) {
        self.opened += 1;
        let session = Session {
            user,
            number: self.opened,
            origin,
            issued: now,
            used: now,
            idle: SignedDuration::from_secs(i64::from(idle_seconds)),
            scope: scope.to_owned(),
        };
        self.alive.insert(token, session);
        if self.alive.len() > MAX_SESSIONS {
            let oldest = self
                .alive
                .iter()
                .filter(|(_, session)| session.origin != Origin::Standing)
                .min_by_key(|(_, session)| session.number)
                .map(|(token, _)| token.clone());
            if let Some(oldest) = oldest {
                self.alive.remove(&oldest);
            }
        }
    }

    /// The session of a token, while it lives.
    pub(super) fn get(&self, token: &str, now: Timestamp) -> Option<&Session> {
        self.alive.get(token).filter(|session| session.lives(now))
    }

    /// Notes that a token was used, which prolongs its life.
    pub(super) fn used(&mut self, token: &str, now: Timestamp) {
        if let Some(session) = self.alive.get_mut(token) {
            session.used = now;
        }
    }

    /// Ends one session.
    pub(super) fn end(&mut self, token: &str) -> bool {
        self.alive.remove(token).is_some()
    }

    /// Ends every session of a user that came from a sign-in.
    pub(super) fn end_of_user(&mut self, user: Id) {
        self.alive.retain(|_, session| session.user != user || session.origin == Origin::Standing);
    }

    /// Ends every session that came from a refresh token.
    pub(super) fn end_of_refresh(&mut self, token: &str) {
        self.alive.retain(|_, session| session.origin != Origin::Refresh(token.to_owned()));
    }
}
