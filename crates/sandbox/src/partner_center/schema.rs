//! The members of a referral, their types, and who may set them (reference, section 3).

use std::str::FromStr as _;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::{Map, Number, Value};

use super::{refusal::Refusal, stamp};

/// Deepest nesting of open (undescribed) values.
const MAX_DEPTH: usize = 16;

/// The type of a member.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// A string.
    Text,
    /// `true` or `false`.
    Flag,
    /// A number.
    Number,
    /// An amount: sent as number or as string, given back as number.
    Money,
    /// A UTC instant.
    Instant,
    /// One of these strings.
    OneOf(&'static [&'static str]),
    /// An array.
    List(&'static Shape),
    /// An object.
    Object(&'static [Member]),
    /// Anything.
    Open,
}

/// A member of an object.
#[derive(Debug)]
pub(super) struct Member {
    /// Its name in camelCase.
    pub(super) name: &'static str,
    /// Its type.
    pub(super) shape: Shape,
    /// Whether only the server sets it.
    pub(super) server: bool,
}

const fn caller(name: &'static str, shape: Shape) -> Member {
    Member { name, shape, server: false }
}

const fn server(name: &'static str, shape: Shape) -> Member {
    Member { name, shape, server: true }
}

use Shape::{Flag, Instant, List, Money, Number as Count, Object, OneOf, Open, Text};

/// `status`.
pub(super) const STATUS: &[&str] = &["None", "New", "Active", "Closed"];
/// `substatus`; `Error` by knob.
pub(super) const SUBSTATUS: &[&str] =
    &["None", "Pending", "Received", "Accepted", "Won", "Lost", "Declined", "Expired", "Error"];
/// `inviteContext.assistanceRequestCode`.
pub(super) const HELP: &[&str] = &[
    "Unknown",
    "GeneralOrOther",
    "CustomerTechnicalArchitecture",
    "ProofOfConceptOrDemo",
    "QuotesOrLicensing",
    "PostSalesCustomerSuccess",
    "WorkloadSpecificValueProposition",
];
const SIZES: &[&str] = &[
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

const IDS: Shape = List(&Object(&[caller("id", Text)]));
const PERSON: Shape = Object(&[
    caller("firstName", Text),
    caller("lastName", Text),
    caller("phoneNumber", Text),
    caller("email", Text),
    caller("title", Text),
    server("emailValidationStatus", Text),
    server("phoneValidationStatus", Text),
    caller("contactPreference", Object(&[caller("locale", Text), caller("disableNotifications", Flag)])),
]);
const SOLUTION: Shape = Object(&[
    caller("id", Text),
    caller("name", Text),
    caller("type", OneOf(&["None", "Category", "Name"])),
    caller("price", Money),
    caller("quantity", Count),
    caller("currency", Text),
    caller("publisherName", Text),
    caller("solutionType", Text),
    caller("closingDateTime", Instant),
]);
/// Names are documented, types are not.
const IOT: Shape = Object(&[
    caller("customerLicenseAgreementNumber", Open),
    caller("deviceCategory", Open),
    caller("siliconType", Open),
    caller("azureCertifiedDevice", Open),
    caller("attachServices", Open),
]);
const LINK: Shape = Object(&[server("uri", Text), server("method", Text)]);
const CONTRACT: Shape = Object(&[
    caller("value", Money),
    caller("currency", Text),
    caller("startDateTime", Instant),
    caller("endDateTime", Instant),
    caller("signDateTime", Instant),
    caller("term", OneOf(&["Perpetual", "Finite"])),
]);
const REGISTERED_SOLUTION: Shape = Object(&[
    caller("id", Text),
    caller("name", Text),
    caller("currency", Text),
    caller("value", Money),
    caller("isDeployedOnAzure", Flag),
    caller("primaryDeploymentOn", OneOf(&["Customer", "Partner"])),
    caller("pricingModel", OneOf(&["PayAsYouGo", "Other"])),
    caller(
        "marketplaceTransactionDetails",
        Object(&[caller("isMarketplaceTransacted", Flag), caller("marketplaceTransactionDateTime", Instant)]),
    ),
]);
const REGISTRATION: Shape = Object(&[
    server("id", Text),
    server("registrationDateTime", Instant),
    server("status", Text),
    server("statusReason", Text),
    caller("type", OneOf(&["AzureIPCoSell"])),
    caller("contract", CONTRACT),
    caller("solutionDetails", List(&REGISTERED_SOLUTION)),
    server(
        "statusHistory",
        Object(&[
            server("reviewPendingDateTime", Instant),
            server("actionRequiredDateTime", Instant),
            server("passedDateTime", Instant),
            server("failedDateTime", Instant),
            server("approvedDateTime", Instant),
        ]),
    ),
]);

/// A referral.
pub(super) const REFERRAL: Shape = Object(&[
    server("@odata.context", Text),
    server("id", Text),
    caller("engagementId", Text),
    server("organizationId", Text),
    server("organizationName", Text),
    caller("name", Text),
    caller("externalReferenceId", Text),
    server("createdDateTime", Instant),
    server("updatedDateTime", Instant),
    server("expirationDateTime", Instant),
    server("acceptedDateTime", Instant),
    server("closedDateTime", Instant),
    caller("status", OneOf(STATUS)),
    caller("substatus", OneOf(SUBSTATUS)),
    caller("statusReason", Text),
    caller("type", OneOf(&["Shared", "Independent"])),
    caller("qualification", OneOf(&["None", "Direct", "MarketingQualified", "SalesQualified"])),
    server("referralSource", Text),
    server("callToAction", Text),
    server("eTag", Text),
    caller("favorite", Flag),
    caller("campaignId", Text),
    caller("salesStage", Text),
    server("quality", Text),
    server("isSpam", Flag),
    server("direction", OneOf(&["Incoming", "Outgoing"])),
    caller("mpnId", Text),
    caller("referralProgram", Text),
    server("dealSensitivity", Text),
    server("createdVia", Text),
    server("lastModifiedVia", Text),
    server("lastRunId", Text),
    server("tags", Open),
    server("registrationStatus", Text),
    caller(
        "target",
        List(&Object(&[
            caller("type", OneOf(&["None", "BusinessProfileLocation", "SolutionProfile"])),
            caller("id", Text),
        ])),
    ),
    caller(
        "customerProfile",
        Object(&[
            caller("name", Text),
            caller("size", OneOf(SIZES)),
            server("isMatchingComplete", Flag),
            caller(
                "address",
                Object(&[
                    caller("addressLine1", Text),
                    caller("addressLine2", Text),
                    caller("city", Text),
                    caller("state", Text),
                    caller("postalCode", Text),
                    caller("country", Text),
                    caller("region", Text),
                ]),
            ),
            caller("team", List(&PERSON)),
            caller(
                "ids",
                List(&Object(&[caller("profileType", OneOf(&["Duns", "External"])), caller("id", Text)])),
            ),
        ]),
    ),
    caller(
        "consent",
        Object(&[
            caller("consentToToShareInfoWithOthers", Flag),
            caller("consentToContact", Flag),
            caller("consentToShareReferralWithMicrosoftSellers", Flag),
            caller("consentToMicrosoftToContactSpecificPartners", Flag),
        ]),
    ),
    caller(
        "details",
        Object(&[
            caller("notes", Text),
            caller("dealValue", Money),
            caller("currency", Text),
            caller("closingDateTime", Instant),
            caller("customerRequestedContact", Flag),
            caller("customerAction", Text),
            server("incentiveLevel", Text),
            caller(
                "requirements",
                Object(&[
                    caller("industries", IDS),
                    caller("products", IDS),
                    caller("services", IDS),
                    caller("solutions", List(&SOLUTION)),
                    caller("offers", List(&Open)),
                    caller("salesPlays", List(&Open)),
                    caller(
                        "additionalRequirements",
                        Object(&[
                            caller("iot", IOT),
                            caller("attributes", List(&Object(&[caller("type", Text), caller("id", Text)]))),
                        ]),
                    ),
                ]),
            ),
        ]),
    ),
    caller("team", List(&PERSON)),
    caller(
        "inviteContext",
        Object(&[
            caller("notes", Text),
            caller("assistanceRequestCode", OneOf(HELP)),
            server("invitedMpnId", Text),
            server("invitedBy", Object(&[server("organizationId", Text), server("organizationName", Text)])),
        ]),
    ),
    server("links", Object(&[server("relatedReferrals", LINK), server("self", LINK)])),
    server(
        "trackingInfo",
        Object(&[
            server("microsoftMsxId", Text),
            server("microsoftUSFedOpportunityId", Text),
            server("microsoftUSFedLeadId", Text),
            server("migratedPSCDealId", Text),
            server("migratedPSCPartnerDealId", Text),
        ]),
    ),
    caller("registrations", List(&REGISTRATION)),
]);

/// What becomes of members that the caller may not set or that nobody knows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// Server-assigned members are taken as they are (the sandbox's own actors write them).
    pub(super) trusted: bool,
    /// Server-assigned members with a value are refused; else dropped.
    pub(super) refuse_server: bool,
    /// Unknown members are refused; else dropped.
    pub(super) refuse_unknown: bool,
}

/// The shape at a path of names, array elements being passed through numbers. `None` if there is no such member.
pub(super) fn at<'p>(mut shape: Shape, path: impl IntoIterator<Item = &'p str>) -> Option<Shape> {
    for name in path {
        shape = match shape {
            Shape::Object(members) => members.iter().find(|member| member.name == name)?.shape,
            Shape::List(item) if name == "-" || name.parse::<usize>().is_ok() => *item,
            _ => return None,
        };
    }
    Some(shape)
}

