//! Who may have the machine. Most tests wait more than they work, and many run at once; one that judges a pace runs alone.

use std::sync::{Condvar, Mutex, MutexGuard};

static STATE: Mutex<State> = Mutex::new(State { worlds: 0, alone: false });
static LEFT: Condvar = Condvar::new();

struct State {
    /// Worlds that exist now; a test may have several.
    worlds: usize,
    /// The only one has the machine for itself.
    alone: bool,
}

/// A world's place; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place(());

/// A place beside others. Waits while a test is alone.
pub(crate) fn beside_others() -> Place {
    let mut state = LEFT.wait_while(lock(), |state| state.alone).expect(HELD);
    state.worlds += 1;
    Place(())
}

/// The only place. Waits until all others are gone, which may be when all other tests are done.
pub(crate) fn alone() -> Place {
    let mut state = LEFT.wait_while(lock(), |state| state.worlds > 0).expect(HELD);
    state.worlds = 1;
    state.alone = true;
    Place(())
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = lock();
        state.worlds -= 1;
        state.alone = false;
        LEFT.notify_all();
    }
}

const HELD: &str = "no code panics while holding this lock";

fn lock() -> MutexGuard<'static, State> {
    STATE.lock().expect(HELD)
}
