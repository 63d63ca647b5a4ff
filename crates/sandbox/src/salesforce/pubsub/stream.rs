//! One subscription as a state machine: credit in, responses out, no socket and no clock of its own (salesforce
//! reference, section 4.4).

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tonic::Status;

use super::{
    super::org::{Caller, Org, Role},
    channels::Topic,
    event::Event,
    knobs::{Death, Unselected},
    proto::{ConsumerEvent, FetchRequest, FetchResponse, ProducerEvent, ReplayPreset},
    refusal::{Refusal, coded},
    replay::{Position, Unfit},
};

/// Most events that a client may ask for at once, and be owed.
const MAX_CREDIT: usize = 100;

/// An open subscription. Dropping it closes it.
#[derive(Debug)]
pub struct Stream {
    topic_name: String,
    topic: Topic,
    role: Role,
    rpc: String,
    /// Everything up to here was delivered or passed over.
    cursor: Position,
    credit: usize,
    /// When the last response went out, or the stream was opened.
    spoke: Timestamp,
    /// Since when nothing is owed.
    idle: Option<Timestamp>,
    delivered: u32,
    over: bool,
    _open: Arc<()>,
}

/// What a stream does next.
#[derive(Debug)]
pub enum Step {
    /// Sends this.
    Response(FetchResponse),
    /// Waits for news, more credit, or this instant.
    Wait(Option<Timestamp>),
    /// Ends, orderly or with a status.
    End(Option<Status>),
    /// Ends as if the connection broke: the stream is reset, and no trailers come.
    Reset,
}

/// Answers a topic's name for a caller.
///
/// # Errors
/// There is no such topic, or the caller may not read it.
pub(crate) fn open_topic(org: &Org, role: Role, name: &str, rpc: &str) -> Result<Topic, Status> {
    let knobs = &org.knobs.events;
    let missing = || coded(Status::not_found(format!("The topic {name} does not exist.")), None, rpc);
    let denied = || {
        let text = format!("The user has no permission to subscribe to {name}.");
        coded(Status::permission_denied(text), None, rpc)
    };
    if !knobs.edition {
        return Err(missing());
    }
    let topic = Topic::parse(&org.schema, &org.events.channels, name).ok_or_else(missing)?;
    let integration = role == Role::Integration;
    if integration && knobs.denied_topics.iter().any(|denied| denied == name) {
        return Err(denied());
    }
    if let Topic::Object(object) = topic {
        let entity = org.schema.object(object).name;
        if !may_view(org, role, object) {
            return Err(denied());
        }
        let selected = org.events.channels.member(topic.channel(), entity).is_some();
        if !selected && knobs.unselected == Unselected::Refused {
            return Err(missing());
        }
    }
    Ok(topic)
}

/// Whether the caller has View All on an object.
fn may_view(org: &Org, role: Role, object: usize) -> bool {
    let entity = org.schema.object(object).name;
    let lacks = role == Role::Integration && org.knobs.events.no_view_all.iter().any(|name| name == entity);
    !lacks && org.rights(role, object).read
}

impl Stream {
    /// Opens a subscription with its first request.
    ///
    /// # Errors
    /// The platform's refusal.
    pub(crate) fn open(
        org: &mut Org,
        role: Role,
        first: &FetchRequest,
        rpc: String,
        now: Timestamp,
    ) -> Result<Self, Status> {
        let topic = open_topic(org, role, &first.topic_name, &rpc)?;
        let refuse = |refusal: Refusal| refusal.end(&rpc);
        if Arc::strong_count(&org.events.open) > org.knobs.events.concurrent_streams {
            return Err(refuse(Refusal::TooManyStreams));
        }
        if org.events.delivered_lately(now) >= org.knobs.events.delivery_limit {
            return Err(refuse(Refusal::DeliveryLimit));
        }
        let credit = asked(first, &rpc)?;
        let cursor = match ReplayPreset::try_from(first.replay_preset) {
            Ok(ReplayPreset::Latest) => org.events.log.latest(now),
            Ok(ReplayPreset::Earliest) => org.events.log.tail(),
            Ok(ReplayPreset::Custom) => {
                org.events.log.find(&first.replay_id).map_err(|unfit| match unfit {
                    Unfit::Corrupted => refuse(Refusal::ReplayIdCorrupted),
                    Unfit::Foreign => refuse(Refusal::ReplayIdInvalid),
                })?
            }
            Err(_) => return Err(coded(Status::invalid_argument("Unknown replay preset."), None, &rpc)),
        };
        org.events.counters.streams_opened += 1;
        org.events.counters.fetches += 1;
        Ok(Self {
            topic_name: first.topic_name.clone(),
            topic,
            role,
            rpc,
            cursor,
            credit,
            spoke: now,
            idle: None,
            delivered: 0,
            over: false,
            _open: Arc::clone(&org.events.open),
        })
    }

