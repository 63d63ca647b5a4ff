//! The event bus of one org: commits become events, and what was asked of it is counted.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

use super::{
    super::{
        commits::Transaction,
        id::Id,
        schema::{Schema, system},
    },
    channels::Channels,
    event::{ChangeType, Event},
    knobs::EventKnobs,
    log::Log,
    replay::ReplayIds,
    shape::{Kept, Shape},
};

/// The id that an overflow names instead of records.
const OVERFLOW_ID: &str = "000000000000000AAA";
/// Schemas that `GetSchema` still knows; the oldest go first.
const MAX_SCHEMAS: usize = 1_000;
/// How long a delivery counts.
const WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// What subscribers asked for and got since the org was made.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Counters {
    /// Changes that became events.
    pub(crate) events_logged: u64,
    pub(crate) streams_opened: u64,
    /// Calls of any kind that were refused, streams ended by the platform among them.
    pub(crate) refused: u64,
    /// Requests on streams, the first of each among them.
    pub(crate) fetches: u64,
    /// Responses with events.
    pub(crate) responses: u64,
    /// Responses without.
    pub(crate) empty_responses: u64,
    pub(crate) events_delivered: u64,
    pub(crate) topics_asked: u64,
    pub(crate) schemas_asked: u64,
}

/// The event bus of one org.
#[derive(Debug)]
pub(crate) struct Bus {
    org: Id,
    pub(crate) channels: Channels,
    pub(crate) log: Log,
    pub(crate) counters: Counters,
    /// Held by every open stream.
    pub(crate) open: Arc<()>,
    /// Changes with every new event, and with whatever else a waiting stream must look at.
    pub(crate) news: watch::Sender<u64>,
    /// By the schema's address, the object, and what is hidden.
    shapes: HashMap<(usize, usize, Vec<usize>), Kept>,
    schemas: BTreeMap<String, Arc<Shape>>,
    schema_order: VecDeque<String>,
    /// Deliveries of the last day, by the second.
    delivered: VecDeque<(Timestamp, u64)>,
    commits: u64,
    calls: u64,
}

impl Bus {
    /// A bus without events. `first` makes its replay ids differ from another org's.
    pub(crate) fn new(org: Id, first: u64) -> Self {
        Self {
            org,
            channels: Channels::default(),
            log: Log::new(ReplayIds::new(first)),
            counters: Counters::default(),
            open: Arc::new(()),
            news: watch::Sender::new(0),
            shapes: HashMap::new(),
            schemas: BTreeMap::new(),
            schema_order: VecDeque::new(),
            delivered: VecDeque::new(),
            commits: 0,
            calls: 0,
        }
    }

    /// The id of one call, for its trailers and responses.
    pub(crate) fn call(&mut self) -> String {
        self.calls += 1;
        self.guid("call", self.calls)
    }

    /// A GUID that follows from the org and a number.
    pub(crate) fn guid(&self, kind: &str, number: u64) -> String {
        let digest = Sha256::digest(format!("{}{kind}{number}", self.org));
        let bits = digest.iter().take(16).fold(0_u128, |bits, byte| (bits << 8) | u128::from(*byte));
        uuid::Uuid::from_u128(bits).to_string()
    }

    /// Wakes every waiting stream.
    pub(crate) fn stir(&self) {
        self.news.send_modify(|times| *times = times.wrapping_add(1));
    }

    /// Makes the events of committed transactions.
    pub(crate) fn publish(
        &mut self,
        schema: &Arc<Schema>,
        knobs: &mut EventKnobs,
        transactions: Vec<Transaction>,
    ) {
        let before = self.log.head();
        for transaction in transactions {
            for event in self.events(schema, knobs, &transaction) {
                self.log.push(event.at, Some(event));
                self.counters.events_logged += 1;
            }
        }
        if self.log.head() != before {
            self.stir();
        }
    }

