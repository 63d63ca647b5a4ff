//! One run: lives of the product, one after the other, in one world; steps of the world within each.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::FutureExt as _;
use jiff::SignedDuration;
use sandbox::faults::Platform;
use serde::Serialize;
use serde_json::json;

use crate::{
    crashes::{DeadlyHolds, PLACES, Place},
    dice::Dice,
    faults::{
        network::{MISHAPS, Mishap},
        troubles::{self, TROUBLES, Trouble},
    },
    judge::{self, Guard, Memories, Violation},
    log::Log,
    people::{self, DEEDS, Deed, People},
    product::{Eyes, Installed, Life, Lost, Outside, Product},
    scene::Scene,
    world::{World, bus::Bus, courier, transport::network},
};

/// When every world begins.
const START: &str = "2026-01-05T08:00:00Z";
/// Most lives that may end before their first step, one after the other.
const STILLBORN: u32 = 20;
/// How long the product has, of the world's time, to reach its end when people and faults have stopped.
const SETTLED_WITHIN: SignedDuration = SignedDuration::from_hours(6);
/// How long nothing may be written before that is taken for the end: what is known of the org's fields lasts an hour.
const CALM: SignedDuration = SignedDuration::from_mins(75);
/// How long nothing may be written afterwards.
const QUIET: Duration = Duration::from_mins(40);
/// In liveness runs, the weather is fair after so many steps ...
const FAIR_EVERY: u64 = 40;
/// ... for so long: longer than any back-off.
const FAIR: Duration = Duration::from_mins(20);

/// An absence in which something happens.
const LONG: Duration = Duration::from_mins(5);

/// What can happen to an installation between two lives.
pub(crate) const CHANGES: [&str; 4] = ["copy_kept", "copy_brought_back", "mapping_changed", "positions_lost"];
/// A person takes a waiting effect back.
const WITHDRAWAL: &str = "somebody_withdraws";
/// A person sends a waiting effect before its time.
const SENDING: &str = "somebody_sends_now";
/// An operator pauses a deal or everything, or resumes.
const PAUSING: &str = "operator_pauses";
/// What people decide on the product.
pub(crate) const DECISIONS: [&str; 3] = [WITHDRAWAL, SENDING, PAUSING];
/// In how many of 100 steps something happens besides that is seldom.
const SELDOM: u64 = 5;
/// People go on while the product is down.
pub(crate) const ABSENCE: &str = "absence";
/// What comes after the last step: most of a short run's time, and nothing to what a step shows.
pub(crate) const THE_END: &str = "the_end";
/// The clock of the product's machine is put forward or back.
pub(crate) const CLOCK_JUMP: &str = "clock_jump";

/// What is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Faults everywhere and all the time; nothing forbidden happens, and nothing is lost.
    Safety,
    /// Faults come and go; between them the product must get on.
    Liveness,
}

/// What is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Everything follows from it.
    pub seed: u64,
    /// Steps of the world.
    pub steps: u64,
    /// What is proven.
    pub mode: Mode,
    /// Names of deeds, mishaps, troubles, places to die and changes that are left out.
    pub without: Vec<String>,
    /// Whether also happens what is seldom, and the youngest judges speak. Runs without it are the same as if there were
    /// none of it.
    pub seldom: bool,
    /// Whether every line of the log is kept.
    pub whole_log: bool,
}

impl Script {
    fn leaves_in(&self, name: &str) -> bool {
        !self.without.iter().any(|left_out| left_out == name)
    }

    /// The command line that does this again.
    pub fn command(&self) -> String {
        let mode = match self.mode {
            Mode::Safety => "safety",
            Mode::Liveness => "liveness",
        };
        let mut line = format!("cosell simulate --seed {} --steps {} --mode {mode}", self.seed, self.steps);
        if self.seldom {
            line.push_str(" --seldom");
        }
        if !self.without.is_empty() {
            line.push_str(" --without ");
            line.push_str(&self.without.join(","));
        }
        line
    }
}

