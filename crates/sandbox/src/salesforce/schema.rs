//! What an object and a field are: the shape that describe shows and every write is checked against.

mod field;

use std::collections::HashMap;

use self::field::label;
pub(crate) use self::field::{Controller, Field, Kind, OnDelete, Reference, lasting};

/// The positions of the fields that every object starts with.
pub(crate) mod system {
    pub(crate) const ID: usize = 0;
    pub(crate) const IS_DELETED: usize = 1;
    pub(crate) const CREATED_DATE: usize = 2;
    pub(crate) const CREATED_BY: usize = 3;
    pub(crate) const MODIFIED_DATE: usize = 4;
    pub(crate) const MODIFIED_BY: usize = 5;
    pub(crate) const MODSTAMP: usize = 6;
}

/// Rights that hold for every user on an object as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Created, changed and deleted by users.
    Full,
    /// Only read: the platform itself writes it.
    Read,
}

/// One object.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) name: &'static str,
    pub(crate) label: String,
    pub(crate) plural: String,
    pub(crate) prefix: &'static str,
    pub(crate) fields: Vec<Field>,
    pub(crate) access: Access,
    /// Deleted rows stay in the recycle bin and `IsDeleted` exists.
    pub(crate) bin: bool,
    pub(crate) enabled: bool,
    /// Open to everybody; a deployed object is open to those whom a permission set lets.
    pub(crate) open: bool,
    /// Found by the Tooling API alone.
    pub(crate) tooling: bool,
    /// Its changes can be asked for by time (salesforce reference, section 2.13).
    pub(crate) replicable: bool,
    by_name: HashMap<String, usize>,
}

impl Object {
    pub(crate) fn new(name: &'static str, prefix: &'static str, own: Vec<Field>) -> Self {
        let by = |name, path: &str| {
            Field::new(
                name,
                Kind::Reference(Reference {
                    to: vec!["User"],
                    path: path.to_owned(),
                    children: None,
                    on_delete: OnDelete::Clear,
                    master: false,
                }),
            )
        };
        let system = [
            Field::new("Id", Kind::Id),
            Field::new("IsDeleted", Kind::Boolean),
            Field::new("CreatedDate", Kind::DateTime),
            by("CreatedById", "CreatedBy"),
            Field::new("LastModifiedDate", Kind::DateTime),
            by("LastModifiedById", "LastModifiedBy"),
            Field::new("SystemModstamp", Kind::DateTime),
        ];
        let fields: Vec<Field> =
            system.into_iter().map(|field| field.read_only().supplied()).chain(own).collect();
        let by_name = fields.iter().enumerate().map(|(at, field)| (field.name.to_lowercase(), at)).collect();
        let label = label(name);
        Self {
            name,
            plural: if let Some(stem) = label.strip_suffix('y') {
                format!("{stem}ies")
            } else {
                format!("{label}s")
            },
            label,
            prefix,
            fields,
            access: Access::Full,
            bin: true,
            enabled: true,
            open: true,
            tooling: false,
            replicable: true,
            by_name,
        }
    }

    pub(crate) fn custom(&self) -> bool {
        self.name.ends_with("__c")
    }

    /// Read-only through the API.
    pub(crate) fn locked(mut self) -> Self {
        self.access = Access::Read;
        self
    }

    /// Without a recycle bin.
    pub(crate) fn without_bin(mut self) -> Self {
        self.bin = false;
        if let Some(field) = self.fields.get_mut(system::IS_DELETED) {
            field.enabled = false;
        }
        self
    }

    /// Part of the Tooling API only.
    pub(crate) fn for_tooling(mut self) -> Self {
        self.tooling = true;
        self
    }

    /// Puts a field in: in the place of its namesake, or at the end, so that positions stay.
    pub(crate) fn define(&mut self, field: Field) {
        let name = field.name.to_lowercase();
        if let Some(former) = self.by_name.get(&name).and_then(|at| self.fields.get_mut(*at)) {
            *former = field;
        } else {
            self.by_name.insert(name, self.fields.len());
            self.fields.push(field);
        }
    }

