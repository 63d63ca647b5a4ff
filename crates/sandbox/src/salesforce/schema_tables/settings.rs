//! Users, stages, record types, currencies and the organisation itself (salesforce reference, sections 5.2 and 5.3).

use super::parts::{
    currency, date, detail, email, flag, instant, lookup, number, owner, percent, phone, pick, strict_pick,
    text, whole,
};
use crate::salesforce::schema::Object;

pub(super) fn people_and_settings() -> Vec<Object> {
    vec![
        Object::new(
            "User",
            "005",
            vec![
                text("Username", 80).required(),
                text("LastName", 80).required(),
                text("FirstName", 40),
                text("Name", 121).read_only().names(),
                email("Email").required(),
                flag("IsActive"),
                strict_pick("UserType", &["Standard", "AutomatedProcess"]).read_only().supplied(),
                text("Title", 80),
                phone("Phone"),
                text("Alias", 8),
                text("TimeZoneSidKey", 40),
                text("LocaleSidKey", 40),
                text("LanguageLocaleKey", 40),
                currency(),
            ],
        )
        .locked()
        .without_bin(),
        Object::new(
            "OpportunityStage",
            "01J",
            vec![
                text("MasterLabel", 255).names(),
                text("ApiName", 255),
                flag("IsActive"),
                whole("SortOrder"),
                flag("IsClosed"),
                flag("IsWon"),
                strict_pick(
                    "ForecastCategory",
                    &["Omitted", "Pipeline", "BestCase", "MostLikely", "Forecast", "Closed"],
                ),
                text("ForecastCategoryName", 255),
                percent("DefaultProbability"),
                text("Description", 255),
            ],
        )
        .locked()
        .without_bin(),
        Object::new(
            "RecordType",
            "012",
            vec![
                text("Name", 80).names(),
                text("DeveloperName", 80),
                text("SobjectType", 40),
                flag("IsActive"),
                text("Description", 255),
            ],
        )
        .locked()
        .without_bin(),
        Object::new(
            "Organization",
            "00D",
            vec![
                text("Name", 80).names(),
                text("OrganizationType", 40),
                flag("IsSandbox"),
                text("InstanceName", 5),
                text("LanguageLocaleKey", 40),
                text("DefaultLocaleSidKey", 40),
                text("TimeZoneSidKey", 40),
                text("NamespacePrefix", 15),
                instant("TrialExpirationDate"),
                text("Country", 80),
                whole("FiscalYearStartMonth"),
            ],
        )
        .locked()
        .without_bin(),
        Object::new(
            "CurrencyType",
            "01L",
            vec![
                text("IsoCode", 3).names(),
                number("ConversionRate", 18, 6),
                whole("DecimalPlaces"),
                flag("IsActive"),
                flag("IsCorporate"),
            ],
        )
        .locked()
        .without_bin(),
        Object::new(
            "Campaign",
            "701",
            vec![
                text("Name", 80).required().names(),
                flag("IsActive"),
                pick("Status", &["Planned", "In Progress", "Completed", "Aborted"]),
                date("StartDate"),
                date("EndDate"),
                currency(),
                owner(None),
            ],
        ),
        Object::new(
            "PermissionSet",
            "0PS",
            vec![text("Name", 80).names(), text("Label", 80), flag("IsOwnedByProfile"), flag("IsCustom")],
        )
        .locked()
        .without_bin(),
        Object::new(
            "PermissionSetAssignment",
            "0Pa",
            vec![
                detail("PermissionSetId", &["PermissionSet"], "Assignments"),
                detail("AssigneeId", &["User"], "PermissionSetAssignments"),
            ],
        )
        .without_bin(),
        Object::new(
            "PlatformEventChannelMember",
            "0v8",
            vec![
                text("DeveloperName", 80).names(),
                text("EventChannel", 80),
                text("SelectedEntity", 80),
                text("FilterExpression", 255),
            ],
        )
        .locked()
        .without_bin()
        .for_tooling(),
        Object::new(
            "EnrichedField",
            "0Yf",
            vec![
                lookup("ChannelMemberId", &["PlatformEventChannelMember"], Some("EnrichedFields")),
                text("Field", 80),
            ],
        )
        .locked()
        .without_bin()
        .for_tooling(),
        Object::new(
            "CustomField",
            "00N",
            vec![text("DeveloperName", 80).names(), text("TableEnumOrId", 80), text("NamespacePrefix", 15)],
        )
        .locked()
        .without_bin()
        .for_tooling(),
    ]
}
