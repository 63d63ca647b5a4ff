//! The calls of the Referrals API: list, get, create, patch.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, header};
use jiff::Timestamp;
use planted::{Bug, planted};
use ports::{Budget, Clock, HttpService, Rng};
use serde_json::Value;

use crate::{
    answer::Answer,
    auth::TokenSource,
    config::{Audience, CallContext, ClientConfig},
    continuation::Continuation,
    envelope::is_own_not_found,
    error::{Error, Operation},
    exchange::{Call, Exchange},
    ids::{ETag, ReferralId},
    list::{ListQuery, Pager, ReferralPage},
    names::member,
    patch::PatchOperation,
    referral::Referral,
};

/// Most operations one PATCH carries.
const MAX_OPERATIONS: usize = 200;

/// A referral as it was just read.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// What was read.
    pub referral: Referral,
    /// The answer's own `Date`.
    pub server_date: Option<Timestamp>,
}

/// The document of a referral that does not exist yet (reference, sections 3.9 and 4.3).
#[derive(Clone, PartialEq)]
pub struct NewReferral(Value);

impl fmt::Debug for NewReferral {
    /// Nothing of the document, which holds people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewReferral")
    }
}

impl NewReferral {
    /// Takes a document as it is to be posted. Nothing, if it is not an object.
    pub fn from_json(document: Value) -> Option<Self> {
        document.is_object().then_some(Self(document))
    }

    /// The document.
    pub fn document(&self) -> &Value {
        &self.0
    }
}

/// A referral that was just created.
#[derive(Debug, Clone)]
pub struct Created {
    /// Its identifier.
    pub id: ReferralId,
    /// Its document, if the server sent more than the identifier.
    pub referral: Option<Referral>,
    /// The answer's own `Date`.
    pub server_date: Option<Timestamp>,
}

/// A referral that was just changed.
#[derive(Debug, Clone)]
pub struct Patched {
    /// Its new state, if the server sent it. It was asked to, and may answer 204 all the same.
    pub referral: Option<Referral>,
    /// Its new version, if the server told it in any way.
    pub etag: Option<ETag>,
    /// The answer's own `Date`.
    pub server_date: Option<Timestamp>,
}

/// Calls the Referrals API and the webhook registration. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    pub(crate) exchange: Arc<Exchange>,
}

impl Client {
    /// A client that speaks through `http` with the tokens of `tokens`.
    pub fn new(
        http: HttpService,
        tokens: Arc<TokenSource>,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
        budget: Arc<dyn Budget>,
        config: ClientConfig,
    ) -> Self {
        Self { exchange: Arc::new(Exchange::new(http, tokens, clock, rng, budget, config)) }
    }

    /// Reads one page of referrals (reference, section 2.1).
    ///
    /// # Errors
    /// [`Error`], of class `Later` for a page that is cut or has no `value`.
    pub async fn list(&self, context: CallContext, query: &ListQuery) -> Result<ReferralPage, Error> {
        let config = &self.exchange.config;
        let mut call = self.referrals_call(Operation::ListReferrals, Method::GET, "");
        call.max_answer_bytes = config.limits.max_page_bytes;
        let options = query.query();
        if !options.is_empty() {
            call.url.push('?');
            call.url.push_str(&options);
        }
        let answer = self.exchange.send(context, &call).await?;
        read_page(&answer)
    }

