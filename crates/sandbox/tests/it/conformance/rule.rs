//! A rule of the reference as a row: what is asked, what comes back, what is there afterwards.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{
    bodies::{inbound, invitation, partner_led, shared},
    desk::{Desk, REFERRALS, Reply, text},
};

/// How much of an answer a failure shows, in characters.
const SHOWN: usize = 300;

/// One rule, asked of a fresh Partner Center that holds these referrals:
///
/// | name | what |
/// |---|---|
/// | `own` | a partner-led deal, Active |
/// | `shared` | the partner's half of a co-sell deal, Active |
/// | `theirs` | Microsoft's half of it, New |
/// | `inbound` | an invitation by Microsoft, New; Microsoft's half of it is there too, without a name |
/// | `won` | a partner-led deal, Closed as Won |
///
/// `{own}` in a path, a header or a body stands for its id, `{own.eTag}` for that member of it, `{nobody}` for an id
/// that nothing has.
#[derive(Debug)]
pub(super) struct Rule {
    says: &'static str,
    knobs: Value,
    actor: Option<(&'static str, Value)>,
    pass: SignedDuration,
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Option<String>,
    signed_in: bool,
    status: u16,
    code: &'static str,
    target: &'static str,
    facts: Vec<(&'static str, Expected)>,
    after: Vec<(&'static str, &'static str, Value)>,
}

#[derive(Debug)]
enum Expected {
    Is(Value),
    Present,
    Absent,
    Long(usize),
}

/// A rule in the reference's words, or nearly.
pub(super) fn rule(says: &'static str) -> Rule {
    Rule {
        says,
        knobs: json!({}),
        actor: None,
        pass: SignedDuration::ZERO,
        method: "GET",
        path: REFERRALS.to_owned(),
        headers: Vec::new(),
        body: None,
        signed_in: true,
        status: 200,
        code: "",
        target: "",
        facts: Vec::new(),
        after: Vec::new(),
    }
}

impl Rule {
    /// With these knobs.
    pub(super) fn knobs(mut self, knobs: Value) -> Self {
        self.knobs = knobs;
        self
    }

    /// After somebody past the API has acted.
    pub(super) fn once(mut self, actor: &'static str, body: Value) -> Self {
        self.actor = Some((actor, body));
        self
    }

    /// After this time.
    pub(super) fn later(mut self, time: SignedDuration) -> Self {
        self.pass = time;
        self
    }

    /// Reads this one, or with a name that starts with `?` asks this of the list.
    pub(super) fn get(mut self, what: &str) -> Self {
        self.path = if what.starts_with('?') || what.is_empty() {
            format!("{REFERRALS}{}", what.replace(' ', "%20").replace('\'', "%27"))
        } else {
            format!("{REFERRALS}/{what}")
        };
        self
    }

    /// Any method, below the collection of referrals.
    pub(super) fn send(mut self, method: &'static str, what: &str) -> Self {
        self = self.get(what);
        self.method = method;
        self
    }

    pub(super) fn post(self, body: Value) -> Self {
        self.send("POST", "").body(body)
    }

    pub(super) fn patch(self, what: &str, operations: Value) -> Self {
        self.send("PATCH", what).body(operations)
    }

    /// A patch that replaces.
    pub(super) fn replace(self, what: &str, members: &[(&str, Value)]) -> Self {
        let operation =
            |(path, value): &(&str, Value)| json!({"op": "replace", "path": path, "value": value});
        self.patch(what, members.iter().map(operation).collect())
    }

    pub(super) fn body(self, body: Value) -> Self {
        self.raw(&body.to_string()).header("content-type", "application/json")
    }

    pub(super) fn raw(mut self, body: &str) -> Self {
        self.body = Some(body.to_owned());
        self
    }

    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(super) fn whole(self) -> Self {
        self.header("prefer", "return=representation")
    }

    /// Without the portal user's token.
    pub(super) fn signed_out(mut self) -> Self {
        self.signed_in = false;
        self
    }

    pub(super) fn gives(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// A refusal: status, code, and the member it is about ("" for none).
    pub(super) fn refused(mut self, status: u16, code: &'static str, target: &'static str) -> Self {
        (self.status, self.code, self.target) = (status, code, target);
        self
    }

    /// 400 `invalidRequest` about this member.
    pub(super) fn invalid(self, target: &'static str) -> Self {
        self.refused(400, "invalidRequest", target)
    }

    /// The answer holds this; a pointer that starts with `#` names a header.
    pub(super) fn fact(mut self, pointer: &'static str, value: Value) -> Self {
        self.facts.push((pointer, Expected::Is(value)));
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

    /// The answer's list there has so many entries.
    pub(super) fn counts(mut self, pointer: &'static str, entries: usize) -> Self {
        self.facts.push((pointer, Expected::Long(entries)));
        self
    }

    /// Afterwards this referral holds this.
    pub(super) fn after(mut self, name: &'static str, pointer: &'static str, value: Value) -> Self {
        self.after.push((name, pointer, value));
        self
    }

    /// What is wrong, if anything is.
    fn broken(&self) -> Option<String> {
        let (desk, mut known) = prepared();
        desk.turn(&self.knobs);
        if let Some((actor, body)) = &self.actor {
            desk.act(actor, &serde_json::from_str(&filled(&body.to_string(), &known)).unwrap());
        }
        desk.pass(self.pass);
        let before = known.clone();
        for referral in known.values_mut() {
            *referral = desk.seen(referral);
        }
        let headers: Vec<(&str, String)> =
            self.headers.iter().map(|(name, value)| (*name, unquoted(&filled(value, &known)))).collect();
        let mut headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let bearer = format!("Bearer {}", desk.text("portal_user_token"));
        if self.signed_in {
            headers.push(("authorization", &bearer));
        }
        let body = self.body.as_deref().map(|body| filled(body, &known)).unwrap_or_default();
        let reply = desk.send(self.method, &filled(&self.path, &known), &headers, &body);
        let said: String = format!("{} {}", reply.status.as_u16(), reply.body).chars().take(SHOWN).collect();
        let error = |member: &str| reply.body["error"][member].as_str().unwrap_or_default();
        if (reply.status.as_u16(), error("code"), error("target")) != (self.status, self.code, self.target) {
            return Some(format!("{}: it answers {said}", self.says));
        }
        if reply.status.as_u16() >= 400 && reply.status.as_u16() != 429 {
            // A refused request changes nothing.
            for (name, referral) in &known {
                if desk.seen(referral) != *referral {
                    return Some(format!("{}: {name} is changed, though it answers {said}", self.says));
                }
            }
        }
        for (pointer, expected) in &self.facts {
            let found = at(&reply, pointer);
            let fits = match expected {
                Expected::Is(value) => {
                    let value: Value = serde_json::from_str(&filled(&value.to_string(), &known)).unwrap();
                    found.as_ref() == Some(&value)
                }
                Expected::Present => found.as_ref().is_some_and(|found| !found.is_null()),
                Expected::Absent => found.is_none(),
                Expected::Long(entries) => {
                    found.as_ref().and_then(Value::as_array).is_some_and(|list| list.len() == *entries)
                }
            };
            if !fits {
                let found: String = format!("{found:?}").chars().take(SHOWN).collect();
                return Some(format!("{}: {pointer} is {found}, not {expected:?}: {said}", self.says));
            }
        }
        for (name, pointer, value) in &self.after {
            let now = desk.seen(&before[*name]);
            if now.pointer(pointer) != Some(value) {
                let found = now.pointer(pointer);
                return Some(format!("{}: {name}{pointer} is {found:?} afterwards: {said}", self.says));
            }
        }
        None
    }
}

/// Asks every rule and shows all that are broken.
#[track_caller]
pub(super) fn hold(rules: impl IntoIterator<Item = Rule>) {
    let broken: Vec<String> = rules.into_iter().filter_map(|rule| rule.broken()).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// A Partner Center with the referrals that rules name.
fn prepared() -> (Desk, BTreeMap<&'static str, Value>) {
    let desk = Desk::new();
    let own = desk.post(&partner_led()).expect(200);
    let ours = desk.post(&shared()).expect(200);
    let theirs = desk.post(&invitation(text(&ours, "engagementId"))).expect(200);
    let inbound = desk.act("microsoft/invite", &inbound());
    let won = desk.post(&partner_led()).expect(200);
    let won = desk
        .replace(text(&won, "id"), &[("/status", json!("Closed")), ("/substatus", json!("Won"))])
        .expect(200);
    let known = [("own", own), ("shared", ours), ("theirs", theirs), ("inbound", inbound), ("won", won)];
    (desk, known.into())
}

impl Desk {
    /// A referral as GET shows it now.
    fn seen(&self, referral: &Value) -> Value {
        let reply = self.get(&format!("{REFERRALS}/{}", text(referral, "id")));
        if reply.status == 200 { reply.body } else { referral.clone() }
    }

    fn turn(&self, knobs: &Value) {
        use sandbox::exchange::Machine as _;
        self.machine.set_knobs(knobs, self.now.get()).expect("known knobs");
    }
}

/// `text` with every placeholder filled in, escaped as JSON strings are.
fn filled(text: &str, known: &BTreeMap<&str, Value>) -> String {
    let mut text = text.replace("{nobody}", "7a1c0000-0000-4000-8000-00000000dead");
    for (name, referral) in known {
        text = text.replace(&format!("{{{name}}}"), referral["id"].as_str().unwrap());
        for member in ["eTag", "engagementId", "createdDateTime", "updatedDateTime"] {
            let value = referral[member].to_string();
            text = text.replace(&format!("{{{name}.{member}}}"), &value[1..value.len() - 1]);
        }
    }
    text
}

fn unquoted(text: &str) -> String {
    text.replace("\\\"", "\"")
}

fn at(reply: &Reply, pointer: &str) -> Option<Value> {
    match pointer.strip_prefix('#') {
        Some(name) => reply.headers.get(name).map(|value| Value::from(value.to_str().unwrap())),
        None => reply.body.pointer(pointer).cloned(),
    }
}
