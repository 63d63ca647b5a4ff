//! A deal gives up its one record only when nothing else hangs on it.

use deal_model::{Archived, DealId, Memory, Phase, Side, Version};
use sync_engine::{AuditLine, Commit, Disposition, Store, Subject, WriteAhead};

use super::on_every_store;
use crate::ground::{ahead, at, claim, claimed_deal, ending, load, mark, opportunity, put};

on_every_store![
    a_deal_with_one_half_gives_it_up_and_another_may_take_it,
    a_deal_that_is_linked_or_in_a_pass_keeps_its_record,
    a_deal_that_gave_its_record_up_remembers_nothing_and_is_forgotten_with_the_one_that_has_it,
];

fn line() -> AuditLine {
    AuditLine {
        at: at(5),
        what: "gave up".to_owned(),
        side: None,
        groups: Vec::new(),
        sentence: "Gave its opportunity away.".to_owned(),
        took_ms: None,
        mapping: "1".to_owned(),
        erased: None,
    }
}

async fn a_deal_with_one_half_gives_it_up_and_another_may_take_it(store: &dyn Store) {
    let (claimed, half) = claimed_deal(store, "006A").await;
    store.commit(&ending(&claimed, Disposition::Done, 1)).await.unwrap();
    let (other, mut deal) = claimed_deal(store, "006B").await;
    put(store, &[mark(opportunity("006A", false), 2)]).await;
    assert!(
        !store.give_up(&half.id, Side::Portal, &deal.id, &line(), at(5)).await.unwrap(),
        "it has none there"
    );
    assert!(store.give_up(&half.id, Side::Crm, &deal.id, &line(), at(5)).await.unwrap());
    assert!(!store.give_up(&half.id, Side::Crm, &deal.id, &line(), at(5)).await.unwrap(), "once");
    let left = load(store, &half.id).await;
    assert_eq!((left.links.crm, left.phase), (None, Phase::Finished));
    assert_eq!(store.history(&half.id, 9).await.unwrap().len(), 1);
    assert_eq!(claim(store, "worker", 6, 10).await, [], "nothing is left to do for it");
    deal.links.crm = Some("006A".into());
    store.commit(&Commit { deal: Some(deal.clone()), ..ending(&other, Disposition::Done, 7) }).await.unwrap();
    assert_eq!(store.deal_of(Side::Crm, &"006A".into()).await.unwrap(), Some(deal.id.clone()));
    assert!(!store.give_up(&"none".into(), Side::Crm, &deal.id, &line(), at(8)).await.unwrap());
}

/// A deal that is told of and remembers something, and gave its opportunity to `to`.
async fn absorbed(store: &dyn Store, crm: &str, to: &DealId) -> DealId {
    let (claim, mut half) = claimed_deal(store, crm).await;
    half.memory.not_added.insert("team".into(), at(1));
    let lost = Archived {
        group: "notes".into(),
        side: Side::Crm,
        value: deal_model::GroupHeld::new(),
        reason: "it lost".to_owned(),
        version: Version { stamp: at(0), tag: None },
    };
    store.write_ahead(&WriteAhead { archive: vec![lost], ..ahead(&claim, &half.id, 1) }).await.unwrap();
    let commit = Commit { deal: Some(half.clone()), ..ending(&claim, Disposition::Done, 1) };
    store.commit(&commit).await.unwrap();
    assert!(store.give_up(&half.id, Side::Crm, to, &line(), at(5)).await.unwrap());
    half.id
}

async fn a_deal_that_gave_its_record_up_remembers_nothing_and_is_forgotten_with_the_one_that_has_it(
    store: &dyn Store,
) {
    let (claim, deal) = claimed_deal(store, "006A").await;
    store.commit(&ending(&claim, Disposition::Done, 1)).await.unwrap();
    let first = absorbed(store, "006B", &deal.id).await;
    let before_it = absorbed(store, "006C", &first).await;
    let of_another = absorbed(store, "006D", &"another".into()).await;
    assert_eq!(load(store, &first).await.memory, Memory::default());

    let told = store.forget(&Subject::Deal(deal.id.clone()), "m1", at(9)).await.unwrap();
    assert_eq!((told.lines, told.archived, told.in_step), (2, 2, true));
    for taken in [&first, &before_it] {
        assert_eq!(store.forgotten(taken).await.unwrap(), Some(at(9)));
        assert!(store.archive(taken, 9).await.unwrap().iter().all(|row| row.erased.is_some()));
    }
    assert_eq!(store.forgotten(&of_another).await.unwrap(), None);
}

async fn a_deal_that_is_linked_or_in_a_pass_keeps_its_record(store: &dyn Store) {
    let (claimed, mut deal) = claimed_deal(store, "006A").await;
    assert!(
        !store.give_up(&deal.id, Side::Crm, &"other".into(), &line(), at(5)).await.unwrap(),
        "a pass has it"
    );
    deal.links.portal = Some("r1".into());
    let commit = Commit { deal: Some(deal.clone()), ..ending(&claimed, Disposition::Done, 6) };
    store.commit(&commit).await.unwrap();
    for side in Side::BOTH {
        assert!(
            !store.give_up(&deal.id, side, &"other".into(), &line(), at(7)).await.unwrap(),
            "it has two halves"
        );
    }
    assert_eq!(load(store, &deal.id).await.links, deal.links);
    assert_eq!(store.history(&deal.id, 9).await.unwrap(), []);
}
