//! Counts remote calls by platform and kind, at the seam through which all of them pass.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{Method, Request};
use ports::{HttpService, Platform};
use tower::{Service as _, ServiceExt as _, service_fn, util::BoxCloneSyncService};

/// How many calls of each kind were made.
#[derive(Debug, Clone, Default)]
pub struct CallTally {
    counts: Arc<Mutex<BTreeMap<(&'static str, &'static str), u64>>>,
}

impl CallTally {
    /// The counts by platform, then kind.
    pub fn snapshot(&self) -> BTreeMap<String, BTreeMap<String, u64>> {
        let mut snapshot: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        for ((platform, kind), count) in
            self.counts.lock().expect("no code panics while holding this lock").iter()
        {
            snapshot.entry((*platform).to_owned()).or_default().insert((*kind).to_owned(), *count);
        }
        snapshot
    }

    fn count(&self, platform: Platform, kind: &'static str) {
        let mut counts = self.counts.lock().expect("no code panics while holding this lock");
        *counts.entry((platform.name(), kind)).or_insert(0) += 1;
    }
}

/// The same service, with every call counted as one of `platform`'s.
pub fn counted(inner: HttpService, platform: Platform, tally: CallTally) -> HttpService {
    BoxCloneSyncService::new(service_fn(move |request: Request<Bytes>| {
        tally.count(platform, kind(platform, &request));
        let mut inner = inner.clone();
        async move { inner.ready().await?.call(request).await }
    }))
}

fn kind(platform: Platform, request: &Request<Bytes>) -> &'static str {
    let path = request.uri().path();
    let has = |part: &str| path.contains(part);
    match platform {
        _ if has("/oauth2/") => "token",
        Platform::PartnerCenter if has("/registration") => "webhook registration",
        Platform::PartnerCenter => match *request.method() {
            Method::GET if path.ends_with("/referrals") => "list",
            Method::GET => "get",
            Method::POST => "create",
            _ => "patch",
        },
        Platform::Salesforce if has("/composite/sobjects") => "collections",
        Platform::Salesforce if has("/composite") => "composite",
        Platform::Salesforce if has("/query") => "query",
        Platform::Salesforce if has("/describe") => "describe",
        Platform::Salesforce => match *request.method() {
            Method::GET => "read",
            _ => "write",
        },
    }
}
