//! The org's objects and fields, as data (salesforce reference, section 5; custom fields as its section 7 names them).

use super::{
    knobs::Knobs,
    schema::{Field, Kind, Object, OnDelete, Reference, Schema},
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
const LEAD_SOURCES: [&str; 5] = ["Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other"];
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
/// ISO codes that an admin of this org could activate.
pub(crate) const CURRENCIES: [&str; 20] = [
    "USD", "EUR", "GBP", "JPY", "CHF", "SEK", "DKK", "NOK", "AUD", "CAD", "NZD", "PLN", "CZK", "HUF", "BRL",
    "MXN", "INR", "SGD", "KWD", "ZAR",
];

fn text(name: &'static str, length: usize) -> Field {
    Field::new(name, Kind::Text { length })
}
fn area(name: &'static str, length: usize) -> Field {
    Field::new(name, Kind::TextArea { length })
}
fn long(name: &'static str, length: usize) -> Field {
    Field::new(name, Kind::LongText { length })
}
fn flag(name: &'static str) -> Field {
    Field::new(name, Kind::Boolean)
}
fn date(name: &'static str) -> Field {
    Field::new(name, Kind::Date)
}
fn instant(name: &'static str) -> Field {
    Field::new(name, Kind::DateTime)
}
fn url(name: &'static str) -> Field {
    Field::new(name, Kind::Url)
}
fn email(name: &'static str) -> Field {
    Field::new(name, Kind::Email)
}
fn phone(name: &'static str) -> Field {
    Field::new(name, Kind::Phone { length: 40 })
}
fn pick(name: &'static str, values: &[&'static str]) -> Field {
    Field::new(name, Kind::Picklist { values: values.to_vec(), restricted: false })
}
fn strict_pick(name: &'static str, values: &[&'static str]) -> Field {
    Field::new(name, Kind::Picklist { values: values.to_vec(), restricted: true })
}
fn money(name: &'static str) -> Field {
    Field::new(name, Kind::Currency { precision: 18, scale: 2 })
}
fn number(name: &'static str, precision: u32, scale: u32) -> Field {
    Field::new(name, Kind::Double { precision, scale })
}
fn whole(name: &'static str) -> Field {
    Field::new(name, Kind::Int { digits: 9 })
}
fn currency() -> Field {
    strict_pick("CurrencyIsoCode", &CURRENCIES).supplied()
}

/// A lookup; its path is its name without `Id`, or with `__r` for `__c`.
fn lookup(name: &'static str, to: &[&'static str], children: Option<&'static str>) -> Field {
    let path = match name.strip_suffix("__c") {
        Some(bare) => format!("{bare}__r"),
        None => name.strip_suffix("Id").unwrap_or(name).to_owned(),
    };
    let reference = Reference { to: to.to_vec(), path, children, on_delete: OnDelete::Clear, master: false };
    Field::new(name, Kind::Reference(reference))
}

/// A reference whose rows go with their parent; set once.
fn detail(name: &'static str, to: &[&'static str], children: &'static str) -> Field {
    let mut field = lookup(name, to, Some(children)).required().create_only();
    if let Kind::Reference(reference) = &mut field.kind {
        reference.on_delete = OnDelete::Cascade;
        reference.master = name.ends_with("__c");
    }
    field
}

/// A lookup whose rows nevertheless go with their parent.
fn owned(name: &'static str, to: &[&'static str], children: &'static str) -> Field {
    let mut field = lookup(name, to, Some(children));
    if let Kind::Reference(reference) = &mut field.kind {
        reference.on_delete = OnDelete::Cascade;
    }
    field
}

fn owner(children: Option<&'static str>) -> Field {
    lookup("OwnerId", &["User"], children).supplied()
}

fn address(prefix: &'static str, names: [&'static str; 6]) -> [Field; 6] {
    let [street, city, state, postal, country, whole] = names;
    [
        area(street, 255),
        text(city, 40),
        text(state, 80),
        text(postal, 20),
        text(country, 80),
        Field::new(whole, Kind::Address { prefix }).read_only(),
    ]
}

