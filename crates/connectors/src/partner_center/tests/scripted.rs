//! What the sandbox does not show: exact requests, foreign elements, refusals, and pages that stand still.

use std::time::Duration;

use deal_model::{
    Content, Element, ElementChange, ElementKey, Facts, GroupHeld, GroupId, Held, Life, Observed, RecordId,
    Sight, Value, Version, Why, Write,
};
use ports::{RetryClass, TransportError};
use serde_json::{Value as Json, json};
use sync_engine::{Change, Side as _, Stranger, Wanted, What};

use super::stage::{
    OPPORTUNITY_LONG, SCOPE, Script, choice, deal, elements, inbound, inbound_at, microsofts, refusal, text,
    write,
};
use crate::partner_center::SOURCE;

const ID: &str = "7a1c0000-0000-4000-8000-0000000000a1";
const TAG: &str = "\"84001c9d-0000-0100-0000-6225a63e0000\"";
/// A company that keeps a second attribute the same too.
const TWO_ATTRIBUTES: &str = "version = 1\nextends = \"default\"\n[fields.partner_role]\ndirection = \"both\"\n[inbound]\ncreate = true\ndefault_owner = \"a@b.example\"\n";

fn wanted(read_companion: bool, companion: Option<&str>) -> Wanted {
    Wanted {
        record: RecordId::new(ID),
        engagement: None,
        companion: companion.map(RecordId::from),
        read_companion,
    }
}

fn change(what: What) -> Change {
    let stamp = "2026-11-02T09:14:07.1234567Z".parse().unwrap();
    Change { record: RecordId::new(ID), expect: Version { stamp, tag: Some(TAG.to_owned()) }, what }
}

fn fields(writes: Vec<Write>) -> What {
    What::Fields { writes, life: None, report: None }
}

fn changing(group: &str, changes: Vec<(&str, ElementChange)>) -> Write {
    Write {
        group: GroupId::new(group),
        content: Content::Elements(
            changes.into_iter().map(|(key, change)| (ElementKey(key.to_owned()), change)).collect(),
        ),
        instead_of: GroupHeld::new(),
        why: Why::Changed,
        latch: None,
    }
}

fn named(name: &str) -> ElementChange {
    ElementChange::Put(Element([("name".to_owned(), Value::Text(name.to_owned()))].into()))
}

/// The one row's outcome of a side that was asked for one row.
fn only<T>(mut rows: Vec<T>) -> T {
    assert_eq!(rows.len(), 1);
    rows.pop().unwrap()
}

#[tokio::test]
async fn the_documented_inbound_referral_is_observed_as_it_stands() {
    let script = Script::default();
    script.answer(200, &inbound());
    let Sight::Seen(seen) = only(script.side().observe(&[wanted(false, None)], SCOPE).await).unwrap() else {
        panic!("not seen")
    };
    assert_eq!(seen.record.as_str(), ID);
    assert_eq!(seen.version.tag.as_deref(), Some(TAG));
    assert_eq!(seen.version.stamp, "2026-11-02T09:14:07.1234567Z".parse().unwrap());
    assert_eq!(seen.read_at, "2026-11-02T09:15:00Z".parse().unwrap());
    assert_eq!(seen.life, Life::Received);
    let held = |field: &str| seen.reading(&field.into()).held;
    assert_eq!(held("deal_name"), Observed::text("Contoso ERP modernisation"));
    assert_eq!(held("deal_value"), Observed::Value(Value::Number(250_000.into())));
    assert_eq!(held("deal_currency"), Observed::Value(Value::Choice("CHF".to_owned())));
    assert_eq!(held("closing_date"), Observed::Value(Value::Date("2027-06-30".parse().unwrap())));
    assert_eq!(held("notes"), Observed::Empty);
    assert_eq!(held("customer_state"), Observed::Empty);
    assert_eq!(held("share"), Observed::Value(Value::Flag(true)));
    let facts = seen.portal().unwrap();
    assert_eq!(facts.expires, Some("2026-11-16T00:00:00Z".parse().unwrap()));
    assert_eq!(facts.external_reference, None);
    assert_eq!((&facts.companion, &facts.companion_fields), (&None, &None));
}

