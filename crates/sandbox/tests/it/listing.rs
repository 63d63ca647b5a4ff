//! GET of the list: filter, order, pages, continuation, lag.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{
    bodies::{invitation, partner_led, shared, with},
    desk::{BASE, Desk, REFERRALS, text},
};

fn names(page: &Value) -> Vec<&str> {
    page["value"].as_array().expect("a list").iter().map(|one| text(one, "name")).collect()
}

fn filled(count: usize) -> Desk {
    let desk = Desk::new();
    for number in 0..count {
        desk.pass(SignedDuration::from_secs(1));
        desk.post(&with(partner_led(), "/name", Some(json!(format!("D{number:03}"))))).expect(200);
    }
    desk
}

#[test]
fn a_filter_on_the_change_time_gives_what_changed_since_in_order() {
    let desk = filled(4);
    let all = desk.list("$orderby=updatedDateTime asc").expect(200);
    let id = text(&all["value"][1], "id").to_owned();
    desk.pass(SignedDuration::from_secs(1));
    desk.replace(&id, &[("/favorite", json!(true))]).expect(200);
    let since = text(&all["value"][2], "updatedDateTime");
    let page =
        desk.list(&format!("$filter=updatedDateTime ge {since}&$orderby=updatedDateTime asc")).expect(200);
    assert_eq!(names(&page), ["D002", "D003", "D001"]);
    let page = desk.list("$orderby=createdDateTime desc&$top=2&$skip=1&$count=true").expect(200);
    assert_eq!((names(&page), &page["@odata.count"]), (vec!["D002", "D001"], &json!(4)));
    let page = desk.list("$select=id,status,customerProfile&$top=1").expect(200);
    assert_eq!(
        page["value"][0].as_object().unwrap().keys().collect::<Vec<_>>(),
        ["customerProfile", "id", "status"]
    );
    assert_eq!(text(&page, "@odata.context"), format!("{BASE}{REFERRALS}/$metadata#Referrals"));
    assert!(page.get("@odata.nextLink").is_none(), "$top ends the list");
}

#[test]
fn pages_hold_a_hundred_and_the_continuation_survives_changes() {
    let desk = filled(230);
    let first = desk.list("$orderby=updatedDateTime asc&$filter=status eq 'Active'").expect(200);
    assert_eq!(names(&first).len(), 100);
    let link = text(&first, "@odata.nextLink").to_owned();
    // As in the samples: plain http, no /engagements, and nothing there.
    let token =
        link.strip_prefix("http://127.0.0.1:7001/v1.0/referrals?$skiptoken=").expect("the documented shape");
    desk.get(link.strip_prefix(BASE).unwrap()).refused(404, "itemNotFound", "");
    // A record of the first page moves behind the end: it comes again, and nothing else is skipped.
    desk.replace(text(&first["value"][0], "id"), &[("/favorite", json!(true))]).expect(200);
    let second = desk.list(&format!("$skiptoken={token}")).expect(200);
    let next = text(&second, "@odata.nextLink").split_once("$skiptoken=").unwrap().1.to_owned();
    let third = desk.list(&format!("$skiptoken={next}")).expect(200);
    let seen: Vec<&str> = [&first, &second, &third].into_iter().flat_map(names).collect();
    let mut expected: Vec<String> = (0..230).map(|number| format!("D{number:03}")).collect();
    expected.push("D000".to_owned());
    assert_eq!(seen, expected);
    assert!(third.get("@odata.nextLink").is_none());
    desk.list(&format!("$skiptoken={token}&$top=5")).refused(400, "invalidRequest", "$top");

    let desk = desk.knob(json!({"next_link": "sane", "page_size": 7}));
    let page = desk.list("$top=10").expect(200);
    let next = text(&page, "@odata.nextLink").strip_prefix(BASE).unwrap().to_owned();
    assert_eq!((names(&page).len(), names(&desk.get(&next).expect(200)).len()), (7, 3));
}

