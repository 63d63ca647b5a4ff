//! The Side port: one side of every deal, as the engine sees it. Wire types end behind it.
//!
//! Contract, checked by one suite on every connector:
//! - answers stand in the order of what was asked, one for each; one bad row never fails its neighbours;
//! - `observe` reads by id, as the records are now; what it cannot know is `Unknown`, never `Empty`;
//! - `apply` is a compare-and-set on the version it was planned on; a record that moved is [`RetryClass::Changed`]
//!   and untouched;
//! - an [`Applied::after`] was read after the write, by the same call where the side can;
//! - nothing is sent after [`CallScope::send_before`];
//! - a live source whose `changes` gets another position than it handed out last begins again at that one: what was
//!   not committed is told once more;
//! - every error is classed once, here.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use deal_model::{GroupId, Life, Observation, ProblemClass, RecordId, Sight, Version, Write};
use jiff::Timestamp;
use ports::RetryClass;

use crate::{CrmLead, IndexEntry, LeadWrite, PortalLead, Target};

/// Under which bounds a call is made.
#[derive(Debug, Clone, Copy)]
pub struct CallScope {
    /// The lane whose share of the budget it spends.
    pub lane: ports::Lane,
    /// The transport neither starts nor continues past this: the lease's end.
    pub send_before: Option<Timestamp>,
}

/// A record to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The record.
    pub record: RecordId,
    /// Its engagement, if it is known (portal).
    pub engagement: Option<RecordId>,
    /// The companion's record, if it is known (portal).
    pub companion: Option<RecordId>,
    /// Whether to read the companion too (portal); it is looked for in the engagement when it is not known.
    pub read_companion: bool,
}

/// A change of an existing record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The record.
    pub record: RecordId,
    /// Only if it is still this version.
    pub expect: Version,
    /// What changes.
    pub what: What,
}

/// What changes of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Fields, and with them the stage (CRM) or the sales stage (portal), and the report (CRM).
    Fields {
        /// The groups.
        writes: Vec<Write>,
        /// Where the stage goes.
        life: Option<Life>,
        /// The report that rides along.
        report: Option<Report>,
    },
    /// The referral moves in its life.
    Move {
        /// To here.
        to: Life,
        /// The opportunity's identifier, written with an acceptance.
        external_reference: Option<RecordId>,
    },
}

/// What a seller reads on the opportunity. Outside the merge: never observed, never a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// One line: where the deal stands.
    pub status: String,
    /// What a person has to do, or empty.
    pub problem: String,
    /// The newest audit lines, newest first, each whole.
    pub audit: Vec<String>,
    /// When the sides were last known to be the same.
    pub synced_at: Option<Timestamp>,
}

/// A record to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRecord {
    /// The values.
    pub writes: Vec<Write>,
    /// Where it begins its life.
    pub life: Life,
    /// The record across, as it was read for the plan.
    pub from: Observation,
    /// The engagement that a companion is created in.
    pub engagement: Option<RecordId>,
}

/// A record that was created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// Its identifier.
    pub record: RecordId,
    /// Its engagement, if the answer told it (portal).
    pub engagement: Option<RecordId>,
    /// The record as the answer showed it, if it did.
    pub after: Option<Observation>,
    /// Whether it was there already: a unique key found its holder, and nothing was written.
    pub existed: bool,
}

/// A change that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The record after the write.
    pub after: Option<Observation>,
}

/// Why a side did not do it. Holds no value that a person typed, but for `told`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct SideError {
    /// What it means for the next step.
    pub class: RetryClass,
    /// What happened, safe to log: codes and field names.
    pub what: String,
    /// The server's own words, for the person who owns the data. Never logged.
    pub told: String,
    /// The groups that the server complains about, if it names any.
    pub groups: Vec<GroupId>,
    /// Of these groups, those whose place cannot be changed at all after creation, with the place.
    pub fixed: Box<[(GroupId, String)]>,
    /// What has to happen before the record can be written at all; then no value is at fault, and none is left out.
    pub waits_for: Option<Box<WaitsFor>>,
    /// Whether it is certain that the effect did not happen.
    pub certainly_not_done: bool,
}

