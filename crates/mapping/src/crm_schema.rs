//! The standard fields of Salesforce's objects: type, length, and whether they can be written (salesforce reference,
//! section 5). The live org knows more, and is asked when the mapping is checked against it.

use crate::{CrmPath, ROOT_OBJECT, Writes};

/// What a standard field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// A text of at most so many characters; none where the reference names no bound.
    Text(Option<usize>),
    /// A word of a picklist.
    Picklist,
    /// A number.
    Number,
    /// A day.
    Date,
    /// A moment.
    Time,
    /// A checkbox.
    Flag,
    /// A record's identifier.
    Id,
}

/// A standard field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StandardField {
    object: &'static str,
    name: &'static str,
    column: Column,
    writes: Writes,
}

impl StandardField {
    /// The known fields of `object`: `Opportunity`, `Account`, `Contact` or `User`.
    pub fn of(object: &str) -> impl Iterator<Item = &'static Self> {
        FIELDS.iter().filter(move |field| field.object == object)
    }

    /// The field of `object` with this name, without regard to case, as Salesforce reads names.
    pub fn named(object: &str, name: &str) -> Option<&'static Self> {
        Self::of(object).find(|field| field.name.eq_ignore_ascii_case(name))
    }

    /// The field that `path` leads to, if it is a known one.
    pub fn at(path: &CrmPath) -> Option<&'static Self> {
        Self::named(object_at(path)?, path.field())
    }

    /// Its object.
    pub fn object(&self) -> &'static str {
        self.object
    }

    /// Its API name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What it holds.
    pub fn column(&self) -> Column {
        self.column
    }

    /// When it can be written. Salesforce knows no field that goes only with a record's life.
    pub fn writes(&self) -> Writes {
        self.writes
    }

    /// The most characters it holds, if the reference says.
    pub fn max_chars(&self) -> Option<usize> {
        match self.column {
            Column::Text(length) => length,
            _ => None,
        }
    }
}

/// The object that `path` ends in, if the way there is known.
pub(crate) fn object_at(path: &CrmPath) -> Option<&'static str> {
    path.parents().try_fold(ROOT_OBJECT, |object, relationship| {
        let leads = |known: &&(&str, &str, &str)| {
            (known.0 == "*" || known.0 == object) && known.1.eq_ignore_ascii_case(relationship)
        };
        RELATIONSHIPS.iter().find(leads).map(|(_, _, target)| *target)
    })
}

/// Relationships: of which object, by which name, to which object.
const RELATIONSHIPS: &[(&str, &str, &str)] = &[
    (ROOT_OBJECT, "Account", "Account"),
    (ROOT_OBJECT, "Contact", "Contact"),
    ("Contact", "Account", "Account"),
    ("Account", "Parent", "Account"),
    ("*", "Owner", "User"),
    ("*", "CreatedBy", "User"),
    ("*", "LastModifiedBy", "User"),
];

const fn field(object: &'static str, name: &'static str, column: Column) -> StandardField {
    StandardField { object, name, column, writes: Writes::Always }
}

const fn read_only(object: &'static str, name: &'static str, column: Column) -> StandardField {
    StandardField { object, name, column, writes: Writes::Never }
}

const fn text(length: usize) -> Column {
    Column::Text(Some(length))
}

