//! A change event: what a committed transaction tells, and its payload for one kind of subscriber (salesforce reference,
//! sections 4.7 and 4.8).

use std::{collections::BTreeSet, sync::Arc};

use jiff::{Timestamp, tz::TimeZone};
use rust_decimal::prelude::ToPrimitive as _;

use super::{
    super::{
        commits::Change,
        schema::{Kind, Object, Schema, system},
        tables::Row,
        values::Cell,
    },
    avro::{Datum, Writer},
    bitmap::Fields,
    diff,
    knobs::EventKnobs,
    shape::{Part, Shape, Source, change_type_index, is_derived},
};

/// What happened to the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangeType {
    Create,
    Update,
    Delete,
    Undelete,
    GapCreate,
    GapUpdate,
    GapDelete,
    GapUndelete,
    GapOverflow,
}

impl ChangeType {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Undelete => "UNDELETE",
            Self::GapCreate => "GAP_CREATE",
            Self::GapUpdate => "GAP_UPDATE",
            Self::GapDelete => "GAP_DELETE",
            Self::GapUndelete => "GAP_UNDELETE",
            Self::GapOverflow => "GAP_OVERFLOW",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        [
            Self::Create,
            Self::Update,
            Self::Delete,
            Self::Undelete,
            Self::GapCreate,
            Self::GapUpdate,
            Self::GapDelete,
            Self::GapUndelete,
            Self::GapOverflow,
        ]
        .into_iter()
        .find(|kind| kind.name() == name)
    }

    /// The same change when its event cannot be told.
    pub(crate) fn gap(self) -> Self {
        match self {
            Self::Create => Self::GapCreate,
            Self::Update => Self::GapUpdate,
            Self::Delete => Self::GapDelete,
            Self::Undelete => Self::GapUndelete,
            gap => gap,
        }
    }

    /// What a change is: the transaction's first step on the row decides. `None` for a save that no event tells of.
    pub(crate) fn of(change: &Change, object: &Object) -> Option<Self> {
        let Some(before) = &change.before else { return Some(Self::Create) };
        match (before.deleted(), change.first.deleted()) {
            (false, true) => return Some(Self::Delete),
            (true, false) => return Some(Self::Undelete),
            (true, true) => return None,
            (false, false) => {}
        }
        let moved: Vec<usize> =
            (0..object.fields.len()).filter(|at| before.cell(*at) != change.after.cell(*at)).collect();
        // A save that changes nothing, in the second of the one before it, is a save all the same.
        let told = |at: &usize| object.fields.get(*at).is_some_and(|field| !is_derived(field));
        (moved.is_empty() || moved.iter().any(told)).then_some(Self::Update)
    }
}

/// One event of the log, not yet written for anybody.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) at: Timestamp,
    pub(crate) object: usize,
    /// The org's objects and fields when this was committed.
    pub(crate) schema: Arc<Schema>,
    pub(crate) kind: ChangeType,
    /// Ids, a wildcard, or the id of an overflow.
    pub(crate) record_ids: Vec<String>,
    pub(crate) origin: String,
    pub(crate) transaction_key: String,
    pub(crate) sequence_number: i32,
    pub(crate) commit_number: i64,
    pub(crate) user: String,
    /// None for a creation and for what has no body.
    pub(crate) before: Option<Arc<Row>>,
    pub(crate) after: Option<Arc<Row>>,
}

