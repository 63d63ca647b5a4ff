//! From a path below `/services/data` to what answers it (salesforce reference, sections 2.1, 2.4, 2.6, 2.8).

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    call::{Answer, Call},
    conditional::{http_date, since},
    cursors::{Page, Size},
    errors::Fault,
    id::Id,
    knobs::Permission,
    org::{Caller, Org},
    soql::{
        columns,
        eval::{self, Found},
    },
};

/// Versions answered, oldest and newest; those from 21 up to the oldest are retired.
const OLDEST: u32 = 31;
const NEWEST: u32 = 68;
/// Rows on a query page unless the caller asks for fewer.
pub(super) const PAGE: usize = 2_000;
const SMALLEST_PAGE: usize = 200;

/// `GET /services/data`.
pub(crate) fn versions() -> Value {
    let seasons = ["Winter", "Spring", "Summer"];
    let list: Vec<Value> = (OLDEST..=NEWEST)
        .map(|version| {
            // Winter '27 is 68; three releases a year.
            let releases = version - 29;
            let (season, year) = (releases % 3, 14 + releases / 3);
            let season = seasons.get(usize::try_from(season).unwrap_or_default()).copied().unwrap_or("Winter");
            json!({"label": format!("{season} '{year}"), "url": format!("/services/data/v{version}.0"), "version": format!("{version}.0")})
        })
        .collect();
    Value::Array(list)
}

/// The whole number of `vXX.X`.
///
/// # Errors
/// 410 for a retired version, 404 for one that never was.
pub(crate) fn version(segment: &str) -> Result<u32, Fault> {
    let number =
        segment.strip_prefix('v').and_then(|text| text.strip_suffix(".0")).and_then(|text| text.parse().ok());
    match number {
        Some(version) if (OLDEST..=NEWEST).contains(&version) => Ok(version),
        Some(21..OLDEST) => Err(Fault::new(
            StatusCode::GONE,
            "UNSUPPORTED_API_VERSION",
            format!("API version {segment} is retired"),
        )),
        _ => Err(Fault::not_found()),
    }
}

/// Path segments and query pairs of a relative url, decoded. A plus sign is a space only in the query.
pub(crate) fn split_url(url: &str) -> (Vec<String>, Vec<(String, String)>) {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let decode = |part: &str| {
        let kept = format!("x={}", part.replace('+', "%2B").replace('&', "%26"));
        url::form_urlencoded::parse(kept.as_bytes())
            .next()
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default()
    };
    let path = path.split('/').filter(|part| !part.is_empty()).map(decode).collect();
    (path, url::form_urlencoded::parse(query.as_bytes()).into_owned().collect())
}

/// Whether a duplicate-rule header lets alerts pass.
pub(crate) fn allows_duplicates(header: &str) -> bool {
    header.split([';', ',']).any(|part| part.trim().eq_ignore_ascii_case("allowSave=true"))
}

impl Org {
    /// Answers a call; a refusal becomes its body, and nothing of it stays.
    pub(crate) fn answer(&mut self, caller: &Caller, call: &Call) -> Answer {
        let mark = self.mark();
        let outer = self.sign(caller, call);
        let answer = match self.route(caller, call) {
            Ok(answer) => answer,
            Err(fault) => {
                self.roll_back(mark);
                Answer::fault(&fault)
            }
        };
        self.tables.signed = outer;
        answer
    }

    fn route(&mut self, caller: &Caller, call: &Call) -> Result<Answer, Fault> {
        let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
        let get = call.method == Method::GET || call.method == Method::HEAD;
        let only_get = || if get { Ok(()) } else { Err(Fault::method(call.method.as_str(), "GET,HEAD")) };
        let only_post = || {
            if call.method == Method::POST {
                Ok(())
            } else {
                Err(Fault::method(call.method.as_str(), "POST"))
            }
        };
        match path.as_slice() {
            [] => {
                only_get()?;
                Ok(Answer::ok(self.resources(caller)))
            }
            ["limits"] => {
                only_get()?;
                self.require(caller, Permission::ViewSetup)?;
                Ok(Answer::ok(self.usage.json(self.knobs.daily_limit, &self.knobs.bulk, caller.now)))
            }
            ["limits", "recordCount"] => {
                only_get()?;
                self.record_count(caller, call)
            }
            ["tooling", "query"] => {
                only_get()?;
                self.require(caller, Permission::ViewSetup)?;
                self.show_setup(caller.user, caller.now);
                let text = call
                    .param("q")
                    .ok_or_else(|| Fault::bad("MALFORMED_QUERY", "A query string has to be specified"))?;
                self.check_api(text, true)?;
                self.query(caller, call, text, false)
            }
            ["tooling", "sobjects", kind] => self.tooling_create(caller, call, kind),
            ["tooling", "sobjects", kind, id] => self.tooling_row(caller, call, kind, id),
            ["query" | "queryAll"] => {
                only_get()?;
                let text = call
                    .param("q")
                    .ok_or_else(|| Fault::bad("MALFORMED_QUERY", "A query string has to be specified"))?;
                self.check_api(text, false)?;
                self.query(caller, call, text, path == ["queryAll"])
            }
            ["query" | "queryAll", locator] => {
                only_get()?;
                let page = self.cursors.next(locator, caller.user, caller.now);
                let page =
                    page.ok_or_else(|| Fault::bad("INVALID_QUERY_LOCATOR", "invalid query locator"))?;
                Ok(Answer::ok(page_json(caller, page)))
            }
            ["composite"] => {
                only_post()?;
                self.composite(caller, call)
            }
            ["composite", "graph"] => {
                only_post()?;
                self.graphs(caller, call)
            }
            ["composite", "batch"] => {
                only_post()?;
                self.batch(caller, call)
            }
            ["composite", "tree", name] => {
                only_post()?;
                let object = self.readable(caller, name)?;
                self.tree(caller, call, object)
            }
            ["composite", "sobjects", ..] => {
                let rest: Vec<String> = call.path.iter().skip(2).cloned().collect();
                self.collections(caller, call, &rest)
            }
            ["sobjects"] => {
                only_get()?;
                since(call, self.schema_changed)?;
                Ok(Answer::ok(self.describe_global(caller)))
            }
            ["sobjects", name] => self.object_resource(caller, call, name),
            ["sobjects", name, "describe"] => {
                only_get()?;
                let object = self.readable(caller, name)?;
                since(call, self.schema_changed)?;
                let changed = http_date(self.schema_changed);
                Ok(Answer::ok(self.describe(caller, object)).header("Last-Modified", changed))
            }
            ["sobjects", name, which @ ("updated" | "deleted")] => {
                only_get()?;
                let object = self.readable(caller, name)?;
                self.replicate(caller, call, object, *which == "deleted")
            }
            ["sobjects", name, "Id"] if call.method == Method::POST => {
                let object = self.readable(caller, name)?;
                self.create(caller, call, object)
            }
            ["sobjects", name, id] => {
                let object = self.readable(caller, name)?;
                let id = self.row_id(object, id)?;
                self.row(caller, call, object, id)
            }
            ["sobjects", name, key, value] => {
                let object = self.readable(caller, name)?;
                match Id::parse(key).filter(|id| self.object_of(*id) == Some(object)) {
                    Some(id) => {
                        only_get()?;
                        self.related(caller, call, object, id, value)
                    }
                    None => self.by_external_id(caller, call, object, key, value),
                }
            }
            _ => Err(Fault::not_found()),
        }
    }

