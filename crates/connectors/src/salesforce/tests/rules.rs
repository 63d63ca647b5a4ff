//! What the mapping's rules decide of an opportunity: whether it is shared, and by which sales process it is read.

use deal_model::{Facts, Life, Observed, PortalFacts};
use ports::RetryClass;
use serde_json::json;
use sync_engine::{Changes, Seen, Side as _, Target};

use super::{
    super::CrmLook,
    births::newborn,
    desk::{Desk, held, money, scope},
};

const RULES: &str = "account = \"match\"\n[opt_in]\nrecord_types = [\"Co_sell\"]\n\
    where = [{ field = \"Opportunity.Type\", not_in = [\"Internal\"] }, { field = \"Opportunity.Amount\", at_least = 100 }]";

const PROCESS: &str = "account = \"match\"\n[[inbound.route]]\nwhere = [{ field = \"invited_by\", in = [\"microsoft\"] }, \
    { field = \"/referralProgram\", in = [\"Co-sell\"] }]\nrecord_type = \"services\"\n\
    [record_types.Services.stages]\non_hold = \"Waiting\"\nactive = \"Scoping\"\n\"Signed\" = \"won\"\n";

fn record_type(desk: &Desk, name: &str) -> String {
    let found = desk.query(&format!("SELECT Id FROM RecordType WHERE DeveloperName = '{name}'"));
    found[0]["Id"].as_str().unwrap().to_owned()
}

fn with_processes(default: bool) -> Desk {
    let desk = Desk::with(PROCESS);
    let stage = |name: &str| json!({"name": name, "probability": 10});
    desk.knobs(&json!({
        "own_stages": [stage("Waiting"), stage("Scoping"), {"name": "Signed", "probability": 100, "closed": true, "won": true}],
        "sales_processes": [{"record_type": "Services", "stages": ["Waiting", "Scoping", "Signed"], "default": default}],
    }));
    desk
}

#[tokio::test]
async fn what_a_rule_leaves_out_is_a_sentence_and_nothing_else() {
    let desk = Desk::with(RULES);
    let ours = record_type(&desk, "Co_sell");
    for (row, words) in [
        (json!({"Type": "New Customer"}), "record type"),
        (json!({"RecordTypeId": ours, "Type": "internal"}), "Opportunity.Type"),
        (json!({"RecordTypeId": ours, "Amount": 99.99}), "Opportunity.Amount"),
    ] {
        let id = desk.opportunity(&row);
        let seen = desk.see(&id).await;
        let facts = seen.crm().unwrap();
        assert!(!facts.opted_in && facts.left_out.as_ref().unwrap().contains(words), "{row}: {facts:?}");
        assert!(seen.fields.is_empty(), "{row}");
        assert_eq!(seen.life, Life::Unknown { code: String::new() }, "{row}");
    }
    // Nothing in Type passes, and the amount is the least that does.
    let id = desk.opportunity(&json!({"RecordTypeId": ours, "Amount": 100}));
    let seen = desk.see(&id).await;
    assert!(seen.crm().unwrap().opted_in);
    assert_eq!(seen.crm().unwrap().record_type.as_deref(), Some("Co_sell"));
    assert_eq!(held(&seen, "deal_value"), Observed::Value(super::desk::number(100)));
}

#[tokio::test]
async fn without_the_flag_no_rule_says_a_word() {
    let desk = Desk::with(RULES);
    for row in [
        json!({"Sync_with_Partner_Center__c": false, "Type": "internal"}),
        json!({"IsPrivate": true, "Type": "internal"}),
    ] {
        let id = desk.opportunity(&row);
        let facts = desk.see(&id).await.crm().cloned().unwrap();
        assert!(!facts.opted_in && facts.left_out.is_none(), "{row}");
    }
}

