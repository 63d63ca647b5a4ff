//! Retention: what is older than it is kept goes, in pages, and what is left is proved.

use deal_model::{Archived, GroupHeld, Memory, Phase, Side, Verdict, Version};
use jiff::SignedDuration;
use ports::EffectKind;
use sync_engine::{
    ChainStep, Commit, Cursor, Disposition, Intent, IntentOutcome, LeadMemory, NewDecision, PauseScope,
    PauseWish, Pruned, Retention, Store, Subject, WriteAhead,
};

use super::{
    histories::{head, line, proved, with_history},
    on_every_store,
};
use crate::ground::{ahead, at, claim_one, claimed_deal, ending, entry, load, mark, put};

on_every_store! {
    old_lines_go_in_pages_and_the_rest_is_proved,
    a_history_that_cannot_give_its_oldest_lines_keeps_no_other_from_it,
    old_losing_values_go,
    intents_and_decisions_that_ended_long_ago_go_and_open_ones_stay,
    former_links_and_closed_referrals_go_and_what_could_beget_a_deal_stays,
    what_a_long_paused_deal_shared_goes_and_a_younger_pause_keeps_it,
    a_deal_that_was_resumed_in_time_forgets_nothing,
    what_a_long_closed_deal_shared_goes_and_it_is_never_read_again,
    pauses_that_ended_long_ago_go_and_open_ones_stay,
    a_lead_goes_with_what_is_known_of_its_closed_referral,
    nothing_young_goes,
    a_key_that_seals_nothing_any_more_goes_and_the_chain_is_anchored_all_the_same,
}

/// Keeps everything for so many seconds, but what is for ever.
fn keep(seconds: i64) -> Retention {
    let span = SignedDuration::from_secs(seconds);
    Retention { history: span, archive: span, ended: span, paused: span, closed: span }
}

async fn old_lines_go_in_pages_and_the_rest_is_proved(store: &dyn Store) {
    let deal = with_history(store, "006A", 9).await;
    let kept = head(store, &deal).await;
    // At second 106 what is older than second 6 goes: lines 1 to 5.
    for (taken, pruned) in [(2, 2), (2, 4), (1, 5), (0, 5)] {
        let page = store.prune(&keep(100), at(106), 2).await.unwrap();
        assert_eq!(page.lines, taken);
        let head = head(store, &deal).await;
        assert_eq!((head.length, head.pruned), (9, pruned));
        assert_eq!(proved(store, &head, 3).await.1, ChainStep::Proved, "{pruned} lines are gone");
    }
    assert_eq!(store.history(&deal, 99).await.unwrap().len(), 4);
    // A proof that was under way begins anew.
    let step = store.prove_chain(&kept, &kept.beginning(), 9).await.unwrap();
    assert_eq!(step, ChainStep::Moved);
    let totals = store.history_totals().await.unwrap();
    assert_eq!((totals.lines, totals.chained), (4, 4));
    assert_eq!(store.prune(&keep(100), at(999), 99).await.unwrap().lines, 4);
    let emptied = head(store, &deal).await;
    assert_eq!(proved(store, &emptied, 9).await.1, ChainStep::Proved, "an empty rest is proved too");
    // It goes on where it was.
    put(store, &[mark(sync_engine::Target::Deal(deal.clone()), 1_000)]).await;
    let claim = claim_one(store, 1_000).await;
    let commit = Commit { audit: vec![line(1_000, "on")], ..ending(&claim, Disposition::Done, 1_000) };
    store.commit(&commit).await.unwrap();
    let on = head(store, &deal).await;
    assert_eq!((on.length, on.pruned), (10, 9));
    assert_eq!(proved(store, &on, 9).await.1, ChainStep::Proved);
}

