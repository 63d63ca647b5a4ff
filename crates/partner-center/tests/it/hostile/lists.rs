//! Lists: pages that are cut, links that lead astray, and lists without end.

use partner_center::{Error, Filter, ListQuery, Order, Status};
use ports::RetryClass::{self, Doubtful};

use super::{
    server::{Server, Step, answer},
    stage::{Call, MAX_ANSWER, Stage, TOKEN, class},
};
use crate::platform::{ID, now_lane};

fn page(next: Option<&str>) -> Vec<Step> {
    let next =
        next.map_or_else(String::new, |next| format!(r#","@odata.nextLink":{}"#, serde_json::json!(next)));
    answer(
        "200 OK",
        &[("Content-Type", "application/json")],
        format!(r#"{{"value":[{{"id":"{ID}"}}]{next}}}"#),
    )
}

/// Reads the whole list; the number of its referrals.
async fn read(stage: &Stage) -> Result<usize, Error> {
    let query = ListQuery::new().filter(Filter::status_is(&Status::Active)).order_by(Order::UpdatedAscending);
    let mut pages = stage.client.pages(now_lane(), query);
    let mut read = 0;
    while let Some(page) = pages.next_page().await? {
        read += page.items.len();
    }
    Ok(read)
}

#[tokio::test]
async fn wherever_a_link_leads_the_list_goes_on_at_our_own_address() {
    let elsewhere = Server::always(page(None)).await;
    let links = [
        "http://api.partner.microsoft.com/v1.0/referrals?$skiptoken=a%2Bb".to_owned(),
        "https://api.partner.microsoft.com/v1.0/engagments/referrals?%24skiptoken=a%2Bb".to_owned(),
        format!("http://{}/v1.0/engagements/referrals?$skiptoken=a%2Bb", elsewhere.address),
        format!("http://user:password@{}?$skiptoken=a%2Bb", elsewhere.address),
        format!("//{}/?$skiptoken=a%2Bb#?$skiptoken=c", elsewhere.address),
        "file:///etc/passwd?$skiptoken=a%2Bb".to_owned(),
        "referrals?$skiptoken=a%2Bb".to_owned(),
    ];
    for link in links {
        let server = Server::scripted([page(Some(&link)), page(None)]).await;
        assert_eq!(read(&Stage::of(&server)).await.unwrap(), 2, "{link}");
        let asked = server.asked();
        assert_eq!(asked[1].target, "/v1.0/engagements/referrals?$skiptoken=a%2Bb", "{link}");
        assert_eq!(asked[1].header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
    }
    assert_eq!(elsewhere.connections(), 0, "no other host was asked");
}

#[tokio::test]
async fn a_link_cannot_smuggle_anything_into_a_request() {
    let link =
        "http://x/?$skiptoken=a HTTP/1.1\r\nHost: evil.example\r\n\r\nGET /&access_token=stolen&$filter=b'c";
    let server = Server::scripted([page(Some(link)), page(None)]).await;
    assert_eq!(read(&Stage::of(&server)).await.unwrap(), 2);
    let asked = server.asked();
    let target = &asked[1].target;
    assert_eq!(asked.len(), 2);
    assert!(target.starts_with("/v1.0/engagements/referrals?$skiptoken=a%20HTTP/1.1%0D%0AHost:"), "{target}");
    assert!(!target.contains("stolen"), "{target}");
}

#[tokio::test]
async fn a_list_without_end_is_left() {
    // The same link again and again.
    let server = Server::always(page(Some("http://x/?$skiptoken=same"))).await;
    let error = read(&Stage::of(&server)).await.unwrap_err();
    assert!(matches!(error, Error::Endless { .. }), "{error}");
    assert_eq!(server.asked().len(), 2);

    // Two links in turn.
    let turns =
        (0..20).map(|turn| page(Some(["http://x/?$skiptoken=a", "http://x/?$skiptoken=b"][turn % 2])));
    let server = Server::scripted(turns).await;
    let error = read(&Stage::of(&server)).await.unwrap_err();
    assert!(matches!(error, Error::Endless { .. }), "{error}");
    assert_eq!(server.asked().len(), 3);

    // A new link each time.
    let links = (0..30).map(|link| page(Some(&format!("http://x/?$skiptoken={link}"))));
    let server = Server::scripted(links).await;
    let error = read(&Stage::of(&server)).await.unwrap_err();
    assert!(matches!(error, Error::Endless { .. }), "{error}");
    assert_eq!(server.asked().len(), 20, "as many pages as are allowed");
}

#[tokio::test]
async fn a_page_that_is_not_whole_is_never_taken_for_the_end() {
    let ok = |body: &str| answer("200 OK", &[], body);
    let cut = format!("HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{{\"value\":[{{\"id\":\"{ID}\"}}]}}");
    let table = [
        ("nothing", ok("")),
        ("no content", answer("204 No Content", &[], "")),
        ("a page", ok("<html></html>")),
        ("an entity", ok(&format!(r#"{{"id":"{ID}"}}"#))),
        ("a list that is none", ok(r#"{"value":{}}"#)),
        ("a bare array", ok("[]")),
        ("a link to nowhere", ok(r#"{"value":[],"@odata.nextLink":"http://x/"}"#)),
        ("an empty link", ok(r#"{"value":[],"@odata.nextLink":""}"#)),
        ("a link that is no text", ok(r#"{"value":[],"@odata.nextLink":7}"#)),
        ("a link without end", page(Some(&format!("http://x/?$skiptoken={}", "a".repeat(20_000))))),
        ("a cut page", vec![Step::Send(cut.into_bytes())]),
        ("too long a page", ok(&format!(r#"{{"value":[],"x":"{}"}}"#, " ".repeat(MAX_ANSWER)))),
    ];
    for (name, steps) in table {
        let server = Server::always(steps).await;
        let stage = Stage::of(&server);
        let outcome = stage.call(Call::List).await;
        assert_eq!(class(&outcome), Some(RetryClass::LATER), "{name}: {outcome:?}");
        assert_ne!(class(&outcome), Some(Doubtful), "{name}: a list changes nothing");
    }
}

#[tokio::test]
async fn an_entry_that_is_no_referral_is_left_out_and_counted_and_its_neighbours_are_read() {
    let body = format!(
        r#"{{"@odata.context":"c","@odata.count":"many","VALUE":[null,7,"x",[],{{}},{{"id":"x"}},{{"Id":"{ID}",
        "status":"Parked"}}],"@odata.nextLink":null}}"#
    );
    let server = Server::always(answer("200 OK", &[], body)).await;
    let page = Stage::of(&server).client.list(now_lane(), &ListQuery::new()).await.unwrap();
    assert_eq!((page.items.len(), page.unreadable, page.count, page.next.is_some()), (1, 6, None, false));
    assert_eq!(page.items[0].status().unwrap().as_str(), "Parked");
}
