//! One file a command.

pub(crate) mod check;
pub(crate) mod connections;
pub(crate) mod deals;
pub(crate) mod decide;
pub(crate) mod demo;
pub(crate) mod forget;
pub(crate) mod history;
pub(crate) mod init;
pub(crate) mod login;
pub(crate) mod mapping;
pub(crate) mod pause;
pub(crate) mod plan;
pub(crate) mod push;
pub(crate) mod register;
pub(crate) mod release;
pub(crate) mod relink;
pub(crate) mod replay;
pub(crate) mod retry;
pub(crate) mod run;
pub(crate) mod sandbox;
pub(crate) mod simulate;
pub(crate) mod solutions;
pub(crate) mod store;
pub(crate) mod sync;
pub(crate) mod verify;
pub(crate) mod webhook;

use deal_model::DealId;
use sync_engine::{Store, StoreResult};

/// Most deals that one look reads at a time.
pub(crate) const PAGE: usize = 200;

/// All deals of the store, in pages.
pub(crate) async fn all_deals(store: &dyn Store) -> StoreResult<Vec<DealId>> {
    let mut ids: Vec<DealId> = Vec::new();
    loop {
        let page = store.list(ids.last(), PAGE).await?;
        let full = page.len() == PAGE;
        ids.extend(page.into_iter().map(|deal| deal.id));
        if !full {
            return Ok(ids);
        }
    }
}

/// A deal by its id, or by the id of its opportunity or referral.
pub(crate) async fn find_deal(store: &dyn Store, text: &str) -> anyhow::Result<DealId> {
    let id = DealId::new(text);
    if !store.deals(std::slice::from_ref(&id)).await?.is_empty() {
        return Ok(id);
    }
    let record = deal_model::RecordId::new(connectors::partner_center::normalise_reference(text));
    let raw = deal_model::RecordId::new(text.to_lowercase());
    for (side, record) in [(deal_model::Side::Crm, &record), (deal_model::Side::Portal, &raw)] {
        if let Some(id) = store.deal_of(side, record).await? {
            return Ok(id);
        }
    }
    anyhow::bail!(
        "no deal {text}\n  fix: name a deal, an opportunity or a referral; `cosell deals` lists them"
    )
}

/// Who gives the command, for the history.
pub(crate) fn person() -> String {
    std::env::var("USER").unwrap_or_else(|_| "a person".to_owned())
}
