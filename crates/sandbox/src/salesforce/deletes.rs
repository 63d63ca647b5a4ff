//! The recycle bin: rows go in with what belongs to them, and come back with it (salesforce reference, section 2.4).

use std::sync::Arc;

use super::{
    errors::Fault,
    id::Id,
    knobs::Right,
    org::{Caller, Org},
    rows::{Draft, stamp},
    schema::{Access, OnDelete, system},
    tables::Row,
    values::Cell,
};

impl Org {
    /// Deletes a row and what goes with it.
    ///
    /// # Errors
    /// The platform's refusal; nothing is deleted then.
    pub(crate) fn delete(&mut self, caller: &Caller, index: usize, id: Id) -> Result<(), Fault> {
        let mark = self.mark();
        let outcome = self.try_delete(caller, index, id);
        if outcome.is_err() {
            self.roll_back(mark);
        }
        outcome
    }

    fn try_delete(&mut self, caller: &Caller, index: usize, id: Id) -> Result<(), Fault> {
        let schema = Arc::clone(&self.schema);
        let object = schema.object(index);
        let row = self.live(index, id)?;
        self.check_shared(caller, index, &row)?;
        if object.access == Access::Read {
            return Err(Fault::bad(
                "INSUFFICIENT_ACCESS_OR_READONLY",
                "insufficient access rights on object id",
            ));
        }
        self.check_right(caller, index, Right::Delete)?;
        self.check_approval(caller, id)?;
        let mut draft = Draft::of(index, &row);
        self.lock(&draft)?;
        for children in schema.children(object.name) {
            for child in self.tables.by_parent(children.object, children.field, id) {
                let Ok(row) = self.live(children.object, child) else { continue };
                if children.reference.on_delete == OnDelete::Cascade {
                    self.bin_with_children(caller, children.object, &row);
                } else {
                    let mut cleared = Draft::of(children.object, &row);
                    cleared.row.set(children.field, Cell::Null);
                    stamp(caller, &mut cleared);
                    self.tables.put(children.object, cleared.row, caller.now, None);
                }
            }
        }
        draft.row.set(system::IS_DELETED, Cell::Bool(true));
        stamp(caller, &mut draft);
        self.tables.put(index, draft.row.clone(), caller.now, None);
        self.after_delete(caller, object, &draft.row)
    }

    /// Bins a cascaded row, its own details first. Details are at most three levels deep in this schema.
    fn bin_with_children(&mut self, caller: &Caller, index: usize, row: &Arc<Row>) {
        let schema = Arc::clone(&self.schema);
        for children in schema.children(schema.object(index).name) {
            if children.reference.on_delete == OnDelete::Cascade && children.object != index {
                for child in self.tables.by_parent(children.object, children.field, row.id) {
                    if let Ok(child) = self.live(children.object, child) {
                        self.bin_with_children(caller, children.object, &child);
                    }
                }
            }
        }
        let mut draft = Draft::of(index, row);
        draft.row.set(system::IS_DELETED, Cell::Bool(true));
        stamp(caller, &mut draft);
        self.tables.put(index, draft.row, caller.now, None);
    }

    /// Takes a row out of the recycle bin, with the details that went in with it.
    ///
    /// # Errors
    /// 404 when it is not in the bin; 400 when a unique value is taken.
    pub(crate) fn undelete(&mut self, caller: &Caller, index: usize, id: Id) -> Result<(), Fault> {
        let schema = Arc::clone(&self.schema);
        let row = self.tables.get(index, id).filter(|row| row.deleted() && schema.object(index).bin);
        let row = row.cloned().ok_or_else(Fault::not_found)?;
        let binned = row.cell(system::MODSTAMP).clone();
        let mut draft = Draft::of(index, &row);
        draft.row.set(system::IS_DELETED, Cell::Bool(false));
        self.check_unique(&draft)?;
        stamp(caller, &mut draft);
        self.tables.put(index, draft.row, caller.now, None);
        for children in schema.children(schema.object(index).name) {
            if children.reference.on_delete == OnDelete::Cascade && schema.object(children.object).bin {
                for child in self.tables.by_parent(children.object, children.field, id) {
                    let went_along = self
                        .tables
                        .get(children.object, child)
                        .is_some_and(|row| row.deleted() && *row.cell(system::MODSTAMP) == binned);
                    if went_along {
                        self.undelete(caller, children.object, child)?;
                    }
                }
            }
        }
        Ok(())
    }
}
