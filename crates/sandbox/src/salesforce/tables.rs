//! Rows in memory: maps by id, unique value, parent and stamp, an undo journal, and what lagging readers still see.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};

use super::{
    commits::{Change, Signature, Transaction},
    id::Id,
    knobs::MAX_READ_LAG_MS,
    schema::{Schema, system},
    values::Cell,
};

/// One row: its id and one cell a field, in schema order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) id: Id,
    pub(crate) cells: Vec<Cell>,
}

impl Row {
    pub(crate) fn cell(&self, at: usize) -> &Cell {
        self.cells.get(at).unwrap_or(&Cell::Null)
    }

    pub(crate) fn set(&mut self, at: usize, cell: Cell) {
        if at >= self.cells.len() {
            self.cells.resize(at + 1, Cell::Null);
        }
        if let Some(place) = self.cells.get_mut(at) {
            *place = cell;
        }
    }

    pub(crate) fn deleted(&self) -> bool {
        self.cell(system::IS_DELETED).is_true()
    }
}

/// A row's place: what it is, what it was, and when it appears.
#[derive(Debug, Clone)]
struct Slot {
    current: Arc<Row>,
    /// Former states with the instant each was superseded, oldest first.
    former: Vec<(Timestamp, Option<Arc<Row>>)>,
    visible_from: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct Table {
    slots: BTreeMap<Id, Slot>,
    /// Live rows by the lower-case value of each external id.
    keys: HashMap<usize, BTreeMap<String, BTreeSet<Id>>>,
    /// Rows by the row that a reference points to.
    parents: HashMap<usize, BTreeMap<Id, BTreeSet<Id>>>,
    stamps: BTreeSet<(Timestamp, Id)>,
}

/// What a reader sees: everything, or everything as it was at an instant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lens {
    pub(crate) now: Timestamp,
    pub(crate) lag_ms: u64,
}

/// What undoes one step, and who took it.
#[derive(Debug)]
enum Undo {
    Slot { object: usize, id: Id, before: Option<Box<Slot>>, now: Timestamp, signed: Option<Arc<Signature>> },
}

/// Every table of the org.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    /// In the schema's order.
    by_object: Vec<Table>,
    journal: Vec<Undo>,
    /// Rows written by the present request: its own reads see them at once.
    own: HashSet<Id>,
    /// Where in the journal a transaction of the present request ends and the next begins.
    cuts: Vec<usize>,
    /// Who makes the steps that come now.
    pub(crate) signed: Option<Arc<Signature>>,
    committed: Vec<Transaction>,
    /// How often a row was written, taken back or forgotten.
    pub(crate) written: u64,
}

impl Tables {
    pub(crate) fn new(schema: &Schema) -> Self {
        let mut tables = Self::default();
        tables.fit(schema);
        tables
    }

    /// Makes room for a schema that has grown: tables for new objects, cells and indexes for new fields.
    pub(crate) fn fit(&mut self, schema: &Schema) {
        self.by_object.resize_with(schema.objects.len().max(self.by_object.len()), Table::default);
        for (table, object) in self.by_object.iter_mut().zip(&schema.objects) {
            let mut grown = false;
            for (at, field) in object.fields.iter().enumerate() {
                if (field.external_id || field.unique) && !table.keys.contains_key(&at) {
                    table.keys.insert(at, BTreeMap::new());
                    grown = true;
                }
                let own =
                    field.reference().is_some() && at != system::CREATED_BY && at != system::MODIFIED_BY;
                if own && !table.parents.contains_key(&at) {
                    table.parents.insert(at, BTreeMap::new());
                    grown = true;
                }
            }
            for slot in table.slots.values_mut() {
                let former = slot.former.iter_mut().filter_map(|(_, row)| row.as_mut());
                for row in former.chain(std::iter::once(&mut slot.current)) {
                    if let Some(new) = object.fields.get(row.cells.len()..).filter(|new| !new.is_empty()) {
                        let cells = new.iter().map(Cell::unwritten);
                        Arc::make_mut(row).cells.extend(cells);
                    }
                }
            }
            if grown {
                let rows: Vec<Arc<Row>> =
                    table.slots.values().map(|slot| Arc::clone(&slot.current)).collect();
                for row in rows {
                    table.list(&row);
                }
            }
        }
    }

    /// A point to come back to.
    pub(crate) fn mark(&self) -> usize {
        self.journal.len()
    }

