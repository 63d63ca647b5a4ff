//! What happens seldom: leads, invitations of other partners, a mistyped identifier, a row that somebody else holds, and
//! what brings a deal into the rarer rows of the lifecycle table.

use sandbox::faults::Platform;
use serde_json::{Value, json};

use super::People;
use crate::{
    edits::Wish,
    scene::{ON_HOLD, Scene, text},
};

const ORG: Platform = Platform::Salesforce;
const PORTAL: Platform = Platform::PartnerCenter;

/// What the portal calls the ways in which a lead comes.
const LEADS: [&str; 3] = ["marketplace", "marketing-qualified", "sales-qualified"];

type Done = Result<String, String>;

impl People {
    /// A lead comes; nobody has switched leads on.
    pub(super) fn lead_comes(&mut self) -> Done {
        let mut referral = self.referral();
        if let Value::Object(members) = &mut referral {
            members.retain(|name, _| !["type", "qualification", "inviteContext"].contains(&name.as_str()));
        }
        let kind = self.dice.pick(&LEADS);
        let lead =
            self.world.act(PORTAL, "microsoft/lead", &json!({ "kind": kind, "referral": referral }))?;
        Ok(text(&lead["id"]).to_owned())
    }

    /// Another partner invites: what is theirs is read, and never written.
    pub(super) fn partner_invites(&mut self) -> Done {
        let referral = self.referral();
        let invited = self.world.act(PORTAL, "other/invite", &referral)?;
        Ok(text(&invited["id"]).to_owned())
    }

    /// A seller mistypes the identifier of a linked opportunity.
    pub(super) fn seller_alters_identifier(&mut self, scene: &Scene) -> Done {
        let row = self.any_opportunity(scene, |row| {
            super::sellers::is_in(row)
                && row["IsClosed"] != true
                && !text(&row["Referral_Identifier__c"]).is_empty()
        })?;
        let id = text(&row["Id"]).to_owned();
        if self.record.clones.contains(&id) {
            return Err("it is a copy".to_owned());
        }
        self.typed += 1;
        let altered = format!("mistyped {:06}", self.typed);
        self.saves(&id, &json!({ "Referral_Identifier__c": altered }))?;
        Ok(format!("{id} {altered}"))
    }

    /// A seller puts a shared opportunity back into the stage in which received referrals wait: there is nothing to take
    /// back.
    pub(super) fn seller_puts_back(&mut self, scene: &Scene) -> Done {
        let row = self.any_opportunity(scene, |row| {
            super::sellers::is_in(row)
                && row["IsClosed"] != true
                && row["StageName"] != ON_HOLD
                && !text(&row["Referral_Identifier__c"]).is_empty()
        })?;
        let id = text(&row["Id"]).to_owned();
        self.saves(&id, &json!({ "StageName": ON_HOLD }))?;
        Ok(id)
    }

    /// The portal declines a received referral, or its time is over, in the moment in which a seller moves on.
    pub(super) fn both_answer(&mut self, scene: &Scene) -> Done {
        let waiting: Vec<(Value, String)> = scene
            .ours()
            .filter(|referral| referral["status"] == "New")
            .filter_map(|referral| {
                let row =
                    scene.opportunities().find(|row| row["Referral_Identifier__c"] == referral["id"])?;
                let waits = super::sellers::is_in(row) && row["StageName"] == ON_HOLD;
                waits.then(|| (referral["id"].clone(), text(&row["Id"]).to_owned()))
            })
            .collect();
        let (referral, opportunity) = self.dice.pick(&waiting).cloned().ok_or("no referral waits")?;
        let (actor, body) = if self.dice.percent(50) {
            ("portal/decline", json!({ "id": referral, "reason": "Others" }))
        } else {
            ("expire", json!({ "id": referral }))
        };
        self.world.act(PORTAL, actor, &body)?;
        self.saves(&opportunity, &json!({ "StageName": self.open_stage() }))?;
        self.record.wanted(self.world.now(), &opportunity, Wish::Accept);
        Ok(format!("{actor} {}, and {opportunity} moves on", text(&referral)))
    }

    /// Somebody's long transaction holds an opportunity.
    pub(super) fn row_is_held(&mut self, scene: &Scene) -> Done {
        let row = self.any_opportunity(scene, super::sellers::is_in)?;
        let times = self.dice.between(1, 4);
        self.world.set_knobs(ORG, &json!({ "locked_rows": [{ "id": row["Id"], "times": times }] }));
        Ok(format!("{} {times} times", text(&row["Id"])))
    }
}