/// Checks `value` against `shape` and brings it into the service's own form: member names in camelCase, amounts as
/// numbers, instants in UTC. Null passes everywhere; what must not be null is a rule, not a type.
pub(super) fn read(value: Value, shape: Shape, path: &str, reading: Reading) -> Result<Value, Refusal> {
    let wrong = |what: &str| Err(Refusal::member(path, "typeMismatch", what));
    match (shape, value) {
        (_, Value::Null) => Ok(Value::Null),
        (Shape::Text, Value::String(text)) => Ok(Value::String(text)),
        (Shape::Flag, Value::Bool(flag)) => Ok(Value::Bool(flag)),
        (Shape::Flag, _) => wrong("must be true or false."),
        (Shape::Number, Value::Number(number)) => Ok(Value::Number(number)),
        (Shape::Number, _) => wrong("must be a number."),
        (Shape::Money, value) => {
            money(&value).map_or_else(|| wrong("must be an amount."), |number| Ok(Value::Number(number)))
        }
        (Shape::Instant, Value::String(text)) => match Timestamp::from_str(&text) {
            Ok(at) => Ok(Value::String(stamp::caller(at))),
            Err(_) => wrong("must be a date and time in ISO 8601 with its offset."),
        },
        (Shape::Instant, _) => wrong("must be a date and time."),
        (Shape::OneOf(values), Value::String(text)) => match values.iter().find(|known| **known == text) {
            Some(known) => Ok(Value::String((*known).to_owned())),
            None => wrong("is not one of the permitted values."),
        },
        (Shape::Text | Shape::OneOf(_), _) => wrong("must be a string."),
        // Samples show `"ids": {}` where an array belongs.
        (Shape::List(_), Value::Object(members)) if members.is_empty() => Ok(Value::Array(Vec::new())),
        (Shape::List(item), Value::Array(items)) => {
            let read_one = |(index, one): (usize, Value)| match one {
                Value::Null => {
                    Err(Refusal::member(&format!("{path}[{index}]"), "typeMismatch", "must not be null."))
                }
                one => read(one, *item, &format!("{path}[{index}]"), reading),
            };
            items.into_iter().enumerate().map(read_one).collect::<Result<_, _>>().map(Value::Array)
        }
        (Shape::List(_), _) => wrong("must be an array."),
        (Shape::Object(members), Value::Object(given)) => {
            object(given, members, path, reading).map(Value::Object)
        }
        (Shape::Object(_), _) => wrong("must be an object."),
        (Shape::Open, value) if depth(&value) <= MAX_DEPTH => Ok(value),
        (Shape::Open, _) => wrong("is nested too deeply."),
    }
}

fn object(
    given: Map<String, Value>,
    members: &'static [Member],
    path: &str,
    reading: Reading,
) -> Result<Map<String, Value>, Refusal> {
    let mut read_members = Map::new();
    for (name, value) in given {
        let full = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        // Microsoft's own samples mix cases, so the service must tell members apart without regard to it.
        let Some(member) = members.iter().find(|member| member.name.eq_ignore_ascii_case(&name)) else {
            if reading.refuse_unknown {
                return Err(Refusal::member(&full, "unknownMember", "is not a member of this resource."));
            }
            continue;
        };
        if member.server && !reading.trusted {
            if reading.refuse_server && !value.is_null() {
                return Err(Refusal::member(&full, "readOnly", "is assigned by the service."));
            }
            continue;
        }
        let value = read(value, member.shape, &full, reading)?;
        if read_members.insert(member.name.to_owned(), value).is_some() {
            return Err(Refusal::member(&full, "duplicateMember", "is given twice."));
        }
    }
    Ok(read_members)
}

fn money(value: &Value) -> Option<Number> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let amount = Decimal::from_str_exact(&text).or_else(|_| Decimal::from_scientific(&text)).ok()?;
    serde_json::from_str(&amount.to_string()).ok()
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}
