//! Forgetting: what was kept can be read no more, what is proved stays proved, and whoever is at work writes nothing back.

use deal_model::{
    Archived, Deal, DealId, Held, Memory, Phase, Problem, ProblemClass, Side, Value, Verdict, Version,
};
use store::{Database, Remark};
use sync_engine::{
    ChainStep, Commit, Cursor, Disposition, NewDecision, PauseScope, PauseWish, Store, StoreError, Subject,
    WriteAhead,
};

use super::{
    histories::{head, line, proved},
    on_every_store,
};
use crate::ground::{
    ahead, at, claim, claim_one, claimed_deal, ending, load, mark, opportunity, put, referral,
};

on_every_store! {
    what_is_forgotten_can_be_read_no_more_and_its_history_is_proved_all_the_same,
    a_deal_that_rests_forgets_what_it_remembers,
    a_deal_that_is_kept_in_step_goes_on_knowing_what_both_sides_hold,
    whoever_works_on_a_resting_deal_writes_nothing_of_it_back,
    a_closed_deal_that_was_forgotten_is_never_looked_at_again,
    a_paused_deal_that_was_forgotten_can_be_resumed,
    what_comes_after_is_sealed_anew_and_can_be_forgotten_again,
    an_address_is_found_wherever_it_stands,
    the_search_for_an_address_goes_on_from_page_to_page,
    an_address_in_free_text_is_found_whatever_stands_around_it,
    a_deal_that_is_not_there_cannot_be_forgotten,
    the_reasons_of_a_deals_pauses_are_forgotten_with_it,
    operators_words_and_names_are_found_by_an_address_and_taken_out,
}

const ADDRESS: &str = "jo.kunde@northwind.example";
const OPERATOR: &str = "ann@fabrikam.example";

fn lost(text: &str) -> Archived {
    Archived {
        group: "notes".into(),
        side: Side::Crm,
        value: [("notes".into(), Held::Value(Value::Text(text.to_owned())))].into(),
        reason: format!("{text} lost"),
        version: Version { stamp: at(0), tag: None },
    }
}

/// A deal in this phase, with a line, a losing value and a remembered one that all say `text`.
async fn full(store: &dyn Store, crm: &str, phase: Phase, text: &str) -> DealId {
    let (claim, mut deal) = claimed_deal(store, crm).await;
    let write_ahead = WriteAhead { archive: vec![lost(text)], ..ahead(&claim, &deal.id, 1) };
    store.write_ahead(&write_ahead).await.unwrap();
    deal.phase = phase;
    remember(&mut deal, text);
    let audit = vec![line(1, &format!("{text} was told"))];
    let commit = Commit { deal: Some(deal.clone()), audit, ..ending(&claim, Disposition::Done, 1) };
    store.commit(&commit).await.unwrap();
    deal.id
}

fn remember(deal: &mut Deal, text: &str) {
    let held = [("notes".into(), Held::Value(Value::Text(text.to_owned())))].into();
    let both = deal_model::PerSide::new(held, deal_model::GroupHeld::new());
    deal.memory.base.insert("notes".into(), both);
    deal.problems = vec![Problem {
        class: ProblemClass::Data,
        field: None,
        sentence: format!("{text} cannot be sent."),
        next_step: "Look at it.".to_owned(),
        since: at(1),
    }];
}

async fn forget(store: &dyn Store, deal: &DealId, second: i64) -> sync_engine::Forgotten {
    store.forget(&Subject::Deal(deal.clone()), "m1", at(second)).await.unwrap()
}

async fn what_is_forgotten_can_be_read_no_more_and_its_history_is_proved_all_the_same(store: &dyn Store) {
    let deal = full(store, "006A", Phase::Finished, "a secret").await;
    let before = head(store, &deal).await;
    assert_eq!(store.forgotten(&deal).await.unwrap(), None);
    let told = forget(store, &deal, 5).await;
    assert_eq!((told.lines, told.archived, told.in_step), (1, 1, false));
    assert_eq!(store.forgotten(&deal).await.unwrap(), Some(at(5)));

    let [erased] = store.archive(&deal, 9).await.unwrap().try_into().unwrap();
    assert_eq!((erased.erased, erased.at), (Some(at(5)), at(1)));
    assert!(erased.archived.value.is_empty() && erased.archived.reason.is_empty(), "{erased:?}");
    let [said, was] = store.history(&deal, 9).await.unwrap().try_into().unwrap();
    assert_eq!((was.erased, was.sentence.as_str(), was.what.as_str()), (Some(at(5)), "", "updated"));
    assert_eq!((said.erased, said.what.as_str()), (None, "forgotten"));
    assert!(said.sentence.contains("erased"), "{}", said.sentence);

    let after = head(store, &deal).await;
    assert_eq!((before.length, after.length), (1, 2), "the line that was there, and that it was forgotten");
    for head in [&before, &after] {
        assert_eq!(proved(store, head, 1).await.1, ChainStep::Proved);
    }
}

