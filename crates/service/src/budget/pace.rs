//! How many calls may begin in a time: nothing, until the server says that it counts; then below what it let through.
//!
//! A gateway that answers 429 counts calls in a window, so that no number of calls *at once* is low enough. From the
//! refusal, and the delay that came with it, follows what the server really let through. Calls are then spread at a
//! pace below that, which rises in a curve: quickly at first, slowly around the level of the refusal, and quickly again
//! once that level has proved harmless for a while. A pace far above the level binds nothing any more, and is forgotten.

use std::{collections::VecDeque, time::Duration};

use jiff::{SignedDuration, Timestamp};

/// Most answers remembered, by the time they came.
const MAX_ANSWERS: usize = 10_000;
/// Fewer answers than this tell nothing of a limit.
const EVIDENCE: usize = 20;
/// Calls that may begin together however low the pace is.
const LEAST_BURST: f64 = 2.0;
/// Shortest and longest wait for a place. What is missing may be less than an f64 has digits for, and whoever waits for no
/// time at all asks again for ever.
const WAIT: (Duration, Duration) = (Duration::from_millis(1), Duration::from_hours(1));
/// A pace this many times the level binds nothing any more.
const FORGOTTEN_AT: f64 = 8.0;

/// How the pace is found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PaceSettings {
    /// The longest window in which a server is thought to count calls.
    pub window: Duration,
    /// What remains of the pace after a refusal, in `0.0..1.0`.
    pub shrink: f64,
    /// How long it takes until the pace is back at the level of the refusal.
    pub remember: Duration,
    /// Calls that may begin together, as the time over which they are spread.
    pub burst: Duration,
    /// The pace never falls below this, in calls a second: a server that wants fewer says so by its delays.
    pub slowest: f64,
}

impl Default for PaceSettings {
    fn default() -> Self {
        Self {
            window: Duration::from_mins(1),
            shrink: 0.7,
            remember: Duration::from_mins(5),
            burst: Duration::from_secs(1),
            slowest: 0.1,
        }
    }
}

/// The pace, and what it was learnt from.
#[derive(Debug)]
pub(super) struct Pace {
    settings: PaceSettings,
    answers: VecDeque<Timestamp>,
    learnt: Option<Learnt>,
}

#[derive(Debug, Clone, Copy)]
struct Learnt {
    /// Calls a second that the server let through when it refused.
    level: f64,
    since: Timestamp,
    /// Calls that may begin now. Below zero when a guard has borrowed.
    tokens: f64,
    counted: Timestamp,
}

impl Pace {
    pub(super) fn new(settings: PaceSettings) -> Self {
        Self { settings, answers: VecDeque::new(), learnt: None }
    }

    /// Calls a second at `now`, if they are bounded.
    pub(super) fn rate(&self, now: Timestamp) -> Option<f64> {
        self.learnt.map(|learnt| self.settings.rate(&learnt, now))
    }

    /// How long until a call may begin; nothing if it may now. `borrow`: it need not wait for others' calls.
    pub(super) fn wait(&mut self, borrow: bool, now: Timestamp) -> Option<Duration> {
        self.refill(now);
        let settings = self.settings;
        let learnt = self.learnt.as_ref()?;
        let rate = settings.rate(learnt, now);
        let needed = if borrow { 1.0 - settings.burst(rate) } else { 1.0 };
        let missing = needed - learnt.tokens;
        let wait = || Duration::try_from_secs_f64(missing / rate).unwrap_or(WAIT.1).clamp(WAIT.0, WAIT.1);
        (missing > 0.0).then(wait)
    }

    /// A call begins.
    pub(super) fn begin(&mut self, now: Timestamp) {
        self.refill(now);
        if let Some(learnt) = &mut self.learnt {
            learnt.tokens -= 1.0;
        }
    }

    /// The server let a call through.
    pub(super) fn answered(&mut self, now: Timestamp) {
        let window = signed(self.settings.window);
        self.answers.push_back(now);
        while self.answers.len() > MAX_ANSWERS
            || self.answers.front().is_some_and(|first| now.duration_since(*first) > window)
        {
            self.answers.pop_front();
        }
    }

    /// The server refused because of its count, and lets calls through again at `resume`.
    pub(super) fn refused(&mut self, resume: Timestamp, now: Timestamp) {
        let seen = self.let_through(resume);
        let level = match (self.rate(now), seen) {
            (Some(rate), Some(seen)) => rate.min(seen),
            (Some(only), None) | (None, Some(only)) => only,
            // Too few calls of our own: the pause answers it.
            (None, None) => return,
        };
        let level = level.max(self.settings.slowest);
        self.learnt = Some(Learnt { level, since: now, tokens: 0.0, counted: now });
    }

    /// Calls a second that the server let through, if there were enough of them to tell. Whatever window it counts in
    /// ends at `resume`: of all that are possible, the one in which most were let through.
    fn let_through(&self, resume: Timestamp) -> Option<f64> {
        let counted = self.answers.iter().rev().enumerate().skip(EVIDENCE - 1);
        let rates = counted.map(|(newer, at)| {
            // At most ten thousand: exact in an f64.
            #[allow(clippy::cast_precision_loss)]
            let calls = (newer + 1) as f64;
            calls / resume.duration_since(*at).as_secs_f64().max(1.0)
        });
        rates.max_by(f64::total_cmp)
    }