/// What came of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// What must never be, and was. Empty: the run holds.
    pub violations: Vec<String>,
    /// The step after which the first of them was seen.
    pub failed_at: Option<u64>,
    /// Lines of the log.
    pub lines: u64,
    /// Digest of the log.
    pub digest: String,
    /// Lives that the product had.
    pub lives: u64,
    /// Deals that were worked on.
    pub passes: u64,
    /// Calls that the product made.
    pub calls: u64,
    /// Things that people did.
    pub deeds: u64,
    /// Seconds of the world's time until people stopped.
    pub world_seconds: i64,
    /// What happened at least sometimes.
    pub counts: BTreeMap<String, u64>,
    /// Milliseconds of real time; not part of the log.
    pub took_ms: u128,
    /// The newest lines of the log, or all of them.
    #[serde(skip)]
    pub log: Vec<String>,
}

/// Runs a script to its end, or to the first thing that must never be.
///
/// # Errors
/// A sentence, if the product cannot be installed or started at all.
pub fn run(script: &Script, product: &dyn Product) -> Result<Outcome, String> {
    let began = Instant::now();
    let start = START.parse().map_err(|error| format!("{START}: {error}"))?;
    let log = if script.whole_log { Log::whole() } else { Log::default() };
    let world = World::new(script.seed, start, log);
    let profile = world.profile();
    world.say(&format!("{profile:?}"));
    world.set_knobs(Platform::PartnerCenter, &json!({ "page_size": profile.page_size }));
    world.register_for_events()?;
    let installed = product.install(&world.ready, profile)?;
    installed.remap(profile.mapping)?;
    let mut course = Course {
        script,
        people: People::new(Arc::clone(&world)),
        dice: Dice::new(script.seed, "course"),
        seldom: Dice::new(script.seed, "seldom"),
        guard: Guard::new(profile.brake_limit),
        memories: Memories::default(),
        dies_soon: false,
        troubles: Vec::new(),
        archive: Vec::new(),
        stopped: start,
        done: 0,
        passes: 0,
        lives: 0,
        violations: Vec::new(),
        failed_at: None,
        world: Arc::clone(&world),
    };
    course.people.record.mapping = profile.mapping;
    course.people.record.strict = script.seldom;
    course.play(installed.as_ref())?;
    let (lines, digest) = world.log.digest();
    let violations =
        course.violations.iter().map(|found| format!("{}: {}", found.invariant, found.what)).collect();
    Ok(Outcome {
        violations,
        failed_at: course.failed_at,
        lines,
        digest,
        lives: course.lives,
        passes: course.passes,
        calls: world.calls(),
        deeds: course.people.record.deeds,
        world_seconds: course.stopped.duration_since(start).as_secs(),
        counts: world.counters.counts(),
        took_ms: began.elapsed().as_millis(),
        log: world.log.lines(),
    })
}

/// How a life ended.
enum End {
    /// It died.
    Died(Place),
    /// The service gave up by itself.
    Failed(String),
    /// The run is over.
    Over,
}

/// A trouble that lasts until some step.
struct Lasting {
    trouble: &'static Trouble,
    until: jiff::Timestamp,
}

struct Course<'a> {
    script: &'a Script,
    world: Arc<World>,
    people: People,
    dice: Dice,
    /// Chance of what is seldom: leaving it out changes no other draw.
    seldom: Dice,
    guard: Guard,
    memories: Memories,
    /// The next life is not to be long.
    dies_soon: bool,
    troubles: Vec<Lasting>,
    archive: Vec<Lost>,
    /// When people did something last.
    stopped: jiff::Timestamp,
    done: u64,
    passes: u64,
    lives: u64,
    violations: Vec<Violation>,
    failed_at: Option<u64>,
}

