//! Everything that deploys have added to the org, apart from the schema that it starts with.

use std::collections::{BTreeMap, BTreeSet};

use crate::salesforce::{
    id::Id,
    schema::{Field, Object},
};

/// A custom object.
#[derive(Debug, Clone)]
pub(crate) struct NewObject {
    pub(crate) name: &'static str,
    pub(crate) label: String,
    pub(crate) plural: String,
    pub(crate) prefix: &'static str,
    /// The field that names a row.
    pub(crate) name_field: Field,
    /// A destructive change has taken it away; its place stays.
    pub(crate) gone: bool,
}

/// A custom field of a custom or standard object.
#[derive(Debug, Clone)]
pub(crate) struct NewField {
    pub(crate) id: Id,
    pub(crate) object: &'static str,
    pub(crate) field: Field,
    /// A destructive change has taken it away; its place stays.
    pub(crate) gone: bool,
}

/// What a permission set lets its users do with an object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a right of its own")]
pub(crate) struct Rights {
    pub(crate) create: bool,
    pub(crate) read: bool,
    pub(crate) edit: bool,
    pub(crate) delete: bool,
}

impl Rights {
    /// All of them.
    pub(crate) const FULL: Self = Self { create: true, read: true, edit: true, delete: true };
}

/// A permission set. Keys are lower case, `object` or `object.field`.
#[derive(Debug, Clone)]
pub(crate) struct PermissionSet {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) label: String,
    /// Whether the field may be written; it may be read in any case.
    pub(crate) fields: BTreeMap<String, bool>,
    pub(crate) objects: BTreeMap<String, Rights>,
}

/// Everything that deploys have added.
#[derive(Debug, Clone, Default)]
pub(crate) struct Customization {
    /// In the order in which they first came, so that positions stay.
    pub(crate) objects: Vec<NewObject>,
    pub(crate) fields: Vec<NewField>,
    /// By name.
    pub(crate) permission_sets: BTreeMap<String, PermissionSet>,
    /// Components that are only known to be there, by type and full name.
    pub(crate) kept: BTreeSet<(&'static str, String)>,
}

impl Customization {
    /// Puts the custom objects and fields into the schema's tables.
    pub(crate) fn apply(&self, objects: &mut Vec<Object>) {
        for new in &self.objects {
            let mut made = Object::new(new.name, new.prefix, vec![new.name_field.clone().names()]);
            made.label.clone_from(&new.label);
            made.plural.clone_from(&new.plural);
            made.open = false;
            if let Some(known) = objects.iter_mut().find(|object| object.name.eq_ignore_ascii_case(new.name))
            {
                // The package's own object: its fields keep their places, and who had rights to it keeps them.
                known.open &= known.enabled;
                known.enabled = !new.gone;
                known.label.clone_from(&new.label);
                known.plural.clone_from(&new.plural);
            } else {
                made.enabled = !new.gone;
                objects.push(made);
            }
        }
        for new in &self.fields {
            if let Some(object) =
                objects.iter_mut().find(|object| object.name.eq_ignore_ascii_case(new.object))
            {
                let mut field = new.field.clone();
                field.enabled = !new.gone;
                object.define(field);
            }
        }
    }
}
