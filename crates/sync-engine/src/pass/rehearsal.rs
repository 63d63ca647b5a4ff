//! A pass that is looked at and not made: what each effect of a plan would ask of the sides, by the code that asks it.
//!
//! The engine that rehearses is wired over sides whose writes are recorded and never sent: what they answer is not
//! looked at. Nothing is claimed or written down.

use deal_model::{Effect, Life, Plan, Side};
use ports::Lane;

use super::{
    Item,
    apply::{moved, movement, portal_change},
};
use crate::{
    Applied, Awaited, CallScope, Change, Claim, Engine, Fence, Hints, NewRecord, Preview, StoreResult,
    Subject, What, WorkLane, engine::scope,
};

/// What a rehearsal says before each effect, so that what is recorded can be told apart.
pub trait Listener {
    /// The effect at this place of the plan is next; `None`: the report that travels alone.
    fn next(&self, effect: Option<usize>);
}

impl Engine {
    /// Asks the sides for everything that a pass would ask of them for this plan, effect by effect, in the order in which
    /// a pass sends it. Only for an engine whose sides send nothing.
    pub async fn rehearse(&self, preview: &Preview, listener: &dyn Listener) -> StoreResult<()> {
        let mut item = self.rehearsed_item(preview);
        let scope = scope(Lane::Background, item.claim.lease_until);
        let effects = item.round.plan.effects.clone();
        for (at, effect) in effects.iter().enumerate() {
            listener.next(Some(at));
            self.rehearse_at_portal(&mut item, effect, scope).await;
        }
        for (at, effect) in effects.iter().enumerate() {
            if let Effect::Create { side: Side::Crm, writes, life } = effect
                && let Some(from) = item.seen(Side::Portal).cloned()
            {
                listener.next(Some(at));
                let new = NewRecord { writes: writes.clone(), life: life.clone(), from, engagement: None };
                self.parts.crm.create_many(std::slice::from_ref(&new), scope).await;
            }
        }
        listener.next(item.round.crm_update());
        if let Some(change) = self.crm_change(&mut item).await? {
            self.parts.crm.apply(std::slice::from_ref(&change), scope).await;
        }
        Ok(())
    }

    async fn rehearse_at_portal(&self, item: &mut Item, effect: &Effect, scope: CallScope) {
        let portal = self.parts.portal.as_ref();
        let unread = || Applied { after: None };
        match effect {
            Effect::Create { side: Side::Portal, writes, life } => {
                let Some(from) = item.seen(Side::Crm).cloned() else { return };
                let new = NewRecord { writes: writes.clone(), life: life.clone(), from, engagement: None };
                let _ = portal.create(&new, scope).await;
                item.round.linked = true;
            }
            Effect::CreateCompanion { writes } => {
                let (Some(from), engagement) =
                    (item.seen(Side::Crm).cloned(), item.deal.links.engagement.clone())
                else {
                    return;
                };
                let new = NewRecord { writes: writes.clone(), life: Life::Received, from, engagement };
                let _ = portal.create_companion(&new, scope).await;
                item.round.linked = true;
            }
            Effect::Move { to, kind } => {
                self.ask_portal(item, movement(item, to, *kind), scope).await;
                let word = moved(to, *kind);
                self.heard_back(item, Side::Portal, unread(), word, &[], format!("Referral {word}."));
            }
            Effect::Update { side: Side::Portal, writes, life, .. } => {
                let what = What::Fields { writes: writes.clone(), life: life.clone(), report: None };
                self.ask_portal(item, what, scope).await;
                let sentence = self.updated(item, Side::Portal, writes, life.is_some());
                self.heard_back(item, Side::Portal, unread(), "updated", writes, sentence);
            }
            Effect::Create { side: Side::Crm, .. } | Effect::Update { side: Side::Crm, .. } => {}
        }
    }

    async fn ask_portal(&self, item: &Item, what: What, scope: CallScope) {
        let change: Option<Change> = portal_change(item, what);
        if let Some(change) = change {
            self.parts.portal.apply(std::slice::from_ref(&change), scope).await;
        }
    }

    /// The deal as a pass would hold it, under a claim that nobody made.
    fn rehearsed_item(&self, preview: &Preview) -> Item {
        let lease_until = self.in_(self.parts.settings.lease);
        let claim = Claim {
            subject: Subject::Deal(preview.deal.id.clone()),
            generation: 0,
            hints: Hints::default(),
            lane: WorkLane::Now,
            attempts: 0,
            heard: self.now(),
            awaits: Awaited::default(),
            fence: Fence { name: String::new(), owner: self.parts.settings.owner.clone(), number: 0 },
            lease_until,
        };
        let mut item = Item::new(claim, preview.deal.clone(), &self.specs());
        item.sights = deal_model::PerSide::new(preview.portal.clone(), preview.crm.clone());
        let plan: Plan = preview.plan.clone();
        item.round.sendable = plan.effects.len();
        item.round.ends = vec![super::NOT_DONE; plan.effects.len()];
        item.round.plan = plan;
        item
    }
}
