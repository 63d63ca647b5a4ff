//! One platform in memory: records with versions, a log of its calls, and faults on request.

mod leads;
pub(crate) mod live;
mod side;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use deal_model::{
    Actor, CompanionState, Content, CrmFacts, Facts, FieldId, GroupId, Held, Life, Observation, Observed,
    PortalFacts, ProblemClass, Reading, RecordId, Side as Which, Sight, Value, Version, Write, digest,
};
use jiff::{SignedDuration, Timestamp};
use ports::{Clock as _, RetryClass};
use sync_engine::{
    Applied, CallScope, Change, Created, Hints, IndexEntry, NewRecord, Seen, SideError, Target, WaitsFor,
    What,
};

use crate::world::TestClock;

pub(crate) const ACTIVE: Life = Life::Active { sales_stage: None };

/// Which call a fault is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Read,
    Write,
    Create,
    Help,
    Look,
    List,
    Listen,
    Admit,
    Find,
}

type Hook = Box<dyn FnOnce(&Platform) + Send>;

/// What goes wrong with one call.
pub(crate) enum Fault {
    /// It fails, and nothing happened.
    Before(RetryClass),
    /// It happens, and the answer is lost.
    After,
    /// It happens, and the answer never comes.
    Hang,
    /// It takes this long, and happens.
    Slow(Duration),
    /// Something else happens first.
    First(Hook),
    /// It shows every record as it was so many seconds earlier than it is.
    Lags(i64),
    /// It shows every record as it was before its last save, an hour ago.
    Stale,
    /// Fewer answers than questions.
    Mute,
    /// An answer that says nothing.
    Unsure,
}

#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) stamp: Timestamp,
    pub(crate) tag: u64,
    pub(crate) actor: Actor,
    pub(crate) life: Life,
    pub(crate) fields: BTreeMap<FieldId, Observed>,
    pub(crate) crm: CrmFacts,
    pub(crate) external: Option<RecordId>,
    pub(crate) engagement: Option<RecordId>,
    pub(crate) ours: bool,
    /// A lead, if it is a referral.
    pub(crate) lead: bool,
    pub(crate) created: Timestamp,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) reports: Vec<sync_engine::Report>,
    /// Not in lists and looks.
    pub(crate) hidden: bool,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) records: BTreeMap<RecordId, Record>,
    pub(crate) log: Vec<String>,
    faults: VecDeque<(Call, Fault)>,
    /// Refused groups, and whether the refusal names them.
    pub(crate) refuses: BTreeMap<GroupId, bool>,
    /// No record of this side can be written: somebody's approval is under way.
    pub(crate) locked: bool,
    pub(crate) feed: Vec<Seen>,
    pub(crate) page: usize,
    /// The whole list was not read yet.
    pub(crate) incomplete: bool,
    /// One-second stamps: what was saved just now has not settled.
    pub(crate) coarse: bool,
    /// How often a record was read together with the other organisation's.
    pub(crate) both_read: usize,
    /// The other organisation's records are in no list of all, though they are seen in their engagement.
    pub(crate) companions_unlisted: bool,
    pub(crate) blind: BTreeMap<String, String>,
    pub(crate) polls: usize,
    /// Of each poll, the lane.
    pub(crate) polled_in: Vec<ports::Lane>,
    /// Its live source, if it has one.
    pub(crate) live: Option<live::Live>,
    pub(crate) leads: leads::Leads,
    pub(crate) scopes: Vec<CallScope>,
    created: usize,
    /// How many records each creation of many was asked for.
    pub(crate) together: Vec<usize>,
}

pub(crate) struct Platform {
    side: Which,
    pub(crate) clock: Arc<TestClock>,
    state: Mutex<State>,
}

fn error(class: RetryClass, certainly_not_done: bool) -> SideError {
    SideError {
        class,
        what: "scripted".to_owned(),
        told: String::new(),
        groups: Vec::new(),
        fixed: Box::default(),
        waits_for: None,
        certainly_not_done,
    }
}

