//! The rows of sets: child records by a unique key, contacts by their e-mail within the account.

use std::collections::BTreeSet;

use deal_model::{Element, ElementChange, ElementKey, GroupId};
use jiff::Timestamp;
use mapping::{ContactScope, SetBinding, SetSource};
use salesforce::{CallContext, FieldPath, Fields, RecordId};
use serde_json::Value as Json;
use sync_engine::SideError;

use super::{
    Salesforce,
    catalogue::{self, Entries},
    columns::row_columns,
    contacts::{Contact, Contacts, Wanted, addressed, queries, role_fields, too_many},
    org_fit,
    people::People,
    refusal,
    schema::{CONTACT, CONTACT_ROLE, Schema},
    steps::{Parent, Step, point},
    transform::{Hold, Row},
};

/// Most contacts that one look reads.
const MAX_CONTACTS: usize = 500;

/// Changes of one set of one opportunity.
pub(super) struct RowCase<'a> {
    pub(super) set: &'a SetBinding,
    pub(super) opportunity: Parent,
    /// What begins the unique key of each of its rows, from its birth on.
    pub(super) key: &'a str,
    pub(super) account: Option<Parent>,
    /// Whether the account is a person, who is the account's one contact.
    pub(super) person: bool,
    /// The first of the customer's people, as the referral lists them: of a new opportunity, the primary contact.
    pub(super) first: Option<&'a ElementKey>,
    /// The rows as last read.
    pub(super) rows: &'a [Row],
    /// The unique keys that its rows hold.
    pub(super) holds: &'a [Hold],
    /// The contacts that have a role already.
    pub(super) with_roles: &'a BTreeSet<RecordId>,
    pub(super) changes: &'a [(ElementKey, ElementChange)],
    /// Contacts and users, if they were looked for already.
    pub(super) people: Option<&'a People>,
}

impl Salesforce {
    /// Adds the steps that make the changes.
    pub(super) async fn row_steps(
        &self,
        schema: &Schema,
        case: &RowCase<'_>,
        context: CallContext,
        steps: &mut Vec<Step>,
    ) -> Result<(), SideError> {
        if let SetSource::Team { role } = &case.set.crm {
            return self.team_steps(schema, case, role.as_deref(), context, steps).await;
        }
        let group: Vec<GroupId> = refusal::group_of(&self.mapping, &case.set.field).into_iter().collect();
        if !schema.reads_set(case.set) {
            return Err(refusal::person(format!("the rows of {} cannot be read", case.set.field), group));
        }
        let looked = self.contacts(case, &group, context).await?;
        let contacts = looked.as_ref().or(case.people.map(|people| &people.contacts));
        let entries = match case.people {
            Some(people) => people.entries_of(&group)?,
            None => self.new_entries(schema, case, context).await?,
        };
        let start = steps.len();
        for (key, change) in case.changes {
            let row = case.rows.iter().find(|row| &row.key == key);
            match (change, row) {
                // A contact keeps its address: it is shared by many deals.
                (ElementChange::Put(element) | ElementChange::Rekey { element, .. }, row) => {
                    let mut columns = row_columns(schema, case.set, key, element, row.is_none());
                    if row.is_none() {
                        catalogue::refer(&self.mapping, schema, case.set, key, &entries, &mut columns);
                    }
                    match &case.set.crm {
                        SetSource::Children { .. } => put_child(case, key, row, columns, steps),
                        SetSource::ContactRoles => {
                            let found = match contacts.filter(|_| row.is_none()) {
                                Some(contacts) => {
                                    let taken =
                                        steps.iter().filter_map(addressed).map(|(id, _)| id).collect();
                                    self.contact(case, contacts, &taken, (key, element), &group)?
                                }
                                None => None,
                            };
                            let person = Person { key, found, columns };
                            self.put_contact(case, row, person, &group, steps)?;
                        }
                        SetSource::Team { .. } => {}
                    }
                }
                (ElementChange::Remove, Some(row)) if row.ours => {
                    steps.push(Step::Delete { object: object_of(case.set), id: row.id });
                }
                (ElementChange::Remove, Some(row)) => {
                    let what = format!(
                        "{} {} was added by a person and is not removed by Cosell; remove it by hand",
                        object_of(case.set),
                        row.id
                    );
                    return Err(refusal::person(what, group));
                }
                (ElementChange::Remove, None) => {}
            }
        }
        kept(schema, &mut steps[start..], &group)
    }

