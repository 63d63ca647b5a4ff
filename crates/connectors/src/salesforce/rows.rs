//! The rows of sets: child records by a unique key, contacts by their e-mail within the account.

use std::collections::BTreeMap;

use deal_model::{ElementChange, ElementKey, GroupId};
use mapping::{SetBinding, SetSource};
use salesforce::{
    CallContext, FieldPath, Fields, RecordId,
    soql::{Condition, Literal, Op, Select},
};
use serde_json::Value as Json;
use sync_engine::SideError;

use super::{
    Salesforce,
    columns::row_columns,
    org_fit,
    people::People,
    refusal,
    schema::{CONTACT, CONTACT_ROLE, Schema, object_name},
    steps::{Parent, Step, point},
    transform::Row,
};

/// Most contacts with the wanted e-mails that one look reads.
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
        let contacts = self.contacts(case, &group, context).await?;
        let start = steps.len();
        for (key, change) in case.changes {
            let row = case.rows.iter().find(|row| &row.key == key);
            match (change, row) {
                (ElementChange::Put(element), row) => {
                    let columns = row_columns(schema, case.set, key, element, row.is_none());
                    match &case.set.crm {
                        SetSource::Children { .. } => put_child(case, key, row, columns, steps),
                        SetSource::ContactRoles => {
                            put_contact(case, row, contacts.get(key).copied(), columns, &group, steps)?;
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

    /// The contacts of the account with the e-mails of new people.
    async fn contacts(
        &self,
        case: &RowCase<'_>,
        group: &[GroupId],
        context: CallContext,
    ) -> Result<BTreeMap<ElementKey, RecordId>, SideError> {
        let mut found = BTreeMap::new();
        let is_new = |key: &ElementKey| case.rows.iter().all(|row| &row.key != key);
        let puts = case
            .changes
            .iter()
            .filter(|(key, change)| matches!(change, ElementChange::Put(_)) && is_new(key));
        let wanted: Vec<&str> = puts.map(|(key, _)| key.0.as_str()).collect();
        if case.set.crm != SetSource::ContactRoles || wanted.is_empty() {
            return Ok(found);
        }
        let account = match case.account {
            Some(Parent::Is(account)) => Some(account),
            // One that is yet to be made has no contacts.
            Some(Parent::MadeBy(_)) => return Ok(found),
            None => None,
        };
        let contacts = match case.people {
            Some(people) => people.contacts(account, &wanted),
            None => self.contacts_of(account, wanted, context).await?,
        };
        for (email, id) in contacts {
            if let Some(other) = found.insert(email, id) {
                let what = format!("several contacts of the account have the same e-mail: {other}, {id}");
                return Err(refusal::person(what, group.to_vec()));
            }
        }
        Ok(found)
    }

    /// The contacts of an account, or of none, with one of these e-mails.
    async fn contacts_of(
        &self,
        account: Option<RecordId>,
        wanted: Vec<&str>,
        context: CallContext,
    ) -> Result<Vec<(ElementKey, RecordId)>, SideError> {
        let account = account.map_or_else(Literal::null, Literal::from);
        let mut found = Vec::new();
        let select = Select::from(&object_name(CONTACT)).fields([&path("Email")]).filter(Condition::compare(
            &path("AccountId"),
            Op::Eq,
            account,
        ));
        for soql in select.split(&path("Email"), wanted) {
            let page = self.client.query_all(context, &soql, MAX_CONTACTS).await;
            for contact in page.map_err(|error| refusal::of_error(&error))?.records {
                let (Some(id), Some(email)) = (contact.id(), contact.text("Email")) else { continue };
                found.push((ElementKey(email.trim().to_lowercase()), id));
            }
        }
        Ok(found)
    }
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

/// Contacts are shared by many deals: what they hold is never overwritten, only what is empty is filled.
fn put_contact(
    case: &RowCase<'_>,
    row: Option<&Row>,
    contact: Option<RecordId>,
    mut columns: Fields,
    group: &[GroupId],
    steps: &mut Vec<Step>,
) -> Result<(), SideError> {
    if let Some(row) = row {
        let Some((id, stamp)) = row.contact else { return Ok(()) };
        columns.retain(|name, value| name != "Email" && !value.is_null() && !row.filled.contains(name));
        if !columns.is_empty() {
            let object = CONTACT.to_owned();
            steps.push(Step::Update { object, id, fields: columns, unmodified_since: Some(stamp) });
        }
        return Ok(());
    }
    let (mut role, mut refers) = (Fields::new(), Vec::new());
    point(&mut role, &mut refers, "OpportunityId", case.opportunity);
    if let Some(contact) = contact {
        role.insert("ContactId".to_owned(), Json::String(contact.to_string()));
    } else {
        if case.person {
            return Err(refusal::person(
                "the customer is a person account, which has itself as its only contact; give that person the e-mail \
                 address of the referral's contact, or leave the contact to the referral",
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
