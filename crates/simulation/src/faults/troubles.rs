//! Troubles that last a while: each is a knob of the sandbox, turned and turned back.

use std::collections::BTreeSet;

use sandbox::faults::Platform;
use serde_json::{Value, json};

use crate::{
    dice::Dice,
    scene::{Scene, list, text},
    world::World,
};

/// A trouble: what it does to a platform, and how it ends.
pub(crate) struct Trouble {
    /// Its name in counters and on the command line.
    pub(crate) name: &'static str,
    platform: Platform,
    on: fn(&Dice) -> Value,
    off: fn() -> Value,
    /// Most seconds that it lasts.
    pub(crate) longest: u64,
}

const PORTAL: Platform = Platform::PartnerCenter;
const ORG: Platform = Platform::Salesforce;

/// Several opportunities may carry one identifier.
const NOT_UNIQUE: &str = "identifier_not_unique";

/// All of them. No trouble turns a knob that another one turns.
pub(crate) const TROUBLES: &[Trouble] = &[
    Trouble {
        name: "events_doubled",
        platform: PORTAL,
        on: |dice| json!({ "webhook_duplicates": dice.between(1, 3) }),
        off: || json!({ "webhook_duplicates": 0 }),
        longest: 600,
    },
    Trouble {
        name: "events_late",
        platform: PORTAL,
        on: |dice| json!({ "webhook_delay_ms": dice.between(1_000, 60_000) }),
        off: || json!({ "webhook_delay_ms": 0 }),
        longest: 600,
    },
    Trouble {
        name: "events_reordered",
        platform: PORTAL,
        on: |dice| json!({ "webhook_jitter_ms": dice.between(1_000, 20_000), "webhook_newest_first": true }),
        off: || json!({ "webhook_jitter_ms": 0, "webhook_newest_first": false }),
        longest: 600,
    },
    Trouble {
        name: "events_lost",
        platform: PORTAL,
        on: |dice| json!({ "webhook_lose_percent": dice.between(20, 100) }),
        off: || json!({ "webhook_lose_percent": 0 }),
        longest: 600,
    },
    Trouble {
        name: "events_signed_by_a_stranger",
        platform: PORTAL,
        on: |_| json!({ "webhook_signer": "foreign" }),
        off: || json!({ "webhook_signer": "genuine" }),
        longest: 120,
    },
    Trouble {
        name: "stale_portal_reads",
        platform: PORTAL,
        on: |dice| json!({ "get_lag_ms": dice.between(500, 3_000) }),
        off: || json!({ "get_lag_ms": 0 }),
        longest: 300,
    },
    Trouble {
        name: "stale_lists",
        platform: PORTAL,
        on: |dice| json!({ "list_lag_ms": dice.between(500, 30_000) }),
        off: || json!({ "list_lag_ms": 0 }),
        longest: 600,
    },
    Trouble {
        name: "late_in_lists",
        platform: PORTAL,
        on: |dice| json!({ "late_in_lists_ms": dice.between(1_000, 30_000) }),
        off: || json!({ "late_in_lists_ms": 0 }),
        longest: 600,
    },
    Trouble {
        name: "portal_throttles",
        platform: PORTAL,
        on: |dice| json!({ "calls_a_minute": dice.between(6, 40) }),
        off: || json!({ "calls_a_minute": null }),
        longest: 300,
    },
    Trouble {
        name: "short_portal_sessions",
        platform: PORTAL,
        on: |dice| json!({ "access_token_seconds": dice.between(60, 400) }),
        off: || json!({ "access_token_seconds": 3_600 }),
        longest: 900,
    },
    Trouble {
        name: "stale_precondition_is_409",
        platform: PORTAL,
        on: |_| json!({ "stale_status": 409 }),
        off: || json!({ "stale_status": 412 }),
        longest: 600,
    },
    Trouble {
        name: "stale_org_reads",
        platform: ORG,
        on: |dice| json!({ "read_lag_ms": dice.between(500, 3_000) }),
        off: || json!({ "read_lag_ms": 0 }),
        longest: 300,
    },
    Trouble {
        name: "rows_appear_late",
        platform: ORG,
        on: |dice| json!({ "late_visible_ms": dice.between(500, 5_000) }),
        off: || json!({ "late_visible_ms": 0 }),
        longest: 300,
    },
    Trouble {
        name: "field_hidden",
        platform: ORG,
        on: |dice| {
            let fields = ["Opportunity.Amount", "Opportunity.Description", "Opportunity.CloseDate"];
            json!({ "hidden_fields": [dice.pick(&fields)] })
        },
        off: || json!({ "hidden_fields": [] }),
        longest: 600,
    },
    Trouble {
        name: "conditions_by_the_other_stamp",
        platform: ORG,
        on: |_| json!({ "conditional_stamp": "SystemModstamp" }),
        off: || json!({ "conditional_stamp": "LastModifiedDate" }),
        longest: 900,
    },
    Trouble {
        name: NOT_UNIQUE,
        platform: ORG,
        on: |_| json!({ "identifier_unique": false }),
        off: || json!({ "identifier_unique": true }),
        longest: 900,
    },
    Trouble {
        name: "org_clock_skewed",
        platform: ORG,
        on: |dice| {
            let skew = i64::try_from(dice.between(1, 120)).unwrap_or_default();
            json!({ "date_skew_seconds": if dice.percent(50) { skew } else { -skew } })
        },
        off: || json!({ "date_skew_seconds": 0 }),
        longest: 600,
    },
    Trouble {
        name: "daily_limit_reached",
        platform: ORG,
        on: |_| json!({ "daily_limit": 1 }),
        off: || json!({ "daily_limit": 100_000 }),
        longest: 300,
    },
    Trouble {
        name: "integration_user_denied",
        platform: ORG,
        on: |_| json!({ "deny_users": ["cosell@trey-research.example"] }),
        off: || json!({ "deny_users": [] }),
        longest: 120,
    },
    Trouble {
        name: "sessions_revoked",
        platform: ORG,
        on: |_| json!({ "revoked_users": ["cosell@trey-research.example"] }),
        off: || json!({ "revoked_users": [] }),
        longest: 120,
    },
    Trouble {
        name: "short_org_sessions",
        platform: ORG,
        on: |dice| json!({ "token_ttl_seconds": dice.between(30, 200) }),
        off: || json!({ "token_ttl_seconds": 7_200 }),
        longest: 900,
    },
    Trouble {
        name: "save_fails",
        platform: ORG,
        on: |dice| {
            json!({ "save_failures": [{ "object": "Opportunity", "kind": "flow", "name": "Nightly",
                "message": "not now", "times": dice.between(1, 6) }] })
        },
        off: || json!({ "save_failures": [] }),
        longest: 300,
    },
    Trouble {
        name: "automation_prefixes",
        platform: ORG,
        on: |dice| automation(dice, "Description", "prefix", json!("[flow] ")),
        off: || json!({ "automations": [] }),
        longest: 600,
    },
    Trouble {
        name: "automation_rounds",
        platform: ORG,
        on: |dice| automation(dice, "Amount", "round", json!(10)),
        off: || json!({ "automations": [] }),
        longest: 600,
    },
    Trouble {
        name: "automation_shifts",
        platform: ORG,
        on: |dice| automation(dice, "CloseDate", "shift_days", json!(1)),
        off: || json!({ "automations": [] }),
        longest: 600,
    },
    Trouble {
        name: "automation_reverts",
        platform: ORG,
        on: |dice| {
            let fields = ["Amount", "Description", "CloseDate"];
            automation(dice, dice.pick(&fields).copied().unwrap_or("Amount"), "revert", Value::Null)
        },
        off: || json!({ "automations": [] }),
        longest: 600,
    },
    Trouble {
        name: "bus_unavailable",
        platform: ORG,
        on: |_| json!({ "events": { "unavailable": true } }),
        off: || json!({ "events": { "unavailable": false } }),
        longest: 300,
    },
    Trouble {
        name: "bus_dies_often",
        platform: ORG,
        on: |dice| {
            let by = if dice.percent(50) { "unavailable" } else { "reset" };
            json!({ "events": { "kill_every": dice.between(1, 5), "kill_by": by } })
        },
        off: || json!({ "events": { "kill_every": 0 } }),
        longest: 300,
    },
    Trouble {
        name: "bus_late",
        platform: ORG,
        on: |dice| json!({ "events": { "delay_ms": dice.between(1_000, 60_000) } }),
        off: || json!({ "events": { "delay_ms": 0 } }),
        longest: 300,
    },
    Trouble {
        name: "bus_hangs",
        platform: ORG,
        on: |_| json!({ "events": { "hang_after": 1 } }),
        off: || json!({ "events": { "hang_after": null } }),
        longest: 300,
    },
    Trouble {
        name: "bus_tells_twice",
        platform: ORG,
        on: |dice| json!({ "events": { "double_every": dice.between(1, 3) } }),
        off: || json!({ "events": { "double_every": 0 } }),
        longest: 300,
    },
    Trouble {
        name: "bus_gap",
        platform: ORG,
        on: |dice| json!({ "events": { "gap_next": dice.between(1, 4) } }),
        off: || json!({ "events": { "gap_next": 0 } }),
        longest: 300,
    },
    Trouble {
        name: "bus_overflow",
        platform: ORG,
        on: |_| json!({ "events": { "overflow_from": 1 } }),
        off: || json!({ "events": { "overflow_from": 100_000 } }),
        longest: 300,
    },
    Trouble {
        name: "bus_corrupts",
        platform: ORG,
        on: |dice| json!({ "events": { "corrupt_next": dice.between(1, 3) } }),
        off: || json!({ "events": { "corrupt_next": 0 } }),
        longest: 300,
    },
    Trouble {
        name: "bus_forgets",
        platform: ORG,
        on: |_| json!({ "events": { "retention_hours": 0 } }),
        off: || json!({ "events": { "retention_hours": 72 } }),
        longest: 120,
    },
];

