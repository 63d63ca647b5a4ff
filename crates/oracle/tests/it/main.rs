//! The judge is judged: equal pairs are equal, and each difference is found by its own name.

use oracle::{Duplicate, DuplicateKind, irreversible_twice, judge};
use serde_json::{Value, json};

const OPPORTUNITY: &str = "006Ms000069yTXjIAM";
const REFERRAL: &str = "7144ebc8-47f5-4478-e43f-35d96104aed6";
const US: &str = "11110000-0000-4000-8000-0000000000ff";

/// A pair in step, whose two sides spell the same things differently.
fn worlds() -> (Value, Value) {
    let salesforce = json!({
        "Opportunity": [{
            "Id": OPPORTUNITY, "IsDeleted": false, "Name": "Northwind", "StageName": "Qualification",
            "Amount": "48000.00", "CurrencyIsoCode": "EUR", "CloseDate": "2027-03-31", "Description": null,
            "AccountId": "001A", "Sync_with_Partner_Center__c": true, "Share_with_Microsoft__c": true,
            "How_can_Microsoft_help__c": "Proof of concept or demo", "Notes_to_Microsoft__c": "x",
            "Referral_Identifier__c": REFERRAL, "Referral_Expires__c": null, "Referral_Program__c": null,
            "Referral_Link__c": format!("https://partner.microsoft.com/referrals/v2/inbox?id={REFERRAL}"),
            "Microsoft_Status__c": "Accepted", "Microsoft_CRM_Identifier__c": "7-1A",
            "Microsoft_Reason__c": null, "Microsoft_Expires__c": null,
            "Microsoft_Sellers__c": "Mika Seller <mika@microsoft.example>", "Loss_Reason__c": null,
        }],
        "OpportunityStage": [
            { "ApiName": "Co-sell: to answer", "IsClosed": false, "IsWon": false },
            { "ApiName": "Qualification", "IsClosed": false, "IsWon": false },
            { "ApiName": "Closed Won", "IsClosed": true, "IsWon": true },
            { "ApiName": "Closed Lost", "IsClosed": true, "IsWon": false },
        ],
        "Account": [{ "Id": "001A", "Name": "Northwind Traders", "BillingStreet": "Hafenstr. 9",
            "BillingCity": "Hamburg", "BillingState": null, "BillingPostalCode": "20457", "BillingCountry": "DE" }],
        "Contact": [{ "Id": "003A", "Email": "Jo.Kunde@northwind.example" }],
        "OpportunityContactRole": [{ "OpportunityId": OPPORTUNITY, "ContactId": "003A", "IsDeleted": false }],
        "Microsoft_Solution__c": [
            { "Opportunity__c": OPPORTUNITY, "Solution_Id__c": "SOL-1-ABC", "Name": "Insight", "IsDeleted": false,
                "Publisher__c": null, "Solution_Type__c": null, "Quantity__c": 2.0 },
            { "Opportunity__c": OPPORTUNITY, "Solution_Id__c": "SOL-2-ABC", "Name": "Gone", "IsDeleted": true },
        ],
    });
    let portal = json!({ "organizationId": US, "referrals": [
        {
            "id": REFERRAL, "organizationId": US, "organizationName": "Fabrikam", "engagementId": "e1",
            "externalReferenceId": "006Ms000069yTXj", "name": "Northwind", "type": "Shared",
            "status": "Active", "substatus": "Accepted", "statusReason": null,
            "acceptedDateTime": "2026-11-22T13:29:28Z", "expirationDateTime": null, "referralProgram": "",
            "consent": { "consentToShareReferralWithMicrosoftSellers": true },
            "customerProfile": { "name": "Northwind Traders", "address": { "addressLine1": "Hafenstr. 9",
                "city": "Hamburg", "state": null, "postalCode": "20457", "country": "DE" },
                "team": [{ "email": "jo.kunde@northwind.example" }] },
            "details": { "dealValue": 48000, "currency": "EUR", "closingDateTime": "2027-03-31T00:00:00Z", "notes": "",
                "requirements": { "solutions": [{ "id": "SOL-1-ABC", "name": "Insight", "quantity": "2" }] } },
        },
        {
            "id": "m1", "organizationId": "msft", "organizationName": "Microsoft", "engagementId": "e1",
            "status": "Active", "substatus": "Accepted", "trackingInfo": { "microsoftMsxId": "7-1A" },
            "team": [{ "firstName": "Mika", "lastName": "Seller" }],
            "customerProfile": { "team": [{ "email": "jo.kunde@northwind.example" }] },
            "inviteContext": { "assistanceRequestCode": "ProofOfConceptOrDemo", "notes": "x",
                "invitedBy": { "organizationId": US } },
        },
    ] });
    (salesforce, portal)
}

