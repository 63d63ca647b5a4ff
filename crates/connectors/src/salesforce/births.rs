//! An inbound referral becomes an opportunity: look first, insert once under a unique key, then add what hangs on it.
//!
//! The insert is never an upsert: a unique key that is held leads to its holder, which is read and left alone.

use deal_model::RecordId as DealRecord;
use ports::RetryClass;
use salesforce::{
    CallContext, Error, Fields, RecordId, ReferenceId, Refusal, Subrequest,
    soql::{Condition, Op, Select},
};
use serde_json::{Map, Value as Json};
use sync_engine::{Created, NewRecord, SideError};

use super::{
    Salesforce,
    accounts::{Account, is_in_country},
    apply::of_stage,
    columns::{Columns, columns},
    refusal,
    rows::{RowCase, path},
    schema::{ACCOUNT, OPPORTUNITY, Schema, USER, object_name},
    steps::{Step, one_by_one},
};

/// Most records that each look brings: of accounts with the same name and postal code, some are in other countries.
const MAX_CANDIDATES: u32 = 20;
/// Writes in one call; the last place is the read-back's.
const MAX_WRITES: usize = salesforce::MAX_SUBREQUESTS - 1;

/// What was found before anything is written.
#[derive(Default)]
struct Looked {
    /// The opportunity that holds the unique key.
    holder: Option<RecordId>,
    owner: Option<RecordId>,
    /// Accounts by rank: D-U-N-S number, our own key, name and place.
    accounts: Vec<Vec<RecordId>>,
}

impl Salesforce {
    pub(super) async fn give_birth(
        &self,
        new: &NewRecord,
        context: CallContext,
    ) -> Result<Created, SideError> {
        let schema = self.schema(context).await?;
        let referral = new.from.record.as_str();
        let mut columns = columns(&self.mapping, &schema, &new.writes)?;
        let customer = columns.parents.remove(ACCOUNT).unwrap_or_default();
        let route = self.mapping.inbound().route(&self.as_referral(new));
        let owner = route.owner.as_deref().ok_or_else(|| {
            refusal::person(
                "no owner is configured for this referral's opportunity: set inbound.default_owner",
                vec![],
            )
        })?;
        let looked = self.look_first(&schema, referral, owner, &customer, context).await?;
        if let Some(holder) = looked.holder {
            return self.existing(holder, context).await;
        }
        let mut own = self.own_columns(&schema, new, &mut columns)?;
        let owner = looked.owner.ok_or_else(|| {
            refusal::person(
                "the configured owner is no active user of the org, or is the integration user",
                vec![],
            )
        })?;
        own.insert("OwnerId".to_owned(), Json::String(owner.to_string()));
        if let Some(name) = &route.record_type {
            own.insert("RecordTypeId".to_owned(), Json::String(record_type(&schema, name)?.to_string()));
        }
        if let Some(campaign) = route.campaign {
            own.insert("CampaignId".to_owned(), Json::String(campaign));
        }
        let account = self.account(&schema, &looked.accounts, &customer)?;
        match self.insert(&own, account, context).await {
            Ok((id, account)) => self.complete(&schema, id, account, &columns, context).await,
            Err(error) if is_duplicate(&error) => {
                // Somebody was faster, with the opportunity or with the account: look again, try once more.
                let looked = self.look_first(&schema, referral, "", &customer, context).await?;
                if let Some(holder) = looked.holder {
                    return self.existing(holder, context).await;
                }
                let account = self.account(&schema, &looked.accounts, &customer)?;
                let (id, account) =
                    self.insert(&own, account, context).await.map_err(|error| self.refused(&error))?;
                self.complete(&schema, id, account, &columns, context).await
            }
            Err(error) => Err(self.refused(&error)),
        }
    }

    fn refused(&self, error: &Error) -> SideError {
        let mut side = refusal::of_write(&self.mapping, OPPORTUNITY, error);
        if side.groups.is_empty() {
            side.groups = refusal::of_write(&self.mapping, ACCOUNT, error).groups;
        }
        if is_duplicate(error) {
            side.class = RetryClass::LATER;
        }
        side
    }

