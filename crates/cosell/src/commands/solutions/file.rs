//! The file of solutions: CSV or JSON, every mistake with its place and what to do.

use std::{collections::BTreeSet, fs::File, io::Read as _, path::Path};

use anyhow::{Context as _, bail};
use connectors::salesforce::CatalogueSolution;
use serde_json::{Map, Value};

/// Longest file that is read.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// Longest text of a file, in characters.
const MAX_TEXT: usize = 255;
/// Most mistakes that are told at once.
const MAX_TOLD: usize = 20;
/// The columns of a CSV file, and the keys of a JSON object.
const COLUMNS: [&str; 7] = ["id", "name", "publisher", "type", "partner_id", "ready", "active"];

/// Reads the solutions of a file; all mistakes come at once.
pub(super) fn load(path: &Path) -> anyhow::Result<Vec<CatalogueSolution>> {
    let shown = path.display().to_string();
    let file = File::open(path).with_context(|| format!("cannot read {shown}\n  fix: name a file"))?;
    let mut text = String::new();
    let read = file.take(MAX_BYTES + 1).read_to_string(&mut text);
    read.with_context(|| format!("{shown} is no UTF-8 text\n  fix: save it as UTF-8"))?;
    if text.len() as u64 > MAX_BYTES {
        bail!("{shown} is longer than {MAX_BYTES} bytes\n  fix: split it");
    }
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let lines = match ending.to_ascii_lowercase().as_str() {
        "csv" => of_csv(&text),
        "json" => of_json(&text),
        _ => bail!("{shown} is neither .csv nor .json\n  fix: name it by what it holds"),
    };
    match lines.and_then(checked) {
        Ok(solutions) => Ok(solutions),
        Err(mistakes) => {
            let more = mistakes.len().saturating_sub(MAX_TOLD);
            let mut told: Vec<String> =
                mistakes.iter().take(MAX_TOLD).map(|mistake| mistake.told(&shown)).collect();
            if more > 0 {
                told.push(format!("and {more} more"));
            }
            bail!("{}", told.join("\n"))
        }
    }
}

/// One solution of the file as it stands there.
struct Line {
    /// Where: `3`, or `entry 3`.
    at: String,
    said: Map<String, Value>,
}

struct Mistake {
    at: String,
    what: String,
    fix: String,
}

impl Mistake {
    fn new(at: impl Into<String>, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { at: at.into(), what: what.into(), fix: fix.into() }
    }

    fn told(&self, file: &str) -> String {
        format!("{file}:{}: {}\n  fix: {}", self.at, self.what, self.fix)
    }
}

fn of_csv(text: &str) -> Result<Vec<Line>, Vec<Mistake>> {
    let broken = |error: &csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        let what = "the line has not as many values as the first line has names, or a quotation mark is open";
        vec![Mistake::new(
            line.to_string(),
            what,
            "put a text with commas or quotation marks between quotation marks",
        )]
    };
    // What some spreadsheets put before the first name.
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let names: Vec<String> =
        reader.headers().map_err(|error| broken(&error))?.iter().map(str::to_owned).collect();
    let twice = names.iter().enumerate().find(|(place, name)| names[..*place].contains(name));
    if let Some((_, name)) = twice {
        return Err(vec![Mistake::new(
            "1",
            format!("the column {name:?} is there twice"),
            "keep one of them",
        )]);
    }
    if !names.iter().any(|name| name == "id") {
        let fix = format!("let the first line name the columns: {}", COLUMNS.join(","));
        return Err(vec![Mistake::new("1", "no column is called id", fix)]);
    }
    let mut lines = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| broken(&error))?;
        let at = record.position().map_or(0, csv::Position::line).to_string();
        let cells = names.iter().cloned().zip(record.iter());
        let said = cells.filter(|(_, cell)| !cell.is_empty()).map(|(name, cell)| (name, Value::from(cell)));
        lines.push(Line { at, said: said.collect() });
    }
    Ok(lines)
}

fn of_json(text: &str) -> Result<Vec<Line>, Vec<Mistake>> {
    let solutions: Vec<Map<String, Value>> = serde_json::from_str(text).map_err(|error| {
        let at = format!("{}:{}", error.line(), error.column());
        let fix = "write a list of objects: [{ \"id\": \"...\", \"name\": \"...\", \"ready\": true }]";
        vec![Mistake::new(at, "this is no list of solutions", fix)]
    })?;
    let line = |(place, said)| Line { at: format!("entry {}", place + 1), said };
    Ok(solutions.into_iter().enumerate().map(line).collect())
}

