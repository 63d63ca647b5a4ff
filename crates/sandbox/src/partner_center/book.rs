//! Every referral of every organisation, with its versions: what the service remembers.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::{Arc, LazyLock},
};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::stamp;

/// Versions kept of a referral, the present one included, for knobs that show old ones.
const MAX_VERSIONS: usize = 8;

/// A referral's members.
pub(super) type Document = Map<String, Value>;

/// Who owns a referral.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// The partner whose API this is.
    Ours,
    /// Microsoft.
    Microsoft,
    /// Another partner, whose referral the partner can see.
    Other,
}

/// One referral.
#[derive(Debug)]
pub(super) struct Record {
    /// Who owns it.
    pub(super) owner: Owner,
    /// Its present members.
    pub(super) document: Arc<Document>,
    /// When it was created.
    pub(super) created: Timestamp,
    /// When it was last written.
    pub(super) updated: Timestamp,
    /// From when lists show it.
    pub(super) listed_from: Timestamp,
    versions: VecDeque<(Timestamp, Arc<Document>)>,
}

impl Record {
    /// A text member at the top, or nothing.
    pub(super) fn text(&self, member: &str) -> &str {
        text(&self.document, member)
    }

    /// `(status, substatus)`.
    pub(super) fn state(&self) -> (&str, &str) {
        (self.text("status"), self.text("substatus"))
    }

    /// The version that was present at `at`; `None` if the referral is younger.
    pub(super) fn version_at(&self, at: Timestamp) -> Option<&(Timestamp, Arc<Document>)> {
        self.versions.iter().rev().find(|(since, _)| *since <= at)
    }

    /// The oldest version still known.
    pub(super) fn oldest(&self) -> &Arc<Document> {
        self.versions.front().map_or(&self.document, |(_, document)| document)
    }
}

/// When an invitation that nobody answers expires (reference, section 4.1).
#[derive(Debug, Clone, Copy)]
pub(super) struct Expiry {
    /// Days after its creation.
    pub(super) days: u32,
    /// Whether at the midnight UTC before that, instead of to the second.
    pub(super) at_midnight: bool,
}

impl Expiry {
    /// The end of an invitation made at `created`.
    pub(super) fn after(self, created: Timestamp) -> Timestamp {
        let days = i64::from(self.days);
        if self.at_midnight {
            stamp::midnight_after(created, days)
        } else {
            let second = Timestamp::from_second(created.as_second()).unwrap_or(created);
            second.checked_add(SignedDuration::from_hours(24 * days)).unwrap_or(Timestamp::MAX)
        }
    }
}

/// A text member at the top of a document, or nothing.
pub(super) fn text<'d>(document: &'d Document, member: &str) -> &'d str {
    document.get(member).and_then(Value::as_str).unwrap_or_default()
}

/// All referrals.
#[derive(Debug)]
pub(super) struct Book {
    records: Vec<Record>,
    by_id: HashMap<String, usize>,
    by_engagement: HashMap<String, Vec<usize>>,
    expiries: BTreeSet<(Timestamp, usize)>,
    last: Timestamp,
    revision: u32,
    written: u64,
    /// When new invitations expire.
    pub(super) expiry: Expiry,
}

impl Book {
    /// An empty book; eTags start at `revision`.
    pub(super) fn new(revision: u32) -> Self {
        Self {
            records: Vec::new(),
            by_id: HashMap::new(),
            by_engagement: HashMap::new(),
            expiries: BTreeSet::new(),
            last: Timestamp::UNIX_EPOCH,
            revision,
            written: 0,
            expiry: Expiry { days: 14, at_midnight: true },
        }
    }

    /// How often a referral was written.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Where the referral with this id is.
    pub(super) fn find(&self, id: &str) -> Option<usize> {
        self.by_id.get(&id.to_ascii_lowercase()).copied()
    }

    /// The referral there.
    pub(super) fn get(&self, at: usize) -> &Record {
        &self.records[at]
    }

    /// All referrals, oldest first.
    pub(super) fn all(&self) -> &[Record] {
        &self.records
    }

