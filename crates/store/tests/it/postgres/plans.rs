//! What every pass asks of the database is looked up by an index, however many deals there are.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use deal_model::RecordId;
use futures::future::join_all;
use sqlx::{Connection as _, Executor as _, Row as _};
use store::{PostgresStore, postgres::Access};
use sync_engine::{
    AuditLine, Claim, Commit, Cursor, Disposition, IndexEntry, Mark, Prepared, Store, Subject, Target,
    WriteAhead,
};

use super::{Ground, installed};
use crate::ground::{ahead, at, claim, ending, entry, mark, opportunity, put, referral};

/// Rows of other deals, so many that no plan reads all of them by choice, with what the server knows of them.
const MANY: &str = "
    INSERT INTO deal SELECT 'other ' || n, 'crm ' || n, 'ref ' || n, CASE WHEN n % 2 = 0 THEN 'ms ' || n END, 'eng ' || n,
        'crm', 'live', n, n, NULL, NULL, NULL, n % 2 = 0, NULL, NULL, false, 'null', '[]', '{}', 'null', '{}', '{}', '{}',
        '[]', '{}', '{}', '{}', '{}', repeat('x', 400), repeat('y', 400) FROM generate_series(1, 50000) AS n;
    INSERT INTO referral_index
        SELECT 'ref ' || n, 'eng ' || n, true, false, 'ext ' || n, true, n, n FROM generate_series(1, 50000) AS n;
    INSERT INTO work (kind, id, lane, generation, crm, portal, companion, due, heard, attempts, state, wake)
        SELECT 'deal', 'other ' || n, 'background', 1, true, true, false, 4e15 + n, 4e15 + n, 0, 'waiting', 4e15 + n
        FROM generate_series(1, 50000) AS n;
    INSERT INTO data_key SELECT 'deal other ' || n, 1, '\\x00', n, NULL FROM generate_series(1, 50000) AS n;
    INSERT INTO chain SELECT 'deal other ' || n, 1, '\\x00', 0, '\\x00' FROM generate_series(1, 50000) AS n;
    INSERT INTO audit (subject, number, at, what, groups, mapping, key, sealed, link)
        SELECT 'deal other ' || n, 1, n, 'updated', '[]', 'm1', 1, '\\x00', '\\x00' FROM generate_series(1, 50000) AS n;
    INSERT INTO archive (deal, at, group_id, side, key, sealed)
        SELECT 'other ' || n, n, 'notes', 'crm', 1, '\\x00' FROM generate_series(1, 50000) AS n;
    INSERT INTO intent SELECT 'intent ' || n, 'other ' || n, 'create', 'k', n, n, n, 'done', 'r', n
        FROM generate_series(1, 50000) AS n;
    INSERT INTO decision (deal, verdict, by, at, mapping, ended, how)
        SELECT 'other ' || n, 'x', 'ann', n, 'm1', n, 'carried_out' FROM generate_series(1, 50000) AS n;
    INSERT INTO former_link SELECT 'former ' || n, 'other ' || n, n FROM generate_series(1, 50000) AS n;
    INSERT INTO waiting_effect SELECT 'other ' || n, 0, 'close', '{}', n, n, false FROM generate_series(1, 50000) AS n;
    ANALYZE";

/// The tables of that many rows.
const BIG: [&str; 11] = [
    "deal",
    "referral_index",
    "work",
    "data_key",
    "chain",
    "audit",
    "archive",
    "intent",
    "decision",
    "former_link",
    "waiting_effect",
];

/// Times that everything is done: after a few, the server keeps one plan for any values.
const TIMES: i64 = 8;

/// Marks of one page.
const PAGE: usize = 300;

