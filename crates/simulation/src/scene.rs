//! What a person would see on both platforms just now, from their raw records.

use std::sync::Arc;

use sandbox::{exchange::Machine as _, picture::Drawn};
use serde_json::Value;

use crate::world::{LOCK, World};

/// The stage in which received referrals wait.
pub(crate) const ON_HOLD: &str = "Co-sell: to answer";

/// Both platforms' records.
#[derive(Clone, Default)]
pub struct Scene {
    /// All records of Salesforce, by object name.
    pub org: Value,
    /// All referrals.
    pub portal: Value,
}

/// The newest scene of a world, and what it was drawn from.
#[derive(Default)]
pub(crate) struct Newest {
    scene: Arc<Scene>,
    org: Drawn,
    portal: Drawn,
    /// How much had been written in the org and at the portal.
    written: Option<(u64, u64)>,
}

impl Scene {
    /// As it is now. What nobody wrote since the last look costs nothing.
    pub fn of(world: &World) -> Arc<Self> {
        let now = world.now();
        let written = Some((world.org.written(now), world.portal.written(now)));
        let mut newest = world.scene.lock().expect(LOCK);
        if newest.written != written {
            let Newest { scene, org, portal, .. } = &mut *newest;
            let scene = Arc::make_mut(scene);
            world.org.redraw(&mut scene.org, org, now);
            world.portal.redraw(&mut scene.portal, portal, now);
            newest.written = written;
        }
        Arc::clone(&newest.scene)
    }

    /// Opportunities that nobody deleted.
    pub(crate) fn opportunities(&self) -> impl Iterator<Item = &Value> {
        list(&self.org["Opportunity"]).iter().filter(|row| row["IsDeleted"] != true)
    }

    /// Referrals, whoever owns them.
    pub(crate) fn referrals(&self) -> &[Value] {
        list(&self.portal["referrals"])
    }

    /// The partner's own referrals.
    pub(crate) fn ours(&self) -> impl Iterator<Item = &Value> {
        let own = &self.portal["organizationId"];
        self.referrals().iter().filter(move |referral| referral["organizationId"] == *own)
    }

    /// The referral with this id.
    pub(crate) fn referral(&self, id: &str) -> Option<&Value> {
        self.referrals().iter().find(|referral| referral["id"] == id)
    }

    /// The opportunity that a referral of ours belongs to, as either of them says.
    pub(crate) fn opportunity_of(&self, referral: &str) -> Option<&str> {
        let named =
            self.referral(referral).map(|own| text(&own["externalReferenceId"])).filter(|id| !id.is_empty());
        let is_it = |row: &&Value| match named {
            // The id is compared in its short form: both are used.
            Some(named) => text(&row["Id"]).starts_with(named.get(..15).unwrap_or(named)),
            None => text(&row["Referral_Identifier__c"]).eq_ignore_ascii_case(referral),
        };
        self.opportunities().find(is_it).map(|row| text(&row["Id"]))
    }

    /// Living rows of an object that point to `parent` by `field`.
    pub(crate) fn children<'a>(
        &'a self,
        object: &str,
        field: &'a str,
        parent: &'a str,
    ) -> impl Iterator<Item = &'a Value> {
        list(&self.org[object]).iter().filter(move |row| row[field] == parent && row["IsDeleted"] != true)
    }
}

/// A value's elements, if it is an array.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A text; empty if it is none.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
