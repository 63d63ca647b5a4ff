//! What stands before irreversible effects (sync rules, section 5).

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{GuardSettings, WaitingEffect, moves::AND};

/// The kinds of effects that nobody can take back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Irreversible {
    /// A referral is created.
    Create,
    /// A received referral is accepted.
    Accept,
    /// A received referral is declined.
    Decline,
    /// A referral is won or lost.
    Close,
    /// The deal is shown to the other organisation's sellers.
    Share,
    /// The other organisation is asked for help.
    AskHelp,
}

impl Irreversible {
    /// The name used in the store, on the command line and by the brake.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Accept => "accept",
            Self::Decline => "decline",
            Self::Close => "close",
            Self::Share => "share",
            Self::AskHelp => "ask_help",
        }
    }
}

/// The last hour before a referral expires is not spent waiting.
pub const BEFORE_EXPIRY: SignedDuration = SignedDuration::from_hours(1);

/// Whether an irreversible effect may leave from this plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Its time has come, and both sides were read for this plan.
    Leave,
    /// It waits.
    Wait(WaitingEffect),
}

/// What is asked of the guard.
pub(crate) struct Wanted<'a> {
    pub(crate) kind: Irreversible,
    /// The same words for the same target: another target restarts the grace.
    pub(crate) target: &'a str,
    /// Whether it was answered by the response field, which does not wait.
    pub(crate) answered: bool,
    pub(crate) expires: Option<Timestamp>,
    /// A person asked to send it now.
    pub(crate) send_now: bool,
    /// A person takes it back.
    pub(crate) withdraw: bool,
}

impl WaitingEffect {
    /// A sentence without times, for the report.
    pub fn sentence(&self) -> String {
        if self.withdrawn {
            return format!("withdrawn: not to be {}", self.target);
        }
        format!("waiting to be {}", self.target)
    }

    /// Whether its time has come. What was withdrawn has none.
    pub fn is_due(&self, now: Timestamp) -> bool {
        !self.withdrawn && self.not_before <= now
    }
}

/// Whether two targets come to the same, whatever the steps to it and the reason for it are: whoever withdrew a decline
/// withdrew it for whatever reason is given, and whoever withdrew an end withdrew it although others take the first step
/// meanwhile.
pub(crate) fn same_end(target: &str, other: &str) -> bool {
    let end = |target: &str| {
        let bare = target.split(" (").next().unwrap_or_default();
        bare.rsplit(AND).next().unwrap_or_default().to_owned()
    };
    end(target) == end(other)
}

