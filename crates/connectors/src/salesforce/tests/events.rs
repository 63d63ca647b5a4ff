//! The live source, on the sandbox's event bus.

use salesforce::events::Start;
use serde_json::{Value as Json, json};
use sync_engine::{Changes, Hearing, Pace, Seen, Side as _, Target};

use super::desk::{Desk, scope};

const EVENTS: &str = "crm.events";
const ALL: [&str; 4] = ["crm.opportunities", "crm.solutions", "crm.contact_roles", "crm.team"];

async fn listen(desk: &Desk, position: &str) -> Changes {
    let position = Some(position).filter(|position| !position.is_empty());
    desk.side.changes(EVENTS, position, scope()).await.unwrap()
}

/// A position behind everything that has happened.
async fn begun(desk: &Desk) -> String {
    desk.knobs(&json!({"events": {"keepalive_ms": 1000}}));
    let before = listen(desk, "").await;
    let nothing = Changes { untold: before.untold.clone(), ..Changes::default() };
    assert_eq!(before, nothing, "no position, nothing heard: nothing is proven");
    desk.pass(2);
    let first = listen(desk, "").await;
    assert_eq!(first.hearing, Hearing::Hears);
    assert!(!first.position.is_empty());
    desk.calls();
    first.position
}

fn targets(seen: &[Seen]) -> Vec<(String, bool, Option<String>)> {
    let target = |target: &Target| match target {
        Target::Opportunity { id, birth, claims } => {
            (id.as_str().to_owned(), *birth, claims.as_ref().map(ToString::to_string))
        }
        other => panic!("{other:?}"),
    };
    seen.iter().map(|seen| target(&seen.target)).collect()
}

fn member(entity: &str, enriched: &[&str]) -> Json {
    json!({"entity": entity, "enriched": enriched})
}

fn deaf(changes: Changes) -> String {
    match changes.hearing {
        Hearing::Deaf(silence) => silence.sentence,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_new_opportunity_that_is_opted_in_is_told_without_a_question() {
    let (desk, _) = Desk::listening();
    let position = begun(&desk).await;
    desk.side.observe(&[], scope()).await;
    let id = desk.opportunity(&json!({}));
    desk.opportunity(&json!({"Sync_with_Partner_Center__c": false}));
    desk.opportunity(&json!({"IsPrivate": true}));
    desk.calls();
    let page = listen(&desk, &position).await;
    assert_eq!(targets(&page.seen)[0], (id.clone(), true, None));
    assert!(targets(&page.seen)[1..].iter().all(|(_, birth, _)| !birth), "the others beget nothing");
    assert_eq!(page.unsure, []);
    assert_ne!(page.position, position);
    assert!(!page.position.contains(&id[..15]));
    assert!(!desk.calls().iter().any(|call| call.contains("query")), "the event told all");
}

#[tokio::test]
async fn a_change_is_told_with_the_stamp_of_its_save() {
    let (desk, _) = Desk::listening();
    let id = desk.opportunity(&json!({}));
    let position = begun(&desk).await;
    desk.edit("Opportunity", &id, &json!({"Amount": 3}));
    let page = listen(&desk, &position).await;
    let told: Vec<&Seen> = page.seen.iter().chain(&page.unsure).collect();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].stamp, Some(desk.see(&id).await.version.stamp));
    assert!(!told[0].echo);
}

#[tokio::test]
async fn whether_a_change_may_be_kept_is_told_by_an_enriched_channel_alone() {
    let (desk, _) = Desk::listening();
    let enriched = ["Referral_Identifier__c", "Sync_with_Partner_Center__c", "IsPrivate"];
    desk.act("select-events", &member("OpportunityChangeEvent", &enriched));
    let linked = desk.opportunity(&json!({"Referral_Identifier__c": "REF-1"}));
    let off = desk.opportunity(&json!({"Sync_with_Partner_Center__c": false}));
    let position = begun(&desk).await;
    desk.edit("Opportunity", &linked, &json!({"Amount": 3}));
    desk.edit("Opportunity", &off, &json!({"Amount": 3}));
    let page = listen(&desk, &position).await;
    assert_eq!(targets(&page.seen), [(linked.clone(), true, Some("REF-1".to_owned())), (off, false, None)]);
    assert_eq!(page.unsure, []);
}

