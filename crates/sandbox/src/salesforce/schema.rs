//! What an object and a field are: the shape that describe shows and every write is checked against.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
};

use serde_json::Value;

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

/// What happens to a row whose parent goes to the recycle bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnDelete {
    /// The row goes too.
    Cascade,
    /// The reference is emptied.
    Clear,
}

/// A reference to rows of other objects.
#[derive(Debug, Clone)]
pub(crate) struct Reference {
    /// Objects it may point to; the first is the one that paths follow.
    pub(crate) to: Vec<&'static str>,
    /// Its name in a path: `Account` of `AccountId`.
    pub(crate) path: String,
    /// The parent's name for its children, if it has one.
    pub(crate) children: Option<&'static str>,
    pub(crate) on_delete: OnDelete,
    pub(crate) master: bool,
}

/// A field's type with what belongs to it.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Id,
    Boolean,
    Text {
        length: usize,
    },
    /// More than 255 characters; neither filtered nor sorted.
    LongText {
        length: usize,
    },
    TextArea {
        length: usize,
    },
    Url,
    Email,
    Phone {
        length: usize,
    },
    Picklist {
        values: Vec<&'static str>,
        restricted: bool,
    },
    MultiPicklist {
        values: Vec<&'static str>,
    },
    Currency {
        precision: u32,
        scale: u32,
    },
    Double {
        precision: u32,
        scale: u32,
    },
    Percent {
        precision: u32,
        scale: u32,
    },
    Int {
        digits: u32,
    },
    Date,
    DateTime,
    /// A file's bytes, given in base64 and read back as the place to fetch them from.
    Base64,
    Reference(Reference),
    /// A compound, read only, put together from the fields with this prefix.
    Address {
        prefix: &'static str,
    },
}

impl Kind {
    /// The describe type.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Boolean => "boolean",
            Self::Text { .. } => "string",
            Self::LongText { .. } | Self::TextArea { .. } => "textarea",
            Self::Url => "url",
            Self::Email => "email",
            Self::Phone { .. } => "phone",
            Self::Picklist { .. } => "picklist",
            Self::MultiPicklist { .. } => "multipicklist",
            Self::Currency { .. } => "currency",
            Self::Double { .. } => "double",
            Self::Percent { .. } => "percent",
            Self::Int { .. } => "int",
            Self::Date => "date",
            Self::DateTime => "datetime",
            Self::Base64 => "base64",
            Self::Reference(_) => "reference",
            Self::Address { .. } => "address",
        }
    }

    /// Longest value, in characters; 0 for what is no text.
    pub(crate) fn length(&self) -> usize {
        match self {
            Self::Id | Self::Reference(_) => 18,
            Self::Text { length }
            | Self::LongText { length }
            | Self::TextArea { length }
            | Self::Phone { length } => *length,
            Self::Url | Self::Picklist { .. } => 255,
            Self::Email => 80,
            Self::MultiPicklist { .. } => 4099,
            _ => 0,
        }
    }

    /// Whether a query may compare or sort by it.
    pub(crate) fn filterable(&self) -> bool {
        !matches!(self, Self::LongText { .. } | Self::Address { .. } | Self::Base64)
    }
}

/// One field.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) label: String,
    pub(crate) kind: Kind,
    pub(crate) createable: bool,
    pub(crate) updateable: bool,
    pub(crate) nillable: bool,
    /// The platform supplies a value on create.
    pub(crate) defaulted: bool,
    pub(crate) unique: bool,
    pub(crate) external_id: bool,
    pub(crate) is_name: bool,
    /// Its changes are kept as history rows.
    pub(crate) tracked: bool,
    /// Off while the feature it belongs to is off: as if it did not exist.
    pub(crate) enabled: bool,
    /// Seen by everybody; a deployed field is seen by those whom a permission set lets.
    pub(crate) open: bool,
    /// Labels of picklist values that are not their own label.
    pub(crate) labels: Vec<(&'static str, &'static str)>,
    /// The field whose value decides which of this picklist's values fit.
    pub(crate) controller: Option<Controller>,
    /// What a new row holds when its creator says nothing.
    pub(crate) initial: Option<Value>,
    /// `MS-{00000}`: the platform numbers the rows.
    pub(crate) auto_number: Option<String>,
    pub(crate) calculated: bool,
    /// A long text with markup.
    pub(crate) rich: bool,
    pub(crate) help: Option<String>,
}

