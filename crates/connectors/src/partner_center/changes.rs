//! The one source, a list of referrals by the time of their last change, and the complete looks of the birth protocol.
//!
//! The list is read by key, not by continuation: each page begins at the last stamp of the one before. A position is
//! therefore valid for ever, and a referral that changes while the list is read only moves to its end. The first pass
//! over the list begins at its beginning; each poll after it begins a little before the newest change seen. Dates are the
//! server's; our own clock plays no part.

use deal_model::RecordId;
use jiff::Timestamp;
use mapping::Inbound;
use partner_center::{CallContext, EngagementId, Filter, ListQuery, Order, Referral, ReferralPage};
use serde::{Deserialize, Serialize};
use sync_engine::{CallScope, Changes, Hints, IndexEntry, Seen, SideError, Target};

use super::{
    PartnerCenter, context,
    failure::{self, side_error},
    kinds::is_lead,
    transform::{Ownership, engagement, index_entry, may_be_born, ownership, record_id},
};

/// How far the list was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    /// Whether the list was once read from its beginning to its end.
    complete: bool,
    /// The newest change seen, never later than the server's own date: a record stamped in the future must not hide
    /// what changes until then.
    newest: Option<Timestamp>,
    /// Where the next page begins, while a list is being read.
    from: Option<Timestamp>,
}

impl Position {
    /// A position that cannot be read is none: reading everything once more is safe, skipping is not.
    fn read(text: Option<&str>) -> Self {
        let Some(text) = text else { return Self::default() };
        serde_json::from_str(text).unwrap_or_else(|_| {
            tracing::warn!("the portal's position cannot be read; the list begins anew");
            Self::default()
        })
    }

    fn text(self) -> String {
        serde_json::to_string(&self).expect("a position has no part that can fail")
    }
}

impl PartnerCenter {
    pub(super) async fn next_changes(
        &self,
        position: Option<&str>,
        scope: CallScope,
    ) -> Result<Changes, SideError> {
        let mut position = Position::read(position);
        let from = position.from.or_else(|| {
            let newest = position.newest.filter(|_| position.complete)?;
            Some(newest.checked_sub(self.settings.overlap).unwrap_or(Timestamp::MIN))
        });
        let (items, server_date, more) = self.page_from(from, context(scope)).await?;
        let last = items.iter().filter_map(Referral::updated).max();
        let seen = last.map(|last| server_date.map_or(last, |date| last.min(date)));
        position.newest = position.newest.max(seen);
        position.from = if more { last.or(from) } else { None };
        position.complete |= !more;
        Ok(Changes {
            seen: items.iter().map(|referral| self.seen(referral)).collect(),
            index: items.iter().map(|referral| index_entry(referral, &self.settings, server_date)).collect(),
            position: position.text(),
            more,
            complete: position.complete,
            ..Changes::default()
        })
    }

    /// Where a list of what changed at or after `since` begins.
    pub(super) fn list_from(since: Timestamp) -> String {
        Position { from: Some(since), ..Position::default() }.text()
    }

    /// The referrals changed at or after `from`, oldest change first: a page, or as many as it takes to get past `from`
    /// where more changed in one instant than a page holds. And whether there are more.
    async fn page_from(
        &self,
        from: Option<Timestamp>,
        context: CallContext,
    ) -> Result<(Vec<Referral>, Option<Timestamp>, bool), SideError> {
        // No `$top`: it would bound the whole list, and its end would look like the end of everything.
        let mut query = ListQuery::new().order_by(Order::UpdatedAscending);
        if let Some(from) = from {
            query = query.filter(Filter::updated_since(from));
        }
        let mut pages = self.client.pages(context, query);
        let mut items: Vec<Referral> = Vec::new();
        for _ in 0..self.settings.max_pages.max(1) {
            let page = pages.next_page().await.map_err(|error| side_error(&error, &self.mapping))?;
            let Some(ReferralPage { items: next_items, unreadable, next, server_date, .. }) = page else {
                return Ok((items, None, false));
            };
            warn_of(unreadable);
            items.extend(next_items);
            let passed = items.iter().filter_map(Referral::updated).max() > from;
            if next.is_none() || passed {
                return Ok((items, server_date, next.is_some()));
            }
        }
        Err(failure::unusable("more referrals carry one time of change than may be read in one step"))
    }

    /// What decides of [`PartnerCenter::begets`], but for the referral.
    pub(super) fn admission_rules(&self) -> String {
        let Inbound { create, since, conditions, .. } = self.mapping.inbound();
        let leads = self.mapping.leads().create;
        format!("create={create} since={since:?} conditions={conditions:?} leads={leads}")
    }

    /// Whether something of the CRM's may begin with it: a deal, or a lead where leads are wanted.
    fn begets(&self, referral: &Referral) -> bool {
        let lead = || {
            self.mapping.leads().create
                && ownership(referral, &self.settings) == Ownership::Ours
                && is_lead(referral, &self.settings)
        };
        may_be_born(referral, &self.mapping, &self.settings) || lead()
    }

    fn seen(&self, referral: &Referral) -> Seen {
        let ours = ownership(referral, &self.settings) == Ownership::Ours;
        let tag = referral.etag();
        let stamp = referral.updated();
        Seen {
            target: Target::Referral {
                id: record_id(referral),
                engagement: engagement(referral),
                birth: self.begets(referral),
            },
            stamp,
            hints: Hints { portal: ours, companion: !ours, crm: false },
            key: match (tag, stamp) {
                (Some(tag), _) => format!("{} {tag}", referral.id()),
                (None, Some(stamp)) => format!("{} {stamp}", referral.id()),
                (None, None) => referral.id().to_string(),
            },
            echo: false,
        }
    }

    pub(super) async fn look_around(
        &self,
        since: Timestamp,
        engagement: Option<&RecordId>,
        scope: CallScope,
    ) -> Result<Vec<IndexEntry>, SideError> {
        // By creation, which never changes: no page shifts under the reader.
        let query = ListQuery::new().order_by(Order::CreatedAscending);
        let filter = if let Some(engagement) = engagement {
            let engagement = engagement.as_str().parse::<EngagementId>();
            let engagement =
                engagement.map_err(|_| failure::bug("a look was asked for in what is no engagement"))?;
            Filter::engagement_is(engagement)
        } else {
            // What was created since was changed since, and this filter is a documented one.
            Filter::updated_since(since.checked_sub(self.settings.overlap).unwrap_or(Timestamp::MIN))
        };
        let query = query.filter(filter);
        let (listed, server_date) = self.list_whole(query, context(scope)).await?;
        Ok(listed.iter().map(|referral| index_entry(referral, &self.settings, server_date)).collect())
    }

    /// A list to its very end; an error if that is further than the bound.
    pub(super) async fn list_whole(
        &self,
        query: ListQuery,
        context: CallContext,
    ) -> Result<(Vec<Referral>, Option<Timestamp>), SideError> {
        let mut pages = self.client.pages(context, query);
        let (mut items, mut server_date) = (Vec::new(), None);
        for _ in 0..=self.settings.max_pages {
            let page = pages.next_page().await.map_err(|error| side_error(&error, &self.mapping))?;
            let Some(page) = page else { return Ok((items, server_date)) };
            warn_of(page.unreadable);
            server_date = page.server_date;
            items.extend(page.items);
        }
        Err(failure::unusable("the list of referrals is longer than may be read at once"))
    }
}

fn warn_of(unreadable: usize) {
    if unreadable > 0 {
        tracing::warn!(unreadable, "the portal listed entries without an identifier; they were left out");
    }
}
