//! What is asked of the org about itself: once, nothing that is absent, and again when it is time.

use serde_json::json;

use super::desk::{Desk, scope};
use crate::Verdict;

/// Calls that ask the org about itself.
fn looks(calls: &[String]) -> Vec<&str> {
    let about = |call: &&String| call.ends_with("/describe") || call.ends_with("/sobjects");
    calls.iter().filter(about).map(|call| call.rsplit("/sobjects").next().unwrap()).collect()
}

#[tokio::test]
async fn the_org_is_looked_at_once_and_what_is_absent_is_not_asked_for() {
    let desk = Desk::new();
    desk.knobs(&json!({ "denied": [{ "object": "Microsoft_Solution__c", "rights": ["read"] }] }));
    let id = desk.opportunity(&json!({}));
    desk.see(&id).await;
    let calls = desk.calls();
    let asked = looks(&calls);
    assert_eq!(asked[0], "", "the list of all objects comes first: {calls:?}");
    assert!(asked.contains(&"/Opportunity/describe") && asked.contains(&"/Account/describe"), "{asked:?}");
    assert!(!asked.iter().any(|path| path.contains("Microsoft_Solution__c")), "{asked:?}");
    assert_eq!(asked.len(), asked.iter().collect::<std::collections::BTreeSet<_>>().len(), "{asked:?}");
    desk.see(&id).await;
    assert!(looks(&desk.calls()).is_empty(), "and kept");
}

#[tokio::test]
async fn an_hour_later_a_changed_option_is_noticed() {
    let desk = Desk::new();
    let id = desk.opportunity(&json!({}));
    desk.see(&id).await;
    assert!(desk.side.features(scope()).await.unwrap().enhanced_notes);
    assert_eq!(sync_engine::Side::blind(&desk.side), std::collections::BTreeMap::new(), "nothing is hidden");
    desk.knobs(&json!({ "notes": false }));
    desk.pass(1_800);
    desk.see(&id).await;
    assert!(desk.side.features(scope()).await.unwrap().enhanced_notes, "nobody has looked since");
    desk.pass(2_000);
    desk.see(&id).await;
    let features = desk.side.features(scope()).await.unwrap();
    assert!(!features.enhanced_notes, "{features:?}");
}

#[tokio::test]
async fn options_are_read_off_what_is_there() {
    let desk = Desk::new();
    let plain = desk.side.features(scope()).await.unwrap();
    assert!(
        plain.team_selling && plain.classic_notes && plain.enhanced_notes && plain.line_items,
        "{plain:?}"
    );
    assert!(!plain.country_picklists && !plain.person_accounts, "{plain:?}");
    assert!(plain.currencies.as_ref().is_some_and(|active| active.contains("EUR")), "{plain:?}");

    let other = Desk::new();
    other.knobs(&json!({
        "team_selling": false, "notes": false, "multi_currency": false, "state_country_picklists": true,
        "person_accounts": true, "record_types": false,
    }));
    let features = other.side.features(scope()).await.unwrap();
    assert!(
        !features.team_selling && !features.enhanced_notes && features.currencies.is_none(),
        "{features:?}"
    );
    assert!(features.country_picklists && features.person_accounts, "{features:?}");
    assert!(features.record_types.is_empty(), "{features:?}");
    let changed: Vec<&str> = features.changed_since(&plain).into_iter().map(|(option, _)| option).collect();
    assert!(changed.contains(&"team selling") && changed.contains(&"person accounts"), "{changed:?}");
    assert!(!changed.contains(&"line items"), "{changed:?}");
}

#[tokio::test]
async fn what_is_written_and_required_and_offered_is_compared_field_by_field() {
    let desk = Desk::new();
    let failing = async |knobs: serde_json::Value| {
        desk.knobs(&knobs);
        let survey = desk.side.survey(scope()).await.unwrap();
        let fails = survey.findings.into_iter().filter(|finding| finding.verdict == Verdict::Fail);
        fails.map(|finding| finding.id).collect::<Vec<_>>()
    };
    assert_eq!(failing(json!({})).await, Vec::<String>::new());
    let hidden = json!({ "hidden_fields": ["Microsoft_Solution__c.Co_sell_Key__c", "Opportunity.Audit__c"] });
    assert_eq!(
        failing(hidden).await,
        ["salesforce.field.Microsoft_Solution__c.Co_sell_Key__c", "salesforce.field.Opportunity.Audit__c"]
    );
    let denied = json!({ "hidden_fields": [], "denied": [{ "object": "Opportunity", "rights": ["edit"] }] });
    assert_eq!(failing(denied).await[0], "salesforce.object.Opportunity");
}
