//! Nothing irreversible but what a seller wanted, and never more of it than the brake lets through.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use sandbox::{exchange::Kind, faults::Platform};
use serde_json::Value;

use super::Violation;
use crate::{
    edits::{Record, Wish},
    scene::{Scene, list, text},
    world::{Seen, World},
};

/// How far the brake looks back, less what the product's clock may jump (4 min) and what a call may be late (30 s): it
/// counts by its own clock, before the call.
const WINDOW: SignedDuration = SignedDuration::from_secs(600 - 240 - 30);

/// How long after brakes were released an effect may arrive that had been let through before: a lease, and how long a
/// request drifts whose sender is gone.
const UNDER_WAY: SignedDuration = SignedDuration::from_mins(1);

/// What left lately, by kind.
#[derive(Debug, Default)]
pub(crate) struct Guard {
    left: BTreeMap<&'static str, VecDeque<Timestamp>>,
    limit: usize,
    /// When a kind was released last, and how many of it may have been under way then: a brake counts before the call.
    under_way: BTreeMap<&'static str, (Timestamp, usize)>,
}

/// Every kind that is counted, as the product names it.
const KINDS: [&str; 4] = ["create", "accept", "decline", "close"];

impl Guard {
    /// A guard of a product whose brake holds above `limit`.
    pub(crate) fn new(limit: u32) -> Self {
        Self { limit: usize::try_from(limit).unwrap_or(usize::MAX), ..Self::default() }
    }

    /// A person released the brakes of these kinds: what left before does not count any more.
    pub(crate) fn release(&mut self, kinds: &[String], at: Timestamp) {
        for kind in KINDS.into_iter().filter(|kind| kinds.iter().any(|released| released == kind)) {
            self.forget(kind, at);
        }
    }

    /// The store is another one, which has counted nothing.
    pub(crate) fn forget_all(&mut self, at: Timestamp) {
        for kind in KINDS {
            self.forget(kind, at);
        }
    }

    fn forget(&mut self, kind: &'static str, at: Timestamp) {
        let left = self.left.remove(kind).unwrap_or_default();
        let left = left.iter().filter(|left| at.duration_since(**left) <= WINDOW).count();
        self.under_way.insert(kind, (at, self.limit.saturating_sub(left)));
    }

    pub(super) fn judge(
        &mut self,
        world: &World,
        scene: &Scene,
        record: &Record,
        seen: &[Seen],
    ) -> Vec<Violation> {
        let mut found = Vec::new();
        for one in seen.iter().filter(|one| one.platform == Platform::PartnerCenter && one.status < 300) {
            let body: Value = serde_json::from_slice(&one.body).unwrap_or_default();
            match one.kind {
                Kind::Create => {
                    world.counters.note("effect.create");
                    let opportunity = text(&body["externalReferenceId"]);
                    if !wants(record, opportunity, Wish::OptIn) {
                        let what = format!("a referral was created for {opportunity}, which nobody opted in");
                        found.push(Violation::new("guard", what));
                    }
                    found.extend(self.count("create", one.at));
                }
                Kind::CreateCompanion => world.counters.note("effect.invite"),
                Kind::Patch => found.extend(self.patched(world, scene, record, one, &body)),
                _ => {}
            }
        }
        found
    }

    fn patched(
        &mut self,
        world: &World,
        scene: &Scene,
        record: &Record,
        one: &Seen,
        body: &Value,
    ) -> Vec<Violation> {
        let set = |path: &str| list(body).iter().find(|op| op["path"] == path).map(|op| text(&op["value"]));
        let (wish, kind) = match (set("/status"), set("/substatus")) {
            (Some("Active"), _) => (Wish::Accept, "accept"),
            (_, Some("Declined")) => (Wish::Decline, "decline"),
            (_, Some("Won")) => (Wish::Win, "close"),
            (_, Some("Lost")) | (Some("Closed"), _) => (Wish::Lose, "close"),
            _ => return Vec::new(),
        };
        world.counters.note(format!("effect.{kind}"));
        let referral = one.line.rsplit('/').next().unwrap_or_default();
        let mut found: Vec<Violation> = self.count(kind, one.at).into_iter().collect();
        let opportunity = opportunity_of(scene, record, referral);
        if !wants(record, opportunity, wish) {
            let what = format!("{referral} was moved by {body}, which nobody at {opportunity} wanted");
            found.push(Violation::new("guard", what));
        }
        found
    }

