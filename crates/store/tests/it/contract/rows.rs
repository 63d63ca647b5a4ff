//! Rows come back as they were written, and lists and numbers agree with them.

use deal_model::{
    Actor, CompanionState, Deal, Definitions, Facts, Fingerprint, Fuse, Held, Irreversible, Life, Mapped,
    Observation, Observed, PerSide, Phase, PortalFacts, Problem, ProblemClass, Reading, Rejection, Response,
    Side, Value, Version, WaitingEffect, Window,
};
use sync_engine::{Commit, ConnectionProblem, Counts, Disposition, LeadMemory, Store, StoreError};

use super::on_every_store;
use crate::ground::{at, claim_one, claimed_deal, ending, entry, load, mark, opportunity, put, referral};

on_every_store![
    a_deal_comes_back_as_it_was_written,
    unknown_deals_are_left_out_and_the_order_is_kept,
    many_deals_are_read_at_once,
    the_list_goes_on_after_an_id,
    numbers_count_the_rows,
    seen_tells_the_newest_version_of_linked_records_only,
    companions_that_may_still_answer_are_found_after_an_id,
    what_is_kept_of_a_lead_comes_back_and_only_its_claim_may_write_it,
    an_unanswered_referral_is_listed_with_the_time_it_expires,
    own_referrals_are_found_by_their_external_reference,
    a_connections_problem_is_as_old_as_when_it_was_told_first,
];

fn value(text: &str) -> Held {
    Held::Value(Value::Text(text.to_owned()))
}

/// Every part of a deal holds something.
fn full(mut deal: Deal) -> Deal {
    let version =
        Version { stamp: "2026-11-22T10:00:00.123456789Z".parse().unwrap(), tag: Some("W/\"1\"".to_owned()) };
    deal.links.portal = Some("r1".into());
    deal.links.companion = Some("ms1".into());
    deal.links.engagement = Some("e1".into());
    deal.phase = Phase::Paused;
    let held = [("notes".into(), value("Größe \"x\""))];
    deal.memory.base =
        [("notes".into(), PerSide::new(held.into(), [("notes".into(), Held::Empty)].into()))].into();
    let window = Window::observe(None, Fingerprint("f".to_owned()), at(3));
    deal.memory.windows = [("notes".into(), PerSide::new(Some(window), None))].into();
    deal.memory.life = Some(PerSide::new(Life::Won, Life::Lost { reason: Some("price".to_owned()) }));
    deal.memory.answered = Some(Response::Accept);
    deal.memory.versions = PerSide::new(Some(version.clone()), None);
    deal.memory.fuse = [("notes".into(), Fuse { side: Side::Crm, at: at(1), length: 2, blown: true })].into();
    deal.memory.rejected = vec![Rejection {
        group: "money".into(),
        side: Side::Portal,
        sent: Fingerprint("a".to_owned()),
        held: Fingerprint("b".to_owned()),
        mapping: "1".to_owned(),
        at: at(5),
        message: "no".to_owned(),
    }];
    deal.memory.not_added.insert("team".into(), at(6));
    deal.memory.mapped = Mapped {
        under: Some(Definitions {
            groups: [("money".into(), Fingerprint("d1".to_owned()))].into(),
            life: Some(Fingerprint("d2".to_owned())),
            answer: Some(Fingerprint("d3".to_owned())),
        }),
        differs: [("money".into(), at(7))].into(),
        life_differs: Some(at(8)),
        companion: Some(Fingerprint("d4".to_owned())),
    };
    deal.memory.reported.at = Some(at(4));
    let reading = Reading::plain(Observed::Value(Value::Number("1234567.891".parse().unwrap())));
    deal.memory.companion = [("status".into(), reading.clone())].into();
    deal.memory.companion_state = Some(received(99));
    deal.memory.stand_in = Some(Box::new(Observation {
        record: "r1".into(),
        version,
        read_at: at(5),
        actor: Actor::Person,
        life: Life::Active { sales_stage: None },
        fields: [("amount".into(), reading)].into(),
        facts: Facts::Portal(PortalFacts::default()),
    }));
    deal.waiting = ["won", "lost"]
        .map(|target| WaitingEffect {
            kind: Irreversible::Close,
            target: target.to_owned(),
            since: at(1),
            not_before: at(600),
            withdrawn: target == "lost",
        })
        .into();
    deal.problems = vec![Problem {
        class: ProblemClass::Data,
        field: Some("notes".into()),
        sentence: "Too long.".to_owned(),
        next_step: "Shorten it.".to_owned(),
        since: at(2),
    }];
    deal
}

