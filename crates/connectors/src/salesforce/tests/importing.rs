//! The catalogue filled by an import: each solution by itself, and what is told when a call fails.

use ports::RetryClass;
use serde_json::json;

use super::desk::{Desk, scope};
use crate::salesforce::{CatalogueSolution, ConditionalWrites, KnownSolution, SolutionWrite, WriteEnd};

const USED: &str = "[catalogue]\nuse = true";

fn entry(desk: &Desk, id: &str) -> String {
    let fields = json!({"Solution_Id__c": id, "Name": id, "Ready__c": true, "Active__c": true});
    desk.make("Microsoft_Solution_Catalog__c", fields)
}

/// A change of each known solution's name.
async fn renames(desk: &Desk) -> Vec<SolutionWrite> {
    let known = desk.side.catalogue_solutions(scope()).await.unwrap();
    let rename = |known: KnownSolution| {
        let KnownSolution { record, stamp, solution } = known;
        let (id, name) = (solution.id.clone(), Some(format!("{} now", solution.id)));
        let solution = CatalogueSolution { id, name, ..CatalogueSolution::default() };
        SolutionWrite { to: Some((record, stamp)), solution }
    };
    known.into_iter().map(rename).collect()
}

#[tokio::test]
async fn a_catalogue_is_changed_one_a_call_where_the_org_keeps_to_a_precondition_only_there() {
    let mut desk = Desk::with(USED);
    let ids = ["SOL-A", "SOL-B"].map(|id| entry(&desk, id));
    desk.pass(5);
    desk.side.settings.conditional = ConditionalWrites::OnePerCall;
    desk.knobs(&json!({"composite_ignores_conditions": true}));
    let writes = renames(&desk).await;
    desk.edit("Microsoft_Solution_Catalog__c", &ids[1], &json!({"Publisher__c": "Somebody"}));
    desk.calls();
    let done = desk.side.write_catalogue(&writes, scope()).await.unwrap();
    assert!(!desk.calls().iter().any(|call| call.contains("composite")));
    assert!(matches!(&done.ends[0], WriteEnd::Written(_)) && done.stopped.is_none());
    assert!(
        matches!(&done.ends[1], WriteEnd::Refused(error) if error.class == RetryClass::Changed),
        "{done:?}"
    );
    let names = ids.map(|id| desk.row("Microsoft_Solution_Catalog__c", &id)["Name"].clone());
    assert_eq!(names, ["SOL-A now", "SOL-B"], "what somebody changed meanwhile is left alone");
}

#[tokio::test]
async fn a_call_that_fails_ends_an_import_and_what_was_written_before_is_told() {
    let desk = Desk::with(USED);
    for number in 0..60 {
        entry(&desk, &format!("SOL-{number:02}"));
    }
    desk.pass(5);
    let writes = renames(&desk).await;
    desk.lose_after(1);
    let done = desk.side.write_catalogue(&writes, scope()).await.unwrap();
    assert!(done.stopped.is_some());
    let ends = |is: fn(&WriteEnd) -> bool| done.ends.iter().filter(|end| is(end)).count();
    let counts = [
        ends(|end| matches!(end, WriteEnd::Written(_))),
        ends(|end| *end == WriteEnd::Unknown),
        ends(|end| *end == WriteEnd::NotSent),
    ];
    assert_eq!(counts, [25, 25, 10], "written, in doubt, never sent");
    // What was read anew goes on where it ended.
    let mut left = renames(&desk).await;
    let named = |id: &str| {
        let soql = format!("SELECT Name FROM Microsoft_Solution_Catalog__c WHERE Solution_Id__c = '{id}'");
        desk.query(&soql)[0]["Name"].clone()
    };
    left.retain(|write| named(&write.solution.id) != format!("{} now", write.solution.id).as_str());
    assert_eq!(left.len(), 10, "the lost answer's changes are there");
    let done = desk.side.write_catalogue(&left, scope()).await.unwrap();
    assert!(done.stopped.is_none() && done.ends.iter().all(|end| matches!(end, WriteEnd::Written(_))));
}
