//! What is irreversible waits for its time: it does not leave before, not after a person took it back, and not never.

use jiff::SignedDuration;
use sandbox::{exchange::Kind, faults::Platform};
use serde_json::Value;

use super::Violation;
use crate::{
    edits::{Record, Wish},
    product::DealSeen,
    scene::{Scene, list, text},
    world::{Seen, World},
};

/// Ten minutes, less what the product's clock may jump (4 min) and what a call may be late (30 s).
const LEAST: SignedDuration = SignedDuration::from_secs(600 - 240 - 30);
/// How long after a withdrawal an effect may arrive that was under way: its deadline, and how long one drifts whose sender
/// is gone.
const UNDER_WAY: SignedDuration = SignedDuration::from_mins(1);

pub(super) fn judge(world: &World, scene: &Scene, record: &Record, seen: &[Seen]) -> Vec<Violation> {
    let moves = seen
        .iter()
        .filter(|one| one.platform == Platform::PartnerCenter && one.kind == Kind::Patch && one.status < 300);
    moves.flat_map(|one| moved(world, scene, record, one)).collect()
}

fn moved(world: &World, scene: &Scene, record: &Record, one: &Seen) -> Vec<Violation> {
    let body: Value = serde_json::from_slice(&one.body).unwrap_or_default();
    let set = |path: &str| list(&body).iter().find(|op| op["path"] == path).map(|op| text(&op["value"]));
    let wishes: &[Wish] = match (set("/status"), set("/substatus")) {
        (Some("Closed"), Some("Won")) => &[Wish::Win],
        (Some("Closed"), _) => &[Wish::Lose, Wish::Decline],
        _ => return Vec::new(),
    };
    let referral = one.line.rsplit('/').next().unwrap_or_default();
    let Some(opportunity) = scene.opportunity_of(referral) else { return Vec::new() };
    let mut found = Vec::new();
    let is_old = |wish: &Wish| {
        let times =
            record.wished.get(&(opportunity.to_owned(), *wish)).map(Vec::as_slice).unwrap_or_default();
        times.iter().any(|at| one.at.duration_since(*at) >= LEAST)
    };
    let waits = !world.profile().short_graces && !record.sent_now.contains(opportunity);
    if waits && !wishes.iter().any(is_old) {
        let what = format!("{referral} was closed by {body} at {}, before its time", one.at);
        found.push(Violation::new("grace", what));
    }
    if let Some((target, at)) = record.withdrawn.get(opportunity) {
        let outcome = set("/substatus").unwrap_or_default().to_lowercase();
        if target.contains(&outcome) && one.at.duration_since(*at) > UNDER_WAY {
            let what =
                format!("{referral} was {outcome} at {}, though a person took that back at {at}", one.at);
            found.push(Violation::new("withdrawn", what));
        }
    }
    found
}

/// When people and faults have stopped for long enough, nothing waits any more but for a person.
pub(super) fn at_the_end(deals: &[DealSeen]) -> Vec<Violation> {
    let waits = |deal: &&DealSeen| deal.waiting > 0 && deal.phase == "live" && deal.problems.is_empty();
    let waits = deals.iter().filter(waits);
    waits
        .map(|deal| Violation::new("grace", format!("deal {} still waits, and no problem says why", deal.id)))
        .collect()
}
