//! Registers a won deal for incentives, as a person stated it (partner-center reference, sections 3.7 and 4.5).
//!
//! The deal is looked at first; what it lacks is told, and then nothing is sent. What is sent is one change under the
//! version that was looked at. It is never repeated: when its answer is lost, the referral is read again and tells whether
//! the registration is there.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use partner_center::{
    CallContext, DealRegistration, ETag, PatchOperation, Referral, ReferralType, Status, Substatus,
};
use ports::RetryClass;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use sync_engine::{CallScope, SideError, Wanted};

use super::{
    PartnerCenter, context,
    failure::side_error,
    kinds::{Category, category},
    registrations::{Contract, Registrable, lacks_for_registration},
    transform::{Companion, Ownership, ownership},
};

/// Where a new registration goes (partner-center reference, section 2, row 6).
const NEW: &str = "/registrations/-";
/// The one kind of registration that can be made.
const KIND: &str = "AzureIPCoSell";
/// The one currency: the rules' amounts are in it.
const CURRENCY: &str = "USD";
/// Most solutions of one registration. The platform names no bound; this one is far above what a deal has.
pub const MAX_SOLUTIONS: usize = 50;

/// In whose subscription a solution mainly runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Deployment {
    /// The customer's.
    Customer,
    /// The partner's.
    Partner,
}

/// How a solution is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pricing {
    /// By use.
    PayAsYouGo,
    /// In any other way.
    Other,
}

/// A solution that is to be registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSolution {
    /// Its identifier, as the deal has it.
    pub id: String,
    /// Its part of the contract's value, in US dollars.
    pub value_usd: Decimal,
    /// Whether it runs on Azure.
    pub deployed_on_azure: bool,
    /// Where it mainly runs.
    pub deployment: Deployment,
    /// How it is paid for.
    pub pricing: Pricing,
    /// When it was sold in the marketplace, if it was.
    pub marketplace: Option<Date>,
}

/// What only the company can state: no interface tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Eligibility {
    /// Whether Microsoft manages the customer.
    pub managed_customer: bool,
    /// Identifiers of solutions that are eligible for Azure IP co-sell.
    pub azure_ip_solutions: Vec<String>,
    /// The deal's value in US dollars. Counts only where the referral's own value is in another currency.
    pub deal_value_usd: Option<Decimal>,
}

/// A registration that somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRegistration {
    /// The contract.
    pub contract: Contract,
    /// Its solutions, 1 to [`MAX_SOLUTIONS`], each once.
    pub solutions: Vec<NewSolution>,
    /// What the company states.
    pub eligibility: Eligibility,
}

/// A registration that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PresentRegistration {
    /// Its identifier.
    pub id: Option<String>,
    /// Where it stands, in the platform's word.
    pub status: Option<String>,
    /// Why, in the reviewer's words.
    pub reason: Option<String>,
    /// When it was made.
    pub registered: Option<Timestamp>,
    /// The contract's value.
    pub value: Option<Decimal>,
    /// The value's currency.
    pub currency: Option<String>,
    /// Identifiers of its solutions.
    pub solutions: Vec<String>,
}

impl PresentRegistration {
    fn of(registration: DealRegistration<'_>) -> Self {
        let contract = registration.contract();
        Self {
            id: registration.id().map(str::to_owned),
            status: registration.status().map(str::to_owned),
            reason: registration.status_reason().map(str::to_owned),
            registered: registration.registered(),
            value: contract.value(),
            currency: contract.currency().map(str::to_owned),
            solutions: registration.solutions().filter_map(|one| Some(one.id()?.to_owned())).collect(),
        }
    }

    /// Whether its review failed, so that another may be made. The word is inferred: `Failed` in the API, `Review(Failed)`
    /// on the pages (partner-center reference, enumerations).
    fn has_failed(&self) -> bool {
        self.status.as_ref().is_some_and(|status| status.to_ascii_lowercase().contains("failed"))
    }

    fn is_about(&self, new: &NewRegistration) -> bool {
        new.solutions.iter().any(|wanted| self.solutions.iter().any(|id| id.eq_ignore_ascii_case(&wanted.id)))
    }
}

