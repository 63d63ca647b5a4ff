//! Stages against lives: every row of the table, both ways.

use deal_model::Life;
use mapping::{Mapping, PresentStage, StageError, StageWrite, Stages, portal_life, portal_life_ops};
use serde_json::{Value as Json, json};

const OURS: &str = r#"
version = 1
[stages]
on_hold  = "To answer"
active   = "Qualification"
declined = "Declined by us"
expired  = "Closed Lost"
error    = "Closed Lost"
"Needs Analysis"       = "active:Qualify"
"Value Proposition"    = "active:Qualify"
"Proposal/Price Quote" = "active:Propose"
"Gewonnen"             = "won"
[reasons]
"Price" = "Project budget isn't adequate"
"#;

fn stages() -> Stages {
    Mapping::with_company("ours.toml", OURS).unwrap().stages().clone()
}

fn active(stage: Option<&str>) -> Life {
    Life::Active { sales_stage: stage.map(str::to_owned) }
}

fn lost(reason: Option<&str>) -> Life {
    Life::Lost { reason: reason.map(str::to_owned) }
}

fn declined(reason: Option<&str>) -> Life {
    Life::Declined { reason: reason.map(str::to_owned) }
}

fn error(reason: Option<&str>) -> Life {
    Life::Error { reason: reason.map(str::to_owned) }
}

#[test]
fn each_stage_says_where_the_deal_stands() {
    let rows: [(&str, bool, bool, Option<&str>, Life); 15] = [
        ("To answer", false, false, None, Life::Received),
        ("Qualification", false, false, None, active(None)),
        ("Needs Analysis", false, false, None, active(Some("Qualify"))),
        ("Value Proposition", false, false, None, active(Some("Qualify"))),
        ("Proposal/Price Quote", false, false, None, active(Some("Propose"))),
        ("Gewonnen", true, true, None, Life::Won),
        ("Closed Won", true, true, None, Life::Won),
        ("Closed Lost", true, false, None, lost(None)),
        ("Closed Lost", true, false, Some("Price"), lost(Some("Project budget isn't adequate"))),
        ("Closed Lost", true, false, Some("Our own reason"), lost(Some("Our own reason"))),
        ("Closed Lost", true, false, Some("  "), lost(None)),
        ("Declined by us", true, false, Some("Others"), declined(Some("Others"))),
        // Not listed: Salesforce's own settings.
        ("Perception Analysis", false, false, None, active(None)),
        ("Signed", true, true, None, Life::Won),
        ("Dropped", true, false, Some("Others"), lost(Some("Others"))),
    ];
    for (stage, closed, won, reason, life) in rows {
        assert_eq!(stages().life_of_stage(stage, closed, won, reason), life, "{stage} {reason:?}");
    }
}

#[test]
fn each_life_finds_its_stage() {
    let rows: [(Life, Option<&str>, Option<&str>); 30] = [
        // life, present stage, stage written
        (Life::Received, None, Some("To answer")),
        (Life::Received, Some("To answer"), None),
        (active(None), None, Some("Qualification")),
        (active(Some("Propose")), None, Some("Proposal/Price Quote")),
        (active(Some("100")), None, Some("Qualification")),
        // leaving the on-hold stage
        (active(None), Some("To answer"), Some("Qualification")),
        (active(Some("Propose")), Some("To answer"), Some("Proposal/Price Quote")),
        // within the present stage's group, or without a mapped sales stage: it stays
        (active(Some("Qualify")), Some("Value Proposition"), None),
        (active(None), Some("Value Proposition"), None),
        (active(None), Some("Qualification"), None),
        (active(None), Some("Perception Analysis"), None),
        (active(Some("100")), Some("Value Proposition"), None),
        // outside it: the first stage of the other group
        (active(Some("Propose")), Some("Value Proposition"), Some("Proposal/Price Quote")),
        (active(Some("Qualify")), Some("Proposal/Price Quote"), Some("Needs Analysis")),
        (active(Some("Propose")), Some("Perception Analysis"), Some("Proposal/Price Quote")),
        // re-opened
        (active(None), Some("Closed Lost"), Some("Qualification")),
        // ... from a closed stage that is not listed as well
        (active(None), Some("Dropped"), Some("Qualification")),
        (active(Some("Propose")), Some("Dropped"), Some("Proposal/Price Quote")),
        (active(Some("100")), Some("Dropped"), Some("Qualification")),
        // a company's own line comes first, and a stage that says it already stays
        (Life::Won, Some("Qualification"), Some("Gewonnen")),
        (Life::Won, Some("Closed Won"), None),
        (Life::Won, None, Some("Gewonnen")),
        (lost(None), Some("Qualification"), Some("Closed Lost")),
        (lost(None), Some("Closed Lost"), None),
        (declined(None), Some("To answer"), Some("Declined by us")),
        (declined(None), Some("Declined by us"), None),
        (Life::Expired, Some("To answer"), Some("Closed Lost")),
        (Life::Expired, Some("Closed Lost"), None),
        (error(None), Some("Qualification"), Some("Closed Lost")),
        (error(None), None, Some("Closed Lost")),
    ];
    for (life, present, written) in rows {
        let is_closed = present.is_some_and(|name| name.starts_with("Closed") || name == "Dropped");
        let present = present.map(|name| PresentStage { name, is_closed });
        let write = stages().stage_for(&life, present).unwrap();
        assert_eq!(write.stage_name.as_deref(), written, "{life:?} from {present:?}");
    }
}

