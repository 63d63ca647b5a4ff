//! What is forgotten stands in no file of the database server: neither in its tables nor in its log (the threat model).

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sqlx::{Executor as _, PgConnection, Row as _};

use super::world::World;
use crate::{
    harness::until,
    privacy::{Tagged, in_files},
    scenarios::says,
};

/// In every word that is to be forgotten.
const TAG: &str = "vergqzxwu";

/// Compressed, a text would not be found.
const UNCOMPRESSED: &str = "DO $$ DECLARE each record; BEGIN
    FOR each IN SELECT attrelid::regclass AS place, attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0 AND attstorage = 'x' LOOP
        EXECUTE format('ALTER TABLE %s ALTER %I SET STORAGE EXTERNAL', each.place, each.attname);
    END LOOP; END $$";

/// What the server keeps of the database, and of everything that was ever written.
struct Places {
    tables: PathBuf,
    log: PathBuf,
    others: [PathBuf; 3],
}

impl Places {
    async fn of(session: &mut PgConnection) -> Self {
        let place = "SELECT current_setting('data_directory'), oid::text FROM pg_database
                     WHERE datname = current_database()";
        let row = session.fetch_one(place).await.unwrap();
        let data: PathBuf = row.get::<String, _>(0).into();
        Self {
            tables: data.join("base").join(row.get::<String, _>(1)),
            log: data.join("pg_wal"),
            others: ["global", "pg_stat", "pg_logical"].map(|name| data.join(name)),
        }
    }

    /// Where the tag stands, in whatever way it is written down: in the tables, in the log, and elsewhere.
    async fn search(&self, session: &mut PgConnection) -> [Vec<Tagged>; 3] {
        session.execute("CHECKPOINT").await.unwrap();
        let search = |place: &Path| in_files(place, TAG);
        let others = self.others.iter().flat_map(|place| search(place)).collect();
        [search(&self.tables), search(&self.log), others]
    }
}

/// The seller takes the deal out, and it rests.
async fn rests(world: &World, opportunity: &str) {
    world.seller_edits(opportunity, json!({ "Sync_with_Partner_Center__c": false })).await;
    until("the pause", || async {
        let shown = world.cosell_json(&["deals", "show", opportunity]).pop()?;
        (shown["deal"]["phase"] == "paused").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_forgotten_stands_in_no_file_of_the_server_and_not_in_its_log_once_that_is_deleted() {
    let world = World::start(41).await;
    assert!(world.cosell(&["store", "migrate"]).status.success());
    let mut session = world.session().await;
    session.execute(UNCOMPRESSED).await.unwrap();
    // As `forget` says: the server deletes what it would write over later.
    session.execute("ALTER SYSTEM SET wal_recycle = off").await.unwrap();
    session.execute("SELECT pg_reload_conf()").await.unwrap();
    let places = Places::of(&mut session).await;
    let mut worker = world.process("worker", "worker").await;
    worker.start();

    let (opportunity, referral) = world.pair(&format!("{TAG} rollout"), false).await;
    let notes = format!("{TAG} as the seller says");
    world.seller_edits(&opportunity, json!({ "Description": notes })).await;
    world.until_referral(&referral, "/details/notes", says(&notes)).await;
    rests(&world, &opportunity).await;
    let [tables, log, _] = places.search(&mut session).await;
    for (what, found) in [("tables", tables), ("log", log)] {
        let plainly = found.iter().any(|(_, ways)| ways.contains(&"plain"));
        assert!(plainly, "the search finds what stands in the {what}: {found:?}");
    }

    // Beside the worker that runs.
    let told = world.cosell_json(&["forget", &opportunity, "--yes"]).pop().unwrap();
    assert_eq!(told["subjects"][0]["in_step"], false, "{told:#}");
    assert!(told["bytes_written_anew"].as_u64() > Some(0), "{told:#}");
    let said = world.cosell(&["forget", &referral, "--yes"]);
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.contains("wal_recycle"), "what the log keeps is said: {said}");
    session.execute("SELECT pg_switch_wal()").await.unwrap();
    session.execute("CHECKPOINT").await.unwrap();
    assert_eq!(places.search(&mut session).await, [const { Vec::<Tagged>::new() }; 3]);
    assert_eq!(in_files(world.folder(), TAG), [], "nor in what the program writes");

    worker.must_run();
    let (other, its) = world.pair("Another deal", false).await;
    world.seller_edits(&other, json!({ "Amount": 8_000 })).await;
    world.until_referral(&its, "/details/dealValue", |value: &Value| value.as_f64() == Some(8_000.0)).await;
    assert_eq!(
        places.search(&mut session).await,
        [const { Vec::<Tagged>::new() }; 3],
        "it was not brought back"
    );
    worker.stop();
}
