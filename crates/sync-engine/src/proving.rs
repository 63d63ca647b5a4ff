//! The proof over all deals: page after page, in the background's share of the calls; daily by the service, which goes on
//! where it was stopped.

use std::{collections::BTreeMap, time::Duration};

use deal_model::DealId;
use jiff::{SignedDuration, Timestamp, civil, tz::TimeZone};
use ports::RetryClass;
use serde::{Deserialize, Serialize};

use crate::{
    ConnectionProblem, Cursor, Engine, Fence, KeptProof, NAMED_DEALS, NamedDeal, Preview, Proof, Standing,
    StoreError, StoreResult, settings::LOOK_AT_PROBLEMS_AGAIN, stop::Stop,
};

/// Under which key a proof that failed stands among the problems of connections.
pub const PROOF_PROBLEM: &str = "verify.proof";

/// The cursor that remembers how far the service's proof has come.
const PROGRESS: &str = "engine.proof";

/// The seat of the one process of several that makes it; another goes on as soon as it is gone.
const LEASE: &str = "watch.proof";

/// How long a lease of it lasts: a page and its second looks, with room to wait for the budget.
const LEASE_FOR: Duration = Duration::from_mins(10);

/// Deals of one page; so many are in memory at a time.
pub const PROOF_PAGE: usize = 100;

/// Looks at what differs without a reason, or could not be read, before that is said: a record may be changing just now.
const LOOKS: u32 = 3;

/// How soon after the start of a service the first proof of a store begins.
const FIRST_AFTER: Duration = Duration::from_mins(10);

/// How often a service looks whether a proof is due.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// When the service makes a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProofTimes {
    /// From the beginning of one to the beginning of the next.
    pub every: Duration,
    /// The time of the day, in UTC; any, if there is none.
    pub at: Option<civil::Time>,
}

impl ProofTimes {
    /// When the next proof is due, the last one having begun at `last`; `started` is when the service did.
    fn due(self, last: Option<Timestamp>, started: Timestamp) -> Timestamp {
        let later = |from: Timestamp, by: Duration| {
            SignedDuration::try_from(by)
                .ok()
                .and_then(|by| from.checked_add(by).ok())
                .unwrap_or(Timestamp::MAX)
        };
        let Some(at) = self.at else {
            return last.map_or_else(|| later(started, FIRST_AFTER), |last| later(last, self.every));
        };
        // A proof that began a little late must not put the next one off by a day.
        let early = self.every.saturating_sub(Duration::from_hours(12).min(self.every / 2));
        let earliest = last.map_or(started, |last| later(last, early));
        let day = earliest.to_zoned(TimeZone::UTC).date();
        let days = [Ok(day), day.tomorrow()].into_iter().flatten();
        let moments = days.filter_map(|day| day.to_datetime(at).to_zoned(TimeZone::UTC).ok());
        moments.map(|at| at.timestamp()).find(|at| *at >= earliest).unwrap_or(Timestamp::MAX)
    }
}

/// A proof under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proving {
    began: Timestamp,
    /// The mapping's version: a proof is under one.
    mapping: String,
    after: Option<DealId>,
    deals: u64,
    counts: BTreeMap<Standing, u64>,
    first: Vec<NamedDeal>,
}

/// What became of a page.
#[derive(Debug)]
pub enum ProvenPage {
    /// How its deals stand.
    Deals(Vec<Proof>),
    /// Deals of it cannot be read now, and may be later; nothing was counted.
    NotNow,
    /// There was none: all deals are counted.
    End,
}

impl Proving {
    /// How many deals were read by now.
    pub fn deals(&self) -> u64 {
        self.deals
    }

    fn count(&mut self, proofs: &[Proof]) {
        for proof in proofs {
            self.deals += 1;
            *self.counts.entry(proof.standing).or_insert(0) += 1;
            if proof.standing != Standing::Equal {
                let fields = proof.differences.iter().map(|difference| difference.field.clone()).collect();
                self.first.push(NamedDeal { deal: proof.deal.clone(), standing: proof.standing, fields });
            }
        }
        // The worst stand last in the enumeration; the order of the deals stays.
        self.first.sort_by_key(|named| std::cmp::Reverse(named.standing));
        self.first.truncate(NAMED_DEALS);
    }

    fn kept(self, by: &str, now: Timestamp) -> KeptProof {
        let Self { began, mapping, deals, counts, first, .. } = self;
        KeptProof { began, ended: now, mapping, by: by.to_owned(), deals, counts, first }
    }
}

impl Engine {
    /// Begins a proof over all deals.
    pub fn begin_proof(&self) -> Proving {
        Proving {
            began: self.now(),
            mapping: self.parts.mapping.clone(),
            after: None,
            deals: 0,
            counts: BTreeMap::new(),
            first: Vec::new(),
        }
    }

