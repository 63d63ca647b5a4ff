//! People and systems past the API: Microsoft's seller, the partner's portal user, another partner, the calendar.
//!
//! | actor | body |
//! |---|---|
//! | `microsoft/accept` | `id` or `engagementId`; `sellers`: members, `microsoftMsxId`: made up when absent |
//! | `microsoft/decline`, `microsoft/lose` | `id` or `engagementId`; `reason` |
//! | `microsoft/win` | `id` or `engagementId` |
//! | `microsoft/edit` | `id` or `engagementId`; `set`: pointer → value |
//! | `microsoft/invite` | a referral, or `{referral, withMicrosoft}`: an inbound one for the partner, and Microsoft's |
//! | `portal/create` | a referral, as POST takes it |
//! | `portal/accept` | `id` |
//! | `portal/decline` | `id`, `reason` |
//! | `portal/edit` | `id`, `set`: pointer → value |
//! | `portal/close` | `id`, `substatus`, `reason` |
//! | `other/create` | a referral of another organisation that the partner can see |
//! | `other/edit` | `id`, `set` |
//! | `expire` | `id` |
//! | `sign-in/approve`, `sign-in/decline` | `user_code`; who approves: `person` (`admin`, `user`, `outsider`) or a username |
//!
//! Each answers with the referral as GET shows it, those of sign-in with `{}`.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    State,
    book::{self, Document, Owner, text},
    create::MICROSOFT,
    lifecycle::{self, Mover},
    refusal::Refusal,
    rules,
    schema::{self, Reading},
};

/// How the sandbox's own actors' documents are read: they may hold server-assigned members.
const TRUSTED: Reading = Reading { trusted: true, refuse_server: false, refuse_unknown: true };

impl State {
    /// Lets `actor` act.
    pub(super) fn act(&mut self, actor: &str, body: &Value, now: Timestamp) -> Result<Value, String> {
        let sentence = |refusal: Refusal| refusal.message().to_owned();
        if let Some(answer) = actor.strip_prefix("sign-in/") {
            return self.answer_sign_in(answer, body, now).map(|()| json!({})).map_err(sentence);
        }
        let at = self.acted(actor, body, now).map_err(sentence)?;
        Ok(self.entity(&self.book.get(at).document, true))
    }

    fn answer_sign_in(&mut self, answer: &str, body: &Value, now: Timestamp) -> Result<(), Refusal> {
        let named = body["person"].as_str().unwrap_or("admin").to_owned();
        let person = match answer {
            "approve" => {
                let person = self.person(Some(&named));
                Some(person.ok_or_else(|| Refusal::invalid(format!("There is no person {named}.")))?)
            }
            "decline" => None,
            _ => return Err(Refusal::invalid(format!("There is no actor sign-in/{answer}."))),
        };
        self.answer_device(body["user_code"].as_str().unwrap_or_default(), person, now)
    }

    fn acted(&mut self, actor: &str, body: &Value, now: Timestamp) -> Result<usize, Refusal> {
        let reason = body.get("reason").cloned().unwrap_or_default();
        let close = |substatus: &str| json!({ "/status": "Closed", "/substatus": substatus, "/statusReason": reason });
        match actor {
            "microsoft/accept" => {
                let mut set = json!({ "/status": "Active", "/substatus": "Accepted" });
                set["/team"] = body.get("sellers").cloned().unwrap_or_else(seller);
                let msx = body.get("microsoftMsxId").cloned().unwrap_or_else(|| self.msx_id().into());
                set["/trackingInfo"] = json!({ "microsoftMsxId": msx });
                self.set(self.microsofts_of(body)?, &set, now)
            }
            "microsoft/decline" => self.set(self.microsofts_of(body)?, &close("Declined"), now),
            "microsoft/win" => self.set(self.microsofts_of(body)?, &close("Won"), now),
            "microsoft/lose" => self.set(self.microsofts_of(body)?, &close("Lost"), now),
            "microsoft/edit" => self.set(self.microsofts_of(body)?, &body["set"], now),
            "microsoft/invite" => self.invite(body, now),
            "portal/create" => self.create(body.clone(), now).map(|(at, _)| at),
            "portal/accept" => self.set(
                self.of(body, Owner::Ours)?,
                &json!({ "/status": "Active", "/substatus": "Accepted" }),
                now,
            ),
            "portal/decline" => self.set(self.of(body, Owner::Ours)?, &close("Declined"), now),
            "portal/edit" => self.set(self.of(body, Owner::Ours)?, &body["set"], now),
            "portal/close" => {
                let substatus = body["substatus"].as_str().unwrap_or_default();
                self.set(self.of(body, Owner::Ours)?, &close(substatus), now)
            }
            "other/create" => self.another(body, now),
            "other/edit" => self.set(self.of(body, Owner::Other)?, &body["set"], now),
            "expire" => {
                let at = self.named(body)?;
                self.expire(at, now)?;
                Ok(at)
            }
            _ => Err(Refusal::invalid(format!("There is no actor {actor}."))),
        }
    }

