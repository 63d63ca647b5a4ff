//! Record types with sales processes of their own: each over what all have in common.

use deal_model::Life;
use mapping::{Mapping, PresentStage, StageWrite, Stages};

const OURS: &str = r#"
version = 1
[stages]
on_hold = "To answer"
"Proposal/Price Quote" = "active:Propose"
[reasons]
"Price" = "Project budget isn't adequate"
[sales_stages]
0  = "20"
60 = "60"
[record_types.Services.stages]
on_hold  = "Services: to answer"
active   = "Scoping"
declined = "Abandoned"
expired  = "Abandoned"
error    = "Abandoned"
"Signed"      = "won"
"Abandoned"   = { stage = "lost", reason = "Services_Loss_Reason__c" }
"Closed Won"  = "off"
"Closed Lost" = "off"
[record_types.Services.reasons]
"Too dear" = "Project budget isn't adequate"
[record_types.Services.sales_stages]
50 = "Develop"
"#;

fn mapping() -> Mapping {
    Mapping::with_company("ours.toml", OURS).unwrap()
}

fn stage(name: &str) -> StageWrite {
    StageWrite { stage_name: Some(name.to_owned()), reason: None }
}

fn written(stages: &Stages, life: &Life, present: Option<&str>) -> StageWrite {
    stages.stage_for(life, present.map(|name| PresentStage { name, is_closed: false })).unwrap()
}

#[test]
fn each_record_type_has_its_process_and_all_others_the_common_one() {
    let mapping = mapping();
    let (common, services) = (mapping.stages(), mapping.stages_of(Some("services")));
    assert_eq!(common.on_hold(), Some("To answer"));
    assert_eq!(services.on_hold(), Some("Services: to answer"), "names are compared without case");
    for other in [None, Some("Co_sell")] {
        assert_eq!(mapping.stages_of(other), common, "{other:?}");
    }
    assert_eq!(written(common, &Life::Won, None), stage("Closed Won"));
    assert_eq!(written(services, &Life::Won, None), stage("Signed"));
    assert_eq!(written(services, &Life::Active { sales_stage: None }, services.on_hold()), stage("Scoping"));
    assert_eq!(services.life_of_stage("Services: to answer", false, false, None), Life::Received);
    assert_eq!(
        common.life_of_stage("Services: to answer", false, false, None),
        Life::Active { sales_stage: None }
    );
    // What the record type does not say is said by all.
    let propose = Life::Active { sales_stage: Some("Propose".to_owned()) };
    assert_eq!(services.life_of_stage("Proposal/Price Quote", false, false, None), propose);
}

#[test]
fn a_loss_has_the_reason_field_and_the_reasons_of_its_record_type() {
    let mapping = mapping();
    let words = "Project budget isn't adequate".to_owned();
    let lost = Life::Lost { reason: Some(words.clone()) };
    for (record_type, closed, field, name) in [
        (None, "Closed Lost", "Loss_Reason__c", "Price"),
        (Some("Services"), "Abandoned", "Services_Loss_Reason__c", "Too dear"),
    ] {
        let stages = mapping.stages_of(record_type);
        let write = written(stages, &lost, None);
        assert_eq!(write.stage_name.as_deref(), Some(closed));
        let (to, text) = write.reason.unwrap();
        assert_eq!((to.as_str(), text.as_str()), (field, name));
        assert_eq!(stages.life_of_stage(closed, true, false, Some(name)), lost);
    }
    let fields: Vec<&str> = mapping.reason_fields().into_iter().map(mapping::ApiName::as_str).collect();
    assert_eq!(fields, ["Loss_Reason__c", "Services_Loss_Reason__c"], "both are read of every opportunity");
}

#[test]
fn a_probability_tells_the_sales_stage_of_an_active_stage_that_has_none_of_its_own() {
    let mapping = mapping();
    let at = |record_type, stage: &str, percent| match mapping
        .stages_of(record_type)
        .life_at(stage, false, false, None, percent)
    {
        Life::Active { sales_stage } => sales_stage,
        other => panic!("{other:?}"),
    };
    assert_eq!(at(None, "Needs Analysis", Some(59)).as_deref(), Some("20"));
    assert_eq!(at(None, "Needs Analysis", Some(60)).as_deref(), Some("60"));
    assert_eq!(at(None, "Needs Analysis", None), None);
    assert_eq!(
        at(None, "Proposal/Price Quote", Some(100)).as_deref(),
        Some("Propose"),
        "its own comes first"
    );
    assert_eq!(at(Some("Services"), "Scoping", Some(49)), None);
    assert_eq!(at(Some("Services"), "Scoping", Some(50)).as_deref(), Some("Develop"));
    assert_eq!(mapping.stages().life_at("To answer", false, false, None, Some(60)), Life::Received);
    assert!(mapping.reads_probability() && !Mapping::shipped().reads_probability());
}

#[test]
fn a_file_without_record_types_reads_none_and_another_process_is_another_mapping() {
    assert!(!Mapping::shipped().reads_record_type());
    assert!(mapping().reads_record_type());
    let other = Mapping::with_company("ours.toml", &OURS.replace("\"Signed\"  ", "\"Sold\"  ")).unwrap();
    assert_ne!(other.version(), mapping().version());
}

#[test]
fn what_is_wrong_with_a_record_type_is_told_where_it_stands() {
    let told = |text: &str| {
        let file = format!("version = 1\n[stages]\non_hold = \"To answer\"\n{text}");
        let errors = Mapping::with_company("ours.toml", &file).unwrap_err();
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    for (text, place, words) in [
        ("[record_types.\"Co sell\".stages]\n", "ours.toml:4:", "is not the developer name"),
        ("[record_types.A.stage]\n", "ours.toml:4:", "`stage` is not a key of a record type"),
        (
            "[record_types.A.stages]\nactive = \"To answer\"\n",
            "ours.toml:3:",
            "nothing could ever be accepted",
        ),
        ("[record_types.A.stages]\n\"Won\" = \"gone\"\n", "ours.toml:5:", "is not what a stage can mean"),
        ("[record_types.A.stages]\n\"Closed Won\" = \"off\"\n", "ours.toml:4:", "no stage means `won`"),
        ("[record_types.A]\n[record_types.a]\n", "ours.toml:5:", "named twice"),
        ("[sales_stages]\nmost = \"Close\"\n", "ours.toml:5:", "is not a probability"),
        ("[sales_stages]\n101 = \"Close\"\n", "ours.toml:5:", "is not a probability"),
    ] {
        let told = told(text);
        assert!(told.contains(place) && told.contains(words), "{text}{told}");
        assert!(told.contains("fix: "), "{told}");
    }
}
