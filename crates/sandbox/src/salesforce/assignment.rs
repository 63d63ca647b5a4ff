//! Assignment rules: whom a new lead is given to (salesforce reference, section 2.5).

use super::{
    call::Call,
    id::Id,
    org::{Caller, Org},
    tables::Row,
    values::Cell,
};

impl Org {
    /// Gives a new lead to whom the rules name, unless the call says `Sforce-Auto-Assign: FALSE`.
    pub(crate) fn assign(&mut self, call: &Call, caller: &Caller, object: usize, id: Id) {
        let off =
            call.header("sforce-auto-assign").is_some_and(|value| value.trim().eq_ignore_ascii_case("false"));
        if off || self.schema.object(object).name != "Lead" {
            return;
        }
        let Some(name) = &self.knobs.lead_assignee else { return };
        let person = self.people.iter().find(|person| person.username.eq_ignore_ascii_case(name));
        let owner = self.schema.object(object).position("OwnerId");
        if let (Some(person), Some(owner), Ok(row)) = (person, owner, self.live(object, id)) {
            let mut row = Row::clone(&row);
            row.set(owner, Cell::Id(person.id));
            self.tables.put(object, row, caller.now, None);
        }
    }
}
