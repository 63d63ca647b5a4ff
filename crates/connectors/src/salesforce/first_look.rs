//! The look before births: who holds the keys already, who owns what is made, which accounts there are. One call for
//! many births, where their names are short.

use deal_model::RecordId as DealRecord;
use mapping::AccountOwner;
use salesforce::{
    CallContext, Error, FieldPath, Fields, MAX_COMPOSITE_QUERIES, Record, RecordId, ReferenceId, Subrequest,
    soql::{Select, Soql},
};
use sync_engine::SideError;

use super::{
    Salesforce,
    accounts::{Candidates, Matches},
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
    pub(super) accounts: Vec<Matches>,
}

impl Salesforce {
    /// Everything that decides what is inserted, for each of `sought` in their order.
    pub(super) async fn look_first(
        &self,
        schema: &Schema,
        sought: &[Sought<'_>],
        context: CallContext,
    ) -> Result<Vec<Looked>, SideError> {
        let key = self.unique_key()?;
        let mut queries = holders_of(&key, sought.iter().map(|each| each.referral));
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
        let accounts = self.account_queries(schema, &customers);
        queries.extend(accounts.iter().map(|query| query.soql.clone()));

        let found = self.ask_together(&queries, context).await;
        let mut found = found.map_err(|error| refusal::of_error(&error))?.into_iter();
        let holders: Vec<Record> = found.by_ref().take(places_of_holders).flatten().collect();
        let users = found.next().unwrap_or_default();
        let mut candidates = Candidates::default();
        let mut apart = Vec::new();
        for (query, records) in accounts.into_iter().zip(found) {
            let alone = query.apart(self.mapping.accounts(), schema, &records);
            if alone.is_empty() {
                candidates.add(query, records);
            }
            apart.extend(alone);
        }
        let queries: Vec<Soql> = apart.iter().map(|query| query.soql.clone()).collect();
        let found = self.ask_together(&queries, context).await.map_err(|error| refusal::of_error(&error))?;
        for (query, records) in apart.into_iter().zip(found) {
            candidates.add(query, records);
        }
        let us: RecordId = schema.user.into();
        let looked = |each: &Sought<'_>| Looked {
            holder: holder_among(&holders, &key, each.referral),
            owner: first_owner(&users, each.owners, us),
            account_owner: of_accounts.and_then(|owner| owners::owner(&users, owner, us).ok()),
            accounts: candidates.of(schema, self.mapping.accounts(), each.customer),
        };
        Ok(sought.iter().map(looked).collect())
    }

    /// The opportunity that holds a referral's unique key.
    pub(super) async fn holder(
        &self,
        referral: &DealRecord,
        context: CallContext,
    ) -> Result<Option<RecordId>, SideError> {
        let key = self.unique_key()?;
        let found = self.ask_together(&holders_of(&key, [referral]), context).await;
        let found = found.map_err(|error| refusal::of_error(&error))?;
        Ok(holder_among(&found.concat(), &key, referral))
    }

    fn unique_key(&self) -> Result<FieldPath, SideError> {
        FieldPath::new(self.mapping.names().unique_key.as_str())
            .map_err(|_| refusal::bug("the unique key's name is no name"))
    }

    /// The records of each query, in as few calls as hold them.
    pub(super) async fn ask_together(
        &self,
        queries: &[Soql],
        context: CallContext,
    ) -> Result<Vec<Vec<Record>>, Error> {
        let mut found = Vec::with_capacity(queries.len());
        for some in queries.chunks(MAX_COMPOSITE_QUERIES) {
            let parts = some.iter().enumerate();
            let parts = parts.map(|(number, soql)| Subrequest::query(ReferenceId::numbered(number), soql));
            let answer = self.client.composite(context, parts.collect(), false).await?;
            for part in &answer.parts {
                let page = part.page(answer.server_date)?;
                found.push(self.follow(page.records, page.next, context).await?);
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

fn holders_of<'r>(key: &FieldPath, referrals: impl IntoIterator<Item = &'r DealRecord>) -> Vec<Soql> {
    let holders = Select::from(&object_name(OPPORTUNITY)).fields([key]);
    holders.split(key, referrals.into_iter().map(DealRecord::as_str))
}

/// The platform compares keys without case.
fn holder_among(holders: &[Record], key: &FieldPath, referral: &DealRecord) -> Option<RecordId> {
    let holds = |record: &&Record| {
        record.text(key.as_str()).is_some_and(|held| held.eq_ignore_ascii_case(referral.as_str()))
    };
    holders.iter().find(holds).and_then(Record::id)
}