    /// The catalogue's entries of the solutions that get a row.
    async fn new_entries(
        &self,
        schema: &Schema,
        case: &RowCase<'_>,
        context: CallContext,
    ) -> Result<Entries, SideError> {
        let is_new = |key: &ElementKey| case.rows.iter().all(|row| &row.key != key);
        let new: Vec<_> = case.changes.iter().filter(|(key, _)| is_new(key)).cloned().collect();
        self.entries(schema, case.set, &new, context).await
    }

    /// The field by which a row of a set points to its opportunity.
    pub(super) fn parent_field(&self, object: &str) -> Option<FieldPath> {
        let name = self.mapping.sets().iter().find_map(|set| match &set.crm {
            SetSource::Children { object: rows, parent_field, .. } if rows.as_str() == object => {
                Some(parent_field.as_str())
            }
            _ => None,
        })?;
        FieldPath::new(name).ok()
    }

    /// The contacts that new people of an opportunity which is there may be; none if they were looked for, or nobody is new.
    async fn contacts(
        &self,
        case: &RowCase<'_>,
        group: &[GroupId],
        context: CallContext,
    ) -> Result<Option<Contacts>, SideError> {
        let is_new = |key: &ElementKey| case.rows.iter().all(|row| &row.key != key);
        let people = case.changes.iter().filter_map(|(key, change)| match change {
            ElementChange::Put(person) if is_new(key) => Some((key, person)),
            _ => None,
        });
        let people: Vec<(&ElementKey, &Element)> = people.collect();
        if case.set.crm != SetSource::ContactRoles || case.people.is_some() || people.is_empty() {
            return Ok(None);
        }
        let account = match case.account {
            Some(Parent::Is(account)) => Some(account),
            Some(Parent::MadeBy(_)) | None => None,
        };
        let wanted = Wanted { accounts: account.into_iter().collect(), of_none: account.is_none(), people };
        let asked = queries(self.mapping.contacts(), Some(case.set), &wanted);
        let mut found = Vec::new();
        for soql in asked {
            let page = self.client.query_all(context, &soql, MAX_CONTACTS).await;
            let page = page.map_err(|error| refusal::of_look(&error, group.to_vec(), too_many))?;
            found.extend(page.records);
        }
        Ok(Some(Contacts::read(found.into_iter())))
    }

    /// The contact that a new person is.
    fn contact<'c>(
        &self,
        case: &RowCase<'_>,
        contacts: &'c Contacts,
        taken: &BTreeSet<RecordId>,
        (key, person): (&ElementKey, &Element),
        group: &[GroupId],
    ) -> Result<Option<&'c Contact>, SideError> {
        let rules = self.mapping.contacts();
        let account = match case.account {
            Some(Parent::Is(account)) => Some(account),
            // One that is yet to be made has no contacts.
            Some(Parent::MadeBy(_)) if rules.scope == ContactScope::Account => return Ok(None),
            Some(Parent::MadeBy(_)) | None => None,
        };
        let is_new = matches!(case.account, Some(Parent::MadeBy(_)));
        let found = contacts.of(rules, account, is_new, taken, key, person);
        found.map_err(|what| refusal::person(what, group.to_vec()))
    }

    /// Contacts are shared by many deals: what they hold is never overwritten, only what is empty is filled.
    fn put_contact(
        &self,
        case: &RowCase<'_>,
        row: Option<&Row>,
        person: Person<'_>,
        group: &[GroupId],
        steps: &mut Vec<Step>,
    ) -> Result<(), SideError> {
        let Person { key, found, mut columns } = person;
        if let Some(row) = row {
            let Some((id, stamp)) = row.contact else { return Ok(()) };
            columns.retain(|name, value| name != "Email" && !value.is_null() && !row.filled.contains(name));
            if !columns.is_empty() {
                let object = CONTACT.to_owned();
                steps.push(Step::Update { object, id, fields: columns, unmodified_since: Some(stamp) });
            }
            return Ok(());
        }
        let rules = self.mapping.contacts();
        let (mut role, mut refers) = (role_fields(rules, case.first == Some(key)), Vec::new());
        point(&mut role, &mut refers, "OpportunityId", case.opportunity);
        if let Some(contact) = found {
            if let Some((fields, stamp)) = contact.filled(&columns) {
                let object = CONTACT.to_owned();
                steps.push(Step::Update { object, id: contact.id, fields, unmodified_since: Some(stamp) });
            }
            if case.with_roles.contains(&contact.id) {
                // The seller has given the contact a role, before anybody knew its address.
                return Ok(());
            }
            role.insert("ContactId".to_owned(), Json::String(contact.id.to_string()));
        } else {
            if case.person {
                return Err(refusal::person(
                    "the customer is a person account, which has itself as its only contact; give that person the \
                     e-mail address of the referral's contact, or leave the contact to the referral",
                    group.to_vec(),
                ));
            }
            if !rules.create {
                return Err(refusal::person(
                    "a person of the referral is no contact of the customer, and contacts.create = false: make the \
                     contact, with the e-mail address of the referral's, or take that person out of the referral",
                    group.to_vec(),
                ));
            }
            if !columns.contains_key("LastName") {
                return Err(refusal::person(
                    "a contact has no last name, and Salesforce needs one",
                    group.to_vec(),
                ));
            }
            let mut of_contact = Vec::new();
            if let Some(account) = case.account {
                point(&mut columns, &mut of_contact, "AccountId", account);
            }
            refers.push(("ContactId".to_owned(), steps.len()));
            steps.push(Step::Insert { object: CONTACT.to_owned(), fields: columns, refers: of_contact });
        }
        steps.push(Step::Insert { object: CONTACT_ROLE.to_owned(), fields: role, refers });
        Ok(())
    }
}