#[tokio::test]
async fn what_is_missing_hidden_or_broken_is_told_apart_row_by_row() {
    let script = Script::default();
    script.answer(404, &refusal("itemNotFound", "referral"));
    script.answer(403, &refusal("accessDenied", "referral"));
    script.answer(403, &refusal("insufficient_claims", "referral"));
    script.answer(200, &inbound());
    let four = [wanted(false, None), wanted(false, None), wanted(false, None), wanted(false, None)];
    let rows = script.side().observe(&four, SCOPE).await;
    assert_eq!(rows[0], Ok(Sight::Gone));
    assert_eq!(rows[1], Ok(Sight::Gone));
    assert_eq!(rows[2].as_ref().unwrap_err().class, RetryClass::Person);
    assert!(matches!(rows[3], Ok(Sight::Seen(_))));
}

#[tokio::test]
async fn the_companion_is_read_or_there_is_none_or_it_cannot_be_seen() {
    let companion = |list: Vec<Json>, known: Option<&'static str>, then: Option<(u16, Json)>| async move {
        let script = Script::default();
        script.answer(200, &inbound()).page(&list, false);
        if let Some((status, body)) = then {
            script.answer(status, &body);
        }
        let row = only(script.side().observe(&[wanted(true, known)], SCOPE).await).unwrap();
        let facts = row.seen().unwrap().portal().unwrap().clone();
        (facts.companion.map(|id| id.as_str().to_owned()), facts.companion_fields)
    };
    let theirs = microsofts()["id"].as_str().unwrap().to_owned();
    let status = deal_model::FieldId::new("microsoft_status");

    let (record, fields) = companion(vec![inbound(), microsofts()], None, None).await;
    assert_eq!(record.as_ref(), Some(&theirs));
    let fields = fields.unwrap();
    assert_eq!(fields[&status].held, Observed::text("Accepted"));
    assert_eq!(fields[&"microsoft_sellers".into()].held, Observed::text("Sam Seller <sam@ms.example>"));
    assert_eq!(fields[&"help".into()].held, Observed::Value(Value::Choice("QuotesOrLicensing".to_owned())));

    let (record, fields) = companion(vec![inbound()], None, None).await;
    assert_eq!(record, None);
    assert_eq!(fields.unwrap()[&status].held, Observed::Empty);

    // Known by its id, but neither listed nor readable: what was once read of it still stands.
    let known = Some("7a1c0000-0000-4000-8000-0000000000b2");
    let hidden = companion(vec![inbound()], known, Some((403, refusal("accessDenied", "referral")))).await;
    assert_eq!(hidden, (Some(theirs.clone()), None));
    let by_id = companion(vec![inbound()], known, Some((200, microsofts()))).await;
    assert_eq!(by_id.1.unwrap()[&status].held, Observed::text("Accepted"));
}

