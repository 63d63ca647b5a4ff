//! What servers said of their budgets outlasts the process; a pause only grows.

use jiff::Timestamp;
use ports::{BudgetBook as _, Platform, Usage};
use store::Options;

use crate::ground::Ground;

#[test]
fn a_pause_outlasts_the_process_and_only_grows() {
    let ground = Ground::new();
    let at = |second| Timestamp::from_second(second).unwrap();
    let store = ground.open_with(Options::default());
    assert_eq!(store.pauses().unwrap(), []);
    store.keep_pause(Platform::PartnerCenter, at(2_000_000_000)).unwrap();
    store.keep_pause(Platform::PartnerCenter, at(1_900_000_000)).unwrap();
    drop(store);
    let store = ground.open_with(Options::default());
    assert_eq!(store.pauses().unwrap(), [(Platform::PartnerCenter, at(2_000_000_000))]);
    store.keep_pause(Platform::Salesforce, at(1_800_000_000)).unwrap();
    assert_eq!(store.pauses().unwrap().len(), 2);
}

#[test]
fn what_a_server_said_of_its_allowance_outlasts_the_process() {
    let ground = Ground::new();
    let usage = |used, second| Usage { used, allowed: 100_000, at: Timestamp::from_second(second).unwrap() };
    let store = ground.open_with(Options::default());
    assert_eq!(store.usages().unwrap(), []);
    store.keep_pause(Platform::Salesforce, Timestamp::from_second(2_000_000_000).unwrap()).unwrap();
    assert_eq!(store.usages().unwrap(), [], "a pause alone says nothing of an allowance");
    store.keep_usage(Platform::Salesforce, usage(80_000, 1_900_000_000)).unwrap();
    store.keep_usage(Platform::Salesforce, usage(79_000, 1_900_000_100)).unwrap();
    drop(store);
    let store = ground.open_with(Options::default());
    assert_eq!(store.usages().unwrap(), [(Platform::Salesforce, usage(79_000, 1_900_000_100))]);
    assert_eq!(store.pauses().unwrap().len(), 1, "and the pause stands");
}