/// A person of the referral on the way to a contact.
struct Person<'p> {
    key: &'p ElementKey,
    /// Who it is already.
    found: Option<&'p Contact>,
    columns: Fields,
}

fn put_child(
    case: &RowCase<'_>,
    key: &ElementKey,
    row: Option<&Row>,
    mut columns: Fields,
    steps: &mut Vec<Step>,
) {
    let SetSource::Children { object, parent_field, key_column, unique_key_column, .. } = &case.set.crm
    else {
        return;
    };
    let object = object.as_str().to_owned();
    if let Some(row) = row {
        // The key is what found the row.
        columns.remove(key_column.as_str());
        update(steps, &object, row.id, row.stamp, columns);
    } else {
        let unique = unique_key(case, key);
        if let Some(hold) = held(case, &unique).filter(|hold| hold.key.as_ref() != Some(key)) {
            // A person picked another solution in the row, or emptied it: it gets the key of what it means now, or none if
            // that has a holder too.
            let own = hold.key.as_ref().map(|own| unique_key(case, own));
            let own = own.filter(|own| held(case, own).is_none());
            let fields = [(unique_key_column.to_string(), own.map_or(Json::Null, Json::String))];
            update(steps, &object, hold.id, hold.stamp, fields.into_iter().collect());
        }
        columns.insert(unique_key_column.as_str().to_owned(), Json::String(unique));
        let mut refers = Vec::new();
        point(&mut columns, &mut refers, parent_field.as_str(), case.opportunity);
        steps.push(Step::Insert { object, fields: columns, refers });
    }
}

/// Adds to the step that writes the row already, if one does: a second one would meet a row that has moved. A row that
/// goes is not written.
fn update(steps: &mut Vec<Step>, object: &str, id: RecordId, stamp: Timestamp, more: Fields) {
    for step in steps.iter_mut() {
        match step {
            Step::Update { id: its, fields, .. } if *its == id => return fields.extend(more),
            Step::Delete { id: its, .. } if *its == id => return,
            _ => {}
        }
    }
    steps.push(Step::Update { object: object.to_owned(), id, fields: more, unmodified_since: Some(stamp) });
}

/// What stops a second row for one element.
fn unique_key(case: &RowCase<'_>, key: &ElementKey) -> String {
    format!("{}:{}", case.key, key.0)
}

/// The row that holds a unique key. The platform compares them without case.
fn held<'h>(case: &RowCase<'h>, unique_key: &str) -> Option<&'h Hold> {
    case.holds
        .iter()
        .find(|hold| hold.unique_key.as_ref().is_some_and(|held| held.eq_ignore_ascii_case(unique_key)))
}

/// Puts what is written into the forms that this org keeps; what it cannot hold is told before anything is sent.
fn kept(schema: &Schema, steps: &mut [Step], group: &[GroupId]) -> Result<(), SideError> {
    for step in steps {
        let (Step::Update { object, fields, .. } | Step::Insert { object, fields, .. }) = step else {
            continue;
        };
        org_fit::keep(schema, object, fields).map_err(|(column, told)| match group.first() {
            Some(group) => refusal::unfit(object, &column, told, group),
            None => refusal::person(told, Vec::new()),
        })?;
    }
    Ok(())
}

fn object_of(set: &SetBinding) -> String {
    super::schema::place_of(set).0
}

pub(super) fn path(text: &'static str) -> FieldPath {
    FieldPath::new(text).expect("a literal path is well-formed")
}