#[tokio::test]
async fn without_enrichment_one_question_tells_of_a_whole_page_and_reads_nothing_of_the_others() {
    let (desk, _) = Desk::listening();
    desk.act("select-events", &member("OpportunityChangeEvent", &[]));
    let shown = desk.opportunity(&json!({"Referral_Identifier__c": "REF-1"}));
    let off = desk.opportunity(&json!({"Sync_with_Partner_Center__c": false}));
    let hidden = desk.opportunity(&json!({"IsPrivate": true}));
    let position = begun(&desk).await;
    for id in [&shown, &off, &hidden] {
        desk.edit("Opportunity", id, &json!({"Amount": 3}));
    }
    let page = listen(&desk, &position).await;
    assert_eq!(page.seen, []);
    let unsure = targets(&page.unsure);
    assert_eq!(
        unsure.iter().map(|(id, birth, _)| (id, *birth)).collect::<Vec<_>>(),
        [(&shown, false), (&off, false), (&hidden, false)]
    );
    desk.calls();
    let records: Vec<_> = unsure.iter().map(|(id, ..)| id.as_str().into()).collect();
    let admitted = desk.side.admit(&records, scope()).await.unwrap();
    let target = Target::Opportunity { id: shown.as_str().into(), birth: true, claims: Some("REF-1".into()) };
    assert_eq!(admitted, [target]);
    assert_eq!(desk.calls().len(), 1);
}

#[tokio::test]
async fn a_deleted_opportunity_is_told_and_begets_nothing() {
    let (desk, _) = Desk::listening();
    let id = desk.opportunity(&json!({}));
    let position = begun(&desk).await;
    desk.seller("DELETE", &format!("/sobjects/Opportunity/{id}"), &Json::Null);
    let page = listen(&desk, &position).await;
    assert_eq!(targets(&page.seen).first(), Some(&(id, false, None)));
}

#[tokio::test]
async fn rows_lead_to_their_opportunity_whether_or_not_their_events_name_it() {
    for enriched in [&["Opportunity__c"][..], &[]] {
        let (desk, _) = Desk::listening();
        desk.act("select-events", &member("Microsoft_Solution__ChangeEvent", enriched));
        let shown = desk.opportunity(&json!({}));
        let hidden = desk.opportunity(&json!({"Sync_with_Partner_Center__c": false}));
        let rows: Vec<String> = [&shown, &hidden]
            .map(|id| {
                let row = json!({"Opportunity__c": id, "Solution_Id__c": "SOL-1", "Name": "S"});
                desk.make("Microsoft_Solution__c", row)
            })
            .into();
        let mut position = begun(&desk).await;
        for row in &rows {
            desk.edit("Microsoft_Solution__c", row, &json!({"Name": "T"}));
        }
        for change in 0..2 {
            let page = listen(&desk, &position).await;
            position.clone_from(&page.position);
            if enriched.is_empty() {
                assert_eq!(targets(&page.seen), [(shown.clone(), true, None)], "change {change}");
                assert_eq!(page.unsure, []);
            } else {
                let told: Vec<String> = targets(&page.unsure).into_iter().map(|(id, ..)| id).collect();
                assert_eq!(told, [shown.clone(), hidden.clone()], "change {change}: the store knows more");
                assert!(page.unsure.iter().all(|seen| seen.stamp.is_none()));
            }
            if change == 0 {
                for row in &rows {
                    desk.seller("DELETE", &format!("/sobjects/Microsoft_Solution__c/{row}"), &Json::Null);
                }
                desk.pass(5);
            }
        }
    }
}

#[tokio::test]
async fn a_row_of_an_opportunity_that_was_read_leads_to_it_without_a_question() {
    let (desk, _) = Desk::listening();
    desk.act("select-events", &member("Microsoft_Solution__ChangeEvent", &[]));
    let id = desk.opportunity(&json!({}));
    let row = desk
        .make("Microsoft_Solution__c", json!({"Opportunity__c": id, "Solution_Id__c": "SOL-1", "Name": "S"}));
    desk.see(&id).await;
    let position = begun(&desk).await;
    desk.edit("Microsoft_Solution__c", &row, &json!({"Name": "T"}));
    let page = listen(&desk, &position).await;
    assert_eq!(targets(&page.seen), [(id, false, None)]);
    assert_eq!(desk.calls(), Vec::<String>::new());
}

