//! One pass over a batch of deals: observe, plan, apply, commit; and again, where a round taught something new.

mod adoption;
mod ahead;
mod apply;
mod batch;
mod birth;
mod conversion;
mod crm;
mod decided;
mod doubts;
mod finish;
mod leads;
mod look;
mod observe;
mod opportunities;
mod refusals;
mod rehearsal;
mod relinking;
mod resting;
mod stranger;
mod tell;

use batch::keep_first;
pub(crate) use conversion::{Conversion, Elsewhere, tell_of_second};
use deal_model::{Deal, Effect, EffectEnd, Observation, PerSide, Plan, PlanInput, Side, Sight, Specs, plan};
use futures::{FutureExt as _, StreamExt as _, stream};
use jiff::Timestamp;
pub(crate) use look::COMPANIONS_SEEN;
use ports::{EffectKind, RetryClass};
pub use rehearsal::Listener;

use crate::{
    AuditLine, Claim, Disposition, Engine, Flow, Hints, IntentOutcome, Pause, SideError, StoreResult,
    Subject, WorkLane, settings::ROUNDS,
};

/// One deal in a pass.
pub(crate) struct Item {
    claim: Claim,
    deal: Deal,
    sights: PerSide<Sight>,
    /// What is to be read before the next plan.
    read: Hints,
    /// The portal's sight is the stored stand-in, not a read.
    stood_in: bool,
    /// Why it cannot have a referral of its own, if it cannot.
    elsewhere: Option<Elsewhere>,
    /// How often it was planned anew because a record moved.
    replans: usize,
    round: Round,
    /// The pass is over for this deal.
    ended: bool,
    /// An operator paused it: its seller is told, and nothing else.
    rests: bool,
}

impl Item {
    /// Whose share of the budget its calls spend: a guard whose time has come must not wait for what can.
    fn lane(&self, now: Timestamp) -> ports::Lane {
        if self.deal.waiting.iter().any(|effect| effect.is_due(now)) {
            return ports::Lane::Guard;
        }
        match self.claim.lane {
            WorkLane::Now => ports::Lane::Now,
            WorkLane::Background => ports::Lane::Background,
        }
    }
}

/// The most urgent of several lanes.
fn first_lane(lanes: impl IntoIterator<Item = ports::Lane>) -> ports::Lane {
    let lanes: Vec<ports::Lane> = lanes.into_iter().collect();
    let first = [ports::Lane::Guard, ports::Lane::Now, ports::Lane::Report];
    first.into_iter().find(|lane| lanes.contains(lane)).unwrap_or(ports::Lane::Background)
}

/// What one round did.
#[derive(Default)]
struct Round {
    plan: Plan,
    /// The flows that were on when it was planned.
    flows: Vec<Flow>,
    /// How the plan's effects ended, in their order.
    ends: Vec<EffectEnd>,
    /// So many of the plan's effects may leave; those behind them are held back.
    sendable: usize,
    after: PerSide<Option<Box<Observation>>>,
    audit: Vec<AuditLine>,
    intents: Vec<(String, IntentOutcome)>,
    index: Vec<crate::IndexEntry>,
    /// The kinds that the brake holds.
    braked: Vec<String>,
    /// The worst thing that happened, if something did.
    failure: Option<SideError>,
    /// Something is to be tried at this time, whatever the plan says.
    retry_at: Option<Timestamp>,
    effect: Option<EffectKind>,
    /// The report that was written, by its fingerprint.
    reported: Option<deal_model::Fingerprint>,
    /// Groups that the portal was seen in this round to let nobody change.
    fixed: Vec<deal_model::GroupId>,
    /// When a report is due that could not ride along.
    report_due: Option<Timestamp>,
    /// A report that travelled alone was not taken.
    report_failed: bool,
    /// The deal got a half or a companion: it is planned again at once.
    linked: bool,
}