    /// Takes a further request: more credit, never another place or topic.
    ///
    /// # Errors
    /// Another topic; the stream is over then.
    pub(crate) fn credit(&mut self, org: &mut Org, request: &FetchRequest) -> Result<(), Status> {
        let other = !request.topic_name.is_empty() && request.topic_name != self.topic_name;
        let given = if other {
            let text = "The topic name must not change between the requests of one stream.";
            Err(coded(Status::invalid_argument(text), None, &self.rpc))
        } else {
            asked(request, &self.rpc)
        };
        match given {
            Ok(more) => {
                org.events.counters.fetches += 1;
                self.credit = (self.credit + more).min(MAX_CREDIT);
                self.idle = None;
                Ok(())
            }
            Err(status) => {
                self.over = true;
                org.events.counters.refused += 1;
                Err(status)
            }
        }
    }

    /// The id of the call, as in its responses.
    pub(crate) fn rpc(&self) -> &str {
        &self.rpc
    }

    /// What happens next, at the instant `now`.
    pub(crate) fn step(&mut self, org: &mut Org, now: Timestamp) -> Step {
        if self.over {
            return Step::End(None);
        }
        let knobs = &org.knobs.events;
        if knobs.unavailable {
            self.over = true;
            org.events.counters.refused += 1;
            return Step::End(Some(Refusal::Unavailable.end(&self.rpc)));
        }
        if knobs.hang_after.is_some_and(|after| self.delivered >= after) {
            return Step::Wait(None);
        }
        if knobs.kill_every > 0 && self.delivered >= knobs.kill_every {
            self.over = true;
            org.events.counters.refused += 1;
            return match knobs.kill_by {
                Death::Unavailable => Step::End(Some(Refusal::Unavailable.end(&self.rpc))),
                Death::Reset => Step::Reset,
            };
        }
        if self.credit == 0 {
            let idle = *self.idle.get_or_insert(now);
            let end = later(idle, knobs.idle_close_ms);
            if now >= end {
                self.over = true;
                return Step::End(None);
            }
            return Step::Wait(Some(end));
        }
        // What is owed was forgotten meanwhile: that is said, not jumped over.
        if self.cursor < org.events.log.tail() {
            self.over = true;
            org.events.counters.refused += 1;
            return Step::End(Some(Refusal::ReplayIdInvalid.end(&self.rpc)));
        }
        let (events, ripe) = self.collect(org, now);
        if !events.is_empty() {
            return self.deliver(org, events, now);
        }
        if org.events.delivered_lately(now) >= org.knobs.events.delivery_limit {
            self.over = true;
            org.events.counters.refused += 1;
            return Step::End(Some(Refusal::DeliveryLimit.end(&self.rpc)));
        }
        let due = later(self.spoke, org.knobs.events.keepalive_ms);
        if now >= due {
            // What waits to be delivered must not be jumped over.
            if ripe.is_none() {
                self.cursor = org.events.log.latest(now);
            }
            org.events.counters.empty_responses += 1;
            return self.response(org, Vec::new(), now);
        }
        Step::Wait(Some(ripe.map_or(due, |ripe| due.min(ripe))))
    }

