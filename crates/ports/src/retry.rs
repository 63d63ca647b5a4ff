//! What an answer means for the next step, decided once, where the answer is read.

use std::time::Duration;

/// The class of a failed remote call (ARCHITECTURE.md, One pass).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetryClass {
    /// Try again later; the server may have said when.
    Later {
        /// The server's own delay (`Retry-After`), if it gave one.
        after: Option<Duration>,
    },
    /// The session or token is dead: authenticate again, replay once.
    Authenticate,
    /// Somebody changed the record meanwhile: read again, plan again.
    Changed,
    /// A person has to act: data, permission or conflict.
    Person,
    /// It is not known whether the effect happened (a cut answer, a deadline after sending).
    Doubtful,
    /// Neither side's fault: the program's own.
    Bug,
}

impl RetryClass {
    /// Later, without a delay from the server.
    pub const LATER: RetryClass = RetryClass::Later { after: None };
}