#[tokio::test]
async fn a_page_that_was_not_committed_is_told_again() {
    let (desk, bus) = Desk::listening();
    let position = begun(&desk).await;
    let id = desk.opportunity(&json!({}));
    let first = listen(&desk, &position).await;
    let again = listen(&desk, &position).await;
    assert_eq!(first, again);
    assert_eq!(targets(&again.seen), [(id, true, None)]);
    assert!(matches!(bus.starts.lock().unwrap().last(), Some(Start::After(_))));
    // Committed now: the stream that is open goes on.
    let streams = bus.starts.lock().unwrap().len();
    assert_eq!(listen(&desk, &again.position).await.seen, []);
    assert_eq!(bus.starts.lock().unwrap().len(), streams);
}

#[tokio::test]
async fn a_stream_that_is_killed_is_opened_again_where_it_was_and_nothing_is_lost_or_doubled() {
    let (desk, _) = Desk::listening();
    let mut position = begun(&desk).await;
    desk.knobs(&json!({"events": {"kill_every": 2}}));
    let made: Vec<String> = (0..7).map(|_| desk.opportunity(&json!({}))).collect();
    let mut told = Vec::new();
    for _ in 0..10 {
        let page = listen(&desk, &position).await;
        told.extend(targets(&page.seen).into_iter().map(|(id, ..)| id));
        position = page.position;
    }
    assert_eq!(told, made);
}

#[tokio::test]
async fn a_lost_position_is_never_jumped_over() {
    let (desk, bus) = Desk::listening();
    let position = begun(&desk).await;
    desk.opportunity(&json!({}));
    let page = listen(&desk, &position).await;
    // Events are kept for three days.
    desk.pass(96 * 3_600);
    desk.opportunity(&json!({}));
    let lost = listen(&desk, &position).await;
    assert_eq!(lost.missed, ALL, "everything is read from its beginning");
    assert_eq!(lost.hearing, Hearing::Unproven);
    assert_ne!(lost.position, page.position);
    assert_eq!(listen(&desk, &lost.position).await.missed, Vec::<&str>::new(), "once");
    assert_eq!(bus.starts.lock().unwrap().last(), Some(&Start::Latest));
}

#[tokio::test]
async fn gaps_are_looked_at_and_what_has_no_end_is_read_from_its_beginning() {
    let (desk, _) = Desk::listening();
    let id = desk.opportunity(&json!({}));
    let position = begun(&desk).await;
    desk.knobs(&json!({"events": {"gap_next": 1}}));
    desk.edit("Opportunity", &id, &json!({"Amount": 3}));
    let page = listen(&desk, &position).await;
    // Whether it was opted in is what a gap does not tell: it is worth a second question.
    assert_eq!(targets(&page.unsure), [(id, true, None)]);
    for (entity, ids, missed) in [
        ("OpportunityChangeEvent", "006*", "crm.opportunities"),
        ("Microsoft_Solution__ChangeEvent", "000000000000000AAA", "crm.solutions"),
    ] {
        let change_type = if ids.ends_with('*') { "GAP_UPDATE" } else { "GAP_OVERFLOW" };
        desk.act("emit-event", &json!({"entity": entity, "change_type": change_type, "record_ids": [ids]}));
        let page = listen(&desk, &page.position).await;
        assert!(page.missed.contains(&missed), "{entity}: {:?}", page.missed);
        assert_eq!(page.seen, []);
    }
}

#[tokio::test]
async fn an_event_that_cannot_be_read_makes_everything_be_read_and_the_stream_goes_on() {
    let (desk, _) = Desk::listening();
    let position = begun(&desk).await;
    desk.knobs(&json!({"events": {"corrupt_next": 1}}));
    desk.opportunity(&json!({}));
    let second = desk.opportunity(&json!({}));
    let (mut position, mut missed, mut unread, mut told) = (position, Vec::new(), 0, Vec::new());
    for _ in 0..4 {
        let page = listen(&desk, &position).await;
        missed.extend(page.missed.iter().copied());
        unread += page.unread;
        told.extend(targets(&page.seen).into_iter().map(|(id, ..)| id));
        position = page.position;
    }
    assert_eq!((missed, unread), (ALL.to_vec(), 1));
    assert_eq!(told, [second]);
}

