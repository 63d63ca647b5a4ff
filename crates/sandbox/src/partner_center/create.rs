//! POST of a referral: one step for private and partner-led deals, two for co-sell (reference, section 4.3).

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    State,
    book::{Document, Owner, text},
    refusal::Refusal,
    rules::{self, Step},
    schema::{self, Reading},
    token::Role,
};

/// The organisation id of Microsoft, and the id of its location as a target.
pub(super) const MICROSOFT: &str = "msft";

/// Which step a body asks for, judged without checking it: the second names Microsoft as target in an engagement.
pub(super) fn step(body: &Value) -> Step {
    let targets = body["target"].as_array().map_or(&[][..], Vec::as_slice);
    let to_microsoft =
        targets.iter().any(|target| target["type"] == "BusinessProfileLocation" && target["id"] == MICROSOFT);
    if to_microsoft { Step::Microsoft } else { Step::Own }
}

impl State {
    /// How strictly a caller's body is read.
    pub(super) fn reading(&self) -> Reading {
        Reading {
            trusted: false,
            refuse_server: self.knobs.refuse_server_members,
            refuse_unknown: self.knobs.refuse_unknown_members,
        }
    }

    /// Creates what a POST of `who` asks for and says where it is.
    pub(super) fn create(
        &mut self,
        body: Value,
        who: usize,
        now: Timestamp,
    ) -> Result<(usize, Step), Refusal> {
        let Value::Object(mut document) = schema::read(body, schema::REFERRAL, "", self.reading())? else {
            return Err(Refusal::invalid("The body must be a referral."));
        };
        if document.contains_key("registrations") {
            return Err(Refusal::member(
                "registrations",
                "readOnly",
                "cannot be set when a referral is created.",
            ));
        }
        rules::cut(&mut document, &self.knobs);
        let step = step(&Value::Object(document.clone()));
        self.allowed(&document, who, step)?;
        rules::birth(&document, step, &self.knobs)?;
        rules::content(&document, &self.knobs, now)?;
        let opening = matches!(text(&document, "status"), "" | "None" | "New" | "Active");
        if !opening {
            return Err(Refusal::member(
                "status",
                "invalidTransition",
                "cannot be Closed when a referral is created.",
            ));
        }
        let document = match step {
            Step::Own => self.own(document)?,
            Step::Microsoft => self.microsofts(document, who)?,
        };
        let owner = if step == Step::Own { Owner::Ours } else { Owner::Microsoft };
        let late = SignedDuration::from_millis(self.knobs.late_in_lists_ms.try_into().unwrap_or(i64::MAX));
        let at = self.book.insert(document, owner, now, late);
        self.raise_created(at, now);
        if step == Step::Microsoft {
            self.upgrade(at, now);
        }
        Ok((at, step))
    }

    /// Whether `who` may create such a deal at all (section 1.4).
    fn allowed(&self, document: &Document, who: usize, step: Step) -> Result<(), Refusal> {
        let location = text(document, "mpnId");
        if self.identity.people[who].role == Role::User
            && !location.is_empty()
            && location != self.identity.mpn_id
        {
            return Err(Refusal::denied("The user has no role in this location.").on("mpnId"));
        }
        let co_sell = step == Step::Microsoft || text(document, "type") == "Shared";
        if co_sell && !self.knobs.co_sell_ready {
            let what = "A co-sell deal needs at least one published solution that is co-sell ready.";
            return Err(Refusal::denied(what).because("noCoSellReadySolution"));
        }
        Ok(())
    }

    /// Inviting Microsoft makes a co-sell deal of what was private or partner-led (section 4.3).
    fn upgrade(&mut self, theirs: usize, now: Timestamp) {
        let engagement = self.book.get(theirs).text("engagementId").to_owned();
        let Some(ours) = self.book.in_engagement(&engagement, Owner::Ours) else { return };
        let mut document = Document::clone(&self.book.get(ours).document);
        let before = document.clone();
        if let Some(Value::Object(consent)) = document.get_mut("consent") {
            consent.insert("consentToShareReferralWithMicrosoftSellers".to_owned(), true.into());
        }
        if self.knobs.upgrade_makes_shared {
            document.insert("type".to_owned(), "Shared".into());
        }
        if document != before {
            self.book.replace(ours, document, now);
            if self.knobs.webhook_own_changes {
                self.raise_updated(ours, now);
            }
        }
    }

