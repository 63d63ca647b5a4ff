//! GET of the list: query options, order, pages and continuation (reference, section 2.1).

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    State,
    book::{Document, Owner, Record},
    filter::{self, Filter},
    knobs::{CountMeaning, NextLink, RelatedVisibility},
    refusal::Refusal,
    select::{self, Select, option},
};

/// The property a list is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Created,
    Updated,
}

/// Everything a page asks for.
#[derive(Debug)]
struct Wanted {
    options: BTreeMap<String, String>,
    filter: Option<Filter>,
    order: Order,
    descending: bool,
    top: Option<usize>,
    skip: usize,
    select: Option<Select>,
    count: bool,
    after: Option<Position>,
    returned: usize,
}

/// Where a page ended: the order's value and the record's number, so that a page neither repeats nor skips records
/// because others moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Position(i64, i32, usize);

#[derive(Serialize, Deserialize)]
struct SkipToken {
    options: BTreeMap<String, String>,
    after: Position,
    returned: usize,
}

impl State {
    /// A page of the list.
    pub(super) fn list(
        &self,
        query: Vec<(String, String)>,
        who: usize,
        now: Timestamp,
    ) -> Result<Value, Refusal> {
        let wanted = self.wanted(query)?;
        let lag = SignedDuration::from_millis(self.knobs.list_lag_ms.try_into().unwrap_or(i64::MAX));
        let seen_at = now.checked_sub(lag).unwrap_or(now);
        let mut found: Vec<(Position, &Document)> = Vec::new();
        let mut total = 0;
        for (number, record) in self.book.all().iter().enumerate() {
            let Some((updated, document)) = listed(record, seen_at, now, lag.is_zero()) else {
                continue;
            };
            if !self.shows(record, &wanted) || !self.sees(who, record) {
                continue;
            }
            let key = if wanted.order == Order::Created { record.created } else { updated };
            let position = Position(key.as_second(), key.subsec_nanosecond(), number);
            let beyond = wanted
                .after
                .is_none_or(|after| if wanted.descending { position < after } else { position > after });
            if !beyond && !wanted.count {
                continue;
            }
            if wanted.filter.as_ref().is_some_and(|filter| !filter.passes(document)) {
                continue;
            }
            total += 1;
            if beyond {
                found.push((position, document));
            }
        }
        found.sort_unstable_by_key(|(position, _)| *position);
        if wanted.descending {
            found.reverse();
        }
        let skip = if wanted.after.is_some() { 0 } else { wanted.skip };
        let left = wanted.top.map_or(usize::MAX, |top| top.saturating_sub(wanted.returned));
        let size = self.knobs.page_size.min(left);
        let more = found.len() > skip.saturating_add(size) && left > size;
        let page: Vec<(Position, &Document)> = found.into_iter().skip(skip).take(size).collect();
        let mut body = json!({
            "@odata.context": format!("{}/referrals/$metadata#Referrals", self.api()),
            "value": page.iter().map(|(_, document)| self.selected(document, &wanted)).collect::<Vec<_>>(),
        });
        if wanted.count {
            let count = if self.knobs.count_meaning == CountMeaning::Total { total } else { page.len() };
            body["@odata.count"] = count.into();
        }
        if let (true, Some((last, _))) = (more, page.last()) {
            let token =
                SkipToken { options: wanted.options, after: *last, returned: wanted.returned + page.len() };
            body["@odata.nextLink"] = self.next_link(&token).into();
        }
        Ok(body)
    }

    fn shows(&self, record: &Record, wanted: &Wanted) -> bool {
        record.owner != Owner::Microsoft
            || match self.knobs.related_visibility {
                RelatedVisibility::Everywhere => true,
                RelatedVisibility::Engagement => {
                    wanted.filter.as_ref().is_some_and(|filter| filter.names("engagementId"))
                }
                RelatedVisibility::Hidden => false,
            }
    }

    fn selected(&self, document: &Document, wanted: &Wanted) -> Value {
        let mut whole = self.entity(document, false);
        if let Some(select) = &wanted.select {
            select.apply(&mut whole);
        }
        whole
    }

