//! The end of a pass, or of one of its rounds: one transaction, fenced.

use deal_model::Deal;
use ports::{HoldPoint, HoldPoints};
use sqlx::PgConnection;
use sync_engine::{Commit, DecisionEnd, StoreError, Subject};

use super::{
    deal_rows, decisions,
    fault::Outcome,
    history, intents, links, locks,
    locks::Hold,
    referrals,
    work::{self, HeldRow},
};
use crate::SealKey;

pub(super) async fn commit(
    sql: &mut PgConnection,
    holds: &dyn HoldPoints,
    master: Option<&SealKey>,
    commit: &Commit,
) -> Outcome<()> {
    if let Some(deal) = &commit.deal
        && links::of(sql, &deal.id).await?.as_ref() != Some(&deal.links)
    {
        // Only this lease's holder changes the deal's links: what was just read stays true.
        locks::links(sql, Hold::Alone).await?;
    }
    let mut row = work::held(sql, &commit.claim.fence).await?;
    if let Some(deal) = &commit.deal {
        row = save(sql, row, deal, commit).await?;
    }
    for (id, outcome) in &commit.intents {
        intents::end(sql, id, outcome, commit.now).await?;
    }
    for entry in &commit.index {
        referrals::learn(sql, entry).await?;
    }
    for decision in &commit.consumed {
        decisions::end(sql, *decision, DecisionEnd::CarriedOut, commit.now).await?;
    }
    for decision in &commit.handed_back {
        decisions::end(sql, *decision, DecisionEnd::HandedBack, commit.now).await?;
    }
    // A history's lock comes last.
    for line in &commit.audit {
        history::write_line(sql, master, &row.subject, line).await?;
    }
    work::dispose(sql, &row, commit.claim.generation, &commit.disposition).await?;
    if let Some(kind) = commit.effect {
        holds.reach(HoldPoint::InCommit, kind);
    }
    Ok(())
}

/// Writes the deal of the claimed row. A deal that is born of a claimed referral takes the referral's row over.
async fn save(sql: &mut PgConnection, row: HeldRow, deal: &Deal, commit: &Commit) -> Outcome<HeldRow> {
    match &row.subject {
        Subject::Deal(claimed) if *claimed == deal.id => {
            deal_rows::save(sql, deal, commit.now).await?;
            Ok(row)
        }
        Subject::Deal(_) => {
            Err(StoreError::Failed("commit of a deal that was not claimed".to_owned()).into())
        }
        Subject::Referral(_) => {
            deal_rows::insert(sql, deal, commit.now).await?;
            work::move_to_deal(sql, &row, &deal.id).await
        }
    }
}
