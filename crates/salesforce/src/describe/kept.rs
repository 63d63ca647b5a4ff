//! Asking for descriptions, and keeping them as long as the server says that they hold.

use std::{collections::HashMap, sync::Arc, time::Duration};

use http::{Method, StatusCode, header};
use serde::Deserialize as _;

use super::{Describe, GlobalDescribe, global::RawGlobal};
use crate::{
    CallContext, Client, ObjectName, Result,
    client::{Answer, Call},
    http_date, parse_http_date,
};

/// Most descriptions kept in memory; past it all are forgotten and asked for again.
const MAX_KEPT: usize = 64;
/// How far before the answer's own date a description without `Last-Modified` is said to hold: dates have whole
/// seconds, and a change later in the same second must not be missed.
const DATE_MARGIN: Duration = Duration::from_secs(1);

/// What is kept, each with the date that the server is asked by.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// By lower-case object name.
    objects: HashMap<String, (String, Arc<Describe>)>,
    global: Option<(String, Arc<GlobalDescribe>)>,
}

impl Client {
    /// Lists the objects that this user may see; asks the server each time whether the kept list still holds.
    pub async fn objects(&self, context: CallContext) -> Result<Arc<GlobalDescribe>> {
        let kept = self.kept_describes().global.clone();
        self.listed(context, kept).await
    }

    /// Lists them anew; see [`Client::describe_anew`] for why.
    pub async fn objects_anew(&self, context: CallContext) -> Result<Arc<GlobalDescribe>> {
        self.listed(context, None).await
    }

    /// Describes an object; asks the server each time whether the kept description still holds.
    pub async fn describe(&self, context: CallContext, object: &ObjectName) -> Result<Arc<Describe>> {
        let kept = self.kept_describes().objects.get(&key(object)).cloned();
        self.described(context, object, kept).await
    }

    /// Describes an object anew. It is not documented that a change of field permissions makes a kept description
    /// stale in the server's eyes: whoever asks because of a lost permission asks here.
    pub async fn describe_anew(&self, context: CallContext, object: &ObjectName) -> Result<Arc<Describe>> {
        self.described(context, object, None).await
    }

    async fn listed(
        &self,
        context: CallContext,
        kept: Option<(String, Arc<GlobalDescribe>)>,
    ) -> Result<Arc<GlobalDescribe>> {
        let path = format!("{}/sobjects", self.version_root());
        let (answer, kept) = self.ask(context, path, kept).await?;
        if let Some(kept) = kept {
            return Ok(kept);
        }
        let raw = RawGlobal::deserialize(answer.json()?)
            .map_err(|_| answer.unreadable("not the shape of a list of objects"))?;
        let global = Arc::new(GlobalDescribe::from(raw));
        if let Some(date) = holds_since(&answer) {
            self.kept_describes().global = Some((date, Arc::clone(&global)));
        }
        Ok(global)
    }

    async fn described(
        &self,
        context: CallContext,
        object: &ObjectName,
        kept: Option<(String, Arc<Describe>)>,
    ) -> Result<Arc<Describe>> {
        let path = format!("{}/sobjects/{object}/describe", self.version_root());
        let (answer, kept) = self.ask(context, path, kept).await?;
        if let Some(kept) = kept {
            return Ok(kept);
        }
        let describe = Describe::deserialize(answer.json()?)
            .map_err(|_| answer.unreadable("not the shape of a description"))?;
        let describe = Arc::new(describe);
        if let Some(date) = holds_since(&answer) {
            let mut kept = self.kept_describes();
            if kept.objects.len() >= MAX_KEPT {
                kept.objects.clear();
            }
            kept.objects.insert(key(object), (date, Arc::clone(&describe)));
        }
        Ok(describe)
    }

    /// Asks, with the date of what is kept; gives that back if it still holds.
    async fn ask<T>(
        &self,
        context: CallContext,
        path: String,
        kept: Option<(String, Arc<T>)>,
    ) -> Result<(Answer, Option<Arc<T>>)> {
        let mut call = Call::new(Method::GET, path);
        if let Some((since, _)) = &kept {
            call = call.header(header::IF_MODIFIED_SINCE.as_str(), since.clone());
        }
        let answer = self.call(context, call).await?;
        if answer.status != StatusCode::NOT_MODIFIED.as_u16() {
            return Ok((answer, None));
        }
        match kept {
            Some((_, kept)) => Ok((answer, Some(kept))),
            None => Err(answer.unreadable("unchanged, but never asked for")),
        }
    }
}

fn key(object: &ObjectName) -> String {
    object.as_str().to_ascii_lowercase()
}

/// The date to ask by next time, in the server's own words where it gives any.
fn holds_since(answer: &Answer) -> Option<String> {
    if let Some(date) = answer.header(header::LAST_MODIFIED) {
        return Some(date.to_owned());
    }
    let date = parse_http_date(answer.header(header::DATE)?)?;
    Some(http_date(date.saturating_sub(DATE_MARGIN).ok()?))
}
