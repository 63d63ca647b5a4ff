//! Several workers on one server: what only they can do wrong.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use deal_model::{Side, Verdict};
use futures::future::join_all;
use jiff::SignedDuration;
use ports::{EffectKind, HoldPoint, HoldPoints};
use postgres_server::{Programs, Server, installed};
use secrecy::SecretString;
use sqlx::Executor as _;
use store::{Options, PostgresStore, postgres::Access};
use sync_engine::{
    BrakeLimit, Commit, Decided, Disposition, NewDecision, Prepared, Store, StoreError, WriteAhead,
};

use super::Ground;
use crate::ground::{ahead, at, claim, claim_one, claimed_deal, ending, load, mark, opportunity, put};

#[tokio::test(flavor = "multi_thread")]
async fn workers_that_claim_at_once_share_the_rows_and_none_is_claimed_twice() {
    let ground = Ground::new(installed()).await;
    let store = ground.open().await;
    let marks: Vec<_> = (0..200).map(|id| mark(opportunity(&format!("006{id:03}"), true), 0)).collect();
    put(&store, &marks).await;
    let workers = join_all((0..4).map(|_| ground.open())).await;
    let claimed = join_all(workers.iter().enumerate().map(|(number, worker)| async move {
        let mut claimed = Vec::new();
        loop {
            let claims = claim(worker, &format!("worker {number}"), 1, 7).await;
            if claims.is_empty() {
                return claimed;
            }
            claimed.extend(claims);
        }
    }))
    .await;
    let numbers: Vec<u64> = claimed.iter().flatten().map(|claim| claim.fence.number).collect();
    let subjects: BTreeSet<_> = claimed.iter().flatten().map(|claim| &claim.subject).collect();
    assert_eq!((numbers.len(), subjects.len()), (200, 200), "every row, each once");
    assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), 200, "no number is given twice");
    ground.end().await;
}

#[tokio::test]
async fn a_claim_passes_over_what_another_transaction_holds_and_never_waits() {
    let ground = Ground::new(installed()).await;
    let store = ground.open().await;
    put(&store, &[mark(opportunity("006A", true), 0), mark(opportunity("006B", true), 1)]).await;
    let mut other = ground.session().await;
    other
        .execute("BEGIN; SELECT 1 FROM work WHERE heard = (SELECT min(heard) FROM work) FOR UPDATE")
        .await
        .unwrap();
    let claims = tokio::time::timeout(Duration::from_secs(5), claim(&store, "worker", 2, 10)).await.unwrap();
    assert_eq!(claims.iter().map(|claim| claim.heard).collect::<Vec<_>>(), [at(1)]);
    other.execute("ROLLBACK").await.unwrap();
    assert_eq!(claim(&store, "worker", 2, 10).await.len(), 1);
    ground.end().await;
}