    fn events(
        &mut self,
        schema: &Arc<Schema>,
        knobs: &mut EventKnobs,
        transaction: &Transaction,
    ) -> Vec<Event> {
        self.commits += 1;
        let key = self.guid("transaction", self.commits);
        let commit_number = 10_900_000_000_000 + i64::try_from(self.commits).unwrap_or_default() * 7;
        let mut made: Vec<Event> = Vec::new();
        let mut overflown: BTreeSet<usize> = BTreeSet::new();
        let mut sequence = 0_usize;
        for change in &transaction.changes {
            let object = schema.object(change.object);
            let Some(kind) = ChangeType::of(change, object) else { continue };
            sequence += 1;
            if !object.enabled || !self.channels.selects(object.name) {
                continue;
            }
            let by = change.after.cell(system::MODIFIED_BY).as_id();
            let user = transaction.signed.as_ref().map(|signed| signed.user).or(by);
            let mut event = Event {
                at: transaction.at,
                object: change.object,
                schema: Arc::clone(schema),
                kind,
                record_ids: vec![change.after.id.to_string()],
                origin: transaction.signed.as_ref().map(|signed| signed.origin()).unwrap_or_default(),
                transaction_key: key.clone(),
                sequence_number: i32::try_from(sequence).unwrap_or(i32::MAX),
                commit_number,
                user: user.map(|user| user.to_string()).unwrap_or_default(),
                before: change.before.clone(),
                after: Some(Arc::clone(&change.after)),
            };
            if sequence > knobs.overflow_from {
                if overflown.insert(change.object) {
                    event.kind = ChangeType::GapOverflow;
                    event.record_ids = vec![OVERFLOW_ID.to_owned()];
                    (event.before, event.after) = (None, None);
                    made.push(event);
                }
                continue;
            }
            if knobs.gap_next > 0 || event.weight() >= knobs.gap_from_bytes {
                knobs.gap_next = knobs.gap_next.saturating_sub(1);
                event.kind = kind.gap();
                (event.before, event.after) = (None, None);
            }
            let enriched = self.enriched(schema, change.object);
            match made.iter_mut().rev().find(|former| former.object == event.object) {
                Some(former) if knobs.merge && former.equals(&event, &enriched) => {
                    former.record_ids.append(&mut event.record_ids);
                }
                _ => made.push(event),
            }
        }
        made
    }

    /// The positions of fields that any channel sends along.
    fn enriched(&self, schema: &Schema, object: usize) -> BTreeSet<usize> {
        let shape = schema.object(object);
        let named = self.channels.of_object(shape.name).flat_map(|member| &member.enriched);
        named.filter_map(|name| shape.position(name)).collect()
    }

    /// What an object's events look like to those from whom these fields are hidden.
    pub(crate) fn shape(&mut self, schema: &Arc<Schema>, object: usize, hidden: Vec<usize>) -> Arc<Shape> {
        let key = (Arc::as_ptr(schema).addr(), object, hidden);
        if let Some(kept) = self.shapes.get(&key) {
            return Arc::clone(&kept.shape);
        }
        if self.shapes.len() >= MAX_SCHEMAS {
            self.shapes.clear();
        }
        let shape = Arc::new(Shape::of(schema, object, |at| !key.2.contains(&at)));
        self.shapes.insert(key, Kept::new(Arc::clone(&shape), schema));
        if self.schemas.insert(shape.schema_id.clone(), Arc::clone(&shape)).is_none() {
            self.schema_order.push_back(shape.schema_id.clone());
            if self.schema_order.len() > MAX_SCHEMAS
                && let Some(oldest) = self.schema_order.pop_front()
            {
                self.schemas.remove(&oldest);
            }
        }
        shape
    }

    /// The schema with this id, if it was ever told.
    pub(crate) fn schema(&self, id: &str) -> Option<&Arc<Shape>> {
        self.schemas.get(id)
    }

    /// Deliveries of the last day.
    pub(crate) fn delivered_lately(&mut self, now: Timestamp) -> u64 {
        while self.delivered.front().is_some_and(|(at, _)| now.duration_since(*at) >= WINDOW) {
            self.delivered.pop_front();
        }
        self.delivered.iter().map(|(_, count)| count).sum()
    }

    /// Counts deliveries against the allowance.
    pub(crate) fn deliver(&mut self, count: usize, now: Timestamp) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.counters.events_delivered += count;
        match self.delivered.back_mut() {
            Some((at, sum)) if at.as_second() == now.as_second() => *sum += count,
            _ => self.delivered.push_back((now, count)),
        }
    }
}
