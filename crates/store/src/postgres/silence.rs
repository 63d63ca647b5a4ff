//! A server that says nothing any more: a machine that lost its power ends no connection, and whoever waits for its answer
//! waits for ever.

use std::time::Duration;

use sync_engine::StoreError;

use super::fault::Fault;

/// The longest time of a transaction or a look: twice what the server itself allows a statement.
pub(super) const LONGEST: Duration = Duration::from_mins(1);

/// What is said of a server that was waited for so long.
pub(super) fn silent() -> Fault {
    StoreError::Away("it said nothing for a minute; the connection was given up".to_owned()).into()
}

/// Runs `$work` on a connection of the pool. One whose other end is silent is thrown away: given back, it would be asked
/// whether it is sound, and that is not answered either.
macro_rules! on_connection {
    ($pool:expr, $connection:ident => $work:expr) => {{
        let mut held = $pool.acquire().await?;
        let done = {
            let $connection = &mut *held;
            tokio::time::timeout($crate::postgres::silence::LONGEST, async { $work }).await
        };
        match done {
            Ok(outcome) => outcome,
            Err(_) => {
                drop(held.detach());
                Err($crate::postgres::silence::silent())
            }
        }
    }};
}

pub(super) use on_connection;
