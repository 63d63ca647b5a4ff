//! The rows of sets: child records by a unique key, contacts by their e-mail within the account.

use deal_model::{Element, ElementChange, ElementKey, GroupId};
use mapping::{ContactScope, SetBinding, SetSource};
use salesforce::{CallContext, FieldPath, Fields};
use serde_json::Value as Json;
use sync_engine::SideError;

use super::{
    Salesforce,
    catalogue::{self, Entries},
    columns::row_columns,
    contacts::{Contact, Contacts, Wanted, queries, role_fields},
    org_fit,
    people::People,
    refusal,
    schema::{CONTACT, CONTACT_ROLE, Schema},
    steps::{Parent, Step, point},
    transform::Row,
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
        let looked = self.contacts(case, context).await?;
        let contacts = looked.as_ref().or(case.people.map(|people| &people.contacts));
        let entries = match case.people {
            Some(people) => people.entries.clone(),
            None => self.new_entries(schema, case, context).await?,
        };
        let start = steps.len();
        for (key, change) in case.changes {
            let row = case.rows.iter().find(|row| &row.key == key);
            match (change, row) {
                (ElementChange::Put(element), row) => {
                    let mut columns = row_columns(schema, case.set, key, element, row.is_none());
                    if row.is_none() {
                        catalogue::refer(&self.mapping, schema, case.set, key, &entries, &mut columns);
                    }
                    match &case.set.crm {
                        SetSource::Children { .. } => put_child(case, key, row, columns, steps),
                        SetSource::ContactRoles => {
                            let found = match contacts.filter(|_| row.is_none()) {
                                Some(contacts) => self.contact(case, contacts, key, element, &group)?,
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
        measured(schema, &steps[start..], &group)
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
            found.extend(page.map_err(|error| refusal::of_error(&error))?.records);
        }
        Ok(Some(Contacts::read(found.into_iter())))
    }

    /// The contact that a new person is.
    fn contact<'c>(
        &self,
        case: &RowCase<'_>,
        contacts: &'c Contacts,
        key: &ElementKey,
        person: &Element,
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
        contacts.of(rules, account, is_new, key, person).map_err(|what| refusal::person(what, group.to_vec()))
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
        let unmodified_since = Some(row.stamp);
        steps.push(Step::Update { object, id: row.id, fields: columns, unmodified_since });
    } else {
        let unique = format!("{}:{}", case.key, key.0);
        columns.insert(unique_key_column.as_str().to_owned(), Json::String(unique));
        let mut refers = Vec::new();
        point(&mut columns, &mut refers, parent_field.as_str(), case.opportunity);
        steps.push(Step::Insert { object, fields: columns, refers });
    }
}

/// What this org cannot hold of a row is told before anything is sent.
fn measured(schema: &Schema, steps: &[Step], group: &[GroupId]) -> Result<(), SideError> {
    let rows = steps.iter().filter_map(|step| match step {
        Step::Update { object, fields, .. } | Step::Insert { object, fields, .. } => Some((object, fields)),
        Step::Check { .. } | Step::Sign { .. } | Step::Delete { .. } => None,
    });
    let misfit = |(object, fields): (&String, &Fields)| {
        let (column, told) = org_fit::misfit(schema, object, fields)?;
        Some(refusal::unfit(object, column, told, group.first()?))
    };
    let mut misfits = rows.filter_map(misfit);
    misfits.next().map_or(Ok(()), Err)
}

fn object_of(set: &SetBinding) -> String {
    super::schema::place_of(set).0
}

pub(super) fn path(text: &'static str) -> FieldPath {
    FieldPath::new(text).expect("a literal path is well-formed")
}
