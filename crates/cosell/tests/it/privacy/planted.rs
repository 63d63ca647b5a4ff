//! What must leave no byte anywhere: opportunities that are not opted in, with a tag in every word of theirs.

use reqwest::Method;
use serde_json::{Value, json};

use super::SECRET;
use crate::harness::{Platform, World};

/// What was planted and must never be seen.
#[derive(Default)]
pub(super) struct Planted {
    /// With 15 characters; those with 18 begin so.
    pub(super) ids: Vec<String>,
    number: usize,
}

impl Planted {
    /// A word that nobody said before, with letters that every encoding treats in its own way.
    pub(super) fn word(&mut self) -> String {
        self.number += 1;
        format!("{SECRET}{} \"\u{fc}/\\+&\u{4e16}", self.number)
    }

    fn keep(&mut self, id: &str) -> String {
        assert_eq!(id.len(), 18, "{id}");
        self.ids.push(id[..15].to_owned());
        id.to_owned()
    }

    /// An opportunity with all that hangs on it, and words in every text field. Not opted in.
    pub(super) async fn opportunity(&mut self, world: &World) -> Secret {
        let account = json!({ "Name": self.word(), "BillingStreet": self.word(), "BillingCity": self.word(),
                "BillingState": self.word(), "BillingPostalCode": format!("{SECRET}7"), "Phone": format!("+49{SECRET}") });
        let account = self.keep(&world.seller_creates("Account", account).await);
        let contact = json!({ "FirstName": self.word(), "LastName": self.word(), "AccountId": account,
            "Email": format!("{SECRET}@{SECRET}.example"), "Title": self.word(), "Phone": format!("+49 30 {SECRET}") });
        let contact = self.keep(&world.seller_creates("Contact", contact).await);
        let mut row = json!({ "StageName": "Qualification", "CloseDate": "2027-03-31", "Amount": 424_242,
            "CurrencyIsoCode": "EUR", "AccountId": account });
        merge(&mut row, self.texts());
        let opportunity = self.keep(&world.seller_creates("Opportunity", row).await);
        let role = json!({ "OpportunityId": opportunity, "ContactId": contact, "IsPrimary": true });
        self.keep(&world.seller_creates("OpportunityContactRole", role).await);
        let solution = json!({ "Opportunity__c": opportunity, "Name": self.word(), "Publisher__c": self.word(),
            "Solution_Id__c": format!("SOL-{SECRET}-{}", self.number) });
        let solution = self.keep(&world.seller_creates("Microsoft_Solution__c", solution).await);
        self.people(world, &opportunity).await;
        Secret { opportunity, account, contact, solution }
    }

    /// A seller of its own, who owns it, and one in its team.
    async fn people(&mut self, world: &World, opportunity: &str) {
        for role in ["owner", "member"] {
            self.number += 1;
            let address = format!("{role}{}.{SECRET}@{SECRET}.example", self.number);
            let fields = json!({ "Username": address, "Email": address, "FirstName": self.word(),
                "LastName": self.word(), "Phone": format!("+49 40 {SECRET}"), "IsActive": true });
            let body = json!({ "fields": fields });
            let user = world.control(Platform::Salesforce, Method::POST, "actor/user", Some(&body)).await;
            let user = self.keep(user["id"].as_str().unwrap());
            if role == "owner" {
                world.seller_edits(opportunity, json!({ "OwnerId": user })).await;
            } else {
                let row =
                    json!({ "OpportunityId": opportunity, "UserId": user, "OpportunityAccessLevel": "Read" });
                self.keep(&world.seller_creates("OpportunityTeamMember", row).await);
            }
        }
    }

    /// All text fields of an opportunity that the default mapping reads.
    pub(super) fn texts(&mut self) -> Value {
        json!({ "Name": self.word(), "Description": self.word(), "Notes_to_Microsoft__c": self.word(),
            "NextStep": self.word(), "How_can_Microsoft_help__c": "Proof of concept or demo",
            "Consent_to_Share__c": true, "Share_with_Microsoft__c": true })
    }

    /// Everything of it is edited once more.
    pub(super) async fn edited(&mut self, world: &World, secret: &Secret) {
        let texts = self.texts();
        world.seller_edits(&secret.opportunity, texts).await;
        let solution = json!({ "Name": self.word(), "Publisher__c": self.word() });
        edit(world, "Microsoft_Solution__c", &secret.solution, solution).await;
        let contact = json!({ "LastName": self.word(), "Title": self.word() });
        edit(world, "Contact", &secret.contact, contact).await;
        edit(world, "Account", &secret.account, json!({ "Name": self.word() })).await;
    }
}

/// An opportunity that is nobody's business, and what hangs on it.
pub(super) struct Secret {
    pub(super) opportunity: String,
    account: String,
    contact: String,
    solution: String,
}

pub(super) fn merge(into: &mut Value, more: Value) {
    let Value::Object(more) = more else { panic!("an object") };
    into.as_object_mut().unwrap().extend(more);
}

pub(super) async fn edit(world: &World, object: &str, id: &str, changes: Value) {
    let url = world.salesforce(&format!("sobjects/{object}/{id}"));
    world.call(Method::PATCH, &url, Some(world.seller_token()), Some(&changes)).await;
}
