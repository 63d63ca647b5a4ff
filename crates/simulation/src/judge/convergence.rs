//! When faults and people stop, every pair that is opted in is equal, or shows a problem that says why.

use serde_json::Value;

use super::Violation;
use crate::{
    edits::{Field, Record},
    product::{DealSeen, Lost},
    scene::{ON_HOLD, Scene, text},
};

pub(super) fn judge(scene: &Scene, record: &Record, deals: &[DealSeen], archive: &[Lost]) -> Vec<Violation> {
    let verdict = oracle::judge(&scene.org, &scene.portal);
    let told = |deal: &DealSeen| !deal.problems.is_empty() || deal.waiting > 0 || deal.phase != "live";
    let mut found = Vec::new();
    for difference in verdict.differences.iter().filter(|difference| !difference.fixed) {
        let deal = deals
            .iter()
            .find(|deal| deal.opportunity.as_deref().is_some_and(|id| same(id, &difference.opportunity)))
            // A store that was put back may know the referral alone, and says that it does not know the rest.
            .or_else(|| {
                let half = |deal: &&DealSeen| deal.opportunity.is_none();
                deals.iter().filter(half).find(|deal| deal.referral.as_ref() == Some(&difference.referral))
            });
        // What waits for an answer is not compared: edits wait for the acceptance.
        // A flow made something else of what was written: both halves took what each side really holds.
        let flown = record.automated
            && deal.is_some_and(|deal| {
                let halves = [&difference.salesforce, &difference.portal];
                halves.into_iter().all(|held| deal.base.contains(&as_in_json(held)))
            });
        // The portal is final: what a seller typed and nobody sent is kept, and the opportunity left as it is (sync rules,
        // section 4). The deal itself may have more to do.
        let kept = |lost: &Lost| {
            lost.opportunity.as_deref().is_some_and(|id| same(id, &difference.opportunity))
                && !lost.reason.is_empty()
                && lost.value.contains(&difference.salesforce)
        };
        let stands =
            |status: &str| scene.referral(&difference.referral).is_some_and(|own| own["status"] == status);
        let over = !difference.salesforce.is_empty() && stands("Closed") && archive.iter().any(kept);
        let unanswered = stands("New");
        // Open: of a referral that was created and closed before the store was put back behind its birth, and whose
        // identifier never reached its opportunity, nobody is told.
        let at = |member: &str| {
            let own = scene.referral(&difference.referral)?;
            text(&own[member]).parse().ok()
        };
        let gone = |member: &str| at(member).is_some_and(|at| record.was_gone(at));
        let forgotten = gone("createdDateTime")
            && gone("closedDateTime")
            && deal.is_some_and(|deal| deal.referral.is_none())
            && scene.opportunities().any(|row| {
                same(text(&row["Id"]), &difference.opportunity)
                    && text(&row["Referral_Identifier__c"]).is_empty()
            });
        if unanswered
            || forgotten
            || flown
            || over
            || deal.is_some_and(|deal| explains(record, deal, difference.field))
            || record.clones.iter().any(|clone| same(clone, &difference.opportunity))
        {
            continue;
        }
        found.push(Violation::new("convergence", format!("{difference:?}, and no problem says why")));
    }
    for alone in &verdict.alone {
        // A store that was put back may know its opportunity alone, which says why it is not linked.
        let partner = record.pairs.get(&alone.to_lowercase());
        let is = |id: &Option<String>| {
            id.as_deref()
                .is_some_and(|id| id == alone || same(id, alone) || partner.is_some_and(|of| same(id, of)))
        };
        let deal = deals.iter().find(|deal| is(&deal.opportunity) || is(&deal.referral));
        // One that was closed before it had a referral gets none by itself (sync rules, section 4).
        // Nor does one that waits in the on-hold stage.
        let late = scene.opportunities().any(|row| {
            row["Id"] == alone.as_str() && (row["IsClosed"] == true || row["StageName"] == ON_HOLD)
        });
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
fn explains(record: &Record, deal: &DealSeen, field: &str) -> bool {
    let group = match field {
        "amount" | "currency" => "money",
        "closing_date" | "notes" | "solutions" => field,
        "solution_name" | "solution_quantity" => "solutions",
        _ => return !deal.problems.is_empty() || deal.waiting > 0 || deal.phase != "live",
    };
    // What waits for its time holds no edit back.
    deal.phase != "live"
        || deal.says_why(group)
        || Field::of_group(group).is_some_and(|field| record.is_hidden(field))
}

/// Whether an opportunity is opted in.
pub(super) fn is_in(row: &Value) -> bool {
    row["Sync_with_Partner_Center__c"] == true
}

fn same(id: &str, other: &str) -> bool {
    id.get(..15).is_some_and(|short| other.starts_with(short))
}

/// A text as it stands within a JSON text.
fn as_in_json(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_seller_typed_and_nobody_sent_may_differ_from_a_closed_referral_if_it_is_kept() {
        let scene = |status: &str| Scene {
            org: json!({ "Opportunity": [{ "Id": "006nk0000846EbQAAU", "Description": "note 1",
                "Sync_with_Partner_Center__c": true, "Referral_Identifier__c": "r" }] }),
            portal: json!({ "organizationId": "o", "referrals": [{ "id": "r", "organizationId": "o",
                "status": status, "externalReferenceId": "006nk0000846EbQAAU",
                "details": { "notes": "note 2" } }] }),
        };
        let deal = DealSeen {
            id: "d".to_owned(),
            opportunity: Some("006nk0000846EbQAAU".to_owned()),
            referral: Some("r".to_owned()),
            phase: "live".to_owned(),
            waiting: 0,
            problems: Vec::new(),
            remapped: Vec::new(),
            base: "{}".to_owned(),
            read: [None, None],
        };
        let record = Record::default();
        let told = |status: &str, kept: &str| {
            let kept = Lost {
                opportunity: Some("006nk0000846EbQAAU".to_owned()),
                value: kept.to_owned(),
                reason: "the portal closed first".to_owned(),
            };
            let found = judge(&scene(status), &record, std::slice::from_ref(&deal), &[kept]);
            found.iter().any(|found| found.what.contains("\"notes\""))
        };
        assert!(!told("Closed", "note 1"));
        assert!(told("Closed", "something else"), "it is kept nowhere");
        assert!(told("Active", "note 1"), "it can still be sent");
    }
}
