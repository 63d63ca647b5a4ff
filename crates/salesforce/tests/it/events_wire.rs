//! A subscription over a wire in memory, with a clock of the test's: what depends on time and on who gives up when.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures::{FutureExt as _, future};
use salesforce::events::{
    Credentials, EventStream, EventWire, Events, EventsError, EventsLimits, Fetch, Fetched, Interruption,
    RawEvent, Start, Subscription, Topic, TopicFacts, WireError,
};
use secrecy::ExposeSecret as _;
use tokio::sync::Semaphore;

use crate::{
    avro::{SCHEMA, renamed},
    stub::Stub,
};

/// A server in memory: what it will answer, and what it was asked.
struct Memory {
    answers: Mutex<VecDeque<Result<Fetched, WireError>>>,
    /// How many schemas may be answered.
    schemas: Semaphore,
    asked: Mutex<Vec<String>>,
    credit: Mutex<Vec<u32>>,
    prefetched: AtomicBool,
}

impl Memory {
    fn new(answers: impl IntoIterator<Item = Fetched>) -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::new(answers.into_iter().map(Ok).collect()),
            schemas: Semaphore::new(1000),
            asked: Mutex::default(),
            credit: Mutex::default(),
            prefetched: AtomicBool::new(false),
        })
    }

    async fn open(self: &Arc<Self>, stub: &Arc<Stub>, limits: EventsLimits) -> Subscription {
        self.events(stub, limits).open(&Topic::all(), Start::Latest).await.unwrap()
    }

    fn events(self: &Arc<Self>, stub: &Arc<Stub>, limits: EventsLimits) -> Events {
        let wire: Arc<dyn EventWire> = self.clone();
        Events::over(&stub.client(), wire, limits).unwrap()
    }
}

#[async_trait]
impl EventWire for Memory {
    async fn topic(&self, credentials: &Credentials, _: &Topic) -> Result<TopicFacts, WireError> {
        assert!(credentials.token.expose_secret().starts_with("token-"));
        let schema_id = if self.prefetched.load(Ordering::SeqCst) { "schema-0" } else { "" };
        Ok(TopicFacts { schema_id: schema_id.into(), can_subscribe: true })
    }

    async fn schema(&self, _: &Credentials, schema_id: &str) -> Result<String, WireError> {
        self.asked.lock().unwrap().push(schema_id.to_owned());
        self.schemas.acquire().await.unwrap().forget();
        Ok(SCHEMA.to_owned())
    }

    fn subscribe(self: Arc<Self>, _: Credentials, first: Fetch) -> Box<dyn EventStream> {
        self.credit.lock().unwrap().push(first.credit);
        Box::new(Stream(self))
    }
}

struct Stream(Arc<Memory>);

#[async_trait]
impl EventStream for Stream {
    fn fetch(&mut self, credit: u32) {
        self.0.credit.lock().unwrap().push(credit);
    }

    async fn receive(&mut self) -> Option<Result<Fetched, WireError>> {
        let answer = self.0.answers.lock().unwrap().pop_front();
        match answer {
            Some(answer) => Some(answer),
            None => future::pending().await,
        }
    }
}

fn fetched(events: impl IntoIterator<Item = (u8, u32)>, pending: i32) -> Fetched {
    let event = |(number, schema)| RawEvent {
        replay_id: vec![number],
        schema_id: format!("schema-{schema}"),
        payload: renamed("x"),
    };
    Fetched { events: events.into_iter().map(event).collect(), latest: Vec::new(), pending }
}

const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn silence_is_counted_over_several_waits_and_any_answer_ends_it() {
    let (memory, stub) = (Memory::new([]), Stub::new([]));
    let mut subscription = memory.open(&stub, EventsLimits::default()).await;
    for _ in 0..4 {
        assert_eq!(subscription.next(MINUTE).await, Ok(None));
    }
    let empty = Fetched { latest: vec![7], pending: 100, ..Fetched::default() };
    memory.answers.lock().unwrap().push_back(Ok(empty));
    assert!(subscription.next(MINUTE).await.unwrap().unwrap().events.is_empty());
    for _ in 0..4 {
        assert_eq!(subscription.next(MINUTE).await, Ok(None));
    }
    let reason = Interruption::Silence(Duration::from_mins(5));
    assert_eq!(subscription.next(MINUTE).await, Err(EventsError::Unavailable { reason }));
    assert_eq!(memory.credit.lock().unwrap().as_slice(), [100], "nothing was asked for again");
}

