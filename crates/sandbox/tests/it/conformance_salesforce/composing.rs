//! Sections 2.9 to 2.12, 2.14 and 2.15: calls in a call, conditions, and what all of it costs.

use serde_json::{Value, json};

use super::rule::{Desk, hold, rule};

const DATA: &str = "/services/data/v66.0";

fn sub(method: &str, path: &str, reference: &str, body: Value) -> Value {
    let mut sub = json!({"method": method, "url": format!("{DATA}{path}"), "referenceId": reference});
    if !body.is_null() {
        sub["body"] = body;
    }
    sub
}

fn composite(all_or_none: bool, subs: Value) -> Value {
    json!({"allOrNone": all_or_none, "compositeRequest": subs})
}

fn deal(name: &str) -> Value {
    json!({"Name": name, "StageName": "Prospecting", "CloseDate": "2027-01-31"})
}

#[test]
fn s2_9_a_composite_is_one_call_of_many() {
    let many = |count: usize, path: &str| -> Value {
        (0..count).map(|at| sub("GET", path, &format!("r{at}"), Value::Null)).collect()
    };
    let query = "/query?q=SELECT+Id+FROM+Opportunity";
    hold([
        rule("results are referred to by field and index")
            .post(
                "/composite",
                composite(
                    true,
                    json!([
                        sub("GET", query, "found", Value::Null),
                        sub(
                            "PATCH",
                            "/sobjects/Opportunity/@{found.records[0].Id}",
                            "named",
                            json!({"Name": "New"})
                        ),
                        sub("POST", "/sobjects/Account", "made", json!({"Name": "Fabrikam"})),
                        sub(
                            "POST",
                            "/sobjects/Contact",
                            "who",
                            json!({"LastName": "x", "AccountId": "@{made.id}"})
                        ),
                    ]),
                ),
            )
            .fact("/compositeResponse/1/httpStatusCode", json!(204))
            .fact("/compositeResponse/3/httpStatusCode", json!(201))
            .after("/sobjects/Opportunity/{opportunity}", "/Name", json!("New")),
        rule("25 subrequests").post("/composite", composite(false, many(25, "/sobjects/Account/{account}"))),
        rule("26 are too many")
            .post("/composite", composite(false, many(26, "/sobjects/Account/{account}")))
            .refused(400, "LIMIT_EXCEEDED"),
        rule("5 queries").post("/composite", composite(false, many(5, query))),
        rule("6 are too many")
            .post("/composite", composite(false, many(6, query)))
            .refused(400, "LIMIT_EXCEEDED"),
        rule("all or none: the failed one has its error, the others the text of the rollback")
            .post(
                "/composite",
                composite(
                    true,
                    json!([
                        sub("POST", "/sobjects/Opportunity", "a", deal("a")),
                        sub("POST", "/sobjects/Opportunity", "b", json!({"Name": "b"})),
                        sub("POST", "/sobjects/Opportunity", "c", deal("c")),
                    ]),
                ),
            )
            .fact("/compositeResponse/1/body/0/errorCode", json!("REQUIRED_FIELD_MISSING"))
            .fact("/compositeResponse/0/body/0/errorCode", json!("PROCESSING_HALTED"))
            .fact(
                "/compositeResponse/2/body/0/message",
                json!(
                    "The transaction was rolled back since another operation in the same transaction failed."
                ),
            )
            .after("SELECT Id FROM Opportunity", "/totalSize", json!(1)),
        rule("one by one: what refers to a failed one is halted, the rest goes on")
            .post(
                "/composite",
                composite(
                    false,
                    json!([
                        sub("POST", "/sobjects/Account", "a", json!({})),
                        sub(
                            "POST",
                            "/sobjects/Contact",
                            "b",
                            json!({"LastName": "x", "AccountId": "@{a.id}"})
                        ),
                        sub("POST", "/sobjects/Contact", "c", json!({"LastName": "y"})),
                    ]),
                ),
            )
            .fact("/compositeResponse/1/httpStatusCode", json!(400))
            .fact("/compositeResponse/1/body/0/errorCode", json!("PROCESSING_HALTED"))
            .holds("/compositeResponse/1/body/0/message", "Invalid reference specified")
            .fact("/compositeResponse/2/httpStatusCode", json!(201)),
        rule("an illegal name of a reference fails the whole")
            .post("/composite", composite(false, json!([sub("GET", "/limits", "_a", Value::Null)])))
            .refused(400, "INVALID_INPUT"),
        rule("Authorization is not a subrequest's")
            .post(
                "/composite",
                composite(
                    false,
                    json!([{
                "method": "GET", "url": format!("{DATA}/limits"), "referenceId": "a",
                "httpHeaders": {"Authorization": "x"}}]),
                ),
            )
            .refused(400, "INVALID_INPUT"),
    ]);
}

