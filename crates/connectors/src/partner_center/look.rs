//! One referral with all that the mapping reads of it, raw and read, for a person who asks for it. Nothing is kept.

use std::collections::BTreeMap;

use deal_model::{Facts, FieldId, NotComputed, Reading, RecordId};
use serde_json::Value as Json;
use sync_engine::{CallScope, SideError, Wanted};

use super::{PartnerCenter, context, transform::Companion};

/// A referral as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenReferral {
    /// What the platform sent.
    pub raw: Json,
    /// Microsoft's referral of the same engagement, if it can be seen.
    pub companion: Option<Json>,
    /// What each field means, Microsoft's included, and what it would send.
    pub readings: BTreeMap<FieldId, Reading>,
    /// Why what could not be computed could not.
    pub uncomputed: BTreeMap<FieldId, NotComputed>,
    /// The opportunity that it says it is linked with.
    pub opportunity: Option<RecordId>,
}

impl PartnerCenter {
    /// Reads one referral by its id, and Microsoft's beside it; none if there is none that this user may see.
    pub async fn look_at(
        &self,
        record: &RecordId,
        scope: CallScope,
    ) -> Result<Option<SeenReferral>, SideError> {
        let Ok(id) = record.as_str().parse() else { return Ok(None) };
        let context = context(scope);
        let Some(fetched) = self.fetch(id, context).await? else { return Ok(None) };
        let wanted =
            Wanted { record: record.clone(), engagement: None, companion: None, read_companion: true };
        let companion = if self.settings.companion_visible {
            self.find_companion(&fetched.referral, &wanted, context).await?
        } else {
            Companion::NOT_ASKED
        };
        let seen = self.observation(&fetched.referral, fetched.server_date, &companion);
        let mut readings = BTreeMap::new();
        let (mut opportunity, mut uncomputed) = (None, BTreeMap::new());
        if let Some(seen) = seen {
            readings = seen.fields;
            if let Facts::Portal(facts) = seen.facts {
                readings.extend(facts.companion_fields.unwrap_or_default());
                opportunity = facts.external_reference;
                uncomputed = facts.uncomputed;
            }
        }
        let companion = match companion {
            Companion::Read(theirs) => Some(theirs.document().clone()),
            Companion::Missing | Companion::Unread { .. } => None,
        };
        let raw = fetched.referral.document().clone();
        Ok(Some(SeenReferral { raw, companion, readings, uncomputed, opportunity }))
    }
}
