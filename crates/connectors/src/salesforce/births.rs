//! An inbound referral becomes an opportunity: look first, then make it once under a unique key, with its account, rows
//! and contacts in one graph that stands or falls as a whole.
//!
//! The insert is never an upsert: a unique key that is held leads to its holder, which is read and left alone.

use deal_model::{ProblemClass, RecordId as DealRecord};
use ports::RetryClass;
use salesforce::{
    CallContext, Error, Fields, Meaning, Record, RecordId, ReferenceId, Refusal, Subrequest,
    soql::{Condition, Op, Select},
};
use serde_json::{Map, Value as Json};
use sync_engine::{Created, NewRecord, SideError};

use super::{
    Salesforce,
    accounts::is_in_country,
    apply::of_stage,
    columns::{Columns, columns},
    explain,
    newborn::{Family, NotMade},
    refusal,
    rows::path,
    schema::{ACCOUNT, OPPORTUNITY, Schema, USER, object_name},
    steps::{Step, one_by_one},
};

/// Most records that each look brings: of accounts with the same name and postal code, some are in other countries.
const MAX_CANDIDATES: u32 = 20;

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
        // An owner who has left yields to the default one.
        let mut owners: Vec<&str> = route.owner.as_deref().into_iter().collect();
        owners.extend(self.mapping.inbound().default_owner.as_deref());
        owners.dedup();
        if owners.is_empty() {
            return Err(refusal::waits(
                ProblemClass::Data,
                "No owner is configured for the opportunity of this referral.",
                "Name one: inbound.default_owner in the mapping file.",
            ));
        }
        let mut looked = self.look_first(&schema, referral, &owners, &customer, context).await?;
        if let Some(holder) = looked.holder {
            return self.existing(holder, context).await;
        }
        let mut own = self.own_columns(&schema, new, &mut columns)?;
        let owner = looked.owner.ok_or_else(|| {
            refusal::waits(
                ProblemClass::Data,
                "The configured owner is no active user of the org, or is the integration user.",
                "Name an active user: inbound.default_owner, or the owner of the route, in the mapping file.",
            )
        })?;
        own.insert("OwnerId".to_owned(), Json::String(owner.to_string()));
        if let Some(name) = &route.record_type {
            own.insert("RecordTypeId".to_owned(), Json::String(record_type(&schema, name)?.to_string()));
        }
        if let Some(campaign) = route.campaign {
            own.insert("CampaignId".to_owned(), Json::String(campaign));
        }
        for attempt in 0..2 {
            let account = self.account(&schema, &looked.accounts, &customer)?;
            let family = self.family(&schema, referral, &own, account, &columns, context).await?;
            let refused = match self.bring_to_life(&family, context).await {
                Ok(id) => {
                    let record = DealRecord::new(id.to_string());
                    let after = self.see(&record, id, context).await;
                    return Ok(Created { record, engagement: None, after, existed: false });
                }
                Err(refused) if attempt == 0 && is_taken(&family, &refused) => {
                    // Somebody was faster, with the opportunity or with the account: look again, try once more.
                    looked = self.look_first(&schema, referral, &owners, &customer, context).await?;
                    if let Some(holder) = looked.holder {
                        return self.existing(holder, context).await;
                    }
                    continue;
                }
                Err(refused) => refused,
            };
            return Err(self.not_made(&family, &refused, context).await);
        }
        Err(refusal::bug("a birth has two attempts"))
    }

    /// Why a newborn was not made.
    async fn not_made(&self, family: &Family, refused: &NotMade, context: CallContext) -> SideError {
        let NotMade { step, error } = refused;
        let Some(step) = step.and_then(|step| family.steps.get(step)) else {
            return refusal::of_error(error);
        };
        let mut side = self.refused_row(step, None, error, context).await;
        if is_taken(family, refused) {
            // Late to be seen, or hidden from us for good: nobody can tell.
            side.class = RetryClass::LATER;
            let what = format!(
                "Salesforce says that a record already holds the key of this referral's {}, and shows none.",
                explain::record(step.object())
            );
            let next_step = "If this does not pass within minutes, give the integration user access to all \
                             opportunities and accounts, or empty the key of the hidden record.";
            side.waits_for = refusal::waits(ProblemClass::Link, what, next_step).waits_for;
        } else if side.class == RetryClass::Person
            && side.groups.is_empty()
            && side.waits_for.is_none()
            && let Some(refused) = error.refusal()
        {
            side.waits_for = Some(Box::new(explain::not_made(refused, step.object())));
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
        owners: &[&str],
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
        let ids = owners.iter().filter_map(|owner| owner.parse::<RecordId>().ok());
        let named = Condition::one_of(&path("Username"), owners.iter().copied());
        let by_id = Condition::one_of(&path("Id"), ids.clone());
        let user = if ids.count() > 0 { named.or(by_id) } else { named };
        let active = Condition::compare(&path("IsActive"), Op::Eq, true);
        let users = Select::from(&object_name(USER)).fields([&path("Username")]);
        queries.push(users.filter(user.and(active)));
        queries.extend(self.account_queries(schema, customer));
        let parts = queries.iter().enumerate().map(|(number, select)| {
            Subrequest::query(ReferenceId::numbered(number), &select.clone().limit(MAX_CANDIDATES).build())
        });
        let answer = self.client.composite(context, parts.collect(), false).await;
        let answer = answer.map_err(|error| refusal::of_error(&error))?;
        let mut pages = Vec::with_capacity(queries.len());
        for part in &answer.parts {
            pages.push(part.page(answer.server_date).map_err(|error| refusal::of_error(&error))?.records);
        }
        let mut pages = pages.into_iter();
        let us: RecordId = schema.user.into();
        let holder = pages.next().and_then(|records| records.first().and_then(Record::id));
        let users = pages.next().unwrap_or_default();
        let user = |owner: &&str| {
            let is = |user: &&Record| {
                user.id() == owner.parse().ok()
                    || user.text("Username").is_some_and(|name| name.eq_ignore_ascii_case(owner))
            };
            users.iter().find(is).and_then(Record::id).filter(|id| *id != us)
        };
        let owner = owners.iter().find_map(user);
        let here = |records: Vec<Record>| {
            let here = records.into_iter().filter(|record| is_in_country(record, customer));
            here.filter_map(|record| record.id()).collect()
        };
        Ok(Looked { holder, owner, accounts: pages.map(here).collect() })
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
            && let Some(field) = self.origin_field(&schema)
        {
            let own: Fields = [(field, Json::String(holder.to_string()))].into_iter().collect();
            let (object, unmodified_since) = (OPPORTUNITY.to_owned(), Some(known.stamp));
            let step = Step::Update { object, id: holder, fields: own, unmodified_since };
            if one_by_one(&self.client, context, &[step]).await.is_ok() {
                after = self.see(&record, holder, context).await;
            }
        }
        Ok(Created { record, engagement: None, after, existed: true })
    }
}

/// Whether the key of the opportunity or of its account is held already.
fn is_taken(family: &Family, refused: &NotMade) -> bool {
    let step = refused.step.and_then(|step| family.steps.get(step));
    step.is_some_and(|step| matches!(step.object(), OPPORTUNITY | ACCOUNT))
        && refused.error.refusal().map(Refusal::meaning) == Some(Meaning::UniqueValue)
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
