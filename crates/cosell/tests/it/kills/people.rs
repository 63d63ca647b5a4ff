//! The people who go on working: sellers in Salesforce, colleagues in Partner Center, Microsoft's sellers who invite.

use std::{cell::RefCell, collections::HashMap};

use serde_json::{Value, json};

use crate::harness::World;

/// How a deal came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A seller opted an opportunity in, and asked Microsoft for help.
    CoSell,
    /// A seller opted an opportunity in.
    PartnerLed,
    /// Microsoft's seller invited the partner.
    Invited,
}

/// What its seller has done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// An invitation that nobody has answered.
    OnHold,
    Open,
    Declined,
    Won,
}

/// One deal, as the people know it.
#[derive(Debug, Clone)]
pub(super) struct Deal {
    pub(super) name: String,
    pub(super) origin: Origin,
    pub(super) life: Life,
    pub(super) opportunity: Option<String>,
    pub(super) referral: Option<String>,
    /// What a seller typed last. Sellers alone edit amounts.
    pub(super) amount: i64,
    /// What a colleague typed last. Colleagues alone edit notes.
    pub(super) notes: Option<String>,
}

impl Deal {
    fn is_pair(&self) -> bool {
        self.opportunity.is_some() && self.referral.is_some()
    }
}

/// All of them, and what they have done.
pub(super) struct People<'w> {
    world: &'w World,
    deals: RefCell<Vec<Deal>>,
    /// A counter that the choice of the next deal to edit follows from.
    turn: RefCell<usize>,
    answers_all: RefCell<bool>,
}

impl<'w> People<'w> {
    pub(super) fn new(world: &'w World) -> Self {
        Self { world, deals: RefCell::default(), turn: RefCell::default(), answers_all: RefCell::default() }
    }

    pub(super) fn deals(&self) -> Vec<Deal> {
        self.deals.borrow().clone()
    }

    pub(super) fn count(&self) -> usize {
        self.deals.borrow().len()
    }

    /// A new deal of this origin.
    pub(super) async fn begin(&self, origin: Origin) {
        let number = self.count();
        let name = format!("Deal {number}");
        let amount = 10_000 + i64::try_from(number).unwrap();
        let (mut opportunity, mut referral) = (None, None);
        if origin == Origin::Invited {
            let invited = self.world.acts("microsoft/invite", invitation(&name, amount)).await;
            referral = Some(invited["id"].as_str().unwrap().to_owned());
        } else {
            let created = self.world.new_opportunity(&name, amount).await;
            self.world.opt_in(&created, origin == Origin::CoSell).await;
            opportunity = Some(created);
        }
        let life = if origin == Origin::Invited { Life::OnHold } else { Life::Open };
        self.deals.borrow_mut().push(Deal { name, origin, life, opportunity, referral, amount, notes: None });
    }

    /// From now on every invitation is answered as soon as its opportunity is there.
    pub(super) fn answer_all(&self) {
        *self.answers_all.borrow_mut() = true;
    }

    /// Looks at the opportunities: which pairs are there by now?
    pub(super) async fn look(&self) {
        let rows = self
            .world
            .query("SELECT Id, Referral_Identifier__c FROM Opportunity WHERE Referral_Identifier__c != null")
            .await;
        let text = |row: &Value, name: &str| row[name].as_str().map(str::to_owned);
        let pairs: Vec<(String, String)> = rows
            .iter()
            .filter_map(|row| Some((text(row, "Id")?, text(row, "Referral_Identifier__c")?)))
            .collect();
        let by_opportunity: HashMap<_, _> = pairs.iter().cloned().collect();
        let by_referral: HashMap<_, _> = pairs.into_iter().map(|(left, right)| (right, left)).collect();
        for deal in self.deals.borrow_mut().iter_mut() {
            match (&deal.opportunity, &deal.referral) {
                (Some(opportunity), None) => deal.referral = by_opportunity.get(opportunity).cloned(),
                (None, Some(referral)) => deal.opportunity = by_referral.get(referral).cloned(),
                _ => {}
            }
        }
        let all = *self.answers_all.borrow();
        while all && self.seller_answers().await {}
    }

    /// The next deal, in turn, that fits.
    fn pick(&self, fits: impl Fn(&Deal) -> bool) -> Option<usize> {
        let deals = self.deals.borrow();
        // A stride without a common divisor with most lengths: neighbours in time are far apart in the list.
        let mut turn = self.turn.borrow_mut();
        *turn += 37;
        (0..deals.len()).map(|step| (*turn + step) % deals.len()).find(|at| fits(&deals[*at]))
    }