    /// The referrals of an engagement.
    pub(super) fn engagement(&self, id: &str) -> impl Iterator<Item = usize> + '_ {
        self.by_engagement.get(&id.to_ascii_lowercase()).into_iter().flatten().copied()
    }

    /// The first referral of `owner` in the engagement.
    pub(super) fn in_engagement(&self, id: &str, owner: Owner) -> Option<usize> {
        self.engagement(id).find(|at| self.records[*at].owner == owner)
    }

    /// Writes a new referral. `document` has its `id` and `engagementId`; members nobody gave are filled in.
    pub(super) fn insert(
        &mut self,
        document: Document,
        owner: Owner,
        now: Timestamp,
        late: SignedDuration,
    ) -> usize {
        let stamped = self.next_stamp(now);
        let mut whole = BLANK.clone();
        overlay(&mut whole, document);
        let given = |whole: &Document, member: &str| text(whole, member).parse::<Timestamp>().ok();
        // An actor may place a referral in the past; the API never can.
        let created = given(&whole, "createdDateTime").unwrap_or(stamped);
        whole.insert("createdDateTime".to_owned(), stamp::server(created).into());
        if text(&whole, "status") == "New" {
            let expires = given(&whole, "expirationDateTime").unwrap_or_else(|| self.expiry.after(created));
            whole.insert("expirationDateTime".to_owned(), stamp::caller(expires).into());
            self.expiries.insert((expires, self.records.len()));
        }
        self.seal(&mut whole, stamped, "None");
        let at = self.records.len();
        self.by_id.insert(text(&whole, "id").to_ascii_lowercase(), at);
        self.by_engagement.entry(text(&whole, "engagementId").to_ascii_lowercase()).or_default().push(at);
        let document = Arc::new(whole);
        self.records.push(Record {
            owner,
            created,
            updated: stamped,
            listed_from: now.checked_add(late).unwrap_or(now),
            versions: VecDeque::from([(stamped, Arc::clone(&document))]),
            document,
        });
        at
    }

    /// Writes the referral there anew: every write moves `updatedDateTime` and the eTag.
    pub(super) fn replace(&mut self, at: usize, mut document: Document, now: Timestamp) {
        let stamped = self.next_stamp(now);
        let before = self.records[at].text("status").to_owned();
        self.seal(&mut document, stamped, &before);
        let record = &mut self.records[at];
        record.document = Arc::new(document);
        record.updated = stamped;
        record.versions.push_back((stamped, Arc::clone(&record.document)));
        while record.versions.len() > MAX_VERSIONS {
            record.versions.pop_front();
        }
    }

    /// The next unanswered invitation whose time is over at `now`.
    pub(super) fn next_expired(&mut self, now: Timestamp) -> Option<(usize, Timestamp)> {
        while let Some((due, at)) = self.expiries.first().copied() {
            if due > now {
                return None;
            }
            self.expiries.pop_first();
            if self.records[at].text("status") == "New" {
                return Some((at, due));
            }
        }
        None
    }

    fn next_stamp(&mut self, now: Timestamp) -> Timestamp {
        let after = self.last.checked_add(stamp::TICK).unwrap_or(self.last);
        self.last = stamp::ticks(now).max(after);
        self.last
    }

    fn seal(&mut self, document: &mut Document, at: Timestamp, before: &str) {
        let now = Value::from(stamp::server(at));
        let after = text(document, "status").to_owned();
        document.insert("updatedDateTime".to_owned(), now.clone());
        if after != before && after == "Active" && document.get("acceptedDateTime").is_none_or(Value::is_null)
        {
            document.insert("acceptedDateTime".to_owned(), now.clone());
        }
        if after != before && after == "Closed" {
            document.insert("closedDateTime".to_owned(), now);
        }
        self.revision = self.revision.wrapping_add(1);
        self.written += 1;
        let seconds = u32::try_from(at.as_second()).unwrap_or(u32::MAX);
        // Inner quotes included, as the service gives it (reference, section 3.1).
        let tag = format!("\"{:08x}-0000-0100-0000-{seconds:08x}0000\"", self.revision);
        document.insert("eTag".to_owned(), tag.into());
    }
}

/// A referral of which nothing is known: every member that the service always sends.
static BLANK: LazyLock<Document> = LazyLock::new(|| {
    serde_json::from_str(include_str!("blank_referral.json"))
        .expect("the file beside this one holds an object")
});

/// Lays `over` onto `under`, object by object. A null replaces a leaf, not an object or an array.
fn overlay(under: &mut Document, over: Document) {
    for (name, value) in over {
        match (under.get_mut(&name), value) {
            (Some(Value::Object(below)), Value::Object(above)) => overlay(below, above),
            (Some(Value::Object(_) | Value::Array(_)), Value::Null) => {}
            (_, value) => {
                under.insert(name, value);
            }
        }
    }
}
