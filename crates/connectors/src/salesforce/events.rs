//! The live source: one stream of change events, read for as long as the reader's lease allows, page by page.
//!
//! Events only say "look here" (architecture, invariant 2). The position of a page is committed with its marks; whoever
//! asks with another position than the last one handed out, because a commit failed or another process took over, gets
//! the stream from there. A position that the server does not know any more is never jumped over: everything is read
//! from its beginning, and the stream goes on with what happens from then on.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use ports::{Clock, RetryClass};
use salesforce::events::{Events, EventsError, Interruption, ReplayId, Start, Subscription, Topic};
use serde::{Deserialize, Serialize};
use sync_engine::{CallScope, Changes, Hearing, SideError, Silence};
use tokio::sync::Mutex;

use super::{Salesforce, context, coverage::Coverage, refusal};

/// The source's name.
pub(super) const EVENTS: &str = "crm.events";

/// Longest wait for news in one turn; never more than half of the lease that is left.
const LONGEST_WAIT: Duration = Duration::from_secs(20);
/// When an org that has no such topic, or denies it, is asked again: a new permission takes up to ten minutes.
const ASK_ADMIN_AGAIN: Duration = Duration::from_mins(15);
/// When a spent allowance is tried again: it is one of a sliding day.
const ALLOWANCE_AGAIN: Duration = Duration::from_mins(15);
/// When a place among the org's streams is asked for again.
const STREAM_AGAIN: Duration = Duration::from_mins(2);
/// The gRPC status of a server that has no such service.
const UNIMPLEMENTED: i32 = 12;

/// How change events are listened to.
#[derive(Debug, Clone)]
pub struct EventSettings {
    /// The channel: all selected objects, or a company's own channel.
    pub channel: Topic,
    /// How long polls wait while events come.
    pub poll_beside: Duration,
    /// Whether an org without change events is nothing to be told of: nobody demanded them.
    pub quiet_without: bool,
}

/// The events of the org, and the stream that is open.
pub(super) struct Listener {
    pub(super) events: Events,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) settings: EventSettings,
    open: Mutex<Option<Open>>,
    pub(super) coverage: Mutex<Option<Coverage>>,
}

struct Open {
    subscription: Subscription,
    /// The position that was handed out last; none before the first one after "from now on".
    at: Option<ReplayId>,
    /// Whether anything came of this stream.
    delivered: bool,
    /// Whether a stream that goes on behind a position was not refused.
    accepted: bool,
}

/// How far the channel was read. A channel's positions mean nothing in another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    channel: Topic,
    /// None: from now on.
    replay: Option<ReplayId>,
}

impl Position {
    fn text(&self) -> String {
        serde_json::to_string(self).expect("a position is plain JSON")
    }
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Listener {
    pub(super) fn new(events: Events, clock: Arc<dyn Clock>, settings: EventSettings) -> Self {
        Self { events, clock, settings, open: Mutex::new(None), coverage: Mutex::new(None) }
    }

    /// Where to begin; an error if the text is no position in this channel.
    fn read(&self, position: Option<&str>) -> Result<Option<ReplayId>, ()> {
        let Some(text) = position.filter(|text| !text.is_empty()) else { return Ok(None) };
        let position: Position = serde_json::from_str(text).map_err(drop)?;
        if position.channel == self.settings.channel { Ok(position.replay) } else { Err(()) }
    }

    fn text(&self, replay: Option<ReplayId>) -> String {
        Position { channel: self.settings.channel.clone(), replay }.text()
    }

    async fn subscribe(&self, at: Option<ReplayId>) -> Result<Open, EventsError> {
        let start = at.clone().map_or(Start::Latest, Start::After);
        let subscription = self.events.open(&self.settings.channel, start).await?;
        Ok(Open { subscription, at, delivered: false, accepted: false })
    }

    /// How long this turn may wait, from now on.
    fn patience(&self, until: Timestamp) -> Duration {
        Duration::try_from(until.duration_since(self.clock.now())).unwrap_or_default()
    }

    /// When the turn ends: well before the lease does.
    fn until(&self, scope: CallScope) -> Timestamp {
        let now = self.clock.now();
        let left = scope.send_before.map_or(SignedDuration::MAX, |end| end.duration_since(now) / 2);
        let most = SignedDuration::try_from(LONGEST_WAIT).unwrap_or(SignedDuration::MAX);
        now.saturating_add(left.min(most)).unwrap_or(now)
    }
}

impl Salesforce {
    /// Whether this user may listen to the changes of `object` alone, which takes *View All* on it; none if nobody
    /// listens here (salesforce reference, section 4.11). Opens no stream.
    pub async fn may_hear(&self, object: &str) -> Option<Result<(), EventsError>> {
        let topic = Topic::of_object(&object.parse().ok()?);
        Some(self.listener.as_ref()?.events.may_open(&topic).await)
    }