async fn written(store: &dyn Store) -> Deal {
    let (claim, deal) = claimed_deal(store, "006A").await;
    let deal = full(deal);
    let commit = Commit { deal: Some(deal.clone()), ..ending(&claim, Disposition::Done, 7) };
    store.commit(&commit).await.unwrap();
    deal
}

async fn a_deal_comes_back_as_it_was_written(store: &dyn Store) {
    let deal = written(store).await;
    assert_eq!(load(store, &deal.id).await, deal);
}

async fn unknown_deals_are_left_out_and_the_order_is_kept(store: &dyn Store) {
    let (_, first) = claimed_deal(store, "006A").await;
    let (_, second) = claimed_deal(store, "006B").await;
    let ids = [second.id.clone(), "nobody".into(), first.id.clone()];
    assert_eq!(store.deals(&ids).await.unwrap(), [second, first]);
}

async fn many_deals_are_read_at_once(store: &dyn Store) {
    let marks: Vec<_> = (0..2_500).map(|id| mark(opportunity(&format!("006{id}"), true), 0)).collect();
    assert_eq!(put(store, &marks).await, 2_500);
    let mut listed = Vec::new();
    loop {
        let page = store.list(listed.last(), 999).await.unwrap();
        if page.is_empty() {
            break;
        }
        listed.extend(page.into_iter().map(|deal| deal.id));
    }
    let deals = store.deals(&listed).await.unwrap();
    assert_eq!(deals.into_iter().map(|deal| deal.id).collect::<Vec<_>>(), listed);
    assert_eq!(listed.len(), 2_500);
}

async fn the_list_goes_on_after_an_id(store: &dyn Store) {
    let deal = written(store).await;
    let page = store.list(None, 10).await.unwrap();
    assert_eq!(page.len(), 1);
    let summary = &page[0];
    assert_eq!((&summary.opportunity, &summary.referral), (&deal.links.crm, &deal.links.portal));
    assert_eq!((&summary.companion, summary.phase), (&deal.links.companion, Phase::Paused));
    assert_eq!((summary.waiting, &summary.problems, summary.updated), (2, &deal.problems, at(7)));
    assert_eq!(store.list(Some(&deal.id), 10).await.unwrap(), []);
}

async fn numbers_count_the_rows(store: &dyn Store) {
    written(store).await;
    put(store, &[mark(opportunity("006B", true), 5), mark(opportunity("006C", true), 50)]).await;
    let expected = Counts {
        deals: 3,
        pairs: 1,
        problems: 1,
        waiting: 2,
        paused: 1,
        due: 1,
        remapped: 1,
        ..Counts::default()
    };
    assert_eq!(store.counts(at(10)).await.unwrap(), expected);
}

async fn seen_tells_the_newest_version_of_linked_records_only(store: &dyn Store) {
    let deal = written(store).await;
    let stamp = deal.memory.versions.portal.map(|version| version.stamp);
    let asked = ["r1".into(), "ms1".into(), "r9".into()];
    let mut seen = store.seen(Side::Portal, &asked).await.unwrap();
    seen.sort();
    assert_eq!(seen, [("ms1".into(), None), ("r1".into(), stamp)]);
    assert_eq!(store.seen(Side::Crm, &["006A".into()]).await.unwrap(), [("006A".into(), None)]);
    assert_eq!(store.deal_of(Side::Portal, &"ms1".into()).await.unwrap(), Some(deal.id.clone()));
    assert_eq!(store.deal_of_engagement(&"e1".into()).await.unwrap(), Some(deal.id));
}

async fn own_referrals_are_found_by_their_external_reference(store: &dyn Store) {
    let external = Some(Fingerprint("x".to_owned()));
    let own = sync_engine::IndexEntry { external: external.clone(), ..entry("r1", 1) };
    let theirs = sync_engine::IndexEntry { ours: false, companion: true, external, ..entry("r2", 1) };
    store.mark(&[], &[own.clone(), theirs], &[], None).await.unwrap();
    assert_eq!(store.referrals_with(&Fingerprint("x".to_owned())).await.unwrap(), [own]);
}

