//! Opportunity stages and what writing one does to the row (salesforce reference, sections 5.1 and 5.2).

use super::values::Cell;

/// One stage as Setup defines it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stage {
    pub(crate) label: &'static str,
    pub(crate) probability: u32,
    /// The API value.
    pub(crate) category: &'static str,
    /// The label of the same category.
    pub(crate) category_name: &'static str,
    pub(crate) closed: bool,
    pub(crate) won: bool,
}

impl Stage {
    /// Its row of `OpportunityStage`, in its place of the list.
    pub(crate) fn cells(&self, order: usize) -> Vec<(&'static str, Cell)> {
        vec![
            ("MasterLabel", Cell::text(self.label)),
            ("ApiName", Cell::text(self.label)),
            ("IsActive", Cell::Bool(true)),
            ("SortOrder", Cell::Number(order.into())),
            ("IsClosed", Cell::Bool(self.closed)),
            ("IsWon", Cell::Bool(self.won)),
            ("ForecastCategory", Cell::text(self.category)),
            ("ForecastCategoryName", Cell::text(self.category_name)),
            ("DefaultProbability", Cell::Number(self.probability.into())),
        ]
    }
}

const fn open(
    label: &'static str,
    probability: u32,
    category: &'static str,
    category_name: &'static str,
) -> Stage {
    Stage { label, probability, category, category_name, closed: false, won: false }
}

const fn lost(label: &'static str) -> Stage {
    Stage { label, probability: 0, category: "Omitted", category_name: "Omitted", closed: true, won: false }
}

/// A new developer org's stages, and the three that co-sell adds.
pub(crate) const STAGES: [Stage; 13] = [
    open("Co-sell: to answer", 5, "Pipeline", "Pipeline"),
    open("Prospecting", 10, "Pipeline", "Pipeline"),
    open("Qualification", 10, "Pipeline", "Pipeline"),
    open("Needs Analysis", 20, "Pipeline", "Pipeline"),
    open("Value Proposition", 50, "Pipeline", "Pipeline"),
    open("Id. Decision Makers", 60, "Pipeline", "Pipeline"),
    open("Perception Analysis", 70, "Pipeline", "Pipeline"),
    open("Proposal/Price Quote", 75, "Pipeline", "Pipeline"),
    open("Negotiation/Review", 90, "Pipeline", "Pipeline"),
    Stage {
        label: "Closed Won",
        probability: 100,
        category: "Closed",
        category_name: "Closed",
        closed: true,
        won: true,
    },
    lost("Closed Lost"),
    lost("Co-sell: declined"),
    lost("Co-sell: expired"),
];

/// The stage with this label, if Setup knows it. The picklist itself takes any text.
pub(crate) fn find(label: &str) -> Option<&'static Stage> {
    STAGES.iter().find(|stage| stage.label.eq_ignore_ascii_case(label))
}

/// The labels in their order.
pub(crate) fn labels() -> Vec<&'static str> {
    STAGES.iter().map(|stage| stage.label).collect()
}

/// The API value of a forecast category's label.
pub(crate) fn category_of(name: &str) -> Option<&'static str> {
    match name {
        "Omitted" => Some("Omitted"),
        "Pipeline" => Some("Pipeline"),
        "Best Case" => Some("BestCase"),
        "Most Likely" => Some("MostLikely"),
        "Commit" => Some("Forecast"),
        "Closed" => Some("Closed"),
        _ => None,
    }
}
