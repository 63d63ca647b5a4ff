//! What change events say: which opportunities are to be looked at, and whether they may be kept.
//!
//! An event of an opportunity that is not opted in leaves nothing behind, its id included. Whether it is opted in is told
//! by what the event carries (a channel that is enriched with the flag, the identifier and IsPrivate tells it always),
//! by the store's links, or by one question for all events of a page. Rows lead to their opportunity by what the event
//! carries, by what was read of the opportunity before, or by one question for all rows of an object.

use std::collections::{BTreeMap, BTreeSet};

use deal_model::{RecordId as DealRecord, Side};
use jiff::Timestamp;
use planted::{Bug, planted};
use salesforce::{
    CallContext, Error, FieldPath, Record, RecordId,
    events::{ChangeEvent, ChangeKind, Value},
    soql::Select,
};
use sync_engine::{Changes, Hearing, Hints, Seen, SideError, Target};

use super::{
    Salesforce,
    changes::{CONTACT_ROLES, OPPORTUNITIES, SOLUTIONS, TEAM, Walk},
    observe::{id_path, is_about_columns},
    refusal,
    rows::path,
    schema::{OPPORTUNITY, Schema, object_name},
};

/// How often a question is asked again with fewer columns.
const MAX_MENDS: usize = 3;
/// When the record was saved, to the second.
const SAVED: &str = "LastModifiedDate";

/// What a page of events says, as far as it says it by itself.
#[derive(Default)]
struct Told {
    page: Changes,
    missed: BTreeSet<&'static str>,
    /// Rows whose opportunity is not known, by source, each with the key of its event.
    rows: BTreeMap<&'static str, BTreeMap<RecordId, Seen>>,
}

impl Salesforce {
    /// The page that these events make, without its position.
    pub(super) async fn told(
        &self,
        events: &[ChangeEvent],
        context: CallContext,
    ) -> Result<Changes, SideError> {
        let mut told = Told::default();
        if !events.is_empty() {
            let schema = self.schema(context).await?;
            let walks = self.walks(&schema);
            for event in events {
                match walks.iter().find(|(_, walk)| walk.object.eq_ignore_ascii_case(event.entity.as_str())) {
                    Some(_) if event.records.all && planted(Bug::OverflowIgnored) => {}
                    Some((source, _)) if event.records.all => drop(told.missed.insert(source)),
                    Some((_, walk)) if walk.object == OPPORTUNITY => {
                        self.of_opportunity(&mut told, event, &schema);
                    }
                    Some((source, walk)) => self.of_row(&mut told, event, source, walk, &schema),
                    // A channel may carry what other programs want to know of.
                    None => {}
                }
            }
            for (source, rows) in std::mem::take(&mut told.rows) {
                told.page.seen.extend(self.behind_rows(source, &rows, context).await?);
            }
        }
        Ok(Changes { missed: told.missed.into_iter().collect(), hearing: Hearing::Hears, ..told.page })
    }

    /// The polled sources whose rows can be read.
    fn walks(&self, schema: &Schema) -> Vec<(&'static str, Walk)> {
        let walk = |source| Some((source, self.walk(source, schema).ok().flatten()?));
        [OPPORTUNITIES, SOLUTIONS, CONTACT_ROLES, TEAM].into_iter().filter_map(walk).collect()
    }

    fn of_opportunity(&self, told: &mut Told, event: &ChangeEvent, schema: &Schema) {
        let is_delete = matches!(event.kind, ChangeKind::Delete | ChangeKind::GapDelete);
        // A deleted record begets nothing: the store's links tell whose it was.
        let birth = if is_delete { Some((false, None)) } else { self.opted_in_by(event) };
        let may_be = event.kind.is_gap()
            || event.value(self.mapping.names().sync.as_str()) == Some(&Value::Boolean(true));
        for id in &event.records.ids {
            let (birth_now, claims) = birth.clone().unwrap_or((may_be, None));
            let target = Target::Opportunity { id: deal_record(*id), birth: birth_now, claims };
            let seen = Seen { stamp: saved_at(event), ..seen_in(event, *id, target, schema) };
            if birth.is_some() { told.page.seen.push(seen) } else { told.page.unsure.push(seen) }
        }
    }

    /// Whether the event says that the record is opted in, and what identifier it carries. None: it does not say.
    fn opted_in_by(&self, event: &ChangeEvent) -> Option<(bool, Option<DealRecord>)> {
        if event.kind.is_gap() {
            return None;
        }
        let flag = |name: &str| match event.value(name) {
            Some(Value::Boolean(on)) => Some(*on),
            _ => None,
        };
        let (names, rules) = (self.mapping.names(), self.mapping.opt_in());
        if !flag(names.sync.as_str())? {
            return Some((false, None));
        }
        if !rules.private && flag("IsPrivate")? {
            return Some((false, None));
        }
        if !rules.record_types.is_empty() || !rules.conditions.is_empty() {
            // An event may lack what they look at, and the identifier of one that they leave out goes no further.
            return None;
        }
        // Unknown is not empty: a record of ours may be seen before its birth is committed.
        match event.value(names.identifier.as_str())? {
            Value::Text(claims) if !claims.is_empty() => Some((true, Some(DealRecord::new(claims.clone())))),
            Value::Text(_) | Value::Null => Some((true, None)),
            _ => None,
        }
    }

