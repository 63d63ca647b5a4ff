//! The look before births: who holds the keys already, who owns what is made, which accounts there are. One call for
//! many births, where their names are short.

use deal_model::RecordId as DealRecord;
use mapping::AccountOwner;
use salesforce::{
    CallContext, Fields, MAX_COMPOSITE_QUERIES, Record, RecordId, ReferenceId, Subrequest,
    soql::{Select, Soql},
};
use sync_engine::SideError;

use super::{
    Salesforce,
    accounts::Candidates,
    owners, refusal,
    schema::{OPPORTUNITY, Schema, object_name},
};

/// What the look is for, of one birth.
pub(super) struct Sought<'b> {
    pub(super) referral: &'b DealRecord,
    /// Identifiers or user names, the wanted one first.
    pub(super) owners: &'b [String],
    pub(super) customer: &'b Fields,
}

/// What was found before anything is written.
pub(super) struct Looked {
    /// The opportunity that holds the unique key.
    pub(super) holder: Option<RecordId>,
    /// The first of the owners who may own it; else why each may not.
    pub(super) owner: Result<RecordId, Vec<String>>,
    /// Who owns an account that is made, where the mapping names somebody.
    pub(super) account_owner: Option<RecordId>,
    /// Accounts by the mapping's rules, best first.
    pub(super) accounts: Vec<Vec<RecordId>>,
}

impl Salesforce {
    /// Everything that decides what is inserted, for each of `sought` in their order.
    pub(super) async fn look_first(
        &self,
        schema: &Schema,
        sought: &[Sought<'_>],
        context: CallContext,
    ) -> Result<Vec<Looked>, SideError> {
        let names = self.mapping.names();
        let key = salesforce::FieldPath::new(names.unique_key.as_str());
        let key = key.map_err(|_| refusal::bug("the unique key's name is no name"))?;
        let holders = Select::from(&object_name(OPPORTUNITY)).fields([&key]);
        let mut queries = holders.split(&key, sought.iter().map(|each| each.referral.as_str()));
        let places_of_holders = queries.len();
        let mut owners: Vec<&str> = sought.iter().flat_map(|each| each.owners).map(String::as_str).collect();
        let of_accounts = match &self.mapping.accounts().owner {
            AccountOwner::User(user) => Some(user.as_str()),
            AccountOwner::Opportunity => None,
        };
        owners.extend(of_accounts);
        owners.sort_unstable();
        owners.dedup();
        queries.push(owners::users(&owners));
        let customers: Vec<&Fields> = sought.iter().map(|each| each.customer).collect();
        let (rules, accounts): (Vec<usize>, Vec<Soql>) =
            self.account_queries(schema, &customers).into_iter().unzip();
        queries.extend(accounts);

        let mut found = self.ask_together(&queries, context).await?.into_iter();
        let holders: Vec<Record> = found.by_ref().take(places_of_holders).flatten().collect();
        let users = found.next().unwrap_or_default();
        let mut candidates = Candidates::default();
        for (rule, records) in rules.into_iter().zip(found) {
            candidates.add(rule, records);
        }
        let us: RecordId = schema.user.into();
        let looked = |each: &Sought<'_>| {
            // The platform compares keys without case.
            let holds = |record: &&Record| {
                record
                    .text(key.as_str())
                    .is_some_and(|held| held.eq_ignore_ascii_case(each.referral.as_str()))
            };
            Looked {
                holder: holders.iter().find(holds).and_then(Record::id),
                owner: first_owner(&users, each.owners, us),
                account_owner: of_accounts.and_then(|owner| owners::owner(&users, owner, us).ok()),
                accounts: candidates.of(schema, self.mapping.accounts(), each.customer),
            }
        };
        Ok(sought.iter().map(looked).collect())
    }

    /// The records of each query, in as few calls as hold them.
    pub(super) async fn ask_together(
        &self,
        queries: &[Soql],
        context: CallContext,
    ) -> Result<Vec<Vec<Record>>, SideError> {
        let told = |error: salesforce::Error| refusal::of_error(&error);
        let mut found = Vec::with_capacity(queries.len());
        for some in queries.chunks(MAX_COMPOSITE_QUERIES) {
            let parts = some.iter().enumerate();
            let parts = parts.map(|(number, soql)| Subrequest::query(ReferenceId::numbered(number), soql));
            let answer = self.client.composite(context, parts.collect(), false).await.map_err(told)?;
            for part in &answer.parts {
                let page = part.page(answer.server_date).map_err(told)?;
                found.push(self.follow(page.records, page.next, context).await.map_err(told)?);
            }
        }
        Ok(found)
    }
}

fn first_owner(users: &[Record], owners: &[String], us: RecordId) -> Result<RecordId, Vec<String>> {
    let mut reasons = Vec::new();
    for owner in owners {
        match owners::owner(users, owner, us) {
            Ok(id) => return Ok(id),
            Err(reason) => reasons.push(reason),
        }
    }
    Err(reasons)
}
