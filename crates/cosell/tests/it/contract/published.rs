//! Our contract against the published description.

use super::{
    description::{Fact, Facts, read},
    differences::{Differences, How},
    file, published,
};

/// Every way in which `ours` and `theirs` differ: subject, how, and what each says.
fn differences(ours: &Facts, theirs: &Facts) -> Vec<(String, How, String)> {
    let mut found = Vec::new();
    let mut note = |subject: &str, how, what: String| found.push((subject.to_owned(), how, what));
    for (subject, fact) in ours {
        let Some(other) = theirs.get(subject) else {
            note(subject, How::OnlyOurs, String::new());
            continue;
        };
        let Fact { kind, required, nullable, values } = fact;
        if *kind != other.kind {
            note(subject, How::Type, format!("{kind}, published as {}", other.kind));
        }
        if *required != other.required {
            note(subject, How::Required, format!("{required}, published as {}", other.required));
        }
        if *nullable != other.nullable {
            note(subject, How::Nullable, format!("{nullable}, published as {}", other.nullable));
        }
        if *values != other.values {
            note(subject, How::Values, format!("{values:?}, published as {:?}", other.values));
        }
    }
    for subject in theirs.keys().filter(|subject| !ours.contains_key(*subject)) {
        note(subject, How::OnlyPublished, String::new());
    }
    found
}

#[test]
fn our_contract_differs_from_the_published_one_only_where_the_list_says_why() {
    let Some(path) = published() else {
        println!("the published description is not at hand: not compared");
        return;
    };
    let (ours, theirs) = (read(&file("referrals.openapi.json")), read(&path));
    let list = Differences::read();
    let found = differences(&ours, &theirs);
    let unexplained: Vec<_> = found.iter().filter(|(subject, how, _)| !list.explain(subject, *how)).collect();
    assert!(unexplained.is_empty(), "without a reason in contracts/differences.toml: {unexplained:#?}");
    assert_eq!(list.idle(), [""; 0], "these entries explain nothing any more: delete them");
}

#[test]
fn the_contract_has_what_the_reference_lists() {
    let ours = read(&file("referrals.openapi.json"));
    let count = |beginning: &str| ours.keys().filter(|subject| subject.starts_with(beginning)).count();
    // Section 2: five operations. Section 3.8: 18 paths and three that the service takes besides; 13 of registrations.
    assert_eq!((count("operation "), count("patch path "), count("patch op ")), (5, 34, 2));
    let values = |member: &str| ours[&format!("member {member}")].values.len();
    let lists = ["status", "substatus", "type", "qualification", "target[].type", "customerProfile.size"];
    assert_eq!(lists.map(values), [4, 9, 2, 4, 3, 12]);
}

#[test]
fn a_difference_of_any_kind_is_found() {
    let ours = read(&file("referrals.openapi.json"));
    assert_eq!(differences(&ours, &ours), []);
    let subject = "member details.dealValue";
    let changed = |change: &dyn Fn(&mut Fact)| {
        let mut other = ours.clone();
        change(other.get_mut(subject).unwrap());
        differences(&ours, &other).into_iter().map(|(subject, how, _)| (subject, how)).collect::<Vec<_>>()
    };
    let one = |how| vec![(subject.to_owned(), how)];
    assert_eq!(changed(&|fact| fact.kind = "string".to_owned()), one(How::Type));
    assert_eq!(changed(&|fact| fact.nullable ^= true), one(How::Nullable));
    assert_eq!(changed(&|fact| fact.required ^= true), one(How::Required));
    assert_eq!(changed(&|fact| fact.values.extend(["x".to_owned()])), one(How::Values));
    let mut less = ours.clone();
    less.remove(subject);
    assert_eq!(differences(&ours, &less)[0].1, How::OnlyOurs);
    assert_eq!(differences(&less, &ours)[0].1, How::OnlyPublished);
}
