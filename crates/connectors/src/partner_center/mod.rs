//! Partner Center as the engine sees it: the portal's side of every deal.
//!
//! Read [`Side`] first: it is the contract. What stands where:
//! `observe` reads referrals, `apply` changes and creates them, `changes` lists them; `kinds` tells a deal from a lead;
//! `registrations` knows what a deal needs to be registered for incentives, and `registering` does it for a person.
//! `transform` turns a document into canonical values and `compose` turns those into a document; `schema` knows what the
//! portal can hold.
//!
//! Deliberately absent: decisions (the plan's), retries (the engine's), a clock (all dates are the server's own), and
//! filtering on members that no document names as filters.

mod apply;
mod changes;
mod compose;
mod documents;
mod failure;
mod kinds;
mod look;
mod observe;
mod places;
mod registering;
mod registrations;
mod schema;
mod transform;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use deal_model::{RecordId, Sight};
use jiff::{SignedDuration, Timestamp};
use mapping::Mapping;
use partner_center::{CallContext, Client, OrganizationId};
use sync_engine::{
    Applied, CallScope, Change, Changes, Created, IndexEntry, NewRecord, Pace, Side, SideError, Source,
    Stranger, Wanted,
};

pub use look::SeenReferral;
pub use registering::{
    Deployment, Eligibility, MAX_SOLUTIONS, NewRegistration, NewSolution, PresentRegistration, Pricing,
    Registered, RegistrationError, RegistrationLook,
};
pub use registrations::Contract;
pub use schema::{MAX_ELEMENTS, UndocumentedUpdate, is_documented, undocumented_updates};
pub use transform::normalise_reference;

use documents::Documents;
use places::Places;

/// The name of the one source: the list of referrals, by the time of their last change.
pub const SOURCE: &str = "portal.referrals";

/// A seller who stands in every created referral when the mapping names none: the portal demands at least one
/// (partner-center reference, section 4.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamMember {
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// E-mail address.
    pub email: String,
    /// Phone number.
    pub phone: String,
}

/// What the connection needs to know beside the mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortalSettings {
    /// Our own organisation: whose referrals are ours.
    pub organization_id: OrganizationId,
    /// The organisation whose referral in the same engagement is the companion: `msft`.
    pub companion_organization: OrganizationId,
    /// Whether the companion is ever read. Off where the account cannot see it: its fields are then unknown.
    pub companion_visible: bool,
    /// The wait between two polls that found nothing more.
    pub poll_every: Duration,
    /// How far each poll goes back before the newest change seen: referrals may show up late in lists.
    pub overlap: SignedDuration,
    /// Most pages that one look, or one step over equal stamps, reads.
    pub max_pages: u32,
    /// Most calls under way at once in one batch.
    pub concurrency: usize,
    /// Who stands in for the team when the mapping gives none.
    pub default_team_member: Option<TeamMember>,
}

impl PortalSettings {
    /// The defaults, for a partner of this organisation.
    pub fn new(organization_id: OrganizationId) -> Self {
        Self {
            organization_id,
            companion_organization: "msft".parse().expect("this constant is an organisation's name"),
            companion_visible: true,
            poll_every: Duration::from_mins(1),
            overlap: SignedDuration::from_mins(10),
            max_pages: 50,
            concurrency: 8,
            default_team_member: None,
        }
    }
}

/// The portal's side.
pub struct PartnerCenter {
    client: Client,
    mapping: Arc<Mapping>,
    settings: PortalSettings,
    documents: Documents,
    places: Places,
}

impl PartnerCenter {
    /// A side that speaks through `client` and reads fields as `mapping` says.
    pub fn new(client: Client, mapping: Arc<Mapping>, settings: PortalSettings) -> Self {
        Self { client, mapping, settings, documents: Documents::default(), places: Places::default() }
    }
}

/// The bounds of a call, as the client takes them.
fn context(scope: CallScope) -> CallContext {
    CallContext { lane: scope.lane, send_before: scope.send_before }
}

#[async_trait]
impl Side for PartnerCenter {
    fn side(&self) -> deal_model::Side {
        deal_model::Side::Portal
    }

    async fn observe(&self, wanted: &[Wanted], scope: CallScope) -> Vec<Result<Sight, SideError>> {
        self.observe_all(wanted, scope).await
    }

    async fn apply(&self, changes: &[Change], scope: CallScope) -> Vec<Result<Applied, SideError>> {
        self.apply_all(changes, scope).await
    }

    async fn create(&self, new: &NewRecord, scope: CallScope) -> Result<Created, SideError> {
        self.create_own(new, scope).await
    }

    async fn create_companion(&self, new: &NewRecord, scope: CallScope) -> Result<Created, SideError> {
        self.invite(new, scope).await
    }

    fn sources(&self) -> Vec<Source> {
        let every = self.settings.poll_every;
        vec![Source { name: SOURCE, pace: Pace::Polled { every, beside_live: every } }]
    }

    async fn changes(
        &self,
        source: &str,
        position: Option<&str>,
        scope: CallScope,
    ) -> Result<Changes, SideError> {
        if source != SOURCE {
            return Err(failure::bug("the portal has no such source"));
        }
        self.next_changes(position, scope).await
    }

    async fn look(
        &self,
        since: Timestamp,
        engagement: Option<&RecordId>,
        scope: CallScope,
    ) -> Result<Vec<IndexEntry>, SideError> {
        self.look_around(since, engagement, scope).await
    }

    fn position_at(&self, _: &str, since: Timestamp) -> Option<String> {
        Some(Self::list_from(since))
    }

    fn admission(&self) -> String {
        self.admission_rules()
    }

    async fn stranger(&self, record: &RecordId, scope: CallScope) -> Result<Stranger, SideError> {
        self.meet(record, scope).await
    }

    fn blind(&self) -> BTreeMap<String, String> {
        // The Referrals API hides whole referrals, never single members of one.
        BTreeMap::new()
    }
}

#[cfg(test)]
mod tests;
