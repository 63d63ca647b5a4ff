//! Which opportunity belongs to which referral, and everything around the two.

use serde_json::Value;

use crate::values::{flag, short_id, text};

/// An opportunity, its referral, and what hangs on them.
pub(crate) struct Pair<'a> {
    pub(crate) opportunity: &'a Value,
    pub(crate) referral: &'a Value,
    /// Microsoft's referral in the same engagement.
    pub(crate) microsoft: Option<&'a Value>,
    /// Our organisation.
    pub(crate) organization: &'a str,
    pub(crate) salesforce: &'a Value,
}

impl<'a> Pair<'a> {
    pub(crate) fn opportunity_id(&self) -> &'a str {
        self.opportunity["Id"].as_str().unwrap_or_default()
    }

    pub(crate) fn referral_id(&self) -> &'a str {
        self.referral["id"].as_str().unwrap_or_default()
    }

    pub(crate) fn opted_in(&self) -> bool {
        flag(&self.opportunity["Sync_with_Partner_Center__c"])
    }

    /// Living rows of an object that point to the opportunity by `parent`.
    pub(crate) fn children(&self, object: &str, parent: &str) -> impl Iterator<Item = &'a Value> {
        let id = self.opportunity_id();
        living(self.salesforce, object).filter(move |row| row[parent] == id)
    }

    /// The living row of an object with this id.
    pub(crate) fn row(&self, object: &str, id: &Value) -> Option<&'a Value> {
        living(self.salesforce, object).find(|row| row["Id"] == *id)
    }
}

pub(crate) struct Found<'a> {
    pub(crate) pairs: Vec<Pair<'a>>,
    pub(crate) alone: Vec<String>,
}

/// Rows of an object that nobody deleted.
pub(crate) fn living<'a>(salesforce: &'a Value, object: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    list(&salesforce[object]).iter().filter(|row| !flag(&row["IsDeleted"]))
}

/// All referrals, whoever owns them.
pub(crate) fn referrals(portal: &Value) -> &[Value] {
    list(&portal["referrals"])
}

/// The elements of an array; none if it is none.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A referral and an opportunity are a pair if the one names the other. A copied opportunity names the referral of its
/// original, which names the original: the original it is. A private opportunity is never shared, whatever its checkbox
/// says, and needs no referral.
pub(crate) fn find<'a>(salesforce: &'a Value, portal: &'a Value) -> Found<'a> {
    let organization = portal["organizationId"].as_str().unwrap_or_default();
    let ours = |referral: &&Value| referral["organizationId"] == organization;
    let mut pairs = Vec::new();
    let mut alone = Vec::new();
    for referral in referrals(portal).iter().filter(ours) {
        let named_by_it = |row: &&Value| {
            let id = short_id(&row["Id"]);
            !id.is_empty() && id == short_id(&referral["externalReferenceId"])
        };
        let names_it = |row: &&Value| {
            let identifier = text(&row["Referral_Identifier__c"]);
            !identifier.is_empty() && identifier.eq_ignore_ascii_case(&text(&referral["id"]))
        };
        let opportunity = living(salesforce, "Opportunity")
            .find(named_by_it)
            .or_else(|| living(salesforce, "Opportunity").find(names_it));
        let Some(opportunity) = opportunity else {
            if referral["status"] != "Closed" {
                alone.push(text(&referral["id"]));
            }
            continue;
        };
        let microsoft = referrals(portal).iter().find(|other| {
            other["engagementId"] == referral["engagementId"] && other["organizationName"] == "Microsoft"
        });
        pairs.push(Pair { opportunity, referral, microsoft, organization, salesforce });
    }
    let unpaired = living(salesforce, "Opportunity").filter(|row| {
        flag(&row["Sync_with_Partner_Center__c"])
            && !flag(&row["IsPrivate"])
            && !pairs.iter().any(|pair| pair.opportunity["Id"] == row["Id"])
    });
    alone.extend(unpaired.map(|row| text(&row["Id"])));
    Found { pairs, alone }
}
