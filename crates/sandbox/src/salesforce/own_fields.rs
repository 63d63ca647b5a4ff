//! Fields that the customer, or another package of the customer's, added to the org.

use serde::{Deserialize, Serialize};

use super::{
    metadata::NewField,
    org::Org,
    schema::{Field, Kind, lasting},
};

/// A custom field. It stays once it is there: Salesforce keeps the data of a field that is taken away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OwnField {
    pub(crate) object: String,
    /// Its API name, with a package's prefix if it has one: `acme__Region__c`.
    pub(crate) name: String,
    pub(crate) label: String,
    /// Longest text; a text field.
    #[serde(default)]
    pub(crate) length: Option<usize>,
    /// The values of a restricted picklist.
    #[serde(default)]
    pub(crate) values: Vec<String>,
    /// Whether no row is saved without it.
    #[serde(default)]
    pub(crate) required: bool,
    /// Whether no two rows hold the same; a text field.
    #[serde(default)]
    pub(crate) unique: bool,
}

impl OwnField {
    /// Everybody sees it: a package gives its users access to its fields.
    fn field(&self) -> Field {
        let kind = match (self.length, self.values.as_slice()) {
            (Some(length), _) => Kind::Text { length },
            (None, []) => Kind::Boolean,
            (None, values) => Kind::Picklist {
                values: values.iter().map(|value| lasting(value)).collect(),
                restricted: true,
            },
        };
        let mut field = Field::new(lasting(&self.name), kind).labelled(&self.label);
        field.unique = self.unique;
        if self.required { field.required() } else { field }
    }
}

impl Org {
    /// Adds the fields that the org does not have yet.
    ///
    /// # Errors
    /// A sentence when a field's object does not exist, or its name is not a custom field's.
    pub(crate) fn add_fields(&mut self, fields: &[OwnField]) -> Result<(), String> {
        for own in fields {
            let object = self.schema.find(&own.object).ok_or_else(|| format!("no object {}", own.object))?;
            if !own.name.ends_with("__c") {
                return Err(format!("own_fields: {} must end in __c", own.name));
            }
            if self.schema.object(object).position(&own.name).is_none() {
                let (object, id) = (self.schema.object(object).name, self.new_id("00N"));
                self.customization.fields.push(NewField { id, object, field: own.field(), gone: false });
            }
        }
        Ok(())
    }
}
