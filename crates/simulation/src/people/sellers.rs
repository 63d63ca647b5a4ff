//! Sellers, the data loader and background jobs, in Salesforce.

use http::Method;
use sandbox::faults::Platform;
use serde_json::{Value, json};

use super::People;
use crate::{
    edits::{Field, Wish},
    judge::contains,
    run::TYPES_WHILE_READ,
    scene::{ON_HOLD, Scene, text},
};

const ORG: Platform = Platform::Salesforce;
const SELLERS: [&str; 2] = ["noa.seller@trey-research.example", "kim.seller@trey-research.example"];
const OPEN_STAGES: [&str; 4] =
    ["Qualification", "Needs Analysis", "Proposal/Price Quote", "Negotiation/Review"];
const REASONS: [&str; 3] = ["Others", "Not a customer", "Customer didn't respond"];

type Done = Result<String, String>;

impl People {
    fn seller(&self) -> &'static str {
        self.dice.pick(&SELLERS).copied().unwrap_or(SELLERS[0])
    }

    pub(super) fn creates(&self, object: &str, row: &Value) -> Result<String, String> {
        let path = format!("/sobjects/{object}");
        let answer = self.world.seller_calls(SELLERS[0], Method::POST, &path, Some(row))?;
        Ok(text(&answer["id"]).to_owned())
    }

    pub(super) fn saves(&self, opportunity: &str, set: &Value) -> Result<(), String> {
        let path = format!("/sobjects/Opportunity/{opportunity}");
        self.world.seller_calls(self.seller(), Method::PATCH, &path, Some(set)).map(drop)
    }

    /// An opportunity that is opted in, of which somebody has one.
    pub(super) fn any_opportunity(
        &self,
        scene: &Scene,
        fit: impl Fn(&Value) -> bool,
    ) -> Result<Value, String> {
        let of: Vec<&Value> = scene.opportunities().filter(|row| fit(row)).collect();
        self.dice.pick(&of).map(|row| (*row).clone()).ok_or_else(|| "there is none".to_owned())
    }

    pub(super) fn seller_enters(&mut self, opted_in: bool, stage: Option<&'static str>) -> Done {
        self.typed += 1;
        let number = self.typed;
        let account = self.creates(
            "Account",
            &json!({ "Name": format!("Customer {number:05}"), "BillingStreet": format!("Hafenstr. {number}"),
                "BillingCity": "Hamburg", "BillingPostalCode": "20457", "BillingCountry": "DE" }),
        )?;
        let contact = self.creates(
            "Contact",
            &json!({ "FirstName": "Jo", "LastName": format!("Kunde{number:05}"),
                "Email": format!("jo{number:05}@customer.example"), "Phone": "+494055500", "AccountId": account }),
        )?;
        let (set, needles) = self.values(ORG, &[Field::Money, Field::Closing, Field::Notes]);
        let stage = stage.unwrap_or_else(|| self.open_stage());
        let mut row =
            json!({ "Name": format!("Deal {number:05}"), "StageName": stage, "AccountId": account });
        merge(&mut row, &set);
        if !opted_in {
            let secret = format!("SECRET{number:05}");
            row["Name"] = json!(secret);
            row["Description"] = json!(format!("{secret} is nobody's business"));
            self.record.secrets.push(secret);
        }
        let opportunity = self.creates("Opportunity", &row)?;
        self.creates(
            "OpportunityContactRole",
            &json!({ "OpportunityId": opportunity, "ContactId": contact, "IsPrimary": true }),
        )?;
        self.creates(
            "Microsoft_Solution__c",
            &json!({ "Opportunity__c": opportunity, "Name": "Fabrikam Insight",
                "Solution_Id__c": "SOL-12345-ABC" }),
        )?;
        if !opted_in {
            return Ok(format!("{opportunity} stays here"));
        }
        self.note_typed(ORG, &opportunity, needles);
        let help = self.dice.percent(40);
        let mut opt_in = json!({ "Sync_with_Partner_Center__c": true, "Consent_to_Share__c": true });
        if help || self.dice.percent(50) {
            opt_in["Share_with_Microsoft__c"] = json!(true);
        }
        if help {
            opt_in["How_can_Microsoft_help__c"] = json!("Proof of concept or demo");
            opt_in["Notes_to_Microsoft__c"] = json!(format!("help with {number:05}"));
        }
        self.record.wanted(self.world.now(), &opportunity, Wish::OptIn);
        self.saves(&opportunity, &opt_in)?;
        Ok(format!("{opportunity}{}", if help { ", help wanted" } else { "" }))
    }

    pub(super) fn open_stage(&self) -> &'static str {
        self.dice.pick(&OPEN_STAGES).copied().unwrap_or(OPEN_STAGES[0])
    }

    pub(super) fn seller_types(&mut self, scene: &Scene, times: u32) -> Done {
        let row = self.any_opportunity(scene, is_in)?;
        let id = text(&row["Id"]).to_owned();
        let mut told = Vec::new();
        for _ in 0..times {
            let fields = self.fields();
            let (set, needles) = self.values(ORG, &fields);
            self.saves(&id, &set)?;
            told.extend(needles.iter().map(|(_, needle)| needle.clone()));
            self.note_typed(ORG, &id, needles);
        }
        Ok(format!("{id} {}", told.join(", ")))
    }

    pub(super) fn seller_moves(&mut self, scene: &Scene) -> Done {
        let row = self.any_opportunity(scene, is_in)?;
        let id = text(&row["Id"]).to_owned();
        let stage = text(&row["StageName"]);
        let (set, wishes): (Value, Vec<Wish>) = if stage == ON_HOLD {
            match self.dice.below(10) {
                0..5 => (json!({ "StageName": self.open_stage() }), vec![Wish::Accept]),
                5 => (json!({ "StageName": "Closed Won" }), vec![Wish::Accept, Wish::Win]),
                6..8 => (json!({ "Co_sell_Response__c": "Accept" }), vec![Wish::Accept]),
                8 => {
                    let reason = self.dice.pick(&REASONS);
                    (
                        json!({ "Co_sell_Response__c": "Decline", "Loss_Reason__c": reason }),
                        vec![Wish::Decline],
                    )
                }
                _ => {
                    let reason = self.dice.pick(&REASONS);
                    let set = json!({ "StageName": "Closed Lost", "Loss_Reason__c": reason });
                    (set, vec![Wish::Decline, Wish::Lose])
                }
            }
        } else if row["IsClosed"] == true {
            // Seldom: a closed deal is opened again, or ends otherwise.
            if !self.dice.percent(10) {
                return Err("it is closed".to_owned());
            }
            (json!({ "StageName": self.open_stage() }), vec![Wish::Accept])
        } else {
            match self.dice.below(10) {
                0..5 => (json!({ "StageName": self.open_stage() }), vec![Wish::Accept]),
                5..8 => (json!({ "StageName": "Closed Won" }), vec![Wish::Accept, Wish::Win]),
                _ => {
                    let reason = self.dice.pick(&REASONS);
                    let set = json!({ "StageName": "Closed Lost", "Loss_Reason__c": reason });
                    (set, vec![Wish::Lose, Wish::Decline])
                }
            }
        };
        self.saves(&id, &set)?;
        for wish in wishes {
            self.record.wanted(self.world.now(), &id, wish);
        }
        Ok(format!("{id} {set}"))
    }

    pub(super) fn seller_pauses(&mut self, scene: &Scene) -> Done {
        let row = self.any_opportunity(scene, |row| !secret(row))?;
        let id = text(&row["Id"]).to_owned();
        let on = row["Sync_with_Partner_Center__c"] != true;
        if on {
            self.record.wanted(self.world.now(), &id, Wish::OptIn);
        }
        self.saves(&id, &json!({ "Sync_with_Partner_Center__c": on, "Consent_to_Share__c": true }))?;
        Ok(format!("{id} {}", if on { "in" } else { "out" }))
    }

    pub(super) fn seller_changes_rows(&mut self, scene: &Scene) -> Done {
        let row = self.any_opportunity(scene, |row| is_in(row) && row["IsClosed"] != true)?;
        let id = text(&row["Id"]).to_owned();
        let solutions: Vec<&Value> = scene.children("Microsoft_Solution__c", "Opportunity__c", &id).collect();
        match (self.dice.below(3), solutions.first()) {
            (0, Some(solution)) => {
                let path = format!("/sobjects/Microsoft_Solution__c/{}", text(&solution["Id"]));
                let quantity = self.dice.between(1, 99);
                let set = json!({ "Quantity__c": quantity });
                self.world.seller_calls(SELLERS[0], Method::PATCH, &path, Some(&set))?;
                Ok(format!("{id} quantity {quantity}"))
            }
            (1, _) => {
                let code = self.seller_adds_solution(&id)?;
                Ok(format!("{id} and {code}"))
            }
            _ if solutions.len() > 1 => {
                let last = solutions[solutions.len() - 1];
                let (last, code) = (text(&last["Id"]).to_owned(), text(&last["Solution_Id__c"]).to_owned());
                let path = format!("/sobjects/Microsoft_Solution__c/{last}");
                self.world.seller_calls(SELLERS[0], Method::DELETE, &path, None)?;
                let now = self.world.now();
                for edit in self.record.edits.iter_mut().filter(|edit| edit.needle == code) {
                    edit.superseded.get_or_insert(now);
                }
                Ok(format!("{id} without {last}"))
            }
            _ => Err("there is one solution, and one is needed".to_owned()),
        }
    }

    /// A solution that nobody has named before.
    pub(super) fn solution(&mut self) -> String {
        self.typed += 1;
        format!("SOL-{:05}-XYZ", 10_000 + self.typed)
    }

    pub(super) fn seller_adds_solution(&mut self, opportunity: &str) -> Result<String, String> {
        let code = self.solution();
        let row =
            json!({ "Opportunity__c": opportunity, "Name": "Another solution", "Solution_Id__c": code });
        self.creates("Microsoft_Solution__c", &row)?;
        self.note_typed(ORG, opportunity, vec![(Field::Solution, code.clone())]);
        Ok(code)
    }

    pub(super) fn seller_clones(&mut self, scene: &Scene) -> Done {
        let row = self.any_opportunity(scene, is_in)?;
        let body = json!({ "id": row["Id"], "user": self.seller() });
        let clone = self.world.act(ORG, "clone", &body)?;
        self.record.wanted(self.world.now(), text(&clone["id"]), Wish::OptIn);
        self.record.clones.insert(text(&clone["id"]).to_owned());
        Ok(format!("{} becomes {}", text(&row["Id"]), text(&clone["id"])))
    }

    pub(super) fn seller_deletes(&mut self, scene: &Scene) -> Done {
        let binned = scene.org["Opportunity"].as_array().into_iter().flatten();
        let binned: Vec<&Value> = binned.filter(|row| row["IsDeleted"] == true).collect();
        if let Some(row) = self.dice.pick(&binned).filter(|_| self.dice.percent(60)) {
            self.world.act(ORG, "undelete", &json!({ "id": row["Id"] }))?;
            let key = text(&row["Referral_Identifier__c"]);
            let is_held = |other: &Value| text(&other["Referral_Identifier__c"]).eq_ignore_ascii_case(key);
            // Where identifiers need not be unique, it may be the second of one by now, as a clone is.
            if !key.is_empty() && scene.opportunities().any(is_held) {
                self.record.clones.insert(text(&row["Id"]).to_owned());
            }
            return Ok(format!("{} comes back", text(&row["Id"])));
        }
        let row = self.any_opportunity(scene, is_in)?;
        self.world.act(ORG, "delete", &json!({ "id": row["Id"] }))?;
        Ok(format!("{} is gone", text(&row["Id"])))
    }

    pub(super) fn job_touches(&mut self, scene: &Scene) -> Done {
        let row = self.any_opportunity(scene, |_| true)?;
        self.world.act(ORG, "touch", &json!({ "id": row["Id"] }))?;
        Ok(text(&row["Id"]).to_owned())
    }

    pub(super) fn loader_loads(&mut self, scene: &Scene) -> Done {
        let rows: Vec<String> =
            scene.opportunities().filter(|row| is_in(row)).map(|row| text(&row["Id"]).to_owned()).collect();
        let mut loaded = 0;
        for id in rows {
            if !self.dice.percent(60) {
                continue;
            }
            let field =
                *self.dice.pick(&[Field::Money, Field::Closing, Field::Notes]).unwrap_or(&Field::Notes);
            let (set, needles) = self.values(ORG, &[field]);
            if self.saves(&id, &set).is_ok() {
                self.note_typed(ORG, &id, needles);
                loaded += 1;
            }
        }
        if loaded == 0 { Err("there is nothing to load".to_owned()) } else { Ok(format!("{loaded} rows")) }
    }
}

