//! Inbound referrals become opportunities: look first, then make each once under a unique key, with its account, rows and
//! contacts in one graph that stands or falls as a whole; then read all of them back.
//!
//! The insert is never an upsert: a unique key that is held leads to its holder, which is read and left alone.

use deal_model::{
    Element, ElementChange, ElementKey, FieldId, Observation, ProblemClass, RecordId as DealRecord,
};
use mapping::{AccountOwner, Route};
use ports::RetryClass;
use salesforce::{CallContext, Error, Fields, MAX_GRAPHS, Meaning, RecordId, Refusal};
use serde_json::{Map, Value as Json};
use sync_engine::{Created, NewRecord, SideError};

use super::{
    Salesforce,
    apply::of_stage,
    columns::{Columns, columns},
    explain,
    first_look::{Looked, Sought},
    newborn::NotMade,
    owners, refusal,
    schema::{ACCOUNT, OPPORTUNITY, Schema},
    steps::{Step, one_by_one},
    waves::{Unborn, Unmade},
};

/// A referral on its way to its opportunity.
pub(super) struct Expected<'n> {
    /// Its place among those that were asked for.
    pub(super) place: usize,
    new: &'n NewRecord,
    pub(super) columns: Columns,
    customer: Fields,
    route: Route,
    /// An owner who has left yields to the default one.
    owners: Vec<String>,
}

/// How often a birth is tried: somebody may be faster than the first time.
const ATTEMPTS: usize = 2;

impl<'n> Expected<'n> {
    fn sought(&self) -> Sought<'_> {
        Sought { referral: &self.new.from.record, owners: &self.owners, customer: &self.customer }
    }

    /// The first of the customer's own people, with the e-mail address.
    fn first_person(&self) -> Option<(&str, &Element)> {
        let facts = self.new.from.portal()?;
        self.columns.sets.iter().find_map(|(field, changes)| {
            let first = facts.first_people.get(field)?;
            changes.iter().find_map(|(key, change)| match change {
                ElementChange::Put(element) if key == first => Some((key.0.as_str(), element)),
                _ => None,
            })
        })
    }

    /// The first element of a set, as the referral lists them.
    pub(super) fn first_of(&self, set: &FieldId) -> Option<&'n ElementKey> {
        self.new.from.portal()?.first_people.get(set)
    }

    pub(super) fn referral(&self) -> &'n str {
        self.new.from.record.as_str()
    }
}

/// The opportunity of a referral, and whether it was there already.
type End = Result<(RecordId, bool), SideError>;

impl Salesforce {
    /// Makes the opportunities of referrals, each by itself and all of them in few calls: a look, a call or two of
    /// graphs, a read-back. The answers stand in the order of `new`.
    pub(super) async fn give_birth(
        &self,
        new: &[NewRecord],
        context: CallContext,
    ) -> Vec<Result<Created, SideError>> {
        let schema = match self.schema(context).await {
            Ok(schema) => schema,
            Err(error) => return new.iter().map(|_| Err(error.clone())).collect(),
        };
        let mut created = Vec::with_capacity(new.len());
        for some in new.chunks(MAX_GRAPHS) {
            let ends = self.bear(&schema, some, context).await;
            created.extend(self.read_back_born(ends, context).await);
        }
        created
    }

    /// The opportunity that holds this referral's unique key, whoever made it, as it is now.
    pub(super) async fn born_before(
        &self,
        referral: &DealRecord,
        context: CallContext,
    ) -> Result<Option<Created>, SideError> {
        self.schema(context).await?;
        let Some(holder) = self.holder(referral, context).await? else { return Ok(None) };
        let record = DealRecord::new(holder.to_string());
        let after = self.see(&record, holder, context).await;
        Ok(Some(Created { record, engagement: None, after, existed: true }))
    }

