//! Registrations of a deal for incentives, as they are read (reference, section 3.7).

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::Value;

use super::views::{read, view};

view!(
    /// A registration of the deal for incentives (reference, section 3.7).
    DealRegistration {
        /// Its identifier.
        id: text "id",
        /// When it was made.
        registered: instant "registrationDateTime",
        /// Where it stands.
        status: text "status",
        /// Why.
        status_reason: text "statusReason",
        /// What it registers for.
        kind: text "type",
    }
);

impl<'a> DealRegistration<'a> {
    /// The contract it is about.
    pub fn contract(self) -> Contract<'a> {
        Contract(read::part(self.0, "contract"))
    }

    /// The solutions it is about.
    pub fn solutions(self) -> impl Iterator<Item = RegisteredSolution<'a>> {
        read::parts(self.0, "solutionDetails").map(RegisteredSolution)
    }

    /// When it passed which step.
    pub fn history(self) -> RegistrationHistory<'a> {
        RegistrationHistory(read::part(self.0, "statusHistory"))
    }
}

view!(
    /// A registered contract (reference, section 3.7).
    Contract {
        /// Its value.
        value: amount "value",
        /// The value's currency.
        currency: text "currency",
        /// When it begins.
        starts: instant "startDateTime",
        /// When it ends.
        ends: instant "endDateTime",
        /// When it was signed.
        signed: instant "signDateTime",
        /// `Perpetual` or `Finite`.
        term: text "term",
    }
);

view!(
    /// A registered solution (reference, section 3.7).
    RegisteredSolution {
        /// Its identifier.
        id: text "id",
        /// Its name.
        name: text "name",
        /// Its part of the contract's value.
        value: amount "value",
        /// The value's currency.
        currency: text "currency",
        /// Whether it runs on Azure.
        is_deployed_on_azure: flag "isDeployedOnAzure",
        /// Whose subscription it runs in: `Customer` or `Partner`.
        primary_deployment_on: text "primaryDeploymentOn",
        /// `PayAsYouGo` or `Other`.
        pricing_model: text "pricingModel",
    }
);

impl<'a> RegisteredSolution<'a> {
    fn transaction(self) -> &'a Value {
        read::part(self.0, "marketplaceTransactionDetails")
    }

    /// Whether it was sold in the marketplace.
    pub fn is_marketplace_transacted(self) -> Option<bool> {
        read::flag(self.transaction(), "isMarketplaceTransacted")
    }

    /// When it was sold there.
    pub fn marketplace_transaction(self) -> Option<Timestamp> {
        read::instant(self.transaction(), "marketplaceTransactionDateTime")
    }
}

view!(
    /// When a registration passed which step (reference, section 3.7).
    RegistrationHistory {
        /// A review was pending.
        review_pending: instant "reviewPendingDateTime",
        /// The partner had to act.
        action_required: instant "actionRequiredDateTime",
        /// It passed.
        passed: instant "passedDateTime",
        /// It failed.
        failed: instant "failedDateTime",
        /// It was approved.
        approved: instant "approvedDateTime",
    }
);
