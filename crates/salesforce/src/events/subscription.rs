//! One subscription: what came is decoded in its order, what is owed is counted, and every end has a reason.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use futures::{FutureExt as _, select_biased};

use super::{
    ChangeEvent, EventStream, Events, EventsError, Fetched, Interruption, RawEvent, ReplayId, Start, Topic,
    WireError, flow::Flow,
};
use crate::login::Session;

/// Some events in their order, or none and a newer position.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The events; empty if the server only told a newer position.
    pub events: Vec<ChangeEvent>,
    /// Where to go on once the events are dealt with. To be kept in any case: an old position is lost after 72 hours.
    pub position: ReplayId,
}

/// An open subscription. Dropping it ends it.
pub struct Subscription {
    events: Events,
    topic: Topic,
    session: Arc<Session>,
    stream: Box<dyn EventStream>,
    flow: Flow,
    /// Behind the last event that came: where a new stream goes on, since what came is kept here.
    reached: Start,
    /// Whether this stream said anything yet.
    heard: bool,
    /// Whether the session was replaced, and nothing was heard since.
    renewed: bool,
    waiting: VecDeque<RawEvent>,
    decoded: Vec<ChangeEvent>,
    /// Told once the events before it are handed over.
    failed: Option<EventsError>,
    ended: Option<EventsError>,
}

impl Subscription {
    pub(super) fn open(events: Events, topic: Topic, start: Start, session: Arc<Session>) -> Self {
        let stream = events.stream(&session, &topic, &start);
        let flow = events.flow();
        Self {
            events,
            topic,
            session,
            stream,
            flow,
            reached: start,
            heard: false,
            renewed: false,
            waiting: VecDeque::new(),
            decoded: Vec::new(),
            failed: None,
            ended: None,
        }
    }

    /// The topic that is read.
    pub fn topic(&self) -> &Topic {
        &self.topic
    }

    /// The next events; `None` if there are none within `within`, and the stream stays open. Asking for more tells that
    /// the last batch is dealt with: only then the server is asked for more. Giving up the wait loses nothing.
    ///
    /// After an error the subscription is over, unless [`EventsError::goes_on`]. May take longer than `within` by the
    /// deadline of one question, when a schema must be asked for.
    pub async fn next(&mut self, within: Duration) -> Result<Option<Batch>, EventsError> {
        if let Some(error) = &self.ended {
            return Err(error.clone());
        }
        let next = self.advance(within).await;
        if let Err(error) = &next
            && !error.goes_on()
        {
            self.ended = Some(error.clone());
        }
        next
    }

    async fn advance(&mut self, within: Duration) -> Result<Option<Batch>, EventsError> {
        let clock = Arc::clone(self.events.clock());
        let until = clock.now().saturating_add(within).unwrap_or(jiff::Timestamp::MAX);
        loop {
            if let Some(batch) = self.decode().await? {
                return Ok(Some(batch));
            }
            if let Some(credit) = self.flow.refill() {
                self.stream.fetch(credit);
            }
            let now = clock.now();
            let patience = self.flow.patience(now);
            let left = Duration::try_from(until.duration_since(now)).unwrap_or_default();
            let answer = select_biased! {
                answer = self.stream.receive().fuse() => answer,
                () = clock.sleep(patience.min(left)).fuse() => {
                    if patience <= left {
                        let silence = self.events.limits().watchdog;
                        return Err(EventsError::Unavailable { reason: Interruption::Silence(silence) });
                    }
                    return Ok(None);
                }
            };
            match answer {
                Some(Ok(fetched)) => {
                    if let Some(position) = self.take(fetched)? {
                        return Ok(Some(Batch { events: Vec::new(), position }));
                    }
                    // A server that says nothing all the time holds nobody.
                    if self.waiting.is_empty() && clock.now() >= until {
                        return Ok(None);
                    }
                }
                Some(Err(error)) => self.recover(error).await?,
                None => return Err(EventsError::Unavailable { reason: Interruption::Ended }),
            }
        }
    }

    /// Takes an answer in. Returns the newer position if it holds nothing else.
    fn take(&mut self, fetched: Fetched) -> Result<Option<ReplayId>, EventsError> {
        self.heard = true;
        self.renewed = false;
        self.flow.heard(fetched.events.len(), fetched.pending);
        if let Some(last) = fetched.events.last() {
            self.reached = Start::After(position(&last.replay_id)?);
            self.waiting.extend(fetched.events);
            return Ok(None);
        }
        if fetched.latest.is_empty() {
            return Ok(None);
        }
        let position = position(&fetched.latest)?;
        self.reached = Start::After(position.clone());
        Ok(Some(position))
    }

    /// Opens a new stream with a new session if the server refused the old one; any other error is the end.
    async fn recover(&mut self, error: WireError) -> Result<(), EventsError> {
        let from_position = !self.heard && matches!(self.reached, Start::After(_));
        let error = EventsError::of(error, &self.topic, from_position);
        if error != EventsError::Unauthenticated || self.renewed {
            return Err(error);
        }
        let session = self.events.session_after(&self.session).await?;
        self.session = session;
        self.stream = self.events.stream(&self.session, &self.topic, &self.reached);
        self.flow = self.events.flow();
        self.heard = false;
        self.renewed = true;
        Ok(())
    }

    /// Decodes what is waiting, up to the first event that cannot be. What is decoded stays in `self` until all is, so
    /// that giving up in the middle loses nothing.
    async fn decode(&mut self) -> Result<Option<Batch>, EventsError> {
        while self.failed.is_none()
            && let Some(raw) = self.waiting.front()
        {
            match self.events.decode(raw, &self.topic).await {
                Ok(event) => {
                    self.decoded.push(event);
                    self.waiting.pop_front();
                }
                Err(error) => {
                    if error.goes_on() {
                        self.waiting.pop_front();
                    }
                    self.failed = Some(error);
                }
            }
        }
        if let Some(last) = self.decoded.last() {
            let position = last.replay_id.clone();
            return Ok(Some(Batch { events: std::mem::take(&mut self.decoded), position }));
        }
        self.failed.take().map_or(Ok(None), Err)
    }
}

pub(super) fn position(bytes: &[u8]) -> Result<ReplayId, EventsError> {
    ReplayId::new(bytes).map_err(|_| EventsError::Protocol("a replay id is empty, or longer than 64 bytes"))
}
