//! A customer's flows: they change what an API user just wrote, in the same save or in one of their own.

use jiff::{SignedDuration, Timestamp};
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::Value;

use super::{
    id::Id,
    knobs::{Automation, Deed, When},
    org::{Caller, Org, Role},
    rows::Draft,
    values::{self, Cell},
};

/// A deed whose time has not come.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    pub(crate) due: Timestamp,
    object: usize,
    row: Id,
    field: usize,
    automation: Automation,
    /// What the field held before the write that set this off.
    before: Cell,
    user: Id,
    role: Role,
}

/// What the automation makes of `cell`.
fn made_of(automation: &Automation, cell: &Cell, before: &Cell) -> Cell {
    match (automation.kind, cell) {
        (Deed::Prefix, Cell::Text(text)) => {
            let prefix = automation.argument.as_str().unwrap_or_default();
            if text.starts_with(prefix) { cell.clone() } else { Cell::Text(format!("{prefix}{text}")) }
        }
        (Deed::Round, Cell::Number(number)) => {
            let step = match &automation.argument {
                Value::Number(step) => values::parse_number(step).unwrap_or(Decimal::ONE),
                _ => Decimal::ONE,
            };
            let steps = number.checked_div(step).unwrap_or(*number);
            let rounded = steps.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero);
            Cell::Number(rounded.checked_mul(step).unwrap_or(*number))
        }
        (Deed::ShiftDays, Cell::Date(date)) => {
            let days = automation.argument.as_i64().unwrap_or(1).clamp(-3_660, 3_660);
            date.checked_add(jiff::Span::new().days(days)).map_or_else(|_| cell.clone(), Cell::Date)
        }
        (Deed::Revert, _) => before.clone(),
        _ => cell.clone(),
    }
}

impl Org {
    fn matching(&self, draft: &Draft) -> Vec<(usize, Automation)> {
        let object = self.schema.object(draft.object);
        self.knobs
            .automations
            .iter()
            .filter(|automation| automation.object.eq_ignore_ascii_case(object.name))
            .filter_map(|automation| {
                let at = object.position(&automation.field)?;
                draft.written.contains(&at).then(|| (at, automation.clone()))
            })
            .collect()
    }

    /// Runs the automations that act inside the save.
    pub(crate) fn automate_before_save(&self, draft: &mut Draft) {
        for (at, automation) in self.matching(draft) {
            if automation.when == When::BeforeSave {
                let before = draft.before.as_ref().map_or(Cell::Null, |row| row.cell(at).clone());
                let made = made_of(&automation, draft.row.cell(at), &before);
                draft.row.set(at, made);
            }
        }
    }

    /// Notes the automations that act later.
    pub(crate) fn automate_later(&mut self, caller: &Caller, draft: &Draft) {
        for (at, automation) in self.matching(draft) {
            if let When::AfterMs(wait) = automation.when {
                let due = caller
                    .now
                    .checked_add(SignedDuration::from_millis(i64::from(wait)))
                    .unwrap_or(caller.now);
                let before = draft.before.as_ref().map_or(Cell::Null, |row| row.cell(at).clone());
                self.pending.push(Pending {
                    due,
                    object: draft.object,
                    row: draft.row.id,
                    field: at,
                    automation,
                    before,
                    user: caller.user,
                    role: caller.role,
                });
            }
        }
    }

    /// Does what is due, each deed at the instant it was due.
    pub(crate) fn run_due(&mut self, now: Timestamp) {
        let (mut due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.pending).into_iter().partition(|pending| pending.due <= now);
        self.pending = later;
        due.sort_by_key(|pending| pending.due);
        for deed in due {
            let Some(row) = self.tables.get(deed.object, deed.row).filter(|row| !row.deleted()) else {
                continue;
            };
            let made = made_of(&deed.automation, row.cell(deed.field), &deed.before);
            if made == *row.cell(deed.field) {
                continue;
            }
            let caller = Caller {
                user: deed.user,
                role: deed.role,
                version: 60,
                allow_duplicates: true,
                now: deed.due,
            };
            let mut draft = Draft::of(deed.object, row);
            draft.row.set(deed.field, made);
            // A flow that fails leaves the row alone, and nobody hears of it.
            let mark = self.mark();
            self.sign_as_platform(deed.user);
            if self.save(&caller, draft).is_err() {
                self.roll_back(mark);
            }
            self.tables.settle();
        }
    }
}
