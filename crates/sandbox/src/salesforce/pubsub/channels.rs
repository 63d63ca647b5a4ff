//! Which objects' changes become events, on which channel, with which further fields (salesforce reference, sections
//! 4.7, 4.11 and 4.12).

use std::sync::Arc;

use super::{
    super::{
        org::{Caller, Org},
        schema::Schema,
        soql::{ast::Expr, eval::fits, parser as soql},
        tables::Row,
    },
    shape::event_name,
};

/// The channel of everything that is selected.
pub(crate) const STANDARD: &str = "ChangeEvents";
/// Objects that an org may select in all of its channels together.
const MAX_ENTITIES: usize = 5;
/// Further fields on one object's events.
const MAX_ENRICHED: usize = 10;
/// Channels of the customer's own.
const MAX_CHANNELS: usize = 100;

/// A `PlatformEventChannelMember`: one object on one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    /// `ChangeEvents` or `X__chn`.
    pub(crate) channel: String,
    /// `OpportunityChangeEvent`, `My_Object__ChangeEvent`.
    pub(crate) entity: String,
    /// Fields that are sent on every update and delete.
    pub(crate) enriched: Vec<String>,
    /// Which events the channel carries, as the condition of a query; on custom channels only.
    pub(crate) filter: Option<String>,
}

/// Every member of the org.
#[derive(Debug, Clone)]
pub(crate) struct Channels {
    members: Vec<Member>,
}

impl Default for Channels {
    /// What a Cosell admin selects: opportunities with their identifier and what tells their opt-in, and the rows below
    /// them with the opportunity that they belong to.
    fn default() -> Self {
        let member = |entity: &str, enriched: &[&str]| Member {
            channel: STANDARD.to_owned(),
            entity: entity.to_owned(),
            enriched: enriched.iter().map(|name| (*name).to_owned()).collect(),
            filter: None,
        };
        Self {
            members: vec![
                member(
                    "OpportunityChangeEvent",
                    &["Referral_Identifier__c", "Sync_with_Partner_Center__c", "IsPrivate"],
                ),
                member("Microsoft_Solution__ChangeEvent", &["Opportunity__c"]),
                member("OpportunityContactRoleChangeEvent", &["OpportunityId"]),
                member("OpportunityTeamMemberChangeEvent", &["OpportunityId"]),
            ],
        }
    }
}

/// What a subscriber asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Topic {
    /// Everything on a channel.
    Channel(String),
    /// One object's events, by its index.
    Object(usize),
}

/// The index of the object that an event's name stands for. Case matters.
pub(crate) fn object_of(schema: &Schema, entity: &str) -> Option<usize> {
    let open = |(index, object): (usize, &super::super::schema::Object)| {
        (object.enabled && event_name(object.name) == entity).then_some(index)
    };
    schema.objects.iter().enumerate().find_map(open)
}

impl Topic {
    /// The topic of this name, if the org has it. Case matters.
    pub(crate) fn parse(schema: &Schema, channels: &Channels, name: &str) -> Option<Self> {
        let bare = name.strip_prefix("/data/")?;
        if bare == STANDARD || (bare.ends_with("__chn") && channels.on(bare).next().is_some()) {
            return Some(Self::Channel(bare.to_owned()));
        }
        object_of(schema, bare).map(Self::Object)
    }

    /// The channel whose members decide what this topic carries.
    pub(crate) fn channel(&self) -> &str {
        match self {
            Self::Channel(name) => name,
            Self::Object(_) => STANDARD,
        }
    }
}

/// A filter as the query that it is the condition of.
fn condition(object: &str, filter: &str) -> String {
    format!("SELECT Id FROM {object} WHERE {filter}")
}

impl Member {
    /// Whether the channel carries an event that left `row` behind. A filter that no longer fits the schema lets
    /// nothing pass.
    pub(crate) fn passes(&self, org: &Org, reader: &Caller, object: &str, row: Option<&Arc<Row>>) -> bool {
        match (&self.filter, row) {
            (Some(filter), Some(row)) => fits(org, reader, &condition(object, filter), row).unwrap_or(false),
            // What has no body cannot be judged, and a gap must not be lost.
            _ => true,
        }
    }
}

