//! Time, as something that is handed in.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

/// Tells the time and waits for it. The one source of both in the whole program.
#[async_trait]
pub trait Clock: Send + Sync + 'static {
    /// The present instant, UTC.
    fn now(&self) -> Timestamp;

    /// Waits for `duration`. Cancelling the future cancels the wait.
    async fn sleep(&self, duration: Duration);
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
