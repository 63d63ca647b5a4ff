//! What the portal can hold, and which fields of a mapping change what it does not document as changeable (partner-center
//! reference, sections 3.8 and 4.5).

use deal_model::FieldId;
use mapping::{Mapping, Member};

/// Most elements of a list of solutions or of people.
pub const MAX_ELEMENTS: usize = 50;

/// Whether the portal documents changes of `path`.
pub fn is_documented(path: &str) -> bool {
    Member::named(path).is_some_and(Member::is_patchable)
}

/// A field that the mapping would change at a place which the portal does not document as changeable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndocumentedUpdate {
    /// The field.
    pub field: FieldId,
    /// Its place, as a JSON pointer.
    pub path: String,
}

/// The fields whose changes the portal may refuse: for a check of the mapping, never a reason not to try.
pub fn undocumented_updates(mapping: &Mapping) -> Vec<UndocumentedUpdate> {
    let members =
        mapping.specs().groups.iter().filter(|spec| spec.to.portal.update).flat_map(|spec| &spec.members);
    members
        .filter_map(|member| {
            let binding = mapping.binding(&member.id).and_then(|binding| binding.portal.as_ref());
            let path = binding.or_else(|| mapping.set(&member.id).map(|set| &set.portal_array))?;
            (!is_documented(path.as_str()))
                .then(|| UndocumentedUpdate { field: member.id.clone(), path: path.as_str().to_owned() })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_mapping_changes_only_what_is_documented() {
        assert_eq!(undocumented_updates(&Mapping::shipped()), []);
    }
}
