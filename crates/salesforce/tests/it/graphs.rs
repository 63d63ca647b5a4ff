//! Graphs: what is sent, what each of them came to, what is never sent (salesforce reference, section 2.12).

use ports::RetryClass;
use salesforce::{
    Error, Fields, Graph, MAX_GRAPHS, MAX_NODES, Misuse, ObjectName, ReferenceId, Subrequest, soql::Soql,
};
use serde_json::{Value, json};

use crate::stub::{Stub, answer, body, now};

fn object(name: &str) -> ObjectName {
    ObjectName::new(name).unwrap()
}

fn insert(number: usize, name: &str) -> Subrequest {
    Subrequest::insert(ReferenceId::numbered(number), &object(name), Fields::new())
}

fn graph(name: &str, successful: bool, parts: &Value) -> Value {
    json!({ "graphId": name, "isSuccessful": successful, "graphResponse": { "compositeResponse": parts } })
}

fn made(number: usize) -> Value {
    let id = format!("00{number}00000000000A");
    json!({ "referenceId": format!("r{number}"), "httpStatusCode": 201, "httpHeaders": {},
        "body": { "id": id, "success": true, "errors": [] } })
}

fn refused(number: usize, code: &str) -> Value {
    json!({ "referenceId": format!("r{number}"), "httpStatusCode": 400, "httpHeaders": {},
        "body": [{ "errorCode": code, "message": "m", "fields": [] }] })
}

fn answering(graphs: &[Value]) -> crate::stub::Scripted {
    answer(200, json!({ "graphs": graphs }).to_string())
}

#[tokio::test]
async fn records_point_to_the_ones_before_them_and_to_themselves() {
    let parts = json!([made(0), made(1), { "referenceId": "r2", "httpStatusCode": 204, "body": null }]);
    let stub = Stub::new([answering(&[graph("birth", true, &parts)])]);
    let own = ReferenceId::numbered(1);
    let nodes = vec![
        insert(0, "Account"),
        insert(1, "Opportunity").refer("AccountId", &ReferenceId::numbered(0)),
        Subrequest::update_inserted(ReferenceId::numbered(2), &object("Opportunity"), &own, Fields::new())
            .refer("Origin__c", &own),
    ];
    let answers = stub.client().graphs(now(), vec![Graph::new("birth", nodes)]).await.unwrap();
    let parts = answers.graphs[0].outcome().unwrap();
    assert_eq!(parts[1].inserted_id().unwrap().short(), "00100000000000A");
    let sent = body(&stub.last());
    assert_eq!(stub.last().uri().path(), "/services/data/v66.0/composite/graph");
    assert_eq!(sent["graphs"][0]["graphId"], "birth");
    let nodes = &sent["graphs"][0]["compositeRequest"];
    assert_eq!(nodes[1]["body"], json!({ "AccountId": "@{r0.id}" }));
    assert_eq!(nodes[2]["method"], "PATCH");
    assert_eq!(nodes[2]["url"], "/services/data/v66.0/sobjects/Opportunity/@{r1.id}");
    assert_eq!(nodes[2]["body"], json!({ "Origin__c": "@{r1.id}" }));
}

#[tokio::test]
async fn one_graph_that_falls_undoes_no_other_and_names_the_node_at_fault() {
    let fallen = json!([refused(0, "PROCESSING_HALTED"), refused(1, "STRING_TOO_LONG")]);
    let untried = json!([refused(0, "PROCESSING_HALTED"), refused(1, "PROCESSING_HALTED")]);
    let whole = json!([made(0), made(1)]);
    let stub = Stub::new([answering(&[
        graph("c", false, &untried),
        graph("a", true, &whole),
        graph("b", false, &fallen),
    ])]);
    let nodes = || vec![insert(0, "Account"), insert(1, "Contact")];
    let graphs = ["a", "b", "c"].map(|name| Graph::new(name, nodes())).to_vec();
    let answers = stub.client().graphs(now(), graphs).await.unwrap();
    assert!(answers.graphs[0].outcome().is_ok());
    let (node, refusal) = answers.graphs[1].outcome().unwrap_err();
    assert_eq!((node, refusal.code()), (1, Some("STRING_TOO_LONG")));
    let (_, refusal) = answers.graphs[2].outcome().unwrap_err();
    assert!(refusal.is_bystander(), "what was not tried may be sent again");
    assert_eq!(refusal.class(), RetryClass::LATER);
}