    fn refill(&mut self, now: Timestamp) {
        let settings = self.settings;
        let Some(learnt) = &mut self.learnt else { return };
        let rate = settings.rate(learnt, now);
        if rate >= learnt.level * FORGOTTEN_AT {
            self.learnt = None;
            return;
        }
        // A clock that is set back gives nothing, and takes nothing.
        let passed = now.duration_since(learnt.counted).as_secs_f64().max(0.0);
        learnt.tokens = (learnt.tokens + passed * rate).min(settings.burst(rate));
        learnt.counted = now;
    }
}

impl PaceSettings {
    fn rate(&self, learnt: &Learnt, now: Timestamp) -> f64 {
        let passed = now.duration_since(learnt.since).as_secs_f64().max(0.0);
        let way = passed / self.remember.as_secs_f64().max(1.0) - 1.0;
        (learnt.level * (1.0 + (1.0 - self.shrink) * way.powi(3))).max(self.slowest)
    }

    fn burst(&self, rate: f64) -> f64 {
        (rate * self.burst.as_secs_f64()).max(LEAST_BURST)
    }
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

    use super::*;

    fn at(secs: f64) -> Timestamp {
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        start.checked_add(SignedDuration::try_from_secs_f64(secs).unwrap()).unwrap()
    }

    /// 120 calls in the first second, then a refusal that lasts until the minute is over.
    fn refused() -> Pace {
        let mut pace = Pace::new(PaceSettings::default());
        for call in 0..120 {
            pace.answered(at(f64::from(call) / 120.0));
        }
        pace.refused(at(60.0), at(1.0));
        pace
    }

    #[test]
    fn nothing_is_bounded_before_the_first_refusal() {
        let mut pace = Pace::new(PaceSettings::default());
        for call in 0..1000 {
            assert_eq!(pace.wait(false, at(0.0)), None, "{call}");
            pace.begin(at(0.0));
        }
    }

    #[test]
    fn what_the_server_let_through_follows_from_its_delay() {
        let pace = refused();
        let rate = pace.rate(at(1.0)).unwrap();
        assert!((1.3..1.5).contains(&rate), "120 a minute are 2 a second, and 0.7 of that is left: {rate}");
    }

    #[test]
    fn whoever_has_waited_may_go_or_waits_on_but_never_for_no_time() {
        let mut pace = refused();
        let mut now = at(60.0);
        for _ in 0..2_000 {
            while let Some(wait) = pace.wait(false, now) {
                assert!(wait >= Duration::from_millis(1), "{wait:?}");
                now = now.checked_add(SignedDuration::try_from(wait).unwrap()).unwrap();
            }
            pace.begin(now);
        }
    }

    #[test]
    fn the_pace_comes_back_to_the_level_slowly_and_is_forgotten_in_the_end() {
        let mut pace = refused();
        let rate = |secs| pace.rate(at(secs)).unwrap();
        assert!((1.9..2.01).contains(&rate(301.0)), "{}", rate(301.0));
        assert!(rate(271.0) > 1.95 && rate(361.0) < 2.05, "around the level it moves slowly");
        assert!(rate(601.0) > 2.4, "and then quickly");
        assert_eq!(pace.wait(false, at(7200.0)), None);
        assert_eq!(pace.rate(at(7200.0)), None);
    }

    #[test]
    fn calls_are_spread_and_a_guard_may_borrow() {
        let mut pace = refused();
        let now = at(60.0);
        for _ in 0..2 {
            assert_eq!(pace.wait(false, now), None);
            pace.begin(now);
        }
        let wait = pace.wait(false, now).unwrap();
        assert!(wait > Duration::from_millis(400) && wait < Duration::from_secs(1), "{wait:?}");
        assert_eq!(pace.wait(true, now), None);
        pace.begin(now);
        pace.begin(now);
        assert!(pace.wait(true, now).is_some(), "what a guard borrows is bounded");
    }

    #[test]
    fn a_refusal_out_of_the_blue_is_answered_by_its_pause_alone() {
        let mut pace = Pace::new(PaceSettings::default());
        for call in 0..10 {
            pace.answered(at(f64::from(call)));
        }
        pace.refused(at(11.0), at(10.0));
        assert_eq!(pace.rate(at(10.0)), None);
    }

    #[test]
    fn a_short_window_is_told_from_a_long_one_by_the_delay() {
        let mut pace = Pace::new(PaceSettings::default());
        // Quiet for most of a minute, then 40 calls at once, and a refusal of one second.
        for call in 0..10 {
            pace.answered(at(f64::from(call)));
        }
        for _ in 0..40 {
            pace.answered(at(50.0));
        }
        pace.refused(at(51.0), at(50.0));
        let rate = pace.rate(at(50.0)).unwrap();
        assert!((27.0..29.0).contains(&rate), "0.7 of 40 a second: {rate}");
    }
}
