//! The opportunity and its children but for products and notes (salesforce reference, sections 5.1, 5.4, 5.5, 5.7).

use super::parts::{
    currency, date, detail, flag, instant, long, lookup, money, number, owned, owner, percent, pick,
    strict_pick, text, url, whole,
};
use crate::salesforce::{
    schema::{Field, Kind, Object},
    stages,
};

/// Loss reasons a seller may choose: the labels of the portal's declined-or-lost reasons (partner-center enums).
pub(crate) const LOSS_REASONS: [&str; 8] = [
    "Project budget isn't adequate",
    "Customer didn't respond",
    "Customer chose another vendor",
    "Customer requirement not met",
    "Not a customer",
    "Proposed time line was too short",
    "Report as abuse, spam, or phishing",
    "Others",
];
/// Whether the customer means to buy through the marketplace, as Partner Center labels it.
pub(crate) const MARKETPLACE_INTENT: [&str; 3] = ["Have not decided", "Yes", "No"];
/// The six kinds of help, as labelled since 2020 (salesforce reference, section 7).
pub(crate) const HELP: [&str; 6] = [
    "Workload specific value proposition",
    "Customer technical architecture",
    "Proof of concept or demo",
    "Quotes or licensing",
    "Post sales customer success",
    "General or other",
];
pub(super) const LEAD_SOURCES: [&str; 5] =
    ["Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other"];
const TYPES: [&str; 4] = [
    "Existing Customer - Upgrade",
    "Existing Customer - Replacement",
    "Existing Customer - Downgrade",
    "New Customer",
];
const ROLES: [&str; 8] = [
    "Business User",
    "Decision Maker",
    "Economic Buyer",
    "Economic Decision Maker",
    "Evaluator",
    "Executive Sponsor",
    "Influencer",
    "Technical Buyer",
];
const TEAM_ROLES: [&str; 6] = [
    "Account Manager",
    "Channel Manager",
    "Executive Sponsor",
    "Opportunity Owner",
    "Pre-Sales Consultant",
    "Sales Rep",
];

pub(super) fn opportunity() -> Object {
    let stages = stages::labels();
    Object::new(
        "Opportunity",
        "006",
        vec![
            owned("AccountId", &["Account"], "Opportunities").tracked(),
            lookup("RecordTypeId", &["RecordType"], None),
            flag("IsPrivate").labelled("Private"),
            text("Name", 120).required().names().tracked(),
            long("Description", 32_000),
            pick("StageName", &stages).labelled("Stage").required().tracked(),
            money("Amount").tracked(),
            percent("Probability").tracked(),
            money("ExpectedRevenue").read_only(),
            number("TotalOpportunityQuantity", 18, 2),
            date("CloseDate").required().tracked(),
            pick("Type", &TYPES),
            text("NextStep", 255),
            pick("LeadSource", &LEAD_SOURCES),
            flag("IsClosed").read_only(),
            flag("IsWon").read_only(),
            strict_pick(
                "ForecastCategory",
                &["Omitted", "Pipeline", "BestCase", "MostLikely", "Forecast", "Closed"],
            )
            .read_only()
            .supplied(),
            strict_pick(
                "ForecastCategoryName",
                &["Omitted", "Pipeline", "Best Case", "Most Likely", "Commit", "Closed"],
            ),
            currency(),
            lookup("CampaignId", &["Campaign"], Some("Opportunities")),
            flag("HasOpportunityLineItem").read_only(),
            lookup("Pricebook2Id", &["Pricebook2"], Some("Opportunities")),
            owner(None).tracked(),
            whole("FiscalQuarter").read_only(),
            whole("FiscalYear").read_only(),
            text("Fiscal", 6).read_only(),
            lookup("ContactId", &["Contact"], None).create_only(),
            date("LastActivityDate").read_only(),
            instant("LastStageChangeDate").read_only(),
            whole("PushCount").read_only(),
            flag("HasOpenActivity").read_only(),
            flag("HasOverdueTask").read_only(),
            flag("Sync_with_Partner_Center__c").labelled("Sync with Partner Center").tracked(),
            text("Referral_Identifier__c", 100).key(),
            url("Referral_Link__c"),
            pick("How_can_Microsoft_help__c", &HELP).labelled("How can Microsoft help?"),
            long("Notes_to_Microsoft__c", 32_000).labelled("Notes to Microsoft"),
            text("Products__c", 255),
            long("Audit__c", 100_000),
            text("Co_sell_Key__c", 100).key().labelled("Co-sell Key"),
            text("Co_sell_Origin__c", 18).labelled("Co-sell Origin"),
            text("Co_sell_Status__c", 255).labelled("Co-sell Status"),
            long("Co_sell_Problem__c", 32_000).labelled("Co-sell Problem"),
            instant("Co_sell_Synced_At__c").labelled("Co-sell Synced At"),
            flag("Consent_to_Share__c").labelled("Consent to Share"),
            flag("Share_with_Microsoft__c").labelled("Share with Microsoft"),
            strict_pick("Co_sell_Response__c", &["Accept", "Decline"]).labelled("Co-sell Response"),
            pick("Loss_Reason__c", &LOSS_REASONS),
            pick("Marketplace_Intent__c", &MARKETPLACE_INTENT),
            text("Microsoft_Status__c", 255),
            long("Microsoft_Sellers__c", 32_000),
            text("Microsoft_CRM_Identifier__c", 100).labelled("Microsoft CRM Identifier"),
            text("Microsoft_Reason__c", 255),
            date("Microsoft_Expires__c"),
            date("Referral_Expires__c"),
            text("Referral_Program__c", 255),
            // The customer's own, so that the org has one field of every type.
            Field::new("Regions__c", Kind::MultiPicklist { values: vec!["North", "South", "East", "West"] }),
        ],
    )
}

