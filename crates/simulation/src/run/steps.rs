//! The steps of the world within a life: what happens in each, and what is judged after it.

use std::time::Duration;

use jiff::SignedDuration;

use super::{CLOCK_JUMP, Course, End, Lasting, Mode, THE_END, WITHDRAWAL, end::CALM};
use crate::{
    crashes::{PLACES, Place},
    faults::{
        network::{MISHAPS, Mishap},
        troubles::{TROUBLES, Trouble},
    },
    judge,
    people::{DEEDS, Deed},
    product::{Eyes, Installed},
    scene::Scene,
};

/// In liveness runs, the weather is fair after so many steps.
const FAIR_EVERY: u64 = 40;
/// In how many of 100 steps something happens besides that is seldom.
const SELDOM: u64 = 5;
/// In how many of 100 steps something happens besides that is to happen often.
const OFTEN: u64 = 10;

impl Course<'_> {
    /// The steps of a life, and what comes after the last one.
    pub(super) async fn steps(&mut self, eyes: &dyn Eyes, installed: &dyn Installed) -> End {
        while self.done < self.script.steps {
            self.pass_time().await;
            self.done += 1;
            self.world.drift();
            let mut died = self.step(eyes).await;
            if self.script.seldom && self.seldom.percent(SELDOM) {
                self.something_seldom(eyes).await;
            }
            if !self.script.often.is_empty() && self.often.percent(OFTEN) {
                died |= self.something_often(eyes).await;
            }
            self.judge_step();
            self.judge_memory(eyes).await;
            self.stopped = self.world.now();
            if self.violations.is_empty()
                && self.script.mode == Mode::Liveness
                && self.done.is_multiple_of(FAIR_EVERY)
            {
                self.fair_spell(eyes).await;
            }
            if !self.violations.is_empty() {
                self.failed_at = Some(self.done);
                return End::Over;
            }
            if died {
                self.note_archive(eyes).await;
                return End::Died(Place::AnyTime);
            }
        }
        if !self.script.leaves_in(THE_END) {
            return End::Over;
        }
        self.fair_weather();
        eyes.resume().await;
        let settled = self.settle(eyes).await;
        if self.violations.is_empty() {
            self.note_archive(eyes).await;
            self.judge_end(eyes, installed, settled).await;
        }
        End::Over
    }

    /// How long the world waits between two steps.
    pub(super) fn gap(&self) -> Duration {
        match self.dice.below(100) {
            0..20 => Duration::from_millis(self.dice.between(0, 900)),
            20..97 => Duration::from_millis(self.dice.between(1_000, 12_000)),
            97..99 => Duration::from_secs(self.dice.between(15, 60)),
            _ => Duration::from_secs(self.dice.between(60, 1_500)),
        }
    }

    /// Something happens. True: the product dies now.
    async fn step(&mut self, eyes: &dyn Eyes) -> bool {
        self.end_troubles();
        let roll = self.dice.below(100);
        match roll {
            0..78 => {
                if let Some(deed) = self.deed() {
                    self.people.act(deed);
                }
            }
            78..90 => self.begin_trouble(),
            90..94 => self.turn_weather(),
            94..98 => return self.arm_crash(),
            _ if self.dice.percent(50) => {
                if self.script.leaves_in(WITHDRAWAL) {
                    self.withdraw(eyes, self.dice.draw()).await;
                }
            }
            _ => self.look_at_brakes(eyes).await,
        }
        false
    }

    /// A person looks which brakes hold, and releases them or not.
    async fn look_at_brakes(&mut self, eyes: &dyn Eyes) {
        // What left before the release counts for the time before it.
        self.judge_step();
        let releases = self.dice.percent(50);
        let held = eyes.brakes(releases).await;
        if !held.is_empty() {
            let does = if releases { "releases" } else { "looks at" };
            self.world.say(&format!("somebody {does} the brakes {held:?}"));
            self.world.counters.note("brake.held");
            if releases {
                self.world.counters.note("brake.released");
                self.guard.release(&held, self.world.now());
            }
        }
    }

    pub(super) fn deed(&self) -> Option<Deed> {
        let may: Vec<(u64, Deed)> =
            DEEDS.iter().copied().filter(|(_, deed)| self.script.leaves_in(deed.name())).collect();
        self.dice.weighed(&may).copied()
    }

    fn end_troubles(&mut self) {
        let now = self.world.now();
        let (over, on): (Vec<Lasting>, Vec<Lasting>) =
            std::mem::take(&mut self.troubles).into_iter().partition(|lasting| lasting.until <= now);
        self.troubles = on;
        for lasting in over {
            lasting.trouble.end(&self.world);
        }
    }

    fn begin_trouble(&mut self) {
        let may: Vec<&'static Trouble> = TROUBLES
            .iter()
            .filter(|trouble| self.script.leaves_in(trouble.name))
            .filter(|trouble| !self.troubles.iter().any(|lasting| lasting.trouble.meets(trouble)))
            .collect();
        let Some(trouble) = self.dice.pick(&may).copied() else { return };
        let lasts = self.dice.between(5, trouble.longest);
        self.begin(trouble, lasts);
    }

    /// A trouble begins for so many seconds, unless one that turns the same knob is on.
    pub(super) fn begin(&mut self, trouble: &'static Trouble, seconds: u64) {
        if self.troubles.iter().any(|lasting| lasting.trouble.meets(trouble)) {
            return;
        }
        let lasts = i64::try_from(seconds).unwrap_or(60);
        let until = self.world.now().saturating_add(SignedDuration::from_secs(lasts));
        trouble.begin(&self.world, &self.dice);
        if trouble.name.starts_with("automation") {
            self.people.record.automated = true;
            self.people.record.reverting |= trouble.name == "automation_reverts";
        }
        // A spent day is found to be over by one call in ten minutes, and whatever waited backs off meanwhile.
        if matches!(trouble.name, "field_hidden" | "daily_limit_reached") {
            self.hidden_until = self.world.now() + SignedDuration::from_secs(lasts) + CALM;
        }
        self.troubles.push(Lasting { trouble, until: until.unwrap_or_else(|_| self.world.now()) });
    }

    fn turn_weather(&mut self) {
        let may: Vec<Mishap> =
            MISHAPS.iter().copied().filter(|mishap| self.script.leaves_in(&mishap.name())).collect();
        // In thousandths of a call; storms are seldom.
        let rate = match (self.dice.below(10), self.script.mode) {
            (0, _) => self.dice.between(1_000, 6_000),
            (1..6, _) | (_, Mode::Safety) => self.dice.between(100, 900),
            _ => 0,
        };
        self.world.say(&format!("weather: {rate} of ten thousand calls"));
        self.world.weather.turn(rate, may);
        if self.dice.percent(30) && self.script.leaves_in(CLOCK_JUMP) {
            let seconds = i64::try_from(self.dice.between(0, 240)).unwrap_or_default() - 120;
            self.world.counters.note(format!("fault.{CLOCK_JUMP}"));
            self.world.say(&format!("the product's clock is {seconds} s ahead"));
            self.world.machine_clock.set_ahead(SignedDuration::from_secs(seconds));
        }
    }

    /// True: at once.
    fn arm_crash(&mut self) -> bool {
        let may: Vec<Place> =
            PLACES.iter().copied().filter(|place| self.script.leaves_in(place.name())).collect();
        let Some(place) = self.dice.pick(&may).copied() else { return false };
        if place == Place::AnyTime {
            return true;
        }
        self.world.crashes.arm(place, self.dice.below(12));
        false
    }

    pub(super) fn judge_step(&mut self) {
        let seen = self.world.take_seen();
        let scene = Scene::of(&self.world);
        let found = judge::after_a_step(&self.world, &scene, &mut self.people.record, &seen, &mut self.guard);
        self.violations.extend(found);
        self.violations.extend(self.world.take_found());
    }

    /// Looks whether what deals remember can be so.
    async fn judge_memory(&mut self, eyes: &dyn Eyes) {
        if self.violations.is_empty() {
            self.violations.extend(judge::judge_log(&eyes.said()));
            let changed = eyes.changed().await;
            self.violations.extend(judge::of_memory(&self.people.record, &mut self.memories, &changed));
        }
    }
}
