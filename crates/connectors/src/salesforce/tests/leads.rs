//! Referrals that are leads, as the org's own Lead records.

use std::collections::BTreeMap;

use deal_model::{FieldId, Observed, Value};
use ports::RetryClass;
use serde_json::json;
use sync_engine::{LeadWrite, Side as _};

use super::desk::{Desk, scope, text};

const REFERRAL: &str = "7a1c0000-0000-4000-8000-0000000000a1";

fn desk() -> Desk {
    Desk::with("\n[leads]\ncreate = true\nowner = \"noa.seller@trey-research.example\"")
}

fn new(values: &[(&str, &str)]) -> LeadWrite {
    let values = values.iter().map(|(field, value)| (FieldId::from(*field), text(value)));
    LeadWrite {
        referral: REFERRAL.into(),
        record: None,
        values: values.collect::<BTreeMap<FieldId, Value>>(),
        note: Some("Accept it there.".to_owned()),
    }
}

#[tokio::test]
async fn a_lead_is_made_once_with_what_salesforce_needs_and_found_again() {
    let desk = desk();
    assert_eq!(desk.side.lead(&REFERRAL.into(), scope()).await.unwrap(), None);
    let made =
        desk.side.write_lead(&new(&[("company", "Contoso AG"), ("phone", "+41 1")]), scope()).await.unwrap();
    assert_eq!(made.fields[&"phone".into()], Observed::Value(text("+41 1")));
    assert_eq!(made.fields[&"email".into()], Observed::Empty);
    assert!(!made.converted);
    let row = desk.row("Lead", made.record.as_str());
    assert_eq!((&row["LastName"], &row["Company"]), (&json!("[not provided]"), &json!("Contoso AG")));
    assert_eq!(
        (&row["Status"], &row["Co_sell_Note__c"]),
        (&json!("Open - Not Contacted"), &json!("Accept it there."))
    );
    let owner = desk.row("User", row["OwnerId"].as_str().unwrap());
    assert_eq!(owner["Username"], "noa.seller@trey-research.example");

    // Made again, as after an answer that was lost: the first is found, and nothing of it is written over.
    desk.edit("Lead", made.record.as_str(), &json!({ "Phone": "+49 9" }));
    let again =
        desk.side.write_lead(&new(&[("company", "Contoso AG"), ("phone", "+41 1")]), scope()).await.unwrap();
    assert_eq!(again.record, made.record);
    assert_eq!(again.fields[&"phone".into()], Observed::Value(text("+49 9")));
}

#[tokio::test]
async fn a_lead_that_moved_since_it_was_read_is_not_written() {
    let desk = desk();
    let made = desk.side.write_lead(&new(&[]), scope()).await.unwrap();
    desk.pass(5);
    desk.edit("Lead", made.record.as_str(), &json!({ "Phone": "+49 9" }));
    let stale = LeadWrite {
        record: Some((made.record.clone(), made.stamp)),
        note: None,
        ..new(&[("phone", "+41 2")])
    };
    let error = desk.side.write_lead(&stale, scope()).await.unwrap_err();
    assert_eq!(error.class, RetryClass::Changed, "{error:?}");
    let read = desk.side.lead(&REFERRAL.into(), scope()).await.unwrap().unwrap();
    let fresh = LeadWrite { record: Some((read.record, read.stamp)), ..stale };
    let after = desk.side.write_lead(&fresh, scope()).await.unwrap();
    assert_eq!(after.fields[&"phone".into()], Observed::Value(text("+41 2")));
}

#[tokio::test]
async fn a_converted_lead_tells_its_opportunity_where_it_came_from() {
    let desk = desk();
    let made = desk.side.write_lead(&new(&[("company", "Contoso AG")]), scope()).await.unwrap();
    let done = desk.act("convert", &json!({ "id": made.record.as_str() }));
    let opportunity = done["opportunity"].as_str().unwrap();
    assert!(desk.side.lead(&REFERRAL.into(), scope()).await.unwrap().unwrap().converted);
    let behind = desk.side.converted_from(&opportunity.into(), scope()).await.unwrap();
    assert_eq!(behind, Some(REFERRAL.into()));
    let other = desk.opportunity(&json!({}));
    assert_eq!(desk.side.converted_from(&other.as_str().into(), scope()).await.unwrap(), None);
}

#[tokio::test]
async fn a_lead_that_was_converted_since_it_was_found_is_looked_at_again_and_not_written() {
    let desk = desk();
    let made = desk.side.write_lead(&new(&[("company", "Contoso AG")]), scope()).await.unwrap();
    desk.pass(5);
    desk.act("convert", &json!({ "id": made.record.as_str() }));
    let read = desk.side.lead(&REFERRAL.into(), scope()).await.unwrap().unwrap();
    // Its stamp says nothing: conversion in the same second, or a platform that looks at the lock first.
    let late = LeadWrite { record: Some((read.record, read.stamp)), ..new(&[("phone", "+41 2")]) };
    let error = desk.side.write_lead(&late, scope()).await.unwrap_err();
    assert!(error.what.contains("CANNOT_UPDATE_CONVERTED_LEAD"), "{error}");
    assert_eq!((error.class, error.certainly_not_done), (RetryClass::Changed, true));
}

#[tokio::test]
async fn without_a_unique_column_no_lead_is_made_and_without_leads_nothing_is_asked() {
    let desk = desk();
    desk.knobs(&json!({ "identifier_unique": false }));
    let error = desk.side.write_lead(&new(&[]), scope()).await.unwrap_err();
    assert_eq!(error.class, RetryClass::Person);
    assert!(error.what.contains("Lead.Referral_Identifier__c"), "{}", error.what);
    assert_eq!(desk.query("SELECT Id FROM Lead").len(), 0);

    let off = Desk::new();
    let opportunity = off.opportunity(&json!({}));
    off.calls();
    assert_eq!(off.side.converted_from(&opportunity.as_str().into(), scope()).await.unwrap(), None);
    assert!(off.calls().is_empty());
}

#[tokio::test]
async fn without_the_identifier_only_an_opportunity_that_was_converted_is_in_doubt() {
    let desk = desk();
    let made = desk.side.write_lead(&new(&[("company", "Contoso AG")]), scope()).await.unwrap();
    let done = desk.act("convert", &json!({ "id": made.record.as_str() }));
    let converted = done["opportunity"].as_str().unwrap();
    let other = desk.opportunity(&json!({}));
    desk.knobs(&json!({ "hidden_fields": ["Lead.Referral_Identifier__c"] }));
    let error = desk.side.converted_from(&converted.into(), scope()).await.unwrap_err();
    assert!(matches!(error.class, RetryClass::Person | RetryClass::Bug), "{error:?}");
    assert_eq!(desk.side.converted_from(&other.as_str().into(), scope()).await.unwrap(), None);
}

#[tokio::test]
async fn a_refused_lead_names_the_fields_by_which_it_is_known() {
    let desk = desk();
    let long = "x".repeat(300);
    let error =
        desk.side.write_lead(&new(&[("phone", &long), ("email", "nobody")]), scope()).await.unwrap_err();
    assert_eq!(error.class, RetryClass::Person, "{error:?}");
    let named: Vec<&str> = error.groups.iter().map(deal_model::GroupId::as_str).collect();
    assert!(!named.is_empty() && named.iter().all(|name| ["phone", "email"].contains(name)), "{named:?}");
}
