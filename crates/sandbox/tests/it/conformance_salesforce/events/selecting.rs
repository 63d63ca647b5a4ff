//! Sections 4.7, 4.11 and 4.12: topics, channels, allowances and permissions.

use serde_json::json;
use tonic::Code;

use super::desk::{Desk, EARLIEST, EVERYTHING, LATEST, OPPORTUNITIES, fetch};

#[test]
fn s4_7_topics_are_named_with_regard_to_case() {
    let desk = Desk::new();
    desk.act("select-events", json!({"entity": "OpportunityChangeEvent", "channel": "Sales__chn"})).unwrap();
    for topic in [EVERYTHING, OPPORTUNITIES, "/data/Microsoft_Solution__ChangeEvent", "/data/Sales__chn"] {
        desk.open(topic, LATEST, 1);
        assert_eq!(desk.machine.topic(&desk.access(), topic, desk.now()).unwrap().topic_name, topic);
    }
    for topic in [
        "/data/opportunitychangeevent",
        "/data/OpportunityChangeevent",
        "/event/OpportunityChangeEvent",
        "/data/NoSuchChangeEvent",
        "/data/Microsoft_Solution__cChangeEvent",
        "/data/Other__chn",
        "/data/",
        "",
        "OpportunityChangeEvent",
        "/data/changeevents",
    ] {
        assert_eq!(
            desk.try_open(&fetch(topic, LATEST, b"", 1)).unwrap_err().code(),
            Code::NotFound,
            "{topic}"
        );
        let refused = desk.machine.topic(&desk.access(), topic, desk.now()).unwrap_err();
        assert_eq!(refused.code(), Code::NotFound, "{topic}");
    }
}

#[test]
fn s4_11_an_object_without_view_all_is_filtered_from_a_channel_and_refused_alone() {
    let desk = Desk::new();
    let id = desk.opportunity(json!({}));
    desk.create("Microsoft_Solution__c", &json!({"Opportunity__c": id, "Solution_Id__c": "s"}));
    desk.knob(json!({"no_view_all": ["Opportunity"]}));
    let told = desk.all(EVERYTHING);
    assert!(!told.is_empty() && told.iter().all(|told| told.entity() == "Microsoft_Solution__c"));
    let refused = desk.try_open(&fetch(OPPORTUNITIES, EARLIEST, b"", 1)).unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
}

#[test]
fn s4_11_what_nobody_selected_makes_no_event() {
    let desk = Desk::new();
    desk.create("Account", &json!({"Name": "Ada Ltd"}));
    assert!(desk.all(EVERYTHING).is_empty());
    let refused = desk.try_open(&fetch("/data/AccountChangeEvent", LATEST, b"", 1)).unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    desk.knob(json!({"unselected": "silent"}));
    let mut stream = desk.open("/data/AccountChangeEvent", LATEST, 1);
    desk.create("Account", &json!({"Name": "Eve Ltd"}));
    assert!(desk.told(&mut stream).is_empty());
    desk.act("select-events", json!({"entity": "AccountChangeEvent"})).unwrap();
    desk.create("Account", &json!({"Name": "Ida Ltd"}));
    assert_eq!(desk.told(&mut stream)[0].body["Name"], "Ida Ltd");
}

#[test]
fn s4_11_five_entities_are_selected_over_all_channels_and_no_more() {
    let desk = Desk::new();
    let select = |entity: &str, channel: &str| {
        desk.act("select-events", json!({"entity": entity, "channel": channel}))
    };
    // Four are selected to begin with.
    select("AccountChangeEvent", "ChangeEvents").unwrap();
    let refused = select("ContactChangeEvent", "Own__chn").unwrap_err();
    assert!(refused.contains('5'), "{refused}");
    select("OpportunityChangeEvent", "Own__chn").unwrap();
    assert!(select("ContactChangeEvent", "ChangeEvents").is_err());
    desk.act("select-events", json!({"entity": "AccountChangeEvent", "selected": false})).unwrap();
    select("ContactChangeEvent", "ChangeEvents").unwrap();
}

