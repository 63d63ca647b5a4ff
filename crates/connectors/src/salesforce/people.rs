//! The people of births: the contacts and users that those of one batch may want, and the catalogue's entries, found in as few calls as hold them.

use std::collections::{BTreeMap, BTreeSet};

use deal_model::{ElementChange, ElementKey, GroupId};
use mapping::{ContactScope, SetSource};
use salesforce::{CallContext, RecordId};
use sync_engine::SideError;

use super::{
    Salesforce,
    accounts::Account,
    catalogue::Entries,
    contacts::{Contacts, Wanted, queries, too_many},
    refusal,
    rows::path,
    schema::Schema,
    team::{active_people, one_of_each},
    waves::Unborn,
};

/// The people that were looked for.
#[derive(Default)]
pub(super) struct People {
    pub(super) contacts: Contacts,
    /// The one active user of each e-mail; none where there are several.
    pub(super) users: BTreeMap<ElementKey, Option<RecordId>>,
    /// The catalogue's entries of their solutions; else why it was not read, which holds up their rows alone.
    pub(super) entries: Entries,
    pub(super) without_entries: Option<SideError>,
}

impl People {
    /// The catalogue's entries for the rows of a set; an error if they could not be read, and are this set's.
    pub(super) fn entries_of(&self, group: &[GroupId]) -> Result<Entries, SideError> {
        match &self.without_entries {
            Some(error) if error.groups == group => Err(error.clone()),
            _ => Ok(self.entries.clone()),
        }
    }
}

impl Salesforce {
    /// Everybody whom these births may want. No call where all their accounts are new and no user is wanted.
    pub(super) async fn people(
        &self,
        schema: &Schema,
        unborn: &[Unborn<'_>],
        context: CallContext,
    ) -> Result<People, SideError> {
        let rules = self.mapping.contacts();
        let mut of_accounts = Wanted::default();
        let mut of_none = Wanted { of_none: true, ..Wanted::default() };
        let mut of_users = BTreeSet::new();
        let mut contacts = None;
        let (mut entries, mut without_entries) = (Entries::new(), None);
        for set in self.mapping.sets() {
            let of_set = unborn.iter().flat_map(|each| &each.expected.columns.sets);
            let put =
                of_set.filter(|(field, _)| field == &set.field).flat_map(|(_, changes)| changes.clone());
            match self.entries(schema, set, &put.collect::<Vec<_>>(), context).await {
                Ok(found) => entries.extend(found),
                Err(error) if error.groups.is_empty() => return Err(error),
                Err(error) => without_entries = Some(error),
            }
        }
        for each in unborn {
            for (field, changes) in &each.expected.columns.sets {
                let Some(set) = self.mapping.set(field) else { continue };
                let people = changes.iter().filter_map(|(email, change)| match change {
                    ElementChange::Put(person) => Some((email, person)),
                    ElementChange::Rekey { .. } | ElementChange::Remove => None,
                });
                match (&set.crm, &each.account) {
                    (SetSource::Team { .. }, _) if schema.features.team_selling => {
                        of_users.extend(changes.iter().map(|(email, _)| email.0.as_str()));
                    }
                    (SetSource::ContactRoles, Account::Found(account)) => {
                        contacts = Some(set);
                        of_accounts.accounts.insert(*account);
                        of_accounts.people.extend(people);
                    }
                    (SetSource::ContactRoles, Account::None) => {
                        contacts = Some(set);
                        of_none.people.extend(people);
                    }
                    // An account that is yet to be made has no contacts; others' may do.
                    (SetSource::ContactRoles, Account::New { person: false, .. })
                        if rules.scope == ContactScope::Everywhere =>
                    {
                        contacts = Some(set);
                        of_none.people.extend(people);
                    }
                    _ => {}
                }
            }
        }
        let mut asked = queries(rules, contacts, &of_accounts);
        asked.extend(queries(rules, contacts, &of_none));
        let of_contacts = asked.len();
        asked.extend(active_people().split(&path("Email"), of_users));
        if asked.is_empty() {
            return Ok(People { entries, without_entries, ..People::default() });
        }
        let found = self.ask_together(&asked, context).await;
        let groups = contacts.and_then(|set| refusal::group_of(&self.mapping, &set.field));
        let groups = groups.into_iter().collect();
        let mut found = found.map_err(|error| refusal::of_look(&error, groups, too_many))?.into_iter();
        let contacts = Contacts::read(found.by_ref().take(of_contacts).flatten());
        Ok(People { contacts, entries, without_entries, users: one_of_each(found.flatten()) })
    }
}