/// How often each table was read whole. Sessions tell when they end.
async fn read_whole(ground: &Ground) -> BTreeMap<String, i64> {
    let mut session = ground.session().await;
    let others = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
    let end = Instant::now() + Duration::from_mins(1);
    while session.fetch_one(others).await.unwrap().get::<i64, _>(0) > 0 {
        assert!(Instant::now() < end, "a session does not end");
    }
    let rows = session.fetch_all("SELECT relname::text, seq_scan FROM pg_stat_user_tables").await.unwrap();
    session.close().await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// A page as a poll brings it: known deals of the many, births, referrals of all kinds.
fn page(time: i64) -> (Vec<Mark>, Vec<IndexEntry>) {
    let mut marks = Vec::new();
    let mut index = Vec::new();
    for number in 0..PAGE {
        let other = number * 100 + 1;
        marks.push(mark(Target::Deal(format!("other {other}").as_str().into()), time));
        marks.push(mark(opportunity(&format!("crm {other}"), true), time));
        marks.push(mark(referral(&format!("ref {other}"), true), time));
        marks.push(mark(referral(&format!("ms {}", other + 1), true), time));
        marks.push(mark(referral(&format!("new {time} {number}"), true), time));
        let of_another = Target::Referral {
            id: RecordId::new(format!("theirs {time} {number}")),
            engagement: Some(RecordId::new(format!("eng {other}"))),
            birth: false,
        };
        marks.push(mark(of_another, time));
        index.push(entry(&format!("new {time} {number}"), time));
    }
    (marks, index)
}

fn line(time: i64) -> AuditLine {
    AuditLine {
        at: at(time),
        what: "updated".to_owned(),
        side: None,
        groups: Vec::new(),
        sentence: "It was.".to_owned(),
        took_ms: Some(7),
        mapping: "m1".to_owned(),
        erased: None,
    }
}

/// One pass of one deal, from what it reads to its end.
async fn pass(store: &dyn Store, claim: &Claim, time: i64) {
    let Subject::Deal(id) = &claim.subject else { return };
    let deal = store.deals(std::slice::from_ref(id)).await.unwrap().remove(0);
    store.open_intents(id).await.unwrap();
    let ahead = WriteAhead { braked: vec!["close".to_owned()], ..ahead(claim, id, time) };
    assert!(matches!(store.write_ahead(&ahead).await.unwrap(), Prepared::Go | Prepared::Braked(_)));
    let audit = vec![line(time)];
    let commit = Commit { deal: Some(deal), audit, ..ending(claim, Disposition::Done, time) };
    store.commit(&commit).await.unwrap();
}

/// Everything that polls and passes do over and over.
async fn hot_path(store: &dyn Store) {
    for time in 0..TIMES {
        let (marks, index) = page(time);
        let cursor = Cursor { source: "portal.referrals".to_owned(), position: time.to_string() };
        store.mark(&marks, &index, &[cursor], None).await.unwrap();
        let born: Vec<Mark> =
            (0..10).map(|number| mark(opportunity(&format!("born {time} {number}"), true), -time)).collect();
        put(store, &born).await;
        let of_births: Vec<RecordId> =
            (0..10).map(|number| format!("born {time} {number}").as_str().into()).collect();
        store.seen(deal_model::Side::Crm, &of_births).await.unwrap();
        let claims = claim(store, "worker", 20 + time, 40).await;
        assert!(!claims.is_empty());
        let known = claims.iter().filter(|claim| match &claim.subject {
            Subject::Deal(id) => !id.as_str().starts_with("other"),
            Subject::Referral(_) => false,
        });
        join_all(known.map(|claim| pass(store, claim, 20 + time))).await;
        store.next_due().await.unwrap();
        store.was_linked(&"former 7".into()).await.unwrap();
        store.deal_of(deal_model::Side::Portal, &"ref 7".into()).await.unwrap();
        store.deal_of_engagement(&"eng 7".into()).await.unwrap();
        store.referrals_in(&"eng 7".into()).await.unwrap();
        store.referrals_with(&deal_model::Fingerprint("ext 7".to_owned())).await.unwrap();
    }
}

#[tokio::test]
async fn no_pass_and_no_page_of_marks_reads_a_big_table_whole() {
    let ground = Ground::new(installed()).await;
    let mut session = ground.session().await;
    session.execute(MANY).await.unwrap();
    session.close().await.unwrap();
    let before = read_whole(&ground).await;
    // It draws identifiers as a worker does.
    let store = PostgresStore::open(&ground.url(), Access::Own, crate::contract::sealed()).await.unwrap();
    hot_path(&store).await;
    store.close().await;
    let after = read_whole(&ground).await;
    let whole: Vec<_> = BIG.iter().filter(|table| after[**table] != before[**table]).collect();
    assert!(whole.is_empty(), "read from the beginning to the end: {whole:?}");
    // The count sees what it must see.
    let mut session = ground.session().await;
    session.execute("SELECT count(*) FROM deal WHERE stand_in = ''").await.unwrap();
    session.close().await.unwrap();
    assert_eq!(read_whole(&ground).await["deal"], after["deal"] + 1);
    ground.end().await;
}
