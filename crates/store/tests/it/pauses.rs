//! A pause that a server asked for outlasts the process, and only grows.

use jiff::Timestamp;
use ports::{PauseBook as _, Platform};
use store::Options;

use crate::ground::Ground;

#[test]
fn a_pause_outlasts_the_process_and_only_grows() {
    let ground = Ground::new();
    let at = |second| Timestamp::from_second(second).unwrap();
    let store = ground.open_with(Options::default());
    assert_eq!(store.pauses().unwrap(), []);
    store.keep(Platform::PartnerCenter, at(2_000_000_000)).unwrap();
    store.keep(Platform::PartnerCenter, at(1_900_000_000)).unwrap();
    drop(store);
    let store = ground.open_with(Options::default());
    assert_eq!(store.pauses().unwrap(), [(Platform::PartnerCenter, at(2_000_000_000))]);
    store.keep(Platform::Salesforce, at(1_800_000_000)).unwrap();
    assert_eq!(store.pauses().unwrap().len(), 2);
}