#[tokio::test]
async fn a_worker_whose_lease_another_worker_has_commits_nothing() {
    let ground = Ground::new(installed()).await;
    let (slow, quick) = (ground.open().await, ground.open().await);
    let (old, mut deal) = claimed_deal(&slow, "006A").await;
    let new = claim_one(&quick, 60).await;
    deal.links.portal = Some("r1".into());
    let late = slow.commit(&Commit { deal: Some(deal), ..ending(&old, Disposition::Done, 61) }).await;
    assert!(matches!(late, Err(StoreError::Fenced(_))), "{late:?}");
    assert_eq!(quick.deal_of(Side::Portal, &"r1".into()).await.unwrap(), None);
    quick.commit(&ending(&new, Disposition::Done, 62)).await.unwrap();
    ground.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_hear_of_one_opportunity_at_once_beget_one_deal() {
    let ground = Ground::new(installed()).await;
    // Each draws identifiers of its own.
    let url = ground.url();
    let open = || async { PostgresStore::open(&url, Access::Own, Options::default()).await.unwrap() };
    let stores = join_all((0..4).map(|_| open())).await;
    for round in 0..10 {
        // In opposite orders, so that they would wait for each other if each took its own.
        let ids: Vec<String> = (0..10).map(|id| format!("006{round}{id}")).collect();
        join_all(stores.iter().enumerate().map(|(number, store)| {
            let mut marks: Vec<_> = ids.iter().map(|id| mark(opportunity(id, true), 0)).collect();
            if number % 2 == 1 {
                marks.reverse();
            }
            async move { assert_eq!(put(store, &marks).await, 10) }
        }))
        .await;
    }
    let deals = stores[0].list(None, 1_000).await.unwrap();
    assert_eq!(deals.len(), 100);
    let claims = claim(&stores[0], "worker", 1, 1_000).await;
    assert_eq!(claims.len(), 100, "the marks of one deal are one row");
    ground.end().await;
}

#[tokio::test]
async fn a_source_has_one_reader_and_another_takes_its_seat_when_its_connection_is_gone() {
    let ground = Ground::new(installed()).await;
    let (first, second) = (ground.open().await, ground.open().await);
    let read = |store: PostgresStore, owner: &'static str, second: i64| async move {
        let fence = store.lease("reader.portal", owner, at(second), at(second + 60)).await.unwrap();
        (store, fence)
    };
    let (first, fence) = read(first, "first", 0).await;
    let (second, none) = read(second, "second", 1).await;
    assert_eq!(none, None, "one reads");
    let mut server = ground.session().await;
    let held = "SELECT pg_terminate_backend(pid) FROM pg_locks
         WHERE locktype = 'advisory' AND pid <> pg_backend_pid()
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    assert!(!server.fetch_all(held).await.unwrap().is_empty(), "it holds its seat");
    // It is told to end, and ends a little later.
    while !server.fetch_all(held).await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    let (second, taken) = read(second, "second", 2).await;
    let (old, new) = (fence.unwrap(), taken.expect("the lease has not ended, but its holder is gone"));
    assert!(new.number > old.number);
    let late = first.mark(&[mark(opportunity("006A", true), 3)], &[], &[], Some(&old)).await;
    assert!(matches!(late, Err(StoreError::Fenced(_))), "{late:?}");
    let (_, none) = read(first, "first", 4).await;
    assert_eq!(none, None, "the seat is taken");
    drop(second);
    ground.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_decide_one_matter_at_once_one_is_told_of_the_other() {
    let ground = Ground::new(installed()).await;
    let stores = join_all((0..4).map(|_| ground.open())).await;
    for round in 0..10 {
        let (claim, deal) = claimed_deal(&stores[0], &format!("006{round}")).await;
        stores[0].commit(&ending(&claim, Disposition::Done, 1)).await.unwrap();
        let answers = join_all(stores.iter().map(|store| {
            let decision = NewDecision {
                deal: deal.id.clone(),
                verdict: Verdict::Push,
                by: "Ada".to_owned(),
                sentence: "Ada decided.".to_owned(),
                mapping: "1".to_owned(),
                instead_of: None,
                now: at(2),
            };
            async move { store.decide(&decision).await.unwrap() }
        }))
        .await;
        let taken = answers.iter().filter(|answer| matches!(answer, Decided::Taken(_))).count();
        assert_eq!(taken, 1, "{answers:?}");
        assert_eq!(load(&stores[0], &deal.id).await.decisions.len(), 1);
        let claim = claim_one(&stores[0], 3).await;
        stores[0].commit(&ending(&claim, Disposition::Done, 3)).await.unwrap();
    }
    ground.end().await;
}

#[tokio::test]
async fn forgetting_waits_for_a_decision_that_was_let_through_before() {
    let ground = Ground::new(installed()).await;
    let store = Arc::new(ground.open_with(Access::Own, crate::contract::sealed()).await);
    let (claim, deal) = claimed_deal(store.as_ref(), "006A").await;
    store.commit(&ending(&claim, Disposition::Done, 1)).await.unwrap();
    let mut deciding = ground.session().await;
    let lock =
        format!("BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('cosell decision {}', 0))", deal.id);
    deciding.execute(sqlx::AssertSqlSafe(lock)).await.unwrap();
    let forgetting = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.forget(&sync_engine::Subject::Deal(deal.id), "1", at(2)).await }
    });
    let waits = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let mut server = ground.session().await;
    while server.fetch_optional(waits).await.unwrap().is_none() {
        assert!(!forgetting.is_finished(), "it waited for nobody");
        tokio::task::yield_now().await;
    }
    deciding.execute("COMMIT").await.unwrap();
    forgetting.await.unwrap().unwrap();
    ground.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_brake_counts_over_all_workers() {
    let ground = Ground::new(installed()).await;
    let stores = join_all((0..4).map(|_| ground.open())).await;
    let mut claimed = Vec::new();
    for id in 0..12 {
        claimed.push(claimed_deal(&stores[0], &format!("006{id:02}")).await);
    }
    let answers = join_all(claimed.iter().enumerate().map(|(number, (claim, deal))| {
        let store = &stores[number % stores.len()];
        let brake = BrakeLimit { most: 5, within: SignedDuration::from_mins(10) };
        let request = WriteAhead { braked: vec!["close".to_owned()], brake, ..ahead(claim, &deal.id, 1) };
        async move { store.write_ahead(&request).await.unwrap() }
    }))
    .await;
    let went = answers.iter().filter(|answer| **answer == Prepared::Go).count();
    assert_eq!(went, 5, "{answers:?}");
    ground.end().await;
}