#[test]
fn what_is_no_query_is_refused() {
    let desk = filled(1);
    let cases = [
        ("$filter=colour eq 'red'", "$filter"),
        ("$filter=externalReferenceId eq '006AA000001XyZ1'", "$filter"),
        ("$filter=status eq Active", "$filter"),
        ("$orderby=name", "$orderby"),
        ("$orderby=createdDateTime sideways", "$orderby"),
        ("$top=-1", "$top"),
        ("$top=ten", "$top"),
        ("$skip=x", "$skip"),
        ("$select=colour", "$select"),
        ("$count=maybe", "$count"),
        ("$expand=name", "$expand"),
        ("$search=x", "$search"),
        ("filter=x", "filter"),
        ("$skiptoken=x", "$skiptoken"),
        ("$top=1&$top=2", "$top"),
    ];
    for (query, target) in cases {
        desk.list(query).refused(400, "invalidRequest", target);
    }
    assert_eq!(
        names(&desk.list("$filter=team/any(t:t/email eq 'ada.berg@fabrikam.example')").expect(200)),
        ["D000"]
    );
    let desk = desk.knob(json!({"filter_paths": "any"}));
    assert_eq!(names(&desk.list("$filter=externalReferenceId eq '006AA000001XyZ1'").expect(200)), ["D000"]);
}

#[test]
fn lists_and_reads_lag_behind_if_the_knobs_say_so() {
    let desk = filled(1).knob(json!({"list_lag_ms": 2000, "get_lag_ms": 2000}));
    desk.pass(SignedDuration::from_secs(5));
    let before = desk.list("").expect(200);
    let id = text(&before["value"][0], "id").to_owned();
    desk.replace(&id, &[("/name", json!("New name"))]).expect(200);
    desk.post(&with(partner_led(), "/name", Some(json!("Newcomer")))).expect(200);
    desk.pass(SignedDuration::from_secs(1));
    assert_eq!(desk.list("").expect(200), before);
    assert_eq!(text(&desk.get(&format!("{REFERRALS}/{id}")).expect(200), "name"), "D000");
    // A stamp is never given twice, so the second write is a tick later than the first.
    desk.pass(SignedDuration::from_millis(1001));
    assert_eq!(names(&desk.list("").expect(200)), ["New name", "Newcomer"]);
}

#[test]
fn microsofts_referral_is_seen_where_the_knob_says() {
    let desk = Desk::new();
    let own = desk.post(&shared()).expect(200);
    let engagement = text(&own, "engagementId");
    let theirs = desk.post(&invitation(engagement)).expect(200);
    let path = format!("{REFERRALS}/{}", text(&theirs, "id"));
    let count = |desk: &Desk, query: &str| desk.list(query).expect(200)["value"].as_array().unwrap().len();
    let by_engagement = format!("$filter=engagementId eq '{engagement}'");
    for (visibility, everywhere, engaged, get) in
        [("everywhere", 2, 2, 200), ("engagement", 1, 2, 200), ("hidden", 1, 1, 404)]
    {
        desk.set(json!({"related_visibility": visibility}));
        let found = (count(&desk, ""), count(&desk, &by_engagement), desk.get(&path).status.as_u16());
        assert_eq!(found, (everywhere, engaged, get), "{visibility}");
    }
}

#[test]
fn the_dump_shows_every_organisation_whatever_the_knobs() {
    use sandbox::exchange::Machine as _;
    let desk = Desk::new().knob(json!({"related_visibility": "hidden", "late_in_lists_ms": 9000}));
    let own = desk.post(&shared()).expect(200);
    desk.post(&invitation(text(&own, "engagementId"))).expect(200);
    desk.act("other/create", &json!({"name": "Not ours"}));
    let dump = desk.machine.state(desk.now.get());
    assert_eq!(dump["referrals"].as_array().unwrap().len(), 3);
}

impl Desk {
    fn set(&self, knobs: Value) {
        use sandbox::exchange::Machine as _;
        self.machine.set_knobs(&knobs, self.now.get()).expect("known knobs");
    }
}
