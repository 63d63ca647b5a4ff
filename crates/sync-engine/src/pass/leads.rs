//! A referral that is a lead: its record in the CRM is made, followed, and handed over when a deal begins.

use std::collections::BTreeMap;

use deal_model::{FieldId, Life, Observed, RecordId};
use ports::RetryClass;

use super::finish::needs_a_person;
use crate::{
    CallScope, Claim, ConnectionProblem, CrmLead, Disposition, Engine, LEAD_NOTE, LeadMemory, LeadWrite,
    PortalLead, SideError, StoreResult,
    engine::fenced,
    leads::{advanced, changed},
    settings::LEADS_TOLD,
};

/// How the key of a connection's problem begins when it is about a lead that the CRM refuses.
const REFUSED: &str = "lead.";

/// What the note says of a lead that nobody answered yet.
const RECEIVED: &str = "A lead from Partner Center. Accept or decline it there. If you convert this lead, set Sync with \
                        Partner Center on its opportunity: that keeps the two together.";
/// ... that was accepted.
const ACCEPTED: &str = "Accepted in Partner Center: its opportunity is there. Convert this lead by hand, into that \
                        opportunity.";
/// ... that was accepted, where the inbound rules make no opportunity of it.
const ACCEPTED_ALONE: &str = "Accepted in Partner Center: no opportunity is made of it. If you convert this lead, set \
                              Sync with Partner Center on its opportunity: that keeps the two together.";
/// ... that came to its end.
const ENDED: &str = "Closed in Partner Center. Nothing of it is followed any more.";

fn note(lead: &PortalLead) -> &'static str {
    match lead.life {
        Life::Received | Life::Unknown { .. } => RECEIVED,
        Life::Active { .. } if lead.deal => ACCEPTED,
        Life::Active { .. } => ACCEPTED_ALONE,
        _ => ENDED,
    }
}

/// A lead after a look.
struct Followed {
    /// What is kept of it.
    memory: LeadMemory,
    /// Why a part of it could not be written, if one could not.
    refused: Option<SideError>,
}

impl Engine {
    /// Brings the CRM's lead to what the portal says, and lets a deal begin with one that was accepted.
    pub(super) async fn meet_lead(&self, claim: Claim, lead: PortalLead) -> StoreResult<()> {
        let scope = CallScope { lane: ports::Lane::Now, send_before: Some(claim.lease_until) };
        let found = match self.parts.crm.lead(&lead.referral, scope).await {
            Ok(found) => found,
            Err(error) => return self.lead_later(claim, &lead.referral, &error).await,
        };
        let memory = self.parts.store.lead(&lead.referral).await?;
        let converted = found.as_ref().is_some_and(|found| found.converted);
        // What a person converted has its opportunity: a second one would be a double.
        let begins = lead.deal && !converted;
        // Once made and gone, it was deleted by a person, and stays so.
        let makes = found.is_none() && memory.is_none() && lead.life == Life::Received;
        let mut refused = None;
        if !converted && (found.is_some() || makes) {
            match self.follow(&lead, found, memory.unwrap_or_default(), scope).await {
                Ok(followed) => {
                    let kept = self.parts.store.keep_lead(&claim.fence, &lead.referral, &followed.memory);
                    if fenced(kept.await)? {
                        return Ok(());
                    }
                    refused = followed.refused;
                }
                Err(error) if begins && needs_a_person(&error.class) => refused = Some(error),
                Err(error) => return self.lead_later(claim, &lead.referral, &error).await,
            }
        }
        match refused {
            // The deal is what counts from here on, and nobody looks at the lead any more.
            refused if begins => {
                if let Some(error) = refused {
                    tracing::warn!(error = %error.what, "a deal begins with a lead that the CRM refused to change");
                }
                self.tell_of_lead(&lead.referral, None).await?;
                self.begin(claim, lead.referral).await
            }
            Some(error) => self.lead_later(claim, &lead.referral, &error).await,
            None => {
                self.tell_of_lead(&lead.referral, None).await?;
                self.hand_back(claim, Disposition::Done).await
            }
        }
    }

