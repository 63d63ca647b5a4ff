//! A seller and a user of the portal, both at once in one pair.

use sandbox::faults::Platform;
use serde_json::{Number, Value, json};

use super::People;
use crate::{
    edits::Field,
    scene::{Scene, list, text},
};

const ORG: Platform = Platform::Salesforce;
const PORTAL: Platform = Platform::PartnerCenter;

type Done = Result<String, String>;

impl People {
    /// The referral and the opportunity of a pair that both may edit.
    fn any_pair(&self, scene: &Scene) -> Result<(String, String), String> {
        let linked: Vec<(String, String)> = scene
            .ours()
            .filter(|referral| referral["status"] == "Active")
            .filter_map(|referral| {
                let id = text(&referral["id"]);
                let row = scene.opportunities().find(|row| row["Referral_Identifier__c"] == id)?;
                super::sellers::is_in(row).then(|| (id.to_owned(), text(&row["Id"]).to_owned()))
            })
            .collect();
        self.dice.pick(&linked).cloned().ok_or_else(|| "there is no pair".to_owned())
    }

    /// They type the same field.
    pub(super) fn both_type(&mut self, scene: &Scene) -> Done {
        let (referral, opportunity) = self.any_pair(scene)?;
        let fields = self.fields();
        let (set, needles) = self.values(ORG, &fields);
        let seller_first = self.dice.percent(50);
        let desk = |people: &mut Self| people.desk_saves(&referral, &fields);
        let told = if seller_first { None } else { Some(desk(self)?) };
        self.saves(&opportunity, &set)?;
        self.note_typed(ORG, &opportunity, needles);
        let told = match told {
            Some(told) => told,
            None => desk(self)?,
        };
        Ok(format!("{opportunity} and {told}"))
    }

    /// They type the same, as far as both sides can hold it: the portal keeps blanks and a third decimal.
    pub(super) fn both_agree(&mut self, scene: &Scene) -> Done {
        let (referral, opportunity) = self.any_pair(scene)?;
        let (notes, amount, currency) = (self.notes(), self.amount(), self.currency());
        let finer = format!("{amount}4");
        for amount in [&amount, &finer] {
            self.record.money.insert((amount.clone(), currency.to_owned()));
        }
        let number = |text: &str| text.parse::<Number>().map_or(Value::Null, Value::Number);
        self.saves(
            &opportunity,
            &json!({ "Description": notes, "Amount": number(&amount), "CurrencyIsoCode": currency }),
        )?;
        let set = json!({ "/details/notes": format!("  {notes} \n"), "/details/dealValue": number(&finer),
            "/details/currency": currency });
        self.world.act(PORTAL, "portal/edit", &json!({ "id": referral, "set": set }))?;
        let needles = vec![(Field::Notes, notes.clone()), (Field::Money, amount.clone())];
        for (side, record) in [(ORG, &opportunity), (PORTAL, &referral)] {
            self.note_typed(side, record, needles.clone());
            for edit in self.record.edits.iter_mut().rev().take(needles.len()) {
                edit.alike = true;
            }
        }
        Ok(format!("{opportunity} and {referral} {notes}, {amount}"))
    }

    /// Each adds a solution.
    pub(super) fn both_add_rows(&mut self, scene: &Scene) -> Done {
        let (referral, opportunity) = self.any_pair(scene)?;
        let held = scene.referral(&referral).map(|own| own["details"]["requirements"]["solutions"].clone());
        let mut held = held.map(|held| list(&held).to_vec()).unwrap_or_default();
        let code = self.solution();
        held.push(json!({ "id": code, "name": "The portal's solution", "type": "Name" }));
        let set = json!({ "/details/requirements/solutions": held });
        self.world.act(PORTAL, "portal/edit", &json!({ "id": referral, "set": set }))?;
        self.note_typed(PORTAL, &referral, vec![(Field::Solution, code.clone())]);
        let own = self.seller_adds_solution(&opportunity)?;
        Ok(format!("{opportunity} and {own}, {referral} and {code}"))
    }
}
