//! Deal registrations (partner-center reference, sections 3.7 and 4.5): what is looked at, what is told, what is sent.

use deal_model::RecordId;
use ports::TransportError;
use serde_json::{Value as Json, json};
use sync_engine::Wanted;

use super::stage::{SCOPE, Script, inbound, microsofts, refusal};
use crate::partner_center::{
    Contract, Deployment, Eligibility, NewRegistration, NewSolution, Pricing, RegistrationError,
    RegistrationLook,
};

const ID: &str = "7a1c0000-0000-4000-8000-0000000000a1";
const TAG: &str = "\"84001c9d-0000-0100-0000-6225a63e0000\"";

/// A deal that lacks nothing on the script's day, 2 November 2026.
fn won() -> Json {
    let mut document = inbound();
    for (member, value) in [
        ("status", json!("Closed")),
        ("substatus", json!("Won")),
        ("createdDateTime", json!("2026-10-20T09:00:00Z")),
        ("closedDateTime", json!("2026-10-30T09:00:00Z")),
        ("registrations", json!([])),
    ] {
        document[member] = value;
    }
    document["details"]["dealValue"] = json!(60_000);
    document["details"]["currency"] = json!("USD");
    document["details"]["requirements"]["solutions"] =
        json!([{ "id": "SOL-12345-ABC", "name": "Fabrikam Insight", "type": "Name" }]);
    document
}

/// The same, with a registration in this status.
fn registered(status: &str) -> Json {
    let mut document = won();
    document["registrations"] = json!([{ "id": "r-1", "status": status, "statusReason": "Say more",
        "registrationDateTime": "2026-11-01T10:00:00Z", "contract": { "value": 60_000, "currency": "USD" },
        "solutionDetails": [{ "id": "sol-12345-abc" }] }]);
    document
}

fn stated() -> NewRegistration {
    NewRegistration {
        contract: Contract {
            signed: "2026-10-28".parse().unwrap(),
            starts: "2026-11-01".parse().unwrap(),
            ends: Some("2027-11-01".parse().unwrap()),
            value_usd: "60000.50".parse().unwrap(),
        },
        solutions: vec![NewSolution {
            id: "SOL-12345-ABC".to_owned(),
            value_usd: 60_000.into(),
            deployed_on_azure: true,
            deployment: Deployment::Customer,
            pricing: Pricing::PayAsYouGo,
            marketplace: None,
        }],
        eligibility: Eligibility {
            managed_customer: true,
            azure_ip_solutions: vec!["SOL-12345-ABC".to_owned()],
            deal_value_usd: None,
        },
    }
}

/// The script tells these referrals: ours, and those of the engagement.
async fn look(script: &Script, ours: &Json, theirs: &[Json]) -> Result<RegistrationLook, RegistrationError> {
    script.answer(200, ours).page(theirs, false);
    let wanted =
        Wanted { record: RecordId::new(ID), engagement: None, companion: None, read_companion: true };
    script.side().look_for_registration(&wanted, SCOPE).await
}

/// What is lacking in this deal, with Microsoft's referrals beside it.
async fn lacks(ours: &Json, theirs: &[Json], new: &NewRegistration) -> Vec<String> {
    look(&Script::default(), ours, theirs).await.unwrap().lacks(new)
}

