//! What the file decides by conditions: who comes in and where it goes, what may be opted in, which partner id it gets.

use deal_model::{FieldId, Inviter};
use mapping::{CrmPath, DealField, LeftOut, Mapping};
use serde_json::{Value as Json, json};

fn with(text: &str) -> Mapping {
    Mapping::with_company("ours.toml", &format!("version = 1\n{text}")).unwrap()
}

fn errors(text: &str) -> String {
    let errors = Mapping::with_company("ours.toml", &format!("version = 1\n{text}")).unwrap_err();
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

const INBOUND: &str = "[inbound]\ncreate = true\ndefault_owner = \"desk@example.com\"\n";

#[test]
fn every_field_of_a_referral_can_decide_whether_it_comes_in() {
    let referral = json!({
        "mpnId": "1234567", "qualification": "SalesQualified", "type": "Shared", "status": "Active",
        "referralProgram": "Co-sell", "name": "Rollout",
        "customerProfile": { "address": { "country": "DE", "state": "Bayern" } },
        "details": { "dealValue": 25000.5, "currency": "EUR",
            "requirements": { "solutions": [{ "id": "SOL-1" }, { "id": "SOL-2" }] } },
    });
    for (condition, admits) in [
        ("field = \"country\", in = [\"de\"]", true),
        ("field = \"country\", not_in = [\"DE\"]", false),
        ("field = \"state\", in = [\"Bayern\"]", true),
        ("field = \"partner_id\", in = [\"7654321\"]", false),
        ("field = \"solution\", in = [\"SOL-2\", \"SOL-9\"]", true),
        ("field = \"solution\", not_in = [\"SOL-2\"]", false),
        ("field = \"qualification\", in = [\"SalesQualified\"]", true),
        ("field = \"type\", not_in = [\"Shared\"]", false),
        ("field = \"status\", in = [\"New\"]", false),
        ("field = \"deal_value\", at_least = 25000", true),
        ("field = \"deal_value\", at_least = 25001", false),
        ("field = \"currency\", in = [\"EUR\"]", true),
        ("field = \"program\", in = [\"co-sell\"]", true),
        ("field = \"invited_by\", in = [\"microsoft\"]", true),
        ("field = \"invited_by\", in = [\"partner\", \"us\", \"nobody\"]", false),
        ("field = \"/name\", in = [\"Rollout\"]", true),
        ("field = \"/absent\", in = [\"x\"]", false),
        ("field = \"/absent\", not_in = [\"x\"]", true),
    ] {
        let mapping = with(&format!("{INBOUND}where = [{{ {condition} }}]\n"));
        assert_eq!(mapping.inbound().admits(&referral, Inviter::Companion), admits, "{condition}");
    }
}

#[test]
fn a_route_looks_at_the_same_and_tells_what_must_be_read_for_it() {
    let mapping = with(&format!(
        "{INBOUND}[[inbound.route]]\nowner = \"a@example.com\"\n\
         where = [{{ field = \"qualification\", in = [\"Direct\"] }}, {{ field = \"deal_value\", at_least = 10 }}]\n\
         [[inbound.route]]\nwhere = [{{ field = \"invited_by\", in = [\"partner\"] }}]\ncampaign = \"701000000000001AAA\"\n"
    ));
    let inbound = mapping.inbound();
    let paths: Vec<&str> = inbound.routed_by().into_iter().map(mapping::PortalPath::as_str).collect();
    assert_eq!(paths, ["/qualification", "/details/dealValue"]);
    let referral = json!({ "qualification": "Direct", "details": { "dealValue": "10" } });
    assert_eq!(inbound.route(&referral, Inviter::Third).owner.as_deref(), Some("a@example.com"));
    let other = inbound.route(&json!({}), Inviter::Third);
    assert_eq!(other.campaign.as_deref(), Some("701000000000001AAA"));
    assert_eq!(other.owner.as_deref(), Some("desk@example.com"));
}

#[test]
fn opting_in_is_limited_by_record_type_and_fields() {
    let mapping = with(
        "[opt_in]\nrecord_types = [\"Co_sell\"]\nwhere = [\n{ field = \"Opportunity.Type\", not_in = [\"Internal\"] },\n\
         { field = \"Opportunity.Account.Rating\", in = [\"Hot\"] },\n\
         { field = \"Opportunity.Approved__c\", is = true },\n]\n",
    );
    let left_out = |record_type: Option<&str>, private, kind: Json, rating: Json, approved: Json| {
        mapping.opt_in().leaves_out(record_type, private, |path| {
            vec![match path.soql().as_str() {
                "Type" => kind.clone(),
                "Account.Rating" => rating.clone(),
                _ => approved.clone(),
            }]
        })
    };
    let field = |path: &str| Some(LeftOut::Field(CrmPath::parse(path).unwrap()));
    let (ours, hot, yes) = (Some("co_sell"), json!("Hot"), json!(true));
    assert_eq!(left_out(ours, false, Json::Null, hot.clone(), yes.clone()), None);
    assert_eq!(left_out(ours, true, Json::Null, hot.clone(), yes.clone()), Some(LeftOut::Private));
    assert_eq!(left_out(None, false, Json::Null, hot.clone(), yes.clone()), Some(LeftOut::RecordType));
    assert_eq!(left_out(ours, false, json!("internal"), hot.clone(), yes.clone()), field("Opportunity.Type"));
    assert_eq!(left_out(ours, false, Json::Null, Json::Null, yes), field("Opportunity.Account.Rating"));
    assert_eq!(left_out(ours, false, Json::Null, hot, json!(false)), field("Opportunity.Approved__c"));
}

#[test]
fn the_first_partner_id_rule_that_fits_decides_and_a_default_must_be_named() {
    let rules = "[[partner_ids.rule]]\nwhere = [{ field = \"customer_country\", in = [\"DE\", \"at\"] }]\npartner_id = \"2\"\n\
                 [[partner_ids.rule]]\nwhere = [{ field = \"record_type\", in = [\"Services\"] }, \
                 { field = \"deal_value\", at_least = 100 }]\npartner_id = \"3\"\n";
    let mapping = with(&format!("[partner_ids]\ndefault = \"1\"\n{rules}"));
    let of = |country: &str, record_type: &str, value: i64| {
        let values = |field: &DealField| match field {
            DealField::RecordType => vec![json!(record_type)],
            DealField::Mapped(field) if *field == FieldId::from("deal_value") => {
                vec![json!(value.to_string())]
            }
            DealField::Mapped(_) => vec![json!(country)],
        };
        mapping.partner_ids().of(values).unwrap()
    };
    assert_eq!(of("AT", "Services", 100), "2");
    assert_eq!(of("CH", "Services", 100), "3");
    assert_eq!(of("CH", "Services", 99), "1");
    assert_eq!(of("CH", "Co_sell", 100), "1");
    assert!(mapping.reads_record_type());
    assert_eq!(mapping.partner_ids().all().collect::<Vec<_>>(), ["1", "2", "3"]);
    assert!(errors(&format!("[partner_ids]\n{rules}")).contains("which is the `default`"));
}

#[test]
fn a_condition_that_cannot_be_meant_is_told_with_its_place() {
    let cases = [
        ("[inbound]\nwhere = [{ in = [\"x\"] }]\n", "the condition is not whole"),
        ("[inbound]\nwhere = [{ field = \"country\" }]\n", "the condition is not whole"),
        ("[inbound]\nwhere = [{ field = \"contry\", in = [\"DE\"] }]\n", "`contry` is not known here"),
        ("[inbound]\nwhere = [{ field = \"country\", in = [\"Germany\"] }]\n", "is not a country"),
        (
            "[inbound]\nwhere = [{ field = \"invited_by\", in = [\"somebody\"] }]\n",
            "`somebody` is not known here",
        ),
        ("[inbound]\nwhere = [{ field = \"country\", in = [] }]\n", "no value is named"),
        ("[inbound]\nwhere = [{ field = \"type\", in = [\"a\"], not_in = [\"b\"] }]\n", "has `not_in` too"),
        (
            "[inbound]\nwhere = [{ field = \"type\", within = [\"a\"] }]\n",
            "`within` is not a key of a condition",
        ),
        ("[inbound]\ndefault_owner = \"00G000000000001AAA\"\n", "is no user: queues"),
        ("[[inbound.route]]\nowner = \"00G000000000001\"\n", "is no user: queues"),
        ("[[inbound.route]]\ncampaign = \"Spring\"\n", "is not the identifier of a campaign"),
        ("[opt_in]\nwhere = [{ field = \"Type\", in = [\"a\"] }]\n", "ours.toml:3:"),
        ("[opt_in]\nwhere = [{ field = \"Opportunity.A__c\", is = \"yes\" }]\n", "should be true or false"),
        ("[opt_in]\nwhere = [{ field = \"Opportunity.Amount\", at_least = 1.5 }]\n", "a whole number"),
        ("[partner_ids]\ndefault = \"12-34\"\n", "is not a partner id"),
        (
            "[partner_ids]\ndefault = \"1\"\n[[partner_ids.rule]]\npartner_id = \"2\"\n",
            "the rule is not whole",
        ),
        ("[creation]\npartner_id = \"1\"\n", "`partner_id` is not a key of [creation]"),
    ];
    for (text, words) in cases {
        let told = errors(text);
        assert!(
            told.contains(words) && told.contains("ours.toml:") && told.contains("fix: "),
            "{text}{told}"
        );
    }
}
