//! What a save is refused for: locks, required fields, rules, references, unique values and duplicates (section 2.3).

use http::StatusCode;
use serde_json::json;

use super::{
    errors::Fault,
    id::Id,
    knobs::{Condition, FailureKind, OnDuplicate, Permission, SaveFailure},
    org::{Caller, Org, Role, value_of},
    rows::Draft,
    schema::{OnDelete, system},
    values::Cell,
};

impl Org {
    /// Takes the locks that a write needs: the row's own and those of the rows it is a part of.
    pub(crate) fn lock(&mut self, draft: &Draft) -> Result<(), Fault> {
        if self.knobs.locked_rows.is_empty() {
            return Ok(());
        }
        let object = self.schema.object(draft.object);
        let mut wanted = vec![draft.row.id];
        for (at, field) in object.fields.iter().enumerate() {
            if field.reference().is_some_and(|reference| reference.on_delete == OnDelete::Cascade) {
                wanted.extend(draft.row.cell(at).as_id());
            }
        }
        for locked in &mut self.knobs.locked_rows {
            if locked.times > 0
                && let Some(id) = Id::parse(&locked.id)
                && wanted.contains(&id)
            {
                locked.times -= 1;
                return Err(Fault::new(
                    StatusCode::from_u16(self.knobs.lock_status).unwrap_or(StatusCode::BAD_REQUEST),
                    "UNABLE_TO_LOCK_ROW",
                    format!("unable to obtain exclusive access to this record or 1 records: {id}"),
                ));
            }
        }
        Ok(())
    }

    pub(crate) fn check_required(&self, draft: &Draft) -> Result<(), Fault> {
        let object = self.schema.object(draft.object);
        let missing: Vec<String> = object
            .fields
            .iter()
            .enumerate()
            .filter(|(at, field)| {
                field.enabled && !field.nillable && field.createable && draft.row.cell(*at).is_null()
            })
            .map(|(_, field)| field.name.to_owned())
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let mut fault = Fault::bad(
            "REQUIRED_FIELD_MISSING",
            format!("Required fields are missing: [{}]", missing.join(", ")),
        );
        fault.fields = missing;
        Err(fault)
    }

    pub(crate) fn check_rules(&self, draft: &Draft) -> Result<(), Fault> {
        let object = self.schema.object(draft.object);
        for rule in &self.knobs.validation_rules {
            if !rule.object.eq_ignore_ascii_case(object.name) {
                continue;
            }
            let Some(at) = object.position(&rule.field) else { continue };
            let cell = draft.row.cell(at);
            let number = cell.as_number();
            let broken = match &rule.condition {
                Condition::Empty => cell.is_null(),
                Condition::NotEmpty => !cell.is_null(),
                Condition::Equals(wanted) => object.fields.get(at).is_some_and(|field| {
                    let own = cell.json(&field.kind);
                    own == *wanted
                        || own.as_f64().is_some_and(|own| {
                            wanted.as_f64().is_some_and(|wanted| own.total_cmp(&wanted).is_eq())
                        })
                }),
                Condition::Above(bound) => number.is_some_and(|number| number > (*bound).into()),
                Condition::Below(bound) => number.is_some_and(|number| number < (*bound).into()),
                Condition::LongerThan(bound) => {
                    cell.as_text().is_some_and(|text| text.chars().count() > *bound)
                }
            };
            if broken {
                return Err(Fault::bad("FIELD_CUSTOM_VALIDATION_EXCEPTION", rule.message.clone())
                    .on(rule.field.clone()));
            }
        }
        Ok(())
    }

    /// Each reference points to a live row of an object it may point to; owners are active.
    pub(crate) fn check_references(&self, draft: &Draft) -> Result<(), Fault> {
        let object = self.schema.object(draft.object);
        for (at, field) in object.fields.iter().enumerate() {
            let Some(reference) = field.reference() else { continue };
            let Some(id) = draft.row.cell(at).as_id() else { continue };
            if draft.before.as_ref().is_some_and(|before| before.cell(at) == draft.row.cell(at)) {
                continue;
            }
            if matches!(at, system::CREATED_BY | system::MODIFIED_BY) {
                continue;
            }
            let target =
                self.object_of(id).filter(|target| reference.to.contains(&self.schema.object(*target).name));
            let Some(target) = target else {
                return Err(Fault::bad(
                    "FIELD_INTEGRITY_EXCEPTION",
                    format!("{}: id value of incorrect type: {id}", field.label),
                )
                .on(field.name));
            };
            if field.name == "OwnerId" {
                self.check_owner(id)?;
            }
            let row = self.tables.get(target, id).filter(|row| !row.deleted()).ok_or_else(|| {
                Fault::bad("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id").on(field.name)
            })?;
            if field.name == "OwnerId" && !value_of(self.schema.object(target), row, "IsActive").is_true() {
                return Err(Fault::bad(
                    "INACTIVE_OWNER_OR_USER",
                    "operation performed with inactive user".to_owned() + &format!(" [{}]", id.short()),
                )
                .on(field.name));
            }
        }
        Ok(())
    }

    /// An owner must be able to read what it is given.
    fn check_owner(&self, user: Id) -> Result<(), Fault> {
        let shut =
            |username: &str| self.knobs.cannot_own.iter().any(|name| name.eq_ignore_ascii_case(username));
        if self.people.iter().any(|person| person.id == user && shut(person.username)) {
            let text = "The new owner must have read permission on the object";
            return Err(Fault::bad("TRANSFER_REQUIRES_READ", text).on("OwnerId"));
        }
        Ok(())
    }

