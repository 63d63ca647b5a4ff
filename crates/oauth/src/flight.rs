//! One run of a piece of work for everybody who asks for it at the same time.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use futures::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};

type Running<K, V> = BTreeMap<K, Shared<BoxFuture<'static, Option<V>>>>;

/// Work under way, by key. As many runs as there are keys in use, so the caller bounds the keys.
pub struct Flights<K: Ord, V> {
    running: Arc<Mutex<Running<K, V>>>,
}

impl<K: Ord, V> Default for Flights<K, V> {
    fn default() -> Self {
        Self { running: Arc::default() }
    }
}

impl<K, V> Flights<K, V>
where
    K: Ord + Clone + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Joins the run of `key`, or starts `work` as that run.
    ///
    /// The run is a task of its own: it goes on to its end when those who wait for it stop waiting, so that nothing
    /// is left half done in a caller that was cancelled. Nothing is returned only if the run was broken off.
    pub async fn join(&self, key: K, work: impl FnOnce() -> BoxFuture<'static, V>) -> Option<V> {
        let run = {
            let mut running = lock(&self.running);
            if let Some(run) = running.get(&key) {
                run.clone()
            } else {
                let landed = Landed { running: Arc::clone(&self.running), key: key.clone() };
                let work = work();
                let task = tokio::spawn(async move {
                    let _landed = landed;
                    work.await
                });
                let run = task.map(Result::ok).boxed().shared();
                running.insert(key, run.clone());
                run
            }
        };
        run.await
    }
}

/// Takes a run off the list when it ends, in whatever way.
struct Landed<K: Ord, V> {
    running: Arc<Mutex<Running<K, V>>>,
    key: K,
}

impl<K: Ord, V> Drop for Landed<K, V> {
    fn drop(&mut self) {
        lock(&self.running).remove(&self.key);
    }
}

fn lock<K: Ord, V>(running: &Mutex<Running<K, V>>) -> MutexGuard<'_, Running<K, V>> {
    running.lock().expect("no code panics while holding this lock")
}
