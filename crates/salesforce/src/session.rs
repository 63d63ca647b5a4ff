//! The one session of a client: granted once for all who wait, replaced when it is dead.
//!
//! Contract: however many ask at the same time, one grant is under way, and it goes on to its end when they stop waiting:
//! a refresh token that was spent must not be lost with its caller. A refusal that asking again at once would not change
//! is remembered for a while.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use futures::{FutureExt as _, future::BoxFuture};
use jiff::{SignedDuration, Timestamp};
use oauth::Flights;
use ports::{Clock, RetryClass};
use tokio::sync::Notify;

use crate::{Error, OrgId, Result, login::Session};

/// Holds the session. The lock is never held across a wait.
pub(crate) struct Sessions {
    clock: Arc<dyn Clock>,
    hold: Duration,
    state: Mutex<State>,
    grants: Flights<(), Result<Arc<Session>>>,
    trouble: Notify,
}

#[derive(Default)]
struct State {
    present: Option<Arc<Session>>,
    /// Why there is none, and until when that is not asked again.
    held: Option<(Error, Timestamp)>,
    /// What a person was told last of it; over with the next session.
    told: Option<Error>,
    /// The org of the store, or of the first login; later ones must lead there, too.
    org_id: Option<OrgId>,
    /// Whether that org is a sandbox, once it told.
    is_sandbox: Option<bool>,
}

impl Sessions {
    pub(crate) fn new(clock: Arc<dyn Clock>, hold: Duration, org_id: Option<OrgId>) -> Self {
        let state = Mutex::new(State { org_id, ..State::default() });
        Self { clock, hold, state, grants: Flights::default(), trouble: Notify::new() }
    }

    /// The present session; if there is none, or it is `dead`, the one that `grant` brings.
    pub(crate) async fn get(
        self: &Arc<Self>,
        dead: Option<&Arc<Session>>,
        grant: impl FnOnce() -> BoxFuture<'static, Result<Session>>,
    ) -> Result<Arc<Session>> {
        if let Some(known) = self.known(dead) {
            return known;
        }
        let (sessions, dead) = (Arc::clone(self), dead.cloned());
        let work = move || {
            let granting = grant();
            async move {
                // Somebody else's grant may have ended between the look and now.
                if let Some(known) = sessions.known(dead.as_ref()) {
                    return known;
                }
                sessions.keep(granting.await)
            }
            .boxed()
        };
        let broken_off = || Error::NotGranted { reason: "the login was broken off".to_owned() };
        self.grants.join((), work).await.unwrap_or_else(|| Err(broken_off()))
    }

    /// The session at hand, if there is one.
    pub(crate) fn present(&self) -> Option<Arc<Session>> {
        self.lock().present.clone()
    }

    pub(crate) fn is_sandbox(&self) -> Option<bool> {
        self.lock().is_sandbox
    }

    pub(crate) fn learn_kind(&self, is_sandbox: Option<bool>) {
        self.lock().is_sandbox = is_sandbox;
    }

    /// Remembers that the org refuses even `session`, which was granted in the place of a dead one.
    pub(crate) fn barred(&self, session: &Arc<Session>, error: &Error) {
        let mut state = self.lock();
        if state.present.as_ref().is_some_and(|present| Arc::ptr_eq(present, session)) {
            state.present = None;
            self.refused(&mut state, error);
        }
    }

    /// Forgets session and refusal: a person signed in anew.
    pub(crate) fn begin_anew(&self) {
        let mut state = self.lock();
        *state = State { org_id: state.org_id, is_sandbox: state.is_sandbox, ..State::default() };
    }

    /// Waits until something is refused that only a person can end, and that was not known already. One waiter is
    /// woken for each.
    pub(crate) async fn trouble(&self) {
        self.trouble.notified().await;
    }

    fn known(&self, dead: Option<&Arc<Session>>) -> Option<Result<Arc<Session>>> {
        let mut state = self.lock();
        if let Some(present) = &state.present {
            if !dead.is_some_and(|dead| Arc::ptr_eq(dead, present)) {
                return Some(Ok(Arc::clone(present)));
            }
            state.present = None;
        }
        let now = self.clock.now();
        let (error, _) = state.held.as_ref().filter(|(_, until)| now < *until)?;
        Some(Err(error.clone()))
    }

    fn keep(&self, granted: Result<Session>) -> Result<Arc<Session>> {
        let mut state = self.lock();
        let granted = granted.and_then(|session| {
            let expected = *state.org_id.get_or_insert(session.org_id);
            if expected == session.org_id {
                Ok(Arc::new(session))
            } else {
                Err(Error::OrgChanged { expected, found: session.org_id })
            }
        });
        match granted {
            Ok(session) => {
                state.present = Some(Arc::clone(&session));
                (state.held, state.told) = (None, None);
                Ok(session)
            }
            Err(error) => {
                self.refused(&mut state, &error);
                Err(error)
            }
        }
    }

    /// Remembers what asking again at once would not change; tells who waits for trouble if a person has to act.
    fn refused(&self, state: &mut State, error: &Error) {
        let needs_person = matches!(error.class(), RetryClass::Person | RetryClass::Authenticate);
        if !needs_person && !error.counts_logins() {
            return;
        }
        let hold = SignedDuration::try_from(self.hold).unwrap_or(SignedDuration::MAX);
        let until = self.clock.now().saturating_add(hold).unwrap_or(Timestamp::MAX);
        state.held = Some((error.clone(), until));
        if needs_person && state.told.as_ref() != Some(error) {
            state.told = Some(error.clone());
            self.trouble.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no code panics while holding this lock")
    }
}