    /// The referral as its own platform would show it, as far as its routes look at it.
    fn as_referral(&self, new: &NewRecord) -> Json {
        let mut document = Json::Object(Map::new());
        // Routes may ask for it though the mapping does not.
        if let Some(partner) = new.from.portal().and_then(|facts| facts.partner_id.as_ref()) {
            put(&mut document, "/mpnId", Json::String(partner.clone()));
        }
        for binding in self.mapping.bindings() {
            let Some(place) = &binding.portal else { continue };
            if let Some(held) = new.from.reading(&binding.field).held.held() {
                put(&mut document, place.as_str(), binding.codec.write_portal(&held));
            }
        }
        for set in self.mapping.sets() {
            let Some(held) = new.from.reading(&set.field).held.held() else { continue };
            let elements = held.elements();
            let items =
                elements.iter().map(|(key, element)| set.portal_element(key, None, element)).collect();
            put(&mut document, set.portal_array.as_str(), Json::Array(items));
        }
        document
    }

    /// The new opportunity's own columns, but for the owner and the account.
    fn own_columns(
        &self,
        schema: &Schema,
        new: &NewRecord,
        columns: &mut Columns,
    ) -> Result<Fields, SideError> {
        let names = self.mapping.names();
        let mut own = std::mem::take(&mut columns.own);
        let stage = self.mapping.stages().stage_for(&new.life, None).map_err(|error| of_stage(&error))?;
        own.extend(stage.stage_name.map(|name| ("StageName".to_owned(), Json::String(name))));
        own.extend(stage.reason.map(|(field, text)| (field.as_str().to_owned(), Json::String(text))));
        let referral = Json::String(new.from.record.as_str().to_owned());
        own.insert(names.identifier.as_str().to_owned(), referral.clone());
        own.insert(names.unique_key.as_str().to_owned(), referral);
        own.insert(names.sync.as_str().to_owned(), Json::Bool(true));
        if let Some(field) = schema.field(OPPORTUNITY, names.unique_key.as_str())
            && !field.unique
        {
            let what = format!("{OPPORTUNITY}.{} is not unique: no opportunity is created", names.unique_key);
            return Err(refusal::person(what, Vec::new()));
        }
        for required in ["Name", "StageName", "CloseDate"] {
            if own.get(required).is_none_or(Json::is_null) {
                let field = self.mapping.bindings().iter().find(|binding| {
                    binding.crm.as_ref().and_then(mapping::CrmPath::own_field) == Some(required)
                });
                let groups = field.and_then(|binding| refusal::group_of(&self.mapping, &binding.field));
                let what =
                    format!("the referral has nothing for {OPPORTUNITY}.{required}, and Salesforce needs it");
                return Err(refusal::person(what, groups.into_iter().collect()));
            }
        }
        // What this user may not write on a new record would refuse the whole.
        own.retain(|name, value| {
            !value.is_null() && schema.field(OPPORTUNITY, name).is_none_or(|field| field.createable)
        });
        Ok(own)
    }

    /// Everything that decides what is inserted, in one call.
    async fn look_first(
        &self,
        schema: &Schema,
        referral: &str,
        owner: &str,
        customer: &Fields,
        context: CallContext,
    ) -> Result<Looked, SideError> {
        let names = self.mapping.names();
        let own = |name: &mapping::ApiName| salesforce::FieldPath::new(name.as_str());
        let mut queries = Vec::new();
        let key = own(&names.unique_key).map_err(|_| refusal::bug("the unique key's name is no name"))?;
        queries.push(Select::from(&object_name(OPPORTUNITY)).filter(Condition::compare(
            &key,
            Op::Eq,
            referral,
        )));
        let by_id = owner.parse::<RecordId>().ok();
        let user = match by_id {
            Some(id) => Condition::compare(&path("Id"), Op::Eq, id),
            None => Condition::compare(&path("Username"), Op::Eq, owner),
        };
        let active = Condition::compare(&path("IsActive"), Op::Eq, true);
        queries.push(Select::from(&object_name(USER)).filter(user.and(active)));
        queries.extend(self.account_queries(schema, customer));
        let parts = queries.iter().enumerate().map(|(number, select)| {
            Subrequest::query(ReferenceId::numbered(number), &select.clone().limit(MAX_CANDIDATES).build())
        });
        let answer = self.client.composite(context, parts.collect(), false).await;
        let answer = answer.map_err(|error| refusal::of_error(&error))?;
        let mut found = Vec::with_capacity(queries.len());
        for part in &answer.parts {
            let page = part.page(answer.server_date).map_err(|error| refusal::of_error(&error))?;
            let records = page.records.iter().filter(|record| is_in_country(record, customer));
            found.push(records.filter_map(salesforce::Record::id).collect::<Vec<_>>());
        }
        let mut found = found.into_iter();
        let us: RecordId = schema.user.into();
        let holder = found.next().and_then(|ids| ids.first().copied());
        let owner = found.next().and_then(|ids| ids.first().copied()).filter(|id| *id != us);
        Ok(Looked { holder, owner, accounts: found.collect() })
    }