    async fn bear(&self, schema: &Schema, new: &[NewRecord], context: CallContext) -> Vec<End> {
        let mut ends: Vec<Option<End>> = new.iter().map(|_| None).collect();
        let mut expected = Vec::new();
        for (place, new) in new.iter().enumerate() {
            match self.expect(schema, place, new) {
                Ok(each) => expected.push(each),
                Err(error) => ends[place] = Some(Err(error)),
            }
        }
        for attempt in 0..ATTEMPTS {
            let sought: Vec<Sought<'_>> = expected.iter().map(Expected::sought).collect();
            if sought.is_empty() {
                break;
            }
            let looked = match self.look_first(schema, &sought, context).await {
                Ok(looked) => looked,
                Err(error) => {
                    for each in &expected {
                        ends[each.place] = Some(Err(error.clone()));
                    }
                    break;
                }
            };
            let mut unborn = Vec::new();
            for (each, looked) in std::mem::take(&mut expected).into_iter().zip(looked) {
                let place = each.place;
                match looked.holder {
                    Some(holder) => ends[place] = Some(Ok((holder, true))),
                    None => match self.unborn(schema, each, &looked) {
                        Ok(each) => unborn.push(each),
                        Err(error) => ends[place] = Some(Err(error)),
                    },
                }
            }
            for (each, answer) in self.bear_in_waves(schema, unborn, context).await {
                let place = each.expected.place;
                match answer {
                    Ok(opportunity) => ends[place] = Some(Ok((opportunity, false))),
                    // Somebody was faster, with the opportunity or with the account: look again, try once more.
                    Err(Unmade::Refused(refused)) if attempt + 1 < ATTEMPTS && is_taken(&refused) => {
                        expected.push(each.expected);
                    }
                    Err(Unmade::Refused(refused)) => {
                        ends[place] = Some(Err(self.not_made(&refused, context).await));
                    }
                    Err(Unmade::Unfit(error)) => ends[place] = Some(Err(error)),
                }
            }
        }
        let missing = || Err(refusal::bug("a birth was not answered"));
        ends.into_iter().map(|end| end.unwrap_or_else(missing)).collect()
    }

