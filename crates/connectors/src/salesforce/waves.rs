//! Births of one batch that would make the same account, or the same contact, go one after the other: the first makes
//! it, the others find it. All others go together.

use std::collections::{BTreeMap, BTreeSet};

use deal_model::ElementKey;
use mapping::{ContactScope, SetSource};
use salesforce::{CallContext, Fields, RecordId};
use sync_engine::SideError;

use super::{Salesforce, accounts::Account, births::Expected, newborn::NotMade, schema::Schema};

/// A birth of which everything is known but what its contacts are.
pub(super) struct Unborn<'n> {
    pub(super) expected: Expected<'n>,
    /// The opportunity's own columns, but for the account.
    pub(super) own: Fields,
    pub(super) account: Account,
}

impl Unborn<'_> {
    /// Its account, if that is there.
    fn account(&self) -> Option<RecordId> {
        match self.account {
            Account::Found(account) => Some(account),
            Account::New { .. } | Account::None => None,
        }
    }
}

/// Why a birth came to nothing.
pub(super) enum Unmade {
    /// Found before anything was sent.
    Unfit(SideError),
    /// By the platform.
    Refused(NotMade),
}

/// A record that several births of a batch may want, and that only one of them may make.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Shared {
    /// By its unique key.
    Account(String),
    /// By its account, if there is one and it tells contacts apart, and its e-mail.
    Contact(Option<RecordId>, String),
    /// One that is there without an e-mail, and was found by a name that several may have.
    Named(RecordId),
}

impl Salesforce {
    /// Makes them; each stands or falls by itself. The answers stand in no order.
    pub(super) async fn bear_in_waves<'n>(
        &self,
        schema: &Schema,
        mut waiting: Vec<Unborn<'n>>,
        context: CallContext,
    ) -> Vec<(Unborn<'n>, Result<RecordId, Unmade>)> {
        let mut answers = Vec::with_capacity(waiting.len());
        // Accounts that a wave made, by their keys; contacts that are there for certain.
        let mut accounts: BTreeMap<String, RecordId> = BTreeMap::new();
        let mut there: BTreeSet<Shared> = BTreeSet::new();
        // Contacts that were found by name, and whose they are since.
        let mut named: BTreeMap<RecordId, ElementKey> = BTreeMap::new();
        // Each wave takes the first that waits, at the least.
        while !waiting.is_empty() {
            let mut taken: BTreeSet<Shared> = BTreeSet::new();
            let (mut wave, mut families, mut later) = (Vec::new(), Vec::new(), Vec::new());
            for unborn in &mut waiting {
                if let Some(made) = self.new_account(unborn).and_then(|key| accounts.get(&key)) {
                    unborn.account = Account::Found(*made);
                }
            }
            // Contacts have no key: nobody else of this process looks for those of these accounts, and makes them, meanwhile.
            let _turn = self.lookers.turn(waiting.iter().filter_map(Unborn::account).collect()).await;
            let people = match self.people(schema, &waiting, context).await {
                Ok(mut people) => {
                    people.contacts.learn(&named);
                    people
                }
                Err(error) => {
                    answers.extend(waiting.into_iter().map(|each| (each, Err(Unmade::Unfit(error.clone())))));
                    return answers;
                }
            };
            for unborn in waiting {
                let shared = self.shared(&unborn);
                if shared.iter().any(|each| taken.contains(each) && !there.contains(each)) {
                    later.push(unborn);
                    continue;
                }
                match self.family(schema, &unborn, &people, context).await {
                    Ok(family) => {
                        let found: Vec<Shared> = family.named().map(|(id, _)| Shared::Named(id)).collect();
                        if found.iter().any(|each| taken.contains(each)) {
                            later.push(unborn);
                            continue;
                        }
                        taken.extend(shared.into_iter().chain(found));
                        families.push(family);
                        wave.push(unborn);
                    }
                    Err(error) => answers.push((unborn, Err(Unmade::Unfit(error)))),
                }
            }
            let births = self.bring_to_life(&families, context).await;
            for ((mut unborn, family), birth) in wave.into_iter().zip(&families).zip(births) {
                let born = match birth {
                    Ok(born) => born,
                    Err(refused) => {
                        answers.push((unborn, Err(Unmade::Refused(refused))));
                        continue;
                    }
                };
                if let Some((key, account)) = self.new_account(&unborn).zip(born.account) {
                    accounts.insert(key, account);
                    unborn.account = Account::Found(account);
                }
                there.extend(self.shared(&unborn));
                named.extend(family.named());
                answers.push((unborn, Ok(born.opportunity)));
            }
            waiting = later;
        }
        answers
    }

    /// The key of the account that it would make.
    fn new_account(&self, unborn: &Unborn<'_>) -> Option<String> {
        let Account::New { fields, .. } = &unborn.account else { return None };
        let key = fields.get(self.mapping.names().account_key.as_str());
        key.and_then(serde_json::Value::as_str).map(str::to_owned)
    }

    /// What it may have to make, and others may want too.
    fn shared(&self, unborn: &Unborn<'_>) -> Vec<Shared> {
        let made = self.new_account(unborn).map(Shared::Account);
        // Where contacts of any account are taken, an address is one person's, whosever customer that is.
        let is_anywhere = self.mapping.contacts().scope == ContactScope::Everywhere;
        let account = match &unborn.account {
            _ if is_anywhere => None,
            // Whoever makes the account makes its contacts.
            Account::New { .. } => return made.into_iter().collect(),
            Account::Found(id) => Some(*id),
            Account::None => None,
        };
        let sets = unborn.expected.columns.sets.iter();
        let contacts = sets.filter(|(field, _)| {
            self.mapping.set(field).is_some_and(|set| set.crm == SetSource::ContactRoles)
        });
        let contacts = contacts.flat_map(|(_, changes)| changes);
        let contacts = contacts.map(|(email, _)| Shared::Contact(account, email.0.trim().to_lowercase()));
        made.into_iter().chain(contacts).collect()
    }
}
