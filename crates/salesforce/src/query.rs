//! Queries and their pages.

use http::Method;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    CallContext, Client, Error, Misuse, Record, Result,
    client::{Answer, Call},
    soql::Soql,
};

/// Longest locator accepted.
const MAX_LOCATOR: usize = 500;

/// Where the next page is. Lives two days at the platform, then `INVALID_QUERY_LOCATOR`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locator(String);

impl Locator {
    /// Accepts an address inside the API only, so that no answer can send the token elsewhere.
    pub(crate) fn new(url: String) -> Option<Self> {
        let inside = url.starts_with("/services/data/")
            && url.len() <= MAX_LOCATOR
            && !url.contains("..")
            && url.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-._=%".contains(&byte));
        inside.then_some(Self(url))
    }
}

/// One page of a query's result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryPage {
    /// The records, in the query's order.
    pub records: Vec<Record>,
    /// The next page, if there is one.
    pub next: Option<Locator>,
    /// How many records the whole result has.
    pub total: u64,
    /// The server's own time of the answer; of several pages read as one, that of the first.
    pub server_date: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawPage {
    total_size: u64,
    done: bool,
    next_records_url: Option<String>,
    records: Vec<Record>,
}

impl QueryPage {
    /// Reads the body of a query's answer.
    pub(crate) fn read(body: &Value, server_date: Timestamp, status: u16) -> Result<Self> {
        let unreadable = |reason| Error::Unreadable { status, reason, write: false };
        let raw = RawPage::deserialize(body).map_err(|_| unreadable("not the shape of a query's page"))?;
        let next = match (raw.done, raw.next_records_url) {
            (true, _) => None,
            (false, None) => return Err(unreadable("an unfinished page without the address of the next")),
            (false, Some(url)) => {
                Some(Locator::new(url).ok_or_else(|| unreadable("the next page is outside the API"))?)
            }
        };
        Ok(Self { records: raw.records, next, total: raw.total_size, server_date })
    }
}

impl Client {
    /// Asks for the first page of a query: up to 2,000 records, or fewer as the server likes.
    pub async fn query(&self, context: CallContext, soql: &Soql) -> Result<QueryPage> {
        let path = format!("{}/query?q={}", self.version_root(), soql.encoded()?);
        self.page(context, Call::new(Method::GET, path)).await
    }

    /// The same, with records in the recycle bin and archived ones.
    pub async fn query_with_deleted(&self, context: CallContext, soql: &Soql) -> Result<QueryPage> {
        let path = format!("{}/queryAll?q={}", self.version_root(), soql.encoded()?);
        self.page(context, Call::new(Method::GET, path)).await
    }

    /// Asks the Tooling API, which knows the org's settings as records (salesforce reference, section 4.12).
    pub async fn tooling_query(&self, context: CallContext, soql: &Soql) -> Result<QueryPage> {
        let path = format!("{}/tooling/query?q={}", self.version_root(), soql.encoded()?);
        self.page(context, Call::new(Method::GET, path)).await
    }

    /// Asks for a further page, also one of a subquery's children.
    pub async fn query_more(&self, context: CallContext, next: &Locator) -> Result<QueryPage> {
        self.page(context, Call::new(Method::GET, next.0.clone())).await
    }

    /// Asks for all pages, as one. More than `most` records are [`Misuse::TooManyRecords`].
    ///
    /// Pages are no snapshot: what changes while they are read may be missed or seen twice.
    pub async fn query_all(&self, context: CallContext, soql: &Soql, most: usize) -> Result<QueryPage> {
        let mut all = self.query(context, soql).await?;
        loop {
            if all.records.len() > most || all.total > most as u64 {
                return Err(Misuse::TooManyRecords { most }.into());
            }
            let Some(next) = all.next.take() else { return Ok(all) };
            let mut page = self.query_more(context, &next).await?;
            if page.records.is_empty() && page.next.is_some() {
                // A server that goes on without giving anything would be followed for ever.
                return Err(Error::Unreadable {
                    status: 200,
                    reason: "an empty page in the middle",
                    write: false,
                });
            }
            all.records.append(&mut page.records);
            all.next = page.next;
        }
    }

    async fn page(&self, context: CallContext, call: Call) -> Result<QueryPage> {
        let answer: Answer = self.call(context, call).await?;
        QueryPage::read(&answer.json()?, answer.server_date()?, answer.status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locator_stays_inside_the_api() {
        assert!(Locator::new("/services/data/v66.0/query/01gD0000002HU6KIAW-2000".into()).is_some());
        for url in [
            "https://evil.example/services/data/",
            "//evil.example",
            "/services/data/../x",
            "/services/data/ x",
        ] {
            assert!(Locator::new(url.into()).is_none(), "{url}");
        }
    }
}