fn opportunity() -> Object {
    let stages = stages::labels();
    Object::new(
        "Opportunity",
        "006",
        vec![
            owned("AccountId", &["Account"], "Opportunities").tracked(),
            lookup("RecordTypeId", &["RecordType"], None),
            flag("IsPrivate"),
            text("Name", 120).required().names().tracked(),
            long("Description", 32_000),
            pick("StageName", &stages).required().tracked(),
            money("Amount").tracked(),
            Field::new("Probability", Kind::Percent { precision: 3, scale: 0 }).tracked(),
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
            text("Co_sell_Key__c", 100).key(),
            text("Co_sell_Origin__c", 18),
            text("Co_sell_Status__c", 255),
            long("Co_sell_Problem__c", 32_000),
            instant("Co_sell_Synced_At__c"),
            flag("Consent_to_Share__c").labelled("Consent to Share"),
            flag("Share_with_Microsoft__c").labelled("Share with Microsoft"),
            strict_pick("Co_sell_Response__c", &["Accept", "Decline"]),
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

fn account() -> Object {
    let mut fields = vec![
        text("Name", 255).required().names(),
        pick("Type", &["Prospect", "Customer - Direct", "Customer - Channel", "Other"]),
        lookup("ParentId", &["Account"], Some("ChildAccounts")),
        lookup("RecordTypeId", &["RecordType"], None),
    ];
    fields.extend(address(
        "Billing",
        [
            "BillingStreet",
            "BillingCity",
            "BillingState",
            "BillingPostalCode",
            "BillingCountry",
            "BillingAddress",
        ],
    ));
    fields.extend(address(
        "Shipping",
        [
            "ShippingStreet",
            "ShippingCity",
            "ShippingState",
            "ShippingPostalCode",
            "ShippingCountry",
            "ShippingAddress",
        ],
    ));
    fields.extend([
        phone("Phone"),
        text("AccountNumber", 40),
        url("Website"),
        pick(
            "Industry",
            &["Banking", "Education", "Energy", "Healthcare", "Manufacturing", "Retail", "Technology"],
        ),
        whole("NumberOfEmployees"),
        long("Description", 32_000),
        currency(),
        owner(None),
        text("DunsNumber", 9).labelled("D-U-N-S Number"),
        text("Co_sell_Key__c", 100).key(),
    ]);
    Object::new("Account", "001", fields)
}

fn contact() -> Object {
    let mut fields = vec![
        owned("AccountId", &["Account"], "Contacts"),
        text("LastName", 80).required(),
        text("FirstName", 40),
        pick("Salutation", &["Mr.", "Ms.", "Mrs.", "Dr.", "Prof."]),
        text("Name", 121).read_only().names(),
    ];
    fields.extend(address(
        "Mailing",
        [
            "MailingStreet",
            "MailingCity",
            "MailingState",
            "MailingPostalCode",
            "MailingCountry",
            "MailingAddress",
        ],
    ));
    fields.extend([
        phone("Phone"),
        phone("MobilePhone"),
        email("Email"),
        text("Title", 128),
        text("Department", 80),
        long("Description", 32_000),
        currency(),
        owner(None),
        text("Co_sell_Key__c", 100).key(),
    ]);
    Object::new("Contact", "003", fields)
}

fn sales_children() -> Vec<Object> {
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
                text("Co_sell_Key__c", 100).key(),
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
                text("Co_sell_Key__c", 100).key(),
            ],
        ),
        Object::new(
            "OpportunityLineItem",
            "00k",
            vec![
                detail("OpportunityId", &["Opportunity"], "OpportunityLineItems"),
                lookup("PricebookEntryId", &["PricebookEntry"], None).required().create_only(),
                lookup("Product2Id", &["Product2"], None).read_only(),
                text("Name", 376).read_only().names(),
                number("Quantity", 12, 2).required(),
                money("UnitPrice"),
                money("TotalPrice"),
                text("Description", 255),
                currency().read_only(),
            ],
        ),
        Object::new(
            "OpportunityHistory",
            "008",
            vec![
                detail("OpportunityId", &["Opportunity"], "OpportunityHistories"),
                pick("StageName", &[]),
                money("Amount"),
                Field::new("Probability", Kind::Percent { precision: 3, scale: 0 }),
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
        Object::new(
            "Note",
            "002",
            vec![
                detail("ParentId", &["Opportunity", "Account", "Contact", "Lead"], "Notes"),
                text("Title", 80).required().names(),
                long("Body", 32_000),
                flag("IsPrivate"),
                owner(None),
            ],
        ),
    ]
}

fn catalogue() -> Vec<Object> {
    vec![
        Object::new(
            "Product2",
            "01t",
            vec![
                text("Name", 255).required().names(),
                text("ProductCode", 255),
                flag("IsActive"),
                long("Description", 4_000),
            ],
        ),
        Object::new(
            "Pricebook2",
            "01s",
            vec![text("Name", 255).required().names(), flag("IsActive"), flag("IsStandard").read_only()],
        ),
        Object::new(
            "PricebookEntry",
            "01u",
            vec![
                text("Name", 255).read_only().names(),
                lookup("Pricebook2Id", &["Pricebook2"], Some("PricebookEntries")).required().create_only(),
                lookup("Product2Id", &["Product2"], Some("PricebookEntries")).required().create_only(),
                money("UnitPrice").required(),
                flag("IsActive"),
                currency(),
            ],
        ),
    ]
}

fn people_and_settings() -> Vec<Object> {
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
                Field::new("DefaultProbability", Kind::Percent { precision: 3, scale: 0 }),
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
            "Lead",
            "00Q",
            vec![
                text("LastName", 80).required(),
                text("FirstName", 40),
                text("Name", 121).read_only().names(),
                text("Company", 255).required(),
                text("Title", 128),
                email("Email"),
                phone("Phone"),
                pick(
                    "Status",
                    &[
                        "Open - Not Contacted",
                        "Working - Contacted",
                        "Closed - Converted",
                        "Closed - Not Converted",
                    ],
                )
                .supplied(),
                pick("LeadSource", &LEAD_SOURCES),
                text("Country", 80),
                long("Description", 32_000),
                flag("IsConverted").read_only(),
                date("ConvertedDate").read_only(),
                lookup("ConvertedAccountId", &["Account"], None).read_only(),
                lookup("ConvertedContactId", &["Contact"], None).read_only(),
                lookup("ConvertedOpportunityId", &["Opportunity"], None).read_only(),
                text("Referral_Identifier__c", 100).key(),
                long("Co_sell_Note__c", 32_000),
                currency(),
                owner(None),
            ],
        ),
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
    ]
}

/// The schema as the knobs' features leave it. Positions never depend on a feature.
pub(crate) fn build(knobs: &Knobs) -> Schema {
    let mut objects = vec![opportunity(), account(), contact()];
    objects.extend(sales_children());
    objects.extend(catalogue());
    objects.extend(people_and_settings());
    for object in &mut objects {
        if object.name == "CurrencyType" {
            object.enabled = knobs.multi_currency;
        }
        for field in &mut object.fields {
            match field.name {
                "CurrencyIsoCode" => {
                    field.enabled = knobs.multi_currency;
                    let active = |code: &&&str| knobs.active_currencies.iter().any(|known| known == **code);
                    field.kind = Kind::Picklist {
                        values: CURRENCIES.iter().filter(active).copied().collect(),
                        restricted: true,
                    };
                }
                "Referral_Identifier__c" => field.unique = knobs.identifier_unique,
                _ => {}
            }
        }
    }
    Schema::new(objects)
}
