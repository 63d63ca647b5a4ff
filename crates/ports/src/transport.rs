//! HTTP as a service: the seam between the clients and whatever carries their requests.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use tower::{Service, ServiceExt as _, util::BoxCloneSyncService};

/// Carries one request and returns the whole, bounded answer. Cheap to clone.
///
/// An implementation honours, from the request's extensions, [`CallLimits`] (a default applies when absent) and
/// [`SendBefore`]. It follows no redirect, adds no credentials and retries nothing.
pub type HttpService = BoxCloneSyncService<Request<Bytes>, Response<Bytes>, TransportError>;

/// Bounds of one call, put into the request's extensions.
#[derive(Debug, Clone, Copy)]
pub struct CallLimits {
    /// From the start of the call to the last byte of the answer.
    pub deadline: Duration,
    /// Longest answer accepted, in bytes.
    pub max_response_bytes: usize,
}

impl CallLimits {
    /// The time that a call has which starts at `now`: its deadline, and no longer than its lease. Zero: too late.
    pub fn within(&self, send_before: Option<SendBefore>, now: Timestamp) -> Duration {
        let left = send_before
            .map(|before| before.0.duration_since(now).max(jiff::SignedDuration::ZERO).unsigned_abs());
        left.map_or(self.deadline, |left| left.min(self.deadline))
    }
}

impl Default for CallLimits {
    fn default() -> Self {
        Self { deadline: Duration::from_secs(30), max_response_bytes: 16 << 20 }
    }
}

/// The instant after which the request may be neither started nor continued: the end of the lease under which it
/// is sent. Put into the request's extensions by whoever sends an effect.
#[derive(Debug, Clone, Copy)]
pub struct SendBefore(pub Timestamp);

/// Why no answer came. Says nothing about bodies or headers, so it is safe to log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// Nothing was sent: no connection, no name, or a refused TLS handshake.
    #[error("could not connect to {host}: {reason}")]
    Connect {
        /// Host and port of the request.
        host: String,
        /// What the operating system or TLS said.
        reason: String,
    },
    /// Nothing was sent: `SendBefore` had passed.
    #[error("not sent to {host}: its time had passed")]
    Late {
        /// Host and port of the request.
        host: String,
    },
    /// The request may have been received; the answer did not come in time.
    #[error("no answer from {host} within {after:?}")]
    Deadline {
        /// Host and port of the request.
        host: String,
        /// How long was waited.
        after: Duration,
    },
    /// The request may have been received; the connection broke.
    #[error("connection to {host} broke: {reason}")]
    Broken {
        /// Host and port of the request.
        host: String,
        /// What the operating system or HTTP layer said.
        reason: String,
    },
    /// An answer came and was longer than allowed.
    #[error("answer of {host} is longer than {limit} bytes")]
    TooLong {
        /// Host and port of the request.
        host: String,
        /// The bound that was exceeded.
        limit: usize,
    },
}

impl TransportError {
    /// Whether it is certain that the server never received the request.
    pub fn certainly_not_sent(&self) -> bool {
        matches!(self, Self::Connect { .. } | Self::Late { .. })
    }
}

/// Wraps any infallible request service (an axum router, a stub in a test) as an [`HttpService`].
pub fn http_service<S>(service: S) -> HttpService
where
    S: Service<Request<Bytes>, Response = Response<Bytes>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    BoxCloneSyncService::new(service.map_err(|never| match never {}))
}
