//! A request on its way. If its sender is gone before it arrived, it may arrive all the same.

use bytes::Bytes;
use http::Request;
use jiff::{SignedDuration, Timestamp};
use sandbox::faults::Platform;

use super::World;

/// How late a request arrives at the most whose sender is gone. Less than the settling time of a doubtful creation.
const LATEST_MS: u64 = 20_000;

/// A request whose sender is gone.
#[derive(Debug)]
pub(crate) struct Afloat {
    due: Timestamp,
    platform: Platform,
    request: Request<Bytes>,
}

/// A request before it has arrived. Dropping it leaves it to the network.
pub(crate) struct Flight<'a> {
    world: &'a World,
    platform: Platform,
    request: Option<Request<Bytes>>,
}

impl<'a> Flight<'a> {
    pub(crate) fn new(world: &'a World, platform: Platform, request: Request<Bytes>) -> Self {
        Self { world, platform, request: Some(request) }
    }

    /// It arrives now.
    pub(crate) fn arrive(mut self) -> Request<Bytes> {
        self.request.take().expect("a flight is taken once, when it ends")
    }

    /// It never arrives.
    pub(crate) fn lose(mut self) {
        self.request = None;
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        let Some(request) = self.request.take() else { return };
        if self.world.network.percent(50) {
            let wait = i64::try_from(self.world.network.below(LATEST_MS)).unwrap_or_default();
            let due = self.world.now().saturating_add(SignedDuration::from_millis(wait));
            let due = due.unwrap_or(Timestamp::MAX);
            self.world.afloat().push(Afloat { due, platform: self.platform, request });
        }
    }
}

impl World {
    /// Lets the requests arrive that are due, though nobody waits for their answers any more.
    pub(crate) fn drift(&self) {
        let now = self.now();
        let due: Vec<Afloat> = {
            let mut afloat = self.afloat();
            let (due, later) = std::mem::take(&mut *afloat).into_iter().partition(|one| one.due <= now);
            *afloat = later;
            due
        };
        for Afloat { platform, request, .. } in due {
            self.counters.note("fault.arrives_after_its_sender_is_gone");
            self.say(&format!("afloat {} {} arrives", request.method(), request.uri().path()));
            drop(self.take_effect(platform, request));
        }
    }
}
