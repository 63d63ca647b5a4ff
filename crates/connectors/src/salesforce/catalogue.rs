//! The catalogue of solutions that sellers pick from: a row of a deal that points to an entry means that entry, rows of
//! referrals point to theirs, and ids that were never seen are added (requirements, M19).
//!
//! Beyond this file a solution is an element by its id: what the catalogue says stands in the row before it is read.

use std::collections::BTreeMap;

use deal_model::{Barred, Element, ElementChange, ElementKey, GroupId};
use mapping::{ApiName, Catalogue, Columns, Mapping, SetBinding, SetSource};
use salesforce::{CallContext, Error, FieldPath, Fields, MAX_ROWS, Meaning, Record, RecordId, soql::Select};
use serde_json::{Map, Value as Json};
use sync_engine::SideError;

use super::{
    Salesforce, refusal,
    rows::path,
    schema::{Schema, object_name},
};

/// The entries of solutions, by the solution's id.
pub(super) type Entries = BTreeMap<String, RecordId>;

/// The catalogue and the set whose rows point to it: the first that is kept in child records.
pub(super) fn of(mapping: &Mapping) -> Option<(&Catalogue, &SetBinding)> {
    let catalogue = mapping.catalogue()?;
    let is_child = |set: &&SetBinding| matches!(set.crm, SetSource::Children { .. });
    Some((catalogue, mapping.sets().iter().find(is_child)?))
}

/// The same, if it is this set.
fn behind<'m>(mapping: &'m Mapping, set: &SetBinding) -> Option<&'m Catalogue> {
    of(mapping).filter(|(_, its)| its.field == set.field).map(|(catalogue, _)| catalogue)
}

/// The columns that the rows of `set` are read with because of the catalogue. `relationship` is the lookup's name on
/// the way to it, if the lookup can be seen.
pub(super) fn row_columns(mapping: &Mapping, set: &SetBinding, relationship: Option<&str>) -> Vec<String> {
    let Some(catalogue) = behind(mapping, set) else { return Vec::new() };
    let columns = catalogue.columns().into_iter();
    let through = |relationship: &str| columns.map(|name| format!("{relationship}.{name}")).collect();
    let through: Vec<String> = relationship.map_or_else(Vec::new, through);
    std::iter::once(catalogue.lookup.to_string()).chain(through).collect()
}

/// The rows with what their entries of the catalogue say in the place of their own columns.
pub(super) fn overlaid(
    mapping: &Mapping,
    schema: &Schema,
    set: &SetBinding,
    rows: Vec<Record>,
) -> Vec<Record> {
    let Some((catalogue, relationship)) = behind(mapping, set).zip(schema.catalogue.as_deref()) else {
        return rows;
    };
    rows.into_iter()
        .map(|row| Record::from(laid_over(catalogue, set, relationship, row.into_map())))
        .collect()
}

fn laid_over(
    catalogue: &Catalogue,
    set: &SetBinding,
    relationship: &str,
    mut row: Map<String, Json>,
) -> Map<String, Json> {
    let SetSource::Children { key_column, .. } = &set.crm else { return row };
    let Some(Json::Object(entry)) = row.get(relationship).cloned() else { return row };
    let mut take = |from: &ApiName, to: &ApiName| {
        if let Some(said) = entry.get(from.as_str()).filter(|said| !is_blank(said)) {
            row.insert(to.to_string(), said.clone());
        }
    };
    take(&catalogue.id, key_column);
    for (name, column) in catalogue.attributes() {
        if let Some(attribute) = set.attributes.iter().find(|attribute| attribute.name == name) {
            take(column, &attribute.crm_column);
        }
    }
    row
}

fn is_blank(said: &Json) -> bool {
    said.is_null() || said.as_str().is_some_and(|text| text.trim().is_empty())
}

/// The solutions of an opportunity whose entries say that they may not be sent.
pub(super) fn barred(
    mapping: &Mapping,
    schema: &Schema,
    set: &SetBinding,
    rows: &[Record],
) -> BTreeMap<ElementKey, Barred> {
    let Some((catalogue, relationship)) = behind(mapping, set).zip(schema.catalogue.as_deref()) else {
        return BTreeMap::new();
    };
    let one = |row: &Record| {
        let is = |column: &ApiName| row.at(&format!("{relationship}.{column}")) == Some(&Json::Bool(true));
        if !row.at(relationship)?.is_object() {
            return None;
        }
        let (why, next_step) = if !is(&catalogue.active) {
            (
                "is not active in the catalogue of solutions",
                format!(
                    "Pick another solution, or set {} on this one in the catalogue and save the opportunity.",
                    catalogue.active
                ),
            )
        } else if !is(&catalogue.ready) {
            (
                "is not co-sell ready in the catalogue of solutions",
                format!(
                    "Pick another solution or, once this one is co-sell ready at Partner Center, set {} on it in \
                     the catalogue and save the opportunity.",
                    catalogue.ready
                ),
            )
        } else {
            return None;
        };
        let key = set.row_key(&Json::Object(row.as_map().clone()))?;
        Some((key, Barred { why: why.to_owned(), next_step }))
    };
    rows.iter().filter_map(one).collect()
}

