//! Creating, changing and deleting one row, with every check and side effect of a save (salesforce reference, 2.4–2.6).

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Map, Value};

use super::{
    errors::Fault,
    id::Id,
    knobs::Right,
    org::{Caller, Org, value_of},
    schema::{Access, Object, system},
    tables::Row,
    values::{self, Cell},
};

/// A row on its way into a table.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) object: usize,
    pub(crate) row: Row,
    pub(crate) before: Option<Arc<Row>>,
    /// Fields that the caller wrote.
    pub(crate) written: BTreeSet<usize>,
}

impl Draft {
    /// A change of a row that exists.
    pub(crate) fn of(object: usize, row: &Arc<Row>) -> Self {
        Self { object, row: Row::clone(row), before: Some(Arc::clone(row)), written: BTreeSet::new() }
    }

    fn changed(&self, at: usize) -> bool {
        self.before.as_ref().is_none_or(|before| before.cell(at) != self.row.cell(at))
    }

    /// Whether the field with this name differs from what was there.
    pub(crate) fn changes(&self, object: &Object, field: &str) -> bool {
        object.position(field).is_some_and(|at| self.changed(at))
    }

    pub(crate) fn writes(&self, object: &Object, field: &str) -> bool {
        object.position(field).is_some_and(|at| self.written.contains(&at))
    }

    pub(crate) fn set(&mut self, object: &Object, field: &str, cell: Cell) {
        if let Some(at) = object.position(field) {
            self.row.set(at, cell);
        }
    }
}

/// What an upsert did.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Upserted {
    Created(Id),
    Updated(Id),
    /// Several rows match; nothing was written.
    Several(Vec<Id>),
}

impl Org {
    /// Creates a row.
    ///
    /// # Errors
    /// The platform's refusal; nothing is stored then.
    pub(crate) fn insert(
        &mut self,
        caller: &Caller,
        object: usize,
        body: &Map<String, Value>,
    ) -> Result<Id, Fault> {
        let mark = self.mark();
        let outcome = self.try_insert(caller, object, body);
        if outcome.is_err() {
            self.roll_back(mark);
        }
        outcome
    }

    fn try_insert(&mut self, caller: &Caller, index: usize, body: &Map<String, Value>) -> Result<Id, Fault> {
        let schema = Arc::clone(&self.schema);
        let object = schema.object(index);
        if object.access == Access::Read {
            return Err(Fault::bad(
                "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
                format!("entity type cannot be inserted: {}", object.label),
            ));
        }
        self.check_right(caller, index, Right::Create)?;
        self.check_room()?;
        let id = self.new_id(object.prefix);
        let cells = object.fields.iter().map(Cell::unwritten).collect();
        let mut draft =
            Draft { object: index, row: Row { id, cells }, before: None, written: BTreeSet::new() };
        self.write(caller, &mut draft, body)?;
        self.check_person(&mut draft)?;
        if object.name == "OpportunityTeamMember"
            && let Some(twin) = self.team_twin(&draft)
        {
            let update = body
                .iter()
                .filter(|(name, _)| !matches!(name.as_str(), "OpportunityId" | "UserId"))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
            return self.try_update(caller, index, twin, &update).map(|()| twin);
        }
        self.defaults(caller, &mut draft);
        self.default_process(&mut draft);
        draft.row.set(system::ID, Cell::Id(id));
        self.save(caller, draft)?;
        Ok(id)
    }

    /// Changes a row: only the given fields.
    ///
    /// # Errors
    /// The platform's refusal; nothing is stored then.
    pub(crate) fn update(
        &mut self,
        caller: &Caller,
        object: usize,
        id: Id,
        body: &Map<String, Value>,
    ) -> Result<(), Fault> {
        let mark = self.mark();
        let outcome = self.try_update(caller, object, id, body);
        if outcome.is_err() {
            self.roll_back(mark);
        }
        outcome
    }

    fn try_update(
        &mut self,
        caller: &Caller,
        index: usize,
        id: Id,
        body: &Map<String, Value>,
    ) -> Result<(), Fault> {
        let row = self.live(index, id)?;
        self.check_shared(caller, index, &row)?;
        let mut draft = Draft::of(index, &row);
        if self.schema.object(index).access == Access::Read {
            return Err(Fault::bad(
                "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
                format!("entity type cannot be updated: {}", self.schema.object(index).label),
            ));
        }
        let shape = self.schema.object(index);
        if shape.name == "Lead" && value_of(shape, &row, "IsConverted").is_true() {
            return Err(Fault::bad(
                "CANNOT_UPDATE_CONVERTED_LEAD",
                "cannot reference converted lead".to_owned(),
            ));
        }
        self.check_right(caller, index, Right::Edit)?;
        self.check_approval(caller, id)?;
        self.write(caller, &mut draft, body)?;
        self.check_person(&mut draft)?;
        self.save(caller, draft)
    }

