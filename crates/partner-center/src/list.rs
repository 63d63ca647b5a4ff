//! Lists of referrals: what is asked for, one page of it, and the bounded way through all pages.

use std::{collections::HashSet, fmt::Write as _};

use jiff::Timestamp;

use crate::{
    client::Client, config::CallContext, continuation::Continuation, error::Error, filter::Filter,
    names::canonical, referral::Referral,
};

/// A documented member of a referral, fit for `$select` and `$expand`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member(&'static str);

impl Member {
    /// The identifier, which every selection holds.
    const ID: Self = Self("id");

    /// The member called `name` in whatever letter case; nothing, if no page describes one.
    pub fn named(name: &str) -> Option<Self> {
        canonical(name).map(Self)
    }
}

/// The orders the platform offers (reference, section 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Oldest creation first.
    CreatedAscending,
    /// Newest creation first.
    CreatedDescending,
    /// Oldest change first.
    UpdatedAscending,
    /// Newest change first.
    UpdatedDescending,
}

impl Order {
    fn as_str(self) -> &'static str {
        match self {
            Self::CreatedAscending => "createdDateTime asc",
            Self::CreatedDescending => "createdDateTime desc",
            Self::UpdatedAscending => "updatedDateTime asc",
            Self::UpdatedDescending => "updatedDateTime desc",
        }
    }
}

/// What to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListQuery {
    filter: Option<Filter>,
    order: Option<Order>,
    top: Option<u32>,
    skip: Option<u32>,
    select: Vec<Member>,
    expand: Vec<Member>,
    count: bool,
    from: Option<Continuation>,
}

impl ListQuery {
    /// Everything the caller may see, in the server's own order.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only what meets `filter`; a second filter is joined by `and`.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = Some(match self.filter.take() {
            Some(present) => present.and(filter),
            None => filter,
        });
        self
    }

    /// In this order.
    pub fn order_by(self, order: Order) -> Self {
        Self { order: Some(order), ..self }
    }

    /// At most this many. Up to 200 has been seen to work; the server's own page is 100.
    pub fn top(self, top: u32) -> Self {
        Self { top: Some(top), ..self }
    }

    /// Without the first so many. A list that changes while it is read moves under such a reader.
    pub fn skip(self, skip: u32) -> Self {
        Self { skip: Some(skip), ..self }
    }

    /// Only these members, `id` always among them.
    pub fn select(mut self, members: &[Member]) -> Self {
        self.select = members.to_vec();
        if !members.contains(&Member::ID) {
            self.select.insert(0, Member::ID);
        }
        self
    }

    /// With these members expanded. What can be expanded is not documented (reference, section 2.1).
    pub fn expand(self, members: &[Member]) -> Self {
        Self { expand: members.to_vec(), ..self }
    }

    /// With a count. Whether it counts the page or the whole is not documented (reference, section 10, item 13).
    pub fn with_count(self) -> Self {
        Self { count: true, ..self }
    }

    /// The page that `continuation` leads to. The rest of the query does not apply: the server remembers it.
    pub fn continued(continuation: Continuation) -> Self {
        Self { from: Some(continuation), ..Self::default() }
    }

    /// The query part of the request's address, without its question mark.
    pub(crate) fn query(&self) -> String {
        if let Some(continuation) = &self.from {
            return continuation.query().to_owned();
        }
        let mut options = Vec::new();
        let mut option = |name: &str, value: String| options.push((name.to_owned(), value));
        if let Some(filter) = &self.filter {
            option("$filter", filter.to_string());
        }
        if let Some(order) = self.order {
            option("$orderby", order.as_str().to_owned());
        }
        if let Some(top) = self.top {
            option("$top", top.to_string());
        }
        if let Some(skip) = self.skip {
            option("$skip", skip.to_string());
        }
        for (name, members) in [("$select", &self.select), ("$expand", &self.expand)] {
            if !members.is_empty() {
                option(name, members.iter().map(|member| member.0).collect::<Vec<_>>().join(","));
            }
        }
        if self.count {
            option("$count", "true".to_owned());
        }
        encode(&options)
    }
}

