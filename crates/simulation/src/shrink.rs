//! Makes a failing script smaller: fewer steps, and fewer kinds of people, faults, deaths and changes.

use crate::{
    crashes::PLACES,
    faults::{
        network::MISHAPS,
        troubles::{self, TROUBLES},
    },
    people::{self, DEEDS},
    product::Product,
    run::{ABSENCE, CHANGES, CLOCK_JUMP, DECISIONS, ON_REQUEST, Script, THE_END, run},
};

/// Most runs that shrinking may cost ...
const MOST_RUNS: usize = 80;
/// ... and most lines of log, as a multiple of what the failing run has: a person waits for the answer.
const MOST_WORK: u64 = 25;

/// Everything that can be left out, by name.
pub fn names() -> Vec<String> {
    let deeds = DEEDS.iter().map(|(_, deed)| deed).chain(&people::SELDOM).chain(&people::ON_REQUEST);
    let deeds = deeds.map(|deed| deed.name().to_owned());
    let mishaps = MISHAPS.iter().map(|mishap| mishap.name());
    let troubles = TROUBLES.iter().chain(troubles::SELDOM).chain(troubles::ON_REQUEST);
    let troubles = troubles.map(|trouble| trouble.name.to_owned());
    let places = PLACES.iter().map(|place| place.name().to_owned());
    let changes = CHANGES
        .iter()
        .chain(&DECISIONS)
        .chain(&ON_REQUEST)
        .chain([&CLOCK_JUMP, &ABSENCE, &THE_END])
        .map(|change| (*change).to_owned());
    deeds.chain(mishaps).chain(troubles).chain(places).chain(changes).collect()
}

/// The smallest script found that fails as `script` does, which is known to fail.
///
/// Names are left out in ever smaller groups as long as the run still fails; then steps, by halves.
pub fn shrink(script: &Script, invariant: &str, product: &dyn Product) -> Script {
    let (mut runs, mut work, mut most_work) = (0, 0, u64::MAX);
    let mut fails = |script: &Script| -> Option<u64> {
        runs += 1;
        if runs > MOST_RUNS || work > most_work {
            return None;
        }
        let outcome = run(script, product).ok()?;
        work += outcome.lines;
        if runs == 1 {
            most_work = outcome.lines.saturating_mul(MOST_WORK);
        }
        let same = outcome.violations.iter().any(|violation| violation.starts_with(invariant));
        same.then_some(outcome.failed_at.unwrap_or(script.steps))
    };
    let mut best = Script { whole_log: false, ..script.clone() };
    match fails(&best) {
        Some(at) => best.steps = at,
        None => return best,
    }
    let mut left: Vec<String> = names().into_iter().filter(|name| !best.without.contains(name)).collect();
    let mut group = left.len().div_ceil(2);
    while group > 0 {
        let mut kept = Vec::new();
        for names in left.chunks(group) {
            let mut without = best.without.clone();
            without.extend(names.iter().cloned());
            let smaller = Script { without, ..best.clone() };
            match fails(&smaller) {
                Some(at) => best = Script { steps: at, ..smaller },
                None => kept.extend(names.iter().cloned()),
            }
        }
        left = kept;
        group = if group == 1 { 0 } else { group.div_ceil(2) };
    }
    let mut less = best.steps / 2;
    while less > 0 {
        let smaller = Script { steps: best.steps - less, ..best.clone() };
        match fails(&smaller) {
            Some(at) => best = Script { steps: at, ..smaller },
            None => less /= 2,
        }
        less = less.min(best.steps.saturating_sub(1));
    }
    best
}
