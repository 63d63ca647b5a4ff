//! A referral that no deal has: what it is, and whether a deal begins with it.

use deal_model::{Deal, DealId, RecordId, Side};
use ports::RetryClass;

use crate::{
    CallScope, Claim, Commit, Disposition, Engine, EngineSettings, Hints, Mark, SideError, StoreError,
    StoreResult, Stranger, Target, WorkLane, engine::fenced,
};

impl Engine {
    pub(super) async fn meet(&self, claim: Claim, record: RecordId) -> StoreResult<()> {
        let scope = CallScope { lane: ports::Lane::Now, send_before: Some(claim.lease_until) };
        let stranger = match self.parts.portal.stranger(&record, scope).await {
            Ok(stranger) => stranger,
            Err(error) => {
                tracing::warn!(error = %error.what, "could not read a referral");
                let again = self.stranger_again(&claim, &error);
                return self.hand_back(claim, again).await;
            }
        };
        if !matches!(stranger, Stranger::Lead(_)) {
            self.tell_of_lead(&record, None).await?;
        }
        match stranger {
            Stranger::Born(referral) => self.begin(claim, referral.record).await,
            Stranger::Companion { engagement } => {
                let deal = self.parts.store.deal_of_engagement(&engagement).await?;
                self.point_at(&claim, deal, Hints { companion: true, ..Hints::default() }).await?;
                self.hand_back(claim, Disposition::Done).await
            }
            Stranger::Claims { opportunity, .. } => {
                // An open intent's match, or a link: the opportunity's own deal looks. Not opted in: nothing.
                let deal = self.parts.store.deal_of(Side::Crm, &opportunity).await?;
                self.point_at(&claim, deal, Hints { crm: true, portal: true, companion: false }).await?;
                self.hand_back(claim, Disposition::Done).await
            }
            Stranger::Lead(lead) => self.meet_lead(claim, *lead).await,
            Stranger::Hidden => {
                if claim.hints.companion {
                    // Somebody's referral changed that we may not read by its id: the engagements may show whose.
                    self.sweep.notify_one();
                }
                self.hand_back(claim, Disposition::Done).await
            }
            Stranger::Nothing => self.hand_back(claim, Disposition::Done).await,
        }
    }

    /// When a referral without a deal is tried again.
    pub(super) fn stranger_again(&self, claim: &Claim, error: &SideError) -> Disposition {
        let wait = match error.class {
            RetryClass::Later { after: Some(after) } => after,
            RetryClass::Person | RetryClass::Bug => {
                let lasts = self.now().duration_since(claim.heard).unsigned_abs();
                EngineSettings::wait_for_person(claim.attempts, lasts)
            }
            _ => self.parts.settings.back_off(claim.attempts, self.parts.rng.fraction()),
        };
        Disposition::Again {
            at: self.in_(wait),
            hints: claim.hints,
            attempts: claim.attempts.saturating_add(1),
        }
    }

    /// A deal begins with this referral, unless it has one or had one.
    pub(super) async fn begin(&self, claim: Claim, record: RecordId) -> StoreResult<()> {
        let store = &self.parts.store;
        if store.deal_of(Side::Portal, &record).await?.is_some() || store.was_linked(&record).await? {
            return self.hand_back(claim, Disposition::Done).await;
        }
        let deal = Deal::born(DealId::new(self.parts.rng.guid()), Side::Portal, record);
        let at_once = Disposition::Again { at: self.now(), hints: Hints::ALL, attempts: 0 };
        let commit = Commit { deal: Some(deal), ..self.ending(claim.clone(), at_once) };
        match fenced(store.commit(&commit).await) {
            Ok(_) => {
                self.woken();
                Ok(())
            }
            // Another event of the same referral was faster.
            Err(StoreError::Duplicate(_)) => self.hand_back(claim, Disposition::Done).await,
            Err(error) => Err(error),
        }
    }

    async fn point_at(&self, claim: &Claim, deal: Option<DealId>, hints: Hints) -> StoreResult<()> {
        let Some(deal) = deal else { return Ok(()) };
        let mark = Mark {
            target: Target::Deal(deal),
            hints,
            lane: WorkLane::Now,
            due: self.now(),
            heard: claim.heard,
            awaits: claim.awaits,
        };
        self.mark(&[mark]).await.map(drop)
    }
}
