//! When faults and people stop, every pair that is opted in is equal, or shows a problem that says why.

use serde_json::Value;

use super::Violation;
use crate::{edits::Record, product::DealSeen, scene::Scene};

pub(super) fn judge(scene: &Scene, record: &Record, deals: &[DealSeen]) -> Vec<Violation> {
    let verdict = oracle::judge(&scene.org, &scene.portal);
    let told = |deal: &DealSeen| !deal.problems.is_empty() || deal.waiting > 0 || deal.phase != "live";
    let mut found = Vec::new();
    for difference in verdict.differences.iter().filter(|difference| !difference.fixed) {
        let deal = deals
            .iter()
            .find(|deal| deal.opportunity.as_deref().is_some_and(|id| same(id, &difference.opportunity)));
        // What waits for an answer is not compared: edits wait for the acceptance.
        // A flow made something else of what was written: both halves took what each side really holds.
        let flown = record.automated
            && deal.is_some_and(|deal| {
                [&difference.salesforce, &difference.portal].into_iter().all(|held| deal.base.contains(held))
            });
        let unanswered = scene.referral(&difference.referral).is_some_and(|own| own["status"] == "New");
        if unanswered
            || flown
            || deal
                .is_some_and(|deal| if record.strict { explains(deal, difference.field) } else { told(deal) })
            || record.clones.iter().any(|clone| same(clone, &difference.opportunity))
        {
            continue;
        }
        found.push(Violation::new("convergence", format!("{difference:?}, and no problem says why")));
    }
    for alone in &verdict.alone {
        let is = |id: &Option<String>| id.as_deref().is_some_and(|id| id == alone || same(id, alone));
        let deal = deals.iter().find(|deal| is(&deal.opportunity) || is(&deal.referral));
        // One that was closed before it had a referral gets none by itself (sync rules, section 4).
        let late = scene.opportunities().any(|row| row["Id"] == alone.as_str() && row["IsClosed"] == true);
        // Nobody has switched leads on.
        let lead = scene
            .referral(alone)
            .is_some_and(|referral| referral["direction"] == "Incoming" && referral["type"] == "Independent");
        if late || lead || deal.is_some_and(told) {
            continue;
        }
        found.push(Violation::new("convergence", format!("{alone} is alone, and no problem says why")));
    }
    found
}

/// Whether what is said of the deal fits a difference in this field, by the oracle's name.
fn explains(deal: &DealSeen, field: &str) -> bool {
    let group = match field {
        "amount" | "currency" => "money",
        "closing_date" | "notes" | "solutions" => field,
        "solution_name" | "solution_quantity" => "solutions",
        _ => return !deal.problems.is_empty() || deal.waiting > 0 || deal.phase != "live",
    };
    // What waits for its time holds no edit back.
    deal.phase != "live" || deal.says_why(group)
}

/// Whether an opportunity is opted in.
pub(super) fn is_in(row: &Value) -> bool {
    row["Sync_with_Partner_Center__c"] == true
}

fn same(id: &str, other: &str) -> bool {
    id.get(..15).is_some_and(|short| other.starts_with(short))
}
