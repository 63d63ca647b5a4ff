//! PATCH of a referral by JSON Patch, and the deprecated PUT (reference, sections 2, 3.8 and 5).

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    State,
    book::{Document, Owner, text},
    lifecycle::{self, Mover},
    refusal::Refusal,
    registering, rules,
    schema::{self, Reading},
};

/// Most operations of one patch.
const MAX_OPERATIONS: usize = 100;

/// Paths that may be written, by replace and add. The connector's list, and three more (reference, section 3.8).
const PATHS: [&str; 18] = [
    "/campaignId",
    "/consent/consentToShareReferralWithMicrosoftSellers",
    "/customerProfile/team",
    "/details/closingDateTime",
    "/details/currency",
    "/details/dealValue",
    "/details/notes",
    "/details/requirements/additionalRequirements",
    "/details/requirements/solutions",
    "/externalReferenceId",
    "/favorite",
    "/name",
    "/referralProgram",
    "/salesStage",
    "/status",
    "/statusReason",
    "/substatus",
    "/team",
];
/// Paths that take another element, by add.
const APPENDS: [&str; 3] = ["/customerProfile/team/-", "/details/requirements/solutions/-", "/team/-"];
/// One operation.
pub(super) struct Operation {
    add: bool,
    pub(super) path: String,
    value: Value,
}

impl State {
    /// Changes the partner's own referral as a JSON Patch says, wholly or not at all.
    pub(super) fn patch(&mut self, at: usize, body: &Value, now: Timestamp) -> Result<(), Refusal> {
        let operations = operations(body)?;
        let (registering, editing): (Vec<_>, Vec<_>) =
            operations.into_iter().partition(|operation| operation.path.starts_with("/registrations/"));
        let record = self.book.get(at);
        if record.owner != Owner::Ours {
            return Err(Refusal::denied("The referral belongs to another organization."));
        }
        if self.read_only(&record.document) {
            return Err(Refusal::denied("A referral between partners cannot be changed by the API."));
        }
        let mut document = Document::clone(&record.document);
        for operation in editing.iter().chain(&registering) {
            self.check_path(operation)?;
        }
        if !editing.is_empty() {
            self.edit(&mut document, editing, now)?;
        }
        if !registering.is_empty() {
            self.register(at, &mut document, registering, now)?;
        }
        self.book.replace(at, document, now);
        if self.knobs.webhook_own_changes {
            self.raise_updated(at, now);
        }
        Ok(())
    }

    /// Replaces the partner's own referral by a whole one: the difference must be within what PATCH may change.
    pub(super) fn put(&mut self, at: usize, body: Value, now: Timestamp) -> Result<(), Refusal> {
        if body.get("links").is_some_and(|links| !links.is_null()) {
            return Err(Refusal::member(
                "links",
                "readOnly",
                "must be removed before the referral is put back.",
            ));
        }
        // A body read from the service carries server-assigned members; they are compared, not refused.
        let reading = Reading {
            trusted: true,
            refuse_server: false,
            refuse_unknown: self.knobs.refuse_unknown_members,
        };
        let Value::Object(given) = schema::read(body, schema::REFERRAL, "", reading)? else {
            return Err(Refusal::invalid("The body must be a referral."));
        };
        let present = Document::clone(&self.book.get(at).document);
        let mut operations = Vec::new();
        let mut rest = Value::Object(given.clone());
        for path in PATHS.iter().copied().chain(self.knobs.patch_paths_extra.iter().map(String::as_str)) {
            let (old, new) = (rules::at(&present, path), rules::at(&given, path));
            if let Some(member) = rest.pointer_mut(path) {
                *member = old.cloned().unwrap_or_default();
            }
            if new.is_some_and(|new| Some(new) != old) {
                operations.push(json!({ "op": "replace", "path": path, "value": new }));
            }
        }
        let whole = Value::Object(present);
        if let Some(path) = difference(&rest, &whole, "") {
            return Err(Refusal::member(&path, "readOnly", "cannot be changed."));
        }
        if operations.is_empty() {
            operations.push(json!({ "op": "replace", "path": "/name", "value": given.get("name") }));
        }
        self.patch(at, &Value::Array(operations), now)
    }

    fn edit(&self, document: &mut Document, editing: Vec<Operation>, now: Timestamp) -> Result<(), Refusal> {
        let before = (text(document, "status").to_owned(), text(document, "substatus").to_owned());
        if self.knobs.contacts_read_only
            && editing.iter().any(|operation| operation.path.starts_with("/customerProfile/team"))
            && self.book.in_engagement(text(document, "engagementId"), Owner::Microsoft).is_some()
        {
            let what = "is read-only once Microsoft was invited.";
            return Err(Refusal::member("customerProfile.team", "readOnly", what));
        }
        let shared = rules::shared(document);
        let present = document.clone();
        for operation in editing {
            self.apply(document, operation)?;
        }
        rules::cut(document, &self.knobs);
        let after = (text(document, "status"), text(document, "substatus"));
        lifecycle::check((&before.0, &before.1), after, Mover::Person, &self.knobs)?;
        let reason = text(document, "statusReason");
        if self.knobs.require_status_reason
            && matches!(after.1, "Lost" | "Declined" | "Error")
            && reason.is_empty()
        {
            return Err(Refusal::member("statusReason", "missing", "is required."));
        }
        rules::reason(document, &self.knobs)?;
        if shared && !rules::shared(document) {
            return Err(Refusal::member(&rules::dotted(SHARE), "oneWay", "cannot be withdrawn."));
        }
        rules::changes(&present, document, &self.knobs, now)
    }