    /// Reads the next page of deals and counts how they stand. What differs without a reason, or cannot be read, is looked
    /// at again first. A deal without any record is no deal to prove.
    ///
    /// With `patient`, a page that cannot be read only for now is not counted: it is to be asked for again later.
    pub async fn prove_page(&self, proving: &mut Proving, patient: bool) -> StoreResult<ProvenPage> {
        let page = self.parts.store.list(proving.after.as_ref(), PROOF_PAGE).await?;
        let Some(last) = page.last().map(|deal| deal.id.clone()) else { return Ok(ProvenPage::End) };
        let with_records =
            page.into_iter().filter(|deal| deal.opportunity.is_some() || deal.referral.is_some());
        let mut open: Vec<DealId> = with_records.map(|deal| deal.id).collect();
        let mut proofs = Vec::new();
        for look in 1..=LOOKS {
            let previews = self.preview(&open).await?;
            let judged: Vec<Proof> = previews.iter().map(|preview| self.prove(preview)).collect();
            let doubtful = |proof: &Proof| matches!(proof.standing, Standing::Different | Standing::Unread);
            if look == LOOKS || !judged.iter().any(doubtful) {
                if patient && previews.iter().any(is_for_now) {
                    return Ok(ProvenPage::NotNow);
                }
                proofs.extend(judged);
                break;
            }
            let (again, known): (Vec<Proof>, Vec<Proof>) = judged.into_iter().partition(doubtful);
            proofs.extend(known);
            open = again.into_iter().map(|proof| proof.deal).collect();
            self.parts.clock.sleep(self.back_off(look)).await;
        }
        proofs.sort_by(|one, other| one.deal.cmp(&other.deal));
        proving.count(&proofs);
        proving.after = Some(last);
        Ok(ProvenPage::Deals(proofs))
    }

    /// Keeps a finished proof; one that does not hold becomes a problem, and one that does ends it.
    pub async fn keep_proof(&self, proving: Proving, by: &str) -> StoreResult<KeptProof> {
        self.keep_under(proving, by, None).await
    }

    /// The same, if this process still is the one that makes it.
    async fn keep_under(&self, proving: Proving, by: &str, lease: Option<&Fence>) -> StoreResult<KeptProof> {
        let proof = proving.kept(by, self.now());
        let problem = (!proof.holds()).then(|| problem_of(&proof));
        let over = progress(None);
        let under = lease.map(|fence| (fence, &over));
        self.parts.store.keep_proof(&proof, PROOF_PROBLEM, problem.as_ref(), under).await?;
        Ok(proof)
    }

    /// Makes a proof whenever one is due, until told to stop.
    pub(crate) async fn prove_daily(&self, stopped: &Stop) {
        let Some(times) = self.parts.settings.proof else {
            // No loop of the service ends before it is told to.
            return stopped.or(std::future::pending()).await;
        };
        let started = self.now();
        while !stopped.told() {
            let rest = match self.prove_if_due(times, started, stopped).await {
                Ok(rest) => rest,
                Err(StoreError::Fenced(_)) => {
                    tracing::info!("another process goes on with the proof");
                    LOOK_EVERY
                }
                Err(error) => {
                    tracing::error!(%error, "the store failed; the proof goes on later");
                    LOOK_EVERY
                }
            };
            stopped.or(self.parts.clock.sleep(rest)).await;
        }
    }

    /// Goes on with the proof if one is due, or was left unfinished. How long to rest.
    async fn prove_if_due(
        &self,
        times: ProofTimes,
        started: Timestamp,
        stopped: &Stop,
    ) -> StoreResult<Duration> {
        let store = &self.parts.store;
        let kept = store.cursor(PROGRESS).await?.and_then(|text| serde_json::from_str::<Proving>(&text).ok());
        // Under another mapping, or a period ago, what was counted says nothing any more.
        let is_of_use = |proving: &Proving| {
            let age = self.now().duration_since(proving.began);
            proving.mapping == self.parts.mapping
                && age <= SignedDuration::try_from(times.every).unwrap_or_default()
        };
        let kept = kept.filter(is_of_use);
        let last = store.proofs(1).await?.pop().map(|proof| proof.began);
        if kept.is_none() && times.due(last, started) > self.now() {
            return Ok(LOOK_EVERY);
        }
        let mut proving = kept.unwrap_or_else(|| self.begin_proof());
        while !stopped.told() {
            let owner = &self.parts.settings.owner;
            let Some(fence) = store.lease(LEASE, owner, self.now(), self.in_(LEASE_FOR)).await? else {
                return Ok(LOOK_EVERY);
            };
            // What cannot be read for so long is unread, and the proof says so: else there would be none at all.
            let patient = self.now().duration_since(proving.began).unsigned_abs() < times.every / 2;
            let page = self.prove_page(&mut proving, patient).await?;
            if matches!(page, ProvenPage::NotNow) {
                // It began, be it with nothing counted: patience has an end.
                self.remember_proof(&proving, &fence).await?;
                return Ok(LOOK_AT_PROBLEMS_AGAIN);
            }
            if matches!(page, ProvenPage::End) {
                let proof = self.keep_under(proving, "the service", Some(&fence)).await?;
                let equal = proof.count(Standing::Equal);
                tracing::info!(deals = proof.deals, equal, holds = proof.holds(), "proof made");
                return Ok(LOOK_EVERY);
            }
            self.remember_proof(&proving, &fence).await?;
        }
        Ok(Duration::ZERO)
    }