#[tokio::test]
async fn a_registration_is_one_change_under_the_version_that_was_looked_at() {
    let script = Script::default();
    let looked = look(&script, &won(), &[microsofts()]).await.unwrap();
    let mut new = stated();
    assert_eq!((looked.lacks(&new), looked.in_the_way(&new)), (Vec::new(), None));
    script.answer(200, &registered("ReviewPending"));
    let done = script.side().register(&looked, &new, SCOPE).await.unwrap();
    assert_eq!((done.present.len(), done.read_again), (1, false));
    assert_eq!(done.present[0].status.as_deref(), Some("ReviewPending"));
    let (asked, sent, matched) = script.asked().pop().unwrap();
    assert!(asked.starts_with("PATCH ") && asked.ends_with(&format!("/referrals/{ID}")), "{asked}");
    assert_eq!(matched.as_deref(), Some(TAG));
    assert_eq!(sent, looked.patch(&new), "what was shown is what is sent");
    let expected = json!([{ "op": "add", "path": "/registrations/-", "value": {
        "type": "AzureIPCoSell",
        "contract": { "value": json!(60_000.5), "currency": "USD", "term": "Finite",
            "signDateTime": "2026-10-28T00:00:00Z", "startDateTime": "2026-11-01T00:00:00Z",
            "endDateTime": "2027-11-01T00:00:00Z" },
        "solutionDetails": [{ "id": "SOL-12345-ABC", "name": "Fabrikam Insight", "currency": "USD",
            "value": 60_000, "isDeployedOnAzure": true, "primaryDeploymentOn": "Customer",
            "pricingModel": "PayAsYouGo",
            "marketplaceTransactionDetails": { "isMarketplaceTransacted": false } }],
    } }]);
    assert_eq!(sent, expected);

    new.contract.ends = None;
    new.solutions[0].marketplace = Some("2026-10-28".parse().unwrap());
    let sent = &looked.patch(&new)[0]["value"];
    assert_eq!((&sent["contract"]["term"], sent["contract"].get("endDateTime")), (&json!("Perpetual"), None));
    assert_eq!(
        sent["solutionDetails"][0]["marketplaceTransactionDetails"],
        json!({ "isMarketplaceTransacted": true, "marketplaceTransactionDateTime": "2026-10-28T00:00:00Z" })
    );
    assert!(looked.notes(&new)[0].contains("needs no registration"));
}

#[tokio::test]
async fn what_the_referral_lacks_is_told_and_then_nothing_is_sent() {
    let set = |pointer: &str, value: Json| {
        let mut document = won();
        *document.pointer_mut(pointer).unwrap() = value;
        document
    };
    let mut private = set("/consent/consentToShareReferralWithMicrosoftSellers", json!(false));
    private["type"] = json!("Independent");
    let mut pending = microsofts();
    pending["substatus"] = json!("Pending");
    let table = [
        (set("/substatus", json!("Lost")), vec![], "won first"),
        (private, vec![], "share it first"),
        (won(), vec![pending], "Microsoft has to accept"),
        (set("/closedDateTime", json!("2026-10-23T08:59:59Z")), vec![], "72 hours"),
        (set("/details/currency", json!("EUR")), vec![], "nothing is converted"),
        (set("/details/dealValue", json!("24999.99")), vec![], "at least 25,000"),
        (set("/createdDateTime", json!("2026-10-29T00:00:00Z")), vec![], "before the deal was created"),
    ];
    for (ours, theirs, what) in table {
        let told = lacks(&ours, &theirs, &stated()).await;
        assert!(told.iter().any(|sentence| sentence.contains(what)), "{what}: {told:?}");
    }
    let mut new = stated();
    new.solutions[0].id = "SOL-9".to_owned();
    assert_eq!(lacks(&won(), &[], &new).await, ["The deal has no solution SOL-9: add it to the deal first."]);
    new = stated();
    new.eligibility.azure_ip_solutions.clear();
    assert_eq!(lacks(&won(), &[], &new).await.len(), 2, "no solution is eligible, and not this one");
    new = stated();
    new.eligibility.deal_value_usd = Some(70_000.into());
    assert!(lacks(&set("/details/currency", json!("EUR")), &[], &new).await.is_empty());

    let script = Script::default();
    let open = look(&script, &set("/substatus", json!("Lost")), &[]).await.unwrap();
    let error = script.side().register(&open, &stated(), SCOPE).await.unwrap_err();
    assert!(matches!(error, RegistrationError::NotReady), "{error}");
    assert!(script.asked().iter().all(|(asked, ..)| asked.starts_with("GET ")));
}

