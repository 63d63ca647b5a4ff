//! What marks are about: a page of them is looked up in a few statements, however long it is.

use std::collections::{BTreeMap, BTreeSet};

use deal_model::{Deal, DealId, RecordId, Side};
use jiff::Timestamp;
use ports::Rng;
use sqlx::{PgConnection, Row as _};
use sync_engine::{Hints, Mark, Subject, Target};

use super::{
    columns::{text, texts},
    deal_rows,
    fault::Outcome,
};

/// Keys that one statement looks up.
const CHUNK: usize = 1_000;

/// The column that a key stands in. The first of several deals is the one that was there first.
macro_rules! deals_by {
    ($column:literal, $and:literal) => {
        concat!(
            "SELECT DISTINCT ON (",
            $column,
            ") ",
            $column,
            ", id, forgotten IS NOT NULL FROM deal WHERE ",
            $column,
            " = ANY ($1)",
            $and,
            " ORDER BY ",
            $column,
            ", created, id"
        )
    };
}

const BY_ID: &str = deals_by!("id", "");
const BY_OPPORTUNITY: &str = deals_by!("crm_id", "");
const BY_REFERRAL: &str = deals_by!("portal_id", "");
/// Their indexes leave out what has none, and a plan for any keys must be sure to find what it wants there.
const BY_COMPANION: &str = deals_by!("companion", " AND companion IS NOT NULL");
const BY_ENGAGEMENT: &str = deals_by!("engagement", " AND engagement IS NOT NULL");
/// Deals of a referral whose opportunity is being created, or was created and is not committed yet.
const AWAITING: &str = deals_by!("portal_id", " AND crm_id IS NULL");

/// A deal, and whether it was closed and forgotten: reading it again would bring back what was erased.
#[derive(Debug, Clone)]
struct Found {
    deal: DealId,
    forgotten: bool,
}

impl Found {
    fn traced(&self, hints: Hints) -> Option<(Subject, Hints)> {
        (!self.forgotten).then(|| (Subject::Deal(self.deal.clone()), hints))
    }
}

/// What the births' index knows of a referral.
struct Indexed {
    engagement: Option<RecordId>,
    ours: bool,
}

/// Deals by a key, as the database writes it.
type Deals = BTreeMap<String, Found>;

/// The work rows that marks are about, each with its mark, in the order of `marks`; a mark that leaves no trace is left
/// out. Births that are heard of for the first time are begotten in that order, too.
pub(super) async fn subjects<'a>(
    sql: &mut PgConnection,
    ids: &dyn Rng,
    marks: &[&'a Mark],
) -> Outcome<Vec<(Subject, Hints, &'a Mark)>> {
    let opportunities = opportunities(sql, ids, marks).await?;
    let referrals = Referrals::of(sql, marks).await?;
    let named = marks.iter().filter_map(|mark| match &mark.target {
        Target::Deal(id) => Some(id.as_str()),
        _ => None,
    });
    let deals = deals(sql, BY_ID, named).await?;
    let subject = |mark: &Mark| match &mark.target {
        Target::Deal(id) => found(&deals, id.as_str())?.traced(mark.hints),
        Target::Opportunity { id, .. } => found(&opportunities, id.as_str())?.traced(mark.hints),
        Target::Referral { id, engagement, birth } => {
            referrals.subject(id, engagement.as_ref(), *birth, mark.hints)
        }
    };
    Ok(marks
        .iter()
        .filter_map(|mark| subject(mark).map(|(subject, hints)| (subject, hints, *mark)))
        .collect())
}

/// The deals of the opportunities that are marked. One that is born, and is nobody's, begets a deal; of two who hear of it
/// at once, the second finds what the first begot.
async fn opportunities(sql: &mut PgConnection, ids: &dyn Rng, marks: &[&Mark]) -> Outcome<Deals> {
    let mut births: BTreeMap<&RecordId, (Option<&RecordId>, Timestamp)> = BTreeMap::new();
    let mut all = BTreeSet::new();
    for mark in marks {
        if let Target::Opportunity { id, birth, claims } = &mark.target {
            all.insert(id.as_str());
            if *birth {
                births.entry(id).or_insert((claims.as_ref(), mark.heard));
            }
        }
    }
    let mut known = deals(sql, BY_OPPORTUNITY, all).await?;
    births.retain(|id, _| found(&known, id.as_str()).is_none());
    let claimed = births.values().filter_map(|(claims, _)| claims.map(RecordId::as_str));
    let awaiting = deals(sql, AWAITING, claimed).await?;
    let mut newborn = Vec::new();
    for (id, (claims, heard)) in births {
        match claims.and_then(|referral| found(&awaiting, referral.as_str())) {
            Some(deal) => drop(known.insert(text(id.as_str()).into_owned(), deal.clone())),
            None => newborn.push((Deal::born(DealId::new(ids.guid()), Side::Crm, id.clone()), heard)),
        }
    }
    let mut late = Vec::new();
    for chunk in newborn.chunks(CHUNK) {
        let begotten = deal_rows::insert_unless_linked(sql, chunk).await?;
        for (deal, _) in chunk {
            let Some(record) = &deal.links.crm else { continue };
            let key = text(record.as_str()).into_owned();
            if begotten.contains(&key) {
                known.insert(key, Found { deal: deal.id.clone(), forgotten: false });
            } else {
                late.push(record.as_str());
            }
        }
    }
    known.extend(deals(sql, BY_OPPORTUNITY, late).await?);
    Ok(known)
}

