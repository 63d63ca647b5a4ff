//! Section 3: what a referral is made of, what of it a caller may give, and in which form.

use serde_json::{Value, json};

use super::rule::{Rule, hold, rule};
use crate::bodies::{invitation, partner_led, with};

fn posted(says: &'static str, pointer: &str, value: Value) -> Rule {
    rule(says).post(with(partner_led(), pointer, Some(value)))
}

fn posted_without(says: &'static str, pointer: &str) -> Rule {
    rule(says).post(with(partner_led(), pointer, None))
}

#[test]
fn s3_names_are_told_apart_without_regard_to_case_and_unknown_ones_are_not_taken() {
    let pascal = with(partner_led(), "/consent/consentToToShareInfoWithOthers", None);
    let pascal = with(pascal, "/consent/ConsentToToShareInfoWithOthers", Some(json!(true)));
    let pascal = with(with(pascal, "/name", None), "/Name", Some(json!("Pascal")));
    hold([
        rule("samples mix cases")
            .post(pascal)
            .fact("/name", json!("Pascal"))
            .fact("/consent/consentToToShareInfoWithOthers", json!(true)),
        posted("a member is given once, in whatever case", "/NAME", json!("x")).invalid("name"),
        posted("an unknown member", "/colour", json!("red")).invalid("colour"),
        posted("an unknown member deep inside", "/customerProfile/address/planet", json!("x"))
            .invalid("customerProfile.address.planet"),
        posted("an unknown member may be dropped", "/colour", json!("red"))
            .knobs(json!({"refuse_unknown_members": false}))
            .lacks("/colour"),
        posted(
            "a spelling that is right but not theirs",
            "/consent/consentToShareInfoWithOthers",
            json!(true),
        )
        .invalid("consent.consentToShareInfoWithOthers"),
    ]);
}

#[test]
fn s3_amounts_and_instants_have_the_services_own_form() {
    hold([
        posted("an amount as text comes back as number", "/details/dealValue", json!("10000"))
            .fact("/details/dealValue", json!(10_000)),
        posted("an amount as number", "/details/dealValue", json!(48_000))
            .fact("/details/dealValue", json!(48_000)),
        posted("no amount", "/details/dealValue", json!("ten")).invalid("details.dealValue"),
        posted("no amount either", "/details/dealValue", json!(true)).invalid("details.dealValue"),
        posted(
            "an instant comes back in UTC",
            "/details/closingDateTime",
            json!("2027-03-31T02:00:00+02:00"),
        )
        .fact("/details/closingDateTime", json!("2027-03-31T00:00:00Z")),
        posted("a date alone is no instant", "/details/closingDateTime", json!("2027-03-31"))
            .invalid("details.closingDateTime"),
        rule("stamps have seven fractional digits")
            .post(partner_led())
            .fact("/createdDateTime", json!("2026-11-22T10:00:00.0000007Z")),
    ]);
}

#[test]
fn s3_1_what_the_service_assigns_is_refused_or_ignored() {
    let assigned = [
        ("/id", json!("7a1c0000-0000-4000-8000-0000000000a1"), "id"),
        ("/organizationId", json!("x"), "organizationId"),
        ("/organizationName", json!("x"), "organizationName"),
        ("/createdDateTime", json!("2026-01-01T00:00:00Z"), "createdDateTime"),
        ("/updatedDateTime", json!("2026-01-01T00:00:00Z"), "updatedDateTime"),
        ("/expirationDateTime", json!("2026-01-01T00:00:00Z"), "expirationDateTime"),
        ("/acceptedDateTime", json!("2026-01-01T00:00:00Z"), "acceptedDateTime"),
        ("/closedDateTime", json!("2026-01-01T00:00:00Z"), "closedDateTime"),
        ("/referralSource", json!("x"), "referralSource"),
        ("/callToAction", json!("x"), "callToAction"),
        ("/eTag", json!("\"x\""), "eTag"),
        ("/quality", json!("High"), "quality"),
        ("/isSpam", json!(true), "isSpam"),
        ("/direction", json!("Incoming"), "direction"),
        ("/dealSensitivity", json!("x"), "dealSensitivity"),
        ("/createdVia", json!("x"), "createdVia"),
        ("/lastModifiedVia", json!("x"), "lastModifiedVia"),
        ("/lastRunId", json!("x"), "lastRunId"),
        ("/tags", json!([{"tag": "x"}]), "tags"),
        ("/registrationStatus", json!("x"), "registrationStatus"),
        ("/trackingInfo", json!({"microsoftMsxId": "7-1"}), "trackingInfo"),
        ("/links", json!({}), "links"),
        ("/customerProfile/isMatchingComplete", json!(true), "customerProfile.isMatchingComplete"),
        ("/details/incentiveLevel", json!("x"), "details.incentiveLevel"),
        ("/inviteContext", json!({"invitedBy": {"organizationId": "msft"}}), "inviteContext.invitedBy"),
    ];
    for (pointer, value, member) in assigned {
        let refused = posted("read-only on creation", pointer, value.clone()).invalid(member);
        let ignored =
            posted("ignored by knob", pointer, value.clone()).knobs(json!({"refuse_server_members": false}));
        hold([refused, ignored.gives(200)]);
        let patched = rule("not to be patched").replace("{own}", &[(pointer, value)]);
        hold([patched.invalid(member.rsplit_once(".invitedBy").map_or(member, |(context, _)| context))]);
    }
}