    /// A row in an approval process is an administrator's alone.
    pub(crate) fn check_approval(&self, caller: &Caller, id: Id) -> Result<(), Fault> {
        let held = self.knobs.approval_locked.iter().any(|text| Id::parse(text) == Some(id));
        if held && caller.role != Role::Admin {
            return Err(Fault::bad("ENTITY_IS_LOCKED", "the entity is locked for editing"));
        }
        Ok(())
    }

    /// A full org takes no row.
    pub(crate) fn check_room(&self) -> Result<(), Fault> {
        if !self.knobs.storage_full {
            return Ok(());
        }
        let status = StatusCode::from_u16(self.knobs.storage_full_status).unwrap_or(StatusCode::BAD_REQUEST);
        Err(Fault::new(status, "STORAGE_LIMIT_EXCEEDED", "storage limit exceeded"))
    }

    /// The customer's triggers and flows: what fails in them fails the save, with their text (section 2.3).
    pub(crate) fn run_triggers(&mut self, draft: &Draft) -> Result<(), Fault> {
        let schema = std::sync::Arc::clone(&self.schema);
        let object = schema.object(draft.object);
        let failing = self.knobs.save_failures.iter_mut().find(|failure| {
            failure.object.eq_ignore_ascii_case(object.name)
                && failure.times != Some(0)
                && failure.field.as_ref().is_none_or(|field| draft.writes(object, field))
        });
        let Some(SaveFailure { kind, name, message, times, .. }) = failing else { return Ok(()) };
        *times = times.map(|times| times.saturating_sub(1));
        let event = if draft.before.is_none() { "Insert" } else { "Update" };
        Err(match kind {
            FailureKind::Trigger => Fault::bad(
                "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
                format!(
                    "{name}: execution of Before{event}\n\ncaused by: {message}\n\nTrigger.{name}: line 1, column 1"
                ),
            ),
            FailureKind::Flow => Fault::bad(
                "CANNOT_EXECUTE_FLOW_TRIGGER",
                format!(
                    "We can't save this record because the \u{201c}{name}\u{201d} process failed. Give your Salesforce \
                     admin these details. {message}"
                ),
            ),
        })
    }

    /// Rows that an upsert finds: on a value that is not unique only those that the caller may see all of, or owns
    /// (salesforce reference, section 2.6).
    pub(crate) fn matching_rows(&self, caller: &Caller, object: usize, field: usize, key: &str) -> Vec<Id> {
        let mut found = self.tables.by_key(object, field, key);
        let shape = self.schema.object(object);
        let unique = shape.fields.get(field).is_some_and(|field| field.unique);
        if !unique
            && !self.permits(caller.role, Permission::ViewAllData)
            && let Some(owner) = shape.position("OwnerId")
        {
            found.retain(|id| {
                self.tables.get(object, *id).is_some_and(|row| row.cell(owner).as_id() == Some(caller.user))
            });
        }
        found
    }

    pub(crate) fn check_unique(&self, draft: &Draft) -> Result<(), Fault> {
        let object = self.schema.object(draft.object);
        for (at, field) in object.fields.iter().enumerate().filter(|(_, field)| field.unique && field.enabled)
        {
            let Some(key) = draft.row.cell(at).key() else { continue };
            let others = self.tables.by_key(draft.object, at, &key);
            if let Some(holder) = others.iter().find(|id| **id != draft.row.id) {
                return Err(Fault::bad(
                    "DUPLICATE_VALUE",
                    format!(
                        "duplicate value found: {} duplicates value on record with id: {}",
                        field.name,
                        holder.short()
                    ),
                ));
            }
        }
        Ok(())
    }

    pub(crate) fn check_duplicates(&self, caller: &Caller, draft: &Draft) -> Result<(), Fault> {
        let object = self.schema.object(draft.object);
        for rule in &self.knobs.duplicate_rules {
            if !rule.object.eq_ignore_ascii_case(object.name)
                || (rule.action == OnDuplicate::Alert && caller.allow_duplicates)
            {
                continue;
            }
            let places: Vec<usize> = rule.fields.iter().filter_map(|field| object.position(field)).collect();
            if places.is_empty() || places.iter().any(|at| draft.row.cell(*at).is_null()) {
                continue;
            }
            let same = |a: &Cell, b: &Cell| a.key().is_some() && a.key() == b.key();
            let twins: Vec<Id> = self
                .tables
                .all(draft.object)
                .filter(|row| !row.deleted() && row.id != draft.row.id)
                .filter(|row| places.iter().all(|at| same(row.cell(*at), draft.row.cell(*at))))
                .map(|row| row.id)
                .take(100)
                .collect();
            if twins.is_empty() {
                continue;
            }
            let message = "Use one of these records?";
            let matches: Vec<_> = twins
                .iter()
                .map(|id| json!({"additionalInformation": [], "fieldDiffs": [], "matchConfidence": 100.0,
                    "record": {"attributes": {"type": object.name, "url": format!("/services/data/v{}.0/sobjects/{}/{id}", caller.version, object.name)}, "Id": id.to_string()}}))
                .collect();
            let mut fault = Fault::bad("DUPLICATES_DETECTED", message);
            fault.more.insert(
                "duplicateResult".into(),
                json!({
                    "allowSave": rule.action == OnDuplicate::Alert,
                    "duplicateRule": rule.name,
                    "duplicateRuleEntityType": object.name,
                    "errorMessage": message,
                    "matchResults": [{
                        "entityType": object.name, "errors": [], "matchEngine": "ExactMatchEngine",
                        "matchRecords": matches, "rule": rule.name, "size": twins.len(), "success": true,
                    }],
                }),
            );
            return Err(fault);
        }
        Ok(())
    }
}