#[tokio::test]
async fn a_rule_by_a_field_that_is_hidden_lets_nothing_pass() {
    let desk = Desk::with(RULES);
    let ours = record_type(&desk, "Co_sell");
    desk.knobs(&json!({"hidden_fields": ["Opportunity.Type"]}));
    let id = desk.opportunity(&json!({"RecordTypeId": ours, "Amount": 500}));
    let error = desk.sight(&id).await.unwrap_err();
    assert_eq!(error.class, RetryClass::Person);
    assert!(error.what.contains("Opportunity.Type cannot be read; nothing is sent"), "{error}");
    let off = desk.opportunity(&json!({"Sync_with_Partner_Center__c": false}));
    assert!(!desk.see(&off).await.crm().unwrap().opted_in);
    for each in [&id, &off] {
        let look = desk.side.look_at(&each.as_str().into(), false, scope()).await.unwrap();
        assert_eq!(look, CrmLook::NotOptedIn, "nobody can tell, or nobody asked");
    }
}

#[tokio::test]
async fn a_route_decides_the_record_type_and_so_the_stage() {
    let desk = with_processes(false);
    let inviter = deal_model::Inviter::Companion;
    for (id, program, stage) in [("REF-1", "co-sell", "Waiting"), ("REF-2", "Other", super::desk::ON_HOLD)] {
        let mut newborn = newborn(id);
        let routed_by = [("/referralProgram".to_owned(), program.to_owned())].into();
        newborn.from.facts = Facts::Portal(PortalFacts { inviter, routed_by, ..PortalFacts::default() });
        let created = desk.side.create(&newborn, scope()).await.unwrap();
        assert_eq!(desk.row("Opportunity", created.record.as_str())["StageName"], stage, "{program}");
        assert_eq!(created.after.unwrap().life, Life::Received, "{program}");
    }
}

#[tokio::test]
async fn without_a_route_the_users_own_record_type_decides_the_stage() {
    let desk = with_processes(true);
    let created = desk.side.create(&newborn("REF-1"), scope()).await.unwrap();
    assert_eq!(desk.row("Opportunity", created.record.as_str())["StageName"], "Waiting");
}

#[tokio::test]
async fn a_life_is_written_as_a_stage_of_the_opportunitys_own_process() {
    let desk = with_processes(false);
    let services = record_type(&desk, "Services");
    for (row, stage) in [
        (json!({"RecordTypeId": services, "StageName": "Scoping"}), "Signed"),
        (json!({"StageName": "Qualification"}), "Closed Won"),
    ] {
        let id = desk.opportunity(&row);
        let change = desk.change(&id, vec![money(5, "EUR")], Some(Life::Won)).await;
        let applied = desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap();
        assert_eq!(applied.after.unwrap().life, Life::Won);
        assert_eq!(desk.row("Opportunity", &id)["StageName"], stage);
    }
}

#[tokio::test]
async fn a_decision_takes_an_opportunity_out_of_a_closed_stage_that_the_mapping_does_not_list() {
    let desk = Desk::new();
    desk.knobs(&json!({"own_stages": [{"name": "Dropped", "probability": 0, "closed": true, "won": false}]}));
    let id = desk.opportunity(&json!({"StageName": "Dropped"}));
    assert_eq!(desk.see(&id).await.life, Life::Lost { reason: None });
    let active = Life::Active { sales_stage: None };
    let change = desk.change(&id, Vec::new(), Some(active.clone())).await;
    let applied = desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap();
    assert_eq!(applied.after.unwrap().life, active);
    assert_eq!(desk.row("Opportunity", &id)["StageName"], "Qualification");
}

fn told_of(seen: &[Seen]) -> Vec<(String, bool, Option<String>)> {
    let target = |seen: &Seen| match &seen.target {
        Target::Opportunity { id, birth, claims } => {
            (id.as_str().to_owned(), *birth, claims.as_ref().map(ToString::to_string))
        }
        other => panic!("{other:?}"),
    };
    seen.iter().map(target).collect()
}

async fn polled(desk: &Desk, source: &str) -> Changes {
    desk.side.changes(source, None, scope()).await.unwrap()
}

/// An opportunity that the rules let in, and one that they leave out, each with an identifier and a solution.
fn in_and_out(desk: &Desk) -> [String; 2] {
    let ours = record_type(desk, "Co_sell");
    [("REF-IN", 100), ("REF-OUT", 99)].map(|(identifier, amount)| {
        let row = json!({"RecordTypeId": ours, "Amount": amount, "Referral_Identifier__c": identifier});
        let id = desk.opportunity(&row);
        let row = json!({"Opportunity__c": id, "Solution_Id__c": "SOL-1", "Name": "S"});
        desk.make("Microsoft_Solution__c", row);
        id
    })
}

