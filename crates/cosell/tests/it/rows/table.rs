//! The rows of the default mapping, by hand: the same value as each platform writes it, and when it travels where.

use serde_json::{Value, json};

/// Where a value stands in Salesforce, seen from the opportunity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A field of the opportunity.
    Opportunity(&'static str),
    /// A field of its account.
    Account(&'static str),
    /// A field of its one solution row.
    Solution(&'static str),
    /// A field of its primary contact.
    Contact(&'static str),
}

/// When a value is written there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Travels {
    /// When the record is created, and whenever it changes.
    Always,
    /// When the record is created.
    AtCreation,
    Never,
}

impl Travels {
    pub(super) fn at_creation(self) -> bool {
        self != Self::Never
    }
}

/// One value as both platforms write it.
pub(super) struct Sample {
    pub(super) salesforce: Value,
    pub(super) portal: Value,
}

/// One row of the default mapping.
pub(super) struct Row {
    /// Its name in the mapping file.
    pub(super) field: &'static str,
    pub(super) place: Place,
    /// Its member of the referral.
    pub(super) member: &'static str,
    pub(super) to_salesforce: Travels,
    pub(super) to_portal: Travels,
    /// The value at creation.
    pub(super) first: Sample,
    /// The value that it becomes later.
    pub(super) second: Sample,
}

fn sample(salesforce: impl Into<Value>, portal: impl Into<Value>) -> Sample {
    Sample { salesforce: salesforce.into(), portal: portal.into() }
}

fn same(value: &str) -> Sample {
    sample(value, value)
}

fn attribute(kind: &str, salesforce: &str, id: &str) -> Sample {
    sample(salesforce, json!([{ "type": kind, "id": id }]))
}

fn duns(number: &str) -> Sample {
    sample(number, json!([{ "profileType": "Duns", "id": number }]))
}

/// The rows whose value people write. What only the program or Microsoft writes is in the tests beside.
#[rustfmt::skip]
pub(super) fn rows() -> Vec<Row> {
    use Place::{Account, Contact, Opportunity, Solution};
    use Travels::{Always, AtCreation, Never};
    let row = |field, place, member, to_salesforce, to_portal, first, second| {
        Row { field, place, member, to_salesforce, to_portal, first, second }
    };
    vec![
        row("deal_name", Opportunity("Name"), "/name", Always, AtCreation, same("Northwind ERP"), same("Northwind ERP and CRM")),
        row("deal_value", Opportunity("Amount"), "/details/dealValue", Always, Always, sample(1234.56, 1234.56), sample(98_765.4, 98_765.4)),
        row("deal_currency", Opportunity("CurrencyIsoCode"), "/details/currency", Always, Always, same("EUR"), same("USD")),
        row("closing_date", Opportunity("CloseDate"), "/details/closingDateTime", Always, Always,
            sample("2027-04-30", "2027-04-30T00:00:00Z"), sample("2028-02-29", "2028-02-29T00:00:00Z")),
        row("notes", Opportunity("Description"), "/details/notes", Always, Always, same("Zweite Zeile:\nÄpfel & <Birnen>"), same("Rewritten")),
        row("share", Opportunity("Share_with_Microsoft__c"), "/consent/consentToShareReferralWithMicrosoftSellers", AtCreation, AtCreation,
            sample(true, true), sample(true, true)),
        row("solutions", Solution("Solution_Id__c"), "/details/requirements/solutions/0/id", AtCreation, AtCreation, same("SOL-12345-ABC"), same("SOL-12345-ABC")),
        row("solutions.name", Solution("Name"), "/details/requirements/solutions/0/name", Always, Always, same("Fabrikam Insight"), same("Fabrikam Insight 2")),
        row("solutions.publisher", Solution("Publisher__c"), "/details/requirements/solutions/0/publisherName", Always, Always, same("Fabrikam"), same("Fabrikam AG")),
        row("solutions.solution_type", Solution("Solution_Type__c"), "/details/requirements/solutions/0/solutionType", Always, Always, same("3P"), same("IP")),
        row("solutions.quantity", Solution("Quantity__c"), "/details/requirements/solutions/0/quantity", Always, Always, sample(3.0, 3.0), sample(4.0, 4.0)),
        row("marketplace_intent", Opportunity("Marketplace_Intent__c"), "/details/requirements/additionalRequirements/attributes", AtCreation, AtCreation,
            attribute("CustomerMarketplaceIntent", "Have not decided", "HaveNotDecided"), attribute("CustomerMarketplaceIntent", "Yes", "Yes")),
        row("customer_name", Account("Name"), "/customerProfile/name", AtCreation, AtCreation, same("Northwind Traders"), same("Northwind Traders Ltd")),
        row("customer_street", Account("BillingStreet"), "/customerProfile/address/addressLine1", AtCreation, AtCreation, same("Hafenstr. 9"), same("Hafenstr. 10")),
        row("customer_city", Account("BillingCity"), "/customerProfile/address/city", AtCreation, AtCreation, same("Hamburg"), same("Bremen")),
        row("customer_state", Account("BillingState"), "/customerProfile/address/state", AtCreation, AtCreation, same("Hamburg"), same("Bremen")),
        row("customer_postal_code", Account("BillingPostalCode"), "/customerProfile/address/postalCode", AtCreation, AtCreation, same("20457"), same("28195")),
        row("customer_country", Account("BillingCountry"), "/customerProfile/address/country", AtCreation, AtCreation, same("DE"), same("AT")),
        row("customer_duns", Account("DunsNumber"), "/customerProfile/ids", AtCreation, AtCreation, duns("012345678"), duns("987654321")),
        row("customer_size", Account("NumberOfEmployees"), "/customerProfile/size", AtCreation, AtCreation,
            sample(251, "251to1000employees"), sample(1, "1to9employees")),
        row("contacts", Contact("Email"), "/customerProfile/team/0/email", AtCreation, AtCreation, same("jo.kunde@northwind.example"), same("jo.kunde@northwind.example")),
        row("contacts.first_name", Contact("FirstName"), "/customerProfile/team/0/firstName", AtCreation, AtCreation, same("Jo"), same("Johanna")),
        row("contacts.last_name", Contact("LastName"), "/customerProfile/team/0/lastName", AtCreation, AtCreation, same("Kunde"), same("Kunde-Meyer")),
        row("contacts.phone", Contact("Phone"), "/customerProfile/team/0/phoneNumber", AtCreation, AtCreation, same("+494055500"), same("+494055501")),
        row("contacts.title", Contact("Title"), "/customerProfile/team/0/title", AtCreation, AtCreation, same("Buyer"), same("Head of IT")),
        row("referral_program", Opportunity("Referral_Program__c"), "/referralProgram", Always, Never, same("Co-sell"), same("Partner Program")),
        row("campaign", Opportunity("CampaignId"), "/campaignId", Never, Never, sample(Value::Null, "Spring"), sample(Value::Null, "Autumn")),
        row("referral_expires", Opportunity("Referral_Expires__c"), "/expirationDateTime", AtCreation, Never,
            sample("2027-08-15", "2027-08-15T10:00:00Z"), sample("2027-08-15", "2027-08-15T10:00:00Z")),
    ]
}

/// The rows that are tested by name, because nobody types their value, or the people are the org's own.
pub(super) const BY_NAME: &[&str] = &[
    "referral_identifier",
    "referral_link",
    "external_reference",
    "help",
    "help_notes",
    "consent_share",
    "consent_contact",
    "consent_microsoft",
    "team",
    "team.first_name",
    "team.last_name",
    "team.phone",
    "microsoft_status",
    "microsoft_sellers",
    "microsoft_crm_id",
    "microsoft_reason",
    "microsoft_expires",
    "partner_role",
    "solution_area",
    "solution_play",
];