async fn a_history_that_cannot_give_its_oldest_lines_keeps_no_other_from_it(store: &dyn Store) {
    // By a clock that was ahead once, the first line is younger than all that follow.
    let (claim, stuck) = claimed_deal(store, "006A").await;
    for second in [900, -3, -2, -1] {
        let audit = vec![line(second, "a line")];
        store.commit(&Commit { audit, ..ending(&claim, Disposition::Keep, second) }).await.unwrap();
    }
    store.commit(&ending(&claim, Disposition::Done, 4)).await.unwrap();
    let other = with_history(store, "006B", 9).await;
    // The oldest lines of all are those of the first.
    assert_eq!(store.prune(&keep(100), at(109), 2).await.unwrap().lines, 2);
    assert_eq!(head(store, &other).await.pruned, 2);
    assert_eq!(store.prune(&keep(100), at(109), 99).await.unwrap().lines, 6);
    assert_eq!(store.prune(&keep(100), at(109), 99).await.unwrap().lines, 0, "and that is an end");
    assert_eq!(store.history(&stuck.id, 9).await.unwrap().len(), 4);
}

async fn old_losing_values_go(store: &dyn Store) {
    let (claim, deal) = claimed_deal(store, "006A").await;
    for second in 1..=5 {
        let lost = Archived {
            group: "notes".into(),
            side: Side::Crm,
            value: GroupHeld::new(),
            reason: second.to_string(),
            version: Version { stamp: at(0), tag: None },
        };
        let request = WriteAhead { archive: vec![lost], ..ahead(&claim, &deal.id, second) };
        store.write_ahead(&request).await.unwrap();
    }
    assert_eq!(store.prune(&keep(10), at(14), 2).await.unwrap().archived, 2);
    assert_eq!(store.prune(&keep(10), at(14), 2).await.unwrap().archived, 1);
    let left: Vec<String> =
        store.archive(&deal.id, 9).await.unwrap().into_iter().map(|row| row.archived.reason).collect();
    assert_eq!(left, ["5", "4"]);
}

fn decision(deal: &deal_model::DealId, second: i64) -> NewDecision {
    NewDecision {
        deal: deal.clone(),
        verdict: Verdict::Push,
        by: "ada".to_owned(),
        sentence: "ada pushes".to_owned(),
        mapping: "m1".to_owned(),
        instead_of: None,
        now: at(second),
    }
}

async fn intents_and_decisions_that_ended_long_ago_go_and_open_ones_stay(store: &dyn Store) {
    let (claim, deal) = claimed_deal(store, "006A").await;
    let intent = |id: &str| Intent {
        id: id.to_owned(),
        deal: deal.id.clone(),
        kind: EffectKind::Create,
        key: "k".to_owned(),
        made: at(1),
        send_before: at(2),
        server_date: None,
    };
    let request = WriteAhead { intents: vec![intent("i1"), intent("i2")], ..ahead(&claim, &deal.id, 1) };
    store.write_ahead(&request).await.unwrap();
    store.decide(&decision(&deal.id, 2)).await.unwrap();
    let consumed = vec![store.decisions(&deal.id, 1).await.unwrap()[0].id];
    let commit = Commit {
        intents: vec![("i1".to_owned(), IntentOutcome::NotDone)],
        consumed,
        ..ending(&claim, Disposition::Keep, 3)
    };
    store.commit(&commit).await.unwrap();
    store.decide(&decision(&deal.id, 4)).await.unwrap();
    assert_eq!(store.prune(&keep(10), at(12), 9).await.unwrap().ended, 0, "they ended lately");
    assert_eq!(store.prune(&keep(10), at(14), 9).await.unwrap().ended, 2);
    assert_eq!(store.open_intents(&deal.id).await.unwrap(), [intent("i2")]);
    let open = store.decisions(&deal.id, 9).await.unwrap();
    assert_eq!((open.len(), open[0].ended), (1, None));
}

async fn former_links_and_closed_referrals_go_and_what_could_beget_a_deal_stays(store: &dyn Store) {
    let (claim, mut deal) = claimed_deal(store, "006A").await;
    let mut index = Vec::new();
    for (referral, open) in [("closed", false), ("open", true), ("linked", false)] {
        index.push(sync_engine::IndexEntry { open, ..entry(referral, 1) });
        deal.links.portal = Some(referral.into());
        let commit =
            Commit { deal: Some(deal.clone()), index: index.clone(), ..ending(&claim, Disposition::Keep, 1) };
        store.commit(&commit).await.unwrap();
    }
    assert!(store.prune(&keep(10), at(5), 9).await.unwrap().is_empty());
    assert_eq!(store.prune(&keep(10), at(20), 9).await.unwrap().referrals, 2, "a link and an entry");
    let known: Vec<_> = store.referrals_in(&"e1".into()).await.unwrap();
    let mut known: Vec<&str> = known.iter().map(|entry| entry.referral.as_str()).collect();
    known.sort_unstable();
    assert_eq!(known, ["linked", "open"]);
    assert!(!store.was_linked(&"closed".into()).await.unwrap());
    assert!(store.was_linked(&"open".into()).await.unwrap(), "it could beget a second deal");
}

