//! The sandbox's event bus as the client's wire: the same streams as over gRPC, without sockets.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use ports::Clock;
use salesforce::events::{
    Credentials, EventStream, EventWire, Fetch, Fetched, RawEvent, Start, Topic, TopicFacts, WireError,
};
use sandbox::salesforce::{
    Salesforce as Org,
    pubsub::{
        Access, Step, Stream,
        proto::{FetchRequest, FetchResponse, ReplayPreset},
    },
};
use secrecy::ExposeSecret as _;

/// The org's bus, by the desk's clock.
#[derive(Clone)]
pub(super) struct Bus {
    pub(super) org: Arc<Org>,
    pub(super) clock: Arc<dyn Clock>,
    /// Every start that was asked for.
    pub(super) starts: Arc<Mutex<Vec<Start>>>,
}

struct Line {
    bus: Bus,
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
        num_requested: i32::try_from(credit).unwrap(),
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
        let told = self.org.topic(&access(credentials), topic.as_str(), self.clock.now());
        let told = told.map_err(|status| refused!(status))?;
        Ok(TopicFacts { schema_id: told.schema_id, can_subscribe: told.can_subscribe })
    }

    async fn schema(&self, credentials: &Credentials, schema_id: &str) -> Result<String, WireError> {
        let told = self.org.schema(&access(credentials), schema_id, self.clock.now());
        told.map(|schema| schema.schema_json).map_err(|status| refused!(status))
    }

    fn subscribe(self: Arc<Self>, credentials: Credentials, first: Fetch) -> Box<dyn EventStream> {
        self.starts.lock().unwrap().push(first.start.clone());
        let request = request(&first.topic, &first.start, first.credit);
        let mut ends = VecDeque::new();
        let stream = match self.org.subscribe(&access(&credentials), &request, self.clock.now()) {
            Ok(stream) => Some(stream),
            Err(status) => {
                ends.push_back(Some(refused!(status)));
                None
            }
        };
        Box::new(Line { bus: self.as_ref().clone(), stream, topic: first.topic, ends })
    }
}

#[async_trait]
impl EventStream for Line {
    fn fetch(&mut self, credit: u32) {
        let Some(stream) = &mut self.stream else { return };
        let request = request(&self.topic, &Start::Latest, credit);
        if let Err(status) = self.bus.org.credit(stream, &request, self.bus.clock.now()) {
            self.ends.push_back(Some(refused!(status)));
            self.stream = None;
        }
    }

    async fn receive(&mut self) -> Option<Result<Fetched, WireError>> {
        if let Some(end) = self.ends.pop_front() {
            return end.map(Err);
        }
        let Some(stream) = &mut self.stream else { return None };
        match self.bus.org.step(stream, self.bus.clock.now()) {
            Step::Response(response) => Some(Ok(fetched(response))),
            Step::Wait(_) => std::future::pending().await,
            Step::End(None) => None,
            Step::End(Some(status)) => Some(Err(refused!(status))),
            Step::Reset => Some(Err(WireError::Interrupted(salesforce::events::Interruption::Connection))),
        }
    }
}
