//! What the server's own files show after forgetting.

use std::{
    collections::BTreeSet,
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use deal_model::Phase;
use postgres_server::installed;
use sqlx::{Executor as _, PgConnection, Row as _};
use store::{Options, PostgresStore, postgres::Access};
use sync_engine::{Store as _, StoreError, Subject};

use super::Ground;
use crate::{
    contract::sealed,
    ground::at,
    sealed::{REMEMBERED, full},
};

/// Everything that the server keeps of one database, its catalogue included.
struct Files {
    sql: PgConnection,
    folder: PathBuf,
}

impl Files {
    async fn of(ground: &Ground) -> Self {
        let mut sql = ground.session().await;
        let place = "SELECT current_setting('data_directory') || '/base/' || oid FROM pg_database
                     WHERE datname = current_database()";
        let folder: String = sql.fetch_one(place).await.unwrap().get(0);
        // Compressed, it would not be found.
        sql.execute("ALTER TABLE deal ALTER base SET STORAGE EXTERNAL").await.unwrap();
        Self { sql, folder: folder.into() }
    }

    /// Which of these stand in a file, once all that was written is there and all that was dropped is not.
    async fn hold<'n>(&mut self, needles: &'n [Vec<u8>]) -> Vec<&'n [u8]> {
        self.sql.execute("CHECKPOINT").await.unwrap();
        // By their second bytes: all keys begin alike.
        let mut beginning: Vec<Vec<&[u8]>> = vec![Vec::new(); 256];
        for needle in needles {
            beginning[usize::from(needle[1])].push(needle);
        }
        let mut found = BTreeSet::new();
        for file in fs::read_dir(&self.folder).unwrap() {
            let file = fs::read(file.unwrap().path()).unwrap();
            for (at, second) in file.iter().skip(1).enumerate() {
                let like = beginning[usize::from(*second)].iter();
                found.extend(like.filter(|needle| file[at..].starts_with(needle)));
            }
        }
        found.into_iter().collect()
    }

    /// Every data key as it lies in the store, and a value that is remembered in the clear.
    async fn secrets(&mut self) -> Vec<Vec<u8>> {
        let rows = self.sql.fetch_all("SELECT wrapped FROM data_key").await.unwrap();
        let keys = rows.iter().map(|row| row.get(0));
        keys.chain([REMEMBERED.as_bytes().to_vec()]).collect()
    }
}

async fn deals(store: &PostgresStore, most: usize) -> Vec<Subject> {
    let mut subjects = Vec::new();
    for number in 0..most {
        subjects.push(full(store, &format!("006{number}"), Phase::Paused).await);
    }
    subjects
}

#[tokio::test]
async fn what_was_forgotten_stands_in_no_file_of_the_server_though_it_took_samples() {
    let ground = Ground::new(installed()).await;
    let store = ground.open_with(Access::Own, sealed()).await;
    let mut files = Files::of(&ground).await;
    let subjects = deals(&store, 12).await;
    files.sql.execute("ANALYZE").await.unwrap();
    let secrets = files.secrets().await;
    assert_eq!((secrets.len(), files.hold(&secrets).await.len()), (13, 13), "the search finds what is there");
    for subject in &subjects {
        store.forget(subject, "m1", at(5)).await.unwrap();
    }
    store.scrub().await.unwrap();
    assert_eq!(files.hold(&secrets).await, [] as [&[u8]; 0]);
    ground.end().await;
}

/// Forgets a deal while `onlooker` does something that began before, in this database or another one of the server.
async fn waited_for(ground: &Ground, mut onlooker: PgConnection, does: &'static str) {
    let options = Options { scrub_patience: Duration::from_millis(300), ..sealed() };
    let store = ground.open_with(Access::Own, options).await;
    let mut files = Files::of(ground).await;
    let [subject] = deals(&store, 1).await.try_into().unwrap();
    let secrets = files.secrets().await;
    onlooker.execute(does).await.unwrap();
    let process: i32 = onlooker.fetch_one("SELECT pg_backend_pid()").await.unwrap().get(0);
    store.forget(&subject, "m1", at(5)).await.unwrap();
    let refused = refused_for(&store, &format!("process {process} ")).await;
    assert!(refused.contains("fix:"), "{refused:?}");
    onlooker.execute("COMMIT").await.unwrap();
    let store = ground.open_with(Access::Own, sealed()).await;
    store.scrub().await.unwrap();
    assert_eq!(files.hold(&secrets).await, [] as [&[u8]; 0]);
}

/// The refusal that names who or what is in the way. Somebody else of the server may be in it as well, and longer.
async fn refused_for(store: &PostgresStore, name: &str) -> String {
    loop {
        match store.scrub().await {
            Err(StoreError::Failed(why)) if why.contains(name) => return why,
            Err(StoreError::Failed(_)) => {}
            end => panic!("{end:?}"),
        }
    }
}

#[tokio::test]
async fn whoever_still_sees_what_was_erased_is_waited_for_and_named_when_that_takes_too_long() {
    let ground = Ground::new(installed()).await;
    // A table that nobody writes anew: no lock is in the way.
    let reads = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM meta";
    waited_for(&ground, ground.session().await, reads).await;
    ground.end().await;
}

#[tokio::test]
async fn whoever_writes_in_another_database_of_the_server_is_waited_for_too() {
    let (ground, another) = (Ground::new(installed()).await, Ground::new(installed()).await);
    waited_for(&ground, another.session().await, "BEGIN; SELECT pg_current_xact_id()").await;
    ground.end().await;
    another.end().await;
}

#[tokio::test]
async fn a_table_that_is_in_use_is_waited_for_in_short_turns_and_named_when_that_takes_too_long() {
    let ground = Ground::new(installed()).await;
    let options = Options { scrub_patience: Duration::from_millis(300), ..sealed() };
    let store = ground.open_with(Access::Own, options).await;
    let mut reader = ground.session().await;
    // It sees nothing that was erased, and keeps the table all the same.
    reader.execute("BEGIN; LOCK TABLE cursor IN ACCESS SHARE MODE").await.unwrap();
    let looks = async {
        // Whoever reads meanwhile waits no longer than one turn.
        let began = Instant::now();
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            store.cursor("portal.referrals").await.unwrap();
        }
        began.elapsed()
    };
    let (refused, looks) = tokio::join!(refused_for(&store, "table cursor"), looks);
    assert!(refused.contains("fix:"), "{refused:?}");
    assert!(looks < Duration::from_secs(8), "{looks:?}");
    reader.execute("COMMIT").await.unwrap();
    let store = ground.open_with(Access::Own, sealed()).await;
    store.scrub().await.unwrap();
    ground.end().await;
}