    /// Waits for the next page of the channel after `position`.
    pub(super) async fn next_events(
        &self,
        position: Option<&str>,
        scope: CallScope,
    ) -> Result<Changes, SideError> {
        let Some(listener) = &self.listener else {
            return Err(refusal::bug("change events are asked for and switched off"));
        };
        let Ok(at) = listener.read(position) else {
            tracing::warn!("the kept position is of another channel; everything is read from its beginning");
            return Ok(self.begin_anew(listener));
        };
        let until = listener.until(scope);
        let mut open = listener.open.lock().await;
        if open.as_ref().is_some_and(|open| open.at != at) {
            *open = None;
        }
        loop {
            let stream = match &mut *open {
                Some(stream) => stream,
                None => match listener.subscribe(at.clone()).await {
                    Ok(stream) => open.insert(stream),
                    Err(error) => return self.unheard(listener, position, error),
                },
            };
            match stream.subscription.next(listener.patience(until)).await {
                Ok(Some(batch)) => {
                    // Before anything else may fail: then the same batch is asked for once more.
                    stream.at = Some(batch.position.clone());
                    stream.delivered = true;
                    let mut page = self.told(&batch.events, context(scope)).await?;
                    page.position = listener.text(Some(batch.position));
                    page.untold = self.untold(listener, context(scope)).await;
                    return Ok(page);
                }
                Ok(None) => {
                    stream.accepted |= stream.at.is_some();
                    let hearing = if stream.accepted { Hearing::Hears } else { Hearing::Unproven };
                    let position = position.unwrap_or_default().to_owned();
                    let untold = self.untold(listener, context(scope)).await;
                    return Ok(Changes { position, hearing, untold, ..Changes::default() });
                }
                Err(EventsError::Undecodable { replay_id, reason, .. }) => {
                    tracing::warn!(%reason, "a change event cannot be read; all it may be about is read");
                    stream.at = Some(replay_id.clone());
                    stream.delivered = true;
                    return Ok(Changes {
                        position: listener.text(Some(replay_id)),
                        missed: self.polled(),
                        unread: 1,
                        untold: self.untold(listener, context(scope)).await,
                        hearing: Hearing::Hears,
                        ..Changes::default()
                    });
                }
                // Streams end now and then; one that worked is opened again at once, where it was.
                Err(EventsError::Unavailable { reason }) if stream.delivered => {
                    tracing::debug!(%reason, "a stream of change events ended; opening it again");
                    *open = None;
                }
                Err(error) => {
                    *open = None;
                    return self.unheard(listener, position, error);
                }
            }
        }
    }

    /// The page after a gap of unknown length. What happens between it and the first position is found by the polls:
    /// they keep their ordinary pace until then, and all are made once more after it.
    fn begin_anew(&self, listener: &Listener) -> Changes {
        Changes { position: listener.text(None), missed: self.polled(), ..Changes::default() }
    }

    /// What it means that no event came.
    fn unheard(
        &self,
        listener: &Listener,
        position: Option<&str>,
        error: EventsError,
    ) -> Result<Changes, SideError> {
        let (sentence, next_step, retry) = match &error {
            EventsError::PositionLost { .. } => {
                tracing::warn!(%error, "a lost position");
                return Ok(self.begin_anew(listener));
            }
            EventsError::AllowanceSpent => (
                "The org's daily allowance of delivered events is spent.".to_owned(),
                "Nothing is lost. If it happens often: take other subscribers away, or buy more deliveries from \
                 Salesforce (Setup, Event Manager, usage)."
                    .to_owned(),
                ALLOWANCE_AGAIN,
            ),
            EventsError::TooManyStreams => (
                "The org has as many subscriptions as it may have.".to_owned(),
                "End another subscriber of its events.".to_owned(),
                STREAM_AGAIN,
            ),
            EventsError::TopicMissing { topic } => (
                format!("The org has no change events at {topic}."),
                "Select Opportunity, the solutions object and OpportunityContactRole in Setup, Change Data Capture; or \
                 set enabled = false in [salesforce.events], if this edition has none."
                    .to_owned(),
                ASK_ADMIN_AGAIN,
            ),
            EventsError::TopicDenied { topic } => (
                format!("The integration user may not read the change events at {topic}."),
                "Give it View All on Opportunity and on the other selected objects; it takes effect within ten minutes."
                    .to_owned(),
                ASK_ADMIN_AGAIN,
            ),
            EventsError::Refused { status, .. } => (
                if *status == UNIMPLEMENTED {
                    "The endpoint of [salesforce.events] serves no change events.".to_owned()
                } else {
                    format!("Change events were refused: {error}.")
                },
                "Look at endpoint and channel in [salesforce.events].".to_owned(),
                ASK_ADMIN_AGAIN,
            ),
            EventsError::Login(error) => return Err(refusal::of_error(error)),
            EventsError::Unauthenticated
            | EventsError::Unavailable { .. }
            | EventsError::Undecodable { .. }
            | EventsError::Protocol(_) => return Err(passing(&error)),
        };
        let polls = format!("Polls alone find changes, every {:?}.", self.settings.poll);
        let quiet = listener.settings.quiet_without && matches!(error, EventsError::TopicMissing { .. });
        let silence = Silence { sentence: format!("{sentence} {polls}"), next_step, retry, quiet };
        Ok(Changes {
            position: position.unwrap_or_default().to_owned(),
            hearing: Hearing::Deaf(silence),
            ..Changes::default()
        })
    }
}

/// What passes by itself, or with another try.
fn passing(error: &EventsError) -> SideError {
    let class = match error {
        EventsError::Unavailable { reason: Interruption::Connection } | EventsError::Protocol(_) => {
            RetryClass::LATER
        }
        error => error.class(),
    };
    SideError { class, ..refusal::changed(&error.to_string()) }
}
