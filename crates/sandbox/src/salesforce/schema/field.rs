//! Fields: their types, what they accept, and how they show.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use serde_json::Value;

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
pub(super) fn label(name: &str) -> String {
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
