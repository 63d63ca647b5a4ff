//! The CRM side as the engine sees it: opportunities of a Salesforce org, with their solutions, contact roles and team.
//!
//! - `observe` reads opportunities by id, children included, 2,000 to a call.
//! - `apply` makes compare-and-sets of their changes; `send` sends them and reads them back in the same call;
//!   `siblings` lets writes under one account take turns.
//! - `births` makes opportunities of referrals, many at once: `first_look` finds what decides about them, `accounts`
//!   their accounts, `waves` lets what shares a new record go one after the other, and `newborn` makes all that
//!   belongs to each in a graph of its own; `people` finds the contacts and users that they may want.
//! - `owners` tells who may own what is made.
//! - `org_fit` asks the descriptions what this org can hold; `refusal` classes what it refuses, `explain` says it to
//!   people.
//! - `team` reads the owner and the team, and adds people to it.
//! - `catalogue` lets rows of solutions mean entries of the org's catalogue; `catalogue_rows` lists and fills it.
//! - `look` reads one opportunity for a person who asks for it; `discover` finds fields by label and type.
//! - `leads` makes and follows the org's own Lead records.
//! - `changes` lists what changed since, by keyset; `events` listens for it, and `heard` is what events say.
//! - `features` tells which of the org's options are on.
//! - `scratch` proves on a record of its own how conditional writes behave.
//! - `survey` compares the org with what the mapping needs of it.
//! - `schema` knows what this user may see; `transform` turns records into observations, `columns` writes into
//!   what is sent.
//!
//! A record that is not opted in leaves this room as a flag and a version, with nothing else in it.

mod accounts;
mod apply;
mod births;
mod catalogue;
mod catalogue_rows;
mod changes;
mod columns;
mod contacts;
mod coverage;
mod discover;
mod events;
mod explain;
mod features;
mod first_look;
mod heard;
mod identities;
mod leads;
mod look;
mod memory;
mod newborn;
mod observe;
mod org_fit;
mod owners;
mod people;
mod refusal;
mod rows;
mod schema;
mod scratch;
mod send;
mod shared;
mod siblings;
mod steps;
mod survey;
mod team;
#[cfg(test)]
mod tests;
mod transform;
mod waves;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use deal_model::{RecordId, Sight};
use jiff::Timestamp;
use mapping::Mapping;
use ports::Clock;
use salesforce::{CallContext, Client, events::Events};
use sync_engine::{
    Applied, CallScope, Change, Changes, Created, CrmLead, IndexEntry, LeadWrite, NewRecord, Side, SideError,
    Source, Stranger, Target, Wanted,
};

pub use catalogue_rows::{
    CatalogueSolution, CatalogueWrites, KnownSolution, MAX_SOLUTIONS, SolutionWrite, WriteEnd,
};
pub use discover::{Candidate, Proposal, discover, is_said};
pub use events::EventSettings;
use events::{EVENTS, Listener};
pub use features::{CLASSIC_NOTE, CONTENT_LINK, CONTENT_NOTE, LINE_ITEM, OrgFeatures, OrgStage, TEAM_MEMBER};
pub use look::{CrmLook, SeenOpportunity};
use memory::Memory;
pub use scratch::Trial;
use siblings::Siblings;
pub use survey::Survey;

/// What stands for the customer's consent (sync rules, section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConsentRule {
    /// The seller records it, deal by deal, in the mapped checkbox.
    #[default]
    Recorded,
    /// The company's contracts contain it: every deal has it.
    Contract,
}

/// Where the org keeps to the precondition of a write. That it does so inside another call is inferred, and
/// `cosell check` proves it on a record of its own (salesforce reference, sections 2.9 and 2.14).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConditionalWrites {
    /// Inside another call too: many writes go in one.
    #[default]
    InComposite,
    /// In a call of its own only: each write goes alone.
    OnePerCall,
}

/// What the connector is told beside its mapping.
#[derive(Debug, Clone)]
pub struct CrmSettings {
    /// How long to wait between two polls that found nothing more.
    pub poll: Duration,
    /// How far each poll looks back behind the newest row seen: a long transaction shows its rows late, with old
    /// stamps (salesforce reference, section 4.10).
    pub overlap: Duration,
    /// What stands for the customer's consent.
    pub consent: ConsentRule,
    /// The currency of an org that has only one, three letters. The API does not tell it.
    pub single_currency: Option<String>,
    /// Where the org keeps to the precondition of a write.
    pub conditional: ConditionalWrites,
}

impl Default for CrmSettings {
    fn default() -> Self {
        Self {
            poll: Duration::from_mins(1),
            overlap: Duration::from_mins(5),
            consent: ConsentRule::Recorded,
            single_currency: None,
            conditional: ConditionalWrites::default(),
        }
    }
}