const FIELDS: &[StandardField] = &[
    field("Opportunity", "Name", text(120)),
    field("Opportunity", "StageName", Column::Picklist),
    field("Opportunity", "CloseDate", Column::Date),
    field("Opportunity", "Amount", Column::Number),
    field("Opportunity", "CurrencyIsoCode", Column::Picklist),
    field("Opportunity", "Probability", Column::Number),
    read_only("Opportunity", "ForecastCategory", Column::Picklist),
    field("Opportunity", "ForecastCategoryName", Column::Picklist),
    read_only("Opportunity", "IsClosed", Column::Flag),
    read_only("Opportunity", "IsWon", Column::Flag),
    field("Opportunity", "Type", Column::Picklist),
    field("Opportunity", "LeadSource", Column::Picklist),
    field("Opportunity", "NextStep", text(255)),
    field("Opportunity", "Description", text(32_000)),
    field("Opportunity", "AccountId", Column::Id),
    StandardField { object: "Opportunity", name: "ContactId", column: Column::Id, writes: Writes::Fixed },
    field("Opportunity", "OwnerId", Column::Id),
    field("Opportunity", "CampaignId", Column::Id),
    field("Opportunity", "Pricebook2Id", Column::Id),
    field("Opportunity", "RecordTypeId", Column::Id),
    field("Opportunity", "ContractId", Column::Id),
    field("Opportunity", "SyncedQuoteId", Column::Id),
    field("Opportunity", "TotalOpportunityQuantity", Column::Number),
    field("Opportunity", "IsPrivate", Column::Flag),
    read_only("Opportunity", "ExpectedRevenue", Column::Number),
    read_only("Opportunity", "Fiscal", Column::Text(None)),
    read_only("Opportunity", "FiscalQuarter", Column::Number),
    read_only("Opportunity", "FiscalYear", Column::Number),
    read_only("Opportunity", "HasOpportunityLineItem", Column::Flag),
    read_only("Opportunity", "HasOpenActivity", Column::Flag),
    read_only("Opportunity", "HasOverdueTask", Column::Flag),
    read_only("Opportunity", "LastActivityDate", Column::Date),
    read_only("Opportunity", "LastStageChangeDate", Column::Time),
    read_only("Opportunity", "PushCount", Column::Number),
    read_only("Opportunity", "LastAmountChangedHistoryId", Column::Id),
    read_only("Opportunity", "LastCloseDateChangedHistoryId", Column::Id),
    read_only("Opportunity", "Id", Column::Id),
    read_only("Opportunity", "CreatedDate", Column::Time),
    read_only("Opportunity", "CreatedById", Column::Id),
    read_only("Opportunity", "LastModifiedDate", Column::Time),
    read_only("Opportunity", "LastModifiedById", Column::Id),
    read_only("Opportunity", "SystemModstamp", Column::Time),
    read_only("Opportunity", "IsDeleted", Column::Flag),
    field("Account", "Name", text(255)),
    field("Account", "BillingStreet", text(255)),
    field("Account", "BillingCity", text(40)),
    field("Account", "BillingState", text(80)),
    field("Account", "BillingPostalCode", text(20)),
    field("Account", "BillingCountry", text(80)),
    field("Account", "BillingStateCode", Column::Picklist),
    field("Account", "BillingCountryCode", Column::Picklist),
    field("Account", "Website", text(255)),
    field("Account", "Phone", text(40)),
    field("Account", "Description", text(32_000)),
    field("Account", "DunsNumber", text(9)),
    field("Account", "NumberOfEmployees", Column::Number),
    read_only("Account", "Id", Column::Id),
    read_only("Account", "CreatedDate", Column::Time),
    read_only("Account", "LastModifiedDate", Column::Time),
    read_only("Account", "SystemModstamp", Column::Time),
    read_only("Account", "IsDeleted", Column::Flag),
    field("Contact", "LastName", text(80)),
    field("Contact", "FirstName", text(40)),
    read_only("Contact", "Name", Column::Text(None)),
    field("Contact", "Email", text(80)),
    field("Contact", "Phone", text(40)),
    field("Contact", "Title", text(128)),
    field("Contact", "AccountId", Column::Id),
    read_only("Contact", "Id", Column::Id),
    // Users are read: nothing of theirs is ever written.
    read_only("User", "Id", Column::Id),
    read_only("User", "Username", Column::Text(None)),
    read_only("User", "Email", Column::Text(None)),
    read_only("User", "Name", Column::Text(None)),
    read_only("User", "IsActive", Column::Flag),
    read_only("User", "UserType", Column::Picklist),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_over_relationships() {
        let at = |path: &str| StandardField::at(&CrmPath::parse(path).unwrap()).map(StandardField::writes);
        assert_eq!(at("Opportunity.Name"), Some(Writes::Always));
        assert_eq!(at("Opportunity.ContactId"), Some(Writes::Fixed));
        assert_eq!(at("Opportunity.Account.BillingCity"), Some(Writes::Always));
        assert_eq!(at("Opportunity.Account.Owner.Email"), Some(Writes::Never));
        assert_eq!(at("Opportunity.Campaign.Name"), None);
        assert_eq!(at("Opportunity.Loss_Reason__c"), None);
    }
}