#[tokio::test]
async fn what_came_while_the_consumer_was_away_is_heard_before_the_watchdog_bites() {
    let (memory, stub) = (Memory::new([]), Stub::new([]));
    let mut subscription = memory.open(&stub, EventsLimits::default()).await;
    assert_eq!(subscription.next(MINUTE).await, Ok(None));
    stub.pass(3600);
    memory.answers.lock().unwrap().push_back(Ok(fetched([(1, 0)], 99)));
    assert_eq!(subscription.next(MINUTE).await.unwrap().unwrap().events.len(), 1);
}

#[tokio::test]
async fn giving_up_a_wait_for_a_schema_loses_no_event() {
    let (memory, stub) = (Memory::new([fetched([(1, 0), (2, 1), (3, 0)], 97)]), Stub::new([]));
    let mut subscription = memory.open(&stub, EventsLimits::default()).await;
    memory.schemas.forget_permits(999);
    // One schema is answered; the second one's answer is not waited for.
    for _ in 0..3 {
        assert!(subscription.next(MINUTE).now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    memory.schemas.add_permits(1000);
    let batch = subscription.next(MINUTE).await.unwrap().unwrap();
    let positions: Vec<_> = batch.events.iter().map(|event| event.replay_id.as_bytes().to_vec()).collect();
    assert_eq!(positions, [[1], [2], [3]]);
}

#[tokio::test]
async fn however_many_need_a_schema_it_is_asked_for_once() {
    let (memory, stub) = (Memory::new([]), Stub::new([]));
    memory.prefetched.store(true, Ordering::SeqCst);
    let events = memory.events(&stub, EventsLimits::default());
    let topic = Topic::all();
    let opened = future::join_all((0..20).map(|_| events.open(&topic, Start::Latest))).await;
    assert!(opened.iter().all(Result::is_ok));
    assert_eq!(memory.asked.lock().unwrap().len(), 1);
    assert_eq!(stub.grants.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn schemas_are_kept_up_to_a_bound_and_the_one_unused_longest_goes() {
    let answers = [0, 1, 0, 2, 0, 1].map(|schema| fetched([(1, schema)], 99));
    let (memory, stub) = (Memory::new(answers), Stub::new([]));
    let limits = EventsLimits { max_schemas: 2, ..EventsLimits::default() };
    let mut subscription = memory.open(&stub, limits).await;
    for _ in 0..6 {
        assert!(subscription.next(MINUTE).await.unwrap().is_some());
    }
    let asked = memory.asked.lock().unwrap().clone();
    assert_eq!(asked, ["schema-0", "schema-1", "schema-2", "schema-1"], "schema-0 was always in use");
}

#[tokio::test]
async fn a_server_that_says_nothing_all_the_time_holds_nobody() {
    let nothing = || Fetched { pending: 100, ..Fetched::default() };
    let (memory, stub) = (Memory::new([nothing(), nothing(), nothing()]), Stub::new([]));
    let mut subscription = memory.open(&stub, EventsLimits::default()).await;
    assert_eq!(subscription.next(Duration::ZERO).await, Ok(None));
    assert_eq!(memory.answers.lock().unwrap().len(), 2, "one was heard, and the time was over");
}

#[tokio::test]
async fn smaller_credit_is_asked_for_in_its_own_lumps() {
    let answers = (0..4_u8).map(|lump| fetched((0..10).map(|event| (lump * 10 + event, 0)), 0));
    let (memory, stub) = (Memory::new(answers), Stub::new([]));
    let mut subscription = memory.open(&stub, EventsLimits { credit: 10, ..EventsLimits::default() }).await;
    for lump in 1..=4 {
        assert_eq!(subscription.next(MINUTE).await.unwrap().unwrap().events.len(), 10);
        assert_eq!(memory.credit.lock().unwrap().len(), lump, "credit follows only when more is wanted");
    }
    assert!(memory.credit.lock().unwrap().iter().all(|credit| *credit == 10));
}