pub(super) fn sales_children() -> Vec<Object> {
    vec![
        Object::new(
            "OpportunityContactRole",
            "00K",
            vec![
                detail("OpportunityId", &["Opportunity"], "OpportunityContactRoles"),
                detail("ContactId", &["Contact"], "OpportunityContactRoles"),
                pick("Role", &ROLES),
                flag("IsPrimary"),
                currency(),
                text("Co_sell_Key__c", 100).key().labelled("Co-sell Key"),
            ],
        ),
        Object::new(
            "OpportunityTeamMember",
            "00q",
            vec![
                detail("OpportunityId", &["Opportunity"], "OpportunityTeamMembers"),
                detail("UserId", &["User"], "OpportunityTeamMembers"),
                text("Name", 361).read_only().names(),
                pick("TeamMemberRole", &TEAM_ROLES),
                strict_pick("OpportunityAccessLevel", &["Read", "Edit", "All"]).supplied(),
                currency(),
            ],
        )
        .without_bin(),
        Object::new(
            "Microsoft_Solution__c",
            "a00",
            vec![
                detail("Opportunity__c", &["Opportunity"], "Microsoft_Solutions__r"),
                text("Name", 80).supplied().names(),
                text("Solution_Id__c", 255),
                text("Publisher__c", 255),
                text("Solution_Type__c", 255),
                money("Price__c"),
                number("Quantity__c", 18, 2),
                flag("Primary__c"),
                currency(),
                text("Co_sell_Key__c", 100).key().labelled("Co-sell Key"),
                lookup("Catalog_Solution__c", &["Microsoft_Solution_Catalog__c"], None),
            ],
        ),
        Object::new(
            "OpportunityHistory",
            "008",
            vec![
                detail("OpportunityId", &["Opportunity"], "OpportunityHistories"),
                pick("StageName", &[]),
                money("Amount"),
                percent("Probability"),
                date("CloseDate"),
                pick("ForecastCategory", &[]),
                currency(),
            ],
        )
        .locked(),
        Object::new(
            "OpportunityFieldHistory",
            "017",
            vec![
                detail("OpportunityId", &["Opportunity"], "Histories"),
                text("Field", 255),
                text("OldValue", 255),
                text("NewValue", 255),
                text("DataType", 40),
            ],
        )
        .locked(),
    ]
}