    /// What is known of a birth before anything is asked.
    fn expect<'n>(
        &self,
        schema: &Schema,
        place: usize,
        new: &'n NewRecord,
    ) -> Result<Expected<'n>, SideError> {
        let mut columns = columns(&self.mapping, schema, &new.writes)?;
        let customer = columns.parents.remove(ACCOUNT).unwrap_or_default();
        let inviter = new.from.portal().map(|facts| facts.inviter).unwrap_or_default();
        let route = self.mapping.inbound().route(&self.as_referral(new), inviter);
        let mut owners: Vec<String> = route.owner.clone().into_iter().collect();
        owners.extend(self.mapping.inbound().default_owner.clone());
        owners.dedup();
        if owners.is_empty() {
            return Err(refusal::waits(
                ProblemClass::Data,
                "No owner is configured for the opportunity of this referral.",
                "Name one: inbound.default_owner in the mapping file.",
            ));
        }
        Ok(Expected { place, new, columns, customer, route, owners })
    }

    /// What is known of it after the look.
    fn unborn<'n>(
        &self,
        schema: &Schema,
        expected: Expected<'n>,
        looked: &Looked,
    ) -> Result<Unborn<'n>, SideError> {
        let mut own = self.own_columns(schema, &expected)?;
        let owner = *looked.owner.as_ref().map_err(|reasons| owners::nobody(reasons))?;
        own.insert("OwnerId".to_owned(), Json::String(owner.to_string()));
        if let Some(name) = &expected.route.record_type {
            own.insert(
                "RecordTypeId".to_owned(),
                Json::String(schema.record_type(OPPORTUNITY, name)?.to_string()),
            );
        }
        if let Some(campaign) = &expected.route.campaign {
            own.insert("CampaignId".to_owned(), Json::String(campaign.clone()));
        }
        let account_owner = match self.mapping.accounts().owner {
            AccountOwner::Opportunity => Some(owner),
            AccountOwner::User(_) => looked.account_owner,
        };
        let person = expected.first_person();
        let account = self.account(schema, &looked.accounts, &expected.customer, account_owner, person)?;
        Ok(Unborn { expected, own, account })
    }

    /// Reads all of them in one call, and completes those that were there already.
    async fn read_back_born(&self, ends: Vec<End>, context: CallContext) -> Vec<Result<Created, SideError>> {
        let ids: Vec<RecordId> = ends.iter().filter_map(|end| Some(end.as_ref().ok()?.0)).collect();
        let read = if ids.is_empty() { None } else { self.read(&ids, context).await.ok() };
        let mut created = Vec::with_capacity(ends.len());
        for end in ends {
            let (id, existed) = match end {
                Ok(end) => end,
                Err(error) => {
                    created.push(Err(error));
                    continue;
                }
            };
            let record = DealRecord::new(id.to_string());
            let after = read.as_ref().and_then(|(schema, found)| self.after(&record, id, schema, found));
            let after = if existed { self.complete(&record, id, after, context).await } else { after };
            created.push(Ok(Created { record, engagement: None, after, existed }));
        }
        created
    }

    /// Why a newborn was not made.
    async fn not_made(&self, refused: &NotMade, context: CallContext) -> SideError {
        let NotMade { step, error } = refused;
        let Some(step) = step else { return refusal::of_error(error) };
        let mut side = self.refused_row(step, None, error, context).await;
        if is_taken(refused) {
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
        // Routes may ask for what the mapping does not.
        if let Some(partner) = new.from.portal().and_then(|facts| facts.partner_id.as_ref()) {
            put(&mut document, "/mpnId", Json::String(partner.clone()));
        }
        for (pointer, text) in new.from.portal().map(|facts| &facts.routed_by).into_iter().flatten() {
            put(&mut document, pointer, Json::String(text.clone()));
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
    fn own_columns(&self, schema: &Schema, expected: &Expected<'_>) -> Result<Fields, SideError> {
        let (names, new) = (self.mapping.names(), expected.new);
        let mut own = expected.columns.own.clone();
        // Without one in the route, the platform gives it the user's own.
        let record_type = expected.route.record_type.as_deref().or_else(|| schema.default_record_type());
        let stage = self
            .mapping
            .stages_of(record_type)
            .stage_for(&new.life, None)
            .map_err(|error| of_stage(&error))?;
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

    /// The unique key was held already: nothing of its holder is written but an origin that an interrupted birth left
    /// empty.
    async fn complete(
        &self,
        record: &DealRecord,
        holder: RecordId,
        after: Option<Observation>,
        context: CallContext,
    ) -> Option<Observation> {
        let (Some(known), Some(schema)) = (self.memory.known(holder), self.memory.schema()) else {
            return after;
        };
        if known.has_origin || !schema.reads(&self.mapping.names().origin) {
            return after;
        }
        let Some(field) = self.origin_field(&schema) else { return after };
        let own: Fields = [(field, Json::String(holder.to_string()))].into_iter().collect();
        let (object, unmodified_since) = (OPPORTUNITY.to_owned(), Some(known.stamp));
        let step = Step::Update { object, id: holder, fields: own, unmodified_since };
        if one_by_one(&self.client, context, &[step]).await.is_err() {
            return after;
        }
        self.see(record, holder, context).await
    }
}

/// Whether the key of the opportunity or of its account is held already.
fn is_taken(refused: &NotMade) -> bool {
    let step = refused.step.as_ref();
    step.is_some_and(|step| matches!(step.object(), OPPORTUNITY | ACCOUNT))
        && refused.error.refusal().map(Refusal::meaning) == Some(Meaning::UniqueValue)
}

pub(super) fn is_duplicate(error: &Error) -> bool {
    error
        .refusal()
        .is_some_and(|refused| refused.errors().iter().any(|each| each.code() == "DUPLICATE_VALUE"))
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
