//! Client of Partner Center's Referrals API and its webhooks.
//!
//! It knows referrals, engagements, tokens and signatures. It knows no deals, no mapping and no other platform:
//! what is read is a [`Referral`] document, what is written is a [`NewReferral`] or a list of [`PatchOperation`]s.
//! Two entry points: [`Client`] (calls out) and [`webhook::Verifier`] (calls in).
//!
//! Deliberately absent: retries other than a refused connection and one replay after a 401 (retrying is the
//! engine's, durably); following links or redirects that a server hands out; full replacement of a referral (PUT is
//! deprecated); deletion (the platform has none).

mod answer;
mod auth;
mod client;
mod config;
mod continuation;
mod envelope;
mod error;
mod exchange;
mod filter;
mod ids;
mod list;
mod names;
mod open_enums;
mod patch;
mod referral;
mod refusal;
mod registration;
mod standing;
mod trace;
pub mod webhook;

pub use auth::{
    AssertionAlgorithm, AuthError, Authorization, Claims, ClientCertificate, ClientProof, DeviceCode, SignIn,
    SignInError, SignedIn, TokenConfig, TokenSource, UnfitCertificate,
};
pub use client::{Client, Created, Fetched, NewReferral, Patched};
pub use config::{Audience, CallContext, ClientConfig, Limits};
pub use continuation::Continuation;
pub use error::{Error, Operation};
pub use filter::{Filter, When};
pub use ids::{CorrelationId, ETag, EngagementId, InvalidId, OrganizationId, ReferralId};
pub use list::{ListQuery, Member, Order, Pager, ReferralPage};
pub use open_enums::{Direction, Qualification, ReferralType, Status, Substatus, TargetType};
pub use patch::PatchOperation;
pub use referral::{
    Address, Attribute, Consent, Contract, Customer, CustomerId, DealRegistration, Details, Invitation,
    Inviter, Iot, Person, Referral, RegisteredSolution, RegistrationHistory, Solution, Target, Tracking,
    UnreadableReferral,
};
pub use refusal::{ApiError, ErrorCode};
pub use registration::{Attempt, Registration, RegistrationRequest, TestResult};
pub use standing::{REFERRAL_EVENTS, Standing, TEST_EVENT, shown_url};
pub use trace::Trace;
