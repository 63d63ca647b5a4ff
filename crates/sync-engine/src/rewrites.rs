//! What making a changed mapping so would rewrite, deal by deal: planned, and carried out only when a person says so.

use deal_model::{
    Content, DealId, Effect, Fingerprint, GroupDecision, GroupId, GroupSpec, PerSide, Plan, PlanInput,
    RecordId, Side, Specs, Verdict, Write, display, fingerprint, held, plan,
};
use serde::{Deserialize, Serialize};

use crate::{Engine, Preview, StoreResult};

/// One field or group of a deal that differs since the mapping changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rewrite {
    /// The group.
    pub group: GroupId,
    /// What a person calls it.
    pub label: String,
    /// What the opportunity holds.
    pub opportunity: String,
    /// What the referral holds.
    pub referral: String,
    /// The sides that would be written.
    pub writes: Vec<Side>,
    /// Whose value wins: of records that were linked anew, the side that the deal was born on, or the only one that
    /// holds a value or may be a source. None: it is not rewritten.
    pub winner: Option<Side>,
    /// Why it is not rewritten, or not now.
    pub held_back: Option<String>,
    /// Fingerprints of the values shown.
    pub shown: PerSide<Fingerprint>,
}

/// What a deal holds that differs since the mapping changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DealRewrites {
    /// The deal.
    pub deal: DealId,
    /// Its opportunity.
    pub opportunity: Option<RecordId>,
    /// Its referral.
    pub referral: Option<RecordId>,
    /// Its fields.
    pub fields: Vec<Rewrite>,
    /// Where the two sides stand, if that differs: never rewritten from here.
    pub stage: Option<StageDifference>,
    /// Why a side could not be read, if one could not: then nothing is known of its fields.
    pub unread: Option<String>,
}

/// The two sides stand apart since the stages mean something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageDifference {
    /// Where the opportunity stands.
    pub opportunity: String,
    /// Where the referral stands.
    pub referral: String,
}

impl Rewrite {
    /// The decision that makes it so, for exactly the values shown; none if it is not rewritten.
    pub fn verdict(&self) -> Option<Verdict> {
        let winner = self.winner.filter(|_| self.held_back.is_none())?;
        Some(Verdict::Resolve { group: self.group.clone(), winner, shown: self.shown.clone() })
    }
}

impl Engine {
    /// Reads these deals and says of each that differs since the mapping changed what making it equal would rewrite. Nothing
    /// is claimed, written or sent.
    pub async fn rewrites(&self, ids: &[DealId]) -> StoreResult<Vec<DealRewrites>> {
        let previews = self.preview(ids).await?;
        let specs = self.specs();
        // Of what could not be read nobody can tell.
        let told = |preview: &&Preview| preview.unread.is_some() || !preview.deal.memory.mapped.is_settled();
        let remapped = previews.iter().filter(told);
        Ok(remapped.map(|preview| self.rewrites_of(preview, &specs)).collect())
    }

    fn rewrites_of(&self, preview: &Preview, specs: &Specs) -> DealRewrites {
        let mapped = &preview.deal.memory.mapped;
        let mut linked_anew = preview.deal.clone();
        for group in mapped.differs.keys() {
            linked_anew.memory.base.remove(group);
            linked_anew.memory.windows.remove(group);
        }
        let plan = plan(&PlanInput {
            deal: &linked_anew,
            crm: &preview.crm,
            portal: &preview.portal,
            specs,
            mapping: &self.parts.mapping,
            now: self.now(),
            portal_ahead: self.portal_ahead(),
            claimed_elsewhere: false,
        });
        let groups = specs.groups.iter().filter(|spec| mapped.differs.contains_key(&spec.id));
        let fields = groups.filter_map(|spec| rewrite(preview, spec, &plan)).collect();
        let stage = mapped.life_differs.and_then(|_| {
            let (crm, portal) = (preview.crm.seen()?, preview.portal.seen()?);
            let (opportunity, referral) = (crm.life.word().to_owned(), portal.life.word().to_owned());
            Some(StageDifference { opportunity, referral })
        });
        DealRewrites {
            deal: preview.deal.id.clone(),
            opportunity: preview.deal.links.crm.clone(),
            referral: preview.deal.links.portal.clone(),
            fields,
            stage,
            unread: preview.unread.as_ref().map(|error| error.what.clone()),
        }
    }
}

fn rewrite(preview: &Preview, spec: &GroupSpec, plan: &Plan) -> Option<Rewrite> {
    let memory = &preview.deal.memory;
    let crm = held(preview.crm.seen()?, spec, memory)?;
    let portal = held(preview.portal.seen()?, spec, memory)?;
    let planned: Vec<(Side, &Write)> =
        plan.effects.iter().flat_map(|effect| written(effect, &spec.id)).collect();
    let decision = plan.decisions.iter().find(|(group, _)| *group == spec.id).map(|(_, decision)| decision);
    let one_way = |to: Side| *spec.to.at(to) != deal_model::Route::default();
    let winner = match planned.as_slice() {
        [] => None,
        [(to, write)] if matches!(write.content, Content::Whole(_)) => Some(to.other()),
        // Of a set, each side gets what it lacks; where both hold an element, the side of birth wins.
        [(to, _)] if !one_way(to.other()) => Some(to.other()),
        _ => Some(preview.deal.born),
    };
    let held_back = if spec.latch.is_some() {
        Some("it cannot be taken back: a person decides deal by deal".to_owned())
    } else if winner.is_some() {
        None
    } else {
        Some(match decision {
            Some(GroupDecision::Pending { reason }) => reason.clone(),
            Some(GroupDecision::Unknown) => "a side cannot be read".to_owned(),
            _ => "neither side may be written".to_owned(),
        })
    };
    Some(Rewrite {
        group: spec.id.clone(),
        label: spec.label().to_owned(),
        opportunity: display(&crm),
        referral: display(&portal),
        writes: planned.iter().map(|(to, _)| *to).collect(),
        winner: winner.filter(|_| spec.latch.is_none()),
        held_back,
        shown: PerSide::new(fingerprint(&portal), fingerprint(&crm)),
    })
}

/// The writes of `group` in this effect, each with its side.
fn written<'e>(effect: &'e Effect, group: &'e GroupId) -> impl Iterator<Item = (Side, &'e Write)> + use<'e> {
    let (to, writes): (Side, &[Write]) = match effect {
        Effect::Update { side, writes, .. } => (*side, writes),
        Effect::Create { .. } | Effect::CreateCompanion { .. } | Effect::Move { .. } => (Side::Crm, &[]),
    };
    writes.iter().filter(move |write| write.group == *group).map(move |write| (to, write))
}