async fn a_deal_that_rests_forgets_what_it_remembers(store: &dyn Store) {
    for (crm, phase) in [("006A", Phase::Finished), ("006B", Phase::Paused)] {
        let id = full(store, crm, phase, "a secret").await;
        let before = load(store, &id).await;
        forget(store, &id, 5).await;
        let after = load(store, &id).await;
        assert_eq!(after.memory, Memory::default());
        assert_eq!((after.problems.len(), after.waiting.len(), after.phase), (0, 0, phase));
        assert_eq!(after.links, before.links, "its records are known, so that they beget no second deal");
    }
}

async fn a_deal_that_is_kept_in_step_goes_on_knowing_what_both_sides_hold(store: &dyn Store) {
    let id = full(store, "006A", Phase::Live, "a secret").await;
    let before = load(store, &id).await;
    let told = forget(store, &id, 5).await;
    assert!(told.in_step);
    assert_eq!(load(store, &id).await, before);
    assert!(store.archive(&id, 9).await.unwrap().iter().all(|row| row.erased.is_some()));
}

async fn whoever_works_on_a_resting_deal_writes_nothing_of_it_back(store: &dyn Store) {
    let id = full(store, "006A", Phase::Paused, "a secret").await;
    put(store, &[mark(sync_engine::Target::Deal(id.clone()), 2)]).await;
    let at_work = claim_one(store, 2).await;
    let read = load(store, &id).await;
    forget(store, &id, 3).await;
    let commit = Commit {
        deal: Some(read),
        audit: vec![line(4, "a secret again")],
        ..ending(&at_work, Disposition::Done, 4)
    };
    let refused = store.commit(&commit).await;
    assert!(matches!(refused, Err(StoreError::Fenced(_))), "{refused:?}");
    assert_eq!(load(store, &id).await.memory, Memory::default());
}

async fn a_closed_deal_that_was_forgotten_is_never_looked_at_again(store: &dyn Store) {
    let id = full(store, "006A", Phase::Finished, "a secret").await;
    let looked = mark(sync_engine::Target::Deal(id.clone()), 2);
    put(store, std::slice::from_ref(&looked)).await;
    forget(store, &id, 3).await;
    for target in [sync_engine::Target::Deal(id.clone()), opportunity("006A", true)] {
        assert_eq!(put(store, &[mark(target, 4)]).await, 0, "such a mark leaves no trace");
    }
    assert_eq!(claim(store, "worker", 9, 9).await, []);
    let push = NewDecision {
        deal: id.clone(),
        verdict: Verdict::Push,
        by: "ada".to_owned(),
        sentence: "ada pushes".to_owned(),
        mapping: "m1".to_owned(),
        instead_of: None,
        now: at(5),
    };
    let refused = store.decide(&push).await;
    assert!(matches!(&refused, Err(StoreError::Failed(why)) if why.contains("forgotten")), "{refused:?}");
    assert_eq!(store.decisions(&id, 9).await.unwrap(), []);
}

async fn a_paused_deal_that_was_forgotten_can_be_resumed(store: &dyn Store) {
    let id = full(store, "006A", Phase::Paused, "a secret").await;
    forget(store, &id, 3).await;
    put(store, &[mark(opportunity("006A", true), 4)]).await;
    let claim = claim_one(store, 9).await;
    assert_eq!(claim.subject, Subject::Deal(id));
}

