//! Sections 4.7 and 4.8 put together: whoever follows the events, and believes them, holds the org's rows.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::desk::{Desk, EARLIEST, OPPORTUNITIES, Told};

/// Numbers that look drawn, and are the same in every run.
struct Draw(u64);

impl Draw {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        let at = usize::try_from(self.next(of.len() as u64)).unwrap();
        of[at].clone()
    }
}

/// The rows as a follower holds them, by id.
type Held = BTreeMap<String, Map<String, Value>>;

fn follow(held: &mut Held, told: &Told) {
    for id in told.ids() {
        match told.kind() {
            "CREATE" | "UNDELETE" => {
                held.insert(id.to_owned(), told.body.clone());
            }
            "DELETE" => {
                held.remove(id).expect("a row that was never told went away");
            }
            "UPDATE" => {
                let row = held.get_mut(id).expect("a row that was never told changed");
                for name in &told.changed {
                    row.insert(name.clone(), told.body[name].clone());
                }
                for name in &told.nulled {
                    assert!(told.body[name].is_null(), "{name}");
                    row.insert(name.clone(), Value::Null);
                }
            }
            other => panic!("{other}"),
        }
    }
}

/// A value as an event carries it.
fn as_told(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.to_string().parse::<f64>().unwrap()),
        Value::String(text) => {
            let day = text.parse::<jiff::civil::Date>().ok().filter(|_| text.len() == 10);
            let midnight = day.map(|day| day.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp());
            let instant = text.strip_suffix("+0000").and_then(|bare| format!("{bare}Z").parse().ok());
            match midnight.or(instant) {
                Some(at) => as_told(&json!(at.as_millisecond())),
                None => value.clone(),
            }
        }
        other => other.clone(),
    }
}

fn changes(draw: &mut Draw) -> Value {
    let mut body = Map::new();
    for _ in 0..=draw.next(3) {
        let (name, value) = match draw.next(8) {
            0 => ("Name", json!(format!("Deal {}", draw.next(5)))),
            1 => {
                ("StageName", json!(draw.one(&["Prospecting", "Qualification", "Closed Won", "Closed Lost"])))
            }
            2 => ("Amount", draw.one(&[Value::Null, json!(10), json!(1234.56)])),
            3 => ("NextStep", draw.one(&[Value::Null, json!("Call"), json!("Mail")])),
            4 => ("CloseDate", json!(draw.one(&["2027-01-31", "2027-06-30"]))),
            5 => ("Description", draw.one(&[Value::Null, json!("a\nb"), json!("ünï ✓")])),
            6 => ("Sync_with_Partner_Center__c", json!(draw.next(2) == 0)),
            _ => ("Probability", json!(draw.next(101))),
        };
        body.insert(name.to_owned(), value);
    }
    Value::Object(body)
}

fn act(desk: &Desk, draw: &mut Draw, live: &mut Vec<String>, binned: &mut Vec<String>) {
    match draw.next(9) {
        0 | 1 => live.push(desk.opportunity(changes(draw))),
        2 if live.len() > 2 => {
            let id = live.remove(usize::try_from(draw.next(live.len() as u64)).unwrap());
            desk.delete("Opportunity", &id);
            binned.push(id);
        }
        3 => {
            if let Some(id) = binned.pop() {
                desk.act("undelete", json!({"id": id})).unwrap();
                live.push(id);
            }
        }
        4 if !live.is_empty() => {
            // The same for all, so that it may be told at once.
            let same = changes(draw);
            let record = |id: &String| {
                let mut record = json!({"attributes": {"type": "Opportunity"}, "id": id});
                record.as_object_mut().unwrap().extend(same.as_object().unwrap().clone());
                record
            };
            let records: Vec<Value> = live.iter().map(record).collect();
            let all_or_none = draw.next(2) == 0;
            desk.call("PATCH", "/composite/sobjects", &json!({"allOrNone": all_or_none, "records": records}));
        }
        5 if !live.is_empty() => {
            let mut steps: Vec<Value> = (0..4)
                .map(|at| {
                    let url = format!("/services/data/v66.0/sobjects/Opportunity/{}", draw.one(live));
                    json!({"method": "PATCH", "url": url, "referenceId": format!("r{at}"), "body": changes(draw)})
                })
                .collect();
            if draw.next(3) == 0 {
                steps[2]["body"] = json!({"Name": "x".repeat(200)});
            }
            let body = json!({"allOrNone": draw.next(2) == 0, "compositeRequest": steps});
            assert_eq!(desk.call("POST", "/composite", &body).0, 200);
        }
        6 => desk.wait(1),
        _ if !live.is_empty() => desk.change("Opportunity", &draw.one(live), changes(draw)),
        _ => {}
    }
}

#[test]
fn s4_8_whoever_follows_the_events_holds_the_orgs_rows() {
    for seed in 0..12 {
        let desk = Desk::new();
        let mut draw = Draw(seed);
        let mut stream = desk.open(OPPORTUNITIES, EARLIEST, 100);
        let (mut live, mut binned, mut held) = (Vec::new(), Vec::new(), Held::new());
        let mut merged = 0;
        for _ in 0..60 {
            act(&desk, &mut draw, &mut live, &mut binned);
            for told in desk.told(&mut stream) {
                merged += usize::from(told.ids().len() > 1);
                follow(&mut held, &told);
            }
            desk.credit(&mut stream, OPPORTUNITIES, 100).unwrap();
        }
        assert!(merged > 0 || seed > 0, "the first run has merged events");
        live.sort();
        assert_eq!(held.keys().collect::<Vec<_>>(), live.iter().collect::<Vec<_>>(), "seed {seed}");
        for (id, row) in &held {
            let (status, record) = desk.call("GET", &format!("/sobjects/Opportunity/{id}"), &Value::Null);
            assert_eq!(status, 200);
            for (name, value) in row {
                assert_eq!(as_told(value), as_told(&record[name]), "seed {seed}: {id} {name}");
            }
        }
    }
}
