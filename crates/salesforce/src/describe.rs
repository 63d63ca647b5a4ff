//! What the platform says of an object: its fields, their types and bounds, as this user may see them.

mod global;
mod kept;

use serde::Deserialize;

use crate::RecordId;

pub use global::{GlobalDescribe, ObjectOutline};
pub(crate) use kept::Kept;

/// An object as this user may see it. A field that is missing here is not installed **or** not visible.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Describe {
    /// The object's API name, in the platform's spelling.
    pub name: String,
    /// The first three characters of its identifiers.
    #[serde(default)]
    pub key_prefix: Option<String>,
    /// Whether this user may create records.
    #[serde(default)]
    pub createable: bool,
    /// Whether this user may change records.
    #[serde(default)]
    pub updateable: bool,
    /// Whether this user may delete records.
    #[serde(default)]
    pub deletable: bool,
    /// The visible fields.
    pub fields: Vec<FieldDescribe>,
    /// Relationships from children to this object.
    #[serde(default)]
    pub child_relationships: Vec<ChildRelationship>,
    /// The record types.
    #[serde(default)]
    pub record_type_infos: Vec<RecordType>,
}

impl Describe {
    /// The field of that API name, in any case.
    pub fn field(&self, name: &str) -> Option<&FieldDescribe> {
        self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))
    }

    /// The field through which a query reaches the parent `relationship`, in any case.
    pub fn reference(&self, relationship: &str) -> Option<&FieldDescribe> {
        let names = |field: &&FieldDescribe| {
            field.relationship_name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(relationship))
        };
        self.fields.iter().find(names)
    }
}

/// One field (salesforce reference, section 2.7).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldDescribe {
    /// API name.
    pub name: String,
    /// What people see.
    #[serde(default)]
    pub label: String,
    /// The kind of value.
    #[serde(rename = "type")]
    pub kind: FieldType,
    /// Longest text, in characters; 0 for other kinds.
    #[serde(default)]
    pub length: u32,
    /// Digits in all, for numbers.
    #[serde(default)]
    pub precision: u32,
    /// Digits after the point, for numbers.
    #[serde(default)]
    pub scale: u32,
    /// Whether it may be empty.
    #[serde(default)]
    pub nillable: bool,
    /// Whether it is filled when a new record says nothing.
    #[serde(default)]
    pub defaulted_on_create: bool,
    /// Whether this user may set it on a new record.
    #[serde(default)]
    pub createable: bool,
    /// Whether this user may change it.
    #[serde(default)]
    pub updateable: bool,
    /// Whether it is a formula or a roll-up.
    #[serde(default)]
    pub calculated: bool,
    /// Whether no two records may share a value.
    #[serde(default)]
    pub unique: bool,
    /// Whether records can be found by it as an external identifier.
    #[serde(default)]
    pub external_id: bool,
    /// Whether it may stand in a `WHERE`; long texts may not.
    #[serde(default)]
    pub filterable: bool,
    /// Whether upper and lower case differ, for unique texts.
    #[serde(default)]
    pub case_sensitive: bool,
    /// The values of a picklist.
    #[serde(default)]
    pub picklist_values: Vec<PicklistValue>,
    /// Whether other values are refused.
    #[serde(default)]
    pub restricted_picklist: bool,
    /// Whether the values on offer depend on another field's.
    #[serde(default)]
    pub dependent_picklist: bool,
    /// The objects that a reference may point to.
    #[serde(default)]
    pub reference_to: Vec<String>,
    /// The name under which the parent is reached in a query.
    #[serde(default)]
    pub relationship_name: Option<String>,
}

impl FieldDescribe {
    /// Whether a new record must bring a value.
    pub fn is_required(&self) -> bool {
        !self.nillable && !self.defaulted_on_create && self.createable
    }
}

/// The kinds of values that are told apart; any other keeps its name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
#[allow(missing_docs, reason = "the names are the platform's own")]
pub enum FieldType {
    Id,
    String,
    Textarea,
    Boolean,
    Int,
    Double,
    Currency,
    Percent,
    Date,
    Datetime,
    Picklist,
    Multipicklist,
    Combobox,
    Reference,
    Email,
    Phone,
    Url,
    Other(String),
}

impl From<String> for FieldType {
    fn from(name: String) -> Self {
        match name.as_str() {
            "id" => Self::Id,
            "string" => Self::String,
            "textarea" => Self::Textarea,
            "boolean" => Self::Boolean,
            "int" => Self::Int,
            "double" => Self::Double,
            "currency" => Self::Currency,
            "percent" => Self::Percent,
            "date" => Self::Date,
            "datetime" => Self::Datetime,
            "picklist" => Self::Picklist,
            "multipicklist" => Self::Multipicklist,
            "combobox" => Self::Combobox,
            "reference" => Self::Reference,
            "email" => Self::Email,
            "phone" => Self::Phone,
            "url" => Self::Url,
            _ => Self::Other(name),
        }
    }
}

/// One value of a picklist.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PicklistValue {
    /// What is stored.
    pub value: String,
    /// What people see.
    #[serde(default)]
    pub label: Option<String>,
    /// Whether it may still be chosen.
    #[serde(default)]
    pub active: bool,
    /// Whether a new record gets it.
    #[serde(default)]
    pub default_value: bool,
}

/// A relationship from a child to this object.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChildRelationship {
    /// The child's object.
    #[serde(rename = "childSObject")]
    pub child_object: String,
    /// The child's field that points here.
    pub field: String,
    /// The name under which the children are reached in a query; some relationships have none.
    #[serde(default)]
    pub relationship_name: Option<String>,
}

/// One record type.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordType {
    /// Its identifier.
    pub record_type_id: RecordId,
    /// What people see.
    pub name: String,
    /// Its API name.
    #[serde(default)]
    pub developer_name: Option<String>,
    /// Whether this user may choose it.
    #[serde(default)]
    pub available: bool,
    /// Whether this user gets it when saying nothing.
    #[serde(default)]
    pub default_record_type_mapping: bool,
    /// Whether it is the one that stands for "none".
    #[serde(default)]
    pub master: bool,
}