async fn what_comes_after_is_sealed_anew_and_can_be_forgotten_again(store: &dyn Store) {
    let id = full(store, "006A", Phase::Live, "a secret").await;
    forget(store, &id, 3).await;
    put(store, &[mark(opportunity("006A", false), 4)]).await;
    let claim = claim_one(store, 4).await;
    let commit = Commit { audit: vec![line(5, "a new one")], ..ending(&claim, Disposition::Done, 5) };
    store.commit(&commit).await.unwrap();
    assert_eq!(store.history(&id, 1).await.unwrap()[0].sentence, "a new one");
    let told = forget(store, &id, 6).await;
    assert_eq!((told.lines, told.archived), (2, 0), "that it was forgotten is erased with the rest");
    let erased: Vec<_> = store.history(&id, 9).await.unwrap().iter().map(|line| line.erased).collect();
    assert_eq!(erased, [None, Some(at(6)), Some(at(6)), Some(at(3))]);
    assert_eq!(store.forgotten(&id).await.unwrap(), Some(at(6)));
    assert_eq!(proved(store, &head(store, &id).await, 2).await.1, ChainStep::Proved);
}

async fn found(store: &dyn Store, most: usize) -> Vec<Subject> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = store.mentions(ADDRESS, after.as_ref(), most).await.unwrap();
        assert!(page.looked <= most, "a page has its bound");
        found.extend(page.found);
        match page.last {
            Some(last) => after = Some(last),
            None => break,
        }
    }
    found.sort();
    found
}

async fn an_address_is_found_wherever_it_stands(store: &dyn Store) {
    let mut named = Vec::new();
    // In history and archive alone, in what is remembered alone, in a decision alone.
    let (claim_a, a) = claimed_deal(store, "006A").await;
    let audit = vec![line(1, &format!("{ADDRESS} was left out."))];
    store.commit(&Commit { audit, ..ending(&claim_a, Disposition::Done, 1) }).await.unwrap();
    named.push(a.id);
    let (claim_b, b) = claimed_deal(store, "006B").await;
    let archive = vec![lost(&ADDRESS.to_uppercase())];
    store.write_ahead(&WriteAhead { archive, ..ahead(&claim_b, &b.id, 1) }).await.unwrap();
    store.commit(&ending(&claim_b, Disposition::Done, 1)).await.unwrap();
    named.push(b.id);
    let (claim_c, mut c) = claimed_deal(store, "006C").await;
    remember(&mut c, ADDRESS);
    c.problems.clear();
    let commit = Commit { deal: Some(c.clone()), ..ending(&claim_c, Disposition::Done, 1) };
    store.commit(&commit).await.unwrap();
    named.push(c.id);
    full(store, "006D", Phase::Live, "somebody.else@northwind.example").await;
    put(store, &[mark(referral("r1", true), 0)]).await;
    let claim = claim_one(store, 1).await;
    let audit = vec![line(1, &format!("A lead of {ADDRESS}"))];
    store.commit(&Commit { audit, ..ending(&claim, Disposition::Done, 1) }).await.unwrap();

    let mut wanted: Vec<Subject> = named.iter().cloned().map(Subject::Deal).collect();
    wanted.push(Subject::Referral("r1".into()));
    wanted.sort();
    assert_eq!(found(store, 10).await, wanted);
    for subject in &wanted {
        store.forget(subject, "m1", at(5)).await.unwrap();
    }
    let live = Subject::Deal(named[2].clone());
    assert_eq!(found(store, 10).await, [live], "what both sides hold of a deal in step is known on");
}

async fn the_search_for_an_address_goes_on_from_page_to_page(store: &dyn Store) {
    let mut wanted = Vec::new();
    for number in 0..5 {
        let text = if number % 2 == 0 { ADDRESS } else { "nobody" };
        let id = full(store, &format!("006{number}"), Phase::Paused, text).await;
        if number % 2 == 0 {
            wanted.push(Subject::Deal(id));
        }
    }
    wanted.sort();
    for most in [1, 2, 5, 100] {
        assert_eq!(found(store, most).await, wanted, "{most} a page");
    }
}

