//! One row and its relatives, by id and by external id (salesforce reference, sections 2.4 and 2.6).

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    call::{Answer, Call},
    conditional::{etag, http_date},
    cursors::Size,
    errors::Fault,
    id::Id,
    org::{Caller, Org},
    routes::{PAGE, page_json},
    rows::Upserted,
    schema::system,
    tables::Row,
};

/// Ends of an external id that make a path look like a file to what stands before the org (section 2.6).
const DOMAIN_ENDINGS: [&str; 3] = [".com", ".net", ".org"];
/// Versions from which an upsert that changes a row answers with a body.
const UPSERT_BODY_SINCE: u32 = 46;

/// What a call does: `POST` with `_HttpMethod=PATCH` is a `PATCH`.
fn method(call: &Call) -> Method {
    match (&call.method, call.param("_HttpMethod")) {
        (&Method::POST, Some(other)) if other.eq_ignore_ascii_case("PATCH") => Method::PATCH,
        (method, _) => method.clone(),
    }
}

fn saved(id: Id) -> Value {
    json!({"id": id.to_string(), "success": true, "errors": []})
}

impl Org {
    pub(super) fn object_resource(
        &mut self,
        caller: &Caller,
        call: &Call,
        name: &str,
    ) -> Result<Answer, Fault> {
        let object = self.readable(caller, name)?;
        match call.method {
            Method::GET => Ok(Answer::ok(json!({
                "objectDescribe": self.outline(caller, object),
                "recentItems": [],
            }))),
            Method::POST => self.create(caller, call, object),
            _ => Err(Fault::method(call.method.as_str(), "GET,HEAD,POST")),
        }
    }

    pub(super) fn create(&mut self, caller: &Caller, call: &Call, object: usize) -> Result<Answer, Fault> {
        let body = call.object()?;
        if body.keys().any(|name| name.eq_ignore_ascii_case("Id")) {
            return Err(Fault::bad(
                "INVALID_FIELD",
                "The Id field should not be specified in the sobject data.",
            ));
        }
        let id = self.insert(caller, object, body)?;
        self.assign(call, caller, object, id);
        let url =
            format!("/services/data/v{}.0/sobjects/{}/{id}", caller.version, self.schema.object(object).name);
        Ok(Answer::with(StatusCode::CREATED, saved(id)).header("Location", url))
    }

    /// A row id in a path; what is none, or another object's, is simply not found.
    pub(super) fn row_id(&self, object: usize, text: &str) -> Result<Id, Fault> {
        let prefix = self.schema.object(object).prefix;
        Id::parse(text).filter(|id| id.prefix() == prefix).ok_or_else(Fault::not_found)
    }

    pub(super) fn row(
        &mut self,
        caller: &Caller,
        call: &Call,
        object: usize,
        id: Id,
    ) -> Result<Answer, Fault> {
        match method(call) {
            Method::GET | Method::HEAD => self.read(caller, call, object, id),
            Method::PATCH => {
                let row = self.live(object, id)?;
                self.check_shared(caller, object, &row)?;
                self.check_conditions(call, object, &row)?;
                let body = call.object()?;
                if body.keys().any(|name| name.eq_ignore_ascii_case("Id")) {
                    return Err(Fault::bad(
                        "INVALID_FIELD",
                        "The Id field should not be specified in the sobject data.",
                    ));
                }
                self.update(caller, object, id, body)?;
                Ok(Answer::bare(StatusCode::NO_CONTENT))
            }
            Method::DELETE => {
                self.delete(caller, object, id)?;
                Ok(Answer::bare(StatusCode::NO_CONTENT))
            }
            _ => Err(Fault::method(call.method.as_str(), "GET,HEAD,PATCH,DELETE")),
        }
    }

    fn read(&self, caller: &Caller, call: &Call, object: usize, id: Id) -> Result<Answer, Fault> {
        let row = self.tables.see(object, id, self.lens(caller.now)).ok_or_else(Fault::not_found)?;
        if row.deleted() {
            return Err(Fault::deleted());
        }
        self.check_shared(caller, object, row)?;
        self.check_conditions(call, object, row)?;
        let chosen = self.chosen(caller, call, object)?;
        Ok(self.shown(caller, object, row, chosen.as_deref()))
    }

    fn shown(&self, caller: &Caller, object: usize, row: &Row, chosen: Option<&[usize]>) -> Answer {
        let answer = Answer::ok(self.record_json(caller, object, row, chosen));
        let changed = row.cell(system::MODIFIED_DATE).as_time().map(http_date).unwrap_or_default();
        let answer = answer.header("Last-Modified", changed);
        if self.schema.object(object).name == "Account" { answer.header("ETag", etag(row)) } else { answer }
    }