/// What keeps a whole record from being written, and who ends that: an approval under way, a right, an org that is full.
/// The write is tried again by itself, as its class says; meanwhile it is a problem of the deal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitsFor {
    /// Whose trouble it is.
    pub class: ProblemClass,
    /// What is wrong, in a whole sentence.
    pub sentence: String,
    /// What a person does next.
    pub next_step: String,
}

/// One change that a source saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// What changed.
    pub target: Target,
    /// The record's stamp at that state, for dropping what the deal has seen already. `None`: never dropped.
    pub stamp: Option<Timestamp>,
    /// Which reads it asks for.
    pub hints: crate::Hints,
    /// What tells this change from others of the same source, for dropping repeats of an overlap.
    pub key: String,
    /// Whether it looks like the echo of a write of ours. It is looked at all the same, a little later: with the read
    /// that follows a write.
    pub echo: bool,
}

/// One page of a source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// What changed.
    pub seen: Vec<Seen>,
    /// What changed of records of which the page does not tell whether they may be kept: the store's links are asked
    /// first, then [`Side::admit`]. A target with `birth` says that the record may be opted in although a read does not
    /// show it yet: it is asked for a second time (live sources).
    pub unsure: Vec<Seen>,
    /// What the page teaches the births' index.
    pub index: Vec<IndexEntry>,
    /// The position after this page.
    pub position: String,
    /// Whether more is there now.
    pub more: bool,
    /// Whether every record has been listed at least once (portal): births may look.
    pub complete: bool,
    /// Polled sources of this side that are to be read from their beginning: of them, changes were missed (live
    /// sources). Kept with the position, so that nothing forgets it.
    pub missed: Vec<&'static str>,
    /// Polled sources of this side of whose changes this source does not tell: they keep their ordinary pace (live
    /// sources).
    pub untold: Vec<&'static str>,
    /// How many changes could not be read; their sources are among the missed (live sources).
    pub unread: usize,
    /// How a live source stands after this page.
    pub hearing: Hearing,
}

/// How a live source stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Hearing {
    /// It is not certain yet that changes come by themselves: polls keep their ordinary pace.
    #[default]
    Unproven,
    /// Changes come by themselves: polls only reconcile.
    Hears,
    /// They do not: polls alone find changes.
    Deaf(Silence),
}

/// Why a live source hears nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// What is wrong, for a person: codes and names, no data.
    pub sentence: String,
    /// What a person does next.
    pub next_step: String,
    /// When it is tried again.
    pub retry: Duration,
    /// Whether that is as good as expected: shown where somebody looks, and no problem of the connection.
    pub quiet: bool,
}

/// A source of changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its name, and its cursor's: `crm.opportunities`, `portal.referrals`.
    pub name: &'static str,
    /// How it is read.
    pub pace: Pace,
}

/// How a source is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Polled again and again.
    Polled {
        /// How long to wait between two polls that found nothing more.
        every: Duration,
        /// The same, while a live source of the side hears changes by itself.
        beside_live: Duration,
    },
    /// Live: `changes` itself waits for news, well within [`CallScope::send_before`], and is asked again at once.
    Live,
}

/// What a referral that no deal has turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stranger {
    /// Ours, and to be born into the CRM.
    Born(Box<Observation>),
    /// Another organisation's, in this engagement.
    Companion {
        /// The engagement.
        engagement: RecordId,
    },
    /// Ours, and it names an opportunity of ours: an open intent's match, a link, or nothing.
    Claims {
        /// The referral as read.
        referral: Box<Observation>,
        /// The opportunity it names.
        opportunity: RecordId,
    },
    /// Ours, and a lead that is wanted in the CRM.
    Lead(Box<PortalLead>),
    /// Not there, or hidden from us. Another organisation's may be.
    Hidden,
    /// Nothing to us: filtered, closed, or a lead.
    Nothing,
}