    /// Closes every invitation whose time is over at `now`.
    pub(super) fn expire_due(&mut self, now: Timestamp) {
        while let Some((at, due)) = self.book.next_expired(now) {
            // It happened when it was due, though nobody looked until now.
            let _ = self.expire(at, due);
        }
    }

    fn expire(&mut self, at: usize, now: Timestamp) -> Result<(), Refusal> {
        let record = self.book.get(at);
        if record.text("status") != "New" {
            return Err(Refusal::invalid("Only an unanswered invitation expires."));
        }
        lifecycle::check(record.state(), ("Closed", "Expired"), Mover::Clock, &self.knobs)?;
        let mut document = Document::clone(&record.document);
        document.insert("status".to_owned(), "Closed".into());
        document.insert("substatus".to_owned(), "Expired".into());
        self.book.replace(at, document, now);
        self.raise_updated(at, now);
        Ok(())
    }

    /// Sets members by pointer, past the API's list of paths but within the lifecycle.
    fn set(&mut self, at: usize, set: &Value, now: Timestamp) -> Result<usize, Refusal> {
        let Value::Object(set) = set else {
            return Err(Refusal::invalid("set is an object: pointer to value."));
        };
        let record = self.book.get(at);
        let before = record.state();
        let mut whole = Value::Object(Document::clone(&record.document));
        for (pointer, value) in set {
            let names = pointer.trim_start_matches('/').split('/');
            let shape = schema::at(schema::REFERRAL, names);
            let shape = shape.ok_or_else(|| Refusal::invalid(format!("There is no member {pointer}.")))?;
            let value = schema::read(value.clone(), shape, &rules::dotted(pointer), TRUSTED)?;
            let place = whole.pointer_mut(pointer);
            *place.ok_or_else(|| Refusal::invalid(format!("There is nothing at {pointer}.")))? = value;
        }
        let Value::Object(document) = whole else { return Err(Refusal::invalid("A referral is an object.")) };
        let after = (text(&document, "status"), text(&document, "substatus"));
        lifecycle::check(before, after, Mover::Person, &self.knobs)?;
        self.book.replace(at, document, now);
        self.raise_updated(at, now);
        Ok(at)
    }

    /// Microsoft invites the partner: an inbound referral of the partner's, and Microsoft's own beside it.
    fn invite(&mut self, body: &Value, now: Timestamp) -> Result<usize, Refusal> {
        let with_microsoft = body.get("withMicrosoft").and_then(Value::as_bool).unwrap_or(true);
        let mut document = self.given(body.get("referral").unwrap_or(body), now)?;
        let engagement = text(&document, "engagementId").to_owned();
        let msx = rules::at(&document, "/trackingInfo/microsoftMsxId").cloned().unwrap_or_default();
        self.belongs_to_us(&mut document);
        default(&mut document, "type", "Shared");
        default(&mut document, "qualification", "SalesQualified");
        document.insert("direction".to_owned(), "Incoming".into());
        let context = document.entry("inviteContext").or_insert_with(|| json!({}));
        if context.get("invitedBy").is_none_or(Value::is_null) {
            context["invitedBy"] = json!({ "organizationId": MICROSOFT, "organizationName": "Microsoft" });
        }
        let mut theirs = document.clone();
        let at = self.book.insert(document, Owner::Ours, now, jiff::SignedDuration::ZERO);
        self.raise_created(at, now);
        if with_microsoft && self.book.in_engagement(&engagement, Owner::Microsoft).is_none() {
            theirs.insert("id".to_owned(), self.world.guid().into());
            theirs.insert("organizationId".to_owned(), MICROSOFT.into());
            theirs.insert("organizationName".to_owned(), "Microsoft".into());
            theirs.insert("mpnId".to_owned(), Value::Null);
            theirs.insert("direction".to_owned(), "Outgoing".into());
            theirs.insert("status".to_owned(), "Active".into());
            theirs.insert("substatus".to_owned(), "Accepted".into());
            theirs.insert("expirationDateTime".to_owned(), Value::Null);
            theirs.insert("trackingInfo".to_owned(), json!({ "microsoftMsxId": msx }));
            let theirs = self.book.insert(theirs, Owner::Microsoft, now, jiff::SignedDuration::ZERO);
            self.raise_created(theirs, now);
        }
        Ok(at)
    }

