//! The few traits that everything which waits, draws, calls or spends takes as an argument.
//!
//! Types only: no implementation that touches a socket, a disk or the wall clock lives here, apart from the
//! trivial system ones. A simulation replaces every one of them (ARCHITECTURE.md, Determinism).

mod budget;
mod clock;
mod hold;
mod lending;
mod retry;
mod rng;
mod token;
mod transport;

pub use budget::{
    Admission, Budget, BudgetBook, BudgetBookError, Lane, Outcome, Permit, Platform, Unlimited, Usage,
};
pub use clock::{Clock, SystemClock};
pub use hold::{EffectKind, HoldPoint, HoldPoints, NoHolds};
pub use lending::{BLOCK_LASTS, BLOCK_SERVES, Borrowing, Loan, ServerPause};
pub use retry::RetryClass;
pub use rng::{Rng, SystemRng};
pub use token::{MemoryTokenStore, StoredToken, TokenFacts, TokenLease, TokenStore, TokenStoreError};
pub use transport::{CallLimits, HttpService, SendBefore, TransportError, http_service};
