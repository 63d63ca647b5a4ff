//! What the simulated program writes into its log: kept, so that what must not stand there can be looked for.

use std::{cell::RefCell, io};

use tracing::{level_filters::LevelFilter, subscriber::DefaultGuard};

thread_local! {
    /// Text since somebody last looked. One for each thread: a run has one for itself.
    static SAID: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A log of the thread's own.
struct Overheard;

impl io::Write for Overheard {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        SAID.with_borrow_mut(|said| said.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// From now on, and as long as the guard lives, what this thread logs is kept instead of shown. Somebody who set
/// `RUST_LOG` wants to see it, and does.
pub(super) fn listen() -> Option<DefaultGuard> {
    if std::env::var_os("RUST_LOG").is_some() {
        return None;
    }
    let log = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::INFO)
        .with_ansi(false)
        .without_time()
        .with_writer(|| Overheard)
        .finish();
    Some(tracing::subscriber::set_default(log))
}

/// Takes what was logged since.
pub(super) fn take() -> Vec<u8> {
    SAID.take()
}