    fn check_path(&self, operation: &Operation) -> Result<(), Refusal> {
        let path = operation.path.as_str();
        let append = APPENDS.contains(&path) || path == registering::NEW;
        let allowed = append
            || PATHS.contains(&path)
            || self.knobs.patch_paths_extra.iter().any(|extra| extra == path)
            || registering::may_change(path);
        let refused = |path: &str| self.knobs.patch_paths_refused.iter().any(|refused| refused == path);
        if !allowed || refused(path) || path.strip_suffix("/-").is_some_and(refused) {
            return Err(Refusal::member(&rules::dotted(path), "pathNotAllowed", "cannot be patched."));
        }
        if append && !operation.add {
            return Err(Refusal::member(&rules::dotted(path), "opNotAllowed", "takes add, not replace."));
        }
        Ok(())
    }

    pub(super) fn apply(&self, document: &mut Document, operation: Operation) -> Result<(), Refusal> {
        let Operation { path, value, .. } = operation;
        let names: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let Some(shape) = schema::at(schema::REFERRAL, names.iter().copied()) else {
            return Err(Refusal::member(
                &rules::dotted(&path),
                "unknownMember",
                "is not a member of this resource.",
            ));
        };
        let value = schema::read(value, shape, &rules::dotted(&path), self.reading())?;
        if value.is_null() && matches!(shape, schema::Shape::List(_) | schema::Shape::Flag) {
            return Err(Refusal::member(&rules::dotted(&path), "typeMismatch", "must not be null."));
        }
        place(document, &names, value)
            .map_err(|()| Refusal::member(&rules::dotted(&path), "pathNotFound", "does not exist."))
    }
}

const SHARE: &str = "/consent/consentToShareReferralWithMicrosoftSellers";

fn operations(body: &Value) -> Result<Vec<Operation>, Refusal> {
    let Value::Array(given) = body else {
        return Err(Refusal::invalid("The body must be a JSON Patch: an array of operations.").on("patch"));
    };
    if given.is_empty() || given.len() > MAX_OPERATIONS {
        return Err(Refusal::invalid("A patch holds between 1 and 100 operations.").on("patch"));
    }
    given.iter().map(operation).collect()
}

fn operation(given: &Value) -> Result<Operation, Refusal> {
    let Some(path) = given.get("path").and_then(Value::as_str).filter(|path| path.starts_with('/')) else {
        return Err(Refusal::invalid("An operation needs a path.").on("path").because("pathInvalid"));
    };
    let add = match given.get("op").and_then(Value::as_str) {
        Some("add") => true,
        Some("replace") => false,
        _ => {
            return Err(Refusal::member(&rules::dotted(path), "opNotAllowed", "takes replace and add only."));
        }
    };
    let Some(value) = given.get("value") else {
        return Err(Refusal::member(&rules::dotted(path), "missing", "needs a value."));
    };
    Ok(Operation { add, path: path.to_owned(), value: value.clone() })
}

fn place(document: &mut Document, names: &[&str], value: Value) -> Result<(), ()> {
    let (last, parents) = names.split_last().ok_or(())?;
    let Some((first, parents)) = parents.split_first() else {
        document.insert((*last).to_owned(), value);
        return Ok(());
    };
    let mut parent = document.get_mut(*first).ok_or(())?;
    for name in parents {
        parent = match parent {
            Value::Array(items) => items.get_mut(name.parse::<usize>().map_err(|_| ())?).ok_or(())?,
            Value::Object(members) => members.get_mut(*name).ok_or(())?,
            _ => return Err(()),
        };
    }
    match parent {
        Value::Array(items) if *last == "-" => items.push(value),
        Value::Object(members) => {
            members.insert((*last).to_owned(), value);
        }
        _ => return Err(()),
    }
    Ok(())
}

/// The first member of `given` that differs from `present`. Members that `given` leaves out do not count.
fn difference(given: &Value, present: &Value, path: &str) -> Option<String> {
    match (given, present) {
        (Value::Object(given), Value::Object(present)) => given.iter().find_map(|(name, value)| {
            let full = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            difference(value, present.get(name).unwrap_or(&Value::Null), &full)
        }),
        (given, present) => {
            let same = given == present || instant(given).is_some_and(|at| instant(present) == Some(at));
            (!same && path != "@odata.context").then(|| path.to_owned())
        }
    }
}

/// An instant, however many digits it is written with.
fn instant(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}
