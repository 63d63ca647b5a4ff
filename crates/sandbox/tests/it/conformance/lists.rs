//! Section 2.1: query options of the list.

use serde_json::json;

use super::rule::{hold, rule};

#[test]
fn s2_1_every_documented_filter_is_understood() {
    // own, shared, theirs and won are the partner's doing, inbound and the referral beside it are Microsoft's.
    let table = [
        ("engagementId eq '{shared.engagementId}'", 2),
        ("status eq 'New'", 2),
        ("status eq 'Closed' and substatus eq 'Won'", 1),
        ("(status eq 'New' or status eq 'Closed') and substatus ne 'Won'", 2),
        ("substatus eq 'Accepted'", 3),
        ("qualification eq 'SalesQualified'", 6),
        ("type eq 'Independent'", 2),
        ("type eq 'Shared' and direction eq 'Incoming'", 1),
        ("customerProfile/address/country eq 'CH'", 2),
        ("team/any(t:t/email eq 'ada.berg@fabrikam.example')", 3),
        ("team/any(t: t/email eq 'nobody@fabrikam.example')", 0),
        ("updatedDateTime ge 2000-01-01T00:00:00Z", 6),
        ("updatedDateTime gt 2100-01-01T00:00:00Z", 0),
        ("createdDateTime le 2026-11-22T10:00:01Z", 6),
        ("updatedDateTime lt {own.updatedDateTime}", 0),
        ("id eq '{own}'", 1),
        ("status eq 'active'", 0),
    ];
    hold(
        table.map(|(filter, entries)| {
            rule(filter).get(&format!("?$filter={filter}")).counts("/value", entries)
        }),
    );
}

#[test]
fn s2_1_what_is_no_filter_or_not_documented_is_refused() {
    let table = [
        "status = 'New'",
        "status eq New",
        "status eq \"New\"",
        "status EQ 'New'",
        "status eq 'New' &&",
        "updatedDateTime ge '2026-11-02T09:14:07Z'",
        "updatedDateTime ge datetime'2026-11-02T09:14:07'",
        "name eq 'O'Brien'",
        "externalReferenceId eq '006AA000001XyZ1'",
        "contains(name,'x')",
        "team/all(t:t/email eq 'x')",
        "",
    ];
    hold(table.map(|filter| {
        rule(filter)
            .get(&format!("?$filter={}", filter.replace('&', "%26").replace('"', "%22")))
            .invalid("$filter")
    }));
}

#[test]
fn s2_1_order_pages_counts_and_selections() {
    let first = "/value/0";
    hold([
        rule("$orderby=createdDateTime asc")
            .get("?$orderby=createdDateTime asc&$select=id")
            .fact(first, json!({"id": "{own}"})),
        rule("$orderby=createdDateTime desc")
            .get("?$orderby=createdDateTime desc&$filter=type eq 'Independent'&$select=id")
            .fact(first, json!({"id": "{won}"})),
        rule("$orderby=updatedDateTime")
            .get("?$orderby=updatedDateTime&$select=id")
            .fact(first, json!({"id": "{own}"})),
        rule("$orderby takes no other property").get("?$orderby=name").invalid("$orderby"),
        rule("$orderby takes one property")
            .get("?$orderby=createdDateTime,updatedDateTime")
            .invalid("$orderby"),
        rule("$orderby takes asc or desc").get("?$orderby=createdDateTime descending").invalid("$orderby"),
        rule("$top").get("?$top=2").counts("/value", 2).lacks("/@odata.nextLink"),
        rule("$top=200 is taken").get("?$top=200").counts("/value", 6),
        rule("$top=0 gives none").get("?$top=0").counts("/value", 0),
        rule("$top is no negative number").get("?$top=-1").invalid("$top"),
        rule("$skip").get("?$skip=4").counts("/value", 2),
        rule("$skip past the end").get("?$skip=400").counts("/value", 0),
        rule("$count may count everything").get("?$count=true&$top=2").fact("/@odata.count", json!(6)),
        rule("$count may count the page")
            .knobs(json!({"count_meaning": "page"}))
            .get("?$count=true&$top=2")
            .fact("/@odata.count", json!(2)),
        rule("no count unless asked for").get("").lacks("/@odata.count"),
        rule("$select")
            .get("?$select=id,status,customerProfile&$filter=id eq '{own}'")
            .has("/value/0/customerProfile/name")
            .lacks("/value/0/name")
            .lacks("/value/0/eTag"),
        rule("$select names properties").get("?$select=id,colour").invalid("$select"),
        rule("$expand is an option, and finds everything in place").get("?$expand=team").has("/value/0/team"),
        rule("$expand names what has an inside").get("?$expand=name").invalid("$expand"),
        rule("an option is given once").get("?$top=1&$top=2").invalid("$top"),
        rule("an option starts with a dollar").get("?filter=x").invalid("filter"),
        rule("a continuation is one that the service gave").get("?$skiptoken=eyJ9").invalid("$skiptoken"),
        rule("the context of the list").get("").fact(
            "/@odata.context",
            json!("http://127.0.0.1:7001/v1.0/engagements/referrals/$metadata#Referrals"),
        ),
        rule("entities of the list have no context of their own").get("").lacks("/value/0/@odata.context"),
    ]);
}

#[test]
fn s2_1_a_further_page_is_offered_by_a_link_that_leads_nowhere() {
    let page = json!({"page_size": 2});
    hold([
        rule("as in the samples: plain http, without engagements")
            .knobs(page.clone())
            .get("")
            .counts("/value", 2)
            .has("/@odata.nextLink"),
        rule("none on the last page")
            .knobs(page.clone())
            .get("?$skip=4")
            .counts("/value", 2)
            .lacks("/@odata.nextLink"),
        rule("none when $top is reached").knobs(page).get("?$top=2").lacks("/@odata.nextLink"),
    ]);
}
