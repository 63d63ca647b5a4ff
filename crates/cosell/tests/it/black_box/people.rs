//! Sellers, colleagues and Microsoft's sellers who edit whatever they find, by the dice of a seed, and remember what was
//! acknowledged to them.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    time::Duration,
};

use reqwest::Method;
use serde_json::{Value, json};
use simulation::dice::Dice;

use super::{
    record::{By, DealNumber, Edit, Field, Record},
    world::World,
};
use crate::{harness::Platform, kills::people::invitation};

/// The rest between two acts of people.
const REST: Duration = Duration::from_millis(120);

/// Deals that are open at most; who has so many begins no other.
const OPEN_DEALS: usize = 24;

/// How a deal came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    CoSell,
    PartnerLed,
    Invited,
}

/// What its seller has done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
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
    /// Whether help was asked for, where it is: who wins before asks for none.
    pub(super) helped: bool,
}

/// All of them.
pub(super) struct People<'w> {
    world: &'w World,
    dice: Dice,
    deals: RefCell<Vec<Deal>>,
    record: RefCell<Record>,
    /// A number that makes each typed value another.
    typed: Cell<i64>,
}

impl<'w> People<'w> {
    pub(super) fn new(world: &'w World, seed: u64) -> Self {
        let dice = Dice::new(seed, "people");
        Self { world, dice, deals: RefCell::default(), record: RefCell::default(), typed: Cell::new(0) }
    }

    pub(super) fn deals(&self) -> Vec<Deal> {
        self.deals.borrow().clone()
    }

