//! What a page of marks costs: a few statements, however long it is.

use deal_model::RecordId;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, Row as _};
use store::{Options, PostgresStore, postgres::Access};
use sync_engine::{Cursor, IndexEntry, Mark, Store, Target};

use super::{Ground, installed};
use crate::ground::{entry, mark, opportunity, put, referral};

/// Most statements of a page, beginning and end left out.
const MOST: usize = 14;

/// A page that meets every case: deals to beget, deals that are known, referrals of all kinds, an index and cursors.
fn page(length: usize, of: &str) -> (Vec<Mark>, Vec<IndexEntry>, Vec<Cursor>) {
    let mut marks = Vec::new();
    for number in 0..length {
        let second = i64::try_from(number).unwrap();
        marks.push(mark(opportunity(&format!("006{of}{number}"), true), second));
        marks.push(mark(opportunity(&format!("006known{number}"), false), second));
        marks.push(mark(referral(&format!("r{of}{number}"), true), second));
        let of_another = Target::Referral {
            id: RecordId::new(format!("other{of}{number}")),
            engagement: Some(RecordId::from("e1")),
            birth: false,
        };
        marks.push(mark(of_another, second));
    }
    let index = (0..length).map(|number| entry(&format!("r{of}{number}"), 1)).collect();
    let cursor = |source: &str| Cursor { source: source.to_owned(), position: of.to_owned() };
    (marks, index, vec![cursor("portal.referrals"), cursor("polled.portal.referrals")])
}

/// A store that draws identifiers as a worker does: several of them draw no two that are the same.
async fn open(ground: &Ground) -> PostgresStore {
    PostgresStore::open(&ground.url(), Access::Own, Options::default()).await.unwrap()
}

/// How many statements of this database the server was asked for.
fn statements() -> usize {
    installed().log().matches("LOG:  execute ").count()
}

#[tokio::test]
async fn a_page_of_marks_costs_the_same_few_statements_however_long_it_is() {
    let ground = Ground::new(installed()).await;
    let known: Vec<Mark> =
        (0..200).map(|number| mark(opportunity(&format!("006known{number}"), true), 0)).collect();
    put(&open(&ground).await, &known).await;
    // From now on this database's statements are logged, and no other one's.
    let mut session = ground.session().await;
    let name: String = session.fetch_one("SELECT current_database()::text").await.unwrap().get(0);
    session.execute(AssertSqlSafe(format!("ALTER DATABASE {name} SET log_statement = 'all'"))).await.unwrap();
    let store = open(&ground).await;
    let mut costs = Vec::new();
    for (length, of) in [(5, "A"), (200, "B")] {
        let (marks, index, cursors) = page(length, of);
        let before = statements();
        let taken = store.mark(&marks, &index, &cursors, None).await.unwrap();
        assert_eq!(
            taken,
            length * 3,
            "births, known deals and referrals; another's without a deal leave no trace"
        );
        costs.push(statements() - before);
    }
    assert_eq!(costs[0], costs[1], "a page of 20 marks, and one of 800");
    assert!((5..=MOST).contains(&costs[0]), "{costs:?}");
    session.close().await.unwrap();
    ground.end().await;
}