    /// The position of a field that exists, whoever asks. Names are case-insensitive.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        let at = *self.by_name.get(&name.to_lowercase())?;
        self.fields.get(at).filter(|field| field.enabled).map(|_| at)
    }

    /// The reference field that `path` names: `Account`, `Opportunity__r`.
    pub(crate) fn parent(&self, path: &str) -> Option<(usize, &Reference)> {
        self.fields.iter().enumerate().filter(|(_, field)| field.enabled).find_map(|(at, field)| {
            field
                .reference()
                .filter(|reference| reference.path.eq_ignore_ascii_case(path))
                .map(|reference| (at, reference))
        })
    }

    /// The fields' positions in the order in which describe lists them and change events carry them: who and when stand
    /// behind the owner (salesforce reference, section 4.7: a live event's bits).
    pub(crate) fn in_describe_order(&self) -> Vec<usize> {
        let stamps = [
            system::CREATED_DATE,
            system::CREATED_BY,
            system::MODIFIED_DATE,
            system::MODIFIED_BY,
            system::MODSTAMP,
        ];
        let own: Vec<usize> = (system::MODSTAMP + 1..self.fields.len()).collect();
        let named = |at: &usize| self.fields.get(*at).map(|field| field.name);
        let behind = own.iter().position(|at| named(at) == Some("OwnerId")).map(|at| at + 1);
        let custom = own.iter().position(|at| self.fields.get(*at).is_some_and(Field::custom));
        let (before, after) = own.split_at(behind.or(custom).unwrap_or(own.len()));
        [&[system::ID, system::IS_DELETED], before, &stamps, after].concat()
    }

    /// The position of the field that names a row.
    pub(crate) fn name_position(&self) -> Option<usize> {
        self.fields.iter().position(|field| field.is_name)
    }
}

/// A child relationship, seen from the parent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Children<'a> {
    pub(crate) object: usize,
    pub(crate) field: usize,
    pub(crate) reference: &'a Reference,
}

/// Every object of the org.
#[derive(Debug, Clone)]
pub(crate) struct Schema {
    pub(crate) objects: Vec<Object>,
    by_name: HashMap<String, usize>,
    by_prefix: HashMap<&'static str, usize>,
}

impl Schema {
    pub(crate) fn new(objects: Vec<Object>) -> Self {
        let by_name =
            objects.iter().enumerate().map(|(at, object)| (object.name.to_lowercase(), at)).collect();
        // A note has its document's id: of two objects with one prefix the first owns it.
        let by_prefix = objects.iter().enumerate().rev().map(|(at, object)| (object.prefix, at)).collect();
        Self { objects, by_name, by_prefix }
    }

    /// The index of an object that exists. Names are case-insensitive.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        let at = *self.by_name.get(&name.to_lowercase())?;
        self.objects.get(at).filter(|object| object.enabled).map(|_| at)
    }

    pub(crate) fn of_prefix(&self, prefix: &str) -> Option<usize> {
        self.by_prefix.get(prefix).copied()
    }

    /// The object at an index that this schema handed out.
    pub(crate) fn object(&self, index: usize) -> &Object {
        self.objects.get(index).expect("object indexes come from this schema, which only grows")
    }

    /// All relationships that point to `parent`.
    pub(crate) fn children(&self, parent: &str) -> Vec<Children<'_>> {
        let mut found = Vec::new();
        for (index, object) in self.objects.iter().enumerate().filter(|(_, object)| object.enabled) {
            for (at, field) in object.fields.iter().enumerate() {
                if let Some(reference) = field.reference()
                    && reference.to.contains(&parent)
                    && !matches!(at, system::CREATED_BY | system::MODIFIED_BY)
                {
                    found.push(Children { object: index, field: at, reference });
                }
            }
        }
        found
    }
}
