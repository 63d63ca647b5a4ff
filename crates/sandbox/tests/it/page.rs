//! The page for people: what it shows, what its forms do, and that no text becomes markup.

use bytes::Bytes;
use http::Request;
use sandbox::exchange::Machine as _;
use serde_json::json;

use crate::{
    bodies::{inbound, invitation, partner_led, shared, with},
    desk::{Desk, REFERRALS, text},
};

const PAGE: &str = "/_sandbox/page";

impl Desk {
    fn console(&self, query: &str) -> String {
        let request = Request::get(format!("{PAGE}{query}")).body(Bytes::new()).unwrap();
        let response = self.machine.page(&request, self.now.get()).unwrap();
        assert_eq!(response.status(), 200);
        let policy = response.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("script"), "{policy}");
        String::from_utf8(response.into_body().to_vec()).unwrap()
    }

    /// Sends a form and gives the sentence that the page says then.
    fn submit(&self, fields: &[(&str, &str)]) -> (String, String) {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::post(PAGE).body(Bytes::from(body)).unwrap();
        let response = self.machine.page(&request, self.now.get()).unwrap();
        assert_eq!(response.status(), 303);
        let location = response.headers()["location"].to_str().unwrap();
        let query = location.split_once('?').unwrap().1.to_owned();
        url::form_urlencoded::parse(query.as_bytes()).into_owned().next().unwrap()
    }
}

#[test]
fn a_person_plays_both_sides_of_a_deal_on_the_page() {
    let desk = Desk::new();
    let own = desk.post(&shared()).expect(200);
    let theirs = desk.post(&invitation(text(&own, "engagementId"))).expect(200);
    let page = desk.console("");
    assert!(page.contains("Northwind analytics rollout") && page.contains("value=\"microsoft/accept\""));
    let (ours, microsofts) = (text(&own, "id"), text(&theirs, "id"));
    let done = |fields: &[(&str, &str)]| {
        let (kind, sentence) = desk.submit(fields);
        assert_eq!(kind, "said", "{sentence}");
    };
    let state = |id: &str| {
        let read = desk.get(&format!("{REFERRALS}/{id}")).expect(200);
        (
            text(&read, "substatus").to_owned(),
            read["details"]["dealValue"].clone(),
            read["statusReason"].clone(),
        )
    };
    done(&[("actor", "microsoft/accept"), ("id", microsofts)]);
    assert_eq!(state(microsofts).0, "Accepted");
    done(&[("actor", "microsoft/edit"), ("id", microsofts), ("value", "60000"), ("closing", "2027-04-30")]);
    assert_eq!(state(microsofts).1, json!(60000));
    done(&[("actor", "microsoft/lose"), ("id", microsofts), ("reason", "Others")]);
    assert_eq!(state(microsofts), ("Lost".to_owned(), json!(60000), json!("Others")));
    done(&[("actor", "portal/edit"), ("id", ours), ("value", "1.50")]);
    done(&[("actor", "portal/error"), ("id", ours), ("reason", "Test referral")]);
    assert_eq!(state(ours).0, "Error");
    let (kind, sentence) = desk.submit(&[("actor", "portal/win"), ("id", ours)]);
    assert_eq!((kind.as_str(), sentence.as_str()), ("problem", "status is final: the referral is closed."));
}

#[test]
fn saving_a_value_leaves_the_hour_of_the_closing_date_alone() {
    let desk = Desk::new();
    let closing = "2027-03-31T17:30:00Z";
    let body = with(partner_led(), "/details/closingDateTime", Some(json!(closing)));
    let id = text(&desk.post(&body).expect(200), "id").to_owned();
    let fields = [("actor", "portal/edit"), ("id", &id), ("value", "5"), ("closing", "2027-03-31")];
    assert_eq!(desk.submit(&fields).0, "said");
    let details = desk.get(&format!("{REFERRALS}/{id}")).expect(200)["details"].clone();
    assert_eq!((&details["dealValue"], text(&details, "closingDateTime")), (&json!(5), closing));
}

#[test]
fn a_person_reviews_the_newest_registration_on_the_page() {
    let desk = Desk::new().knob(json!({"check_registrations": false}));
    let id = desk.won(&partner_led(), 72);
    desk.register_deal(&id, json!({"type": "AzureIPCoSell"})).expect(200);
    desk.submit(&[("actor", "microsoft/registration"), ("id", &id), ("index", "0"), ("review", "Failed")]);
    desk.register_deal(&id, json!({"type": "AzureIPCoSell"})).expect(200);
    assert!(desk.console("").contains("name=\"index\" value=\"1\""));
    desk.submit(&[("actor", "microsoft/registration"), ("id", &id), ("index", "1"), ("review", "Passed")]);
    let read = desk.get(&format!("{REFERRALS}/{id}")).expect(200);
    let found = [0, 1].map(|index| text(&read["registrations"][index], "status").to_owned());
    assert_eq!(found, ["Failed", "Passed"]);
}

