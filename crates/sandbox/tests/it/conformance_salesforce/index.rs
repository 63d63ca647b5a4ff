//! Which test is about which section of the Salesforce reference, and that every section has one.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// The sections of the reference that ask something of the org.
const SECTIONS: [(&str, &str); 46] = [
    ("1.1", "Hosts"),
    ("1.2", "Token response and errors"),
    ("1.3", "JWT bearer"),
    ("1.4", "Client credentials"),
    ("1.5", "Refresh token"),
    ("1.6", "Deprecated flows"),
    ("1.7", "Session expiry"),
    ("1.9", "Integration user and permissions"),
    ("2.1", "Versions"),
    ("2.2", "Conventions"),
    ("2.3", "Errors"),
    ("2.4", "sObject rows"),
    ("2.5", "Headers"),
    ("2.6", "Upsert by external id"),
    ("2.7", "Describe shapes"),
    ("2.8", "Query"),
    ("2.9", "Composite"),
    ("2.10", "Collections"),
    ("2.11", "Tree and batch"),
    ("2.12", "Graph"),
    ("2.13", "Replication resources"),
    ("2.14", "Conditional requests"),
    ("2.15", "Limits"),
    ("3", "Bulk API 2.0"),
    ("4.2", "The proto"),
    ("4.3", "Connection"),
    ("4.4", "Subscribe protocol"),
    ("4.5", "Managed subscriptions"),
    ("4.6", "Errors of the stream"),
    ("4.7", "Topics, schema, payload"),
    ("4.8", "ChangeEventHeader"),
    ("4.9", "Suppressing our own echo"),
    ("4.10", "Polling pitfalls"),
    ("4.11", "Permissions, editions, allocations"),
    ("4.12", "Enabling"),
    ("5.1", "Opportunity"),
    ("5.2", "OpportunityStage"),
    ("5.3", "Account, Contact, User"),
    ("5.4", "OpportunityContactRole"),
    ("5.5", "OpportunityTeamMember"),
    ("5.6", "Products"),
    ("5.7", "Notes, tasks, history"),
    ("5.8", "Lead"),
    ("6.2", "CustomField elements"),
    ("6.3", "Deploy by REST"),
    ("8.4", "Simulator checklist"),
];

/// Every test function in `path`, a file or folder, whose name begins with a section.
fn tests(path: &Path, found: &mut BTreeMap<String, String>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            tests(&entry.unwrap().path(), found);
        }
        return;
    }
    if path.extension().is_none_or(|extension| extension != "rs") {
        return;
    }
    let mut marked = false;
    for line in fs::read_to_string(path).unwrap().lines() {
        let name = line.split_once("fn ").and_then(|(_, rest)| rest.split_once('(')).map(|(name, _)| name);
        if let (true, Some(name)) = (marked, name) {
            found.insert(name.to_owned(), path.file_stem().unwrap().to_string_lossy().into_owned());
            marked = false;
        }
        marked |= line.trim() == "#[test]" || line.trim().starts_with("#[tokio::test");
    }
}

/// `s2_10_every_filter` is about section 2.10.
fn section_in_name(name: &str) -> Option<String> {
    let numbers: Vec<&str> =
        name.strip_prefix('s')?.split('_').take_while(|part| part.parse::<u8>().is_ok()).collect();
    (!numbers.is_empty()).then(|| numbers.join("."))
}

#[test]
fn every_section_of_the_salesforce_reference_has_a_test() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = BTreeMap::new();
    for folder in ["tests/it/conformance_salesforce", "src/salesforce"] {
        tests(&here.join(folder), &mut all);
    }
    let mut about: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (name, section) in all.keys().filter_map(|name| Some((name, section_in_name(name)?))) {
        about.entry(section).or_default().push(name);
    }
    let known: BTreeSet<&str> = SECTIONS.iter().map(|(number, _)| *number).collect();
    for (section, names) in &about {
        assert!(known.contains(section.as_str()), "{names:?}: section {section} is not listed");
    }
    for (number, title) in SECTIONS {
        let names = about.get(number).map(Vec::as_slice).unwrap_or_default();
        println!("{number} {title}");
        for name in names {
            println!("    {}::{name}", all[*name]);
        }
        assert!(!names.is_empty(), "section {number} ({title}) has no test");
    }
}