    /// Undoes everything after `mark`.
    pub(crate) fn roll_back(&mut self, mark: usize) {
        self.cuts.retain(|cut| *cut <= mark);
        while self.journal.len() > mark {
            let Some(Undo::Slot { object, id, before, .. }) = self.journal.pop() else { break };
            self.written += 1;
            let Some(table) = self.by_object.get_mut(object) else { continue };
            if let Some(slot) = table.slots.remove(&id) {
                table.unlist(&slot.current);
            }
            if let Some(slot) = before {
                table.list(&slot.current);
                table.slots.insert(id, *slot);
            }
        }
    }

    /// Ends a transaction inside the present request: what follows belongs to the next.
    pub(crate) fn cut(&mut self) {
        if self.cuts.last().copied().unwrap_or(0) < self.journal.len() {
            self.cuts.push(self.journal.len());
        }
    }

    /// Ends the request: nothing before this can be undone.
    pub(crate) fn settle(&mut self) {
        self.cut();
        self.committed.extend(self.transactions());
        self.cuts.clear();
        self.journal.clear();
        self.own.clear();
        self.signed = None;
    }

    /// The transactions that were committed since this was last asked.
    pub(crate) fn take_committed(&mut self) -> Vec<Transaction> {
        std::mem::take(&mut self.committed)
    }

    /// What the journal holds, transaction by transaction.
    fn transactions(&self) -> Vec<Transaction> {
        // Backwards, because a step's journal entry knows the state before it, and the next one's that after it.
        let mut later: HashMap<(usize, Id), Arc<Row>> = HashMap::new();
        let mut steps = Vec::with_capacity(self.journal.len());
        for Undo::Slot { object, id, before, .. } in self.journal.iter().rev() {
            let key = (*object, *id);
            let after = later.remove(&key).or_else(|| self.get(*object, *id).cloned());
            let before = before.as_ref().map(|slot| Arc::clone(&slot.current));
            if let Some(before) = &before {
                later.insert(key, Arc::clone(before));
            }
            steps.push((key, before, after));
        }
        steps.reverse();
        let mut steps = steps.into_iter().zip(&self.journal);
        let mut from = 0;
        let mut transactions = Vec::with_capacity(self.cuts.len());
        for to in &self.cuts {
            let mut changes: Vec<Change> = Vec::new();
            let mut places: HashMap<(usize, Id), usize> = HashMap::new();
            let mut began = None;
            for ((key, before, after), Undo::Slot { now, signed, .. }) in steps.by_ref().take(to - from) {
                began.get_or_insert_with(|| (*now, signed.clone()));
                let Some(after) = after else { continue };
                if let Some(change) = places.get(&key).and_then(|place| changes.get_mut(*place)) {
                    change.after = after;
                } else {
                    places.insert(key, changes.len());
                    changes.push(Change { object: key.0, before, first: Arc::clone(&after), after });
                }
            }
            from = *to;
            if let Some((at, signed)) = began {
                transactions.push(Transaction { at, signed, changes });
            }
        }
        transactions
    }

    /// Stores a row, new or changed, at the instant `now`.
    pub(crate) fn put(&mut self, object: usize, row: Row, now: Timestamp, visible_from: Option<Timestamp>) {
        let Some(table) = self.by_object.get_mut(object) else { return };
        self.written += 1;
        let id = row.id;
        let before = table.slots.get(&id).cloned();
        let mut slot = match &before {
            Some(slot) => {
                table.unlist(&slot.current);
                let mut slot = slot.clone();
                if !self.own.contains(&id) {
                    slot.former.push((now, Some(Arc::clone(&slot.current))));
                }
                slot
            }
            None => Slot { current: Arc::new(row.clone()), former: vec![(now, None)], visible_from },
        };
        let horizon = now
            .checked_sub(SignedDuration::from_millis(i64::try_from(MAX_READ_LAG_MS).unwrap_or(i64::MAX)))
            .unwrap_or(now);
        slot.former.retain(|(until, _)| *until >= horizon);
        slot.current = Arc::new(row);
        table.list(&slot.current);
        table.slots.insert(id, slot);
        self.own.insert(id);
        let signed = self.signed.clone();
        self.journal.push(Undo::Slot { object, id, before: before.map(Box::new), now, signed });
    }

    /// Forgets the deleted rows of an object, as if they had never been; not to be undone, so between requests only.
    pub(crate) fn forget_deleted(&mut self, object: usize) -> usize {
        let Some(table) = self.by_object.get_mut(object) else { return 0 };
        let gone: Vec<Arc<Row>> = table
            .slots
            .values()
            .map(|slot| &slot.current)
            .filter(|row| row.deleted())
            .map(Arc::clone)
            .collect();
        for row in &gone {
            table.unlist(row);
            table.slots.remove(&row.id);
        }
        self.written += gone.len() as u64;
        gone.len()
    }