impl People {
    /// The data loader changes the notes of all rows in one transaction.
    pub(super) fn loader_loads_at_once(&mut self, scene: &Scene) -> Done {
        let rows: Vec<String> =
            scene.opportunities().filter(|row| is_in(row)).map(|row| text(&row["Id"]).to_owned()).collect();
        let mut records = Vec::new();
        let mut typed = Vec::new();
        for id in rows {
            let (mut record, needles) = self.values(ORG, &[Field::Notes]);
            merge(&mut record, &json!({ "attributes": { "type": "Opportunity" }, "id": id }));
            records.push(record);
            typed.push((id, needles));
        }
        let body = json!({ "allOrNone": true, "records": records });
        self.world.seller_calls(SELLERS[0], Method::PATCH, "/composite/sobjects", Some(&body))?;
        let loaded = typed.len();
        for (id, needles) in typed {
            self.note_typed(ORG, &id, needles);
        }
        Ok(format!("{loaded} rows"))
    }

    /// A seller types into one of the opportunities that stand in an answer which the product does not have yet.
    pub(crate) fn type_over(&mut self, answer: &[u8]) {
        let scene = Scene::of(&self.world);
        let read = |row: &Value| is_in(row) && contains(answer, text(&row["Id"]));
        let Ok(row) = self.any_opportunity(&scene, read) else { return };
        let id = text(&row["Id"]).to_owned();
        let (set, needles) = self.values(ORG, &[Field::Notes]);
        let told: Vec<String> = needles.iter().map(|(_, needle)| needle.clone()).collect();
        let name = TYPES_WHILE_READ;
        match self.saves(&id, &set) {
            Ok(()) => {
                self.note_typed(ORG, &id, needles);
                self.record.deeds += 1;
                self.world.counters.note(format!("deed.{name}"));
                self.world.say(&format!("{name}: {id} {}", told.join(", ")));
            }
            Err(why) => self.world.say(&format!("{name}: not done, {why}")),
        }
    }
}

/// Whether a row is opted in.
pub(super) fn is_in(row: &Value) -> bool {
    row["Sync_with_Partner_Center__c"] == true
}

/// Whether a row was entered for nobody to see.
fn secret(row: &Value) -> bool {
    text(&row["Name"]).starts_with("SECRET")
}

fn merge(into: &mut Value, from: &Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from.clone());
    }
}
