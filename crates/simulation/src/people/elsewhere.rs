//! Microsoft's sellers, and other partners.

use sandbox::faults::Platform;
use serde_json::{Number, Value, json};

use super::People;
use crate::scene::{Scene, text};

const PORTAL: Platform = Platform::PartnerCenter;

type Done = Result<String, String>;

impl People {
    pub(super) fn referral(&mut self) -> Value {
        self.typed += 1;
        let number = self.typed;
        let (amount, currency, date) = (self.amount(), self.currency(), self.date());
        self.record.money.insert((amount.clone(), currency.to_owned()));
        let amount = amount.parse::<Number>().map_or(Value::Null, Value::Number);
        json!({
            "name": format!("Invitation {number:05}"), "type": "Shared", "qualification": "SalesQualified",
            "customerProfile": {
                "name": format!("Invited customer {number:05}"),
                "address": { "addressLine1": format!("Ring {number}"), "city": "Zurich", "postalCode": "8001",
                    "country": "CH" },
                "team": [{ "firstName": "Mia", "lastName": format!("Frei{number:05}"),
                    "email": format!("mia{number:05}@invited.example"), "phoneNumber": "+41440000" }]
            },
            "consent": { "consentToToShareInfoWithOthers": true, "consentToContact": true,
                "consentToShareReferralWithMicrosoftSellers": true },
            "details": {
                "dealValue": amount, "currency": currency, "closingDateTime": format!("{date}T00:00:00Z"),
                "notes": format!("invited {number:05}"),
                "requirements": { "solutions": [{ "id": "SOL-12345-ABC", "name": "Fabrikam Insight", "type": "Name" }] }
            },
            "inviteContext": { "notes": "Please help", "assistanceRequestCode": "Unknown" }
        })
    }

    pub(super) fn microsoft_invites(&mut self) -> Done {
        let referral = self.referral();
        let body = json!({ "referral": referral, "withMicrosoft": self.dice.percent(80) });
        let invited = self.world.act(PORTAL, "microsoft/invite", &body)?;
        Ok(text(&invited["id"]).to_owned())
    }

    pub(super) fn microsoft_acts(&mut self, scene: &Scene) -> Done {
        let theirs: Vec<&Value> = scene
            .referrals()
            .iter()
            .filter(|referral| referral["organizationName"] == "Microsoft" && referral["status"] != "Closed")
            .collect();
        let id = self.dice.pick(&theirs).map(|referral| referral["id"].clone());
        let id = id.ok_or_else(|| "Microsoft has none".to_owned())?;
        let (actor, body) = if self.dice.percent(70) {
            ("microsoft/random", json!({ "id": id }))
        } else {
            let msx = format!("7-SIM{:05}", self.dice.below(100_000));
            ("microsoft/edit", json!({ "id": id, "set": { "/trackingInfo/microsoftMsxId": msx } }))
        };
        self.world.act(PORTAL, actor, &body)?;
        Ok(format!("{actor} {}", text(&id)))
    }

    pub(super) fn other_partner_appears(&mut self, scene: &Scene) -> Done {
        let mut referral = self.referral();
        let own: Vec<&Value> = scene.ours().collect();
        if let Some(ours) = self.dice.pick(&own).filter(|_| self.dice.percent(50)) {
            referral["engagementId"] = ours["engagementId"].clone();
        }
        let other = self.world.act(PORTAL, "other/create", &referral)?;
        Ok(text(&other["id"]).to_owned())
    }
}
