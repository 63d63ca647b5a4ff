//! From a referral's document to what the engine knows: observations, index entries, and whose referral it is.

use std::collections::BTreeMap;

use deal_model::{
    Actor, CompanionState, ElementKey, Facts, FieldId, Life, NotComputed, Observation, Observed, PortalFacts,
    Reading, RecordId, Side, Value, Version, digest,
};
use jiff::Timestamp;
use mapping::{Binding, Codec, Expression, Given, Mapping, SetBinding, SetSource, portal_life};
use partner_center::{OrganizationId, Referral};
use serde_json::Value as Json;
use sync_engine::IndexEntry;

use super::{
    PortalSettings,
    kinds::{inviter, is_lead},
};

/// What an opportunity's identifier begins with (salesforce reference, record identifiers).
const OPPORTUNITY_PREFIX: &str = "006";
/// Its length in the long form.
const LONG_ID: usize = 18;

/// An external reference in its one form: a record identifier of 15 characters becomes one of 18, anything else is
/// trimmed and kept.
pub fn normalise_reference(text: &str) -> String {
    match Codec::RecordId.read_portal(&Json::String(text.to_owned())) {
        Observed::Value(Value::Text(reference)) => reference,
        _ => text.trim().to_owned(),
    }
}

/// What a referral's owner and its kind make of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ownership {
    /// Our own organisation's.
    Ours,
    /// The companion organisation's, or another partner's.
    Others,
}

pub(super) fn ownership(referral: &Referral, settings: &PortalSettings) -> Ownership {
    if is_of(referral, &settings.organization_id) { Ownership::Ours } else { Ownership::Others }
}

/// Whether `organization` owns it.
pub(super) fn is_of(referral: &Referral, organization: &OrganizationId) -> bool {
    referral.organization_id().is_some_and(|owner| owner.as_str().eq_ignore_ascii_case(organization.as_str()))
}

/// Whether a deal may be born of it, as far as the document tells: ours, unanswered or under way, no lead, and within the
/// inbound filter.
pub(super) fn may_be_born(referral: &Referral, mapping: &Mapping, settings: &PortalSettings) -> bool {
    ownership(referral, settings) == Ownership::Ours
        && matches!(portal_life(referral.document()), Life::Received | Life::Active { .. })
        && !is_lead(referral, settings)
        && mapping.inbound().admits(referral.document(), inviter(referral, settings))
}

/// The opportunity that the referral names as its own, if what it names looks like one.
pub(super) fn claimed_opportunity(referral: &Referral) -> Option<RecordId> {
    let reference = normalise_reference(referral.external_reference_id()?);
    let looks = reference.len() == LONG_ID
        && reference.starts_with(OPPORTUNITY_PREFIX)
        && reference.bytes().all(|each| each.is_ascii_alphanumeric());
    looks.then(|| RecordId::new(reference))
}

pub(super) fn record_id(referral: &Referral) -> RecordId {
    RecordId::new(referral.id().to_string())
}

pub(super) fn engagement(referral: &Referral) -> Option<RecordId> {
    referral.engagement_id().map(|id| RecordId::new(id.to_string()))
}

/// What the births' index learns. `read_at` stands in where the document has no date.
pub(super) fn index_entry(
    referral: &Referral,
    settings: &PortalSettings,
    read_at: Option<Timestamp>,
) -> IndexEntry {
    // The newest date there is: an undated referral must not be ruled out as too old to be the one looked for.
    let undated = read_at.unwrap_or(Timestamp::MAX);
    let updated = referral.updated().unwrap_or(undated);
    IndexEntry {
        referral: record_id(referral),
        engagement: engagement(referral),
        ours: ownership(referral, settings) == Ownership::Ours,
        companion: is_of(referral, &settings.companion_organization),
        external: referral.external_reference_id().map(|text| digest(&normalise_reference(text))),
        open: !portal_life(referral.document()).is_closed(),
        created: referral.created().unwrap_or(updated),
        updated,
    }
}

/// The companion, as far as it was read.
pub(super) enum Companion {
    /// It was not asked for, or it cannot be seen: nothing is known of its fields.
    Unread {
        /// Its record, if it is known all the same.
        known: Option<RecordId>,
    },
    /// There is none.
    Missing,
    /// Its document.
    Read(Referral),
}

impl Companion {
    /// What a call tells that reads our referral alone.
    pub(super) const NOT_ASKED: Self = Self::Unread { known: None };
}

