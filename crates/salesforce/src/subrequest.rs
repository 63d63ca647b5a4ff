//! One call inside a call: its name, what it asks, what it was answered. The parts of `composite` and of `graph`.

use std::{collections::BTreeMap, fmt};

use http::{HeaderName, HeaderValue, Method};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    Client, Error, FieldPath, Fields, Misuse, ObjectName, QueryPage, RecordId, Refusal, Result, http_date,
    refusal::refused_inside, rows::check_fields, soql::Soql,
};

/// The header that lets duplicate rules pass which only warn (salesforce reference, section 2.5).
pub(crate) const ALLOW_DUPLICATE_ALERTS: (&str, &str) = ("Sforce-Duplicate-Rule-Header", "allowSave=true");
/// Headers that the platform refuses on a subrequest.
const FORBIDDEN_HEADERS: [&str; 3] = ["accept", "authorization", "content-type"];

/// The name of a subrequest inside its call: a letter or digit, then letters, digits, underscores. Case matters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReferenceId(String);

impl ReferenceId {
    /// Checks `text`; at most 40 characters.
    pub fn new(text: impl Into<String>) -> Result<Self, Misuse> {
        let text = text.into();
        let fits = text.len() <= 40
            && text.starts_with(|first: char| first.is_ascii_alphanumeric())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if fits { Ok(Self(text)) } else { Err(Misuse::ReferenceId(text.chars().take(40).collect())) }
    }

    /// `<letter><number>`, such as `r12`: always well-formed.
    pub fn numbered(number: usize) -> Self {
        Self(format!("r{number}"))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands for the identifier of the record that the subrequest of this name makes.
    fn its_id(&self) -> String {
        format!("@{{{self}.id}}")
    }
}

impl fmt::Display for ReferenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a subrequest does; decides its bounds and what a lost answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Write,
    Read,
    Query,
}

/// One call inside a composite call, or a node of a graph. `Debug` shows no values.
#[derive(Clone)]
pub struct Subrequest {
    pub(crate) reference_id: ReferenceId,
    pub(crate) kind: Kind,
    method: Method,
    /// Below the version's root, with a leading slash.
    path: String,
    fields: Option<Fields>,
    /// Fields that take their value from the result of an earlier subrequest.
    references: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    /// The first thing that was wrong with what it was built from; told when it is to be sent.
    wrong: Option<Misuse>,
}

impl Subrequest {
    fn new(reference_id: ReferenceId, kind: Kind, method: Method, path: String) -> Self {
        Self {
            reference_id,
            kind,
            method,
            path,
            fields: None,
            references: Vec::new(),
            headers: Vec::new(),
            wrong: None,
        }
    }

    /// Changes the given fields of a record. Add [`Subrequest::if_unmodified_since`] for a compare-and-set.
    pub fn update(reference_id: ReferenceId, object: &ObjectName, id: RecordId, fields: Fields) -> Self {
        let path = format!("/sobjects/{object}/{id}");
        Self::new(reference_id, Kind::Write, Method::PATCH, path).with_fields(fields)
    }

    /// Changes the given fields of the record that an earlier [`Subrequest::insert`] of the same call makes.
    pub fn update_inserted(
        reference_id: ReferenceId,
        object: &ObjectName,
        inserted: &ReferenceId,
        fields: Fields,
    ) -> Self {
        let path = format!("/sobjects/{object}/{}", inserted.its_id());
        Self::new(reference_id, Kind::Write, Method::PATCH, path).with_fields(fields)
    }

    /// Creates a record. Not idempotent: let the fields carry a unique key.
    pub fn insert(reference_id: ReferenceId, object: &ObjectName, fields: Fields) -> Self {
        let path = format!("/sobjects/{object}");
        Self::new(reference_id, Kind::Write, Method::POST, path).with_fields(fields)
    }

    /// Puts a record into the recycle bin. The platform knows no condition for it.
    pub fn delete(reference_id: ReferenceId, object: &ObjectName, id: RecordId) -> Self {
        Self::new(reference_id, Kind::Write, Method::DELETE, format!("/sobjects/{object}/{id}"))
    }