#[test]
fn s2_9_a_composite_costs_one_call() {
    let desk = Desk::new();
    let spent = |desk: &Desk| {
        let reply = desk.ask("GET", "/sobjects/Account/{account}", &[], None, true);
        let info = reply.headers["sforce-limit-info"].to_str().unwrap().to_owned();
        info.strip_prefix("api-usage=").unwrap().split('/').next().unwrap().parse::<u64>().unwrap()
    };
    let before = spent(&desk);
    let subs: Value = (0..20).map(|at| sub("GET", "/limits", &format!("r{at}"), Value::Null)).collect();
    let reply = desk.ask("POST", "/composite", &[], Some(&composite(false, subs).to_string()), true);
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(spent(&desk), before + 2, "the composite, and the look afterwards");
}

#[test]
fn s2_14_a_condition_holds_in_a_subrequest_unless_the_org_loses_it() {
    let conditional = composite(
        false,
        json!([{
            "method": "PATCH", "url": format!("{DATA}/sobjects/Opportunity/{{opportunity}}"), "referenceId": "a",
            "body": {"Name": "New"}, "httpHeaders": {"If-Unmodified-Since": "{yesterday}"}}]),
    );
    let deal = "/sobjects/Opportunity/{opportunity}";
    hold([
        rule("the subrequest's own header is honoured")
            .post("/composite", conditional.clone())
            .fact("/compositeResponse/0/httpStatusCode", json!(412))
            .after(deal, "/Name", json!("Deal")),
        rule("the knob makes the org lose it")
            .knobs(json!({"composite_ignores_conditions": true}))
            .post("/composite", conditional)
            .fact("/compositeResponse/0/httpStatusCode", json!(204))
            .after(deal, "/Name", json!("New")),
        rule("a row of its own still has its condition")
            .knobs(json!({"composite_ignores_conditions": true}))
            .patch(deal, json!({"Name": "New"}))
            .header("if-unmodified-since", "{yesterday}")
            .refused(412, "MATCH_PRECONDITION_FAILED"),
        rule("a malformed date is refused")
            .patch(deal, json!({"Name": "New"}))
            .header("if-unmodified-since", "yesterday")
            .refused(400, "INVALID_DATE_FORMAT"),
        rule("within the same second a change passes")
            .first("PATCH", deal, json!({"Name": "Other"}))
            .patch(deal, json!({"Name": "New"}))
            .header("if-unmodified-since", "{now}")
            .gives(204),
        rule("a DELETE knows no condition")
            .send("DELETE", deal)
            .header("if-unmodified-since", "{yesterday}")
            .gives(204),
        rule("tags are for accounts").get("/sobjects/Account/{account}").has("#etag"),
        rule("and for nothing else").get(deal).lacks("#etag"),
    ]);
}

