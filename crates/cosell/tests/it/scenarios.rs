//! The two end-to-end scenarios and what can happen on the way, each ended by both judges.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Platform, Service, World, until};

mod documents;
mod gaps;
mod inbound;
mod outbound;
mod sources;
mod switches;

/// Both platforms, the program running between them, and events that arrive.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) service: Service,
}

impl std::ops::Deref for Stage {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl Stage {
    pub(crate) async fn set() -> Self {
        Self::set_after(|_| {}).await
    }

    /// The same, with a change of the configuration first.
    pub(crate) async fn set_after(configure: impl FnOnce(&World)) -> Self {
        let world = World::start();
        world.listen_for_events().await;
        // A minute between two status lines of one deal is right for people, and long for a test.
        world.configure("[engine]", "[engine]\nreport_every = \"1s\"");
        configure(&world);
        let service = world.run();
        Self { world, service }
    }

    /// Stops the program, lets `change` happen, and starts it again.
    pub(crate) async fn while_it_is_away(&mut self, change: impl AsyncFnOnce(&World)) {
        self.service.stop();
        change(&self.world).await;
        self.service = self.world.run();
    }

    /// An opportunity that is in step with its referral; both ids.
    pub(crate) async fn pair(&self, name: &str, amount: i64, help: bool) -> (String, String) {
        let opportunity = self.new_opportunity(name, amount).await;
        self.opt_in(&opportunity, help).await;
        let referral = self.referral_of(&opportunity).await;
        (opportunity, referral)
    }

    /// Microsoft invites, and the opportunity appears; the opportunity's and the referral's ids.
    pub(crate) async fn invited(&self, invitation: Value) -> (String, String) {
        let invited =
            self.acts("microsoft/invite", json!({ "referral": invitation, "withMicrosoft": true })).await;
        let referral = invited["id"].as_str().unwrap().to_owned();
        let opportunity = self.opportunity_of(&referral).await;
        // People see the status before they do anything; what changes in the second of its birth has no order.
        self.until_opportunity(&opportunity, "Co_sell_Status__c", Value::is_string).await;
        (opportunity, referral)
    }

    /// Waits for the opportunity of a referral; its id.
    pub(crate) async fn opportunity_of(&self, referral: &str) -> String {
        let soql = format!("SELECT Id FROM Opportunity WHERE Referral_Identifier__c = '{referral}'");
        let soql = &soql;
        until(&format!("an opportunity of referral {referral}"), || async move {
            Some(self.query(soql).await.first()?["Id"].as_str().unwrap().to_owned())
        })
        .await
    }

    /// A colleague edits in Partner Center.
    pub(crate) async fn colleague_edits(&self, referral: &str, set: Value) {
        self.acts("portal/edit", json!({ "id": referral, "set": set })).await;
    }

    /// The seller deletes a row.
    pub(crate) async fn seller_deletes(&self, object: &str, id: &str) {
        let url = self.salesforce(&format!("sobjects/{object}/{id}"));
        self.call(Method::DELETE, &url, Some(self.seller_token()), None).await;
    }

    /// The first id that a query finds.
    pub(crate) async fn first(&self, soql: &str) -> String {
        self.query(soql).await[0]["Id"].as_str().unwrap().to_owned()
    }

    /// All exchanges with a platform, oldest first.
    pub(crate) async fn log(&self, platform: Platform) -> Vec<Value> {
        let requests = self.control(platform, Method::GET, "requests", None).await;
        requests["log"].as_array().unwrap().clone()
    }

    /// The bodies of all requests of one kind that Partner Center took.
    pub(crate) async fn taken(&self, kind: &str) -> Vec<Value> {
        let log = self.log(Platform::PartnerCenter).await;
        let taken =
            log.iter().filter(|exchange| exchange["kind"] == kind && exchange["status"].as_u64() < Some(300));
        taken.map(|exchange| serde_json::from_str(exchange["request"].as_str().unwrap()).unwrap()).collect()
    }

    /// What the store knows of a deal.
    pub(crate) fn deal(&self, record: &str) -> Value {
        self.cosell_json(&["deals", "show", record]).pop().unwrap()
    }

    /// Waits until a look at the store shows the deal as `wanted`.
    pub(crate) async fn until_deal(
        &self,
        record: &str,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let wanted = &wanted;
        until(what, || async move { Some(self.deal(record)).filter(|deal| wanted(deal)) }).await
    }

    /// Goes on until nothing is due: what was going to happen has happened.
    pub(crate) fn settle(&mut self) {
        self.service.stop();
        let settled = self.world.cosell(&["sync", "--once"]);
        assert!(settled.status.success(), "{}", String::from_utf8_lossy(&settled.stderr));
    }
}

/// What Microsoft's seller fills in.
pub(crate) fn invitation(name: &str) -> Value {
    json!({
        "name": name, "type": "Shared", "qualification": "SalesQualified",
        "customerProfile": {
            "name": "Contoso AG",
            "address": { "addressLine1": "Ring 1", "city": "Zurich", "postalCode": "8001", "country": "CH" },
            "team": [{ "firstName": "Mia", "lastName": "Frei", "email": "mia@contoso.example", "phoneNumber": "+41440000" }]
        },
        "consent": { "consentToToShareInfoWithOthers": true, "consentToContact": true,
            "consentToShareReferralWithMicrosoftSellers": true },
        "details": {
            "dealValue": 250_000, "currency": "EUR", "closingDateTime": "2027-06-30T00:00:00Z",
            "requirements": { "solutions": [{ "id": "SOL-12345-ABC", "name": "Fabrikam Insight", "type": "Name" }] }
        },
        "inviteContext": { "notes": "Please help", "assistanceRequestCode": "Unknown" }
    })
}

/// Where received referrals wait.
pub(crate) const ON_HOLD: &str = "Co-sell: to answer";

pub(crate) fn is(number: i64) -> impl Fn(&Value) -> bool {
    #[allow(clippy::cast_precision_loss)]
    move |value| value.as_f64() == Some(number as f64)
}

pub(crate) fn says(text: &str) -> impl Fn(&Value) -> bool {
    move |value| value == text
}

pub(crate) fn mentions(word: &str) -> impl Fn(&Value) -> bool {
    move |value| value.as_str().is_some_and(|text| text.contains(word))
}
