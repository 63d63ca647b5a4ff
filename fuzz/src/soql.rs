//! Any text as a query of the sandbox's Salesforce.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::Request;
use jiff::Timestamp;
use sandbox::{exchange::Machine as _, salesforce::Salesforce, world::World};
use serde_json::{Value, json};

/// Longer texts are not looked at: they do not fit into a request's line.
const MAX_BYTES: usize = 2_048;

/// An org with a few rows, and somebody who may ask.
struct House {
    machine: Salesforce,
    bearer: String,
    now: Timestamp,
}

impl House {
    fn open() -> Self {
        let machine = Salesforce::new(&Arc::new(World::new(1)));
        let credentials = machine.credentials("http://sf.test");
        let bearer = format!("Bearer {}", credentials["seller"]["access_token"].as_str().expect("a token"));
        let house = Self { machine, bearer, now: Timestamp::from_second(1_795_327_200).expect("an instant") };
        let knobs = json!({"daily_limit": u32::MAX});
        house.machine.set_knobs(&knobs, house.now).expect("a knob of the sandbox");
        let (_, account) =
            house.ask("POST", "/sobjects/Account", &json!({"Name": "Contoso", "BillingCity": "Oslo"}));
        for (name, amount) in [("Alpha", json!(100)), ("beta 50%", json!(50.25)), ("Gamma_1", Value::Null)] {
            house.ask(
                "POST",
                "/sobjects/Opportunity",
                &json!({
                    "Name": name, "Amount": amount, "AccountId": account["id"], "StageName": "Prospecting",
                    "CloseDate": "2027-01-31", "Sync_with_Partner_Center__c": name == "Alpha",
                }),
            );
        }
        house
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let request = Request::builder()
            .method(method)
            .uri(format!("/services/data/v66.0{path}"))
            .header("authorization", &self.bearer)
            .body(body)
            .expect("a request");
        let response = self.machine.handle(request, self.now);
        (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap_or(Value::Null))
    }

    fn query(&self, text: &str, more: &str) -> (u16, Value) {
        let encoded: String = encode(text);
        self.ask("GET", &format!("/query?q={encoded}{more}"), &Value::Null)
    }
}

fn encode(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::new();
    for byte in text.bytes() {
        let _ = write!(encoded, "%{byte:02X}");
    }
    encoded
}

fn house() -> &'static House {
    static HOUSE: OnceLock<House> = OnceLock::new();
    HOUSE.get_or_init(House::open)
}

/// A query is answered with records or with a 400 that says why; the same query with other blanks, or in capitals
/// where nothing is quoted, finds as many records; its columns can be told; and what a bulk job takes, a query is.
///
/// # Panics
/// When that does not hold.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if text.len() > MAX_BYTES {
        return;
    }
    let house = house();
    let (status, answer) = house.query(text, "");
    if status == 400 {
        let code = answer.pointer("/0/errorCode").and_then(Value::as_str);
        assert!(code.is_some_and(|code| !code.is_empty()), "{text:?} is refused without a code: {answer}");
    } else {
        assert_eq!(status, 200, "{text:?}: {answer}");
        let listed = answer["records"].as_array().map_or(0, Vec::len);
        let total = answer["totalSize"].as_u64().expect("a number of records");
        assert!(u64::try_from(listed).is_ok_and(|listed| listed <= total), "{text:?}: {answer}");
        assert_eq!(house.query(text, "&columns=true").0, 200, "{text:?} has no columns");
    }
    let same = |other: &str| {
        let (other_status, other_answer) = house.query(other, "");
        assert_eq!(
            (status, &answer["totalSize"]),
            (other_status, &other_answer["totalSize"]),
            "{text:?}, {other:?}"
        );
    };
    same(&format!(" \n{text}\t "));
    if !text.contains('\'') && text.is_ascii() {
        same(&text.to_ascii_uppercase());
    }
    let (bulk, _) = house.ask("POST", "/jobs/query", &json!({"operation": "query", "query": text}));
    assert!(
        bulk == 400 || (bulk == 200 && status == 200),
        "{text:?} is {status} for a query, {bulk} in bulk"
    );
}
