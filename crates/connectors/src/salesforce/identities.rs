//! Who the people of an opportunity are: contacts and users by their identifiers, whatever their e-mail addresses become.

use std::collections::BTreeMap;

use deal_model::{FieldId, People, RecordId as DealRecord};
use mapping::{SetBinding, SetSource};
use salesforce::{Record, RecordId};
use serde_json::{Value as Json, json};

use super::{
    schema::place_of,
    transform::{Reader, Whole},
};

impl Reader<'_> {
    /// The people of each set, as far as the rows say who they are.
    pub(super) fn identities(&self, whole: &Whole) -> BTreeMap<FieldId, People> {
        let of_people =
            self.mapping.sets().iter().filter(|set| !matches!(set.crm, SetSource::Children { .. }));
        of_people.map(|set| (set.field.clone(), people(set, whole))).collect()
    }
}

fn people(set: &SetBinding, whole: &Whole) -> People {
    let column = if set.crm == SetSource::ContactRoles { "ContactId" } else { "UserId" };
    let rows = whole.children.get(&place_of(set).1).map(Vec::as_slice).unwrap_or_default();
    let told = |id: Option<&str>, row: &Json| {
        let id: RecordId = id?.parse().ok()?;
        Some((DealRecord::new(id.to_string()), set.row_key(row)))
    };
    let of_row = |row: &Record| told(row.text(column), &Json::Object(row.as_map().clone()));
    let owner = || {
        let owner = whole.record.as_map().get("Owner")?;
        told(owner["Id"].as_str(), &json!({ "User": owner }))
    };
    let owner = matches!(set.crm, SetSource::Team { .. }).then(owner).flatten();
    owner.into_iter().chain(rows.iter().filter_map(of_row)).collect()
}
