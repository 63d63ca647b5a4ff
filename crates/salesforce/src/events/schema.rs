//! A schema of events that was read and found to be within bounds.
//!
//! A schema is the server's, and decides what a payload makes of our memory: a few bytes can stand for a million nulls,
//! or for a record inside itself. So every schema is weighed before a payload is read with it.

use std::{collections::BTreeSet, sync::Arc};

use apache_avro::{
    Schema,
    schema::{InnerDecimalSchema, NamesRef, ResolvedSchema, UuidSchema},
};

use super::{Unreadable, bitmap::Field};

/// Longest text, in bytes. An Opportunity's has about 10,000 (salesforce reference, section 4.7).
const MAX_BYTES: usize = 1 << 20;
/// Most parts, every reference counted as what it stands for: 800 custom fields are about 4,000.
const MAX_PARTS: usize = 20_000;
/// Deepest nesting. A change event has three levels: event, header or compound, list.
const MAX_DEPTH: usize = 12;
/// Most parts of what a list holds. A header's lists hold texts.
const MAX_ITEM_PARTS: usize = 4;
/// Longest field of fixed length, in bytes.
const MAX_FIXED: usize = 1 << 16;
/// The field that makes an event a change event.
pub(super) const HEADER: &str = "ChangeEventHeader";

/// A schema of change events.
#[derive(Debug)]
pub struct EventSchema {
    avro: Schema,
    /// The fields in the schema's order, which is the order of bits.
    fields: Vec<Field>,
    /// Every name that a field or child goes by.
    names: Arc<BTreeSet<String>>,
}

impl EventSchema {
    /// Reads a schema's text.
    pub fn read(text: &str) -> Result<Self, Unreadable> {
        if text.len() > MAX_BYTES {
            return Err(Unreadable::Schema("it is longer than 1 MiB"));
        }
        let avro = Schema::parse_str(text).map_err(|_| Unreadable::Schema("it is no Avro schema"))?;
        let fields = {
            let resolved = ResolvedSchema::try_from(&avro)
                .map_err(|_| Unreadable::Schema("it refers to a type that it does not hold"))?;
            let mut scale = Scale { names: resolved.get_names(), parts: 0 };
            scale.weigh(&avro, None, 0).map_err(Unreadable::Schema)?;
            scale.fields(&avro)?
        };
        let names = fields.iter().flat_map(|field| {
            let children = field.children.iter().map(|child| format!("{}.{child}", field.name));
            children.chain([field.name.clone()])
        });
        let names = Arc::new(names.filter(|name| !name.starts_with(HEADER)).collect());
        Ok(Self { avro, fields, names })
    }

    pub(super) fn avro(&self) -> &Schema {
        &self.avro
    }

    pub(super) fn fields(&self) -> &[Field] {
        &self.fields
    }

    pub(super) fn names(&self) -> &Arc<BTreeSet<String>> {
        &self.names
    }
}

/// What a part of a schema makes of a payload.
#[derive(Clone, Copy)]
struct Weight {
    parts: usize,
    /// Whether it may take no byte at all.
    may_be_empty: bool,
}

impl Weight {
    const SCALAR: Self = Self { parts: 1, may_be_empty: false };
}

struct Scale<'a> {
    names: &'a NamesRef<'a>,
    parts: usize,
}

impl Scale<'_> {
    fn weigh(
        &mut self,
        schema: &Schema,
        namespace: Option<&str>,
        depth: usize,
    ) -> Result<Weight, &'static str> {
        self.parts += 1;
        if self.parts > MAX_PARTS {
            return Err("it has more than 20,000 parts");
        }
        if depth > MAX_DEPTH {
            return Err("it is nested deeper than 12 levels, or holds itself");
        }
        Ok(match schema {
            Schema::Null => Weight { parts: 1, may_be_empty: true },
            Schema::Array(array) => self.list(&array.items, namespace, depth)?,
            Schema::Map(map) => self.list(&map.types, namespace, depth)?,
            Schema::Union(union) => {
                let mut parts = 1;
                for variant in union.variants() {
                    parts += self.weigh(variant, namespace, depth + 1)?.parts;
                }
                Weight { parts, may_be_empty: false }
            }
            Schema::Record(record) => {
                let name = record.name.fully_qualified_name(namespace);
                let mut whole = Weight { parts: 1, may_be_empty: true };
                for field in &record.fields {
                    let part = self.weigh(&field.schema, name.namespace(), depth + 1)?;
                    whole.parts += part.parts;
                    whole.may_be_empty &= part.may_be_empty;
                }
                whole
            }
            Schema::Fixed(fixed)
            | Schema::Duration(fixed)
            | Schema::Uuid(UuidSchema::Fixed(fixed))
            | Schema::Decimal(apache_avro::schema::DecimalSchema {
                inner: InnerDecimalSchema::Fixed(fixed),
                ..
            }) => {
                if fixed.size > MAX_FIXED {
                    return Err("a field of fixed length is longer than 64 KiB");
                }
                Weight { parts: 1, may_be_empty: fixed.size == 0 }
            }
            Schema::BigDecimal => return Err("it has a type that no change event has"),
            Schema::Ref { name } => {
                let name = name.fully_qualified_name(namespace);
                let target = *self.names.get(&name).ok_or("it refers to a type that it does not hold")?;
                self.weigh(target, name.namespace(), depth + 1)?
            }
            _ => Weight::SCALAR,
        })
    }

    /// A list takes one byte an item at least, so that its payload bounds it, and each item is a small thing.
    fn list(&mut self, item: &Schema, namespace: Option<&str>, depth: usize) -> Result<Weight, &'static str> {
        let item = self.weigh(item, namespace, depth + 1)?;
        if item.may_be_empty || item.parts > MAX_ITEM_PARTS {
            return Err("a list holds more than scalars");
        }
        Ok(Weight::SCALAR)
    }

    fn fields(&self, schema: &Schema) -> Result<Vec<Field>, Unreadable> {
        let Schema::Record(event) = schema else {
            return Err(Unreadable::Schema("it is no record"));
        };
        let namespace = event.name.fully_qualified_name(None);
        let fields: Vec<Field> = event
            .fields
            .iter()
            .map(|field| Field {
                name: field.name.clone(),
                children: self.children(&field.schema, namespace.namespace()),
            })
            .collect();
        let headers = fields.iter().filter(|field| field.name == HEADER && !field.children.is_empty());
        if headers.count() == 1 { Ok(fields) } else { Err(Unreadable::Schema("it has no ChangeEventHeader")) }
    }

    /// The children of a compound: of the record itself, or of the one in its union.
    fn children(&self, schema: &Schema, namespace: Option<&str>) -> Vec<String> {
        match schema {
            Schema::Record(record) => record.fields.iter().map(|field| field.name.clone()).collect(),
            Schema::Union(union) => union
                .variants()
                .iter()
                .map(|variant| self.children(variant, namespace))
                .find(|children| !children.is_empty())
                .unwrap_or_default(),
            Schema::Ref { name } => {
                let name = name.fully_qualified_name(namespace);
                self.names.get(&name).map_or_else(Vec::new, |target| self.children(target, name.namespace()))
            }
            _ => Vec::new(),
        }
    }
}
