//! How many calls may be under way at once: found by going up slowly and coming down at once.
//!
//! The number grows by one for each of its own number of good answers, while it is really used and answers come about
//! as fast as they ever did. It shrinks by a factor when the server refuses for its load, or answers get slow. The
//! height at which that happened is remembered: near it the number grows much more slowly for a while, so that looking
//! for the limit is not itself what provokes refusals.

use std::{collections::BTreeMap, time::Duration};

use jiff::{SignedDuration, Timestamp};

/// Part of the way that each step near a remembered height has, compared with an ordinary step.
const SLOW_STEP: f64 = 0.05;
/// Weight of the newest answer in the smoothed time.
const SMOOTHING: f64 = 0.2;
/// A floor that was not reached again for this long is given up for the next higher one.
const FLOOR_LASTS: SignedDuration = SignedDuration::from_mins(10);

/// How the number of calls at once is found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConcurrencySettings {
    /// Calls at once before anything is known.
    pub first: u32,
    /// Never more than this; at least one.
    pub most: u32,
    /// What remains of the number after a refusal, in `0.0..1.0`.
    pub shrink: f64,
    /// Answers are slow when they take this many times as long as the fastest of their kind, and `slack` more.
    pub slower: f64,
    /// See `slower`: keeps noise of a few milliseconds from counting.
    pub slack: Duration,
    /// How long the height of a refusal is remembered.
    pub remember: Duration,
}

impl Default for ConcurrencySettings {
    fn default() -> Self {
        Self {
            first: 4,
            most: 16,
            shrink: 0.7,
            slower: 2.0,
            slack: Duration::from_millis(250),
            remember: Duration::from_mins(5),
        }
    }
}

/// Marks when a call began: one that began before the number shrank says nothing about the present number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Era(u64);

/// The number, and what it was learnt from.
#[derive(Debug)]
pub(super) struct Concurrency {
    settings: ConcurrencySettings,
    limit: f64,
    in_flight: u32,
    era: u64,
    /// The height of the last refusal, and when it came.
    ceiling: Option<(f64, Timestamp)>,
    /// After a pause one call goes ahead; the others follow when it was answered.
    probing: bool,
    times: BTreeMap<&'static str, Times>,
}

impl Concurrency {
    pub(super) fn new(settings: ConcurrencySettings) -> Self {
        let limit = f64::from(settings.first.clamp(1, settings.most.max(1)));
        Self { settings, limit, in_flight: 0, era: 0, ceiling: None, probing: false, times: BTreeMap::new() }
    }

    /// Calls at once, as a whole number of at least one.
    pub(super) fn limit(&self) -> u32 {
        if self.probing {
            return 1;
        }
        // In range by construction: 1 ..= most.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let limit = self.limit as u32;
        limit.clamp(1, self.settings.most.max(1))
    }

    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Whether another call may begin, `extra` places beyond the number included.
    pub(super) fn has_place(&self, extra: u32) -> bool {
        self.in_flight < self.limit().saturating_add(extra)
    }

    pub(super) fn begin(&mut self) -> Era {
        self.in_flight = self.in_flight.saturating_add(1);
        Era(self.era)
    }

    /// A call has ended, in whatever way; what is learnt from it is told apart, before.
    pub(super) fn end(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// The server answered. To be told before [`Concurrency::end`].
    pub(super) fn answered(&mut self, era: Era, kind: Option<&'static str>, took: Duration, now: Timestamp) {
        let settings = self.settings;
        let news = era.0 == self.era;
        let slow = kind.is_some_and(|kind| {
            let times = self.times.entry(kind).or_insert_with(|| Times::new(took, now));
            times.learn(took, now);
            let slow = news && times.is_slow(&settings);
            if slow {
                // What was smoothed belongs to the number as it was.
                times.smoothed = times.floor().as_secs_f64();
            }
            slow
        });
        if !news {
            return;
        }
        self.probing = false;
        if slow {
            self.shrink(now);
            return;
        }
        // A number that is not used is not tested by an answer.
        if self.in_flight.saturating_mul(2) > self.limit() {
            let step = if self.is_near_the_ceiling(now) { SLOW_STEP } else { 1.0 };
            self.limit = (self.limit + step / self.limit).min(f64::from(settings.most.max(1)));
        }
    }

    /// The server refused for its load, and asked for a pause or not. Answers whether that was news: only the first of
    /// the calls that were under way together counts. To be told before [`Concurrency::end`].
    pub(super) fn refused(&mut self, era: Era, paused: bool, now: Timestamp) -> bool {
        self.probing |= paused;
        if era.0 != self.era {
            return false;
        }
        self.shrink(now);
        true
    }

    /// A pause holds that another process was asked for.
    pub(super) fn paused(&mut self) {
        self.probing = true;
    }

    fn shrink(&mut self, now: Timestamp) {
        let height = f64::from(self.in_flight).clamp(1.0, self.limit.max(1.0));
        self.ceiling = Some((height, now));
        self.limit = (height * self.settings.shrink).max(1.0);
        self.era += 1;
    }

    fn is_near_the_ceiling(&mut self, now: Timestamp) -> bool {
        let lasts = SignedDuration::try_from(self.settings.remember).unwrap_or(SignedDuration::MAX);
        self.ceiling = self.ceiling.filter(|(_, since)| now.duration_since(*since) < lasts);
        self.ceiling.is_some_and(|(height, _)| self.limit + 1.0 >= height)
    }
}

/// How long answers of one kind take.
#[derive(Debug)]
struct Times {
    /// The fastest of the present and of the last period.
    fastest: (Duration, Option<Duration>),
    since: Timestamp,
    smoothed: f64,
}

impl Times {
    fn new(took: Duration, now: Timestamp) -> Self {
        Self { fastest: (took, None), since: now, smoothed: took.as_secs_f64() }
    }

