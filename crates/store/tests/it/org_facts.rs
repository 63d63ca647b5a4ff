//! What was found out about the org lasts, and an older look never takes the place of a newer one.

use jiff::Timestamp;
use store::{Options, SqliteStore, sqlite::OrgFact};

use crate::ground::Ground;

fn fact(value: &str, second: i64) -> OrgFact {
    OrgFact {
        name: "team selling".to_owned(),
        value: value.to_owned(),
        at: Timestamp::from_second(second).unwrap(),
    }
}

#[test]
fn the_newer_look_at_the_org_counts_also_from_beside_the_service() {
    let ground = Ground::new();
    let owner = ground.open_with(Options::default());
    assert_eq!(owner.org_facts().unwrap(), []);
    owner.keep_org_facts(&[fact("on", 2_000)]).unwrap();
    let beside = SqliteStore::open_beside(ground.path(), Options::default()).unwrap();
    beside.keep_org_facts(&[fact("off or hidden", 1_000)]).unwrap();
    assert_eq!(owner.org_facts().unwrap(), [fact("on", 2_000)]);
    beside.keep_org_facts(&[fact("off or hidden", 3_000)]).unwrap();
    drop(owner);
    assert_eq!(ground.open_with(Options::default()).org_facts().unwrap(), [fact("off or hidden", 3_000)]);
}
