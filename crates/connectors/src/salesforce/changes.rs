//! What changed since: opportunities, solutions, contact roles and team members, each a keyset walk over (SystemModstamp, Id).
//!
//! Rows are asked for only where the opportunity is opted in, or carries a referral's identifier: a deal whose seller
//! switched it off must be noticed. Deleted rows are listed too.

use std::{collections::BTreeSet, time::Duration};

use deal_model::{RecordId as DealRecord, Side};
use jiff::{SignedDuration, Timestamp};
use mapping::SetSource;
use salesforce::{
    CallContext, Error, FieldPath, Record, RecordId,
    soql::{Condition, Literal, Op, Select},
};
use serde::{Deserialize, Serialize};
use sync_engine::{Changes, Hints, Pace, Seen, SideError, Source, Target};

use super::{
    Salesforce,
    events::EVENTS,
    features::TEAM_MEMBER,
    observe::is_about_columns,
    refusal,
    rows::path,
    schema::{CONTACT_ROLE, OPPORTUNITY, Schema, object_name},
    transform,
};

pub(super) const OPPORTUNITIES: &str = "crm.opportunities";
pub(super) const SOLUTIONS: &str = "crm.solutions";
pub(super) const CONTACT_ROLES: &str = "crm.contact_roles";
/// Rows of the team leave no trace when they are deleted, and nothing has to follow from it: members are only added.
pub(super) const TEAM: &str = "crm.team";
/// Rows of one page.
const PAGE: u32 = 1_000;
/// How often a walk is asked for again with fewer columns.
const MAX_MENDS: usize = 3;

/// How far a source has been read. Holds no id of a record that is not opted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    /// The newest stamp seen at the end of a walk, and before that the one the walk is at.
    stamp: Timestamp,
    /// The row that the walk is at; none between walks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<RecordId>,
    /// Whether more rows are waiting.
    #[serde(default)]
    walking: bool,
}

/// One source's rows and how they lead to an opportunity.
pub(super) struct Walk {
    pub(super) object: String,
    /// The path to the opportunity: nothing, or `Opportunity.`.
    pub(super) prefix: String,
    /// The column with the opportunity's id.
    pub(super) parent: FieldPath,
}

impl Salesforce {
    pub(super) fn list_sources(&self) -> Vec<Source> {
        let every = self.settings.poll;
        let beside_live = self.listener.as_ref().map_or(every, |listener| listener.settings.poll_beside);
        let pace = Pace::Polled { every, beside_live };
        let live = self.listener.as_ref().map(|_| Source { name: EVENTS, pace: Pace::Live });
        let polled = self.polled().into_iter().map(|name| Source { name, pace });
        live.into_iter().chain(polled).collect()
    }