#[test]
fn s2_10_collections_answer_record_by_record() {
    let records = |count: usize, kind: &dyn Fn(usize) -> &'static str| -> Value {
        let record = |at: usize| json!({"attributes": {"type": kind(at)}, "Name": format!("n{at}")});
        json!({"records": (0..count).map(record).collect::<Vec<_>>()})
    };
    let accounts = |count: usize| records(count, &|_| "Account");
    let mixed = |runs: usize| records(runs, &|at| if at % 2 == 0 { "Account" } else { "Campaign" });
    let broken = json!({"allOrNone": true, "records": [
        {"attributes": {"type": "Account"}, "Name": "a"}, {"attributes": {"type": "Account"}}]});
    let path = "/composite/sobjects";
    hold([
        rule("200 records").post(path, accounts(200)).counts("", 200),
        rule("201 are too many").post(path, accounts(201)).refused(400, "EXCEEDED_ID_LIMIT"),
        rule("ten chunks of one type").post(path, mixed(10)).counts("", 10),
        rule("eleven are too many").post(path, mixed(11)).refused(400, "INVALID_INPUT"),
        rule("all or none: the innocent are rolled back")
            .post(path, broken)
            .refused(200, "ALL_OR_NONE_OPERATION_ROLLED_BACK")
            .fact("/1/errors/0/statusCode", json!("REQUIRED_FIELD_MISSING"))
            .after("SELECT Id FROM Account", "/totalSize", json!(1)),
        rule("DELETE takes ids")
            .send("DELETE", "/composite/sobjects?ids={opportunity},{account}")
            .fact("/1/success", json!(true))
            .after("SELECT Id FROM Account", "/totalSize", json!(0)),
        rule("a retrieve puts null where nothing is")
            .get("/composite/sobjects/Account?ids={account},001000000000000AAA&fields=Name")
            .fact("/0/Name", json!("Contoso"))
            .fact("/1", Value::Null),
        rule("or by POST")
            .post("/composite/sobjects/Account", json!({"ids": ["{account}"], "fields": ["Name"]}))
            .fact("/0/Name", json!("Contoso")),
        rule("2,001 ids are too many")
            .post("/composite/sobjects/Account", json!({"ids": vec!["{account}"; 2_001], "fields": ["Name"]}))
            .refused(400, "EXCEEDED_ID_LIMIT"),
    ]);
}

#[test]
fn s2_11_a_tree_grows_as_a_whole() {
    let contact = |reference: &str, name: Value| json!({"attributes": {"type": "Contact", "referenceId": reference}, "LastName": name});
    let account = |contacts: Value| {
        json!({"records": [{
        "attributes": {"type": "Account", "referenceId": "a"}, "Name": "Tree", "Contacts": {"records": contacts}}]})
    };
    let path = "/composite/tree/Account";
    let long: Vec<Value> = (0..201)
        .map(|at| json!({"attributes": {"type": "Account", "referenceId": format!("r{at}")}, "Name": "x"}))
        .collect();
    hold([
        rule("children are created with their parent")
            .post(path, account(json!([contact("c", json!("Meier"))])))
            .gives(201)
            .fact("/hasErrors", json!(false))
            .counts("/results", 2)
            .after(
                "SELECT Account.Name FROM Contact WHERE LastName = 'Meier' AND Account.Name = 'Tree'",
                "/totalSize",
                json!(1),
            ),
        rule("one error and nothing is created")
            .post(path, account(json!([contact("c", Value::Null)])))
            .gives(400)
            .fact("/hasErrors", json!(true))
            .fact("/results/0/referenceId", json!("c"))
            .fact("/results/0/errors/0/statusCode", json!("REQUIRED_FIELD_MISSING"))
            .after("SELECT Id FROM Account", "/totalSize", json!(1)),
        rule("a reference is given once")
            .post(path, account(json!([contact("a", json!("x"))])))
            .gives(400)
            .fact("/results/0/errors/0/statusCode", json!("INVALID_INPUT")),
        rule("201 records are too many")
            .post(path, json!({"records": long}))
            .gives(400)
            .fact("/hasErrors", json!(true)),
    ]);
}