    fn deal(&self, at: usize) -> Deal {
        self.deals.borrow()[at].clone()
    }

    /// A seller changes an amount, and on every third occasion the closing date.
    pub(super) async fn seller_edits(&self) {
        let Some(at) = self.pick(|deal| deal.is_pair() && deal.life == Life::Open) else { return };
        let deal = self.deal(at);
        let turn = *self.turn.borrow();
        let amount = 100_000 + i64::try_from(turn).unwrap();
        let mut changes = json!({ "Amount": amount });
        if turn.is_multiple_of(3) {
            changes["CloseDate"] = json!(format!("2027-05-{:02}", 1 + turn % 28));
        }
        self.world.seller_edits(&deal.opportunity.unwrap(), changes).await;
        self.deals.borrow_mut()[at].amount = amount;
    }

    /// A colleague changes the notes, and on every third occasion the closing date.
    pub(super) async fn colleague_edits(&self) {
        let Some(at) = self.pick(|deal| deal.is_pair() && matches!(deal.life, Life::Open | Life::OnHold))
        else {
            return;
        };
        let deal = self.deal(at);
        let turn = *self.turn.borrow();
        let notes = format!("Note {turn} of {}", deal.name);
        let mut set = json!({ "/details/notes": notes });
        if turn.is_multiple_of(3) {
            set["/details/closingDateTime"] = json!(format!("2027-06-{:02}T00:00:00Z", 1 + turn % 28));
        }
        self.world.acts("portal/edit", json!({ "id": deal.referral, "set": set })).await;
        self.deals.borrow_mut()[at].notes = Some(notes);
    }

    /// A seller accepts an invitation by leaving the on-hold stage; every eighth is declined.
    pub(super) async fn seller_answers(&self) -> bool {
        let Some(at) = self.pick(|deal| deal.is_pair() && deal.life == Life::OnHold) else { return false };
        let opportunity = self.deal(at).opportunity.unwrap();
        let (life, changes) = if at % 8 == 3 {
            (Life::Declined, json!({ "StageName": "Closed Lost", "Loss_Reason__c": "Others" }))
        } else {
            (Life::Open, json!({ "StageName": "Qualification" }))
        };
        self.world.seller_edits(&opportunity, changes).await;
        self.deals.borrow_mut()[at].life = life;
        true
    }

    /// A seller wins a deal.
    pub(super) async fn seller_wins(&self) {
        let Some(at) = self.pick(|deal| deal.is_pair() && deal.life == Life::Open) else { return };
        let opportunity = self.deal(at).opportunity.unwrap();
        self.world.seller_edits(&opportunity, json!({ "StageName": "Closed Won" })).await;
        self.deals.borrow_mut()[at].life = Life::Won;
    }

    /// What goes on in Salesforce at any time.
    pub(super) async fn sellers_work(&self) {
        self.look().await;
        for _ in 0..3 {
            self.seller_edits().await;
        }
        self.seller_answers().await;
    }

    /// What goes on in Partner Center at any time.
    pub(super) async fn colleagues_work(&self) {
        self.look().await;
        for _ in 0..3 {
            self.colleague_edits().await;
        }
    }
}

/// What Microsoft's seller fills in.
pub(crate) fn invitation(name: &str, amount: i64) -> Value {
    json!({ "withMicrosoft": true, "referral": {
        "name": name, "type": "Shared", "qualification": "SalesQualified",
        "customerProfile": {
            "name": format!("{name} customer"),
            "address": { "addressLine1": "Ring 1", "city": "Zurich", "postalCode": "8001", "country": "CH" },
            "team": [{ "firstName": "Mia", "lastName": "Frei", "email": "mia@contoso.example",
                "phoneNumber": "+41440000" }]
        },
        "consent": { "consentToToShareInfoWithOthers": true, "consentToContact": true,
            "consentToShareReferralWithMicrosoftSellers": true },
        "details": {
            "dealValue": amount, "currency": "CHF", "closingDateTime": "2027-06-30T00:00:00Z",
            "requirements": { "solutions": [
                { "id": "SOL-12345-ABC", "name": "Fabrikam Insight", "type": "Name" }
            ] }
        },
        "inviteContext": { "notes": "Please help", "assistanceRequestCode": "Unknown" }
    } })
}
