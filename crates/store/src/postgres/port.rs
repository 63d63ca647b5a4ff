//! The port's table of contents: every method is one transaction around one function of a topic.

use async_trait::async_trait;
use deal_model::{Deal, DealId, Fingerprint, RecordId, Side};
use jiff::{SignedDuration, Timestamp};
use sync_engine::{
    ArchivedRow, AuditLine, BrakeHold, ChainHead, ChainPlace, ChainStep, Claim, ClaimRequest, Commit,
    ConnectionProblem, ConnectionWorked, Counts, Cursor, DealSummary, Decided, DecisionRow, Entry, Fence,
    FixedPath, Forgotten, HistoryTotals, IndexEntry, Intent, KeptProof, LeadMemory, Mark, Mentions,
    NewDecision, Pause, PauseWish, Prepared, Pruned, Retention, Store, StoreResult, Subject, WriteAhead,
};

use super::{
    PostgresStore, archive, brake, commit, connections, data_keys, deal_rows, decisions, fixed_paths,
    forgetting, handovers, history, intents, lead_rows, leases, lifetime, links, look, marks, overview,
    pauses, proofs, read, referrals, retention, rules, seats::Seat, work, write, write_beside,
};
use crate::ledger::name_of;

#[async_trait]
impl Store for PostgresStore {
    async fn bind(&self, org_id: &str, tenant_id: &str) -> StoreResult<()> {
        write!(self, sql => lifetime::bind(sql, org_id, tenant_id))
    }

    async fn start(&self, _owner: &str, now: Timestamp) -> StoreResult<SignedDuration> {
        write!(self, sql => lifetime::start(sql, now))
    }

    async fn heartbeat(&self, now: Timestamp) -> StoreResult<()> {
        write!(self, sql => lifetime::heartbeat(sql, now))
    }

    async fn enter(&self, entry: &Entry) -> StoreResult<()> {
        write!(self, sql => rules::enter(sql, entry))
    }

