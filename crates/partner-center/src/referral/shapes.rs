//! Documents in every documented and undocumented shape, through their views.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use super::Referral;

const ID: &str = r#""id":"7a1c0000-0000-4000-8000-0000000000a1""#;

fn read(rest: &str) -> Referral {
    Referral::from_json(serde_json::from_str(&format!("{{{ID},{rest}}}")).unwrap()).unwrap()
}

#[test]
fn customer_ids_are_read_in_both_shapes() {
    for (shape, duns) in [
        ("[]", None),
        ("{}", None),
        ("null", None),
        (
            r#"[{"ProfileType":"duns","Id":"123456789"},{"profileType":"External","id":"6-A"}]"#,
            Some("123456789"),
        ),
    ] {
        let referral = read(&format!(r#""CustomerProfile":{{"IDs":{shape}}}"#));
        assert_eq!(referral.customer().duns(), duns, "{shape}");
    }
}

#[test]
fn an_amount_is_exact_whether_it_is_a_number_or_a_text() {
    let table = [
        ("48000.10", Some("48000.10")),
        (r#""10000""#, Some("10000")),
        (r#"" 10000.50 ""#, Some("10000.50")),
        ("21889.800374940594000", Some("21889.800374940594000")),
        ("0.1", Some("0.1")),
        ("1e3", Some("1000")),
        ("-5", Some("-5")),
        ("null", None),
        ("true", None),
        ("[]", None),
        (r#""ten thousand""#, None),
        ("1e400", None),
        ("99999999999999999999999999999999999", None),
    ];
    for (written, expected) in table {
        let referral = read(&format!(r#""details":{{"dealValue":{written}}}"#));
        assert_eq!(referral.deal_value().map(|value| value.to_string()).as_deref(), expected, "{written}");
    }
}

#[test]
fn null_and_absent_are_told_apart_in_the_document_and_both_are_nothing_to_an_accessor() {
    let referral = read(r#""details":{"notes":null,"currency":""}"#);
    assert!(referral.pointer("/details/notes").unwrap().is_null());
    assert_eq!(referral.pointer("/details/closingDateTime"), None);
    assert_eq!((referral.details().notes(), referral.details().currency()), (None, None));
    assert_eq!(referral.details().closing(), None);
}

#[test]
fn a_registration_is_read_whole() {
    let referral = read(
        r#""registrationStatus":"ReviewPending","registrations":[{"id":"r1","registrationDateTime":
        "2026-11-02T09:14:07.1234567Z","status":"ReviewPending","statusReason":null,"type":"AzureIPCoSell",
        "contract":{"value":"30000.5","currency":"EUR","startDateTime":"2026-12-01T00:00:00Z","term":"Finite"},
        "solutionDetails":[{"id":"SOL-1-ABC","value":30000,"isDeployedOnAzure":true,
        "marketplaceTransactionDetails":{"isMarketplaceTransacted":false}}],
        "statusHistory":{"reviewPendingDateTime":"2026-11-02T09:14:07Z"},"later":1}]"#,
    );
    let registration = referral.registrations().next().unwrap();
    assert_eq!(registration.registered().unwrap().subsec_nanosecond(), 123_456_700);
    assert_eq!((registration.kind(), registration.status_reason()), (Some("AzureIPCoSell"), None));
    assert_eq!(registration.contract().value().unwrap().to_string(), "30000.5");
    let solution = registration.solutions().next().unwrap();
    assert_eq!(
        (solution.is_deployed_on_azure(), solution.is_marketplace_transacted()),
        (Some(true), Some(false))
    );
    assert!(registration.history().review_pending().is_some() && registration.history().failed().is_none());
    assert_eq!(registration.document()["later"], 1, "what no page describes is kept");
    assert_eq!(read(r#""name":"x""#).registrations().count(), 0, "the member is absent on some records");
}

#[test]
fn members_of_a_wrong_type_are_nothing_and_spoil_nobody() {
    let referral = read(
        r#""name":7,"team":{"email":"x"},"customerProfile":[],"consent":"yes","details":null,"tags":[{"tag":"a"},"b",1],
        "target":[1,{"type":"Elsewhere","id":"t"}],"inviteContext":false,"trackingInfo":{"microsoftMsxId":5},
        "registrations":"none","isSpam":"false","salesStage":40,"updatedDateTime":"yesterday""#,
    );
    assert_eq!((referral.name(), referral.team().count(), referral.customer().name()), (None, 0, None));
    assert_eq!((referral.consent().to_contact(), referral.details().solutions().count()), (None, 0));
    assert_eq!(referral.tags().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(referral.targets().next().unwrap().kind().unwrap().as_str(), "Elsewhere");
    assert_eq!((referral.invited_by(), referral.tracking().microsoft_msx_id()), (None, None));
    assert_eq!((referral.registrations().count(), referral.is_spam(), referral.updated()), (0, None, None));
    assert_eq!(referral.sales_stage().as_deref(), Some("40"));
}

#[test]
fn attributes_solutions_and_people_are_read_with_what_is_not_known_yet() {
    let referral = read(
        r#""details":{"requirements":{"industries":[{"id":"Retail"}],"solutions":[{"id":"SOL-1-ABC","price":"9.90",
        "quantity":2}],"additionalRequirements":{"attributes":[{"type":"CustomerMarketplaceIntent","id":
        "HaveNotDecided"},{"type":"Novelty","id":"x"}],"iot":{"siliconType":"s"}}}},"inviteContext":{"invitedBy":
        {"organizationId":"msft","organizationName":"Microsoft"}},"team":[{"Email":"a@b.example","title":null}]"#,
    );
    let details = referral.details();
    let attributes: Vec<_> =
        details.attributes().map(|each| (each.kind().unwrap(), each.id().unwrap())).collect();
    assert_eq!(attributes, [("CustomerMarketplaceIntent", "HaveNotDecided"), ("Novelty", "x")]);
    assert_eq!(details.solutions().next().unwrap().price().unwrap().to_string(), "9.90");
    assert_eq!(details.industries().collect::<Vec<_>>(), ["Retail"]);
    assert_eq!(details.iot().silicon_type(), Some("s"));
    assert_eq!(referral.team().next().unwrap().email(), Some("a@b.example"));
    assert_eq!(referral.invitation().invited_by().organization_name(), Some("Microsoft"));
}
