//! The catalogue of solutions that a seller picks from: an object of the org, and the lookup of a solution's row to it
//! (requirements, M19).

use crate::ApiName;

/// The object, its columns, and how Cosell uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalogue {
    /// Whether the org has one. Off until told: a row is what is typed into it.
    pub used: bool,
    /// Whether ids that a referral brings, and that the catalogue lacks, are added to it.
    pub add_seen: bool,
    /// The object with one record a solution.
    pub object: ApiName,
    /// The UNIQUE external id with the solution's id.
    pub id: ApiName,
    /// The solution's name.
    pub name: ApiName,
    /// Who publishes it.
    pub publisher: ApiName,
    /// What kind of solution it is.
    pub solution_type: ApiName,
    /// The partner id under which it is published.
    pub partner_id: ApiName,
    /// The checkbox of solutions that are co-sell ready.
    pub ready: ApiName,
    /// The checkbox of solutions that are still sold.
    pub active: ApiName,
    /// The lookup to the catalogue, of the object with the opportunity's solutions.
    pub lookup: ApiName,
}

impl Catalogue {
    /// The columns of the catalogue that stand for attributes of a solution, by the attribute's name.
    pub fn attributes(&self) -> [(&'static str, &ApiName); 3] {
        [("name", &self.name), ("publisher", &self.publisher), ("solution_type", &self.solution_type)]
    }

    /// Every column of the catalogue.
    pub fn columns(&self) -> [&ApiName; 7] {
        [
            &self.id,
            &self.name,
            &self.publisher,
            &self.solution_type,
            &self.partner_id,
            &self.ready,
            &self.active,
        ]
    }
}

impl Default for Catalogue {
    fn default() -> Self {
        Self {
            used: false,
            add_seen: true,
            object: ApiName::fixed("Microsoft_Solution_Catalog__c"),
            id: ApiName::fixed("Solution_Id__c"),
            name: ApiName::fixed("Name"),
            publisher: ApiName::fixed("Publisher__c"),
            solution_type: ApiName::fixed("Solution_Type__c"),
            partner_id: ApiName::fixed("Partner_Id__c"),
            ready: ApiName::fixed("Ready__c"),
            active: ApiName::fixed("Active__c"),
            lookup: ApiName::fixed("Catalog_Solution__c"),
        }
    }
}