    async fn lease(
        &self,
        name: &str,
        owner: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> StoreResult<Option<Fence>> {
        self.may_write()?;
        let vacant = self.seats.take(name).await? == Seat::Vacant;
        let fence = write!(self, sql => leases::lease(sql, name, owner, now, until, vacant))?;
        if fence.is_none() {
            self.seats.leave(name).await?;
        }
        Ok(fence)
    }

    async fn end_lease(&self, fence: &Fence) -> StoreResult<()> {
        write!(self, sql => leases::end_lease(sql, fence))?;
        Ok(self.seats.leave(&fence.name).await?)
    }

    async fn mark(
        &self,
        marks: &[Mark],
        index: &[IndexEntry],
        cursors: &[Cursor],
        fence: Option<&Fence>,
    ) -> StoreResult<usize> {
        write!(self, sql => marks::mark(sql, &*self.options.ids, marks, index, cursors, fence))
    }

    async fn cursor(&self, source: &str) -> StoreResult<Option<String>> {
        look!(self, sql => marks::cursor(sql, source))
    }

    async fn replace_cursor(&self, from: Option<&str>, to: &Cursor) -> StoreResult<bool> {
        write!(self, sql => rules::replace(sql, from, to))
    }

    async fn claim(&self, request: &ClaimRequest) -> StoreResult<Vec<Claim>> {
        self.claim_work(request).await
    }

    async fn news(&self) {
        self.listening.hear().await;
    }

    async fn next_due(&self) -> StoreResult<Option<Timestamp>> {
        read!(self, sql => work::next_due(sql))
    }

    async fn deals(&self, ids: &[DealId]) -> StoreResult<Vec<Deal>> {
        read!(self, sql => deal_rows::load(sql, ids))
    }

    async fn deal_of(&self, side: Side, record: &RecordId) -> StoreResult<Option<DealId>> {
        read!(self, sql => links::deal_of(sql, side, record))
    }

    async fn deal_of_engagement(&self, engagement: &RecordId) -> StoreResult<Option<DealId>> {
        look!(self, sql => links::deal_of_engagement(sql, engagement))
    }

    async fn open_companions(&self, after: Option<&DealId>, most: usize) -> StoreResult<Vec<DealId>> {
        look!(self, sql => links::open_companions(sql, after, most))
    }

    async fn seen(
        &self,
        side: Side,
        records: &[RecordId],
    ) -> StoreResult<Vec<(RecordId, Option<Timestamp>)>> {
        read!(self, sql => links::seen(sql, side, records))
    }

    async fn referrals_with(&self, external: &Fingerprint) -> StoreResult<Vec<IndexEntry>> {
        look!(self, sql => referrals::with_external(sql, external))
    }

    async fn referrals_in(&self, engagement: &RecordId) -> StoreResult<Vec<IndexEntry>> {
        look!(self, sql => referrals::in_engagement(sql, engagement))
    }

    async fn was_linked(&self, referral: &RecordId) -> StoreResult<bool> {
        look!(self, sql => links::was_linked(sql, referral))
    }

    async fn lead(&self, referral: &RecordId) -> StoreResult<Option<LeadMemory>> {
        look!(self, sql => lead_rows::load(sql, referral))
    }

    async fn keep_lead(&self, fence: &Fence, referral: &RecordId, memory: &LeadMemory) -> StoreResult<()> {
        write!(self, sql => lead_rows::keep(sql, fence, referral, memory))
    }

    async fn write_ahead(&self, ahead: &WriteAhead) -> StoreResult<Prepared> {
        write!(self, sql => intents::write_ahead(sql, self.master(), ahead))
    }

    async fn commit(&self, commit: &Commit) -> StoreResult<()> {
        write!(self, sql => commit::commit(sql, &*self.options.holds, self.master(), commit))
    }

    async fn open_intents(&self, deal: &DealId) -> StoreResult<Vec<Intent>> {
        look!(self, sql => intents::open(sql, deal))
    }

    async fn decide(&self, decision: &NewDecision) -> StoreResult<Decided> {
        write_beside!(self, sql => decisions::decide(sql, self.master(), decision))
    }

    async fn decisions(&self, deal: &DealId, most: usize) -> StoreResult<Vec<DecisionRow>> {
        look!(self, sql => decisions::all(sql, deal, most))
    }

    async fn brakes(&self) -> StoreResult<Vec<BrakeHold>> {
        read!(self, sql => brake::all(sql))
    }

    async fn release_brake(&self, kind: &str, by: &str, now: Timestamp) -> StoreResult<bool> {
        write_beside!(self, sql => brake::release(sql, kind, by, now))
    }

    async fn connection_problem(&self, key: &str, problem: Option<&ConnectionProblem>) -> StoreResult<()> {
        write!(self, sql => connections::set(sql, key, problem))
    }

    async fn connection_problems(&self) -> StoreResult<Vec<ConnectionProblem>> {
        look!(self, sql => connections::all(sql))
    }

    async fn connection_worked(&self, key: &str, at: Timestamp, saw: &str) -> StoreResult<()> {
        write_beside!(self, sql => connections::worked(sql, key, at, saw))
    }

    async fn connections_worked(&self) -> StoreResult<Vec<ConnectionWorked>> {
        look!(self, sql => connections::last_worked(sql))
    }

    async fn fix_path(&self, fixed: &FixedPath) -> StoreResult<()> {
        write!(self, sql => fixed_paths::fix(sql, fixed))
    }

    async fn fixed_paths(&self) -> StoreResult<Vec<FixedPath>> {
        look!(self, sql => fixed_paths::all(sql))
    }

    async fn free_path(&self, path: &str, problem: &str, then: &Cursor) -> StoreResult<bool> {
        write_beside!(self, sql => fixed_paths::free(sql, path, problem, then))
    }

    async fn pause(&self, wish: &PauseWish) -> StoreResult<Option<Pause>> {
        write_beside!(self, sql => pauses::pause(sql, self.master(), wish))
    }

    async fn resume(&self, wish: &PauseWish, then: &Cursor) -> StoreResult<Option<Pause>> {
        write_beside!(self, sql => pauses::resume(sql, self.master(), wish, then))
    }

    async fn pauses(&self) -> StoreResult<Vec<Pause>> {
        look!(self, sql => pauses::open(sql))
    }

    async fn pause_history(&self, most: usize) -> StoreResult<Vec<Pause>> {
        look!(self, sql => pauses::past(sql, most))
    }

    async fn keep_proof(
        &self,
        proof: &KeptProof,
        key: &str,
        problem: Option<&ConnectionProblem>,
        under: Option<(&Fence, &Cursor)>,
    ) -> StoreResult<()> {
        write_beside!(self, sql => proofs::keep(sql, proof, key, problem, under))
    }

    async fn proofs(&self, most: usize) -> StoreResult<Vec<KeptProof>> {
        look!(self, sql => proofs::newest(sql, most))
    }

    async fn ask(&self, cursors: &[Cursor]) -> StoreResult<()> {
        write_beside!(self, sql => marks::move_cursors(sql, cursors))
    }

    async fn hurry(&self, now: Timestamp, most: usize) -> StoreResult<usize> {
        write_beside!(self, sql => work::hurry(sql, now, most))
    }

    async fn give_up(
        &self,
        deal: &DealId,
        side: Side,
        to: &DealId,
        line: &AuditLine,
        now: Timestamp,
    ) -> StoreResult<bool> {
        write!(self, sql => handovers::give_up(sql, self.master(), deal, side, to, line, now))
    }

    async fn list(&self, after: Option<&DealId>, most: usize) -> StoreResult<Vec<DealSummary>> {
        look!(self, sql => overview::list(sql, after, most))
    }

    async fn history(&self, deal: &DealId, most: usize) -> StoreResult<Vec<AuditLine>> {
        read!(self, sql => history::newest(sql, self.master(), &name_of(&Subject::Deal(deal.clone())), most))
    }

    async fn archive(&self, deal: &DealId, most: usize) -> StoreResult<Vec<ArchivedRow>> {
        read!(self, sql => archive::newest(sql, self.master(), deal, most))
    }

    async fn propagation(&self, most: usize) -> StoreResult<Vec<i64>> {
        look!(self, sql => overview::propagation(sql, most))
    }

    async fn counts(&self, now: Timestamp) -> StoreResult<Counts> {
        look!(self, sql => overview::counts(sql, now))
    }
    async fn forget(&self, subject: &Subject, mapping: &str, now: Timestamp) -> StoreResult<Forgotten> {
        write_beside!(self, sql => forgetting::forget(sql, self.master(), subject, mapping, now))
    }

    async fn scrub(&self) -> StoreResult<()> {
        self.rewrite().await
    }

    async fn forgotten(&self, deal: &DealId) -> StoreResult<Option<Timestamp>> {
        look!(self, sql => data_keys::last_destroyed(sql, &name_of(&Subject::Deal(deal.clone()))))
    }

    async fn mentions(&self, address: &str, after: Option<&Subject>, most: usize) -> StoreResult<Mentions> {
        read!(self, sql => forgetting::mentions(sql, self.master(), address, after, most))
    }

    async fn chains(&self, after: Option<&str>, most: usize) -> StoreResult<Vec<ChainHead>> {
        look!(self, sql => history::chains(sql, after, most))
    }

    async fn prove_chain(&self, head: &ChainHead, from: &ChainPlace, most: usize) -> StoreResult<ChainStep> {
        read!(self, sql => history::prove(sql, head, from, most))
    }

    async fn history_totals(&self) -> StoreResult<HistoryTotals> {
        look!(self, sql => history::totals(sql))
    }

    async fn prune(&self, keep: &Retention, now: Timestamp, most: usize) -> StoreResult<Pruned> {
        write!(self, sql => retention::prune(sql, keep, now, most))
    }
}
