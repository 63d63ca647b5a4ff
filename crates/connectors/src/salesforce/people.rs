//! The people of births: the contacts and users that those of one batch may want, found in as few calls as hold them.

use std::collections::{BTreeMap, BTreeSet};

use deal_model::ElementKey;
use mapping::SetSource;
use salesforce::{
    CallContext, Record, RecordId,
    soql::{Condition, Literal, Op, Select},
};
use sync_engine::SideError;

use super::{
    Salesforce,
    accounts::Account,
    rows::path,
    schema::{CONTACT, Schema, object_name},
    team::{active_people, one_of_each},
    waves::Unborn,
};

/// The people that were looked for.
#[derive(Default)]
pub(super) struct People {
    contacts: Vec<(Option<RecordId>, ElementKey, RecordId)>,
    /// The one active user of each e-mail; none where there are several.
    pub(super) users: BTreeMap<ElementKey, Option<RecordId>>,
}

impl People {
    /// The contacts of an account, or of none, with one of these e-mails.
    pub(super) fn contacts(&self, account: Option<RecordId>, emails: &[&str]) -> Vec<(ElementKey, RecordId)> {
        let is_wanted = |email: &ElementKey| emails.iter().any(|wanted| same(wanted) == *email);
        let his = self.contacts.iter().filter(|(of, email, _)| *of == account && is_wanted(email));
        his.map(|(_, email, id)| (email.clone(), *id)).collect()
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
        let (mut accounts, mut of_accounts) = (BTreeSet::new(), BTreeSet::new());
        let (mut of_none, mut of_users) = (BTreeSet::new(), BTreeSet::new());
        for each in unborn {
            for (field, changes) in &each.expected.columns.sets {
                let Some(set) = self.mapping.set(field) else { continue };
                let emails = changes.iter().map(|(email, _)| email.0.as_str());
                match (&set.crm, &each.account) {
                    (SetSource::Team { .. }, _) if schema.features.team_selling => of_users.extend(emails),
                    (SetSource::ContactRoles, Account::Found(account)) => {
                        accounts.insert(*account);
                        of_accounts.extend(emails);
                    }
                    (SetSource::ContactRoles, Account::None) => of_none.extend(emails),
                    // An account that is yet to be made has no contacts.
                    _ => {}
                }
            }
        }
        let columns = [path("AccountId"), path("Email")];
        let contacts = || Select::from(&object_name(CONTACT)).fields(&columns);
        let of_these = contacts().filter(Condition::one_of(&path("AccountId"), accounts));
        let nobodys = contacts().filter(Condition::compare(&path("AccountId"), Op::Eq, Literal::null()));
        let mut queries = of_these.split(&path("Email"), of_accounts);
        queries.extend(nobodys.split(&path("Email"), of_none));
        let of_contacts = queries.len();
        queries.extend(active_people().split(&path("Email"), of_users));
        if queries.is_empty() {
            return Ok(People::default());
        }
        let mut found = self.ask_together(&queries, context).await?.into_iter();
        let contacts = found.by_ref().take(of_contacts).flatten();
        let contact = |record: Record| {
            let account = record.text("AccountId").and_then(|account| account.parse().ok());
            Some((account, same(record.text("Email")?), record.id()?))
        };
        let contacts = contacts.filter_map(contact).collect();
        Ok(People { contacts, users: one_of_each(found.flatten()) })
    }
}

/// The platform compares e-mails without case.
fn same(email: &str) -> ElementKey {
    ElementKey(email.trim().to_lowercase())
}
