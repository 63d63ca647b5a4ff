//! Events that another library wrote: Python's fastavro, 200 of them, and every way to cut them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use salesforce::events::{ChangeEvent, EventSchema, ReplayId, Unreadable, Value};
use serde::Deserialize;

/// The package, exactly.
const PACKAGE: &str = "fastavro==1.13.1";
const SCRIPT: &str = include_str!("events_fastavro.py");

#[derive(Deserialize)]
struct Written {
    schema: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    payload: String,
    header: Header,
    values: BTreeMap<String, serde_json::Value>,
    changed: BTreeSet<String>,
    nulled: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    record_ids: Vec<String>,
    change_type: String,
    change_origin: String,
    transaction_key: String,
    sequence_number: i32,
    commit_timestamp: i64,
}

/// The interpreter of an environment of the test's own that has the package; made once, kept beside the build.
fn installed() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("avro-judge");
    let python = folder.join("bin/python");
    let version = PACKAGE.rsplit('=').next().unwrap();
    let asked = format!("import fastavro; assert fastavro.__version__ == '{version}'");
    let is_there = Command::new(&python).args(["-c", &asked]).stderr(Stdio::null()).status();
    if is_there.is_ok_and(|status| status.success()) {
        return python;
    }
    succeeds(
        Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder),
        "python3 with venv is a prerequisite of this test\n  fix: apt-get install python3 python3-venv",
    );
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE];
    succeeds(
        Command::new(&python).args(install),
        "pip could not install the encoder\n  fix: give this machine access to the Python package index",
    );
    python
}

fn succeeds(command: &mut Command, otherwise: &str) -> Vec<u8> {
    let output = command.output().unwrap_or_else(|error| panic!("{otherwise}\n{error}"));
    assert!(output.status.success(), "{otherwise}\n{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn fits(read: &Value, written: &serde_json::Value) -> bool {
    match read {
        Value::Null => written.is_null(),
        Value::Boolean(value) => written.as_bool() == Some(*value),
        Value::Integer(value) => written.as_i64() == Some(*value),
        Value::Double(value) => written.as_f64() == Some(*value) && written.as_i64().is_none(),
        Value::Text(value) => written.as_str() == Some(value),
        Value::Compound => written == "compound",
        Value::Other => false,
    }
}

#[test]
fn what_another_library_wrote_is_read_value_by_value_and_never_when_it_is_cut() {
    let printed = succeeds(Command::new(installed()).args(["-c", SCRIPT]), "the encoder's program failed");
    let written: Written = serde_json::from_slice(&printed).unwrap();
    let schema = EventSchema::read(&written.schema).unwrap();
    let read = |payload: &[u8]| ChangeEvent::read(&schema, ReplayId::new([1]).unwrap(), payload);
    let (mut values, mut cuts) = (0, 0);
    for case in &written.cases {
        let payload = BASE64_STANDARD.decode(&case.payload).unwrap();
        let event = read(&payload).unwrap();
        let header = &case.header;
        let ids: Vec<_> = event.records.ids.iter().map(ToString::to_string).collect();
        assert_eq!((event.entity.as_str(), ids), ("Account", header.record_ids.clone()));
        assert_eq!(format!("{:?}", event.kind).to_uppercase(), header.change_type);
        assert_eq!(
            (&event.origin.text, &event.transaction),
            (&header.change_origin, &header.transaction_key)
        );
        assert_eq!(
            (event.sequence, event.committed_at.as_millisecond()),
            (header.sequence_number, header.commit_timestamp)
        );
        assert_eq!((&event.changed, &event.nulled), (&case.changed, &case.nulled));
        for (field, written) in &case.values {
            let value = event.enriched(field).unwrap_or_else(|| panic!("{field} is not carried"));
            assert!(fits(value, written), "{field}: {written} was read as another value");
            values += 1;
        }
        for length in 0..payload.len() {
            assert!(matches!(read(&payload[..length]), Err(Unreadable::Payload(_))), "cut to {length} bytes");
            cuts += 1;
        }
        assert!(matches!(read(&[&payload[..], &[0]].concat()), Err(Unreadable::Payload(_))));
    }
    assert_eq!(written.cases.len(), 200);
    assert!(values > 15_000 && cuts > 100_000, "{values} values, {cuts} cuts");
}