#[test]
fn equal_pairs_are_equal_however_each_side_writes_its_values() {
    let (salesforce, portal) = worlds();
    let verdict = judge(&salesforce, &portal);
    assert_eq!(verdict.differences, []);
    assert_eq!(verdict.pairs, [(OPPORTUNITY.to_owned(), REFERRAL.to_owned())]);
    assert!(verdict.holds(), "{verdict:?}");
}

#[test]
fn nothing_at_all_is_no_proof() {
    assert!(!judge(&json!({}), &json!({})).holds());
}

/// Which side is changed, where, to what, and which field that is.
const CHANGES: [(&str, &str, &str, &str); 37] = [
    ("s", "/Opportunity/0/Amount", "48000.01", "amount"),
    ("p", "/referrals/0/details/dealValue", "null", "amount"),
    ("s", "/Opportunity/0/CurrencyIsoCode", "\"USD\"", "currency"),
    ("s", "/Opportunity/0/CloseDate", "\"2027-04-01\"", "closing_date"),
    ("p", "/referrals/0/details/closingDateTime", "\"2027-03-30T23:59:59Z\"", "closing_date"),
    ("s", "/Opportunity/0/Description", "\"Call them\"", "notes"),
    ("s", "/Opportunity/0/Share_with_Microsoft__c", "false", "share"),
    ("s", "/Opportunity/0/Referral_Identifier__c", "null", "identifier"),
    ("s", "/Opportunity/0/Referral_Link__c", "null", "link"),
    ("s", "/Opportunity/0/Referral_Expires__c", "\"2027-01-01\"", "expires"),
    ("p", "/referrals/0/referralProgram", "\"P\"", "program"),
    ("p", "/referrals/0/externalReferenceId", "null", "external_reference"),
    ("s", "/Opportunity/0/Microsoft_Status__c", "\"Pending\"", "microsoft_status"),
    ("p", "/referrals/1/substatus", "\"Won\"", "microsoft_status"),
    ("s", "/Opportunity/0/Microsoft_CRM_Identifier__c", "null", "microsoft_crm_id"),
    ("s", "/Opportunity/0/Microsoft_Reason__c", "\"No seller\"", "microsoft_reason"),
    ("s", "/Opportunity/0/Microsoft_Expires__c", "\"2027-01-01\"", "microsoft_expires"),
    ("p", "/referrals/1/team", "[]", "microsoft_sellers"),
    ("s", "/Opportunity/0/Microsoft_Sellers__c", "\"Nobody\"", "microsoft_sellers"),
    ("s", "/Opportunity/0/How_can_Microsoft_help__c", "\"General or other\"", "help"),
    ("s", "/Opportunity/0/Notes_to_Microsoft__c", "null", "help_notes"),
    ("s", "/Contact/0/Email", "\"other@northwind.example\"", "contacts"),
    ("s", "/OpportunityContactRole/0/IsDeleted", "true", "contacts"),
    ("p", "/referrals/0/customerProfile/team", "[]", "contacts"),
    ("p", "/referrals/1/customerProfile/team", "[]", "contacts"),
    ("s", "/Opportunity/0/StageName", "\"Closed Won\"", "stage"),
    ("s", "/Opportunity/0/StageName", "\"No such stage\"", "stage"),
    ("p", "/referrals/0/substatus", "\"Won\"", "stage"),
    ("s", "/Microsoft_Solution__c/0/Solution_Id__c", "\"SOL-9-ABC\"", "solutions"),
    ("s", "/Microsoft_Solution__c/0/IsDeleted", "true", "solutions"),
    ("s", "/Microsoft_Solution__c/1/IsDeleted", "false", "solutions"),
    ("s", "/Microsoft_Solution__c/0/Name", "\"Insights\"", "solution_name"),
    ("s", "/Microsoft_Solution__c/0/Publisher__c", "\"Fabrikam\"", "solution_publisher"),
    ("s", "/Microsoft_Solution__c/0/Quantity__c", "3", "solution_quantity"),
    ("s", "/Opportunity/0/Name", "\"Southwind\"", "name"),
    ("s", "/Account/0/Name", "\"Southwind Traders\"", "customer_name"),
    ("p", "/referrals/0/customerProfile/address/city", "\"Bremen\"", "customer_address"),
];

