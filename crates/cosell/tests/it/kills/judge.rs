//! Judges the end from both platforms' own tables, with nothing of the program.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::Value;

use super::people::{Deal, Life, Origin};
use crate::harness::{Platform, World};

/// The organisation id under which Microsoft's referrals stand.
const MICROSOFT: &str = "msft";

/// Everything of both platforms, raw.
pub(super) struct Tables {
    opportunities: Vec<Value>,
    solutions: Vec<Value>,
    own: Vec<Value>,
    microsofts: Vec<Value>,
}

fn text<'v>(row: &'v Value, pointer: &str) -> &'v str {
    row.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn count_by<'v>(rows: &'v [Value], pointer: &str) -> BTreeMap<&'v str, usize> {
    let mut counts = BTreeMap::new();
    for row in rows {
        *counts.entry(text(row, pointer)).or_default() += 1;
    }
    counts
}

impl Tables {
    pub(super) async fn read(world: &World) -> Self {
        let mut crm = world.state(Platform::Salesforce).await;
        let mut portal = world.state(Platform::PartnerCenter).await;
        let us = text(&portal, "/organizationId").to_owned();
        let mut live = |object: &str| -> Vec<Value> {
            let Value::Array(rows) = crm[object].take() else { return Vec::new() };
            rows.into_iter().filter(|row| row["IsDeleted"] != true).collect()
        };
        let (opportunities, solutions) = (live("Opportunity"), live("Microsoft_Solution__c"));
        let Value::Array(referrals) = portal["referrals"].take() else { panic!("no referrals") };
        let of = |organization: &str| -> Vec<Value> {
            referrals.iter().filter(|row| text(row, "/organizationId") == organization).cloned().collect()
        };
        let (own, microsofts) = (of(&us), of(MICROSOFT));
        assert_eq!(own.len() + microsofts.len(), referrals.len(), "there is a referral of nobody here");
        Self { opportunities, solutions, own, microsofts }
    }