/// Sets the deal's phase at `second`, and lets it remember something.
async fn phased(store: &dyn Store, deal: &deal_model::DealId, phase: Phase, second: i64) {
    put(store, &[mark(sync_engine::Target::Deal(deal.clone()), second)]).await;
    let claim = claim_one(store, second).await;
    let mut row = load(store, deal).await;
    row.phase = phase;
    row.memory.not_added.insert("team".into(), at(1));
    store.commit(&Commit { deal: Some(row), ..ending(&claim, Disposition::Done, second) }).await.unwrap();
}

async fn what_a_long_paused_deal_shared_goes_and_a_younger_pause_keeps_it(store: &dyn Store) {
    let (claim, deal) = claimed_deal(store, "006A").await;
    store.commit(&ending(&claim, Disposition::Done, 1)).await.unwrap();
    phased(store, &deal.id, Phase::Paused, 10).await;
    // Looked at once more: the pause is as old as when it began.
    phased(store, &deal.id, Phase::Paused, 50).await;
    assert_eq!(store.prune(&keep(100), at(110), 9).await.unwrap().paused, 0);
    assert_ne!(load(store, &deal.id).await.memory, Memory::default());
    assert_eq!(store.prune(&keep(100), at(111), 9).await.unwrap().paused, 1);
    let after = load(store, &deal.id).await;
    assert_eq!((after.memory, after.phase), (Memory::default(), Phase::Paused));
    assert_eq!(store.prune(&keep(100), at(500), 9).await.unwrap(), Pruned::default(), "once is enough");
}

async fn a_deal_that_was_resumed_in_time_forgets_nothing(store: &dyn Store) {
    let (claim, deal) = claimed_deal(store, "006A").await;
    store.commit(&ending(&claim, Disposition::Done, 1)).await.unwrap();
    phased(store, &deal.id, Phase::Paused, 10).await;
    phased(store, &deal.id, Phase::Live, 50).await;
    assert_eq!(store.prune(&keep(100), at(500), 9).await.unwrap().paused, 0);
    phased(store, &deal.id, Phase::Paused, 600).await;
    assert_eq!(store.prune(&keep(100), at(650), 9).await.unwrap().paused, 0, "the pause is a new one");
    assert_ne!(load(store, &deal.id).await.memory, Memory::default());
}

async fn what_a_long_closed_deal_shared_goes_and_it_is_never_read_again(store: &dyn Store) {
    let (claim, deal) = claimed_deal(store, "006A").await;
    store.commit(&ending(&claim, Disposition::Done, 1)).await.unwrap();
    // A pause that it had before does not count.
    phased(store, &deal.id, Phase::Paused, 5).await;
    phased(store, &deal.id, Phase::Finished, 10).await;
    phased(store, &deal.id, Phase::Finished, 50).await;
    store.decide(&decision(&deal.id, 60)).await.unwrap();
    assert_eq!(store.prune(&keep(100), at(110), 9).await.unwrap().closed, 0);
    let at_work = claim_one(store, 111).await;
    assert_eq!(store.prune(&keep(100), at(111), 9).await.unwrap().closed, 0, "somebody works on it");
    store.commit(&ending(&at_work, Disposition::Done, 111)).await.unwrap();
    assert_eq!(store.prune(&keep(100), at(111), 9).await.unwrap().closed, 1);
    let after = load(store, &deal.id).await;
    assert_eq!((after.memory, after.phase, after.links), (Memory::default(), Phase::Finished, deal.links));
    assert_eq!(store.decisions(&deal.id, 9).await.unwrap(), []);
    let again = mark(sync_engine::Target::Deal(deal.id.clone()), 200);
    assert_eq!(put(store, &[again]).await, 0, "a mark leaves no trace");
    assert_eq!(store.prune(&keep(100), at(500), 9).await.unwrap().closed, 0, "once is enough");
}