    fn count(&mut self, kind: &'static str, at: Timestamp) -> Option<Violation> {
        if let Some((released, under_way)) = self.under_way.get_mut(kind)
            && at.duration_since(*released) <= UNDER_WAY
            && *under_way > 0
        {
            *under_way -= 1;
            return None;
        }
        let left = self.left.entry(kind).or_default();
        left.push_back(at);
        while left.front().is_some_and(|first| at.duration_since(*first) > WINDOW) {
            left.pop_front();
        }
        (left.len() > self.limit).then(|| {
            Violation::new("brake", format!("{} effects of kind {kind} within {WINDOW}", left.len()))
        })
    }
}

/// The opportunity that a referral was moved for. Since then somebody may have deleted it, or mistyped its identifier: what
/// is judged is a step old.
fn opportunity_of<'a>(scene: &'a Scene, record: &'a Record, referral: &str) -> &'a str {
    let own = scene.referral(referral).map(|referral| text(&referral["externalReferenceId"]));
    let named = || {
        let carries = |row: &&Value| text(&row["Referral_Identifier__c"]).eq_ignore_ascii_case(referral);
        let binned = || list(&scene.org["Opportunity"]).iter().find(carries);
        scene.opportunities().find(carries).or_else(binned).map(|row| text(&row["Id"]))
    };
    let known = || record.pairs.get(&referral.to_lowercase()).map(String::as_str);
    own.filter(|own| !own.is_empty()).or_else(named).or_else(known).unwrap_or_default()
}

/// The id is compared in its short form: both are used.
fn wants(record: &Record, opportunity: &str, wish: Wish) -> bool {
    let short = opportunity.get(..15).unwrap_or(opportunity);
    !short.is_empty()
        && record.wishes.iter().any(|(own, wishes)| own.starts_with(short) && wishes.contains(&wish))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn after_a_release_only_what_may_have_been_under_way_does_not_count() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let close = |guard: &mut Guard, seconds: std::ops::Range<i64>| -> usize {
            seconds.filter(|second| guard.count("close", at(*second)).is_some()).count()
        };
        let mut guard = Guard::new(3);
        assert_eq!(close(&mut guard, 0..4), 1, "the fourth");
        let mut guard = Guard::new(3);
        close(&mut guard, 0..2);
        guard.release(&["accept".to_owned()], at(2));
        assert_eq!(close(&mut guard, 2..4), 1, "another kind was released");
        let mut guard = Guard::new(3);
        close(&mut guard, 0..2);
        guard.release(&["close".to_owned()], at(2));
        assert_eq!(close(&mut guard, 3..7), 0, "one that had been let through, and three");
        assert_eq!(close(&mut guard, 7..8), 1);
    }

    #[test]
    fn whose_referral_was_moved_is_known_though_the_opportunity_was_deleted_or_mistyped_since() {
        let mut record = Record::default();
        let scene = |identifier: &str, deleted: bool| Scene {
            org: json!({ "Opportunity": [{ "Id": "006", "Referral_Identifier__c": identifier,
                "IsDeleted": deleted }] }),
            portal: json!({ "referrals": [{ "id": "r", "externalReferenceId": null }] }),
        };
        assert_eq!(opportunity_of(&scene("R", true), &record, "r"), "006");
        assert_eq!(
            opportunity_of(&scene("mistyped", false), &record, "r"),
            "",
            "nobody has seen them together"
        );
        record.pairs.insert("r".to_owned(), "006".to_owned());
        assert_eq!(opportunity_of(&scene("mistyped", false), &record, "r"), "006");
    }
}
