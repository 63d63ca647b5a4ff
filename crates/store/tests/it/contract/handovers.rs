//! A deal gives up its one record only when nothing else hangs on it.

use deal_model::{Phase, Side};
use sync_engine::{AuditLine, Commit, Disposition, Store};

use super::on_every_store;
use crate::ground::{at, claim, claimed_deal, ending, load, mark, opportunity, put};

on_every_store![
    a_deal_with_one_half_gives_it_up_and_another_may_take_it,
    a_deal_that_is_linked_or_in_a_pass_keeps_its_record,
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
    assert!(!store.give_up(&half.id, Side::Portal, &line(), at(5)).await.unwrap(), "it has none there");
    assert!(store.give_up(&half.id, Side::Crm, &line(), at(5)).await.unwrap());
    assert!(!store.give_up(&half.id, Side::Crm, &line(), at(5)).await.unwrap(), "once");
    let left = load(store, &half.id).await;
    assert_eq!((left.links.crm, left.phase), (None, Phase::Finished));
    assert_eq!(store.history(&half.id, 9).await.unwrap().len(), 1);
    assert_eq!(claim(store, "worker", 6, 10).await, [], "nothing is left to do for it");
    deal.links.crm = Some("006A".into());
    store.commit(&Commit { deal: Some(deal.clone()), ..ending(&other, Disposition::Done, 7) }).await.unwrap();
    assert_eq!(store.deal_of(Side::Crm, &"006A".into()).await.unwrap(), Some(deal.id));
    assert!(!store.give_up(&"none".into(), Side::Crm, &line(), at(8)).await.unwrap());
}

async fn a_deal_that_is_linked_or_in_a_pass_keeps_its_record(store: &dyn Store) {
    let (claimed, mut deal) = claimed_deal(store, "006A").await;
    assert!(!store.give_up(&deal.id, Side::Crm, &line(), at(5)).await.unwrap(), "a pass has it");
    deal.links.portal = Some("r1".into());
    let commit = Commit { deal: Some(deal.clone()), ..ending(&claimed, Disposition::Done, 6) };
    store.commit(&commit).await.unwrap();
    for side in Side::BOTH {
        assert!(!store.give_up(&deal.id, side, &line(), at(7)).await.unwrap(), "it has two halves");
    }
    assert_eq!(load(store, &deal.id).await.links, deal.links);
    assert_eq!(store.history(&deal.id, 9).await.unwrap(), []);
}
