//! What a payload becomes, and that nothing but a whole payload becomes anything.

use std::collections::BTreeSet;

use salesforce::events::{ChangeEvent, ChangeKind, EventSchema, ReplayId, Unreadable, Value};

use crate::avro::{Datum, Head, KINDS, OPPORTUNITY, SCHEMA, renamed};

fn read(payload: &[u8]) -> Result<ChangeEvent, Unreadable> {
    let schema = EventSchema::read(SCHEMA).unwrap();
    ChangeEvent::read(&schema, ReplayId::new([1]).unwrap(), payload)
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// Every field carried, with a compound used twice and a name that is a record.
fn full(head: &Head<'_>) -> Vec<u8> {
    let address = |datum: Datum, city: &str| {
        datum.branch(1).branch(1).text("1 Main St").branch(1).text(city).branch(1).double(47.5)
    };
    let datum =
        head.datum().branch(1).text("Fabrikam").branch(1).double(1200.5).branch(1).long(1_806_451_200_000);
    let datum = address(address(datum.branch(1).boolean(true), "Reno"), "Bern");
    datum.branch(2).branch(1).text("Ada").branch(1).text("Lovelace").branch(1).text("ref-1").0
}

#[test]
fn a_creation_carries_every_value() {
    let event = read(&full(&Head { kind: "CREATE", ..Head::default() })).unwrap();
    assert_eq!(event.kind, ChangeKind::Create);
    assert_eq!(event.entity.as_str(), "Opportunity");
    assert_eq!(event.records.ids, [OPPORTUNITY.parse().unwrap()]);
    assert!(!event.records.all);
    assert_eq!(event.origin.client.as_deref(), Some("Cosell"));
    assert_eq!(event.user.unwrap().as_str(), "00550000001fg5OAAQ");
    assert_eq!((event.transaction.as_str(), event.sequence), ("0004a1b2-transaction", 1));
    assert_eq!(event.committed_at.as_millisecond(), 1_795_000_000_123);
    for (field, value) in [
        ("Name", text("Fabrikam")),
        ("Amount", Value::Double(1200.5)),
        ("CloseDate", Value::Integer(1_806_451_200_000)),
        ("IsPrivate", Value::Boolean(true)),
        ("BillingAddress", Value::Compound),
        ("BillingAddress.City", text("Reno")),
        ("BillingAddress.Latitude", Value::Double(47.5)),
        ("ShippingAddress.City", text("Bern")),
        ("Contact.LastName", text("Lovelace")),
        ("Referral_Identifier__c", text("ref-1")),
    ] {
        assert_eq!(event.value(field), Some(&value), "{field}");
    }
    for unknown in ["Nothing", "ChangeEventHeader", "ChangeEventHeader.entityName", "BillingAddress.Planet"] {
        assert_eq!(event.value(unknown), None, "{unknown}");
    }
    // A creation without a value says that there is none.
    let blank = read(&Head { kind: "CREATE", ..Head::default() }.empty()).unwrap();
    assert_eq!(blank.value("Amount"), Some(&Value::Null));
    assert_eq!(blank.value("BillingAddress.City"), Some(&Value::Null));
}

#[test]
fn a_null_means_nothing_unless_the_field_is_named() {
    let head = Head { changed: &["0x06"], nulled: &["0x04"], ..Head::default() };
    let event = read(&(0..7).fold(head.datum().branch(1).text("New"), Datum::branch_none).0).unwrap();
    assert_eq!((&event.changed, &event.nulled), (&set(&["Name", "Amount"]), &set(&["Amount"])));
    assert_eq!(event.value("Name"), Some(&text("New")));
    assert_eq!(event.value("Amount"), Some(&Value::Null), "changed to nothing");
    assert_eq!(event.value("CloseDate"), None, "not changed");
    assert!(event.touches("Amount") && !event.touches("CloseDate"));
}

#[test]
fn what_the_channel_is_enriched_with_is_carried_unchanged_even_by_a_deletion() {
    for kind in ["UPDATE", "DELETE"] {
        let head = Head { kind, ..Head::default() };
        let event = read(&(0..7).fold(head.datum(), Datum::branch_none).branch(1).text("ref-1").0).unwrap();
        assert_eq!(event.value("Referral_Identifier__c"), Some(&text("ref-1")), "{kind}");
        assert!(!event.touches("Referral_Identifier__c"));
        // An empty one cannot be told from one that is not carried; whoever enriched it knows.
        let event = read(&head.empty()).unwrap();
        assert_eq!(event.value("Referral_Identifier__c"), None);
        assert_eq!(event.enriched("Referral_Identifier__c"), Some(&Value::Null));
        assert_eq!(event.enriched("Nothing"), None);
    }
}

#[test]
fn a_compound_stands_for_its_children_unless_some_are_named() {
    let event = |changed: &[&str]| {
        let head = Head { changed, ..Head::default() };
        let datum = (0..4).fold(head.datum(), Datum::branch_none);
        let datum = datum.branch(1).branch(0).branch(1).text("Reno").branch(0);
        read(&(0..3).fold(datum, Datum::branch_none).0).unwrap()
    };
    // The city alone, with and without the compound's own bit.
    for changed in [&["5-0x02"][..], &["0x20", "5-0x02"]] {
        let event = event(changed);
        assert_eq!(event.value("BillingAddress.City"), Some(&text("Reno")), "{changed:?}");
        assert_eq!(event.value("BillingAddress.Street"), None, "{changed:?}");
        assert!(!event.touches("BillingAddress.Street"));
    }
    for changed in [&["5-0x07"][..], &["0x20"]] {
        let event = event(changed);
        assert_eq!(event.changed, set(&["BillingAddress"]));
        assert_eq!(event.value("BillingAddress.City"), Some(&text("Reno")));
        assert_eq!(event.value("BillingAddress.Street"), Some(&Value::Null), "{changed:?}");
    }
    // A compound that was emptied as a whole.
    let event = read(&Head { changed: &["0x20"], nulled: &["0x20"], ..Head::default() }.empty()).unwrap();
    assert_eq!(event.value("BillingAddress"), Some(&Value::Null));
    assert_eq!(event.value("BillingAddress.City"), Some(&Value::Null));
}

#[test]
fn a_difference_is_no_value() {
    let head = Head { changed: &["0x02"], diffed: &["0x02"], ..Head::default() };
    let payload = (0..7).fold(head.datum().branch(1).text("@@ -1 +1 @@"), Datum::branch_none).0;
    let event = read(&payload).unwrap();
    assert_eq!((event.value("Name"), event.enriched("Name")), (None, None));
    assert!(event.touches("Name"));
}

#[test]
fn each_kind_is_known_and_a_gap_carries_nothing() {
    for kind in KINDS {
        let event = read(&Head { kind, ..Head::default() }.empty()).unwrap();
        let gap = kind.starts_with("GAP") || kind == "SNAPSHOT";
        assert_eq!(event.kind.is_gap(), gap, "{kind}");
        assert_eq!(event.records.all, kind == "GAP_OVERFLOW", "{kind}");
        if gap {
            assert_eq!((event.value("Name"), event.enriched("Name")), (None, None), "{kind}");
        }
    }
    assert_eq!(
        read(&Head { kind: "SNAPSHOT", ..Head::default() }.empty()).unwrap().kind,
        ChangeKind::Unknown
    );
}

#[test]
fn merged_wildcard_and_overflow_records_are_told_apart() {
    let event = |ids: &[&str]| read(&Head { ids, ..Head::default() }.empty());
    let merged = event(&["006D000000IRFma", "006D000000IRFmbIAH"]).unwrap().records;
    assert_eq!((merged.ids.len(), merged.all), (2, false));
    assert_eq!(merged.ids[0].as_str(), OPPORTUNITY);
    for everything in ["006*", "000000000000000AAA"] {
        let records = event(&[everything]).unwrap().records;
        assert_eq!((records.ids.len(), records.all), (0, true), "{everything}");
    }
    for invalid in ["", "006", "not an id, it is far too long"] {
        assert!(matches!(event(&[invalid]), Err(Unreadable::Header(_))), "{invalid}");
    }
}

#[test]
fn the_origin_names_the_client_if_there_is_one() {
    let client = |origin: &str| read(&Head { origin, ..Head::default() }.empty()).unwrap().origin.client;
    assert_eq!(client("com/salesforce/api/rest/66.0;client=Cosell").as_deref(), Some("Cosell"));
    assert_eq!(
        client("com/salesforce/api/soap/60.0;client=SfdcInternalAPI/").as_deref(),
        Some("SfdcInternalAPI")
    );
    for none in ["", "com/salesforce/api/rest/66.0", "com/salesforce/api/rest/66.0;client=", "client=Cosell"]
    {
        assert_eq!(client(none), None, "{none}");
    }
}

#[test]
fn a_header_that_holds_nonsense_is_refused() {
    let refused = |head: Head<'_>| assert!(matches!(read(&head.empty()), Err(Unreadable::Header(_))));
    refused(Head { entity: "Opp ortunity", ..Head::default() });
    refused(Head { committed: i64::MAX, ..Head::default() });
    refused(Head { changed: &["StageName"], ..Head::default() });
    refused(Head { nulled: &["0x"], ..Head::default() });
    refused(Head { diffed: &["5-"], ..Head::default() });
    // A user that is none is nobody, which is no reason to lose the change.
    assert_eq!(read(&Head { user: "somebody", ..Head::default() }.empty()).unwrap().user, None);
}

#[test]
fn a_payload_that_is_cut_at_any_byte_is_refused_and_so_is_one_with_a_rest() {
    let head = Head { changed: &["0x01FE", "5-0x07"], nulled: &["0x04"], ..Head::default() };
    for payload in [full(&head), head.empty(), renamed("x")] {
        assert!(read(&payload).is_ok());
        for length in 0..payload.len() {
            let cut = read(&payload[..length]);
            assert!(matches!(cut, Err(Unreadable::Payload(_))), "{length} of {}: {cut:?}", payload.len());
        }
        for rest in 0..=u8::MAX {
            let longer = [&payload[..], &[rest]].concat();
            assert!(matches!(read(&longer), Err(Unreadable::Payload(_))), "a rest of {rest}");
        }
    }
}

#[test]
fn a_payload_asks_for_no_more_room_than_it_has_bytes_for() {
    let head = Head::default().datum();
    // A text of two gigabytes, a list of as many texts, a negative length, a branch that is none.
    for start in [Datum::default().long(1 << 31), Datum::default().text("Opportunity").long(1 << 31)] {
        assert!(read(&start.0).is_err());
    }
    assert!(read(&Datum::default().long(-1).0).is_err());
    assert!(read(&head.clone().branch(2).0).is_err());
    assert!(read(&head.branch(-1).0).is_err());
    assert!(read(&vec![0; 3 << 20]).is_err());
}

/// A schema whose one field beside the header is of type `field`.
fn with(field: &str) -> String {
    let (head, _) = SCHEMA.split_once(r#"{"name": "Name""#).unwrap();
    format!(r#"{head}{{"name": "A", "type": {field}}}]}}"#)
}

#[test]
fn a_schema_that_a_few_bytes_could_blow_up_is_refused() {
    let refused = |text: &str| matches!(EventSchema::read(text), Err(Unreadable::Schema(_)));
    assert!(!refused(&with(r#"["null", "string"]"#)));
    assert!(!refused(&with(r#"["null", {"type": "array", "items": "string"}]"#)));
    assert!(!refused(&with(r#"["null", {"type": "map", "values": ["null", "long"]}]"#)));
    assert!(refused(&with(r#"{"type": "array", "items": "null"}"#)), "a list of nothing");
    assert!(refused(&with(r#"{"type": "array", "items": {"type": "record", "name": "E", "fields": []}}"#)));
    assert!(refused(&with(
        r#"{"type": "array", "items": {"type": "record", "name": "E", "fields": [
            {"name": "a", "type": "int"}, {"name": "b", "type": "int"}, {"name": "c", "type": "int"},
            {"name": "d", "type": "int"}]}}"#
    )));
    assert!(
        refused(&with(
            r#"{"type": "record", "name": "E", "fields": [{"name": "a", "type": ["null", "E"]}]}"#
        )),
        "a record inside itself"
    );
    assert!(refused(&with(r#"{"type": "fixed", "name": "F", "size": 1000000000}"#)));
    // Each level holds the one before it twice.
    let mut doubling =
        r#"{"type": "record", "name": "E0", "fields": [{"name": "a", "type": "null"}]}"#.to_owned();
    for level in 1..20 {
        doubling = format!(
            r#"{{"type": "record", "name": "E{level}", "fields": [{{"name": "a", "type": {doubling}}},
                {{"name": "b", "type": "E{}"}}]}}"#,
            level - 1
        );
    }
    assert!(refused(&with(&doubling)));
    let wide: Vec<_> = (0..25_000).map(|i| format!(r#"{{"name": "f{i}", "type": "int"}}"#)).collect();
    assert!(refused(&with(&format!(r#"{{"type": "record", "name": "E", "fields": [{}]}}"#, wide.join(",")))));
}

#[test]
fn what_is_no_schema_of_change_events_is_refused() {
    for text in [
        "",
        "{",
        "null",
        r#""string""#,
        r#"{"type": "record", "name": "Order__e", "fields": [{"name": "CreatedDate", "type": "long"}]}"#,
        r#"{"type": "record", "name": "E", "fields": [{"name": "ChangeEventHeader", "type": "string"}]}"#,
        r#"{"type": "record", "name": "E", "fields": [{"name": "A", "type": "Missing"}]}"#,
        &" ".repeat((1 << 20) + 1),
        &"[".repeat(100_000),
    ] {
        assert!(
            matches!(EventSchema::read(text), Err(Unreadable::Schema(_))),
            "{}",
            &text[..text.len().min(80)]
        );
    }
}

#[test]
fn an_event_shows_no_content_when_it_is_printed() {
    let event = read(&full(&Head { kind: "CREATE", ..Head::default() })).unwrap();
    let printed = format!("{event:?}");
    for content in ["Fabrikam", "1200", "Reno", "Lovelace", "ref-1"] {
        assert!(!printed.contains(content), "{printed}");
    }
}
