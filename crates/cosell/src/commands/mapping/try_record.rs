//! `cosell mapping try`: one record and its partner, field by field: as they are, as they are read, as they would be
//! written.

mod judged;
mod printed;

use std::{path::Path, process::ExitCode};

use anyhow::bail;
use clap::Args;
use connectors::{
    partner_center::{SeenReferral, normalise_reference},
    salesforce::{CrmLook, SeenOpportunity},
};
use deal_model::{RecordId, Side};
use ports::Lane;
use serde_json::json;
use sync_engine::{CallScope, SideError};

use crate::{
    config::Config,
    output::{self, Format},
    wiring::{Access, Wired, open_store_beside, wire},
};
use judged::Pair;

const SCOPE: CallScope = CallScope { lane: Lane::Now, send_before: None };

/// Reads one record, and shows what the mapping makes of it. Writes nothing.
///
/// Prints every field of that record, and of the one that it is linked with, as
/// each side holds it, as Cosell reads it, and as both sides can hold it; and
/// what would be written to which side when a record is created there and
/// later, or why not. Nothing of it is stored or logged.
///
/// Of an opportunity that is not opted in nothing is read but that, unless you
/// say --unshared-too. Exit status 1 if the record could not be read or shown.
#[derive(Debug, Args)]
pub(crate) struct Try {
    /// An opportunity or a referral, by its id.
    #[arg(value_name = "RECORD")]
    record: String,
    /// One field alone.
    #[arg(long, value_name = "NAME")]
    field: Option<String>,
    /// Show an opportunity that is not opted in, too: to you, and to nobody else.
    #[arg(long)]
    unshared_too: bool,
}

/// What was found on both sides.
struct Found {
    opportunity: Option<(RecordId, SeenOpportunity)>,
    referral: Option<(RecordId, SeenReferral)>,
    /// Why a side is missing that there should be.
    notes: Vec<String>,
}

impl Try {
    pub(crate) async fn run(self, config: &Path, format: Format) -> anyhow::Result<ExitCode> {
        let loaded = Config::load(config)?;
        drop(open_store_beside(&loaded)?);
        let wired = wire(loaded, Access::Look)?;
        if let Some(name) = &self.field {
            super::field::find(&wired.mapping, name)?;
        }
        let found = self.find(&wired).await?;
        let pair = Pair {
            mapping: &wired.mapping,
            opportunity: found.opportunity.as_ref().map(|(_, seen)| seen),
            referral: found.referral.as_ref().map(|(_, seen)| seen),
        };
        let fields = pair.fields(self.field.as_deref());
        match format {
            Format::Json => output::json(&json!({
                "opportunity": found.opportunity.as_ref().map(|(id, _)| id),
                "opted_in": found.opportunity.as_ref().map(|(_, seen)| seen.opted_in),
                "referral": found.referral.as_ref().map(|(id, _)| id),
                "mapping": wired.mapping.version(),
                "notes": found.notes,
                "fields": fields,
            }))?,
            Format::Text => printed::print(&found, &fields),
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn find(&self, wired: &Wired) -> anyhow::Result<Found> {
        let text = self.record.trim();
        let is_opportunity = text.parse::<salesforce::RecordId>().is_ok();
        let is_referral = text.parse::<partner_center::ReferralId>().is_ok();
        if is_opportunity {
            self.beside_opportunity(wired, RecordId::new(normalise_reference(text))).await
        } else if is_referral {
            self.beside_referral(wired, RecordId::new(text.to_lowercase())).await
        } else {
            bail!(
                "{} is neither an opportunity's id nor a referral's\n  fix: give the 15 or 18 characters of an \
                 opportunity, such as 006..., or the 36 of a referral",
                output::plain(text)
            )
        }
    }

    async fn beside_opportunity(&self, wired: &Wired, id: RecordId) -> anyhow::Result<Found> {
        let mut notes = Vec::new();
        let seen = match self.look_at_opportunity(wired, &id).await? {
            CrmLook::Seen(seen) => *seen,
            CrmLook::Gone => bail!(
                "there is no opportunity {id}, or the integration user may not see it\n  fix: compare the id, and give \
                 the user access to the record"
            ),
            CrmLook::NotOptedIn => bail!(
                "the opportunity {id} is not opted in, so nothing of it was read\n  fix: set {} on it, or say \
                 --unshared-too",
                wired.mapping.names().sync
            ),
        };
        let partner = match seen.referral.clone() {
            Some(referral) => Some(RecordId::new(referral.as_str().to_lowercase())),
            None => partner(wired, Side::Crm, &id).await?,
        };
        let mut referral = None;
        match partner {
            None => notes.push("It is linked with no referral: only Salesforce's side is shown.".to_owned()),
            Some(partner) => match wired.portal.look_at(&partner, SCOPE).await {
                Ok(Some(seen)) => referral = Some((partner, seen)),
                Ok(None) => notes.push(format!("The referral {partner} is gone, or hidden from this user.")),
                Err(error) => {
                    notes.push(format!("The referral {partner} could not be read: {}.", error.what));
                }
            },
        }
        Ok(Found { opportunity: Some((id, seen)), referral, notes })
    }

    async fn beside_referral(&self, wired: &Wired, id: RecordId) -> anyhow::Result<Found> {
        let mut notes = Vec::new();
        let Some(seen) =
            wired.portal.look_at(&id, SCOPE).await.map_err(|error| unread("referral", &id, &error))?
        else {
            bail!(
                "there is no referral {id}, or this user may not see it\n  fix: compare the id, and the user's role in \
                 Partner Center"
            )
        };
        let partner = match seen.opportunity.clone() {
            Some(opportunity) => Some(opportunity),
            None => partner(wired, Side::Portal, &id).await?,
        };
        let mut opportunity = None;
        match partner {
            None => notes
                .push("It is linked with no opportunity: only Partner Center's side is shown.".to_owned()),
            Some(partner) => match self.look_at_opportunity(wired, &partner).await {
                Ok(CrmLook::Seen(seen)) => opportunity = Some((partner, *seen)),
                Ok(CrmLook::NotOptedIn) => notes.push(
                    "Its opportunity is not opted in, so nothing of it was read; --unshared-too shows it."
                        .to_owned(),
                ),
                Ok(CrmLook::Gone) => {
                    notes.push("Its opportunity is gone, or the integration user may not see it.".to_owned());
                }
                Err(error) => notes.push(format!("Its opportunity could not be read: {error}.")),
            },
        }
        Ok(Found { opportunity, referral: Some((id, seen)), notes })
    }

    async fn look_at_opportunity(&self, wired: &Wired, id: &RecordId) -> anyhow::Result<CrmLook> {
        let looked = wired.crm.look_at(id, self.unshared_too, SCOPE).await;
        looked.map_err(|error| unread("opportunity", id, &error))
    }
}

/// The other side's record, as our store knows the link.
async fn partner(wired: &Wired, side: Side, id: &RecordId) -> anyhow::Result<Option<RecordId>> {
    let Some(deal) = wired.store.deal_of(side, id).await? else { return Ok(None) };
    let deals = wired.store.deals(std::slice::from_ref(&deal)).await?;
    let links = deals.into_iter().next().map(|deal| deal.links);
    Ok(links.and_then(|links| match side {
        Side::Crm => links.portal,
        Side::Portal => links.crm,
    }))
}

fn unread(what: &str, id: &RecordId, error: &SideError) -> anyhow::Error {
    anyhow::anyhow!(
        "the {what} {id} could not be read: {}\n  fix: `cosell check` says what is missing",
        error.what
    )
}