    /// Reads a list to its end, page by page, within the configured number of pages.
    pub fn pages(&self, context: CallContext, query: ListQuery) -> Pager<'_> {
        Pager::new(self, context, query)
    }

    /// Reads one referral; nothing if the API says there is none, or none that the caller may see. A 403 is an
    /// error, and so is a 404 that is not the API's own (a wrong base address).
    pub async fn get(&self, context: CallContext, id: ReferralId) -> Result<Option<Fetched>, Error> {
        let call = self.referrals_call(Operation::GetReferral, Method::GET, &format!("/{id}"));
        let answer = match self.exchange.send(context, &call).await {
            Ok(answer) => answer,
            Err(Error::Api(error)) if is_own_not_found(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let referral = read_entity(&answer, answer.json()?)?;
        if referral.id() != id {
            return Err(answer.unreadable("it is another referral than was asked for"));
        }
        Ok(Some(Fetched { referral, server_date: answer.server_date() }))
    }

    /// Creates a referral. The platform knows no idempotency key: an error of class
    /// [`Doubtful`](ports::RetryClass::Doubtful) has to be resolved by looking, never by sending again
    /// (reference, section 5).
    pub async fn create(&self, context: CallContext, referral: &NewReferral) -> Result<Created, Error> {
        let mut call = self.referrals_call(Operation::CreateReferral, Method::POST, "");
        call.body = Bytes::from(referral.0.to_string());
        let answer = self.exchange.send(context, &call).await?;
        let server_date = answer.server_date();
        if answer.is_empty() {
            let id = created_location(&answer);
            let id = id.ok_or_else(|| answer.unreadable("it names no referral, by body or by location"))?;
            return Ok(Created { id, referral: None, server_date });
        }
        let referral = read_entity(&answer, answer.json()?)?;
        let id = referral.id();
        Ok(Created { id, referral: Some(referral).filter(|referral| !referral.is_bare()), server_date })
    }

    /// Changes a referral, all operations at once, asking for its new state in the answer. With `if_match` it is
    /// changed only if it still has that version; else the error's class is
    /// [`Changed`](ports::RetryClass::Changed) (reference, section 5).
    pub async fn patch(
        &self,
        context: CallContext,
        id: ReferralId,
        operations: &[PatchOperation],
        if_match: Option<&ETag>,
    ) -> Result<Patched, Error> {
        let operation = Operation::PatchReferral;
        let unfit = |reason| Error::Request { operation, reason };
        if operations.is_empty() || operations.len() > MAX_OPERATIONS {
            return Err(unfit("a change has between 1 and 200 operations"));
        }
        if !operations.iter().all(PatchOperation::is_sound) {
            return Err(unfit("a path is not a JSON Pointer to a member"));
        }
        let mut call = self.referrals_call(operation, Method::PATCH, &format!("/{id}"));
        call.body =
            Bytes::from(Value::Array(operations.iter().map(PatchOperation::to_json).collect()).to_string());
        call.headers
            .push((HeaderName::from_static("prefer"), HeaderValue::from_static("return=representation")));
        if let Some(etag) = if_match {
            let value = HeaderValue::from_str(etag.as_str())
                .map_err(|_| unfit("the eTag cannot stand in a header"))?;
            call.headers.push((header::IF_MATCH, value));
        }
        let answer = self.exchange.send(context, &call).await?;
        let server_date = answer.server_date();
        if answer.is_empty() {
            return Ok(Patched { referral: None, etag: answer.etag(), server_date });
        }
        let referral = read_entity(&answer, answer.json()?)?;
        if referral.id() != id {
            return Err(answer.unreadable("it is another referral than was changed"));
        }
        let etag = referral.etag().or_else(|| answer.etag());
        Ok(Patched { referral: Some(referral).filter(|referral| !referral.is_bare()), etag, server_date })
    }

    pub(crate) fn max_pages(&self) -> u32 {
        self.exchange.config.limits.max_pages
    }

    fn referrals_call(&self, operation: Operation, method: Method, path: &str) -> Call {
        let config = &self.exchange.config;
        Call {
            operation,
            audience: Audience::Referrals,
            method,
            url: format!("{}/referrals{path}", config.api_url.trim_end_matches('/')),
            headers: Vec::new(),
            body: Bytes::new(),
            max_answer_bytes: config.limits.max_answer_bytes,
        }
    }
}

fn read_entity(answer: &Answer, document: Value) -> Result<Referral, Error> {
    Referral::from_json(document).map_err(|unreadable| answer.unreadable(unreadable.reason))
}

/// The identifier at the end of a `Location` header; the address itself is never called.
fn created_location(answer: &Answer) -> Option<ReferralId> {
    let location = answer.headers.get(header::LOCATION)?.to_str().ok()?;
    location.trim_end_matches('/').rsplit('/').next()?.parse().ok()
}

fn read_page(answer: &Answer) -> Result<ReferralPage, Error> {
    let Value::Object(mut page) = answer.json()? else {
        return Err(answer.unreadable("it is no collection"));
    };
    let count = member(&page, "@odata.count").and_then(Value::as_u64);
    let next = match member(&page, "@odata.nextLink") {
        None | Some(Value::Null) => None,
        Some(_) if planted(Bug::SecondPageSkipped) => None,
        Some(link) => {
            let next = link.as_str().and_then(Continuation::from_link);
            // Ending here would pass a part of the list off as the whole.
            Some(next.ok_or_else(|| answer.unreadable("its continuation cannot be used"))?)
        }
    };
    let key = page.keys().find(|key| key.eq_ignore_ascii_case("value")).cloned();
    let Some(Value::Array(entries)) = key.and_then(|key| page.remove(&key)) else {
        return Err(answer.unreadable("it holds no list of referrals"));
    };
    let entries_count = entries.len();
    let items: Vec<_> = entries.into_iter().filter_map(|entry| Referral::from_json(entry).ok()).collect();
    let unreadable = entries_count - items.len();
    Ok(ReferralPage { items, unreadable, next, count, server_date: answer.server_date() })
}