    async fn remember_proof(&self, proving: &Proving, fence: &Fence) -> StoreResult<()> {
        self.parts.store.mark(&[], &[], &[progress(Some(proving))], Some(fence)).await.map(drop)
    }
}

/// The cursor of a proof under way, or of none.
fn progress(proving: Option<&Proving>) -> Cursor {
    let position = proving.map_or_else(String::new, |proving| {
        serde_json::to_string(proving).expect("a proof under way has string keys and no failing parts")
    });
    Cursor { source: PROGRESS.to_owned(), position }
}

/// Whether the deal cannot be read for a while only.
fn is_for_now(preview: &Preview) -> bool {
    let passes = |class: &RetryClass| matches!(class, RetryClass::Later { .. } | RetryClass::Authenticate);
    preview.unread.as_ref().is_some_and(|error| passes(&error.class))
}

fn problem_of(proof: &KeptProof) -> ConnectionProblem {
    let (different, unread) = (proof.count(Standing::Different), proof.count(Standing::Unread));
    ConnectionProblem {
        key: PROOF_PROBLEM.to_owned(),
        sentence: format!(
            "The proof over {} deals failed: {different} differ without a reason, {unread} could not be read.",
            proof.deals
        ),
        next_step:
            "cosell verify --last names them; cosell plan DEAL shows what a pass would do, and cosell retry \
                    DEAL has one made. If they go on differing, please report it."
                .to_owned(),
        since: proof.ended,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("2026-11-{text}:00Z").parse().unwrap()
    }

    #[test]
    fn a_proof_is_due_a_day_after_the_last_one_or_soon_after_the_first_start() {
        let daily = ProofTimes { every: Duration::from_hours(24), at: None };
        assert_eq!(daily.due(None, at("20T10:00")), at("20T10:10"));
        assert_eq!(daily.due(Some(at("20T10:10")), at("21T09:00")), at("21T10:10"));
    }

    #[test]
    fn a_time_of_the_day_is_kept_though_the_last_proof_was_early_or_late() {
        let night = civil::time(3, 0, 0, 0);
        let nightly = ProofTimes { every: Duration::from_hours(24), at: Some(night) };
        assert_eq!(nightly.due(None, at("20T10:00")), at("21T03:00"));
        assert_eq!(nightly.due(None, at("20T03:00")), at("20T03:00"));
        for last in ["21T03:00", "21T03:01", "21T09:00", "21T14:59"] {
            assert_eq!(nightly.due(Some(at(last)), at("19T00:00")), at("22T03:00"), "{last}");
        }
        assert_eq!(nightly.due(Some(at("21T15:01")), at("19T00:00")), at("23T03:00"));
    }

    #[test]
    fn the_worst_are_named_first_and_no_more_than_fit() {
        let proof = |at: usize, standing| Proof {
            deal: DealId::new(format!("deal{at:04}")),
            standing,
            differences: Vec::new(),
        };
        let mut proving = Proving {
            began: at("20T10:00"),
            mapping: "1".to_owned(),
            after: None,
            deals: 0,
            counts: BTreeMap::new(),
            first: Vec::new(),
        };
        let waiting: Vec<Proof> = (0..NAMED_DEALS + 5).map(|at| proof(at, Standing::Waiting)).collect();
        proving.count(&waiting);
        proving.count(&[proof(9_000, Standing::Equal), proof(9_001, Standing::Different)]);
        assert_eq!(proving.first.len(), NAMED_DEALS);
        assert_eq!(proving.first[0].standing, Standing::Different);
        assert_eq!(proving.first[1].deal.as_str(), "deal0000");
        assert_eq!(proving.deals, NAMED_DEALS as u64 + 7);
        assert_eq!(proving.counts.values().sum::<u64>(), proving.deals);
    }
}
