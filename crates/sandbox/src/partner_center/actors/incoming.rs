//! Referrals that come in past the API: Microsoft's invitations, leads, and other partners' deals.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    super::{
        State,
        book::{Document, Owner, text},
        refusal::Refusal,
        rules, schema,
    },
    ANOTHER_PARTNER, TRUSTED, default,
};

impl State {
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
        let expires = instant("expirationDateTime").unwrap_or_else(|| self.book.expiry.after(created));
        if text(&document, "status") == "New" && expires <= now {
            document.remove("expirationDateTime");
            document.remove("createdDateTime");
        }
        Ok(document)
    }

    /// Microsoft invites the partner: an inbound referral of the partner's, and Microsoft's own beside it.
    pub(super) fn invite(&mut self, body: &Value, now: Timestamp) -> Result<usize, Refusal> {
        let with_microsoft = body.get("withMicrosoft").and_then(Value::as_bool).unwrap_or(true);
        let mut document = self.given(body.get("referral").unwrap_or(body), now)?;
        let engagement = text(&document, "engagementId").to_owned();
        let msx = rules::at(&document, "/trackingInfo/microsoftMsxId").cloned().unwrap_or_default();
        self.belongs_to_us(&mut document);
        default(&mut document, "type", "Shared");
        default(&mut document, "qualification", "SalesQualified");
        document.insert("direction".to_owned(), "Incoming".into());
        self.invited_by_microsoft(&mut document);
        let mut theirs = document.clone();
        let at = self.book.insert(document, Owner::Ours, now, SignedDuration::ZERO);
        self.raise_created(at, now);
        if with_microsoft && self.book.in_engagement(&engagement, Owner::Microsoft).is_none() {
            theirs.insert("id".to_owned(), self.world.guid().into());
            theirs.insert("organizationId".to_owned(), self.knobs.microsoft_organization_id.clone().into());
            theirs.insert("organizationName".to_owned(), "Microsoft".into());
            theirs.insert("mpnId".to_owned(), Value::Null);
            theirs.insert("direction".to_owned(), "Outgoing".into());
            theirs.insert("status".to_owned(), "Active".into());
            theirs.insert("substatus".to_owned(), "Accepted".into());
            theirs.insert("expirationDateTime".to_owned(), Value::Null);
            theirs.insert("trackingInfo".to_owned(), json!({ "microsoftMsxId": msx }));
            let theirs = self.book.insert(theirs, Owner::Microsoft, now, SignedDuration::ZERO);
            self.raise_created(theirs, now);
        }
        Ok(at)
    }

    pub(super) fn another(&mut self, body: &Value, now: Timestamp) -> Result<usize, Refusal> {
        let mut document = self.given(body.get("referral").unwrap_or(body), now)?;
        default(&mut document, "organizationId", ANOTHER_PARTNER.0);
        default(&mut document, "organizationName", ANOTHER_PARTNER.1);
        let owner = text(&document, "organizationId");
        if self.is_microsoft(owner) || owner == self.identity.organization_id {
            return Err(Refusal::invalid("The referral must be of another organization."));
        }
        let at = self.book.insert(document, Owner::Other, now, SignedDuration::ZERO);
        self.raise_created(at, now);
        Ok(at)
    }

    fn invited_by_microsoft(&self, document: &mut Document) {
        let context = document.entry("inviteContext").or_insert_with(|| json!({}));
        if !context.is_object() {
            *context = json!({});
        }
        if context.get("invitedBy").is_none_or(Value::is_null) {
            let id = &self.knobs.microsoft_organization_id;
            context["invitedBy"] = json!({ "organizationId": id, "organizationName": "Microsoft" });
        }
    }

    /// A lead comes in (section 4.4).
    pub(super) fn lead(&mut self, body: &Value, now: Timestamp) -> Result<usize, Refusal> {
        let mut document = self.given(body.get("referral").unwrap_or(&json!({})), now)?;
        let (qualification, by_microsoft) = match body["kind"].as_str() {
            Some("marketplace") => ("Direct", false),
            Some("marketing-qualified") => ("MarketingQualified", true),
            Some("sales-qualified") => ("SalesQualified", true),
            _ => {
                let what = "kind is marketplace, marketing-qualified or sales-qualified.";
                return Err(Refusal::invalid(what));
            }
        };
        self.belongs_to_us(&mut document);
        document.insert("type".to_owned(), "Independent".into());
        document.insert("qualification".to_owned(), qualification.into());
        document.insert("direction".to_owned(), "Incoming".into());
        if by_microsoft {
            self.invited_by_microsoft(&mut document);
        } else {
            default(&mut document, "referralSource", "Azure Marketplace");
            default(&mut document, "callToAction", "Contact me");
        }
        let at = self.book.insert(document, Owner::Ours, now, SignedDuration::ZERO);
        self.raise_created(at, now);
        Ok(at)
    }

    /// Another partner invites: the partner gets a referral, the other one has its own in the same engagement.
    pub(super) fn partner_invites(&mut self, body: &Value, now: Timestamp) -> Result<usize, Refusal> {
        let mut document = self.given(body.get("referral").unwrap_or(body), now)?;
        let mut theirs = document.clone();
        self.belongs_to_us(&mut document);
        default(&mut document, "type", "Shared");
        default(&mut document, "qualification", "SalesQualified");
        document.insert("direction".to_owned(), "Incoming".into());
        let context = document.entry("inviteContext").or_insert_with(|| json!({}));
        if !context.is_object() {
            *context = json!({});
        }
        context["invitedBy"] =
            json!({ "organizationId": ANOTHER_PARTNER.0, "organizationName": ANOTHER_PARTNER.1 });
        let at = self.book.insert(document, Owner::Ours, now, SignedDuration::ZERO);
        self.raise_created(at, now);
        for (member, value) in [
            ("id", self.world.guid().as_str()),
            ("organizationId", ANOTHER_PARTNER.0),
            ("organizationName", ANOTHER_PARTNER.1),
            ("status", "Active"),
            ("substatus", "Accepted"),
            ("direction", "Outgoing"),
        ] {
            theirs.insert(member.to_owned(), value.into());
        }
        let theirs = self.book.insert(theirs, Owner::Other, now, SignedDuration::ZERO);
        self.raise_created(theirs, now);
        Ok(at)
    }
}
