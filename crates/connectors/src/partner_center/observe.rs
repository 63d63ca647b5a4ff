//! Reads referrals by id, as they are now, and what a referral that no deal has turns out to be.

use std::sync::Arc;

use deal_model::{Life, Observation, RecordId, Sight};
use futures::{StreamExt as _, stream};
use jiff::Timestamp;
use mapping::portal_life;
use partner_center::{CallContext, EngagementId, Fetched, Filter, ListQuery, Referral, ReferralId};
use ports::RetryClass;
use sync_engine::{CallScope, PortalLead, SideError, Stranger, Wanted};

use super::{
    PartnerCenter, context,
    failure::{self, is_hidden, side_error},
    kinds::{inviter, is_lead},
    transform::{
        Companion, Ownership, claimed_opportunity, engagement, is_of, may_be_born, observation, ownership,
        record_id,
    },
};

impl PartnerCenter {
    pub(super) async fn observe_all(
        &self,
        wanted: &[Wanted],
        scope: CallScope,
    ) -> Vec<Result<Sight, SideError>> {
        let calls: Vec<_> = wanted.iter().map(|wanted| self.observe_one(wanted, context(scope))).collect();
        stream::iter(calls).buffered(self.settings.concurrency.max(1)).collect().await
    }

    async fn observe_one(&self, wanted: &Wanted, context: CallContext) -> Result<Sight, SideError> {
        let Ok(id) = wanted.record.as_str().parse() else { return Ok(Sight::Gone) };
        let Some(fetched) = self.fetch(id, context).await? else { return Ok(Sight::Gone) };
        let companion = if wanted.read_companion && self.settings.companion_visible {
            self.find_companion(&fetched.referral, wanted, context).await?
        } else {
            Companion::Unread { known: wanted.companion.clone() }
        };
        let seen = self.observation(&fetched.referral, fetched.server_date, &companion);
        self.documents.keep(fetched.referral);
        seen.map(|seen| Sight::Seen(Box::new(seen))).ok_or_else(undated)
    }

    /// What a document of ours says, in canonical values.
    pub(super) fn observation(
        &self,
        referral: &Referral,
        server_date: Option<Timestamp>,
        companion: &Companion,
    ) -> Option<Observation> {
        observation(referral, server_date, companion, &self.mapping, &self.settings)
    }

    /// Reads one referral; nothing if there is none that we may see.
    pub(super) async fn fetch(
        &self,
        id: ReferralId,
        context: CallContext,
    ) -> Result<Option<Fetched>, SideError> {
        match self.client.get(context, id).await {
            Ok(fetched) => Ok(fetched),
            Err(error) if is_hidden(&error) => Ok(None),
            Err(error) => Err(side_error(&error, &self.mapping)),
        }
    }

    /// The document of exactly this version: the one at hand, or the present one if it still has it.
    pub(super) async fn document_at(
        &self,
        id: ReferralId,
        etag: &partner_center::ETag,
        context: CallContext,
    ) -> Result<Arc<Referral>, SideError> {
        if let Some(kept) = self.documents.at(id, etag) {
            return Ok(kept);
        }
        let present = self.fetch(id, context).await?;
        let present = present.ok_or_else(|| failure::changed("the referral is gone, or hidden from us"))?;
        let present = self.documents.keep(present.referral);
        if present.etag().as_ref() == Some(etag) {
            Ok(present)
        } else {
            Err(failure::changed("the referral was changed since it was read"))
        }
    }