    /// The events that fit the credit, and when the next one may be delivered, if one waits for its time.
    fn collect(&mut self, org: &mut Org, now: Timestamp) -> (Vec<ConsumerEvent>, Option<Timestamp>) {
        let knobs = &org.knobs.events;
        let left = if knobs.kill_every > 0 { knobs.kill_every - self.delivered } else { u32::MAX };
        let left = left.min(knobs.hang_after.map_or(u32::MAX, |after| after - self.delivered));
        let allowance = knobs.delivery_limit;
        let delivered = org.events.delivered_lately(now);
        let most =
            [left as usize, usize::try_from(allowance.saturating_sub(delivered)).unwrap_or(usize::MAX)];
        let most = most.into_iter().fold(self.credit, usize::min);
        let mut events: Vec<ConsumerEvent> = Vec::new();
        let mut bytes = 0;
        // As much as can be delivered, behind however much is passed over.
        let mut found = 0;
        let waiting: Vec<(Position, Option<Arc<Event>>)> = org
            .events
            .log
            .after(self.cursor)
            .take_while(|entry| {
                let meant = entry.event.as_ref().is_some_and(|event| self.carries(org, event));
                found += usize::from(meant);
                found <= most + 1
            })
            .map(|entry| (entry.position, entry.event.clone()))
            .collect();
        for (position, event) in waiting {
            let Some(event) = event else {
                self.cursor = position;
                continue;
            };
            if !self.carries(org, &event) {
                self.cursor = position;
                continue;
            }
            let ripe = later(event.at, org.knobs.events.delay_ms);
            if ripe > now {
                return (events, Some(ripe));
            }
            if events.len() >= most {
                break;
            }
            let message = self.message(org, &event, position);
            let size = message.event.as_ref().map_or(0, |event| event.payload.len() + 100);
            if !events.is_empty() && bytes + size > org.knobs.events.response_bytes {
                break;
            }
            bytes += size;
            self.cursor = position;
            self.delivered += 1;
            let doubled = org.knobs.events.double_every;
            if doubled > 0 && self.delivered.is_multiple_of(doubled) && events.len() + 1 < self.credit {
                events.push(message.clone());
            }
            events.push(message);
        }
        (events, None)
    }

    /// Whether this topic shows an event to this caller.
    fn carries(&self, org: &Org, event: &Event) -> bool {
        let entity = event.entity();
        let meant = match &self.topic {
            Topic::Object(object) => *object == event.object,
            Topic::Channel(_) => may_view(org, self.role, event.object),
        };
        let member = org.events.channels.member(self.topic.channel(), entity);
        let reader =
            Caller { user: org.id, role: Role::Admin, version: 66, allow_duplicates: false, now: event.at };
        meant && member.is_some_and(|member| member.passes(org, &reader, entity, event.after.as_ref()))
    }

    fn message(&self, org: &mut Org, event: &Event, position: Position) -> ConsumerEvent {
        let shape = org.shape(&event.schema, event.object, self.role);
        let knobs = &mut org.knobs.events;
        let single = matches!(self.topic, Topic::Object(_));
        let enriched = org
            .events
            .channels
            .member(self.topic.channel(), event.entity())
            .filter(|_| !single || knobs.enrich_single_topics)
            .map_or(&[][..], |member| &member.enriched);
        let mut payload = event.payload(&shape, enriched, knobs);
        if knobs.corrupt_next > 0 {
            knobs.corrupt_next -= 1;
            payload.truncate(payload.len() * 2 / 3);
        }
        ConsumerEvent {
            event: Some(ProducerEvent {
                id: org.events.guid("event", position),
                schema_id: shape.schema_id.clone(),
                payload,
                headers: Vec::new(),
            }),
            replay_id: org.events.log.ids.write(position, knobs.replay_id_bytes),
        }
    }

    fn deliver(&mut self, org: &mut Org, events: Vec<ConsumerEvent>, now: Timestamp) -> Step {
        org.events.deliver(events.len(), now);
        org.events.counters.responses += 1;
        self.credit = self.credit.saturating_sub(events.len());
        self.response(org, events, now)
    }

    fn response(&mut self, org: &Org, events: Vec<ConsumerEvent>, now: Timestamp) -> Step {
        self.spoke = now;
        Step::Response(FetchResponse {
            events,
            latest_replay_id: org.events.log.ids.write(self.cursor, org.knobs.events.replay_id_bytes),
            rpc_id: self.rpc.clone(),
            pending_num_requested: i32::try_from(self.credit).unwrap_or(i32::MAX),
        })
    }
}

/// How many events a request asks for.
fn asked(request: &FetchRequest, rpc: &str) -> Result<usize, Status> {
    usize::try_from(request.num_requested).ok().filter(|number| *number > 0).map_or_else(
        || Err(coded(Status::invalid_argument("num_requested must be greater than 0."), None, rpc)),
        |number| Ok(number.min(MAX_CREDIT)),
    )
}

fn later(at: Timestamp, ms: u64) -> Timestamp {
    at.checked_add(SignedDuration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX))).unwrap_or(at)
}
