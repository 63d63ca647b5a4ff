//! What a failure of the platform means to the engine: its class, its groups, the org's own words.

use deal_model::{FieldId, GroupId, ProblemClass};
use mapping::{Mapping, SetSource};
use ports::RetryClass;
use salesforce::{Error, Meaning, Misuse, Refusal};
use sync_engine::{SideError, WaitsFor};

use super::{
    explain,
    features::TEAM_MEMBER,
    schema::{CONTACT, CONTACT_ROLE, CURRENCY, OPPORTUNITY},
};

/// A failed call.
pub(super) fn of_error(error: &Error) -> SideError {
    let class = error.class();
    SideError {
        fixed: Box::default(),
        waits_for: None,
        certainly_not_done: class != RetryClass::Doubtful,
        class,
        what: error.to_string(),
        told: error.refusal().map(explain::told).unwrap_or_default(),
        groups: Vec::new(),
    }
}

/// A refused write of a record: one that is gone, or a lead that was converted, is not what was read.
pub(super) fn of_record(error: &Error) -> SideError {
    let mut side = of_error(error);
    let moved = |refused: &Refusal| refused.is_gone() || refused.meaning() == Meaning::ConvertedLead;
    if error.refusal().is_some_and(moved) {
        side.class = RetryClass::Changed;
    }
    side
}

/// A refused write of a record of `object`.
pub(super) fn of_write(mapping: &Mapping, object: &str, error: &Error) -> SideError {
    let mut side = of_record(error);
    let meaning = error.refusal().map(Refusal::meaning);
    if meaning == Some(Meaning::Currency) && object == OPPORTUNITY {
        side.groups.extend(group_of_column(mapping, object, CURRENCY));
    }
    for field in error.fields() {
        if let Some(group) = group_of_column(mapping, object, field)
            && !side.groups.contains(&group)
        {
            side.groups.push(group);
        }
    }
    // A right that is missing for one field of ours is that field's trouble.
    let waits_for = error.refusal().filter(|_| side.groups.is_empty());
    side.waits_for = waits_for.and_then(|refused| explain::waits_for(refused, object)).map(Box::new);
    if side.waits_for.is_some() {
        // Nothing else of the record would be taken either: no value is left out, and it is looked at again.
        side.class = RetryClass::Person;
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
        fixed: Box::default(),
        waits_for: None,
        certainly_not_done: true,
    }
}

/// A failed look for what belongs to `groups` alone: what is found too often, or may not be read, is their trouble. `what`
/// tells what there is too much of, and what to do.
pub(super) fn of_look(error: &Error, groups: Vec<GroupId>, too_many: impl FnOnce() -> String) -> SideError {
    match error {
        Error::Misuse(Misuse::TooManyRecords { .. }) => person(too_many(), groups),
        error => SideError { groups, ..of_error(error) },
    }
}

/// A value that this org cannot hold, found before anything was sent.
pub(super) fn unfit(object: &str, column: &str, told: String, group: &GroupId) -> SideError {
    let what = format!("the value does not fit {object}.{column}");
    SideError { told, ..person(what, vec![group.clone()]) }
}

/// Something that keeps a whole record from being written or made; no value of it is at fault.
pub(super) fn waits(class: ProblemClass, sentence: impl Into<String>, next_step: &str) -> SideError {
    let sentence = sentence.into();
    let waits_for = WaitsFor { class, sentence: sentence.clone(), next_step: next_step.to_owned() };
    SideError { waits_for: Some(Box::new(waits_for)), ..person(sentence, Vec::new()) }
}

/// The record is not what the plan was made on.
pub(super) fn changed(what: &str) -> SideError {
    SideError {
        class: RetryClass::Changed,
        what: what.to_owned(),
        told: String::new(),
        groups: Vec::new(),
        fixed: Box::default(),
        waits_for: None,
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
        fixed: Box::default(),
        waits_for: None,
        certainly_not_done: true,
    }
}

/// The group that a field belongs to.
pub(super) fn group_of(mapping: &Mapping, field: &FieldId) -> Option<GroupId> {
    let mut groups = mapping.specs().groups.iter();
    groups.find(|group| group.members.iter().any(|member| &member.id == field)).map(|group| group.id.clone())
}

/// The groups that live in records of `object` beside the opportunity.
pub(super) fn group_of_object(mapping: &Mapping, object: &str) -> Vec<GroupId> {
    let through = mapping
        .bindings()
        .iter()
        .filter(|binding| binding.crm.as_ref().is_some_and(|path| path.parents().any(|name| name == object)));
    let sets = mapping.sets().iter().filter(|set| match &set.crm {
        SetSource::Children { object: rows, .. } => rows.as_str() == object,
        SetSource::ContactRoles => object == CONTACT || object == CONTACT_ROLE,
        SetSource::Team { .. } => object == TEAM_MEMBER,
    });
    let fields = through.map(|binding| &binding.field).chain(sets.map(|set| &set.field));
    let mut groups: Vec<GroupId> = fields.filter_map(|field| group_of(mapping, field)).collect();
    groups.dedup();
    groups
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
            SetSource::Team { .. } => object == TEAM_MEMBER,
        };
        let of_parent = mapping.bindings().iter().find(through).map(|binding| &binding.field);
        of_parent.or_else(|| mapping.sets().iter().find(set).map(|set| &set.field))
    }?;
    group_of(mapping, field)
}