pub(crate) fn gate(
    wanted: &Wanted<'_>,
    waiting: &[WaitingEffect],
    settings: &GuardSettings,
    now: Timestamp,
) -> Gate {
    let grace = match wanted.kind {
        Irreversible::Close => settings.close_grace_secs,
        Irreversible::Decline => settings.decline_grace_secs,
        Irreversible::Accept if !wanted.answered => settings.accept_grace_secs,
        Irreversible::Accept | Irreversible::Create | Irreversible::Share | Irreversible::AskHelp => 0,
    };
    let known = waiting.iter().find(|effect| effect.kind == wanted.kind && effect.target == wanted.target);
    let mut same =
        waiting.iter().filter(|effect| effect.kind == wanted.kind && same_end(&effect.target, wanted.target));
    let withdrawn = same.find(|effect| effect.withdrawn || wanted.withdraw);
    if let Some(effect) = withdrawn.filter(|_| !wanted.send_now) {
        let target = wanted.target.to_owned();
        return Gate::Wait(WaitingEffect { withdrawn: true, target, ..effect.clone() });
    }
    if grace == 0 || wanted.send_now {
        return Gate::Leave;
    }
    let effect = known.cloned().unwrap_or_else(|| WaitingEffect {
        kind: wanted.kind,
        target: wanted.target.to_owned(),
        since: now,
        not_before: now.checked_add(SignedDuration::from_secs(i64::from(grace))).unwrap_or(now),
        withdrawn: false,
    });
    let last_call = wanted.expires.and_then(|expires| expires.checked_sub(BEFORE_EXPIRY).ok());
    let not_before = last_call.map_or(effect.not_before, |last| effect.not_before.min(last));
    if known.is_some() && now >= not_before {
        Gate::Leave
    } else {
        // A first sight always waits for a second one, however near the expiry is.
        Gate::Wait(WaitingEffect { not_before: not_before.max(effect.since), ..effect })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn close(target: &str) -> Wanted<'_> {
        Wanted {
            kind: Irreversible::Close,
            target,
            answered: false,
            expires: None,
            send_now: false,
            withdraw: false,
        }
    }

    fn waits(gate: Gate) -> WaitingEffect {
        match gate {
            Gate::Wait(effect) => effect,
            Gate::Leave => panic!("left without waiting"),
        }
    }

    #[test]
    fn a_close_waits_ten_minutes_keeps_its_since_and_then_leaves() {
        let settings = GuardSettings::default();
        let first = waits(gate(&close("won"), &[], &settings, at(0)));
        assert_eq!((first.since, first.not_before), (at(0), at(600)));
        let second = waits(gate(&close("won"), std::slice::from_ref(&first), &settings, at(300)));
        assert_eq!(second, first);
        assert_eq!(gate(&close("won"), std::slice::from_ref(&first), &settings, at(600)), Gate::Leave);
    }

    #[test]
    fn another_target_restarts_the_grace() {
        let settings = GuardSettings::default();
        let won = waits(gate(&close("won"), &[], &settings, at(0)));
        let lost = waits(gate(&close("lost"), &[won], &settings, at(599)));
        assert_eq!(lost.not_before, at(1199));
    }

    #[test]
    fn an_accept_by_the_response_field_and_a_person_do_not_wait() {
        let settings = GuardSettings::default();
        let answered = Wanted { kind: Irreversible::Accept, answered: true, ..close("accept") };
        assert_eq!(gate(&answered, &[], &settings, at(0)), Gate::Leave);
        assert_eq!(gate(&Wanted { send_now: true, ..close("won") }, &[], &settings, at(0)), Gate::Leave);
        assert_eq!(
            waits(gate(&Wanted { answered: false, ..answered }, &[], &settings, at(0))).not_before,
            at(60)
        );
    }

    #[test]
    fn what_was_withdrawn_waits_for_ever_and_leaves_by_a_person_alone() {
        let settings = GuardSettings::default();
        let first = waits(gate(&close("won"), &[], &settings, at(0)));
        let back = Wanted { withdraw: true, ..close("won") };
        let withdrawn = waits(gate(&back, std::slice::from_ref(&first), &settings, at(5)));
        assert!(withdrawn.withdrawn && !withdrawn.is_due(at(1_000_000)));
        let withdrawn = std::slice::from_ref(&withdrawn);
        assert_eq!(waits(gate(&close("won"), withdrawn, &settings, at(1_000_000))), withdrawn[0]);
        let no_grace = GuardSettings { close_grace_secs: 0, ..GuardSettings::default() };
        assert_eq!(waits(gate(&close("won"), withdrawn, &no_grace, at(9))), withdrawn[0]);
        assert_eq!(
            gate(&Wanted { send_now: true, ..close("won") }, withdrawn, &settings, at(9)),
            Gate::Leave
        );
        assert!(!waits(gate(&close("lost"), withdrawn, &settings, at(9))).withdrawn, "another wish");
        let lost = [WaitingEffect { target: "lost (Price)".to_owned(), ..withdrawn[0].clone() }];
        let other = waits(gate(&close("lost (Others)"), &lost, &settings, at(9)));
        assert!(other.withdrawn && other.target == "lost (Others)", "the same end for another reason");
        let both = [WaitingEffect { target: "accepted and won".to_owned(), ..withdrawn[0].clone() }];
        let rest = waits(gate(&close("won"), &both, &settings, at(9)));
        assert!(rest.withdrawn && rest.target == "won", "somebody accepted it meanwhile");
        let waited = [WaitingEffect { withdrawn: false, ..both[0].clone() }];
        let rest = waits(gate(&back, &waited, &settings, at(9)));
        assert!(rest.withdrawn && rest.target == "won", "before the withdrawal was heard of");
    }

    #[test]
    fn grace_never_runs_past_one_hour_before_the_expiry() {
        let settings = GuardSettings::default();
        let soon = Wanted { expires: Some(at(3600 + 120)), ..close("declined") };
        assert_eq!(waits(gate(&soon, &[], &settings, at(0))).not_before, at(120));
    }
}