    /// The row as it is, deleted ones included.
    pub(crate) fn get(&self, object: usize, id: Id) -> Option<&Arc<Row>> {
        self.by_object.get(object)?.slots.get(&id).map(|slot| &slot.current)
    }

    /// The row as a reader sees it.
    pub(crate) fn see(&self, object: usize, id: Id, lens: Lens) -> Option<&Arc<Row>> {
        let slot = self.by_object.get(object)?.slots.get(&id)?;
        self.look(slot, lens)
    }

    fn look<'a>(&self, slot: &'a Slot, lens: Lens) -> Option<&'a Arc<Row>> {
        if self.own.contains(&slot.current.id) {
            return Some(&slot.current);
        }
        if slot.visible_from.is_some_and(|from| lens.now < from) {
            return None;
        }
        if lens.lag_ms == 0 {
            return Some(&slot.current);
        }
        let lag = SignedDuration::from_millis(i64::try_from(lens.lag_ms).unwrap_or(i64::MAX));
        let at = lens.now.checked_sub(lag).unwrap_or(lens.now);
        match slot.former.iter().find(|(until, _)| *until > at) {
            Some((_, state)) => state.as_ref(),
            None => Some(&slot.current),
        }
    }

    /// All rows as a reader sees them, in id order, deleted ones included.
    pub(crate) fn scan(&self, object: usize, lens: Lens) -> impl Iterator<Item = &Arc<Row>> {
        self.by_object
            .get(object)
            .into_iter()
            .flat_map(|table| table.slots.values())
            .filter_map(move |slot| self.look(slot, lens))
    }

    /// All rows as they are.
    pub(crate) fn all(&self, object: usize) -> impl Iterator<Item = &Arc<Row>> {
        self.by_object
            .get(object)
            .into_iter()
            .flat_map(|table| table.slots.values())
            .map(|slot| &slot.current)
    }

    /// Live rows whose external id reads like `key` (lower case).
    pub(crate) fn by_key(&self, object: usize, field: usize, key: &str) -> Vec<Id> {
        self.by_object
            .get(object)
            .and_then(|table| table.keys.get(&field))
            .and_then(|keys| keys.get(key))
            .map(|ids| ids.iter().copied().collect())
            .unwrap_or_default()
    }

    /// Whether `by_key` answers for this field.
    pub(crate) fn keyed(&self, object: usize, field: usize) -> bool {
        self.by_object.get(object).is_some_and(|table| table.keys.contains_key(&field))
    }

    /// Whether `by_parent` answers for this field.
    pub(crate) fn linked(&self, object: usize, field: usize) -> bool {
        self.by_object.get(object).is_some_and(|table| table.parents.contains_key(&field))
    }

    /// Rows whose reference points to `parent`, deleted ones included.
    pub(crate) fn by_parent(&self, object: usize, field: usize, parent: Id) -> Vec<Id> {
        self.by_object
            .get(object)
            .and_then(|table| table.parents.get(&field))
            .and_then(|parents| parents.get(&parent))
            .map(|ids| ids.iter().copied().collect())
            .unwrap_or_default()
    }

    /// Rows stamped at `from` or later.
    pub(crate) fn since(&self, object: usize, from: Timestamp) -> Vec<Id> {
        let Some(table) = self.by_object.get(object) else { return Vec::new() };
        table.stamps.range((from, Id::new("", [b'0'; 2], 0))..).map(|(_, id)| *id).collect()
    }
}

impl Table {
    fn list(&mut self, row: &Row) {
        if !row.deleted() {
            for (at, keys) in &mut self.keys {
                if let Some(key) = row.cell(*at).key() {
                    keys.entry(key).or_default().insert(row.id);
                }
            }
        }
        for (at, parents) in &mut self.parents {
            if let Some(parent) = row.cell(*at).as_id() {
                parents.entry(parent).or_default().insert(row.id);
            }
        }
        if let Some(stamp) = row.cell(system::MODSTAMP).as_time() {
            self.stamps.insert((stamp, row.id));
        }
    }

    fn unlist(&mut self, row: &Row) {
        for (at, keys) in &mut self.keys {
            if let Some(key) = row.cell(*at).key()
                && let Some(ids) = keys.get_mut(&key)
            {
                ids.remove(&row.id);
                if ids.is_empty() {
                    keys.remove(&key);
                }
            }
        }
        for (at, parents) in &mut self.parents {
            if let Some(parent) = row.cell(*at).as_id()
                && let Some(ids) = parents.get_mut(&parent)
            {
                ids.remove(&row.id);
                if ids.is_empty() {
                    parents.remove(&parent);
                }
            }
        }
        if let Some(stamp) = row.cell(system::MODSTAMP).as_time() {
            self.stamps.remove(&(stamp, row.id));
        }
    }
}
