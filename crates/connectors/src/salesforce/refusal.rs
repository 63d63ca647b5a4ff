//! What a failure of the platform means to the engine: its class, its groups, the org's own words.

use deal_model::{FieldId, GroupId};
use mapping::{Mapping, SetSource};
use ports::RetryClass;
use salesforce::{ApiError, Error, Refusal};
use sync_engine::SideError;

use super::schema::{CONTACT, CONTACT_ROLE, OPPORTUNITY};

/// Longest text of the org's own that is passed on, in characters.
const MAX_TOLD: usize = 2_000;

/// A failed call.
pub(super) fn of_error(error: &Error) -> SideError {
    let class = error.class();
    SideError {
        fixed: Vec::new(),
        certainly_not_done: class != RetryClass::Doubtful,
        class,
        what: error.to_string(),
        told: error.refusal().map(told).unwrap_or_default(),
        groups: Vec::new(),
    }
}

/// A refused write of a record of `object`.
pub(super) fn of_write(mapping: &Mapping, object: &str, error: &Error) -> SideError {
    let mut side = of_error(error);
    if error.refusal().is_some_and(Refusal::is_gone) {
        side.class = RetryClass::Changed;
    }
    for field in error.fields() {
        if let Some(group) = group_of_column(mapping, object, field)
            && !side.groups.contains(&group)
        {
            side.groups.push(group);
        }
    }
    side
}

/// Something that a person has to mend, found before anything was sent.
pub(super) fn person(what: impl Into<String>, groups: Vec<GroupId>) -> SideError {
    let what = what.into();
    SideError {
        class: RetryClass::Person,
        told: what.clone(),
        what,
        groups,
        fixed: Vec::new(),
        certainly_not_done: true,
    }
}

/// The record is not what the plan was made on.
pub(super) fn changed(what: &str) -> SideError {
    SideError {
        class: RetryClass::Changed,
        what: what.to_owned(),
        told: String::new(),
        groups: Vec::new(),
        fixed: Vec::new(),
        certainly_not_done: true,
    }
}

/// A call that this side does not know.
pub(super) fn bug(what: &str) -> SideError {
    SideError {
        class: RetryClass::Bug,
        what: what.to_owned(),
        told: String::new(),
        groups: Vec::new(),
        fixed: Vec::new(),
        certainly_not_done: true,
    }
}

fn told(refusal: &Refusal) -> String {
    let messages: Vec<&str> = refusal.errors().iter().map(ApiError::message).collect();
    messages.join(" ").chars().take(MAX_TOLD).collect()
}

/// The group that a field belongs to.
pub(super) fn group_of(mapping: &Mapping, field: &FieldId) -> Option<GroupId> {
    let mut groups = mapping.specs().groups.iter();
    groups.find(|group| group.members.iter().any(|member| &member.id == field)).map(|group| group.id.clone())
}

/// The group that a column of `object` belongs to.
fn group_of_column(mapping: &Mapping, object: &str, column: &str) -> Option<GroupId> {
    let is = |name: &str| name.eq_ignore_ascii_case(column);
    let field = if object == OPPORTUNITY {
        let own = |binding: &&mapping::Binding| {
            binding.crm.as_ref().and_then(mapping::CrmPath::own_field).is_some_and(is)
        };
        mapping.bindings().iter().find(own).map(|binding| &binding.field)
    } else {
        let through = |binding: &&mapping::Binding| {
            binding
                .crm
                .as_ref()
                .is_some_and(|path| path.parents().any(|name| name == object) && is(path.field()))
        };
        let set = |set: &&mapping::SetBinding| match &set.crm {
            SetSource::Children { object: rows, .. } => rows.as_str() == object,
            SetSource::ContactRoles => object == CONTACT || object == CONTACT_ROLE,
        };
        let of_parent = mapping.bindings().iter().find(through).map(|binding| &binding.field);
        of_parent.or_else(|| mapping.sets().iter().find(set).map(|set| &set.field))
    }?;
    group_of(mapping, field)
}
