//! Accounts, contacts and leads (salesforce reference, sections 5.3 and 5.8).

use super::{
    countries::country_codes,
    deals::LEAD_SOURCES,
    parts::{
        address, currency, date, email, flag, long, lookup, owned, owner, phone, pick, text, url, whole,
    },
};
use crate::salesforce::schema::Object;

pub(super) fn account() -> Object {
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
    fields.extend(country_codes("Billing"));
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
    fields.extend(country_codes("Shipping"));
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
        // Of a person account, that is an account and a contact in one.
        flag("IsPersonAccount").read_only(),
        pick("Salutation", &["Mr.", "Ms.", "Mrs.", "Dr.", "Prof."]),
        text("FirstName", 40),
        text("LastName", 80),
        email("PersonEmail"),
        lookup("PersonContactId", &["Contact"], None).read_only(),
        text("DunsNumber", 9).labelled("D-U-N-S Number"),
        text("Co_sell_Key__c", 100).key(),
    ]);
    Object::new("Account", "001", fields)
}

pub(super) fn contact() -> Object {
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
    fields.extend(country_codes("Mailing"));
    fields.extend([
        phone("Phone"),
        phone("MobilePhone"),
        email("Email"),
        text("Title", 128),
        text("Department", 80),
        long("Description", 32_000),
        currency(),
        owner(None),
        flag("IsPersonAccount").read_only(),
        text("Co_sell_Key__c", 100).key(),
    ]);
    Object::new("Contact", "003", fields)
}

pub(super) fn lead() -> Object {
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
            .starts_as("Open - Not Contacted"),
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
    )
}
