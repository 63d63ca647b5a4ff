//! What exists, or was done, more often than it may.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    pairs::{list, living, referrals},
    values::{short_id, text},
};

/// What is double.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DuplicateKind {
    /// Several referrals of ours name one opportunity.
    ReferralsOfOneOpportunity,
    /// Microsoft has several referrals in one engagement.
    MicrosoftsInOneEngagement,
    /// Several opportunities name one referral.
    OpportunitiesOfOneReferral,
    /// A referral was created twice for one opportunity.
    CreatedTwice,
    /// Microsoft was invited twice into one engagement.
    InvitedTwice,
    /// A referral was moved twice to the same state.
    MovedTwice,
    /// A referral was shared twice.
    SharedTwice,
}

/// One thing that is double.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duplicate {
    /// What is double.
    pub kind: DuplicateKind,
    /// The reference, engagement or referral that it is about.
    pub of: String,
    /// How often it exists, or was done.
    pub times: usize,
}

#[derive(Default)]
struct Count(BTreeMap<(DuplicateKind, String), usize>);

impl Count {
    fn one(&mut self, kind: DuplicateKind, of: impl Into<String>) {
        let of = of.into();
        if !of.is_empty() {
            *self.0.entry((kind, of)).or_default() += 1;
        }
    }

    fn doubles(self) -> Vec<Duplicate> {
        let doubles = self.0.into_iter().filter(|(_, times)| *times > 1);
        doubles.map(|((kind, of), times)| Duplicate { kind, of, times }).collect()
    }
}

/// Doubles among the records.
pub(crate) fn of(salesforce: &Value, portal: &Value) -> Vec<Duplicate> {
    let mut count = Count::default();
    for referral in referrals(portal) {
        if referral["organizationId"] == portal["organizationId"] {
            let reference = short_id(&referral["externalReferenceId"]);
            count.one(DuplicateKind::ReferralsOfOneOpportunity, reference);
        } else if referral["organizationName"] == "Microsoft" {
            count.one(DuplicateKind::MicrosoftsInOneEngagement, text(&referral["engagementId"]));
        }
    }
    for row in living(salesforce, "Opportunity") {
        let identifier = text(&row["Referral_Identifier__c"]).to_lowercase();
        count.one(DuplicateKind::OpportunitiesOfOneReferral, identifier);
    }
    count.doubles()
}

/// Irreversible things that were done twice, by Partner Center's own log of what it was asked and answered.
///
/// Only requests that took effect count: those that were answered with success, and those whose answer was lost on the
/// way after the effect are among them only if the log says so.
pub fn irreversible_twice(requests: &Value) -> Vec<Duplicate> {
    let mut count = Count::default();
    for exchange in list(&requests["log"]) {
        let took_effect = exchange["status"].as_u64().is_some_and(|status| (200..300).contains(&status));
        let body = exchange["request"].as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
        let (true, Some(body)) = (took_effect, body) else { continue };
        match exchange["kind"].as_str() {
            Some("create") => count.one(DuplicateKind::CreatedTwice, short_id(&body["externalReferenceId"])),
            Some("create-companion") => count.one(DuplicateKind::InvitedTwice, text(&body["engagementId"])),
            Some("patch") => patched(&mut count, &text(&exchange["path"]), &body),
            _ => {}
        }
    }
    count.doubles()
}

fn patched(count: &mut Count, path: &str, operations: &Value) {
    let referral = path.rsplit('/').next().unwrap_or_default();
    for operation in list(operations) {
        match operation["path"].as_str() {
            Some("/status") => {
                let state = text(&operation["value"]);
                count.one(DuplicateKind::MovedTwice, format!("{referral} {state}"));
            }
            Some("/consent/consentToShareReferralWithMicrosoftSellers") if operation["value"] == true => {
                count.one(DuplicateKind::SharedTwice, referral);
            }
            _ => {}
        }
    }
}
