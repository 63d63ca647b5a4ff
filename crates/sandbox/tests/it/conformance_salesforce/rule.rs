//! A rule of the Salesforce reference as a row: what is asked of a fresh org, what comes back, what is there afterwards.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use http::Request;
use jiff::{SignedDuration, Timestamp};
use sandbox::{exchange::Machine as _, salesforce::Salesforce, world::World};
use serde_json::{Value, json};

/// How much of an answer a failure shows, in characters.
const SHOWN: usize = 400;
/// The version that paths of rules are below.
const DATA: &str = "/services/data/v66.0";

/// An answer, read.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: http::HeaderMap,
    pub(super) body: Value,
}

impl Reply {
    /// The code of a refusal, in either of its two shapes.
    pub(super) fn code(&self) -> &str {
        ["/0/errorCode", "/0/errors/0/statusCode"]
            .iter()
            .find_map(|pointer| self.body.pointer(pointer)?.as_str())
            .unwrap_or_default()
    }

    fn at(&self, pointer: &str) -> Option<Value> {
        match pointer.strip_prefix('#') {
            Some(name) => self.headers.get(name).map(|value| Value::from(value.to_str().unwrap())),
            None => self.body.pointer(pointer).cloned(),
        }
    }
}

/// An org, its clock, and two callers: the product's own user and a seller.
///
/// | name | what |
/// |---|---|
/// | `account`, `contact` | a customer and a person there |
/// | `opportunity` | a deal of the account, owned by the seller |
/// | `me`, `seller`, `kim`, `former` | users: the product's, two sellers, one who left |
/// | `tomorrow`, `yesterday`, `now` | HTTP dates |
pub(super) struct Desk {
    pub(super) machine: Salesforce,
    now: Timestamp,
    seller: String,
    product: String,
    pub(super) known: BTreeMap<String, String>,
}

impl Desk {
    pub(super) fn new() -> Self {
        let machine = Salesforce::new(&Arc::new(World::new(7)));
        let credentials = machine.credentials("http://sf.test");
        let now: Timestamp = "2026-11-22T06:00:00.400Z".parse().unwrap();
        let text = |pointer: &str| credentials.pointer(pointer).unwrap().as_str().unwrap().to_owned();
        let seller = text("/seller/access_token");
        let mut desk = Self { machine, now, seller, product: String::new(), known: BTreeMap::new() };
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}",
            text("/consumer_key"),
            text("/consumer_secret")
        );
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let token = desk.raw("POST", "/services/oauth2/token", &headers, Bytes::from(form));
        token.body["access_token"].as_str().unwrap().clone_into(&mut desk.product);
        let users = desk.ask("GET", "/query?q=SELECT+Id,Username+FROM+User", &[], None, true).body;
        for user in users["records"].as_array().unwrap() {
            let name = user["Username"].as_str().unwrap();
            let known = [("cosell@", "me"), ("noa.", "seller"), ("kim.", "kim"), ("former.", "former")];
            if let Some((_, short)) = known.iter().find(|(start, _)| name.starts_with(start)) {
                desk.known.insert((*short).to_owned(), user["Id"].as_str().unwrap().to_owned());
            }
        }
        let place = json!({"Name": "Contoso", "BillingCountry": "Switzerland"});
        desk.make("account", "Account", &place);
        desk.make("contact", "Contact", &json!({"LastName": "Meier", "AccountId": "{account}"}));
        let deal = json!({"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2027-01-31",
            "AccountId": "{account}", "Amount": 1_000});
        desk.make("opportunity", "Opportunity", &deal);
        desk
    }

    fn make(&mut self, name: &str, object: &str, body: &Value) {
        let body = self.filled(&body.to_string());
        let reply = self.ask("POST", &format!("/sobjects/{object}"), &[], Some(&body), true);
        assert_eq!(reply.status, 201, "{}", reply.body);
        self.known.insert(name.to_owned(), reply.body["id"].as_str().unwrap().to_owned());
    }

    pub(super) fn knobs(&self, knobs: &Value) {
        let knobs = serde_json::from_str(&self.filled(&knobs.to_string())).unwrap();
        self.machine.set_knobs(&knobs, self.now).unwrap();
    }

    /// Lets somebody act in the user interface.
    pub(super) fn act(&self, actor: &str, body: &Value) -> Value {
        self.machine.act(actor, body, self.now).unwrap()
    }

    /// The product's token.
    pub(super) fn token(&self) -> &str {
        &self.product
    }

    pub(super) fn pass(&mut self, time: SignedDuration) {
        self.now = self.now.checked_add(time).unwrap();
    }

    pub(super) fn raw(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Bytes) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.machine.handle(request.body(body).unwrap(), self.now);
        let (head, body) = response.into_parts();
        Reply {
            status: head.status.as_u16(),
            headers: head.headers,
            body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        }
    }

    /// A call with a token; a path that does not begin with `/services` is below the present version.
    pub(super) fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
        seller: bool,
    ) -> Reply {
        let bearer = format!("Bearer {}", if seller { &self.seller } else { &self.product });
        let mut all = vec![("authorization", bearer.as_str())];
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            all.push(("content-type", "application/json"));
        }
        all.extend_from_slice(headers);
        let path = if path.starts_with("/services") { path.to_owned() } else { format!("{DATA}{path}") };
        self.raw(method, &path, &all, Bytes::from(body.unwrap_or_default().to_owned()))
    }

    /// `text` with every `{name}` filled in.
    pub(super) fn filled(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, hours) in [("{now}", 0), ("{tomorrow}", 24), ("{yesterday}", -24)] {
            let at = self.now.checked_add(SignedDuration::from_hours(hours)).unwrap();
            text = text.replace(name, &at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
        }
        for (name, id) in &self.known {
            text = text.replace(&format!("{{{name}}}"), id);
        }
        text
    }
}