/// Percent-encodes options with `%20` for a space: not every OData server takes `+` for one.
fn encode(options: &[(String, String)]) -> String {
    let mut query = String::new();
    for (name, value) in options {
        if !query.is_empty() {
            query.push('&');
        }
        escape(name, &mut query);
        query.push('=');
        escape(value, &mut query);
    }
    query
}

fn escape(text: &str, into: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'$' | b',' | b'(' | b')')
        {
            into.push(char::from(byte));
        } else {
            write!(into, "%{byte:02X}").expect("writing to a string cannot fail");
        }
    }
}

/// One page of a list.
#[derive(Debug, Clone)]
pub struct ReferralPage {
    /// The referrals that could be read, in the server's order.
    pub items: Vec<Referral>,
    /// How many entries were no referrals (no GUID `id`); they are left out, their neighbours are not.
    pub unreadable: usize,
    /// Where the list goes on.
    pub next: Option<Continuation>,
    /// `@odata.count`, of uncertain meaning (reference, section 2.1).
    pub count: Option<u64>,
    /// The answer's own `Date`.
    pub server_date: Option<Timestamp>,
}

/// Reads a list page by page, within the configured number of pages.
pub struct Pager<'a> {
    client: &'a Client,
    context: CallContext,
    next: Option<ListQuery>,
    pages: u32,
    /// Fingerprints of the continuations followed so far: as many as there may be pages.
    followed: HashSet<u64>,
}

impl<'a> Pager<'a> {
    pub(crate) fn new(client: &'a Client, context: CallContext, query: ListQuery) -> Self {
        Self { client, context, next: Some(query), pages: 0, followed: HashSet::new() }
    }

    /// The next page; nothing after the last one.
    ///
    /// # Errors
    /// Those of [`Client::list`], after which the same page may be asked for again; [`Error::Endless`] past the
    /// bound on pages or when a page leads back to one that was read.
    pub async fn next_page(&mut self) -> Result<Option<ReferralPage>, Error> {
        let Some(query) = &self.next else { return Ok(None) };
        if self.pages >= self.client.max_pages() {
            return Err(Error::Endless { reason: "it has more pages than are allowed" });
        }
        let page = self.client.list(self.context, query).await?;
        if let Some(next) = &page.next
            && !self.followed.insert(next.fingerprint())
        {
            return Err(Error::Endless { reason: "its pages lead in a circle" });
        }
        self.pages += 1;
        self.next = page.next.clone().map(ListQuery::continued);
        Ok(Some(page))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::open_enums::Status;

    #[test]
    fn a_query_is_quoted_and_escaped_once() {
        let query = ListQuery::new()
            .filter(Filter::status_is(&Status::Other("O'Hare".to_owned())))
            .filter(Filter::updated_since("2026-11-02T09:14:07.123456789Z".parse().unwrap()))
            .order_by(Order::UpdatedAscending)
            .top(100)
            .select(&[Member::named("status").unwrap()])
            .query();
        let expected = "$filter=status%20eq%20%27O%27%27Hare%27%20and%20updatedDateTime%20ge%20\
                        2026-11-02T09%3A14%3A07.1234567Z&$orderby=updatedDateTime%20asc&$top=100&$select=id,status";
        assert_eq!(query, expected);
    }

    #[test]
    fn every_option_is_written_once_and_unknown_members_cannot_be_named() {
        let members = ["Status", "customerprofile"].map(|name| Member::named(name).unwrap());
        let query =
            ListQuery::new().select(&members).expand(&members[1..]).skip(10).top(5).with_count().query();
        assert_eq!(
            query,
            "$top=5&$skip=10&$select=id,status,customerProfile&$expand=customerProfile&$count=true"
        );
        assert_eq!(Member::named("status,name&$top=1"), None);
    }
}