/// Troubles that come besides, seldom.
pub(crate) const SELDOM: &[Trouble] = &[
    Trouble {
        name: "events_signed_with_an_expired_certificate",
        platform: PORTAL,
        on: |_| json!({ "webhook_signer": "expired" }),
        off: || json!({ "webhook_signer": "genuine" }),
        longest: 120,
    },
    Trouble {
        name: "validation_rule",
        platform: ORG,
        on: |dice| {
            json!({ "validation_rules": [{ "object": "Opportunity", "field": "Amount",
                "condition": { "above": 30_000 + dice.between(0, 5_000) }, "message": "Too much for us." }] })
        },
        off: || json!({ "validation_rules": [] }),
        longest: 120,
    },
];

/// Troubles that come only where they are named to come often.
pub(crate) const ON_REQUEST: &[Trouble] = &[Trouble {
    name: "automation_late",
    platform: ORG,
    on: |dice| {
        json!({ "automations": [{ "object": "Opportunity", "field": "Description", "kind": "prefix",
            "argument": "[flow] ", "when": { "after_ms": dice.between(4_000, 12_000) } }] })
    },
    off: || json!({ "automations": [] }),
    longest: 600,
}];

/// The trouble of this name.
pub(crate) fn named(name: &str) -> Option<&'static Trouble> {
    TROUBLES.iter().chain(SELDOM).chain(ON_REQUEST).find(|trouble| trouble.name == name)
}