/// One side of every deal.
#[async_trait]
pub trait Side: Send + Sync + 'static {
    /// Which one.
    fn side(&self) -> deal_model::Side;

    /// Reads records as they are now.
    async fn observe(&self, wanted: &[Wanted], scope: CallScope) -> Vec<Result<Sight, SideError>>;

    /// Makes changes, as few calls as the side allows.
    async fn apply(&self, changes: &[Change], scope: CallScope) -> Vec<Result<Applied, SideError>>;

    /// Creates a record. On the CRM it carries a unique key, so that trying again is harmless.
    async fn create(&self, new: &NewRecord, scope: CallScope) -> Result<Created, SideError>;

    /// Creates records, as few calls as the side allows; each is made, found or refused by itself.
    async fn create_many(&self, new: &[NewRecord], scope: CallScope) -> Vec<Result<Created, SideError>> {
        let mut created = Vec::with_capacity(new.len());
        for each in new {
            created.push(self.create(each, scope).await);
        }
        created
    }

    /// The record that holds the unique key of this portal record, whoever made it: what a doubtful creation left, if it
    /// left anything (CRM).
    async fn born_of(&self, _record: &RecordId, _scope: CallScope) -> Result<Option<Created>, SideError> {
        Err(SideError::bug("this side has no unique keys"))
    }

    /// Creates the other organisation's record in the deal's engagement (portal).
    async fn create_companion(&self, new: &NewRecord, scope: CallScope) -> Result<Created, SideError>;

    /// The sources to be read.
    fn sources(&self) -> Vec<Source>;

    /// The rules by which records are let in that no deal has (portal), as a text that changes with them: what was passed
    /// over before is then listed once more.
    fn admission(&self) -> String {
        String::new()
    }

    /// The next page of a source after `position` (`None`: from the beginning).
    async fn changes(
        &self,
        source: &str,
        position: Option<&str>,
        scope: CallScope,
    ) -> Result<Changes, SideError>;

    /// The position from which a polled source lists everything that changed at or after `since`, by the platform's clock.
    /// `None`: its beginning.
    fn position_at(&self, _source: &str, _since: Timestamp) -> Option<String> {
        None
    }

    /// Of these records, heard of by a live source, those that may be kept: opted in, or carrying an identifier of ours
    /// (CRM). The others are forgotten at once.
    async fn admit(&self, _records: &[RecordId], _scope: CallScope) -> Result<Vec<Target>, SideError> {
        Err(SideError::bug("this side has no live sources"))
    }

    /// Everything created since `since` by the server's clock, or the whole of one engagement: the complete, bounded
    /// look before a doubtful creation is repeated (portal).
    async fn look(
        &self,
        since: Timestamp,
        engagement: Option<&RecordId>,
        scope: CallScope,
    ) -> Result<Vec<IndexEntry>, SideError>;

    /// Reads a record that no deal has, and says what it is (portal).
    async fn stranger(&self, record: &RecordId, scope: CallScope) -> Result<Stranger, SideError>;

    /// The record of the lead that carries this referral's identifier (CRM).
    async fn lead(&self, _referral: &RecordId, _scope: CallScope) -> Result<Option<CrmLead>, SideError> {
        Err(SideError::bug("this side has no leads"))
    }

    /// Makes the record of a lead under its unique column, or changes it as a compare-and-set, and reads it back (CRM).
    async fn write_lead(&self, _write: &LeadWrite, _scope: CallScope) -> Result<CrmLead, SideError> {
        Err(SideError::bug("this side has no leads"))
    }

    /// The referral of the lead that a person converted into this opportunity, if there was one (CRM).
    async fn converted_from(
        &self,
        _opportunity: &RecordId,
        _scope: CallScope,
    ) -> Result<Option<RecordId>, SideError> {
        Ok(None)
    }

    /// Fields that the connection cannot read, with the sentence for the person who can mend that.
    fn blind(&self) -> BTreeMap<String, String>;
}
