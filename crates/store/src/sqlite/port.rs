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
    SqliteStore, archive, brake, commit, connections, data_keys, deal_rows, decisions, fixed_paths,
    forgetting, handovers, history, intents, lead_rows, leases, lifetime, links, marks, overview, pauses,
    proofs, referrals, retention, rules, work,
};
use crate::ledger::name_of;

#[async_trait]
impl Store for SqliteStore {
    async fn bind(&self, org_id: &str, tenant_id: &str) -> StoreResult<()> {
        self.write(|sql| lifetime::bind(sql, org_id, tenant_id))
    }

    async fn start(&self, owner: &str, now: Timestamp) -> StoreResult<SignedDuration> {
        self.write(|sql| lifetime::start(sql, owner, now))
    }

    async fn heartbeat(&self, now: Timestamp) -> StoreResult<()> {
        self.write(|sql| lifetime::heartbeat(sql, now))
    }

    async fn enter(&self, entry: &Entry) -> StoreResult<()> {
        self.write(|sql| rules::enter(sql, entry))
    }

    async fn lease(
        &self,
        name: &str,
        owner: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> StoreResult<Option<Fence>> {
        self.write(|sql| leases::lease(sql, name, owner, now, until))
    }

    async fn end_lease(&self, fence: &Fence) -> StoreResult<()> {
        self.write(|sql| leases::end_lease(sql, fence))
    }

    async fn mark(
        &self,
        marks: &[Mark],
        index: &[IndexEntry],
        cursors: &[Cursor],
        fence: Option<&Fence>,
    ) -> StoreResult<usize> {
        self.write(|sql| marks::mark(sql, &*self.options.ids, marks, index, cursors, fence))
    }

    async fn cursor(&self, source: &str) -> StoreResult<Option<String>> {
        self.read(|sql| marks::cursor(sql, source))
    }

    async fn replace_cursor(&self, from: Option<&str>, to: &Cursor) -> StoreResult<bool> {
        self.write(|sql| rules::replace(sql, from, to))
    }

    async fn claim(&self, request: &ClaimRequest) -> StoreResult<Vec<Claim>> {
        // An idle look takes no lock that somebody else waits for.
        if self.read(|sql| work::is_idle(sql, request.now))? {
            return Ok(Vec::new());
        }
        self.write(|sql| work::claim(sql, request))
    }

    async fn next_due(&self) -> StoreResult<Option<Timestamp>> {
        self.read(|sql| work::next_due(sql))
    }

    async fn deals(&self, ids: &[DealId]) -> StoreResult<Vec<Deal>> {
        self.read(|sql| deal_rows::load(sql, ids))
    }

    async fn deal_of(&self, side: Side, record: &RecordId) -> StoreResult<Option<DealId>> {
        self.read(|sql| links::deal_of(sql, side, record))
    }

    async fn deal_of_engagement(&self, engagement: &RecordId) -> StoreResult<Option<DealId>> {
        self.read(|sql| links::deal_of_engagement(sql, engagement))
    }

    async fn open_companions(&self, after: Option<&DealId>, most: usize) -> StoreResult<Vec<DealId>> {
        self.read(|sql| links::open_companions(sql, after, most))
    }

    async fn seen(
        &self,
        side: Side,
        records: &[RecordId],
    ) -> StoreResult<Vec<(RecordId, Option<Timestamp>)>> {
        self.read(|sql| links::seen(sql, side, records))
    }

    async fn referrals_with(&self, external: &Fingerprint) -> StoreResult<Vec<IndexEntry>> {
        self.read(|sql| referrals::with_external(sql, external))
    }

    async fn referrals_in(&self, engagement: &RecordId) -> StoreResult<Vec<IndexEntry>> {
        self.read(|sql| referrals::in_engagement(sql, engagement))
    }

    async fn was_linked(&self, referral: &RecordId) -> StoreResult<bool> {
        self.read(|sql| links::was_linked(sql, referral))
    }

    async fn lead(&self, referral: &RecordId) -> StoreResult<Option<LeadMemory>> {
        self.read(|sql| lead_rows::load(sql, referral))
    }

    async fn keep_lead(&self, fence: &Fence, referral: &RecordId, memory: &LeadMemory) -> StoreResult<()> {
        self.write(|sql| lead_rows::keep(sql, fence, referral, memory))
    }

    async fn write_ahead(&self, ahead: &WriteAhead) -> StoreResult<Prepared> {
        self.write(|sql| intents::write_ahead(sql, self.master(), ahead))
    }

    async fn commit(&self, commit: &Commit) -> StoreResult<()> {
        self.write(|sql| commit::commit(sql, &*self.options.holds, self.master(), commit))
    }

    async fn open_intents(&self, deal: &DealId) -> StoreResult<Vec<Intent>> {
        self.read(|sql| intents::open(sql, deal))
    }

    async fn decide(&self, decision: &NewDecision) -> StoreResult<Decided> {
        self.write_beside(|sql| decisions::decide(sql, self.master(), decision))
    }

    async fn decisions(&self, deal: &DealId, most: usize) -> StoreResult<Vec<DecisionRow>> {
        self.read(|sql| decisions::all(sql, deal, most))
    }

    async fn brakes(&self) -> StoreResult<Vec<BrakeHold>> {
        self.read(|sql| brake::all(sql))
    }

    async fn release_brake(&self, kind: &str, by: &str, now: Timestamp) -> StoreResult<bool> {
        self.write_beside(|sql| brake::release(sql, kind, by, now))
    }

    async fn connection_problem(&self, key: &str, problem: Option<&ConnectionProblem>) -> StoreResult<()> {
        self.write(|sql| connections::set(sql, key, problem))
    }

    async fn connection_problems(&self) -> StoreResult<Vec<ConnectionProblem>> {
        self.read(|sql| connections::all(sql))
    }

    async fn connection_worked(&self, key: &str, at: Timestamp, saw: &str) -> StoreResult<()> {
        self.write_beside(|sql| connections::worked(sql, key, at, saw))
    }

    async fn connections_worked(&self) -> StoreResult<Vec<ConnectionWorked>> {
        self.read(|sql| connections::last_worked(sql))
    }

    async fn fix_path(&self, fixed: &FixedPath) -> StoreResult<()> {
        self.write(|sql| fixed_paths::fix(sql, fixed))
    }

    async fn fixed_paths(&self) -> StoreResult<Vec<FixedPath>> {
        self.read(|sql| fixed_paths::all(sql))
    }

    async fn free_path(&self, path: &str, problem: &str, then: &Cursor) -> StoreResult<bool> {
        self.write_beside(|sql| fixed_paths::free(sql, path, problem, then))
    }

    async fn pause(&self, wish: &PauseWish) -> StoreResult<Option<Pause>> {
        self.write_beside(|sql| pauses::pause(sql, self.master(), wish))
    }

    async fn resume(&self, wish: &PauseWish, then: &Cursor) -> StoreResult<Option<Pause>> {
        self.write_beside(|sql| pauses::resume(sql, self.master(), wish, then))
    }

    async fn pauses(&self) -> StoreResult<Vec<Pause>> {
        self.read(|sql| pauses::open(sql))
    }

    async fn pause_history(&self, most: usize) -> StoreResult<Vec<Pause>> {
        self.read(|sql| pauses::past(sql, most))
    }

    async fn keep_proof(
        &self,
        proof: &KeptProof,
        key: &str,
        problem: Option<&ConnectionProblem>,
        under: Option<(&Fence, &Cursor)>,
    ) -> StoreResult<()> {
        self.write_beside(|sql| proofs::keep(sql, proof, key, problem, under))
    }

    async fn proofs(&self, most: usize) -> StoreResult<Vec<KeptProof>> {
        self.read(|sql| proofs::newest(sql, most))
    }

    async fn ask(&self, cursors: &[Cursor]) -> StoreResult<()> {
        self.write_beside(|sql| cursors.iter().try_for_each(|cursor| marks::move_cursor(sql, cursor)))
    }

    async fn hurry(&self, now: Timestamp, most: usize) -> StoreResult<usize> {
        self.write_beside(|sql| work::hurry(sql, now, most))
    }

    async fn give_up(
        &self,
        deal: &DealId,
        side: Side,
        to: &DealId,
        line: &AuditLine,
        now: Timestamp,
    ) -> StoreResult<bool> {
        self.write(|sql| handovers::give_up(sql, self.master(), deal, side, to, line, now))
    }

    async fn list(&self, after: Option<&DealId>, most: usize) -> StoreResult<Vec<DealSummary>> {
        self.read(|sql| overview::list(sql, after, most))
    }

    async fn history(&self, deal: &DealId, most: usize) -> StoreResult<Vec<AuditLine>> {
        self.read(|sql| history::newest(sql, self.master(), &name_of(&Subject::Deal(deal.clone())), most))
    }

    async fn archive(&self, deal: &DealId, most: usize) -> StoreResult<Vec<ArchivedRow>> {
        self.read(|sql| archive::newest(sql, self.master(), deal, most))
    }

    async fn propagation(&self, most: usize) -> StoreResult<Vec<i64>> {
        self.read(|sql| overview::propagation(sql, most))
    }

    async fn counts(&self, now: Timestamp) -> StoreResult<Counts> {
        self.read(|sql| overview::counts(sql, now))
    }

    async fn forget(&self, subject: &Subject, mapping: &str, now: Timestamp) -> StoreResult<Forgotten> {
        self.write_beside(|sql| forgetting::forget(sql, self.master(), subject, mapping, now))
    }

    async fn scrub(&self) -> StoreResult<()> {
        self.rewrite()
    }

    async fn forgotten(&self, deal: &DealId) -> StoreResult<Option<Timestamp>> {
        self.read(|sql| data_keys::last_destroyed(sql, &name_of(&Subject::Deal(deal.clone()))))
    }

    async fn mentions(&self, address: &str, after: Option<&Subject>, most: usize) -> StoreResult<Mentions> {
        self.read(|sql| forgetting::mentions(sql, self.master(), address, after, most))
    }

    async fn chains(&self, after: Option<&str>, most: usize) -> StoreResult<Vec<ChainHead>> {
        self.read(|sql| history::chains(sql, after, most))
    }

    async fn prove_chain(&self, head: &ChainHead, from: &ChainPlace, most: usize) -> StoreResult<ChainStep> {
        self.read(|sql| history::prove(sql, head, from, most))
    }

    async fn history_totals(&self) -> StoreResult<HistoryTotals> {
        self.read(|sql| history::totals(sql))
    }

    async fn prune(&self, keep: &Retention, now: Timestamp, most: usize) -> StoreResult<Pruned> {
        self.write(|sql| retention::prune(sql, keep, now, most))
    }
}