    fn next_link(&self, token: &SkipToken) -> String {
        let token = URL_SAFE_NO_PAD.encode(json!(token).to_string());
        match self.knobs.next_link {
            NextLink::Sane => format!("{}/referrals?$skiptoken={token}", self.api()),
            NextLink::Documented => {
                let host = self.base.split_once("://").map_or(self.base.as_str(), |(_, host)| host);
                format!("http://{host}/v1.0/referrals?$skiptoken={token}")
            }
        }
    }

    fn wanted(&self, query: Vec<(String, String)>) -> Result<Wanted, Refusal> {
        let mut options = BTreeMap::new();
        for (name, value) in query {
            if options.insert(name.clone(), value).is_some() {
                return Err(Refusal::invalid(format!("{name} is given twice."))
                    .on(&name)
                    .because("queryInvalid"));
            }
        }
        let token = options.remove("$skiptoken").map(|token| {
            let read = URL_SAFE_NO_PAD.decode(token).ok().and_then(|json| serde_json::from_slice(&json).ok());
            read.ok_or_else(|| option("$skiptoken", "is not one that this service gave out."))
        });
        let (options, after, returned) = match token.transpose()? {
            None => (options, None, 0),
            Some(SkipToken { options: first, after, returned }) => {
                // A continuation belongs to its query; repeating the query with it is harmless, changing it is not.
                if let Some((name, _)) = options.iter().find(|(name, value)| first.get(*name) != Some(*value))
                {
                    return Err(option(name, "differs from the query that $skiptoken continues."));
                }
                (first, Some(after), returned)
            }
        };
        let mut wanted = Wanted {
            options: BTreeMap::new(),
            filter: None,
            order: Order::Created,
            descending: false,
            top: None,
            skip: 0,
            select: None,
            count: self.knobs.count_unasked,
            after,
            returned,
        };
        for (name, value) in &options {
            match name.as_str() {
                "$filter" => {
                    let filter = filter::parse(value, self.knobs.filter_paths);
                    wanted.filter = Some(filter.map_err(|sentence| option("$filter", &sentence))?);
                }
                "$orderby" => (wanted.order, wanted.descending) = order(value)?,
                "$top" => wanted.top = Some(number(name, value)?),
                "$skip" => wanted.skip = number(name, value)?,
                "$select" => wanted.select = Some(Select::read(value)?),
                "$expand" => select::expand(value)?,
                "$count" => {
                    let asked: bool =
                        value.parse().map_err(|_| option("$count", "must be true or false."))?;
                    wanted.count |= asked;
                }
                _ => return Err(option(name, "is not a query option of this resource.")),
            }
        }
        wanted.options = options;
        Ok(wanted)
    }
}

/// The version of a record that lists show, and when it was written.
fn listed(
    record: &Record,
    seen_at: Timestamp,
    now: Timestamp,
    fresh: bool,
) -> Option<(Timestamp, &Document)> {
    if record.listed_from > now {
        return None;
    }
    if fresh {
        return Some((record.updated, &record.document));
    }
    record.version_at(seen_at).map(|(updated, document)| (*updated, &**document))
}

fn order(value: &str) -> Result<(Order, bool), Refusal> {
    let mut words = value.split_whitespace();
    let order = match words.next() {
        Some("createdDateTime") => Order::Created,
        Some("updatedDateTime") => Order::Updated,
        _ => return Err(option("$orderby", "takes createdDateTime or updatedDateTime.")),
    };
    let descending = match words.next() {
        None | Some("asc") => false,
        Some("desc") => true,
        Some(_) => return Err(option("$orderby", "takes asc or desc.")),
    };
    if words.next().is_some() {
        return Err(option("$orderby", "takes one property."));
    }
    Ok((order, descending))
}

fn number(name: &str, value: &str) -> Result<usize, Refusal> {
    value.parse().map_err(|_| option(name, "must be a whole number, not negative."))
}
