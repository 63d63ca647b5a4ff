//! What an event of an object looks like: the fields of its body, their Avro schema, and what its id is (salesforce
//! reference, section 4.7).

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::super::{
    id::Id,
    schema::{Field, Kind, Object, Schema, system},
};

/// Fields that no event carries: what only a look at other rows tells, and what the platform keeps for itself.
const DERIVED: [&str; 12] = [
    "Id",
    "IsDeleted",
    "SystemModstamp",
    "ContactId",
    "Fiscal",
    "FiscalQuarter",
    "FiscalYear",
    "HasOpenActivity",
    "HasOverdueTask",
    "LastActivityDate",
    "PushCount",
    "PhotoUrl",
];
/// The parts of a person's name.
const NAME_PARTS: [&str; 5] = ["Salutation", "FirstName", "LastName", "MiddleName", "Suffix"];
/// The parts of an address, with whether each is a number.
const ADDRESS_PARTS: [(&str, bool); 10] = [
    ("Street", false),
    ("City", false),
    ("State", false),
    ("PostalCode", false),
    ("Country", false),
    ("StateCode", false),
    ("CountryCode", false),
    ("Latitude", true),
    ("Longitude", true),
    ("GeocodeAccuracy", false),
];
const CHANGE_TYPES: [&str; 10] = [
    "CREATE",
    "UPDATE",
    "DELETE",
    "UNDELETE",
    "GAP_CREATE",
    "GAP_UPDATE",
    "GAP_DELETE",
    "GAP_UNDELETE",
    "GAP_OVERFLOW",
    "SNAPSHOT",
];

/// Where a change type stands in the schema's enumeration.
pub(crate) fn change_type_index(name: &str) -> usize {
    CHANGE_TYPES.iter().position(|known| *known == name).unwrap_or_default()
}

/// Whether a field's change alone makes no event, and no event carries it.
pub(crate) fn is_derived(field: &Field) -> bool {
    field.calculated || DERIVED.contains(&field.name)
}

/// A part of a compound.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    /// The row's field that holds it; a part that this org does not have is always null.
    pub(crate) at: Option<usize>,
    number: bool,
}

/// Where a body field's value comes from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// One cell.
    Cell(usize),
    /// Several: an address, a person's name.
    Parts(Vec<Part>),
}

/// One field of a body.
#[derive(Debug, Clone)]
pub(crate) struct BodyField {
    pub(crate) name: &'static str,
    pub(crate) source: Source,
}

/// The body of an object's events, for one kind of subscriber, as the object's fields were at one time.
#[derive(Debug)]
pub(crate) struct Shape {
    /// In the schema's order; the header is before them, so the place of the first in a bitmap is 1.
    pub(crate) fields: Vec<BodyField>,
    /// 22 characters.
    pub(crate) schema_id: String,
    pub(crate) schema_json: String,
}

/// `OpportunityChangeEvent`, `My_Object__ChangeEvent`.
pub(crate) fn event_name(object: &str) -> String {
    match object.strip_suffix("__c") {
        Some(bare) => format!("{bare}__ChangeEvent"),
        None => format!("{object}ChangeEvent"),
    }
}

impl Shape {
    /// The shape of `index`'s events with the fields that `visible` lets through.
    pub(crate) fn of(schema: &Schema, index: usize, visible: impl Fn(usize) -> bool) -> Self {
        let object = schema.object(index);
        let field = |at: usize| object.fields.get(at).filter(|field| field.enabled);
        let shown = |name: &str| {
            let at = object.fields.iter().position(|field| field.name == name)?;
            field(at).filter(|_| visible(at)).map(|_| at)
        };
        let person = shown("LastName").is_some() && object.name != "Account";
        let prefixes: Vec<&str> = object
            .fields
            .iter()
            .filter_map(|field| if let Kind::Address { prefix } = field.kind { Some(prefix) } else { None })
            .collect();
        let part_of_compound = |name: &str| {
            let address = prefixes.iter().any(|prefix| {
                name.strip_prefix(prefix)
                    .is_some_and(|rest| ADDRESS_PARTS.iter().any(|(part, _)| *part == rest))
            });
            address || (person && NAME_PARTS.contains(&name))
        };
        let mut fields = Vec::new();
        let mut described = vec![json!({
            "name": "ChangeEventHeader", "type": header(), "doc": "Data:ChangeEventHeader",
        })];
        let mut address_named = false;
        for at in object.in_describe_order() {
            let Some(field) = field(at).filter(|_| visible(at)) else { continue };
            if is_derived(field) || part_of_compound(field.name) {
                continue;
            }
            let (source, kind) = match &field.kind {
                Kind::Address { prefix } => {
                    let parts = ADDRESS_PARTS.map(|(name, number)| Part {
                        name,
                        at: shown(&format!("{prefix}{name}")),
                        number,
                    });
                    let parts = parts.to_vec();
                    // Avro names a record once; a second address refers to it.
                    let kind = if address_named { json!("Address") } else { record("Address", &parts) };
                    address_named = true;
                    (Source::Parts(parts), json!(["null", kind]))
                }
                _ if person && field.name == "Name" => {
                    let parts = NAME_PARTS
                        .iter()
                        .filter_map(|name| shown(name).map(|at| Part { name, at: Some(at), number: false }));
                    let parts: Vec<Part> = parts.collect();
                    let kind = record("PersonName", &parts);
                    (Source::Parts(parts), json!(["null", kind]))
                }
                _ if object.name == "Account" && field.name == "Name" => {
                    let parts = NAME_PARTS.map(|name| Part { name, at: None, number: false });
                    (Source::Cell(at), json!(["null", "string", record("Switchable_PersonName", &parts)]))
                }
                kind => (Source::Cell(at), json!(["null", avro_type(kind)])),
            };
            described.push(json!({
                "name": field.name, "type": kind, "doc": doc(object, field, at), "default": null,
            }));
            fields.push(BodyField { name: field.name, source });
        }
        let name = event_name(object.name);
        let bare = written(&name, &described, None);
        let digest = Sha256::digest(bare.as_bytes());
        let schema_id = URL_SAFE_NO_PAD.encode(digest.get(..16).unwrap_or_default());
        let schema_json = written(&name, &described, Some(&schema_id));
        Self { fields, schema_id, schema_json }
    }
}

