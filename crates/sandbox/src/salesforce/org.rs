//! The org: its schema, rows, people and settings, and who may see which field.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{
    automations::Pending,
    bulk::Jobs,
    cursors::Cursors,
    errors::Fault,
    id::Id,
    knobs::Knobs,
    limits::Usage,
    metadata::{Customization, Deploys},
    pubsub::bus::Bus,
    schema::{Kind, Object, Schema},
    schema_tables,
    tables::{Lens, Row, Tables},
    values::Cell,
};
use crate::picture::Drawn;

/// Whose rights a caller has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    /// The product's own user: field access can be taken from it.
    Integration,
    Seller,
    Admin,
}

/// A user who can sign in.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) id: Id,
    pub(crate) username: &'static str,
    pub(crate) role: Role,
}

/// Who makes a call, and what its headers ask for.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) user: Id,
    pub(crate) role: Role,
    /// API version, whole.
    pub(crate) version: u32,
    /// `Sforce-Duplicate-Rule-Header: allowSave=true`.
    pub(crate) allow_duplicates: bool,
    pub(crate) now: Timestamp,
}

/// A point of the present request to come back to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    rows: usize,
    pending: usize,
}

/// One Salesforce organisation.
#[derive(Debug)]
pub(crate) struct Org {
    pub(crate) schema: Arc<Schema>,
    pub(crate) tables: Tables,
    pub(crate) knobs: Knobs,
    /// What deploys have added.
    pub(crate) customization: Customization,
    pub(crate) deploys: Deploys,
    pub(crate) people: Vec<Person>,
    pub(crate) id: Id,
    pub(crate) pending: Vec<Pending>,
    pub(crate) cursors: Cursors,
    pub(crate) usage: Usage,
    pub(crate) jobs: Jobs,
    pub(crate) events: Bus,
    /// Where the org is served, without a slash at its end.
    pub(crate) base_url: String,
    pub(crate) schema_changed: Timestamp,
    pod: [u8; 2],
    next: BTreeMap<&'static str, u64>,
    first: u64,
    hidden: HashSet<(usize, usize)>,
}

impl Org {
    /// An org without rows. `pod` and `first` make its ids differ from another org's.
    pub(crate) fn bare(pod: [u8; 2], first: u64) -> Self {
        let knobs = Knobs::default();
        let customization = Customization::default();
        let schema = Arc::new(schema_tables::build(&knobs, &customization));
        Self {
            tables: Tables::new(&schema),
            schema,
            knobs,
            customization,
            deploys: Deploys::default(),
            people: Vec::new(),
            id: Id::new("00D", pod, first),
            pending: Vec::new(),
            cursors: Cursors::default(),
            usage: Usage::default(),
            jobs: Jobs::default(),
            events: Bus::new(Id::new("00D", pod, first), first),
            base_url: String::new(),
            schema_changed: Timestamp::UNIX_EPOCH,
            pod,
            next: BTreeMap::new(),
            first,
            hidden: HashSet::new(),
        }
    }

    /// A new id of this object.
    pub(crate) fn new_id(&mut self, prefix: &'static str) -> Id {
        let next = self.next.entry(prefix).or_insert(self.first);
        *next += 1;
        Id::new(prefix, self.pod, *next)
    }

    /// Replaces the knobs and what follows from them.
    ///
    /// # Errors
    /// A sentence when a knob names what the org does not have.
    pub(crate) fn set_knobs(&mut self, knobs: Knobs) -> Result<(), String> {
        self.add_fields(&knobs.own_fields)?;
        let schema = schema_tables::build(&knobs, &self.customization);
        let mut hidden = HashSet::new();
        for name in &knobs.hidden_fields {
            let place = name.split_once('.').and_then(|(object, field)| {
                let object = schema.find(object)?;
                Some((object, schema.object(object).position(field)?))
            });
            hidden.insert(place.ok_or_else(|| format!("hidden_fields: no field {name}"))?);
        }
        let mut named: Vec<(&str, &str)> = Vec::new();
        named.extend(knobs.validation_rules.iter().map(|rule| (rule.object.as_str(), rule.field.as_str())));
        named.extend(
            knobs
                .save_failures
                .iter()
                .filter_map(|fails| Some((fails.object.as_str(), fails.field.as_deref()?))),
        );
        named.extend(knobs.automations.iter().map(|flow| (flow.object.as_str(), flow.field.as_str())));
        for rule in &knobs.duplicate_rules {
            named.extend(rule.fields.iter().map(|field| (rule.object.as_str(), field.as_str())));
        }
        for (object, field) in named {
            let found = schema.find(object).and_then(|at| schema.object(at).position(field));
            found.ok_or_else(|| format!("no field {object}.{field}"))?;
        }
        if let Some(code) =
            knobs.active_currencies.iter().find(|code| !schema_tables::CURRENCIES.contains(&code.as_str()))
        {
            return Err(format!("active_currencies: this org does not know {code}"));
        }
        if let Some(denied) = knobs.denied.iter().find(|denied| schema.find(&denied.object).is_none()) {
            return Err(format!("denied: no object {}", denied.object));
        }
        self.tables.fit(&schema);
        self.schema = Arc::new(schema);
        self.hidden = hidden;
        self.knobs = knobs;
        Ok(())
    }