#[test]
fn s3_1_top_level_members() {
    hold([
        posted_without("type is required", "/type").invalid("type"),
        posted_without("customerProfile is required", "/customerProfile").invalid("customerProfile"),
        posted_without("consent is required", "/consent").invalid("consent"),
        posted_without("details is required", "/details").invalid("details"),
        posted_without("the name is needed in practice", "/name").invalid("name"),
        posted_without("externalReferenceId is optional", "/externalReferenceId")
            .fact("/externalReferenceId", Value::Null),
        posted("externalReferenceId is kept", "/externalReferenceId", json!("006"))
            .fact("/externalReferenceId", json!("006")),
        posted("an Independent referral or a Shared one", "/type", json!("P2P")).invalid("type"),
        posted("salesStage is a free text", "/salesStage", json!("100")).fact("/salesStage", json!("100")),
        posted("salesStage as the connector gives it", "/salesStage", json!("Qualify"))
            .fact("/salesStage", json!("Qualify")),
        posted("favorite is a flag", "/favorite", json!("yes")).invalid("favorite"),
        posted("mpnId is kept", "/mpnId", json!("7654321")).fact("/mpnId", json!("7654321")),
        rule("the location is fixed at creation")
            .replace("{own}", &[("/mpnId", json!("1"))])
            .invalid("mpnId"),
        rule("accepted is the time of creation for outgoing deals")
            .post(partner_led())
            .fact("/acceptedDateTime", json!("2026-11-22T10:00:00.0000007Z")),
        rule("an eTag has inner quotes").get("{own}").fact("/eTag", json!("{own.eTag}")),
        rule("the owner of Microsoft's referral")
            .get("{theirs}")
            .fact("/organizationId", json!("msft"))
            .fact("/organizationName", json!("Microsoft")),
        rule("links lead to itself and to the engagement")
            .get("{own}")
            .has("/links/self/uri")
            .has("/links/relatedReferrals/uri"),
        rule("samples misspell engagements")
            .knobs(json!({"misspell_links": true}))
            .get("{own}")
            .fact("/links/self/uri", json!("http://127.0.0.1:7001/v1.0/engagments/referrals/{own}")),
        posted("a target has a known type", "/target", json!([{"type": "Moon", "id": "x"}]))
            .invalid("target[0].type"),
    ]);
    let qualifications = ["None", "Direct", "MarketingQualified", "SalesQualified"];
    hold(qualifications.map(|value| {
        posted("a documented qualification", "/qualification", json!(value))
            .fact("/qualification", json!(value))
    }));
    hold([posted("another qualification", "/qualification", json!("Hot")).invalid("qualification")]);
}

#[test]
fn s3_2_the_customer_and_people() {
    let sizes = [
        "",
        "1to50employees",
        "51to500employees",
        "Morethan500employees",
        "1to9employees",
        "10to50employees",
        "51to250employees",
        "251to1000employees",
        "1001to5000employees",
        "5001to10000employees",
        "10001to20000employees",
        "Morethan20000employees",
    ];
    hold(sizes.map(|size| {
        posted("a documented size", "/customerProfile/size", json!(size))
            .fact("/customerProfile/size", json!(size))
    }));
    let person = |member: &str, value: Value| {
        let mut person =
            json!({"firstName": "Jo", "lastName": "K", "email": "jo@x.example", "phoneNumber": "1"});
        person[member] = value;
        json!([person])
    };
    hold([
        posted("the size may be null", "/customerProfile/size", Value::Null).gives(200),
        posted("another size", "/customerProfile/size", json!("huge")).invalid("customerProfile.size"),
        posted("ids may be an empty object", "/customerProfile/ids", json!({}))
            .fact("/customerProfile/ids", json!([])),
        posted(
            "an id of Microsoft's",
            "/customerProfile/ids",
            json!([{"profileType": "External", "id": "6-ABCDEFGHI"}]),
        )
        .counts("/customerProfile/ids", 1),
        posted("an id of another kind", "/customerProfile/ids", json!([{"profileType": "Vat", "id": "1"}]))
            .invalid("customerProfile.ids[0].profileType"),
        posted("a title", "/team", person("title", json!("Dr"))).fact("/team/0/title", json!("Dr")),
        posted(
            "a contact preference",
            "/customerProfile/team",
            person("contactPreference", json!({"locale": "de-DE", "disableNotifications": true})),
        )
        .fact("/customerProfile/team/0/contactPreference/locale", json!("de-DE")),
        posted(
            "a flag is no text",
            "/customerProfile/team",
            person("contactPreference", json!({"disableNotifications": "no"})),
        )
        .invalid("customerProfile.team[0].contactPreference.disableNotifications"),
        posted(
            "validation states are the service's",
            "/team",
            person("emailValidationStatus", json!("Valid")),
        )
        .invalid("team[0].emailValidationStatus"),
        posted("nobody is null", "/team", json!([null])).invalid("team[0]"),
    ]);
}