async fn pauses_that_ended_long_ago_go_and_open_ones_stay(store: &dyn Store) {
    let wish = |second| PauseWish {
        scope: PauseScope::All,
        by: "ada".to_owned(),
        why: Some("a reason".to_owned()),
        mapping: "m1".to_owned(),
        now: at(second),
    };
    let then = Cursor { source: "rules".to_owned(), position: "again".to_owned() };
    store.pause(&wish(1)).await.unwrap();
    store.resume(&wish(5), &then).await.unwrap();
    store.pause(&wish(6)).await.unwrap();
    assert_eq!(store.prune(&keep(100), at(105), 9).await.unwrap().ended, 0);
    assert_eq!(store.prune(&keep(100), at(106), 9).await.unwrap().ended, 1);
    let [left] = store.pause_history(9).await.unwrap().try_into().unwrap();
    assert_eq!((left.since, left.resumed), (at(6), None));
}

async fn a_lead_goes_with_what_is_known_of_its_closed_referral(store: &dyn Store) {
    for (referral, open) in [("closed", false), ("open", true)] {
        put(store, &[mark(crate::ground::referral(referral, true), 0)]).await;
        let claim = claim_one(store, 0).await;
        store.keep_lead(&claim.fence, &referral.into(), &LeadMemory::default()).await.unwrap();
        let index = vec![sync_engine::IndexEntry { open, ..entry(referral, 1) }];
        store.commit(&Commit { index, ..ending(&claim, Disposition::Done, 1) }).await.unwrap();
    }
    assert_eq!(store.prune(&keep(10), at(11), 9).await.unwrap().referrals, 0);
    assert_eq!(store.prune(&keep(10), at(12), 9).await.unwrap().referrals, 2, "the lead and its referral");
    assert_eq!(store.lead(&"closed".into()).await.unwrap(), None);
    assert!(store.lead(&"open".into()).await.unwrap().is_some());
    store.forget(&Subject::Referral("open".into()), "m1", at(13)).await.unwrap();
    assert_eq!(store.lead(&"open".into()).await.unwrap(), None, "it is forgotten with its history");
}

async fn nothing_young_goes(store: &dyn Store) {
    let deal = with_history(store, "006A", 3).await;
    assert!(store.prune(&keep(100), at(50), 99).await.unwrap().is_empty());
    assert_eq!(store.history(&deal, 9).await.unwrap().len(), 3);
}

async fn a_key_that_seals_nothing_any_more_goes_and_the_chain_is_anchored_all_the_same(store: &dyn Store) {
    let deal = with_history(store, "006A", 3).await;
    let young = with_history(store, "006B", 3).await;
    // Its first key is destroyed, and a second one is drawn for the line that says so.
    store.forget(&Subject::Deal(deal.clone()), "m1", at(500)).await.unwrap();
    store.forget(&Subject::Deal(young.clone()), "m1", at(2_000)).await.unwrap();
    let first = store.prune(&keep(100), at(590), 99).await.unwrap();
    assert_eq!((first.lines, first.keys), (6, 0), "a key that was destroyed lately is told of");
    assert_eq!(store.prune(&keep(100), at(1_900), 99).await.unwrap().keys, 2, "both keys of the first deal");
    assert_eq!(store.forgotten(&young).await.unwrap(), Some(at(2_000)));
    assert!(store.prune(&keep(100), at(1_900), 99).await.unwrap().is_empty());

    for deal in [&deal, &young] {
        let head = head(store, deal).await;
        assert_eq!(proved(store, &head, 9).await.1, ChainStep::Proved);
    }
    // What comes after is sealed under a key of its own, and its chain goes on from the anchor.
    store.forget(&Subject::Deal(deal.clone()), "m1", at(3_000)).await.unwrap();
    let lines = store.history(&deal, 9).await.unwrap();
    assert!(lines.len() == 1 && lines[0].sentence.contains("erased"), "{lines:?}");
    let on = head(store, &deal).await;
    assert_eq!((on.length, on.pruned), (5, 4));
    assert_eq!(proved(store, &on, 9).await.1, ChainStep::Proved);
}