fn automation(dice: &Dice, field: &str, kind: &str, argument: Value) -> Value {
    let when =
        if dice.percent(50) { json!("before_save") } else { json!({ "after_ms": dice.between(100, 5_000) }) };
    json!({ "automations": [{ "object": "Opportunity", "field": field, "kind": kind, "argument": argument,
        "when": when }] })
}

impl Trouble {
    /// Whether it and `other` turn one knob.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        self.platform == other.platform && knobs(&(self.off)()) == knobs(&(other.off)())
    }

    /// It begins.
    pub(crate) fn begin(&self, world: &World, dice: &Dice) {
        world.counters.note(format!("fault.{}", self.name));
        let patch = (self.on)(dice);
        world.say(&format!("trouble {} begins: {patch}", self.name));
        world.set_knobs(self.platform, &patch);
    }

    /// It ends, if it can.
    pub(crate) fn end(&self, world: &World) {
        if self.name == NOT_UNIQUE && is_held_twice(world) {
            world.say("an identifier that two opportunities hold is not made unique any more");
            return;
        }
        world.say(&format!("trouble {} ends", self.name));
        world.set_knobs(self.platform, &(self.off)());
    }
}

/// Whether several opportunities carry one identifier, deleted ones among them.
fn is_held_twice(world: &World) -> bool {
    let scene = Scene::of(world);
    let mut seen = BTreeSet::new();
    let held = list(&scene.org["Opportunity"]).iter().map(|row| text(&row["Referral_Identifier__c"]));
    held.filter(|held| !held.is_empty()).any(|held| !seen.insert(held.to_ascii_lowercase()))
}

/// The names of the knobs that a patch turns, two levels deep.
fn knobs(patch: &Value) -> Vec<String> {
    let Value::Object(members) = patch else { return Vec::new() };
    let name = |(name, value): (&String, &Value)| match value {
        Value::Object(inner) => inner.keys().map(|inner| format!("{name}.{inner}")).collect(),
        _ => vec![name.clone()],
    };
    members.iter().flat_map(name).collect()
}

#[cfg(test)]
mod tests {
    use sandbox::{
        exchange::Machine, partner_center::PartnerCenter, salesforce::Salesforce, world::World as Chance,
    };

    use super::*;

    #[test]
    fn every_trouble_is_one_that_the_sandbox_takes_and_its_end_leaves_nothing_behind() {
        let now = jiff::Timestamp::UNIX_EPOCH;
        let chance = std::sync::Arc::new(Chance::new(1));
        let (portal, org) =
            (PartnerCenter::new(std::sync::Arc::clone(&chance), now), Salesforce::new(&chance));
        let dice = Dice::new(1, "troubles");
        for trouble in TROUBLES.iter().chain(SELDOM).chain(ON_REQUEST) {
            let machine: &dyn Machine = if trouble.platform == PORTAL { &portal } else { &org };
            let before = machine.knobs();
            machine.set_knobs(&(trouble.on)(&dice), now).unwrap();
            assert_ne!(machine.knobs(), before, "{} turns nothing", trouble.name);
            machine.set_knobs(&(trouble.off)(), now).unwrap();
            let mut after = machine.knobs();
            // How a stream is killed does not matter while none is.
            if let Some(by) = before.pointer("/events/kill_by") {
                after["events"]["kill_by"] = by.clone();
            }
            assert_eq!(after, before, "{} leaves something behind", trouble.name);
        }
    }
}
