//! Sections 4.2 to 4.5: engagements, kinds of deals, what a deal must hold.

use serde_json::{Value, json};

use super::rule::{Rule, hold, rule};
use crate::bodies::{invitation, partner_led, shared, with};

const SHARE: &str = "/consent/consentToShareReferralWithMicrosoftSellers";

fn invited(says: &'static str, pointer: &str, value: Option<Value>) -> Rule {
    rule(says).post(with(invitation("{shared.engagementId}"), pointer, value))
}

#[test]
fn s4_2_an_engagement_has_a_referral_of_each_organisation() {
    let of_engagement = "?$filter=engagementId eq '{shared.engagementId}'&$select=organizationName";
    let by = |reason: &str| json!({"engagementId": "{shared.engagementId}", "reason": reason});
    let untouched = |rule: Rule| {
        rule.after("shared", "/status", json!("Active")).after("shared", "/substatus", json!("Accepted"))
    };
    hold([
        rule("both are visible")
            .get(of_engagement)
            .fact("/value", json!([{"organizationName": "Fabrikam"}, {"organizationName": "Microsoft"}])),
        rule("only in lists of the engagement, by knob")
            .knobs(json!({"related_visibility": "engagement"}))
            .get("?$filter=organizationId eq 'x'")
            .invalid("$filter"),
        rule("nowhere, by knob").knobs(json!({"related_visibility": "hidden"})).get("{theirs}").refused(
            404,
            "itemNotFound",
            "referral",
        ),
        rule("the partner reads it and cannot edit it")
            .replace("{theirs}", &[("/details/notes", json!("x"))])
            .refused(403, "accessDenied", ""),
        rule("nor replace it")
            .send("PUT", "{theirs}")
            .header("if-match", "*")
            .body(json!({"name": "x"}))
            .refused(403, "accessDenied", ""),
        rule("Microsoft's sellers are not shown before acceptance").get("{theirs}").counts("/team", 0),
        rule("and are afterwards")
            .once("microsoft/accept", by(""))
            .get("{theirs}")
            .counts("/team", 1)
            .fact("/status", json!("Active")),
        untouched(
            rule("Microsoft declining closes its own alone")
                .once("microsoft/decline", by("No seller manages this customer"))
                .get("{theirs}")
                .fact("/substatus", json!("Declined"))
                .fact("/statusReason", json!("No seller manages this customer")),
        ),
        untouched(
            rule("Microsoft winning too")
                .once("microsoft/win", by(""))
                .get("{theirs}")
                .fact("/substatus", json!("Won")),
        ),
    ]);
}

#[test]
fn s4_3_each_kind_of_deal_is_expressed_by_the_api() {
    hold([
        rule("private")
            .post(with(partner_led(), SHARE, Some(json!(false))))
            .fact("/type", json!("Independent"))
            .counts("/target", 0),
        rule("partner-led").post(partner_led()).fact(SHARE, json!(true)),
        rule("Independent has no target")
            .post(with(partner_led(), "/target", Some(json!([{"type": "SolutionProfile", "id": "SOL-1"}]))))
            .invalid("target"),
        rule("co-sell, step 1").post(shared()).fact("/type", json!("Shared")).has("/engagementId"),
        rule("step 1 names a solution").post(with(shared(), "/target", Some(json!([])))).invalid("target"),
        rule("step 1 has no engagement yet")
            .post(with(shared(), "/engagementId", Some(json!("{shared.engagementId}"))))
            .invalid("engagementId"),
        invited("co-sell, step 2", "/name", Some(json!("Second")))
            .fact("/engagementId", json!("{shared.engagementId}"))
            .fact("/organizationId", json!("msft"))
            .fact("/substatus", json!("Pending")),
        invited("step 2 may answer with the id alone", "/name", Some(json!("Second")))
            .knobs(json!({"second_post_body": "id"}))
            .has("/id")
            .lacks("/name"),
        invited("a failed step 2 leaves the deal", "/inviteContext", None)
            .invalid("inviteContext.assistanceRequestCode")
            .after("shared", "/status", json!("Active")),
        invited("an engagement that nobody has", "/engagementId", Some(json!("{nobody}")))
            .invalid("engagementId"),
        invited("an engagement must be named", "/engagementId", None).invalid("engagementId"),
        invited("an engagement that is over", "/engagementId", Some(json!("{won.engagementId}")))
            .invalid("engagementId"),
        rule("a partner-led deal becomes co-sell by step 2")
            .post(invitation("{own.engagementId}"))
            .fact("/engagementId", json!("{own.engagementId}")),
        rule("never downgraded")
            .replace("{own}", &[(SHARE, json!(false))])
            .invalid("consent.consentToShareReferralWithMicrosoftSellers"),
        rule("the type never changes").replace("{own}", &[("/type", json!("Shared"))]).invalid("type"),
        rule("what Microsoft begins arrives Incoming, Shared, SalesQualified")
            .get("{inbound}")
            .fact("/direction", json!("Incoming"))
            .fact("/type", json!("Shared"))
            .fact("/qualification", json!("SalesQualified")),
    ]);
}