impl Channels {
    /// The members of one channel.
    pub(crate) fn on<'a>(&'a self, channel: &'a str) -> impl Iterator<Item = &'a Member> {
        self.members.iter().filter(move |member| member.channel == channel)
    }

    /// Every member.
    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    /// The member that puts an object on a channel.
    pub(crate) fn member(&self, channel: &str, object: &str) -> Option<&Member> {
        let entity = event_name(object);
        self.members.iter().find(|member| member.channel == channel && member.entity == entity)
    }

    /// The members that put an object on any channel.
    pub(crate) fn of_object(&self, object: &str) -> impl Iterator<Item = &Member> {
        let entity = event_name(object);
        self.members.iter().filter(move |member| member.entity == entity)
    }

    /// Whether an object's changes become events at all.
    pub(crate) fn selects(&self, object: &str) -> bool {
        self.of_object(object).next().is_some()
    }

    /// Adds a member, or replaces the one of the same channel and entity.
    ///
    /// # Errors
    /// A sentence: no such object or field, an unfit channel name, or an allowance used up.
    pub(crate) fn select(&mut self, schema: &Schema, member: Member) -> Result<(), String> {
        let Member { channel, entity, enriched, filter } = &member;
        if channel != STANDARD && !channel.ends_with("__chn") {
            return Err(format!("eventChannel is {STANDARD} or ends in __chn: {channel}"));
        }
        let object = object_of(schema, entity).ok_or_else(|| format!("no selectable entity {entity}"))?;
        let object = schema.object(object);
        if let Some(filter) = filter {
            if channel == STANDARD {
                return Err(format!("{entity}: only members of custom channels have a filterExpression"));
            }
            let refused = |text: &str| format!("{entity}: filterExpression: {text}");
            let query = soql::parse(&condition(object.name, filter)).map_err(|bad| refused(&bad.message))?;
            if query.is_grouped() || query.limit.or(query.offset).is_some() || !query.order.is_empty() {
                return Err(refused("only a condition is expected"));
            }
            let paths = query.filter.iter().flat_map(Expr::paths);
            let mut names = paths.filter_map(|path| match path.parts.as_slice() {
                [name] => Some(name),
                _ => None,
            });
            if let Some(name) = names.find(|name| object.position(name).is_none()) {
                return Err(refused(&format!("no field {name}")));
            }
        }
        if enriched.len() > MAX_ENRICHED {
            return Err(format!(
                "{entity}: at most {MAX_ENRICHED} enriched fields, {} given",
                enriched.len()
            ));
        }
        for name in enriched {
            let at =
                object.position(name).ok_or_else(|| format!("{entity}: no field {name} to enrich with"))?;
            let long = object.fields.get(at).is_some_and(|field| !field.kind.filterable());
            if long {
                return Err(format!("{entity}: a long text cannot be an enriched field: {name}"));
            }
        }
        let mut members = self.members.clone();
        members.retain(|own| own.channel != member.channel || own.entity != member.entity);
        members.push(member);
        let mut entities: Vec<&str> = members.iter().map(|member| member.entity.as_str()).collect();
        entities.sort_unstable();
        entities.dedup();
        if entities.len() > MAX_ENTITIES {
            return Err(format!("change events are selected for at most {MAX_ENTITIES} entities"));
        }
        let mut own: Vec<&str> = members.iter().map(|member| member.channel.as_str()).collect();
        own.retain(|channel| *channel != STANDARD);
        own.sort_unstable();
        own.dedup();
        if own.len() > MAX_CHANNELS {
            return Err(format!("at most {MAX_CHANNELS} custom channels"));
        }
        self.members = members;
        Ok(())
    }

    /// Takes a member away; says whether there was one.
    pub(crate) fn deselect(&mut self, channel: &str, entity: &str) -> bool {
        let before = self.members.len();
        self.members.retain(|member| member.channel != channel || member.entity != entity);
        self.members.len() < before
    }
}