    /// Makes schema and tables follow the customization. Positions stay, so what points to them stays right.
    pub(crate) fn rebuild(&mut self, now: Timestamp) {
        let schema = schema_tables::build(&self.knobs, &self.customization);
        self.tables.fit(&schema);
        self.schema = Arc::new(schema);
        self.schema_changed = super::values::to_second(now);
    }

    /// The object of this name.
    ///
    /// # Errors
    /// 404 when there is none.
    pub(crate) fn object(&self, name: &str) -> Result<usize, Fault> {
        self.schema.find(name).ok_or_else(Fault::not_found)
    }

    /// Whether the caller can see the field at all: it exists and field-level security lets them.
    pub(crate) fn visible(&self, role: Role, object: usize, field: usize) -> bool {
        let Some(shape) = self.schema.object(object).fields.get(field).filter(|field| field.enabled) else {
            return false;
        };
        !(role == Role::Integration && self.hidden.contains(&(object, field)))
            && (shape.open || self.granted_field(role, object, shape).is_some())
    }

    /// The position of a field that the caller can see.
    pub(crate) fn position(&self, role: Role, object: usize, name: &str) -> Option<usize> {
        self.schema.object(object).position(name).filter(|at| self.visible(role, object, *at))
    }

    /// What a read made now sees.
    pub(crate) fn lens(&self, now: Timestamp) -> Lens {
        Lens { now, lag_ms: self.knobs.read_lag_ms }
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark { rows: self.tables.mark(), pending: self.pending.len() }
    }

    pub(crate) fn roll_back(&mut self, mark: Mark) {
        self.tables.roll_back(mark.rows);
        self.pending.truncate(mark.pending);
    }

    /// The object an id belongs to.
    pub(crate) fn object_of(&self, id: Id) -> Option<usize> {
        self.schema.of_prefix(id.prefix())
    }

    /// A field of a row as JSON, compounds put together.
    pub(crate) fn field_json(&self, object: usize, row: &Row, at: usize) -> Value {
        let object = self.schema.object(object);
        let Some(field) = object.fields.get(at) else { return Value::Null };
        let Kind::Address { prefix } = &field.kind else { return row.cell(at).json(&field.kind) };
        let mut whole = Map::new();
        let mut any = false;
        for (part, member) in [
            ("Street", "street"),
            ("City", "city"),
            ("State", "state"),
            ("PostalCode", "postalCode"),
            ("Country", "country"),
        ] {
            let cell = value_of(object, row, &format!("{prefix}{part}"));
            any |= !cell.is_null();
            whole.insert(member.into(), cell.as_text().map_or(Value::Null, Value::from));
        }
        for member in ["geocodeAccuracy", "latitude", "longitude"] {
            whole.insert(member.into(), Value::Null);
        }
        if any { Value::Object(whole) } else { Value::Null }
    }

    /// A field of a row as a record shows it: a file is the place to fetch its bytes from.
    pub(crate) fn shown_json(&self, caller: &Caller, object: usize, row: &Row, at: usize) -> Value {
        let shape = self.schema.object(object);
        match shape.fields.get(at) {
            Some(field) if matches!(field.kind, Kind::Base64) && !row.cell(at).is_null() => {
                Value::from(format!(
                    "/services/data/v{}.0/sobjects/{}/{}/{}",
                    caller.version, shape.name, row.id, field.name
                ))
            }
            _ => self.field_json(object, row, at),
        }
    }

    /// A row with the chosen fields, or all that the caller can see.
    pub(crate) fn record_json(
        &self,
        caller: &Caller,
        object: usize,
        row: &Row,
        fields: Option<&[usize]>,
    ) -> Value {
        let shape = self.schema.object(object);
        let mut record = Map::new();
        record.insert("attributes".into(), attributes(shape, row.id, caller.version));
        let all: Vec<usize>;
        let chosen = if let Some(chosen) = fields {
            chosen
        } else {
            all = (0..shape.fields.len()).filter(|at| self.visible(caller.role, object, *at)).collect();
            &all
        };
        for at in chosen {
            if let Some(field) = shape.fields.get(*at) {
                record.insert(field.name.into(), self.shown_json(caller, object, row, *at));
            }
        }
        Value::Object(record)
    }

    /// Brings `state`, every row of every object with every field, up to date, for judges.
    pub(crate) fn redraw(&self, state: &mut Value, drawn: &mut Drawn) {
        for (index, object) in self.schema.objects.iter().enumerate().filter(|(_, object)| object.enabled) {
            let shown = |at: &usize| *at == 1 || object.fields.get(*at).is_some_and(|field| field.enabled);
            let json = |row: &Row| {
                let cells = object.fields.iter().enumerate().filter(|(at, _)| shown(at));
                let cells = cells.map(|(at, field)| (field.name.to_owned(), self.field_json(index, row, at)));
                Value::Object(cells.collect())
            };
            drawn.list(state, object.name, self.tables.all(index), json);
        }
    }
}

/// The `attributes` of a record.
pub(crate) fn attributes(object: &Object, id: Id, version: u32) -> Value {
    serde_json::json!({
        "type": object.name,
        "url": format!("/services/data/v{version}.0/sobjects/{}/{id}", object.name),
    })
}

/// A row's cell by field name; null when the object has no such field.
pub(crate) fn value_of<'a>(object: &Object, row: &'a Row, field: &str) -> &'a Cell {
    object.position(field).map_or(&Cell::Null, |at| row.cell(at))
}