/// What is known of the referrals that are marked.
struct Referrals {
    halves: Deals,
    companions: Deals,
    index: BTreeMap<String, Indexed>,
    engagements: Deals,
}

impl Referrals {
    async fn of(sql: &mut PgConnection, marks: &[&Mark]) -> Outcome<Self> {
        let mut told = BTreeMap::new();
        for mark in marks {
            if let Target::Referral { id, engagement, .. } = &mark.target {
                told.entry(id.as_str()).or_insert_with(Vec::new).extend(engagement.as_ref());
            }
        }
        let halves = deals(sql, BY_REFERRAL, told.keys().copied()).await?;
        told.retain(|id, _| found(&halves, id).is_none());
        let companions = deals(sql, BY_COMPANION, told.keys().copied()).await?;
        told.retain(|id, _| found(&companions, id).is_none());
        let index = indexed(sql, told.keys().copied()).await?;
        let heard = told.values().flatten().map(|engagement| engagement.as_str());
        let remembered = index.values().filter_map(|entry| Some(entry.engagement.as_ref()?.as_str()));
        let engagements = deals(sql, BY_ENGAGEMENT, heard.chain(remembered)).await?;
        Ok(Self { halves, companions, index, engagements })
    }

    fn subject(
        &self,
        id: &RecordId,
        engagement: Option<&RecordId>,
        birth: bool,
        hints: Hints,
    ) -> Option<(Subject, Hints)> {
        if let Some(deal) = found(&self.halves, id.as_str()) {
            return deal.traced(hints);
        }
        if let Some(deal) = self.of_another(id, engagement) {
            // What may have changed is the companion, not the deal's own referral.
            return deal.traced(Hints { portal: false, companion: true, ..hints });
        }
        birth.then(|| (Subject::Referral(id.clone()), hints))
    }

    /// The deal that another organisation's referral belongs to.
    fn of_another(&self, id: &RecordId, engagement: Option<&RecordId>) -> Option<&Found> {
        if let Some(deal) = found(&self.companions, id.as_str()) {
            return Some(deal);
        }
        let known = self.index.get(&*text(id.as_str()));
        if known.is_some_and(|entry| entry.ours) {
            // A second referral of our own in the engagement is no companion: whether a deal begins with it is decided
            // by who looks at it.
            return None;
        }
        let engagement = engagement.or(known.and_then(|entry| entry.engagement.as_ref()))?;
        found(&self.engagements, engagement.as_str())
    }
}

fn found<'a>(deals: &'a Deals, key: &str) -> Option<&'a Found> {
    deals.get(&*text(key))
}

async fn deals<'a>(
    sql: &mut PgConnection,
    statement: &'static str,
    keys: impl IntoIterator<Item = &'a str>,
) -> Outcome<Deals> {
    let keys: Vec<&str> = keys.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    let mut deals = Deals::new();
    for chunk in keys.chunks(CHUNK) {
        let wanted = texts(chunk.iter().copied());
        for row in sqlx::query(statement).bind(wanted).fetch_all(&mut *sql).await? {
            let deal = DealId::new(row.try_get::<String, _>(1)?);
            deals.insert(row.try_get(0)?, Found { deal, forgotten: row.try_get(2)? });
        }
    }
    Ok(deals)
}

async fn indexed<'a>(
    sql: &mut PgConnection,
    referrals: impl Iterator<Item = &'a str>,
) -> Outcome<BTreeMap<String, Indexed>> {
    let keys: Vec<&str> = referrals.collect();
    let mut index = BTreeMap::new();
    for chunk in keys.chunks(CHUNK) {
        let statement = "SELECT referral, engagement, ours FROM referral_index WHERE referral = ANY ($1)";
        let wanted = texts(chunk.iter().copied());
        for row in sqlx::query(statement).bind(wanted).fetch_all(&mut *sql).await? {
            let entry = Indexed { engagement: deal_rows::record(&row, 1)?, ours: row.try_get(2)? };
            index.insert(row.try_get(0)?, entry);
        }
    }
    Ok(index)
}