    fn another(&mut self, body: &Value, now: Timestamp) -> Result<usize, Refusal> {
        let mut document = self.given(body.get("referral").unwrap_or(body), now)?;
        default(&mut document, "organizationId", "22220000-0000-4000-8000-0000000000ee");
        default(&mut document, "organizationName", "Another Partner");
        let owner = text(&document, "organizationId");
        if owner == MICROSOFT || owner == self.identity.organization_id {
            return Err(Refusal::invalid("The referral must be of another organization."));
        }
        let at = self.book.insert(document, Owner::Other, now, jiff::SignedDuration::ZERO);
        self.raise_created(at, now);
        Ok(at)
    }

    /// A document as an actor gives it, with its identifiers and a state.
    fn given(&self, body: &Value, now: Timestamp) -> Result<Document, Refusal> {
        let mut body = body.clone();
        if let Value::Object(members) = &mut body {
            members.remove("withMicrosoft");
        }
        let read = schema::read(body, schema::REFERRAL, "", TRUSTED)?;
        let Value::Object(mut document) = read else {
            return Err(Refusal::invalid("A referral is an object."));
        };
        for derived in ["@odata.context", "links", "eTag", "updatedDateTime"] {
            document.remove(derived);
        }
        default(&mut document, "id", &self.world.guid());
        default(&mut document, "engagementId", &self.world.guid());
        default(&mut document, "status", "New");
        default(&mut document, "substatus", "Pending");
        if self.book.find(text(&document, "id")).is_some() {
            return Err(Refusal::invalid("A referral with this id exists already."));
        }
        // An example from the past must not expire before anybody could answer it.
        let instant = |member| text(&document, member).parse::<Timestamp>().ok();
        let created = instant("createdDateTime").unwrap_or(now);
        let expires = instant("expirationDateTime").unwrap_or_else(|| book::expiry(created));
        if text(&document, "status") == "New" && expires <= now {
            document.remove("expirationDateTime");
            document.remove("createdDateTime");
        }
        Ok(document)
    }

    /// An id of Microsoft's own CRM, from the seed: `7-1ABCDEFG`.
    fn msx_id(&self) -> String {
        let letters =
            (0..7).map(|_| char::from(b'A' + u8::try_from(self.world.draw() % 26).unwrap_or_default()));
        format!("7-1{}", letters.collect::<String>())
    }

    fn named(&self, body: &Value) -> Result<usize, Refusal> {
        let id = body["id"].as_str().unwrap_or_default();
        self.book.find(id).ok_or_else(|| Refusal::invalid("There is no referral with this id."))
    }

    fn of(&self, body: &Value, owner: Owner) -> Result<usize, Refusal> {
        let at = self.named(body)?;
        if self.book.get(at).owner == owner {
            Ok(at)
        } else {
            Err(Refusal::invalid("The referral is not theirs."))
        }
    }

    fn microsofts_of(&self, body: &Value) -> Result<usize, Refusal> {
        match body.get("engagementId").and_then(Value::as_str) {
            Some(engagement) => self
                .book
                .in_engagement(engagement, Owner::Microsoft)
                .ok_or_else(|| Refusal::invalid("Microsoft has no referral in this engagement.")),
            None => self.of(body, Owner::Microsoft),
        }
    }
}

/// Who answers for Microsoft when nobody is named.
fn seller() -> Value {
    json!([{
        "firstName": "Mika", "lastName": "Seller", "email": "mika.seller@microsoft.example",
        "phoneNumber": "+14255550100",
    }])
}

fn default(document: &mut Map<String, Value>, member: &str, value: &str) {
    if document.get(member).is_none_or(Value::is_null) {
        document.insert(member.to_owned(), value.into());
    }
}