/// What a dependent picklist depends on.
#[derive(Debug, Clone)]
pub(crate) struct Controller {
    pub(crate) field: &'static str,
    /// Each value with the controlling values that it fits.
    pub(crate) fits: Vec<(&'static str, Vec<&'static str>)>,
}

impl Field {
    pub(crate) fn new(name: &'static str, kind: Kind) -> Self {
        let boolean = matches!(kind, Kind::Boolean);
        Self {
            name,
            label: label(name),
            kind,
            createable: true,
            updateable: true,
            nillable: !boolean,
            defaulted: boolean,
            unique: false,
            external_id: false,
            is_name: false,
            tracked: false,
            enabled: true,
            open: true,
            labels: Vec::new(),
            controller: None,
            initial: None,
            auto_number: None,
            calculated: false,
            rich: false,
            help: None,
        }
    }

    pub(crate) fn custom(&self) -> bool {
        self.name.ends_with("__c")
    }

    pub(crate) fn required(mut self) -> Self {
        self.nillable = false;
        self
    }

    /// Not nillable, but supplied by the platform when left out.
    pub(crate) fn supplied(mut self) -> Self {
        self.nillable = false;
        self.defaulted = true;
        self
    }

    pub(crate) fn read_only(mut self) -> Self {
        self.createable = false;
        self.updateable = false;
        self
    }

    pub(crate) fn create_only(mut self) -> Self {
        self.updateable = false;
        self
    }

    pub(crate) fn key(mut self) -> Self {
        self.unique = true;
        self.external_id = true;
        self
    }

    pub(crate) fn names(mut self) -> Self {
        self.is_name = true;
        self
    }

    pub(crate) fn tracked(mut self) -> Self {
        self.tracked = true;
        self
    }

    /// Supplied with this value when left out.
    pub(crate) fn starts_as(mut self, value: &str) -> Self {
        self.initial = Some(Value::from(value));
        self.supplied()
    }

    pub(crate) fn depends_on(mut self, controller: Controller) -> Self {
        self.controller = Some(controller);
        self
    }

    pub(crate) fn labelled(mut self, label: &str) -> Self {
        label.clone_into(&mut self.label);
        self
    }

    pub(crate) fn reference(&self) -> Option<&Reference> {
        match &self.kind {
            Kind::Reference(reference) => Some(reference),
            _ => None,
        }
    }
}

/// `Referral_Link__c` becomes "Referral Link", `CloseDate` "Close Date".
fn label(name: &str) -> String {
    let bare = name.trim_end_matches("__c");
    let bare = if bare.len() > 2 { bare.strip_suffix("Id").unwrap_or(bare) } else { bare };
    let mut out = String::new();
    let mut former = ' ';
    for letter in bare.chars() {
        if letter == '_' {
            out.push(' ');
        } else {
            if letter.is_uppercase() && former.is_lowercase() {
                out.push(' ');
            }
            out.push(letter);
        }
        former = letter;
    }
    out
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

/// A name that a deploy brings. Schemas come and go while rows and queries hold on to names, so names stay for good;
/// each is kept once, and a deploy's files are bounded.
pub(crate) fn lasting(name: &str) -> &'static str {
    static NAMES: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    let names = names.get_or_insert_default();
    if let Some(known) = names.get(name) {
        return known;
    }
    let kept: &'static str = Box::leak(name.to_owned().into_boxed_str());
    names.insert(kept);
    kept
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
