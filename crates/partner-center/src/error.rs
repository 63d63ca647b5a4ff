//! Everything that can go wrong with a call, and what it means for the next step.

use std::{fmt, time::Duration};

use http::StatusCode;
use ports::{RetryClass, TransportError};

use crate::{auth::AuthError, refusal::ApiError, trace::Trace};

/// What was being done. Its text completes "could not ...".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// A page of referrals is read.
    ListReferrals,
    /// One referral is read.
    GetReferral,
    /// A referral is created.
    CreateReferral,
    /// A referral is changed.
    PatchReferral,
    /// The webhook registration is read.
    ReadRegistration,
    /// The names of all events are read.
    ListEvents,
    /// The webhook registration is made.
    Register,
    /// The webhook registration is replaced.
    ReplaceRegistration,
    /// A test event is asked for.
    SendTestEvent,
    /// What became of a test event is read.
    ReadTestResult,
}

impl Operation {
    /// The name under which calls of this kind are timed; nothing for those of which each is different.
    pub(crate) fn timed_as(self) -> Option<&'static str> {
        match self {
            Self::GetReferral => Some("get"),
            Self::CreateReferral => Some("create"),
            Self::PatchReferral => Some("patch"),
            // A page holds nothing or a hundred referrals, and the registration is another service.
            _ => None,
        }
    }

    /// Whether a request that was sent may have changed something.
    pub fn has_effect(self) -> bool {
        match self {
            Self::CreateReferral
            | Self::PatchReferral
            | Self::Register
            | Self::ReplaceRegistration
            | Self::SendTestEvent => true,
            Self::ListReferrals
            | Self::GetReferral
            | Self::ReadRegistration
            | Self::ListEvents
            | Self::ReadTestResult => false,
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ListReferrals => "list referrals",
            Self::GetReferral => "read the referral",
            Self::CreateReferral => "create the referral",
            Self::PatchReferral => "change the referral",
            Self::ReadRegistration => "read the webhook registration",
            Self::ListEvents => "list the events",
            Self::Register => "register the webhook",
            Self::ReplaceRegistration => "replace the webhook registration",
            Self::SendTestEvent => "ask for a test event",
            Self::ReadTestResult => "read the test event's result",
        })
    }
}

/// Why a call to Partner Center did not do what was asked. Its text holds no secrets and no personal data.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No answer came.
    #[error("could not {operation}: {source}")]
    Transport {
        /// What was being done.
        operation: Operation,
        /// Why no answer came.
        source: TransportError,
        /// What the request can be found by, should it have been received.
        trace: Box<Trace>,
    },
    /// The budget had no place within the longest wait. Nothing was sent.
    #[error("could not {operation}: no place in the call budget for another {wait:?}")]
    NotAdmitted {
        /// What was being done.
        operation: Operation,
        /// What the budget asked to wait.
        wait: Duration,
    },
    /// The time by which the request had to be sent passed while waiting. Nothing was sent.
    #[error("could not {operation}: its time passed before it was sent")]
    TimePassed {
        /// What was being done.
        operation: Operation,
    },
    /// No access token could be had. Nothing was sent.
    #[error("could not {operation}: {source}")]
    Auth {
        /// What was being done.
        operation: Operation,
        /// Why there is no token.
        source: AuthError,
    },
    /// The server refused.
    #[error(transparent)]
    Api(Box<ApiError>),
    /// The server answered success with a body that cannot be used: cut, no JSON, or without what was asked.
    #[error("could not {operation}: answer {status} cannot be used: {reason}")]
    Unreadable {
        /// What was being done.
        operation: Operation,
        /// The answer's status.
        status: StatusCode,
        /// What is wrong with it. Holds no part of the body.
        reason: &'static str,
        /// What the exchange can be found by.
        trace: Box<Trace>,
    },
    /// The request could not be formed; nothing was sent.
    #[error("could not {operation}: {reason}")]
    Request {
        /// What was being done.
        operation: Operation,
        /// What is wrong with it. Holds no values.
        reason: &'static str,
    },
    /// A list did not end within the allowed number of pages, or its pages lead in a circle.
    #[error("could not list referrals to the end: {reason}")]
    Endless {
        /// Which of the two.
        reason: &'static str,
    },
}

impl Error {
    /// What this means for the next step.
    pub fn class(&self) -> RetryClass {
        match self {
            Self::Transport { operation, source, .. } => {
                if operation.has_effect() && !source.certainly_not_sent() {
                    RetryClass::Doubtful
                } else {
                    RetryClass::LATER
                }
            }
            Self::NotAdmitted { wait, .. } => RetryClass::Later { after: Some(*wait) },
            Self::Auth { source, .. } => source.class(),
            Self::Api(error) => error.class(),
            Self::Unreadable { operation, .. } => {
                if operation.has_effect() {
                    RetryClass::Doubtful
                } else {
                    RetryClass::LATER
                }
            }
            Self::Request { .. } => RetryClass::Bug,
            Self::TimePassed { .. } | Self::Endless { .. } => RetryClass::LATER,
        }
    }

    /// What the exchange can be found by; nothing, if nothing was sent.
    pub fn trace(&self) -> Option<&Trace> {
        match self {
            Self::Transport { trace, .. } | Self::Unreadable { trace, .. } => Some(trace),
            Self::Api(error) => Some(error.trace()),
            _ => None,
        }
    }

    /// The server's refusal, if that is what it is.
    pub fn api(&self) -> Option<&ApiError> {
        match self {
            Self::Api(error) => Some(error),
            _ => None,
        }
    }
}
