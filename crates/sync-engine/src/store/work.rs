//! Marks and work: what may have changed, how far the sources were read, and who works on what.

use deal_model::{DealId, RecordId, Side};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How urgent a piece of work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkLane {
    /// Events, people, due guards.
    Now,
    /// Sweeps, backlog, first load.
    Background,
}

/// Which reads a mark asks for. Marks of one deal add up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hints {
    /// The opportunity may have changed.
    pub crm: bool,
    /// The referral may have changed.
    pub portal: bool,
    /// The other organisation's referral may have changed.
    pub companion: bool,
}

impl Hints {
    /// Read everything.
    pub const ALL: Self = Self { crm: true, portal: true, companion: true };

    /// What both ask for.
    pub fn union(self, other: Self) -> Self {
        Self {
            crm: self.crm || other.crm,
            portal: self.portal || other.portal,
            companion: self.companion || other.companion,
        }
    }

    /// The hint for one side.
    pub fn of(side: Side) -> Self {
        match side {
            Side::Crm => Self { crm: true, ..Self::default() },
            Side::Portal => Self { portal: true, ..Self::default() },
        }
    }
}

/// What a mark points at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// A deal.
    Deal(DealId),
    /// An opportunity **that was read as opted in or is linked**. Without a deal it begets one when `birth` is set;
    /// otherwise the mark leaves no trace.
    Opportunity {
        /// Its id.
        id: RecordId,
        /// Whether a deal may begin with it.
        birth: bool,
        /// The referral whose identifier it carries. A deal that waits for this very opportunity is found by it, so
        /// that a source which sees our own insert before its commit begets no second deal.
        claims: Option<RecordId>,
    },
    /// A referral: a deal's own, or a companion's (then the deal is marked with the companion hint), or, when `birth`
    /// is set, one that no deal has yet.
    Referral {
        /// Its id.
        id: RecordId,
        /// Its engagement, if the source told it; finds the deal of a companion.
        engagement: Option<RecordId>,
        /// Whether it is kept as work of its own when no deal has it.
        birth: bool,
    },
}

/// What was told of an opportunity, and a read may not show yet: reads lag behind events. It lasts with the work, so that
/// whoever claims it knows, whichever process was told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Awaited {
    /// The newest stamp that was told of: an older read is made again.
    pub stamp: Option<Timestamp>,
    /// Until when that stamp is waited for.
    pub until: Option<Timestamp>,
    /// When to read once more for what was told without a stamp.
    pub again: Option<Timestamp>,
}

impl Awaited {
    /// What both wait for: of each part the later.
    pub fn union(self, other: Self) -> Self {
        Self {
            stamp: self.stamp.max(other.stamp),
            until: self.until.max(other.until),
            again: self.again.max(other.again),
        }
    }
}

/// "This may have changed": durable, coalesced per deal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// At what.
    pub target: Target,
    /// What to read.
    pub hints: Hints,
    /// How urgent.
    pub lane: WorkLane,
    /// Not before.
    pub due: Timestamp,
    /// When the change was heard of.
    pub heard: Timestamp,
    /// What a read has to show.
    pub awaits: Awaited,
}

/// How far a source has been read; the position is the source's own text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The source's name: `crm.opportunity`, `portal.referrals`.
    pub source: String,
    /// Its position.
    pub position: String,
}

/// What a worker goes by, told to the store when it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its rules: their name, and what tells them from others.
    pub rules: Cursor,
    /// By what it lets records in, in the same way.
    pub admission: Cursor,
    /// Where its lists are to stand if others were let in before. One that was never read stays so.
    pub lists: Vec<Cursor>,
}

/// Proof of a lease: the number grows each time the lease changes hands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fence {
    /// The lease.
    pub name: String,
    /// Who holds it.
    pub owner: String,
    /// Its number.
    pub number: u64,
}

/// What a work row is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Subject {
    /// A deal.
    Deal(DealId),
    /// A referral that no deal has yet.
    Referral(RecordId),
}

/// A leased piece of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// About what.
    pub subject: Subject,
    /// The generation that was claimed.
    pub generation: u64,
    /// What to read.
    pub hints: Hints,
    /// Its lane.
    pub lane: WorkLane,
    /// How often it failed in a row.
    pub attempts: u32,
    /// When the oldest change in it was heard of.
    pub heard: Timestamp,
    /// What a read has to show.
    pub awaits: Awaited,
    /// The lease: its owner and number.
    pub fence: Fence,
    /// When the lease ends.
    pub lease_until: Timestamp,
}

/// How much to claim.
#[derive(Debug, Clone)]
pub struct ClaimRequest {
    /// The worker.
    pub owner: String,
    /// The present instant.
    pub now: Timestamp,
    /// When the leases end.
    pub lease_until: Timestamp,
    /// Most rows of both lanes together. The *now* lane gets up to 80 %, *background* never less than 20 %, and
    /// either takes what the other leaves.
    pub most: usize,
    /// Most rows of both lanes when the *background* lane has them, if that is more: a first load goes in few calls.
    pub most_of_backlog: usize,
    /// The worker's rules, as it entered them. If others are in force by now, nothing is leased. `None` asks for none.
    pub rules: Option<Cursor>,
}

/// What becomes of the work row at a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposition {
    /// The pass goes on: keep the lease.
    Keep,
    /// Done: clear the row if its generation is the claimed one, else leave it due.
    Done,
    /// Look again at `at`, with these hints, in this lane. After a failure (`attempts` above 0) the change is still
    /// under way and keeps its hearing; a look without one begins a new hearing at `at`.
    Again {
        /// When.
        at: Timestamp,
        /// What to read.
        hints: Hints,
        /// How often it failed in a row by now.
        attempts: u32,
    },
}