#[tokio::test]
async fn a_list_goes_back_whole_with_foreign_elements_and_unknown_members() {
    let script = Script::default();
    let mut document = inbound();
    document["details"]["requirements"]["solutions"] = json!([
        { "type": "Category" },
        { "id": "SOL-1", "name": "One", "price": 12.50, "novel": { "a": 1 } },
        { "id": "SOL-2", "name": "Two" },
        { "id": "SOL-3", "name": "Three" },
    ]);
    script.answer(200, &document).answer(204, &Json::Null);
    let write = changing(
        "solutions",
        vec![("SOL-1", named("Uno")), ("SOL-2", ElementChange::Remove), ("SOL-4", named("Four"))],
    );
    let done = only(script.side().apply(&[change(fields(vec![write]))], SCOPE).await).unwrap();
    assert_eq!(done.after, None);
    let (request, body, matched) = script.asked().pop().unwrap();
    assert!(request.starts_with("PATCH ") && request.ends_with(ID), "{request}");
    assert_eq!(matched.as_deref(), Some(TAG));
    let expected = json!([{ "op": "replace", "path": "/details/requirements/solutions", "value": [
        { "type": "Category" },
        { "id": "SOL-1", "name": "Uno", "price": 12.50, "novel": { "a": 1 } },
        { "id": "SOL-3", "name": "Three" },
        { "id": "SOL-4", "type": "Name", "name": "Four" },
    ] }]);
    let without_nulls = serde_json::from_str::<Json>(&body.to_string()).unwrap();
    let mut sent = without_nulls;
    for element in sent[0]["value"].as_array_mut().unwrap() {
        element.as_object_mut().unwrap().retain(|_, member| !member.is_null());
    }
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn a_list_is_not_rebuilt_from_another_version_than_was_planned_on() {
    let script = Script::default();
    let mut newer = inbound();
    newer["eTag"] = json!("\"newer\"");
    script.answer(200, &newer);
    let write = changing("solutions", vec![("SOL-4", named("Four"))]);
    let moved = only(script.side().apply(&[change(fields(vec![write]))], SCOPE).await).unwrap_err();
    assert_eq!((moved.class, moved.certainly_not_done), (RetryClass::Changed, true));
    assert_eq!(script.asked().len(), 1, "nothing was sent but the read");
}

#[tokio::test]
async fn the_document_that_was_read_serves_the_write_and_absent_members_are_added() {
    let script = Script::default();
    let mut document = inbound();
    document["details"].as_object_mut().unwrap().remove("notes");
    script.answer(200, &document).answer(204, &Json::Null);
    let side = script.side();
    only(side.observe(&[wanted(false, None)], SCOPE).await).unwrap();
    let writes = vec![
        write("notes", vec![("notes", text("new"))]),
        write("share", vec![("share", Held::Empty)]),
        write("customer_duns", vec![("customer_duns", text("123456789"))]),
    ];
    only(side.apply(&[change(fields(writes))], SCOPE).await).unwrap();
    let asked = script.asked();
    assert_eq!(asked.len(), 2, "one read, one write");
    let share = "/consent/consentToShareReferralWithMicrosoftSellers";
    let expected = json!([
        { "op": "add", "path": "/details/notes", "value": "new" },
        { "op": "replace", "path": share, "value": false },
        { "op": "replace", "path": "/customerProfile/ids", "value": [
            { "profileType": "External", "id": "6-ABCDEFGHI" },
            { "profileType": "Duns", "id": "123456789" },
        ] },
    ]);
    assert_eq!(asked[1].1, expected);
}

/// A side whose mapping has two attributes, after it read `document`; the patch that changes both of them.
async fn two_attributes_changed(document: &Json) -> Json {
    let script = Script::default();
    script.answer(200, document).answer(204, &Json::Null);
    let side = script.side_with(TWO_ATTRIBUTES);
    only(side.observe(&[wanted(false, None)], SCOPE).await).unwrap();
    let writes = vec![
        write("marketplace_intent", vec![("marketplace_intent", choice("Yes"))]),
        write("partner_role", vec![("partner_role", choice("R-9"))]),
    ];
    only(side.apply(&[change(fields(writes))], SCOPE).await).unwrap();
    script.asked().pop().unwrap().1
}

#[tokio::test]
async fn two_entries_of_one_list_change_in_one_operation_that_holds_both() {
    let mut document = inbound();
    document["details"]["requirements"]["additionalRequirements"] = json!({ "iot": { "siliconType": "x" }, "attributes": [
        { "type": "CustomerMarketplaceIntent", "id": "HaveNotDecided" },
        { "type": "PartnerRole", "id": "R-7" },
        { "type": "Novel", "id": "1" },
    ] });
    let attributes = "/details/requirements/additionalRequirements/attributes";
    let both = json!([
        { "type": "Novel", "id": "1" },
        { "type": "CustomerMarketplaceIntent", "id": "Yes" },
        { "type": "PartnerRole", "id": "R-9" },
    ]);
    let sent = two_attributes_changed(&document).await;
    assert_eq!(sent, json!([{ "op": "replace", "path": attributes, "value": both }]));
}

#[tokio::test]
async fn a_member_whose_parent_is_absent_or_null_brings_the_parent_along() {
    let both = json!({ "attributes": [
        { "type": "CustomerMarketplaceIntent", "id": "Yes" },
        { "type": "PartnerRole", "id": "R-9" },
    ] });
    let parent = "/details/requirements/additionalRequirements";
    let mut document = inbound();
    assert_eq!(document.pointer(parent), None, "the documented inbound referral has none");
    let sent = two_attributes_changed(&document).await;
    assert_eq!(sent, json!([{ "op": "add", "path": parent, "value": both }]));
    document["details"]["requirements"]["additionalRequirements"] = Json::Null;
    let sent = two_attributes_changed(&document).await;
    assert_eq!(sent, json!([{ "op": "replace", "path": parent, "value": both }]));
}

#[tokio::test]
async fn a_step_writes_status_and_substatus_at_once_and_fields_never_do() {
    let script = Script::default();
    script.answer(204, &Json::Null);
    let side = script.side();
    let decline =
        What::Move { to: Life::Declined { reason: Some("Others".to_owned()) }, external_reference: None };
    only(side.apply(&[change(decline)], SCOPE).await).unwrap();
    assert_eq!(
        script.asked()[0].1,
        json!([
            { "op": "replace", "path": "/status", "value": "Closed" },
            { "op": "replace", "path": "/substatus", "value": "Declined" },
            { "op": "replace", "path": "/statusReason", "value": "Others" },
        ])
    );
    for refused in [
        What::Fields { writes: Vec::new(), life: Some(Life::Won), report: None },
        What::Fields { writes: Vec::new(), life: None, report: None },
        What::Move { to: Life::Expired, external_reference: None },
    ] {
        let error = only(side.apply(&[change(refused)], SCOPE).await).unwrap_err();
        assert_eq!((error.class, error.certainly_not_done), (RetryClass::Bug, true));
    }
    assert_eq!(script.asked().len(), 1);
}

#[tokio::test]
async fn whether_an_effect_happened_is_told_from_how_it_failed() {
    let host = || "api.example".to_owned();
    let failures = [
        (Ok((400, "invalidRequest")), RetryClass::Person, true),
        (Ok((500, "generalException")), RetryClass::Doubtful, false),
        (
            Err(TransportError::Deadline { host: host(), after: Duration::from_secs(30) }),
            RetryClass::Doubtful,
            false,
        ),
        (
            Err(TransportError::Broken { host: host(), reason: "reset".to_owned() }),
            RetryClass::Doubtful,
            false,
        ),
        (Err(TransportError::Late { host: host() }), RetryClass::LATER, true),
    ];
    for (failure, class, certain) in failures {
        let script = Script::default();
        match failure {
            Ok((status, code)) => script.answer(status, &refusal(code, "details.currency")),
            Err(error) => script.tell(Err(error)),
        };
        let error = script.side().create(&deal(false), SCOPE).await.unwrap_err();
        assert_eq!((&error.class, error.certainly_not_done), (&class, certain), "{error}");
        assert_eq!(script.asked().len(), 1, "a creation is never repeated here");
        assert!(!error.what.contains("Kunde"), "{}", error.what);
        if class == RetryClass::Person {
            assert_eq!(error.groups, [GroupId::new("money")]);
            assert_eq!(error.told, "Jo Kunde said no");
        }
    }
}

#[tokio::test]
async fn a_partner_led_deal_is_the_documented_document() {
    let script = Script::default();
    script.answer(201, &json!({ "id": ID }));
    let created = script.side().create(&deal(false), SCOPE).await.unwrap();
    assert_eq!((created.record.as_str(), created.after), (ID, None));
    let (request, body, _) = script.asked().pop().unwrap();
    assert!(request.starts_with("POST "), "{request}");
    let expected = json!({
        "name": "Northwind analytics rollout", "externalReferenceId": OPPORTUNITY_LONG, "type": "Independent",
        "qualification": "SalesQualified", "target": [],
        "customerProfile": {
            "name": "Northwind Traders GmbH",
            "address": { "addressLine1": "Hafenstr. 9", "city": "Hamburg", "postalCode": "20457", "country": "DE" },
            "ids": [{ "profileType": "Duns", "id": "123456789" }],
        },
        "consent": {
            "consentToToShareInfoWithOthers": true, "consentToContact": true,
            "consentToMicrosoftToContactSpecificPartners": true,
            "consentToShareReferralWithMicrosoftSellers": true,
        },
        "details": {
            "notes": "Wants a pilot in Q1", "dealValue": 48000, "currency": "EUR",
            "closingDateTime": "2027-03-31T00:00:00Z",
            "requirements": {
                "solutions": [{ "id": "SOL-12345-ABC", "name": "Fabrikam Insight", "type": "Name" }],
                "additionalRequirements": {
                    "attributes": [{ "type": "CustomerMarketplaceIntent", "id": "HaveNotDecided" }],
                },
            },
        },
        "team": [{
            "firstName": "Ada", "lastName": "Berg", "email": "ada.berg@fabrikam.example",
            "phoneNumber": "+49401234567",
        }],
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn an_invitation_is_the_documented_document() {
    let script = Script::default();
    script.answer(200, &json!({ "id": ID }));
    let engagement = "0f4c0a53-0000-4000-8000-00000000e001";
    let mut new = deal(true);
    new.engagement = Some(RecordId::new(engagement));
    let created = script.side().create_companion(&new, SCOPE).await.unwrap();
    assert_eq!(created.engagement, new.engagement);
    let body = script.asked().pop().unwrap().1;
    let expected = json!({
        "engagementId": engagement, "type": "Shared", "status": "New", "substatus": "Pending", "team": [],
        "qualification": "SalesQualified",
        "target": [{ "type": "BusinessProfileLocation", "id": "msft" }],
        "inviteContext": { "notes": "Azure estate", "assistanceRequestCode": "ProofOfConceptOrDemo" },
    });
    for (member, value) in expected.as_object().unwrap() {
        assert_eq!(&body[member], value, "{member}");
    }
    assert_eq!(body["customerProfile"]["team"][0]["email"], "jo.kunde@northwind.example");
    assert_eq!(body["consent"]["consentToShareReferralWithMicrosoftSellers"], true);
    assert_eq!(body.get("externalReferenceId"), None);
    assert_eq!(body.pointer("/details/requirements/additionalRequirements"), None);
}

#[tokio::test]
async fn without_the_recorded_consent_none_is_asserted() {
    let script = Script::default();
    script.answer(201, &json!({ "id": ID }));
    let mut new = deal(true);
    new.writes.retain(|write| !matches!(write.group.as_str(), "consent" | "share"));
    let deal_model::Facts::Crm(facts) = &mut new.from.facts else { panic!("an opportunity") };
    facts.consent = false;
    script.side().create(&new, SCOPE).await.unwrap();
    let body = script.asked().pop().unwrap().1;
    let consents = body["consent"].as_object().unwrap();
    assert!(consents.values().all(|consent| consent == &json!(false)), "{consents:?}");
}

#[tokio::test]
async fn a_deal_with_help_targets_its_solution_and_contacts_go_only_then() {
    for help in [true, false] {
        let script = Script::default();
        script.answer(201, &json!({ "id": ID }));
        script.side().create(&deal(help), SCOPE).await.unwrap();
        let body = script.asked().pop().unwrap().1;
        let target = json!([{ "type": "SolutionProfile", "id": "SOL-12345-ABC" }]);
        assert_eq!(body["target"] == target && body["type"] == "Shared", help);
        assert_eq!(body.pointer("/customerProfile/team").is_some(), help);
        assert_eq!(body.get("inviteContext"), None);
    }
}

#[tokio::test]
async fn the_contact_that_the_seller_marked_as_primary_is_the_first_of_the_customers_people() {
    let emails = async |marked: &[&str]| {
        let script = Script::default();
        script.answer(201, &json!({ "id": ID }));
        let mut new = deal(true);
        let contacts = new.writes.iter_mut().find(|write| write.group.as_str() == "contacts").unwrap();
        let Content::Whole(group) = &mut contacts.content else { panic!("a creation writes whole groups") };
        let person = |email: &str| (ElementKey(email.to_owned()), Element::default());
        let people = ["ann@x.example", "bob@x.example", "cid@x.example"].map(person);
        group.insert("contacts".into(), Held::Value(Value::Set(people.into())));
        let Facts::Crm(facts) = &mut new.from.facts else { panic!("an opportunity") };
        facts.primary =
            [("contacts".into(), marked.iter().map(|key| ElementKey((*key).to_owned())).collect())].into();
        script.side().create(&new, SCOPE).await.unwrap();
        let body = script.asked().pop().unwrap().1;
        let people = body["customerProfile"]["team"].as_array().unwrap().clone();
        people.iter().map(|person| person["email"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(emails(&["bob@x.example"]).await, ["bob@x.example", "ann@x.example", "cid@x.example"]);
    assert_eq!(emails(&[]).await, ["ann@x.example", "bob@x.example", "cid@x.example"]);
}

#[tokio::test]
async fn a_list_is_read_by_key_and_a_poll_begins_before_the_newest_change() {
    let script = Script::default();
    let (first, second) = ("2026-11-02T09:00:00.0000001Z", "2026-11-02T09:01:00Z");
    script.page(&[inbound_at(1, first), inbound_at(2, second)], true);
    // The server's clock says 09:15: what is stamped after that does not move the poll.
    script.page(&[inbound_at(2, second), inbound_at(3, "2027-01-01T00:00:00Z")], false);
    script.page(&[], false);
    let side = script.side();
    let one = side.changes(SOURCE, None, SCOPE).await.unwrap();
    assert!(one.more && !one.complete);
    let two = side.changes(SOURCE, Some(&one.position), SCOPE).await.unwrap();
    assert!(!two.more && two.complete);
    assert_eq!(two.index.len(), 2);
    let three = side.changes(SOURCE, Some(&two.position), SCOPE).await.unwrap();
    assert!(!three.more && three.complete);
    assert_eq!(three.position, two.position);
    let asked = script.asked();
    assert!(!asked[0].0.contains("$filter"), "{}", asked[0].0);
    assert!(asked[1].0.contains("updatedDateTime%20ge%202026-11-02T09%3A01%3A00.0000000Z"), "{}", asked[1].0);
    assert!(asked[2].0.contains("updatedDateTime%20ge%202026-11-02T09%3A05%3A00.0000000Z"), "{}", asked[2].0);
    assert!(asked.iter().all(|(request, ..)| request.contains("$orderby=updatedDateTime%20asc")));
}

#[tokio::test]
async fn many_changes_of_one_instant_are_followed_to_their_end() {
    let script = Script::default();
    let instant = "2026-11-02T09:00:00Z";
    script.page(&[inbound_at(1, instant)], true);
    let side = script.side();
    let first = side.changes(SOURCE, None, SCOPE).await.unwrap();
    script.page(&[inbound_at(1, instant)], true);
    script.answer(
        200,
        &json!({ "value": [inbound_at(2, instant)], "@odata.nextLink": "http://x/?$skiptoken=next" }),
    );
    script.page(&[inbound_at(3, "2026-11-02T09:00:01Z")], false);
    let second = side.changes(SOURCE, Some(&first.position), SCOPE).await.unwrap();
    assert_eq!(second.seen.len(), 3);
    assert!(!second.more);
}

#[tokio::test]
async fn a_position_that_cannot_be_read_begins_anew() {
    let script = Script::default();
    script.page(&[], false);
    script.side().changes(SOURCE, Some("{\"listing\":7"), SCOPE).await.unwrap();
    assert!(!script.asked()[0].0.contains("$filter"));
}

#[tokio::test]
async fn a_look_that_does_not_end_within_its_bound_is_no_look() {
    let script = Script::default();
    for number in 0..=50 {
        let link = format!("http://x/?$skiptoken={number}");
        let page = json!({ "value": [inbound_at(number, "2026-11-02T09:00:00Z")], "@odata.nextLink": link });
        script.answer(200, &page);
    }
    let since = "2026-11-02T09:00:00Z".parse().unwrap();
    let error = script.side().look(since, None, SCOPE).await.unwrap_err();
    assert_eq!(error.class, RetryClass::LATER);
    assert!(script.asked()[0].0.contains("updatedDateTime%20ge%202026-11-02T08%3A50%3A00.0000000Z"));
}

#[tokio::test]
async fn leads_filtered_and_foreign_referrals_are_nothing_to_us() {
    let met = |edit: fn(&mut Json)| async move {
        let script = Script::default();
        let mut document = inbound();
        edit(&mut document);
        script.answer(200, &document);
        script.side().stranger(&RecordId::new(ID), SCOPE).await.unwrap()
    };
    assert!(matches!(met(|_| {}).await, Stranger::Born(_)));
    let lead = met(|document| document["type"] = json!("Independent")).await;
    assert_eq!(lead, Stranger::Nothing);
    let closed = met(|document| {
        document["status"] = json!("Closed");
        document["substatus"] = json!("Lost");
    });
    assert_eq!(closed.await, Stranger::Nothing);
    let other =
        met(|document| document["organizationId"] = json!("22220000-0000-4000-8000-0000000000ff")).await;
    assert!(matches!(other, Stranger::Companion { .. }));
    // Another system's reference is no claim on an opportunity.
    let foreign = met(|document| document["externalReferenceId"] = json!("CRM-4711")).await;
    assert!(matches!(foreign, Stranger::Born(_)));
    let claim = met(|document| document["externalReferenceId"] = json!("006aa000001xyz1yak")).await;
    assert!(
        matches!(claim, Stranger::Claims { opportunity, .. } if opportunity.as_str() == OPPORTUNITY_LONG)
    );
}

#[tokio::test]
async fn a_deal_of_our_own_that_looks_like_a_marketplace_lead_is_none() {
    const LEADS: &str =
        "version = 1\nextends = \"default\"\n[leads]\ncreate = true\nowner = \"a@b.example\"\n";
    let mut document = inbound();
    document["type"] = json!("Independent");
    document["qualification"] = json!("Direct");
    document["inviteContext"] = Json::Null;
    let met = async |document: &Json| {
        let script = Script::default();
        script.answer(200, document);
        script.side_with(LEADS).stranger(&RecordId::new(ID), SCOPE).await.unwrap()
    };
    assert!(matches!(met(&document).await, Stranger::Lead(_)));
    document["externalReferenceId"] = json!(OPPORTUNITY_LONG);
    assert!(matches!(met(&document).await, Stranger::Claims { .. }), "seen before it is remembered");
}

#[tokio::test]
async fn other_rules_let_other_records_in() {
    let switched = |section: &str| {
        let file = format!("version = 1\nextends = \"default\"\n[{section}]\n");
        Script::default().side_with(&file).admission()
    };
    let inbound = switched("inbound]\ncreate = true\ndefault_owner = \"a@b.example\"\n[leads");
    let leads = switched("leads]\ncreate = true\nowner = \"a@b.example\"\n[inbound");
    assert!(inbound != leads && switched("leads") != inbound && switched("leads") != leads);
}

#[tokio::test]
async fn a_whole_set_replaces_what_can_be_read_and_leaves_what_cannot() {
    let script = Script::default();
    let mut document = inbound();
    document["details"]["requirements"]["solutions"] =
        json!([{ "type": "Category" }, { "id": "SOL-1", "name": "One" }]);
    script.answer(200, &document).answer(204, &Json::Null);
    let whole = write("solutions", vec![("solutions", elements(&[("SOL-9", &[("name", "Nine")])]))]);
    only(script.side().apply(&[change(fields(vec![whole]))], SCOPE).await).unwrap();
    let sent = script.asked().pop().unwrap().1[0]["value"].clone();
    assert_eq!(sent[0], json!({ "type": "Category" }));
    assert_eq!((&sent[1]["id"], &sent[2]), (&json!("SOL-9"), &Json::Null));
}
