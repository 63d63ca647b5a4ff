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
    let places = members.flat_map(|member| {
        let binding = mapping.binding(&member.id);
        let first = binding.and_then(|binding| binding.portal.as_ref());
        let first = first.or_else(|| mapping.set(&member.id).map(|set| &set.portal_array));
        let second = binding.and_then(|binding| binding.codec.second_member());
        first.into_iter().chain(second).map(|path| (member.id.clone(), path.as_str()))
    });
    places
        .filter(|(_, path)| !is_documented(path))
        .map(|(field, path)| UndocumentedUpdate { field, path: path.to_owned() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_mapping_changes_only_what_is_documented() {
        assert_eq!(undocumented_updates(&Mapping::shipped()), []);
    }

    #[test]
    fn a_second_line_is_listed_beside_the_first() {
        let company = "version = 1\n[fields.customer_street]\non = [\"create\", \"update\"]";
        let mapping = Mapping::with_company("company.toml", company).expect("a mapping");
        let doubtful = undocumented_updates(&mapping);
        let paths: Vec<&str> = doubtful.iter().map(|each| each.path.as_str()).collect();
        let lines = ["/customerProfile/address/addressLine1", "/customerProfile/address/addressLine2"];
        assert!(lines.iter().all(|line| paths.contains(line)), "{paths:?}");
    }
}
