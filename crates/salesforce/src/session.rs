//! The one session of a client: granted once for all who wait, replaced when it is dead.

use std::sync::{Arc, Mutex, MutexGuard};

use futures::{
    FutureExt as _,
    future::{BoxFuture, Shared, WeakShared},
};

use crate::{Error, OrgId, Result, login::Session};

type Granting = BoxFuture<'static, Result<Arc<Session>>>;

/// Holds the session. The lock is never held across a wait.
#[derive(Default)]
pub(crate) struct Sessions {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    present: Option<Arc<Session>>,
    /// The grant under way. Weak: if all who wait for it give up, it ends, and the next one starts afresh.
    granting: Option<WeakShared<Granting>>,
    /// The org of the first login; later ones must lead there, too.
    org_id: Option<OrgId>,
}

impl Sessions {
    /// The present session; if there is none, or it is `dead`, the one that `grant` brings. However many ask at the
    /// same time, one grant is under way.
    pub(crate) async fn get(
        self: &Arc<Self>,
        dead: Option<&Arc<Session>>,
        grant: impl FnOnce() -> BoxFuture<'static, Result<Session>>,
    ) -> Result<Arc<Session>> {
        let granting = {
            let mut state = self.lock();
            if let Some(present) = &state.present
                && !dead.is_some_and(|dead| Arc::ptr_eq(dead, present))
            {
                return Ok(Arc::clone(present));
            }
            state.present = None;
            match state.granting.as_ref().and_then(WeakShared::upgrade) {
                Some(granting) => granting,
                None => self.start(&mut state, grant()),
            }
        };
        granting.await
    }

    fn start(
        self: &Arc<Self>,
        state: &mut State,
        grant: BoxFuture<'static, Result<Session>>,
    ) -> Shared<Granting> {
        let sessions = Arc::clone(self);
        let granting: Granting = Box::pin(async move {
            let granted = grant.await;
            let mut state = sessions.lock();
            state.granting = None;
            let session = Arc::new(granted?);
            let expected = *state.org_id.get_or_insert(session.org_id);
            if expected != session.org_id {
                return Err(Error::OrgChanged { expected, found: session.org_id });
            }
            state.present = Some(Arc::clone(&session));
            Ok(session)
        });
        let granting = granting.shared();
        state.granting = granting.downgrade();
        granting
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no code panics while holding this lock")
    }
}