    /// Inserts the opportunity, and its account with it: both or none.
    async fn insert(
        &self,
        own: &Fields,
        account: Account,
        context: CallContext,
    ) -> Result<(RecordId, Option<RecordId>), Error> {
        let mut own = own.clone();
        let mut steps = Vec::new();
        let mut refer = None;
        let mut account_id = None;
        match account {
            Account::Found(id) => {
                own.insert("AccountId".to_owned(), Json::String(id.to_string()));
                account_id = Some(id);
            }
            Account::New(fields) => {
                refer = Some(("AccountId", steps.len()));
                steps.push(Step::Insert { object: ACCOUNT.to_owned(), fields, refer: None });
            }
            Account::None => {}
        }
        steps.push(Step::Insert { object: OPPORTUNITY.to_owned(), fields: own, refer });
        let made: Vec<Option<RecordId>> = if steps.iter().any(Step::is_ambiguous) {
            // The unique keys make it safe that these two do not stand or fall together.
            one_by_one(&self.client, context, &steps).await.map_err(|(_, error)| error)?
        } else {
            let parts = steps.iter().enumerate().map(|(number, step)| step.part(number)).collect();
            let answer = self.client.composite(context, parts, true).await?;
            let refused = answer.parts.iter().filter_map(|part| part.outcome().err());
            let refused: Vec<Refusal> = refused.collect();
            if let Some(refused) = refused.iter().find(|refused| !refused.is_bystander()).or(refused.first())
            {
                return Err(refused.clone().into());
            }
            let ids = answer.parts.iter().map(|part| part.inserted_id().map(Some));
            ids.collect::<Result<_, Error>>()?
        };
        match made.as_slice() {
            [Some(id)] => Ok((*id, account_id)),
            [account, Some(id)] => Ok((*id, *account)),
            _ => Err(Error::Unreadable { status: 200, reason: "no id of the new record", write: true }),
        }
    }

    /// Adds what needs the opportunity's id: its origin, solutions, contacts. What fails here is planned again as a
    /// change of an opportunity that is there.
    async fn complete(
        &self,
        schema: &Schema,
        id: RecordId,
        account: Option<RecordId>,
        columns: &Columns,
        context: CallContext,
    ) -> Result<Created, SideError> {
        let record = DealRecord::new(id.to_string());
        let mut steps = Vec::new();
        steps.extend(self.origin_step(schema, id));
        for (field, changes) in &columns.sets {
            let Some(set) = self.mapping.set(field) else { continue };
            let case = RowCase { set, opportunity: id, account, rows: &[], changes };
            let before = steps.len();
            let added = self.row_steps(schema, &case, context, &mut steps).await;
            // Only what fits into this call; and an opportunity that is there is not failed by its rows.
            if let Err(error) = added {
                tracing::debug!(%error, field = %field, "rows of a new opportunity wait for the next pass");
                steps.truncate(before);
            }
        }
        let fits = |end: usize| !matches!(steps.get(end), Some(Step::Insert { refer: Some(_), .. }));
        let end = if steps.len() <= MAX_WRITES || fits(MAX_WRITES) { MAX_WRITES } else { MAX_WRITES - 1 };
        steps.truncate(end);
        let after = self.hang_on(schema, &record, id, &steps, context).await;
        Ok(Created { record, engagement: None, after, existed: false })
    }