/// A deal as it was just read for a registration.
pub struct RegistrationLook {
    referral: Referral,
    etag: ETag,
    /// The day of the answer, by the server's own clock.
    today: Date,
    companion: Companion,
}

impl RegistrationLook {
    /// The registrations that are there, oldest first as the platform lists them.
    pub fn present(&self) -> Vec<PresentRegistration> {
        self.referral.registrations().map(PresentRegistration::of).collect()
    }

    /// The deal's solutions: identifier and name.
    pub fn solutions(&self) -> Vec<(String, Option<String>)> {
        let all = self.referral.details();
        all.solutions()
            .filter_map(|one| Some((one.id()?.to_owned(), one.name().map(str::to_owned))))
            .collect()
    }

    /// The registration that stands in the way: one of the same solutions that has not failed.
    pub fn in_the_way(&self, new: &NewRegistration) -> Option<PresentRegistration> {
        self.present().into_iter().find(|present| present.is_about(new) && !present.has_failed())
    }

    /// Everything that is lacking, each as a sentence; empty if nothing is known to be.
    pub fn lacks(&self, new: &NewRegistration) -> Vec<String> {
        let mut lacks = lacks_for_registration(&self.registrable(new), self.today);
        let solutions = self.solutions();
        for wanted in new.solutions.iter().map(|solution| &solution.id) {
            if !solutions.iter().any(|(id, _)| id.eq_ignore_ascii_case(wanted)) {
                lacks.push(format!("The deal has no solution {wanted}: add it to the deal first."));
            } else if !eligible(new, wanted) {
                lacks.push(format!("Nobody states that {wanted} is eligible for Azure IP co-sell."));
            }
        }
        lacks
    }

    /// What a person should know beside it; none of it stands in the way.
    pub fn notes(&self, new: &NewRegistration) -> Vec<&'static str> {
        let asked = self.referral.referral_type() == Some(ReferralType::Shared);
        let unseen = asked && !matches!(self.companion, Companion::Read(_));
        let marketplace = new.solutions.iter().any(|solution| solution.marketplace.is_some());
        let notes = [
            (unseen, "Microsoft's referral cannot be seen: whether Microsoft agreed is left to the portal."),
            (marketplace, "What was sold in the marketplace since July 2023 needs no registration."),
        ];
        notes.into_iter().filter(|(holds, _)| *holds).map(|(_, note)| note).collect()
    }

    /// The change that would be sent, as JSON Patch.
    pub fn patch(&self, new: &NewRegistration) -> Json {
        let operation = self.operation(new);
        json!([{ "op": "add", "path": operation.path(), "value": operation.value() }])
    }

    fn operation(&self, new: &NewRegistration) -> PatchOperation {
        PatchOperation::add(NEW, document(new, &self.solutions()))
    }

    fn registrable(&self, new: &NewRegistration) -> Registrable {
        let (referral, details) = (&self.referral, self.referral.details());
        let theirs = match &self.companion {
            Companion::Read(theirs) => Some(theirs),
            Companion::Unread { .. } | Companion::Missing => None,
        };
        let is_won =
            referral.status() == Some(Status::Closed) && referral.substatus() == Some(Substatus::Won);
        let in_dollars = details.currency().is_some_and(|currency| currency.eq_ignore_ascii_case(CURRENCY));
        let solutions = self.solutions();
        Registrable {
            shared: theirs.is_some() || referral.consent().to_share_with_microsoft_sellers() == Some(true),
            microsoft_agreed: theirs
                .map(|theirs| matches!(theirs.substatus(), Some(Substatus::Accepted | Substatus::Won))),
            // A referral without a date is no reason to refuse; the portal knows it.
            created: referral.created().unwrap_or(Timestamp::MIN),
            won: if is_won { referral.closed().or_else(|| referral.updated()) } else { None },
            managed_customer: new.eligibility.managed_customer,
            eligible_solutions: solutions.iter().filter(|(id, _)| eligible(new, id)).count(),
            value_usd: if in_dollars { details.deal_value() } else { new.eligibility.deal_value_usd },
            solution_usd: new.solutions.iter().map(|solution| solution.value_usd).max().unwrap_or_default(),
            contract: new.contract.clone(),
        }
    }
}