/// Lets a new row point to its solution's entry.
pub(super) fn refer(
    mapping: &Mapping,
    schema: &Schema,
    set: &SetBinding,
    key: &ElementKey,
    entries: &Entries,
    columns: &mut Columns,
) {
    let (Some(catalogue), SetSource::Children { object, .. }) = (behind(mapping, set), &set.crm) else {
        return;
    };
    let lookup = catalogue.lookup.as_str();
    let may = schema.field(object.as_str(), lookup).is_some_and(|field| field.createable);
    if let Some(entry) = entries.get(&key.0).filter(|_| may) {
        columns.insert(lookup.to_owned(), Json::String(entry.to_string()));
    }
}

impl Salesforce {
    /// The group of the solutions that the catalogue stands behind; none if the mapping uses no catalogue.
    pub fn catalogue_group(&self) -> Option<GroupId> {
        of(&self.mapping).and_then(|(_, set)| refusal::group_of(&self.mapping, &set.field))
    }

    /// The entries of the solutions that are put into `set`. Those that the catalogue lacks are added first, if the
    /// mapping wants it. No call if there is no catalogue, or nothing to look for.
    ///
    /// That one cannot be added holds up no deal: its row stands without an entry. That the catalogue cannot be read holds up
    /// the set alone.
    pub(super) async fn entries(
        &self,
        schema: &Schema,
        set: &SetBinding,
        changes: &[(ElementKey, ElementChange)],
        context: CallContext,
    ) -> Result<Entries, SideError> {
        let Some(catalogue) = behind(&self.mapping, set).filter(|_| schema.catalogue.is_some()) else {
            return Ok(Entries::new());
        };
        let put = changes.iter().filter_map(|(key, change)| match change {
            ElementChange::Put(element) => Some((key.0.as_str(), element)),
            ElementChange::Rekey { .. } | ElementChange::Remove => None,
        });
        let put: BTreeMap<&str, &Element> = put.collect();
        let id = FieldPath::new(catalogue.id.as_str()).expect("a compiled mapping holds names");
        let select = Select::from(&object_name(catalogue.object.as_str())).fields(&[path("Id"), id.clone()]);
        let queries = select.split(&id, put.keys().copied());
        let mut entries = Entries::new();
        let found = match self.ask_together(&queries, context).await {
            Ok(found) => found,
            Err(error) => return Err(self.no_entries(catalogue, set, &error, context).await),
        };
        for found in found.into_iter().flatten() {
            entries.extend(found.text(id.as_str()).map(str::to_owned).zip(found.id()));
        }
        // The platform compares texts without case, and a solution's id with it.
        let lacking = put.into_iter().filter(|(key, _)| !entries.contains_key(*key));
        let lacking: Vec<(&str, &Element)> = lacking.collect();
        let may = schema.object(catalogue.object.as_str()).is_some_and(|object| object.createable);
        if catalogue.add_seen && may && !lacking.is_empty() {
            entries.extend(self.add_seen(catalogue, set, &lacking, context).await);
        }
        Ok(entries)
    }

    /// Why the catalogue was not read. One that was taken away, or that this user may not see any more, is the trouble of
    /// the solutions alone; what is hidden now is found out with it, and told once.
    async fn no_entries(
        &self,
        catalogue: &Catalogue,
        set: &SetBinding,
        error: &Error,
        context: CallContext,
    ) -> SideError {
        let refused = error.refusal().filter(|refused| {
            matches!(refused.meaning(), Meaning::Hidden | Meaning::NoAccess | Meaning::NotFound)
        });
        let Some(refused) = refused else { return refusal::of_error(error) };
        if let Err(error) = self.mend(context, refused).await {
            tracing::debug!(%error, "what is hidden of the catalogue could not be found out");
        }
        let what = format!(
            "the catalogue of solutions, {}, cannot be read: it is not installed, or the integration user has no access \
             to it or to one of its fields; give the access back, or set [catalogue] use = false in the mapping file",
            catalogue.object
        );
        refusal::person(what, refusal::group_of(&self.mapping, &set.field).into_iter().collect())
    }

    /// Adds solutions that were seen: neither active nor ready, for nobody has said so.
    async fn add_seen(
        &self,
        catalogue: &Catalogue,
        set: &SetBinding,
        lacking: &[(&str, &Element)],
        context: CallContext,
    ) -> Entries {
        let row = |(key, element): &(&str, &Element)| {
            let written = set.crm_columns(&ElementKey((*key).to_owned()), element);
            let mut fields = Fields::new();
            for (name, column) in catalogue.attributes() {
                let attribute = set.attributes.iter().find(|attribute| attribute.name == name);
                let said = attribute.and_then(|attribute| written.get(attribute.crm_column.as_str()));
                fields.extend(
                    said.filter(|said| !is_blank(said)).map(|said| (column.to_string(), said.clone())),
                );
            }
            fields.insert(catalogue.id.to_string(), Json::String((*key).to_owned()));
            (object_name(catalogue.object.as_str()), fields)
        };
        let mut added = Entries::new();
        for some in lacking.chunks(MAX_ROWS) {
            let rows: Vec<_> = some.iter().map(row).collect();
            match self.client.create_many(context, &rows, false).await {
                Ok(made) => {
                    let made = some.iter().zip(made);
                    added.extend(made.filter_map(|((key, _), made)| Some(((*key).to_owned(), made.ok()?))));
                }
                Err(error) => {
                    tracing::warn!(%error, "solutions that were seen are not added to the catalogue");
                }
            }
        }
        added
    }
}
