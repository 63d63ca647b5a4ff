//! One run of a piece of work for everybody who asks for it at the same time.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use futures::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};

type Running<K, V> = BTreeMap<K, Shared<BoxFuture<'static, V>>>;

/// Work under way, by key. As many runs as there are keys in use, so the caller bounds the keys.
pub(crate) struct Flights<K, V> {
    running: Arc<Mutex<Running<K, V>>>,
}

impl<K, V> Default for Flights<K, V> {
    fn default() -> Self {
        Self { running: Arc::default() }
    }
}

impl<K, V> Flights<K, V>
where
    K: Ord + Clone + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Joins the run of `key`, or starts `work` as that run. A caller that stops waiting does not stop the others;
    /// if all stop, the run rests until the next caller polls it on.
    pub(crate) async fn join(&self, key: K, work: impl FnOnce() -> BoxFuture<'static, V>) -> V {
        let run = {
            let mut running = self.running.lock().expect("no code panics while holding this lock");
            if let Some(run) = running.get(&key) {
                run.clone()
            } else {
                let (map, own_key, work) = (Arc::clone(&self.running), key.clone(), work());
                let run = async move {
                    let value = work.await;
                    map.lock().expect("no code panics while holding this lock").remove(&own_key);
                    value
                };
                let run = run.boxed().shared();
                running.insert(key, run.clone());
                run
            }
        };
        run.await
    }
}