impl Event {
    /// The object's API name.
    pub(crate) fn entity(&self) -> &'static str {
        self.schema.object(self.object).name
    }

    /// The positions of the fields that an update changed.
    pub(crate) fn moved(&self) -> BTreeSet<usize> {
        let (Some(before), Some(after)) = (&self.before, &self.after) else { return BTreeSet::new() };
        let fields = self.schema.object(self.object).fields.len();
        (0..fields).filter(|at| before.cell(*at) != after.cell(*at)).collect()
    }

    /// Whether the same event could tell of both: the same change of the same fields to the same values.
    pub(crate) fn equals(&self, other: &Self, enriched: &BTreeSet<usize>) -> bool {
        let (Some(own), Some(theirs)) = (&self.after, &other.after) else { return false };
        let same = |fields: &BTreeSet<usize>| fields.iter().all(|at| own.cell(*at) == theirs.cell(*at));
        let moved = self.moved();
        self.object == other.object
            && self.kind == other.kind
            && same(enriched)
            && match self.kind {
                ChangeType::Delete => true,
                ChangeType::Update => moved == other.moved() && same(&moved),
                _ => false,
            }
    }

    /// About how many bytes the body will have.
    pub(crate) fn weight(&self) -> usize {
        let Some(after) = &self.after else { return 0 };
        let sizes = |at: usize| after.cell(at).as_text().map_or(9, str::len);
        match self.kind {
            ChangeType::Update => self.moved().into_iter().map(sizes).sum(),
            ChangeType::Create | ChangeType::Undelete => (0..after.cells.len()).map(sizes).sum(),
            _ => 0,
        }
    }

    /// The Avro datum of this event in `shape`, with the values of `enriched` fields on updates and deletes.
    pub(crate) fn payload(&self, shape: &Shape, enriched: &[String], knobs: &EventKnobs) -> Vec<u8> {
        let body = Body::of(self, shape, enriched, knobs);
        let mut writer = Writer::default();
        writer.text(self.entity());
        writer.texts(&self.record_ids);
        writer.long(i64::try_from(change_type_index(self.kind.name())).unwrap_or_default());
        writer.text(&self.origin);
        writer.text(&self.transaction_key);
        writer.long(i64::from(self.sequence_number));
        writer.long(self.at.as_millisecond());
        writer.long(self.commit_number);
        writer.text(&self.user);
        writer.texts(&body.nulled.elements());
        writer.texts(&body.diffs.elements());
        writer.texts(&body.changed.elements());
        body.data.iter().for_each(|datum| writer.nullable(datum));
        writer.finish()
    }
}

/// The values of one event, and which fields they are.
#[derive(Debug, Default)]
struct Body {
    data: Vec<Datum>,
    changed: Fields,
    nulled: Fields,
    diffs: Fields,
}

impl Body {
    fn of(event: &Event, shape: &Shape, enriched: &[String], knobs: &EventKnobs) -> Self {
        let mut body = Self::default();
        let object = event.schema.object(event.object);
        for (index, field) in shape.fields.iter().enumerate() {
            let place = index + 1;
            let rich = enriched.iter().any(|name| name.eq_ignore_ascii_case(field.name));
            let datum = match (event.kind, &event.after) {
                (ChangeType::Create | ChangeType::Undelete, Some(row)) => whole(object, row, &field.source),
                (ChangeType::Update, Some(row)) => {
                    let changed = match &event.before {
                        Some(before) => body.update(object, before, row, place, &field.source, knobs),
                        None => Datum::Null,
                    };
                    if rich && changed == Datum::Null { whole(object, row, &field.source) } else { changed }
                }
                (ChangeType::Delete, Some(row)) if rich => whole(object, row, &field.source),
                _ => Datum::Null,
            };
            body.data.push(datum);
        }
        body
    }

    /// Notes what an update did to one field, and gives the value that tells it.
    fn update(
        &mut self,
        object: &Object,
        before: &Row,
        after: &Row,
        place: usize,
        source: &Source,
        knobs: &EventKnobs,
    ) -> Datum {
        match source {
            Source::Cell(at) => {
                let (old, new) = (before.cell(*at), after.cell(*at));
                // The time of the change is always told, even within one second.
                if old == new && *at != system::MODIFIED_DATE {
                    return Datum::Null;
                }
                self.changed.whole.insert(place);
                if new.is_null() {
                    self.nulled.whole.insert(place);
                }
                let long =
                    object.fields.get(*at).is_some_and(|field| matches!(field.kind, Kind::LongText { .. }));
                if let (Some(old), Some(new)) = (old.as_text(), new.as_text())
                    && long
                    && knobs.diff_from > 0
                    && new.chars().count() >= knobs.diff_from
                {
                    self.diffs.whole.insert(place);
                    return Datum::Text(diff::unified(old, new));
                }
                datum(object, *at, new)
            }
            Source::Parts(parts) => {
                let moved = |part: &Part| part.at.is_some_and(|at| before.cell(at) != after.cell(at));
                if !parts.iter().any(moved) {
                    return Datum::Null;
                }
                let mut values = Vec::with_capacity(parts.len());
                for (child, part) in parts.iter().enumerate() {
                    let cell = part.at.filter(|_| moved(part)).map(|at| (at, after.cell(at)));
                    if let Some((_, cell)) = cell {
                        self.changed.children.entry(place).or_default().insert(child);
                        if cell.is_null() {
                            self.nulled.children.entry(place).or_default().insert(child);
                        }
                    }
                    values.push(cell.map_or(Datum::Null, |(at, cell)| datum(object, at, cell)));
                }
                if knobs.compound_bit {
                    self.changed.whole.insert(place);
                }
                let empty = parts.iter().all(|part| part.at.is_none_or(|at| after.cell(at).is_null()));
                if empty {
                    self.nulled.whole.insert(place);
                    return Datum::Null;
                }
                Datum::Record(values)
            }
        }
    }
}