async fn an_address_in_free_text_is_found_whatever_stands_around_it(store: &dyn Store) {
    let texts = [
        (format!("'{ADDRESS}'"), false),
        (format!("**{ADDRESS}**"), false),
        (format!("`{ADDRESS}`"), false),
        (format!("|{ADDRESS}|"), false),
        (format!("E-Mail={ADDRESS}"), true),
        (format!("B\u{fc}ro/{ADDRESS}"), true),
        (format!("\u{8054}\u{7cfb}{ADDRESS}"), true),
        (format!("{ADDRESS}\u{8c22}\u{8c22}"), true),
    ];
    let mut doubtful = Vec::new();
    for (number, (text, doubt)) in texts.iter().enumerate() {
        let id = full(store, &format!("006{number}"), Phase::Paused, text).await;
        if *doubt {
            doubtful.push(Subject::Deal(id));
        }
    }
    full(store, "006X", Phase::Paused, &format!("mojo.{ADDRESS}")).await;
    let page = store.mentions(ADDRESS, None, 99).await.unwrap();
    assert_eq!(page.found.len(), texts.len(), "{:?}", page.found);
    doubtful.sort();
    assert_eq!(page.doubtful, doubtful, "what may be another address is told apart");
}

async fn a_deal_that_is_not_there_cannot_be_forgotten(store: &dyn Store) {
    let refused = store.forget(&Subject::Deal("none".into()), "m1", at(1)).await;
    assert!(matches!(&refused, Err(StoreError::Failed(why)) if why.contains("no deal none")), "{refused:?}");
    assert_eq!(store.history_totals().await.unwrap().lines, 0, "nothing was written");
}

fn because(scope: PauseScope, second: i64) -> PauseWish {
    PauseWish {
        scope,
        by: OPERATOR.to_owned(),
        why: Some(format!("{ADDRESS} asked for it")),
        mapping: "m1".to_owned(),
        now: at(second),
    }
}

async fn the_reasons_of_a_deals_pauses_are_forgotten_with_it(store: &dyn Store) {
    let then = Cursor { source: "rules".to_owned(), position: "again".to_owned() };
    let id = full(store, "006A", Phase::Live, "nobody").await;
    let other = full(store, "006B", Phase::Live, "nobody").await;
    for deal in [&id, &other] {
        store.pause(&because(PauseScope::Deal(deal.clone()), 2)).await.unwrap();
    }
    store.resume(&because(PauseScope::Deal(id.clone()), 3), &then).await.unwrap();
    store.pause(&because(PauseScope::Deal(id.clone()), 4)).await.unwrap();
    forget(store, &id, 5).await;
    let [of_other, open] = store.pauses().await.unwrap().try_into().unwrap();
    assert_eq!((open.scope, open.why), (PauseScope::Deal(id), None), "it goes on, without its reason");
    assert!(of_other.why.is_some(), "another deal's stays");
    let [ended] = store
        .pause_history(9)
        .await
        .unwrap()
        .into_iter()
        .filter(|past| past.resumed.is_some())
        .collect::<Vec<_>>()
        .try_into()
        .unwrap();
    assert_eq!((ended.why, ended.resumed.unwrap().why), (None, None));
}

async fn operators_words_and_names_are_found_by_an_address_and_taken_out(store: &dyn Database) {
    store.pause(&because(PauseScope::All, 1)).await.unwrap();
    store.sign_in("partner center", "a token".to_owned().into(), Some(OPERATOR.to_owned())).await.unwrap();
    let asked = serde_json::json!({ "id": "w1", "by": OPERATOR }).to_string();
    store.ask(&[Cursor { source: "crm.replay_asked".to_owned(), position: asked }]).await.unwrap();
    let places = |found: Vec<Remark>| found.into_iter().map(|found| found.place).collect::<Vec<_>>();

    assert_eq!(places(store.remarks(&ADDRESS.to_uppercase(), false).await.unwrap()), ["pause.why"]);
    assert!(store.pauses().await.unwrap()[0].why.is_some(), "looking erases nothing");
    assert_eq!(places(store.remarks(ADDRESS, true).await.unwrap()), ["pause.why"]);
    assert_eq!(store.pauses().await.unwrap()[0].why, None);
    assert_eq!(store.remarks(ADDRESS, false).await.unwrap(), []);

    let named = ["pause.by", "cursor.position", "token.account"];
    assert_eq!(places(store.remarks(OPERATOR, true).await.unwrap()), named);
    assert_eq!(store.pauses().await.unwrap()[0].by, "(forgotten)");
    assert_eq!(store.facts("partner center").await.unwrap().unwrap().account, None);
    let wish = store.cursor("crm.replay_asked").await.unwrap().unwrap();
    assert!(wish.contains("\"id\":\"w1\"") && !wish.contains("ann"), "{wish}");
    assert_eq!(store.remarks(OPERATOR, false).await.unwrap(), []);
}