#[test]
fn each_difference_is_found_by_its_own_name() {
    for (side, pointer, value, field) in CHANGES {
        let (mut salesforce, mut portal) = worlds();
        let world = if side == "s" { &mut salesforce } else { &mut portal };
        *world.pointer_mut(pointer).unwrap() = serde_json::from_str(value).unwrap();
        let verdict = judge(&salesforce, &portal);
        let found: Vec<_> = verdict.differences.iter().map(|difference| difference.field).collect();
        assert_eq!(found, [field], "{pointer} = {value}");
        assert_eq!(verdict.equal, 0, "{pointer} = {value}");
    }
}

#[test]
fn help_that_was_asked_later_took_the_contacts_to_microsofts_referral_alone() {
    let (salesforce, mut portal) = worlds();
    portal["referrals"][0]["type"] = json!("Independent");
    portal["referrals"][0]["customerProfile"]["team"] = json!([]);
    assert!(judge(&salesforce, &portal).holds());
    portal["referrals"][1]["customerProfile"]["team"] = json!([]);
    assert_eq!(judge(&salesforce, &portal).differences[0].field, "contacts");
}

#[test]
fn the_owner_and_every_complete_member_belong_in_the_referrals_team_beside_the_portals_own() {
    let (mut salesforce, mut portal) = worlds();
    let user = |id: &str, name: &str, phone: Value, active: bool| {
        json!({ "Id": id, "FirstName": name, "LastName": "Seller", "Email": format!("{name}@Trey.example"),
            "Phone": phone, "IsActive": active, "IsDeleted": false })
    };
    salesforce["User"] = json!([
        user("005A", "Noa", json!("+4940"), true),
        user("005B", "Kim", json!("+4941"), true),
        user("005C", "Bare", Value::Null, true),
        user("005D", "Left", json!("+4942"), false),
    ]);
    let member =
        |user: &str, gone: bool| json!({ "OpportunityId": OPPORTUNITY, "UserId": user, "IsDeleted": gone });
    salesforce["OpportunityTeamMember"] =
        json!([member("005B", false), member("005C", false), member("005D", false)]);
    salesforce["Opportunity"][0]["OwnerId"] = json!("005A");
    let fields = |salesforce: &Value, portal: &Value| -> Vec<&'static str> {
        judge(salesforce, portal).differences.iter().map(|difference| difference.field).collect()
    };
    portal["referrals"][0]["team"] = json!([{ "email": "noa@trey.example" }, { "email": "KIM@trey.example" }, { "email": "own@portal.example" }]);
    assert_eq!(fields(&salesforce, &portal), [""; 0]);
    portal["referrals"][0]["team"] = json!([{ "email": "noa@trey.example" }]);
    assert_eq!(fields(&salesforce, &portal), ["team"]);
    salesforce["OpportunityTeamMember"][0] = member("005B", true);
    assert_eq!(fields(&salesforce, &portal), [""; 0]);
    portal["referrals"][0]["team"] = json!([]);
    assert_eq!(fields(&salesforce, &portal), ["team"], "the owner belongs there");
}

#[test]
fn stages_mean_what_salesforce_says_they_mean() {
    for (stage, status, substatus, fits) in [
        ("Co-sell: to answer", "New", "Pending", true),
        ("Co-sell: to answer", "Active", "Accepted", true),
        ("Qualification", "New", "Received", false),
        ("Closed Won", "Closed", "Won", true),
        ("Closed Won", "Closed", "Lost", false),
        ("Closed Lost", "Closed", "Expired", true),
        ("Closed Lost", "Active", "Accepted", false),
        ("Qualification", "Active", "Pending", false),
    ] {
        let (mut salesforce, mut portal) = worlds();
        salesforce["Opportunity"][0]["StageName"] = stage.into();
        portal["referrals"][0]["status"] = status.into();
        portal["referrals"][0]["substatus"] = substatus.into();
        let verdict = judge(&salesforce, &portal);
        let differs = verdict.differences.iter().any(|difference| difference.field == "stage");
        assert_eq!(differs, !fits, "{stage} against {status}/{substatus}");
    }
}

