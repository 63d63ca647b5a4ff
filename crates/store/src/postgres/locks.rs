//! What SQLite's single writer gave for nothing: who must wait for whom.
//!
//! Transactions read what is committed and lock what they rely on, in this order, so that none waits for another in a
//! circle:
//!
//! 1. [`links`]: which record belongs to which deal. Marks share it, whoever begets or links takes it alone: a mark must
//!    not be laid to a referral in the instant in which that referral becomes a deal.
//! 2. [`brake`]: irreversible effects are counted one after the other, over all workers.
//! 3. [`pauses`]: what operators pause and resume.
//! 4. [`deciding`]: two people's decisions about one deal.
//! 5. Work rows, by kind and id.
//! 6. Deals, and everything else. Each row of it is written under the work row's lease, or alone.
//! 7. [`ledger`]: the chain and the key in use of one subject's history; of several, by name.

use deal_model::DealId;
use sqlx::PgConnection;

use super::{columns::text, fault::Outcome};

/// The first half of every advisory lock of Cosell's ("Cos1" in ASCII).
const COSELL: i32 = 0x436f_7331;

const LINKS: i32 = 1;
const BRAKE: i32 = 2;
const SCHEMA: i32 = 3;
const PAUSES: i32 = 4;

/// How a lock is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    Shared,
    Alone,
}

/// Which record belongs to which deal.
pub(super) async fn links(sql: &mut PgConnection, hold: Hold) -> Outcome<()> {
    let statement = match hold {
        Hold::Shared => "SELECT pg_advisory_xact_lock_shared($1, $2)",
        Hold::Alone => "SELECT pg_advisory_xact_lock($1, $2)",
    };
    sqlx::query(statement).bind(COSELL).bind(LINKS).execute(sql).await?;
    Ok(())
}

/// The brake's count.
pub(super) async fn brake(sql: &mut PgConnection) -> Outcome<()> {
    alone(sql, BRAKE).await
}

/// What is paused.
pub(super) async fn pauses(sql: &mut PgConnection) -> Outcome<()> {
    alone(sql, PAUSES).await
}

/// The schema's version.
pub(super) async fn schema(sql: &mut PgConnection) -> Outcome<()> {
    alone(sql, SCHEMA).await
}

/// The open decisions of a deal.
pub(super) async fn deciding(sql: &mut PgConnection, deal: &DealId) -> Outcome<()> {
    named(sql, "decision", deal.as_str()).await
}

/// The history of a subject, with its key in use.
pub(super) async fn ledger(sql: &mut PgConnection, subject: &str) -> Outcome<()> {
    named(sql, "ledger", subject).await
}

/// A row of that name, also while there is none to lock yet.
pub(super) async fn named(sql: &mut PgConnection, what: &str, name: &str) -> Outcome<()> {
    // Two names that hash alike wait for each other, and nothing worse.
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('cosell ' || $1 || ' ' || $2, 0))")
        .bind(what)
        .bind(text(name))
        .execute(sql)
        .await?;
    Ok(())
}

async fn alone(sql: &mut PgConnection, what: i32) -> Outcome<()> {
    sqlx::query("SELECT pg_advisory_xact_lock($1, $2)").bind(COSELL).bind(what).execute(sql).await?;
    Ok(())
}
