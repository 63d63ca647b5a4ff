//! The three sources of changes.

use deal_model::RecordId;
use serde_json::json;
use sync_engine::{Changes, Side as _, Target};

use super::desk::{Desk, scope};

async fn poll(desk: &Desk, source: &str, position: Option<&str>) -> Changes {
    desk.side.changes(source, position, scope()).await.unwrap()
}

fn targets(changes: &Changes) -> Vec<(String, bool)> {
    let target = |target: &Target| match target {
        Target::Opportunity { id, birth, .. } => (id.as_str().to_owned(), *birth),
        other => panic!("{other:?}"),
    };
    changes.seen.iter().map(|seen| target(&seen.target)).collect()
}

#[tokio::test]
async fn the_first_poll_lists_what_is_opted_in_and_the_next_what_moved() {
    let desk = Desk::new();
    let (first, second) = (desk.opportunity(&json!({})), desk.opportunity(&json!({})));
    desk.opportunity(&json!({"Sync_with_Partner_Center__c": false}));
    desk.opportunity(&json!({"IsPrivate": true}));
    let all = poll(&desk, "crm.opportunities", None).await;
    assert_eq!(targets(&all), [(first.clone(), true), (second.clone(), true)]);
    assert!(!all.more);
    desk.pass(3_600);
    desk.edit("Opportunity", &first, &json!({"Amount": 3}));
    let next = poll(&desk, "crm.opportunities", Some(&all.position)).await;
    assert_eq!(targets(&next).last(), Some(&(first, true)));
    assert_eq!(next.seen.last().unwrap().stamp, Some(desk.see(next_id(&next)).await.version.stamp));
    let third = poll(&desk, "crm.opportunities", Some(&next.position)).await;
    assert_eq!(targets(&third).len(), 1, "only the overlap is listed again");
}

fn next_id(changes: &Changes) -> &str {
    match &changes.seen.last().unwrap().target {
        Target::Opportunity { id, .. } => id.as_str(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_linked_one_that_is_switched_off_is_listed_without_a_birth() {
    let desk = Desk::new();
    let id =
        desk.opportunity(&json!({"Referral_Identifier__c": "REF-1", "Sync_with_Partner_Center__c": false}));
    let changes = poll(&desk, "crm.opportunities", None).await;
    assert_eq!(targets(&changes), [(id.clone(), false)]);
    assert!(!changes.position.contains(&id[..15]), "{}", changes.position);
}

#[tokio::test]
async fn rows_lead_to_their_opportunity_if_it_is_opted_in() {
    let desk = Desk::new();
    let shown = desk.opportunity(&json!({}));
    let hidden = desk.opportunity(&json!({"Sync_with_Partner_Center__c": false}));
    let contact = desk.make("Contact", json!({"LastName": "Berg"}));
    for id in [&shown, &hidden] {
        desk.make(
            "Microsoft_Solution__c",
            json!({"Opportunity__c": id, "Solution_Id__c": "SOL-1", "Name": "S"}),
        );
        desk.make("OpportunityContactRole", json!({"OpportunityId": id, "ContactId": contact}));
    }
    let lea = desk.act(
        "user",
        &json!({"fields": {"Username": "lea@trey-research.example", "LastName": "Later",
        "Email": "lea@trey-research.example", "IsActive": true}}),
    );
    for id in [&shown, &hidden] {
        desk.make("OpportunityTeamMember", json!({"OpportunityId": id, "UserId": lea["id"]}));
    }
    for source in ["crm.solutions", "crm.contact_roles", "crm.team"] {
        let changes = poll(&desk, source, None).await;
        assert_eq!(targets(&changes), [(shown.clone(), true)], "{source}");
        assert_eq!(changes.seen[0].stamp, None);
    }
}

#[tokio::test]
async fn a_row_that_went_is_noticed() {
    let desk = Desk::new();
    let id = desk.opportunity(&json!({}));
    let row = desk
        .make("Microsoft_Solution__c", json!({"Opportunity__c": id, "Solution_Id__c": "SOL-1", "Name": "S"}));
    let first = poll(&desk, "crm.solutions", None).await;
    desk.pass(3_600);
    desk.seller("DELETE", &format!("/sobjects/Microsoft_Solution__c/{row}"), &serde_json::Value::Null);
    desk.pass(5);
    let second = poll(&desk, "crm.solutions", Some(&first.position)).await;
    assert_eq!(targets(&second), [(id, true)]);
}

#[tokio::test]
async fn a_long_list_is_walked_page_by_page_and_nothing_is_lost() {
    let desk = Desk::new();
    let mut expected: Vec<String> = (0..7).map(|_| desk.opportunity(&json!({}))).collect();
    desk.knobs(&json!({"page_size": 3}));
    let (mut found, mut position) = (Vec::new(), None::<String>);
    for _ in 0..10 {
        let page = poll(&desk, "crm.opportunities", position.as_deref()).await;
        found.extend(targets(&page).into_iter().map(|(id, _)| id));
        position = Some(page.position.clone());
        if !page.more {
            break;
        }
    }
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn an_unknown_source_is_a_bug() {
    let desk = Desk::new();
    assert!(desk.side.changes("crm.leads", None, scope()).await.is_err());
    assert_eq!(desk.side.sources().len(), 4);
    let missing = RecordId::from("006000000000000AAA");
    assert!(desk.side.stranger(&missing, scope()).await.is_err());
}