    /// The row, unless it never was or is in the recycle bin.
    ///
    /// # Errors
    /// 404 `NOT_FOUND` or `ENTITY_IS_DELETED`.
    pub(crate) fn live(&self, object: usize, id: Id) -> Result<Arc<Row>, Fault> {
        let row = self.tables.get(object, id).ok_or_else(Fault::not_found)?;
        if row.deleted() { Err(Fault::deleted()) } else { Ok(Arc::clone(row)) }
    }

    /// Puts the caller's values into the draft.
    fn write(&self, caller: &Caller, draft: &mut Draft, body: &Map<String, Value>) -> Result<(), Fault> {
        let object = self.schema.object(draft.object);
        let mut refused = Vec::new();
        for (name, value) in body.iter().filter(|(name, _)| name.as_str() != "attributes") {
            if let (Some((at, reference)), Value::Object(parent)) = (object.parent(name), value) {
                let target =
                    reference.to.first().and_then(|to| self.schema.find(to)).ok_or_else(Fault::not_found)?;
                let id = self.by_foreign_key(caller, target, parent)?;
                draft.row.set(at, Cell::Id(id));
                draft.written.insert(at);
                continue;
            }
            let at = self
                .position(caller.role, draft.object, name)
                .ok_or_else(|| Fault::no_column(name, object.name))?;
            let field = object.fields.get(at).expect("positions come from this object");
            let allowed = if draft.before.is_some() { field.updateable } else { field.createable };
            if !allowed || !self.editable(caller.role, draft.object, field) {
                refused.push(field.name.to_owned());
                continue;
            }
            if field.name == "CurrencyIsoCode"
                && let Some(code) = value.as_str()
                && !self.knobs.active_currencies.iter().any(|active| active == code)
            {
                let text = format!("invalid currency ISO code: {code}");
                return Err(Fault::bad("INVALID_CURRENCY_ISO", text).on(field.name));
            }
            let cell = values::accept(field, value)?;
            let hidden = cell
                .as_id()
                .and_then(|id| self.object_of(id))
                .is_some_and(|target| !self.rights(caller.role, target).read);
            if hidden {
                let text = "insufficient access rights on cross-reference id";
                return Err(Fault::bad("INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", text).on(field.name));
            }
            draft.row.set(at, cell);
            draft.written.insert(at);
        }
        if refused.is_empty() {
            return Ok(());
        }
        let mut fault = Fault::bad(
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            format!(
                "Unable to create/update fields: {}. Please check the security settings of this field and verify that \
                 it is read/write for your profile or permission set.",
                refused.join(", ")
            ),
        );
        fault.fields = refused;
        Err(fault)
    }

    /// The row that `{"ExternalId__c": value}` names.
    fn by_foreign_key(&self, caller: &Caller, object: usize, key: &Map<String, Value>) -> Result<Id, Fault> {
        let shape = self.schema.object(object);
        let mut named = key.iter().filter(|(name, _)| name.as_str() != "attributes");
        let (Some((name, value)), None) = (named.next(), named.next()) else {
            return Err(Fault::bad(
                "INVALID_FIELD",
                format!("exactly one external id names a {}", shape.name),
            ));
        };
        let at = self
            .position(caller.role, object, name)
            .filter(|at| self.tables.keyed(object, *at))
            .ok_or_else(|| Fault::no_column(name, shape.name))?;
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match self.tables.by_key(object, at, &text.trim().to_lowercase()).as_slice() {
            [one] => Ok(*one),
            [] => Err(Fault::bad(
                "INVALID_FIELD",
                format!(
                    "Foreign key external ID: {text} not found for field {name} in entity {}",
                    shape.name
                ),
            )),
            _ => Err(Fault::bad(
                "DUPLICATE_EXTERNAL_ID",
                format!("{name}: more than one record found: {text}"),
            )),
        }
    }

