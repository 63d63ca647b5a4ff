//! The threat model names the tests that prove it: a test that is gone or was renamed must not go on proving.

use std::{fs, path::Path};

/// The text of every source file below a folder.
fn sources(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            into.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_test_that_the_threat_model_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let model = fs::read_to_string(root.join("docs/threat-model.md")).unwrap();
    let mut all = String::new();
    sources(&root.join("crates"), &mut all);
    let quoted = model.split('`').skip(1).step_by(2);
    let names: Vec<&str> = quoted.filter(|quoted| quoted.matches('_').count() >= 4).collect();
    assert!(names.len() >= 30, "the names are found: {names:?}");
    let gone: Vec<&&str> = names.iter().filter(|name| !all.contains(&format!("fn {name}("))).collect();
    assert!(gone.is_empty(), "no such test: {gone:#?}");
}