    /// Everything that is wrong.
    pub(super) fn complaints(&self, deals: &[Deal]) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut expect = |holds: bool, complaint: String| {
            if !holds {
                wrong.push(complaint);
            }
        };
        let (opportunities, own) = (self.opportunities.len(), self.own.len());
        expect(opportunities == deals.len(), format!("{opportunities} opportunities, {} deals", deals.len()));
        expect(own == deals.len(), format!("{own} own referrals, {} deals", deals.len()));
        let external = count_by(&self.own, "/externalReferenceId");
        let engagements = count_by(&self.microsofts, "/engagementId");
        let names = count_by(&self.own, "/name");
        let identifiers = count_by(&self.opportunities, "/Referral_Identifier__c");
        for (reference, count) in &external {
            expect(reference.is_empty() || *count == 1, format!("{count} referrals name {reference}"));
        }
        for (engagement, count) in &engagements {
            expect(*count == 1, format!("{count} referrals of Microsoft's in engagement {engagement}"));
        }
        for deal in deals {
            let name = deal.name.as_str();
            let referrals = names.get(name).copied().unwrap_or(0);
            expect(referrals == 1, format!("{name} ({:?}) has {referrals} referrals", deal.origin));
            let Some(referral) = self.own.iter().find(|row| text(row, "/name") == name) else { continue };
            let id = text(referral, "/id");
            let holders = identifiers.get(id).copied().unwrap_or(0);
            expect(holders == 1, format!("{name}: {holders} opportunities carry its identifier"));
            let helpers = engagements.get(text(referral, "/engagementId")).copied().unwrap_or(0);
            let wanted = match (deal.origin, deal.life) {
                (Origin::PartnerLed, _) => 0..=0,
                // Who wins a deal before Microsoft was asked for help asks for none any more.
                (Origin::CoSell, Life::Won) => 0..=1,
                (Origin::CoSell | Origin::Invited, _) => 1..=1,
            };
            expect(
                wanted.contains(&helpers),
                format!("{name} ({:?}): {helpers} referrals of Microsoft's, not {wanted:?}", deal.life),
            );
            let row = self.opportunities.iter().find(|row| text(row, "/Referral_Identifier__c") == id);
            let Some(row) = row else { continue };
            expect(
                deal.opportunity.as_deref().is_none_or(|known| known == text(row, "/Id")),
                format!("{name}: another opportunity carries its identifier"),
            );
            let theirs = self.microsofts.iter().find(|row| row["engagementId"] == referral["engagementId"]);
            let (told, status) =
                (text(row, "/Microsoft_Status__c"), theirs.map_or("", |theirs| text(theirs, "/substatus")));
            expect(told == status, format!("{name}: Microsoft's status is {status:?}, told as {told:?}"));
            for complaint in self.differences(deal, row, referral) {
                expect(false, format!("{name} ({:?}, {:?}): {complaint}", deal.origin, deal.life));
            }
        }
        wrong
    }

    fn differences(&self, deal: &Deal, row: &Value, referral: &Value) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut same = |what: &str, left: String, right: String| {
            if left != right {
                wrong.push(format!("{what}: {left:?} here, {right:?} there"));
            }
        };
        let money = |value: Option<&Value>| format!("{:?}", value.and_then(Value::as_f64));
        let day = |text: &str| text.get(..10).unwrap_or_default().to_owned();
        same("amount", money(row.get("Amount")), money(referral.pointer("/details/dealValue")));
        same("currency", text(row, "/CurrencyIsoCode").into(), text(referral, "/details/currency").into());
        same("closing", day(text(row, "/CloseDate")), day(text(referral, "/details/closingDateTime")));
        same("notes", text(row, "/Description").into(), text(referral, "/details/notes").into());
        same("name", text(row, "/Name").into(), text(referral, "/name").into());
        same("sync", row["Sync_with_Partner_Center__c"].to_string(), "true".into());
        let (stage, substatus) = match deal.life {
            Life::OnHold => ("Co-sell: to answer", "Pending"),
            Life::Open => ("Qualification", "Accepted"),
            Life::Declined => ("Closed Lost", "Declined"),
            Life::Won => ("Closed Won", "Won"),
        };
        same("stage", text(row, "/StageName").into(), stage.into());
        same("substatus", text(referral, "/substatus").into(), substatus.into());
        if matches!(deal.life, Life::Open | Life::Won) {
            same("reference", text(row, "/Id").into(), text(referral, "/externalReferenceId").into());
        }
        let mut here: Vec<&str> = self
            .solutions
            .iter()
            .filter(|solution| solution["Opportunity__c"] == row["Id"])
            .map(|solution| text(solution, "/Solution_Id__c"))
            .collect();
        let there = referral.pointer("/details/requirements/solutions").and_then(Value::as_array);
        let mut there: Vec<&str> =
            there.into_iter().flatten().map(|solution| text(solution, "/id")).collect();
        here.sort_unstable();
        there.sort_unstable();
        same("solutions", here.join(" "), there.join(" "));
        wrong
    }

    /// What people typed and is on neither side any more: (deal, opportunity, the words that must be archived).
    pub(super) fn lost_edits(&self, deals: &[Deal]) -> Vec<(String, String, String)> {
        let mut lost = Vec::new();
        for deal in deals {
            let (Some(opportunity), Some(notes)) = (&deal.opportunity, &deal.notes) else { continue };
            let row = self.opportunities.iter().find(|row| text(row, "/Id") == opportunity);
            if row.is_some_and(|row| text(row, "/Description") != notes) {
                lost.push((deal.name.clone(), opportunity.clone(), notes.clone()));
            }
        }
        for deal in deals {
            let Some(opportunity) = &deal.opportunity else { continue };
            let row = self.opportunities.iter().find(|row| text(row, "/Id") == opportunity);
            #[allow(clippy::cast_precision_loss)]
            let typed = deal.amount as f64;
            let held = row.and_then(|row| row["Amount"].as_f64());
            if held.is_some_and(|held| (held - typed).abs() > 0.005) {
                lost.push((deal.name.clone(), opportunity.clone(), deal.amount.to_string()));
            }
        }
        lost
    }
}

/// The moves that cannot be taken back, by the requests as the platform saw them.
///
/// The platform's log is bounded, so it is read again and again while things happen.
#[derive(Default)]
pub(super) struct Moves {
    /// When, of which referral, to which status: one carried-out request each.
    seen: BTreeSet<(String, String, String)>,
    /// How many exchanges there had been when the log was last read.
    read_to: u64,
}

impl Moves {
    /// Reads what is new in the log.
    pub(super) async fn read(&mut self, world: &World) {
        let report = world.control(Platform::PartnerCenter, Method::GET, "requests", None).await;
        let evicted = report["evicted"].as_u64().unwrap();
        assert!(evicted <= self.read_to, "exchanges were forgotten before they were read");
        let log = report["log"].as_array().unwrap();
        self.read_to = evicted + log.len() as u64;
        for exchange in log {
            let carried_out = exchange["status"].as_u64().is_some_and(|status| (200..300).contains(&status));
            if exchange["kind"] != "patch" || !carried_out {
                continue;
            }
            let steps: Value = serde_json::from_str(text(exchange, "/request")).unwrap();
            for step in steps.as_array().into_iter().flatten().filter(|step| step["path"] == "/status") {
                let [at, path] = ["/at", "/path"].map(|pointer| text(exchange, pointer).to_owned());
                self.seen.insert((at, path, text(step, "/value").to_owned()));
            }
        }
    }

    /// How many there were.
    pub(super) fn count(&self) -> usize {
        self.seen.len()
    }

    /// Those that happened more than once.
    pub(super) fn repeated(&self) -> Vec<String> {
        let mut times: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for (_, path, to) in &self.seen {
            *times.entry((path, to)).or_default() += 1;
        }
        times.retain(|_, times| *times > 1);
        times.iter().map(|((path, to), times)| format!("{path} was moved to {to} {times} times")).collect()
    }
}