    fn of_row(
        &self,
        told: &mut Told,
        event: &ChangeEvent,
        source: &'static str,
        walk: &Walk,
        schema: &Schema,
    ) {
        let carried = match event.value(walk.parent.as_str()) {
            Some(Value::Text(id)) => id.parse::<RecordId>().ok(),
            _ => None,
        };
        // A row that moved to another opportunity has left the one that it was read with.
        let moved = event.kind == ChangeKind::Update && event.touches(walk.parent.as_str());
        for row in &event.records.ids {
            let known = self.memory.owner_of(*row);
            let to = |parent: RecordId| Target::Opportunity {
                id: deal_record(parent),
                birth: false,
                claims: None,
            };
            if let Some(parent) = known.filter(|_| carried.is_none() || moved) {
                told.page.seen.push(seen_in(event, *row, to(parent), schema));
            }
            match carried {
                Some(parent) if known == Some(parent) => {
                    told.page.seen.push(seen_in(event, *row, to(parent), schema));
                }
                Some(parent) => told.page.unsure.push(seen_in(event, *row, to(parent), schema)),
                None if known.is_none() => {
                    let seen = seen_in(event, *row, to(*row), schema);
                    told.rows.entry(source).or_default().insert(*row, seen);
                }
                None => {}
            }
        }
    }

    /// The opportunities of rows, as far as they are opted in; deleted rows still say whose they were.
    async fn behind_rows(
        &self,
        source: &'static str,
        rows: &BTreeMap<RecordId, Seen>,
        context: CallContext,
    ) -> Result<Vec<Seen>, SideError> {
        let found = self.asked_for_rows(source, rows.keys().copied().collect(), context).await?;
        let target = |(row, target): (RecordId, Target)| Some(Seen { target, ..rows.get(&row)?.clone() });
        Ok(found.into_iter().filter_map(target).collect())
    }

    /// Of these opportunities, which no deal has, those with which one may begin.
    pub(super) async fn admit_opportunities(
        &self,
        records: &[DealRecord],
        context: CallContext,
    ) -> Result<Vec<Target>, SideError> {
        let ids = records.iter().filter_map(|record| record.as_str().parse().ok()).collect();
        let found = self.asked_for_rows(OPPORTUNITIES, ids, context).await?;
        let begins = |target: &Target| matches!(target, Target::Opportunity { birth: true, .. });
        Ok(found.into_iter().map(|(_, target)| target).filter(begins).collect())
    }

    /// Asks for the rows of a source by id, and only for those whose opportunity its seller asked to share.
    async fn asked_for_rows(
        &self,
        source: &'static str,
        ids: Vec<RecordId>,
        context: CallContext,
    ) -> Result<Vec<(RecordId, Target)>, SideError> {
        let mut mends = 0;
        loop {
            let schema = self.schema(context).await?;
            let Some(walk) = self.walk(source, &schema)? else { return Ok(Vec::new()) };
            match self.ask_for_rows(&walk, &schema, &ids, context).await {
                Ok(found) => return Ok(found),
                Err(Error::Refused(refused)) if is_about_columns(&refused) && mends < MAX_MENDS => {
                    if !self.mend(context, &refused).await? {
                        return Err(refusal::of_error(&refused.into()));
                    }
                    mends += 1;
                }
                Err(error) => return Err(refusal::of_error(&error)),
            }
        }
    }

    async fn ask_for_rows(
        &self,
        walk: &Walk,
        schema: &Schema,
        ids: &[RecordId],
        context: CallContext,
    ) -> Result<Vec<(RecordId, Target)>, Error> {
        let names = self.mapping.names();
        let told = schema.opt_in(&self.mapping, &walk.prefix);
        let mut columns = vec![path("Id"), walk.parent.clone()];
        columns.extend(told.columns);
        if schema.reads(&names.identifier) {
            let identifier = FieldPath::new(format!("{}{}", walk.prefix, names.identifier));
            columns.push(identifier.expect("checked names make a path"));
        }
        columns.sort_unstable();
        columns.dedup();
        // A walk begins only where the flag can be read.
        let Some(asked) = told.asked else { return Ok(Vec::new()) };
        let select = Select::from(&object_name(&walk.object)).fields(&columns).filter(asked);
        let mut found = Vec::new();
        for soql in select.split(&id_path(), ids.iter().copied()) {
            let page = self.client.query_with_deleted(context, &soql).await?;
            let target = |row: &Record| Some((row.id()?, self.leads_to(row, walk, told.is_told)?));
            found.extend(page.records.iter().filter_map(target));
        }
        Ok(found)
    }
}

fn seen_in(event: &ChangeEvent, record: RecordId, target: Target, schema: &Schema) -> Seen {
    Seen {
        target,
        stamp: None,
        hints: Hints::of(Side::Crm),
        key: format!("{record}@{}", event.replay_id),
        echo: event.user.as_ref() == Some(&schema.user),
    }
}

/// When the event's save was stamped, to the second as records show it, if the event says so of exactly one record: a deal
/// that has seen a later stamp has seen the save. What was restored may carry the stamp that it was deleted with.
fn saved_at(event: &ChangeEvent) -> Option<Timestamp> {
    let says = match event.kind {
        ChangeKind::Create => true,
        ChangeKind::Update => event.touches(SAVED),
        _ => false,
    };
    match event.value(SAVED) {
        Some(Value::Integer(at)) if says && event.records.ids.len() == 1 => {
            Timestamp::from_second(at.div_euclid(1_000)).ok()
        }
        _ => None,
    }
}

fn deal_record(id: RecordId) -> DealRecord {
    DealRecord::new(id.to_string())
}
