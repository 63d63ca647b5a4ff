//! The words in which a person is asked about a field that was changed on both sides.

use jiff::Timestamp;

use crate::{
    Actor, GroupHeld, GroupSpec, PerSide, Plan, ProblemClass, Side, Window, display, groups::Groups,
};

impl Groups<'_> {
    /// A person is asked which side is right.
    pub(crate) fn ask(&self, spec: &GroupSpec, held: &PerSide<GroupHeld>, plan: &mut Plan) {
        let windows = self.windows(spec, held);
        let told = |side: Side, record: &str| {
            let value = display(held.at(side));
            format!("\"{value}\" on the {record}{}", self.came(side, windows.at(side).as_ref()))
        };
        plan.problem(
            ProblemClass::Conflict,
            Some(&spec.id),
            format!(
                "{} was changed on both sides: {}, {}.",
                spec.label(),
                told(Side::Crm, "opportunity"),
                told(Side::Portal, "referral")
            ),
            format!(
                "All other fields go on. Choose the value that is right: cosell resolve {} {}",
                self.input.deal.id, spec.id
            ),
        );
    }

    /// When the value came and by whom, as far as the record's own stamps tell.
    fn came(&self, side: Side, window: Option<&Window>) -> String {
        let Some(until) = window.and_then(|window| window.until) else { return String::new() };
        let seen = self.seen.at(side);
        // The record says who saved it last, and that is this value's author only if nothing was saved since.
        let who = match seen.actor {
            Actor::Person if seen.version.stamp == until => "by a person, ",
            Actor::Integration if seen.version.stamp == until => "by an automation, ",
            _ => "",
        };
        format!(" (saved {who}{})", minute(until))
    }
}

fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}
