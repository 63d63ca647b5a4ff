//! The server's daily allowance as it was last told: who may still call, and how it is found out that more is free again.
//!
//! The window is one rolling 24 hours, shared with every other app of the org (salesforce reference, section 2.15): what
//! was told goes stale as the window slides. While a lane is halted, one call in a while may go, and its answer tells.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ports::Usage;

use super::Shares;

/// The server's window: when it has passed, nothing that was counted counts.
const WINDOW: SignedDuration = SignedDuration::from_hours(24);
/// Answers overtake each other by less than this; a newer one that looks older is a server's clock that was set back.
const MOST_OVERTAKEN: SignedDuration = SignedDuration::from_mins(2);
/// What was told is kept at least this often while it is told.
const KEEP_EVERY: SignedDuration = SignedDuration::from_mins(5);

/// What of the calls is halted, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Halted {
    /// Nothing.
    Nothing,
    /// Background work.
    Background,
    /// Status lines too.
    Reports,
    /// Everything but guards.
    AllButGuards,
    /// The allowance is spent: guards are refused by the server itself.
    Everything,
}

/// How the allowance stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AllowanceStanding {
    /// What the server said last, with its own date.
    pub usage: Usage,
    /// What is halted because of it.
    pub halted: Halted,
}

impl AllowanceStanding {
    /// How it stands when the server says `usage`.
    pub fn of(usage: Usage, shares: Shares) -> Self {
        let reached = |share: u8| is_reached(usage, share);
        let halted = if reached(100) {
            Halted::Everything
        } else if reached(shares.now) {
            Halted::AllButGuards
        } else if reached(shares.report) {
            Halted::Reports
        } else if reached(shares.background) {
            Halted::Background
        } else {
            Halted::Nothing
        };
        Self { usage, halted }
    }

    /// Used hundredths of the allowance, rounded down.
    pub fn percent(&self) -> u64 {
        self.usage.used.saturating_mul(100) / self.usage.allowed.max(1)
    }
}

/// What is known of one platform's allowance.
pub(super) struct Allowance {
    /// While a lane is halted and nobody else brings news, one call goes this often.
    sound_every: SignedDuration,
    known: Option<Known>,
    kept: Option<(Usage, Timestamp)>,
}

struct Known {
    usage: Usage,
    /// When it was told, or a call last went to find out, by our clock.
    looked: Timestamp,
    told: Timestamp,
}

impl Allowance {
    /// Nothing is known yet.
    pub(super) fn new(sound_every: Duration) -> Self {
        let sound_every = SignedDuration::try_from(sound_every).unwrap_or(SignedDuration::MAX);
        Self { sound_every, known: None, kept: None }
    }

    /// Takes note of what the server counted; whether that is worth keeping. Answers may overtake each other; its own
    /// date says which is newer.
    pub(super) fn observe(&mut self, usage: Usage, now: Timestamp) -> bool {
        let is_older = |known: &Known| {
            (usage.at, usage.used) < (known.usage.at, known.usage.used)
                && now.duration_since(known.told) < MOST_OVERTAKEN
        };
        if usage.allowed == 0 || self.known.as_ref().is_some_and(is_older) {
            return false;
        }
        self.known = Some(Known { usage, looked: now, told: now });
        let hundredth = |usage: Usage| usage.used.saturating_mul(100) / usage.allowed;
        let is_news = self.kept.is_none_or(|(kept, at)| {
            hundredth(kept) != hundredth(usage)
                || kept.allowed != usage.allowed
                || now.duration_since(at).abs() >= KEEP_EVERY
        });
        if is_news {
            self.kept = Some((usage, now));
        }
        is_news
    }

    /// Takes over what was kept by an earlier process.
    pub(super) fn recall(&mut self, usage: Usage, now: Timestamp) {
        if usage.allowed > 0 {
            let told = usage.at.min(now);
            self.known = Some(Known { usage, looked: told, told });
            self.kept = Some((usage, told));
        }
    }

    /// Whether a lane may call up to `share` hundredths, or may find out whether it may again.
    pub(super) fn admits(&mut self, share: u8, now: Timestamp) -> bool {
        self.forget_if_over(now);
        let Some(known) = &mut self.known else { return true };
        if !is_reached(known.usage, share) {
            return true;
        }
        // A clock that was set back counts as time that passed: the answer tells.
        let sounds = now.duration_since(known.looked).abs() >= self.sound_every;
        if sounds {
            known.looked = now;
        }
        sounds
    }

    pub(super) fn standing(&mut self, shares: Shares, now: Timestamp) -> Option<AllowanceStanding> {
        self.forget_if_over(now);
        Some(AllowanceStanding::of(self.known.as_ref()?.usage, shares))
    }

    fn forget_if_over(&mut self, now: Timestamp) {
        self.known.take_if(|known| now.duration_since(known.told) >= WINDOW);
    }
}

fn is_reached(usage: Usage, share: u8) -> bool {
    usage.used.saturating_mul(100) >= usage.allowed.saturating_mul(u64::from(share))
}