    /// The sources that are polled.
    pub(super) fn polled(&self) -> Vec<&'static str> {
        let mut sources = vec![OPPORTUNITIES];
        let has = |wanted: fn(&SetSource) -> bool| self.mapping.sets().iter().any(|set| wanted(&set.crm));
        if has(|source| matches!(source, SetSource::Children { .. })) {
            sources.push(SOLUTIONS);
        }
        if has(|source| matches!(source, SetSource::ContactRoles)) {
            sources.push(CONTACT_ROLES);
        }
        if has(|source| matches!(source, SetSource::Team { .. })) {
            sources.push(TEAM);
        }
        sources
    }

    pub(super) async fn next_changes(
        &self,
        source: &str,
        position: Option<&str>,
        context: CallContext,
    ) -> Result<Changes, SideError> {
        let position: Option<Position> = match position {
            None => None,
            Some(text) => {
                let read = serde_json::from_str(text);
                Some(read.map_err(|_| refusal::bug("a position of this source cannot be read"))?)
            }
        };
        let mut mends = 0;
        loop {
            let schema = self.schema(context).await?;
            let walk = match self.walk(source, &schema) {
                // The flag may be back: a poll that fails asks again, and comes ever less often.
                Err(_) if mends == 0 => {
                    self.describe_again(context, &BTreeSet::new())
                        .await
                        .map_err(|error| refusal::of_error(&error))?;
                    mends += 1;
                    continue;
                }
                walk => walk?,
            };
            let Some(walk) = walk else {
                // The rows are hidden: that is told by `blind`, and nothing is lost but time.
                return Ok(Changes {
                    position: text_of(position.as_ref()),
                    complete: true,
                    ..Changes::default()
                });
            };
            let Some(select) = self.select(&walk, &schema, position.as_ref()) else {
                return Err(refusal::bug("a walk began without the flag that it looks for"));
            };
            match self.client.query_with_deleted(context, &select.build()).await {
                Ok(page) => {
                    // In a quiet org nothing else would notice that a hidden field is back.
                    self.probe(context, page.server_date).await;
                    let more = page.next.is_some() || page.records.len() >= PAGE as usize;
                    let is_told = schema.opt_in(&self.mapping, &walk.prefix).is_told;
                    return Ok(self.page(&walk, is_told, &page.records, more, position.as_ref()));
                }
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

    /// Where a walk over what changed at or after `since` begins.
    pub(super) fn walk_from(since: Timestamp) -> String {
        text_of(Some(&Position { stamp: since, id: None, walking: true }))
    }

    /// How to walk a source; none if its rows are hidden.
    pub(super) fn walk(&self, source: &str, schema: &Schema) -> Result<Option<Walk>, SideError> {
        let names = self.mapping.names();
        if !schema.reads(&names.sync) {
            let what = format!("{OPPORTUNITY}.{} cannot be read; nothing is looked for", names.sync);
            return Err(refusal::person(what, Vec::new()));
        }
        let child = |object: &str, field: &str| {
            let reference = schema.field(object, field)?;
            let prefix = format!("{}.", reference.relationship_name.as_deref()?);
            Some(Walk {
                object: object.to_owned(),
                prefix,
                parent: FieldPath::new(reference.name.clone()).ok()?,
            })
        };
        match source {
            OPPORTUNITIES => {
                let object = OPPORTUNITY.to_owned();
                Ok(Some(Walk { object, prefix: String::new(), parent: path("Id") }))
            }
            SOLUTIONS => Ok(self.mapping.sets().iter().find_map(|set| match &set.crm {
                SetSource::Children { object, parent_field, .. } => {
                    child(object.as_str(), parent_field.as_str())
                }
                SetSource::ContactRoles | SetSource::Team { .. } => None,
            })),
            CONTACT_ROLES => Ok(child(CONTACT_ROLE, "OpportunityId")),
            TEAM => Ok(child(TEAM_MEMBER, "OpportunityId")),
            _ => Err(refusal::bug("the CRM side has no source of this name")),
        }
    }

    fn select(&self, walk: &Walk, schema: &Schema, position: Option<&Position>) -> Option<Select> {
        let at =
            |name: &str| FieldPath::new(format!("{}{name}", walk.prefix)).expect("checked names make a path");
        let names = self.mapping.names();
        // What a rule leaves out is found too: its seller is told.
        let told = schema.opt_in(&self.mapping, &walk.prefix);
        let mut columns = vec![path("Id"), path("SystemModstamp"), walk.parent.clone()];
        let mut condition = told.asked?;
        // Whether a row's opportunity is opted in now is told by these, row by row.
        columns.extend(told.columns);
        if schema.reads(&names.identifier) {
            let identifier = at(names.identifier.as_str());
            if walk.prefix.is_empty() {
                condition = condition.or(Condition::compare(&identifier, Op::Ne, Literal::null()));
            }
            columns.push(identifier);
        }
        columns.sort_unstable();
        columns.dedup();
        let stamp = path("SystemModstamp");
        let mut select = Select::from(&object_name(&walk.object)).fields(&columns).filter(condition);
        if let Some(position) = position {
            select = select.filter(match position.id {
                Some(id) if position.walking => Condition::after(&stamp, position.stamp, id),
                _ if position.walking => Condition::compare(&stamp, Op::Ge, position.stamp),
                _ => Condition::compare(&stamp, Op::Ge, before(position.stamp, self.settings.overlap)),
            });
        }
        Some(select.by_keyset(&stamp).limit(PAGE))
    }

    fn page(
        &self,
        walk: &Walk,
        is_told: bool,
        rows: &[Record],
        more: bool,
        position: Option<&Position>,
    ) -> Changes {
        let own = walk.prefix.is_empty();
        let mut seen = Vec::with_capacity(rows.len());
        for row in rows {
            let (Some(id), Some(stamp)) = (row.id(), row.system_modstamp()) else { continue };
            let Some(target) = self.leads_to(row, walk, is_told) else { continue };
            seen.push(Seen {
                target,
                stamp: own.then_some(stamp),
                hints: Hints::of(Side::Crm),
                key: format!("{id}@{}", stamp.as_second()),
                echo: false,
            });
        }
        let next = self.next(walk, rows, more, position);
        Changes { seen, position: text_of(next.as_ref()), more, complete: !more, ..Changes::default() }
    }

    /// The opportunity that a row leads to. `is_told`: the row carries all that the rules look at.
    ///
    /// Of one that they leave out, or of which nobody can tell, the identifier goes no further. If it carries one, no
    /// deal begins with it: it is linked, is being born this moment, or is a copy.
    pub(super) fn leads_to(&self, row: &Record, walk: &Walk, is_told: bool) -> Option<Target> {
        let parent: RecordId = row.get(&walk.parent)?.as_str()?.parse().ok()?;
        let asked = self.is_asked_for(row, &walk.prefix);
        let shared = asked && is_told && transform::left_out(&self.mapping, row, &walk.prefix).is_none();
        let identifier = format!("{}{}", walk.prefix, self.mapping.names().identifier);
        let claims = row.text(&identifier).filter(|text| !text.trim().is_empty());
        Some(Target::Opportunity {
            id: DealRecord::new(parent.to_string()),
            birth: asked && (shared || claims.is_none()),
            claims: claims.filter(|_| shared).map(DealRecord::new),
        })
    }

    /// Where the walk goes on. A record that nobody asked for, and one that a rule leaves out, leaves its stamp there,
    /// never its id.
    fn next(
        &self,
        walk: &Walk,
        rows: &[Record],
        more: bool,
        position: Option<&Position>,
    ) -> Option<Position> {
        let Some(last) = rows.iter().rev().find_map(Record::system_modstamp) else {
            return position.map(|position| Position { id: None, walking: false, ..*position });
        };
        if !more {
            let stamp = position.map_or(last, |position| position.stamp.max(last));
            return Some(Position { stamp, id: None, walking: false });
        }
        let named = rows.iter().rev().find(|row| self.is_shared(row, &walk.prefix));
        if let Some((row, stamp)) = named.and_then(|row| Some((row, row.system_modstamp()?))) {
            return Some(Position { stamp, id: row.id(), walking: true });
        }
        // A whole page of one second, none of it opted in: going on in the same second would never end.
        let stuck = position.is_some_and(|position| position.walking && position.stamp == last);
        let stamp =
            if stuck { last.saturating_add(SignedDuration::from_secs(1)).unwrap_or(last) } else { last };
        Some(Position { stamp, id: None, walking: true })
    }

    /// Whether an opportunity is opted in, if what was read of it tells that.
    pub(super) fn is_opted_in(&self, row: &Record) -> bool {
        self.is_shared(row, "")
    }

    fn is_shared(&self, row: &Record, prefix: &str) -> bool {
        self.is_asked_for(row, prefix) && transform::left_out(&self.mapping, row, prefix).is_none()
    }

    /// Whether its seller asked for it to be shared, whatever the rules of the file say. `prefix` leads from the row to
    /// the opportunity.
    fn is_asked_for(&self, row: &Record, prefix: &str) -> bool {
        let is = |name: &str, wanted: bool| {
            row.at(&format!("{prefix}{name}")) == Some(&serde_json::Value::Bool(wanted))
        };
        // Whoever does not say that it is not private is taken to be.
        is(self.mapping.names().sync.as_str(), true)
            && (self.mapping.opt_in().private || is("IsPrivate", false))
    }
}

fn before(stamp: Timestamp, overlap: Duration) -> Timestamp {
    SignedDuration::try_from(overlap)
        .ok()
        .and_then(|overlap| stamp.checked_sub(overlap).ok())
        .unwrap_or(stamp)
}

/// A source in which nothing was ever seen begins at the beginning.
fn text_of(position: Option<&Position>) -> String {
    let nothing = Position { stamp: Timestamp::UNIX_EPOCH, id: None, walking: false };
    serde_json::to_string(position.unwrap_or(&nothing)).expect("a position is plain JSON")
}