#[test]
fn a_lost_deals_reason_is_the_same_on_both_sides() {
    let (mut salesforce, mut portal) = worlds();
    salesforce["Opportunity"][0]["StageName"] = "Closed Lost".into();
    salesforce["Opportunity"][0]["Loss_Reason__c"] = "Others".into();
    portal["referrals"][0]["status"] = "Closed".into();
    portal["referrals"][0]["substatus"] = "Lost".into();
    assert_eq!(judge(&salesforce, &portal).differences[0].field, "reason");
    portal["referrals"][0]["statusReason"] = "Others".into();
    assert!(judge(&salesforce, &portal).holds());
}

#[test]
fn an_opted_out_pair_is_paused_and_a_half_without_its_other_is_alone() {
    let (mut salesforce, mut portal) = worlds();
    salesforce["Opportunity"][0]["Sync_with_Partner_Center__c"] = false.into();
    salesforce["Opportunity"][0]["Amount"] = 1.into();
    let verdict = judge(&salesforce, &portal);
    assert_eq!((verdict.pairs.len(), verdict.paused.len(), verdict.differences.len()), (0, 1, 0));

    let (salesforce, _) = worlds();
    portal["referrals"][0]["id"] = "another".into();
    portal["referrals"][0]["externalReferenceId"] = Value::Null;
    let verdict = judge(&salesforce, &portal);
    assert_eq!(verdict.alone, ["another", OPPORTUNITY]);
}

#[test]
fn doubles_are_counted() {
    let (mut salesforce, mut portal) = worlds();
    for world in [&mut salesforce["Opportunity"], &mut portal["referrals"]] {
        let rows = world.as_array_mut().unwrap();
        rows.extend(rows.clone());
    }
    salesforce["Opportunity"][1]["Id"] = "006Ms000069yTXkIAM".into();
    let double = |kind, of: &str| Duplicate { kind, of: of.to_owned(), times: 2 };
    assert_eq!(
        judge(&salesforce, &portal).duplicates,
        [
            double(DuplicateKind::ReferralsOfOneOpportunity, "006Ms000069yTXj"),
            double(DuplicateKind::MicrosoftsInOneEngagement, "e1"),
            double(DuplicateKind::OpportunitiesOfOneReferral, REFERRAL),
        ]
    );
}

#[test]
fn what_cannot_be_taken_back_is_done_once() {
    let exchange = |kind: &str, status: u16, body: Value| {
        json!({ "kind": kind, "status": status,
        "path": "/v1.0/engagements/referrals/r1", "request": body.to_string() })
    };
    let create = json!({ "externalReferenceId": OPPORTUNITY });
    let close = json!([{ "op": "replace", "path": "/status", "value": "Closed" }]);
    let edit = json!([{ "op": "replace", "path": "/details/notes", "value": "x" }]);
    let once = json!({ "log": [exchange("create", 200, create.clone()), exchange("create", 400, create.clone()),
        exchange("patch", 412, close.clone()), exchange("patch", 204, close.clone()), exchange("patch", 200, edit.clone()),
        exchange("patch", 200, edit), { "kind": "read", "status": 200, "request": "" }] });
    assert_eq!(irreversible_twice(&once), []);
    let twice = json!({ "log": [exchange("create", 200, create.clone()), exchange("create", 201, create),
        exchange("patch", 200, close.clone()), exchange("patch", 204, close)] });
    let kinds: Vec<_> = irreversible_twice(&twice).into_iter().map(|double| double.kind).collect();
    assert_eq!(kinds, [DuplicateKind::CreatedTwice, DuplicateKind::MovedTwice]);
}

#[test]
fn a_private_opportunity_needs_no_referral_whatever_its_checkbox_says() {
    let (mut salesforce, portal) = worlds();
    let mut other = salesforce["Opportunity"][0].clone();
    other["Id"] = json!("006Ms000069yTXkIAM");
    other["Referral_Identifier__c"] = Value::Null;
    salesforce["Opportunity"].as_array_mut().unwrap().push(other);
    assert!(!judge(&salesforce, &portal).holds(), "one that is shared does");
    salesforce["Opportunity"][1]["IsPrivate"] = json!(true);
    assert!(judge(&salesforce, &portal).holds());
}
