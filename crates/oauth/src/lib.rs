//! What the sign-ins of both platforms have in common: the browser's way there and back, the spending of a kept refresh
//! token, the certificate of an application, and one run for everybody who asks at the same time. Knows no platform.
//!
//! - [`Journey`] makes and checks what ties a browser's answer to the sign-in that sent it (PKCE, state).
//! - [`Spending`] spends a refresh token under a lease; its successor is stored before anything else.
//! - [`RegisteredCertificate`] knows its key and its end.
//! - [`Flights`] shares one run, which goes on when those who wait for it stop waiting.

mod certificate;
mod flight;
mod journey;
mod spending;

pub use certificate::{RegisteredCertificate, UnfitCertificate};
pub use flight::Flights;
pub use journey::{Astray, BrowserAnswer, Journey, NoRandomness, random};
pub use spending::{Spending, SpendingError, Successor};