    /// Reads fields of one record.
    pub fn get(reference_id: ReferenceId, object: &ObjectName, id: RecordId, fields: &[FieldPath]) -> Self {
        let fields: Vec<&str> = fields.iter().map(FieldPath::as_str).collect();
        let path = format!("/sobjects/{object}/{id}?fields={}", fields.join(","));
        Self::new(reference_id, Kind::Read, Method::GET, path)
    }

    /// Asks a query; its answer is read by [`Subresponse::page`].
    pub fn query(reference_id: ReferenceId, soql: &Soql) -> Self {
        let encoded = soql.encoded();
        let path = format!("/query?q={}", encoded.as_deref().unwrap_or_default());
        Self { wrong: encoded.err(), ..Self::new(reference_id, Kind::Query, Method::GET, path) }
    }

    fn with_fields(mut self, fields: Fields) -> Self {
        self.wrong = check_fields(&fields).err().or(self.wrong);
        self.fields = Some(fields);
        self
    }

    /// Refuses the write with 412 if the record was changed after `stamp`, its `SystemModstamp` as read. The platform
    /// compares whole seconds: two changes within one second pass (salesforce reference, section 2.14).
    pub fn if_unmodified_since(self, stamp: Timestamp) -> Self {
        self.header("If-Unmodified-Since", &http_date(stamp))
    }

    /// Keeps assignment rules from giving the record to somebody else.
    pub fn without_assignment_rules(self) -> Self {
        self.header("Sforce-Auto-Assign", "FALSE")
    }

    /// Adds a header of any other kind.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let well_formed = HeaderName::try_from(name).is_ok() && HeaderValue::try_from(value).is_ok();
        let forbidden = FORBIDDEN_HEADERS.iter().any(|header| header.eq_ignore_ascii_case(name));
        if !well_formed || forbidden {
            self.wrong = Some(Misuse::Header(name.to_owned()));
        } else {
            self.headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Lets `field` take the identifier of the record that an earlier [`Subrequest::insert`] made.
    pub fn refer(mut self, field: impl Into<String>, inserted: &ReferenceId) -> Self {
        self.references.push((field.into(), inserted.its_id()));
        self
    }

    /// Lets the customer's duplicate rules that only warn pass; those that block refuse it all the same.
    pub(crate) fn allowing_duplicate_alerts(self) -> Self {
        let (name, value) = ALLOW_DUPLICATE_ALERTS;
        self.header(name, value)
    }

    /// Method and object: what the platform is taken to count as the kind of a graph's node: inferred, the stricter reading.
    pub(crate) fn node_kind(&self) -> (&Method, &str) {
        (&self.method, self.path.split('/').nth(2).unwrap_or_default())
    }

    /// The names of the subrequests that it refers to.
    pub(crate) fn refers_to(&self) -> impl Iterator<Item = &str> {
        let texts = self.references.iter().map(|(_, value)| value).chain([&self.path]);
        texts.filter_map(|text| text.split_once("@{")?.1.split_once('.').map(|(name, _)| name))
    }

    /// The subrequest's name.
    pub fn reference_id(&self) -> &ReferenceId {
        &self.reference_id
    }

    /// The field, if any, whose value the platform would take for a reference (`@{`). Such a record cannot be written
    /// in a composite call: no escape is documented. Write it by [`Client::update`] or [`Client::insert`].
    pub fn ambiguous_field(&self) -> Option<&str> {
        let fields = self.fields.iter().flat_map(Map::iter);
        fields.filter(|(_, value)| looks_like_reference(value)).map(|(name, _)| name.as_str()).next()
    }

    pub(crate) fn into_json(self, root: &str, tag: &str) -> Result<Value, Misuse> {
        if let Some(field) = self.ambiguous_field() {
            let reference_id = self.reference_id.0.clone();
            return Err(Misuse::LooksLikeReference { reference_id, field: field.to_owned() });
        }
        if let Some(wrong) = self.wrong {
            return Err(wrong);
        }
        let mut subrequest = json!({
            "method": self.method.as_str(),
            "url": format!("{root}{}", self.path),
            "referenceId": self.reference_id.0,
        });
        let mut headers: Map<String, Value> =
            self.headers.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
        if self.kind == Kind::Write
            && !headers.keys().any(|name| name.eq_ignore_ascii_case("Sforce-Call-Options"))
        {
            // It is not documented that the outer call's tag reaches the change events.
            headers.insert("Sforce-Call-Options".to_owned(), format!("client={tag}").into());
        }
        if !headers.is_empty() {
            subrequest["httpHeaders"] = headers.into();
        }
        if let Some(mut fields) = self.fields {
            fields.extend(self.references.into_iter().map(|(field, value)| (field, Value::String(value))));
            subrequest["body"] = fields.into();
        }
        Ok(subrequest)
    }
}

impl fmt::Debug for Subrequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subrequest")
            .field("reference_id", &self.reference_id.0)
            .field("method", &self.method)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

fn looks_like_reference(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("@{"),
        Value::Array(values) => values.iter().any(looks_like_reference),
        Value::Object(map) => map.values().any(looks_like_reference),
        _ => false,
    }
}

