//! Sign-in, and access tokens for both audiences from the one refresh token that it brings.
//!
//! Contract: at most one refresh is under way at a time, over all processes that share a store (a lease); whoever
//! asks meanwhile for the same audience shares its outcome, and it goes on when they stop waiting. A rotated refresh
//! token is stored **before** the access token that came with it is handed out. The store's token wins over the
//! configured one (the *seed*); the seed is used when the store is empty, and once more when the platform refuses the
//! stored token as dead.
//!
//! A refresh rides on the place in the budget of the call that needs it: it goes to the identity platform, whose
//! allowance is another one.

mod aadsts;
mod claims;
mod client_proof;
mod config;
mod error;
mod grant;
mod memory;
mod refusal;
mod sign_in;
mod source;

pub(crate) use claims::Challenge;
pub use claims::Claims;
pub use client_proof::{AssertionAlgorithm, ClientCertificate, ClientProof, UnfitCertificate};
pub use config::TokenConfig;
pub use error::AuthError;
pub use sign_in::{Authorization, DeviceCode, SignIn, SignInError, SignedIn};
pub use source::TokenSource;