    async fn hang_on(
        &self,
        schema: &Schema,
        record: &DealRecord,
        id: RecordId,
        steps: &[Step],
        context: CallContext,
    ) -> Option<deal_model::Observation> {
        let (plain, odd): (Vec<_>, Vec<_>) = steps.iter().cloned().partition(|step| !step.is_ambiguous());
        let refers = plain.iter().any(|step| matches!(step, Step::Insert { refer: Some(_), .. }));
        if !odd.is_empty() && refers {
            // References count the steps: all of them go one by one.
            let _ = one_by_one(&self.client, context, steps).await;
            return self.see(record, id, context).await;
        }
        let mut parts: Vec<Subrequest> =
            plain.iter().enumerate().map(|(number, step)| step.part(number)).collect();
        let back = ReferenceId::numbered(parts.len());
        let query = schema.select().split(&super::observe::id_path(), [id]);
        parts.extend(query.iter().map(|soql| Subrequest::query(back.clone(), soql)));
        let answer = match self.client.composite(context, parts, false).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::debug!(%error, "a new opportunity is completed by the next pass");
                return None;
            }
        };
        for part in &answer.parts {
            if let Err(error) = part.outcome() {
                tracing::debug!(%error, "a part of a new opportunity is left to the next pass");
            }
        }
        if !odd.is_empty() {
            let _ = one_by_one(&self.client, context, &odd).await;
            return self.see(record, id, context).await;
        }
        let found = self.read_back(&answer, &back, context).await;
        match self.after(record, id, schema, &found) {
            Some(after) => Some(after),
            None => self.see(record, id, context).await,
        }
    }

    fn origin_step(&self, schema: &Schema, id: RecordId) -> Option<Step> {
        let origin = self.mapping.names().origin.as_str();
        schema.field(OPPORTUNITY, origin).filter(|field| field.updateable)?;
        let mut fields = Fields::new();
        fields.insert(origin.to_owned(), Json::String(id.to_string()));
        Some(Step::Update { object: OPPORTUNITY.to_owned(), id, fields, unmodified_since: None })
    }

    /// The unique key was held already: its holder is read, and nothing of it is written but an origin that an
    /// interrupted birth left empty.
    async fn existing(&self, holder: RecordId, context: CallContext) -> Result<Created, SideError> {
        let record = DealRecord::new(holder.to_string());
        let mut after = self.see(&record, holder, context).await;
        let known = self.memory.known(holder);
        if let (Some(known), Some(schema)) = (known, self.memory.schema())
            && !known.has_origin
            && schema.reads(&self.mapping.names().origin)
            && let Some(Step::Update { object, id, fields, .. }) = self.origin_step(&schema, holder)
        {
            let step = Step::Update { object, id, fields, unmodified_since: Some(known.stamp) };
            if one_by_one(&self.client, context, &[step]).await.is_ok() {
                after = self.see(&record, holder, context).await;
            }
        }
        Ok(Created { record, engagement: None, after, existed: true })
    }
}

pub(super) fn is_duplicate(error: &Error) -> bool {
    error
        .refusal()
        .is_some_and(|refused| refused.errors().iter().any(|each| each.code() == "DUPLICATE_VALUE"))
}

fn record_type(schema: &Schema, name: &str) -> Result<RecordId, SideError> {
    let types =
        schema.object(OPPORTUNITY).map(|object| object.record_type_infos.as_slice()).unwrap_or_default();
    let found = types.iter().find(|each| each.developer_name.as_deref() == Some(name) && each.available);
    found.map(|each| each.record_type_id).ok_or_else(|| {
        refusal::person(
            format!("the record type {name} is not there, or not available to the integration user"),
            vec![],
        )
    })
}

/// Puts a value at a JSON pointer, making the objects on the way.
fn put(document: &mut Json, pointer: &str, value: Json) {
    let mut place = document;
    for step in pointer.split('/').skip(1) {
        let name = step.replace("~1", "/").replace("~0", "~");
        if !place.is_object() {
            *place = Json::Object(Map::new());
        }
        let Json::Object(members) = place else { return };
        place = members.entry(name).or_insert(Json::Null);
    }
    *place = value;
}