impl Course<'_> {
    fn play(&mut self, installed: &dyn Installed) -> Result<(), String> {
        let mut stillborn = 0;
        loop {
            let before = self.done;
            let end = self.life(installed)?;
            match end {
                End::Over => return Ok(()),
                End::Died(place) => {
                    self.world.counters.note(format!("crash.{}", place.name()));
                    self.world.say(&format!("the product died: {}", place.name()));
                }
                End::Failed(why) => {
                    self.world.counters.note("crash.gave_up");
                    self.world.say(&format!("the product gave up: {why}"));
                }
            }
            stillborn = if self.done == before { stillborn + 1 } else { 0 };
            if stillborn > STILLBORN {
                return Err(format!("{STILLBORN} lives in a row ended before their first step"));
            }
            self.between_lives(installed)?;
        }
    }

    /// One life, in a runtime of its own: with that ends whatever the life held.
    fn life(&mut self, installed: &dyn Installed) -> Result<End, String> {
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
        }
        end
    }

    /// The product is down; people go on.
    fn stay_away(&mut self) {
        let away = self.away();
        if away < LONG || !self.script.leaves_in(ABSENCE) {
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
        let ended = tokio::select! {
            biased;
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

    /// The steps of a life, and what comes after the last one.
    async fn steps(&mut self, eyes: &dyn Eyes, installed: &dyn Installed) -> End {
        while self.done < self.script.steps {
            tokio::time::sleep(self.gap()).await;
            self.done += 1;
            self.world.drift();
            let died = self.step(eyes).await;
            if self.script.seldom && self.seldom.percent(SELDOM) {
                self.something_seldom(eyes).await;
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

    /// Nothing goes wrong for a while, and nobody does anything: whatever was due must be done.
    async fn fair_spell(&mut self, eyes: &dyn Eyes) {
        self.fair_weather();
        eyes.resume().await;
        tokio::time::sleep(FAIR).await;
        self.judge_step();
        let due = eyes.due().await;
        if due > 0 {
            let what = format!("{due} rows are still due after {FAIR:?} of fair weather");
            self.violations.push(Violation::new("liveness", what));
        }
    }

    /// How long the world waits between two steps.
    fn gap(&self) -> Duration {
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
            _ if self.dice.percent(50) => self.withdraw(eyes).await,
            _ => self.look_at_brakes(eyes).await,
        }
        false
    }

    /// Something happens besides that is seldom.
    async fn something_seldom(&mut self, eyes: &dyn Eyes) {
        let deeds = people::SELDOM.iter().map(|deed| (Some(*deed), None, deed.name()));
        let troubles = troubles::SELDOM.iter().map(|trouble| (None, Some(trouble), trouble.name));
        let decisions = [SENDING, PAUSING].into_iter().map(|name| (None, None, name));
        let all: Vec<_> = deeds.chain(troubles).chain(decisions).collect();
        let Some((deed, trouble, name)) = self.seldom.pick(&all).copied() else { return };
        let pick = self.seldom.draw();
        if !self.script.leaves_in(name) {
            return;
        }
        match (deed, trouble) {
            (Some(deed), _) => self.people.act(deed),
            (None, Some(trouble)) => self.begin(trouble, 5 + pick % trouble.longest),
            (None, None) if name == SENDING => {
                if let Some((opportunity, target)) = eyes.send_now(pick).await {
                    self.world.counters.note(format!("deed.{SENDING}"));
                    self.world.say(&format!("{SENDING}: {opportunity} is to be {target} at once"));
                    self.people.record.sent_now.insert(opportunity);
                }
            }
            (None, None) => {
                let did = eyes.pause(pick).await;
                self.world.counters.note(format!("deed.{PAUSING}"));
                self.world.say(&format!("{PAUSING}: {did}"));
            }
        }
    }

    /// A person takes a waiting effect back.
    async fn withdraw(&mut self, eyes: &dyn Eyes) {
        if !self.script.leaves_in(WITHDRAWAL) {
            return;
        }
        if let Some((opportunity, target)) = eyes.withdraw(self.dice.below(u64::MAX)).await {
            self.world.counters.note(format!("deed.{WITHDRAWAL}"));
            self.world.say(&format!("{WITHDRAWAL}: {opportunity} is not to be {target}"));
            self.people.record.withdrawn.insert(opportunity, (target, self.world.now()));
        }
    }

    /// A person looks which brakes hold, and releases them or not.
    async fn look_at_brakes(&mut self, eyes: &dyn Eyes) {
        // What left before the release counts for the time before it.
        self.judge_step();
        let releases = self.dice.percent(50);
        if eyes.brakes(releases).await > 0 {
            self.world.counters.note("brake.held");
            if releases {
                self.world.counters.note("brake.released");
                self.guard.release();
            }
        }
    }

    fn deed(&self) -> Option<Deed> {
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
    fn begin(&mut self, trouble: &'static Trouble, seconds: u64) {
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

    fn between_lives(&mut self, installed: &dyn Installed) -> Result<(), String> {
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
            if change == back || change == mapping {
                self.people.record.unsettled(self.world.now());
                self.memories.forget();
            }
            if change == back {
                // The copy knows nothing of what left since: what was counted is forgotten.
                self.judge_step();
                self.guard.release();
            }
        }
        Ok(())
    }

    fn judge_step(&mut self) {
        let seen = self.world.take_seen();
        let scene = Scene::of(&self.world);
        let found = judge::after_a_step(&self.world, &scene, &mut self.people.record, &seen, &mut self.guard);
        self.violations.extend(found);
        self.violations.extend(self.world.take_found());
    }

    /// Looks whether what deals remember can be so.
    async fn judge_memory(&mut self, eyes: &dyn Eyes) {
        if self.violations.is_empty() {
            let said = eyes.said();
            if self.people.record.strict {
                self.violations.extend(judge::judge_log(&said));
            }
            let deals = eyes.deals().await;
            self.violations.extend(judge::of_memory(&self.people.record, &mut self.memories, &deals));
        }
    }

    /// Everything that goes wrong ends.
    fn fair_weather(&mut self) {
        self.world.say("people and faults stop");
        for lasting in std::mem::take(&mut self.troubles) {
            lasting.trouble.end(&self.world);
        }
        self.world.set_knobs(Platform::Salesforce, &json!({ "locked_rows": [] }));
        self.world.weather.turn(0, Vec::new());
        self.world.machine_clock.set_ahead(SignedDuration::ZERO);
        self.world.crashes.revive();
    }

    /// Waits until the product has nothing more to do. False: it never came to an end.
    async fn settle(&mut self, eyes: &dyn Eyes) -> bool {
        let began = self.world.now();
        let mut wrote = began;
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
            if eyes.brakes(true).await > 0 {
                self.guard.release();
            }
            if self.world.now().duration_since(wrote) >= CALM {
                return true;
            }
        }
        false
    }

    async fn note_archive(&mut self, eyes: &dyn Eyes) {
        for lost in eyes.archive().await {
            if !self.archive.contains(&lost) {
                self.archive.push(lost);
            }
        }
    }

    async fn judge_end(&mut self, eyes: &dyn Eyes, installed: &dyn Installed, settled: bool) {
        if !settled {
            let what = format!("there was no end within {SETTLED_WITHIN} of people and faults stopping");
            self.violations.push(Violation::new("quiet", what));
        }
        let deals = eyes.deals().await;
        let scene = Scene::of(&self.world);
        let stored = installed.stored();
        let found = judge::at_the_end(&scene, &self.people.record, &deals, &self.archive, &stored);
        self.violations.extend(found);
        if !self.violations.is_empty() {
            for deal in &deals {
                self.world.say(&format!("deal {deal:?}"));
            }
        }
        tokio::time::sleep(QUIET).await;
        for one in judge::writes(&self.world.take_seen()) {
            let what = format!("{} at {}, though nothing happened any more", one.line, one.at);
            self.violations.push(Violation::new("quiet", what));
        }
        if !self.violations.is_empty() {
            self.failed_at = Some(self.done);
        }
    }
}