#[derive(Debug)]
enum Expected {
    Is(Value),
    Holds(&'static str),
    Present,
    Absent,
    Long(usize),
}

#[derive(Debug)]
struct Step {
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Option<String>,
    seller: bool,
}

/// One rule, asked of a fresh [`Desk`] as the product's own user unless it says otherwise.
#[derive(Debug)]
pub(super) struct Rule {
    says: String,
    knobs: Vec<Value>,
    actors: Vec<(&'static str, Value)>,
    prior: Vec<Step>,
    later: Value,
    call: Step,
    status: u16,
    code: &'static str,
    facts: Vec<(&'static str, Expected)>,
    after: Vec<(String, &'static str, Expected)>,
}

/// A rule in the reference's words, or nearly.
pub(super) fn rule(says: impl Into<String>) -> Rule {
    Rule {
        says: says.into(),
        knobs: Vec::new(),
        actors: Vec::new(),
        prior: Vec::new(),
        later: Value::Null,
        call: Step { method: "GET", path: String::new(), headers: Vec::new(), body: None, seller: false },
        status: 200,
        code: "",
        facts: Vec::new(),
        after: Vec::new(),
    }
}

impl Rule {
    /// In an org with these knobs.
    pub(super) fn knobs(mut self, knobs: Value) -> Self {
        self.knobs.push(knobs);
        self
    }

    /// With knobs that are turned only right before the call.
    pub(super) fn then_knobs(mut self, knobs: Value) -> Self {
        self.later = knobs;
        self
    }

    /// After somebody has acted in the user interface.
    pub(super) fn once(mut self, actor: &'static str, body: Value) -> Self {
        self.actors.push((actor, body));
        self
    }

    /// After the seller has done this; the id in its answer is `{1}`, the next one's `{2}`, and so on.
    pub(super) fn first(mut self, method: &'static str, path: &str, body: Value) -> Self {
        self.prior.push(Step {
            method,
            path: path.to_owned(),
            headers: Vec::new(),
            body: (!body.is_null()).then(|| body.to_string()),
            seller: true,
        });
        self
    }

    /// Called by the seller.
    pub(super) fn by_seller(mut self) -> Self {
        self.call.seller = true;
        self
    }

    pub(super) fn send(mut self, method: &'static str, path: impl Into<String>) -> Self {
        (self.call.method, self.call.path) = (method, path.into());
        self
    }

    pub(super) fn get(self, path: impl Into<String>) -> Self {
        self.send("GET", path)
    }

    pub(super) fn query(self, soql: &str) -> Self {
        self.send("GET", format!("?soql={soql}"))
    }

    pub(super) fn post(self, path: &str, body: Value) -> Self {
        self.send("POST", path).body(body)
    }

    pub(super) fn patch(self, path: &str, body: Value) -> Self {
        self.send("PATCH", path).body(body)
    }

    pub(super) fn body(mut self, body: Value) -> Self {
        self.call.body = Some(body.to_string());
        self
    }

    pub(super) fn raw(mut self, body: &str) -> Self {
        self.call.body = Some(body.to_owned());
        self
    }

    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.call.headers.push((name, value.to_owned()));
        self
    }

    pub(super) fn gives(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// A refusal of the whole call, or of the first record of a collection.
    pub(super) fn refused(mut self, status: u16, code: &'static str) -> Self {
        (self.status, self.code) = (status, code);
        self
    }

    /// The answer holds this; a pointer that starts with `#` names a header.
    pub(super) fn fact(mut self, pointer: &'static str, value: Value) -> Self {
        self.facts.push((pointer, Expected::Is(value)));
        self
    }

    /// The text there has this in it.
    pub(super) fn holds(mut self, pointer: &'static str, text: &'static str) -> Self {
        self.facts.push((pointer, Expected::Holds(text)));
        self
    }

    pub(super) fn has(mut self, pointer: &'static str) -> Self {
        self.facts.push((pointer, Expected::Present));
        self
    }

    pub(super) fn lacks(mut self, pointer: &'static str) -> Self {
        self.facts.push((pointer, Expected::Absent));
        self
    }

    pub(super) fn counts(mut self, pointer: &'static str, entries: usize) -> Self {
        self.facts.push((pointer, Expected::Long(entries)));
        self
    }

    /// Afterwards a GET of this path, or a `SELECT`, shows the seller this.
    pub(super) fn after(mut self, path: &str, pointer: &'static str, value: Value) -> Self {
        let path = if path.starts_with("SELECT") { format!("?soql={path}") } else { path.to_owned() };
        self.after.push((path, pointer, Expected::Is(value)));
        self
    }

    fn broken(&self) -> Option<String> {
        let mut desk = Desk::new();
        for knobs in &self.knobs {
            desk.knobs(knobs);
        }
        for (at, step) in self.prior.iter().enumerate() {
            let reply = step.take(&desk);
            if reply.status >= 300 {
                return Some(format!("{}: step {} answers {}", self.says, at + 1, shown(&reply)));
            }
            let id = ["/id", "/0/id"].iter().find_map(|pointer| reply.body.pointer(pointer)?.as_str());
            if let Some(id) = id {
                desk.known.insert((at + 1).to_string(), id.to_owned());
            }
        }
        for (actor, body) in &self.actors {
            let body = serde_json::from_str(&desk.filled(&body.to_string())).unwrap();
            if let Err(text) = desk.machine.act(actor, &body, desk.now) {
                return Some(format!("{}: {actor} could not: {text}", self.says));
            }
        }
        if !self.later.is_null() {
            desk.knobs(&self.later);
        }
        let reply = self.call.take(&desk);
        let said = shown(&reply);
        if (reply.status, reply.code()) != (self.status, self.code) {
            return Some(format!("{}: it answers {said}", self.says));
        }
        for (pointer, expected) in &self.facts {
            if let Some(wrong) = expected.unmet(&desk, reply.at(pointer)) {
                return Some(format!("{}: {pointer} {wrong}: {said}", self.says));
            }
        }
        for (path, pointer, expected) in &self.after {
            let step =
                Step { method: "GET", path: path.clone(), headers: Vec::new(), body: None, seller: true };
            let seen = step.take(&desk);
            if let Some(wrong) = expected.unmet(&desk, seen.at(pointer)) {
                return Some(format!("{}: {path} {pointer} {wrong} afterwards: {said}", self.says));
            }
        }
        None
    }
}

impl Step {
    fn take(&self, desk: &Desk) -> Reply {
        let path = desk.filled(&self.path);
        let path = match path.strip_prefix("?soql=") {
            Some(soql) => {
                let soql: String = url::form_urlencoded::byte_serialize(soql.as_bytes()).collect();
                format!("/query?q={soql}")
            }
            None => path,
        };
        let headers: Vec<(&str, String)> =
            self.headers.iter().map(|(name, value)| (*name, desk.filled(value))).collect();
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let body = self.body.as_deref().map(|body| desk.filled(body));
        desk.ask(self.method, &path, &headers, body.as_deref(), self.seller)
    }
}

impl Expected {
    /// What is wrong with `found`, if anything is.
    fn unmet(&self, desk: &Desk, found: Option<Value>) -> Option<String> {
        let fits = match self {
            Self::Is(value) => {
                let value: Value = serde_json::from_str(&desk.filled(&value.to_string())).unwrap();
                found.as_ref() == Some(&value)
            }
            Self::Holds(text) => {
                let text = desk.filled(text);
                found.as_ref().and_then(Value::as_str).is_some_and(|found| found.contains(&text))
            }
            Self::Present => found.as_ref().is_some_and(|found| !found.is_null()),
            Self::Absent => found.is_none(),
            Self::Long(entries) => {
                found.as_ref().and_then(Value::as_array).is_some_and(|list| list.len() == *entries)
            }
        };
        let found: String = found.map_or("nothing".to_owned(), |found| found.to_string());
        (!fits).then(|| format!("is {}, not {self:?}", found.chars().take(SHOWN).collect::<String>()))
    }
}

fn shown(reply: &Reply) -> String {
    format!("{} {}", reply.status, reply.body).chars().take(SHOWN).collect()
}

/// Asks every rule and shows all that are broken.
#[track_caller]
pub(super) fn hold(rules: impl IntoIterator<Item = Rule>) {
    let broken: Vec<String> = rules.into_iter().filter_map(|rule| rule.broken()).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