impl Item {
    fn new(claim: Claim, mut deal: Deal, specs: &Specs) -> Self {
        deal.forget_refusals_if_asked();
        let mut read = claim.hints;
        // Linked by a pass that was stopped before it could read it, or read under another mapping: no event tells of it.
        read.companion |= deal.links.companion.is_some() && !deal.memory.knows_companion(specs);
        Self {
            claim,
            deal,
            sights: PerSide::new(Sight::Unread, Sight::Unread),
            read,
            stood_in: false,
            elsewhere: None,
            replans: 0,
            round: Round::default(),
            ended: false,
            rests: false,
        }
    }

    fn seen(&self, side: Side) -> Option<&Observation> {
        self.sights.at(side).seen()
    }

    fn opted_in(&self) -> bool {
        self.seen(Side::Crm).and_then(Observation::crm).is_some_and(|facts| facts.opted_in)
    }

    /// Whether the seller reads on the opportunity how it stands: of one that is opted in, and of one that a rule leaves
    /// out although its seller asked for it.
    fn is_told(&self) -> bool {
        let facts = self.seen(Side::Crm).and_then(Observation::crm);
        facts.is_some_and(|facts| facts.opted_in || facts.left_out.is_some())
    }
}

impl Round {
    /// The effects that may leave.
    fn to_send(&self) -> &[Effect] {
        &self.plan.effects[..self.sendable.min(self.plan.effects.len())]
    }

    /// The slot of the opportunity's update among them.
    fn crm_update(&self) -> Option<usize> {
        self.to_send().iter().position(|effect| matches!(effect, Effect::Update { side: Side::Crm, .. }))
    }
}

/// An effect that did not happen, and that nobody refused.
const NOT_DONE: EffectEnd = EffectEnd::NotDone { refused: Vec::new() };

impl Engine {
    /// Works on leased work until every piece of it is committed or handed back.
    pub(crate) async fn pass(&self, claims: Vec<Claim>) -> StoreResult<()> {
        self.recall_fixed().await?;
        let pauses = self.recall_pauses().await?;
        self.met.worked(claims.len());
        let mut wanted = Vec::new();
        let mut strangers = Vec::new();
        for claim in claims {
            match &claim.subject {
                Subject::Deal(id) => wanted.push((id.clone(), claim)),
                Subject::Referral(record) => strangers.push((record.clone(), claim)),
            }
        }
        let mut met = stream::iter(strangers)
            .map(|(record, claim)| self.meet(claim, record))
            .buffer_unordered(self.parts.settings.portal_concurrency);
        let mut first = Ok(());
        while let Some(result) = met.next().await {
            // Their calls are on their way: none is dropped for another's sake.
            keep_first(&mut first, result);
        }
        if wanted.is_empty() {
            return first;
        }
        let mut items = self.load(wanted).await?;
        let worked = self.rounds(&mut items, &pauses).await;
        if worked.is_err() {
            self.abandon(&mut items).await;
        }
        first.and(worked)
    }

    async fn rounds(&self, items: &mut [Item], pauses: &[Pause]) -> StoreResult<()> {
        self.rest_paused(items, pauses).await?;
        self.relink_asked(items).await?;
        for _ in 0..ROUNDS {
            let mut open: Vec<&mut Item> = items.iter_mut().filter(|item| !item.ended).collect();
            if open.is_empty() {
                return Ok(());
            }
            self.round(&mut open).await?;
        }
        for item in items.iter_mut().filter(|item| !item.ended) {
            self.put_off(item).await?;
        }
        Ok(())
    }

