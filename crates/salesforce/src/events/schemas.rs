//! The schemas that were asked for: kept by id, each asked for once, however many need it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use futures::{
    FutureExt as _,
    future::{BoxFuture, Shared, WeakShared},
};

use super::{EventsError, Unreadable, schema::EventSchema};

/// What a schema's text was read as. A refusal is kept, too: an id stands for one text for ever.
pub(super) type Read = Result<Arc<EventSchema>, Unreadable>;

type Fetching = BoxFuture<'static, Result<Read, EventsError>>;

/// The identifier of a schema: a fingerprint of 22 characters, as far as was seen (salesforce reference, section 4.7).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SchemaId(String);

impl SchemaId {
    /// Longest one accepted.
    const MAX: usize = 64;

    /// Takes what the server calls a schema, if it can stand in a log.
    pub(super) fn new(text: &str) -> Option<Self> {
        let fits = (1..=Self::MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(text.to_owned()))
    }

    /// The identifier as the server gave it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for SchemaId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Holds the schemas. The lock is never held across a wait.
pub(super) struct Schemas {
    most: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    kept: HashMap<SchemaId, (u64, Read)>,
    /// Weak: if all who wait give up, the question ends, and the next one starts afresh.
    fetching: HashMap<SchemaId, WeakShared<Fetching>>,
    uses: u64,
}

impl Schemas {
    /// Keeps `most` schemas at a time.
    pub(super) fn new(most: usize) -> Self {
        Self { most: most.max(1), state: Mutex::default() }
    }

    /// The schema, or what `fetch` brings if it is not kept.
    pub(super) async fn get(
        self: &Arc<Self>,
        id: &SchemaId,
        fetch: impl FnOnce() -> Fetching,
    ) -> Result<Read, EventsError> {
        let fetching = {
            let mut state = self.lock();
            state.uses += 1;
            let uses = state.uses;
            if let Some((used, read)) = state.kept.get_mut(id) {
                *used = uses;
                return Ok(read.clone());
            }
            match state.fetching.get(id).and_then(WeakShared::upgrade) {
                Some(fetching) => fetching,
                None => self.start(&mut state, id.clone(), fetch()),
            }
        };
        fetching.await
    }

    fn start(self: &Arc<Self>, state: &mut State, id: SchemaId, fetch: Fetching) -> Shared<Fetching> {
        let schemas = Arc::clone(self);
        let key = id.clone();
        let fetching: Fetching = Box::pin(async move {
            let fetched = fetch.await;
            let mut state = schemas.lock();
            state.fetching.remove(&key);
            let read = fetched?;
            // A schema that is missing may only be late.
            if !matches!(read, Err(Unreadable::SchemaMissing)) {
                schemas.keep(&mut state, key, read.clone());
            }
            Ok(read)
        });
        let fetching = fetching.shared();
        // Those that everybody gave up on left their names behind.
        state.fetching.retain(|_, fetching| fetching.upgrade().is_some());
        if let Some(weak) = fetching.downgrade() {
            state.fetching.insert(id, weak);
        }
        fetching
    }

    fn keep(&self, state: &mut State, id: SchemaId, read: Read) {
        while state.kept.len() >= self.most {
            let oldest = state.kept.iter().min_by_key(|(_, (used, _))| *used).map(|(id, _)| id.clone());
            let Some(oldest) = oldest else { break };
            state.kept.remove(&oldest);
        }
        state.kept.insert(id, (state.uses, read));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no code panics while holding this lock")
    }
}