#[tokio::test]
async fn an_answer_that_is_not_whole_leaves_everything_in_doubt() {
    let whole = json!([made(0)]);
    let cases = [
        ("a graph is missing", json!({ "graphs": [] })),
        ("another graph", json!({ "graphs": [graph("b", true, &whole)] })),
        ("twice the graph", json!({ "graphs": [graph("a", true, &whole), graph("a", true, &whole)] })),
        ("no parts", json!({ "graphs": [graph("a", true, &json!([]))] })),
        ("another part", json!({ "graphs": [graph("a", true, &json!([made(1)]))] })),
        ("twice the part", json!({ "graphs": [graph("a", true, &json!([made(0), made(0)]))] })),
        ("well, and refused", json!({ "graphs": [graph("a", true, &json!([refused(0, "APEX_ERROR")]))] })),
        ("refused, and well", json!({ "graphs": [graph("a", false, &whole)] })),
        ("no graphs", json!({ "compositeResponse": whole })),
        ("a list", json!([graph("a", true, &whole)])),
    ];
    for (name, body) in cases {
        let stub = Stub::new([answer(200, body.to_string())]);
        let graph = Graph::new("a", vec![insert(0, "Account")]);
        let error = stub.client().graphs(now(), vec![graph]).await.unwrap_err();
        assert_eq!(error.class(), RetryClass::Doubtful, "{name}: {error}");
    }
}

#[tokio::test]
async fn what_the_platform_would_refuse_is_not_sent() {
    type Expected = fn(&Misuse) -> bool;
    let one = |name: String| Graph::new(name, vec![insert(0, "Account")]);
    let many = |most: usize| (0..most).map(|number| insert(number, "Account")).collect::<Vec<_>>();
    let chain = (0..16).map(|number: usize| {
        let node = insert(number, "Account");
        if number == 0 { node } else { node.refer("ParentId", &ReferenceId::numbered(number - 1)) }
    });
    let kinds = (0..16).map(|number| insert(number, &format!("Kind{number}__c")));
    let query = Subrequest::query(ReferenceId::numbered(0), &Soql::trusted("SELECT Id FROM Account"));
    let cases: Vec<(Vec<Graph>, Expected)> = vec![
        ((0..=MAX_GRAPHS).map(|number| one(format!("g{number}"))).collect(), |wrong| {
            matches!(wrong, Misuse::TooMany { most: 75, .. })
        }),
        (vec![Graph::new("a", many(MAX_NODES)), one("b".to_owned())], |wrong| {
            matches!(wrong, Misuse::TooMany { most: 500, .. })
        }),
        (vec![Graph::new("a", chain.collect())], |wrong| matches!(wrong, Misuse::TooMany { most: 15, .. })),
        (vec![Graph::new("a", kinds.collect())], |wrong| matches!(wrong, Misuse::TooMany { most: 15, .. })),
        (vec![Graph::new("a", vec![query])], |wrong| matches!(wrong, Misuse::NotInGraph(_))),
        (vec![one("a".to_owned()), one("a".to_owned())], |wrong| matches!(wrong, Misuse::GraphName(_))),
        (vec![one("a.b".to_owned())], |wrong| matches!(wrong, Misuse::GraphName(_))),
        (vec![one("x".repeat(40))], |wrong| matches!(wrong, Misuse::GraphName(_))),
        (vec![Graph::new("a", vec![insert(0, "Account"), insert(0, "Contact")])], |wrong| {
            matches!(wrong, Misuse::ReferenceId(_))
        }),
    ];
    let stub = Stub::new([]);
    for (graphs, expected) in cases {
        match stub.client().graphs(now(), graphs).await.unwrap_err() {
            Error::Misuse(wrong) => assert!(expected(&wrong), "{wrong}"),
            error => panic!("{error:?}"),
        }
    }
    assert!(stub.calls().is_empty());
}

#[tokio::test]
async fn as_much_as_the_platform_takes_is_sent() {
    let chain = (0..15).map(|number: usize| {
        let node = insert(number, "Account");
        if number == 0 { node } else { node.refer("ParentId", &ReferenceId::numbered(number - 1)) }
    });
    let parts: Vec<Value> = (0..15)
        .map(|number| {
            json!({ "referenceId": format!("r{number}"), "httpStatusCode": 201,
            "body": { "id": "00100000000000A", "success": true, "errors": [] } })
        })
        .collect();
    let stub = Stub::new([answering(&[graph("a", true, &json!(parts))])]);
    let answers = stub.client().graphs(now(), vec![Graph::new("a", chain.collect())]).await.unwrap();
    assert_eq!(answers.graphs[0].outcome().unwrap().len(), 15);
}