/// The answer to one subrequest. `Debug` shows no values.
#[derive(Clone, PartialEq, Eq)]
pub struct Subresponse {
    /// Which subrequest it answers.
    pub reference_id: ReferenceId,
    /// Its own HTTP status.
    pub status: u16,
    /// Its own headers.
    pub headers: BTreeMap<String, String>,
    /// Its body; `null` if it has none.
    pub body: Value,
    write: bool,
}

impl Subresponse {
    /// The body, or why it was refused.
    pub fn outcome(&self) -> Result<&Value, Refusal> {
        if (200..300).contains(&self.status) {
            return refused_inside(&self.body, self.write).map_or(Ok(&self.body), Err);
        }
        Err(Refusal::from_value(self.status, &self.body, self.write))
    }

    /// The identifier of the record that an insert made.
    pub fn inserted_id(&self) -> Result<RecordId> {
        let id = self.outcome()?.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok());
        id.ok_or(Error::Unreadable { status: self.status, reason: "no id of the new record", write: true })
    }

    /// The page that a query gave.
    pub fn page(&self, server_date: Timestamp) -> Result<QueryPage> {
        QueryPage::read(self.outcome()?, server_date, self.status)
    }
}

impl fmt::Debug for Subresponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subresponse")
            .field("reference_id", &self.reference_id.0)
            .field("status", &self.status)
            .field("refusal", &self.outcome().err())
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RawPart {
    #[serde(default)]
    body: Value,
    #[serde(default)]
    http_headers: Map<String, Value>,
    http_status_code: u16,
    reference_id: String,
}

/// The answers in the order of what was asked, one for each; what is wrong with them otherwise.
pub(crate) fn in_order(
    asked: Vec<(ReferenceId, Kind)>,
    answered: Vec<RawPart>,
) -> Result<Vec<Subresponse>, &'static str> {
    let mut found = BTreeMap::new();
    for part in answered {
        if found.insert(part.reference_id.clone(), part).is_some() {
            return Err("a part is answered twice");
        }
    }
    let parts = asked.into_iter().map(|(reference_id, kind)| {
        let part = found.remove(&reference_id.0).ok_or("a part is missing")?;
        let headers = part.http_headers.into_iter();
        Ok(Subresponse {
            reference_id,
            status: part.http_status_code,
            headers: headers.filter_map(|(k, v)| Some((k, v.as_str()?.to_owned()))).collect(),
            body: part.body,
            write: kind == Kind::Write,
        })
    });
    parts.collect()
}

/// The names and kinds of the subrequests; an error if two have one name.
pub(crate) fn names(subrequests: &[Subrequest]) -> Result<Vec<(ReferenceId, Kind)>, Misuse> {
    let mut names: Vec<(ReferenceId, Kind)> = Vec::with_capacity(subrequests.len());
    for subrequest in subrequests {
        if names.iter().any(|(reference_id, _)| *reference_id == subrequest.reference_id) {
            return Err(Misuse::ReferenceId(subrequest.reference_id.0.clone()));
        }
        names.push((subrequest.reference_id.clone(), subrequest.kind));
    }
    Ok(names)
}

impl Client {
    /// The subrequest as it is sent: with the client's tag, and with what the configuration allows.
    pub(crate) fn part(&self, subrequest: Subrequest) -> Result<Value, Misuse> {
        let allows = subrequest.kind == Kind::Write && self.allows_duplicate_alerts();
        let subrequest = if allows { subrequest.allowing_duplicate_alerts() } else { subrequest };
        subrequest.into_json(self.version_root(), self.client_tag())
    }
}
