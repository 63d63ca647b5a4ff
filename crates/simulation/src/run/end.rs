//! Fair weather: between the steps of a run that proves liveness, and after the last step of all, until nothing is left
//! to be done.

use std::time::Duration;

use jiff::SignedDuration;
use sandbox::faults::Platform;
use serde_json::json;

use super::Course;
use crate::{
    judge::{self, Violation},
    product::{Eyes, Installed},
    scene::Scene,
};

/// How long the product has, of the world's time, to reach its end when people and faults have stopped.
const SETTLED_WITHIN: SignedDuration = SignedDuration::from_hours(6);
/// How long nothing may be written before that is taken for the end: what is known of the org's fields lasts an hour.
pub(super) const CALM: SignedDuration = SignedDuration::from_mins(75);
/// How long nothing may be written when a person has had everything tried again.
const CALM_AFTER_A_RETRY: SignedDuration = SignedDuration::from_mins(15);
/// How long nothing may be written afterwards.
const QUIET: Duration = Duration::from_mins(40);
/// How long the weather is fair in liveness runs: longer than any back-off and any grace.
const FAIR: Duration = Duration::from_mins(20);

impl Course<'_> {
    /// Nothing goes wrong for a while, and nobody does anything: whatever was due must be done.
    pub(super) async fn fair_spell(&mut self, eyes: &dyn Eyes) {
        self.fair_weather();
        eyes.resume().await;
        tokio::time::sleep(FAIR).await;
        self.judge_step();
        let due = eyes.due().await;
        if due > 0 {
            let what = format!("{due} rows are still due after {FAIR:?} of fair weather");
            self.violations.push(Violation::new("liveness", what));
        }
        if self.violations.is_empty() {
            self.judge_fair_spell(eyes).await;
        }
    }

    /// Everything that goes wrong ends.
    pub(super) fn fair_weather(&mut self) {
        self.world.say("people and faults stop");
        for lasting in std::mem::take(&mut self.troubles) {
            lasting.trouble.end(&self.world);
        }
        self.world.set_knobs(Platform::Salesforce, &json!({ "locked_rows": [] }));
        self.world.weather.turn(0, Vec::new());
        self.world.machine_clock.set_ahead(SignedDuration::ZERO);
        self.world.crashes.revive();
        self.world.lure.take_up();
    }

    /// Waits until the product has nothing more to do. False: it never came to an end.
    pub(super) async fn settle(&mut self, eyes: &dyn Eyes) -> bool {
        let began = self.world.now();
        let mut wrote = began;
        let mut retried = false;
        while self.world.now().duration_since(began) < SETTLED_WITHIN {
            tokio::time::sleep(Duration::from_secs(30)).await;
            self.world.drift();
            let seen = self.world.take_seen();
            if !judge::writes(&seen).is_empty() {
                wrote = self.world.now();
            }
            let scene = Scene::of(&self.world);
            let found =
                judge::after_a_step(&self.world, &scene, &mut self.people.record, &seen, &mut self.guard);
            self.violations.extend(found);
            if !self.violations.is_empty() {
                self.failed_at = Some(self.done);
                return true;
            }
            let held = eyes.brakes(true).await;
            if !held.is_empty() {
                self.world.say(&format!("somebody releases the brakes {held:?}"));
                self.guard.release(&held, self.world.now());
            }
            if self.world.now().duration_since(wrote) < CALM {
                continue;
            }
            if retried {
                return true;
            }
            // What waits for a person is looked at less and less often; and whoever has mended things says so.
            eyes.retry().await;
            (retried, wrote) = (true, self.world.now() - (CALM - CALM_AFTER_A_RETRY));
        }
        false
    }

    pub(super) async fn note_archive(&mut self, eyes: &dyn Eyes) {
        for lost in eyes.archive().await {
            if !self.archive.contains(&lost) {
                self.archive.push(lost);
            }
        }
    }

    pub(super) async fn judge_end(&mut self, eyes: &dyn Eyes, installed: &dyn Installed, settled: bool) {
        if !settled {
            let what = format!("there was no end within {SETTLED_WITHIN} of people and faults stopping");
            self.violations.push(Violation::new("quiet", what));
        }
        let deals = eyes.deals().await;
        self.people.record.hidden = eyes.hidden().await;
        let scene = Scene::of(&self.world);
        let stored = installed.stored();
        let found = judge::at_the_end(&scene, &self.people.record, &deals, &self.archive, &stored);
        self.violations.extend(found);
        tokio::time::sleep(QUIET).await;
        self.violations.extend(judge::after_the_end(&self.world.take_seen(), &deals));
        if !self.violations.is_empty() {
            self.failed_at = Some(self.done);
            for deal in deals {
                self.world.say(&format!("deal {deal:?}"));
            }
        }
    }
}