#[test]
fn a_reason_is_written_beside_the_stage_that_has_a_field_for_it() {
    let write =
        |life: &Life, name| stages().stage_for(life, Some(PresentStage { name, is_closed: false })).unwrap();
    let StageWrite { stage_name, reason } =
        write(&lost(Some("Project budget isn't adequate")), "Qualification");
    let (field, name) = reason.unwrap();
    assert_eq!(
        (stage_name.as_deref(), field.as_str(), name.as_str()),
        (Some("Closed Lost"), "Loss_Reason__c", "Price")
    );
    let (_, name) = write(&error(Some("Test referral")), "Qualification").reason.unwrap();
    assert_eq!(name, "Test referral");
    assert_eq!(write(&declined(Some("Others")), "To answer").reason, None);
    let fields: Vec<_> = stages().reason_fields().iter().map(|field| field.as_str().to_owned()).collect();
    assert_eq!(fields, ["Loss_Reason__c"]);
}

#[test]
fn what_has_no_stage_is_an_error_and_not_a_guess() {
    let shipped = Mapping::shipped();
    assert_eq!(shipped.stages().stage_for(&Life::Received, None), Err(StageError::NoOnHold));
    let unknown = Life::Unknown { code: "Closed/Merged".into() };
    assert_eq!(stages().stage_for(&unknown, None), Err(StageError::UnknownLife("Closed/Merged".into())));
}

#[test]
fn sales_stages_are_known_once() {
    assert_eq!(stages().sales_stages(), ["Qualify", "Propose"]);
}

fn referral(status: Json, substatus: Json) -> Json {
    json!({"status": status, "substatus": substatus, "statusReason": "Others", "salesStage": "100"})
}

#[test]
fn each_pair_of_status_and_substatus_says_where_the_referral_stands() {
    let rows = [
        (json!("New"), json!("Pending"), Life::Received),
        (json!("New"), json!("Received"), Life::Received),
        (json!("New"), Json::Null, Life::Received),
        (json!("Active"), json!("Accepted"), active(Some("100"))),
        (json!("Closed"), json!("Won"), Life::Won),
        (json!("Closed"), json!("Lost"), lost(Some("Others"))),
        (json!("Closed"), json!("Declined"), declined(Some("Others"))),
        (json!("Closed"), json!("Expired"), Life::Expired),
        (json!("Closed"), json!("Error"), error(Some("Others"))),
        (json!("Closed"), json!("Merged"), Life::Unknown { code: "Closed/Merged".into() }),
        (json!("Active"), json!("Won"), Life::Unknown { code: "Active/Won".into() }),
        (json!("Paused"), json!("Accepted"), Life::Unknown { code: "Paused/Accepted".into() }),
        (Json::Null, Json::Null, Life::Unknown { code: "none/none".into() }),
    ];
    for (status, substatus, life) in rows {
        assert_eq!(portal_life(&referral(status.clone(), substatus.clone())), life, "{status} {substatus}");
    }
    assert_eq!(portal_life(&json!({"status": "Active", "salesStage": ""})), active(None));
}

#[test]
fn a_life_that_is_written_is_read_back() {
    for life in [
        active(None),
        active(Some("Propose")),
        Life::Won,
        lost(None),
        lost(Some("Others")),
        declined(Some("x")),
        error(Some("y")),
    ] {
        let mut document = json!({});
        for (path, value) in portal_life_ops(&life) {
            document[&path.as_str()[1..]] = value;
        }
        assert!(document["status"].is_string() && document["substatus"].is_string(), "{life:?}");
        assert_eq!(portal_life(&document), life);
    }
}

#[test]
fn what_no_partner_can_write_is_not_written() {
    for life in [Life::Received, Life::Expired, Life::Unknown { code: "x".into() }] {
        assert!(portal_life_ops(&life).is_empty(), "{life:?}");
    }
}