    fn learn(&mut self, took: Duration, now: Timestamp) {
        if now.duration_since(self.since) >= FLOOR_LASTS {
            self.fastest = (took, Some(self.fastest.0));
            self.since = now;
        }
        self.fastest.0 = self.fastest.0.min(took);
        self.smoothed += (took.as_secs_f64() - self.smoothed) * SMOOTHING;
    }

    fn floor(&self) -> Duration {
        self.fastest.1.map_or(self.fastest.0, |last| last.min(self.fastest.0))
    }

    fn is_slow(&self, settings: &ConcurrencySettings) -> bool {
        self.smoothed > self.floor().as_secs_f64() * settings.slower + settings.slack.as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

    use super::*;

    const QUICK: Duration = Duration::from_millis(100);

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + secs).unwrap()
    }

    /// `calls` good answers, as many at once as are allowed.
    fn serve(concurrency: &mut Concurrency, calls: u32, took: Duration, now: Timestamp) {
        for _ in 0..calls {
            let eras: Vec<_> = (0..concurrency.limit()).map(|_| concurrency.begin()).collect();
            for era in eras {
                concurrency.answered(era, Some("get"), took, now);
                concurrency.end();
            }
        }
    }

    #[test]
    fn it_grows_by_about_one_for_each_round_of_good_answers_and_never_past_its_bound() {
        let settings = ConcurrencySettings { first: 2, most: 6, ..ConcurrencySettings::default() };
        let mut concurrency = Concurrency::new(settings);
        serve(&mut concurrency, 6, QUICK, at(0));
        assert!((3..6).contains(&concurrency.limit()), "{concurrency:?}");
        serve(&mut concurrency, 100, QUICK, at(0));
        assert_eq!(concurrency.limit(), 6);
    }

    #[test]
    fn answers_that_come_one_at_a_time_say_nothing_about_more() {
        let mut concurrency = Concurrency::new(ConcurrencySettings::default());
        for _ in 0..1000 {
            let era = concurrency.begin();
            concurrency.answered(era, Some("get"), QUICK, at(0));
            concurrency.end();
        }
        assert_eq!(concurrency.limit(), 4);
    }

    #[test]
    fn calls_that_were_refused_together_count_once() {
        let settings = ConcurrencySettings { first: 10, ..ConcurrencySettings::default() };
        let mut concurrency = Concurrency::new(settings);
        let eras: Vec<_> = (0..10).map(|_| concurrency.begin()).collect();
        let news: Vec<_> = eras.iter().map(|era| concurrency.refused(*era, false, at(0))).collect();
        assert_eq!(news.iter().filter(|news| **news).count(), 1);
        assert_eq!(concurrency.limit(), 7);
    }

    #[test]
    fn the_height_of_a_refusal_is_approached_slowly_and_forgotten_in_the_end() {
        let settings = ConcurrencySettings { first: 10, ..ConcurrencySettings::default() };
        let mut concurrency = Concurrency::new(settings);
        let eras: Vec<_> = (0..10).map(|_| concurrency.begin()).collect();
        concurrency.refused(eras[0], false, at(0));
        for _ in &eras {
            concurrency.end();
        }
        serve(&mut concurrency, 15, QUICK, at(1));
        assert_eq!(concurrency.limit(), 9, "quickly to just below it, then slowly");
        serve(&mut concurrency, 15, QUICK, at(600));
        assert!(concurrency.limit() > 10, "{concurrency:?}");
    }

    #[test]
    fn slow_answers_shrink_it_and_a_different_kind_of_call_is_not_slow() {
        let mut concurrency = Concurrency::new(ConcurrencySettings::default());
        serve(&mut concurrency, 20, QUICK, at(0));
        let before = concurrency.limit();
        let era = concurrency.begin();
        for _ in 0..20 {
            concurrency.answered(era, Some("list"), Duration::from_secs(3), at(1));
        }
        concurrency.end();
        for _ in 0..20 {
            let era = concurrency.begin();
            concurrency.answered(era, None, Duration::from_mins(1), at(1));
            concurrency.end();
        }
        assert!(concurrency.limit() >= before);
        serve(&mut concurrency, 3, Duration::from_secs(2), at(2));
        assert!(concurrency.limit() < before, "{concurrency:?}");
    }

    #[test]
    fn after_a_pause_one_call_goes_ahead() {
        let mut concurrency = Concurrency::new(ConcurrencySettings::default());
        let era = concurrency.begin();
        concurrency.refused(era, true, at(0));
        concurrency.end();
        assert_eq!(concurrency.limit(), 1);
        let late = era;
        concurrency.answered(late, Some("get"), QUICK, at(1));
        assert_eq!(concurrency.limit(), 1, "an answer from before the pause does not open the door");
        serve(&mut concurrency, 1, QUICK, at(60));
        assert!(!concurrency.probing);
    }
}