async fn a_connections_problem_is_as_old_as_when_it_was_told_first(store: &dyn Store) {
    let problem = |since| ConnectionProblem {
        key: "k".to_owned(),
        sentence: "No access.".to_owned(),
        next_step: "Grant it.".to_owned(),
        since: at(since),
    };
    store.connection_problem("k", Some(&problem(1))).await.unwrap();
    store.connection_problem("k", Some(&problem(9))).await.unwrap();
    assert_eq!(store.connection_problems().await.unwrap(), [problem(1)]);
    store.connection_problem("k", None).await.unwrap();
    assert_eq!(store.connection_problems().await.unwrap(), []);
}

fn received(expires: i64) -> CompanionState {
    CompanionState { life: Life::Received, expires: Some(at(expires)) }
}

async fn companions_that_may_still_answer_are_found_after_an_id(store: &dyn Store) {
    let mut ids = Vec::new();
    for (number, state) in [
        ("1", Some(received(9))),
        ("2", Some(CompanionState { life: Life::Won, expires: None })),
        ("3", None),
        ("4", Some(received(9))),
    ] {
        let (claim, mut deal) = claimed_deal(store, &format!("006{number}")).await;
        deal.links.companion = Some(format!("ms{number}").as_str().into());
        deal.memory.companion_state = state;
        let commit = Commit { deal: Some(deal.clone()), ..ending(&claim, Disposition::Done, 1) };
        store.commit(&commit).await.unwrap();
        ids.push(deal.id);
    }
    let (claim, deal) = claimed_deal(store, "0065").await;
    store.commit(&Commit { deal: Some(deal), ..ending(&claim, Disposition::Done, 1) }).await.unwrap();
    let mut open = vec![ids[0].clone(), ids[2].clone(), ids[3].clone()];
    open.sort();
    assert_eq!(store.open_companions(None, 10).await.unwrap(), open, "never read, or not at its end");
    assert_eq!(store.open_companions(None, 2).await.unwrap(), open[..2]);
    assert_eq!(store.open_companions(Some(&open[1]), 2).await.unwrap(), open[2..]);
}

async fn what_is_kept_of_a_lead_comes_back_and_only_its_claim_may_write_it(store: &dyn Store) {
    put(store, &[mark(referral("r1", true), 1)]).await;
    let claim = claim_one(store, 1).await;
    assert_eq!(store.lead(&"r1".into()).await.unwrap(), None);
    let pair = PerSide::new(Fingerprint("p".to_owned()), Fingerprint("c".to_owned()));
    let memory = LeadMemory { base: [("phone".into(), pair)].into(), note: Some("x".to_owned()) };
    store.keep_lead(&claim.fence, &"r1".into(), &memory).await.unwrap();
    assert_eq!(store.lead(&"r1".into()).await.unwrap(), Some(memory.clone()));
    store.commit(&ending(&claim, Disposition::Done, 2)).await.unwrap();
    let late = store.keep_lead(&claim.fence, &"r1".into(), &LeadMemory::default()).await;
    assert!(matches!(late, Err(StoreError::Fenced(_))), "{late:?}");
    assert_eq!(store.lead(&"r1".into()).await.unwrap(), Some(memory));
}

async fn an_unanswered_referral_is_listed_with_the_time_it_expires(store: &dyn Store) {
    let (claim, deal) = claimed_deal(store, "0061").await;
    let mut deal = full(deal);
    deal.memory.companion_state = Some(received(77));
    let stand_in = deal.memory.stand_in.as_mut().unwrap();
    stand_in.life = Life::Received;
    stand_in.facts = Facts::Portal(PortalFacts { expires: Some(at(88)), ..PortalFacts::default() });
    let commit = Commit { deal: Some(deal.clone()), ..ending(&claim, Disposition::Keep, 1) };
    store.commit(&commit).await.unwrap();
    let listed = store.list(None, 1).await.unwrap().pop().unwrap();
    assert_eq!((listed.expires, listed.companion_expires), (Some(at(88)), Some(at(77))));
    deal.memory.companion_state = Some(CompanionState { life: Life::Won, expires: Some(at(77)) });
    deal.memory.stand_in.as_mut().unwrap().life = Life::Won;
    store.commit(&Commit { deal: Some(deal), ..commit }).await.unwrap();
    let listed = store.list(None, 1).await.unwrap().pop().unwrap();
    assert_eq!((listed.expires, listed.companion_expires), (None, None), "a clock that stopped");
}