/// A field's whole value.
fn whole(object: &Object, row: &Row, source: &Source) -> Datum {
    match source {
        Source::Cell(at) => datum(object, *at, row.cell(*at)),
        Source::Parts(parts) => {
            let value = |part: &Part| part.at.map_or(Datum::Null, |at| datum(object, at, row.cell(at)));
            let values: Vec<Datum> = parts.iter().map(value).collect();
            if values.iter().all(|value| *value == Datum::Null) { Datum::Null } else { Datum::Record(values) }
        }
    }
}

/// Dates and instants are milliseconds since 1970; a date is its midnight in UTC (salesforce reference, section 4.7).
fn datum(object: &Object, at: usize, cell: &Cell) -> Datum {
    let kind = object.fields.get(at).map(|field| &field.kind);
    match cell {
        Cell::Null => Datum::Null,
        Cell::Bool(value) => Datum::Boolean(*value),
        Cell::Number(number) if matches!(kind, Some(Kind::Int { .. })) => {
            number.to_i32().map_or(Datum::Null, Datum::Int)
        }
        Cell::Number(number) => number.to_f64().map_or(Datum::Null, Datum::Double),
        Cell::Text(text) => Datum::Text(text.clone()),
        Cell::Id(id) => Datum::Text(id.to_string()),
        Cell::Date(date) => date
            .to_zoned(TimeZone::UTC)
            .map_or(Datum::Null, |midnight| Datum::Long(midnight.timestamp().as_millisecond())),
        Cell::At(at) => Datum::Long(at.as_millisecond()),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::super::{id::Id, schema::Field},
        *,
    };

    fn thing() -> (Object, Row) {
        let mut formula = Field::new("Twice__c", Kind::Double { precision: 18, scale: 0 });
        formula.calculated = true;
        let object = Object::new("Thing__c", "a07", vec![Field::new("Note__c", Kind::Url), formula]);
        let row = Row { id: Id::new("a07", *b"00", 1), cells: vec![Cell::Null; object.fields.len()] };
        (object, row)
    }

    fn kind(object: &Object, before: &Row, after: &Row) -> Option<ChangeType> {
        let (before, after) = (Some(Arc::new(before.clone())), Arc::new(after.clone()));
        ChangeType::of(&Change { object: 0, before, first: Arc::clone(&after), after }, object)
    }

    #[test]
    fn s4_8_a_change_of_a_formulas_result_alone_is_told_to_nobody() {
        let (object, before) = thing();
        let [note, twice] = ["Note__c", "Twice__c"].map(|name| object.position(name).unwrap());
        let mut after = before.clone();
        after.set(twice, Cell::Number(4.into()));
        assert_eq!(kind(&object, &before, &after), None);
        after.set(note, Cell::text("https://a.example"));
        assert_eq!(kind(&object, &before, &after), Some(ChangeType::Update));
        let shape = Shape::of(&Schema::new(vec![object]), 0, |_| true);
        assert!(shape.fields.iter().all(|field| field.name != "Twice__c"), "no body carries a formula");
    }

    #[test]
    fn s4_8_what_is_emptied_from_the_recycle_bin_is_told_to_nobody() {
        let (object, mut binned) = thing();
        binned.set(system::IS_DELETED, Cell::Bool(true));
        assert_eq!(kind(&object, &binned, &binned), None);
        let mut live = binned.clone();
        live.set(system::IS_DELETED, Cell::Bool(false));
        assert_eq!(kind(&object, &live, &binned), Some(ChangeType::Delete));
        assert_eq!(kind(&object, &binned, &live), Some(ChangeType::Undelete));
    }
}
