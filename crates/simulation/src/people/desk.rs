//! The partner's own users at the portal.

use sandbox::faults::Platform;
use serde_json::{Value, json};

use super::People;
use crate::{
    edits::Field,
    scene::{Scene, text},
};

const PORTAL: Platform = Platform::PartnerCenter;

type Done = Result<String, String>;

impl People {
    /// One of the partner's own referrals.
    fn any_own(&self, scene: &Scene, fit: impl Fn(&Value) -> bool) -> Result<Value, String> {
        let of: Vec<&Value> = scene.ours().filter(|referral| fit(referral)).collect();
        self.dice.pick(&of).map(|referral| (*referral).clone()).ok_or_else(|| "there is none".to_owned())
    }

    pub(super) fn desk_types(&mut self, scene: &Scene) -> Done {
        let referral = self.any_own(scene, |referral| referral["status"] == "Active")?;
        let id = text(&referral["id"]).to_owned();
        let fields = self.fields();
        self.desk_saves(&id, &fields)
    }

    pub(super) fn desk_saves(&mut self, id: &str, fields: &[Field]) -> Done {
        let (set, needles) = self.values(PORTAL, fields);
        self.world.act(PORTAL, "portal/edit", &json!({ "id": id, "set": set }))?;
        let told: Vec<String> = needles.iter().map(|(_, needle)| needle.clone()).collect();
        self.note_typed(PORTAL, id, needles);
        Ok(format!("{id} {}", told.join(", ")))
    }

    pub(super) fn desk_moves(&mut self, scene: &Scene) -> Done {
        let referral = self.any_own(scene, |referral| referral["status"] != "Closed")?;
        let id = &referral["id"];
        let (actor, body) = if referral["status"] == "New" {
            match self.dice.below(4) {
                0 => ("portal/decline", json!({ "id": id, "reason": "Others" })),
                1 => ("expire", json!({ "id": id })),
                _ => ("portal/accept", json!({ "id": id })),
            }
        } else {
            let won = self.dice.percent(50);
            let reason = if won { Value::Null } else { json!("Others") };
            let substatus = if won { "Won" } else { "Lost" };
            ("portal/close", json!({ "id": id, "substatus": substatus, "reason": reason }))
        };
        self.world.act(PORTAL, actor, &body)?;
        Ok(format!("{actor} {body}"))
    }
}
