//! A request on its way. If its sender is gone before it arrived, it may arrive all the same.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use jiff::{SignedDuration, Timestamp};
use sandbox::faults::Platform;

use super::World;
use crate::dice::Dice;

/// How late a request arrives at the most whose sender is gone. Less than the settling time of a doubtful creation.
const LATEST_MS: u64 = 20_000;

/// A request whose sender is gone.
#[derive(Debug)]
pub(crate) struct Afloat {
    due: Timestamp,
    number: u64,
    platform: Platform,
    request: Request<Bytes>,
}

/// A request before it has arrived. Dropping it leaves it to the network: what becomes of it follows from its number alone,
/// for when a life ends, requests are dropped in an order that the runtime does not promise.
pub(crate) struct Flight<'a> {
    world: &'a World,
    number: u64,
    platform: Platform,
    request: Option<Request<Bytes>>,
}

impl<'a> Flight<'a> {
    pub(crate) fn new(world: &'a World, number: u64, platform: Platform, request: Request<Bytes>) -> Self {
        Self { world, number, platform, request: Some(request) }
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
        let dice = Dice::new(self.world.seed ^ (self.number << 32), "afloat");
        if dice.percent(50) {
            let wait = i64::try_from(dice.below(LATEST_MS)).unwrap_or_default();
            let due = self.world.now().saturating_add(SignedDuration::from_millis(wait));
            let due = due.unwrap_or(Timestamp::MAX);
            let (number, platform) = (self.number, self.platform);
            self.world.afloat().push(Afloat { due, number, platform, request });
            self.world.set_afloat.notify_one();
        }
    }
}

/// Lets requests arrive when they are due, for as long as the life lasts.
pub(crate) async fn land(world: Arc<World>) {
    loop {
        let next = world.afloat().iter().map(|one| one.due).min();
        let Some(due) = next else {
            world.set_afloat.notified().await;
            continue;
        };
        let left = due.duration_since(world.now()).max(SignedDuration::ZERO);
        tokio::select! {
            biased;
            () = world.set_afloat.notified() => {}
            () = tokio::time::sleep(left.unsigned_abs()) => world.drift(),
        }
    }
}

impl World {
    /// Lets the requests arrive that are due, though nobody waits for their answers any more.
    pub(crate) fn drift(&self) {
        let now = self.now();
        let mut due: Vec<Afloat> = {
            let mut afloat = self.afloat();
            let (due, later) = std::mem::take(&mut *afloat).into_iter().partition(|one| one.due <= now);
            *afloat = later;
            due
        };
        due.sort_by_key(|one| (one.due, one.number));
        for Afloat { platform, request, .. } in due {
            self.counters.note("fault.arrives_after_its_sender_is_gone");
            self.say(&format!("afloat {} {} arrives", request.method(), request.uri().path()));
            drop(self.take_effect(platform, request));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::log::Log;

    #[test]
    fn in_whatever_order_requests_are_dropped_the_same_ones_arrive_at_the_same_times() {
        let left = |numbers: &mut dyn Iterator<Item = u64>| {
            let world = World::new(1, Timestamp::UNIX_EPOCH, Log::default());
            for number in numbers {
                let request = Request::get("http://127.0.0.1:7001/v1.0").body(Bytes::new()).unwrap();
                drop(Flight::new(&world, number, Platform::PartnerCenter, request));
            }
            let mut left: Vec<_> = world.afloat().iter().map(|one| (one.due, one.number)).collect();
            left.sort_unstable();
            left
        };
        let forth = left(&mut (0..20));
        assert!((1..20).contains(&forth.len()), "some are lost, and some are not: {forth:?}");
        assert_eq!(forth, left(&mut (0..20).rev()));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_under_way_arrives_in_its_time_though_nobody_takes_a_step() {
        let world = World::new(1, Timestamp::UNIX_EPOCH, Log::default());
        world.clock.begin();
        tokio::spawn(land(Arc::clone(&world)));
        tokio::task::yield_now().await;
        for number in 0..20 {
            let request = Request::get("http://127.0.0.1:7001/v1.0").body(Bytes::new()).unwrap();
            drop(Flight::new(&world, number, Platform::PartnerCenter, request));
        }
        assert!(!world.afloat().is_empty(), "some are lost, and some are not");
        tokio::time::sleep(Duration::from_millis(LATEST_MS + 1)).await;
        assert!(world.afloat().is_empty());
    }
}
