//! The threat model says of every column what becomes of a person's words in it: a column that is added must be thought of.

use std::collections::{BTreeMap, BTreeSet};

const THREAT_MODEL: &str = include_str!("../../../../docs/threat-model.md");
const SCHEMAS: [&str; 2] = [
    include_str!("../../src/sqlite/migrations/0001_first.sql"),
    include_str!("../../src/postgres/migrations/0001_first.sql"),
];

/// What a column's line begins with, if it is none.
const CONSTRAINTS: [&str; 5] = ["PRIMARY", "UNIQUE", "CHECK", "FOREIGN", "CONSTRAINT"];

type Tables = BTreeMap<String, BTreeSet<String>>;

/// The columns of each table that a schema makes.
fn made_by(schema: &str) -> Tables {
    let mut tables = Tables::new();
    let mut table = None;
    for line in schema.lines().map(|line| line.split("--").next().unwrap_or_default()) {
        if let Some(rest) = line.strip_prefix("CREATE TABLE ") {
            let name = rest.split([' ', '(']).next().unwrap();
            table = Some(tables.entry(name.to_owned()).or_default());
        } else if line.starts_with(')') {
            table = None;
        } else if let (Some(columns), Some(word)) = (&mut table, line.split_whitespace().next())
            // A line that goes on with the one before is indented further.
            && line.starts_with("    ")
            && !line.starts_with("     ")
            && !CONSTRAINTS.iter().any(|constraint| word.starts_with(constraint))
        {
            columns.insert(word.trim_matches('"').to_owned());
        }
    }
    tables
}

/// The columns of each table that the document places, each in one class.
fn placed() -> Tables {
    let section = THREAT_MODEL.split("## Every column of the store").nth(1).expect("the section is there");
    let section = section.split("\n## ").next().unwrap();
    let quoted = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let mut tables = Tables::new();
    for row in section.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        let [table, classes @ ..] = cells.as_slice() else { panic!("{row}") };
        let table = quoted(table).pop().unwrap();
        for column in classes.iter().flat_map(|cell| quoted(cell)) {
            let fresh = tables.entry(table.clone()).or_default().insert(column.clone());
            assert!(fresh, "{table}.{column} stands in two classes");
        }
    }
    tables
}

#[test]
fn every_column_of_the_store_is_in_the_table_of_the_threat_model() {
    let mut made = Tables::new();
    for schema in SCHEMAS {
        let tables = made_by(schema);
        assert!(tables.len() > 20 && tables["deal"].contains("base"), "the schema is read: {tables:?}");
        for (table, columns) in tables {
            made.entry(table).or_default().extend(columns);
        }
    }
    let placed = placed();
    let lines = |tables: &Tables| -> BTreeSet<String> {
        let named = |(table, columns): (&String, &BTreeSet<String>)| {
            columns.iter().map(|column| format!("{table}.{column}")).collect::<Vec<_>>()
        };
        tables.iter().flat_map(named).collect()
    };
    let (made, placed) = (lines(&made), lines(&placed));
    let new: Vec<&String> = made.difference(&placed).collect();
    let gone: Vec<&String> = placed.difference(&made).collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "docs/threat-model.md, \"Every column of the store\": say what becomes of {new:?}; take out {gone:?}"
    );
}

#[test]
fn a_column_is_told_from_what_else_stands_in_a_table() {
    let made = made_by(
        "CREATE TABLE a (\n    one   TEXT, -- two\n    three INTEGER CHECK (x),\n    PRIMARY KEY (one)\n) STRICT;\n\
         CREATE INDEX b ON a (one)\n    WHERE one = 'x';\n",
    );
    assert_eq!(
        made,
        Tables::from([("a".to_owned(), BTreeSet::from(["one".to_owned(), "three".to_owned()]))])
    );
}
