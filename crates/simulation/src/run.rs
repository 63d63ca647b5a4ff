//! One run: lives of the product, one after the other, in one world; steps of the world within each.

mod besides;
mod end;
mod lives;
mod script;
mod steps;

use std::{sync::Arc, time::Instant};

use sandbox::faults::Platform;

use crate::{
    crashes::Place,
    dice::Dice,
    faults::troubles::Trouble,
    judge::{Guard, Memories, Violation},
    log::Log,
    people::People,
    product::{Installed, Lost, Product},
    world::World,
};

pub(crate) use besides::{ON_REQUEST, TYPES_WHILE_READ};
pub use script::{Mode, Outcome, Script};

/// When every world begins.
const START: &str = "2026-01-05T08:00:00Z";
/// Most lives that may end before their first step, one after the other.
const STILLBORN: u32 = 20;

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
/// People go on while the product is down.
pub(crate) const ABSENCE: &str = "absence";
/// What comes after the last step: most of a short run's time, and nothing to what a step shows.
pub(crate) const THE_END: &str = "the_end";
/// The clock of the product's machine is put forward or back.
pub(crate) const CLOCK_JUMP: &str = "clock_jump";

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
    world.set_knobs(Platform::PartnerCenter, &world.habits(profile));
    world.register_for_events()?;
    let installed = product.install(&world.ready, profile)?;
    installed.remap(profile.mapping)?;
    let mut course = Course {
        script,
        people: People::new(Arc::clone(&world)),
        dice: Dice::new(script.seed, "course"),
        seldom: Dice::new(script.seed, "seldom"),
        often: Dice::new(script.seed, "often"),
        guard: Guard::new(profile.brake_limit),
        memories: Memories::default(),
        dies_soon: false,
        power_fails: false,
        power_flickers: None,
        hidden_until: start,
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
    /// Chance of what happens often, likewise.
    often: Dice,
    guard: Guard,
    memories: Memories,
    /// The next life is not to be long.
    dies_soon: bool,
    /// The next absence is a long one.
    power_fails: bool,
    /// The next life is as short as this.
    power_flickers: Option<std::time::Duration>,
    /// Until then the product may not know again of a field that was hidden, or of calls that are free again.
    hidden_until: jiff::Timestamp,
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
}