    fn own(&self, mut document: Document) -> Result<Document, Refusal> {
        let targets = document.get("target").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let fits = match text(&document, "type") {
            "Independent" => targets.is_empty(),
            _ => {
                !targets.is_empty()
                    && targets.iter().all(|target| {
                        target["type"] == "SolutionProfile"
                            && target["id"].as_str().is_some_and(|id| !id.is_empty())
                    })
            }
        };
        if !fits {
            let what = "must be empty for Independent, and name solution profiles for Shared.";
            return Err(Refusal::member("target", "targetInvalid", what));
        }
        if document.get("engagementId").is_some_and(|id| !id.is_null()) {
            let what = "is assigned by the service unless Microsoft is invited.";
            return Err(Refusal::member("engagementId", "readOnly", what));
        }
        document.insert("id".to_owned(), self.world.guid().into());
        document.insert("engagementId".to_owned(), self.world.guid().into());
        self.belongs_to_us(&mut document);
        // A deal that the partner creates is accepted at once, whatever was asked for (reference, section 4.1).
        document.insert("status".to_owned(), "Active".into());
        document.insert("substatus".to_owned(), "Accepted".into());
        self.invited_by_us(&mut document);
        if self.knobs.own_deals_are_incoming {
            document.insert("direction".to_owned(), "Incoming".into());
        }
        Ok(document)
    }

    fn microsofts(&self, mut document: Document, who: usize) -> Result<Document, Refusal> {
        let engagement = text(&document, "engagementId").to_owned();
        if engagement.is_empty() {
            return Err(Refusal::member("engagementId", "missing", "is required to invite Microsoft."));
        }
        if text(&document, "type") != "Shared" {
            return Err(Refusal::member("type", "typeInvalid", "must be Shared to invite Microsoft."));
        }
        let state = (text(&document, "status"), text(&document, "substatus"));
        if !matches!(state, ("" | "None" | "New", "" | "None" | "Pending")) {
            return Err(Refusal::member(
                "status",
                "invalidTransition",
                "must be New and Pending to invite Microsoft.",
            ));
        }
        let ours = self.book.in_engagement(&engagement, Owner::Ours);
        let Some(ours) = ours.filter(|at| self.sees(who, self.book.get(*at))) else {
            return Err(Refusal::member(
                "engagementId",
                "engagementNotFound",
                "is not an engagement of yours.",
            ));
        };
        if self.book.get(ours).text("status") == "Closed" {
            return Err(Refusal::member("engagementId", "referralClosed", "is closed: its deal is final."));
        }
        if !self.knobs.allow_second_microsoft_referral
            && self.book.in_engagement(&engagement, Owner::Microsoft).is_some()
        {
            return Err(Refusal::member(
                "engagementId",
                "alreadyInvited",
                "has a referral of Microsoft's already.",
            ));
        }
        document.insert("engagementId".to_owned(), self.book.get(ours).text("engagementId").into());
        document.insert("id".to_owned(), self.world.guid().into());
        document.insert("organizationId".to_owned(), self.knobs.microsoft_organization_id.clone().into());
        document.insert("organizationName".to_owned(), "Microsoft".into());
        document.insert("status".to_owned(), "New".into());
        document.insert("substatus".to_owned(), "Pending".into());
        // Microsoft's sellers show up only after acceptance (reference, section 4.2).
        document.insert("team".to_owned(), json!([]));
        self.invited_by_us(&mut document);
        Ok(document)
    }

    /// Writes the partner's organisation into a referral.
    pub(super) fn belongs_to_us(&self, document: &mut Document) {
        document.insert("organizationId".to_owned(), self.identity.organization_id.clone().into());
        document.insert("organizationName".to_owned(), self.identity.organization_name.clone().into());
        if document.get("mpnId").is_none_or(Value::is_null) {
            document.insert("mpnId".to_owned(), self.identity.mpn_id.clone().into());
        }
    }

    fn invited_by_us(&self, document: &mut Document) {
        let by = json!({
            "organizationId": self.identity.organization_id,
            "organizationName": self.identity.organization_name,
        });
        let context = document.entry("inviteContext").or_insert_with(|| json!({}));
        if context.is_null() {
            *context = json!({});
        }
        context["invitedBy"] = by;
    }
}