/// The referral as an observation. None, if it does not tell when it last changed: then it has no version.
pub(super) fn observation(
    referral: &Referral,
    server_date: Option<Timestamp>,
    companion: &Companion,
    mapping: &Mapping,
    settings: &PortalSettings,
) -> Option<Observation> {
    let document = referral.document();
    let stamp = referral.updated()?;
    let mut fields = BTreeMap::new();
    let mut uncomputed = BTreeMap::new();
    let own = Given::Portal { referral: document, companion: None };
    for binding in mapping.bindings().iter().filter(|binding| !is_companions(binding) && is_told(binding)) {
        let held = binding.observe_portal(document);
        read(binding, held, &own, &mut fields, &mut uncomputed);
    }
    for set in mapping.sets() {
        fields.insert(set.field.clone(), Reading::plain(set.observe_portal(document)));
    }
    let mut companions = |theirs: Option<&Json>| {
        let given = Given::Portal { referral: document, companion: theirs };
        let mut fields = BTreeMap::new();
        for binding in mapping.bindings().iter().filter(|binding| is_companions(binding)) {
            let held = match binding.companion {
                Some(_) => binding.observe_companion(theirs),
                None => binding.observe_portal(document),
            };
            read(binding, held, &given, &mut fields, &mut uncomputed);
        }
        fields
    };
    let (companion, companion_fields, companion_state) = match companion {
        Companion::Unread { known } => (known.clone(), None, None),
        Companion::Missing => (None, Some(companions(None)), None),
        Companion::Read(theirs) => {
            let state = CompanionState { life: portal_life(theirs.document()), expires: theirs.expires() };
            (Some(record_id(theirs)), Some(companions(Some(theirs.document()))), Some(state))
        }
    };
    let reference = referral.external_reference_id().map(normalise_reference);
    let facts = PortalFacts {
        expires: referral.expires(),
        engagement: engagement(referral),
        external_reference: reference.map(RecordId::new),
        companion,
        companion_fields,
        companion_state,
        partner_id: document.get("mpnId").and_then(Json::as_str).map(|id| id.trim().to_owned()),
        routed_by: routed_by(document, mapping),
        first_people: first_people(document, mapping),
        inviter: inviter(referral, settings),
        uncomputed,
    };
    Some(Observation {
        record: record_id(referral),
        version: Version { stamp, tag: referral.etag().map(|etag| etag.as_str().to_owned()) },
        read_at: server_date.unwrap_or(stamp),
        actor: Actor::Unknown,
        life: portal_life(document),
        fields,
        facts: Facts::Portal(facts),
    })
}

/// The members that routes look at, as far as they hold a plain value.
fn routed_by(document: &Json, mapping: &Mapping) -> BTreeMap<String, String> {
    let told = mapping.inbound().routed_by().into_iter().filter_map(|path| {
        let text = match path.read(document)? {
            Json::String(text) => text.trim().to_owned(),
            plain @ (Json::Number(_) | Json::Bool(_)) => plain.to_string(),
            Json::Null | Json::Array(_) | Json::Object(_) => return None,
        };
        Some((path.as_str().to_owned(), text))
    });
    told.collect()
}

/// Whether the field lives in Microsoft's referral, or is computed from it.
fn is_companions(binding: &Binding) -> bool {
    binding.companion.is_some() || binding.expressions_from(Side::Portal).any(Expression::reads_companion)
}

/// Whether our referral says anything of the field.
fn is_told(binding: &Binding) -> bool {
    binding.portal.is_some() || binding.computed.crm.is_some()
}

fn read(
    binding: &Binding,
    held: Observed,
    given: &Given<'_>,
    fields: &mut BTreeMap<FieldId, Reading>,
    uncomputed: &mut BTreeMap<FieldId, NotComputed>,
) {
    let (reading, failure) = binding.reading(Side::Portal, held, given);
    fields.insert(binding.field.clone(), reading);
    uncomputed.extend(failure.map(|failure| (binding.field.clone(), failure)));
}

/// The first person of each list of the customer's people, as the referral lists them.
fn first_people(document: &Json, mapping: &Mapping) -> BTreeMap<FieldId, ElementKey> {
    let first = |set: &SetBinding| {
        let items = set.portal_array.read(document)?.as_array()?;
        Some((set.field.clone(), items.iter().find_map(|item| set.member_key(item))?))
    };
    let of_people = mapping.sets().iter().filter(|set| set.crm == SetSource::ContactRoles);
    of_people.filter_map(first).collect()
}