/// Ends the server in the middle of a commit.
struct PowerCut(Arc<Server>);

impl HoldPoints for PowerCut {
    fn reach(&self, point: HoldPoint, _: EffectKind) {
        assert_eq!(point, HoldPoint::InCommit);
        self.0.crash();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_in_a_commit_keeps_nothing_of_it_and_the_store_goes_on_when_it_is_back() {
    let server: Arc<Server> = Arc::new(Server::start(&Programs::installed()));
    let url = server.url("postgres");
    let holds = Arc::new(PowerCut(Arc::clone(&server)));
    let store =
        PostgresStore::open(&url, Access::Own, Options { holds, ..Options::default() }).await.unwrap();
    let (claim, before) = claimed_deal(&store, "006A").await;
    let mut after = before.clone();
    after.links.portal = Some("r1".into());
    let commit =
        Commit { deal: Some(after), effect: Some(EffectKind::Patch), ..ending(&claim, Disposition::Done, 1) };
    let cut = store.commit(&commit).await;
    assert!(matches!(cut, Err(StoreError::Away(_))), "{cut:?}");
    let away = store.next_due().await;
    assert!(matches!(away, Err(StoreError::Away(_))), "{away:?}");
    server.run_again();
    assert_eq!(load(&store, &before.id).await, before, "and the same store goes on");
    assert_eq!(claim_one(&store, 60).await.subject, claim.subject);
}

#[tokio::test]
async fn whoever_waits_is_woken_by_a_mark_of_another_process() {
    let ground = Ground::new(installed()).await;
    let (waiter, marker) = (Arc::new(ground.open().await), ground.open().await);
    let woken = tokio::spawn({
        let waiter = Arc::clone(&waiter);
        async move {
            // The first time it hears that it listens.
            waiter.news().await;
            waiter.news().await;
        }
    });
    let listens =
        "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()";
    let mut session = ground.session().await;
    while session.fetch_optional(listens).await.unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    put(&marker, &[mark(opportunity("006A", true), 0)]).await;
    tokio::time::timeout(Duration::from_secs(10), woken).await.expect("it was told").unwrap();
    ground.end().await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_away_and_the_password_is_in_no_error() {
    let url = SecretString::from("postgres://cosell:planted@127.0.0.1:1/cosell?sslmode=disable");
    let error = PostgresStore::open(&url, Access::Own, Options::default()).await.err().unwrap();
    assert!(matches!(error, StoreError::Away(_)), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("planted"), "{error:?}");
}

#[tokio::test]
async fn a_database_of_another_program_is_left_alone_and_a_newer_schema_is_refused() {
    let ground = Ground::new(installed()).await;
    let mut session = ground.session().await;
    session.execute("UPDATE cosell_schema SET version = 99").await.unwrap();
    for access in [Access::Own, Access::Beside, Access::Read] {
        let error = PostgresStore::open(&ground.url(), access, Options::default()).await.err().unwrap();
        assert!(matches!(error, StoreError::Schema { found: 99, .. }), "{error:?}");
    }
    session.execute("DROP TABLE cosell_schema").await.unwrap();
    let error = PostgresStore::open(&ground.url(), Access::Own, Options::default()).await.err().unwrap();
    assert!(matches!(&error, StoreError::Failed(told) if told.contains("another program")), "{error:?}");
    ground.end().await;
}

#[tokio::test]
async fn a_command_beside_the_workers_writes_what_people_decide_and_nothing_else() {
    let ground = Ground::new(installed()).await;
    drop(ground.open().await);
    let beside = ground.open_with(Access::Beside, Options::default()).await;
    beside.connection_worked("portal", at(5), "it answers").await.unwrap();
    assert!(!beside.release_brake("lost", "somebody", at(6)).await.unwrap(), "nothing is held");
    for refused in [
        beside.bind("00D", "tenant").await,
        beside.start("beside", at(6)).await.map(drop),
        beside.heartbeat(at(6)).await,
        Store::lease(&beside, "engine", "beside", at(6), at(66)).await.map(drop),
        beside.connection_problem("portal", None).await,
    ] {
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("for reading only"), "{refused}");
    }
    let reader = ground.open_with(Access::Read, Options::default()).await;
    let refused = reader.connection_worked("portal", at(7), "it answers").await.unwrap_err();
    assert!(refused.to_string().contains("for reading only"), "{refused}");
    ground.end().await;
}

#[tokio::test]
async fn a_start_beside_other_workers_ends_no_lease_and_puts_nothing_off() {
    let ground = Ground::new(installed()).await;
    let (alive, new) = (ground.open().await, ground.open().await);
    let (held, _) = claimed_deal(&alive, "006A").await;
    alive.heartbeat(at(10)).await.unwrap();
    assert_eq!(new.start("new", at(20)).await.unwrap(), SignedDuration::ZERO, "somebody was alive just now");
    assert_eq!(claim(&new, "new", 21, 10).await, []);
    alive.commit(&ending(&held, Disposition::Done, 22)).await.unwrap();
    ground.end().await;
}

#[tokio::test]
async fn a_text_with_a_character_that_postgresql_cannot_hold_is_kept_and_found() {
    let ground = Ground::new(installed()).await;
    let store = ground.open().await;
    put(&store, &[mark(opportunity("006\0A", true), 0)]).await;
    put(&store, &[mark(opportunity("006\0A", true), 1)]).await;
    assert_eq!(store.list(None, 9).await.unwrap().len(), 1);
    ground.end().await;
}

#[tokio::test]
async fn a_check_of_a_database_tells_what_the_server_would_lose() {
    let ground = Ground::new(installed()).await;
    let looked = PostgresStore::check(&ground.url()).await.unwrap();
    let bad: Vec<_> = looked.iter().filter(|looked| !looked.ok).map(|looked| looked.what).collect();
    assert_eq!(bad, ["durability"], "the tests' servers do not wait for the disk: {looked:?}");
    assert!(looked.iter().any(|looked| looked.what == "permissions"), "{looked:?}");
    ground.end().await;
}
