//! When a field is written, who wins and what an emptied value means: what the lead of a group says for all of it.

use deal_model::{Clear, Conflict, PerSide, Side};

use super::{
    mistakes::{At, Mistakes},
    tree::{Node, Table},
    typed,
};

/// Which ways a field goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Both,
    ToSalesforce,
    ToPartnerCenter,
    Off,
}

impl Direction {
    pub(super) fn towards(self, side: Side) -> bool {
        match side {
            Side::Portal => matches!(self, Self::Both | Self::ToPartnerCenter),
            Side::Crm => matches!(self, Self::Both | Self::ToSalesforce),
        }
    }
}

/// When a field is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Moments {
    pub(super) create: bool,
    pub(super) update: bool,
}

/// What decides about a whole group; only its lead may say it.
#[derive(Debug, Default)]
pub(super) struct Policy {
    pub(super) direction: Option<Direction>,
    pub(super) on: PerSide<Option<Moments>>,
    pub(super) conflict: Option<Conflict>,
    pub(super) owner: Option<Side>,
    pub(super) clear: PerSide<Option<Clear>>,
    pub(super) enforce: Option<bool>,
    pub(super) active_only: Option<bool>,
    /// Whether what stands in a record that is shared by many deals is overwritten, and not only filled.
    pub(super) overwrites: Option<bool>,
    /// Each key that was said, and where.
    pub(super) said: Vec<(&'static str, At)>,
}

impl Policy {
    /// The place in the latest file that decides when and where the field is written, or `at` if that is later.
    pub(super) fn blame(&self, at: At) -> At {
        let routes =
            self.said.iter().filter(|(key, _)| matches!(*key, "direction" | "on")).map(|(_, at)| *at);
        routes.fold(at, |latest, each| if each.source > latest.source { each } else { latest })
    }
}

pub(super) const WAYS: [(&str, Direction); 4] = [
    ("both", Direction::Both),
    ("to_salesforce", Direction::ToSalesforce),
    ("to_partner_center", Direction::ToPartnerCenter),
    ("off", Direction::Off),
];
pub(super) const CONFLICTS: [(&str, Conflict); 4] = [
    ("newest", Conflict::Newest),
    ("salesforce", Conflict::Always(Side::Crm)),
    ("partner_center", Conflict::Always(Side::Portal)),
    ("ask", Conflict::Ask),
];
pub(super) const OWNERS: [(&str, Side); 2] = [("salesforce", Side::Crm), ("partner_center", Side::Portal)];
pub(super) const CLEARS: [(&str, Clear); 3] =
    [("ignore", Clear::Ignore), ("propagate", Clear::Propagate), ("refill", Clear::Refill)];
pub(super) const MOMENTS: &[&str] = &["create", "update"];

pub(super) fn read(table: &Table, mistakes: &mut Mistakes<'_>) -> Policy {
    const GROUP_KEYS: &[&str] =
        &["direction", "on", "conflict", "owner", "clear", "enforce", "active_only", "shared"];
    let said =
        GROUP_KEYS.iter().filter_map(|key| table.entry(key).map(|entry| (*key, entry.key_at))).collect();
    Policy {
        direction: table.get("direction").and_then(|node| typed::meaning(node, &WAYS, mistakes)),
        on: table.get("on").map(|node| typed::per_direction(node, mistakes, moments)).unwrap_or_default(),
        conflict: table.get("conflict").and_then(|node| typed::meaning(node, &CONFLICTS, mistakes)),
        owner: table.get("owner").and_then(|node| typed::meaning(node, &OWNERS, mistakes)),
        clear: table
            .get("clear")
            .map(|node| {
                typed::per_direction(node, mistakes, |node, mistakes| typed::meaning(node, &CLEARS, mistakes))
            })
            .unwrap_or_default(),
        enforce: table.get("enforce").and_then(|node| typed::flag(node, mistakes)),
        active_only: table.get("active_only").and_then(|node| typed::flag(node, mistakes)),
        overwrites: table
            .get("shared")
            .and_then(|node| typed::meaning(node, &[("fill", false), ("overwrite", true)], mistakes)),
        said,
    }
}

fn moments(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Moments> {
    let mut moments = Moments::default();
    for item in typed::list(node, mistakes)? {
        match typed::one_of(item, MOMENTS, mistakes) {
            Some("create") => moments.create = true,
            Some(_) => moments.update = true,
            None => {}
        }
    }
    Some(moments)
}
