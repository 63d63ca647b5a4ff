//! A deal as a row: what each column holds, in every dialect.

use deal_model::{CompanionState, Deal, DealId, Facts, Life, Links, Memory, Observation, RecordId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::columns::{Json, Unreadable, Unwritable, Word};

/// The columns of a deal's row but its dates. Waiting effects and decisions are rows of their own.
pub(crate) struct DealColumns {
    pub(crate) id: String,
    pub(crate) born: String,
    pub(crate) phase: String,
    pub(crate) crm_id: Option<String>,
    pub(crate) portal_id: Option<String>,
    pub(crate) companion: Option<String>,
    pub(crate) engagement: Option<String>,
    pub(crate) problems: String,
    pub(crate) base: String,
    pub(crate) windows: String,
    pub(crate) life: String,
    pub(crate) versions: String,
    pub(crate) fuse: String,
    pub(crate) rejected: String,
    pub(crate) reported: String,
    pub(crate) companion_fields: String,
    pub(crate) stand_in: String,
    pub(crate) answered: String,
    pub(crate) companion_state: String,
    pub(crate) not_added: String,
    pub(crate) mapped: String,
}

/// The base as it lies in its column, with who is who in it.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Reconciled<B, T> {
    groups: B,
    ties: T,
}

impl DealColumns {
    /// What is written of a deal.
    pub(crate) fn of(deal: &Deal) -> Result<Self, Unwritable> {
        // Taken apart whole: a part that is added to the model cannot be forgotten here.
        let Deal { id, born, links, phase, memory, waiting: _, decisions: _, problems } = deal;
        let Links { crm, portal, companion, engagement } = links;
        let Memory {
            base,
            ties,
            windows,
            life,
            answered,
            versions,
            fuse,
            rejected,
            not_added,
            mapped,
            reported,
            companion: companion_fields,
            companion_state,
            stand_in,
        } = memory;
        let record = |record: &Option<RecordId>| record.as_ref().map(|id| id.as_str().to_owned());
        Ok(Self {
            id: id.as_str().to_owned(),
            born: Word(born).text()?,
            phase: Word(phase).text()?,
            crm_id: record(crm),
            portal_id: record(portal),
            companion: record(companion),
            engagement: record(engagement),
            problems: Json(problems).text()?,
            base: Json(Reconciled { groups: base, ties }).text()?,
            windows: Json(windows).text()?,
            life: Json(life).text()?,
            versions: Json(versions).text()?,
            fuse: Json(fuse).text()?,
            rejected: Json(rejected).text()?,
            reported: Json(reported).text()?,
            companion_fields: Json(companion_fields).text()?,
            stand_in: Json(stand_in).text()?,
            answered: Json(answered).text()?,
            companion_state: Json(companion_state).text()?,
            not_added: Json(not_added).text()?,
            mapped: Json(mapped).text()?,
        })
    }

    /// The deal, without its waiting effects and decisions.
    pub(crate) fn deal(self) -> Result<Deal, Unreadable> {
        let record = |id: Option<String>| id.map(RecordId::new);
        let Reconciled { groups: base, ties } = Json::of(&self.base)?.0;
        Ok(Deal {
            id: DealId::new(self.id),
            born: Word::of(self.born)?.0,
            phase: Word::of(self.phase)?.0,
            links: Links {
                crm: record(self.crm_id),
                portal: record(self.portal_id),
                companion: record(self.companion),
                engagement: record(self.engagement),
            },
            problems: Json::of(&self.problems)?.0,
            memory: Memory {
                base,
                ties,
                windows: Json::of(&self.windows)?.0,
                life: Json::of(&self.life)?.0,
                versions: Json::of(&self.versions)?.0,
                fuse: Json::of(&self.fuse)?.0,
                rejected: Json::of(&self.rejected)?.0,
                reported: Json::of(&self.reported)?.0,
                companion: Json::of(&self.companion_fields)?.0,
                stand_in: Json::of(&self.stand_in)?.0,
                answered: Json::of(&self.answered)?.0,
                companion_state: Json::of(&self.companion_state)?.0,
                not_added: Json::of(&self.not_added)?.0,
                mapped: Json::of(&self.mapped)?.0,
            },
            waiting: Vec::new(),
            decisions: Vec::new(),
        })
    }
}

/// Whether the companion is known, and something may still be heard of it.
pub(crate) fn companion_open(deal: &Deal) -> bool {
    let state = deal.memory.companion_state.as_ref();
    deal.links.companion.is_some() && state.is_none_or(CompanionState::is_open)
}

/// When the referral expires that nobody of ours answered.
pub(crate) fn expires(deal: &Deal) -> Option<Timestamp> {
    let Observation { life: Life::Received, facts: Facts::Portal(facts), .. } =
        deal.memory.stand_in.as_deref()?
    else {
        return None;
    };
    facts.expires
}

/// When Microsoft's referral expires that Microsoft did not answer.
pub(crate) fn companion_expires(deal: &Deal) -> Option<Timestamp> {
    let state = deal.memory.companion_state.as_ref()?;
    state.expires.filter(|_| state.life == Life::Received)
}

/// Whether something of it differs since the mapping changed.
pub(crate) fn remapped(deal: &Deal) -> bool {
    let mapped = &deal.memory.mapped;
    !mapped.differs.is_empty() || mapped.life_differs.is_some()
}
