//! What happens seldom: leads, invitations of other partners, a mistyped identifier, a row that somebody else holds.

use sandbox::faults::Platform;
use serde_json::{Value, json};

use super::People;
use crate::scene::{Scene, text};

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

    /// Somebody's long transaction holds an opportunity.
    pub(super) fn row_is_held(&mut self, scene: &Scene) -> Done {
        let row = self.any_opportunity(scene, super::sellers::is_in)?;
        let times = self.dice.between(1, 4);
        self.world.set_knobs(ORG, &json!({ "locked_rows": [{ "id": row["Id"], "times": times }] }));
        Ok(format!("{} {times} times", text(&row["Id"])))
    }
}