fn eligible(new: &NewRegistration, solution: &str) -> bool {
    new.eligibility.azure_ip_solutions.iter().any(|id| id.eq_ignore_ascii_case(solution))
}

/// The registration as it is sent. `named`: the deal's solutions, with the names that it has for them.
fn document(new: &NewRegistration, named: &[(String, Option<String>)]) -> Json {
    let contract = &new.contract;
    let mut term = json!({
        "value": number(contract.value_usd),
        "currency": CURRENCY,
        "signDateTime": midnight(contract.signed),
        "startDateTime": midnight(contract.starts),
        "term": if contract.ends.is_some() { "Finite" } else { "Perpetual" },
    });
    if let Some(ends) = contract.ends {
        term["endDateTime"] = midnight(ends);
    }
    let solution = |solution: &NewSolution| {
        let known = named.iter().find(|(id, _)| id.eq_ignore_ascii_case(&solution.id));
        let mut sold = json!({ "isMarketplaceTransacted": solution.marketplace.is_some() });
        if let Some(day) = solution.marketplace {
            sold["marketplaceTransactionDateTime"] = midnight(day);
        }
        json!({
            "id": known.map_or(&solution.id, |(id, _)| id),
            "name": known.and_then(|(_, name)| name.as_ref()),
            "currency": CURRENCY,
            "value": number(solution.value_usd),
            "isDeployedOnAzure": solution.deployed_on_azure,
            "primaryDeploymentOn": solution.deployment,
            "pricingModel": solution.pricing,
            "marketplaceTransactionDetails": sold,
        })
    };
    json!({
        "type": KIND,
        "contract": term,
        "solutionDetails": new.solutions.iter().map(solution).collect::<Vec<_>>(),
    })
}

/// A number with exactly these digits.
fn number(amount: Decimal) -> Json {
    let digits = amount.normalize().to_string();
    digits.parse().map_or(Json::String(digits), Json::Number)
}

/// A day as the platform writes it, in UTC as its other days are (partner-center reference, section 4.5).
fn midnight(day: Date) -> Json {
    json!(format!("{day}T00:00:00Z"))
}

/// What came of a registration that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// The registrations that are there now.
    pub present: Vec<PresentRegistration>,
    /// Whether the answer was lost, and the referral was read again to know.
    pub read_again: bool,
}

/// Why a deal cannot be looked at, or was not registered. Its text ends with what to do next.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationError {
    /// There is none, or it is hidden.
    #[error(
        "the referral is gone, or hidden from us\n  fix: sign in as somebody who sees it in Partner Center"
    )]
    Gone,
    /// Its owner is another organisation.
    #[error("the referral is not our own\n  fix: check organization_id in [partner_center]")]
    NotOurs,
    /// Another partner invited us.
    #[error("another partner's referral is only read here\n  fix: that partner registers the deal")]
    PartnerToPartner,
    /// Without a version, another change could be lost.
    #[error("the portal sends no eTag for this referral\n  fix: register the deal in Partner Center")]
    NoVersion,
    /// Without the server's date, the rules on days cannot be checked.
    #[error("the portal's answer has no date\n  fix: look at the proxy between here and the portal")]
    NoDate,
    /// Something is lacking, or stands in the way. Nothing was sent.
    #[error("the deal cannot be registered as it stands; nothing was sent\n  fix: look at what is lacking")]
    NotReady,
    /// The referral changed since it was looked at. Nothing was changed.
    #[error("the referral changed at this very moment; nothing was registered\n  fix: run the command again")]
    Changed,
    /// The portal took it, or its answer was lost, and the registration is not seen.
    #[error(
        "it was sent, and the referral does not show the registration\n  fix: wait a minute and look with \
         `cosell register DEAL`; send again only if it is still not there"
    )]
    NotSeen,
    /// The portal took it, or its answer was lost, and then the referral could not be read.
    #[error(
        "it was sent, and what came of it cannot be read: {0}\n  fix: look with `cosell register DEAL` before \
         sending again"
    )]
    Unknown(SideError),
    /// It cannot be read.
    #[error("{0}\n  fix: `cosell connections --test` tells what is wrong")]
    Unread(SideError),
    /// The portal refused, or could not be reached. Nothing was changed.
    #[error("{0}{said}\n  fix: correct what the portal names, and run the command again", said = said(.0))]
    Refused(SideError),
}