    /// Makes or changes the CRM's lead, and tells what to remember.
    async fn follow(
        &self,
        lead: &PortalLead,
        found: Option<CrmLead>,
        memory: LeadMemory,
        scope: CallScope,
    ) -> Result<Followed, SideError> {
        let values = match &found {
            // A lead that came to its end hides its contact: nothing of it is followed.
            Some(_) if lead.life.is_closed() => BTreeMap::new(),
            Some(found) => changed(&memory.base, &lead.fields, &found.fields),
            None => lead
                .fields
                .iter()
                .filter_map(|(field, told)| match told {
                    Observed::Value(value) => Some((field.clone(), value.clone())),
                    _ => None,
                })
                .collect(),
        };
        let says = note(lead);
        let mut write = LeadWrite {
            referral: lead.referral.clone(),
            record: found.as_ref().map(|found| (found.record.clone(), found.stamp)),
            values,
            note: (memory.note.as_deref() != Some(says)).then(|| says.to_owned()),
        };
        let mut refused = None;
        let after = match self.write_lead(&write, found.as_ref(), scope).await {
            Err(error) if error.class == RetryClass::Person && without(&mut write, &error) => {
                refused = Some(error);
                self.write_lead(&write, found.as_ref(), scope).await?
            }
            after => after?,
        };
        let named = refused.as_ref().map_or_else(Vec::new, named);
        Ok(Followed {
            memory: LeadMemory {
                base: advanced(memory.base, &lead.fields, &after, &write.values, &named),
                note: write.note.or(memory.note),
            },
            refused,
        })
    }

    /// Sends a write, if there is anything in it; what the lead then holds.
    async fn write_lead(
        &self,
        write: &LeadWrite,
        found: Option<&CrmLead>,
        scope: CallScope,
    ) -> Result<BTreeMap<FieldId, Observed>, SideError> {
        match found {
            Some(found) if write.values.is_empty() && write.note.is_none() => Ok(found.fields.clone()),
            _ => Ok(self.parts.crm.write_lead(write, scope).await?.fields),
        }
    }

    async fn lead_later(&self, claim: Claim, referral: &RecordId, error: &SideError) -> StoreResult<()> {
        tracing::warn!(error = %error.what, "a lead could not be brought into step; trying again later");
        if needs_a_person(&error.class) {
            self.tell_of_lead(referral, Some(error)).await?;
        }
        let again = self.stranger_again(&claim, error);
        self.hand_back(claim, again).await
    }

    /// Tells a person of a lead that the CRM refuses, or that it is refused no longer.
    pub(super) async fn tell_of_lead(
        &self,
        referral: &RecordId,
        refused: Option<&SideError>,
    ) -> StoreResult<()> {
        let key = format!("{REFUSED}{referral}");
        let known = self.parts.store.connection_problems().await?;
        let told = known.iter().any(|problem| problem.key == key);
        let Some(error) = refused else {
            return if told { self.parts.store.connection_problem(&key, None).await } else { Ok(()) };
        };
        let others = known.iter().filter(|problem| problem.key.starts_with(REFUSED)).count();
        if !told && others >= LEADS_TOLD {
            return Ok(());
        }
        let fields: Vec<String> = named(error).iter().map(ToString::to_string).collect();
        let of = if fields.is_empty() { String::new() } else { format!(" ({})", fields.join(", ")) };
        let problem = ConnectionProblem {
            key: key.clone(),
            sentence: format!("The lead of referral {referral} cannot be kept in the CRM{of}: {}.", error.what),
            next_step: "Mend what is named, or take the field out of the leads' mapping; the lead is tried again every \
                        15 minutes."
                .to_owned(),
            since: self.now(),
        };
        self.parts.store.connection_problem(&key, Some(&problem)).await
    }
}

/// The fields that the CRM complains about.
fn named(error: &SideError) -> Vec<FieldId> {
    error.groups.iter().map(|group| FieldId::from(group.as_str())).collect()
}

/// Takes what was refused by name out of the write; false if nothing of it was named.
fn without(write: &mut LeadWrite, error: &SideError) -> bool {
    let before = write.values.len() + usize::from(write.note.is_some());
    for field in named(error) {
        if field.as_str() == LEAD_NOTE {
            write.note = None;
        }
        write.values.remove(&field);
    }
    write.values.len() + usize::from(write.note.is_some()) < before
}