    pub(super) fn record(&self) -> std::cell::RefMut<'_, Record> {
        self.record.borrow_mut()
    }

    /// A new deal of this origin.
    pub(super) async fn begin(&self, origin: Origin) {
        let name = format!("Deal {}", self.deals.borrow().len());
        let amount = 10_000 + self.next();
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
        let helped = origin != Origin::CoSell;
        let deal = Deal { name, origin, life, opportunity, referral, helped };
        self.deals.borrow_mut().push(deal);
        let number = self.deals.borrow().len() - 1;
        let edit = Edit { by: By::Seller, value: amount.to_string() };
        self.record().take(number, Field::Amount, edit);
    }

    /// One of each origin.
    pub(super) async fn begin_some(&self, count: usize) {
        for _ in 0..count {
            let origins = [Origin::CoSell, Origin::PartnerLed, Origin::Invited];
            self.begin(*self.dice.pick(&origins).expect("there are some")).await;
        }
    }

    /// Looks which pairs are there by now, and whether Microsoft was asked.
    pub(super) async fn look(&self) {
        let rows = self
            .world
            .query("SELECT Id, Referral_Identifier__c FROM Opportunity WHERE Referral_Identifier__c != null")
            .await;
        let portal = self.world.state(Platform::PartnerCenter).await;
        let text = |row: &Value, name: &str| row[name].as_str().map(str::to_owned);
        let pairs: Vec<(String, String)> = rows
            .iter()
            .filter_map(|row| Some((text(row, "Id")?, text(row, "Referral_Identifier__c")?)))
            .collect();
        let by_opportunity: HashMap<_, _> = pairs.iter().cloned().collect();
        let by_referral: HashMap<_, _> = pairs.into_iter().map(|(left, right)| (right, left)).collect();
        let referrals = portal["referrals"].as_array().expect("a dump holds referrals");
        let helped = |referral: &str| {
            let ours = referrals.iter().find(|one| one["id"] == referral);
            ours.is_some_and(|ours| {
                let beside = |one: &&Value| {
                    one["engagementId"] == ours["engagementId"] && one["organizationName"] == "Microsoft"
                };
                referrals.iter().any(|one| beside(&one))
            })
        };
        for deal in self.deals.borrow_mut().iter_mut() {
            match (&deal.opportunity, &deal.referral) {
                (Some(opportunity), None) => deal.referral = by_opportunity.get(opportunity).cloned(),
                (None, Some(referral)) => deal.opportunity = by_referral.get(referral).cloned(),
                _ => {}
            }
            if !deal.helped
                && let Some(referral) = &deal.referral
            {
                deal.helped = helped(referral);
            }
        }
    }

    /// Works until it is the end; what they do follows from the dice, but for what they meet. Never given up in between:
    /// what was acknowledged would not be remembered.
    pub(super) async fn work(&self, is_end: &Cell<bool>) {
        let mut turn = 0_u32;
        while !is_end.get() {
            if turn.is_multiple_of(8) {
                self.look().await;
            }
            turn += 1;
            match self.dice.below(100) {
                0..40 => self.seller_edits().await,
                40..80 => self.colleague_edits().await,
                80..88 if self.open_deals() < OPEN_DEALS => self.begin_some(1).await,
                88..94 => drop(self.seller_answers().await),
                94..97 => self.microsoft_accepts().await,
                _ => self.seller_wins().await,
            }
            tokio::time::sleep(REST).await;
        }
    }

    /// Answers every invitation that is there. Whether one was.
    pub(super) async fn answer_all(&self) -> bool {
        let mut any = false;
        while self.seller_answers().await {
            any = true;
        }
        any
    }

    fn open_deals(&self) -> usize {
        self.deals.borrow().iter().filter(|deal| matches!(deal.life, Life::Open | Life::OnHold)).count()
    }

    fn next(&self) -> i64 {
        self.typed.set(self.typed.get() + 1);
        self.typed.get()
    }

    /// A pair that fits, by the dice.
    fn pick(&self, fits: impl Fn(&Deal) -> bool) -> Option<(DealNumber, Deal, String, String)> {
        let deals = self.deals.borrow();
        let fitting: Vec<DealNumber> = (0..deals.len()).filter(|at| fits(&deals[*at])).collect();
        let whole = |at: &DealNumber| {
            let deal = deals[*at].clone();
            let (opportunity, referral) = (deal.opportunity.clone()?, deal.referral.clone()?);
            Some((*at, deal, opportunity, referral))
        };
        let whole: Vec<_> = fitting.iter().filter_map(whole).collect();
        self.dice.pick(&whole).cloned()
    }

    /// One to three fields with new values.
    fn typing(&self) -> Vec<(Field, String)> {
        let mut fields = Field::ALL.to_vec();
        while fields.len() > 1 && self.dice.percent(60) {
            fields.remove(usize::try_from(self.dice.below(fields.len() as u64)).expect("it is below three"));
        }
        let typed = |field: &Field| {
            let number = self.next();
            let value = match field {
                Field::Amount => (100_000 + number).to_string(),
                Field::ClosingDate => {
                    let first: jiff::civil::Date = "2027-01-01".parse().expect("it is a date");
                    first.checked_add(jiff::Span::new().days(number % 20_000)).expect("it exists").to_string()
                }
                Field::Notes => format!("Note {number}."),
            };
            (*field, value)
        };
        fields.iter().map(typed).collect()
    }

    fn remember(&self, deal: DealNumber, by: By, typed: Vec<(Field, String)>) {
        for (field, value) in typed {
            self.record().take(deal, field, Edit { by, value });
        }
    }

    async fn seller_edits(&self) {
        let Some((number, _, opportunity, _)) = self.pick(|deal| deal.life == Life::Open) else { return };
        let typed = self.typing();
        let mut changes = json!({});
        for (field, value) in &typed {
            match field {
                Field::Amount => changes["Amount"] = json!(value.parse::<i64>().expect("it is a number")),
                Field::ClosingDate => changes["CloseDate"] = json!(value),
                Field::Notes => changes["Description"] = json!(value),
            }
        }
        self.world.seller_edits(&opportunity, changes).await;
        self.remember(number, By::Seller, typed);
    }

    async fn colleague_edits(&self) {
        let unanswered_too = |deal: &Deal| matches!(deal.life, Life::Open | Life::OnHold);
        let Some((number, _, _, referral)) = self.pick(unanswered_too) else { return };
        let typed = self.typing();
        let mut set = json!({});
        for (field, value) in &typed {
            match field {
                Field::Amount => {
                    set["/details/dealValue"] = json!(value.parse::<i64>().expect("it is a number"));
                }
                Field::ClosingDate => {
                    set["/details/closingDateTime"] = json!(format!("{value}T00:00:00Z"));
                }
                Field::Notes => set["/details/notes"] = json!(value),
            }
        }
        self.world.acts("portal/edit", json!({ "id": referral, "set": set })).await;
        self.remember(number, By::Colleague, typed);
    }

    /// A seller accepts an invitation by leaving the on-hold stage; every fifth is declined.
    async fn seller_answers(&self) -> bool {
        let Some((number, _, opportunity, _)) = self.pick(|deal| deal.life == Life::OnHold) else {
            return false;
        };
        let (life, changes) = if self.dice.percent(20) {
            (Life::Declined, json!({ "StageName": "Closed Lost", "Loss_Reason__c": "Others" }))
        } else {
            (Life::Open, json!({ "StageName": "Qualification" }))
        };
        self.world.seller_edits(&opportunity, changes).await;
        self.deals.borrow_mut()[number].life = life;
        true
    }

    async fn seller_wins(&self) {
        let open = |deal: &Deal| deal.life == Life::Open && deal.helped;
        let Some((number, _, opportunity, _)) = self.pick(open) else { return };
        self.world.seller_edits(&opportunity, json!({ "StageName": "Closed Won" })).await;
        self.deals.borrow_mut()[number].life = Life::Won;
    }

    /// Microsoft's seller accepts what was asked of Microsoft, unless somebody of theirs was faster.
    async fn microsoft_accepts(&self) {
        let asked = |deal: &Deal| deal.origin == Origin::CoSell && deal.life == Life::Open && deal.helped;
        let Some((.., referral)) = self.pick(asked) else { return };
        let engagement = self.world.referral(&referral).await["engagementId"].clone();
        let url = self.world.ready["partner_center"]["control_url"].as_str().expect("it was told");
        let url = format!("{}/actor/microsoft/accept", url.trim_end_matches('/'));
        self.world.try_call(Method::POST, &url, None, Some(&json!({ "engagementId": engagement }))).await;
    }
}