    fn resources(&self, caller: &Caller) -> Value {
        let base = format!("/services/data/v{}.0", caller.version);
        let mut all = serde_json::Map::new();
        for name in ["sobjects", "query", "queryAll", "composite", "limits", "jobs"] {
            all.insert(name.into(), json!(format!("{base}/{name}")));
        }
        all.insert("identity".into(), json!(self.identity_url(caller.user)));
        Value::Object(all)
    }

    fn record_count(&self, caller: &Caller, call: &Call) -> Result<Answer, Fault> {
        let mut counts = Vec::new();
        for name in call.param("sObjects").unwrap_or_default().split(',').filter(|name| !name.is_empty()) {
            let object = self.readable(caller, name.trim())?;
            let count = self.tables.all(object).filter(|row| !row.deleted()).count();
            counts.push(json!({"name": self.schema.object(object).name, "count": count}));
        }
        Ok(Answer::ok(json!({"sObjects": counts})))
    }

    fn query(&mut self, caller: &Caller, call: &Call, text: &str, all_rows: bool) -> Result<Answer, Fault> {
        if call.param("columns") == Some("true") {
            return columns::columns(self, caller, text).map(Answer::ok);
        }
        let (mut records, wide) = match eval::run(self, caller, text, all_rows)? {
            Found::Count(count) => {
                return Ok(Answer::ok(json!({"totalSize": count, "done": true, "records": []})));
            }
            Found::Groups(records) => {
                return Ok(Answer::ok(json!({"totalSize": records.len(), "done": true, "records": records})));
            }
            Found::Records { records, wide } => (records, wide),
        };
        let asked = call.header("sforce-query-options").and_then(|options| {
            options
                .split(',')
                .find_map(|option| option.trim().strip_prefix("batchSize=")?.trim().parse().ok())
        });
        let asked = asked.unwrap_or(PAGE).clamp(SMALLEST_PAGE, PAGE);
        self.page_children(caller, &mut records, self.knobs.child_page_size.unwrap_or(asked));
        let size = match self.knobs.page_size {
            Some(size) => Size::Records(size),
            None if wide => Size::Rows(asked.min(SMALLEST_PAGE)),
            None => Size::Rows(asked),
        };
        let id = self.new_id("01g");
        let page = self.cursors.first(id, caller.user, caller.now, records, size);
        Ok(Answer::ok(page_json(caller, page)))
    }

    /// Cuts long lists of children, each with pages of its own.
    fn page_children(&mut self, caller: &Caller, records: &mut [Value], size: usize) {
        for list in records.iter_mut().filter_map(Value::as_object_mut).flat_map(|record| record.values_mut())
        {
            let long = list.get("records").and_then(Value::as_array).is_some_and(|rows| rows.len() > size);
            if let Some(rows) = list.get_mut("records").filter(|_| long).and_then(Value::as_array_mut) {
                let rows = std::mem::take(rows);
                let id = self.new_id("01g");
                let page = self.cursors.first(id, caller.user, caller.now, rows, Size::Records(size));
                *list = page_json(caller, page);
            }
        }
    }
}

pub(super) fn page_json(caller: &Caller, page: Page) -> Value {
    let mut body = json!({"totalSize": page.total, "done": page.next.is_none(), "records": page.records});
    if let (Some(next), Value::Object(body)) = (page.next, &mut body) {
        body.insert(
            "nextRecordsUrl".into(),
            json!(format!("/services/data/v{}.0/query/{next}", caller.version)),
        );
    }
    body
}
