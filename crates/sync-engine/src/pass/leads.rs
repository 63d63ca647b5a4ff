//! A referral that is a lead: its record in the CRM is made, followed, and handed over when a deal begins.

use deal_model::{Life, RecordId, Side, Sight};

use super::Item;
use crate::{
    CallScope, Claim, CrmLead, Disposition, Engine, LeadMemory, LeadWrite, PortalLead, SideError,
    StoreResult,
    engine::fenced,
    leads::{advanced, changed},
};

/// What the note says of a lead that nobody answered yet.
const RECEIVED: &str = "A lead from Partner Center. Accept or decline it there. If you convert this lead, set Sync with \
                        Partner Center on its opportunity: that keeps the two together.";
/// ... that was accepted.
const ACCEPTED: &str = "Accepted in Partner Center: its opportunity is there. Convert this lead by hand, into that \
                        opportunity.";
/// ... that came to its end.
const ENDED: &str = "Closed in Partner Center. Nothing of it is followed any more.";

fn note(life: &Life) -> &'static str {
    match life {
        Life::Received | Life::Unknown { .. } => RECEIVED,
        Life::Active { .. } => ACCEPTED,
        _ => ENDED,
    }
}

impl Engine {
    /// Brings the CRM's lead to what the portal says, and lets a deal begin with one that was accepted.
    pub(super) async fn meet_lead(&self, claim: Claim, lead: PortalLead) -> StoreResult<()> {
        let scope = CallScope { lane: ports::Lane::Now, send_before: Some(claim.lease_until) };
        let found = match self.parts.crm.lead(&lead.referral, scope).await {
            Ok(found) => found,
            Err(error) => return self.lead_later(claim, &error).await,
        };
        let memory = self.parts.store.lead(&lead.referral).await?;
        let converted = found.as_ref().is_some_and(|found| found.converted);
        // Once made and gone, it was deleted by a person, and stays so.
        let makes = found.is_none() && memory.is_none() && lead.life == Life::Received;
        if !converted && (found.is_some() || makes) {
            let kept = match self.follow(&lead, found, memory.unwrap_or_default(), scope).await {
                Ok(kept) => kept,
                Err(error) => return self.lead_later(claim, &error).await,
            };
            if fenced(self.parts.store.keep_lead(&claim.fence, &lead.referral, &kept).await)? {
                return Ok(());
            }
        }
        // What a person converted has its opportunity: a second one would be a double.
        if lead.deal && !converted {
            return self.begin(claim, lead.referral).await;
        }
        self.hand_back(claim, Disposition::Done).await
    }

    /// Makes or changes the CRM's lead, and tells what to remember.
    async fn follow(
        &self,
        lead: &PortalLead,
        found: Option<CrmLead>,
        memory: LeadMemory,
        scope: CallScope,
    ) -> Result<LeadMemory, SideError> {
        let values = match &found {
            // A lead that came to its end hides its contact: nothing of it is followed.
            Some(_) if lead.life.is_closed() => std::collections::BTreeMap::new(),
            Some(found) => changed(&memory.base, &lead.fields, &found.fields),
            None => lead
                .fields
                .iter()
                .filter_map(|(field, told)| match told {
                    deal_model::Observed::Value(value) => Some((field.clone(), value.clone())),
                    _ => None,
                })
                .collect(),
        };
        let says = note(&lead.life);
        let told = (memory.note.as_deref() != Some(says)).then(|| says.to_owned());
        if found.is_some() && values.is_empty() && told.is_none() {
            let after = found.map(|found| found.fields).unwrap_or_default();
            return Ok(LeadMemory { base: advanced(memory.base, &lead.fields, &after, &values), ..memory });
        }
        let write = LeadWrite {
            referral: lead.referral.clone(),
            record: found.map(|found| (found.record, found.stamp)),
            values,
            note: told,
        };
        let after = self.parts.crm.write_lead(&write, scope).await?;
        let base = advanced(memory.base, &lead.fields, &after.fields, &write.values);
        Ok(LeadMemory { base, note: Some(says.to_owned()) })
    }

    async fn lead_later(&self, claim: Claim, error: &SideError) -> StoreResult<()> {
        tracing::warn!(error = %error.what, "a lead could not be brought into step; trying again later");
        let again = self.stranger_again(&claim, error);
        self.hand_back(claim, again).await
    }

    /// An opportunity that a person made of a lead of ours goes on with the lead's referral: it is linked, never created
    /// anew.
    pub(super) async fn link_converted(&self, item: &mut Item) -> StoreResult<()> {
        if item.deal.links.portal.is_some() || !item.opted_in() {
            return Ok(());
        }
        let Some(opportunity) = item.deal.links.crm.clone() else { return Ok(()) };
        let scope = CallScope { lane: ports::Lane::Now, send_before: Some(item.claim.lease_until) };
        let referral = match self.parts.crm.converted_from(&opportunity, scope).await {
            Ok(Some(referral)) => referral,
            Ok(None) => return Ok(()),
            Err(error) => {
                tracing::warn!(error = %error.what, "could not ask what an opportunity came of");
                return self.retry(item, None).await;
            }
        };
        self.link(item, referral).await
    }

    async fn link(&self, item: &mut Item, referral: RecordId) -> StoreResult<()> {
        let store = &self.parts.store;
        let holder = store.deal_of(Side::Portal, &referral).await?;
        if holder.is_some() || store.was_linked(&referral).await? {
            // The lead's referral has its opportunity: this one is another record of the same deal.
            item.claimed_elsewhere = true;
            return Ok(());
        }
        item.deal.links.portal = Some(referral);
        item.sights.portal = Sight::Unread;
        item.read = crate::Hints { portal: true, companion: true, ..item.read };
        self.observe(&mut [item]).await
    }
}