    /// The positions in `?fields=`, with the id.
    fn chosen(&self, caller: &Caller, call: &Call, object: usize) -> Result<Option<Vec<usize>>, Fault> {
        let Some(names) = call.param("fields") else { return Ok(None) };
        let mut chosen = vec![system::ID];
        for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let at = self.position(caller.role, object, name);
            let at = at.ok_or_else(|| Fault::no_column(name, self.schema.object(object).name))?;
            if !chosen.contains(&at) {
                chosen.push(at);
            }
        }
        Ok(Some(chosen))
    }

    pub(super) fn by_external_id(
        &mut self,
        caller: &Caller,
        call: &Call,
        object: usize,
        key: &str,
        value: &str,
    ) -> Result<Answer, Fault> {
        if key.eq_ignore_ascii_case("Id") {
            let id = self.row_id(object, value)?;
            return self.row(caller, call, object, id);
        }
        let at = self
            .position(caller.role, object, key)
            .filter(|at| self.tables.keyed(object, *at))
            .ok_or_else(Fault::not_found)?;
        let name = self.schema.object(object).fields.get(at).map_or("", |field| field.name);
        let key = value.trim().to_lowercase();
        if self.knobs.domain_like_keys_lost && DOMAIN_ENDINGS.iter().any(|ending| key.ends_with(ending)) {
            return Err(Fault::not_found());
        }
        let found = self.matching_rows(caller, object, at, &key);
        let method = method(call);
        if method == Method::PATCH {
            let body = call.object()?;
            if body.keys().any(|own| own.eq_ignore_ascii_case("Id") || own.eq_ignore_ascii_case(name)) {
                return Err(Fault::bad(
                    "INVALID_FIELD",
                    format!("The {name} field should not be specified in the sobject data."),
                ));
            }
            if let [one] = found.as_slice() {
                let row = self.live(object, *one)?;
                self.check_conditions(call, object, &row)?;
            }
            let update_only = call.param("updateOnly").is_some_and(|text| text.eq_ignore_ascii_case("true"));
            let done = self.upsert(caller, object, at, value, body, update_only)?;
            return Ok(self.upserted(caller, object, &done));
        }
        let id = match found.as_slice() {
            [] => return Err(Fault::not_found()),
            [one] => *one,
            several => return Ok(self.upserted(caller, object, &Upserted::Several(several.to_vec()))),
        };
        match method {
            Method::GET | Method::HEAD => self.read(caller, call, object, id),
            Method::DELETE => {
                self.delete(caller, object, id)?;
                Ok(Answer::bare(StatusCode::NO_CONTENT))
            }
            _ => Err(Fault::method(call.method.as_str(), "GET,HEAD,PATCH,DELETE")),
        }
    }

    fn upserted(&self, caller: &Caller, object: usize, done: &Upserted) -> Answer {
        let url = |id: &Id| {
            format!("/services/data/v{}.0/sobjects/{}/{id}", caller.version, self.schema.object(object).name)
        };
        let body = |id: Id, created: bool| json!({"id": id.to_string(), "success": true, "errors": [], "created": created});
        match done {
            Upserted::Created(id) => {
                Answer::with(StatusCode::CREATED, body(*id, true)).header("Location", url(id))
            }
            Upserted::Updated(_) if caller.version < UPSERT_BODY_SINCE => {
                Answer::bare(StatusCode::NO_CONTENT)
            }
            Upserted::Updated(id) => Answer::ok(body(*id, false)),
            Upserted::Several(ids) => {
                Answer::with(StatusCode::MULTIPLE_CHOICES, json!(ids.iter().map(url).collect::<Vec<_>>()))
            }
        }
    }

    /// `GET /sobjects/X/{id}/{relationship}`: one parent, or the children as a query result.
    pub(super) fn related(
        &mut self,
        caller: &Caller,
        call: &Call,
        object: usize,
        id: Id,
        name: &str,
    ) -> Result<Answer, Fault> {
        let schema = std::sync::Arc::clone(&self.schema);
        let lens = self.lens(caller.now);
        let row = self
            .tables
            .see(object, id, lens)
            .filter(|row| !row.deleted())
            .cloned()
            .ok_or_else(Fault::not_found)?;
        if let Some((at, reference)) = schema.object(object).parent(name) {
            let target = reference.to.first().and_then(|to| schema.find(to)).ok_or_else(Fault::not_found)?;
            let parent = row.cell(at).as_id().and_then(|parent| self.tables.see(target, parent, lens));
            let parent = parent.filter(|parent| !parent.deleted()).ok_or_else(Fault::not_found)?;
            let chosen = self.chosen(caller, call, target)?;
            return Ok(self.shown(caller, target, parent, chosen.as_deref()));
        }
        let link = schema
            .children(schema.object(object).name)
            .into_iter()
            .find(|link| link.reference.children.is_some_and(|own| own.eq_ignore_ascii_case(name)))
            .ok_or_else(Fault::not_found)?;
        let chosen = self.chosen(caller, call, link.object)?;
        let records: Vec<Value> = self
            .tables
            .scan(link.object, lens)
            .filter(|child| !child.deleted() && child.cell(link.field).as_id() == Some(id))
            .map(|child| self.record_json(caller, link.object, child, chosen.as_deref()))
            .collect();
        let cursor = self.new_id("01g");
        let size = Size::Records(self.knobs.page_size.unwrap_or(PAGE));
        let page = self.cursors.first(cursor, caller.user, caller.now, records, size);
        Ok(Answer::ok(page_json(caller, page)))
    }
}