#[test]
fn s2_11_a_batch_is_a_list_of_calls() {
    let batch = |halt: bool| {
        json!({"haltOnError": halt, "batchRequests": [
        {"method": "GET", "url": "v66.0/sobjects/Account/{account}"},
        {"method": "GET", "url": "v66.0/sobjects/Account/001000000000000AAA"},
        {"method": "PATCH", "url": "v66.0/sobjects/Account/{account}", "richInput": {"Phone": "1"}}]})
    };
    hold([
        rule("each stands by itself")
            .post("/composite/batch", batch(false))
            .fact("/hasErrors", json!(true))
            .fact("/results/0/statusCode", json!(200))
            .fact("/results/1/statusCode", json!(404))
            .fact("/results/2/statusCode", json!(204)),
        rule("unless the first error halts it")
            .post("/composite/batch", batch(true))
            .fact("/results/2/statusCode", json!(412))
            .after("/sobjects/Account/{account}", "/Phone", Value::Null),
    ]);
}

#[test]
fn s2_12_graphs_stand_or_fall_each_by_itself() {
    let graph = |id: &str, subs: Value| json!({"graphId": id, "compositeRequest": subs});
    let good = |id: &str| graph(id, json!([sub("POST", "/sobjects/Account", "a", json!({"Name": id}))]));
    let bad = |id: &str| graph(id, json!([sub("POST", "/sobjects/Account", "a", json!({}))]));
    let post = |graphs: Vec<Value>| json!({ "graphs": graphs });
    let path = "/composite/graph";
    let chain = |depth: usize| {
        let node = |at: usize| {
            let parent = if at == 0 { Value::Null } else { json!(format!("@{{n{}.id}}", at - 1)) };
            sub("POST", "/sobjects/Account", &format!("n{at}"), json!({"Name": "x", "ParentId": parent}))
        };
        post(vec![graph("g", (0..depth).map(node).collect())])
    };
    let objects = [
        "Account",
        "Contact",
        "Opportunity",
        "Campaign",
        "Lead",
        "Task",
        "Note",
        "Product2",
        "Pricebook2",
        "OpportunityContactRole",
        "OpportunityTeamMember",
        "Microsoft_Solution__c",
        "OpportunityLineItem",
        "PricebookEntry",
        "ContentVersion",
        "ContentNote",
    ];
    let kinds = |count: usize| {
        let node = |(at, object): (usize, &&str)| {
            sub("POST", &format!("/sobjects/{object}"), &format!("n{at}"), json!({}))
        };
        post(vec![graph("g", objects.iter().take(count).enumerate().map(node).collect())])
    };
    let nodes = |count: usize| {
        let node = |at: usize| sub("GET", "/sobjects/Account/{account}", &format!("n{at}"), Value::Null);
        post(vec![graph("g", (0..count).map(node).collect())])
    };
    hold([
        rule("a failed graph leaves the others")
            .post(path, post(vec![good("one"), bad("two"), good("three")]))
            .fact("/graphs/0/isSuccessful", json!(true))
            .fact("/graphs/1/isSuccessful", json!(false))
            .fact("/graphs/2/isSuccessful", json!(true))
            .fact(
                "/graphs/1/graphResponse/compositeResponse/0/body/0/errorCode",
                json!("REQUIRED_FIELD_MISSING"),
            )
            .after("SELECT Id FROM Account", "/totalSize", json!(3)),
        rule("a graph is all or nothing")
            .post(
                path,
                post(vec![graph(
                    "g",
                    json!([
                        sub("POST", "/sobjects/Account", "a", json!({"Name": "x"})),
                        sub("POST", "/sobjects/Contact", "b", json!({"AccountId": "@{a.id}"}))
                    ]),
                )]),
            )
            .fact("/graphs/0/graphResponse/compositeResponse/0/body/0/errorCode", json!("PROCESSING_HALTED"))
            .after("SELECT Id FROM Account", "/totalSize", json!(1)),
        rule("after 14 failed graphs the rest is not tried")
            .post(path, post((0..14).map(|at| bad(&format!("b{at}"))).chain([good("last")]).collect()))
            .fact(
                "/graphs/13/graphResponse/compositeResponse/0/body/0/errorCode",
                json!("REQUIRED_FIELD_MISSING"),
            )
            .fact("/graphs/14/graphResponse/compositeResponse/0/body/0/errorCode", json!("PROCESSING_HALTED"))
            .after("SELECT Id FROM Account", "/totalSize", json!(1)),
        rule("75 graphs")
            .post(path, post((0..75).map(|at| good(&format!("g{at}"))).collect()))
            .counts("/graphs", 75),
        rule("76 are too many")
            .post(path, post((0..76).map(|at| good(&format!("g{at}"))).collect()))
            .refused(400, "LIMIT_EXCEEDED"),
        rule("500 nodes").post(path, nodes(500)).fact("/graphs/0/isSuccessful", json!(true)),
        rule("501 are too many").post(path, nodes(501)).refused(400, "LIMIT_EXCEEDED"),
        rule("15 levels").post(path, chain(15)).fact("/graphs/0/isSuccessful", json!(true)),
        rule("16 are too deep").post(path, chain(16)).refused(400, "LIMIT_EXCEEDED"),
        rule("15 kinds of nodes").post(path, kinds(15)).fact("/graphs/0/isSuccessful", json!(false)),
        rule("16 are too varied").post(path, kinds(16)).refused(400, "LIMIT_EXCEEDED"),
        rule("a graph's name has fewer than 40 characters")
            .post(path, post(vec![good(&"x".repeat(40))]))
            .refused(400, "INVALID_INPUT"),
        rule("and no dot").post(path, post(vec![good("a.b")])).refused(400, "INVALID_INPUT"),
        rule("39 are fine").post(path, post(vec![good(&"x".repeat(39))])),
        rule("queries are no nodes")
            .post(
                path,
                post(vec![graph(
                    "g",
                    json!([sub("GET", "/query?q=SELECT+Id+FROM+Account", "a", Value::Null)]),
                )]),
            )
            .refused(400, "INVALID_INPUT"),
        rule("nor are collections")
            .post(path, post(vec![graph("g", json!([sub("POST", "/composite/sobjects", "a", json!({}))]))]))
            .refused(400, "INVALID_INPUT"),
    ]);
}