    /// The companion organisation's referral in the engagement. A known one that the list does not show is asked for by
    /// its id.
    pub(super) async fn find_companion(
        &self,
        own: &Referral,
        wanted: &Wanted,
        context: CallContext,
    ) -> Result<Companion, SideError> {
        let told = wanted.engagement.as_ref().and_then(|id| id.as_str().parse().ok());
        let listed = match own.engagement_id().or(told) {
            Some(engagement) => self.companion_in(engagement, wanted, context).await?,
            None => Companion::NOT_ASKED,
        };
        let known = wanted.companion.as_ref().and_then(|id| id.as_str().parse().ok());
        match (listed, known) {
            (Companion::Read(referral), _) => Ok(Companion::Read(referral)),
            (unseen, None) => Ok(unseen),
            (_, Some(known)) => {
                let fetched = self.fetch(known, context).await?;
                let hidden = || Companion::Unread { known: wanted.companion.clone() };
                Ok(fetched.map_or_else(hidden, |fetched| Companion::Read(fetched.referral)))
            }
        }
    }

    async fn companion_in(
        &self,
        engagement: EngagementId,
        wanted: &Wanted,
        context: CallContext,
    ) -> Result<Companion, SideError> {
        let query = ListQuery::new().filter(Filter::engagement_is(engagement));
        let theirs = match self.list_whole(query, context).await {
            Ok((listed, _)) => listed
                .into_iter()
                .filter(|referral| is_of(referral, &self.settings.companion_organization))
                .filter(|referral| referral.engagement_id() == Some(engagement)),
            // Not allowed to look: that says nothing about whether there is one.
            Err(error) if error.class == RetryClass::Person => return Ok(Companion::NOT_ASKED),
            Err(error) => return Err(error),
        };
        // Of several (which the births' protocol prevents) the deal's own, else the first that was made.
        let is_known = |referral: &Referral| wanted.companion.as_ref() == Some(&record_id(referral));
        let chosen = theirs.min_by_key(|referral| (!is_known(referral), referral.created(), referral.id()));
        Ok(chosen.map_or(Companion::Missing, Companion::Read))
    }

    pub(super) async fn meet(&self, record: &RecordId, scope: CallScope) -> Result<Stranger, SideError> {
        let Ok(id) = record.as_str().parse() else { return Ok(Stranger::Nothing) };
        let Some(Fetched { referral, server_date }) = self.fetch(id, context(scope)).await? else {
            return Ok(Stranger::Hidden);
        };
        if ownership(&referral, &self.settings) == Ownership::Others {
            let engagement = engagement(&referral);
            return Ok(engagement.map_or(Stranger::Nothing, |engagement| Stranger::Companion { engagement }));
        }
        let life = portal_life(referral.document());
        if is_lead(&referral, &self.settings) {
            return Ok(self.lead(&referral, life));
        }
        if life.is_closed() {
            return Ok(Stranger::Nothing);
        }
        let claimed = claimed_opportunity(&referral);
        if claimed.is_none() && !may_be_born(&referral, &self.mapping, &self.settings) {
            return Ok(Stranger::Nothing);
        }
        let seen = self.observation(&referral, server_date, &Companion::NOT_ASKED);
        self.documents.keep(referral);
        let seen = Box::new(seen.ok_or_else(undated)?);
        Ok(match claimed {
            Some(opportunity) => Stranger::Claims { referral: seen, opportunity },
            None => Stranger::Born(seen),
        })
    }
}

impl PartnerCenter {
    /// Whether the file lets it become an opportunity.
    fn admits(&self, referral: &Referral) -> bool {
        self.mapping.inbound().admits(referral.document(), inviter(referral, &self.settings))
    }

    /// A lead of ours, where leads are wanted.
    fn lead(&self, referral: &Referral, life: Life) -> Stranger {
        let (leads, document) = (self.mapping.leads(), referral.document());
        if !leads.create {
            return Stranger::Nothing;
        }
        let told = leads.fields.iter().map(|field| (field.field.clone(), field.observe_portal(document)));
        let deal = matches!(life, Life::Active { .. }) && self.admits(referral);
        Stranger::Lead(Box::new(PortalLead {
            referral: record_id(referral),
            life,
            fields: told.collect(),
            deal,
        }))
    }
}

fn undated() -> SideError {
    failure::unusable("the referral's document does not tell when it was changed")
}