    async fn round(&self, items: &mut [&mut Item]) -> StoreResult<()> {
        for item in items.iter_mut() {
            item.round = Round::default();
            if self.lapsed(item) {
                // A long batch: whoever claims the deal next has a whole lease.
                let again = Disposition::Again {
                    at: self.now(),
                    hints: item.claim.hints.union(item.read),
                    attempts: item.claim.attempts,
                };
                self.hand_back(item.claim.clone(), again).await?;
                item.ended = true;
            }
        }
        self.observe(items).await?;
        for item in open(items) {
            self.decide(item).await?;
        }
        let mut ready = Vec::new();
        for item in open(items) {
            if self.write_down(item).await? {
                ready.push(item);
            }
        }
        let mut sending = Vec::new();
        for item in ready {
            sending.push(self.send_portal_effects(item).boxed());
        }
        // From here on things happen on the other side: whatever fails for one deal, what became of the others is kept.
        let mut first = Ok(());
        let mut ready = Vec::new();
        let mut running = stream::iter(sending).buffer_unordered(self.parts.settings.portal_concurrency);
        while let Some((item, sent)) = running.next().await {
            if let Err(error) = sent {
                self.failed_for(item, error, &mut first);
            }
            ready.push(item);
        }
        drop(running);
        keep_first(&mut first, self.bear_opportunities(&mut ready).await);
        keep_first(&mut first, self.apply_crm(&mut ready).await);
        for item in ready {
            keep_first(&mut first, self.close_round(item).await);
        }
        first
    }

    /// Whether the lease is over: then no request is started any more (ARCHITECTURE.md, invariant 5).
    fn lapsed(&self, item: &Item) -> bool {
        self.now() >= item.claim.lease_until
    }

    async fn send_portal_effects<'i>(&self, item: &'i mut Item) -> (&'i mut Item, StoreResult<()>) {
        let sent = self.apply_portal(item).await;
        (item, sent)
    }

    /// Plans; reads the portal by id first if an irreversible effect would leave from a stand-in.
    async fn decide(&self, item: &mut Item) -> StoreResult<()> {
        item.elsewhere = self.claimed_elsewhere(item).await?.then_some(Elsewhere::Copied);
        self.link_converted(item).await?;
        if !item.ended && item.elsewhere.is_none() {
            self.adopt(item).await?;
        }
        if item.ended {
            return Ok(());
        }
        self.plan(item);
        let irreversible = item.round.plan.effects.iter().any(|effect| !effect.irreversible().is_empty());
        if irreversible && item.stood_in {
            item.read = Hints { portal: true, ..Hints::default() };
            item.stood_in = false;
            self.observe(&mut [item]).await?;
            if !item.ended {
                self.plan(item);
            }
        }
        Ok(())
    }

    fn plan(&self, item: &mut Item) {
        // Taken before: what is paused in between is planned without, and only asked about once more.
        item.round.flows = Flow::on(&self.specs().switches);
        item.round.plan = self.plan_for(item);
    }

    fn plan_for(&self, item: &Item) -> Plan {
        let specs = self.specs();
        let mut plan = plan(&PlanInput {
            deal: &item.deal,
            crm: &item.sights.crm,
            portal: &item.sights.portal,
            specs: &specs,
            mapping: &self.parts.mapping,
            now: self.now(),
            portal_ahead: self.portal_ahead(),
            claimed_elsewhere: item.elsewhere.is_some(),
        });
        if item.elsewhere == Some(Elsewhere::Converted) {
            tell_of_second(&mut plan);
        }
        let life = |side| item.seen(side).map(|seen| &seen.life);
        self.met.planned(&plan, life(Side::Crm), life(Side::Portal));
        plan
    }

    async fn claimed_elsewhere(&self, item: &Item) -> StoreResult<bool> {
        let Some(claims) = item.seen(Side::Crm).and_then(|seen| seen.crm()?.claims.clone()) else {
            return Ok(false);
        };
        if item.deal.links.portal.as_ref() == Some(&claims) {
            return Ok(false);
        }
        let holder = self.parts.store.deal_of(Side::Portal, &claims).await?;
        Ok(holder.is_some_and(|holder| holder != item.deal.id))
    }
}

/// Items whose pass goes on.
fn open<'a, 'b>(items: &'a mut [&'b mut Item]) -> impl Iterator<Item = &'a mut Item> + use<'a, 'b> {
    items.iter_mut().map(|item| &mut **item).filter(|item| !item.ended)
}

/// Whether a failure only means that the record moved.
fn is_changed(error: &SideError) -> bool {
    error.class == RetryClass::Changed
}
