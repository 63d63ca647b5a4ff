//! A pair that is whole already, and that this store does not know: this program linked it, and the store is older than
//! that. It is taken over, not told as a problem (sync rules, section 6).

use deal_model::{Deal, Observation, RecordId, Side, Sight};
use ports::RetryClass;

use super::Item;
use crate::{CallScope, Engine, Hints, SideError, StoreResult, Stranger};

/// A referral that an opportunity was linked with before, and the side that their deal began on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) referral: RecordId,
    pub(crate) born: Side,
}

impl Engine {
    /// The other half of a pair that this program linked, if the deal lacks one.
    ///
    /// The opportunity carries the referral's identifier, and an origin that says that it is no copy, which nobody else
    /// writes. The portal is asked too: the referral is ours and open, and names this very opportunity, or nobody yet.
    /// What another connector or a person linked has no origin: a person takes it over, who is shown what follows.
    pub(crate) async fn known_pair(
        &self,
        deal: &Deal,
        crm: Option<&Observation>,
        scope: CallScope,
    ) -> StoreResult<Result<Option<Known>, SideError>> {
        let facts = crm.and_then(|seen| Some((&seen.record, seen.crm()?)));
        let may = self.parts.settings.adopts && deal.links.portal.is_none();
        let Some((own, facts)) = facts.filter(|(_, facts)| may && facts.opted_in) else {
            return Ok(Ok(None));
        };
        let Some(claims) = facts.claims.as_ref().filter(|_| facts.origin.as_ref() == Some(own)) else {
            return Ok(Ok(None));
        };
        let store = &self.parts.store;
        if store.deal_of(Side::Portal, claims).await?.is_some() || store.was_linked(claims).await? {
            return Ok(Ok(None));
        }
        // What this deal itself began to create is looked for by the protocol of births.
        if !store.open_intents(&deal.id).await?.is_empty() {
            return Ok(Ok(None));
        }
        let known = |referral: &Observation, born| {
            (!referral.life.is_closed()).then(|| Known { referral: referral.record.clone(), born })
        };
        Ok(self.parts.portal.stranger(claims, scope).await.map(|met| match met {
            Stranger::Claims { referral, opportunity } if opportunity == *own => known(&referral, deal.born),
            // An invitation that was not answered yet names nobody.
            Stranger::Born(referral) => known(&referral, Side::Portal),
            _ => None,
        }))
    }

    /// Goes on with the other half of a pair that is whole already.
    pub(super) async fn adopt(&self, item: &mut Item) -> StoreResult<()> {
        let scope = CallScope { lane: ports::Lane::Now, send_before: Some(item.claim.lease_until) };
        match self.known_pair(&item.deal, item.seen(Side::Crm), scope).await? {
            Ok(None) => Ok(()),
            Ok(Some(Known { referral, born })) => {
                item.deal.born = born;
                let sentence = "Both records say that they belong together: linked again, as they were.";
                item.round.audit.push(self.line("linked", sentence));
                self.go_on_with(item, referral).await
            }
            // It stays a problem that only a person ends.
            Err(error) if matches!(error.class, RetryClass::Person | RetryClass::Bug) => Ok(()),
            Err(error) => {
                tracing::warn!(deal = %item.deal.id, error = %error.what, "could not ask what an opportunity belongs to");
                let after = self.read_again(item, &error.class);
                self.retry(item, after).await
            }
        }
    }

    /// Links a referral, and reads it at once.
    pub(super) async fn go_on_with(&self, item: &mut Item, referral: RecordId) -> StoreResult<()> {
        item.deal.links.portal = Some(referral);
        item.sights.portal = Sight::Unread;
        item.read = Hints { portal: true, companion: true, ..item.read };
        self.observe(&mut [item]).await
    }
}