/// The schema's text: members in the order seen on live schemas, which a JSON map would not keep.
fn written(name: &str, fields: &[Value], id: Option<&str>) -> String {
    let fields = Value::from(fields.to_vec());
    let uuid = id.map(|id| format!(",\"uuid\":\"{id}\"")).unwrap_or_default();
    format!(
        "{{\"name\":\"{name}\",\"namespace\":\"com.sforce.eventbus\",\"type\":\"record\",\"fields\":{fields}{uuid}}}"
    )
}

fn header() -> Value {
    let text = |name: &str| json!({"name": name, "type": "string"});
    let texts = |name: &str| json!({"name": name, "type": {"type": "array", "items": "string"}});
    let number = |name: &str, kind: &str| json!({"name": name, "type": kind});
    json!({"type": "record", "name": "ChangeEventHeader", "fields": [
        text("entityName"),
        texts("recordIds"),
        {"name": "changeType", "type": {"type": "enum", "name": "ChangeType", "symbols": CHANGE_TYPES}},
        text("changeOrigin"),
        text("transactionKey"),
        number("sequenceNumber", "int"),
        number("commitTimestamp", "long"),
        number("commitNumber", "long"),
        text("commitUser"),
        texts("nulledFields"),
        texts("diffFields"),
        texts("changedFields"),
    ]})
}

/// Children of compounds have no `doc`.
fn record(name: &str, parts: &[Part]) -> Value {
    let fields: Vec<Value> = parts
        .iter()
        .map(|part| {
            let kind = if part.number { "double" } else { "string" };
            json!({"name": part.name, "type": ["null", kind], "default": null})
        })
        .collect();
    json!({"type": "record", "name": name, "fields": fields})
}

fn avro_type(kind: &Kind) -> &'static str {
    match kind {
        Kind::Boolean => "boolean",
        Kind::Int { .. } => "int",
        Kind::Currency { .. } | Kind::Double { .. } | Kind::Percent { .. } => "double",
        Kind::Date | Kind::DateTime => "long",
        _ => "string",
    }
}

/// `Role:Type[:custom field id]`.
fn doc(object: &Object, field: &Field, at: usize) -> String {
    let said = match at {
        system::CREATED_DATE => "CreatedDate:DateTime",
        system::CREATED_BY => "CreatedBy:EntityId",
        system::MODIFIED_DATE => "LastModifiedDate:DateTime",
        system::MODIFIED_BY => "LastModifiedBy:EntityId",
        _ => match &field.kind {
            Kind::Reference(_) => "ForeignKey:EntityId",
            Kind::Boolean => "Data:Boolean",
            Kind::LongText { .. } => "Data:StringPlusClob",
            Kind::TextArea { .. } => "Data:MultiLineText",
            Kind::Url => "Data:Url",
            Kind::Email => "Data:Email",
            Kind::Phone { .. } => "Data:Phone",
            Kind::Picklist { .. } => "Data:DynamicEnum",
            Kind::MultiPicklist { .. } => "Data:MultiEnum",
            Kind::Currency { .. } => "Data:Currency",
            Kind::Double { .. } => "Data:Double",
            Kind::Percent { .. } => "Data:Percent",
            Kind::Int { .. } => "Data:Integer",
            Kind::Date => "Data:DateOnly",
            Kind::DateTime => "Data:DateTime",
            Kind::Address { .. } => "Data:Address",
            _ => "Data:Text",
        },
    };
    if !field.custom() {
        return said.to_owned();
    }
    let prefix = object.prefix.bytes().fold(0, |sum, byte| sum * 256 + u64::from(byte));
    let number = prefix * 1_000 + u64::try_from(at).unwrap_or_default();
    format!("{said}:{}", Id::new("00N", *b"00", number).short())
}

/// A shape with the schema it was made of, so that the schema's address stays its own.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) shape: Arc<Shape>,
    _schema: Arc<Schema>,
}

impl Kept {
    pub(crate) fn new(shape: Arc<Shape>, schema: &Arc<Schema>) -> Self {
        Self { shape, _schema: Arc::clone(schema) }
    }
}