#[test]
fn s3_3_consent() {
    hold([
        posted_without("to share", "/consent/consentToToShareInfoWithOthers")
            .invalid("consent.consentToToShareInfoWithOthers"),
        posted("to contact", "/consent/consentToContact", json!(false)).invalid("consent.consentToContact"),
        posted(
            "not with Microsoft's sellers: a private deal",
            "/consent/consentToShareReferralWithMicrosoftSellers",
            json!(false),
        )
        .fact("/consent/consentToShareReferralWithMicrosoftSellers", json!(false)),
        posted("the fourth may be null", "/consent/consentToMicrosoftToContactSpecificPartners", Value::Null)
            .gives(200),
        rule("once true it cannot be undone")
            .replace("{own}", &[("/consent/consentToShareReferralWithMicrosoftSellers", json!(false))])
            .invalid("consent.consentToShareReferralWithMicrosoftSellers"),
        rule("nor be made unknown")
            .replace("{own}", &[("/consent/consentToShareReferralWithMicrosoftSellers", Value::Null)])
            .invalid("consent.consentToShareReferralWithMicrosoftSellers"),
    ]);
}

#[test]
fn s3_4_details() {
    let requirements = "/details/requirements";
    let with_requirement =
        |says, member: &str, value: Value| posted(says, &format!("{requirements}/{member}"), value);
    hold([
        posted("notes may be null", "/details/notes", Value::Null).fact("/details/notes", Value::Null),
        posted("an ISO 4217 code", "/details/currency", json!("EURO")).invalid("details.currency"),
        posted("a flag or null", "/details/customerRequestedContact", json!(true))
            .fact("/details/customerRequestedContact", json!(true)),
        with_requirement("industries are ids", "industries", json!([{"id": "Education"}]))
            .fact("/details/requirements/industries/0/id", json!("Education")),
        with_requirement("products are ids", "products", json!(["Azure"]))
            .invalid("details.requirements.products[0]"),
        with_requirement("a solution's type", "solutions", json!([{"id": "SOL-1", "type": "Magic"}]))
            .invalid("details.requirements.solutions[0].type"),
        with_requirement(
            "a solution of the catalogue",
            "solutions",
            json!([{"id": "0f4c0a53-0000-4000-8000-00000000e001", "solutionType": "1P"}]),
        )
        .gives(200),
        with_requirement(
            "a solution's price",
            "solutions",
            json!([{"id": "SOL-1", "price": "5.5", "quantity": 2}]),
        )
        .fact("/details/requirements/solutions/0/price", json!(5.5)),
        with_requirement("offers are open", "offers", json!([{"any": "thing"}]))
            .counts("/details/requirements/offers", 1),
    ]);
}

#[test]
fn s3_5_how_microsoft_can_help() {
    let help = |code: &str| {
        with(invitation("{shared.engagementId}"), "/inviteContext/assistanceRequestCode", Some(json!(code)))
    };
    let codes = [
        "GeneralOrOther",
        "CustomerTechnicalArchitecture",
        "ProofOfConceptOrDemo",
        "QuotesOrLicensing",
        "PostSalesCustomerSuccess",
        "WorkloadSpecificValueProposition",
    ];
    hold(codes.map(|code| {
        rule("a documented code").post(help(code)).fact("/inviteContext/assistanceRequestCode", json!(code))
    }));
    hold([
        rule("no help is no invitation").post(help("Unknown")).invalid("inviteContext.assistanceRequestCode"),
        rule("another code").post(help("Everything")).invalid("inviteContext.assistanceRequestCode"),
        rule("msft when Microsoft invited")
            .get("{inbound}")
            .fact("/inviteContext/invitedBy/organizationId", json!("msft")),
        rule("one's own organisation otherwise").get("{own}").has("/inviteContext/invitedBy/organizationId"),
    ]);
}

#[test]
fn s3_6_microsofts_crm_id_comes_with_acceptance() {
    let engagement = json!({"engagementId": "{shared.engagementId}", "microsoftMsxId": "7-1NORTH"});
    hold([
        rule("none before").get("{theirs}").fact("/trackingInfo", Value::Null),
        rule("there afterwards")
            .once("microsoft/accept", engagement)
            .get("{theirs}")
            .fact("/trackingInfo/microsoftMsxId", json!("7-1NORTH")),
    ]);
}

#[test]
fn s3_7_registrations_are_not_part_of_a_creation() {
    let registration = json!([{"type": "AzureIPCoSell"}]);
    hold([
        posted("only by patch", "/registrations", registration.clone()).invalid("registrations"),
        rule("not as a whole").replace("{won}", &[("/registrations", registration)]).invalid("registrations"),
    ]);
}