#[test]
fn s4_5_what_help_from_microsoft_needs() {
    let someone = |member: &str| {
        let mut person =
            json!({"firstName": "Jo", "lastName": "Kunde", "email": "jo@x.example", "phoneNumber": "1"});
        person.as_object_mut().unwrap().remove(member);
        Some(json!([person]))
    };
    hold([
        rule("without help no customer contact is needed")
            .post(with(partner_led(), "/customerProfile/team", Some(json!([]))))
            .gives(200),
        invited("with help it is", "/customerProfile/team", Some(json!([]))).invalid("customerProfile.team"),
        invited("with its phone", "/customerProfile/team", someone("phoneNumber"))
            .invalid("customerProfile.team[0].phoneNumber"),
        invited("and its mail", "/customerProfile/team", someone("email"))
            .invalid("customerProfile.team[0].email"),
        invited("and to be shared", SHARE, Some(json!(false)))
            .invalid("consent.consentToShareReferralWithMicrosoftSellers"),
    ]);
}

#[test]
fn s4_5_what_may_be_left_out_and_how_much_there_may_be() {
    let many = |one: Value| Some(Value::Array(vec![one; 51]));
    let member = json!({"firstName": "A", "lastName": "B", "email": "a@b.example", "phoneNumber": "1"});
    let notes = |length: usize| with(partner_led(), "/details/notes", Some(json!("n".repeat(length))));
    hold([
        rule("state is optional")
            .post(with(partner_led(), "/customerProfile/address/state", None))
            .gives(200),
        rule("postal code is optional")
            .post(with(partner_led(), "/customerProfile/address/postalCode", None))
            .gives(200),
        rule("at most 50 solutions")
            .post(with(partner_led(), "/details/requirements/solutions", many(json!({"id": "S"}))))
            .invalid("details.requirements.solutions"),
        rule("at most 50 team members").post(with(partner_led(), "/team", many(member))).invalid("team"),
        rule("notes have no known limit").post(notes(20_000)).gives(200),
        rule("notes have one by knob")
            .knobs(json!({"max_notes_chars": 10}))
            .post(notes(11))
            .invalid("details.notes"),
        rule("a closing date may be past")
            .post(with(partner_led(), "/details/closingDateTime", Some(json!("2020-01-01T00:00:00Z"))))
            .gives(200),
        rule("not by knob")
            .knobs(json!({"refuse_past_closing": true}))
            .post(with(partner_led(), "/details/closingDateTime", Some(json!("2020-01-01T00:00:00Z"))))
            .invalid("details.closingDateTime"),
        rule("a solution must be co-sell ready, by knob")
            .knobs(json!({"known_solutions": ["SOL-9"]}))
            .post(partner_led())
            .invalid("details.requirements.solutions[0].id"),
        rule("the purchase intent is mandatory")
            .post(with(partner_led(), "/details/requirements/additionalRequirements", None))
            .invalid("details.requirements.additionalRequirements.attributes"),
        rule("not before 2023-05, by knob")
            .knobs(json!({"require_marketplace_intent": false}))
            .post(with(partner_led(), "/details/requirements/additionalRequirements", None))
            .gives(200),
        rule("no duplicate is noticed").post(partner_led()).gives(200),
    ]);
}

#[test]
fn s4_5_what_is_read_only_after_creation() {
    let table = [
        ("/customerProfile/name", "customerProfile.name"),
        ("/customerProfile/address", "customerProfile.address"),
        ("/customerProfile/address/city", "customerProfile.address.city"),
        ("/customerProfile/ids", "customerProfile.ids"),
        ("/consent/consentToContact", "consent.consentToContact"),
        ("/consent/consentToToShareInfoWithOthers", "consent.consentToToShareInfoWithOthers"),
        ("/mpnId", "mpnId"),
        ("/inviteContext", "inviteContext"),
        ("/inviteContext/notes", "inviteContext.notes"),
        ("/inviteContext/assistanceRequestCode", "inviteContext.assistanceRequestCode"),
        ("/type", "type"),
        ("/target", "target"),
        ("/engagementId", "engagementId"),
    ];
    hold(
        table.map(|(path, member)| {
            rule("read-only").replace("{shared}", &[(path, json!("x"))]).invalid(member)
        }),
    );
    hold([rule("a path more, by knob")
        .knobs(json!({"patch_paths_extra": ["/customerProfile/name"]}))
        .replace("{shared}", &[("/customerProfile/name", json!("x"))])
        .gives(204)]);
}
