//! From a payload to a change event: the header by its names, the fields by its bitmaps, the body by both.

use std::collections::BTreeMap;

use apache_avro::types::Value as Avro;
use jiff::Timestamp;

use super::{
    ChangeEvent, ChangeKind, EventSchema, Origin, Records, ReplayId, Unreadable, Value, bitmap, datum,
    schema::HEADER,
};
use crate::{ObjectName, RecordId, UserId};

/// The id that stands for all records of an object, when too many changed.
const OVERFLOW: &str = "000000000000000AAA";

impl ChangeEvent {
    /// Reads one event with the schema that it was written with.
    pub fn read(schema: &EventSchema, replay_id: ReplayId, payload: &[u8]) -> Result<Self, Unreadable> {
        let mut fields = datum::read(schema, payload)?;
        let place = fields.iter().position(|(name, _)| name == HEADER);
        let header = match place.map(|place| fields.remove(place).1).map(unwrapped) {
            Some(Avro::Record(header)) => Header(header),
            _ => return Err(Unreadable::Header("it is missing")),
        };
        let bitmap = |name| bitmap::names(schema.fields(), header.texts(name)?).map_err(Unreadable::Header);
        let kind = kind(header.text("changeType")?);
        let mut records = records(header.texts("recordIds")?)?;
        records.all |= kind == ChangeKind::GapOverflow;
        Ok(Self {
            replay_id,
            entity: ObjectName::new(header.text("entityName")?)
                .map_err(|_| Unreadable::Header("its entityName is no object"))?,
            kind,
            records,
            origin: origin(header.text("changeOrigin").unwrap_or_default()),
            user: header.text("commitUser").ok().and_then(|user| UserId::parse(user).ok()),
            transaction: header.text("transactionKey")?.to_owned(),
            sequence: header
                .number("sequenceNumber")?
                .try_into()
                .map_err(|_| Unreadable::Header("its sequenceNumber is out of bounds"))?,
            committed_at: Timestamp::from_millisecond(header.number("commitTimestamp")?)
                .map_err(|_| Unreadable::Header("its commitTimestamp is out of bounds"))?,
            changed: bitmap("changedFields")?,
            nulled: bitmap("nulledFields")?,
            diffed: bitmap("diffFields")?,
            body: body(fields),
            names: schema.names().clone(),
        })
    }
}

/// A header's fields, found by name: their order is the server's.
struct Header(Vec<(String, Avro)>);

impl Header {
    fn field(&self, name: &str) -> Option<&Avro> {
        let value = &self.0.iter().find(|(field, _)| field == name)?.1;
        Some(match value {
            Avro::Union(_, value) => value,
            value => value,
        })
    }

    fn text(&self, name: &'static str) -> Result<&str, Unreadable> {
        match self.field(name) {
            Some(Avro::String(text) | Avro::Enum(_, text)) => Ok(text),
            _ => Err(Unreadable::Header(name)),
        }
    }

    fn number(&self, name: &'static str) -> Result<i64, Unreadable> {
        match self.field(name) {
            Some(Avro::Long(number)) => Ok(*number),
            Some(Avro::Int(number)) => Ok((*number).into()),
            _ => Err(Unreadable::Header(name)),
        }
    }

    /// A list of texts; one that the schema does not have is empty.
    fn texts(&self, name: &'static str) -> Result<Vec<&str>, Unreadable> {
        let items = match self.field(name) {
            Some(Avro::Array(items)) => items,
            None | Some(Avro::Null) => return Ok(Vec::new()),
            Some(_) => return Err(Unreadable::Header(name)),
        };
        let texts = items.iter().map(|item| match item {
            Avro::String(text) => Ok(text.as_str()),
            _ => Err(Unreadable::Header(name)),
        });
        texts.collect()
    }
}

fn kind(name: &str) -> ChangeKind {
    match name {
        "CREATE" => ChangeKind::Create,
        "UPDATE" => ChangeKind::Update,
        "DELETE" => ChangeKind::Delete,
        "UNDELETE" => ChangeKind::Undelete,
        "GAP_CREATE" => ChangeKind::GapCreate,
        "GAP_UPDATE" => ChangeKind::GapUpdate,
        "GAP_DELETE" => ChangeKind::GapDelete,
        "GAP_UNDELETE" => ChangeKind::GapUndelete,
        "GAP_OVERFLOW" => ChangeKind::GapOverflow,
        _ => ChangeKind::Unknown,
    }
}

fn records(ids: Vec<&str>) -> Result<Records, Unreadable> {
    let mut records = Records::default();
    for id in ids {
        if id == OVERFLOW || id.ends_with('*') {
            records.all = true;
        } else {
            let id = RecordId::parse(id).map_err(|_| Unreadable::Header("one of its recordIds is none"))?;
            records.ids.push(id);
        }
    }
    Ok(records)
}

/// Reads `com/salesforce/api/rest/66.0;client=Cosell`; Lightning puts a slash behind its own name.
fn origin(text: &str) -> Origin {
    let client = text.split(';').skip(1).find_map(|part| part.trim().strip_prefix("client="));
    let client = client.map(|client| client.trim_end_matches('/').to_owned());
    Origin { text: text.to_owned(), client: client.filter(|client| !client.is_empty()) }
}

fn body(fields: Vec<(String, Avro)>) -> BTreeMap<String, Value> {
    let mut body = BTreeMap::new();
    for (name, value) in fields {
        let value = unwrapped(value);
        if let Avro::Record(children) = value {
            for (child, value) in children {
                keep(&mut body, format!("{name}.{child}"), unwrapped(value));
            }
            body.insert(name, Value::Compound);
        } else {
            keep(&mut body, name, value);
        }
    }
    body
}

fn keep(body: &mut BTreeMap<String, Value>, name: String, value: Avro) {
    if value != Avro::Null {
        body.insert(name, read(value));
    }
}

fn unwrapped(value: Avro) -> Avro {
    match value {
        Avro::Union(_, value) => *value,
        value => value,
    }
}

fn read(value: Avro) -> Value {
    match value {
        Avro::Boolean(value) => Value::Boolean(value),
        Avro::Int(value) => Value::Integer(value.into()),
        Avro::Long(value) | Avro::TimestampMillis(value) | Avro::LocalTimestampMillis(value) => {
            Value::Integer(value)
        }
        Avro::Float(value) => Value::Double(value.into()),
        Avro::Double(value) => Value::Double(value),
        Avro::String(text) | Avro::Enum(_, text) => Value::Text(text),
        Avro::Record(_) => Value::Compound,
        _ => Value::Other,
    }
}