/// The server's own words in one line, for the person who owns the data.
fn said(error: &SideError) -> String {
    let told: String = error.told.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if told.is_empty() { told } else { format!(": {told}") }
}

impl PartnerCenter {
    /// Reads the referral and, if help was asked for, Microsoft's.
    ///
    /// # Errors
    /// [`RegistrationError`], if it is not ours to register or cannot be read.
    pub async fn look_for_registration(
        &self,
        wanted: &Wanted,
        scope: CallScope,
    ) -> Result<RegistrationLook, RegistrationError> {
        let context = context(scope);
        let id = wanted.record.as_str().parse().map_err(|_| RegistrationError::Gone)?;
        let fetched = self.fetch(id, context).await.map_err(RegistrationError::Unread)?;
        let fetched = fetched.ok_or(RegistrationError::Gone)?;
        let referral = fetched.referral;
        if ownership(&referral, &self.settings) != Ownership::Ours {
            return Err(RegistrationError::NotOurs);
        }
        if category(&referral, &self.settings) == Category::PartnerToPartner {
            return Err(RegistrationError::PartnerToPartner);
        }
        let etag = referral.etag().ok_or(RegistrationError::NoVersion)?;
        let now = fetched.server_date.ok_or(RegistrationError::NoDate)?;
        let companion = if self.settings.companion_visible {
            self.find_companion(&referral, wanted, context).await.map_err(RegistrationError::Unread)?
        } else {
            Companion::NOT_ASKED
        };
        Ok(RegistrationLook { referral, etag, today: now.to_zoned(TimeZone::UTC).date(), companion })
    }

    /// Registers the deal: one change, under the version that was looked at.
    ///
    /// # Errors
    /// [`RegistrationError`]. Whether something was sent is said by its text; it is never sent twice.
    pub async fn register(
        &self,
        look: &RegistrationLook,
        new: &NewRegistration,
        scope: CallScope,
    ) -> Result<Registered, RegistrationError> {
        if !look.lacks(new).is_empty() || look.in_the_way(new).is_some() {
            return Err(RegistrationError::NotReady);
        }
        let (id, context) = (look.referral.id(), context(scope));
        let answer = self.client.patch(context, id, &[look.operation(new)], Some(&look.etag)).await;
        let (shown, read_again) = match answer {
            Ok(patched) => (patched.referral, false),
            Err(error) => {
                let error = side_error(&error, &self.mapping);
                match error.class {
                    RetryClass::Changed => return Err(RegistrationError::Changed),
                    _ if error.certainly_not_done => return Err(RegistrationError::Refused(error)),
                    _ => (None, true),
                }
            }
        };
        let referral = match shown {
            Some(referral) => referral,
            None => self.read_what_came(look, context).await?,
        };
        let present: Vec<_> = referral.registrations().map(PresentRegistration::of).collect();
        // None of the same solutions stood before, or nothing would have been sent.
        if present.iter().any(|present| present.is_about(new) && !present.has_failed()) {
            Ok(Registered { present, read_again })
        } else {
            Err(RegistrationError::NotSeen)
        }
    }

    async fn read_what_came(
        &self,
        look: &RegistrationLook,
        context: CallContext,
    ) -> Result<Referral, RegistrationError> {
        let fetched = self.fetch(look.referral.id(), context).await.map_err(RegistrationError::Unknown)?;
        fetched.map(|fetched| fetched.referral).ok_or(RegistrationError::NotSeen)
    }
}
