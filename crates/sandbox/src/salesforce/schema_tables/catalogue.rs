//! Products, price books and the lines of an opportunity (salesforce reference, section 5.6), and the catalogue of
//! solutions that comes with the product's package.

use super::parts::{currency, detail, flag, long, lookup, money, number, text};
use crate::salesforce::schema::Object;

pub(super) fn catalogue() -> Vec<Object> {
    vec![
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
        Object::new(
            "Microsoft_Solution_Catalog__c",
            "a02",
            vec![
                text("Name", 80).supplied().names(),
                text("Solution_Id__c", 100).key(),
                text("Publisher__c", 255),
                text("Solution_Type__c", 255),
                text("Partner_Id__c", 100),
                flag("Ready__c"),
                flag("Active__c"),
            ],
        ),
    ]
}