#[test]
fn s4_12_a_member_names_its_channel_and_at_most_ten_short_fields() {
    let desk = Desk::new();
    let select = |entity: &str, channel: &str, enriched: &[&str]| {
        desk.act("select-events", json!({"entity": entity, "channel": channel, "enriched": enriched}))
    };
    let eleven = [
        "Name",
        "StageName",
        "Amount",
        "CloseDate",
        "Type",
        "NextStep",
        "LeadSource",
        "IsWon",
        "IsClosed",
        "OwnerId",
        "AccountId",
    ];
    for (entity, channel, enriched) in [
        ("OpportunityChangeEvent", "ChangeEvents", &eleven[..]),
        ("OpportunityChangeEvent", "ChangeEvents", &["Description"]),
        ("OpportunityChangeEvent", "ChangeEvents", &["Nothing__c"]),
        ("OpportunityChangeEvent", "Somewhere", &[]),
        ("Opportunity", "ChangeEvents", &[]),
        ("NothingChangeEvent", "ChangeEvents", &[]),
    ] {
        select(entity, channel, enriched).unwrap_err();
    }
    select("OpportunityChangeEvent", "ChangeEvents", &eleven[..10]).unwrap();
    let id = desk.opportunity(json!({"Amount": 5}));
    desk.delete("Opportunity", &id);
    assert_eq!(desk.last(EVERYTHING).body["Amount"], json!(5.0));
}

#[test]
fn s4_12_a_cosell_admins_selection_is_there_to_begin_with() {
    use sandbox::exchange::Machine as _;
    let desk = Desk::new();
    let shown = desk.machine.events(desk.now());
    let members: Vec<(&str, usize)> = shown["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|member| (member["entity"].as_str().unwrap(), member["enriched"].as_array().unwrap().len()))
        .collect();
    assert_eq!(
        members,
        [
            ("OpportunityChangeEvent", 3),
            ("Microsoft_Solution__ChangeEvent", 1),
            ("OpportunityContactRoleChangeEvent", 1),
            ("OpportunityTeamMemberChangeEvent", 1),
        ]
    );
}

#[test]
fn s4_7_a_custom_channel_carries_what_its_members_filters_let_pass() {
    let desk = Desk::new();
    let member = |filter: &str, channel: &str| json!({"entity": "OpportunityChangeEvent", "channel": channel, "enriched": ["Name"], "filter": filter});
    desk.act("select-events", member("Sync_with_Partner_Center__c = true", "Cosell__chn")).unwrap();
    for wrong in ["Amount = ", "Amuont > 5", "Amount > 5 LIMIT 1", "Amount > 5 AND NOT Nix__c = true"] {
        desk.act("select-events", member(wrong, "Cosell__chn")).unwrap_err();
    }
    desk.act("select-events", member("Amount > 5", "ChangeEvents")).unwrap_err();
    desk.opportunity(json!({"Name": "Private"}));
    let id = desk.opportunity(json!({"Name": "Shared", "Sync_with_Partner_Center__c": true}));
    desk.change("Opportunity", &id, json!({"NextStep": "Call"}));
    let told = desk.all("/data/Cosell__chn");
    let names: Vec<&str> = told.iter().map(|told| told.body["Name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Shared", "Shared"], "and each channel is enriched as its own member says");
    assert_eq!(desk.all(EVERYTHING).len(), 3);
}

#[test]
fn s4_11_an_object_of_a_feature_that_is_off_has_no_topic() {
    let desk = Desk::new();
    let topic = "/data/OpportunityTeamMemberChangeEvent";
    desk.open(topic, LATEST, 1);
    desk.org_knob(json!({"team_selling": false}));
    assert_eq!(desk.try_open(&fetch(topic, LATEST, b"", 1)).unwrap_err().code(), Code::NotFound);
    desk.open(EVERYTHING, LATEST, 1);
}

#[test]
fn s4_11_who_may_not_read_an_object_is_told_nothing_of_it() {
    let desk = Desk::new();
    desk.opportunity(json!({}));
    desk.org_knob(json!({"denied": [{"object": "Opportunity", "rights": ["read"]}]}));
    assert!(desk.all(EVERYTHING).is_empty());
    let refused = desk.try_open(&fetch(OPPORTUNITIES, EARLIEST, b"", 1)).unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
}