impl Platform {
    pub(crate) fn new(side: Which, clock: &Arc<TestClock>) -> Arc<Self> {
        let state = State { page: 100, ..State::default() };
        Arc::new(Self { side, clock: Arc::clone(clock), state: Mutex::new(state) })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The next such call goes wrong.
    pub(crate) fn fault(&self, call: Call, fault: Fault) {
        self.state().faults.push_back((call, fault));
    }

    /// Before the next such call, this happens.
    pub(crate) fn before(&self, call: Call, hook: impl FnOnce(&Platform) + Send + 'static) {
        self.fault(call, Fault::First(Box::new(hook)));
    }

    /// A record, saved an hour ago.
    pub(crate) fn put(&self, id: &str, fields: &[(&str, &str)]) {
        let ago = self.clock.now() - SignedDuration::from_hours(1);
        let fields = fields.iter().map(|(field, value)| ((*field).into(), Observed::text(value))).collect();
        let record = Record {
            stamp: ago,
            tag: 1,
            actor: Actor::Person,
            life: ACTIVE,
            fields,
            crm: CrmFacts { opted_in: true, consent: true, ..CrmFacts::default() },
            external: None,
            engagement: None,
            ours: true,
            lead: false,
            created: ago,
            expires: None,
            reports: Vec::new(),
            hidden: false,
        };
        self.state().records.insert(id.into(), record);
    }

    /// A person changes a record.
    pub(crate) fn change(&self, id: &str, change: impl FnOnce(&mut Record)) {
        let now = self.stamp();
        let mut state = self.state();
        let record = state.records.get_mut(&RecordId::from(id)).expect("the record is there");
        change(record);
        record.tag += 1;
        record.actor = Actor::Person;
        record.stamp = now.max(record.stamp);
    }

    /// A person edits a field.
    pub(crate) fn edit(&self, id: &str, field: &str, value: &str) {
        self.change(id, |record| {
            record.fields.insert(field.into(), Observed::text(value));
        });
    }

    pub(crate) fn value(&self, id: &str, field: &str) -> String {
        match self.state().records[&RecordId::from(id)].fields.get(&field.into()) {
            Some(Observed::Value(Value::Text(text))) => text.clone(),
            _ => String::new(),
        }
    }

    pub(crate) fn life(&self, id: &str) -> Life {
        self.state().records[&RecordId::from(id)].life.clone()
    }

    /// What was called since the last time this was asked, but for lists and reports.
    pub(crate) fn calls(&self) -> Vec<String> {
        let log = std::mem::take(&mut self.state().log);
        log.into_iter().filter(|line| !line.starts_with("report ")).collect()
    }

    pub(crate) fn reports(&self, id: &str) -> Vec<sync_engine::Report> {
        self.state().records[&RecordId::from(id)].reports.clone()
    }

    fn stamp(&self) -> Timestamp {
        let now = self.clock.now();
        if self.state().coarse { Timestamp::from_second(now.as_second()).unwrap() } else { now }
    }

    fn note(&self, line: String, scope: CallScope) {
        let mut state = self.state();
        state.log.push(line);
        state.scopes.push(scope);
    }

    /// Takes the fault of this call, if there is one; what happens first has happened when this returns.
    async fn trouble(&self, call: Call) -> Option<Fault> {
        let fault = {
            let mut state = self.state();
            let at = state.faults.iter().position(|(of, _)| *of == call)?;
            state.faults.remove(at).expect("it was found").1
        };
        match fault {
            Fault::First(hook) => {
                hook(self);
                None
            }
            Fault::Slow(time) => {
                self.clock.sleep(time).await;
                None
            }
            fault => Some(fault),
        }
    }

    fn observation(&self, id: &RecordId, record: &Record) -> Observation {
        let read_at = self.clock.now();
        let companion = self.state().records.iter().find_map(|(other, found)| {
            (!found.ours
                && !found.hidden
                && found.engagement.is_some()
                && found.engagement == record.engagement)
                .then(|| other.clone())
        });
        let unsettled =
            self.state().coarse && read_at.duration_since(record.stamp) < SignedDuration::from_secs(2);
        let reading = |(field, held): (&FieldId, &Observed)| (field.clone(), Reading::plain(held.clone()));
        Observation {
            record: id.clone(),
            version: Version { stamp: record.stamp, tag: Some(record.tag.to_string()) },
            read_at,
            actor: record.actor,
            life: record.life.clone(),
            fields: record.fields.iter().map(reading).collect(),
            facts: match self.side {
                Which::Crm => Facts::Crm(CrmFacts { unsettled, ..record.crm.clone() }),
                Which::Portal => Facts::Portal(PortalFacts {
                    expires: record.expires,
                    engagement: record.engagement.clone(),
                    external_reference: record.external.clone(),
                    companion: companion.filter(|_| record.ours),
                    ..PortalFacts::default()
                }),
            },
        }
    }

    fn see(&self, id: &RecordId) -> Sight {
        let record = self.state().records.get(id).cloned();
        record.map_or(Sight::Gone, |record| Sight::Seen(Box::new(self.observation(id, &record))))
    }

    /// The same, with what the other organisation's record of the engagement says.
    fn see_both(&self, id: &RecordId) -> Sight {
        let mut sight = self.see(id);
        if let Sight::Seen(seen) = &mut sight
            && let Facts::Portal(facts) = &mut seen.facts
            && let Some(companion) = &facts.companion
        {
            let companion = self.state().records[companion].clone();
            facts.companion_state = Some(CompanionState { life: companion.life, expires: companion.expires });
            let reading = |(field, held): (FieldId, Observed)| (field, Reading::plain(held));
            facts.companion_fields = Some(companion.fields.into_iter().map(reading).collect());
        }
        sight
    }

    fn entries(&self) -> Vec<IndexEntry> {
        let records = self.state().records.clone();
        let unlisted = self.state().companions_unlisted;
        let listed = records.iter().filter(|(_, record)| !record.hidden && (record.ours || !unlisted));
        listed.map(|(id, record)| entry(id, record)).collect()
    }

    fn refused(&self, writes: &[Write]) -> Result<(), SideError> {
        let state = self.state();
        if state.locked {
            let (sentence, next_step) = ("It is locked.".to_owned(), "Have it approved.".to_owned());
            let waits = WaitsFor { class: ProblemClass::Permission, sentence, next_step };
            return Err(SideError { waits_for: Some(Box::new(waits)), ..error(RetryClass::Person, true) });
        }
        let refused: Vec<(&GroupId, bool)> = writes
            .iter()
            .filter_map(|write| state.refuses.get(&write.group).map(|named| (&write.group, *named)))
            .collect();
        if refused.is_empty() {
            return Ok(());
        }
        let groups = refused.iter().filter(|(_, named)| *named).map(|(group, _)| (*group).clone()).collect();
        let told = "not allowed here".to_owned();
        Err(SideError { told, groups, ..error(RetryClass::Person, true) })
    }

    fn write(&self, change: &Change) -> Result<Applied, SideError> {
        let now = self.stamp();
        if let What::Fields { writes, .. } = &change.what {
            self.refused(writes)?;
        }
        {
            let mut state = self.state();
            let record = state.records.get_mut(&change.record).expect("what is written was read");
            if change.expect.tag != Some(record.tag.to_string()) {
                return Err(error(RetryClass::Changed, true));
            }
            match &change.what {
                What::Fields { writes, life, report } => {
                    store_fields(&mut record.fields, writes);
                    record.life = life.clone().unwrap_or(record.life.clone());
                    record.reports.extend(report.clone());
                }
                What::Move { to, .. } => record.life = to.clone(),
            }
            record.tag += 1;
            record.actor = Actor::Integration;
            record.stamp = now.max(record.stamp);
        }
        Ok(Applied { after: self.see(&change.record).seen().cloned() })
    }

    fn write_all(&self, changes: &[Change]) -> Vec<Result<Applied, SideError>> {
        changes.iter().map(|change| self.write(change)).collect()
    }

    /// The record that holds this unique key.
    fn holder(&self, key: &RecordId) -> Option<Created> {
        let holds = |held: &Record| self.side == Which::Crm && held.crm.claims.as_ref() == Some(key);
        let record = self.state().records.iter().find(|(_, held)| holds(held)).map(|(id, _)| id.clone())?;
        let after = self.see(&record).seen().cloned();
        Some(Created { record, engagement: None, after, existed: true })
    }

    fn bear(&self, new: &NewRecord, ours: bool) -> Result<Created, SideError> {
        self.refused(&new.writes)?;
        let from = new.from.record.clone();
        if let Some(held) = self.holder(&from) {
            return Ok(held);
        }
        let id = {
            let mut state = self.state();
            state.created += 1;
            format!("{}{}", if self.side == Which::Crm { "opp" } else { "ref" }, state.created)
        };
        self.put(&id, &[]);
        let now = self.stamp();
        let mut state = self.state();
        let record = state.records.get_mut(&RecordId::from(id.as_str())).expect("it was just put");
        store_fields(&mut record.fields, &new.writes);
        for field in new.from.fields.keys() {
            record.fields.entry(field.clone()).or_insert(Observed::Empty);
        }
        record.life = new.life.clone();
        record.actor = Actor::Integration;
        record.stamp = now;
        record.created = now;
        record.ours = ours;
        match self.side {
            Which::Crm => record.crm.claims = Some(from),
            Which::Portal if ours => {
                record.external = Some(from);
                record.engagement = Some(format!("e-{id}").as_str().into());
            }
            Which::Portal => record.engagement.clone_from(&new.engagement),
        }
        let engagement = record.engagement.clone();
        drop(state);
        let record = RecordId::from(id.as_str());
        let after = self.see(&record).seen().cloned();
        Ok(Created { record, engagement, after, existed: false })
    }

    async fn create_record(&self, call: Call, new: &NewRecord, ours: bool) -> Result<Created, SideError> {
        match self.trouble(call).await {
            Some(Fault::Before(class)) => Err(error(class, true)),
            Some(Fault::After) => {
                self.bear(new, ours)?;
                Err(error(RetryClass::Doubtful, false))
            }
            Some(Fault::Mute) => Err(error(RetryClass::Doubtful, false)),
            Some(Fault::Hang) => {
                self.bear(new, ours)?;
                std::future::pending().await
            }
            _ => self.bear(new, ours),
        }
    }
}

fn store_fields(fields: &mut BTreeMap<FieldId, Observed>, writes: &[Write]) {
    for write in writes {
        let Content::Whole(group) = &write.content else { panic!("no test writes a set") };
        for (field, held) in group {
            let observed = match held {
                Held::Value(value) => Observed::Value(value.clone()),
                Held::Empty => Observed::Empty,
            };
            fields.insert(field.clone(), observed);
        }
    }
}

fn describe(change: &Change) -> String {
    match &change.what {
        What::Move { to, .. } => format!("move {} {}", change.record, to.word()),
        What::Fields { writes, life, report } => {
            let mut said: Vec<String> = writes.iter().map(|write| write.group.to_string()).collect();
            said.extend(life.iter().map(|life| format!("stage:{}", life.word())));
            let verb = if said.is_empty() && report.is_some() { "report" } else { "write" };
            format!("{verb} {} {}", change.record, said.join(",")).trim_end().to_owned()
        }
    }
}

/// A change that the source tells of.
pub(crate) fn seen(side: Which, id: &str, stamp: Option<Timestamp>, birth: bool) -> Seen {
    let target = match side {
        Which::Crm => Target::Opportunity { id: id.into(), birth, claims: None },
        Which::Portal => Target::Referral { id: id.into(), engagement: None, birth },
    };
    let key = format!("{id} {}", stamp.map(|stamp| stamp.to_string()).unwrap_or_default());
    Seen { target, stamp, hints: Hints::of(side), key, echo: false }
}

fn entry(id: &RecordId, record: &Record) -> IndexEntry {
    IndexEntry {
        referral: id.clone(),
        engagement: record.engagement.clone(),
        ours: record.ours,
        companion: !record.ours,
        external: record.external.as_ref().map(|external| digest(external.as_str())),
        open: !record.life.is_closed(),
        created: record.created,
        updated: record.stamp,
    }
}

/// The names of all records that a platform has.
pub(crate) fn ids(platform: &Platform) -> BTreeSet<String> {
    platform.state().records.keys().map(ToString::to_string).collect()
}
