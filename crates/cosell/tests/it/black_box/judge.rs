//! The end of a round: both platforms' own tables, Partner Center's log of what it was asked, the record of the people,
//! and the program's own proof must all say the same.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    people::{Deal, Life, Origin, People},
    process::Process,
    record::{Field, Lost},
    world::World,
};
use crate::harness::Platform;

/// How long it may take until everything is in step after the last disturbance.
const TO_END: Duration = Duration::from_mins(2);

fn text<'v>(row: &'v Value, pointer: &str) -> &'v str {
    row.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// All records of both platforms.
pub(super) struct Tables {
    salesforce: Value,
    portal: Value,
}

impl Tables {
    pub(super) async fn read(world: &World) -> Self {
        Self {
            salesforce: world.state(Platform::Salesforce).await,
            portal: world.state(Platform::PartnerCenter).await,
        }
    }

    fn opportunity(&self, deal: &Deal) -> &Value {
        let rows = self.salesforce["Opportunity"].as_array().expect("a dump holds opportunities");
        let found = rows.iter().find(|row| deal.opportunity.as_deref() == row["Id"].as_str());
        found.unwrap_or(&Value::Null)
    }

    fn referral(&self, deal: &Deal) -> &Value {
        let rows = self.portal["referrals"].as_array().expect("a dump holds referrals");
        rows.iter().find(|row| deal.referral.as_deref() == row["id"].as_str()).unwrap_or(&Value::Null)
    }

    /// What both sides hold of a field, as the record writes it; that both hold the same is the oracle's to say.
    pub(super) fn held(&self, deal: &Deal, field: Field) -> String {
        let row = self.opportunity(deal);
        match field {
            Field::Amount => row["Amount"].as_f64().map_or_else(String::new, |amount| format!("{amount:.0}")),
            Field::ClosingDate => text(row, "/CloseDate").to_owned(),
            Field::Notes => text(row, "/Description").to_owned(),
        }
    }

    /// Everything that is not as the people left it.
    fn complaints(&self, deals: &[Deal]) -> Vec<String> {
        let mut wrong = Vec::new();
        let verdict = oracle::judge(&self.salesforce, &self.portal);
        let fixed = |found: &&oracle::Difference| !found.fixed;
        wrong.extend(verdict.differences.iter().filter(fixed).map(|found| format!("{found:?}")));
        wrong.extend(verdict.duplicates.iter().map(|double| format!("{double:?}")));
        wrong.extend(verdict.alone.iter().map(|id| format!("{id} is alone")));
        if verdict.pairs.len() != deals.len() {
            wrong.push(format!("{} pairs of {} deals", verdict.pairs.len(), deals.len()));
        }
        let referrals = self.portal["referrals"].as_array().expect("a dump holds referrals");
        let names: Vec<&str> = referrals
            .iter()
            .filter(|row| row["organizationId"] == self.portal["organizationId"])
            .map(|row| text(row, "/name"))
            .collect();
        for deal in deals {
            let times = names.iter().filter(|name| **name == deal.name).count();
            if times != 1 {
                wrong.push(format!("{} has {times} referrals", deal.name));
            }
            let (stage, substatus) = match deal.life {
                Life::OnHold => ("Co-sell: to answer", "Pending"),
                Life::Open => ("Qualification", "Accepted"),
                Life::Declined => ("Closed Lost", "Declined"),
                Life::Won => ("Closed Won", "Won"),
            };
            let held = (text(self.opportunity(deal), "/StageName"), text(self.referral(deal), "/substatus"));
            if held != (stage, substatus) {
                wrong.push(format!("{} is {:?}, and {held:?}", deal.name, deal.life));
            }
            if deal.origin == Origin::CoSell && !deal.helped {
                wrong.push(format!("{}: Microsoft was not asked", deal.name));
            }
        }
        wrong
    }
}

/// What Partner Center was asked and did, read again and again: its log forgets.
#[derive(Debug, Default)]
pub(super) struct Doings {
    /// Exchanges that took effect and cannot be taken back, by everything that tells them apart.
    seen: BTreeMap<String, Value>,
    read_to: u64,
}