fn checked(lines: Vec<Line>) -> Result<Vec<CatalogueSolution>, Vec<Mistake>> {
    let (mut solutions, mut mistakes, mut ids) = (Vec::new(), Vec::new(), BTreeSet::new());
    for line in &lines {
        match solution(line) {
            // The platform compares ids without case.
            Ok(solution) if !ids.insert(solution.id.to_ascii_lowercase()) => {
                let what = format!("the solution {:?} is there twice", solution.id);
                mistakes.push(Mistake::new(&line.at, what, "keep one of them"));
            }
            Ok(solution) => solutions.push(solution),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    if mistakes.is_empty() { Ok(solutions) } else { Err(mistakes) }
}

fn solution(line: &Line) -> Result<CatalogueSolution, Mistake> {
    let wrong = |what: String, fix: String| Mistake::new(&line.at, what, fix);
    if let Some(name) = line.said.keys().find(|name| !COLUMNS.contains(&name.as_str())) {
        let fix = format!("the columns are {}", COLUMNS.join(", "));
        return Err(wrong(format!("there is no column {name:?}"), fix));
    }
    let text = |name: &str| match line.said.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.chars().count() > MAX_TEXT => {
            Err(wrong(format!("{name} has more than {MAX_TEXT} characters"), "shorten it".to_owned()))
        }
        Some(Value::String(text)) if text.chars().any(char::is_control) => {
            Err(wrong(format!("{name} is more than one line of text"), "write it in one line".to_owned()))
        }
        Some(Value::String(text)) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        Some(_) => Err(wrong(format!("{name} is no text"), "put it between quotation marks".to_owned())),
    };
    let flag = |name: &str| match line.said.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(Value::String(text)) if ["true", "yes", "1"].contains(&text.to_ascii_lowercase().as_str()) => {
            Ok(Some(true))
        }
        Some(Value::String(text)) if ["false", "no", "0"].contains(&text.to_ascii_lowercase().as_str()) => {
            Ok(Some(false))
        }
        Some(other) => Err(wrong(format!("{name} is {other}"), "write true or false".to_owned())),
    };
    Ok(CatalogueSolution {
        id: text("id")?.ok_or_else(|| {
            wrong("the solution has no id".to_owned(), "write the id that Partner Center shows".to_owned())
        })?,
        name: text("name")?,
        publisher: text("publisher")?,
        solution_type: text("type")?,
        partner_id: text("partner_id")?,
        ready: flag("ready")?,
        active: flag("active")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(name: &str, text: &str) -> Result<Vec<CatalogueSolution>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        load(&path).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn csv_and_json_say_the_same() {
        let csv = loaded("a.csv", "\u{feff}id,name,ready\nSOL-1,\"One, and more\", yes\nSOL-2,,\n").unwrap();
        let json = r#"[{"id": "SOL-1", "name": "One, and more", "ready": true}, {"id": "SOL-2"}]"#;
        assert_eq!(csv, loaded("a.json", json).unwrap());
        assert_eq!((csv[0].ready, csv[1].ready, csv.len()), (Some(true), None, 2));
    }

    #[test]
    fn every_mistake_is_told_with_its_place_and_its_fix() {
        let told = loaded("a.csv", "id,ready\nSOL-1,maybe\n,true\nSOL-2,true\nsol-2,true\n").unwrap_err();
        for wanted in [
            "a.csv:2: ready is \"maybe\"\n  fix: write true or false",
            "a.csv:3: the solution has no id",
            "a.csv:5: the solution \"sol-2\" is there twice",
        ] {
            assert!(told.contains(wanted), "{told}");
        }
        for (name, text, wanted) in [
            ("a.csv", "name\nOne\n", "a.csv:1: no column is called id"),
            ("a.csv", "id,colour\nSOL-1,red\n", "a.csv:2: there is no column \"colour\""),
            ("a.csv", "id,name\nSOL-1,a,b\n", "a.csv:2: the line has not as many"),
            ("a.json", "{}", "a.json:1:0: this is no list"),
            ("a.json", r#"[{"id": 7}]"#, "a.json:entry 1: id is no text"),
            ("a.txt", "id\n", "neither .csv nor .json"),
        ] {
            let told = loaded(name, text).unwrap_err();
            assert!(told.contains(wanted) && told.contains("fix: "), "{told}");
        }
    }
}