#[tokio::test]
async fn an_org_without_events_says_so_with_the_next_step_and_keeps_the_position() {
    let (desk, _) = Desk::listening();
    let position = begun(&desk).await;
    for (knob, sentence) in [
        (json!({"edition": false}), "has no change events"),
        (json!({"edition": true, "denied_topics": ["/data/ChangeEvents"]}), "may not read"),
        (json!({"denied_topics": [], "delivery_limit": 0}), "allowance"),
        (json!({"delivery_limit": 10, "concurrent_streams": 0}), "as many subscriptions"),
    ] {
        desk.knobs(&json!({"events": knob}));
        // Another process took over: the stream is opened anew.
        let elsewhere = listen(&desk, "{\"channel\":\"/data/ChangeEvents\",\"replay\":null}").await;
        let told = deaf(elsewhere);
        assert!(told.contains(sentence) && told.contains("Polls alone"), "{told}");
    }
    desk.knobs(&json!({"events": {"concurrent_streams": 10}}));
    assert_eq!(listen(&desk, &position).await.hearing, Hearing::Hears);
}

#[tokio::test]
async fn our_own_writes_are_told_as_echoes() {
    let (desk, _) = Desk::listening();
    let id = desk.opportunity(&json!({}));
    let position = begun(&desk).await;
    let change = desk.change(&id, vec![super::desk::money(7, "EUR")], None).await;
    desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap();
    let page = listen(&desk, &position).await;
    let told: Vec<&Seen> = page.seen.iter().chain(&page.unsure).collect();
    assert_eq!(told.len(), 1);
    assert!(told[0].echo);
}

#[tokio::test]
async fn a_side_that_listens_polls_slowly_beside_it() {
    let (desk, _) = Desk::listening();
    let sources = desk.side.sources();
    assert_eq!(sources.iter().filter(|source| source.pace == Pace::Live).count(), 1);
    assert_eq!(Desk::new().side.sources().len(), 4, "without events, four polls");
    assert_eq!(sources.len(), 5);
}

#[tokio::test]
async fn an_object_that_is_not_selected_or_not_seen_whole_is_told_of_by_nobody() {
    let (desk, _) = Desk::listening();
    let taken = json!({"entity": "OpportunityContactRoleChangeEvent", "selected": false});
    desk.act("select-events", &taken);
    desk.knobs(&json!({"events": {"denied_topics": ["/data/Microsoft_Solution__ChangeEvent"]}}));
    let position = begun(&desk).await;
    desk.opportunity(&json!({}));
    let page = listen(&desk, &position).await;
    assert_eq!(page.untold, ["crm.solutions", "crm.contact_roles"]);
    assert_eq!(page.hearing, Hearing::Hears);
    // Within the hour nobody is asked again; after it, what the admin mended is noticed.
    desk.knobs(&json!({"events": {"denied_topics": []}}));
    desk.opportunity(&json!({}));
    let page = listen(&desk, &page.position).await;
    assert_eq!(page.untold, ["crm.solutions", "crm.contact_roles"]);
    desk.pass(3_601);
    desk.opportunity(&json!({}));
    let page = listen(&desk, &page.position).await;
    assert_eq!(page.untold, ["crm.contact_roles"]);
}

#[tokio::test]
async fn an_opportunity_that_was_opted_in_is_worth_a_second_question_though_the_channel_tells_no_more() {
    let (desk, _) = Desk::listening();
    desk.act("select-events", &member("OpportunityChangeEvent", &[]));
    let id = desk.opportunity(&json!({"Sync_with_Partner_Center__c": false}));
    let position = begun(&desk).await;
    desk.edit("Opportunity", &id, &json!({"Sync_with_Partner_Center__c": true}));
    let page = listen(&desk, &position).await;
    assert_eq!(targets(&page.unsure), [(id, true, None)]);
}
