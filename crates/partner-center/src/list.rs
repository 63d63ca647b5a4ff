//! Lists of referrals: what is asked for, one page of it, and the bounded way through all pages.

use std::fmt::{self, Write as _};

use jiff::Timestamp;
use url::{Url, form_urlencoded};

use crate::{
    client::Client,
    config::CallContext,
    error::Error,
    ids::{EngagementId, OrganizationId},
    open_enums::{Qualification, ReferralType, Status, Substatus},
    referral::Referral,
};

/// Longest continuation that is believed, in bytes.
const MAX_CONTINUATION_BYTES: usize = 8 * 1024;

/// A condition on referrals, in OData (reference, section 2.1). Quoting is done here and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter(String);

impl Filter {
    /// Of this engagement.
    pub fn engagement_is(id: EngagementId) -> Self {
        Self::equals("engagementId", &id.to_string())
    }

    /// Owned by this organisation. Not among the documented filters (reference, section 2.1): expect a 400.
    pub fn organization_is(id: &OrganizationId) -> Self {
        Self::equals("organizationId", id.as_str())
    }

    /// In this status.
    pub fn status_is(status: &Status) -> Self {
        Self::equals("status", status.as_str())
    }

    /// In this substatus.
    pub fn substatus_is(substatus: &Substatus) -> Self {
        Self::equals("substatus", substatus.as_str())
    }

    /// Of this type.
    pub fn type_is(referral_type: &ReferralType) -> Self {
        Self::equals("type", referral_type.as_str())
    }

    /// Of this qualification.
    pub fn qualification_is(qualification: &Qualification) -> Self {
        Self::equals("qualification", qualification.as_str())
    }

    /// Changed at or after `instant`.
    pub fn updated_since(instant: Timestamp) -> Self {
        Self::dated("updatedDateTime", "ge", instant)
    }

    /// Changed after `instant`.
    pub fn updated_after(instant: Timestamp) -> Self {
        Self::dated("updatedDateTime", "gt", instant)
    }

    /// Created at or after `instant`.
    pub fn created_since(instant: Timestamp) -> Self {
        Self::dated("createdDateTime", "ge", instant)
    }

    /// Both conditions.
    pub fn and(self, other: Self) -> Self {
        Self(format!("{} and {}", self.0, other.0))
    }

    /// Either condition.
    pub fn or(self, other: Self) -> Self {
        Self(format!("({} or {})", self.0, other.0))
    }

    fn equals(member: &str, value: &str) -> Self {
        // In OData a quote inside a text is doubled.
        Self(format!("{member} eq '{}'", value.replace('\'', "''")))
    }

    fn dated(member: &str, operator: &str, instant: Timestamp) -> Self {
        // Seven digits, cut and not rounded: never later than what was asked for.
        Self(format!("{member} {operator} {instant:.7}"))
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
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
    select: Vec<&'static str>,
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

    /// Only these members, `id` always among them.
    pub fn select(mut self, members: &[&'static str]) -> Self {
        self.select = members.to_vec();
        if !members.contains(&"id") {
            self.select.insert(0, "id");
        }
        self
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
            return encode(&continuation.0);
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
        if !self.select.is_empty() {
            option("$select", self.select.join(","));
        }
        if self.count {
            option("$count", "true".to_owned());
        }
        encode(&options)
    }
}

/// Where a list goes on: the query options of the server's `@odata.nextLink`, opaque.
///
/// Host, scheme and path of that link are thrown away: samples show plain http and a path that does not exist, and
/// a token is never sent to an address that a server names (reference, section 2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Continuation(Vec<(String, String)>);

impl Continuation {
    /// Reads the link of a page. Nothing, if it holds no `$skiptoken` and no `$skip`, or is too long.
    pub(crate) fn from_link(link: &str) -> Option<Self> {
        if link.len() > MAX_CONTINUATION_BYTES {
            return None;
        }
        // A link may be relative; the base only makes it parse and is thrown away with the rest.
        let base = Url::parse("https://unused.invalid/").expect("this constant is a URL");
        let url = base.join(link).ok()?;
        let options: Vec<_> = form_urlencoded::parse(url.query()?.as_bytes())
            .filter(|(name, _)| name.starts_with('$'))
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        options.iter().any(|(name, _)| name == "$skiptoken" || name == "$skip").then_some(Self(options))
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
}

impl<'a> Pager<'a> {
    pub(crate) fn new(client: &'a Client, context: CallContext, query: ListQuery) -> Self {
        Self { client, context, next: Some(query), pages: 0 }
    }

    /// The next page; nothing after the last one.
    ///
    /// # Errors
    /// Those of [`Client::list`], after which the same page may be asked for again; [`Error::Endless`] past the
    /// bound on pages or when a page leads to itself.
    pub async fn next_page(&mut self) -> Result<Option<ReferralPage>, Error> {
        let Some(query) = &self.next else { return Ok(None) };
        if self.pages >= self.client.max_pages() {
            return Err(Error::Endless { reason: "it has more pages than are allowed" });
        }
        let page = self.client.list(self.context, query).await?;
        if page.next.is_some() && page.next == query.from {
            return Err(Error::Endless { reason: "a page leads to itself" });
        }
        self.pages += 1;
        self.next = page.next.clone().map(ListQuery::continued);
        Ok(Some(page))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_quoted_and_escaped_once() {
        let query = ListQuery::new()
            .filter(Filter::status_is(&Status::Other("O'Hare".to_owned())))
            .filter(Filter::updated_since("2026-11-02T09:14:07.123456789Z".parse().unwrap()))
            .order_by(Order::UpdatedAscending)
            .top(100)
            .select(&["status"])
            .query();
        let expected = "$filter=status%20eq%20%27O%27%27Hare%27%20and%20updatedDateTime%20ge%20\
                        2026-11-02T09%3A14%3A07.1234567Z&$orderby=updatedDateTime%20asc&$top=100&$select=id,status";
        assert_eq!(query, expected);
    }

    #[test]
    fn a_continuation_keeps_the_options_of_the_link_and_forgets_its_address() {
        for link in [
            "http://api.partner.microsoft.com/v1.0/referrals?$skiptoken=a%2Bb%3D%3D",
            "https://evil.example/steal?$skiptoken=a%2Bb%3D%3D&x=1",
            "/referrals?%24skiptoken=a%2Bb%3D%3D",
        ] {
            let query = ListQuery::continued(Continuation::from_link(link).unwrap()).query();
            assert_eq!(query, "$skiptoken=a%2Bb%3D%3D", "{link}");
        }
        for link in ["", "https://api.partner.microsoft.com/referrals", "https://x/?$top=1"] {
            assert_eq!(Continuation::from_link(link), None, "{link}");
        }
    }
}
