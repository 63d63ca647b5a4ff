//! Any bytes as the body of a PATCH of the sandbox's referrals.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response};
use jiff::Timestamp;
use sandbox::{exchange::Machine as _, partner_center::PartnerCenter, world::World};
use serde_json::{Value, json};

const REFERRALS: &str = "/v1.0/engagements/referrals";

/// Members of a referral that no PATCH may change.
const FIXED: [&str; 12] = [
    "/id",
    "/engagementId",
    "/organizationId",
    "/createdDateTime",
    "/type",
    "/target",
    "/mpnId",
    "/direction",
    "/customerProfile/name",
    "/customerProfile/address",
    "/consent/consentToContact",
    "/inviteContext",
];

/// The first byte chooses a deal of the partner's (open, or won) or Microsoft's half of one; the rest is the body.
///
/// A refused patch is refused with 400, 403 or 413 and leaves the referral as it was, byte by byte. One that is taken
/// moves the eTag, leaves what is fixed alone and closed deals closed, and leaves a referral that can be read, listed
/// and, while it is open, edited again.
///
/// # Panics
/// When that does not hold.
pub fn check(data: &[u8]) {
    let Some((choice, body)) = data.split_first() else { return };
    let desk = Desk::new();
    let (id, ours) = match choice % 3 {
        0 => (desk.open(), true),
        1 => (desk.won(), true),
        _ => (desk.microsofts(), false),
    };
    let path = format!("{REFERRALS}/{id}");
    let before = desk.read(&path);
    let answer = desk.ask(Method::PATCH, &path, Bytes::copy_from_slice(body));
    let after = desk.read(&path);
    match answer.status().as_u16() {
        400 | 403 | 413 => assert_eq!(after, before, "a refused patch left its traces"),
        204 => {
            assert!(ours, "somebody else's referral was changed");
            let (before, after) = (parsed(&before), parsed(&after));
            assert_ne!(after["eTag"], before["eTag"], "the eTag did not move");
            for member in FIXED {
                assert_eq!(after.pointer(member), before.pointer(member), "{member} was changed");
            }
            if before["status"] == "Closed" {
                assert_eq!(
                    (&after["status"], &after["substatus"]),
                    (&before["status"], &before["substatus"])
                );
            }
            if after["status"] != "Closed" {
                let same = json!([{"op": "replace", "path": "/name", "value": after["name"]}]);
                let again = desk.ask(Method::PATCH, &path, same.to_string().into());
                assert_eq!(
                    again.status(),
                    204,
                    "{:?} cannot be edited any more",
                    String::from_utf8_lossy(again.body())
                );
            }
            let filter = "$filter=status%20eq%20'Active'%20or%20status%20eq%20'Closed'";
            assert_eq!(desk.ask(Method::GET, &format!("{REFERRALS}?{filter}"), Bytes::new()).status(), 200);
        }
        other => panic!("a patch was answered with {other}: {:?}", String::from_utf8_lossy(answer.body())),
    }
}

struct Desk {
    machine: PartnerCenter,
    bearer: String,
    now: Timestamp,
}

impl Desk {
    fn new() -> Self {
        let now: Timestamp = "2026-11-22T10:00:00Z".parse().expect("an instant");
        let machine = PartnerCenter::new(Arc::new(World::new(7)), now);
        let ready = machine.credentials("http://127.0.0.1:7001");
        let token = ready["portal_user_token"].as_str().expect("a token is made ready");
        let bearer = format!("Bearer {token}");
        Self { machine, bearer, now }
    }

    fn ask(&self, method: Method, path: &str, body: Bytes) -> Response<Bytes> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", &self.bearer)
            .header("content-type", "application/json")
            .body(body)
            .expect("every part of it is written down here");
        self.machine.kind(&request);
        self.machine.handle(request, self.now)
    }

    fn read(&self, path: &str) -> Bytes {
        let answer = self.ask(Method::GET, path, Bytes::new());
        assert_eq!(answer.status(), 200, "{:?}", String::from_utf8_lossy(answer.body()));
        answer.into_body()
    }

    fn created(&self, body: &Value) -> Value {
        let answer = self.ask(Method::POST, REFERRALS, body.to_string().into());
        assert!(answer.status().is_success(), "{:?}", String::from_utf8_lossy(answer.body()));
        parsed(answer.body())
    }

    fn open(&self) -> String {
        id(&self.created(&deal()))
    }

    fn won(&self) -> String {
        let id = self.open();
        let won = json!([
            {"op": "replace", "path": "/status", "value": "Closed"},
            {"op": "replace", "path": "/substatus", "value": "Won"},
        ]);
        let answer = self.ask(Method::PATCH, &format!("{REFERRALS}/{id}"), won.to_string().into());
        assert_eq!(answer.status(), 204, "{:?}", String::from_utf8_lossy(answer.body()));
        id
    }

    fn microsofts(&self) -> String {
        let own = self.created(&deal());
        let mut invitation = deal();
        invitation["engagementId"] = own["engagementId"].clone();
        invitation["type"] = json!("Shared");
        invitation["target"] = json!([{"type": "BusinessProfileLocation", "id": "msft"}]);
        invitation["inviteContext"] =
            json!({"notes": "Help", "assistanceRequestCode": "ProofOfConceptOrDemo"});
        id(&self.created(&invitation))
    }
}

fn parsed(body: &Bytes) -> Value {
    serde_json::from_slice(body).expect("the service answers in JSON")
}

fn id(referral: &Value) -> String {
    referral["id"].as_str().expect("a referral has an id").to_owned()
}

fn deal() -> Value {
    let person = json!({"firstName": "A", "lastName": "B", "email": "a@b.example", "phoneNumber": "1"});
    json!({
        "name": "Deal", "type": "Independent", "qualification": "SalesQualified", "target": [],
        "customerProfile": {"name": "C", "address": {"addressLine1": "S", "city": "T", "country": "DE"}, "team": [person]},
        "consent": {"consentToToShareInfoWithOthers": true, "consentToContact": true,
            "consentToShareReferralWithMicrosoftSellers": true},
        "details": {"dealValue": 48000, "currency": "EUR", "closingDateTime": "2027-03-31T00:00:00Z", "notes": "N",
            "requirements": {"solutions": [{"id": "SOL-1"}],
                "additionalRequirements": {"attributes": [{"type": "CustomerMarketplaceIntent", "id": "HaveNotDecided"}]}}},
        "team": [person],
    })
}
