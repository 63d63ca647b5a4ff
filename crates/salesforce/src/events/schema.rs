//! A schema of events that was read and found to be within bounds.

/// A schema of events.
#[derive(Debug)]
pub(super) struct EventSchema {}