    fn defaults(&self, caller: &Caller, draft: &mut Draft) {
        let object = self.schema.object(draft.object);
        for (name, cell) in [
            ("OwnerId", Cell::Id(caller.user)),
            (
                "CurrencyIsoCode",
                Cell::text(self.knobs.active_currencies.first().map_or("USD", String::as_str)),
            ),
            ("OpportunityAccessLevel", Cell::text("Read")),
        ] {
            if let Some(at) = object.position(name)
                && object.fields.get(at).is_some_and(|field| field.defaulted)
                && draft.row.cell(at).is_null()
            {
                draft.row.set(at, cell);
            }
        }
        for (at, field) in object.fields.iter().enumerate() {
            if let Some(format) = &field.auto_number {
                draft.row.set(at, Cell::Text(numbered(format, self.tables.all(draft.object).count() + 1)));
            }
        }
        if object.name == "Microsoft_Solution__c" && value_of(object, &draft.row, "Name").is_null() {
            draft.set(object, "Name", Cell::Text(draft.row.id.to_string()));
        }
    }

    /// Runs a save: side effects, checks, stamps, and what follows in other rows.
    ///
    /// # Errors
    /// The platform's refusal; the caller rolls back.
    pub(crate) fn save(&mut self, caller: &Caller, mut draft: Draft) -> Result<(), Fault> {
        let schema = Arc::clone(&self.schema);
        let object = schema.object(draft.object);
        self.lock(&draft)?;
        self.settle_places(&mut draft)?;
        self.derive(&mut draft)?;
        self.automate_before_save(&mut draft);
        self.derive(&mut draft)?;
        self.check_content(&draft)?;
        self.check_required(&draft)?;
        self.check_process(&draft)?;
        self.check_rules(&draft)?;
        self.check_references(&draft)?;
        self.check_unique(&draft)?;
        if draft.before.is_none() {
            self.check_duplicates(caller, &draft)?;
        }
        self.run_triggers(&draft)?;
        stamp(caller, &mut draft);
        let visible_from = if draft.before.is_none() { self.late(caller) } else { None };
        self.tables.put(draft.object, draft.row.clone(), caller.now, visible_from);
        self.follow_up(caller, object, &draft)?;
        self.automate_later(caller, &draft);
        Ok(())
    }

    fn late(&mut self, caller: &Caller) -> Option<jiff::Timestamp> {
        let wait = i64::try_from(self.knobs.late_visible_ms).ok().filter(|wait| *wait > 0)?;
        if let Some(rows) = &mut self.knobs.late_visible_rows {
            *rows = rows.checked_sub(1)?;
        }
        caller.now.checked_add(jiff::SignedDuration::from_millis(wait)).ok()
    }

    /// Creates or changes the row whose external id reads like `value`.
    ///
    /// # Errors
    /// The platform's refusal; nothing is stored then.
    pub(crate) fn upsert(
        &mut self,
        caller: &Caller,
        object: usize,
        field: usize,
        value: &str,
        body: &Map<String, Value>,
        update_only: bool,
    ) -> Result<Upserted, Fault> {
        let shape = self.schema.object(object);
        let key = shape.fields.get(field).ok_or_else(Fault::not_found)?;
        let name = key.name;
        let value = value.trim();
        if value.is_empty() {
            return Err(Fault::bad("MISSING_ARGUMENT", format!("{name} not specified")).on(name));
        }
        let found = self.matching_rows(caller, object, field, &value.to_lowercase());
        match found.as_slice() {
            [] if update_only => Err(Fault::not_found()),
            [] => {
                let mut body = body.clone();
                body.insert(name.to_owned(), Value::from(value));
                self.insert(caller, object, &body).map(Upserted::Created)
            }
            [one] => {
                let id = *one;
                self.update(caller, object, id, body).map(|()| Upserted::Updated(id))
            }
            several => Ok(Upserted::Several(several.to_vec())),
        }
    }
}

/// `MS-{00000}` and 7 make `MS-00007`.
fn numbered(format: &str, number: usize) -> String {
    let Some((before, (digits, after))) =
        format.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?)))
    else {
        return format!("{format}{number}");
    };
    format!("{before}{number:0width$}{after}", width = digits.len().min(10))
}

/// Dates a row on its way in, and signs it.
pub(super) fn stamp(caller: &Caller, draft: &mut Draft) {
    let now = Cell::At(values::to_second(caller.now));
    if draft.before.is_none() {
        draft.row.set(system::CREATED_DATE, now.clone());
        draft.row.set(system::CREATED_BY, Cell::Id(caller.user));
    }
    draft.row.set(system::MODIFIED_DATE, now.clone());
    draft.row.set(system::MODIFIED_BY, Cell::Id(caller.user));
    draft.row.set(system::MODSTAMP, now);
}
