//! The lives of the product, one after the other, and what happens between them.

use std::{sync::Arc, time::Duration};

use futures::FutureExt as _;

use super::{ABSENCE, CHANGES, Course, End, besides::power};
use crate::{
    crashes::{DeadlyHolds, Place},
    dice::Dice,
    judge::Violation,
    product::{Installed, Life, Outside},
    world::{bus::Bus, courier, flight, transport::network},
};

/// An absence in which something happens.
const LONG: Duration = Duration::from_mins(5);

impl Course<'_> {
    /// One life, in a runtime of its own: with that ends whatever the life held.
    pub(super) fn life(&mut self, installed: &dyn Installed) -> Result<End, String> {
        self.lives += 1;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .map_err(|error| error.to_string())?;
        let world = Arc::clone(&self.world);
        let end = runtime.block_on(async {
            world.clock.begin();
            world.crashes.revive();
            if std::mem::take(&mut self.dies_soon) {
                world.crashes.arm(Place::InSleep, self.dice.below(8));
            }
            let ended = self.live(installed).await;
            world.set_door(None);
            world.set_eyes(None);
            world.clock.end(Duration::ZERO);
            ended
        });
        drop(runtime);
        if !matches!(end, Ok(End::Over)) {
            self.stay_away();
            // What was under way when the product died has arrived by now, or is still on its way.
            self.world.drift();
        }
        end
    }

    /// The product is down; people go on.
    fn stay_away(&mut self) {
        let power_fails = std::mem::take(&mut self.power_fails);
        let away = if power_fails { self.blackout() } else { self.away() };
        if !power_fails && (away < LONG || !self.script.leaves_in(ABSENCE)) {
            self.world.clock.end(away);
            return;
        }
        self.world.counters.note(format!("crash.{ABSENCE}"));
        let deeds = u32::try_from(self.dice.between(2, 6)).unwrap_or(2);
        for _ in 0..deeds {
            if let Some(deed) = self.deed() {
                self.people.act(deed);
            }
            self.world.clock.end(away / deeds);
        }
        // Whoever finds a hill of work may stumble at once.
        self.dies_soon = self.script.leaves_in(Place::InSleep.name()) && self.dice.percent(50);
        self.power_flickers = power_fails.then(|| self.flicker());
    }

    /// How long the product is down.
    fn away(&self) -> Duration {
        match self.dice.below(20) {
            0..2 => Duration::from_secs(self.dice.between(600, 7_200)),
            2..5 => Duration::from_secs(self.dice.between(20, 300)),
            _ => Duration::from_millis(self.dice.between(200, 5_000)),
        }
    }

    async fn live(&mut self, installed: &dyn Installed) -> Result<End, String> {
        let world = Arc::clone(&self.world);
        let outside = Outside {
            clock: Arc::new(world.machine_clock.clone()),
            rng: Arc::new(Dice::new(world.seed ^ (self.lives << 32), "product")),
            holds: Arc::new(DeadlyHolds(Arc::clone(&world))),
            http: network(&world),
            events: Arc::new(Bus(Arc::clone(&world))),
        };
        let Life { door, service, eyes } = installed.start(outside)?;
        world.set_door(door);
        world.set_eyes(Some(Arc::clone(&eyes)));
        let service = tokio::spawn(service).map(|ended| match ended {
            Ok(Ok(())) => "it ended by itself".to_owned(),
            Ok(Err(why)) => why,
            Err(error) => format!("a mistake of the program: {error}"),
        });
        tokio::spawn(courier::carry(Arc::clone(&world)));
        tokio::spawn(flight::land(Arc::clone(&world)));
        let flickers = self.power_flickers.take();
        let ended = tokio::select! {
            biased;
            () = power(flickers) => End::Died(Place::AnyTime),
            () = world.crashes.death() => End::Died(world.crashes.place().unwrap_or(Place::AnyTime)),
            why = service => End::Failed(why),
            ended = self.steps(eyes.as_ref(), installed) => ended,
        };
        self.passes += eyes.passes();
        for (row, times) in eyes.rows() {
            world.counters.add(row, times);
        }
        if world.crashes.spun() {
            let place = world.log.newest().unwrap_or_default();
            let what = format!("time stands still, and the product works without an end, after: {place}");
            self.violations.push(Violation::new("spins", what));
            self.failed_at = Some(self.done);
            return Ok(End::Over);
        }
        Ok(ended)
    }

    pub(super) fn between_lives(&mut self, installed: &dyn Installed) -> Result<(), String> {
        let [kept, back, mapping, positions] = CHANGES;
        let change = match self.dice.below(20) {
            0..3 => kept,
            3..5 => back,
            5..8 => mapping,
            8..10 => positions,
            _ => return Ok(()),
        };
        if !self.script.leaves_in(change) {
            return Ok(());
        }
        let done = match change {
            change if change == kept => installed.keep_copy().map(|()| true),
            change if change == back => installed.bring_copy_back(),
            change if change == mapping => {
                self.people.record.mapping = self.dice.below(4);
                installed.remap(self.people.record.mapping).map(|()| true)
            }
            _ => installed.lose_positions().map(|()| true),
        };
        if done? {
            self.world.counters.note(format!("change.{change}"));
            self.world.say(change);
            if change == kept {
                self.people.record.copied = self.world.now();
            }
            if change == back || change == mapping {
                self.people.record.unsettled(self.world.now());
                self.memories.forget();
            }
            if change == back {
                let gone = (self.people.record.copied, self.world.now());
                self.people.record.gone.push(gone);
                // The copy knows nothing of what left since: what was counted is forgotten.
                self.judge_step();
                self.guard.forget_all(self.world.now());
            }
        }
        Ok(())
    }
}