#[tokio::test]
async fn the_identifier_of_one_that_a_rule_leaves_out_goes_no_further_and_begets_nothing() {
    let desk = Desk::with(RULES);
    let [shared, out] = in_and_out(&desk);
    for source in ["crm.opportunities", "crm.solutions"] {
        let changes = polled(&desk, source).await;
        let wanted = [(shared.clone(), true, Some("REF-IN".to_owned())), (out.clone(), false, None)];
        assert_eq!(told_of(&changes.seen), wanted, "{source}");
    }
    let records = [shared.as_str().into(), out.as_str().into()];
    let target =
        Target::Opportunity { id: shared.as_str().into(), birth: true, claims: Some("REF-IN".into()) };
    assert_eq!(desk.side.admit(&records, scope()).await.unwrap(), [target]);
    // Without an identifier its seller is told.
    let id = desk.opportunity(&json!({"Amount": 1}));
    let seen = told_of(&polled(&desk, "crm.opportunities").await.seen);
    assert_eq!(seen.last(), Some(&(id, true, None)));
}

#[tokio::test]
async fn no_identifier_goes_further_while_a_rules_field_is_hidden() {
    let desk = Desk::with(RULES);
    let [shared, _] = in_and_out(&desk);
    desk.knobs(&json!({"hidden_fields": ["Opportunity.Type"]}));
    for source in ["crm.opportunities", "crm.solutions"] {
        let seen = told_of(&polled(&desk, source).await.seen);
        assert!(seen.iter().all(|(_, birth, claims)| !birth && claims.is_none()), "{source}: {seen:?}");
    }
    assert_eq!(desk.side.admit(&[shared.as_str().into()], scope()).await.unwrap(), []);
}

#[tokio::test]
async fn a_position_names_no_opportunity_that_a_rule_leaves_out() {
    let desk = Desk::with(RULES);
    let ids: Vec<String> = (0..3).map(|_| desk.opportunity(&json!({"Amount": 1}))).collect();
    desk.knobs(&json!({"page_size": 2}));
    let page = polled(&desk, "crm.opportunities").await;
    assert!(page.more);
    assert!(ids.iter().all(|id| !page.position.contains(&id[..15])), "{}", page.position);
}

#[tokio::test]
async fn a_rule_that_a_query_judges_otherwise_or_not_at_all_is_judged_by_what_was_read() {
    // Amounts are converted by queries in this org, and long texts cannot be filtered by.
    let where_ = "[opt_in]\nwhere = [{ field = \"Opportunity.Description\", in = [\"Share it\"] }, \
                  { field = \"Opportunity.Amount\", at_least = 100 }]";
    let desk = Desk::with(where_);
    let shared = desk.opportunity(&json!({"Description": "share it", "Amount": 100}));
    let out = desk.opportunity(&json!({"Description": "keep it", "Amount": 100, "NextStep": "Qzx"}));
    assert!(desk.see(&shared).await.crm().unwrap().opted_in);
    let seen = desk.see(&out).await;
    assert!(!seen.crm().unwrap().opted_in && seen.fields.is_empty());
    let change = desk.change(&shared, vec![money(5_000, "EUR")], None).await;
    let applied = desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap();
    assert_eq!(held(&applied.after.unwrap(), "deal_value"), Observed::Value(super::desk::number(5_000)));
}

#[tokio::test]
async fn what_is_opted_out_by_our_own_write_is_not_read_back() {
    let desk = Desk::with("[opt_in]\nwhere = [{ field = \"Opportunity.Probability\", at_least = 10 }]");
    let id = desk.opportunity(&json!({"Description": "Qzx"}));
    let lost = Life::Lost { reason: None };
    let change = desk.change(&id, vec![], Some(lost)).await;
    desk.heard();
    let applied = desk.side.apply(&[change], scope()).await.pop().unwrap().unwrap();
    let after = applied.after.unwrap();
    assert!(!after.crm().unwrap().opted_in && after.fields.is_empty(), "{after:?}");
    assert!(!desk.heard().contains("Qzx"), "no answer held its values");
}