impl Doings {
    /// Reads what is new.
    pub(super) async fn read(&mut self, world: &World) {
        let report = world.requests().await;
        let evicted = report["evicted"].as_u64().expect("the log counts what it forgot");
        assert!(evicted <= self.read_to, "exchanges were forgotten before they were read");
        let log = report["log"].as_array().expect("the log is a list");
        let new = usize::try_from(self.read_to - evicted).expect("the log is bounded");
        for (at, exchange) in log.iter().enumerate().skip(new) {
            if matches!(text(exchange, "/kind"), "create" | "create-companion" | "patch") {
                let number = evicted + at as u64;
                self.seen.insert(format!("{number:012}"), exchange.clone());
            }
        }
        self.read_to = evicted + log.len() as u64;
    }

    /// What was done twice and must not be.
    pub(super) fn twice(&self) -> Vec<oracle::Duplicate> {
        oracle::irreversible_twice(&json!({ "log": self.seen.values().collect::<Vec<_>>() }))
    }

    /// How many there were.
    pub(super) fn count(&self) -> usize {
        self.seen.len()
    }
}

/// Waits until everything is in step; how long it took.
pub(super) async fn in_step(
    world: &World,
    people: &People<'_>,
    web: &Process,
    doings: &mut Doings,
) -> Duration {
    let began = Instant::now();
    loop {
        people.look().await;
        people.answer_all().await;
        doings.read(world).await;
        let health = world.health(web).await.unwrap_or_default();
        let counts = &health["counts"];
        let quiet = ["due", "waiting", "open_intents", "problems"].iter().all(|name| counts[name] == 0);
        let wrong = Tables::read(world).await.complaints(&people.deals());
        let open = people.deals().iter().any(|deal| deal.life == Life::OnHold);
        if quiet && wrong.is_empty() && !open {
            return began.elapsed();
        }
        if began.elapsed() > TO_END {
            let stuck: Vec<Value> = world
                .cosell_json(&["deals"])
                .into_iter()
                .filter(|deal| {
                    deal["problems"].as_array().is_some_and(|all| !all.is_empty()) || deal["attempts"] != 0
                })
                .collect();
            panic!("not in step after {TO_END:?}: {health:#}\n{}\n{stuck:#?}", wrong.join("\n"));
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// Every acknowledged edit that is neither held nor archived with a reason.
pub(super) fn lost_edits(world: &World, people: &People<'_>, tables: &Tables) -> Vec<Lost> {
    let deals = people.deals();
    let archived = |number: usize, _: Field, value: &str| {
        let deal = &deals[number];
        let shown = world.cosell_json(&["deals", "show", deal.opportunity.as_deref().unwrap_or_default()]);
        let rows = shown[0]["archive"].as_array().expect("an archive is shown").clone();
        rows.iter().any(|row| {
            let kept = &row["archived"];
            let has_reason = kept["reason"].as_str().is_some_and(|reason| !reason.is_empty());
            has_reason && kept["value"].to_string().contains(value)
        })
    };
    people.record().judge(|number, field| tables.held(&deals[number], field), archived)
}

/// The judgement, once everything is in step.
pub(super) async fn judge(world: &World, people: &People<'_>, doings: &mut Doings) {
    let deals = people.deals();
    let tables = Tables::read(world).await;
    let wrong = tables.complaints(&deals);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let lost = lost_edits(world, people, &tables);
    assert!(lost.is_empty(), "{}", lost.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    people.record().begin_anew(|number, field| tables.held(&deals[number], field));
    doings.read(world).await;
    assert_eq!(doings.twice(), [], "nothing irreversible happens twice");

    let mut lines = world.cosell_json(&["verify", "--all", "--as", "the test"]);
    let verified = lines.pop().expect("a proof is one line");
    assert_eq!(verified["proof"]["deals"], deals.len(), "{verified:#}");
    let named = |finding: &Value| -> BTreeSet<String> {
        let differences = finding["differences"].as_array().expect("differences are listed");
        differences.iter().map(|difference| text(difference, "/field").to_owned()).collect()
    };
    let findings = verified["findings"].as_array().expect("findings are listed");
    // The customer's people do not leave unless help is asked for, and the portal takes them at creation only.
    let fixed = BTreeSet::from(["contacts".to_owned()]);
    for finding in findings {
        assert!(finding["standing"] == "fixed_by_portal" && named(finding) == fixed, "{verified:#}");
    }
    assert_eq!(verified["proof"]["counts"]["equal"], deals.len() - findings.len(), "{verified:#}");
}
