//! Which objects there are for this user: the one answer that tells all of them.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The objects that this user may see. One that is missing here is not installed, switched off, **or** not visible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GlobalDescribe {
    /// By lower-case API name.
    objects: BTreeMap<String, ObjectOutline>,
}

impl GlobalDescribe {
    /// The object of that API name, in any case.
    pub fn object(&self, name: &str) -> Option<&ObjectOutline> {
        self.objects.get(&name.to_ascii_lowercase())
    }

    /// Whether the object can be seen.
    pub fn has(&self, name: &str) -> bool {
        self.object(name).is_some()
    }

    /// How many objects can be seen.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether none can be seen.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }
}

/// One object in the list of all (salesforce reference, section 2.7).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(clippy::struct_excessive_bools, reason = "the platform's own shape")]
pub struct ObjectOutline {
    /// API name, in the platform's spelling.
    pub name: String,
    /// What people see.
    #[serde(default)]
    pub label: String,
    /// The first three characters of its identifiers.
    #[serde(default)]
    pub key_prefix: Option<String>,
    /// Whether the org or a package added it.
    #[serde(default)]
    pub custom: bool,
    /// Whether this user may create records.
    #[serde(default)]
    pub createable: bool,
    /// Whether this user may change records.
    #[serde(default)]
    pub updateable: bool,
    /// Whether this user may delete records.
    #[serde(default)]
    pub deletable: bool,
    /// Whether it may stand in a `FROM`.
    #[serde(default)]
    pub queryable: bool,
}

#[derive(Deserialize)]
pub(super) struct RawGlobal {
    sobjects: Vec<ObjectOutline>,
}

impl From<RawGlobal> for GlobalDescribe {
    fn from(raw: RawGlobal) -> Self {
        let keyed = raw.sobjects.into_iter().map(|object| (object.name.to_ascii_lowercase(), object));
        Self { objects: keyed.collect() }
    }
}
