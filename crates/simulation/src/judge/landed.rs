//! What a write of the product really changed: a call that went well may hold rows that were refused.

use serde_json::Value;

use super::privacy::contains;
use crate::{scene::list, world::Seen};

/// What sellers type into an opportunity.
const TYPED: [&str; 3] = ["Amount", "CloseDate", "Description"];

/// Whether `needle` stands in what the platform took of a write.
pub(super) fn landed(one: &Seen, needle: &str) -> bool {
    if one.status >= 300 || !contains(&one.body, needle) {
        return false;
    }
    let (asked, answered) = (parse(&one.body), parse(&one.answer));
    let parts = list(&asked["compositeRequest"]);
    parts.is_empty() || parts.iter().any(|part| told(part).contains(needle) && is_taken(part, &answered))
}

/// Whether a write changed anything: of several in one call, one of them.
pub(super) fn took_effect(one: &Seen) -> bool {
    let (asked, answered) = (parse(&one.body), parse(&one.answer));
    let (parts, graphs) = (list(&asked["compositeRequest"]), list(&answered["graphs"]));
    let whole = parts.is_empty() && graphs.is_empty();
    one.status < 300
        && (whole
            || graphs.iter().any(|graph| graph["isSuccessful"] == true)
            || parts.iter().any(|part| part["method"] != "GET" && is_taken(part, &answered)))
}

fn parse(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_default()
}

/// Whether a part of a composite call was taken, as the answer to all of it says.
fn is_taken(part: &Value, answered: &Value) -> bool {
    let of_part = |answer: &&Value| answer["referenceId"] == part["referenceId"];
    let answer = list(&answered["compositeResponse"]).iter().find(of_part);
    answer.and_then(|answer| answer["httpStatusCode"].as_u64()).is_some_and(|status| status < 300)
}

/// What a part writes, less the report: that tells of values, and a value told is not a value written.
fn told(part: &Value) -> String {
    let is_opportunity = part["url"].as_str().is_some_and(|url| url.contains("/sobjects/Opportunity/"));
    if !is_opportunity || part["method"] != "PATCH" {
        return part["body"].to_string();
    }
    TYPED
        .iter()
        .filter_map(|name| part["body"].get(*name))
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use sandbox::{exchange::Kind, faults::Platform};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_call_of_which_everything_was_refused_took_no_effect() {
        let one = |asked: Value, answer: Value| Seen {
            at: jiff::Timestamp::UNIX_EPOCH,
            platform: Platform::Salesforce,
            kind: Kind::CrmWrite,
            line: "POST /services/data/v66.0/composite".to_owned(),
            body: Bytes::from(asked.to_string()),
            status: 200,
            answer: Bytes::from(answer.to_string()),
        };
        let asked = json!({ "compositeRequest": [
            { "referenceId": "r0", "method": "PATCH" }, { "referenceId": "r1", "method": "GET" },
        ] });
        let answer = |status: u64| {
            json!({ "compositeResponse": [
                { "referenceId": "r0", "httpStatusCode": status }, { "referenceId": "r1", "httpStatusCode": 200 },
            ] })
        };
        assert!(!took_effect(&one(asked.clone(), answer(400))) && took_effect(&one(asked, answer(204))));
        let graph = |went| json!({ "graphs": [{ "isSuccessful": went }] });
        assert!(!took_effect(&one(json!({}), graph(false))) && took_effect(&one(json!({}), graph(true))));
    }

    #[test]
    fn a_row_that_was_refused_in_a_call_that_went_well_did_not_land() {
        let asked = json!({ "compositeRequest": [
            { "referenceId": "r0", "body": { "Amount": 30017.44 } },
            { "referenceId": "r1", "body": { "Amount": 30034.22 } },
        ] });
        let answer = json!({ "compositeResponse": [
            { "referenceId": "r0", "httpStatusCode": 412 }, { "referenceId": "r1", "httpStatusCode": 204 },
        ] });
        let seen = Seen {
            at: jiff::Timestamp::UNIX_EPOCH,
            platform: Platform::Salesforce,
            kind: Kind::CrmWrite,
            line: "POST /services/data/v66.0/composite".to_owned(),
            body: Bytes::from(asked.to_string()),
            status: 200,
            answer: Bytes::from(answer.to_string()),
        };
        assert!(!landed(&seen, "30017.44"));
        assert!(landed(&seen, "30034.22"));
        assert!(!landed(&Seen { status: 500, ..seen }, "30034.22"));
    }

    #[test]
    fn what_a_report_tells_of_a_value_is_no_value_written() {
        let part = |body: Value| {
            told(
                &json!({ "method": "PATCH", "url": "/services/data/v66.0/sobjects/Opportunity/006", "body": body }),
            )
        };
        assert!(part(json!({ "Amount": 30034.22, "Audit__c": "x" })).contains("30034.22"));
        assert!(!part(json!({ "Audit__c": "the referral holds 30034.22" })).contains("30034.22"));
    }
}