/// The CRM side. Cheap to share behind an [`Arc`]; holds the org's descriptions and the row ids of what it read.
#[derive(Debug)]
pub struct Salesforce {
    client: Client,
    mapping: Arc<Mapping>,
    settings: CrmSettings,
    memory: Memory,
    siblings: Siblings,
    /// The same for whoever looks for contacts and makes those that are not there. Taken before `siblings`.
    lookers: Siblings,
    listener: Option<Listener>,
}

impl Salesforce {
    /// Ties a client to a mapping; calls nobody yet.
    pub fn new(client: Client, mapping: Arc<Mapping>, settings: CrmSettings) -> Self {
        let (memory, siblings, lookers) = (Memory::default(), Siblings::default(), Siblings::default());
        Self { client, mapping, settings, memory, siblings, lookers, listener: None }
    }

    /// Listens to change events too: then polls only reconcile.
    #[must_use]
    pub fn listening(self, events: Events, clock: Arc<dyn Clock>, settings: EventSettings) -> Self {
        Self { listener: Some(Listener::new(events, clock, settings)), ..self }
    }

    /// Reads what the user may see of the org, so that mistakes show before the first deal. Optional: the first call
    /// does it otherwise.
    pub async fn open(&self, scope: CallScope) -> Result<(), SideError> {
        self.schema(context(scope)).await.map(drop)
    }

    /// What the org has switched on, as far as this user can see it. Asks only if nobody has looked yet.
    pub async fn features(&self, scope: CallScope) -> Result<OrgFeatures, SideError> {
        Ok(self.schema(context(scope)).await?.features.clone())
    }
}

fn context(scope: CallScope) -> CallContext {
    CallContext { lane: scope.lane, send_before: scope.send_before }
}

#[async_trait]
impl Side for Salesforce {
    fn side(&self) -> deal_model::Side {
        deal_model::Side::Crm
    }

    async fn observe(&self, wanted: &[Wanted], scope: CallScope) -> Vec<Result<Sight, SideError>> {
        let records: Vec<RecordId> = wanted.iter().map(|each| each.record.clone()).collect();
        self.observe_records(&records, context(scope)).await
    }

    async fn apply(&self, changes: &[Change], scope: CallScope) -> Vec<Result<Applied, SideError>> {
        self.apply_changes(changes, context(scope)).await
    }

    async fn create(&self, new: &NewRecord, scope: CallScope) -> Result<Created, SideError> {
        let mut created = self.give_birth(std::slice::from_ref(new), context(scope)).await;
        created.pop().unwrap_or_else(|| Err(refusal::bug("a birth was not answered")))
    }

    async fn create_many(&self, new: &[NewRecord], scope: CallScope) -> Vec<Result<Created, SideError>> {
        self.give_birth(new, context(scope)).await
    }

    async fn create_companion(&self, _: &NewRecord, _: CallScope) -> Result<Created, SideError> {
        Err(refusal::bug("the CRM side has no companions"))
    }

    fn sources(&self) -> Vec<Source> {
        self.list_sources()
    }

    fn position_at(&self, _: &str, since: Timestamp) -> Option<String> {
        Some(Self::walk_from(since))
    }

    async fn changes(
        &self,
        source: &str,
        position: Option<&str>,
        scope: CallScope,
    ) -> Result<Changes, SideError> {
        if source == EVENTS {
            return self.next_events(position, scope).await;
        }
        self.next_changes(source, position, context(scope)).await
    }

    async fn admit(&self, records: &[RecordId], scope: CallScope) -> Result<Vec<Target>, SideError> {
        self.admit_opportunities(records, context(scope)).await
    }

    async fn look(
        &self,
        _: Timestamp,
        _: Option<&RecordId>,
        _: CallScope,
    ) -> Result<Vec<IndexEntry>, SideError> {
        Err(refusal::bug("the CRM side needs no look: its creations carry a unique key"))
    }

    async fn stranger(&self, _: &RecordId, _: CallScope) -> Result<Stranger, SideError> {
        Err(refusal::bug("the CRM side has no strangers"))
    }

    async fn lead(&self, referral: &RecordId, scope: CallScope) -> Result<Option<CrmLead>, SideError> {
        self.find_lead(referral, context(scope)).await
    }

    async fn write_lead(&self, write: &LeadWrite, scope: CallScope) -> Result<CrmLead, SideError> {
        self.put_lead(write, context(scope)).await
    }

    async fn born_of(&self, record: &RecordId, scope: CallScope) -> Result<Option<Created>, SideError> {
        self.born_before(record, context(scope)).await
    }

    async fn converted_from(
        &self,
        opportunity: &RecordId,
        scope: CallScope,
    ) -> Result<Option<RecordId>, SideError> {
        self.lead_behind(opportunity, context(scope)).await
    }

    fn blind(&self) -> BTreeMap<String, String> {
        self.memory.schema().map(|schema| schema.hidden.clone()).unwrap_or_default()
    }
}
