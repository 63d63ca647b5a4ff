//! The end of a pass, or of one of its rounds: one transaction, fenced.

use deal_model::Deal;
use ports::{HoldPoint, HoldPoints};
use rusqlite::Connection;
use sync_engine::{Commit, DecisionEnd, StoreError, Subject};

use super::{
    deal_rows, decisions,
    fault::Outcome,
    history, intents, referrals,
    work::{self, HeldRow},
};
use crate::SealKey;

pub(super) fn commit(
    sql: &Connection,
    holds: &dyn HoldPoints,
    master: Option<&SealKey>,
    commit: &Commit,
) -> Outcome<()> {
    let mut row = work::held(sql, &commit.claim.fence)?;
    if let Some(deal) = &commit.deal {
        row = save(sql, row, deal, commit)?;
    }
    for line in &commit.audit {
        history::write_line(sql, master, &row.subject, line)?;
    }
    for (id, outcome) in &commit.intents {
        intents::end(sql, id, outcome, commit.now)?;
    }
    for entry in &commit.index {
        referrals::learn(sql, entry)?;
    }
    for decision in &commit.consumed {
        decisions::end(sql, *decision, DecisionEnd::CarriedOut, commit.now)?;
    }
    for decision in &commit.handed_back {
        decisions::end(sql, *decision, DecisionEnd::HandedBack, commit.now)?;
    }
    work::dispose(sql, &row, commit.claim.generation, &commit.disposition)?;
    if let Some(kind) = commit.effect {
        holds.reach(HoldPoint::InCommit, kind);
    }
    Ok(())
}

/// Writes the deal of the claimed row. A deal that is born of a claimed referral takes the referral's row over.
fn save(sql: &Connection, row: HeldRow, deal: &Deal, commit: &Commit) -> Outcome<HeldRow> {
    match &row.subject {
        Subject::Deal(claimed) if *claimed == deal.id => {
            deal_rows::save(sql, deal, commit.now)?;
            Ok(row)
        }
        Subject::Deal(_) => {
            Err(StoreError::Failed("commit of a deal that was not claimed".to_owned()).into())
        }
        Subject::Referral(_) => {
            deal_rows::insert(sql, deal, commit.now)?;
            work::move_to_deal(sql, &row, &deal.id)
        }
    }
}
