//! A seller and a user of the portal, both at once in one pair.

use sandbox::faults::Platform;
use serde_json::json;

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

    /// They type the same, as far as both sides can hold it: the portal keeps blanks, and the sign for the end of a line
    /// that word processors use.
    pub(super) fn both_agree(&mut self, scene: &Scene) -> Done {
        let (referral, opportunity) = self.any_pair(scene)?;
        let notes = self.notes();
        self.saves(&opportunity, &json!({ "Description": format!("{notes}\nSent on.") }))?;
        let set = json!({ "/details/notes": format!("  {notes}\u{2028}Sent on. \n") });
        self.world.act(PORTAL, "portal/edit", &json!({ "id": referral, "set": set }))?;
        for (side, record) in [(ORG, &opportunity), (PORTAL, &referral)] {
            self.note_typed(side, record, vec![(Field::Notes, notes.clone())]);
            if let Some(edit) = self.record.edits.last_mut() {
                edit.alike = true;
            }
        }
        Ok(format!("{opportunity} and {referral} {notes}"))
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