#[test]
fn a_person_invites_the_partner_and_answers_for_it() {
    let desk = Desk::new();
    let fields = [
        ("actor", "microsoft/invite"),
        ("name", "Tailspin move"),
        ("customer", "Tailspin"),
        ("country", "ch"),
        ("value", "50000"),
        ("currency", "chf"),
        ("closing", "2027-03-31"),
    ];
    assert_eq!(desk.submit(&fields).0, "said");
    let listed = desk.list("$filter=direction eq 'Incoming'").expect(200);
    let one = &listed["value"][0];
    assert_eq!((text(one, "name"), text(&one["details"], "currency")), ("Tailspin move", "CHF"));
    assert_eq!(text(&one["customerProfile"]["address"], "country"), "CH");
    desk.submit(&[("actor", "portal/decline"), ("id", text(one, "id")), ("reason", "Not a customer")]);
    let read = desk.get(&format!("{REFERRALS}/{}", text(one, "id"))).expect(200);
    assert_eq!((text(&read, "substatus"), text(&read, "statusReason")), ("Declined", "Not a customer"));
    assert_eq!(desk.submit(&[("actor", "microsoft/invite"), ("name", "x")]).0, "problem");
}

#[test]
fn no_text_of_a_deal_or_of_the_address_becomes_markup() {
    let evil = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>";
    let desk = Desk::new();
    let mut body = with(partner_led(), "/name", Some(json!(evil)));
    body["customerProfile"]["name"] = json!(evil);
    body["team"][0]["firstName"] = json!(evil);
    body["externalReferenceId"] = json!(evil);
    let id = text(&desk.post(&body).expect(200), "id").to_owned();
    desk.replace(
        &id,
        &[("/status", json!("Closed")), ("/substatus", json!("Lost")), ("/statusReason", json!(evil))],
    )
    .expect(200);
    let mut invited = inbound();
    invited["name"] = json!(evil);
    invited["organizationName"] = json!(evil);
    desk.act("other/invite", &invited);
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("said", evil), ("problem", evil)])
        .finish();
    for query in [format!("?{query}"), format!("?find={}", query.split('=').nth(1).unwrap())] {
        let page = desk.console(&query);
        assert!(page.contains("&lt;script&gt;"), "{query}");
        assert!(!page.contains("<script") && !page.contains("<img"), "{query}");
    }
    let code = url::form_urlencoded::Serializer::new(String::new()).append_pair("user_code", evil).finish();
    let page = desk.page(&format!("/devicelogin?{code}"));
    assert!(page.contains("&lt;script&gt;") && !page.contains("<script") && !page.contains("<img"));
}

#[test]
fn the_page_shows_codes_that_wait_and_approves_them() {
    let desk = Desk::new();
    let device = desk.device();
    let code = text(&device, "user_code");
    assert!(desk.console("").contains(code));
    assert_eq!(
        desk.submit(&[("actor", "sign-in/approve"), ("user_code", code), ("person", "user")]).0,
        "said"
    );
    assert!(!desk.console("").contains(code));
    desk.polling(text(&device, "device_code")).expect(200);
}

#[test]
fn the_page_finds_deals_and_turns_its_leaves() {
    let desk = Desk::new();
    for number in 0..60 {
        desk.post(&with(partner_led(), "/name", Some(json!(format!("Deal {number:02}"))))).expect(200);
    }
    let shown = |query: &str| desk.console(query).matches("<article").count();
    assert_eq!([shown(""), shown("?from=25"), shown("?from=50"), shown("?from=99")], [25, 25, 10, 0]);
    assert!(desk.console("?find=nothing").contains("No deal has this in its name, customer or id."));
    assert_eq!([shown("?find=deal+3"), shown("?find=NORTHWIND"), shown("?find=nothing")], [10, 25, 0]);
}

#[test]
fn every_input_has_a_label_and_every_id_is_there_once() {
    let desk = Desk::new();
    let own = desk.post(&shared()).expect(200);
    desk.post(&invitation(text(&own, "engagementId"))).expect(200);
    desk.act("microsoft/invite", &inbound());
    desk.device();
    let page = desk.console("");
    let all = |before: &str| -> Vec<String> {
        page.split(before).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
    };
    let mut ids = all(" id=\"");
    let labels = all("<label for=\"");
    assert!(labels.iter().all(|label| ids.contains(label)), "{labels:?}");
    let inputs = page.matches("<input id=").count() + page.matches("<select id=").count();
    assert_eq!(labels.len(), inputs);
    assert_eq!(
        page.matches("<input").count(),
        page.matches("<input id=").count() + page.matches("type=\"hidden\"").count()
    );
    assert!(all("aria-describedby=\"").iter().chain(&all("aria-labelledby=\"")).all(|id| ids.contains(id)));
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
}
