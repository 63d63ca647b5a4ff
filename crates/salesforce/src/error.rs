//! The one error of this crate, and what each of its kinds means for the next step.

use std::time::Duration;

use ports::{RetryClass, TransportError};

use crate::{Meaning, OrgId, RecordId, Refusal, barred::Barred, denial};

/// Why a call gave no result.
///
/// `Display` and `Debug` show codes and field names only, never a record's content or a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No answer came.
    #[error("{error}")]
    Transport {
        /// What the transport met.
        error: TransportError,
        /// Whether the call would have changed something.
        write: bool,
    },
    /// An answer came and could not be read: cut, or not of the documented shape.
    #[error("answer with status {status} cannot be read: {reason}")]
    Unreadable {
        /// The HTTP status.
        status: u16,
        /// What is wrong with it; never a part of it.
        reason: &'static str,
        /// Whether the call may have changed something.
        write: bool,
    },
    /// The platform refused.
    #[error("{0}")]
    Refused(Refusal),
    /// The org refuses the session itself, and another one would fare no better.
    #[error("the org refuses the session: {0}")]
    Barred(Barred),
    /// Nobody has signed in, and the configuration names nothing else to log in with.
    #[error("nobody has signed in to Salesforce yet: run cosell login salesforce")]
    NotSignedIn,
    /// No session this time; nothing was refused.
    #[error("no session this time: {reason}")]
    NotGranted {
        /// What stood in the way, and what to do if something helps.
        reason: String,
    },
    /// No session was granted.
    #[error("login refused with status {status}, {code}: {advice}")]
    Login {
        /// The HTTP status.
        status: u16,
        /// OAuth's error code, such as `invalid_grant`; `ERROR_HTTP_<status>` if there was none.
        code: String,
        /// What to look at, for the codes and texts that are known.
        advice: &'static str,
    },
    /// A login led to another org than before, or than the store belongs to: nothing more is sent.
    #[error(
        "the login leads to org {found}, and this store or the login before it belongs to org {expected}"
    )]
    OrgChanged {
        /// The store's org, or the first login's.
        expected: OrgId,
        /// The org of this one.
        found: OrgId,
    },
    /// No place in the budget within the bound; nothing was sent.
    #[error("no call could be made within {waited:?}: calls are paused, or the day's calls are used up")]
    NoPlace {
        /// How long was waited.
        waited: Duration,
        /// How long the budget asked to wait further.
        again: Duration,
    },
    /// The caller asked for something that the platform is known to refuse; nothing was sent.
    #[error("{0}")]
    Misuse(#[from] Misuse),
}

/// What a caller must not ask for. Found before sending.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misuse {
    /// More parts than one call may carry.
    #[error("{what}: {given} given, at most {most} fit into one call")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// How many were given.
        given: usize,
        /// How many fit.
        most: usize,
    },
    /// The query would make the address longer than the platform reads.
    #[error("the query makes an address of {bytes} bytes, at most {most} are read: split it")]
    AddressTooLong {
        /// Length of the address.
        bytes: usize,
        /// The bound.
        most: usize,
    },
    /// A result with more records than the caller allowed for.
    #[error("the query found more than {most} records")]
    TooManyRecords {
        /// The caller's bound.
        most: usize,
    },
    /// A reference id that the platform would refuse, or one used twice.
    #[error(
        "reference id {0:?} is used twice, or is no letter or digit followed by letters, digits, underscores"
    )]
    ReferenceId(String),
    /// The name of a graph that the platform would refuse, or one used twice.
    #[error("graph name {0:?} is used twice, or is not 1 to 39 letters, digits, hyphens, underscores")]
    GraphName(String),
    /// A subrequest that a graph cannot hold: a query.
    #[error("subrequest {0} is a query, and a graph holds rows only")]
    NotInGraph(String),
    /// A header that a subrequest may not carry, or that is none.
    #[error("a subrequest cannot carry the header {0:?}")]
    Header(String),
    /// A value with `@{` in it: inside a composite call the platform would take it for a reference. Write that
    /// record in a call of its own.
    #[error("subrequest {reference_id}: the value of {field} looks like a reference")]
    LooksLikeReference {
        /// The subrequest.
        reference_id: String,
        /// The field.
        field: String,
    },
    /// A field that is named by the call itself and must not be among the values.
    #[error("{0:?} cannot be among the values")]
    ReservedField(String),
    /// The configuration cannot work.
    #[error("configuration: {0}")]
    Configuration(&'static str),
}

impl Error {
    /// What the error means for the next step; decided here and nowhere else.
    pub fn class(&self) -> RetryClass {
        match self {
            Self::Transport { error, .. } if error.certainly_not_sent() => RetryClass::LATER,
            Self::Transport { write: true, .. } | Self::Unreadable { write: true, .. } => {
                RetryClass::Doubtful
            }
            // Asking again brings the same long answer.
            Self::Transport { error: TransportError::TooLong { .. }, .. } => RetryClass::Bug,
            Self::Transport { .. } | Self::Unreadable { .. } | Self::NotGranted { .. } => RetryClass::LATER,
            Self::Refused(refusal) => refusal.class(),
            Self::Login { status, code, .. } => match *status {
                429 | 420 | 500..=599 => RetryClass::LATER,
                _ if denial::passes(code) => RetryClass::LATER,
                _ => RetryClass::Person,
            },
            Self::Barred(Barred::EvenNew) => RetryClass::Authenticate,
            Self::Barred(_)
            | Self::NotSignedIn
            | Self::OrgChanged { .. }
            | Self::Misuse(Misuse::Configuration(_)) => RetryClass::Person,
            Self::NoPlace { again, .. } => RetryClass::Later { after: Some(*again) },
            Self::Misuse(_) => RetryClass::Bug,
        }
    }

    /// Whether it is the platform's own bound on logins.
    pub(crate) fn counts_logins(&self) -> bool {
        matches!(self, Self::Login { code, .. } if code == denial::TOO_MANY_LOGINS)
    }

    /// Whether a kept sign-in is of no use any more, whatever else a person does.
    pub(crate) fn says_the_sign_in_is_dead(&self) -> bool {
        matches!(self, Self::Login { code, .. } if code == "invalid_grant")
    }

    /// What a person does about a login that fails, in one sentence; nothing when waiting is enough.
    pub fn next_step(&self) -> Option<&'static str> {
        match self {
            Self::Barred(barred) => Some(barred.next_step()),
            Self::NotSignedIn => Some("Run: cosell login salesforce"),
            Self::OrgChanged { .. } => Some(
                "Log in to the org that the store belongs to, or let [store] path name a store of its own.",
            ),
            Self::Login { advice, .. } if self.class() == RetryClass::Person => Some(advice),
            Self::Refused(refusal)
                if refusal.errors().iter().any(|error| Meaning::of(error.code()) == Meaning::NoApi) =>
            {
                Some(
                    "Give the integration user's permission set the system permission API Enabled; the org's edition must \
                 have the API.",
                )
            }
            _ => None,
        }
    }

    /// The refusal, if it is one.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// The holder of a unique value that was to be written again.
    pub fn duplicate_of(&self) -> Option<RecordId> {
        self.refusal()?.duplicate_of()
    }

    /// The fields that the platform names.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.refusal().into_iter().flat_map(Refusal::fields)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// The result of every call.
pub type Result<T, E = Error> = std::result::Result<T, E>;
