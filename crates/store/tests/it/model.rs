//! Random marks, claims and commits against a tiny model: no mark is ever lost.

use std::collections::BTreeMap;

use proptest::prelude::*;
use sync_engine::{Claim, Disposition, Hints, Mark, Store as _, StoreError, Subject};

use crate::ground::{Ground, at, claim, ending, load, mark, opportunity, put};

const DEALS: u8 = 4;

/// The end of a minute's lease, in steps of a second each, is within reach of a run.
const LEASE: i64 = 60;

#[derive(Debug, Clone)]
enum Step {
    /// Marks this opportunity, due so many seconds from now.
    Mark(u8, i64),
    /// Claims at most this many rows.
    Claim(usize),
    /// Ends one of the claims ever made, this way.
    End(prop::sample::Index, End),
    /// Time passes.
    Pass(i64),
}

#[derive(Debug, Clone, Copy)]
enum End {
    Keep,
    Done,
    Again(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let end = prop_oneof![1 => Just(End::Keep), 3 => Just(End::Done), 1 => (0..90_i64).prop_map(End::Again)];
    prop_oneof![
        3 => (0..DEALS, 0..30_i64).prop_map(|(deal, wait)| Step::Mark(deal, wait)),
        3 => (1..4_usize).prop_map(Step::Claim),
        4 => (any::<prop::sample::Index>(), end).prop_map(|(index, end)| Step::End(index, end)),
        1 => (1..LEASE + 10).prop_map(Step::Pass),
    ]
}

/// What must still be looked at, by opportunity: the number of its last mark, and who holds it.
#[derive(Debug, Default)]
struct Expected {
    marks: u64,
    /// Marks that no finished pass has covered.
    open: bool,
    /// The lease's number and the marks that its claim covers.
    held: Option<(u64, u64)>,
}

#[derive(Default)]
struct World {
    now: i64,
    claims: Vec<(String, Claim)>,
    deals: BTreeMap<String, Expected>,
}

async fn run(steps: Vec<Step>) {
    let ground = Ground::new();
    let store = ground.open();
    let mut world = World::default();
    for step in steps {
        world.now += 1;
        match step {
            Step::Pass(seconds) => world.now += seconds,
            Step::Mark(deal, wait) => {
                let name = format!("006{deal}");
                let wish = Mark { due: at(world.now + wait), ..mark(opportunity(&name, true), world.now) };
                assert_eq!(put(&store, &[wish]).await, 1);
                let expected = world.deals.entry(name).or_default();
                expected.marks += 1;
                expected.open = true;
            }
            Step::Claim(most) => {
                for claim in claim(&store, "worker", world.now, most).await {
                    let Subject::Deal(id) = &claim.subject else { panic!("only deals were marked") };
                    let name = load(&store, id).await.links.crm.unwrap().to_string();
                    let expected = world.deals.get_mut(&name).unwrap();
                    assert!(expected.open, "{name} was claimed with nothing to look at");
                    expected.held = Some((claim.fence.number, expected.marks));
                    world.claims.push((name, claim));
                }
            }
            Step::End(_, _) if world.claims.is_empty() => {}
            Step::End(index, end) => {
                let (name, claim) = index.get(&world.claims);
                let disposition = match end {
                    End::Keep => Disposition::Keep,
                    End::Done => Disposition::Done,
                    End::Again(wait) => {
                        Disposition::Again { at: at(world.now + wait), hints: Hints::ALL, attempts: 1 }
                    }
                };
                let answer = store.commit(&ending(claim, disposition, world.now)).await;
                let expected = world.deals.get_mut(name).unwrap();
                match expected.held.filter(|(number, _)| *number == claim.fence.number) {
                    None => assert!(matches!(answer, Err(StoreError::Fenced(_))), "{answer:?}"),
                    Some((_, covered)) => {
                        answer.unwrap();
                        match end {
                            End::Keep => {}
                            End::Done => {
                                expected.open = expected.marks > covered;
                                expected.held = None;
                            }
                            End::Again(_) => expected.held = None,
                        }
                    }
                }
            }
        }
    }
    // After every lease has ended and every due has come, exactly the open ones are claimed.
    let mut left: Vec<String> = Vec::new();
    for claim in claim(&store, "judge", world.now + 10_000, 100).await {
        let Subject::Deal(id) = &claim.subject else { panic!("only deals were marked") };
        left.push(load(&store, id).await.links.crm.unwrap().to_string());
    }
    left.sort();
    let open: Vec<String> =
        world.deals.into_iter().filter(|(_, expected)| expected.open).map(|(name, _)| name).collect();
    assert_eq!(left, open);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_mark_is_ever_lost(steps in prop::collection::vec(step(), 1..60)) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run(steps));
    }
}
