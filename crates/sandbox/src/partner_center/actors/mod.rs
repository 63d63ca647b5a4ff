//! People and systems past the API: Microsoft's seller, the partner's portal user, another partner, the calendar.
//!
//! Who there is, and what each takes, stands in [`ACTORS`].

mod incoming;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    State,
    book::{Document, Owner, text},
    lifecycle::{self, Mover},
    refusal::Refusal,
    registering, rules,
    schema::{self, Reading},
};

/// Every actor, and the body it takes. Each answers with the referral as GET shows it, those of sign-in with `{}`.
pub(super) const ACTORS: &[(&str, &str)] = &[
    ("microsoft/accept", "id or engagementId; sellers: members, microsoftMsxId: made up when absent"),
    ("microsoft/decline", "id or engagementId; reason"),
    ("microsoft/win", "id or engagementId"),
    ("microsoft/lose", "id or engagementId; reason"),
    ("microsoft/random", "id or engagementId: one deed of those above, drawn from the seed"),
    ("microsoft/edit", "id or engagementId; set: pointer to value"),
    (
        "microsoft/invite",
        "a referral, or {referral, withMicrosoft}: one for the partner, and Microsoft's beside it",
    ),
    (
        "microsoft/lead",
        "{kind: marketplace, marketing-qualified or sales-qualified; referral}: a lead for the partner",
    ),
    ("microsoft/registration", "id; status; reason; index, 0 when absent: the review of a deal registration"),
    ("portal/create", "a referral, as POST takes it"),
    ("portal/accept", "id"),
    ("portal/decline", "id; reason"),
    ("portal/edit", "id; set: pointer to value"),
    ("portal/close", "id; substatus; reason"),
    ("other/create", "a referral of another organisation that the partner can see"),
    ("other/edit", "id; set: pointer to value"),
    ("other/invite", "a referral: another partner invites, and has its own beside the partner's"),
    ("expire", "id: an invitation's time is over"),
    ("sign-in/approve", "user_code; person: admin, user, outsider or a username; admin when absent"),
    ("sign-in/decline", "user_code"),
];

/// The portal's user acts as the Referrals admin.
const ADMIN: usize = 0;
/// Id and name of the other partner, unless a referral names another.
const ANOTHER_PARTNER: (&str, &str) = ("22220000-0000-4000-8000-0000000000ee", "Another Partner");
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

    pub(super) fn acted(&mut self, actor: &str, body: &Value, now: Timestamp) -> Result<usize, Refusal> {
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
            "microsoft/decline" => {
                let at = self.microsofts_of(body)?;
                let mut set = close("Declined");
                if self.knobs.small_declines_are_silent && self.small(at) {
                    set["/statusReason"] = Value::Null;
                }
                self.set(at, &set, now)
            }
            "microsoft/win" => self.set(self.microsofts_of(body)?, &close("Won"), now),
            "microsoft/lose" => self.set(self.microsofts_of(body)?, &close("Lost"), now),
            "microsoft/random" => self.deed(self.microsofts_of(body)?, now),
            "microsoft/edit" => self.set(self.microsofts_of(body)?, &body["set"], now),
            "microsoft/invite" => self.invite(body, now),
            "microsoft/lead" => self.lead(body, now),
            "microsoft/registration" => self.reviewed(body, now),
            "portal/create" => self.create(body.clone(), ADMIN, now).map(|(at, _)| at),
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
            "other/invite" => self.partner_invites(body, now),
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
        if rules::shared(&record.document) && !rules::shared(&document) {
            return Err(Refusal::invalid("Sharing with Microsoft's sellers cannot be withdrawn."));
        }
        // Neither shows before Microsoft has accepted (section 4.2).
        let hidden = |document: &Document| {
            rules::list(document, "/team").is_empty()
                && rules::at(document, "/trackingInfo/microsoftMsxId").is_none_or(Value::is_null)
        };
        if record.owner == Owner::Microsoft && after.0 == "New" && !hidden(&document) {
            return Err(Refusal::invalid("Microsoft's team and id show only after its acceptance."));
        }
        self.book.replace(at, document, now);
        self.raise_updated(at, now);
        Ok(at)
    }

    /// Whether a deal is one of those whose decline Microsoft gives no reason for (section 4.2).
    fn small(&self, at: usize) -> bool {
        let value = rules::at(&self.book.get(at).document, "/details/dealValue").and_then(Value::as_f64);
        value.is_some_and(|value| value < 25_000.0)
    }

    /// Microsoft's review of a deal registration moves on.
    fn reviewed(&mut self, body: &Value, now: Timestamp) -> Result<usize, Refusal> {
        let at = self.of(body, Owner::Ours)?;
        let index = body.get("index").and_then(Value::as_u64).and_then(|index| usize::try_from(index).ok());
        let status = body["status"].as_str().unwrap_or_default();
        let mut document = Document::clone(&self.book.get(at).document);
        registering::review(&mut document, index.unwrap_or_default(), status, &body["reason"], now)?;
        self.book.replace(at, document, now);
        self.raise_updated(at, now);
        Ok(at)
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
            Some(engagement) => {
                // After a decline Microsoft may have been invited anew: the open one is meant.
                let mut theirs = self.book.engagement(engagement).filter(|at| {
                    let record = self.book.get(*at);
                    record.owner == Owner::Microsoft && record.text("status") != "Closed"
                });
                theirs
                    .next()
                    .or_else(|| self.book.in_engagement(engagement, Owner::Microsoft))
                    .ok_or_else(|| Refusal::invalid("Microsoft has no referral in this engagement."))
            }
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
