//! What is true of every mapping file and every pair of records (sync rules, section 9): passes end, both sides come to
//! rest, nothing is written that the file does not allow, and nobody's value is invented.

mod drawn;
mod pair;
mod records;
mod typed;

use std::{cell::RefCell, collections::BTreeMap, fmt};

use proptest::{
    collection::vec,
    prelude::{Strategy, any},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use crate::tape::Tape;
use pair::Pair;

/// How many random files each run is shown.
const CASES: u32 = 300;
const TAPE: usize = 400;

/// A tape, shown as the mapping file that it draws.
#[derive(Clone)]
struct Case(Vec<u8>);

impl fmt::Debug for Case {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let drawn = drawn::draw(&mut Tape::new(self.0.clone()));
        write!(out, "the tape {:?}\nwhich draws the file\n{}", self.0, drawn.text)
    }
}

#[test]
fn under_any_mapping_both_sides_come_to_rest_and_nothing_is_invented() {
    let config =
        Config { cases: CASES, max_shrink_iters: 60, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let met = RefCell::new(BTreeMap::<String, u32>::new());
    let ran = TestRunner::new_with_rng(config, rng).run(&vec(any::<u8>(), TAPE).prop_map(Case), |case| {
        let mut tape = Tape::new(case.0.clone());
        let drawn = drawn::draw(&mut tape);
        let mut pair = Pair::draw(&mut tape, &drawn);
        pair.live(&mut tape);
        for each in std::mem::take(&mut pair.met) {
            *met.borrow_mut().entry(each).or_default() += 1;
        }
        Ok(())
    });
    if let Err(failure) = ran {
        panic!("{failure}");
    }
    check_met(&met.into_inner());
}

/// The least share of files, in percent, in which each of these must happen: a property that is never put to the test
/// holds for nothing.
const SOMETIMES: &[(&str, u32)] = &[
    ("created on Crm", 8),
    ("created on Portal", 8),
    ("updated on Crm", 50),
    ("updated on Portal", 50),
    ("refused on Crm", 4),
    ("refused on Portal", 4),
    ("not opted in", 20),
    ("converged", 6),
    ("direction both", 50),
    ("direction to_salesforce", 25),
    ("direction to_partner_center", 25),
    ("conflict newest", 4),
    ("conflict salesforce", 2),
    ("conflict partner_center", 2),
    ("conflict ask", 2),
    ("clear ignore", 4),
    ("clear propagate", 6),
    ("why Refilled", 2),
    ("why Enforced", 6),
    ("why Filled", 20),
    ("why Born", 20),
    ("row Same", 50),
    ("row CrmChanged", 20),
    ("row PortalChanged", 20),
    ("row BothAlike", 5),
    ("row Conflict", 8),
    ("row LinkedAlike", 20),
    ("row LinkedOneEmpty", 20),
    ("row LinkedDiffer", 20),
    ("type text", 10),
    ("type long_text", 8),
    ("html on Crm", 3),
    ("html on Portal", 3),
    ("computed for Crm", 3),
    ("computed for Portal", 3),
    ("type phone", 5),
    ("type number", 5),
    ("type money", 20),
    ("type currency", 20),
    ("type date", 5),
    ("type flag", 4),
    ("type choice", 5),
    ("type range", 5),
    ("type country", 5),
    ("type solutions", 5),
    ("type people", 5),
];

fn check_met(met: &BTreeMap<String, u32>) {
    let rare = SOMETIMES
        .iter()
        .filter(|(what, percent)| met.get(*what).copied().unwrap_or_default() * 100 < CASES * percent);
    let rare: Vec<_> = rare.collect();
    assert!(rare.is_empty(), "too seldom: {rare:?} of {met:#?}");
}