#[tokio::test]
async fn microsofts_answer_is_left_to_the_portal_where_its_referral_is_not_seen() {
    let looked = look(&Script::default(), &won(), &[]).await.unwrap();
    assert!(looked.lacks(&stated()).is_empty());
    assert!(looked.notes(&stated())[0].contains("cannot be seen"));
    let seen = look(&Script::default(), &won(), &[microsofts()]).await.unwrap();
    assert!(seen.notes(&stated()).is_empty());
}

#[tokio::test]
async fn a_solution_is_registered_again_only_after_its_review_failed() {
    for status in ["ReviewPending", "ActionRequired", "Approved", "Passed", "ToBeNamed"] {
        let script = Script::default();
        let looked = look(&script, &registered(status), &[]).await.unwrap();
        assert_eq!(looked.in_the_way(&stated()), Some(looked.present()[0].clone()), "{status}");
        let error = script.side().register(&looked, &stated(), SCOPE).await.unwrap_err();
        assert!(matches!(error, RegistrationError::NotReady), "{status}: {error}");
    }
    for status in ["Failed", "Review(Failed)"] {
        let looked = look(&Script::default(), &registered(status), &[]).await.unwrap();
        assert_eq!(looked.in_the_way(&stated()), None, "{status}");
    }
}

/// What comes of a registration that was answered so, and then read so; with how often it was sent.
async fn came(answer: Result<(u16, Json), TransportError>, then: Option<Json>) -> (String, usize) {
    let script = Script::default();
    let looked = look(&script, &won(), &[]).await.unwrap();
    match answer {
        Ok((status, body)) => script.answer(status, &body),
        Err(lost) => script.tell(Err(lost)),
    };
    if let Some(read) = then {
        script.answer(200, &read);
    }
    let came = script.side().register(&looked, &stated(), SCOPE).await;
    let told = came.map_or_else(|error| error.to_string(), |done| format!("again {}", done.read_again));
    (told, script.asked().iter().filter(|(asked, ..)| asked.starts_with("PATCH ")).count())
}

#[tokio::test]
async fn it_is_sent_once_whatever_is_answered() {
    let lost = || Err(TransportError::Broken { host: "portal".to_owned(), reason: "reset".to_owned() });
    let there = || Some(registered("ReviewPending"));
    let none = Json::Null;
    let table = [
        (lost(), there(), "again true"),
        (lost(), Some(won()), "does not show"),
        (Ok((500, none.clone())), there(), "again true"),
        (Ok((204, none.clone())), there(), "again false"),
        (Ok((204, none.clone())), Some(won()), "does not show"),
        (Ok((200, won())), None, "does not show"),
        (Ok((412, refusal("preconditionFailed", "referral"))), None, "at this very moment"),
        (Ok((409, refusal("resourceModified", "referral"))), None, "at this very moment"),
        (Ok((400, refusal("invalidRequest", "registrations"))), None, "Jo Kunde said no"),
        (Ok((429, none)), None, "run the command again"),
    ];
    for (answer, then, expected) in table {
        let (told, sent) = came(answer, then).await;
        assert!(told.contains(expected), "{expected}: {told}");
        assert_eq!(sent, 1, "{expected}");
        assert!(told.starts_with("again") || told.contains("\n  fix: "), "{told}");
    }
}

#[tokio::test]
async fn only_a_referral_of_our_own_is_registered() {
    let with = |pointer: &str, value: Json| {
        let mut document = won();
        *document.pointer_mut(pointer).unwrap() = value;
        document
    };
    let another = json!("22220000-0000-4000-8000-0000000000ee");
    let partners = with("/inviteContext/invitedBy/organizationId", another.clone());
    let error = look(&Script::default(), &partners, &[]).await.err().unwrap();
    assert!(matches!(error, RegistrationError::PartnerToPartner), "{error}");
    let theirs = with("/organizationId", another);
    let error = look(&Script::default(), &theirs, &[]).await.err().unwrap();
    assert!(matches!(error, RegistrationError::NotOurs), "{error}");
    let versionless = with("/eTag", Json::Null);
    let error = look(&Script::default(), &versionless, &[]).await.err().unwrap();
    assert!(matches!(error, RegistrationError::NoVersion), "{error}");
}
