//! The org's event bus as the product's client takes it: the same streams as over gRPC, without sockets.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::SignedDuration;
use salesforce::events::{
    Credentials, EventStream, EventWire, Fetch, Fetched, Interruption, RawEvent, Start, Topic, TopicFacts,
    WireError,
};
use sandbox::salesforce::pubsub::{
    Access, Step, Stream,
    proto::{FetchRequest, FetchResponse, ReplayPreset},
};
use secrecy::ExposeSecret as _;

use super::World;
use crate::crashes::Place;

/// The bus.
pub(crate) struct Bus(pub(crate) Arc<World>);

struct Line {
    world: Arc<World>,
    stream: Option<Stream>,
    topic: Topic,
    /// Why it is over.
    ends: VecDeque<Option<WireError>>,
}

fn access(credentials: &Credentials) -> Access {
    Access {
        token: credentials.token.expose_secret().to_owned(),
        instance_url: credentials.instance.clone(),
        tenant_id: credentials.org_id.to_string(),
    }
}

/// What the client hears of a status.
macro_rules! refused {
    ($status:expr) => {{
        let status = &$status;
        let code =
            status.metadata().get("error-code").and_then(|code| code.to_str().ok()).unwrap_or_default();
        WireError::Refused { status: status.code() as i32, code: code.to_owned() }
    }};
}

fn request(topic: &Topic, start: &Start, credit: u32) -> FetchRequest {
    let (preset, replay_id) = match start {
        Start::Latest => (ReplayPreset::Latest, Vec::new()),
        Start::Earliest => (ReplayPreset::Earliest, Vec::new()),
        Start::After(id) => (ReplayPreset::Custom, id.as_bytes().to_vec()),
    };
    FetchRequest {
        topic_name: topic.as_str().to_owned(),
        replay_preset: preset.into(),
        replay_id,
        num_requested: i32::try_from(credit).unwrap_or(i32::MAX),
        ..FetchRequest::default()
    }
}

fn fetched(response: FetchResponse) -> Fetched {
    let event = |replay_id, schema_id, payload| RawEvent { replay_id, schema_id, payload };
    let events = response.events.into_iter().filter_map(|consumer| {
        let producer = consumer.event?;
        Some(event(consumer.replay_id, producer.schema_id, producer.payload))
    });
    Fetched {
        events: events.collect(),
        latest: response.latest_replay_id,
        pending: response.pending_num_requested,
    }
}

#[async_trait]
impl EventWire for Bus {
    async fn topic(&self, credentials: &Credentials, topic: &Topic) -> Result<TopicFacts, WireError> {
        self.travel().await;
        let told = self.0.org.topic(&access(credentials), topic.as_str(), self.0.now());
        let told = told.map_err(|status| refused!(status))?;
        Ok(TopicFacts { schema_id: told.schema_id, can_subscribe: told.can_subscribe })
    }

    async fn schema(&self, credentials: &Credentials, schema_id: &str) -> Result<String, WireError> {
        self.travel().await;
        let told = self.0.org.schema(&access(credentials), schema_id, self.0.now());
        told.map(|schema| schema.schema_json).map_err(|status| refused!(status))
    }

    fn subscribe(self: Arc<Self>, credentials: Credentials, first: Fetch) -> Box<dyn EventStream> {
        let world = Arc::clone(&self.0);
        world.say(&format!("bus {} from {}", first.topic, started(&first.start)));
        let request = request(&first.topic, &first.start, first.credit);
        let mut ends = VecDeque::new();
        let stream = match world.org.subscribe(&access(&credentials), &request, world.now()) {
            Ok(stream) => Some(stream),
            Err(status) => {
                ends.push_back(Some(refused!(status)));
                None
            }
        };
        Box::new(Line { world, stream, topic: first.topic, ends })
    }
}

impl Bus {
    async fn travel(&self) {
        self.0.crashes.reach(Place::BeforeSending).await;
        tokio::time::sleep(Duration::from_millis(self.0.network.between(5, 60))).await;
    }
}

fn started(start: &Start) -> &'static str {
    match start {
        Start::Latest => "the newest",
        Start::Earliest => "the earliest",
        Start::After(_) => "a position",
    }
}

#[async_trait]
impl EventStream for Line {
    fn fetch(&mut self, credit: u32) {
        let Some(stream) = &mut self.stream else { return };
        let request = request(&self.topic, &Start::Latest, credit);
        if let Err(status) = self.world.org.credit(stream, &request, self.world.now()) {
            self.ends.push_back(Some(refused!(status)));
            self.stream = None;
        }
    }

    async fn receive(&mut self) -> Option<Result<Fetched, WireError>> {
        let mut news = self.world.org.news();
        loop {
            if let Some(end) = self.ends.pop_front() {
                return end.map(Err);
            }
            let stream = self.stream.as_mut()?;
            news.mark_unchanged();
            let until = match self.world.org.step(stream, self.world.now()) {
                Step::Response(response) => {
                    let fetched = fetched(response);
                    self.world.say(&format!("bus tells {} events", fetched.events.len()));
                    return Some(Ok(fetched));
                }
                Step::Wait(until) => until,
                Step::End(None) => return None,
                Step::End(Some(status)) => return Some(Err(refused!(status))),
                Step::Reset => return Some(Err(WireError::Interrupted(Interruption::Connection))),
            };
            let left = until.map(|until| until.duration_since(self.world.now()));
            let left = left.unwrap_or(SignedDuration::from_hours(1)).max(SignedDuration::from_millis(1));
            tokio::select! {
                biased;
                _ = news.changed() => {}
                () = tokio::time::sleep(left.unsigned_abs()) => {}
            }
        }
    }
}