#[test]
fn s2_15_the_allowance_is_told_overshot_and_used_up() {
    let desk = Desk::new();
    let limits = desk.ask("GET", "/limits", &[], None, false);
    let left = limits.body["DailyApiRequests"]["Remaining"].as_u64().unwrap();
    let spent = 100_000 - left;
    desk.knobs(&json!({"daily_limit": spent + 2, "daily_overshoot": 1}));
    let ask = || desk.ask("GET", "/sobjects", &[], None, false);
    let told: Vec<(u16, String)> = (0..5)
        .map(|_| {
            let reply = ask();
            (reply.status, reply.headers["sforce-limit-info"].to_str().unwrap().to_owned())
        })
        .collect();
    let usage = |calls: u64| format!("api-usage={}/{}", spent + calls, spent + 2);
    assert_eq!(
        told,
        [(200, usage(1)), (200, usage(2)), (200, usage(3)), (403, usage(3)), (403, usage(3))],
        "two calls, one above the limit, then none"
    );
    assert_eq!(ask().code(), "REQUEST_LIMIT_EXCEEDED");
    let versions = desk.ask("GET", "/services/data", &[], None, false);
    assert_eq!((versions.status, versions.headers.get("sforce-limit-info")), (200, None));
    hold([
        rule("counts are told")
            .get("/limits/recordCount?sObjects=Account,Opportunity")
            .fact("/sObjects/0/count", json!(1)),
        rule("the limits are a map").get("/limits").has("/DailyApiRequests/Max").has("/DataStorageMB/Max"),
    ]);
}
